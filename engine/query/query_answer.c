// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_answer.h"

#include "engine/query/memo/memo.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_narrow.h"
#include "engine/query/query_outcome.h"
#include "engine/query/query_pass.h"
#include "engine/query/query_brief.h"
#include "engine/query/query_repeat.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define CHARGE_EVERY 1024u
#define CHARGE_SIZE (UINT64_C(1) << 20)

/// How a pass counts: its context.
struct answer_way {
    const struct query_answer *answer;
    struct query_listing_map map; ///< bound where the answer has a listing
    bool trend;                   ///< outputs of each bucket one behind the other
};

/// Orders of one step and currency, matched or further ones; the key's slice is unused.
struct answer_order {
    struct query_money_key key;
    struct query_money_sum sum;
};

/// What a worker adds up.
struct answer_state {
    struct query_part part;
    struct query_attribution_rule rule;
    const struct answer_way *way;
    uint32_t since_charge; ///< attempts since memory was booked
    uint64_t charged_bytes;
    uint32_t *taken; ///< slices of the present attempt
    uint32_t taken_count;
    uint32_t taken_capacity;
    uint32_t *stamps; ///< by slice: the last attempt that took it, where one takes several
    uint32_t stamp_capacity;
    uint32_t stamp;              ///< of the present attempt
    struct answer_order *orders; ///< of the present attempt
    uint32_t order_count;
    uint32_t order_capacity;
    uint64_t *throughput; ///< by output, bucket and step; the last output is the total
    struct query_brief_sums briefs;
};

static uint64_t *throughput_cell(const struct query_answer *answer, uint64_t *cells,
                                 uint32_t output, uint32_t bucket)
{
    uint32_t steps = answer->query->funnel.step_count;
    return cells + ((size_t)output * answer->buckets->count + bucket) * steps;
}

static size_t throughput_size(const struct query_answer *answer)
{
    return answer->buckets == NULL ? 0
                                   : (size_t)query_answer_output_count(answer) *
                                         answer->buckets->count * answer->query->funnel.step_count;
}

static void state_init(struct query_pass *pass, void *state)
{
    struct answer_state *worker = state;
    const struct query_funnel *query = pass->query;
    worker->way = pass->context;
    query_slices_init(&worker->part.slices, &pass->plan, pass->asked.columns, query->by_count);
    query_tally_init(&worker->part.tally, &pass->plan, query->funnel.step_count);
    worker->part.tally.left_out = query->left_out;
    worker->part.tally.lean =
        worker->way->answer->lean && (query->left_out & QUERY_OUTPUT_TIMES) == 0;
    query_attribution_init(&worker->rule, query, pass->asked.columns);
    query_brief_init(&worker->briefs, &pass->plan, query->funnel.step_count);
    worker->throughput =
        memory_allocate_zeroed(throughput_size(worker->way->answer) + 1, sizeof(uint64_t));
}

static void state_deinit(void *state)
{
    struct answer_state *worker = state;
    query_slices_deinit(&worker->part.slices);
    query_tally_deinit(&worker->part.tally);
    query_brief_deinit(&worker->briefs);
    memory_free(worker->taken);
    memory_free(worker->stamps);
    memory_free(worker->orders);
    memory_free(worker->throughput);
}

/// Books what the worker's sums have grown by.
static enum corong_status charge(void *state, struct query_units *units, struct corong_error *error)
{
    struct answer_state *worker = state;
    uint64_t bytes = query_tally_bytes(&worker->part.tally) +
                     query_slices_bytes(&worker->part.slices) + query_brief_bytes(&worker->briefs) +
                     throughput_size(worker->way->answer) * sizeof(uint64_t) +
                     (uint64_t)worker->stamp_capacity * sizeof(*worker->stamps);
    uint64_t grown = bytes - worker->charged_bytes;
    worker->charged_bytes = bytes;
    worker->since_charge = 0;
    return grown == 0 ? CORONG_OK
                      : query_tasks_charge(units->tasks, grown, "slices and durations", error);
}

/// Orders that are being added up: of one step, matched or further ones.
struct order_sum {
    struct answer_state *worker;
    struct query_units *units;
    struct query_money_key key;
};

