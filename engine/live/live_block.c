// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_block.h"

#include "storage/base/hash.h"
#include "storage/base/memory.h"

#include <string.h>

#define USER_CAPACITY_MIN 256u
#define SLOT_COUNT_MIN 256u

void live_block_init(struct live_block *block, const struct live_plan *plan)
{
    *block = (struct live_block){.plan = plan, .state_size = live_plan_state_size(plan)};
    hash_random_bytes(&block->values.seed, sizeof(block->values.seed));
}

void live_block_deinit(struct live_block *block)
{
    memory_free(block->users);
    memory_free(block->states);
    memory_free(block->values.texts);
    memory_free(block->values.slots);
    arena_deinit(&block->values.arena);
    *block = (struct live_block){0};
}

void live_block_reset(struct live_block *block)
{
    block->user_count = 0;
    live_values_reset(&block->values);
}

void live_block_add(struct live_block *block, const struct live_block_user *user,
                    const struct live_state *states)
{
    if (block->user_count == block->user_capacity) {
        uint32_t capacity =
            block->user_capacity == 0 ? USER_CAPACITY_MIN : block->user_capacity * 2;
        block->users = memory_resize_array(block->users, capacity, sizeof(*block->users));
        block->states = memory_resize_array(block->states, capacity, block->state_size + 1);
        block->user_capacity = capacity;
    }
    uint8_t *packed = block->states + (size_t)block->user_count * block->state_size;
    block->users[block->user_count++] = *user;
    for (uint32_t i = 0; i < block->plan->followed_count; i++) {
        const struct live_rule *rule = &block->plan->followed[i].rule;
        live_funnel_store(rule, &states[i], packed);
        packed += live_funnel_packed_size(rule);
    }
}

static uint32_t slot_of(const struct live_values *values, struct text value)
{
    uint64_t hash = hash_bytes64_seeded(value.bytes, value.size, values->seed);
    uint32_t at = (uint32_t)hash & (values->slot_count - 1);
    while (values->slots[at] != 0 &&
           !text_equal(values->texts[values->slots[at] - LIVE_SLICE_FIRST], value)) {
        at = (at + 1) & (values->slot_count - 1);
    }
    return at;
}

static void grow(struct live_values *values)
{
    uint32_t slot_count = values->slot_count == 0 ? SLOT_COUNT_MIN : values->slot_count * 2;
    memory_free(values->slots);
    values->slots = memory_allocate_zeroed(slot_count, sizeof(uint32_t));
    values->slot_count = slot_count;
    values->texts = memory_resize_array(values->texts, slot_count / 2, sizeof(struct text));
    for (uint32_t i = 0; i < values->count; i++) {
        values->slots[slot_of(values, values->texts[i])] = i + LIVE_SLICE_FIRST;
    }
}

bool live_values_number(struct live_values *values, struct text value, uint16_t *number_out)
{
    *number_out = LIVE_SLICE_NONE;
    if (value.bytes == NULL) {
        return true;
    }
    if (values->count == values->slot_count / 2) {
        grow(values);
    }
    uint32_t at = slot_of(values, value);
    if (values->slots[at] == 0) {
        if (values->count == LIVE_VALUE_COUNT_MAX) {
            return false;
        }
        values->texts[values->count] = arena_copy_text(&values->arena, value);
        values->slots[at] = values->count++ + LIVE_SLICE_FIRST;
    }
    *number_out = (uint16_t)values->slots[at];
    return true;
}

void live_values_reset(struct live_values *values)
{
    if (values->count > 0) {
        memset(values->slots, 0, values->slot_count * sizeof(uint32_t));
    }
    values->count = 0;
    arena_reset(&values->arena);
}

void live_values_compact(struct live_values *values, uint32_t keep_count, uint16_t *numbers_used)
{
    struct arena arena = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < values->count; i++) {
        if (i >= keep_count && numbers_used[i + LIVE_SLICE_FIRST] == 0) {
            continue;
        }
        values->texts[kept] = arena_copy_text(&arena, values->texts[i]);
        numbers_used[i + LIVE_SLICE_FIRST] = (uint16_t)(kept++ + LIVE_SLICE_FIRST);
    }
    arena_deinit(&values->arena);
    values->arena = arena;
    values->count = kept;
    memset(values->slots, 0, values->slot_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < kept; i++) {
        values->slots[slot_of(values, values->texts[i])] = i + LIVE_SLICE_FIRST;
    }
}
