// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_outcome.h"

#include "engine/query/query_durations.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>

#define RANKED_SLICE_SIZE 64u

/// What ranking takes at most: each part's keys and values once more, a rank and counts per slice;
/// and what the listed slices take.
static enum corong_status charge_ranking(struct query_outcome *outcome, uint32_t top,
                                         struct corong_error *error)
{
    uint64_t slices = 0;
    uint64_t bytes = 0;
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        const struct query_part *part = outcome->parts[p];
        slices += part->tally.slice_count;
        bytes += 2 * query_slices_bytes(&part->slices);
    }
    uint64_t listed = slices < top ? slices : top;
    bytes += slices * RANKED_SLICE_SIZE +
             listed * outcome->query->funnel.step_count * sizeof(struct query_step);
    return query_tasks_charge(outcome->tasks, outcome->query->by_count == 0 ? 0 : bytes,
                              "ranking the slices", error);
}

/// Whether a slice has attempts: an open entry may leave out step 1.
static bool has_attempts(const struct query_tally *tally, uint32_t slice)
{
    const struct query_cell *cells = &tally->cells[(size_t)slice * tally->step_count];
    uint64_t attempts = 0;
    for (uint32_t k = 0; k < tally->step_count; k++) {
        attempts += cells[k].entered;
    }
    return attempts > 0;
}

/// Ranks the slices of all parts by the attempts that have an entry.
static void rank_parts(struct query_outcome *outcome, uint32_t top)
{
    struct query_rank_part *parts =
        arena_allocate(&outcome->scratch, outcome->part_count * sizeof(*parts));
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        const struct query_part *part = outcome->parts[p];
        uint32_t count = part->tally.slice_count;
        uint64_t *counts = arena_allocate(&outcome->scratch, ((size_t)count + 1) * sizeof(*counts));
        bool *present = arena_allocate(&outcome->scratch, (size_t)count + 1);
        for (uint32_t s = 0; s < count; s++) {
            counts[s] = part->tally.cells[(size_t)s * part->tally.step_count].reached;
            present[s] = has_attempts(&part->tally, s);
        }
        parts[p] = (struct query_rank_part){&part->slices, count, counts, present};
    }
    query_rank_slices(&outcome->rank, parts, outcome->part_count, top, &outcome->scratch);
}

/// The listing says already which slice is which output.
static void take_listing(struct query_outcome *outcome)
{
    const struct query_listing *listing = outcome->listing;
    struct query_rank *rank = &outcome->rank;
    rank->listed = listing->count;
    rank->slice_count = (uint32_t)(listing->count + listing->other_count);
    rank->values = listing->values;
    rank->output_of_slice =
        arena_allocate(&outcome->scratch, outcome->part_count * sizeof(uint32_t *));
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        uint32_t count = outcome->parts[p]->tally.slice_count;
        uint32_t *outputs =
            arena_allocate(&outcome->scratch, ((size_t)count + 1) * sizeof(*outputs));
        for (uint32_t s = 0; s < count; s++) {
            outputs[s] = s;
        }
        rank->output_of_slice[p] = outputs;
    }
}

/// With `order: any` a row is a number of steps, whichever they are.
static struct text step_name(const struct query_outcome *outcome, uint32_t step)
{
    const struct funnel *funnel = &outcome->query->funnel;
    char words[32];
    if (funnel->order != FUNNEL_ORDER_ANY) {
        return arena_copy_text(outcome->arena, funnel->steps[step].name);
    }
    int size = snprintf(words, sizeof(words), "at least %u of %u", step + 1, funnel->step_count);
    return arena_copy_text(outcome->arena, (struct text){words, (size_t)size});
}