/// The sum of the present attempt with this key.
static struct query_money_sum *order_of(struct answer_state *worker,
                                        const struct query_money_key *key)
{
    for (uint32_t i = 0; i < worker->order_count; i++) {
        if (memcmp(&worker->orders[i].key, key, sizeof(*key)) == 0) {
            return &worker->orders[i].sum;
        }
    }
    if (worker->order_count == worker->order_capacity) {
        worker->order_capacity = worker->order_capacity == 0 ? 16 : worker->order_capacity * 2;
        worker->orders =
            memory_resize_array(worker->orders, worker->order_capacity, sizeof(*worker->orders));
    }
    struct answer_order *order = &worker->orders[worker->order_count++];
    *order = (struct answer_order){.key = *key};
    return &order->sum;
}

/// Adds an event's amount, where it has one.
static enum corong_status add_order(void *context, struct query_place place,
                                    struct corong_error *error)
{
    struct order_sum *sum = context;
    struct query_units *units = sum->units;
    int64_t amount;
    TRY(query_units_amount(units, place, &amount, error));
    if (amount == COLUMN_INTEGER_MISSING) {
        return CORONG_OK;
    }
    const struct row_group *rows;
    TRY(query_units_look(units, place, &rows, error));
    TRY(query_slices_currency(&sum->worker->part.slices, &units->cursor.sources[place.source], rows,
                              place.row, &sum->key.currency, error));
    struct query_money_sum *orders = order_of(sum->worker, &sum->key);
    orders->revenue += amount;
    orders->orders++;
    return CORONG_OK;
}

/// Adds up the amounts of the matched events, and of the further orders behind each of them: once,
/// in however many slices the attempt counts.
static enum corong_status add_up_orders(struct answer_state *worker, struct query_units *units,
                                        const struct query_attempt *attempt,
                                        struct corong_error *error)
{
    worker->order_count = 0;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        int64_t amount;
        TRY(query_units_amount(units, attempt->places[k], &amount, error));
        if (amount == COLUMN_INTEGER_MISSING) {
            continue;
        }
        struct order_sum sum = {worker, units, {.step = k}};
        TRY(add_order(&sum, attempt->places[k], error));
        sum.key.repeat = true;
        TRY(query_repeat_visit(units, attempt, k, add_order, &sum, error));
    }
    return CORONG_OK;
}

/// True the first time that the present attempt has the slice.
static bool is_new_slice(struct answer_state *worker, uint32_t slice)
{
    if (slice >= worker->stamp_capacity) {
        uint32_t capacity = slice < 8 ? 16 : slice * 2;
        worker->stamps = memory_resize_array(worker->stamps, capacity, sizeof(*worker->stamps));
        memset(worker->stamps + worker->stamp_capacity, 0,
               (size_t)(capacity - worker->stamp_capacity) * sizeof(*worker->stamps));
        worker->stamp_capacity = capacity;
    }
    bool is_new = worker->stamps[slice] != worker->stamp;
    worker->stamps[slice] = worker->stamp;
    return is_new;
}

/// Another attempt takes its slices.
static void forget_taken(struct answer_state *worker)
{
    worker->taken_count = 0;
    worker->stamp = worker->stamp % UINT32_MAX + 1;
    if (worker->stamp == 1 && worker->stamp_capacity > 0) { // all over again
        memset(worker->stamps, 0, worker->stamp_capacity * sizeof(*worker->stamps));
    }
}

/// Takes one slice of the present attempt, once.
static enum corong_status take_slice(void *context, const struct query_raw *values,
                                     struct corong_error *error)
{
    struct answer_state *worker = context;
    uint32_t slice;
    if (worker->way->answer->listing != NULL) {
        slice = query_listing_output(&worker->way->map, values);
    } else {
        TRY(query_slices_of(&worker->part.slices, values, &slice, error));
    }
    if (worker->rule.attribution == QUERY_ATTRIBUTION_EACH && !is_new_slice(worker, slice)) {
        return CORONG_OK;
    }
    if (worker->taken_count == worker->taken_capacity) {
        worker->taken_capacity = worker->taken_capacity == 0 ? 16 : worker->taken_capacity * 2;
        worker->taken =
            memory_resize_array(worker->taken, worker->taken_capacity, sizeof(*worker->taken));
    }
    worker->taken[worker->taken_count++] = slice;
    return CORONG_OK;
}

/// Counts the attempt, whose orders are added up, in one slice.
static void add_attempt(struct answer_state *worker, const struct query_attempt *attempt,
                        uint32_t slice, bool days)
{
    query_tally_attempt(&worker->part.tally, slice, attempt, days);
    for (uint32_t i = 0; i < worker->order_count; i++) {
        struct query_money_key key = worker->orders[i].key;
        key.slice = slice;
        query_tally_money(&worker->part.tally, &key, &worker->orders[i].sum);
    }
}

