// SPDX-License-Identifier: Apache-2.0
// The live view against the matcher over each user's sorted events, through the whole engine: input
// in time order, simultaneous events in any order of arrival, flushes in between.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/support/engine_rig.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_COUNT 40u
#define COUNTRY_COUNT 3u
#define NAME_COUNT 4u

static const char *const names[NAME_COUNT] = {"a", "b", "c", "other"};
static const char *const countries[COUNTRY_COUNT] = {"DE", "FR", "US"};

struct row {
    int64_t time_us;
    int64_t sequence;
    int64_t id_hash;
    int64_t number; ///< an attribute; what a `where` asks for
    uint32_t name;
    uint32_t country; ///< COUNTRY_COUNT: missing
};

struct user {
    struct row *rows;
    uint32_t count;
};

struct world {
    uint64_t seed;
    struct test_random random;
    struct user users[USER_COUNT];
    struct stage steps[3];
    struct funnel funnels[2];
    struct definitions definitions;
};

static void define(struct world *world)
{
    static struct text events[3][2] = {{{"a", 1}, {"c", 1}}, {{"b", 1}, {"a", 1}}, {{"c", 1}}};
    world->steps[0] =
        (struct stage){.name = TEXT_LITERAL("one"), .events = events[0], .event_count = 2};
    world->steps[1] =
        (struct stage){.name = TEXT_LITERAL("two"), .events = events[1], .event_count = 2};
    world->steps[2] = (struct stage){.name = TEXT_LITERAL("three"),
                                     .events = events[2],
                                     .event_count = 1,
                                     .where = TEXT_LITERAL("number < 2")};
    world->funnels[0] = (struct funnel){.name = TEXT_LITERAL("sliced"),
                                        .steps = world->steps,
                                        .step_count = 3,
                                        .window_us = 8,
                                        .live_slice = TEXT_LITERAL("country")};
    world->funnels[1] = (struct funnel){.name = TEXT_LITERAL("plain"),
                                        .steps = world->steps,
                                        .step_count = 2,
                                        .window_us = FUNNEL_WINDOW_NONE,
                                        .attempts = FUNNEL_ATTEMPTS_FIRST,
                                        .ties = FUNNEL_TIES_STRICT};
    world->definitions = (struct definitions){.funnels = world->funnels, .funnel_count = 2};
}

// The next event of a user, in order of time and sequence, now and then a copy of the one before.
static void add_row(struct world *world, struct user *user)
{
    struct test_random *random = &world->random;
    struct row row = {.id_hash = COLUMN_INTEGER_MISSING};
    if (user->count > 0) {
        const struct row *last = &user->rows[user->count - 1];
        row = *last;
        if (last->id_hash != COLUMN_INTEGER_MISSING && test_random_below(random, 4) == 0) {
            row.country = test_random_below(random, COUNTRY_COUNT + 1);
            row.number = test_random_below(random, 4);
            user->rows[user->count++] = row;
            return;
        }
        uint32_t draw = test_random_below(random, 8);
        row.time_us += draw < 4 ? test_random_below(random, 4) : 0;
        row.sequence = row.time_us != last->time_us ? 0 : row.sequence + (draw == 4);
    } else {
        row.time_us = 1000 + test_random_below(random, 10);
    }
    row.id_hash = test_random_below(random, 3) == 0 ? (int64_t)test_random_below(random, 1u << 20)
                                                    : COLUMN_INTEGER_MISSING;
    row.name = test_random_below(random, NAME_COUNT);
    row.country = test_random_below(random, COUNTRY_COUNT + 1);
    row.number = test_random_below(random, 4);
    user->rows[user->count++] = row;
}

static void push_row(struct engine_producer *producer, uint32_t user, const struct row *row)
{
    union canonical_value values[RIG_COLUMN_COUNT];
    char id[16];
    snprintf(id, sizeof(id), "user%u", user);
    struct event event = engine_rig_event(values, id, row->time_us, names[row->name]);
    values[COLUMN_SEQUENCE].integer = row->sequence;
    values[COLUMN_ID_HASH].integer = row->id_hash;
    values[RIG_NUMBER].integer = row->number;
    values[RIG_COUNTRY].string =
        row->country == COUNTRY_COUNT ? TEXT_MISSING : text_from(countries[row->country]);
    engine_push(producer, &event);
}

