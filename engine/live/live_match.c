// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_private.h"
#include "storage/base/memory.h"

#include <string.h>

static const uint32_t *name_steps(struct live *live, const struct live_hand *hand)
{
    struct live_code_cache *cache = &live->cache;
    uint32_t code = hand->batch->columns[COLUMN_NAME].codes[hand->tail_row];
    if (code >= cache->name_capacity) {
        uint32_t capacity = code + code / 2 + 64;
        size_t row_size = live->followed_count * sizeof(uint32_t);
        cache->name_steps = memory_resize_array(cache->name_steps, capacity, row_size);
        memset((char *)cache->name_steps + cache->name_capacity * row_size, 0xff,
               (capacity - cache->name_capacity) * row_size);
        cache->name_capacity = capacity;
    }
    return cache->name_steps + (size_t)code * live->followed_count;
}

static struct text row_text(const struct live *live, const struct live_hand *hand, uint32_t column)
{
    return event_batch_text(hand->batch->batch,
                            event_row_string(hand->row, live->options.format, column));
}

// Steps by name, worked out once per name and flush. A name that fills every one of 32 steps looks
// like "not known" and is worked out again, which is right as well.
static const uint32_t *known_name_steps(struct live *live, const struct live_hand *hand)
{
    uint32_t *steps = (uint32_t *)(uintptr_t)name_steps(live, hand);
    for (uint32_t i = 0; i < live->followed_count; i++) {
        if (steps[i] == UINT32_MAX) {
            steps[i] = live_plan_name_steps(&live->options.plan->followed[i],
                                            row_text(live, hand, COLUMN_NAME));
        }
    }
    return steps;
}

static void fill_values(struct live *live, const struct live_hand *hand)
{
    const struct event_format *format = live->options.format;
    for (uint32_t i = 0; i < format->schema->column_count; i++) {
        if (format->is_string[i]) {
            live->values[i].string = row_text(live, hand, i);
        } else {
            live->values[i].integer = event_row_integer(hand->row, format, i);
        }
    }
}

static uint16_t cached_slice(struct live *live, uint32_t funnel, uint32_t code, struct text value)
{
    struct live_code_cache *cache = &live->cache;
    if (code == COLUMN_CODE_MISSING) {
        return LIVE_SLICE_NONE;
    }
    if (code >= cache->slice_capacities[funnel]) {
        uint32_t capacity = code + code / 2 + 64;
        cache->slices[funnel] =
            memory_resize_array(cache->slices[funnel], capacity, sizeof(uint16_t));
        memset(cache->slices[funnel] + cache->slice_capacities[funnel], 0xff,
               (capacity - cache->slice_capacities[funnel]) * sizeof(uint16_t));
        cache->slice_capacities[funnel] = capacity;
    }
    uint16_t *known = &cache->slices[funnel][code];
    if (*known == UINT16_MAX) {
        *known = live_counts_code(&live->counts[funnel], value);
    }
    return *known;
}

// Values of other types are sliced by their text.
static uint16_t number_slice(struct live *live, uint32_t funnel, enum column_type type,
                             int64_t integer)
{
    char buffer[LIVE_PLAN_TEXT_SIZE];
    return live_counts_code(&live->counts[funnel], live_plan_slice_text(type, integer, buffer));
}

static uint16_t slice_of(struct live *live, const struct live_hand *hand, uint32_t funnel)
{
    int32_t column = live->options.plan->followed[funnel].slice_column;
    if (column < 0) {
        return LIVE_SLICE_NONE;
    }
    enum column_type type = live->options.plan->schema->columns[column].type;
    if (type != COLUMN_STRING) {
        return number_slice(live, funnel, type,
                            event_row_integer(hand->row, live->options.format, (uint32_t)column));
    }
    const uint32_t *codes = hand->batch->columns[column].codes;
    uint32_t code = codes == NULL ? COLUMN_CODE_MISSING : codes[hand->tail_row];
    return cached_slice(live, funnel, code, row_text(live, hand, (uint32_t)column));
}

// Which steps of which funnels the event may fill. False: of none.
bool live_match_row(struct live *live, const struct live_hand *hand)
{
    const uint32_t *by_name = known_name_steps(live, hand);
    bool any = false;
    bool filled = false;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_followed *followed = &live->options.plan->followed[i];
        uint32_t steps = by_name[i];
        if ((steps & followed->filter_steps) != 0) {
            if (!filled) {
                fill_values(live, hand);
                filled = true;
            }
            steps = live_plan_filter_steps(followed, steps, live->values, hand->row->time_us);
        }
        live->events[i].steps = steps;
        live->events[i].slice = (steps & 1) != 0 ? slice_of(live, hand, i) : LIVE_SLICE_NONE;
        any |= steps != 0;
    }
    return any;
}

bool live_match_values(struct live *live, const union canonical_value *values, int64_t time_us)
{
    bool any = false;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_followed *followed = &live->options.plan->followed[i];
        uint32_t steps = live_plan_name_steps(followed, values[COLUMN_NAME].string);
        steps = live_plan_filter_steps(followed, steps, values, time_us);
        live->events[i] = (struct live_event){steps, LIVE_SLICE_NONE};
        any |= steps != 0;
        if ((steps & 1) == 0 || followed->slice_column < 0) {
            continue;
        }
        uint32_t column = (uint32_t)followed->slice_column;
        enum column_type type = live->options.plan->schema->columns[column].type;
        live->events[i].slice = type == COLUMN_STRING
                                    ? live_counts_code(&live->counts[i], values[column].string)
                                    : number_slice(live, i, type, values[column].integer);
    }
    return any;
}

static void forget(void *codes, size_t size)
{
    if (size > 0) {
        memset(codes, 0xff, size);
    }
}

void live_match_forget(struct live *live)
{
    struct live_code_cache *cache = &live->cache;
    forget(cache->name_steps,
           (size_t)cache->name_capacity * live->followed_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < live->followed_count; i++) {
        forget(cache->slices[i], cache->slice_capacities[i] * sizeof(uint16_t));
    }
}

void live_match_deinit(struct live *live)
{
    struct live_code_cache *cache = &live->cache;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        memory_free(cache->slices[i]);
    }
    memory_free(cache->name_steps);
    memory_free(cache->slices);
    memory_free(cache->slice_capacities);
}
