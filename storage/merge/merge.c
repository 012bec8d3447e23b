// SPDX-License-Identifier: Apache-2.0
#include "storage/merge/merge.h"

#include "storage/base/arena.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/compact/compact.h"
#include "storage/file/file.h"
#include "storage/merge/merge_policy.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

/// A merge of more rows is a large one.
#define SMALL_MERGE_ROW_COUNT_MAX ((uint64_t)4 << 20)
#define QUIET_DEFAULT_US MICROSECONDS_PER_HOUR
/// After a failure that may pass by itself nothing is planned for so long.
#define FAILURE_PAUSE_US (30 * MICROSECONDS_PER_SECOND)
/// A merge leaves this much of the disk, beside its outputs, to commits.
#define DISK_RESERVE_BYTES ((uint64_t)64 << 20)
/// What is merged soon again need not be small.
#define SMALL_MERGE_ZSTD_LEVEL 1

struct store_merge {
    enum store_merge_size size;
    struct compact_plan plan;
    bool is_urgent;
    char *directory;
    struct arena arena; ///< of the schema
    struct schema schema;
    uint64_t memory_limit_bytes;
    uint64_t input_bytes;
    struct compact_outcome outcome;
    bool is_written;
    atomic_bool cancelled;
};

/// What is known of a period beside its segments.
struct period_memory {
    int64_t period;
    int64_t touched_us;    ///< the last commit that added to it
    uint64_t refused_rows; ///< merges of so many rows and more are not tried again
};

struct store_merger {
    struct store *store;
    struct store_merger_options options;
    int64_t created_us;
    int64_t paused_until_us;
    struct period_memory *periods;
    uint32_t period_count;
    struct store_merge *running[STORE_MERGE_SIZE_COUNT];
    bool all_wanted;
    int64_t now_us; ///< of the plan under way
    struct store_merge_figures figures;
};

struct store_merger *store_merger_create(struct store *store,
                                         const struct store_merger_options *options, int64_t now_us)
{
    struct store_merger *merger = memory_allocate_zeroed(1, sizeof(*merger));
    merger->store = store;
    merger->options = *options;
    if (merger->options.quiet_us == 0) {
        merger->options.quiet_us = QUIET_DEFAULT_US;
    }
    merger->created_us = now_us;
    return merger;
}

void store_merger_destroy(struct store_merger *merger)
{
    if (merger == NULL) {
        return;
    }
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        ASSERT(merger->running[size] == NULL);
    }
    memory_free(merger->periods);
    memory_free(merger);
}

static struct period_memory *find_period(const struct store_merger *merger, int64_t period)
{
    for (uint32_t index = 0; index < merger->period_count; index++) {
        if (merger->periods[index].period == period) {
            return &merger->periods[index];
        }
    }
    return NULL;
}

static struct period_memory *make_period(struct store_merger *merger, int64_t period)
{
    struct period_memory *found = find_period(merger, period);
    if (found != NULL) {
        return found;
    }
    merger->periods = memory_resize_array(merger->periods, merger->period_count + (size_t)1,
                                          sizeof(*merger->periods));
    found = &merger->periods[merger->period_count++];
    *found = (struct period_memory){period, merger->created_us, UINT64_MAX};
    return found;
}

void store_merger_committed(struct store_merger *merger, const struct segment_meta *added,
                            uint32_t count, int64_t now_us)
{
    for (uint32_t index = 0; index < count; index++) {
        make_period(merger, added[index].period)->touched_us = now_us;
        merger->figures.bytes_flushed += added[index].size_bytes;
    }
}

void store_merger_want_all(struct store_merger *merger)
{
    merger->all_wanted = true;
}

static bool plan_has(const struct compact_plan *plan, const struct segment_meta *segment)
{
    for (uint32_t run = 0; run < plan->run_count; run++) {
        for (uint32_t index = 0; index < plan->runs[run].count; index++) {
            if (memcmp(plan->runs[run].segments[index].uuid, segment->uuid, SEGMENT_UUID_SIZE) ==
                0) {
                return true;
            }
        }
    }
    return false;
}

static bool segment_is_busy(const void *context, const struct segment_meta *segment)
{
    const struct store_merger *merger = context;
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        if (merger->running[size] != NULL && plan_has(&merger->running[size]->plan, segment)) {
            return true;
        }
    }
    return false;
}

static uint64_t period_refused_rows(const void *context, int64_t period)
{
    const struct period_memory *found = find_period(context, period);
    return found == NULL ? UINT64_MAX : found->refused_rows;
}

