// SPDX-License-Identifier: Apache-2.0
// Views of linked stores: what they take is booked before it is taken, a deadline ends reading and
// waiting, what is read for one segment keeps nobody from another, and layers share what belongs to
// their segment.
#include "engine/query/identity/identity_private.h"
#include "engine/query/query_cursor.h"
#include "engine/query/query_plan.h"
#include "storage/base/clock.h"
#include "storage/file/file.h"
#include "tests/support/event_builder.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAIR_COUNT 1024
#define DAY EVENT_BUILDER_DAY

static struct corong_error error;

// Pairs of ids of one person, whose events lie in each other's times: `i` and `old-i`, two periods.
static struct event_builder *linked_store(void)
{
    struct event_builder *builder = event_builder_create();
    event_builder_attribute(builder, "$alias", COLUMN_STRING);
    event_builder_attribute(builder, "country", COLUMN_STRING);
    event_builder_group_rows(builder, 500);
    for (int i = 0; i < PAIR_COUNT; i++) {
        char names[2][16];
        snprintf(names[0], sizeof(names[0]), "%d", i);
        snprintf(names[1], sizeof(names[1]), "old-%d", i);
        for (int month = 0; month < 2; month++) {
            int64_t time_us = 19700 * DAY + month * 200 * DAY + i;
            event_builder_event(builder, names[1], time_us, "view");
            event_builder_text(builder, "country", "DE");
            event_builder_event(builder, names[0], time_us + 1, "cart");
            event_builder_event(builder, names[1], time_us + 2, "order");
        }
        event_builder_event(builder, names[0], 19701 * DAY + i, "merge");
        event_builder_text(builder, "$alias", names[1]);
    }
    event_builder_segment(builder);
    return builder;
}

static struct query_tasks *tasks_of(uint64_t memory_limit_bytes, int64_t wait_us)
{
    struct query_limits limits = {.thread_count = 2,
                                  .memory_limit_bytes = memory_limit_bytes,
                                  .deadline_us = wait_us == 0 ? 0 : clock_monotonic_us() + wait_us};
    return query_tasks_create(&limits);
}

static struct identity_view *view_of(struct store_snapshot *snapshot, int64_t as_of_us)
{
    struct identity_view *view;
    cr_assert_eq(identity_view_of(snapshot, as_of_us, NULL, &view, &error), CORONG_OK);
    return view;
}

// Reads `column` of the first layer of a segment, as a question with these limits.
static enum corong_status read_layer(struct identity_view *view, uint32_t segment, uint32_t column,
                                     struct query_tasks *tasks)
{
    struct segment_selection selection = {0};
    struct row_group rows;
    segment_select(&selection, column);
    struct identity_scratch *scratch = identity_scratch_create(16);
    enum corong_status status = identity_layer_read(&view->rows[segment].layers[0], 0, &selection,
                                                    tasks, scratch, &rows, &error);
    cr_assert(status != CORONG_OK || rows.columns[column].integers != NULL);
    identity_scratch_destroy(scratch);
    query_tasks_destroy(tasks);
    return status;
}

Test(identity, columns_read_late_are_booked)
{
    struct event_builder *builder = linked_store();
    struct identity_view *view = view_of(event_builder_snapshot(builder), INT64_MAX);
    uint64_t size = view->rows[0].row_count * sizeof(int64_t);
    cr_assert(size > 0);
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(size - 1, 0)), CORONG_NO_MEMORY);
    // The columns themselves, not what decoding them takes.
    cr_expect(strstr(error.message, "events of linked ids") != NULL, "%s", error.message);
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(size + (16u << 20), 0)), CORONG_OK);
    // They are there now: who asks next takes nothing.
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(1, 0)), CORONG_OK);
    identity_view_release(view);
    event_builder_destroy(builder);
}

Test(identity, a_deadline_ends_reading)
{
    struct event_builder *builder = linked_store();
    struct identity_view *view = view_of(event_builder_snapshot(builder), INT64_MAX);
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(0, -1)), CORONG_CANCELLED);
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(0, 0)), CORONG_OK);
    identity_view_release(view);
    event_builder_destroy(builder);
}

