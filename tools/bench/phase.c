// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/phase.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <unistd.h>

#define TICK_US 50000
#define TICK_SHORT_US 20000
#define SHORT_US (2 * MICROSECONDS_PER_SECOND) ///< such a load is looked at more often
#define LOOK_INTERVAL_US 50000
#define DRAIN_PATIENCE_US (60 * MICROSECONDS_PER_SECOND)
#define LATE_US 200000      ///< a load that is later than this at its end ...
#define HELD_SHARE 0.5      ///< ... was held by the system for at least this part of it, or is slow
#define BACKLOG_SECONDS 4.0 ///< a growing lag of so many seconds needs no further proof
#define LOOKS_PER_STRETCH (STEADY_LOOK_COUNT - 1)

/// Everything of a phase under way.
struct phase {
    const struct phase_options *options;
    struct phase_result *result;
    struct load load;
    uint64_t visible_before;
    uint64_t read_before;
    struct engine_cpu cpu_before;
    pthread_t watcher;
    pthread_t asker;
    bool has_asker;
    pthread_mutex_t lock; ///< of what follows
    struct subject_sight sight;
    bool ends_asking;
    bool ends_watching;
    struct corong_error error;
};

static bool flag(struct phase *phase, const bool *which)
{
    pthread_mutex_lock(&phase->lock);
    bool set = *which;
    pthread_mutex_unlock(&phase->lock);
    return set;
}

static void set_flag(struct phase *phase, bool *which)
{
    pthread_mutex_lock(&phase->lock);
    *which = true;
    pthread_mutex_unlock(&phase->lock);
}

static void fail(struct phase *phase, const struct corong_error *error)
{
    pthread_mutex_lock(&phase->lock);
    if (phase->error.status == CORONG_OK) {
        phase->error = *error;
    }
    pthread_mutex_unlock(&phase->lock);
}

uint64_t phase_resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) { // NOLINT(cert-err34-c): the kernel's own number
            pages = 0;
        }
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/// What is seen at this moment. The age of events is as of the last view.
static void add_point(struct phase *phase)
{
    struct phase_result *result = phase->result;
    struct load_state state;
    uint64_t read = subject_read_count(phase->options->subject);
    pthread_mutex_lock(&phase->lock);
    struct subject_sight sight = phase->sight;
    int64_t age_us = load_seen(&phase->load, &sight, clock_monotonic_us(), &result->freshness);
    pthread_mutex_unlock(&phase->lock);
    load_now(&phase->load, &state);
    if (result->point_count == result->point_capacity) {
        result->point_capacity = result->point_capacity == 0 ? 128 : result->point_capacity * 2;
        result->points =
            memory_resize_array(result->points, result->point_capacity, sizeof(*result->points));
    }
    result->points[result->point_count++] = (struct phase_point){
        .at_us = clock_monotonic_us() - phase->load.begun_us,
        .due = state.due,
        .sent = state.sent,
        .read = read - phase->read_before,
        .visible = sight.visible - phase->visible_before,
        .age_us = age_us,
        .resident_bytes = phase_resident_bytes(),
    };
}

static void take_sight(struct phase *phase, const struct subject_sight *sight)
{
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&phase->lock);
    phase->sight = *sight;
    (void)load_seen(&phase->load, sight, now_us, &phase->result->freshness);
    pthread_mutex_unlock(&phase->lock);
}

static void *watch(void *argument)
{
    struct phase *phase = argument;
    threads_name("bench-watch");
    int64_t next_us = clock_monotonic_us();
    while (!flag(phase, &phase->ends_watching)) {
        struct subject_sight sight;
        struct corong_error error = {0};
        if (subject_look(phase->options->subject, &sight, &error)) {
            take_sight(phase, &sight);
        } else if (error.status != CORONG_OK) {
            fail(phase, &error);
            break;
        }
        next_us += LOOK_INTERVAL_US;
        int64_t now_us = clock_monotonic_us();
        next_us = next_us < now_us ? now_us : next_us;
        clock_sleep_us(next_us - now_us);
    }
    return NULL;
}

/// A store that has nothing has no attributes to be asked about either.
static void wait_for_events(struct phase *phase)
{
    for (uint64_t visible = 0; visible == 0 && !flag(phase, &phase->ends_asking);) {
        clock_sleep_us(LOOK_INTERVAL_US / 5);
        pthread_mutex_lock(&phase->lock);
        visible = phase->sight.visible;
        pthread_mutex_unlock(&phase->lock);
    }
}

/// The questions that are asked take turns.
static enum subject_question question_of(const struct phase_options *options, uint64_t number)
{
    enum subject_question asked[SUBJECT_QUESTION_COUNT];
    uint32_t count = 0;
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        if (options->question_mask == 0 || (options->question_mask >> question & 1) != 0) {
            asked[count++] = (enum subject_question)question;
        }
    }
    return asked[number % count];
}

