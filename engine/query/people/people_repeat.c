// SPDX-License-Identifier: Apache-2.0
/// How often people do one thing: customers, orders, money and times by rank.
#include "engine/query/people/people.h"
#include "engine/query/people/people_value.h"
#include "engine/query/query_cursor.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_durations.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#define RANK_COUNT_DEFAULT 5u
#define CURRENCY_COUNT_MAX 1024u

struct repeat_money {
    struct text currency;
    __int128 revenue;
    uint64_t orders;
};

/// Sums of one rank.
struct repeat_rank {
    uint64_t people;
    uint64_t orders;
    int64_t *gaps_us;
    uint64_t gap_count;
    uint64_t gap_capacity;
    struct repeat_money *money; ///< by currency, missing first
    uint32_t money_count;
};

struct repeat_worker {
    struct repeat_run *run;
    struct query_cursor cursor;
    struct query_reading reading;
    struct repeat_rank *ranks; ///< rank_count + 1
    uint64_t seen;             ///< events of the person in hand
    int64_t last_us;
    uint64_t users;
    uint64_t matched;
    uint64_t after_as_of;
    struct arena arena;
};

struct repeat_run {
    const struct people_repeat *query;
    struct query_tasks *tasks;
    struct query_plan plan;
    int64_t to_us;
    uint32_t rank_count;
    struct repeat_worker *workers;
    uint32_t worker_count;
};

static enum corong_status add_gap(struct repeat_worker *worker, struct repeat_rank *rank,
                                  int64_t gap_us, struct corong_error *error)
{
    if (rank->gap_count == rank->gap_capacity) {
        uint64_t capacity = rank->gap_capacity == 0 ? 1024 : rank->gap_capacity * 2;
        // Twice: they are brought together at the end.
        TRY(query_tasks_charge(worker->run->tasks,
                               2 * (capacity - rank->gap_capacity) * sizeof(int64_t),
                               "times between repetitions", error));
        rank->gaps_us = memory_resize_array(rank->gaps_us, capacity, sizeof(int64_t));
        rank->gap_capacity = capacity;
    }
    rank->gaps_us[rank->gap_count++] = gap_us;
    return CORONG_OK;
}

/// The sum of a currency, kept sorted.
static struct repeat_money *money_of(struct arena *arena, struct repeat_rank *rank,
                                     struct text currency)
{
    uint32_t at = 0;
    while (at < rank->money_count && text_compare(rank->money[at].currency, currency) < 0) {
        at++;
    }
    if (at < rank->money_count && text_equal(rank->money[at].currency, currency)) {
        return &rank->money[at];
    }
    rank->money =
        memory_resize_array(rank->money, (size_t)rank->money_count + 1, sizeof(*rank->money));
    memmove(&rank->money[at + 1], &rank->money[at],
            (rank->money_count++ - at) * sizeof(*rank->money));
    rank->money[at] = (struct repeat_money){.currency = arena_copy_text(arena, currency)};
    return &rank->money[at];
}

static enum corong_status add_money(struct repeat_worker *worker, struct repeat_rank *rank,
                                    struct query_source *source, uint32_t row,
                                    struct corong_error *error)
{
    const struct row_group *rows;
    TRY(query_source_look(source, source->group, &rows, error));
    struct query_raw amount = query_history_raw(source, rows, COLUMN_AMOUNT, row);
    if (!amount.present) {
        return CORONG_OK;
    }
    struct text currency;
    TRY(people_value(source, rows, COLUMN_CURRENCY, row, &worker->arena, &currency, error));
    if (rank->money_count == CURRENCY_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "there are more than %u currencies",
                         CURRENCY_COUNT_MAX);
    }
    struct repeat_money *money = money_of(&worker->arena, rank, currency);
    money->revenue += amount.bits;
    money->orders++;
    return CORONG_OK;
}

