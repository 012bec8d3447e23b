// SPDX-License-Identifier: Apache-2.0
#include "ingest/pump_cuts.h"

#include "storage/base/memory.h"

#include <string.h>

void pump_cuts_forget(struct pump *pump)
{
    for (uint32_t index = 0; index < pump->cut_count; index++) {
        memory_free(pump->cuts[index].positions);
    }
    pump->cut_count = 0;
}

/// The two oldest become one: only how far each source came matters, and it is told at most as late
/// as before.
static void join_cuts(struct pump *pump)
{
    struct pump_cut *first = &pump->cuts[0];
    struct pump_cut *second = &pump->cuts[1];
    uint32_t count = first->position_count + second->position_count;
    second->positions = memory_resize_array(second->positions, count, sizeof(*second->positions));
    memmove(second->positions + first->position_count, second->positions,
            second->position_count * sizeof(*second->positions));
    memcpy(second->positions, first->positions, first->position_count * sizeof(*first->positions));
    second->position_count = count;
    memory_free(first->positions);
    pump->cut_count--;
    memmove(first, second, pump->cut_count * sizeof(*first));
}

void pump_cuts_keep(struct pump *pump, uint64_t epoch)
{
    if (pump->source == NULL || pump->source->operations->committed == NULL ||
        pump->moved_count == 0) {
        return;
    }
    if (pump->cut_count == PUMP_CUT_COUNT_MAX) {
        join_cuts(pump);
    }
    size_t size = pump->moved_count * sizeof(*pump->moved);
    struct pump_cut *cut = &pump->cuts[pump->cut_count++];
    *cut = (struct pump_cut){epoch, memory_allocate(size), pump->moved_count};
    memcpy(cut->positions, pump->moved, size);
}

void pump_cuts_tell(struct pump *pump)
{
    uint64_t epoch = engine_committed_epoch(pump->engine);
    uint32_t told = 0;
    while (told < pump->cut_count && pump->cuts[told].epoch <= epoch) {
        struct pump_cut *cut = &pump->cuts[told++];
        pump->source->operations->committed(pump->source, cut->positions, cut->position_count);
        memory_free(cut->positions);
    }
    pump->cut_count -= told;
    memmove(pump->cuts, pump->cuts + told, pump->cut_count * sizeof(pump->cuts[0]));
}
