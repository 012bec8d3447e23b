// SPDX-License-Identifier: Apache-2.0
/// A strict RFC 8259 scanner: one text is one document. Everything is validated, including UTF-8
/// and what nobody mapped; only values at places of the plan are reported, as slices of the text.
///
/// The scalar kernel is the specification: a vector kernel must give the same fields, tape and
/// verdict for every input (fault positions included). Thread: a capture belongs to one thread.
#pragma once

#include "ingest/decode/decode_field.h"
#include "ingest/decode/json_plan.h"
#include "ingest/reject.h"

#include <stddef.h>
#include <stdint.h>

enum json_tape_operation {
    JSON_TAPE_ELEMENT =
        0,           ///< the next element of the unrolled array begins; `kind` says what it is
    JSON_TAPE_FIELD, ///< field `first` has this value
    JSON_TAPE_CLEAR, ///< fields [first, last) are missing again (a repeated key)
};

/// What was found inside the unrolled array, in order. `offset` counts from the text's start.
struct json_tape_entry {
    uint32_t offset;
    uint32_t size; ///< JSON_TAPE_CLEAR: `last`
    uint16_t first;
    uint8_t operation; ///< enum json_tape_operation
    uint8_t value;     ///< kind | escape << 4
};

/// The key that stood at some place of the last document, of at most 16 bytes and without escapes:
/// logs repeat their keys in one order, and a key that repeats needs no scan and no search.
struct json_guess {
    uint64_t prefix; ///< as in struct json_key
    uint64_t suffix;
    uint64_t mask;  ///< of the prefix
    uint32_t size;  ///< 0: nothing is known
    uint16_t node;  ///< whose child it is
    uint16_t place; ///< the child
};
#define JSON_GUESS_COUNT 64u ///< a power of two; keys of longer documents share them

/// Where a scan puts what it finds. `fields` has plan->field_count entries, which the scan first
/// clears. The tape grows as needed, to at most six times the text's size.
struct json_capture {
    struct decode_field *fields;
    struct json_tape_entry *tape;
    size_t tape_count;
    size_t tape_capacity;
    uint64_t *stamps;         ///< per node of the plan: the last document or element that held it
    uint64_t document_serial; ///< of the document in hand
    uint64_t element_serial;  ///< of the element in hand
    uint32_t element_count;
    size_t fault_at;       ///< offset of the first byte that cannot stand, when rejected
    uint8_t document_kind; ///< enum field_kind of the whole document
    struct json_guess guesses[JSON_GUESS_COUNT]; ///< by the number of the key in its document
    struct json_shapes *shapes; ///< what sound documents looked like; NULL: nothing is learned
};

/// Texts must be shorter than 4 GiB. Returns REJECT_NONE, REJECT_NOT_JSON, REJECT_NOT_UTF8,
/// REJECT_TOO_DEEP (nested deeper than JSON_DEPTH_MAX) or REJECT_TRUNCATED (a proper start of a
/// document).
enum reject_reason json_scan_scalar(const struct json_plan *plan, struct text text,
                                    struct json_capture *capture);

/// The same in 16-byte steps; every x86-64 machine has it.
#ifdef __SSE2__
enum reject_reason json_scan_sse2(const struct json_plan *plan, struct text text,
                                  struct json_capture *capture);
#endif

/// What documents are scanned with: by the steps of documents before where they are alike
/// (json_shape.h), else by the fastest kernel. The same fields, tape and verdict as the scalar
/// one's.
enum reject_reason json_scan(const struct json_plan *plan, struct text text,
                             struct json_capture *capture);
/// The same of a text that json_shape_scan() has just refused.
enum reject_reason json_scan_unlike(const struct json_plan *plan, struct text text,
                                    struct json_capture *capture);
/// By the fastest kernel alone.
enum reject_reason json_scan_whole(const struct json_plan *plan, struct text text,
                                   struct json_capture *capture);

/// The plan must be the one that is scanned with, or have more fields behind its own.
void json_capture_init(struct json_capture *capture, const struct json_plan *plan);
void json_capture_deinit(struct json_capture *capture);
/// Gives a tape that one huge message has grown back to the system.
void json_capture_shrink(struct json_capture *capture);

/// Decodes the escapes of a scanned string into `to`, which has room for `text.size` bytes (the
/// result is never longer). A lone surrogate becomes U+FFFD. Returns the size.
size_t json_string_unescape(struct text text, char *to);
