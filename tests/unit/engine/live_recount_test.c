// SPDX-License-Identifier: Apache-2.0
// Users who are dropped for lack of memory and return, pending users who are dropped, and recounts
// that go on while events arrive: one shard's live view with a tail and a store that is an array,
// so that every interleaving of batches, commits and parts of a recount can be had, and repeated.
#include "engine/live/live_way.h"
#include "engine/shard/shard_mail.h"
#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define USER_COUNT 16000u
#define EVENT_COUNT 30000u
#define COUNTRY COLUMN_SYSTEM_COUNT
#define COUNTRY_COUNT 3u
#define FUNNEL_COUNT 2u
#define NAME_COUNT 5u // the last fills no step
#define BATCH_ROWS_MAX 120u
#define SETTLE_STEPS_MAX 20000

static const char *const countries[COUNTRY_COUNT] = {"DE", "FR", "US"};
static const char *const names[NAME_COUNT] = {"a", "b", "c", "d", "e"};

struct made {
    uint32_t user;
    int64_t time_us;
    int64_t sequence;
    int64_t id; // or missing
    uint32_t name;
    uint32_t country; // COUNTRY_COUNT: missing
};

struct user {
    struct hash128 key;
    uint32_t events[64]; // in order of arrival
    uint32_t count;
};

struct world {
    struct test_random random;
    struct arena arena;
    struct schema schema;
    struct event_format format;
    struct hash_secret secret;
    struct stage steps[4];
    struct funnel funnels[FUNNEL_COUNT];
    struct definitions definitions;
    struct live_plan plan;
    struct live_range range;
    struct live *live;
    struct tail *tail;
    struct event_batch *batch;
    struct made events[EVENT_COUNT];
    struct user users[USER_COUNT]; // by key
    uint32_t taken;
    uint32_t stored; // events before are in the store, the others in the tail
    struct shard_mail mail;
    struct live_block block;
    struct hash128 keys[LIVE_TASK_KEYS_MAX];
    uint32_t firsts[USER_COUNT]; // the first event of a user
    uint64_t drops;
    uint64_t exact;
};

static int compare_users(const void *left, const void *right)
{
    return hash128_compare(((const struct user *)left)->key, ((const struct user *)right)->key);
}

static void define(struct world *world)
{
    static struct text events[4] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    schema_init(&world->schema, &world->arena);
    uint32_t index;
    cr_assert_eq(schema_add(&world->schema, &world->arena, TEXT_LITERAL("country"), COLUMN_STRING,
                            &index, NULL),
                 CORONG_OK);
    event_format_init(&world->format, &world->schema);
    for (uint32_t i = 0; i < 4; i++) {
        world->steps[i] =
            (struct stage){.name = text_from(names[i]), .events = &events[i], .event_count = 1};
    }
    world->funnels[0] = (struct funnel){.name = TEXT_LITERAL("sliced"),
                                        .steps = world->steps,
                                        .step_count = 3,
                                        .window_us = 2000,
                                        .live_slice = TEXT_LITERAL("country")};
    world->funnels[1] = (struct funnel){.name = TEXT_LITERAL("plain"),
                                        .steps = world->steps + 1,
                                        .step_count = 3,
                                        .window_us = FUNNEL_WINDOW_NONE,
                                        .attempts = FUNNEL_ATTEMPTS_FIRST};
    world->definitions =
        (struct definitions){.funnels = world->funnels, .funnel_count = FUNNEL_COUNT};
    cr_assert_eq(live_plan_init(&world->plan, &world->definitions, &world->schema, NULL),
                 CORONG_OK);
}

// An event of the same user and time as a recent one, often a copy of it.
static void add_twin(struct world *world, uint32_t index)
{
    struct test_random *random = &world->random;
    uint32_t back = 1 + test_random_below(random, index < 300 ? 1 : 300);
    uint32_t user = world->events[index - back].user;
    bool is_late = test_random_below(random, 3) == 0; // the user has had other events since
    const struct made *twin = &world->events[is_late ? world->firsts[user] : index - back];
    struct made *made = &world->events[index];
    made->user = twin->user;
    made->time_us = twin->time_us;
    if (test_random_below(random, 2) == 0) {
        made->id = twin->id;
        made->sequence =
            test_random_below(random, 4) == 0 ? test_random_below(random, 2) : twin->sequence;
    }
}

