// SPDX-License-Identifier: Apache-2.0
// The highest rate that the system holds: steps until the lag or the age of events grows, then
// bisection between the last that held and the first that did not.
#include "storage/base/clock.h"
#include "tools/bench/ceiling.h"

#include <math.h>
#include <stdio.h>

#define SEARCH_SHARE 0.35
#define WARM_UP_SHARE 0.02
#define WARM_UP_COUNT_MIN 4000u
#define STEP_SHARE 0.025
#define STEP_LEAST_US (4 * MICROSECONDS_PER_SECOND / 5)
#define HOLD_SHARE 0.2
#define MODEL_SHARE 0.022
#define TRIES_LEAST 5u
#define NEARLY 0.8 ///< of the rate was read: it is tried once more
#define START_DIVISOR 8.0
#define RATE_LEAST 500.0
#define CLOSE_ENOUGH 1.10 ///< the bracket's ends
#define GENERATOR_ROOM 0.95
#define HOLD_LOAD 0.7
#define HOLD_LOAD_FULL 0.8 ///< over a store that was filled before
#define HOLD_SHARE_FULL 0.5
#define CEILING_EVENTS 2000000u
#define CEILING_BATCH_SIZE (64u << 10)

/// Lines made and given to nobody.
static uint64_t make_lines(struct run *run, int64_t until_us)
{
    struct load_lines lines = load_from_crowd(&run->crowd);
    struct subject_line line;
    uint64_t made = 0;
    uint64_t bytes = 0;
    while (made < CEILING_EVENTS && lines.next(lines.context, &line, NULL)) {
        bytes += line.bytes.size;
        if (++made % 1024 == 0 && clock_monotonic_us() > until_us) {
            break;
        }
    }
    json_t *generator = json_object_get(run->document, "generator");
    json_object_set_new(generator, "bytes_per_line",
                        json_real(made == 0 ? 0 : (double)bytes / (double)made));
    return made;
}

/// The same sent to a broker that nobody reads: one in this process, also where a real one will
/// take the load, whose topic is not written before the load.
static enum corong_status send_lines(struct run *run, int64_t length_us, double *rate_out,
                                     struct corong_error *error)
{
    struct produce_broker *broker;
    struct produce *produce;
    TRY(produce_broker_start(&broker, "ceiling", 4, error));
    const char *properties[] = {produce_broker_property(broker), "log_level=0",
                                "compression.codec=none", NULL};
    struct produce_options options = {"ceiling", properties};
    enum corong_status status = produce_open(&produce, &options, error);
    if (status == CORONG_OK) {
        struct load_lines lines = load_from_crowd(&run->crowd);
        struct subject_line line;
        int64_t begun_us = clock_monotonic_us();
        uint64_t sent = 0;
        while (status == CORONG_OK && lines.next(lines.context, &line, error) &&
               (sent % 256 != 0 || clock_monotonic_us() - begun_us < length_us)) {
            struct produce_message message = {
                .bytes = {line.bytes.bytes, line.bytes.size - 1},
                .key = line.key,
                .timestamp_us = METADATA_NO_TIMESTAMP,
                .partition = METADATA_NO_PARTITION,
                .line_count = 1,
            };
            status = produce_send(produce, &message, error);
            sent++;
        }
        while (!produce_flush(produce, 100) && !pump_stop_asked(&run_stop)) {
        }
        *rate_out = (double)sent * 1e6 / (double)(clock_monotonic_us() - begun_us);
        produce_close(produce);
    }
    produce_broker_stop(broker);
    return status;
}

/// The same written into a pipe that nobody but a reader of bytes empties.
static enum corong_status write_lines(struct run *run, int64_t length_us, double *rate_out,
                                      struct corong_error *error)
{
    struct load_lines lines = load_from_crowd(&run->crowd);
    struct ceiling_pipe *pipe;
    TRY(ceiling_pipe_open(&pipe, error));
    struct subject_line line;
    struct text_buffer batch = {0};
    uint64_t made = 0;
    int64_t begun_us = clock_monotonic_us();
    enum corong_status status = CORONG_OK;
    while (status == CORONG_OK && lines.next(lines.context, &line, error) &&
           (made % 1024 != 0 || clock_monotonic_us() - begun_us < length_us)) {
        text_buffer_append(&batch, line.bytes.bytes, line.bytes.size);
        made++;
        if (batch.size >= CEILING_BATCH_SIZE) {
            status = ceiling_pipe_write(pipe, batch.bytes, batch.size, error);
            text_buffer_reset(&batch);
        }
    }
    *rate_out = (double)made * 1e6 / (double)(clock_monotonic_us() - begun_us);
    ceiling_pipe_close(pipe);
    text_buffer_deinit(&batch);
    return status;
}

