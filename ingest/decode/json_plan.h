// SPDX-License-Identifier: Apache-2.0
/// The paths of a mapping as a trie: while a document is scanned once, its keys are compared with
/// the children of the node in hand, and everything outside the trie is only validated.
///
/// Thread: immutable once built.
#pragma once

#include "ingest/decode/decode_field.h"
#include "storage/base/arena.h"

#include <stdint.h>

#define JSON_NODE_NONE UINT16_MAX
#define JSON_KEY_SIZE_MAX 128u ///< bytes of one key of a mapped path

/// A key of one node. Up to 16 bytes, keys are equal where prefix, suffix and size are equal.
struct json_key {
    uint64_t prefix; ///< the first eight bytes, zero-filled
    uint64_t suffix; ///< the last eight bytes; 0 where the size is at most eight
    const char *bytes;
    uint32_t size;
    uint16_t node;
};

/// `field` is where this place's own value goes; [field_begin, field_end) are the fields below it.
/// A key's slot is json_key_slot(); slots hold an index into keys, and key_count where there is
/// none. Where no multiplier keeps all keys apart, slots is NULL and the keys are compared one by
/// one.
struct json_node {
    const struct json_key *keys;
    const uint16_t *slots;
    uint64_t multiplier;
    uint8_t shift;
    bool leaf;       ///< a field of the message with nothing below it: the usual case
    bool in_element; ///< below the unrolled array: values go to the tape
    uint16_t key_count;
    uint16_t field;
    uint16_t field_begin;
    uint16_t field_end;
    uint16_t element_node; ///< the unrolled array is here: the node of each element
};

static inline size_t json_key_slot(const struct json_node *node, uint64_t prefix, uint64_t suffix,
                                   size_t size)
{
    return (size_t)(((prefix ^ (suffix << 7 | suffix >> 57)) + size) * node->multiplier >>
                    node->shift);
}

/// Node 0 is the document.
struct json_plan {
    const struct json_node *nodes;
    uint32_t node_count;
    uint16_t field_count;
    uint16_t unroll_field; ///< holds the kind of what stands at the unrolled path; or FIELD_NONE
    const uint16_t *unroll_fields; ///< where several paths are unrolled: of each of them
    uint32_t unroll_count;
    uint16_t unroll_node; ///< node of an element, or JSON_NODE_NONE
};

/// One path: its keys from the document (or from the element) down.
struct json_path {
    const struct text *keys;
    uint32_t key_count;
    bool in_element;
    uint16_t field; ///< out: where its value goes
};

/// Builds the trie. Equal paths share a field. Of the arrays at `unrolls` (no keys: the document
/// itself) the elements of the last one in the document are reported. Memory: `arena`.
void json_plan_build_many(struct json_plan *plan, struct arena *arena, struct json_path *paths,
                          uint32_t path_count, const struct json_path *unrolls,
                          uint32_t unroll_count);
/// The same with one array or, where `unroll` is NULL, none.
static inline void json_plan_build(struct json_plan *plan, struct arena *arena,
                                   struct json_path *paths, uint32_t path_count,
                                   const struct json_path *unroll)
{
    json_plan_build_many(plan, arena, paths, path_count, unroll, unroll != NULL);
}