Test(identity, waiting_for_a_reader_heeds_the_deadline_and_others_do_not_wait, .timeout = 30)
{
    struct event_builder *builder = linked_store();
    struct identity_view *view = view_of(event_builder_snapshot(builder), INT64_MAX);
    struct query_tasks *reader = tasks_of(0, 0);
    cr_assert_eq(identity_gate_enter(&view->rows[0].gate, reader, &error), CORONG_OK);
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(0, 20000)), CORONG_CANCELLED);
    cr_assert_eq(read_layer(view, 1, COLUMN_TIME, tasks_of(0, 0)), CORONG_OK);
    identity_gate_leave(&view->rows[0].gate);
    cr_assert_eq(read_layer(view, 0, COLUMN_TIME, tasks_of(0, 0)), CORONG_OK);
    query_tasks_destroy(reader);
    identity_view_release(view);
    event_builder_destroy(builder);
}

Test(identity, waiting_for_links_heeds_the_deadline, .timeout = 30)
{
    struct event_builder *builder = linked_store();
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    struct identity_view *view = view_of(snapshot, INT64_MAX);
    struct identity_view *other;
    struct query_tasks *maker = tasks_of(0, 0);
    struct query_tasks *asker = tasks_of(0, 20000);
    cr_assert_eq(identity_gate_enter(&view->kept->gate, maker, &error), CORONG_OK);
    cr_assert_eq(identity_view_of(snapshot, INT64_MAX, asker, &other, &error), CORONG_CANCELLED);
    cr_assert_null(other);
    identity_gate_leave(&view->kept->gate);
    query_tasks_destroy(maker);
    query_tasks_destroy(asker);
    identity_view_release(view);
    event_builder_destroy(builder);
}

// Lays the rows of moved users out once more, as a question with this limit.
static enum corong_status find_rows(struct store_snapshot *snapshot,
                                    const struct identity_view *resolved, uint64_t limit_bytes)
{
    struct identity_view view = {.resolution = resolved->resolution};
    struct query_tasks *tasks = tasks_of(limit_bytes, 0);
    enum corong_status status = identity_rows_find(&view, snapshot, tasks, &error);
    for (uint32_t i = 0; i < view.segment_count; i++) {
        identity_rows_deinit(&view.rows[i]);
    }
    arena_deinit(&view.arena);
    query_tasks_destroy(tasks);
    return status;
}

// Each of the pairs has a moved user in two segments; one takes some 200 bytes while they are laid
// out, of which a quarter stays.
Test(identity, moved_users_are_booked_before_they_are_kept)
{
    struct event_builder *builder = linked_store();
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    struct identity_view *view = view_of(snapshot, INT64_MAX);
    cr_assert_eq(find_rows(snapshot, view, 2 * PAIR_COUNT * 150), CORONG_NO_MEMORY);
    cr_assert(strstr(error.message, "users of linked ids") != NULL, "%s", error.message);
    cr_assert_eq(find_rows(snapshot, view, 2 * PAIR_COUNT * 260), CORONG_OK);
    identity_view_release(view);
    event_builder_destroy(builder);
}

Test(identity, views_of_many_moments_do_not_pile_up)
{
    struct event_builder *builder = linked_store();
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    struct identity_view *held = view_of(snapshot, 19701 * DAY + 500);
    struct identity_kept *kept = held->kept;
    for (int i = 0; i < 12; i++) {
        identity_view_release(view_of(snapshot, 19701 * DAY + i));
    }
    uint32_t count = 0;
    bool found = false;
    for (const struct identity_view *at = kept->views; at != NULL; at = at->next) {
        found = found || at == held;
        count++;
    }
    cr_assert_eq(count, IDENTITY_VIEW_COUNT_IDLE_MAX + 1);
    cr_assert(found);
    cr_assert_eq(held->resolution.member_count, 501);
    struct identity_view *again = view_of(snapshot, 19701 * DAY + 500);
    cr_assert_eq(again, held);
    identity_view_release(again);
    identity_view_release(held);
    event_builder_destroy(builder);
}

