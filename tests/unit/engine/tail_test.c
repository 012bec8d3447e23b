// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/tail.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BUDGET_BYTES (UINT64_C(4) << 20)
#define BATCH_BYTES (64u << 10)
#define USER_COUNT 3000u

static const struct hash_secret secret = {{3, 1, 4}};

struct world {
    struct arena arena;
    struct schema schema;
    struct event_format format;
    struct event_batch *batch;
    struct tail *tail;
    char directory[64];
    uint64_t serial;
    uint32_t attribute;
};

static void open_world(struct world *world)
{
    *world = (struct world){0};
    struct corong_error error;
    schema_init(&world->schema, &world->arena);
    cr_assert_eq(schema_add(&world->schema, &world->arena, TEXT_LITERAL("page"), COLUMN_STRING,
                            &world->attribute, &error),
                 CORONG_OK);
    event_format_init(&world->format, &world->schema);
    world->batch = event_batch_create(BATCH_BYTES);
    snprintf(world->directory, sizeof(world->directory), "/tmp/corong-tail-XXXXXX");
    cr_assert_not_null(mkdtemp(world->directory));
    struct tail_options options = {.format = &world->format,
                                   .secret = &secret,
                                   .directory = world->directory,
                                   .period_us = 30 * MICROSECONDS_PER_DAY,
                                   .zstd_level = 1,
                                   .budget_bytes = BUDGET_BYTES};
    world->tail = tail_create(&options);
}

static void close_world(struct world *world)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", world->directory);
    cr_assert_eq(system(command), 0);
    tail_destroy(world->tail);
    event_batch_destroy(world->batch);
    arena_deinit(&world->arena);
}

struct given {
    uint32_t user;
    int64_t time_us;
    int64_t id_hash;
    int64_t sequence;
    bool future;
};

static bool put_event(struct world *world, struct text page, const struct given *given)
{
    union canonical_value values[COLUMN_SYSTEM_COUNT + 1] = {0};
    char id[24];
    snprintf(id, sizeof(id), "user-%u", given->user);
    values[COLUMN_NAME].string = TEXT_LITERAL("view");
    values[COLUMN_SEQUENCE].integer = given->sequence;
    values[COLUMN_ID_HASH].integer = given->id_hash;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[world->attribute].string = page;
    struct event event = {.user_id = text_from(id),
                          .time_us = given->time_us,
                          .future = given->future,
                          .values = values};
    return event_batch_append(world->batch, &world->format, &event,
                              hash_user(&secret, 0, text_from(id)));
}

static bool put(struct world *world, struct text page, int64_t sequence)
{
    struct given given = {(uint32_t)(world->serial * 7 % USER_COUNT),
                          (int64_t)world->serial * MICROSECONDS_PER_SECOND, COLUMN_INTEGER_MISSING,
                          sequence, false};
    bool fits = put_event(world, page, &given);
    world->serial += fits;
    return fits;
}

static void append(struct world *world)
{
    tail_append(world->tail, world->batch);
    event_batch_reset(world->batch);
}

