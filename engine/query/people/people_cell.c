// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_cell.h"

#include "storage/base/clock.h"

enum corong_status people_cell_check(const struct people_cell *cell,
                                     const struct query_funnel *funnel, struct corong_error *error)
{
    uint32_t step_count = funnel->funnel.step_count;
    bool any_step = cell->kind == PEOPLE_CELL_OPEN || cell->kind == PEOPLE_CELL_LOST;
    if (cell->kind != PEOPLE_CELL_WON &&
        (cell->step > step_count || (cell->step == 0 && !any_step))) {
        return error_set(error, CORONG_INVALID, "step %u is not one of the funnel's %u", cell->step,
                         step_count);
    }
    if (cell->has_day && cell->kind != PEOPLE_CELL_REACHED) {
        return error_set(error, CORONG_INVALID,
                         "a day belongs to those who reached a step, by that step's event");
    }
    if ((cell->values != NULL || cell->other) && funnel->by_count == 0) {
        return error_set(error, CORONG_INVALID,
                         "a slice is asked for, but the question is not sliced");
    }
    return CORONG_OK;
}

static bool ends_at(const struct people_cell *cell, const struct query_attempt *attempt)
{
    return !attempt->won && (cell->step == 0 || attempt->ended == cell->step);
}

static bool reaches(const struct people_cell *cell, const struct query_attempt *attempt)
{
    uint32_t k = cell->step - 1;
    if ((attempt->made >> k & 1) == 0) {
        return false;
    }
    return !cell->has_day || (attempt->matched_us[k] >= cell->day_us &&
                              attempt->matched_us[k] - cell->day_us < MICROSECONDS_PER_DAY);
}

bool people_cell_has(const struct people_cell *cell, const struct query_attempt *attempt)
{
    switch (cell->kind) {
    case PEOPLE_CELL_REACHED:
        return reaches(cell, attempt);
    case PEOPLE_CELL_DROPPED:
        return ends_at(cell, attempt);
    case PEOPLE_CELL_OPEN:
        return ends_at(cell, attempt) && attempt->open;
    case PEOPLE_CELL_LOST:
        return ends_at(cell, attempt) && !attempt->open;
    case PEOPLE_CELL_WON:
        return attempt->won;
    }
    return false;
}

void people_cell_describe(const struct people_cell *cell, uint32_t by_count,
                          struct text_buffer *out)
{
    query_digest_integer(out, "cell", cell->kind);
    query_digest_integer(out, "step", cell->kind == PEOPLE_CELL_WON ? 0 : cell->step);
    if (cell->has_day) {
        query_digest_integer(out, "day", cell->day_us);
    }
    if (cell->other) {
        query_digest_text(out, "slice", TEXT_LITERAL("(other)"));
    }
    for (uint32_t i = 0; i < by_count && cell->values != NULL; i++) {
        query_digest_text(out, "slice", cell->values[i]);
    }
}
