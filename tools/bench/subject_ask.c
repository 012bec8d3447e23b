// SPDX-License-Identifier: Apache-2.0
// Questions to the system under load, over a view as `corong funnel` gets it from a server.
#include "storage/base/clock.h"
#include "storage/cache/cache.h"
#include "storage/segment/segment.h"
#include "tools/bench/subject.h"

#define VIEW_AGE_US (INT64_C(500) * 1000)
#define MEMO_PART 4u ///< of the memory limit, for what is kept of users
#define TRIES 20u
#define PAUSE_US 10000
#define NOT_COUNTS (QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS)
#define WEEK_US (7 * MICROSECONDS_PER_DAY)

const char *subject_question_name(enum subject_question question)
{
    static const char *const names[SUBJECT_QUESTION_COUNT] = {"funnel", "stages", "sessions",
                                                              "week"};
    return names[question];
}

/// The seven days before the last event.
static struct query_range week_of(const struct store_snapshot *snapshot)
{
    int64_t last_us = INT64_MIN;
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        const struct segment_meta *meta =
            segment_reader_meta(store_snapshot_segment(snapshot, index));
        last_us = meta->time_max_us > last_us ? meta->time_max_us : last_us;
    }
    struct query_range range = {QUERY_TIME_NONE, QUERY_TIME_NONE};
    if (last_us > INT64_MIN + WEEK_US) {
        range.from_us = last_us - WEEK_US;
    }
    return range;
}

static enum corong_status answer(struct subject *subject, enum subject_question question,
                                 struct store_snapshot *snapshot, uint32_t thread_count,
                                 struct corong_error *error)
{
    struct arena arena = {0};
    enum corong_status status;
    struct query_range all = {QUERY_TIME_NONE, QUERY_TIME_NONE};
    uint64_t memory = subject->options.memory_limit_bytes;
    struct query_limits limits = {
        .thread_count = thread_count,
        .memory_limit_bytes =
            subject->blocks == NULL ? memory : memory - memory / 2 - memory / MEMO_PART,
        .memo = subject->memo};
    if (question == SUBJECT_FUNNEL || question == SUBJECT_WEEK) {
        struct query_funnel_result result;
        struct query_funnel query = {.funnel = subject->funnel,
                                     .range = question == SUBJECT_WEEK ? week_of(snapshot) : all,
                                     .where = TEXT_MISSING,
                                     .as_of_us = QUERY_TIME_NONE,
                                     .limits = limits};
        query.by[0] = text_from(subject->options.slice);
        query.by_count = subject->options.slice != NULL;
        query.funnel.live_slice = TEXT_MISSING;
        query.left_out = subject->options.counts_only ? NOT_COUNTS : 0;
        status = query_funnel_run(snapshot, &query, &arena, &result, error);
    } else if (question == SUBJECT_STAGES) {
        struct query_stages_result result;
        struct query_stages query = {
            .range = all, .where = TEXT_MISSING, .as_of_us = QUERY_TIME_NONE, .limits = limits};
        status = query_stages_run(snapshot, &query, &arena, &result, error);
    } else {
        struct query_sessions_result result;
        struct query_sessions query = {
            .range = all, .by = TEXT_MISSING, .as_of_us = QUERY_TIME_NONE, .limits = limits};
        status = query_sessions_run(snapshot, &query, &arena, &result, error);
    }
    arena_deinit(&arena);
    return status;
}

static enum corong_status ask_part(struct subject *subject, enum subject_question question,
                                   const struct engine_view *view, uint32_t thread_count,
                                   struct corong_error *error)
{
    struct store_snapshot *snapshot;
    struct store_snapshot_part part = {subject->directory, view == NULL ? 0 : view->store_sequence,
                                       view == NULL ? NULL : view->chunk_fds,
                                       view == NULL ? 0 : view->chunk_count};
    TRY(store_snapshot_open_parts(&snapshot, &part, 1, error));
    store_snapshot_use_cache(snapshot, subject->blocks);
    store_snapshot_trim_cache(snapshot, subject->blocks);
    enum corong_status status = answer(subject, question, snapshot, thread_count, error);
    store_snapshot_close(snapshot);
    return status;
}

/// A view that a commit has overtaken is taken anew.
static enum corong_status ask_once(struct subject *subject, enum subject_question question,
                                   uint32_t thread_count, struct corong_error *error)
{
    const struct engine_view *view;
    struct engine *engine = service_hold(subject->service);
    if (engine == NULL) {
        return error_set(error, CORONG_BUSY, "the engine is being exchanged");
    }
    enum corong_status status = engine_view_acquire(engine, VIEW_AGE_US, &view, error);
    service_release(subject->service);
    TRY(status);
    status = ask_part(subject, question, view, thread_count, error);
    engine = service_hold(subject->service);
    engine_view_release(engine, view);
    if (engine != NULL) {
        service_release(subject->service);
    }
    return status;
}

void subject_keep_blocks(struct subject *subject)
{
    if (subject->blocks == NULL) {
        subject->blocks = cache_create(subject->options.memory_limit_bytes / 2);
        subject->memo = query_memo_create(subject->options.memory_limit_bytes / MEMO_PART);
    }
}

enum corong_status subject_ask(struct subject *subject, enum subject_question question,
                               bool durable, uint32_t thread_count, struct corong_error *error)
{
    if (durable) {
        return ask_part(subject, question, NULL, thread_count, error);
    }
    enum corong_status status = CORONG_BUSY;
    for (uint32_t tries = 0; status == CORONG_BUSY && tries < TRIES; tries++) {
        if (tries > 0) {
            clock_sleep_us(PAUSE_US);
        }
        status = ask_once(subject, question, thread_count, error);
    }
    return status;
}