static void make_events(struct world *world)
{
    struct test_random *random = &world->random;
    static uint32_t order[USER_COUNT];
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        uint64_t number = i;
        uint32_t swap = test_random_below(random, i + 1);
        order[i] = order[swap];
        order[swap] = i;
        world->users[i] = (struct user){.key = hash_bytes128(&number, sizeof(number))};
    }
    qsort(world->users, USER_COUNT, sizeof(struct user), compare_users);
    uint32_t known = 0;
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        struct made *made = &world->events[i];
        // Now and then only new people come: others are dropped, and nobody returns.
        bool is_new = known < 4000 || (i % 1500 >= 800 && known < USER_COUNT);
        uint32_t number = is_new ? known++ : test_random_below(random, known);
        *made = (struct made){.user = order[number],
                              .time_us = 1000000 + i / 4,
                              .sequence = test_random_below(random, 8) == 0,
                              .id = test_random_below(random, 3) == 0 ? i : COLUMN_INTEGER_MISSING,
                              .name = test_random_below(random, NAME_COUNT),
                              .country = test_random_below(random, COUNTRY_COUNT + 1)};
        if (i % 1500 < 750 && test_random_below(random, 30) == 0) {
            made->time_us -= test_random_below(random, 4000);
        }
        if (i > 0 && test_random_below(random, 10) == 0) {
            add_twin(world, i);
        } else if (is_new) {
            world->firsts[order[number]] = i;
        }
    }
}

static void open_world(struct world *world, uint64_t seed)
{
    world->random = test_random_start(seed);
    define(world);
    make_events(world);
    live_range_init(&world->range, false, NULL);
    struct live_options options = {
        .plan = &world->plan,
        .range = &world->range,
        .format = &world->format,
        .secret = &world->secret,
        .budget_bytes = live_budget_min(&world->plan),
        .session_timeout_us = SESSION_TIMEOUT_DEFAULT_US,
        .settles = true,
    };
    struct tail_options tail_options = {
        .format = &world->format, .secret = &world->secret, .budget_bytes = UINT64_C(64) << 20};
    world->live = live_create(&options);
    world->tail = tail_create(&tail_options);
    world->batch = event_batch_create(64u << 10);
    world->mail.task.keys = world->keys;
    live_block_init(&world->block, &world->plan);
}

static void close_world(struct world *world)
{
    world->drops += live_figures(world->live).users_evicted;
    live_block_deinit(&world->block);
    event_batch_destroy(world->batch);
    tail_destroy(world->tail);
    live_destroy(world->live);
    live_plan_deinit(&world->plan);
    arena_deinit(&world->arena);
}

static void append(struct world *world, const struct made *made)
{
    union canonical_value values[COLUMN_SYSTEM_COUNT + 1] = {0};
    values[COLUMN_NAME].string = text_from(names[made->name]);
    values[COLUMN_SEQUENCE].integer = made->sequence;
    values[COLUMN_ID_HASH].integer = made->id;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[COUNTRY].string =
        made->country == COUNTRY_COUNT ? TEXT_MISSING : text_from(countries[made->country]);
    struct event event = {
        .user_id = TEXT_LITERAL("user"), .time_us = made->time_us, .values = values};
    cr_assert(
        event_batch_append(world->batch, &world->format, &event, world->users[made->user].key));
}

static void take_batch(struct world *world)
{
    uint32_t wanted = 1 + test_random_below(&world->random, BATCH_ROWS_MAX);
    event_batch_reset(world->batch);
    for (; wanted > 0 && world->taken < EVENT_COUNT; wanted--) {
        struct user *user = &world->users[world->events[world->taken].user];
        if (user->count < 64) {
            append(world, &world->events[world->taken]);
            user->events[user->count++] = world->taken;
        }
        world->taken++;
    }
    struct live_batch taken = {
        world->batch, world->tail->row_count, world->tail->columns, {world->tail, tail_canonical}};
    tail_append(world->tail, world->batch);
    live_take(world->live, &taken);
}

static void commit(struct world *world)
{
    struct live_rows rows = {world->tail, tail_canonical};
    live_before_flush(world->live, &rows);
    tail_discard(world->tail);
    live_sealed(world->live);
    world->stored = world->taken;
}