/// Questions that were due and never had their turn waited for at least this long: leaving them out
/// would omit the slowest.
static void add_unasked(struct phase *phase, int64_t begun_us, double interval_us, uint64_t number)
{
    struct phase_result *result = phase->result;
    int64_t now_us = clock_monotonic_us();
    for (;; number++) {
        int64_t due_us = begun_us + (int64_t)((double)(number + 1) * interval_us);
        if (due_us >= now_us) {
            break;
        }
        histogram_add(&result->question_waits, now_us - due_us, 1);
        histogram_add(&result->questions[question_of(phase->options, number)], now_us - due_us, 1);
        result->questions_unasked++;
    }
}

/// Each question has a time at which it is meant; what it waits for those before it is its latency.
static void *ask(void *argument)
{
    struct phase *phase = argument;
    struct phase_result *result = phase->result;
    threads_name("bench-ask");
    subject_keep_blocks(phase->options->subject);
    wait_for_events(phase);
    double interval_us = 1e6 / phase->options->questions_per_second;
    int64_t begun_us = clock_monotonic_us();
    for (uint64_t number = 0;; number++) {
        int64_t due_us = begun_us + (int64_t)((double)(number + 1) * interval_us);
        while (clock_monotonic_us() < due_us && !flag(phase, &phase->ends_asking)) {
            int64_t left_us = due_us - clock_monotonic_us();
            clock_sleep_us(left_us > 20000 ? 20000 : left_us > 0 ? left_us : 0);
        }
        if (flag(phase, &phase->ends_asking)) {
            add_unasked(phase, begun_us, interval_us, number);
            break;
        }
        enum subject_question question = question_of(phase->options, number);
        struct corong_error error = {0};
        histogram_add(&result->question_waits, clock_monotonic_us() - due_us, 1);
        uint32_t threads = phase->options->question_threads;
        if (subject_ask(phase->options->subject, question, false, threads == 0 ? 1 : threads,
                        &error) != CORONG_OK) {
            fail(phase, &error);
            break;
        }
        histogram_add(&result->questions[question], clock_monotonic_us() - due_us, 1);
    }
    return NULL;
}

/// The verdict over what is there. The lag of reading decides: what is read becomes visible unless
/// memory runs full, which holds reading up. The age of events can only condemn.
static void judge(struct phase *phase)
{
    struct phase_result *result = phase->result;
    uint32_t count = result->point_count;
    if (count == 0) {
        return;
    }
    double *lags = memory_allocate(count * sizeof(*lags));
    double *ages = memory_allocate(count * sizeof(*ages));
    for (uint32_t index = 0; index < count; index++) {
        const struct phase_point *point = &result->points[index];
        lags[index] = (double)point->due - (double)point->read;
        ages[index] = (double)point->age_us / 1e6;
    }
    double between = (double)result->points[count - 1].at_us / 1e6 / count;
    double rate = phase->options->rate > 0 ? phase->options->rate : 1;
    double tolerance = phase->options->lag_tolerance;
    tolerance = tolerance > 0 ? tolerance : PHASE_LAG_TOLERANCE;
    steady_test(lags, count, between, tolerance * rate, &result->lag);
    steady_test(ages, count, between, PHASE_AGE_TOLERANCE, &result->age);
    memory_free(lags);
    memory_free(ages);
    bool growing = result->lag.verdict == STEADY_GROWING || result->age.verdict == STEADY_GROWING;
    const struct phase_point *last = &result->points[count - 1];
    bool steady = result->lag.verdict == STEADY_STEADY &&
                  !steady_is_behind((double)last->due, (double)last->read);
    result->verdict = growing ? STEADY_GROWING : steady ? STEADY_STEADY : STEADY_UNDECIDED;
}

static double lag_seconds(const struct phase *phase)
{
    const struct phase_result *result = phase->result;
    if (result->point_count == 0 || phase->options->rate <= 0) {
        return 0;
    }
    const struct phase_point *last = &result->points[result->point_count - 1];
    return ((double)last->due - (double)last->read) / phase->options->rate;
}

/// Whether the load has gone on for long enough.
static bool is_long_enough(struct phase *phase, int64_t passed_us, uint32_t *looks)
{
    const struct phase_options *options = phase->options;
    if (options->most_us == 0 || options->rate <= 0) {
        return false; // it ends by itself
    }
    int64_t stretch_us = (options->most_us - options->least_us) / (int64_t)LOOKS_PER_STRETCH;
    int64_t next_us = options->least_us + (int64_t)*looks * stretch_us;
    bool hopeless = lag_seconds(phase) > BACKLOG_SECONDS;
    bool looks_now = passed_us >= next_us || hopeless;
    if (looks_now) {
        judge(phase);
        *looks += !hopeless;
    }
    bool enough =
        looks_now && (phase->result->verdict != STEADY_UNDECIDED || passed_us >= options->most_us);
    return enough;
}