static void add_throughput(struct answer_state *worker, const struct query_attempt *attempt,
                           uint32_t output)
{
    const struct query_answer *answer = worker->way->answer;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        uint32_t bucket = query_buckets_at(answer->buckets, attempt->matched_us[k]);
        if (bucket != QUERY_BUCKETS_NONE) {
            throughput_cell(answer, worker->throughput, output, bucket)[k]++;
        }
    }
}

/// Counts the attempt in the outputs of its bucket; the last of them is the total.
static enum corong_status add_to_bucket(struct answer_state *worker, struct query_units *units,
                                        const struct query_attempt *attempt, const uint32_t *slices,
                                        uint32_t count, struct corong_error *error)
{
    uint32_t outputs = query_answer_output_count(worker->way->answer);
    uint32_t first = units->bucket * outputs;
    for (uint32_t i = 0; i < count && outputs > 1; i++) {
        add_attempt(worker, attempt, first + slices[i], false);
    }
    add_attempt(worker, attempt, first + outputs - 1, false);
    return ++worker->since_charge >= CHARGE_EVERY ? charge(worker, units, error) : CORONG_OK;
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct answer_state *worker = context;
    const struct query_answer *answer = worker->way->answer;
    bool days = (answer->query->left_out & QUERY_OUTPUT_DAYS) == 0;
    uint32_t none = 0;
    const uint32_t *slices = &none;
    uint32_t count = 1;
    forget_taken(worker);
    if (units->plan->ask.money) {
        TRY(add_up_orders(worker, units, attempt, error));
    }
    if (worker->part.slices.count > 0) {
        TRY(query_attribution_visit(&worker->rule, units, attempt, take_slice, worker, error));
        slices = worker->taken;
        count = worker->taken_count;
    }
    if (worker->way->trend) {
        return add_to_bucket(worker, units, attempt, slices, count, error);
    }
    for (uint32_t i = 0; i < count; i++) {
        add_attempt(worker, attempt, slices[i], days && i == 0);
    }
    if (answer->overlap || answer->lean) {
        add_attempt(worker, attempt, answer->listing->count + 1, false);
    }
    if (answer->buckets != NULL) {
        for (uint32_t i = 0; i < count && answer->listing != NULL; i++) {
            add_throughput(worker, attempt, slices[i]);
        }
        add_throughput(worker, attempt, query_answer_output_count(answer) - 1);
    }
    // Values may be long: a thousand of them between two charges would be too many.
    uint64_t value_bytes = worker->part.slices.values.arena.used_bytes;
    bool due =
        ++worker->since_charge >= CHARGE_EVERY || value_bytes > worker->charged_bytes + CHARGE_SIZE;
    return due ? charge(worker, units, error) : CORONG_OK;
}

static enum corong_status add_briefs(struct answer_state *worker, struct query_units *units,
                                     uint32_t source, uint32_t group,
                                     const struct query_brief *briefs, uint32_t count,
                                     struct corong_error *error)
{
    uint32_t slices[QUERY_BRIEF_COUNT_MAX] = {0};
    ASSERT(count <= QUERY_BRIEF_COUNT_MAX);
    TRY(query_brief_add(&worker->briefs, &worker->part.slices, &units->cursor.sources[source],
                        group, briefs, count, units->notes == NULL ? NULL : slices, error));
    if (units->notes != NULL) {
        query_memo_keep(units->hand, &worker->part.slices, units->notes, briefs, slices, count);
    }
    return CORONG_OK;
}

/// Users of whom only counts are asked.
static enum corong_status report_briefs(void *context, struct query_units *units, uint32_t source,
                                        uint32_t group, const struct query_brief *briefs,
                                        uint32_t count, struct corong_error *error)
{
    struct answer_state *worker = context;
    TRY(add_briefs(worker, units, source, group, briefs, count, error));
    uint64_t value_bytes = worker->part.slices.values.arena.used_bytes;
    worker->since_charge += count;
    bool due =
        worker->since_charge >= CHARGE_EVERY || value_bytes > worker->charged_bytes + CHARGE_SIZE;
    return due ? charge(worker, units, error) : CORONG_OK;
}

