// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"

#include "storage/base/memory.h"
#include "storage/compact/compact.h"

/// Turns the rows of one merge into the rows of the whole compaction.
struct progress_relay {
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
    uint64_t before; ///< rows of the merges that are finished
    uint64_t total;
};

static void relay_progress(void *context, uint64_t done)
{
    const struct progress_relay *relay = context;
    uint64_t rows = relay->before + done;
    relay->progress(relay->context, rows < relay->total ? rows : relay->total, relay->total);
}

/// All segments of the plan, run after run.
static struct segment_meta *plan_segments(const struct compact_plan *plan, uint32_t *count_out)
{
    struct segment_meta *segments = NULL;
    uint32_t count = 0;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        uint32_t members = plan->runs[run].count;
        segments = memory_resize_array(segments, count + (size_t)members, sizeof(*segments));
        memcpy(segments + count, plan->runs[run].segments, members * sizeof(*segments));
        count += members;
    }
    *count_out = count;
    return segments;
}

static enum corong_status commit_outcome(struct store *store, const struct compact_plan *plan,
                                         const struct compact_outcome *outcome,
                                         struct corong_error *error)
{
    uint32_t removed_count;
    struct segment_meta *removed = plan_segments(plan, &removed_count);
    struct store_commit commit = {
        .added = outcome->segments,
        .added_count = outcome->segment_count,
        .removed = removed,
        .removed_count = removed_count,
        .duplicates = outcome->duplicates,
    };
    enum corong_status status = store_commit(store, &commit, error);
    memory_free(removed);
    return status;
}

static enum corong_status merge_plan(struct store *store, const struct compact_plan *plan,
                                     struct progress_relay *relay, struct corong_error *error)
{
    struct compact_request request = {
        .directory = store_segment_directory(store),
        .schema = store_schema(store),
        .plan = plan,
        .progress = relay->progress == NULL ? NULL : relay_progress,
        .context = relay,
    };
    struct compact_outcome outcome;
    TRY(compact_merge(&request, &outcome, error));
    enum corong_status status = commit_outcome(store, plan, &outcome, error);
    if (status != CORONG_OK) {
        compact_outcome_discard(&outcome, store_segment_directory(store));
    }
    memory_free(outcome.segments);
    relay->before += plan->row_count;
    return status;
}

enum corong_status store_compact(struct store *store,
                                 void (*progress)(void *context, uint64_t done, uint64_t total),
                                 void *context, struct corong_error *error)
{
    uint32_t count;
    const struct segment_meta *segments = store_segments(store, &count);
    struct progress_relay relay = {
        .progress = progress, .context = context, .total = compact_plan_rows(segments, count)};
    enum corong_status status = CORONG_OK;
    struct compact_plan plan;
    while (status == CORONG_OK && compact_plan_next(segments, count, &plan)) {
        status = merge_plan(store, &plan, &relay, error);
        compact_plan_deinit(&plan);
        segments = store_segments(store, &count);
    }
    return status;
}