// Canonical bytes begin with the country (or, where it is missing, with the name column, "event",
// which is greater), then the name, then the number.
static int compare_canonical(const struct row *left, const struct row *right)
{
    if (left->country != right->country) {
        return left->country < right->country ? -1 : 1;
    }
    if (left->name != right->name) {
        return left->name < right->name ? -1 : 1;
    }
    return (left->number > right->number) - (left->number < right->number);
}

static int compare_rows(const void *left_pointer, const void *right_pointer)
{
    const struct row *left = left_pointer;
    const struct row *right = right_pointer;
    if (left->time_us != right->time_us) {
        return left->time_us < right->time_us ? -1 : 1;
    }
    if (left->sequence != right->sequence) {
        return left->sequence < right->sequence ? -1 : 1;
    }
    if (left->id_hash != right->id_hash) {
        return left->id_hash < right->id_hash ? -1 : 1;
    }
    return compare_canonical(left, right);
}

static uint32_t steps_of(const struct row *row, uint32_t step_count)
{
    uint32_t steps = 0;
    steps |= row->name == 0 || row->name == 2 ? 1 : 0;
    steps |= row->name == 1 || row->name == 0 ? 2 : 0;
    steps |= row->name == 2 && row->number < 2 ? 4 : 0;
    return steps & ((UINT32_C(1) << step_count) - 1);
}

static void expect_user(const struct world *world, uint32_t user_index, const struct funnel *funnel,
                        uint64_t (*reached)[FUNNEL_STEP_COUNT_MAX])
{
    const struct user *user = &world->users[user_index];
    struct match_event *events = memory_allocate_zeroed(user->count + 1, sizeof(*events));
    uint32_t *slices = memory_allocate_zeroed(user->count + 1, sizeof(*slices));
    uint32_t count = 0;
    const struct row *previous = NULL;
    const struct row *last_event = NULL;
    for (uint32_t i = 0; i < user->count; i++) {
        const struct row *row = &user->rows[i];
        bool is_copy = previous != NULL && previous->time_us == row->time_us &&
                       previous->id_hash == row->id_hash && row->id_hash != COLUMN_INTEGER_MISSING;
        previous = row;
        uint32_t steps = steps_of(row, funnel->step_count);
        if (is_copy || steps == 0) {
            continue;
        }
        events[count] =
            (struct match_event){row->time_us, steps, true,
                                 last_event != NULL && last_event->time_us == row->time_us &&
                                     last_event->sequence != row->sequence,
                                 0};
        slices[count++] = row->country;
        last_event = row;
    }
    struct match_rule rule = {.step_count = funnel->step_count,
                              .window_us = funnel->window_us,
                              .ties = funnel->ties,
                              .attempts = funnel->attempts};
    struct match_result result;
    funnel_match(&rule, events, count, &result);
    for (uint32_t level = 0; level < result.level; level++) {
        reached[slices[result.events[0]]][level]++;
        reached[COUNTRY_COUNT + 1][level]++;
    }
    memory_free(events);
    memory_free(slices);
}

static void check_funnel(struct world *world, const struct engine_live_funnel *live,
                         const struct funnel *funnel)
{
    uint64_t reached[COUNTRY_COUNT + 2][FUNNEL_STEP_COUNT_MAX] = {0};
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        qsort(world->users[i].rows, world->users[i].count, sizeof(struct row), compare_rows);
        expect_user(world, i, funnel, reached);
    }
    for (uint32_t level = 0; level < funnel->step_count; level++) {
        cr_assert_eq(live->reached[level], reached[COUNTRY_COUNT + 1][level],
                     "seed %lu funnel %.*s level %u: %lu, expected %lu", world->seed,
                     (int)live->name.size, live->name.bytes, level + 1, live->reached[level],
                     reached[COUNTRY_COUNT + 1][level]);
    }
    for (uint32_t i = 0; i < live->slice_count; i++) {
        uint32_t country = 0;
        while (country < COUNTRY_COUNT &&
               !text_equal(live->slices[i].value, text_from(countries[country]))) {
            country++;
        }
        cr_assert(country < COUNTRY_COUNT || live->slices[i].value.bytes == NULL);
        for (uint32_t level = 0; level < funnel->step_count; level++) {
            cr_assert_eq(live->slices[i].reached[level], reached[country][level],
                         "seed %lu slice %u level %u: %lu, expected %lu", world->seed, country,
                         level + 1, live->slices[i].reached[level], reached[country][level]);
        }
    }
}

