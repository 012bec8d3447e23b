// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_outcome.h"

#include "storage/base/memory.h"

#include <stdlib.h>

/// Money of one output, step and currency.
struct money_row {
    uint32_t output;
    uint32_t step;
    struct text currency;
    struct query_money_sum matched;
    struct query_money_sum repeat;
};

static int compare_rows(const void *left, const void *right)
{
    const struct money_row *a = left;
    const struct money_row *b = right;
    if (a->output != b->output) {
        return a->output < b->output ? -1 : 1;
    }
    if (a->step != b->step) {
        return a->step < b->step ? -1 : 1;
    }
    if ((a->currency.bytes == NULL) != (b->currency.bytes == NULL)) {
        return a->currency.bytes == NULL ? -1 : 1;
    }
    return text_compare(a->currency, b->currency);
}

static bool same_cell(const struct money_row *left, const struct money_row *right)
{
    return left->output == right->output && left->step == right->step &&
           text_equal(left->currency, right->currency);
}

/// Every sum twice: for its slice, and for the total, whose output is output_count. Where slices
/// overlap the total has sums of its own.
static size_t collect_rows(struct query_outcome *outcome, struct money_row *rows)
{
    size_t count = 0;
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        const struct query_part *part = outcome->parts[p];
        for (uint32_t i = 0; i < part->tally.money_keys.count; i++) {
            struct query_money_key key;
            memcpy(&key, part->tally.money_keys.keys[i].bytes, sizeof(key));
            struct money_row row = {
                .output = outcome->rank.output_of_slice[p][key.slice],
                .step = key.step,
                .currency = query_slices_text(&part->slices, key.currency, outcome->arena),
            };
            *(key.repeat != 0 ? &row.repeat : &row.matched) = part->tally.money[i];
            rows[count++] = row;
            if (!outcome->overlap) {
                row.output = outcome->output_count;
                rows[count++] = row;
            }
        }
    }
    return count;
}

static void add_sum(struct query_money_sum *sum, const struct query_money_sum *more)
{
    sum->revenue += more->revenue;
    sum->orders += more->orders;
}

static bool fits(const struct query_money_sum *sum)
{
    return sum->revenue <= INT64_MAX && sum->revenue >= INT64_MIN;
}

/// Adds up equal cells of sorted rows; returns how many are left.
static size_t add_up(struct money_row *rows, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && same_cell(&rows[kept - 1], &rows[i])) {
            add_sum(&rows[kept - 1].matched, &rows[i].matched);
            add_sum(&rows[kept - 1].repeat, &rows[i].repeat);
        } else {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static enum corong_status place_rows(struct query_outcome *outcome, struct query_slice **outputs,
                                     struct query_slice *total, const struct money_row *rows,
                                     size_t count, struct corong_error *error)
{
    struct query_money *money = arena_allocate(outcome->arena, (count + 1) * sizeof(*money));
    for (size_t i = 0; i < count; i++) {
        if (!fits(&rows[i].matched) || !fits(&rows[i].repeat)) {
            return error_set(error, CORONG_INVALID,
                             "revenue of step %u does not fit 64 bits of 1/10000 units",
                             rows[i].step + 1);
        }
        money[i] = (struct query_money){rows[i].currency, (int64_t)rows[i].matched.revenue,
                                        rows[i].matched.orders, (int64_t)rows[i].repeat.revenue,
                                        rows[i].repeat.orders};
        struct query_slice *slice =
            rows[i].output == outcome->output_count ? total : outputs[rows[i].output];
        struct query_step *step = &slice->steps[rows[i].step];
        step->money = step->money_count == 0 ? &money[i] : step->money;
        step->money_count++;
    }
    return CORONG_OK;
}

enum corong_status query_outcome_money(struct query_outcome *outcome, struct query_slice **outputs,
                                       struct query_slice *total, struct corong_error *error)
{
    size_t count = 0;
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        count += (size_t)outcome->parts[p]->tally.money_keys.count * 2;
    }
    TRY(query_tasks_charge(outcome->tasks, count * sizeof(struct money_row), "revenue", error));
    struct money_row *rows = memory_allocate((count + 1) * sizeof(*rows));
    count = collect_rows(outcome, rows);
    qsort(rows, count, sizeof(*rows), compare_rows);
    count = add_up(rows, count);
    enum corong_status status = place_rows(outcome, outputs, total, rows, count, error);
    memory_free(rows);
    return status;
}
