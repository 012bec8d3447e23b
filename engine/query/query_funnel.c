// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_funnel.h"

#include "engine/dialect/dialect.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_history.h"
#include "engine/query/query_session_rule.h"
#include "storage/base/clock.h"

#include <string.h>

/// An attribute named twice would only double each slice's heading.
static enum corong_status check_by(const struct query_funnel *query, struct corong_error *error)
{
    for (uint32_t later = 1; later < query->by_count; later++) {
        for (uint32_t i = 0; i < later; i++) {
            if (text_equal(query->by[i], query->by[later])) {
                return error_set(error, CORONG_INVALID,
                                 "by: '%.*s' is named twice; name each attribute once",
                                 (int)query->by[i].size, query->by[i].bytes);
            }
        }
    }
    return CORONG_OK;
}

static enum corong_status check_query(const struct query_funnel *query, struct corong_error *error)
{
    TRY(dialect_check(&query->funnel, error));
    TRY(funnel_check(&query->funnel, error));
    if (query->by_count > QUERY_SLICE_ATTRIBUTE_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%u slice attributes are asked for, at most %u",
                         query->by_count, QUERY_SLICE_ATTRIBUTE_COUNT_MAX);
    }
    if (dialect_needs_of(&query->funnel).matcher &&
        (query->where_entry.bytes != NULL || query->where_user.bytes != NULL)) {
        return error_set(error, CORONG_INVALID,
                         "dialect '%s' does not know entries of its own, so where_entry and "
                         "where_user cannot restrict them; where filters all events",
                         dialect_name((enum dialect_name)query->funnel.dialect));
    }
    const struct query_range *range = &query->range;
    if (range->to_us != QUERY_TIME_NONE && range->from_us > range->to_us) {
        return error_set(error, CORONG_INVALID, "the range ends before it begins");
    }
    if (query->compared && query->compare.to_us != QUERY_TIME_NONE &&
        query->compare.from_us > query->compare.to_us) {
        return error_set(error, CORONG_INVALID, "the range to compare with ends before it begins");
    }
    if (query->attribution_step > query->funnel.step_count) {
        return error_set(error, CORONG_INVALID,
                         "attribution: there is no step %u, the funnel has %u",
                         query->attribution_step, query->funnel.step_count);
    }
    if (query->attribution == QUERY_ATTRIBUTION_EACH &&
        query->funnel.attempts == FUNNEL_ATTEMPTS_ALL) {
        return error_set(error, CORONG_INVALID,
                         "attempts all and attribution each exclude each other: an attempt has one "
                         "place, a value seen has none");
    }
    if (query->session_timeout_us < 0 || query->session_timeout_us > MICROSECONDS_PER_DAY) {
        return error_set(error, CORONG_INVALID, "the session timeout is not within 0 and 24 h");
    }
    return check_by(query, error);
}

/// Whether the person's values before an entry are asked for.
static bool reads_history(const struct query_funnel *query)
{
    return query->where_user.bytes != NULL ||
           (query->attribution == QUERY_ATTRIBUTION_USER && query->by_count > 0);
}

/// Rows that can matter: entries lie in the range, completion follows within the window; where
/// sessions count, their bounds must be seen too.
static struct query_range rows_of(const struct query_funnel *query)
{
    struct query_range rows = query->range;
    int64_t timeout_us =
        query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : query->session_timeout_us;
    bool sessions = query->funnel.unit == FUNNEL_UNIT_SESSION || query->funnel.window_session;
    if (rows.to_us == QUERY_TIME_NONE) {
        rows.to_us = INT64_MAX;
    } else if (query->funnel.range_inside && !sessions) {
        rows.to_us = query_time_add(rows.to_us, -1);
    } else {
        rows.to_us = query_time_add(rows.to_us, sessions ? QUERY_SESSION_LOOK_AHEAD_US
                                                         : query->funnel.window_us);
        // Events of a block count as at its first time.
        rows.to_us = query_time_add(rows.to_us, query->funnel.tie_tolerance_us);
    }
    if (rows.from_us != QUERY_TIME_NONE && sessions) {
        rows.from_us = query_time_add(rows.from_us, -QUERY_SESSION_LOOK_BACK_US(timeout_us));
    }
    if (rows.from_us != QUERY_TIME_NONE && reads_history(query)) {
        int64_t oldest_us = query_time_add(query->range.from_us, -QUERY_HISTORY_US);
        rows.from_us = oldest_us < rows.from_us ? oldest_us : rows.from_us;
    }
    if (query->funnel.tie_tolerance_us > 0) {
        rows.from_us = QUERY_TIME_NONE; // where blocks are cut depends on all events before
    }
    return rows;
}

