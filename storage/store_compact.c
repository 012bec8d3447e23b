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

static enum corong_status commit_outcome(struct store *store, const struct compact_plan *plan,
                                         const struct compact_outcome *outcome,
                                         struct corong_error *error)
{
    uint32_t removed_count;
    struct segment_meta *removed = compact_plan_segments(plan, &removed_count);
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

/// The inputs' dictionaries and the merged one are in memory together.
static enum corong_status fits(const struct store *store, const struct compact_plan *plan,
                               uint64_t limit_bytes, bool *fits_out, struct corong_error *error)
{
    uint64_t bytes = 0;
    *fits_out = true;
    if (limit_bytes > 0) {
        TRY(compact_dictionary_bytes(store_segment_directory(store), plan, &bytes, error));
        *fits_out = bytes * 2 <= limit_bytes / 4 * 3;
    }
    return CORONG_OK;
}

enum corong_status store_compact(struct store *store, const struct store_compact_options *options,
                                 uint32_t *periods_left_out, struct corong_error *error)
{
    uint32_t count;
    const struct segment_meta *segments = store_segments(store, &count);
    struct progress_relay relay = {.progress = options->progress,
                                   .context = options->context,
                                   .total = compact_plan_rows(segments, count)};
    enum corong_status status = CORONG_OK;
    int64_t first_period = INT64_MIN;
    uint32_t left_out = 0;
    struct compact_plan plan;
    while (status == CORONG_OK && compact_plan_next(segments, count, first_period, &plan)) {
        bool small_enough;
        status = fits(store, &plan, options->memory_limit_bytes, &small_enough, error);
        if (status == CORONG_OK && small_enough) {
            status = merge_plan(store, &plan, &relay, error);
        } else if (status == CORONG_OK) {
            first_period = plan.runs[0].segments[0].period + 1;
            left_out++;
        }
        compact_plan_deinit(&plan);
        segments = store_segments(store, &count);
    }
    if (periods_left_out != NULL) {
        *periods_left_out = left_out;
    }
    return status;
}
