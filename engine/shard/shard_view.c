// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/shard_view.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

// A chunk takes about this much per row, before anybody knows.
#define CHUNK_ROW_BYTES 32u

static void add_chunk(struct shard_view *view, struct sealed_chunk *chunk)
{
    if (view->chunk_count == view->chunk_capacity) {
        view->chunk_capacity = view->chunk_capacity == 0 ? 16 : view->chunk_capacity * 2;
        view->chunks =
            memory_resize_array(view->chunks, view->chunk_capacity, sizeof(struct sealed_chunk *));
    }
    view->chunks[view->chunk_count++] = chunk;
}

static void release_from(struct shard_view *view, uint32_t first)
{
    while (view->chunk_count > first) {
        sealed_chunk_release(view->chunks[--view->chunk_count]);
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
        add_chunk(view, sealed_chunk_create(descriptor, meta->row_count, 0));
        view->file_count++;
    }
    return CORONG_OK;
}

// Writes all segments of a sorted copy; there is more than one only for times before 1970.
static enum corong_status seal_copy(struct shard_view *view, struct tail *copy, uint64_t *bytes_out,
                                    struct corong_error *error)
{
    tail_sort(copy);
    for (; copy->flush.period_done < copy->flush.period_count; copy->flush.period_done++) {
        struct segment_meta meta;
        int descriptor;
        TRY(tail_write_period(copy, &meta, &descriptor, error));
        add_chunk(view, sealed_chunk_create(descriptor, meta.row_count, meta.size_bytes));
        *bytes_out += meta.size_bytes;
    }
    return CORONG_OK;
}

static bool has_room(const struct tail *tail, uint32_t row_count)
{
    return tail_memory(tail) + tail_copy_memory(tail, row_count) +
               (uint64_t)row_count * CHUNK_ROW_BYTES <=
           tail->options.budget_bytes;
}

// Rows from where a new chunk takes them: all, where chunks have become many and memory allows.
static uint32_t first_row(const struct shard_view *view, const struct tail *tail)
{
    bool many = view->chunk_count - view->file_count >= view->chunk_count_max;
    return many && has_room(tail, tail->row_count) ? 0 : view->row_count;
}

static enum corong_status seal_rows(struct shard_view *view, struct tail *tail,
                                    struct corong_error *error)
{
    uint32_t first = first_row(view, tail);
    uint32_t count = tail->row_count - first;
    if (!has_room(tail, count)) {
        return error_set(error, CORONG_NO_MEMORY, "no room to show %u rows", count);
    }
    struct tail *copy = tail_copy_rows(tail, first, count);
    uint32_t chunk_count = view->chunk_count;
    uint64_t bytes = 0;
    enum corong_status status = seal_copy(view, copy, &bytes, error);
    tail_destroy(copy);
    if (status != CORONG_OK) {
        release_from(view, chunk_count);
        return status;
    }
    if (first == 0) {
        // One chunk now holds what the ones before held; views that have those keep them.
        for (uint32_t i = view->file_count; i < chunk_count; i++) {
            sealed_chunk_release(view->chunks[i]);
        }
        uint32_t added = view->chunk_count - chunk_count;
        memmove(view->chunks + view->file_count, view->chunks + chunk_count,
                added * sizeof(struct sealed_chunk *));
        view->chunk_count = view->file_count + added;
        tail->chunk_bytes = 0;
    }
    tail->chunk_bytes += bytes;
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