static enum corong_status take_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    struct repeat_worker *worker = context;
    const struct repeat_run *run = worker->run;
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        if (time_us > run->plan.as_of_us) {
            worker->after_as_of += end - row;
            return CORONG_OK;
        }
        if (query_source_steps(source, row) == 0 || time_us < run->query->range.from_us ||
            time_us >= run->to_us) {
            continue;
        }
        uint64_t index = worker->seen < run->rank_count ? worker->seen : run->rank_count;
        struct repeat_rank *rank = &worker->ranks[index];
        rank->people += worker->seen <= run->rank_count;
        rank->orders++;
        worker->matched++;
        if (worker->seen++ > 0) {
            TRY(add_gap(worker, rank, time_us - worker->last_us, error));
        }
        worker->last_us = time_us;
        if (run->plan.ask.money) {
            TRY(add_money(worker, rank, source, row, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status run_task(void *context, uint32_t which, uint32_t index,
                                   struct corong_error *error)
{
    struct repeat_run *run = context;
    struct repeat_worker *worker = &run->workers[which];
    bool rows_after = run->plan.time_max_us > run->plan.as_of_us;
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = worker->reading.read_us;
    TRY(query_cursor_seek(&worker->cursor, index, error));
    while (query_cursor_next(&worker->cursor)) {
        worker->users++;
        worker->seen = 0;
        TRY(worker->cursor.possible == 0 && !rows_after
                ? query_cursor_skip(&worker->cursor, error)
                : query_cursor_rows(&worker->cursor, take_rows, worker, error));
    }
    worker->reading.match_us +=
        clock_monotonic_us() - start_us - (worker->reading.read_us - read_before_us);
    return CORONG_OK;
}

static void start_workers(struct repeat_run *run)
{
    run->worker_count = query_tasks_thread_count(run->tasks);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct repeat_worker *worker = &run->workers[i];
        worker->run = run;
        worker->ranks = memory_allocate_zeroed(run->rank_count + 1, sizeof(*worker->ranks));
        query_cursor_init(&worker->cursor, &run->plan, run->tasks, &worker->reading);
    }
}

static void stop_workers(struct repeat_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct repeat_worker *worker = &run->workers[i];
        for (uint32_t r = 0; r <= run->rank_count; r++) {
            memory_free(worker->ranks[r].gaps_us);
            memory_free(worker->ranks[r].money);
        }
        memory_free(worker->ranks);
        query_cursor_deinit(&worker->cursor);
        arena_deinit(&worker->arena);
    }
    memory_free(run->workers);
}

static void sum_gaps(const struct repeat_run *run, uint32_t r, struct people_rank *rank)
{
    uint64_t count = 0;
    for (uint32_t w = 0; w < run->worker_count; w++) {
        count += run->workers[w].ranks[r].gap_count;
    }
    int64_t *values = memory_allocate((count + 1) * sizeof(*values));
    uint64_t used = 0;
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct repeat_rank *part = &run->workers[w].ranks[r];
        if (part->gap_count > 0) {
            memcpy(values + used, part->gaps_us, part->gap_count * sizeof(*values));
            used += part->gap_count;
        }
    }
    query_durations_of(values, count, &rank->since_previous);
    memory_free(values);
}

static enum corong_status sum_money(const struct repeat_run *run, uint32_t r, struct arena *arena,
                                    struct people_rank *rank, struct corong_error *error)
{
    struct repeat_rank sum = {0};
    struct arena scratch = {0};
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct repeat_rank *part = &run->workers[w].ranks[r];
        for (uint32_t i = 0; i < part->money_count; i++) {
            struct repeat_money *money = money_of(&scratch, &sum, part->money[i].currency);
            money->revenue += part->money[i].revenue;
            money->orders += part->money[i].orders;
        }
    }
    bool fits = true;
    rank->money_count = sum.money_count;
    rank->money = arena_allocate(arena, ((size_t)sum.money_count + 1) * sizeof(*rank->money));
    for (uint32_t i = 0; i < sum.money_count; i++) {
        fits = fits && sum.money[i].revenue <= INT64_MAX && sum.money[i].revenue >= INT64_MIN;
        rank->money[i] =
            (struct query_money){arena_copy_text(arena, sum.money[i].currency),
                                 (int64_t)sum.money[i].revenue, sum.money[i].orders, 0, 0};
    }
    memory_free(sum.money);
    arena_deinit(&scratch);
    return fits ? CORONG_OK
                : error_set(error, CORONG_INVALID, "the revenue of rank %u is out of range", r + 1);
}

