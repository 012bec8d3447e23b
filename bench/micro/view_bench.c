// SPDX-License-Identifier: Apache-2.0
// What views cost and how fresh they are: one thread pushes a generated clickstream at a rate (or
// as fast as it goes), another takes a view every so often. Prints per run: CPU per event, the time
// from push to visible, how long a view is waited for, chunks and their bytes per row.
#include "engine/engine.h"
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define SAMPLE_PERIOD 64u ///< every so manieth event's way is timed
#define USER_COUNT 2000000u
#define BASE_US (INT64_C(1767225600) * MICROSECONDS_PER_SECOND)

enum { COUNTRY = COLUMN_SYSTEM_COUNT, DEVICE, CAMPAIGN, PAGE, PRODUCT, COLUMN_COUNT };

struct bench {
    uint64_t rate; ///< events per second; 0: as fast as it goes
    uint64_t event_count;
    int64_t view_interval_us; ///< 0: no views
    struct engine *engine;
    uint32_t *sample_us; ///< push time of every SAMPLE_PERIOD-th event, since start_us
    uint32_t *seen_us;   ///< and when a view had it
    uint64_t seen_count;
    int64_t start_us;
    atomic_bool done;
    const struct engine_view *looked;
    uint64_t view_count;
    uint64_t chunk_rows;
    uint64_t chunk_bytes;
    uint32_t chunk_count_max;
    uint32_t waits_us[4096];
};

static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 32) * bound >> 32);
}

static uint32_t since_start(const struct bench *bench)
{
    return (uint32_t)(clock_monotonic_us() - bench->start_us);
}

static void make_word(char *word, const char *prefix, uint32_t number)
{
    snprintf(word, 32, "%s%u", prefix, number);
}

static void push_event(struct bench *bench, struct engine_producer *producer, uint64_t *random,
                       uint64_t number)
{
    static const char *const names[] = {"view", "view", "view", "click", "add_to_cart", "order"};
    char words[6][32];
    union canonical_value values[COLUMN_COUNT];
    uint32_t user = random_below(random, USER_COUNT);
    user = random_below(random, 4) == 0 ? user : user % (USER_COUNT / 40);
    uint32_t kind = random_below(random, 6);
    make_word(words[0], "user-", user);
    make_word(words[1], "C", user % 30);
    make_word(words[2], "device", user % 3);
    make_word(words[3], "campaign-", user % 200);
    make_word(words[4], "/page/", random_below(random, 5000));
    make_word(words[5], "product-", random_below(random, 20000));
    values[COLUMN_NAME].string = text_from(names[kind]);
    values[COLUMN_SEQUENCE].integer = 0;
    values[COLUMN_ID_HASH].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = kind == 5 ? 10000 : COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    for (uint32_t i = 0; i < 5; i++) {
        values[COUNTRY + i].string = text_from(words[i + 1]);
    }
    struct event event = {.user_id = text_from(words[0]),
                          .time_us = BASE_US + (int64_t)(number / 1000) * MICROSECONDS_PER_SECOND,
                          .values = values};
    if (number % SAMPLE_PERIOD == 0) {
        bench->sample_us[number / SAMPLE_PERIOD] = since_start(bench);
    }
    engine_push(producer, &event);
}

static void make_cut(uint64_t pushed, struct store_position *position, struct engine_cut *cut)
{
    *position = (struct store_position){.id = {1, 1},
                                        .name = TEXT_LITERAL("bench"),
                                        .next_offset = (int64_t)pushed,
                                        .anchor_offset = -1,
                                        .epoch = -1};
    position->counters.messages = pushed;
    position->counters.events = pushed;
    position->counters.stored = pushed;
    *cut = (struct engine_cut){.positions = position, .position_count = 1};
}

static void keep_rate(const struct bench *bench, uint64_t pushed)
{
    if (bench->rate > 0 && pushed % 16 == 0) {
        int64_t due_us = bench->start_us + (int64_t)(pushed * 1000000 / bench->rate);
        int64_t ahead_us = due_us - clock_monotonic_us();
        if (ahead_us > 500) {
            clock_sleep_us(ahead_us < 1000 ? ahead_us : 1000);
        }
    }
}

