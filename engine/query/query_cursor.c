// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_cursor.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define SCANNED_SOURCE_COUNT_MAX 16u

void query_cursor_init(struct query_cursor *cursor, const struct query_plan *plan,
                       struct query_tasks *tasks, struct query_reading *reading)
{
    size_t count = (size_t)plan->segment_count + 1;
    *cursor = (struct query_cursor){.plan = plan};
    cursor->sources = memory_allocate_zeroed(count, sizeof(*cursor->sources));
    cursor->scanned = plan->segment_count <= SCANNED_SOURCE_COUNT_MAX;
    cursor->key_highs = memory_allocate_zeroed(count, sizeof(*cursor->key_highs));
    cursor->heap = memory_allocate_zeroed(count, sizeof(*cursor->heap));
    cursor->parts = memory_allocate_zeroed(count, sizeof(*cursor->parts));
    cursor->heads = memory_allocate_zeroed(count, sizeof(struct query_source *));
    cursor->values = memory_allocate_zeroed(plan->schema->column_count, sizeof(*cursor->values));
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        query_source_init(&cursor->sources[i], plan, i, tasks, reading);
    }
}

void query_cursor_deinit(struct query_cursor *cursor)
{
    for (uint32_t i = 0; i < cursor->plan->segment_count; i++) {
        query_source_deinit(&cursor->sources[i]);
    }
    memory_free(cursor->sources);
    memory_free(cursor->key_highs);
    memory_free(cursor->heap);
    memory_free(cursor->parts);
    memory_free(cursor->heads);
    memory_free(cursor->values);
    text_buffer_deinit(&cursor->canonical[0]);
    text_buffer_deinit(&cursor->canonical[1]);
}

static void note_key(struct query_cursor *cursor, uint32_t source)
{
    const struct query_source *at = &cursor->sources[source];
    cursor->key_highs[source] = at->done ? UINT64_MAX : at->key.high;
}

/// Equal keys come in order of the segments, so that parts are always in the same order.
static bool before(const struct query_cursor *cursor, uint32_t left, uint32_t right)
{
    int order = hash128_compare(cursor->sources[left].key, cursor->sources[right].key);
    return order < 0 || (order == 0 && left < right);
}

static void heap_push(struct query_cursor *cursor, uint32_t source)
{
    uint32_t *heap = cursor->heap;
    uint32_t at = cursor->heap_count++;
    while (at > 0 && before(cursor, source, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = source;
}

static uint32_t heap_pop(struct query_cursor *cursor)
{
    uint32_t *heap = cursor->heap;
    uint32_t least = heap[0];
    uint32_t moved = heap[--cursor->heap_count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < cursor->heap_count; child = at * 2 + 1) {
        if (child + 1 < cursor->heap_count && before(cursor, heap[child + 1], heap[child])) {
            child++;
        }
        if (!before(cursor, heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
    return least;
}

/// Where each source stands now.
static void take_places(struct query_cursor *cursor)
{
    cursor->heap_count = 0;
    cursor->part_count = 0;
    for (uint32_t i = 0; i < cursor->plan->segment_count; i++) {
        note_key(cursor, i);
        if (!cursor->scanned && !cursor->sources[i].done) {
            heap_push(cursor, i);
        }
    }
}

void query_cursor_resume(struct query_cursor *cursor)
{
    take_places(cursor);
}

enum corong_status query_cursor_enter(struct query_cursor *cursor, struct hash128 from,
                                      const struct hash128 *end, struct corong_error *error)
{
    for (uint32_t i = 0; i < cursor->plan->segment_count; i++) {
        TRY_IN(query_source_seek(&cursor->sources[i], from, end, error), error, "segment %u", i);
    }
    take_places(cursor);
    return CORONG_OK;
}

enum corong_status query_cursor_advance(struct query_cursor *cursor, struct hash128 from,
                                        struct corong_error *error)
{
    for (uint32_t i = 0; i < cursor->plan->segment_count; i++) {
        TRY_IN(query_source_advance(&cursor->sources[i], from, error), error, "segment %u", i);
    }
    take_places(cursor);
    return CORONG_OK;
}

enum corong_status query_cursor_seek(struct query_cursor *cursor, uint32_t task,
                                     struct corong_error *error)
{
    const struct query_plan *plan = cursor->plan;
    const struct hash128 *end = task + 1 < plan->task_count ? &plan->bounds[task + 1] : NULL;
    return query_cursor_enter(cursor, plan->bounds[task], end, error);
}

/// Puts the sources that stood at the last user back, wherever they stand now.
static void return_parts(struct query_cursor *cursor)
{
    for (uint32_t i = 0; i < cursor->part_count; i++) {
        note_key(cursor, cursor->parts[i]);
        if (!cursor->scanned && !cursor->sources[cursor->parts[i]].done) {
            heap_push(cursor, cursor->parts[i]);
        }
    }
    cursor->part_count = 0;
}

static inline void add_part(struct query_cursor *cursor, uint32_t index)
{
    const struct query_source *source = &cursor->sources[index];
    cursor->parts[cursor->part_count++] = index;
    cursor->possible |= query_source_continues(source) ? UINT64_MAX : query_source_possible(source);
}

/// Finds the least key and all sources that stand at it, by their high halves. False: none.
static bool scan_sources(struct query_cursor *cursor)
{
    uint32_t count = cursor->plan->segment_count;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        least = cursor->key_highs[i] < least ? cursor->key_highs[i] : least;
    }
    const struct query_source *first = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct query_source *source = &cursor->sources[i];
        if (cursor->key_highs[i] != least || source->done) {
            continue;
        }
        if (first == NULL || source->key.low < first->key.low) {
            first = source;
        }
    }
    if (first == NULL) {
        return false;
    }
    cursor->key = first->key;
    for (uint32_t i = (uint32_t)(first - cursor->sources); i < count; i++) {
        const struct query_source *source = &cursor->sources[i];
        if (cursor->key_highs[i] == least && !source->done && source->key.low == first->key.low) {
            add_part(cursor, i);
        }
    }
    return true;
}

bool query_cursor_next(struct query_cursor *cursor)
{
    return_parts(cursor);
    cursor->possible = 0;
    if (cursor->scanned) {
        return scan_sources(cursor);
    }
    if (cursor->heap_count == 0) {
        return false;
    }
    cursor->key = cursor->sources[cursor->heap[0]].key;
    do {
        add_part(cursor, heap_pop(cursor));
    } while (cursor->heap_count > 0 &&
             hash128_equal(cursor->sources[cursor->heap[0]].key, cursor->key));
    return true;
}

/// One source: its rows are in order already.
static enum corong_status rows_of_one(struct query_cursor *cursor, query_run_function *run,
                                      void *context, struct corong_error *error)
{
    struct query_source *source = &cursor->sources[cursor->parts[0]];
    do {
        TRY(run(context, source, source->row, source->row_end, error));
        TRY(query_source_next(source, error));
    } while (!source->done && hash128_equal(source->key, cursor->key));
    return CORONG_OK;
}

enum corong_status query_cursor_rows(struct query_cursor *cursor, query_run_function *run,
                                     void *context, struct corong_error *error)
{
    return cursor->part_count == 1 ? rows_of_one(cursor, run, context, error)
                                   : query_merge_rows(cursor, run, context, error);
}

enum corong_status query_cursor_skip(struct query_cursor *cursor, struct corong_error *error)
{
    for (uint32_t i = 0; i < cursor->part_count; i++) {
        TRY(query_source_skip(&cursor->sources[cursor->parts[i]], error));
    }
    return CORONG_OK;
}