static const struct world *sorting;

// Canonical order: a missing country begins with the name column, which is greater.
static int compare_events(const void *left_pointer, const void *right_pointer)
{
    const struct made *left = &sorting->events[*(const uint32_t *)left_pointer];
    const struct made *right = &sorting->events[*(const uint32_t *)right_pointer];
    if (left->time_us != right->time_us) {
        return left->time_us < right->time_us ? -1 : 1;
    }
    if (left->sequence != right->sequence) {
        return left->sequence < right->sequence ? -1 : 1;
    }
    if (left->id != right->id) {
        return left->id < right->id ? -1 : 1;
    }
    if (left->country != right->country) {
        return left->country < right->country ? -1 : 1;
    }
    return (left->name > right->name) - (left->name < right->name);
}

// Of copies of one event the canonically first stays.
static bool is_copy(const struct world *world, const uint32_t *events, uint32_t index)
{
    const struct made *made = &world->events[events[index]];
    for (uint32_t i = index; i-- > 0 && made->id != COLUMN_INTEGER_MISSING;) {
        if (world->events[events[i]].time_us == made->time_us &&
            world->events[events[i]].id == made->id) {
            return true;
        }
    }
    return false;
}

// The user's way over its first events in order of arrival; how many there are.
static uint32_t walk_user(struct world *world, const struct user *user, uint32_t event_end,
                          struct live_way *way, struct live_values *values,
                          struct live_block_user *stored)
{
    uint32_t events[64];
    uint32_t count = 0;
    while (count < user->count && user->events[count] < event_end) {
        events[count] = user->events[count];
        count++;
    }
    sorting = world;
    qsort(events, count, sizeof(uint32_t), compare_events);
    *stored = (struct live_block_user){.key = user->key, .held_us = INT64_MAX};
    stored->session.last_us = LIVE_TIME_NONE;
    stored->matter_us = LIVE_TIME_NONE;
    live_way_begin(way);
    for (uint32_t i = 0; i < count; i++) {
        const struct made *made = &world->events[events[i]];
        uint16_t slice = LIVE_SLICE_NONE;
        stored->session = session_begin(made->time_us);
        if (is_copy(world, events, i)) {
            continue;
        }
        if (made->country < COUNTRY_COUNT) {
            live_values_number(values, text_from(countries[made->country]), &slice);
        }
        stored->matter_us = made->time_us;
        live_way_at(way, made->time_us, made->sequence);
        if (made->name < 3) {
            live_way_take(way, 0, UINT32_C(1) << made->name, made->name == 0 ? slice : 0);
        }
        if (made->name > 0 && made->name < 4) {
            live_way_take(way, 1, UINT32_C(1) << (made->name - 1), 0);
        }
    }
    live_way_end(way);
    return count;
}

static void add_stored(struct world *world, struct live_way *way, const struct user *user)
{
    struct live_block_user stored;
    if (walk_user(world, user, world->stored, way, &world->block.values, &stored) > 0) {
        live_block_add(&world->block, &stored, way->states);
    }
}

static uint32_t first_user(const struct world *world, struct hash128 from)
{
    uint32_t at = 0;
    while (at < USER_COUNT && hash128_compare(world->users[at].key, from) < 0) {
        at++;
    }
    return at;
}

static void read_block(struct world *world)
{
    struct live_way way;
    const struct live_task *task = &world->mail.task;
    live_way_init(&way, &world->plan);
    live_block_reset(&world->block);
    world->block.from_us = LIVE_TIME_NONE;
    world->block.has_end = false;
    world->block.is_range = task->kind == LIVE_TASK_RANGE;
    for (uint32_t i = 0; !world->block.is_range && i < task->key_count; i++) {
        add_stored(world, &way, &world->users[first_user(world, task->keys[i])]);
    }
    if (world->block.is_range) {
        uint32_t room = 1 + test_random_below(&world->random, 3000);
        uint32_t at = first_user(world, task->from);
        for (; at < USER_COUNT && world->block.user_count < room; at++) {
            add_stored(world, &way, &world->users[at]);
        }
        world->block.has_end = at < USER_COUNT;
        world->block.end = at < USER_COUNT ? world->users[at].key : (struct hash128){0};
    }
    live_way_deinit(&way);
}

