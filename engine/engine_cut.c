// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"

#include "storage/base/invariant.h"

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

void engine_cut_save(struct engine_producer *producer, uint64_t epoch, const struct engine_cut *cut)
{
    struct engine_saved_cut *saved = free_slot(producer);
    saved->valid = true;
    saved->epoch = epoch;
    saved->position_count = cut->position_count;
    saved->positions =
        arena_allocate(&saved->arena, cut->position_count * sizeof(struct store_position));
    for (uint32_t i = 0; i < cut->position_count; i++) {
        saved->positions[i] = cut->positions[i];
        saved->positions[i].name = arena_copy_text(&saved->arena, cut->positions[i].name);
    }
    // Letters of a barrier that nobody wanted came first.
    saved->dead_letters = producer->dead_letters;
    producer->dead_letters = (struct text_buffer){0};
    text_buffer_append_text(&saved->dead_letters, cut->dead_letters);
}

void engine_cut_keep_letters(struct engine_producer *producer, struct text dead_letters)
{
    text_buffer_append_text(&producer->dead_letters, dead_letters);
}

void engine_cut_release(struct engine_saved_cut *saved)
{
    arena_deinit(&saved->arena);
    text_buffer_deinit(&saved->dead_letters);
    *saved = (struct engine_saved_cut){0};
}