/// Alone, and with what it takes to hand lines over in the way that the run does.
enum corong_status run_ceiling(struct run *run, struct corong_error *error)
{
    int64_t length_us = run_share_us(run, 0.01);
    json_t *generator = json_object();
    json_object_set_new(run->document, "generator", generator);
    int64_t begun_us = clock_monotonic_us();
    uint64_t made = make_lines(run, begun_us + length_us);
    double lines = (double)made * 1e6 / (double)(clock_monotonic_us() - begun_us);
    run->ceiling = lines;
    json_object_set_new(generator, "lines_per_second", json_real(lines));
    if (run->options->through == BENCH_FILES) {
        TRY(write_lines(run, length_us, &run->ceiling, error));
    } else {
        TRY(send_lines(run, length_us, &run->ceiling, error));
    }
    json_object_set_new(generator, "ceiling_events_per_second", json_real(run->ceiling));
    run_say(run, "the generator alone: %.0f events/s made, %.0f handed over", lines, run->ceiling);
    return run_decode_alone(run, error);
}

static struct run_load load_of(const struct phase_result *result)
{
    double events = result->events > 0 ? (double)result->events : 1;
    return (struct run_load){result->rate, phase_cores(result), phase_cpu_per_event(result),
                             (double)result->stage_ns[STAGE_PUMP] / events};
}

static void keep_load(struct run *run, const struct phase_result *result)
{
    if (run->load_count < RUN_RATE_COUNT_MAX && result->verdict == STEADY_STEADY) {
        run->loads[run->load_count++] = load_of(result);
    }
}

static int64_t at_least_a_step(int64_t length_us)
{
    return length_us < STEP_LEAST_US ? STEP_LEAST_US : length_us;
}

/// One rate, tried.
static enum corong_status try_rate(struct run *run, double rate, json_t *steps,
                                   struct phase_result *result, struct corong_error *error)
{
    char label[64];
    snprintf(label, sizeof(label), "trying %.0f events/s", rate);
    struct phase_options options = run_phase_options(run, rate, label);
    options.least_us = at_least_a_step(run_share_us(run, STEP_SHARE));
    options.most_us = 3 * options.least_us;
    enum corong_status status = phase_run(&options, result, error);
    if (status == CORONG_OK) {
        keep_load(run, result);
        json_array_append_new(steps, phase_json(result, true));
        run_say(run,
                "%10.0f events/s: %s%s, lag %+.0f events/s, visible after %.0f ms (99 %%: %.0f)",
                rate, steady_word(result->verdict),
                result->generator_limited ? ", the generator was the limit" : "", result->lag.slope,
                (double)histogram_percentile(&result->freshness, 0.5) / 1e3,
                (double)histogram_percentile(&result->freshness, 0.99) / 1e3);
    }
    phase_deinit(result);
    return status;
}

/// The next rate to try; 0: the search is over.
static double next_rate(const struct run *run, double tried)
{
    double low = run->sustainable;
    double high = run->sustainable_high;
    double most = run->ceiling * GENERATOR_ROOM;
    if (high <= 0) {
        double next = tried * 2 < most ? tried * 2 : most;
        return next > tried * 1.02 ? next : 0;
    }
    if (low <= 0) {
        return tried / 3 >= RATE_LEAST ? tried / 3 : 0;
    }
    return high / low > CLOSE_ENOUGH ? sqrt(low * high) : 0;
}

/// Connections, first fetches, first files: nothing of it is measured.
enum corong_status run_warm_up(struct run *run, double rate, struct corong_error *error)
{
    struct phase_result result;
    struct phase_options options = run_phase_options(run, rate, "warming up");
    // A file is known by its first 64 KiB: less than that is not read from a pipe.
    uint64_t count = (uint64_t)(rate * (double)run_share_us(run, WARM_UP_SHARE) / 1e6);
    options.count = count < WARM_UP_COUNT_MIN ? WARM_UP_COUNT_MIN : count;
    options.questions_per_second = 0;
    enum corong_status status = phase_run(&options, &result, error);
    phase_deinit(&result);
    return status;
}

