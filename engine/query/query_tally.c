// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_tally.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

static int64_t day_of(int64_t time_us)
{
    int64_t day = time_us / MICROSECONDS_PER_DAY;
    return day - (time_us % MICROSECONDS_PER_DAY < 0);
}

void query_tally_init(struct query_tally *tally, const struct query_plan *plan, uint32_t step_count)
{
    *tally = (struct query_tally){.step_count = step_count};
    if (plan->time_max_us >= plan->time_min_us) {
        tally->first_day = day_of(plan->time_min_us);
        tally->day_count = (uint32_t)(day_of(plan->time_max_us) - tally->first_day + 1);
    }
    tally->days =
        memory_allocate_zeroed((size_t)tally->day_count * step_count + 1, sizeof(uint64_t));
}

void query_tally_deinit(struct query_tally *tally)
{
    for (uint32_t k = 0; k < tally->step_count; k++) {
        memory_free(tally->samples[k].slices);
        memory_free(tally->samples[k].from_entry_us);
        memory_free(tally->samples[k].from_previous_us);
    }
    memory_free(tally->ended);
    memory_free(tally->open);
    memory_free(tally->reached);
    memory_free(tally->entered);
    memory_free(tally->money);
    memory_free(tally->days);
    query_table_deinit(&tally->money_keys);
}

static uint64_t *grow_counts(uint64_t *counts, size_t old_size, size_t new_size)
{
    counts = memory_resize_array(counts, new_size, sizeof(uint64_t));
    memset(counts + old_size, 0, (new_size - old_size) * sizeof(uint64_t));
    return counts;
}

static void reserve_slice(struct query_tally *tally, uint32_t slice)
{
    if (slice >= tally->slice_capacity) {
        uint32_t width = tally->step_count + 1;
        uint32_t capacity = slice < 8 ? 16 : slice * 2;
        size_t old_size = (size_t)tally->slice_capacity * width;
        size_t new_size = (size_t)capacity * width;
        tally->ended = grow_counts(tally->ended, old_size, new_size);
        tally->open = grow_counts(tally->open, old_size, new_size);
        tally->reached = grow_counts(tally->reached, old_size, new_size);
        tally->entered = grow_counts(tally->entered, old_size, new_size);
        tally->slice_capacity = capacity;
    }
    tally->slice_count = slice >= tally->slice_count ? slice + 1 : tally->slice_count;
}

static void reserve_sample(struct query_samples *samples, bool previous)
{
    if (samples->count < samples->capacity) {
        return;
    }
    size_t capacity = samples->capacity == 0 ? 1024 : samples->capacity * 2;
    samples->slices = memory_resize_array(samples->slices, capacity, sizeof(uint32_t));
    samples->from_entry_us = memory_resize_array(samples->from_entry_us, capacity, sizeof(int64_t));
    if (previous) {
        samples->from_previous_us =
            memory_resize_array(samples->from_previous_us, capacity, sizeof(int64_t));
    }
    samples->capacity = capacity;
}

/// Durations up to a step made, which is not the entry; `before` is the step made before it.
static void add_sample(struct query_tally *tally, uint32_t slice, uint32_t step, uint32_t before,
                       const struct query_attempt *attempt)
{
    struct query_samples *samples = &tally->samples[step];
    const int64_t *matched_us = attempt->matched_us;
    reserve_sample(samples, step > 1);
    samples->slices[samples->count] = slice;
    samples->from_entry_us[samples->count] = matched_us[step] - attempt->entry_us;
    if (step > 1) {
        samples->from_previous_us[samples->count] = matched_us[step] - matched_us[before];
    }
    samples->count++;
}

void query_tally_attempt(struct query_tally *tally, uint32_t slice,
                         const struct query_attempt *attempt)
{
    DCHECK(attempt->level > 0 && attempt->level <= tally->step_count);
    reserve_slice(tally, slice);
    size_t at = (size_t)slice * (tally->step_count + 1);
    tally->ended[at + attempt->ended]++;
    tally->open[at + attempt->ended] += attempt->open;
    tally->entered[at + attempt->entered]++;
    uint32_t before = attempt->entered - 1;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        int64_t day = day_of(attempt->matched_us[k]) - tally->first_day;
        DCHECK(day >= 0 && day < tally->day_count);
        tally->days[(size_t)day * tally->step_count + k]++;
        tally->reached[at + k + 1]++;
        if (k + 1 > attempt->entered) {
            add_sample(tally, slice, k, before, attempt);
        }
        before = k;
    }
}

void query_tally_money(struct query_tally *tally, const struct query_money_key *key, int64_t amount)
{
    uint32_t number =
        query_table_number(&tally->money_keys, (struct text){(const char *)key, sizeof(*key)});
    if (number >= tally->money_capacity) {
        uint32_t capacity = tally->money_capacity == 0 ? 64 : tally->money_capacity * 2;
        tally->money = memory_resize_array(tally->money, capacity, sizeof(*tally->money));
        memset(tally->money + tally->money_capacity, 0,
               (size_t)(capacity - tally->money_capacity) * sizeof(*tally->money));
        tally->money_capacity = capacity;
    }
    tally->money[number].revenue += amount;
    tally->money[number].orders++;
}

uint64_t query_tally_bytes(const struct query_tally *tally)
{
    uint64_t bytes =
        (uint64_t)tally->slice_capacity * (tally->step_count + 1) * 4 * sizeof(uint64_t) +
        (uint64_t)tally->day_count * tally->step_count * sizeof(uint64_t) +
        query_table_bytes(&tally->money_keys) +
        (uint64_t)tally->money_capacity * sizeof(*tally->money);
    for (uint32_t k = 1; k < tally->step_count; k++) {
        bytes +=
            tally->samples[k].capacity * (sizeof(uint32_t) + sizeof(int64_t) * (k > 1 ? 2 : 1));
    }
    return bytes;
}
