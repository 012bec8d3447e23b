// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_lane.h"

#include "engine/query/block/block_trend.h"
#include "engine/query/memo/memo.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

void block_lane_init(struct block_lane *lane, struct query_source *source, uint32_t step_count)
{
    uint64_t bits = 0;
    lane->source = source;
    lane->group = BLOCK_NO_GROUP;
    for (uint32_t k = 0; k < step_count; k++) {
        bits |= source->segment->name_bits[k];
    }
    lane->small_masks = bits < BLOCK_NAME_COUNT;
    for (uint32_t mask = 0; lane->small_masks && mask < BLOCK_NAME_COUNT; mask++) {
        lane->possible[mask] = block_lane_steps_of_mask(lane, mask, step_count);
    }
}

void block_lane_deinit(struct block_lane *lane)
{
    memory_free(lane->places);
    memory_free(lane->turns);
}

/// Steps by class, where classes say it all.
static void take_classes(struct block_lane *lane)
{
    const struct query_source *source = lane->source;
    lane->classes = source->segment->filtered ? NULL : source->classes;
    for (uint32_t i = 0; lane->classes != NULL && i < BLOCK_NAME_COUNT; i++) {
        lane->steps_of_class[i] = (uint32_t)source->steps_of_class[i];
    }
}

/// The task's users end at the first key that is not the task's.
static void find_ends(struct block_lane *lane, const struct segment_group_zone *zone)
{
    const struct query_source *source = lane->source;
    uint32_t end = source->rows.user_count;
    if (source->has_end && hash128_compare(zone->key_max, source->end) >= 0) {
        uint32_t low = source->user;
        while (low < end) {
            uint32_t middle = low + (end - low) / 2;
            if (hash128_compare(lane->keys[middle], source->end) < 0) {
                low = middle + 1;
            } else {
                end = middle;
            }
        }
    }
    lane->end = end;
    bool whole = end == source->rows.user_count;
    lane->stop = end - (whole && query_source_group_continues(source));
}

static void take_group(struct block_lane *lane, const struct block_ranges *ranges)
{
    const struct query_source *source = lane->source;
    const struct row_group *rows = &source->rows;
    struct segment_group_zone zone;
    query_segment_zone(source->segment, source->segment->groups[source->group], &zone);
    lane->last_row = rows->row_count - 1;
    lane->keys = rows->user_keys;
    lane->row_counts = rows->user_row_counts;
    lane->masks = rows->user_name_masks;
    lane->entries = source->entries;
    lane->later = source->later;
    lane->times = source->times;
    lane->moved = source->moved;
    lane->min_us = zone.time_min_us;
    lane->max_us = zone.time_max_us;
    lane->cut = zone.time_min_us < ranges->rows.from_us || zone.time_max_us > ranges->rows.to_us ||
                zone.time_max_us > ranges->as_of_us || zone.time_max_us >= ranges->entries_to_us;
    take_classes(lane);
    lane->plain = !lane->cut && lane->moved == NULL && lane->small_masks && lane->classes != NULL &&
                  lane->times.units != NULL;
    find_ends(lane, &zone);
    lane->group = source->group;
    if (lane->trend != NULL) {
        block_trend_mark(lane->trend, lane);
    }
    for (uint32_t user = source->user; lane->hand != NULL && user < lane->end; user++) {
        query_memo_pass(lane->hand, lane->keys[user]);
    }
}

void block_lane_enter(struct block_lane *lane, const struct block_ranges *ranges)
{
    const struct query_source *source = lane->source;
    DCHECK(!source->done);
    if (lane->group != source->group) {
        take_group(lane, ranges);
    }
    lane->user = source->user;
    lane->row = source->row;
    lane->high = source->key.high;
}

void block_lane_leave(struct block_lane *lane)
{
    struct query_source *source = lane->source;
    uint32_t row_end = lane->row + lane->row_counts[lane->user];
    source->reading->rows += row_end - source->row_end;
    source->user = lane->user;
    source->key = lane->keys[lane->user];
    source->row = lane->row;
    source->row_end = row_end;
}

enum corong_status block_lane_refill(struct block_lane *lane, const struct block_ranges *ranges,
                                     bool *more_out, struct corong_error *error)
{
    struct query_source *source = lane->source;
    source->reading->rows += lane->row - source->row_end;
    source->user = lane->user - 1;
    source->row_end = lane->row;
    lane->group = BLOCK_NO_GROUP;
    TRY(query_source_next(source, error));
    *more_out = !source->done;
    if (*more_out) {
        take_group(lane, ranges);
        lane->user = source->user;
        lane->row = source->row;
        lane->high = source->key.high;
    }
    return CORONG_OK;
}

/// The first user behind `user`, whose half key is smaller, with that half key or a larger one.
static uint32_t find_user(const struct block_lane *lane, uint32_t user, uint64_t high)
{
    const struct hash128 *keys = lane->keys;
    uint32_t step = 1;
    while (step < lane->end - user && keys[user + step].high < high) {
        user += step;
        step *= 2;
    }
    uint32_t end = step < lane->end - user ? user + step : lane->end;
    user++;
    while (user < end) {
        uint32_t middle = user + (end - user) / 2;
        if (keys[middle].high < high) {
            user = middle + 1;
        } else {
            end = middle;
        }
    }
    return user;
}

bool block_lane_pass(struct block_lane *lane, uint64_t high)
{
    const uint32_t user = find_user(lane, lane->user, high);
    uint32_t row = lane->row;
    for (uint32_t i = lane->user; i < user; i++) {
        row += lane->row_counts[i];
    }
    lane->user = user;
    lane->row = row;
    lane->high = user < lane->end ? lane->keys[user].high : UINT64_MAX;
    return user < lane->end;
}

enum corong_status block_lane_load(struct block_lane *lane, const struct block_ranges *ranges,
                                   uint64_t high, bool *more_out, struct corong_error *error)
{
    struct query_source *source = lane->source;
    source->reading->rows += lane->row - source->row_end;
    source->user = lane->user - 1;
    source->key = lane->keys[lane->user - 1];
    source->row_end = lane->row;
    lane->group = BLOCK_NO_GROUP;
    TRY(query_source_advance(source, (struct hash128){high, 0}, error));
    *more_out = !source->done;
    if (*more_out) {
        block_lane_enter(lane, ranges);
    }
    return CORONG_OK;
}
