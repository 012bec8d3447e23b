// SPDX-License-Identifier: Apache-2.0
// What a view holds between two commits.
#include "engine/engine.h"
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tests/support/engine_rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND MICROSECONDS_PER_SECOND
#define HOUR (3600 * SECOND)

struct view_rig {
    struct engine_rig engine;
    struct engine_producer *producer;
    struct store_position position;
    int64_t pushed;
};

static void open_rig(struct view_rig *rig, uint32_t shard_count, uint64_t memory_limit_bytes)
{
    struct engine_options options = {
        .shard_count = shard_count,
        .producer_count = 1,
        .memory_limit_bytes = memory_limit_bytes,
        .commit_interval_us = HOUR,
        .view_interval_us = 1,
    };
    *rig = (struct view_rig){0};
    engine_rig_open(&rig->engine, &options);
    rig->producer = engine_producer_open(rig->engine.engine);
}

static struct engine_cut cut_of(struct view_rig *rig)
{
    rig->position = (struct store_position){
        .id = {1, 2},
        .name = TEXT_LITERAL("source"),
        .next_offset = rig->pushed,
        .anchor_offset = -1,
        .epoch = -1,
    };
    rig->position.counters.messages = (uint64_t)rig->pushed;
    rig->position.counters.events = (uint64_t)rig->pushed;
    rig->position.counters.stored = (uint64_t)rig->pushed;
    return (struct engine_cut){.positions = &rig->position, .position_count = 1};
}

static void push(struct view_rig *rig, uint32_t count)
{
    union canonical_value values[RIG_COLUMN_COUNT];
    for (uint32_t i = 0; i < count; i++) {
        char user[24];
        snprintf(user, sizeof(user), "u%ld", rig->pushed % 64);
        struct event event = engine_rig_event(values, user, rig->pushed * SECOND, "view");
        values[RIG_NUMBER].integer = rig->pushed++;
        values[RIG_COUNTRY].string = text_from(rig->pushed % 3 == 0 ? "DE" : "FR");
        engine_push(rig->producer, &event);
    }
}

struct asker {
    struct engine *engine;
    const struct engine_view *view;
    enum corong_status status;
    atomic_bool done;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    struct corong_error error = {0};
    asker->status = engine_view_acquire(asker->engine, 0, &asker->view, &error);
    atomic_store(&asker->done, true);
    return NULL;
}

// Asks on another thread, as the producer has to answer.
static const struct engine_view *acquire(struct view_rig *rig)
{
    struct asker asker = {.engine = rig->engine.engine};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, ask, &asker), 0);
    while (!atomic_load(&asker.done)) {
        if (engine_barrier_wanted(rig->producer)) {
            struct engine_cut cut = cut_of(rig);
            engine_barrier(rig->producer, &cut);
        }
        clock_sleep_us(50);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(asker.status, CORONG_OK);
    return asker.view;
}

static void commit(struct view_rig *rig)
{
    uint64_t epoch = engine_committed_epoch(rig->engine.engine);
    engine_request_commit(rig->engine.engine);
    while (engine_committed_epoch(rig->engine.engine) == epoch) {
        if (engine_barrier_wanted(rig->producer)) {
            struct engine_cut cut = cut_of(rig);
            engine_barrier(rig->producer, &cut);
        }
        clock_sleep_us(50);
    }
}

static void close_rig(struct view_rig *rig)
{
    struct engine_cut cut = cut_of(rig);
    engine_producer_close(rig->producer, &cut);
    engine_rig_drain(&rig->engine);
    engine_rig_close(&rig->engine);
}

struct seen {
    uint8_t counts[80000];
    uint32_t rows;
};

static void see(void *context, const struct engine_rig_row *row)
{
    struct seen *seen = context;
    seen->counts[row->values[RIG_NUMBER]]++;
    seen->rows++;
}

static enum corong_status open_view(struct store_snapshot **snapshot, const struct view_rig *rig,
                                    const struct engine_view *view, struct corong_error *error)
{
    struct store_snapshot_part part = {rig->engine.directory, view->store_sequence, view->chunk_fds,
                                       view->chunk_count};
    return store_snapshot_open_parts(snapshot, &part, 1, error);
}

