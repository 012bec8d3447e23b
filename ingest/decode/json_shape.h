// SPDX-License-Identifier: Apache-2.0
/// What sound documents looked like: logs repeat their keys, so the text between two values
/// (quotes, separators, brackets and keys) is one of few. It is learned from documents that the
/// scanner has validated; where it stands again it is compared as a whole, 32 bytes at a time, and
/// only values are scanned. Whatever differs is left to the scanner, so a document that is taken
/// here has been validated as strictly and gives the same fields.
///
/// A step is such a text and the value behind it. A context is the containers that are open: a
/// step that stood in a context of a sound document may stand wherever that context is, whatever
/// the order of keys. Thread: the capture's.
#pragma once

#include "ingest/decode/json_scan.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_SHAPE_STEP_COUNT 256u   ///< the first one stands for the start
#define JSON_SHAPE_CONTEXT_COUNT 64u ///< the first one is outside the document
#define JSON_SHAPE_BUCKET_COUNT 512u
#define JSON_SHAPE_INLINE_SIZE 32u
#define JSON_SHAPE_TEXT_SIZE_MAX 512u ///< of one step
#define JSON_SHAPE_POOL_SIZE 8192u
#define JSON_SHAPE_ENTERED_COUNT 2u
#define JSON_SHAPE_TRIES_MAX 8u                   ///< steps of one chain that are compared
#define JSON_SHAPE_PADDING JSON_SHAPE_INLINE_SIZE ///< bytes behind lines that can be read
#define JSON_SHAPE_NONE 0u                        ///< no step: the start follows nothing
#define JSON_SHAPE_PATH_COUNT 64u                 ///< steps of a document that are noted

/// What stands behind a step's text.
enum json_step_value {
    JSON_STEP_NEVER = 0, ///< no document takes this step
    JSON_STEP_STRING,    ///< the text ends with the opening quote; the next begins with the other
    JSON_STEP_BARE,      ///< a number or a word
    JSON_STEP_END,       ///< nothing: the document ends here
};

/// One cache line. `literal` is the text, or the first bytes of one in the pool.
struct json_step {
    char literal[JSON_SHAPE_INLINE_SIZE];
    uint32_t mask;    ///< of the bytes of `literal` that are the text's
    uint16_t size;    ///< of the text
    uint16_t pool_at; ///< of a text that is longer
    uint16_t field;   ///< where the value goes
    uint16_t before;  ///< context in which the text begins
    uint16_t after;   ///< context of the value
    uint16_t follows; ///< the step that came next last time
    uint16_t chained; ///< the next one of its bucket, or of the context's short ones
    uint16_t entered[JSON_SHAPE_ENTERED_COUNT]; ///< nodes with fields below that the text enters
    uint8_t entered_count;
    uint8_t value; ///< enum json_step_value
    bool unusual;  ///< the text is longer than `literal`, or enters nodes
    uint8_t padding[5];
};

/// An open container: `node` is what its keys are children of.
struct json_context {
    uint16_t parent;
    uint16_t node;
    uint16_t shorts; ///< steps of less than eight bytes, the longest first
    char close;
};

struct json_shapes {
    struct json_step steps[JSON_SHAPE_STEP_COUNT];
    struct json_context contexts[JSON_SHAPE_CONTEXT_COUNT];
    uint16_t buckets[JSON_SHAPE_BUCKET_COUNT]; ///< steps by context and first eight bytes
    char pool[JSON_SHAPE_POOL_SIZE];
    uint16_t spare_field; ///< gets the values that nobody wants
    uint32_t step_count;
    uint32_t context_count;
    uint32_t pool_used;
    bool full;          ///< something found no room
    uint64_t forgotten; ///< how often all steps were
    // Where documents are all different, trying costs more than it saves.
    int32_t credit;
    uint32_t pause;                       ///< documents that are not tried
    uint32_t pause_next;                  ///< the length of the next pause
    uint16_t path[JSON_SHAPE_PATH_COUNT]; ///< steps of the last document taken by itself
    uint32_t path_count;                  ///< of them; JSON_SHAPE_PATH_COUNT: not all are there
    uint64_t hits;                        ///< documents taken
    uint64_t misses;                      ///< documents tried and left to the scanner
};

/// NULL where the plan has what is not taken by steps: arrays whose elements are reported. Of the
/// capture's fields the one numbered `plan->field_count` is spare.
struct json_shapes *json_shape_create(const struct json_plan *plan);
void json_shape_destroy(struct json_shapes *shapes);

/// Takes a document by what was learned: true where it is sound, with the fields of the capture as
/// json_scan_scalar() leaves them. False: nothing is known of it, and fields may hold anything.
bool json_shape_scan(const struct json_plan *plan, struct text text, struct json_capture *capture);
bool json_shape_scan_plain(const struct json_plan *plan, struct text text,
                           struct json_capture *capture);
#ifdef __x86_64__
bool json_shape_scan_avx2(const struct json_plan *plan, struct text text,
                          struct json_capture *capture);
const char *json_shape_line_avx2(const struct json_plan *plan, struct text lines,
                                 struct json_capture *capture);
#endif
/// The same for the document on the first of `lines`, which end with a line feed;
/// JSON_SHAPE_PADDING bytes behind them can be read. Where the line ends need not be known: returns
/// the document's end (the line's end follows), or NULL.
const char *json_shape_line(const struct json_plan *plan, struct text lines,
                            struct json_capture *capture);
const char *json_shape_line_plain(const struct json_plan *plan, struct text lines,
                                  struct json_capture *capture);
/// After a scan of a document that json_shape_scan() refused: `sound` says what became of it.
void json_shape_learn(const struct json_plan *plan, struct text text, struct json_capture *capture,
                      bool sound);

/// Adds what a sound document has. False where something in it cannot be had.
bool json_shape_walk(struct json_shapes *shapes, const struct json_plan *plan, struct text text);

static inline uint32_t json_shape_bucket(uint16_t context, uint64_t prefix)
{
    uint64_t mixed = (prefix + context) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32 ^ mixed >> 55) & (JSON_SHAPE_BUCKET_COUNT - 1);
}
