// SPDX-License-Identifier: Apache-2.0
// Events in, segments and live counts out.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tests/support/engine_rig.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND MICROSECONDS_PER_SECOND
#define NO_CUT ((struct engine_cut){0})

static void open_small(struct engine_rig *rig, uint32_t shard_count,
                       const struct definitions *definitions)
{
    struct engine_options options = {
        .definitions = definitions,
        .shard_count = shard_count,
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(32) << 20,
    };
    engine_rig_open(rig, &options);
}

struct collected {
    struct engine_rig_row rows[64];
    char users[64][16];
    uint32_t count;
};

static void collect(void *context, const struct engine_rig_row *row)
{
    struct collected *collected = context;
    cr_assert_lt(collected->count, 64);
    memcpy(collected->users[collected->count], row->user_id.bytes, row->user_id.size);
    collected->rows[collected->count++] = *row;
}

static struct store_snapshot *snapshot_of(const struct engine_rig *rig)
{
    struct store_snapshot *snapshot = NULL;
    struct corong_error error = {0};
    cr_assert_eq(store_snapshot_open(&snapshot, rig->directory, &error), CORONG_OK, "%s",
                 error.message);
    return snapshot;
}

Test(engine, commits_what_was_pushed_sorted_by_user_and_time)
{
    struct engine_rig rig;
    open_small(&rig, 2, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (int i = 0; i < 40; i++) {
        char user[8];
        snprintf(user, sizeof(user), "u%d", i % 4);
        struct event event = engine_rig_event(values, user, (100 - i) * SECOND, "view");
        values[RIG_NUMBER].integer = i;
        engine_push(producer, &event);
    }
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    static struct collected collected;
    engine_rig_rows(snapshot, collect, &collected);
    cr_assert_eq(collected.count, 40);
    for (uint32_t i = 1; i < collected.count; i++) {
        const struct engine_rig_row *before = &collected.rows[i - 1];
        const struct engine_rig_row *row = &collected.rows[i];
        int order = hash128_compare(before->user_key, row->user_key);
        if (order == 0) {
            cr_assert_lt(before->values[COLUMN_TIME], row->values[COLUMN_TIME]);
        }
    }
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
}

Test(engine, keeps_the_canonically_first_of_copies_with_one_event_id)
{
    struct engine_rig rig;
    open_small(&rig, 1, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    const char *countries[] = {"FR", "DE", "US", "DE"};
    for (int i = 0; i < 4; i++) {
        struct event event = engine_rig_event(values, "u", SECOND, "view");
        values[RIG_COUNTRY].string = text_from(countries[i]);
        values[COLUMN_ID_HASH].integer = 7;
        // The smallest sequence number wins, whatever the bytes.
        values[COLUMN_SEQUENCE].integer = i == 1 ? 5 : i;
        engine_push(producer, &event);
    }
    // Without an id the same event may repeat, and another time is another event.
    for (int i = 0; i < 2; i++) {
        struct event event = engine_rig_event(values, "u", SECOND, "view");
        engine_push(producer, &event);
    }
    struct event event = engine_rig_event(values, "u", 2 * SECOND, "view");
    values[COLUMN_ID_HASH].integer = 7;
    engine_push(producer, &event);
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    static struct collected collected;
    collected.count = 0;
    engine_rig_rows(snapshot, collect, &collected);
    cr_assert_eq(collected.count, 4);
    cr_assert_eq(store_snapshot_totals(snapshot).duplicates, 3);
    // Canonical order: sequence 0 without an id twice, then the copy that stayed.
    const struct engine_rig_row *kept = &collected.rows[2];
    cr_assert(text_equal(kept->country, TEXT_LITERAL("FR")));
    cr_assert_eq(kept->values[COLUMN_SEQUENCE], 0);
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
}

Test(engine, writes_one_segment_for_each_period)
{
    struct engine_rig rig;
    open_small(&rig, 1, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "name %d", i);
        struct event event = engine_rig_event(values, "u", i * MICROSECONDS_PER_DAY / 3, name);
        engine_push(producer, &event);
    }
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(store_snapshot_segment_count(snapshot), 4);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const struct segment_meta *meta = segment_reader_meta(store_snapshot_segment(snapshot, i));
        rows += meta->row_count;
        cr_assert_eq(meta->as_of_us, meta->time_max_us);
        cr_assert_eq(meta->period, meta->time_min_us / (30 * MICROSECONDS_PER_DAY));
        struct corong_error error = {0};
        cr_assert_eq(segment_validate(store_snapshot_segment(snapshot, i), &error), CORONG_OK, "%s",
                     error.message);
    }
    cr_assert_eq(rows, 300);
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
}

