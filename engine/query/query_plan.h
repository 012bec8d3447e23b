// SPDX-License-Identifier: Apache-2.0
/// A question bound to a snapshot: which row groups can matter, which columns they need, which
/// event names may fill which step, and the prepared filters of every segment.
///
/// Thread: built by one thread, then immutable and shared by the workers.
/// Ownership: query_plan_deinit() frees all; the snapshot is borrowed.
#pragma once

#include "engine/query/identity/identity.h"
#include "engine/query/query.h"
#include "engine/query/query_fold.h"
#include "engine/query/query_tasks.h"
#include "storage/column/canonical_row.h"

/// Steps and exclusions of a funnel, and what a dialect wants to see besides.
#define QUERY_STAGE_BIT_COUNT_MAX (FUNNEL_STEP_COUNT_MAX + FUNNEL_EXCLUSION_COUNT_MAX + 1)

/// Which order of simultaneous rows of different segments the question can see.
enum query_row_order {
    QUERY_ORDER_NONE = 0, ///< none: only counts
    QUERY_ORDER_STEPS,    ///< of rows that match a step
    QUERY_ORDER_ALL,      ///< of all rows
};

/// What a kind of question asks of the plan. Borrowed.
struct query_ask {
    const struct stage *steps;
    uint32_t step_count; ///< at most QUERY_STAGE_BIT_COUNT_MAX; 0: no row has a step
    struct text where;
    uint64_t not_hidden;     ///< steps, as bits, that `where` hides no event from
    struct query_range rows; ///< rows outside (both ends included) cannot matter
    int64_t as_of_us;        ///< asked, or QUERY_TIME_NONE
    enum query_row_order order;
    bool every_row;          ///< users and groups without a step matter too
    bool ids;                ///< read user ids
    bool names;              ///< event names are read although nothing has a step
    bool money;              ///< amount and currency are looked up
    const uint32_t *columns; ///< schema columns looked up on single rows
    uint32_t column_count;
    const uint32_t *unit_columns; ///< of the attributes that units are made of
    uint32_t unit_column_count;
    bool no_texts;                ///< their dictionaries are not decoded
    struct text where_entry;      ///< which events may be entries; may be missing
    bool entry_hides;             ///< what may not be an entry does not fill step 1 either
    struct text where_user;       ///< which entries count, by the person's values; may be missing
    bool history;                 ///< the person's values of `columns` are asked for
    struct query_tasks *tasks;    ///< where dictionaries are booked; NULL: nowhere
    const struct stage *customer; ///< what makes a customer, where `$customer` is asked for
    bool apart;                   ///< ids are not brought together: users are those stored
    int64_t session_timeout_us;   ///< sources find where sessions begin; 0: they do not
    uint32_t telling_count; ///< the first so many of `columns`: groups without a value of them
                            ///< say nothing, unless their copies displace others; 0: all do
};

/// The column number of `$customer`, behind those stored, and the type of its values: 0 is "new", 1
/// "returning".
#define QUERY_CUSTOMER_NAME TEXT_LITERAL("$customer")
#define QUERY_CUSTOMER_COLUMN(schema) ((schema)->column_count)
#define QUERY_CUSTOMER_TYPE ((enum column_type)5)

/// One segment, prepared; or a layer of moved users: its dictionaries are then those of `reader`,
/// its groups are not.
struct query_segment {
    struct segment_reader *reader;
    uint32_t origin;              ///< number of `reader` in the snapshot: caches of what codes mean
                                  ///< go by it, layers share those of their segment
    struct identity_layer *layer; ///< NULL: a segment
    uint64_t *const *moved; ///< of a segment, by group: bit set of users to pass over, or NULL;
                            ///< NULL: nobody moved
    const struct schema *schema; ///< its own: a prefix of the plan's
    const struct dictionary *names;
    uint64_t *steps_of_name;                       ///< candidate steps by name code
    uint64_t name_bits[QUERY_STAGE_BIT_COUNT_MAX]; ///< of user_name_masks, by step
    struct query_folds folds;                      ///< filters that became tables
    bool filtered;                                 ///< others are left, and rows have to be asked
    struct filter_segment *where;                  ///< NULL: none, or folded
    struct filter_segment *step_where[QUERY_STAGE_BIT_COUNT_MAX];
    struct segment_selection scan; ///< columns that every group read needs
    struct segment_selection look; ///< columns looked up on single rows
    uint32_t *groups;              ///< indices of the groups to read, ascending
    uint32_t group_count;
    bool has_ids;                                   ///< some row has an event id
    struct filter_segment *where_entry;             ///< NULL: none
    const struct dictionary **history_dictionaries; ///< by schema column: those of where_user
};

struct query_plan {
    struct arena arena;
    struct query_ask ask;
    const struct schema *schema;
    struct canonical_order canonical;
    struct filter *where;
    struct filter *step_where[QUERY_STAGE_BIT_COUNT_MAX];
    struct filter *where_entry;
    struct filter *where_user;
    uint32_t *history_columns; ///< of which the person's values are followed: slices first
    uint32_t history_by_count;
    uint32_t history_count;
    bool filtered; ///< some filter exists: name codes alone do not decide
    int64_t as_of_us;
    int64_t time_min_us; ///< over the store
    int64_t time_max_us;
    bool sequences;                 ///< sequence numbers differ somewhere
    bool duplicates;                ///< copies of one event may lie in different segments
    struct identity_view *identity; ///< NULL: nobody has a second id
    struct query_segment *segments; ///< those of the snapshot first, then layers
    uint32_t segment_count;         ///< of both
    uint32_t committed_count;       ///< of the snapshot: those before are no chunks
    uint32_t stored_count;          ///< of the snapshot: `origin` is below it
    struct hash128 *bounds; ///< task i has the keys [bounds[i], bounds[i + 1]); the last has no end
    uint32_t task_count;
    uint64_t rows_stored;
    uint64_t users_skipped; ///< users of groups that are not read
    uint64_t type_mismatches;
    struct query_plan *customers; ///< over the events of ask.customer; NULL: not asked for
};

/// Type of a slice attribute, stored or computed.
static inline enum column_type query_plan_type(const struct query_plan *plan, uint32_t column)
{
    return column == QUERY_CUSTOMER_COLUMN(plan->schema) ? QUERY_CUSTOMER_TYPE
                                                         : plan->schema->columns[column].type;
}

/// On failure the plan is deinitialised already.
CORONG_MUST_CHECK enum corong_status
query_plan_init(struct query_plan *plan, struct store_snapshot *snapshot,
                const struct query_ask *ask, uint32_t thread_count, struct corong_error *error);
void query_plan_deinit(struct query_plan *plan);

/// The store's own as-of: the largest of its segments, QUERY_TIME_NONE for none.
int64_t query_plan_as_of(const struct store_snapshot *snapshot, int64_t asked_us);

/// Column of an attribute; CORONG_INVALID names the nearest known one.
CORONG_MUST_CHECK enum corong_status query_plan_attribute(const struct schema *schema,
                                                          struct text name, uint32_t *column_out,
                                                          struct corong_error *error);
/// Zone map of a group, by its number in the segment or layer.
void query_segment_zone(const struct query_segment *segment, uint32_t group,
                        struct segment_group_zone *zone_out);
/// a + b, held at the ends of the number range.
static inline int64_t query_time_add(int64_t time_us, int64_t delta_us)
{
    int64_t sum;
    if (__builtin_add_overflow(time_us, delta_us, &sum)) {
        return delta_us < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}
