// SPDX-License-Identifier: Apache-2.0
// Goal: whenever nobody is pending, the live counts of every funnel and slice are the query's over
// the same range (and the oracle's, where it can tell), and as soon as a stream rests, nobody stays
// pending. Method: random streams with late events, ties, copies, events ahead of as-of, users
// dropped for lack of memory, days that end, and engines that are closed and opened again with
// other funnels, shards and ranges.
#include "engine/engine.h"
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_store.h"
#include "tests/model/oracle_answer.h"
#include "tests/support/store_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_COUNT (COLUMN_SYSTEM_COUNT + 3)
#define FUNNEL_COUNT 3
#define EVENT_COUNT_MAX 60000
#define BASE_US                                                                                    \
    (INT64_C(1774731600) * MICROSECONDS_PER_SECOND) // 2026-03-28T21:00Z, before a day of 23 hours
#define TAME_WORLD_COUNT 8u                         ///< so many have both, whatever the seed
#define SETTLE_PATIENCE_US (60 * MICROSECONDS_PER_SECOND)

struct arrival {
    struct oracle_event event;
    int64_t received_us; // or COLUMN_INTEGER_MISSING
    bool future;
};

struct world {
    uint64_t number;
    struct test_random random;
    struct arena arena;
    struct arrival *arrivals;
    int count;
    int pushed;
    int user_count;
    int64_t unit_us;
    bool has_received;
    bool crowded; // more users than memory has room for
    bool slow;    // commits and recomputations come in between
    char *directory;
    struct store *store;
    uint32_t attributes[3];
    struct engine *engine;
    struct engine_producer *producer;
    struct zone zone;
    bool day;
    struct oracle_question questions[FUNNEL_COUNT];
    struct funnel funnels[FUNNEL_COUNT];
    struct definitions definitions;
};

static uint64_t checks;
static uint64_t settled;
static uint64_t dropped;
static uint64_t rolls;
static uint64_t exact_moments;
static uint64_t seed;

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        test_fail(seed, "live model: %s", error->message);
    }
}

static bool one_in(struct world *world, uint32_t count)
{
    return test_random_below(&world->random, count) == 0;
}

static int optional_value(struct world *world)
{
    return one_in(world, 5) ? -1 : (int)test_random_below(&world->random, 3);
}

static void receive(struct world *world, struct arrival *arrival)
{
    int64_t time_us = arrival->event.time;
    arrival->received_us = COLUMN_INTEGER_MISSING;
    if (!world->has_received || one_in(world, 3)) {
        return;
    }
    int64_t delay_us = (int64_t)test_random_below(&world->random, 3) * world->unit_us;
    // Some clocks are ahead of ours: such events wait for as-of.
    int64_t ahead_us = (int64_t)test_random_below(&world->random, 30) * world->unit_us;
    arrival->received_us = one_in(world, 3) ? time_us - ahead_us : time_us + delay_us;
    arrival->future = time_us - arrival->received_us > MICROSECONDS_PER_DAY;
}

// Times grow with the arrivals, but for some that are late.
static void make_arrivals(struct world *world)
{
    struct test_random *random = &world->random;
    uint32_t id_count = one_in(world, 2) ? 3 : 100000;
    bool ids = one_in(world, 3);
    bool sequences = one_in(world, 3);
    uint32_t late = one_in(world, 3) ? 0 : 4 + test_random_below(random, world->slow ? 60 : 30);
    int per_unit = 1 + (int)test_random_below(random, 12);
    for (int i = 0; i < world->count; i++) {
        struct arrival *arrival = &world->arrivals[i];
        int64_t unit = i / per_unit;
        if (late > 0 && one_in(world, late)) {
            unit -= test_random_below(random, 40);
        }
        arrival->event = (struct oracle_event){
            .user = (int)test_random_below(random, (uint32_t)world->user_count),
            .time = BASE_US + (unit < 0 ? 0 : unit) * world->unit_us,
            .sequence = sequences ? test_random_below(random, 3) : 0,
            .name = (int)test_random_below(random, 6),
            .attributes = {optional_value(world), optional_value(world)},
            .price = one_in(world, 3) ? ORACLE_NONE : test_random_below(random, 10),
            .amount = ORACLE_NONE,
            .id = ids && !one_in(world, 4) ? test_random_below(random, id_count) : ORACLE_NONE,
        };
        arrival->future = false;
        receive(world, arrival);
        if (i > 0 && one_in(world, world->slow ? 100 : 12)) {
            *arrival = world->arrivals[i - 1 - (int)test_random_below(random, i < 50 ? 1 : 50)];
            if (one_in(world, 2)) {
                arrival->event.name = (int)test_random_below(random, 6);
            }
        }
    }
}