/// After a task: what was summed up by itself joins the tally.
static enum corong_status settle(void *state, struct query_units *units, struct corong_error *error)
{
    struct answer_state *worker = state;
    uint32_t bucket_count;
    uint64_t *cells = query_block_cells(units->block, &bucket_count);
    query_brief_take_buckets(&worker->briefs, cells, bucket_count);
    uint64_t entered[2 * FUNNEL_STEP_COUNT_MAX] = {units->entered[0], units->entered[1]};
    query_memo_settle(units->hand, &worker->briefs, &worker->part.slices);
    if (entered[0] + entered[1] > 0) {
        query_brief_add_cells(&worker->briefs, 0, entered);
        units->entered[0] = 0;
        units->entered[1] = 0;
    }
    query_brief_settle(&worker->briefs, &worker->part.tally);
    return charge(state, units, error);
}

/// Counts alone, of slices that are values of the entry event and are ranked on the way.
static bool brief_is_enough(const struct query_answer *answer)
{
    const struct query_funnel *query = answer->query;
    const uint32_t parts = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
    return (query->left_out & parts) == parts && answer->listing == NULL && !answer->lean &&
           !answer->overlap && answer->buckets == NULL && query->customer == NULL &&
           query->attribution == QUERY_ATTRIBUTION_ENTRY;
}

static const struct query_pass_calls answer_calls = {
    .state_size = sizeof(struct answer_state),
    .init = state_init,
    .report = report,
    .brief = report_briefs,
    .settle = settle,
    .deinit = state_deinit,
};

/// Adds up the workers' throughput: one row per bucket.
static void fill_throughput(const struct query_pass *pass, const struct query_answer *answer,
                            struct query_funnel_result *result)
{
    uint32_t steps = answer->query->funnel.step_count;
    uint32_t outputs = query_answer_output_count(answer);
    const struct query_buckets *buckets = answer->buckets;
    result->throughput_count = buckets->count;
    result->throughput = arena_allocate_zeroed(answer->arena, (size_t)buckets->count + 1,
                                               sizeof(*result->throughput));
    for (uint32_t b = 0; b < buckets->count; b++) {
        uint64_t *cells =
            arena_allocate_zeroed(answer->arena, (size_t)outputs * steps + 1, sizeof(*cells));
        for (uint32_t w = 0; w < pass->worker_count; w++) {
            const struct answer_state *worker = pass->workers[w].state;
            for (uint32_t o = 0; o < outputs; o++) {
                const uint64_t *from = throughput_cell(answer, worker->throughput, o, b);
                for (uint32_t k = 0; k < steps; k++) {
                    cells[(size_t)o * steps + k] += from[k];
                }
            }
        }
        result->throughput[b] = (struct query_throughput){
            .begin_us = buckets->begins[b],
            .end_us = buckets->begins[b + 1],
            .total = cells + (size_t)(outputs - 1) * steps,
            .slices = cells,
        };
    }
}

/// An outcome of all workers; `parts` has room for them.
static struct query_outcome outcome_of(const struct query_pass *pass,
                                       const struct query_answer *answer, struct query_part **parts)
{
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        parts[i] = &((struct answer_state *)pass->workers[i].state)->part;
    }
    return (struct query_outcome){.query = answer->query,
                                  .tasks = pass->tasks,
                                  .parts = parts,
                                  .part_count = pass->worker_count,
                                  .arena = answer->arena};
}

static enum corong_status fill_result(struct query_pass *pass, const struct query_answer *answer,
                                      struct query_funnel_result *result_out,
                                      struct corong_error *error)
{
    struct query_part *parts[QUERY_THREAD_COUNT_MAX];
    struct query_outcome outcome = outcome_of(pass, answer, parts);
    outcome.listing = answer->listing;
    outcome.overlap = answer->overlap || answer->lean;
    outcome.listing_out = answer->listing_out;
    TRY(query_outcome_fill(&outcome, result_out, error));
    result_out->overlap = answer->overlap;
    if (answer->buckets != NULL) {
        fill_throughput(pass, answer, result_out);
    }
    return CORONG_OK;
}

/// What the answer says of itself, before its digest is known.
static void note_provenance(const struct query_pass *pass, const struct query_answer *answer,
                            struct query_provenance *provenance_out)
{
    struct query_work work = {.start_us = answer->start_us, .thread_count = pass->worker_count};
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        query_units_add_work(&pass->workers[i].units, &work);
    }
    query_digest_provenance(&pass->plan, answer->snapshot, &work, provenance_out);
}

static enum corong_status run_pass(struct query_pass *pass, struct answer_way *way,
                                   struct query_funnel_result *result_out,
                                   struct corong_error *error)
{
    const struct query_answer *answer = way->answer;
    if (answer->listing != NULL) {
        TRY(query_listing_bind(&way->map, answer->listing, &pass->plan, pass->asked.columns,
                               error));
    }
    enum corong_status status = query_pass_run(pass, error);
    if (status == CORONG_OK) {
        status = fill_result(pass, answer, result_out, error);
    }
    if (status == CORONG_OK) {
        note_provenance(pass, answer, &result_out->provenance);
    }
    if (answer->listing != NULL) {
        query_listing_unbind(&way->map);
    }
    return status;
}