enum corong_status run_search(struct run *run, struct corong_error *error)
{
    json_t *found = json_object();
    json_t *steps = json_array();
    json_object_set_new(found, "steps", steps);
    json_object_set_new(run->document, "sustainable", found);
    int64_t until_us = clock_monotonic_us() + run_share_us(run, SEARCH_SHARE);
    double rate = run->ceiling / START_DIVISOR;
    rate = rate < RATE_LEAST ? RATE_LEAST : rate;
    TRY(run_warm_up(run, rate / 4, error));
    bool again = false;
    for (uint32_t tries = 1; rate > 0; tries++) {
        struct phase_result result;
        TRY(try_rate(run, rate, steps, &result, error));
        bool goes_on = clock_monotonic_us() < until_us || tries < TRIES_LEAST;
        bool steady = result.verdict == STEADY_STEADY;
        again = !steady && !again && goes_on && result.achieved > NEARLY * rate;
        if (again) {
            continue; // it nearly was: a neighbour on the machine may have been the reason
        }
        if (steady) {
            run->sustainable = rate > run->sustainable ? rate : run->sustainable;
        } else {
            run->sustainable_high = rate;
            run->generator_was_limit = result.generator_limited;
        }
        rate = goes_on ? next_rate(run, rate) : 0;
    }
    run->generator_was_limit |= run->sustainable_high <= 0;
    json_object_set_new(found, "events_per_second", json_real(run->sustainable));
    json_object_set_new(found, "not_sustained",
                        run->sustainable_high > 0 && !run->generator_was_limit
                            ? json_real(run->sustainable_high)
                            : json_null());
    json_object_set_new(found, "generator_limited", json_boolean(run->generator_was_limit));
    return CORONG_OK;
}

static void add_stage(json_t *rows, const char *name, double per_event, bool is_system)
{
    json_array_append_new(rows, json_pack("{s:s,s:f,s:b}", "stage", name, "cpu_ns_per_event",
                                          per_event, "system", is_system));
}

/// `decode_ns`: what decoding a line takes alone, or 0: the thread that reads is one stage then.
static json_t *stages_json(const struct phase_result *result, double decode_ns)
{
    json_t *rows = json_array();
    for (uint32_t stage = 0; stage < STAGE_COUNT; stage++) {
        double per_event =
            result->events == 0 ? 0 : (double)result->stage_ns[stage] / (double)result->events;
        const char *name = thread_stage_name((enum thread_stage)stage);
        if (stage == STAGE_PUMP && decode_ns > 0) {
            double decode = decode_ns < per_event ? decode_ns : per_event;
            add_stage(rows, "decode", decode, true);
            per_event -= decode;
            name = "poll+route";
        }
        add_stage(rows, name, per_event, thread_stage_is_system((enum thread_stage)stage));
    }
    return rows;
}