/// True where some row of the store has an amount.
static bool has_money(const struct store_snapshot *snapshot)
{
    int64_t least;
    int64_t largest;
    uint32_t count = store_snapshot_segment_count(snapshot);
    for (uint32_t i = 0; i < count; i++) {
        const struct segment_reader *reader = store_snapshot_segment(snapshot, i);
        uint32_t groups = segment_reader_group_count(reader);
        for (uint32_t g = 0; g < groups; g++) {
            if (segment_reader_column_zone(reader, g, COLUMN_AMOUNT, &least, &largest)) {
                return true;
            }
        }
    }
    return false;
}

/// The steps and, behind them, the exclusions and what a dialect wants to see, which the matcher
/// takes for further bits.
static const struct stage *stages_of(const struct query_funnel *query, struct stage *stages)
{
    const struct funnel *funnel = &query->funnel;
    bool every_event = dialect_needs_of(funnel).every_event;
    if (funnel->exclusion_count == 0 && !every_event) {
        return funnel->steps;
    }
    memcpy(stages, funnel->steps, funnel->step_count * sizeof(*stages));
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        stages[funnel->step_count + i] = funnel->exclusions[i].stage;
    }
    if (every_event) {
        stages[dialect_seen_step(funnel)] = (struct stage){.name = TEXT_LITERAL("every event")};
    }
    return stages;
}

/// Which of them `where` hides no event from: the exclusions.
static uint64_t not_hidden(const struct funnel *funnel)
{
    return (UINT64_C(1) << dialect_seen_step(funnel)) - (UINT64_C(1) << funnel->step_count);
}

/// Strict order sees what lies between, whether it matches something or not.
static bool sees_all(const struct funnel *funnel)
{
    return funnel->order == FUNNEL_ORDER_STRICT && funnel->scope == FUNNEL_SCOPE_ALL;
}

static uint32_t unit_attribute_count(const struct funnel *funnel)
{
    return funnel->unit == FUNNEL_UNIT_ATTRIBUTES ? funnel->unit_attribute_count : 0;
}

/// The column of a slice attribute; computed ones begin with '$'.
static enum corong_status slice_column(const struct query_funnel *query,
                                       const struct schema *schema, struct text name,
                                       uint32_t *column_out, struct corong_error *error)
{
    if (name.size == 0 || name.bytes[0] != '$' || schema_find(schema, name) >= 0) {
        return query_plan_attribute(schema, name, column_out, error);
    }
    if (!text_equal(name, QUERY_CUSTOMER_NAME)) {
        return error_set(error, CORONG_INVALID,
                         "unknown attribute '%.*s'; the computed one is '$customer'",
                         (int)name.size, name.bytes);
    }
    if (query->customer == NULL) {
        return error_set(error, CORONG_INVALID,
                         "'$customer' needs the stage that makes a customer");
    }
    *column_out = QUERY_CUSTOMER_COLUMN(schema);
    return CORONG_OK;
}

/// 0 where sessions do not matter.
static int64_t session_timeout_of(const struct query_funnel *query)
{
    if (query->funnel.unit != FUNNEL_UNIT_SESSION && !query->funnel.window_session) {
        return 0;
    }
    return query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : query->session_timeout_us;
}