static struct text condition_text(struct world *world, const struct oracle_condition *condition)
{
    char words[96] = "";
    size_t used = 0;
    if (condition->price_min != ORACLE_NONE) {
        used += (size_t)snprintf(words, sizeof(words), "price >= %ld", condition->price_min);
    }
    if (condition->attribute_not != -1) {
        snprintf(words + used, sizeof(words) - used, "%sa0 != '%c'", used > 0 ? " and " : "",
                 model_value(condition->attribute_not).bytes[0]);
    }
    return words[0] == '\0' ? TEXT_MISSING : arena_copy_text(&world->arena, text_from(words));
}

static void define_step(struct world *world, struct oracle_condition *condition,
                        struct stage *stage)
{
    struct test_random *random = &world->random;
    // In long streams nearly everybody would come through easy steps, whatever went wrong.
    condition->names = 1u << test_random_below(random, 6);
    condition->names |= world->slow ? 0 : 1u << test_random_below(random, 6);
    condition->price_min = one_in(world, 5) ? test_random_below(random, 8) : ORACLE_NONE;
    condition->attribute_not = one_in(world, 6) ? (int)test_random_below(random, 3) : -1;
    *stage = (struct stage){.name = TEXT_LITERAL("step")};
    stage->events = arena_allocate(&world->arena, 8 * sizeof(struct text));
    for (int name = 0; name < 8; name++) {
        if ((condition->names >> name & 1) != 0) {
            stage->events[stage->event_count++] = model_name(name);
        }
    }
    stage->where = condition_text(world, condition);
}

static void define_funnels(struct world *world)
{
    static const char *const names[FUNNEL_COUNT] = {"one", "two", "three"};
    for (int i = 0; i < FUNNEL_COUNT; i++) {
        struct oracle_question *question = &world->questions[i];
        struct funnel *funnel = &world->funnels[i];
        memset(question, 0, sizeof(*question));
        question->step_count = 1 + (int)test_random_below(&world->random, 4);
        question->step_count += world->slow ? 2 : 0;
        question->window =
            one_in(world, 4) ? ORACLE_NONE : test_random_below(&world->random, 60) * world->unit_us;
        question->ties_strict = one_in(world, 3);
        question->first_attempt = one_in(world, 3);
        question->to = ORACLE_NONE;
        question->session_timeout = 30 * MICROSECONDS_PER_MINUTE;
        *funnel = (struct funnel){
            .name = text_from(names[i]),
            .step_count = (uint32_t)question->step_count,
            .window_us = question->window == ORACLE_NONE ? FUNNEL_WINDOW_NONE : question->window,
            .attempts = question->first_attempt ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST,
            .ties = question->ties_strict ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY,
            .live_slice = i == 0   ? TEXT_LITERAL("a0")
                          : i == 1 ? TEXT_LITERAL("price")
                                   : TEXT_MISSING,
        };
        funnel->steps =
            arena_allocate_zeroed(&world->arena, funnel->step_count, sizeof(struct stage));
        for (uint32_t step = 0; step < funnel->step_count; step++) {
            define_step(world, &question->steps[step], &funnel->steps[step]);
        }
    }
    world->definitions =
        (struct definitions){.funnels = world->funnels,
                             .funnel_count = 1 + test_random_below(&world->random, FUNNEL_COUNT)};
}