static void produce(struct bench *bench)
{
    uint64_t random = 7;
    struct engine_producer *producer = engine_producer_open(bench->engine);
    struct store_position position;
    struct engine_cut cut;
    for (uint64_t pushed = 0; pushed < bench->event_count;) {
        push_event(bench, producer, &random, pushed++);
        if (engine_barrier_wanted(producer)) {
            make_cut(pushed, &position, &cut);
            engine_barrier(producer, &cut);
        }
        keep_rate(bench, pushed);
    }
    make_cut(bench->event_count, &position, &cut);
    engine_producer_close(producer, &cut);
}

static void note_view(struct bench *bench, const struct engine_view *view, uint32_t asked_us)
{
    uint32_t now_us = since_start(bench);
    bench->waits_us[bench->view_count++ % 4096] = now_us - asked_us;
    bench->chunk_count_max =
        view->chunk_count > bench->chunk_count_max ? view->chunk_count : bench->chunk_count_max;
    uint64_t visible = view->position_count == 0 ? 0 : view->positions[0].counters.stored;
    for (; bench->seen_count * SAMPLE_PERIOD < visible; bench->seen_count++) {
        bench->seen_us[bench->seen_count] = now_us - bench->sample_us[bench->seen_count];
    }
    for (uint32_t i = 0; i < view->chunk_count; i++) {
        int64_t size = 0;
        (void)!file_size(view->chunk_fds[i], &size, NULL);
        bench->chunk_bytes += (uint64_t)size;
    }
    bench->chunk_rows += view->chunk_rows;
}

static void *look(void *argument)
{
    struct bench *bench = argument;
    int64_t next_us = bench->start_us;
    while (!atomic_load(&bench->done)) {
        uint32_t asked_us = since_start(bench);
        const struct engine_view *view;
        if (engine_view_acquire(bench->engine, 0, &view, NULL) != CORONG_OK) {
            break;
        }
        note_view(bench, view, asked_us);
        engine_view_release(bench->engine, view);
        next_us += bench->view_interval_us;
        int64_t ahead_us = next_us - clock_monotonic_us();
        clock_sleep_us(ahead_us > 0 ? ahead_us : 0);
    }
    return NULL;
}

static void *look_once(void *argument)
{
    struct bench *bench = argument;
    if (engine_view_acquire(bench->engine, 0, &bench->looked, NULL) != CORONG_OK) {
        exit(1);
    }
    atomic_store(&bench->done, true);
    return NULL;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(uint32_t *values, uint64_t count, uint32_t percent)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(*values), compare_numbers);
    return values[(count - 1) * percent / 100] / 1e3;
}

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
}

static struct store *open_store(const char *directory)
{
    static const char *const names[] = {"country", "device", "campaign", "page", "product"};
    struct corong_error error;
    struct store *store;
    struct store_options options = {.create = true};
    must(store_open(&store, directory, &options, &error), &error);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t index;
        must(store_add_attribute(store, text_from(names[i]), COLUMN_STRING, &index, &error),
             &error);
    }
    return store;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run(const char *directory, struct bench *bench)
{
    struct corong_error error;
    struct store *store = open_store(directory);
    struct engine_options options = {.store = store,
                                     .schema = store_schema(store),
                                     .shard_count = 2,
                                     .producer_count = 1,
                                     .memory_limit_bytes = UINT64_C(1) << 30};
    must(engine_open(&bench->engine, &options, &error), &error);
    size_t samples = bench->event_count / SAMPLE_PERIOD + 1;
    bench->sample_us = memory_allocate_zeroed(samples, sizeof(uint32_t));
    bench->seen_us = memory_allocate_zeroed(samples, sizeof(uint32_t));
    double cpu_before = cpu_seconds();
    bench->start_us = clock_monotonic_us();
    pthread_t looker;
    if (bench->view_interval_us > 0 && pthread_create(&looker, NULL, look, bench) != 0) {
        exit(1);
    }
    produce(bench);
    double seconds = since_start(bench) / 1e6;
    atomic_store(&bench->done, true);
    must(engine_drain(bench->engine, &error), &error);
    if (bench->view_interval_us > 0) {
        pthread_join(looker, NULL);
    }
    double all_seconds = since_start(bench) / 1e6;
    uint64_t views = bench->view_count < 4096 ? bench->view_count : 4096;
    printf("%8lu %6.0f %9.0f %8.0f %6lu %6u %7.1f %8.1f %8.1f %8.1f %8.1f %8.1f\n", bench->rate,
           (double)bench->view_interval_us / 1e3, (double)bench->event_count / all_seconds,
           (cpu_seconds() - cpu_before) / (double)bench->event_count * 1e9, bench->view_count,
           bench->chunk_count_max,
           bench->chunk_rows == 0 ? 0 : (double)bench->chunk_bytes / (double)bench->chunk_rows,
           percentile_ms(bench->waits_us, views, 50), percentile_ms(bench->waits_us, views, 99),
           percentile_ms(bench->seen_us, bench->seen_count, 50),
           percentile_ms(bench->seen_us, bench->seen_count, 99), seconds);
    fflush(stdout);
    engine_close(bench->engine);
    store_close(store);
    memory_free(bench->sample_us);
    memory_free(bench->seen_us);
}

