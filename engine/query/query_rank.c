// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_rank.h"

#include "storage/base/memory.h"

#include <stdlib.h>

/// A slice of all workers together.
struct ranked {
    uint64_t count;
    struct text *values;
    uint32_t value_count;
    uint32_t number; ///< of its key
};

/// All slices, as they are found.
struct ranking {
    struct query_table keys;
    struct text_buffer key;
    struct ranked *slices;
    uint32_t capacity;
    struct arena *arena;
};

static int compare_values(struct text left, struct text right)
{
    if ((left.bytes == NULL) != (right.bytes == NULL)) {
        return left.bytes == NULL ? -1 : 1;
    }
    return text_compare(left, right);
}

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    int order = 0;
    for (uint32_t i = 0; i < a->value_count && order == 0; i++) {
        order = compare_values(a->values[i], b->values[i]);
    }
    return order;
}

/// The number of a part's slice among all.
static uint32_t number_slice(struct ranking *ranking, const struct query_slices *slices,
                             uint32_t slice)
{
    text_buffer_reset(&ranking->key);
    query_slices_key(slices, slice, &ranking->key);
    uint32_t known = ranking->keys.count;
    uint32_t number =
        query_table_number(&ranking->keys, (struct text){ranking->key.bytes, ranking->key.size});
    if (number < known) {
        return number;
    }
    if (number == ranking->capacity) {
        ranking->capacity = ranking->capacity == 0 ? 64 : ranking->capacity * 2;
        ranking->slices =
            memory_resize_array(ranking->slices, ranking->capacity, sizeof(*ranking->slices));
    }
    ranking->slices[number] = (struct ranked){
        .values = query_slices_texts(slices, slice, ranking->arena),
        .value_count = slices->count,
        .number = number,
    };
    return number;
}

/// Numbers a part's slices and adds up their counts.
static uint32_t *number_part(struct ranking *ranking, const struct query_rank_part *part)
{
    uint32_t *numbers =
        arena_allocate(ranking->arena, ((size_t)part->slice_count + 1) * sizeof(*numbers));
    for (uint32_t s = 0; s < part->slice_count; s++) {
        numbers[s] = QUERY_RANK_NONE;
        if (part->present == NULL ? part->counts[s] > 0 : part->present[s]) {
            numbers[s] = number_slice(ranking, part->slices, s);
            ranking->slices[numbers[s]].count += part->counts[s];
        }
    }
    return numbers;
}

/// Replaces numbers by ranks.
static void place_slices(struct query_rank *rank, const struct ranking *ranking,
                         const struct query_rank_part *parts, uint32_t part_count)
{
    uint32_t *outputs = memory_allocate(((size_t)rank->slice_count + 1) * sizeof(*outputs));
    for (uint32_t i = 0; i < rank->slice_count; i++) {
        outputs[ranking->slices[i].number] = i < rank->listed ? i : rank->listed;
    }
    for (uint32_t p = 0; p < part_count; p++) {
        uint32_t *numbers = rank->output_of_slice[p];
        for (uint32_t s = 0; s < parts[p].slice_count; s++) {
            numbers[s] = numbers[s] == QUERY_RANK_NONE ? QUERY_RANK_NONE : outputs[numbers[s]];
        }
    }
    memory_free(outputs);
}

void query_rank_slices(struct query_rank *rank_out, const struct query_rank_part *parts,
                       uint32_t part_count, uint32_t top, struct arena *arena)
{
    struct ranking ranking = {.arena = arena};
    *rank_out = (struct query_rank){0};
    rank_out->output_of_slice = arena_allocate(arena, (part_count + 1) * sizeof(uint32_t *));
    for (uint32_t p = 0; p < part_count; p++) {
        rank_out->output_of_slice[p] = number_part(&ranking, &parts[p]);
    }
    rank_out->slice_count = ranking.keys.count;
    rank_out->listed = rank_out->slice_count < top ? rank_out->slice_count : top;
    if (rank_out->slice_count > 0) {
        qsort(ranking.slices, rank_out->slice_count, sizeof(*ranking.slices), compare_ranked);
    }
    rank_out->values =
        arena_allocate(arena, ((size_t)rank_out->listed + 1) * sizeof(struct text *));
    rank_out->keys = arena_allocate(arena, ((size_t)rank_out->listed + 1) * sizeof(struct text));
    for (uint32_t i = 0; i < rank_out->listed; i++) {
        rank_out->values[i] = ranking.slices[i].values;
        rank_out->keys[i] = arena_copy_text(arena, ranking.keys.keys[ranking.slices[i].number]);
    }
    place_slices(rank_out, &ranking, parts, part_count);
    memory_free(ranking.slices);
    text_buffer_deinit(&ranking.key);
    query_table_deinit(&ranking.keys);
}