static enum corong_status fill_result(const struct repeat_run *run, struct arena *arena,
                                      struct people_repeat_result *result,
                                      struct corong_error *error)
{
    *result = (struct people_repeat_result){.rank_count = run->rank_count};
    result->ranks = arena_allocate_zeroed(arena, run->rank_count + 1, sizeof(*result->ranks));
    for (uint32_t r = 0; r <= run->rank_count; r++) {
        struct people_rank *rank = &result->ranks[r];
        for (uint32_t w = 0; w < run->worker_count; w++) {
            rank->people += run->workers[w].ranks[r].people;
            rank->orders += run->workers[w].ranks[r].orders;
        }
        result->orders += rank->orders;
        sum_gaps(run, r, rank);
        TRY(sum_money(run, r, arena, rank, error));
    }
    return CORONG_OK;
}

static void describe(const struct repeat_run *run, struct text_buffer *out)
{
    const struct people_repeat *query = run->query;
    query_digest_text(out, "question", TEXT_LITERAL("repeat"));
    query_digest_text(out, "stage", query->stage->name);
    for (uint32_t i = 0; i < query->stage->event_count; i++) {
        query_digest_text(out, "event", query->stage->events[i]);
    }
    query_digest_filter(out, run->plan.step_where[0]);
    query_digest_filter(out, run->plan.where);
    query_digest_range(out, &query->range);
    query_digest_integer(out, "ranks", run->rank_count);
}

static void digest_rank(struct text_buffer *out, const struct people_rank *rank)
{
    text_buffer_append_u64(out, rank->people);
    text_buffer_append_u64(out, rank->orders);
    query_digest_durations(out, &rank->since_previous);
    for (uint32_t i = 0; i < rank->money_count; i++) {
        query_digest_text(out, "currency", rank->money[i].currency);
        text_buffer_append_i64(out, rank->money[i].revenue);
        text_buffer_append_u64(out, rank->money[i].orders);
    }
}

static void seal(const struct repeat_run *run, struct store_snapshot *snapshot, int64_t start_us,
                 struct people_repeat_result *result)
{
    struct query_work work = {.start_us = start_us, .thread_count = run->worker_count};
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct repeat_worker *worker = &run->workers[i];
        work.after_as_of += worker->after_as_of;
        query_work_add(&work, &worker->reading);
        work.events_matched += worker->matched;
        work.users_read += worker->users;
    }
    query_digest_provenance(&run->plan, snapshot, &work, &result->provenance);
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    describe(run, &definition);
    for (uint32_t r = 0; r <= run->rank_count; r++) {
        digest_rank(&bytes, &result->ranks[r]);
    }
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static enum corong_status prepare(struct repeat_run *run, struct store_snapshot *snapshot,
                                  struct corong_error *error)
{
    const struct people_repeat *query = run->query;
    run->rank_count = query->rank_count == 0 ? RANK_COUNT_DEFAULT : query->rank_count;
    run->to_us = query->range.to_us == QUERY_TIME_NONE ? INT64_MAX : query->range.to_us;
    if (run->rank_count > PEOPLE_RANK_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%u ranks are asked for, at most %u",
                         run->rank_count, PEOPLE_RANK_COUNT_MAX);
    }
    if (query->range.from_us > run->to_us) {
        return error_set(error, CORONG_INVALID, "the range ends before it begins");
    }
    struct query_ask ask = {
        .steps = query->stage,
        .step_count = 1,
        .where = query->where,
        .rows = {query->range.from_us, run->to_us},
        .as_of_us = query->as_of_us,
        .order = QUERY_ORDER_STEPS,
        .money = true,
        .tasks = run->tasks,
    };
    return query_plan_init(&run->plan, snapshot, &ask, query_tasks_thread_count(run->tasks), error);
}

enum corong_status people_repeat_run(struct store_snapshot *snapshot,
                                     const struct people_repeat *query, struct arena *arena,
                                     struct people_repeat_result *result_out,
                                     struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    struct repeat_run run = {.query = query, .tasks = query_tasks_create(&query->limits)};
    enum corong_status status = prepare(&run, snapshot, error);
    if (status == CORONG_OK) {
        start_workers(&run);
        status = query_tasks_run(run.tasks, run.plan.task_count, run_task, &run, error);
        if (status == CORONG_OK) {
            status = fill_result(&run, arena, result_out, error);
        }
        if (status == CORONG_OK) {
            seal(&run, snapshot, start_us, result_out);
        }
        stop_workers(&run);
        query_plan_deinit(&run.plan);
    }
    query_tasks_destroy(run.tasks);
    return status;
}
