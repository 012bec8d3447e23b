// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_attempt.h"

#include "engine/query/people/people_value.h"

/// The entry of a currency in the list, kept sorted, missing first; a new one is made.
static struct query_money *money_of(struct people_fill *fill, struct people_unit *unit,
                                    struct text currency)
{
    uint32_t at = 0;
    while (at < unit->money_count && text_compare(unit->money[at].currency, currency) < 0) {
        at++;
    }
    if (at < unit->money_count && text_equal(unit->money[at].currency, currency)) {
        return &unit->money[at];
    }
    memmove(&fill->money[at + 1], &fill->money[at],
            (unit->money_count++ - at) * sizeof(fill->money[0]));
    fill->money[at] = (struct query_money){.currency = currency};
    return &fill->money[at];
}

static enum corong_status add_money(struct people_fill *fill, struct query_units *units,
                                    struct query_place place, struct people_unit *unit,
                                    struct corong_error *error)
{
    const struct row_group *rows;
    TRY(query_units_look(units, place, &rows, error));
    const struct column_packed *amounts = &rows->packed[COLUMN_AMOUNT];
    int64_t amount =
        amounts->exists ? column_packed_integer(amounts, place.row) : COLUMN_INTEGER_MISSING;
    if (amount == COLUMN_INTEGER_MISSING) {
        return CORONG_OK;
    }
    struct text currency;
    TRY(people_value(&units->cursor.sources[place.source], rows, COLUMN_CURRENCY, place.row,
                     &fill->arena, &currency, error));
    struct query_money *money = money_of(fill, unit, currency);
    if (__builtin_add_overflow(money->revenue, amount, &money->revenue)) {
        return error_set(error, CORONG_INVALID, "the revenue of one attempt is out of range");
    }
    money->orders++;
    return CORONG_OK;
}

/// The values that make the unit; every event of it has them.
static enum corong_status fill_unit(struct people_fill *fill, struct query_units *units,
                                    struct query_place entry, struct people_unit *unit,
                                    struct corong_error *error)
{
    const struct query_ask *ask = &units->plan->ask;
    for (uint32_t i = 0; i < ask->unit_column_count; i++) {
        const struct row_group *rows;
        TRY(query_units_look(units, entry, &rows, error));
        TRY(people_value(&units->cursor.sources[entry.source], rows, ask->unit_columns[i],
                         entry.row, &fill->arena, &unit->unit_values[i], error));
    }
    return CORONG_OK;
}

static bool same_slice(const struct text *left, const struct text *right, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!text_equal(left[i], right[i])) {
            return false;
        }
    }
    return true;
}

/// Whether a tuple of values is one of the cell's.
static bool in_slice(const struct people_fill *fill, const struct text *values)
{
    const struct people_cell *cell = fill->cell;
    uint32_t count = fill->query->by_count;
    if (cell != NULL && cell->values != NULL) {
        return same_slice(values, cell->values, count);
    }
    for (uint32_t i = 0; cell != NULL && cell->other && i < fill->listing->slice_count; i++) {
        if (same_slice(values, fill->listing->slices[i].values, count)) {
            return false;
        }
    }
    return true;
}

/// Takes the values of the attempt: the first ones, or the first that put it into the cell.
static enum corong_status take_values(void *context, const struct query_raw *values,
                                      struct corong_error *error)
{
    struct people_fill *fill = context;
    struct text texts[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    if (fill->taken++ > 0 && fill->in_slice) {
        return CORONG_OK;
    }
    uint32_t count = fill->query->by_count;
    for (uint32_t i = 0; i < count; i++) {
        TRY(people_value_text(&values[i], fill->plan, fill->attribution.columns[i], &fill->arena,
                              &texts[i], error));
    }
    fill->in_slice = in_slice(fill, texts);
    if (fill->taken == 1 || fill->in_slice) {
        memcpy(fill->unit->values, texts, count * sizeof(texts[0]));
    }
    return CORONG_OK;
}

enum corong_status people_attempt_fill(struct people_fill *fill, struct query_units *units,
                                       const struct query_attempt *attempt,
                                       struct people_unit *unit_out, struct corong_error *error)
{
    bool any = fill->query->funnel.order == FUNNEL_ORDER_ANY;
    arena_reset(&fill->arena);
    unit_out->user_namespace = units->user_namespace;
    unit_out->user_id = (struct text){units->user_id.bytes == NULL ? "" : units->user_id.bytes,
                                      units->user_id.size};
    unit_out->level = attempt->level;
    unit_out->entered = attempt->entered;
    unit_out->ended = attempt->ended;
    unit_out->made = attempt->made;
    unit_out->open = attempt->open;
    unit_out->won = attempt->won;
    unit_out->entry_us = attempt->entry_us;
    unit_out->money = fill->money;
    unit_out->money_count = 0;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        unit_out->matched_us[k] = attempt->matched_us[k];
        unit_out->steps[k] = any ? attempt->steps[k] : (uint8_t)k;
        if (units->plan->ask.money) {
            TRY(add_money(fill, units, attempt->places[k], unit_out, error));
        }
    }
    TRY(fill_unit(fill, units, query_attempt_entry(attempt), unit_out, error));
    fill->unit = unit_out;
    fill->plan = units->plan;
    fill->taken = 0;
    fill->in_slice = true;
    return fill->query->by_count == 0 ? CORONG_OK
                                      : query_attribution_visit(&fill->attribution, units, attempt,
                                                                take_values, fill, error);
}

int64_t people_attempt_end(const struct people_unit *unit)
{
    int64_t end_us = unit->entry_us;
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if ((unit->made >> k & 1) != 0 && unit->matched_us[k] > end_us) {
            end_us = unit->matched_us[k];
        }
    }
    return end_us;
}