enum corong_status query_answer_pass(const struct query_answer *answer,
                                     struct query_funnel_result *result_out,
                                     struct corong_error *error)
{
    struct answer_way way = {.answer = answer};
    struct query_pass_options options = {
        .context = &way, .no_texts = answer->frugal, .brief = brief_is_enough(answer)};
    struct query_pass pass;
    *result_out = (struct query_funnel_result){0};
    TRY(query_pass_open(&pass, answer->snapshot, answer->query, &answer_calls, &options, error));
    enum corong_status status = run_pass(&pass, &way, result_out, error);
    query_pass_close(&pass);
    bool narrow = answer->lean && (answer->query->left_out & QUERY_OUTPUT_TIMES) == 0;
    return status == CORONG_OK && narrow ? query_narrow(answer, result_out, error) : status;
}

bool query_answer_trends(const struct query_funnel *query)
{
    const struct funnel *funnel = &query->funnel;
    bool pieces = funnel->window_session && funnel->unit != FUNNEL_UNIT_SESSION;
    return !pieces && !funnel->range_inside && funnel->dialect == DIALECT_NONE;
}

bool query_answer_trends_whole(const struct query_answer *answer)
{
    return query_answer_trends(answer->query) && answer->query->by_count == 0 &&
           brief_is_enough(answer);
}

/// Rows of the trend from the outputs of all buckets, behind which the whole may come.
static enum corong_status fill_trend(struct query_pass *pass, const struct query_answer *answer,
                                     const struct query_buckets *buckets, struct query_trend *trend,
                                     struct query_funnel_result *whole, struct corong_error *error)
{
    struct query_part *parts[QUERY_THREAD_COUNT_MAX];
    struct query_outcome outcome = outcome_of(pass, answer, parts);
    outcome.overlap = true;
    uint32_t outputs = query_answer_output_count(answer);
    struct query_slice *slices;
    TRY(query_outcome_series(&outcome, buckets->count * outputs + pass->brief, &slices, error));
    for (uint32_t b = 0; b < buckets->count; b++) {
        struct query_slice *first = slices + (size_t)b * outputs;
        trend[b] = (struct query_trend){.begin_us = buckets->begins[b],
                                        .end_us = buckets->begins[b + 1],
                                        .total = first[outputs - 1],
                                        .slices = first,
                                        .other = outputs > 1 ? first[outputs - 2] : first[0]};
    }
    if (whole != NULL) {
        whole->total = slices[(size_t)buckets->count * outputs];
        whole->other = whole->total;
    }
    return CORONG_OK;
}

static enum corong_status run_trend(struct query_pass *pass, struct answer_way *way,
                                    const struct query_buckets *buckets, struct query_trend *trend,
                                    struct query_funnel_result *whole, struct corong_error *error)
{
    const struct query_answer *answer = way->answer;
    if (answer->listing != NULL) {
        TRY(query_listing_bind(&way->map, answer->listing, &pass->plan, pass->asked.columns,
                               error));
    }
    enum corong_status status = query_pass_run(pass, error);
    if (status == CORONG_OK) {
        status = fill_trend(pass, answer, buckets, trend, whole, error);
    }
    if (status == CORONG_OK && whole != NULL) {
        note_provenance(pass, answer, &whole->provenance);
    }
    if (answer->listing != NULL) {
        query_listing_unbind(&way->map);
    }
    return status;
}

enum corong_status query_answer_trend(const struct query_answer *answer,
                                      const struct query_buckets *buckets,
                                      struct query_trend *trend,
                                      struct query_funnel_result *result_out,
                                      struct corong_error *error)
{
    struct answer_way way = {.answer = answer, .trend = true};
    const struct query_pass_options options = {.buckets = buckets,
                                               .context = &way,
                                               .no_texts = answer->frugal,
                                               .brief = answer->query->by_count == 0 &&
                                                        brief_is_enough(answer)};
    struct query_pass pass;
    ASSERT(result_out == NULL || query_answer_trends_whole(answer));
    TRY(query_pass_open(&pass, answer->snapshot, answer->query, &answer_calls, &options, error));
    enum corong_status status = run_trend(&pass, &way, buckets, trend, result_out, error);
    query_pass_close(&pass);
    return status;
}
