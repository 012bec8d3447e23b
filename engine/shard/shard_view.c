// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/shard_view.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

// A chunk takes about this much per row, before anybody knows.
#define CHUNK_ROW_BYTES 40u
#define SMALL_ROW_COUNT 16384u ///< chunks below this are put together ...
#define SMALL_COUNT_MAX 10u    ///< ... when there are so many of them

static void add_chunk(struct shard_view *view, struct sealed_chunk *sealed, uint32_t first_row)
{
    if (view->chunk_count == view->chunk_capacity) {
        view->chunk_capacity = view->chunk_capacity == 0 ? 16 : view->chunk_capacity * 2;
        view->chunks =
            memory_resize_array(view->chunks, view->chunk_capacity, sizeof(*view->chunks));
    }
    view->chunks[view->chunk_count++] = (struct shard_view_chunk){sealed, first_row};
}

static void release_from(struct shard_view *view, uint32_t first)
{
    while (view->chunk_count > first) {
        sealed_chunk_release(view->chunks[--view->chunk_count].sealed);
    }
}

static enum corong_status open_files(struct shard_view *view, const struct tail *tail,
                                     const struct tail_output *output, struct corong_error *error)
{
    while (view->file_count < output->meta_count) {
        const struct segment_meta *meta = &output->metas[view->file_count];
        int descriptor;
        ASSERT(view->chunk_count == view->file_count);
        TRY(segment_file_open(tail->options.directory, meta->uuid, &descriptor, error));
        add_chunk(view, sealed_chunk_create(descriptor, meta->row_count, 0), 0);
        view->file_count++;
    }
    return CORONG_OK;
}

// Writes all segments of a sorted copy; there is more than one only for times before 1970.
static enum corong_status seal_copy(struct shard_view *view, struct tail *copy, uint32_t first_row,
                                    struct corong_error *error)
{
    tail_sort(copy);
    for (; copy->flush.period_done < copy->flush.period_count; copy->flush.period_done++) {
        struct segment_meta meta;
        int descriptor;
        TRY(tail_write_period(copy, &meta, &descriptor, error));
        add_chunk(view, sealed_chunk_create(descriptor, meta.row_count, meta.size_bytes),
                  first_row);
    }
    return CORONG_OK;
}

static bool has_room(const struct tail *tail, uint32_t row_count)
{
    return tail_memory(tail) + tail_copy_memory(tail, row_count) +
               (uint64_t)row_count * CHUNK_ROW_BYTES <=
           tail->options.budget_bytes;
}

// The first of the chunks whose place the next one takes; chunk_count: none.
static uint32_t first_replaced(const struct shard_view *view, const struct tail *tail)
{
    uint32_t first = view->chunk_count;
    while (first > view->file_count &&
           view->chunks[first - 1].sealed->row_count < SMALL_ROW_COUNT) {
        first--;
    }
    if (view->chunk_count - view->file_count >= view->chunk_count_max) {
        first = view->file_count;
    } else if (view->chunk_count - first < SMALL_COUNT_MAX) {
        return view->chunk_count;
    }
    return has_room(tail, tail->row_count - view->chunks[first].first_row) ? first
                                                                           : view->chunk_count;
}

// Chunks [first, end) go; what comes behind them holds their rows. Views that have them keep them.
static void remove_chunks(struct shard_view *view, struct tail *tail, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        tail->chunk_bytes -= view->chunks[i].sealed->memory_bytes;
        sealed_chunk_release(view->chunks[i].sealed);
    }
    memmove(view->chunks + first, view->chunks + end,
            (view->chunk_count - end) * sizeof(*view->chunks));
    view->chunk_count -= end - first;
}

static enum corong_status seal_rows(struct shard_view *view, struct tail *tail,
                                    struct corong_error *error)
{
    uint32_t end = view->chunk_count;
    uint32_t replaced = first_replaced(view, tail);
    uint32_t first = replaced == end ? view->row_count : view->chunks[replaced].first_row;
    uint32_t count = tail->row_count - first;
    if (!has_room(tail, count)) {
        return error_set(error, CORONG_NO_MEMORY, "no room to show %u rows", count);
    }
    struct tail *copy = tail_copy_rows(tail, first, count);
    enum corong_status status = seal_copy(view, copy, first, error);
    tail_destroy(copy);
    if (status != CORONG_OK) {
        release_from(view, end);
        return status;
    }
    for (uint32_t i = end; i < view->chunk_count; i++) {
        tail->chunk_bytes += view->chunks[i].sealed->memory_bytes;
    }
    remove_chunks(view, tail, replaced, end);
    view->row_count = tail->row_count;
    return CORONG_OK;
}

enum corong_status shard_view_make(struct shard_view *view, struct tail *tail,
                                   const struct tail_output *output, struct corong_error *error)
{
    TRY(open_files(view, tail, output, error));
    return view->row_count == tail->row_count ? CORONG_OK : seal_rows(view, tail, error);
}

void shard_view_flushed(struct shard_view *view)
{
    release_from(view, view->file_count);
    view->row_count = 0;
}

void shard_view_committed(struct shard_view *view)
{
    release_from(view, 0);
    view->file_count = 0;
    view->row_count = 0;
}

void shard_view_deinit(struct shard_view *view)
{
    release_from(view, 0);
    memory_free(view->chunks);
    *view = (struct shard_view){0};
}