// Pushes all users' rows in order of time; rows of one user and instant in random order.
static void push_all(struct world *world, struct engine_producer *producer)
{
    uint32_t at[USER_COUNT] = {0};
    for (uint32_t left = USER_COUNT; left > 0;) {
        uint32_t user = test_random_below(&world->random, USER_COUNT);
        struct user *rows = &world->users[user];
        uint32_t first = at[user];
        if (first == rows->count) {
            continue;
        }
        uint32_t end = first + 1;
        while (end < rows->count && rows->rows[end].time_us == rows->rows[first].time_us &&
               rows->rows[end].sequence == rows->rows[first].sequence) {
            end++;
        }
        uint32_t swap = first + test_random_below(&world->random, end - first);
        struct row moved = rows->rows[swap];
        rows->rows[swap] = rows->rows[first];
        rows->rows[first] = moved;
        push_row(producer, user, &moved);
        left -= ++at[user] == rows->count;
        if (engine_barrier_wanted(producer)) {
            engine_barrier(producer, &(struct engine_cut){0});
        }
        if (test_random_below(&world->random, 300) == 0) {
            clock_sleep_us(3000);
        }
    }
}

static void live_equals_query(uint64_t seed)
{
    static struct world world;
    world = (struct world){.seed = seed, .random = test_random_start(seed)};
    define(&world);
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        uint32_t count = 1 + test_random_below(&world.random, 25);
        world.users[i].rows = memory_allocate_zeroed(count, sizeof(struct row));
        while (world.users[i].count < count) {
            add_row(&world, &world.users[i]);
        }
    }
    struct engine_options options = {
        .definitions = &world.definitions,
        .shard_count = 1 + test_random_below(&world.random, 3),
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(32) << 20,
        .commit_interval_us = 5000,
    };
    struct engine_rig rig;
    engine_rig_open(&rig, &options);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    push_all(&world, producer);
    engine_producer_close(producer, &(struct engine_cut){0});
    struct corong_error error = {0};
    cr_assert_eq(engine_drain(rig.engine, &error), CORONG_OK, "%s", error.message);
    struct arena arena = {0};
    struct engine_live_view view;
    engine_live_read(rig.engine, &arena, &view);
    cr_assert_eq(view.pending, 0, "seed %lu: %lu pending", seed, view.pending);
    cr_assert_eq(view.users, USER_COUNT);
    cr_assert_eq(view.funnel_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        check_funnel(&world, &view.funnels[i], &world.funnels[i]);
    }
    arena_deinit(&arena);
    engine_rig_close(&rig);
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        memory_free(world.users[i].rows);
    }
}

Test(live, equals_the_matcher_on_input_in_time_order)
{
    uint64_t seed = test_random_seed();
    uint64_t runs = test_scaled(12);
    for (uint64_t run = 0; run < runs; run++) {
        live_equals_query(seed + run);
    }
}

static struct engine_live_view push_and_read(struct engine_rig *rig, struct world *world,
                                             const struct row *rows, uint32_t count,
                                             struct arena *arena)
{
    define(world);
    struct engine_options options = {
        .definitions = &world->definitions,
        .shard_count = 1,
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(32) << 20,
    };
    engine_rig_open(rig, &options);
    struct engine_producer *producer = engine_producer_open(rig->engine);
    for (uint32_t i = 0; i < count; i++) {
        push_row(producer, 1, &rows[i]);
    }
    engine_producer_close(producer, &(struct engine_cut){0});
    cr_assert_eq(engine_drain(rig->engine, NULL), CORONG_OK);
    struct engine_live_view view;
    engine_live_read(rig->engine, arena, &view);
    return view;
}