static void open_engine(struct world *world)
{
    struct corong_error error = {0};
    struct store_options store_options = {.create = true};
    must(store_open(&world->store, world->directory, &store_options, &error), &error);
    static const char *const names[] = {"a0", "a1", "price"};
    for (int i = 0; i < 3; i++) {
        must(store_add_attribute(world->store, text_from(names[i]),
                                 i < 2 ? COLUMN_STRING : COLUMN_INTEGER, &world->attributes[i],
                                 &error),
             &error);
    }
    define_funnels(world);
    world->day = one_in(world, 2);
    uint32_t shard_count = world->crowded ? 1 : 1 + test_random_below(&world->random, 3);
    struct engine_options options = {
        .store = world->store,
        .schema = store_schema(world->store),
        .definitions = &world->definitions,
        .shard_count = shard_count,
        .producer_count = 1,
        .memory_limit_bytes = (world->crowded ? UINT64_C(8) : UINT64_C(256)) << 20,
        .merge_in_background = world->crowded,
        .merge_eagerly = true,
        .commit_interval_us =
            (world->crowded ? 60 : 4 + test_random_below(&world->random, 20)) * INT64_C(1000),
        .live_range = world->day ? ENGINE_LIVE_DAY : ENGINE_LIVE_ALL,
        .live_zone = one_in(world, 4) ? NULL : &world->zone,
        .live_settles = true,
    };
    must(engine_open(&world->engine, &options, &error), &error);
    world->producer = engine_producer_open(world->engine);
}

static void close_engine(struct world *world)
{
    struct corong_error error = {0};
    engine_producer_close(world->producer, &(struct engine_cut){0});
    must(engine_drain(world->engine, &error), &error);
    engine_close(world->engine);
    if (world->crowded || one_in(world, 2)) {
        must(store_compact(world->store, &(struct store_compact_options){0}, NULL, &error), &error);
    }
    store_close(world->store);
}

static int64_t optional_integer(int64_t value)
{
    return value == ORACLE_NONE ? COLUMN_INTEGER_MISSING : value;
}

static void push(struct world *world, const struct arrival *arrival)
{
    const struct oracle_event *from = &arrival->event;
    char user[16];
    int user_size = snprintf(user, sizeof(user), "u%d", from->user);
    union canonical_value values[COLUMN_COUNT] = {0};
    values[COLUMN_NAME].string = model_name(from->name);
    values[COLUMN_SEQUENCE].integer = from->sequence;
    values[COLUMN_ID_HASH].integer = optional_integer(from->id);
    values[COLUMN_RECEIVED].integer = arrival->received_us;
    values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[world->attributes[0]].string = model_value(from->attributes[0]);
    values[world->attributes[1]].string = model_value(from->attributes[1]);
    values[world->attributes[2]].integer = optional_integer(from->price);
    struct event event = {
        .user_id = {user, (size_t)user_size},
        .user_namespace = USER_NAMESPACE_KNOWN,
        .time_us = from->time,
        .values = values,
        .future = arrival->future,
    };
    engine_push(world->producer, &event);
}

static void serve_barriers(struct world *world)
{
    if (engine_barrier_wanted(world->producer)) {
        engine_barrier(world->producer, &(struct engine_cut){0});
    }
}

// Everything pushed is committed afterwards.
static void commit(struct world *world)
{
    struct engine_view view_now;
    (void)view_now;
    uint64_t wanted = engine_barrier(world->producer, &(struct engine_cut){0});
    engine_request_commit(world->engine);
    while (engine_committed_epoch(world->engine) < wanted) {
        serve_barriers(world);
        if (engine_failed(world->engine)) {
            test_fail(seed, "the engine failed");
        }
        clock_sleep_us(50);
    }
}

static void read_live(struct world *world, struct arena *arena, struct engine_live_view *view)
{
    engine_live_read(world->engine, arena, view);
    if (view->failure.bytes != NULL) {
        test_fail(seed, "not settled: %s", view->failure.bytes);
    }
}

static void differ(const struct world *world, const struct engine_live_view *view,
                   const struct engine_live_funnel *live, const char *what, struct text value,
                   uint64_t found, uint64_t expected)
{
    test_fail(seed,
              "world %lu, funnel %.*s (%s, %d arrivals of %d, %s, %lu settled, %lu dropped), slice "
              "'%.*s': %lu, the %s says %lu",
              world->number, (int)live->name.size, live->name.bytes, world->day ? "day" : "all",
              world->pushed, world->count, world->crowded ? "crowded" : "roomy", view->settled,
              view->users_evicted, (int)value.size, value.bytes == NULL ? "" : value.bytes, found,
              what, expected);
}

static const struct query_slice *find_slice(const struct query_funnel_result *result,
                                            struct text value)
{
    for (uint32_t i = 0; i < result->slice_count; i++) {
        if (text_equal(result->slices[i].values[0], value)) {
            return &result->slices[i];
        }
    }
    return NULL;
}