static bool period_is_quiet(const void *context, int64_t period)
{
    const struct store_merger *merger = context;
    const struct period_memory *found = find_period(merger, period);
    int64_t touched_us = found == NULL ? merger->created_us : found->touched_us;
    return merger->now_us - touched_us >= merger->options.quiet_us;
}

/// Everything into one run: the next overlapping set that was not refused. Such merges are planned
/// one at a time, as large ones.
static bool choose_all(struct store_merger *merger, struct compact_plan *plan)
{
    uint32_t count;
    const struct segment_meta *segments = store_segments(merger->store, &count);
    int64_t first_period = INT64_MIN;
    while (compact_plan_next(segments, count, first_period, plan)) {
        int64_t period = plan->runs[0].segments[0].period;
        if (plan->row_count < period_refused_rows(merger, period)) {
            return true;
        }
        compact_plan_deinit(plan);
        first_period = period + 1;
    }
    merger->all_wanted = false;
    return false;
}

static bool choose(struct store_merger *merger, enum store_merge_size size,
                   struct compact_plan *plan, bool *is_urgent)
{
    *is_urgent = false;
    if (merger->all_wanted) {
        bool idle = merger->running[STORE_MERGE_SMALL] == NULL;
        return size == STORE_MERGE_LARGE && idle && choose_all(merger, plan);
    }
    struct merge_policy policy = {
        .row_count_min = size == STORE_MERGE_SMALL ? 0 : SMALL_MERGE_ROW_COUNT_MAX + 1,
        .row_count_max = size == STORE_MERGE_SMALL ? SMALL_MERGE_ROW_COUNT_MAX : 0,
        .cursor_bytes_max = merger->options.memory_limit_bytes / 2,
        .column_count = store_schema(merger->store)->column_count,
        .is_busy = segment_is_busy,
        .refused_rows = period_refused_rows,
        .is_quiet = period_is_quiet,
        .context = merger,
    };
    uint32_t count;
    const struct segment_meta *segments = store_segments(merger->store, &count);
    return merge_policy_choose(segments, count, &policy, plan, is_urgent);
}

/// The store's schema grows while the merge writes: it gets its own copy.
static void copy_schema(struct store_merge *merge, const struct schema *schema)
{
    schema_init(&merge->schema, &merge->arena);
    for (uint32_t column = merge->schema.column_count; column < schema->column_count; column++) {
        uint32_t index;
        enum corong_status status =
            schema_add(&merge->schema, &merge->arena,
                       arena_copy_text(&merge->arena, schema->columns[column].name),
                       schema->columns[column].type, &index, NULL);
        ASSERT(status == CORONG_OK && index == column);
    }
}

static struct store_merge *merge_create(struct store_merger *merger, enum store_merge_size size,
                                        const struct compact_plan *plan, bool is_urgent)
{
    struct store_merge *merge = memory_allocate_zeroed(1, sizeof(*merge));
    merge->size = size;
    merge->plan = *plan;
    merge->is_urgent = is_urgent;
    const char *directory = store_segment_directory(merger->store);
    merge->directory = memory_copy_string(directory, strlen(directory));
    merge->memory_limit_bytes = merger->options.memory_limit_bytes;
    copy_schema(merge, store_schema(merger->store));
    for (uint32_t run = 0; run < plan->run_count; run++) {
        for (uint32_t index = 0; index < plan->runs[run].count; index++) {
            merge->input_bytes += plan->runs[run].segments[index].size_bytes;
        }
    }
    atomic_init(&merge->cancelled, false);
    return merge;
}

struct store_merge *store_merger_plan(struct store_merger *merger, enum store_merge_size size,
                                      int64_t now_us)
{
    struct compact_plan plan;
    bool is_urgent;
    merger->now_us = now_us;
    if (merger->running[size] != NULL || now_us < merger->paused_until_us ||
        !choose(merger, size, &plan, &is_urgent)) {
        return NULL;
    }
    merger->running[size] = merge_create(merger, size, &plan, is_urgent);
    return merger->running[size];
}

bool store_merge_is_urgent(const struct store_merge *merge)
{
    return merge->is_urgent;
}

void store_merge_cancel(struct store_merge *merge)
{
    // Relaxed: only the flag itself is told; who sees it late ends late.
    atomic_store_explicit(&merge->cancelled, true, memory_order_relaxed);
}

static bool is_cancelled(void *context)
{
    const struct store_merge *merge = context;
    // Relaxed, as above.
    return atomic_load_explicit(&merge->cancelled, memory_order_relaxed);
}