Test(engine, as_of_is_the_largest_known_time_of_events_that_are_not_future)
{
    struct engine_rig rig;
    open_small(&rig, 1, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    struct event event = engine_rig_event(values, "u", 100 * SECOND, "view");
    values[COLUMN_RECEIVED].integer = 90 * SECOND;
    engine_push(producer, &event);
    event.time_us = 80 * SECOND;
    values[COLUMN_RECEIVED].integer = 85 * SECOND;
    engine_push(producer, &event);
    event.time_us = 500 * SECOND;
    event.future = true;
    engine_push(producer, &event);
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(segment_reader_meta(store_snapshot_segment(snapshot, 0))->as_of_us, 90 * SECOND);
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
}

Test(engine, events_of_any_legal_size_pass)
{
    struct engine_rig rig;
    open_small(&rig, 2, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    char *large = memory_allocate(EVENT_VALUE_SIZE_MAX);
    memset(large, 'x', EVENT_VALUE_SIZE_MAX);
    for (uint32_t i = 0; i < 200; i++) {
        struct event event = engine_rig_event(values, i % 2 == 0 ? "a" : "b", i, "view");
        values[RIG_COUNTRY].string = (struct text){large, EVENT_VALUE_SIZE_MAX - i * 300};
        engine_push(producer, &event);
    }
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 200);
    store_snapshot_close(snapshot);
    memory_free(large);
    engine_rig_close(&rig);
}

// Segments of 500,000 events under a limit of 8 MiB, which is kept all the while.
static uint32_t segments_under_limit(bool unread)
{
    struct engine_rig rig;
    struct engine_options options = {
        .shard_count = 1,
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(8) << 20,
        .commit_interval_us = 3600 * SECOND,
        .live_unread = unread,
    };
    engine_rig_open(&rig, &options);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    struct arena arena = {0};
    struct engine_live_view view;
    for (uint32_t i = 0; i < 500000; i++) {
        char user[16];
        snprintf(user, sizeof(user), "%u", i % 1000);
        struct event event = engine_rig_event(values, user, i, "view");
        engine_push(producer, &event);
        if (i % 1000 == 0) {
            engine_live_read(rig.engine, &arena, &view);
            cr_assert_leq(view.memory_bytes, options.memory_limit_bytes);
            arena_reset(&arena);
        }
    }
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 500000);
    uint32_t segments = store_snapshot_segment_count(snapshot);
    store_snapshot_close(snapshot);
    arena_deinit(&arena);
    engine_rig_close(&rig);
    return segments;
}

Test(engine, a_tail_that_reaches_its_share_is_written_early_and_has_more_where_nobody_looks)
{
    uint32_t followed = segments_under_limit(false);
    uint32_t unread = segments_under_limit(true);
    cr_expect_gt(unread, 1);
    cr_expect_gt(followed, unread, "%u segments, not more than %u", followed, unread);
}

// Without funnels only the lists beside them take of the live users' part.
Test(engine, live_users_have_what_nothing_else_takes_of_their_part)
{
    struct engine_rig rig;
    struct engine_options options = {
        .shard_count = 1, .producer_count = 1, .memory_limit_bytes = UINT64_C(16) << 20};
    engine_rig_open(&rig, &options);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (uint32_t i = 0; i < 100000; i++) {
        char user[16];
        snprintf(user, sizeof(user), "%u", i);
        struct event event = engine_rig_event(values, user, i, "view");
        engine_push(producer, &event);
    }
    engine_producer_close(producer, &NO_CUT);
    struct corong_error error = {0};
    cr_assert_eq(engine_drain(rig.engine, &error), CORONG_OK, "%s", error.message);
    struct arena arena = {0};
    struct engine_live_view view;
    engine_live_read(rig.engine, &arena, &view);
    uint64_t live_bytes = options.memory_limit_bytes / 8 * 3;
    cr_expect_eq(view.users, 100000);
    cr_expect_eq(view.users_evicted, 0);
    cr_expect_leq(engine_memory_read(rig.engine).live, live_bytes);
    arena_deinit(&arena);
    engine_rig_close(&rig);
}