// Every event pushed so far once, and the position that says so.
static void check_snapshot(const struct view_rig *rig, const struct engine_view *view,
                           struct store_snapshot *snapshot)
{
    static struct seen seen;
    seen = (struct seen){0};
    engine_rig_rows(snapshot, see, &seen);
    cr_assert_eq(seen.rows, rig->pushed);
    for (int64_t i = 0; i < rig->pushed; i++) {
        cr_assert_eq(seen.counts[i], 1, "event %ld is there %d times", i, seen.counts[i]);
    }
    cr_assert_eq(store_snapshot_totals(snapshot).rows, rig->pushed);
    store_snapshot_close(snapshot);
    cr_assert_eq(view->position_count, 1);
    cr_assert_eq(view->positions[0].next_offset, rig->pushed);
    cr_assert(text_equal(view->positions[0].name, TEXT_LITERAL("source")));
}

static void check_view(const struct view_rig *rig, const struct engine_view *view)
{
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    cr_assert_eq(open_view(&snapshot, rig, view, &error), CORONG_OK, "%s", error.message);
    check_snapshot(rig, view, snapshot);
}

// A view that agrees with the store: a shard may ask for a commit itself, as it fills, and the
// store is then past a view made just before.
static const struct engine_view *acquire_checked(struct view_rig *rig)
{
    for (int tries = 0;; tries++) {
        const struct engine_view *view = acquire(rig);
        struct store_snapshot *snapshot;
        struct corong_error error = {0};
        enum corong_status status = open_view(&snapshot, rig, view, &error);
        if (status == CORONG_OK) {
            check_snapshot(rig, view, snapshot);
            return view;
        }
        cr_assert(status == CORONG_BUSY && error.retriable && tries < 100, "%s", error.message);
        engine_view_release(rig->engine.engine, view);
    }
}

Test(engine_view, shows_what_was_pushed_before_any_commit)
{
    struct view_rig rig;
    open_rig(&rig, 2, UINT64_C(32) << 20);
    push(&rig, 100);
    const struct engine_view *view = acquire(&rig);
    cr_assert_eq(view->chunk_rows, 100);
    cr_assert_eq(view->chunk_count, 2, "one chunk of each shard");
    check_view(&rig, view);
    engine_view_release(rig.engine.engine, view);
    close_rig(&rig);
}

Test(engine_view, a_commit_takes_the_chunks_out_as_it_puts_the_rows_in)
{
    struct view_rig rig;
    open_rig(&rig, 2, UINT64_C(32) << 20);
    push(&rig, 50);
    const struct engine_view *before = acquire(&rig);
    push(&rig, 50);
    commit(&rig);
    const struct engine_view *after = acquire(&rig);
    cr_assert_eq(after->chunk_count, 0);
    cr_assert_gt(after->store_sequence, before->store_sequence);
    check_view(&rig, after);
    push(&rig, 10);
    const struct engine_view *last = acquire(&rig);
    cr_assert_eq(last->chunk_rows, 10);
    check_view(&rig, last);
    // The old view is not mixed with the new version, which holds its rows.
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    cr_assert_eq(open_view(&snapshot, &rig, before, &error), CORONG_BUSY);
    cr_assert(error.retriable);
    engine_view_release(rig.engine.engine, before);
    engine_view_release(rig.engine.engine, after);
    engine_view_release(rig.engine.engine, last);
    close_rig(&rig);
}

Test(engine_view, many_views_leave_few_chunks)
{
    struct view_rig rig;
    open_rig(&rig, 1, UINT64_C(32) << 20);
    uint32_t most = 0;
    for (int i = 0; i < 30; i++) {
        push(&rig, 40);
        const struct engine_view *view = acquire(&rig);
        check_view(&rig, view);
        most = view->chunk_count > most ? view->chunk_count : most;
        engine_view_release(rig.engine.engine, view);
    }
    cr_assert_leq(most, 10);
    cr_assert_geq(most, 8, "views add to each other");
    close_rig(&rig);
}

Test(engine_view, rows_that_a_full_tail_wrote_early_are_seen_through_their_files)
{
    struct view_rig rig;
    open_rig(&rig, 1, UINT64_C(6) << 20);
    bool files = false;
    for (int i = 0; i < 12; i++) {
        push(&rig, 6000);
        const struct engine_view *view = acquire_checked(&rig);
        // Only memory files have seals.
        files |= view->chunk_count > 0 && fcntl(view->chunk_fds[0], F_GET_SEALS) < 0;
        engine_view_release(rig.engine.engine, view);
        if (files) {
            break;
        }
    }
    cr_assert(files);
    // The commit takes the files over.
    commit(&rig);
    push(&rig, 10);
    const struct engine_view *view = acquire_checked(&rig);
    cr_assert_leq(view->chunk_rows, 10, "or a commit that the shard asked for has them");
    engine_view_release(rig.engine.engine, view);
    close_rig(&rig);
}