Test(identity, before_the_first_link_there_is_no_view)
{
    struct event_builder *builder = linked_store();
    cr_assert_null(view_of(event_builder_snapshot(builder), 19701 * DAY - 1));
    event_builder_destroy(builder);
}

Test(identity, layers_share_the_tables_of_their_segment)
{
    struct event_builder *builder = linked_store();
    struct text view_name = TEXT_LITERAL("view");
    const struct stage step = {
        .events = &view_name, .event_count = 1, .where = TEXT_LITERAL("country = 'DE'")};
    struct query_tasks *tasks = tasks_of(0, 0);
    const struct query_ask ask = {.steps = &step,
                                  .step_count = 1,
                                  .rows = {INT64_MIN, INT64_MAX},
                                  .as_of_us = INT64_MAX,
                                  .tasks = tasks};
    struct query_plan plan;
    cr_assert_eq(query_plan_init(&plan, event_builder_snapshot(builder), &ask, 1, &error),
                 CORONG_OK);
    cr_assert_gt(plan.segment_count, plan.stored_count);
    struct query_cursor cursor;
    struct query_reading reading = {0};
    query_cursor_init(&cursor, &plan, tasks, &reading);
    for (uint32_t i = plan.stored_count; i < plan.segment_count; i++) {
        const struct query_segment *layer = &plan.segments[i];
        const struct query_segment *segment = &plan.segments[layer->origin];
        cr_assert_eq(layer->folds.count, 1);
        cr_assert_eq(layer->folds.folds[0].keep, segment->folds.folds[0].keep);
        cr_assert_eq(layer->steps_of_name, segment->steps_of_name);
        cr_assert_neq(layer->groups, segment->groups);
        cr_assert_null(cursor.sources[i].scratch);
        cr_assert_not_null(cursor.sources[layer->origin].scratch);
    }
    query_cursor_deinit(&cursor);
    query_plan_deinit(&plan);
    query_tasks_destroy(tasks);
    event_builder_destroy(builder);
}

// What was left beside a store is what questions would collect, and is believed only there.
static void same_links(const struct identity_links *left, const struct identity_links *right)
{
    cr_assert_eq(left->count, right->count);
    for (uint32_t i = 0; i < left->count; i++) {
        const struct identity_link *a = &left->links[i];
        const struct identity_link *b = &right->links[i];
        cr_assert_eq(identity_link_compare(a, b), 0);
        cr_assert(hash128_equal(a->from_key, b->from_key) && hash128_equal(a->to_key, b->to_key));
    }
}

static struct store_snapshot *open_again(struct event_builder *builder)
{
    struct store_snapshot *snapshot;
    cr_assert_eq(store_snapshot_open(&snapshot, event_builder_directory(builder), &error),
                 CORONG_OK);
    return snapshot;
}

static bool load(struct event_builder *builder, struct identity_links *links, uint64_t limit_bytes)
{
    struct query_tasks *tasks = tasks_of(limit_bytes, 0);
    struct store_snapshot *snapshot = open_again(builder);
    bool found = identity_links_load(links, snapshot, tasks);
    store_snapshot_close(snapshot);
    query_tasks_destroy(tasks);
    return found;
}

Test(identity, links_that_were_left_are_those_of_the_segments)
{
    struct event_builder *builder = linked_store();
    struct query_limits limits = {0};
    struct identity_links links;
    cr_assert_not(load(builder, &links, 0));
    cr_assert_eq(identity_leave(event_builder_snapshot(builder), &limits, &error), CORONG_OK);
    cr_assert(load(builder, &links, 0));
    struct identity_view *view = view_of(event_builder_snapshot(builder), INT64_MAX);
    cr_assert_eq(links.count, PAIR_COUNT);
    same_links(&links, &view->kept->links);
    identity_view_release(view);
    identity_links_deinit(&links);
    // More than may be booked is collected as if nothing were there.
    cr_assert_not(load(builder, &links, 20000));
    event_builder_destroy(builder);
}