static void run_once(uint64_t rate, int64_t interval_us, uint64_t seconds)
{
    char directory[] = "/tmp/corong-view-bench-XXXXXX";
    char command[64];
    if (mkdtemp(directory) == NULL) {
        exit(1);
    }
    struct bench *bench = memory_allocate_zeroed(1, sizeof(*bench));
    bench->rate = rate;
    bench->event_count = (rate == 0 ? 500000 : rate) * seconds;
    bench->view_interval_us = interval_us;
    run(directory, bench);
    memory_free(bench);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    if (system(command) != 0) {
        exit(1);
    }
}

static double ask(const char *directory, const struct engine_view *view, char *digest)
{
    static struct text names[] = {{"view", 4}, {"click", 5}, {"add_to_cart", 11}, {"order", 5}};
    struct stage steps[4];
    for (uint32_t i = 0; i < 4; i++) {
        steps[i] = (struct stage){.name = names[i], .events = &names[i], .event_count = 1};
    }
    struct query_funnel query = {
        .funnel = {.name = TEXT_LITERAL("bench"),
                   .steps = steps,
                   .step_count = 4,
                   .window_us = 7 * MICROSECONDS_PER_DAY},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .by = {TEXT_LITERAL("country")},
        .by_count = 1,
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = 2},
    };
    struct store_snapshot_part part = {directory, view == NULL ? 0 : view->store_sequence,
                                       view == NULL ? NULL : view->chunk_fds,
                                       view == NULL ? 0 : view->chunk_count};
    struct corong_error error;
    struct store_snapshot *snapshot;
    struct arena arena = {0};
    struct query_funnel_result result;
    double cpu = cpu_seconds();
    must(store_snapshot_open_parts(&snapshot, &part, 1, &error), &error);
    must(query_funnel_run(snapshot, &query, &arena, &result, &error), &error);
    cpu = cpu_seconds() - cpu;
    memcpy(digest, result.provenance.result_digest, 33);
    store_snapshot_close(snapshot);
    arena_deinit(&arena);
    return cpu * 1e3;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void ask_often(const char *directory, const struct engine_view *view, const char *what)
{
    double cpu_ms[15];
    char digest[33];
    for (int i = 0; i < 15; i++) {
        cpu_ms[i] = ask(directory, view, digest);
    }
    qsort(cpu_ms, 15, sizeof(double), compare_doubles);
    printf("%-40s %7.1f ms of CPU (%.1f to %.1f), digest %.8s\n", what, cpu_ms[7], cpu_ms[0],
           cpu_ms[14], digest);
}

static const struct engine_view *push_and_look(struct bench *bench,
                                               struct engine_producer *producer, uint64_t *random,
                                               uint64_t *pushed, uint64_t count)
{
    struct store_position position;
    struct engine_cut cut;
    for (uint64_t end = *pushed + count; *pushed < end;) {
        push_event(bench, producer, random, (*pushed)++);
        if (engine_barrier_wanted(producer)) {
            make_cut(*pushed, &position, &cut);
            engine_barrier(producer, &cut);
        }
    }
    atomic_store(&bench->done, false);
    pthread_t thread;
    if (pthread_create(&thread, NULL, look_once, bench) != 0) {
        exit(1);
    }
    while (!atomic_load(&bench->done)) {
        if (engine_barrier_wanted(producer)) {
            make_cut(*pushed, &position, &cut);
            engine_barrier(producer, &cut);
        }
        clock_sleep_us(100);
    }
    pthread_join(thread, NULL);
    return bench->looked;
}

