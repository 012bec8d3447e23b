// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_tally.h"

#include "engine/query/query_durations.h"
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
    tally->recent = memory_allocate_zeroed(QUERY_MONEY_RECENT_COUNT, sizeof(*tally->recent));
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
    memory_free(tally->cells);
    memory_free(tally->extents);
    memory_free(tally->money);
    memory_free(tally->recent);
    memory_free(tally->days);
    query_table_deinit(&tally->money_keys);
}

static void reserve_slice(struct query_tally *tally, uint32_t slice)
{
    if (slice >= tally->slice_capacity) {
        uint32_t capacity = slice < 8 ? 16 : slice * 2;
        size_t old_count = (size_t)tally->slice_capacity * tally->step_count;
        size_t count = (size_t)capacity * tally->step_count;
        tally->cells = memory_resize_array(tally->cells, count, sizeof(*tally->cells));
        memset(tally->cells + old_count, 0, (count - old_count) * sizeof(*tally->cells));
        if (tally->lean) {
            tally->extents =
                memory_resize_array(tally->extents, 2 * count, sizeof(*tally->extents));
            memset(tally->extents + 2 * old_count, 0,
                   2 * (count - old_count) * sizeof(*tally->extents));
        }
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

static void add_sample(struct query_tally *tally, uint32_t slice, uint32_t step,
                       int64_t from_entry_us, int64_t from_previous_us)
{
    struct query_samples *samples = &tally->samples[step];
    reserve_sample(samples, step > 1);
    samples->slices[samples->count] = slice;
    samples->from_entry_us[samples->count] = from_entry_us;
    if (step > 1) {
        samples->from_previous_us[samples->count] = from_previous_us;
    }
    samples->count++;
}

static void add_extent(struct query_extent *extent, int64_t value)
{
    extent->min_us = extent->count == 0 || value < extent->min_us ? value : extent->min_us;
    extent->max_us = extent->count == 0 || value > extent->max_us ? value : extent->max_us;
    extent->sum += value;
    extent->histogram[query_durations_bucket(value)]++;
    extent->count++;
}

static void add_day(struct query_tally *tally, uint32_t step, int64_t time_us)
{
    int64_t day = day_of(time_us) - tally->first_day;
    DCHECK(day >= 0 && day < tally->day_count);
    tally->days[(size_t)day * tally->step_count + step]++;
}

static void add_durations(struct query_tally *tally, uint32_t slice, uint32_t step,
                          int64_t from_entry_us, int64_t from_previous_us)
{
    if (tally->lean) {
        struct query_extent *extents =
            &tally->extents[2 * ((size_t)slice * tally->step_count + step)];
        add_extent(&extents[0], from_entry_us);
        add_extent(&extents[1], from_previous_us);
    } else {
        add_sample(tally, slice, step, from_entry_us, from_previous_us);
    }
}

void query_tally_attempt(struct query_tally *tally, uint32_t slice,
                         const struct query_attempt *attempt, bool days)
{
    DCHECK(attempt->level > 0 && attempt->level <= tally->step_count);
    reserve_slice(tally, slice);
    struct query_cell *cells = &tally->cells[(size_t)slice * tally->step_count];
    cells[attempt->ended - 1].dropped += !attempt->won;
    cells[attempt->ended - 1].open += attempt->open;
    cells[tally->step_count - 1].won += attempt->won;
    cells[attempt->entered - 1].entered++;
    bool times = (tally->left_out & QUERY_OUTPUT_TIMES) == 0;
    int64_t previous_us = attempt->entry_us;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        int64_t time_us = attempt->matched_us[k];
        cells[k].reached++;
        if (days) {
            add_day(tally, k, time_us);
        }
        if (times && k + 1 > attempt->entered) {
            add_durations(tally, slice, k, time_us - attempt->entry_us, time_us - previous_us);
        }
        previous_us = time_us;
    }
}

void query_tally_levels(struct query_tally *tally, uint32_t slice, uint32_t level, bool open,
                        uint64_t count)
{
    DCHECK(level > 0 && level <= tally->step_count);
    reserve_slice(tally, slice);
    struct query_cell *cells = &tally->cells[(size_t)slice * tally->step_count];
    bool won = level == tally->step_count;
    cells[0].entered += count;
    cells[level - 1].won += won ? count : 0;
    cells[level - 1].dropped += won ? 0 : count;
    cells[level - 1].open += open ? count : 0;
    for (uint32_t k = 0; k < level; k++) {
        cells[k].reached += count;
    }
}

/// The key's number; few keys come again and again.
static uint32_t money_number(struct query_tally *tally, const struct query_money_key *key)
{
    uint32_t hash = key->slice * 8 + key->step * 2 + key->repeat + key->currency * 64;
    struct query_money_recent *recent = &tally->recent[hash % QUERY_MONEY_RECENT_COUNT];
    if (recent->number == 0 || memcmp(&recent->key, key, sizeof(*key)) != 0) {
        struct text bytes = {(const char *)key, sizeof(*key)};
        recent->key = *key;
        recent->number = query_table_number(&tally->money_keys, bytes) + 1;
    }
    return recent->number - 1;
}

void query_tally_money(struct query_tally *tally, const struct query_money_key *key,
                       const struct query_money_sum *sum)
{
    uint32_t number = money_number(tally, key);
    if (number >= tally->money_capacity) {
        uint32_t capacity = tally->money_capacity == 0 ? 64 : tally->money_capacity * 2;
        tally->money = memory_resize_array(tally->money, capacity, sizeof(*tally->money));
        memset(tally->money + tally->money_capacity, 0,
               (size_t)(capacity - tally->money_capacity) * sizeof(*tally->money));
        tally->money_capacity = capacity;
    }
    tally->money[number].revenue += sum->revenue;
    tally->money[number].orders += sum->orders;
}

uint64_t query_tally_bytes(const struct query_tally *tally)
{
    uint64_t bytes =
        (uint64_t)tally->slice_capacity * tally->step_count * sizeof(struct query_cell) +
        (tally->lean
             ? 2 * (uint64_t)tally->slice_capacity * tally->step_count * sizeof(struct query_extent)
             : 0) +
        (uint64_t)tally->day_count * tally->step_count * sizeof(uint64_t) +
        query_table_bytes(&tally->money_keys) +
        (uint64_t)tally->money_capacity * sizeof(*tally->money);
    for (uint32_t k = 1; k < tally->step_count; k++) {
        bytes +=
            tally->samples[k].capacity * (sizeof(uint32_t) + sizeof(int64_t) * (k > 1 ? 2 : 1));
    }
    return bytes;
}
