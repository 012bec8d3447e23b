// SPDX-License-Identifier: Apache-2.0
/// Users' stored events one user after the other, in canonical order and without copies of one
/// event, for those who follow users themselves instead of asking a question.
///
/// Thread: a walk_plan is immutable and may be shared; a walk belongs to one thread.
#pragma once

#include "engine/query/query.h"
#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/column/canonical_row.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

struct walk_options {
    struct store_snapshot *snapshot; ///< borrowed until walk_plan_close(), as the schema
    const struct schema *schema;     ///< of the columns; begins with the snapshot's
    int64_t from_us; ///< rows before may be left out, in whole groups; QUERY_TIME_NONE: none
    const uint32_t *columns; ///< schema columns that walk_look() may be asked for
    uint32_t column_count;
    struct query_limits limits; ///< of all walks of the plan together
};

struct walk_plan;
struct walk;

CORONG_MUST_CHECK enum corong_status walk_plan_open(struct walk_plan **plan_out,
                                                    const struct walk_options *options,
                                                    struct corong_error *error);
/// NULL-safe. All walks must be closed.
void walk_plan_close(struct walk_plan *plan);
uint32_t walk_plan_segment_count(const struct walk_plan *plan);
/// Event names of a segment, by code.
const struct dictionary *walk_plan_names(const struct walk_plan *plan, uint32_t segment);
/// Books memory of the caller under the plan's limit.
CORONG_MUST_CHECK enum corong_status walk_plan_charge(struct walk_plan *plan, uint64_t bytes,
                                                      const char *what, struct corong_error *error);

struct walk *walk_open(struct walk_plan *plan);
/// NULL-safe.
void walk_close(struct walk *walk);

/// Goes before the first user with a key of `from` or more; `end` (NULL: none) ends the walk.
CORONG_MUST_CHECK enum corong_status walk_seek(struct walk *walk, struct hash128 from,
                                               const struct hash128 *end,
                                               struct corong_error *error);
/// Goes on, before the first user with a key of `from` or more. Cheaper than a seek.
CORONG_MUST_CHECK enum corong_status walk_advance(struct walk *walk, struct hash128 from,
                                                  struct corong_error *error);
/// Stands at the next user; false at the end. walk_rows() comes before the next.
bool walk_next(struct walk *walk, struct hash128 *key_out);

/// Some rows of one user in one segment.
struct walk_run {
    uint32_t segment;
    uint32_t row_count;
    const int64_t *times;
    const int64_t *sequences; ///< NULL: they never differ in the store
    const uint32_t *names;    ///< codes of walk_plan_names()
    bool ids;                 ///< some row of the segment may have an event id
    uint32_t first;           ///< private
    void *source;             ///< private
};
/// Takes a run. Rows before from_us may come.
typedef enum corong_status walk_visit(void *context, struct walk *walk, const struct walk_run *run,
                                      struct corong_error *error);
CORONG_MUST_CHECK enum corong_status walk_rows(struct walk *walk, walk_visit *visit, void *context,
                                               struct corong_error *error);

/// Value of one of the plan's columns in row `index` of the run in hand; missing as in a decoded
/// event. A text lives as long as the snapshot.
CORONG_MUST_CHECK enum corong_status walk_look(struct walk *walk, const struct walk_run *run,
                                               uint32_t index, uint32_t column,
                                               union canonical_value *value_out,
                                               struct corong_error *error);