Test(live, a_late_event_that_matches_a_step_makes_its_user_pending_once)
{
    struct row rows[] = {{10, 0, COLUMN_INTEGER_MISSING, 0, 0, 0},
                         {9, 0, COLUMN_INTEGER_MISSING, 0, 3, 0},
                         {8, 0, COLUMN_INTEGER_MISSING, 0, 1, 0},
                         {7, 0, COLUMN_INTEGER_MISSING, 0, 1, 0}};
    static struct world world;
    struct engine_rig rig;
    struct arena arena = {0};
    struct engine_live_view view = push_and_read(&rig, &world, rows, 2, &arena);
    cr_assert_eq(view.pending, 0, "an event of no step changes nothing");
    engine_rig_close(&rig);
    view = push_and_read(&rig, &world, rows, 4, &arena);
    cr_assert_eq(view.pending, 1);
    cr_assert_eq(view.sessions, 1);
    engine_rig_close(&rig);
    arena_deinit(&arena);
}

// A reload may take the engine and its definitions away while what was read is still written out.
Test(live, what_was_read_is_its_own)
{
    struct row rows[] = {{10, 0, COLUMN_INTEGER_MISSING, 0, 0, 0}};
    static struct world world;
    struct engine_rig rig;
    struct arena arena = {0};
    struct engine_live_view view = push_and_read(&rig, &world, rows, 1, &arena);
    engine_rig_close(&rig);
    for (uint32_t i = 0; i < view.funnel_count; i++) {
        cr_assert(text_equal(view.funnels[i].name, world.funnels[i].name));
        cr_assert_neq(view.funnels[i].name.bytes, world.funnels[i].name.bytes);
    }
    arena_deinit(&arena);
}

Test(live, counts_sessions_and_bytes)
{
    struct row rows[] = {{0, 0, COLUMN_INTEGER_MISSING, 0, 0, 0},
                         {SESSION_TIMEOUT_DEFAULT_US, 0, COLUMN_INTEGER_MISSING, 0, 0, 0},
                         {SESSION_TIMEOUT_DEFAULT_US * 2 + 1, 0, COLUMN_INTEGER_MISSING, 0, 0, 0}};
    static struct world world;
    struct engine_rig rig;
    struct arena arena = {0};
    struct engine_live_view view = push_and_read(&rig, &world, rows, 3, &arena);
    cr_assert_eq(view.sessions, 2);
    cr_assert_eq(view.events, 3);
    cr_assert_eq(view.users, 1);
    cr_assert_gt(view.live_state_bytes, 0);
    engine_rig_close(&rig);
    arena_deinit(&arena);
}

// SEMANTICS, Live: each line of its table.
struct served {
    struct world world;
    struct engine_rig rig;
    struct engine_producer *producer;
    struct arena arena;
    struct engine_live_view view;
};

static void serve_open(struct served *served, enum engine_live_range range)
{
    define(&served->world);
    served->world.steps[0].event_count = 1; // a
    served->world.steps[1].event_count = 1; // b
    served->world.funnels[1].attempts = FUNNEL_ATTEMPTS_BEST;
    struct engine_options options = {
        .definitions = &served->world.definitions,
        .shard_count = 2,
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(64) << 20,
        .commit_interval_us = 2000,
        .live_range = range,
        .live_settles = true,
    };
    engine_rig_open(&served->rig, &options);
    served->producer = engine_producer_open(served->rig.engine);
}

static void serve_close(struct served *served)
{
    engine_producer_close(served->producer, &(struct engine_cut){0});
    engine_rig_close(&served->rig);
    arena_deinit(&served->arena);
}

static void serve_push(struct served *served, int64_t time_us, const char *name,
                       int64_t received_us)
{
    union canonical_value values[RIG_COLUMN_COUNT];
    struct event event = engine_rig_event(values, "someone", time_us, name);
    values[COLUMN_RECEIVED].integer = received_us;
    engine_push(served->producer, &event);
}

// Commits and waits until nobody is pending; the level of the one user in the funnel a, b.
static uint64_t served_level(struct served *served, uint64_t *settled_out)
{
    uint64_t epoch = engine_barrier(served->producer, &(struct engine_cut){0});
    engine_request_commit(served->rig.engine);
    bool committed;
    do {
        committed = engine_committed_epoch(served->rig.engine) >= epoch;
        if (engine_barrier_wanted(served->producer)) {
            engine_barrier(served->producer, &(struct engine_cut){0});
        }
        clock_sleep_us(200);
        arena_reset(&served->arena);
        engine_live_read(served->rig.engine, &served->arena, &served->view);
        cr_assert(served->view.failure.bytes == NULL, "%s", served->view.failure.bytes);
    } while (!committed || served->view.pending > 0);
    *settled_out = served->view.settled;
    const uint64_t *reached = served->view.funnels[1].reached;
    return reached[1] > 0 ? 2 : reached[0];
}