enum corong_status query_funnel_ask(struct store_snapshot *snapshot,
                                    const struct query_funnel *query,
                                    struct query_funnel_asked *asked, struct query_ask *ask_out,
                                    struct corong_error *error)
{
    TRY(check_query(query, error));
    const struct schema *schema = store_snapshot_schema(snapshot);
    bool customer = false;
    for (uint32_t i = 0; i < query->by_count; i++) {
        TRY_IN(slice_column(query, schema, query->by[i], &asked->columns[i], error), error, "by");
        customer = customer || asked->columns[i] == QUERY_CUSTOMER_COLUMN(schema);
    }
    for (uint32_t i = 0; i < unit_attribute_count(&query->funnel); i++) {
        TRY_IN(query_plan_attribute(schema, query->funnel.unit_attributes[i],
                                    &asked->unit_columns[i], error),
               error, "unit");
    }
    *ask_out = (struct query_ask){
        .steps = stages_of(query, asked->stages),
        .step_count = dialect_seen_step(&query->funnel) +
                      (dialect_needs_of(&query->funnel).every_event ? 1 : 0),
        .where = query->where,
        .not_hidden = not_hidden(&query->funnel),
        .rows = rows_of(query),
        .as_of_us = query->as_of_us,
        .order =
            reads_history(query) || sees_all(&query->funnel) ? QUERY_ORDER_ALL : QUERY_ORDER_STEPS,
        .every_row = query->funnel.unit == FUNNEL_UNIT_SESSION || query->funnel.window_session ||
                     reads_history(query) || sees_all(&query->funnel),
        .where_entry = query->where_entry,
        .entry_hides =
            query->funnel.order == FUNNEL_ORDER_LOOSE && query->funnel.tie_tolerance_us == 0,
        .where_user = query->where_user,
        .history = query->attribution == QUERY_ATTRIBUTION_USER,
        .money = (query->left_out & QUERY_OUTPUT_MONEY) == 0 && has_money(snapshot),
        .columns = asked->columns,
        .column_count = query->by_count,
        .customer = customer ? query->customer : NULL,
        .unit_columns = asked->unit_columns,
        .unit_column_count = unit_attribute_count(&query->funnel),
        .session_timeout_us = session_timeout_of(query),
    };
    return CORONG_OK;
}

static void describe_customer(const struct stage *stage, struct text_buffer *out)
{
    query_digest_text(out, "customer", stage->name);
    for (uint32_t i = 0; i < stage->event_count; i++) {
        query_digest_text(out, "event", stage->events[i]);
    }
    query_digest_source(out, "where", stage->where);
}

/// What is said only where it is asked for.
static void describe_more(const struct query_funnel *query, struct text_buffer *out)
{
    static const char *const ATTRIBUTIONS[] = {"entry", "first", "last", "step", "user", "each"};
    if (query->by_count > 0 && query->attribution != QUERY_ATTRIBUTION_ENTRY) {
        query_digest_text(out, "attribution", text_from(ATTRIBUTIONS[query->attribution]));
        query_digest_integer(out, "attribution_step",
                             query->attribution_step == 0 ? 1 : query->attribution_step);
    }
    if (query->where_entry.bytes != NULL) {
        query_digest_source(out, "where_entry", query->where_entry);
    }
    if (query->where_user.bytes != NULL) {
        query_digest_source(out, "where_user", query->where_user);
    }
    if (query->trend != QUERY_BUCKET_NONE || query->throughput != QUERY_BUCKET_NONE) {
        query_digest_integer(out, "trend", query->trend);
        query_digest_integer(out, "throughput", query->throughput);
        query_digest_text(out, "zone",
                          query->zone == NULL ? TEXT_LITERAL("UTC") : query->zone->name);
    }
    if (query->compared) {
        query_digest_text(out, "compare", TEXT_LITERAL(""));
        query_digest_range(out, &query->compare);
    }
    if (query->survival) {
        query_digest_text(out, "survival", TEXT_LITERAL(""));
    }
    if (query->left_out != 0) {
        query_digest_integer(out, "left_out", query->left_out);
    }
    for (uint32_t i = 0; i < query->by_count && query->customer != NULL; i++) {
        if (text_equal(query->by[i], QUERY_CUSTOMER_NAME)) {
            describe_customer(query->customer, out);
        }
    }
}

void query_funnel_describe(const struct query_funnel *query, struct text_buffer *out)
{
    funnel_describe(&query->funnel, out);
    query_digest_range(out, &query->range);
    query_digest_source(out, "where", query->where);
    for (uint32_t i = 0; i < query->by_count; i++) {
        query_digest_text(out, "by", query->by[i]);
    }
    query_digest_integer(out, "top", query->top == 0 ? QUERY_TOP_DEFAULT : query->top);
    query_digest_integer(out, "session",
                         query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US
                                                        : query->session_timeout_us);
    describe_more(query, out);
}