// Users in the live view after 3000 events of 70 users were stored.
static uint64_t live_users_of(bool unread)
{
    struct engine_rig rig;
    struct engine_options options = {.shard_count = 1,
                                     .producer_count = 1,
                                     .memory_limit_bytes = UINT64_C(32) << 20,
                                     .live_unread = unread};
    engine_rig_open(&rig, &options);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (int i = 0; i < 3000; i++) {
        char user[16];
        snprintf(user, sizeof(user), "%d", i % 70);
        struct event event = engine_rig_event(values, user, i * SECOND, "view");
        engine_push(producer, &event);
    }
    engine_producer_close(producer, &NO_CUT);
    struct corong_error error = {0};
    cr_assert_eq(engine_drain(rig.engine, &error), CORONG_OK, "%s", error.message);
    struct arena arena = {0};
    struct engine_live_view view;
    engine_live_read(rig.engine, &arena, &view);
    cr_assert_eq(view.sessions, view.users);
    arena_deinit(&arena);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 3000);
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
    return view.users;
}

Test(engine, follows_nobody_where_nobody_reads_the_live_view_and_stores_all)
{
    cr_assert_eq(live_users_of(false), 70);
    cr_assert_eq(live_users_of(true), 0);
}

Test(engine, a_limit_that_is_too_small_is_refused_with_the_one_needed)
{
    struct engine_rig rig;
    open_small(&rig, 1, NULL);
    struct engine *refused;
    struct engine_options options = {
        .store = rig.store,
        .schema = store_schema(rig.store),
        .shard_count = 2,
        .producer_count = 1,
        .memory_limit_bytes = 1000,
    };
    struct corong_error error;
    cr_assert_eq(engine_open(&refused, &options, &error), CORONG_NO_MEMORY);
    const char *needed = strstr(error.message, "at least ");
    cr_assert_not_null(needed);
    options.memory_limit_bytes = strtoull(needed + 9, NULL, 10);
    cr_assert_gt(options.memory_limit_bytes, 1000);
    options.memory_limit_bytes--;
    cr_assert_eq(engine_open(&refused, &options, &error), CORONG_NO_MEMORY);
    options.memory_limit_bytes++;
    cr_assert_eq(engine_open(&refused, &options, &error), CORONG_OK);
    engine_close(refused);
    engine_rig_close(&rig);
}

Test(engine, refuses_books_that_do_not_balance)
{
    struct engine_rig rig;
    open_small(&rig, 1, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    struct event event = engine_rig_event(values, "u", SECOND, "view");
    engine_push(producer, &event);
    struct store_position position = {
        .id = {1, 2}, .name = TEXT_LITERAL("s"), .anchor_offset = -1, .epoch = -1};
    position.counters.stored = 2;
    struct engine_cut cut = {.positions = &position, .position_count = 1};
    engine_producer_close(producer, &cut);
    struct corong_error error = {0};
    cr_assert_eq(engine_drain(rig.engine, &error), CORONG_CORRUPT);
    cr_assert_not_null(strstr(error.message, "books"));
    cr_assert(engine_failed(rig.engine));
    engine_rig_close(&rig);
}

Test(engine, closing_without_a_drain_forgets_what_was_not_committed)
{
    struct engine_rig rig;
    open_small(&rig, 2, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (uint32_t i = 0; i < 1000; i++) {
        struct event event = engine_rig_event(values, "u", i, "view");
        engine_push(producer, &event);
    }
    engine_close(rig.engine);
    rig.engine = NULL;
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 0);
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
}

// Writes fail with a full disk while `failures` is positive.
static atomic_int failures;

static int64_t failing_write(void *context, int descriptor, const void *bytes, size_t size)
{
    if (atomic_fetch_sub(&failures, 1) > 0) {
        errno = ENOSPC;
        return -1;
    }
    const struct file_calls *system = context;
    return system->write(system->context, descriptor, bytes, size);
}

Test(engine, a_full_disk_is_waited_for_and_nothing_is_lost)
{
    struct engine_rig rig;
    struct file_calls calls = *file_calls_system();
    calls.context = (void *)(uintptr_t)file_calls_system();
    calls.write = failing_write;
    file_calls_replace(&calls);
    atomic_store(&failures, 0);
    open_small(&rig, 1, NULL);
    struct engine_producer *producer = engine_producer_open(rig.engine);
    union canonical_value values[RIG_COLUMN_COUNT];
    for (uint32_t i = 0; i < 1000; i++) {
        struct event event = engine_rig_event(values, "u", i, "view");
        engine_push(producer, &event);
    }
    // One failure meets the shard's segment, and its retry finds the disk free again.
    atomic_store(&failures, 1);
    engine_producer_close(producer, &NO_CUT);
    engine_rig_drain(&rig);
    struct store_snapshot *snapshot = snapshot_of(&rig);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 1000);
    cr_assert_eq(store_snapshot_segment_count(snapshot), 1);
    store_snapshot_close(snapshot);
    engine_rig_close(&rig);
    file_calls_replace(NULL);
}