static json_t *questions_json(const struct phase_result *result)
{
    json_t *rows = json_array();
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        json_t *row = json_object();
        json_object_set_new(row, "name",
                            json_string(subject_question_name((enum subject_question)question)));
        histogram_json(&result->questions[question], row);
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *memory_json(const struct phase_result *result)
{
    json_t *series = json_array();
    for (uint32_t index = 0; index < result->point_count; index++) {
        const struct phase_point *point = &result->points[index];
        json_array_append_new(series, json_pack("[I,I]", (json_int_t)point->at_us,
                                                (json_int_t)point->resident_bytes));
    }
    double per_user =
        result->live_users == 0 ? 0 : (double)result->live_bytes / (double)result->live_users;
    return json_pack(
        "{s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "per_live_user_bytes", per_user, "live_users",
        (json_int_t)result->live_users, "live_bytes", (json_int_t)result->live_bytes, "rings_bytes",
        (json_int_t)result->memory.rings, "tails_bytes", (json_int_t)result->memory.tails,
        "chunks_bytes", (json_int_t)result->memory.chunks, "limit_bytes",
        (json_int_t)result->memory.limit, "resident_peak_bytes",
        (json_int_t)result->resident_peak_bytes, "series", series);
}

static json_t *merge_json(const struct phase_result *result)
{
    const struct store_merge_figures *merge = &result->merge;
    uint64_t flushed = merge->bytes_flushed;
    double written = flushed == 0 ? 0 : (double)(flushed + merge->bytes_merged) / (double)flushed;
    return json_pack("{s:I,s:I,s:I,s:I,s:f,s:i,s:i}", "merges", (json_int_t)merge->merge_count,
                     "rows_merged", (json_int_t)merge->rows_merged, "bytes_merged",
                     (json_int_t)merge->bytes_merged, "bytes_flushed", (json_int_t)flushed,
                     "bytes_written_per_byte_flushed", written, "runs", (int)merge->run_count,
                     "segments", (int)merge->segment_count);
}

void run_add_phase(struct run *run, const struct phase_result *result)
{
    json_object_set_new(run->document, "ingest_stages", stages_json(result, run->decode_ns));
    json_object_set_new(run->document, "queries", questions_json(result));
    json_object_set_new(run->document, "memory", memory_json(result));
    json_object_set_new(run->document, "merge", merge_json(result));
}

/// What questions beside the load took, from when they were due, and their own processor time.
static void say_questions(struct run *run, const struct phase_result *result)
{
    for (int question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        const struct histogram *times = &result->questions[question];
        if (times->count > 0) {
            run_say(run, "%s: answered after %.0f ms (99 %%: %.0f)",
                    subject_question_name((enum subject_question)question),
                    (double)histogram_percentile(times, 0.5) / 1e3,
                    (double)histogram_percentile(times, 0.99) / 1e3);
        }
    }
    run_say(run, "%.0f ms of CPU a question", phase_cpu_per_question(result) / 1e6);
}

/// A rate that leaves room, for longer: what people will see.
enum corong_status run_hold(struct run *run, struct corong_error *error)
{
    bool full = run->options->prefill_events > 0;
    double rate = run->options->hold_rate > 0
                      ? (double)run->options->hold_rate
                      : run->sustainable * (full ? HOLD_LOAD_FULL : HOLD_LOAD);
    if (rate <= 0) {
        return CORONG_OK;
    }
    struct phase_result *result = &(struct phase_result){0};
    struct phase_options options = run_phase_options(run, rate, "holding");
    options.least_us = at_least_a_step(run_share_us(run, full ? HOLD_SHARE_FULL : HOLD_SHARE));
    if (full) {
        options.question_mask = 1u << SUBJECT_FUNNEL | 1u << SUBJECT_WEEK;
        options.question_threads = run->core_count;
    }
    enum corong_status status = phase_run(&options, result, error);
    if (status == CORONG_OK) {
        json_t *hold = phase_json(result, true);
        json_t *freshness = json_object();
        json_t *waits = json_object();
        histogram_json(&result->freshness, freshness);
        histogram_json(&result->question_waits, waits);
        json_object_set_new(hold, "freshness", freshness);
        json_object_set_new(hold, "question_waits", waits);
        json_object_set_new(run->document, "hold", hold);
        run_add_phase(run, result);
        run->hold_users = result->live_users;
        run->hold_live_bytes = result->live_bytes;
        run_say(run,
                "held %.0f events/s: visible after %.0f ms (99 %%: %.0f), %.0f ns of CPU an "
                "event",
                rate, (double)histogram_percentile(&result->freshness, 0.5) / 1e3,
                (double)histogram_percentile(&result->freshness, 0.99) / 1e3,
                phase_cpu_per_event(result));
        say_questions(run, result);
    }
    phase_deinit(result);
    return status;
}

/// Loads for the model, and one of three times the highest of them that it does not see.
enum corong_status run_held_out_load(struct run *run, struct corong_error *error)
{
    static const double shares[] = {0.06, 0.12, 0.18, 0.24, 0.3, 0.9};
    static const uint32_t last = sizeof(shares) / sizeof(shares[0]) - 1;
    json_t *rows = json_array();
    json_object_set_new(run->document, "loads", rows);
    run->load_count = 0;
    for (uint32_t index = 0; index <= last && run->sustainable > 0; index++) {
        struct phase_result result;
        if (index == last) {
            run_predict_load(run, run->sustainable * shares[index]);
        }
        struct phase_options options =
            run_phase_options(run, run->sustainable * shares[index], "for the model");
        options.least_us = at_least_a_step(run_share_us(run, MODEL_SHARE));
        options.questions_per_second = 0;
        enum corong_status status = phase_run(&options, &result, error);
        if (status == CORONG_OK) {
            run->loads[run->load_count++] = load_of(&result);
            json_object_set_new(run->document, "merge", merge_json(&result));
            json_array_append_new(rows, phase_json(&result, false));
        }
        phase_deinit(&result);
        TRY(status);
    }
    return CORONG_OK;
}
