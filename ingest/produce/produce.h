// SPDX-License-Identifier: Apache-2.0
/// Recorded events into a Kafka topic: an idempotent producer that says of every line whether it
/// was acknowledged.
///
/// Thread: a producer belongs to one thread, which also gets its delivery reports.
#pragma once

#include "ingest/decode/decode.h"
#include "ingest/metadata.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct produce_options {
    const char *topic;
    const char *const *properties; ///< "name=value", NULL-terminated, or NULL
};

/// One message to be sent. All texts are copied.
struct produce_message {
    struct text bytes;
    struct text key;      ///< missing: none
    int64_t timestamp_us; ///< METADATA_NO_TIMESTAMP: the moment of sending
    int32_t partition;    ///< METADATA_NO_PARTITION: by the key; without one, any
    uint32_t line_count;  ///< lines in it, for the counts
};

/// What became of what was sent.
struct produce_counts {
    uint64_t messages;       ///< handed over
    uint64_t lines;          ///< in them
    uint64_t bytes;          ///< of their values
    uint64_t acknowledged;   ///< lines
    uint64_t refused;        ///< lines that the broker or the library did not take
    char first_refusal[160]; ///< why the first of them was refused
};

struct produce;

/// Connects and asks for the topic. CORONG_INVALID: a property that is unknown, malformed or not
/// the user's to set; CORONG_NOT_FOUND: no such topic; CORONG_IO (retriable): no broker answers.
CORONG_MUST_CHECK enum corong_status produce_open(struct produce **produce_out,
                                                  const struct produce_options *options,
                                                  struct corong_error *error);
uint32_t produce_partition_count(const struct produce *produce);
/// The partition of a key, as Java's producers choose it.
int32_t produce_partition_of(const struct produce *produce, struct text key);
/// Most bytes that key and value of one message may have together.
size_t produce_message_size_max(const struct produce *produce);
/// Hands a message over; waits while the library's queue is full. A message that cannot be taken
/// (too long) is counted as refused. Fails only where nothing can be sent any more.
CORONG_MUST_CHECK enum corong_status produce_send(struct produce *produce,
                                                  const struct produce_message *message,
                                                  struct corong_error *error);
/// Takes delivery reports for at most this long.
void produce_serve(struct produce *produce, uint32_t wait_ms);
/// True once nothing is on its way; waits for at most this long.
bool produce_flush(struct produce *produce, uint32_t wait_ms);
void produce_counts(const struct produce *produce, struct produce_counts *counts_out);
/// What is still on its way is abandoned. NULL-safe.
void produce_close(struct produce *produce);

/// lines = blank + cut + lines sent.
struct produce_feed_counts {
    uint64_t lines;       ///< read
    uint64_t blank;       ///< empty lines and CSV headers: not sent
    uint64_t cut;         ///< longer than the limit, and not sent
    uint64_t unkeyed;     ///< sent without a key, although one was wanted
    uint64_t bytes_done;  ///< of the files
    uint64_t bytes_total; ///< 0: unknown
    bool stopped;         ///< `progress` said so: the files were not read to their end
};

struct produce_feed_options {
    const char *const *paths; ///< files, directories, globs, "-"
    uint32_t path_count;
    struct mapping *mapping;   ///< not bound yet; gives keys and times
    struct text key;           ///< "user", "none", "event", or one of the mapping's attributes
    uint32_t pack;             ///< lines of one message, at least 1
    uint64_t rate;             ///< lines per second; 0: as fast as they go
    bool time_is_now;          ///< Kafka's timestamp is the moment of sending, not the event's
    uint32_t message_size_max; ///< of a line; 0: DECODE_MESSAGE_SIZE_MAX
    /// Called some ten times a second and at the end. False stops the reading. May be NULL.
    bool (*progress)(void *context, const struct produce_feed_counts *counts);
    void *context;
};

/// Reads the paths as a replay would and sends each line as one message (or packs of them), a CSV
/// row as a JSON object. Lines of one key keep their order. Ends when everything was handed over
/// and reported; CORONG_INVALID: no such key word.
CORONG_MUST_CHECK enum corong_status produce_feed(struct produce *produce,
                                                  const struct produce_feed_options *options,
                                                  struct produce_feed_counts *counts_out,
                                                  struct corong_error *error);

/// A Kafka broker inside this process, for demonstrations: librdkafka's mock cluster. It listens on
/// the loopback, keeps about 5 MiB per partition, and nothing of it outlives it.
struct produce_broker;
/// One broker and one topic. Thread: any; the broker has a thread of its own.
CORONG_MUST_CHECK enum corong_status produce_broker_start(struct produce_broker **broker_out,
                                                          const char *topic,
                                                          uint32_t partition_count,
                                                          struct corong_error *error);
/// "bootstrap.servers=127.0.0.1:9092", as a property. Borrowed.
const char *produce_broker_property(const struct produce_broker *broker);
/// After all that speak with it are closed. NULL-safe.
void produce_broker_stop(struct produce_broker *broker);
