// SPDX-License-Identifier: Apache-2.0
#include "engine/route/route.h"

#include "tests/support/engine_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct hash_secret secret = {{7}};

Test(route, shards_are_ascending_ranges_of_keys)
{
    for (uint32_t count = 1; count <= 64; count++) {
        uint32_t before = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            struct hash128 key = {UINT64_MAX / 999 * i, 0};
            uint32_t shard = route_shard(key, count);
            cr_assert_lt(shard, count);
            cr_assert_geq(shard, before);
            before = shard;
        }
        cr_assert_eq(route_shard((struct hash128){UINT64_MAX, 0}, count), count - 1);
    }
}

struct rig {
    struct arena arena;
    struct schema schema;
    struct event_format format;
    struct route *route;
};

static void rig_init(struct rig *rig, struct route *route)
{
    uint32_t index;
    *rig = (struct rig){.route = route};
    schema_init(&rig->schema, &rig->arena);
    cr_assert_eq(
        schema_add(&rig->schema, &rig->arena, TEXT_LITERAL("country"), COLUMN_STRING, &index, NULL),
        CORONG_OK);
    cr_assert_eq(schema_add(&rig->schema, &rig->arena, TEXT_LITERAL("producer"), COLUMN_INTEGER,
                            &index, NULL),
                 CORONG_OK);
    cr_assert_eq(
        schema_add(&rig->schema, &rig->arena, TEXT_LITERAL("number"), COLUMN_INTEGER, &index, NULL),
        CORONG_OK);
    event_format_init(&rig->format, &rig->schema);
    struct route_options options = {1, 2, 16384, 2, &secret, &rig->format};
    route_init(route, &options);
}

Test(route, a_marker_comes_after_all_that_was_pushed_before_it)
{
    struct rig rig;
    static struct route route;
    rig_init(&rig, &route);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (uint32_t i = 0; i < 50; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user %u", i);
        struct event event = engine_rig_event(values, user, i, "view");
        route_push(&route, 0, &event);
    }
    cr_assert_eq(route_event_count(&route), 50);
    route_mark(&route, 0, 9);
    route_close(&route, 0);
    uint32_t rows = 0;
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct route_item item = route_pop(&route, 0, shard);
        while (item.kind == ROUTE_BATCH) {
            for (uint32_t i = 0; i < item.batch->row_count; i++) {
                const struct event_row *row = event_batch_row(item.batch, &rig.format, i);
                cr_assert_eq(route_shard(row->user_key, 2), shard);
                cr_assert(text_equal(
                    event_batch_text(item.batch, event_row_string(row, &rig.format, COLUMN_NAME)),
                    TEXT_LITERAL("view")));
                cr_assert(
                    packed_text_is_missing(event_row_string(row, &rig.format, COLUMN_CURRENCY)));
            }
            rows += item.batch->row_count;
            route_return(&route, 0, shard, item.batch);
            item = route_pop(&route, 0, shard);
        }
        cr_assert_eq(item.kind, ROUTE_MARKER);
        cr_assert_eq(item.epoch, 9);
        cr_assert_eq(route_pop(&route, 0, shard).kind, ROUTE_CLOSE);
        cr_assert_eq(route_pop(&route, 0, shard).kind, ROUTE_NOTHING);
    }
    cr_assert_eq(rows, 50);
    route_deinit(&route);
    arena_deinit(&rig.arena);
}

Test(route, a_call_is_seen_once)
{
    struct rig rig;
    static struct route route;
    rig_init(&rig, &route);
    cr_assert_not(route_called(&route, 0));
    route_begin_epoch(&route, 3, 1, ROUTE_COMMIT);
    cr_assert(route_called(&route, 0));
    cr_assert_eq(route_epoch(&route), 3);
    cr_assert_not(route_called(&route, 0));
    route_deinit(&route);
    arena_deinit(&rig.arena);
}