static enum corong_status check_room(const struct store_merge *merge, struct corong_error *error)
{
    uint64_t room;
    TRY(file_free_space(merge->directory, &room, error));
    uint64_t wanted = merge->input_bytes + merge->input_bytes / 8 + DISK_RESERVE_BYTES;
    if (room >= wanted) {
        return CORONG_OK;
    }
    errno = ENOSPC;
    return error_set_errno(error, "a merge needs %llu bytes of disk, %llu are free",
                           (unsigned long long)wanted, (unsigned long long)room);
}

static enum corong_status check_memory(const struct store_merge *merge, struct corong_error *error)
{
    uint64_t bytes = 0;
    if (merge->memory_limit_bytes == 0) {
        return CORONG_OK;
    }
    TRY(compact_dictionary_bytes(merge->directory, &merge->plan, &bytes, error));
    // The inputs' dictionaries and the merged one are in memory together.
    bytes *= 2;
    bytes += compact_plan_bytes(&merge->plan, merge->schema.column_count);
    if (bytes <= merge->memory_limit_bytes) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_NO_MEMORY,
                     "a merge of %llu rows would hold %llu bytes, over the limit of %llu",
                     (unsigned long long)merge->plan.row_count, (unsigned long long)bytes,
                     (unsigned long long)merge->memory_limit_bytes);
}

enum corong_status store_merge_write(struct store_merge *merge, struct corong_error *error)
{
    TRY(check_room(merge, error));
    TRY(check_memory(merge, error));
    struct compact_request request = {
        .directory = merge->directory,
        .schema = &merge->schema,
        .plan = &merge->plan,
        .zstd_level = merge->size == STORE_MERGE_SMALL ? SMALL_MERGE_ZSTD_LEVEL : 0,
        .is_cancelled = is_cancelled,
        .context = merge,
    };
    TRY(compact_merge(&request, &merge->outcome, error));
    merge->is_written = true;
    return CORONG_OK;
}

static void merge_free(struct store_merger *merger, struct store_merge *merge)
{
    ASSERT(merger->running[merge->size] == merge);
    merger->running[merge->size] = NULL;
    compact_plan_deinit(&merge->plan);
    arena_deinit(&merge->arena);
    memory_free(merge->directory);
    memory_free(merge);
}

enum corong_status store_merger_exchange(struct store_merger *merger, struct store_merge *merge,
                                         struct corong_error *error)
{
    ASSERT(merge->is_written);
    uint32_t removed_count;
    struct segment_meta *removed = compact_plan_segments(&merge->plan, &removed_count);
    struct store_commit commit = {
        .added = merge->outcome.segments,
        .added_count = merge->outcome.segment_count,
        .removed = removed,
        .removed_count = removed_count,
        .duplicates = merge->outcome.duplicates,
    };
    enum corong_status status = store_commit(merger->store, &commit, error);
    memory_free(removed);
    TRY(status);
    struct store_merge_figures *figures = &merger->figures;
    figures->merge_count++;
    figures->duplicates += merge->outcome.duplicates;
    for (uint32_t index = 0; index < merge->outcome.segment_count; index++) {
        figures->rows_merged += merge->outcome.segments[index].row_count;
        figures->bytes_merged += merge->outcome.segments[index].size_bytes;
    }
    memory_free(merge->outcome.segments);
    merge_free(merger, merge);
    return CORONG_OK;
}

void store_merger_drop(struct store_merger *merger, struct store_merge *merge,
                       const struct corong_error *error, int64_t now_us)
{
    if (merge->is_written) {
        compact_outcome_discard(&merge->outcome, merge->directory);
    }
    if (error != NULL && error->status != CORONG_CANCELLED) {
        struct period_memory *period = make_period(merger, merge->plan.runs[0].segments[0].period);
        merger->figures.failure_count++;
        snprintf(merger->figures.last_failure, sizeof(merger->figures.last_failure), "%.255s",
                 error->message);
        if (error->status == CORONG_IO) {
            merger->paused_until_us = now_us + FAILURE_PAUSE_US;
        } else if (merge->plan.row_count < period->refused_rows) {
            // Too large, or a damaged input: the same again would end in the same way.
            period->refused_rows = error->status == CORONG_NO_MEMORY ? merge->plan.row_count : 0;
        }
    }
    merge_free(merger, merge);
}

struct store_merge_figures store_merger_figures(const struct store_merger *merger)
{
    struct store_merge_figures figures = merger->figures;
    uint32_t count;
    const struct segment_meta *segments = store_segments(merger->store, &count);
    figures.segment_count = count;
    figures.run_count = merge_policy_run_count(segments, count);
    return figures;
}