static void compare_with_query(const struct world *world, const struct engine_live_view *view,
                               const struct engine_live_funnel *live,
                               const struct query_funnel_result *result)
{
    for (uint32_t step = 0; step < live->step_count; step++) {
        checks++;
        if (live->reached[step] != result->total.steps[step].reached) {
            differ(world, view, live, "query", TEXT_LITERAL("all"), live->reached[step],
                   result->total.steps[step].reached);
        }
        for (uint32_t i = 0; i < live->slice_count; i++) {
            const struct query_slice *slice = find_slice(result, live->slices[i].value);
            uint64_t expected = slice == NULL ? 0 : slice->steps[step].reached;
            checks++;
            if (live->slices[i].reached[step] != expected) {
                differ(world, view, live, "query", live->slices[i].value,
                       live->slices[i].reached[step], expected);
            }
        }
    }
    if (live->slices != NULL && live->slice_count != result->slice_count) {
        differ(world, view, live, "query", TEXT_LITERAL("number of slices"), live->slice_count,
               result->slice_count);
    }
}

static void compare_with_oracle(const struct world *world, const struct engine_live_view *view,
                                uint32_t index)
{
    static struct oracle_answer answer;
    static struct oracle_event events[EVENT_COUNT_MAX];
    struct oracle_question question = world->questions[index];
    const struct engine_live_funnel *live = &view->funnels[index];
    question.from = view->range_from_us == INT64_MIN ? ORACLE_NONE : view->range_from_us;
    for (int i = 0; i < world->pushed; i++) {
        events[i] = world->arrivals[i].event;
    }
    oracle_answer(&question, events, world->pushed, view->as_of_us, &answer);
    for (uint32_t step = 0; step < live->step_count; step++) {
        checks++;
        if (live->reached[step] != answer.total.reached[step]) {
            differ(world, view, live, "oracle", TEXT_LITERAL("all"), live->reached[step],
                   answer.total.reached[step]);
        }
    }
}

// The query over the store, whose events are all that the engine has.
static void compare(struct world *world, const struct engine_live_view *view, struct arena *arena)
{
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    must(store_snapshot_open(&snapshot, world->directory, &error), &error);
    for (uint32_t i = 0; i < view->funnel_count; i++) {
        struct query_funnel query = {
            .funnel = world->funnels[i],
            .range = {view->range_from_us == INT64_MIN ? QUERY_TIME_NONE : view->range_from_us,
                      QUERY_TIME_NONE},
            .by = {world->funnels[i].live_slice},
            .by_count = world->funnels[i].live_slice.bytes == NULL ? 0 : 1,
            .top = UINT32_MAX,
            .as_of_us = QUERY_TIME_NONE,
            .limits = {.thread_count = 1},
        };
        struct query_funnel_result result;
        must(query_funnel_run(snapshot, &query, arena, &result, &error), &error);
        if (world->pushed > 0 && result.provenance.as_of_us != view->as_of_us) {
            test_fail(seed, "as-of is %ld, the query says %ld", view->as_of_us,
                      result.provenance.as_of_us);
        }
        // A number is a text here, and a value there.
        if (i == 1) {
            view->funnels[i].slices = NULL;
            view->funnels[i].slice_count = 0;
        }
        compare_with_query(world, view, &view->funnels[i], &result);
        if (!world->has_received && !world->slow && !world->crowded) {
            compare_with_oracle(world, view, i);
        }
    }
    store_snapshot_close(snapshot);
}

// At rest nobody may stay pending.
static void settle_and_compare(struct world *world)
{
    struct arena arena = {0};
    struct engine_live_view view;
    int64_t until_us = clock_monotonic_us() + SETTLE_PATIENCE_US;
    commit(world);
    read_live(world, &arena, &view);
    if (view.pending == 0) {
        compare(world, &view, &arena);
    }
    while (view.pending > 0) {
        serve_barriers(world);
        clock_sleep_us(200);
        arena_reset(&arena);
        read_live(world, &arena, &view);
        if (clock_monotonic_us() > until_us) {
            test_fail(seed, "%lu users stay pending (%s, %d arrivals, %lu dropped)", view.pending,
                      world->crowded ? "crowded" : "roomy", world->pushed, view.users_evicted);
        }
    }
    compare(world, &view, &arena);
    settled += view.settled;
    dropped += view.users_evicted;
    rolls += view.range_from_us > BASE_US;
    arena_deinit(&arena);
}

