// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

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

static void add_position(struct engine_saved_cut *saved, const struct store_position *position,
                         uint32_t hint)
{
    uint32_t at = saved->position_count;
    // Only positions of earlier barriers can be here already, as a rule in the same order.
    for (uint32_t i = 0; i < saved->kept_count && at == saved->position_count; i++) {
        uint32_t likely = (hint + i) % saved->kept_count;
        if (hash128_equal(saved->positions[likely].id, position->id)) {
            at = likely;
        }
    }
    struct text name = at < saved->position_count ? saved->positions[at].name : TEXT_MISSING;
    bool same_name = name.bytes != NULL && text_equal(name, position->name);
    saved->position_count += at == saved->position_count;
    saved->positions[at] = *position;
    saved->positions[at].name = same_name ? name : arena_copy_text(&saved->arena, position->name);
}

static void add_cut(struct engine_saved_cut *saved, const struct engine_cut *cut)
{
    uint32_t room = saved->position_count + cut->position_count;
    saved->positions = memory_resize_array(saved->positions, room, sizeof(struct store_position));
    saved->kept_count = saved->position_count;
    for (uint32_t i = 0; i < cut->position_count; i++) {
        add_position(saved, &cut->positions[i], i);
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

static void take(struct engine_saved_cut *taken, struct engine_saved_cut *saved)
{
    if (taken->position_count == 0 && taken->dead_letters.size == 0) {
        engine_cut_release(taken);
        *taken = *saved;
        *saved = (struct engine_saved_cut){0};
        return;
    }
    struct engine_cut cut = {
        .positions = saved->positions,
        .position_count = saved->position_count,
        .dead_letters = {saved->dead_letters.bytes, saved->dead_letters.size},
    };
    add_cut(taken, &cut);
    engine_cut_release(saved);
}

void engine_cut_take(struct engine_producer *producer, uint64_t epoch)
{
    // In the order of their epochs: a close may follow a barrier.
    for (;;) {
        struct engine_saved_cut *next = NULL;
        for (uint32_t i = 0; i < 2; i++) {
            struct engine_saved_cut *saved = &producer->cuts[i];
            if (saved->valid && saved->epoch <= epoch &&
                (next == NULL || saved->epoch < next->epoch)) {
                next = saved;
            }
        }
        if (next == NULL) {
            return;
        }
        take(&producer->taken, next);
    }
}

void engine_cut_release(struct engine_saved_cut *saved)
{
    memory_free(saved->positions);
    arena_deinit(&saved->arena);
    text_buffer_deinit(&saved->dead_letters);
    *saved = (struct engine_saved_cut){0};
}
