// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"

#include "storage/base/invariant.h"

#include <string.h>

static struct engine_saved_cut *free_slot(struct engine_producer *producer)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (!producer->cuts[i].valid) {
            return &producer->cuts[i];
        }
    }
    ASSERT(false); // two barriers are never open at once
    return NULL;
}

static void add_position(struct engine_saved_cut *saved, const struct store_position *position)
{
    uint32_t at = saved->position_count;
    // Only positions kept from an earlier barrier can be here already; there are hardly any.
    for (uint32_t i = 0; i < saved->kept_count; i++) {
        if (hash128_equal(saved->positions[i].id, position->id)) {
            at = i;
        }
    }
    saved->position_count += at == saved->position_count;
    saved->positions[at] = *position;
    saved->positions[at].name = arena_copy_text(&saved->arena, position->name);
}

static void add_cut(struct engine_saved_cut *saved, const struct engine_cut *cut)
{
    struct store_position *before = saved->positions;
    uint32_t room = saved->position_count + cut->position_count;
    saved->positions = arena_allocate(&saved->arena, room * sizeof(struct store_position));
    if (saved->position_count > 0) {
        memcpy(saved->positions, before, saved->position_count * sizeof(struct store_position));
    }
    saved->kept_count = saved->position_count;
    for (uint32_t i = 0; i < cut->position_count; i++) {
        add_position(saved, &cut->positions[i]);
    }
    text_buffer_append_text(&saved->dead_letters, cut->dead_letters);
}

void engine_cut_save(struct engine_producer *producer, uint64_t epoch, const struct engine_cut *cut)
{
    struct engine_saved_cut *saved = free_slot(producer);
    *saved = producer->kept;
    producer->kept = (struct engine_saved_cut){0};
    saved->valid = true;
    saved->epoch = epoch;
    add_cut(saved, cut);
}

void engine_cut_keep(struct engine_producer *producer, const struct engine_cut *cut)
{
    add_cut(&producer->kept, cut);
}

void engine_cut_release(struct engine_saved_cut *saved)
{
    arena_deinit(&saved->arena);
    text_buffer_deinit(&saved->dead_letters);
    *saved = (struct engine_saved_cut){0};
}
