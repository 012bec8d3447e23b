// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_attribution.h"

#include <string.h>

void query_attribution_init(struct query_attribution_rule *rule, const struct query_funnel *query,
                            const uint32_t *columns)
{
    *rule = (struct query_attribution_rule){
        .attribution = query->attribution,
        .step = query->attribution_step == 0 ? 0 : query->attribution_step - 1,
        .column_count = query->by_count,
        .columns = columns,
    };
}

/// Adds what an event has of the values that are still missing; true where none is left.
static enum corong_status fill_missing(const struct query_attribution_rule *rule,
                                       struct query_units *units, struct query_place place,
                                       struct query_raw *values, bool *full_out,
                                       struct corong_error *error)
{
    const struct row_group *rows;
    TRY(query_units_look(units, place, &rows, error));
    const struct query_source *source = &units->cursor.sources[place.source];
    *full_out = true;
    for (uint32_t i = 0; i < rule->column_count; i++) {
        if (!values[i].present) {
            values[i] = query_history_raw(source, rows, rule->columns[i], place.row);
        }
        *full_out = *full_out && values[i].present;
    }
    return CORONG_OK;
}

/// The first (or last) present values over the matched events.
static enum corong_status along_events(const struct query_attribution_rule *rule,
                                       struct query_units *units,
                                       const struct query_attempt *attempt,
                                       struct query_raw *values, struct corong_error *error)
{
    bool full = false;
    bool last = rule->attribution == QUERY_ATTRIBUTION_LAST;
    for (uint32_t i = 0; i < units->rule.step_count && !full; i++) {
        uint32_t k = last ? units->rule.step_count - 1 - i : i;
        if ((attempt->made >> k & 1) != 0) {
            TRY(fill_missing(rule, units, attempt->places[k], values, &full, error));
        }
    }
    return CORONG_OK;
}

/// Where in `places` is what fills a step; FUNNEL_STEP_COUNT_MAX where nothing does.
static uint32_t place_of_step(const struct query_units *units, const struct query_attempt *attempt,
                              uint32_t step)
{
    if (units->funnel->order != FUNNEL_ORDER_ANY) {
        return (attempt->made >> step & 1) != 0 ? step : FUNNEL_STEP_COUNT_MAX;
    }
    uint32_t rank = 0;
    while (rank < attempt->level && attempt->steps[rank] != step) {
        rank++;
    }
    return rank < attempt->level ? rank : FUNNEL_STEP_COUNT_MAX;
}

/// The person's values at the entry.
static enum corong_status at_entry(struct query_units *units, const struct query_attempt *attempt,
                                   uint32_t column_count, struct query_raw *values,
                                   struct corong_error *error)
{
    int64_t sequence;
    TRY(query_units_sequence(units, query_attempt_entry(attempt), &sequence, error));
    for (uint32_t i = 0; i < column_count; i++) {
        values[i] = query_history_value(&units->history, i, attempt->entry_us, sequence);
    }
    return CORONG_OK;
}

/// Puts the computed values among the stored ones and hands them on.
static enum corong_status give(const struct query_attribution_rule *rule, struct query_units *units,
                               const struct query_attempt *attempt, struct query_raw *values,
                               query_attribution_function *take, void *context,
                               struct corong_error *error)
{
    for (uint32_t i = 0; i < rule->column_count; i++) {
        if (rule->columns[i] == QUERY_CUSTOMER_COLUMN(units->plan->schema)) {
            values[i].present = true;
            TRY(query_customer_at(&units->customer, units->cursor.key, attempt->entry_us,
                                  &values[i].bits, error));
        }
    }
    return take(context, values, error);
}

/// The values of each event that was noted at the step; of none, all of them are missing.
static enum corong_status each_event(const struct query_attribution_rule *rule,
                                     struct query_units *units, const struct query_attempt *attempt,
                                     query_attribution_function *take, void *context,
                                     struct corong_error *error)
{
    struct query_raw values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX] = {{0}};
    bool full;
    for (uint32_t i = 0; i < units->seen_count; i++) {
        struct query_place place = query_gather_unpack(units->seen[i]);
        memset(values, 0, sizeof(values));
        TRY(fill_missing(rule, units, place, values, &full, error));
        TRY(give(rule, units, attempt, values, take, context, error));
    }
    return units->seen_count > 0 ? CORONG_OK
                                 : give(rule, units, attempt, values, take, context, error);
}

enum corong_status query_attribution_visit(const struct query_attribution_rule *rule,
                                           struct query_units *units,
                                           const struct query_attempt *attempt,
                                           query_attribution_function *take, void *context,
                                           struct corong_error *error)
{
    struct query_raw values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX] = {{0}};
    uint32_t k;
    bool full;
    switch (rule->attribution) {
    case QUERY_ATTRIBUTION_FIRST:
    case QUERY_ATTRIBUTION_LAST:
        TRY(along_events(rule, units, attempt, values, error));
        break;
    case QUERY_ATTRIBUTION_STEP:
        k = place_of_step(units, attempt, rule->step);
        if (k < FUNNEL_STEP_COUNT_MAX) {
            TRY(fill_missing(rule, units, attempt->places[k], values, &full, error));
        }
        break;
    case QUERY_ATTRIBUTION_EACH:
        return each_event(rule, units, attempt, take, context, error);
    case QUERY_ATTRIBUTION_USER:
        TRY(at_entry(units, attempt, rule->column_count, values, error));
        break;
    case QUERY_ATTRIBUTION_ENTRY:
        TRY(fill_missing(rule, units, query_attempt_entry(attempt), values, &full, error));
        break;
    }
    return give(rule, units, attempt, values, take, context, error);
}