static void slice_init(const struct query_outcome *outcome, struct query_slice *slice,
                       const struct text *values)
{
    const struct query_funnel *query = outcome->query;
    *slice = (struct query_slice){.left_out = query->left_out};
    slice->steps =
        arena_allocate_zeroed(outcome->arena, query->funnel.step_count, sizeof(struct query_step));
    for (uint32_t k = 0; k < query->funnel.step_count; k++) {
        slice->steps[k].name = step_name(outcome, k);
    }
    if (values != NULL) {
        slice->values = arena_allocate(outcome->arena, query->by_count * sizeof(struct text));
        for (uint32_t i = 0; i < query->by_count; i++) {
            slice->values[i] = arena_copy_text(outcome->arena, values[i]);
        }
    }
}

/// Makes the listed slices, `(other)` and the total, all of them empty.
static void make_slices(struct query_outcome *outcome, struct query_funnel_result *result)
{
    const struct query_funnel *query = outcome->query;
    uint32_t top = query->top == 0 ? QUERY_TOP_DEFAULT : query->top;
    if (outcome->listing != NULL) {
        take_listing(outcome);
    } else {
        rank_parts(outcome, query->by_count == 0 ? 0 : top);
    }
    const struct query_rank *rank = &outcome->rank;
    outcome->output_count = rank->listed + 1;
    result->slice_count = rank->listed;
    result->slices =
        arena_allocate(outcome->arena, ((size_t)rank->listed + 1) * sizeof(*result->slices));
    for (uint32_t i = 0; i < rank->listed; i++) {
        slice_init(outcome, &result->slices[i], rank->values[i]);
    }
    slice_init(outcome, &result->other, NULL);
    slice_init(outcome, &result->total, NULL);
    result->has_other = query->by_count > 0 && rank->slice_count > rank->listed;
    result->other_slice_count = query->by_count > 0 ? rank->slice_count - rank->listed : 0;
    if (outcome->listing_out != NULL && query->by_count > 0 && outcome->listing == NULL) {
        query_listing_take(outcome->listing_out, rank, query->by_count, outcome->arena);
    }
}

/// Adds a slice's attempts.
static void add_cells(struct query_slice *slice, uint32_t step_count,
                      const struct query_cell *cells)
{
    for (uint32_t k = 0; k < step_count; k++) {
        struct query_step *step = &slice->steps[k];
        step->reached += cells[k].reached;
        step->entered += cells[k].entered;
        slice->won += cells[k].won;
        step->dropped += cells[k].dropped;
        step->open += cells[k].open;
        step->lost += cells[k].dropped - cells[k].open;
        slice->open += cells[k].open;
        slice->lost += cells[k].dropped - cells[k].open;
    }
}

static void add_levels(struct query_outcome *outcome, struct query_slice **outputs,
                       struct query_slice *total)
{
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        const struct query_tally *tally = &outcome->parts[p]->tally;
        for (uint32_t s = 0; s < tally->slice_count; s++) {
            uint32_t output = outcome->rank.output_of_slice[p][s];
            const struct query_cell *cells = &tally->cells[(size_t)s * tally->step_count];
            if (output < outcome->output_count) {
                add_cells(outputs[output], tally->step_count, cells);
            }
            if (output == outcome->output_count ||
                (output < outcome->output_count && !outcome->overlap)) {
                add_cells(total, tally->step_count, cells);
            }
        }
    }
}

/// Brings the values of one step together by output; `ends[o]` is where output o's end.
static void scatter_samples(struct query_outcome *outcome, uint32_t step, bool from_previous,
                            int64_t *values, uint64_t *ends)
{
    memset(ends, 0, ((size_t)outcome->output_count + 2) * sizeof(*ends));
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        const struct query_samples *samples = &outcome->parts[p]->tally.samples[step];
        for (uint64_t i = 0; i < samples->count; i++) {
            ends[outcome->rank.output_of_slice[p][samples->slices[i]] + 1]++;
        }
    }
    for (uint32_t o = 0; o <= outcome->output_count; o++) {
        ends[o + 1] += ends[o];
    }
    for (uint32_t p = 0; p < outcome->part_count; p++) {
        const struct query_samples *samples = &outcome->parts[p]->tally.samples[step];
        const int64_t *from = from_previous ? samples->from_previous_us : samples->from_entry_us;
        for (uint64_t i = 0; i < samples->count; i++) {
            values[ends[outcome->rank.output_of_slice[p][samples->slices[i]]]++] = from[i];
        }
    }
}