static void tell(struct phase *phase, int64_t passed_us)
{
    const struct phase_options *options = phase->options;
    if (options->progress == NULL) {
        return;
    }
    struct load_state state;
    load_now(&phase->load, &state);
    double share = options->count > 0      ? (double)state.sent / (double)options->count
                   : options->least_us > 0 ? (double)passed_us / (double)options->least_us
                                           : 0;
    double rate = passed_us > 0 ? (double)state.sent * 1e6 / (double)passed_us : 0;
    options->progress(options->context, options->label, share > 1 ? 1 : share, rate,
                      lag_seconds(phase));
}

/// Rows in memory that are in no segment yet.
static void note_tails(struct phase *phase)
{
    struct engine *engine = service_hold(phase->options->subject->service);
    if (engine != NULL) {
        uint64_t tails = engine_memory_read(engine).tails;
        uint64_t *most = &phase->result->tails_most_bytes;
        *most = tails > *most ? tails : *most;
        service_release(phase->options->subject->service);
    }
}

static enum corong_status tick(struct phase *phase, struct corong_error *error)
{
    struct subject *subject = phase->options->subject;
    clock_sleep_us(phase->options->least_us > SHORT_US ? TICK_US : TICK_SHORT_US);
    threads_look(phase->options->threads);
    uint64_t resident = phase_resident_bytes();
    struct phase_result *result = phase->result;
    result->resident_peak_bytes =
        resident > result->resident_peak_bytes ? resident : result->resident_peak_bytes;
    note_tails(phase);
    TRY(service_tick(subject->service, error));
    TRY(subject_check_disk(subject, error));
    pthread_mutex_lock(&phase->lock);
    struct corong_error failure = phase->error;
    pthread_mutex_unlock(&phase->lock);
    if (failure.status != CORONG_OK) {
        if (error != NULL) {
            *error = failure;
        }
        return failure.status;
    }
    return pump_stop_asked(subject->options.stop)
               ? error_set(error, CORONG_CANCELLED, "interrupted")
               : CORONG_OK;
}

static enum corong_status wait_for_load(struct phase *phase, struct corong_error *error)
{
    uint32_t looks = 0;
    for (struct load_state state = {0}; !state.over; load_now(&phase->load, &state)) {
        TRY(tick(phase, error));
        add_point(phase);
        int64_t passed_us = clock_monotonic_us() - phase->load.begun_us;
        tell(phase, passed_us);
        if (is_long_enough(phase, passed_us, &looks)) {
            load_stop(&phase->load);
            break;
        }
    }
    return CORONG_OK;
}

static enum corong_status wait_until_visible(struct phase *phase, struct corong_error *error)
{
    uint64_t sent = phase->load.number;
    int64_t until_us = clock_monotonic_us() + DRAIN_PATIENCE_US;
    for (uint64_t visible = 0; visible < sent;) {
        TRY(tick(phase, error));
        pthread_mutex_lock(&phase->lock);
        visible = phase->sight.visible - phase->visible_before;
        pthread_mutex_unlock(&phase->lock);
        if (clock_monotonic_us() > until_us) {
            return error_set(error, CORONG_IO,
                             "%llu of %llu events that were sent did not become visible within "
                             "%lld s",
                             (unsigned long long)(sent - visible), (unsigned long long)sent,
                             (long long)(DRAIN_PATIENCE_US / MICROSECONDS_PER_SECOND));
        }
    }
    phase->result->drained = true;
    return CORONG_OK;
}

static void read_engine(struct phase *phase)
{
    struct phase_result *result = phase->result;
    struct engine *engine = service_hold(phase->options->subject->service);
    if (engine == NULL) {
        return;
    }
    struct arena arena = {0};
    struct engine_live_view view;
    uint32_t running;
    engine_live_read(engine, &arena, &view);
    result->live_users = view.users;
    result->live_bytes = view.live_state_bytes;
    result->rows_committed = view.rows_committed;
    result->memory = engine_memory_read(engine);
    result->merge = engine_merge_read(engine, &running);
    service_release(phase->options->subject->service);
    arena_deinit(&arena);
}

static struct engine_cpu read_cpu(struct subject *subject)
{
    struct engine_cpu cpu = {0};
    struct engine *engine = service_hold(subject->service);
    if (engine != NULL) {
        cpu = engine_cpu_read(engine);
        service_release(subject->service);
    }
    return cpu;
}

