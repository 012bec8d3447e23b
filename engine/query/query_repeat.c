// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_repeat.h"

#include "storage/base/memory.h"

/// The step of the definition that a place of the attempt fills.
static uint32_t step_of(const struct query_units *units, const struct query_attempt *attempt,
                        uint32_t index)
{
    return units->funnel->order == FUNNEL_ORDER_ANY ? attempt->steps[index] : index;
}

static int64_t until_of(const struct query_units *units, const struct query_attempt *attempt)
{
    int64_t until_us = query_time_add(attempt->entry_us, units->rule.window_us);
    until_us = until_us < units->end_us ? until_us : query_time_add(units->end_us, -1);
    return until_us < units->plan->as_of_us ? until_us : units->plan->as_of_us;
}

static bool is_matched(const struct query_attempt *attempt, const struct query_source *source,
                       uint32_t row)
{
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        const struct query_place *place = &attempt->places[__builtin_ctz(made)];
        if (place->source == source->index && place->group == source->group && place->row == row) {
            return true;
        }
    }
    return false;
}

/// The first of the user's loaded rows that may lie behind a place.
static uint32_t row_after(const struct query_place *place, const struct query_source *source)
{
    bool here = place->source == source->index && place->group == source->group;
    return here && place->row >= source->row ? place->row + 1 : source->row;
}

/// The user's rows of one source that are still loaded. No step row shares an instant with a
/// matched one: else the user would have been gathered.
static enum corong_status visit_rows(const struct query_units *units,
                                     const struct query_attempt *attempt, uint32_t index,
                                     const struct query_source *source, query_repeat_function *take,
                                     void *context, struct corong_error *error)
{
    uint32_t step = step_of(units, attempt, index);
    int64_t until_us = until_of(units, attempt);
    for (uint32_t row = row_after(&attempt->places[index], source); row < source->row_end; row++) {
        bool some = ((source->entries[row / 64] | source->later[row / 64]) >> (row % 64) & 1) != 0;
        if (!some || (query_source_steps(source, row) >> step & 1) == 0) {
            continue;
        }
        int64_t time_us = query_source_time(source, row);
        if (time_us > until_us) {
            break; // a source's rows of a user ascend in time
        }
        if (time_us > attempt->matched_us[index] && !is_matched(attempt, source, row)) {
            struct query_place place = {source->index, source->group, row};
            TRY(take(context, place, error));
        }
    }
    return CORONG_OK;
}

enum corong_status query_repeat_visit(struct query_units *units,
                                      const struct query_attempt *attempt, uint32_t step,
                                      query_repeat_function *take, void *context,
                                      struct corong_error *error)
{
    const struct query_cursor *cursor = &units->cursor;
    for (uint32_t i = 0; units->at_rows && i < cursor->part_count; i++) {
        TRY(visit_rows(units, attempt, step, &cursor->sources[cursor->parts[i]], take, context,
                       error));
    }
    for (uint32_t i = attempt->further_begin; !units->at_rows && i < attempt->further_end; i++) {
        if (units->further[i].step == step) {
            TRY(take(context, query_gather_unpack(units->further[i].place), error));
        }
    }
    return CORONG_OK;
}

static enum corong_status note(struct query_units *units, uint32_t event, uint32_t step,
                               struct corong_error *error)
{
    if (units->further_count == units->further_capacity) {
        uint32_t capacity = units->further_capacity == 0 ? 64 : units->further_capacity * 2;
        TRY(query_tasks_charge(units->tasks,
                               (capacity - units->further_capacity) * sizeof(*units->further),
                               "further orders of one user", error));
        units->further = memory_resize_array(units->further, capacity, sizeof(*units->further));
        units->further_capacity = capacity;
    }
    units->further[units->further_count++] =
        (struct query_further){units->gather.places[event], step};
    return CORONG_OK;
}

static bool fills_some(const struct query_attempt *attempt, const struct match_result *result,
                       uint32_t event)
{
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        if (result->events[__builtin_ctz(made)] == event) {
            return true;
        }
    }
    return false;
}

enum corong_status query_repeat_note(struct query_units *units, const struct match_result *result,
                                     struct query_attempt *attempt, struct corong_error *error)
{
    const struct query_gather *gather = &units->gather;
    int64_t until_us = until_of(units, attempt);
    attempt->further_begin = units->further_count;
    attempt->further_end = units->further_count;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t index = (uint32_t)__builtin_ctz(made);
        uint32_t step = step_of(units, attempt, index);
        int64_t amount;
        TRY(query_units_amount(units, attempt->places[index], &amount, error));
        if (amount == COLUMN_INTEGER_MISSING) {
            continue; // no order, so none is a further one
        }
        for (uint32_t i = result->events[index] + 1; i < gather->count; i++) {
            if (gather->events[i].time_us > until_us) {
                break;
            }
            if ((gather->events[i].steps >> step & 1) != 0 && !fills_some(attempt, result, i)) {
                TRY(note(units, i, index, error));
            }
        }
    }
    attempt->further_end = units->further_count;
    return CORONG_OK;
}