Test(engine_view, is_not_made_again_where_nothing_came)
{
    struct view_rig rig;
    open_rig(&rig, 1, UINT64_C(32) << 20);
    push(&rig, 5);
    const struct engine_view *first = acquire(&rig);
    const struct engine_view *second = NULL;
    // Nobody answers barriers here: it would wait.
    cr_assert_eq(engine_view_acquire(rig.engine.engine, 0, &second, NULL), CORONG_OK);
    cr_assert_eq(first, second);
    push(&rig, 5);
    const struct engine_view *old = NULL;
    cr_assert_eq(engine_view_acquire(rig.engine.engine, HOUR, &old, NULL), CORONG_OK);
    cr_assert_eq(first, old, "old enough is good enough");
    engine_view_release(rig.engine.engine, first);
    engine_view_release(rig.engine.engine, second);
    engine_view_release(rig.engine.engine, old);
    close_rig(&rig);
}

Test(engine_view, nobody_can_change_a_chunk)
{
    struct view_rig rig;
    open_rig(&rig, 1, UINT64_C(32) << 20);
    push(&rig, 5);
    const struct engine_view *view = acquire(&rig);
    cr_assert_eq(view->chunk_count, 1);
    cr_assert_eq(pwrite(view->chunk_fds[0], "x", 1, 0), -1);
    cr_assert_eq(errno, EPERM);
    cr_assert_eq(ftruncate(view->chunk_fds[0], 0), -1);
    engine_view_release(rig.engine.engine, view);
    close_rig(&rig);
}

Test(engine_view, outlives_its_engine)
{
    struct view_rig rig;
    open_rig(&rig, 2, UINT64_C(32) << 20);
    push(&rig, 30);
    const struct engine_view *view = acquire(&rig);
    struct engine_cut cut = cut_of(&rig);
    engine_producer_close(rig.producer, &cut);
    engine_rig_drain(&rig.engine);
    struct segment_reader *reader;
    cr_assert_eq(segment_reader_open_descriptor(&reader, view->chunk_fds[0], NULL), CORONG_OK);
    cr_assert_eq(segment_validate(reader, NULL), CORONG_OK);
    segment_reader_close(reader);
    engine_view_release(rig.engine.engine, view);
    engine_rig_close(&rig.engine);
}

static int refuse_memory_file(void *context, const char *label)
{
    (void)context;
    (void)label;
    errno = EMFILE;
    return -1;
}

Test(engine_view, a_lack_of_descriptors_makes_a_commit_of_it)
{
    struct view_rig rig;
    open_rig(&rig, 2, UINT64_C(32) << 20);
    struct file_calls calls = *file_calls_system();
    calls.memory_file = refuse_memory_file;
    file_calls_replace(&calls);
    push(&rig, 20);
    const struct engine_view *view = acquire(&rig);
    cr_assert_eq(view->chunk_count, 0);
    check_view(&rig, view);
    engine_view_release(rig.engine.engine, view);
    file_calls_replace(NULL);
    close_rig(&rig);
}

Test(engine_view, a_failed_engine_says_why)
{
    struct view_rig rig;
    open_rig(&rig, 1, UINT64_C(32) << 20);
    push(&rig, 3);
    rig.pushed += 1; // the books will not balance
    struct asker asker = {.engine = rig.engine.engine};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, ask, &asker), 0);
    while (!atomic_load(&asker.done)) {
        if (engine_barrier_wanted(rig.producer)) {
            struct engine_cut cut = cut_of(&rig);
            engine_barrier(rig.producer, &cut);
        }
        clock_sleep_us(50);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(asker.status, CORONG_CORRUPT, "a view that does not balance is not shown");
    cr_assert(engine_failed(rig.engine.engine));
    struct engine_cut cut = cut_of(&rig);
    engine_producer_close(rig.producer, &cut);
    engine_close(rig.engine.engine);
    rig.engine.engine = NULL;
    engine_rig_close(&rig.engine);
}