// False: there was nothing to do.
static bool settle_step(struct world *world)
{
    world->mail.kind = SHARD_MAIL_ASK;
    world->mail.task.key_max = 1 + test_random_below(&world->random, 100);
    shard_mail_handle(&world->mail, world->live, world->tail);
    if (world->mail.task.kind == LIVE_TASK_NONE) {
        return false;
    }
    if (test_random_below(&world->random, 10) == 0) {
        world->mail.kind = SHARD_MAIL_RETURN; // reading took too long
        shard_mail_handle(&world->mail, world->live, world->tail);
        return true;
    }
    read_block(world);
    world->mail.kind = SHARD_MAIL_INSTALL;
    world->mail.block = &world->block;
    shard_mail_handle(&world->mail, world->live, world->tail);
    return true;
}

static void compare(struct world *world, uint64_t seed)
{
    static uint64_t expected[FUNNEL_COUNT][COUNTRY_COUNT + 1][4];
    memset(expected, 0, sizeof(expected));
    struct live_way way;
    struct live_block scratch;
    live_way_init(&way, &world->plan);
    live_block_init(&scratch, &world->plan);
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        struct live_block_user stored;
        walk_user(world, &world->users[i], world->taken, &way, &scratch.values, &stored);
        for (uint32_t f = 0; f < FUNNEL_COUNT; f++) {
            uint32_t country = COUNTRY_COUNT;
            uint16_t slice = way.states[f].slice;
            for (uint32_t c = 0; slice >= LIVE_SLICE_FIRST && c < COUNTRY_COUNT; c++) {
                if (text_equal(scratch.values.texts[slice - LIVE_SLICE_FIRST],
                               text_from(countries[c]))) {
                    country = c;
                }
            }
            expected[f][country][way.states[f].level]++;
        }
    }
    for (uint32_t f = 0; f < FUNNEL_COUNT; f++) {
        const struct live_counts *counts = live_counts(world->live, f);
        for (uint32_t code = 0; code < live_counts_slice_count(counts); code++) {
            struct text value = live_counts_value(counts, code);
            uint32_t country = 0;
            while (country < COUNTRY_COUNT && !text_equal(value, text_from(countries[country]))) {
                country++;
            }
            for (uint32_t level = 1; level <= 3 && code != LIVE_SLICE_OTHER; level++) {
                cr_assert_eq(live_counts_at_level(counts, code, level), expected[f][country][level],
                             "seed %lu after %u events, funnel %u country %u level %u: %lu, "
                             "expected %lu",
                             seed, world->taken, f, country, level,
                             live_counts_at_level(counts, code, level),
                             expected[f][country][level]);
            }
        }
    }
    live_block_deinit(&scratch);
    live_way_deinit(&way);
}

static void rest(struct world *world, uint64_t seed)
{
    commit(world);
    for (int step = 0; live_figures(world->live).pending > 0; step++) {
        cr_assert_lt(step, SETTLE_STEPS_MAX, "seed %lu: %lu stay pending", seed,
                     live_figures(world->live).pending);
        settle_step(world);
    }
    compare(world, seed);
}

static void compare_if_exact(struct world *world, uint64_t seed)
{
    if (live_figures(world->live).pending == 0) {
        world->exact++;
        compare(world, seed);
    }
}

Test(live_recount, dropped_and_returning_users_are_exact_when_nobody_is_pending)
{
    static struct world world;
    uint64_t seed = test_random_seed();
    uint64_t drops = 0;
    uint64_t exact = 0;
    uint64_t runs = test_scaled(2);
    for (uint64_t run = 0; run < runs; run++) {
        world = (struct world){0};
        open_world(&world, seed + run);
        while (world.taken < EVENT_COUNT) {
            uint32_t draw = test_random_below(&world.random, 100);
            if (draw < 50) {
                take_batch(&world);
            } else if (draw < 60) {
                commit(&world);
                compare_if_exact(&world, seed + run);
            } else if (draw < 99) {
                settle_step(&world);
            } else {
                rest(&world, seed + run);
            }
        }
        rest(&world, seed + run);
        close_world(&world);
        drops += world.drops;
        exact += world.exact;
    }
    cr_log_info("%lu users dropped, %lu times exact in between", drops, exact);
    cr_assert_gt(drops, 1000, "memory was enough: nothing was tested");
}