Test(live, late_users_are_settled_and_in_order_nobody_is)
{
    static struct served served;
    uint64_t settled;
    serve_open(&served, ENGINE_LIVE_ALL);
    serve_push(&served, 1, "a", COLUMN_INTEGER_MISSING);
    serve_push(&served, 2, "b", COLUMN_INTEGER_MISSING);
    cr_assert_eq(served_level(&served, &settled), 2);
    cr_assert_eq(settled, 0);
    serve_close(&served);
    served = (struct served){0};
    serve_open(&served, ENGINE_LIVE_ALL);
    serve_push(&served, 2, "b", COLUMN_INTEGER_MISSING);
    cr_assert_eq(served_level(&served, &settled), 0);
    serve_push(&served, 1, "a", COLUMN_INTEGER_MISSING);
    cr_assert_eq(served_level(&served, &settled), 2);
    cr_assert_eq(settled, 1);
    serve_close(&served);
}

Test(live, an_entry_of_the_day_before_does_not_count)
{
    static struct served served;
    uint64_t settled;
    serve_open(&served, ENGINE_LIVE_DAY);
    serve_push(&served, MICROSECONDS_PER_DAY - 1, "a", COLUMN_INTEGER_MISSING);
    cr_assert_eq(served_level(&served, &settled), 1);
    cr_assert_eq(served.view.range_from_us, 0);
    serve_push(&served, MICROSECONDS_PER_DAY, "b", COLUMN_INTEGER_MISSING);
    cr_assert_eq(served_level(&served, &settled), 0);
    cr_assert_eq(served.view.range_from_us, MICROSECONDS_PER_DAY);
    cr_assert_eq(served.view.as_of_us, MICROSECONDS_PER_DAY);
    cr_assert(text_equal(served.view.zone, TEXT_LITERAL("UTC")));
    cr_assert_not(served.view.range_is_split);
    serve_close(&served);
}

Test(live, an_event_after_as_of_waits_for_it)
{
    static struct served served;
    uint64_t settled;
    serve_open(&served, ENGINE_LIVE_ALL);
    serve_push(&served, 5, "a", 3);
    cr_assert_eq(served_level(&served, &settled), 0);
    cr_assert_eq(served.view.as_of_us, 3);
    serve_push(&served, 5, "other", COLUMN_INTEGER_MISSING);
    cr_assert_eq(served_level(&served, &settled), 1);
    cr_assert_eq(served.view.as_of_us, 5);
    serve_close(&served);
}

// A link brings events of two ids together, those before it too: counts that were right would not
// be. Late events and copies make nobody pending either, since nothing waits to be counted.
Test(live, follows_no_funnel_of_a_store_whose_events_link_ids)
{
    static struct world world;
    struct engine_rig rig;
    struct corong_error error;
    define(&world);
    struct engine_options options = {
        .definitions = &world.definitions,
        .shard_count = 1,
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(32) << 20,
    };
    engine_rig_open(&rig, &options);
    engine_close(rig.engine);
    uint32_t column;
    cr_assert_eq(store_add_attribute(rig.store, column_link_names[COLUMN_LINK_ANONYMOUS],
                                     COLUMN_STRING, &column, &error),
                 CORONG_OK);
    options.store = rig.store;
    options.schema = store_schema(rig.store);
    cr_assert_eq(engine_open(&rig.engine, &options, &error), CORONG_OK, "%s", error.message);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    for (int64_t i = 0; i < 4; i++) {
        union canonical_value values[RIG_COLUMN_COUNT + 1];
        struct event event = engine_rig_event(values, "user", 100 - i, "a");
        values[column].string = i == 2 ? TEXT_LITERAL("x") : TEXT_MISSING;
        engine_push(producer, &event);
    }
    engine_producer_close(producer, &(struct engine_cut){0});
    cr_assert_eq(engine_drain(rig.engine, &error), CORONG_OK);
    struct arena arena = {0};
    struct engine_live_view view;
    engine_live_read(rig.engine, &arena, &view);
    cr_assert_eq(view.funnel_count, 0);
    cr_assert_eq(view.pending, 0);
    cr_assert_eq(view.users, 1);
    arena_deinit(&arena);
    engine_rig_close(&rig);
}