static void fill_durations(struct query_outcome *outcome, struct query_slice **outputs,
                           struct query_slice *total, uint32_t step, bool from_previous,
                           int64_t *values)
{
    uint64_t *ends = memory_allocate(((size_t)outcome->output_count + 2) * sizeof(*ends));
    scatter_samples(outcome, step, from_previous, values, ends);
    uint64_t start = 0;
    for (uint32_t o = 0; o <= outcome->output_count; o++) {
        bool all = o == outcome->output_count;
        uint64_t end = ends[o];
        start = all && !outcome->overlap ? 0 : start;
        struct query_step *shown = all ? &total->steps[step] : &outputs[o]->steps[step];
        struct query_durations durations;
        query_durations_of(values + start, end - start, &durations);
        *(from_previous ? &shown->from_previous : &shown->from_entry) = durations;
        start = end;
    }
    memory_free(ends);
}

static enum corong_status add_durations(struct query_outcome *outcome, struct query_slice **outputs,
                                        struct query_slice *total, struct corong_error *error)
{
    for (uint32_t step = 1; step < outcome->query->funnel.step_count; step++) {
        uint64_t count = 0;
        for (uint32_t p = 0; p < outcome->part_count; p++) {
            count += outcome->parts[p]->tally.samples[step].count;
        }
        // Twice: sorting needs a second array.
        TRY(query_tasks_charge(outcome->tasks, step == 1 ? count * 2 * sizeof(int64_t) : 0,
                               "durations", error));
        TRY(query_tasks_check(outcome->tasks, error));
        int64_t *values = memory_allocate((count + 1) * sizeof(*values));
        fill_durations(outcome, outputs, total, step, false, values);
        if (step > 1) {
            fill_durations(outcome, outputs, total, step, true, values);
        }
        memory_free(values);
    }
    for (uint32_t o = 0; outcome->query->funnel.step_count > 1 && o <= outcome->output_count; o++) {
        struct query_slice *slice = o == outcome->output_count ? total : outputs[o];
        slice->steps[1].from_previous = slice->steps[1].from_entry;
    }
    return CORONG_OK;
}

static void add_extent(struct query_durations *durations, __int128 *sum,
                       const struct query_extent *extent)
{
    if (extent->count == 0) {
        return;
    }
    bool first = durations->count == 0;
    durations->min_us =
        first || extent->min_us < durations->min_us ? extent->min_us : durations->min_us;
    durations->max_us =
        first || extent->max_us > durations->max_us ? extent->max_us : durations->max_us;
    durations->count += extent->count;
    for (uint32_t i = 0; i <= QUERY_EDGE_COUNT; i++) {
        durations->histogram[i] += extent->histogram[i];
    }
    *sum += extent->sum;
    durations->mean_us = (double)*sum / (double)durations->count;
}

/// What is known of durations that were not kept; percentiles come in passes of their own.
static void add_extents(struct query_outcome *outcome, struct query_slice **outputs,
                        struct query_slice *total)
{
    uint32_t steps = outcome->query->funnel.step_count;
    for (uint32_t o = 0; o <= outcome->output_count; o++) {
        struct query_slice *slice = o == outcome->output_count ? total : outputs[o];
        for (uint32_t k = 1; k < steps; k++) {
            __int128 sums[2] = {0, 0};
            for (uint32_t p = 0; p < outcome->part_count; p++) {
                const struct query_tally *tally = &outcome->parts[p]->tally;
                if (o < tally->slice_count) {
                    const struct query_extent *extents =
                        &tally->extents[2 * ((size_t)o * steps + k)];
                    add_extent(&slice->steps[k].from_entry, &sums[0], &extents[0]);
                    add_extent(&slice->steps[k].from_previous, &sums[1], &extents[1]);
                }
            }
        }
    }
}

