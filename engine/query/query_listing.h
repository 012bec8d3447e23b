// SPDX-License-Identifier: Apache-2.0
/// Slices that are known before a pass: the attempts of each of them, those of all others together,
/// and nothing that grows with the number of values. Thread: built by one thread, then immutable.
#pragma once

#include "engine/query/query_rank.h"

/// The listed slices of an answer. Memory: the arena they were taken into.
struct query_listing {
    uint32_t by_count;
    uint32_t count;
    uint64_t other_count; ///< values that are not listed
    struct text **values; ///< as shown
    struct text *keys;    ///< see query_slices_key()
};

void query_listing_take(struct query_listing *listing_out, const struct query_rank *rank,
                        uint32_t by_count, struct arena *arena);

struct listed_value;

/// The listed values of one attribute.
struct query_listed_column {
    struct text *values; ///< distinct, sorted: type byte, then the raw value
    uint32_t count;
    uint32_t missing;            ///< number of the missing value, or 0
    struct listed_value *bits;   ///< of values that are no strings, sorted
    struct listed_value **codes; ///< by segment, sorted: of strings
    uint32_t *code_counts;       ///< by segment
};

/// A listing bound to a plan's dictionaries.
struct query_listing_map {
    const struct query_listing *listing;
    const struct query_plan *plan;
    struct query_listed_column columns[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    const uint32_t *schema_columns;
    uint32_t *tuples; ///< by_count numbers and the output each, sorted
    struct arena arena;
};

/// Memory: as much as is listed; dictionaries are read through, not kept, where the plan has them
/// not decoded. On failure nothing is left.
CORONG_MUST_CHECK enum corong_status query_listing_bind(struct query_listing_map *map_out,
                                                        const struct query_listing *listing,
                                                        const struct query_plan *plan,
                                                        const uint32_t *columns,
                                                        struct corong_error *error);
void query_listing_unbind(struct query_listing_map *map);
/// The place of values in the listing, or `count` for those that are not listed.
uint32_t query_listing_output(const struct query_listing_map *map, const struct query_raw *values);