static void choose_size(struct world *world)
{
    struct test_random *random = &world->random;
    if (world->crowded) {
        world->user_count = 20000;
        world->count = EVENT_COUNT_MAX;
    } else if (world->slow) {
        world->user_count = 20 + (int)test_random_below(random, 120);
        world->count = 500 + (int)test_random_below(random, 500);
    } else {
        world->user_count = 2 + (int)test_random_below(random, 60);
        world->count = world->user_count * (1 + (int)test_random_below(random, 6));
    }
}

static void begin_world(struct world *world, uint64_t number)
{
    *world = (struct world){.number = number, .random = test_random_start(seed + number)};
    static const int64_t units_us[] = {1, MICROSECONDS_PER_SECOND, 300 * MICROSECONDS_PER_SECOND,
                                       MICROSECONDS_PER_HOUR};
    struct corong_error error = {0};
    must(zone_load(&world->zone, &world->arena, TEXT_LITERAL("Europe/Berlin"), &error), &error);
    world->crowded = number % 8 == 7;
    world->unit_us = units_us[test_random_below(&world->random, 4)];
    world->has_received = one_in(world, 3);
    world->slow = number % 2 == 0;
    choose_size(world);
    if (world->crowded) {
        world->unit_us /= 50;
        world->unit_us += world->unit_us == 0;
    }
    world->arrivals = memory_allocate_zeroed((size_t)world->count, sizeof(struct arrival));
    world->directory = store_directory_create();
    make_arrivals(world);
}

static void end_world(struct world *world)
{
    store_directory_remove(world->directory);
    memory_free(world->arrivals);
    arena_deinit(&world->arena);
}

// In the middle of things: equal if nobody is pending.
static void compare_if_exact(struct world *world)
{
    struct arena arena = {0};
    struct engine_live_view view;
    commit(world);
    read_live(world, &arena, &view);
    if (view.pending == 0) {
        exact_moments++;
        compare(world, &view, &arena);
    }
    arena_deinit(&arena);
}

// Hands partial batches over, so that tails have rows while users are settled.
static void pause_now_and_then(struct world *world)
{
    if (one_in(world, world->crowded ? 100 : world->slow ? 4 : 100)) {
        engine_barrier(world->producer, &(struct engine_cut){0});
        clock_sleep_us(test_random_below(&world->random, world->crowded ? 3000 : 2000));
    }
}

static void run_world(uint64_t number)
{
    static struct world world;
    begin_world(&world, number);
    open_engine(&world);
    while (world.pushed < world.count) {
        int share = 1 + (int)test_random_below(&world.random, (uint32_t)world.count / 3 + 1);
        for (; share > 0 && world.pushed < world.count; share--) {
            push(&world, &world.arrivals[world.pushed++]);
            serve_barriers(&world);
            pause_now_and_then(&world);
            if (one_in(&world, world.crowded ? 5000 : world.slow ? 50 : 1000)) {
                compare_if_exact(&world);
            }
        }
        if (one_in(&world, 3)) {
            close_engine(&world);
            open_engine(&world);
        }
        settle_and_compare(&world);
    }
    close_engine(&world);
    open_engine(&world);
    settle_and_compare(&world);
    close_engine(&world);
    end_world(&world);
}

int main(void)
{
    setenv("TMPDIR", "/dev/shm", 0); // thousands of commits, whose durability is tested elsewhere
    seed = test_random_seed();
    uint64_t worlds = test_scaled(11);
    for (uint64_t number = 0; number < worlds; number++) {
        run_world(number);
    }
    // A few worlds, as sanitizers run them, may be without either.
    if (worlds >= TAME_WORLD_COUNT && (settled == 0 || rolls == 0)) {
        test_fail(seed, "nobody was settled, or no day ended: the streams are too tame");
    }
    printf("live model: %lu worlds, %lu counts equal the query's, %lu users settled, %lu dropped "
           "from memory, %lu days ended, %lu times exact in between\n",
           worlds, checks, settled, dropped, rolls, exact_moments);
    return 0;
}