/// Days on which some step was matched.
static void add_days(struct query_outcome *outcome, struct query_funnel_result *result)
{
    uint32_t steps = outcome->query->funnel.step_count;
    const struct query_tally *first = &outcome->parts[0]->tally;
    result->days =
        arena_allocate_zeroed(outcome->arena, first->day_count + 1, sizeof(*result->days));
    for (uint32_t d = 0; d < first->day_count; d++) {
        uint64_t *reached = arena_allocate_zeroed(outcome->arena, steps, sizeof(*reached));
        uint64_t all = 0;
        for (uint32_t p = 0; p < outcome->part_count; p++) {
            for (uint32_t k = 0; k < steps; k++) {
                uint64_t more = outcome->parts[p]->tally.days[(size_t)d * steps + k];
                reached[k] += more;
                all += more;
            }
        }
        if (all > 0) {
            result->days[result->day_count++] =
                (struct query_day){(first->first_day + d) * MICROSECONDS_PER_DAY, reached};
        }
    }
}

enum corong_status query_outcome_fill(struct query_outcome *outcome,
                                      struct query_funnel_result *result_out,
                                      struct corong_error *error)
{
    ASSERT(outcome->part_count > 0);
    *result_out = (struct query_funnel_result){0};
    uint32_t top = outcome->query->top == 0 ? QUERY_TOP_DEFAULT : outcome->query->top;
    if (outcome->listing == NULL) {
        TRY(charge_ranking(outcome, top, error));
    }
    make_slices(outcome, result_out);
    struct query_slice **outputs =
        arena_allocate(&outcome->scratch, outcome->output_count * sizeof(struct query_slice *));
    for (uint32_t i = 0; i < result_out->slice_count; i++) {
        outputs[i] = &result_out->slices[i];
    }
    outputs[result_out->slice_count] = &result_out->other;
    add_levels(outcome, outputs, &result_out->total);
    enum corong_status status = CORONG_OK;
    if ((outcome->query->left_out & QUERY_OUTPUT_TIMES) != 0) {
        status = query_tasks_check(outcome->tasks, error);
    } else if (outcome->parts[0]->tally.lean) {
        add_extents(outcome, outputs, &result_out->total);
    } else {
        status = add_durations(outcome, outputs, &result_out->total, error);
    }
    if (status == CORONG_OK) {
        status = query_outcome_money(outcome, outputs, &result_out->total, error);
    }
    add_days(outcome, result_out);
    arena_deinit(&outcome->scratch);
    return status;
}

enum corong_status query_outcome_series(struct query_outcome *outcome, uint32_t count,
                                        struct query_slice **slices_out, struct corong_error *error)
{
    const struct query_listing nothing = {0};
    struct query_slice none;
    outcome->listing = &nothing;
    take_listing(outcome);
    outcome->output_count = count;
    *slices_out = arena_allocate(outcome->arena, ((size_t)count + 1) * sizeof(**slices_out));
    struct query_slice **outputs =
        arena_allocate(&outcome->scratch, ((size_t)count + 1) * sizeof(struct query_slice *));
    for (uint32_t i = 0; i < count; i++) {
        outputs[i] = &(*slices_out)[i];
        slice_init(outcome, outputs[i], NULL);
    }
    slice_init(outcome, &none, NULL);
    add_levels(outcome, outputs, &none);
    enum corong_status status = CORONG_OK;
    if ((outcome->query->left_out & QUERY_OUTPUT_TIMES) == 0) {
        status = add_durations(outcome, outputs, &none, error);
    }
    if (status == CORONG_OK) {
        status = query_outcome_money(outcome, outputs, &none, error);
    }
    arena_deinit(&outcome->scratch);
    return status;
}
