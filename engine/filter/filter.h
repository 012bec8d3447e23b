// SPDX-License-Identifier: Apache-2.0
/// SQL-like predicates over one event: `country in ('DE','FR') and (price > 100 or page like
/// '/sale/%')`.
///
/// Grammar (keywords in any case): or, and, not, ( ), = == != <> < <= > >=, [not] in (list),
/// [not] like 'pattern' (% and _; backslash escapes), [not] ilike, =~ 'regex' and !~ 'regex'
/// (PCRE2, unanchored), is [not] null, between a and b, true, false. Operands: attribute names
/// (bare or "quoted"), the system names event, time, revenue, currency; literals: 'text' ('' is a
/// quote), numbers, true, false. Three-valued logic: a comparison with a missing attribute is
/// unknown, and unknown is not true. A literal of another type than the attribute compares as
/// missing and is counted once per compile.
///
/// Thread: a compiled filter is immutable; each thread brings its own filter_scratch.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/column/canonical_row.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

#define FILTER_SOURCE_SIZE_MAX (64u * 1024u)
#define FILTER_DEPTH_MAX 64u          ///< nested parentheses and `not`
#define FILTER_REGEX_COUNT_MAX 256u   ///< =~ and !~ in one filter
#define FILTER_PATTERN_SIZE_MAX 1024u ///< bytes of one like, ilike, =~ or !~ pattern

struct filter;         ///< parsed and bound to a schema
struct filter_segment; ///< a filter prepared for one segment's dictionaries

/// Parses and binds. Errors point at the character ("... at column 14: ...") and suggest the
/// nearest attribute. Memory: `arena` (regular expressions are freed by filter_destroy()).
CORONG_MUST_CHECK enum corong_status filter_compile(struct filter **filter_out, struct arena *arena,
                                                    struct text source, const struct schema *schema,
                                                    struct corong_error *error);
/// NULL-safe.
void filter_destroy(struct filter *filter);
/// The columns the filter reads, as schema indices; returns how many.
uint32_t filter_columns(const struct filter *filter, const uint32_t **columns_out);
/// The source text with single spaces, lower-case keywords and normal literals: what a digest
/// covers.
struct text filter_canonical(const struct filter *filter);
/// The same text made from the source alone: appended to `out`, as it is where it has no tokens.
/// Needs no schema, so that definitions can be hashed before data are seen.
void filter_canonicalize(struct text source, struct text_buffer *out);
/// How many literals can never match because their type is not the attribute's.
uint32_t filter_type_mismatches(const struct filter *filter);

/// Slow path, one event with texts: used by the shards on live events.
bool filter_matches_event(const struct filter *filter, const union canonical_value *values,
                          int64_t time_us);

/// Prepares per-dictionary bitmaps: each string predicate is evaluated once per dictionary entry.
/// `dictionaries[i]` belongs to schema column i (NULL: the segment has no such column). Memory:
/// arena.
struct filter_segment *filter_prepare(const struct filter *filter, struct arena *arena,
                                      const struct dictionary *const *dictionaries);
/// Clears matches[r] where row r does not satisfy the filter; rows whose matches[r] is already 0
/// may be skipped. `columns` is indexed by schema column. Memory: `scratch`, reset by the caller.
void filter_evaluate(const struct filter_segment *filter, const struct column_values *columns,
                     uint32_t row_count, struct arena *scratch, uint8_t *matches);
