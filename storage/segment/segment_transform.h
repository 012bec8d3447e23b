// SPDX-License-Identifier: Apache-2.0
/// Values of a column to encoded ones and back: units, missing values, ranks. Thread: values.
#pragma once

#include "storage/segment/segment_array.h"

/// How the values of a block become encoded ones and back: u = (value - base) / 10^exponent, plus 1
/// with 0 for missing where a row is missing.
struct segment_transform {
    bool nullable;
    uint8_t exponent;
    uint64_t base;
};

#define SEGMENT_TRANSFORM_SIZE 12u
void segment_transform_append(const struct segment_transform *transform, struct text_buffer *out);
CORONG_MUST_CHECK bool segment_transform_parse(const uint8_t *bytes,
                                               struct segment_transform *transform);

/// Looks at a column and fills array kind, counts, minimum and maximum; for SEGMENT_ARRAY_BLOCK
/// also the transform and the `encoded` values. `values` NULL means all missing.
struct segment_array segment_codes_prepare(const uint32_t *values, uint32_t count,
                                           struct segment_transform *transform, uint64_t *encoded);
/// As segment_codes_prepare() for the other types. `number`: the integers are a double's bits.
struct segment_array segment_integers_prepare(const int64_t *values, uint32_t count, bool number,
                                              struct segment_transform *transform,
                                              uint64_t *encoded);
/// Decoded `values` back to codes or integers, in place.
void segment_codes_restore(const struct segment_transform *transform, uint32_t *values,
                           uint32_t count);
void segment_integers_restore(const struct segment_transform *transform, bool number,
                              int64_t *values, uint32_t count);
/// True if every code is below `limit`, or missing where that is allowed.
bool segment_codes_within(const uint32_t *codes, uint32_t count, uint32_t limit,
                          bool missing_allowed);

/// Rank of each code by how often it occurs in `codes`, or NULL where ranks do not pay. Free with
/// memory_free().
uint32_t *segment_ranks_make(const uint32_t *codes, uint32_t count, uint32_t entry_count);
/// Prepared codes to prepared ranks, in place.
void segment_ranks_apply(const uint32_t *ranks, bool nullable, uint64_t *encoded, uint32_t count);
