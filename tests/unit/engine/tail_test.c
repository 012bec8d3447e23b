// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/tail.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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

static bool put(struct world *world, struct text page, int64_t sequence)
{
    union canonical_value values[COLUMN_SYSTEM_COUNT + 1] = {0};
    char id[24];
    snprintf(id, sizeof(id), "user-%u", (unsigned)(world->serial * 7 % USER_COUNT));
    values[COLUMN_NAME].string = TEXT_LITERAL("view");
    values[COLUMN_SEQUENCE].integer = sequence;
    values[COLUMN_ID_HASH].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[world->attribute].string = page;
    struct event event = {.user_id = text_from(id),
                          .time_us = (int64_t)world->serial * MICROSECONDS_PER_SECOND,
                          .values = values};
    bool fits = event_batch_append(world->batch, &world->format, &event,
                                   hash_user(&secret, 0, text_from(id)));
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