Test(identity, links_that_were_left_are_not_those_of_other_segments)
{
    struct event_builder *builder = linked_store();
    struct query_limits limits = {0};
    struct identity_links links;
    cr_assert_eq(identity_leave(event_builder_snapshot(builder), &limits, &error), CORONG_OK);
    event_builder_event(builder, "new", 19702 * DAY, "merge");
    event_builder_text(builder, "$alias", "old-7");
    event_builder_segment(builder);
    cr_assert_not(load(builder, &links, 0));
    struct identity_view *view = view_of(event_builder_snapshot(builder), INT64_MAX);
    cr_assert_eq(view->kept->links.count, PAIR_COUNT + 1);
    identity_view_release(view);
    event_builder_destroy(builder);
}

// The `derived` of one store in another of as many segments.
Test(identity, links_of_another_store_are_not_believed)
{
    struct event_builder *builders[2] = {linked_store(), linked_store()};
    struct query_limits limits = {0};
    struct identity_links links;
    char paths[2][128];
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/derived", event_builder_directory(builders[i]));
    }
    cr_assert_eq(identity_leave(event_builder_snapshot(builders[0]), &limits, &error), CORONG_OK);
    cr_assert(load(builders[0], &links, 0));
    identity_links_deinit(&links);
    cr_assert_eq(rename(paths[0], paths[1]), 0);
    cr_assert_not(load(builders[1], &links, 0));
    cr_assert_not(load(builders[0], &links, 0));
    event_builder_destroy(builders[0]);
    event_builder_destroy(builders[1]);
}

static int64_t failing_write(void *context, int descriptor, const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    (void)descriptor;
    errno = *(int *)context;
    return -1;
}

static int failing_rename(void *context, const char *from, const char *to)
{
    (void)from;
    (void)to;
    errno = *(int *)context;
    return -1;
}

static int failing_sync(void *context, int descriptor)
{
    (void)context;
    (void)descriptor;
    errno = EIO;
    return -1;
}

// A failed sync elsewhere ends the process: the disk then cannot be believed. This file can be made
// again, so no fault of it may end a compaction that is committed.
Test(identity, disks_that_fail_leave_no_links_and_end_nothing)
{
    struct event_builder *builder = linked_store();
    struct query_limits limits = {0};
    struct identity_links links;
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    int code = EIO;
    struct file_calls calls = *file_calls_system();
    calls.context = &code;
    calls.write = failing_write;
    file_calls_replace(&calls);
    cr_expect_eq(identity_leave(snapshot, &limits, &error), CORONG_IO);
    calls = *file_calls_system();
    calls.context = &code;
    calls.rename = failing_rename;
    file_calls_replace(&calls);
    cr_expect_eq(identity_leave(snapshot, &limits, &error), CORONG_IO);
    cr_expect_not(load(builder, &links, 0));
    calls = *file_calls_system();
    calls.fsync = failing_sync;
    calls.fdatasync = failing_sync;
    file_calls_replace(&calls);
    cr_expect_eq(identity_leave(snapshot, &limits, &error), CORONG_OK, "%s", error.message);
    file_calls_replace(NULL);
    cr_expect(load(builder, &links, 0));
    identity_links_deinit(&links);
    event_builder_destroy(builder);
}

Test(identity, damaged_links_are_collected_again)
{
    struct event_builder *builder = linked_store();
    struct query_limits limits = {0};
    struct identity_links links;
    char path[128];
    snprintf(path, sizeof(path), "%s/derived", event_builder_directory(builder));
    cr_assert_eq(identity_leave(event_builder_snapshot(builder), &limits, &error), CORONG_OK);
    FILE *file = fopen(path, "r+");
    cr_assert_not_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (long at = 0; at < size; at += at < 48 ? 1 : size / 37) {
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 0x10, file);
        fflush(file);
        cr_assert_not(load(builder, &links, 0), "byte %ld", at);
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    cr_assert(load(builder, &links, 0));
    identity_links_deinit(&links);
    cr_assert_eq(ftruncate(fileno(file), size / 2), 0);
    fclose(file);
    cr_assert_not(load(builder, &links, 0));
    event_builder_destroy(builder);
}