/// The shards' own count of what is not their users'.
static void split_shards(struct phase *phase)
{
    uint64_t *sums = phase->result->stage_ns;
    struct engine_cpu cpu = read_cpu(phase->options->subject);
    uint64_t write_ns = cpu.write_ns - phase->cpu_before.write_ns;
    uint64_t view_ns = cpu.show_ns - phase->cpu_before.show_ns;
    write_ns = write_ns < sums[STAGE_SHARD] ? write_ns : sums[STAGE_SHARD];
    view_ns = view_ns < sums[STAGE_SHARD] - write_ns ? view_ns : sums[STAGE_SHARD] - write_ns;
    sums[STAGE_WRITE] += write_ns;
    sums[STAGE_VIEW] += view_ns;
    sums[STAGE_SHARD] -= write_ns + view_ns;
}

static void begin(struct phase *phase)
{
    const struct phase_options *options = phase->options;
    struct load_options load = {
        .subject = options->subject,
        .lines = options->lines,
        .rate = options->rate,
        .speed = options->speed,
        .limit_us = options->most_us > 0 ? options->most_us : options->least_us,
        .count = options->count,
        .cores = options->load_cores,
        .core_count = options->load_core_count,
    };
    phase->visible_before = options->subject->sent;
    phase->read_before = subject_read_count(options->subject);
    phase->sight.visible = phase->visible_before;
    for (uint32_t index = 0; index < SUBJECT_PARTITION_COUNT_MAX; index++) {
        phase->sight.next[index] = -1;
    }
    phase->cpu_before = read_cpu(options->subject);
    read_engine(phase);
    phase->result->merge_before = phase->result->merge;
    threads_begin(options->threads);
    load_begin(&phase->load, &load);
    ASSERT(pthread_create(&phase->watcher, NULL, watch, phase) == 0);
    phase->has_asker = options->questions_per_second > 0;
    if (phase->has_asker) {
        ASSERT(pthread_create(&phase->asker, NULL, ask, phase) == 0);
    }
}

/// The load is over: what it was like. The watcher still runs.
static void conclude_load(struct phase *phase)
{
    struct phase_result *result = phase->result;
    const struct load *load = &phase->load;
    uint64_t read = subject_read_count(phase->options->subject) - phase->read_before;
    if (result->verdict == STEADY_UNDECIDED) {
        judge(phase);
    }
    result->rate = phase->options->rate;
    result->events = load->number;
    result->read = read;
    result->load_seconds = (double)(load->ended_us - load->begun_us) / 1e6;
    result->achieved = result->load_seconds > 0 ? (double)read / result->load_seconds : 0;
    double held = (double)load->held_us;
    result->load_busy = result->load_seconds > 0 ? 1 - held / (result->load_seconds * 1e6) : 0;
    bool timed = phase->options->rate > 0 || phase->options->speed > 0;
    result->generator_limited =
        timed ? load->behind_us > LATE_US && held < HELD_SHARE * (double)load->behind_us
              : result->load_busy > 0.9;
    read_engine(phase);
}

static void end_threads(struct phase *phase)
{
    load_stop(&phase->load);
    load_end(&phase->load);
    set_flag(phase, &phase->ends_asking);
    if (phase->has_asker) {
        pthread_join(phase->asker, NULL);
    }
    set_flag(phase, &phase->ends_watching);
    pthread_join(phase->watcher, NULL);
}

static enum corong_status go(struct phase *phase, struct corong_error *error)
{
    TRY(wait_for_load(phase, error));
    load_end(&phase->load);
    if (phase->load.error.status != CORONG_OK) {
        if (error != NULL) {
            *error = phase->load.error;
        }
        return phase->load.error.status;
    }
    conclude_load(phase);
    if (phase->options->is_last) {
        subject_end(phase->options->subject);
    }
    set_flag(phase, &phase->ends_asking);
    TRY(wait_until_visible(phase, error));
    struct phase_result *result = phase->result;
    result->whole_seconds = (double)(clock_monotonic_us() - phase->load.begun_us) / 1e6;
    threads_look(phase->options->threads);
    threads_sum(phase->options->threads, result->stage_ns);
    result->process_ns =
        phase->options->threads->process_now_ns - phase->options->threads->process_ns;
    split_shards(phase);
    return CORONG_OK;
}

enum corong_status phase_run(const struct phase_options *options, struct phase_result *result_out,
                             struct corong_error *error)
{
    *result_out = (struct phase_result){0};
    struct phase *phase = memory_allocate_zeroed(1, sizeof(*phase));
    phase->options = options;
    phase->result = result_out;
    pthread_mutex_init(&phase->lock, NULL);
    begin(phase);
    enum corong_status status = go(phase, error);
    end_threads(phase);
    if (status == CORONG_OK && phase->error.status != CORONG_OK) {
        status = phase->error.status;
        if (error != NULL) {
            *error = phase->error;
        }
    }
    load_deinit(&phase->load);
    pthread_mutex_destroy(&phase->lock);
    memory_free(phase);
    return status;
}

void phase_deinit(struct phase_result *result)
{
    memory_free(result->points);
    result->points = NULL;
}
