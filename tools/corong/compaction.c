// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/compaction.h"

#include "engine/query/identity/identity.h"
#include "storage/base/clock.h"
#include "tools/corong/console.h"

#include <unistd.h>

#define REDRAW_INTERVAL_US (MICROSECONDS_PER_SECOND / 10)

struct merge_progress {
    bool shown;
    int64_t drawn_us;
};

struct compaction_extent compaction_measure(const struct store *store)
{
    struct compaction_extent extent = {0};
    const struct segment_meta *segments = store_segments(store, &extent.segment_count);
    for (uint32_t index = 0; index < extent.segment_count; index++) {
        extent.row_count += segments[index].row_count;
        extent.size_bytes += segments[index].size_bytes;
    }
    return extent;
}

static void draw(void *context, uint64_t done, uint64_t total)
{
    struct merge_progress *progress = context;
    int64_t now_us = clock_monotonic_us();
    if (total == 0 || now_us - progress->drawn_us < REDRAW_INTERVAL_US) {
        return;
    }
    progress->drawn_us = now_us;
    progress->shown = true;
    fprintf(stderr, "\r\x1b[Kmerging %3d %%", (int)(100.0 * (double)done / (double)total));
    fflush(stderr);
}

/// What questions would work out of the links of the merged segments, left beside them. Without it
/// they take longer: no reason to fail.
static void leave_links(const struct store *store, uint64_t memory_limit_bytes)
{
    struct store_snapshot *snapshot;
    struct corong_error error;
    const struct query_limits limits = {.memory_limit_bytes = memory_limit_bytes};
    if (!schema_has_links(store_schema(store))) {
        return;
    }
    enum corong_status status = store_snapshot_open(&snapshot, store_directory(store), &error);
    if (status == CORONG_OK) {
        status = identity_leave(snapshot, &limits, &error);
        store_snapshot_close(snapshot);
    }
    if (status != CORONG_OK) {
        console_note("links between ids are not kept for questions, which look for them again: %s",
                     error.message);
    }
}

enum corong_status compaction_run(struct store *store, const struct options *options,
                                  uint64_t memory_limit_bytes, bool every_period,
                                  struct corong_error *error)
{
    struct merge_progress progress = {0};
    bool visible = console_is_terminal(stderr) && !options_given(options, OPTION_QUIET);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct store_compact_options how = {
        .memory_limit_bytes = memory_limit_bytes,
        .every_period = every_period,
        .thread_count = cores > 1 ? (uint32_t)cores : 1,
        .progress = visible ? draw : NULL,
        .context = &progress,
    };
    uint32_t left_out = 0;
    enum corong_status status = store_compact(store, &how, &left_out, error);
    if (progress.shown) {
        fputs("\r\x1b[K", stderr);
    }
    if (left_out > 0) {
        console_note("%u periods stay in several runs: merging their strings would exceed "
                     "--memory-limit ('corong compact' merges them, too)",
                     left_out);
    }
    if (status == CORONG_OK) {
        leave_links(store, every_period ? 0 : memory_limit_bytes);
    }
    return status;
}
