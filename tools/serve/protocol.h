// SPDX-License-Identifier: Apache-2.0
/// What goes over a server's socket: messages of JSON, each with its size before it, and file
/// descriptors behind those that announce them. Private to tools/serve.
///
/// A message is a little-endian u32, the size of the rest, and one JSON object. A request has
/// "corong": 1 (the version) and "request": one of the verbs; README.md lists all members. A reply
/// has "ok": true, or false with "status" and "error". Where a message has "descriptors": n, n
/// descriptors follow by SCM_RIGHTS, at most PROTOCOL_DESCRIPTOR_BATCH with each further byte.
///
/// Thread: any; a connection belongs to one thread at a time.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1
#define PROTOCOL_REQUEST_SIZE_MAX (1u << 20)
#define PROTOCOL_REPLY_SIZE_MAX (32u << 20)
#define PROTOCOL_PATH_COUNT_MAX 4096u
#define PROTOCOL_DESCRIPTOR_COUNT_MAX 65536u
#define PROTOCOL_DESCRIPTOR_BATCH 128u
#define PROTOCOL_AGE_US_MAX INT64_C(3600000000)

enum protocol_verb {
    PROTOCOL_VIEW = 0,
    PROTOCOL_STATUS,
    PROTOCOL_REPLAY,
    PROTOCOL_STOP,
    PROTOCOL_COMPACT
};

/// A request that was checked. Its texts belong to `document`.
struct protocol_request {
    json_t *document;
    enum protocol_verb verb;
    int64_t age_max_us;  ///< view: an older one does not do
    bool with_positions; ///< view
    const char **paths;  ///< replay; absolute, or "-"
    uint32_t path_count;
    const char *mapping;       ///< replay; YAML
    bool dead_letters;         ///< replay
    uint32_t descriptor_count; ///< announced: standard input of a replay
};

/// Checks bytes that may come from anybody. Unknown members are refused: a newer client must not
/// believe that an older server did what it asked.
CORONG_MUST_CHECK enum corong_status protocol_request_parse(struct protocol_request *request_out,
                                                            struct text bytes,
                                                            struct corong_error *error);
void protocol_request_deinit(struct protocol_request *request);

/// Reads one message. CORONG_NOT_FOUND: the other side closed before its first byte;
/// CORONG_CANCELLED: nothing came within the socket's timeout; CORONG_INVALID: larger than
/// `size_max`, or cut. Appends the JSON to `out`.
CORONG_MUST_CHECK enum corong_status protocol_receive(int connection, uint32_t size_max,
                                                      struct text_buffer *out,
                                                      struct corong_error *error);
/// Receives and closes nothing: on an error those that came are closed.
CORONG_MUST_CHECK enum corong_status protocol_receive_descriptors(int connection, int *descriptors,
                                                                  uint32_t count,
                                                                  struct corong_error *error);
/// Writes one message and gives the document back.
CORONG_MUST_CHECK enum corong_status protocol_send(int connection, json_t *document,
                                                   struct corong_error *error);
CORONG_MUST_CHECK enum corong_status protocol_send_descriptors(int connection,
                                                               const int *descriptors,
                                                               uint32_t count,
                                                               struct corong_error *error);
/// A reply that says what went wrong. Never NULL.
json_t *protocol_failure(const struct corong_error *error);
/// Parses a reply; a failure in it becomes `error`. Caller gives the document back.
CORONG_MUST_CHECK enum corong_status protocol_reply_parse(json_t **document_out, struct text bytes,
                                                          struct corong_error *error);
/// An unsigned member, 0 where it is missing or something else.
uint64_t protocol_count(const json_t *document, const char *key);
