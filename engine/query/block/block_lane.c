// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_lane.h"

#include "engine/query/memo/memo.h"
#include "storage/base/invariant.h"

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
    for (uint32_t user = source->user; lane->hand != NULL && user < lane->end; user++) {
        query_memo_pass(lane->hand, query_memo_key(lane->keys[user].high));
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

bool block_lane_pass(struct block_lane *lane, uint32_t key)
{
    const uint64_t high = (uint64_t)key << 32;
    uint32_t user = lane->user;
    uint32_t row = lane->row;
    while (user < lane->end && lane->keys[user].high < high) {
        row += lane->row_counts[user++];
    }
    lane->user = user;
    lane->row = row;
    lane->high = user < lane->end ? lane->keys[user].high : UINT64_MAX;
    return user < lane->end;
}

enum corong_status block_lane_load(struct block_lane *lane, const struct block_ranges *ranges,
                                   uint32_t key, bool *more_out, struct corong_error *error)
{
    struct query_source *source = lane->source;
    source->reading->rows += lane->row - source->row_end;
    source->user = lane->user - 1;
    source->key = lane->keys[lane->user - 1];
    source->row_end = lane->row;
    lane->group = BLOCK_NO_GROUP;
    TRY(query_source_advance(source, (struct hash128){(uint64_t)key << 32, 0}, error));
    *more_out = !source->done;
    if (*more_out) {
        block_lane_enter(lane, ranges);
    }
    return CORONG_OK;
}