static void flush(struct world *world)
{
    struct tail_output output = {0};
    struct corong_error error = {0};
    uint32_t rows = world->tail->row_count;
    cr_assert_eq(tail_flush(world->tail, &output, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(output.row_count + output.duplicate_count, rows);
    memory_free(output.metas);
}

static void flush_sorted(struct world *world, uint32_t row_count)
{
    struct tail_output output = {0};
    struct corong_error error = {0};
    cr_assert_eq(tail_flush(world->tail, &output, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(output.row_count, row_count);
    memory_free(output.metas);
}

Test(tail, is_empty_again_after_a_flush_whatever_it_holds)
{
    struct world world;
    uint32_t first_rows = 0;
    open_world(&world);
    for (uint32_t round = 0; round < 6; round++) {
        while (tail_fill(world.tail) <= BUDGET_BYTES / 4 * 3) {
            while (put(&world, TEXT_LITERAL("/home"), 0)) {
            }
            if (!tail_has_room(world.tail, world.batch)) {
                break;
            }
            append(&world);
        }
        event_batch_reset(world.batch);
        cr_assert_leq(tail_fill(world.tail), tail_memory(world.tail));
        cr_assert_leq(tail_memory(world.tail), BUDGET_BYTES);
        first_rows = round == 0 ? world.tail->row_count : first_rows;
        cr_assert_geq(world.tail->row_count, first_rows / 2, "round %u: %u rows, not %u", round,
                      world.tail->row_count, first_rows);
        flush(&world);
        cr_assert_leq(tail_fill(world.tail), BUDGET_BYTES / 64);
        cr_assert_leq(tail_memory(world.tail), BUDGET_BYTES / 8 * 7);
    }
    close_world(&world);
}

Test(tail, columns_that_are_used_again_hold_nothing_of_before)
{
    struct world world;
    union canonical_value values[COLUMN_SYSTEM_COUNT + 1];
    open_world(&world);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t row = 0; row < 300; row++) {
            // The attribute and the sequence number begin late, and later in each round.
            bool late = row >= 100 + round * 50;
            cr_assert(put(&world, late ? TEXT_LITERAL("/late") : TEXT_MISSING, late ? 7 : 0));
        }
        append(&world);
        for (uint32_t row = 0; row < 300; row++) {
            bool late = row >= 100 + round * 50;
            tail_values(world.tail, row, values);
            cr_assert_eq(values[COLUMN_SEQUENCE].integer, late ? 7 : 0, "row %u", row);
            cr_assert(text_equal(values[world.attribute].string,
                                 late ? TEXT_LITERAL("/late") : TEXT_MISSING));
            cr_assert_eq(values[COLUMN_AMOUNT].integer, COLUMN_INTEGER_MISSING);
        }
        flush(&world);
    }
    close_world(&world);
}

#define SORT_PERIOD_US (30 * MICROSECONDS_PER_DAY)

static int compare_given(const void *left_pointer, const void *right_pointer)
{
    const struct given *left = left_pointer;
    const struct given *right = right_pointer;
    if (left->user != right->user) {
        return left->user < right->user ? -1 : 1;
    }
    if (left->time_us != right->time_us) {
        return left->time_us < right->time_us ? -1 : 1;
    }
    return (left->id_hash > right->id_hash) - (left->id_hash < right->id_hash);
}

// Rows of `period_count` periods, back and forth, among them copies; how many are distinct.
static uint32_t append_given(struct world *world, uint32_t period_count, uint32_t row_count,
                             struct test_random *random)
{
    struct given *all = memory_allocate(row_count * sizeof(*all));
    for (uint32_t i = 0; i < row_count; i++) {
        int64_t second = (int64_t)test_random_below(random, 40 + row_count / 50);
        int64_t period = (int64_t)test_random_below(random, period_count);
        all[i] = (struct given){test_random_below(random, 50),
                                period * SORT_PERIOD_US + second * MICROSECONDS_PER_SECOND,
                                (int64_t)test_random_below(random, 3), 0, false};
        char page[24];
        snprintf(page, sizeof(page), "%d", (int)(second % 17));
        if (!put_event(world, text_from(page), &all[i])) {
            append(world);
            cr_assert(put_event(world, text_from(page), &all[i]));
        }
    }
    append(world);
    qsort(all, row_count, sizeof(*all), compare_given);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        distinct += i == 0 || compare_given(&all[i - 1], &all[i]) != 0;
    }
    memory_free(all);
    return distinct;
}

static void check_row(const struct world *world, uint32_t row)
{
    const struct tail *tail = world->tail;
    int64_t time_us = tail->columns[COLUMN_TIME].integers[row];
    uint32_t rank = tail->columns[world->attribute].codes[row];
    uint32_t code = tail->flush.symbol_orders[world->attribute][rank];
    struct text page = symbol_table_text(&tail->symbols[world->attribute], code);
    char expected[24];
    snprintf(expected, sizeof(expected), "%d",
             (int)(time_us % SORT_PERIOD_US / MICROSECONDS_PER_SECOND % 17));
    cr_assert(text_equal(page, text_from(expected)));
}

static void check_period(const struct world *world, uint32_t period)
{
    const struct tail_flush *flush = &world->tail->flush;
    const uint32_t *ranks = world->tail->users;
    const int64_t *times_us = world->tail->columns[COLUMN_TIME].integers;
    uint32_t first = period == 0 ? 0 : flush->period_ends[period - 1];
    cr_assert_lt(first, flush->period_ends[period]);
    for (uint32_t i = first; i < flush->period_ends[period]; i++) {
        uint32_t row = flush->rows[i];
        cr_assert_eq(times_us[row] / SORT_PERIOD_US, flush->periods[period]);
        check_row(world, row);
        if (i > first) {
            uint32_t before = flush->rows[i - 1];
            cr_assert(ranks[before] < ranks[row] ||
                      (ranks[before] == ranks[row] && times_us[before] <= times_us[row]));
        }
    }
}

Test(tail, rows_are_in_order_of_periods_users_and_times_however_many_there_are)
{
    static const uint32_t PERIOD_COUNTS[] = {1, 2, TAIL_PART_COUNT_MAX, TAIL_PART_COUNT_MAX + 1, 9};
    static const uint32_t ROW_COUNTS[] = {300, TAIL_CLUSTER_ROW_COUNT_MIN - 1,
                                          TAIL_CLUSTER_ROW_COUNT_MIN, 9000};
    struct test_random random = test_random_start(7);
    for (uint32_t at = 0; at < 20; at++) {
        uint32_t period_count = PERIOD_COUNTS[at % 5];
        uint32_t row_count = ROW_COUNTS[at / 5];
        struct world world;
        open_world(&world);
        uint32_t distinct = append_given(&world, period_count, row_count, &random);
        tail_sort(world.tail);
        const struct tail_flush *flush = &world.tail->flush;
        cr_assert_eq(flush->period_count, period_count);
        cr_assert_eq(flush->row_count, distinct);
        cr_assert_eq(flush->duplicate_count, row_count - distinct);
        cr_assert_eq(flush->period_ends[period_count - 1], distinct);
        for (uint32_t period = 0; period < period_count; period++) {
            check_period(&world, period);
        }
        flush_sorted(&world, distinct);
        close_world(&world);
    }
}

Test(tail, periods_that_come_back_again_and_again_are_found_once)
{
    struct test_random random = test_random_start(11);
    struct world world;
    open_world(&world);
    uint32_t distinct = append_given(&world, 700, 20000, &random);
    tail_sort(world.tail);
    cr_assert_eq(world.tail->flush.period_count, 700);
    cr_assert_eq(world.tail->flush.row_count, distinct);
    for (uint32_t period = 0; period < 700; period++) {
        check_period(&world, period);
    }
    tail_discard(world.tail);
    close_world(&world);
}

// What the tables take while a flush has a dictionary of all their strings beside them.
static uint64_t table_bytes_in_flush(const struct world *world)
{
    const struct symbol_table *pages = &world->tail->symbols[world->attribute];
    return user_table_memory(&world->tail->user_table) + symbol_table_memory(pages) + pages->size;
}

Test(tail, keeps_room_for_the_dictionaries_of_its_flush)
{
    struct world world;
    char page[400];
    open_world(&world);
    for (bool room = true; room;) {
        do {
            snprintf(page, sizeof(page), "/%0390llu", (unsigned long long)world.serial);
        } while (put(&world, text_from(page), 0));
        room = tail_has_room(world.tail, world.batch);
        if (room) {
            append(&world);
        }
    }
    uint64_t rows = world.tail->row_capacity * world.tail->row_bytes;
    cr_assert_leq(rows + table_bytes_in_flush(&world), BUDGET_BYTES);
    cr_assert_geq(tail_memory(world.tail), rows + table_bytes_in_flush(&world));
    flush(&world);
    close_world(&world);
}

#define SMALL_FILE_BYTES 8192u

// A few rows of one period and very many of the next, among them copies and times that nobody
// should have.
static int64_t append_two_periods(struct world *world)
{
    struct test_random random = test_random_start(23);
    int64_t as_of_us = 0;
    for (uint32_t i = 0; i < 6000; i++) {
        bool future = test_random_below(&random, 9) == 0;
        int64_t seconds = (int64_t)test_random_below(&random, 5000) + (future ? 10000 : 0);
        struct given given = {test_random_below(&random, 700),
                              (i % 600 == 0 ? 0 : SORT_PERIOD_US) +
                                  seconds * MICROSECONDS_PER_SECOND,
                              (int64_t)test_random_below(&random, 2), i, future};
        as_of_us = !future && given.time_us > as_of_us ? given.time_us : as_of_us;
        if (!put_event(world, TEXT_LITERAL("/home"), &given)) {
            append(world);
            cr_assert(put_event(world, TEXT_LITERAL("/home"), &given));
        }
    }
    append(world);
    return as_of_us;
}

static struct hash128 output_digest(const struct tail_output *output)
{
    struct hash128 sum = {0};
    for (uint32_t i = 0; i < output->meta_count; i++) {
        sum = hash128_add(sum, output->metas[i].row_digest);
    }
    return sum;
}

static uint32_t count_files(const char *directory)
{
    uint32_t count = 0;
    DIR *stream = opendir(directory);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        count += entry->d_name[0] != '.';
    }
    closedir(stream);
    return count;
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(tail, a_flush_that_fails_on_its_way_goes_on_as_if_nothing_had_been)
{
    struct world world;
    struct world other;
    struct tail_output output = {0};
    struct tail_output expected = {0};
    struct corong_error error = {0};
    open_world(&world);
    open_world(&other);
    int64_t as_of_us = append_two_periods(&world);
    (void)append_two_periods(&other);
    cr_assert_eq(tail_flush(other.tail, &expected, &error), CORONG_OK, "%s", error.message);

    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(SMALL_FILE_BYTES);
    for (uint32_t attempt = 0; attempt < 3; attempt++) {
        cr_assert_eq(tail_flush(world.tail, &output, &error), CORONG_IO);
        cr_assert_eq(output.meta_count, 1);
        cr_assert_eq(count_files(world.directory), 1, "what failed is removed");
    }
    limit_files(RLIM_INFINITY);
    cr_assert_eq(tail_flush(world.tail, &output, &error), CORONG_OK, "%s", error.message);

    cr_assert_eq(output.meta_count, 2);
    cr_assert_eq(output.event_count, 6000);
    cr_assert_eq(output.row_count, expected.row_count);
    cr_assert_gt(output.duplicate_count, 0);
    cr_assert(hash128_equal(output_digest(&output), output_digest(&expected)));
    cr_assert_eq(output.metas[1].as_of_us, as_of_us);
    cr_assert_eq(expected.metas[1].as_of_us, as_of_us);
    cr_assert_eq(world.tail->row_count, 0);
    memory_free(output.metas);
    memory_free(expected.metas);
    close_world(&world);
    close_world(&other);
}
