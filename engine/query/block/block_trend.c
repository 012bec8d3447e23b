// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_trend.h"

#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_places.h"
#include "storage/base/memory.h"

#define SLOTS_PER_BUCKET_MAX 16u
#define SLOT_COUNT_LEAST 4096u

/// The length of the shortest bucket, and whether all are so long.
static uint64_t shortest_us(const struct query_buckets *buckets, bool *even_out)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (uint32_t b = 0; b < buckets->count; b++) {
        uint64_t width = (uint64_t)buckets->begins[b + 1] - (uint64_t)buckets->begins[b];
        least = width < least ? width : least;
        most = width > most ? width : most;
    }
    *even_out = least == most;
    return least;
}

static void fill_slots(struct block_trend *trend, uint64_t slot_count)
{
    const struct query_buckets *buckets = trend->buckets;
    const uint64_t begin_us = (uint64_t)trend->begin_us;
    uint32_t b = 0;
    trend->slots = memory_allocate(slot_count * sizeof(*trend->slots));
    for (uint64_t slot = 0; slot < slot_count; slot++) {
        while (b + 1 < buckets->count &&
               (uint64_t)buckets->begins[b + 1] - begin_us <= slot << trend->shift) {
            b++;
        }
        uint64_t end_us = buckets->count == 0 ? 0 : (uint64_t)buckets->begins[b + 1] - begin_us;
        trend->slots[slot] = (struct block_trend_slot){end_us, b + 1};
    }
}

static void fill_open(struct block_trend *trend, int64_t open_from_us)
{
    const int64_t *begins = trend->buckets->begins;
    uint32_t count = trend->buckets->count;
    trend->open = memory_allocate_zeroed((size_t)count + 2, sizeof(*trend->open));
    for (uint32_t b = 0; b < count; b++) {
        if (begins[b] >= open_from_us) {
            trend->open[b + 1] = BLOCK_TREND_OPEN;
        } else if (begins[b + 1] > open_from_us) {
            trend->open[b + 1] = BLOCK_TREND_ASK;
        }
    }
}

static uint64_t bytes_of(const struct block_trend *trend, uint64_t slot_count)
{
    size_t places = (size_t)trend->buckets->count + 2;
    return slot_count * sizeof(*trend->slots) +
           places * (sizeof(*trend->open) + trend->step_count * 2 * sizeof(*trend->cells) +
                     sizeof(*trend->raises));
}

bool block_trend_init(struct block_trend *trend, const struct query_buckets *buckets,
                      uint32_t step_count, int64_t open_from_us, uint64_t room_bytes)
{
    const int64_t *begins = buckets->begins;
    bool even;
    uint64_t least_us = shortest_us(buckets, &even);
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(least_us);
    uint64_t span_us =
        buckets->count == 0 ? 0 : (uint64_t)begins[buckets->count] - (uint64_t)begins[0];
    uint64_t slot_count = (span_us >> shift) + 1;
    if (buckets->count > BLOCK_TREND_BUCKET_COUNT_MAX ||
        slot_count > (uint64_t)SLOTS_PER_BUCKET_MAX * buckets->count + SLOT_COUNT_LEAST) {
        return false; // or clocks that were changed by seconds once
    }
    size_t places = (size_t)buckets->count + 2;
    struct block_trend made = {
        .buckets = buckets, .span_us = span_us, .shift = shift, .step_count = step_count};
    made.bytes = bytes_of(&made, slot_count);
    if (made.bytes > room_bytes) {
        return false;
    }
    *trend = made;
    trend->begin_us = buckets->count == 0 ? 0 : begins[0];
    trend->width_us = even ? least_us : 0;
    fill_slots(trend, slot_count);
    fill_open(trend, open_from_us);
    trend->cells = memory_allocate_zeroed(places * step_count * 2, sizeof(*trend->cells));
    trend->raises = memory_allocate(places * sizeof(*trend->raises));
    return true;
}

void block_trend_deinit(struct block_trend *trend)
{
    memory_free(trend->slots);
    memory_free(trend->open);
    memory_free(trend->cells);
    memory_free(trend->raises);
    memory_free(trend->chunks);
}

/// The place of a moment, so long after the begin of all.
static inline uint32_t place_after(const struct block_trend *trend, uint64_t after_us)
{
    if (after_us >= trend->span_us) {
        return 0;
    }
    const struct block_trend_slot *slot = &trend->slots[after_us >> trend->shift];
    return (uint32_t)slot->place + (after_us >= slot->end_us);
}

/// Place by place, of buckets of any lengths.
static inline void fill_places(const struct block_trend *trend, struct block_lane *lane,
                               bool narrow)
{
    const uint64_t base = lane->times.base - (uint64_t)trend->begin_us;
    const uint64_t power = lane->times.power;
    const uint32_t *units = lane->times.units;
    const int64_t *wide = lane->times.wide;
    for (uint32_t row = 0; row <= lane->last_row; row++) {
        uint64_t after_us =
            narrow ? base + units[row] * power : (uint64_t)wide[row] - (uint64_t)trend->begin_us;
        lane->places[row] = (uint16_t)place_after(trend, after_us);
    }
}

static void reserve(struct block_lane *lane)
{
    const uint32_t row_count = lane->last_row + 1;
    if (lane->place_capacity < row_count) {
        memory_free(lane->places);
        memory_free(lane->turns);
        lane->places =
            memory_allocate_zeroed(row_count + BLOCK_PLACES_BEYOND, sizeof(*lane->places));
        // The word behind the last one is read with it.
        lane->turns = memory_allocate_zeroed(row_count / BLOCK_WORD_SIZE + 2, sizeof(*lane->turns));
        lane->place_capacity = row_count;
    }
}

/// Whether the group's rows, all of which lie in buckets, are what block_places_fill() divides.
static bool is_even(const struct block_trend *trend, const struct block_lane *lane,
                    struct block_even *even_out)
{
    const struct query_times *times = &lane->times;
    const uint64_t begin_us = (uint64_t)trend->begin_us;
    if (trend->width_us == 0 || trend->width_us % times->power != 0 ||
        (int64_t)times->base < trend->begin_us) {
        return false;
    }
    uint64_t width = trend->width_us / times->power;
    uint64_t before = (times->base - begin_us) / times->power;
    uint64_t most = ((uint64_t)lane->max_us - times->base) / times->power;
    if (width > BLOCK_EVEN_WIDTH_MAX || before % width + most >= BLOCK_EVEN_END) {
        return false;
    }
    *even_out = (struct block_even){.first = (uint32_t)(before / width) + 1,
                                    .rest = (uint32_t)(before % width),
                                    .width = (uint32_t)width,
                                    .last = trend->buckets->count};
    return true;
}

void block_trend_mark(const struct block_trend *trend, struct block_lane *lane)
{
    uint64_t least_us = (uint64_t)lane->min_us - (uint64_t)trend->begin_us;
    uint64_t most_us = (uint64_t)lane->max_us - (uint64_t)trend->begin_us;
    bool inside = least_us < trend->span_us && most_us < trend->span_us;
    struct block_even even;
    reserve(lane);
    if (lane->times.units == NULL) {
        fill_places(trend, lane, false);
    } else if (inside && is_even(trend, lane, &even)) {
        block_places_fill(&even, lane->times.units, lane->last_row + 1, lane->places);
    } else {
        fill_places(trend, lane, true);
    }
    block_turns_fill(lane->places, lane->last_row + 1, lane->turns);
}