// A store of one run and behind it the chunks of `view_count` views: what a question costs.
static void ask_over_chunks(uint64_t stored, uint64_t chunk_rows, uint32_t view_count)
{
    char directory[] = "/tmp/corong-view-bench-XXXXXX";
    struct corong_error error;
    if (mkdtemp(directory) == NULL) {
        exit(1);
    }
    struct bench *bench = memory_allocate_zeroed(1, sizeof(*bench));
    bench->event_count = stored + chunk_rows * view_count;
    size_t samples = bench->event_count / SAMPLE_PERIOD + 1;
    bench->sample_us = memory_allocate_zeroed(samples, sizeof(uint32_t));
    struct store *store = open_store(directory);
    struct engine_options options = {.store = store,
                                     .schema = store_schema(store),
                                     .shard_count = 2,
                                     .producer_count = 1,
                                     .memory_limit_bytes = UINT64_C(1) << 30,
                                     .commit_interval_us = INT64_MAX / 4,
                                     .view_interval_us = 1};
    uint64_t random = 7;
    uint64_t pushed = 0;
    struct store_position position;
    struct engine_cut cut;
    must(engine_open(&bench->engine, &options, &error), &error);
    struct engine_producer *producer = engine_producer_open(bench->engine);
    while (pushed < stored) {
        push_event(bench, producer, &random, pushed++);
        if (engine_barrier_wanted(producer)) {
            make_cut(pushed, &position, &cut);
            engine_barrier(producer, &cut);
        }
    }
    make_cut(pushed, &position, &cut);
    engine_producer_close(producer, &cut);
    must(engine_drain(bench->engine, &error), &error);
    engine_close(bench->engine);
    must(store_compact(store, &(struct store_compact_options){0}, NULL, &error), &error);
    ask_often(directory, NULL, "one run");
    must(engine_open(&bench->engine, &options, &error), &error);
    producer = engine_producer_open(bench->engine);
    for (uint32_t i = 1; i <= view_count; i++) {
        const struct engine_view *view =
            push_and_look(bench, producer, &random, &pushed, chunk_rows);
        char what[64];
        snprintf(what, sizeof(what), "and %u chunks of %lu rows in all", view->chunk_count,
                 view->chunk_rows);
        if (i == 1 || i % 5 == 0) {
            ask_often(directory, view, what);
        }
        engine_view_release(bench->engine, view);
    }
    make_cut(pushed, &position, &cut);
    engine_producer_close(producer, &cut);
    must(engine_drain(bench->engine, &error), &error);
    engine_close(bench->engine);
    ask_often(directory, NULL, "after the commit");
    store_close(store);
}

// view_bench [SECONDS [EVENTS_PER_SECOND VIEW_MILLISECONDS]]
int main(int argument_count, char **arguments)
{
    static const struct {
        uint64_t rate;
        int64_t interval_us;
    } runs[] = {{100000, 0}, {100000, 250000}, {500000, 0}, {500000, 250000}, {0, 0}, {0, 250000}};
    if (argument_count > 4 && strcmp(arguments[1], "ask") == 0) {
        ask_over_chunks((uint64_t)atoi(arguments[2]), (uint64_t)atoi(arguments[3]),
                        (uint32_t)atoi(arguments[4]));
        return 0;
    }
    uint64_t seconds = argument_count > 1 ? (uint64_t)atoi(arguments[1]) : 10;
    puts("    rate  every  events/s   ns/evt  views chunks  B/row   wait50   wait99 visible50 "
         "visible99 seconds");
    if (argument_count > 3) {
        run_once((uint64_t)atoi(arguments[2]), atoi(arguments[3]) * INT64_C(1000), seconds);
        return 0;
    }
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        run_once(runs[i].rate, runs[i].interval_us, seconds);
    }
    return 0;
}
