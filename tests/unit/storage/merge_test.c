// SPDX-License-Identifier: Apache-2.0
#include "storage/merge/merge.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/merge/merge_policy.h"
#include "tests/support/store_directory.h"
#include "tests/support/store_rows.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)

/// Segments that exist as numbers only, to see what the policy does over months.
struct simulation {
    struct segment_meta *segments;
    uint32_t count;
    uint64_t next_uuid;
    uint64_t rows_written; ///< by merges
    uint64_t merge_count;
    uint32_t run_count_max;
    uint32_t segment_count_max;
    bool quiet;
    uint64_t refused_rows;
};

static bool nothing_busy(const void *context, const struct segment_meta *segment)
{
    (void)context;
    (void)segment;
    return false;
}

static uint64_t simulated_refusal(const void *context, int64_t period)
{
    (void)period;
    const struct simulation *simulation = context;
    return simulation->refused_rows;
}

static bool simulated_quiet(const void *context, int64_t period)
{
    (void)period;
    const struct simulation *simulation = context;
    return simulation->quiet;
}

static struct merge_policy policy_of(const struct simulation *simulation)
{
    return (struct merge_policy){.is_busy = nothing_busy,
                                 .refused_rows = simulated_refusal,
                                 .is_quiet = simulated_quiet,
                                 .context = simulation};
}

static void add_range(struct simulation *simulation, int64_t period, uint64_t rows, uint64_t from,
                      uint64_t to)
{
    simulation->segments = memory_resize_array(simulation->segments, simulation->count + 1,
                                               sizeof(*simulation->segments));
    struct segment_meta *meta = &simulation->segments[simulation->count++];
    *meta = (struct segment_meta){
        .row_count = rows, .period = period, .key_min = {from, 0}, .key_max = {to, UINT64_MAX}};
    simulation->next_uuid++;
    memcpy(meta->uuid, &simulation->next_uuid, sizeof(simulation->next_uuid));
}

static void remove_one(struct simulation *simulation, const uint8_t *uuid)
{
    for (uint32_t index = 0; index < simulation->count; index++) {
        if (memcmp(simulation->segments[index].uuid, uuid, SEGMENT_UUID_SIZE) == 0) {
            simulation->segments[index] = simulation->segments[--simulation->count];
            return;
        }
    }
    cr_assert_fail("a plan names a segment that is not there");
}

/// Does what the policy wants until it wants nothing.
static void settle(struct simulation *simulation)
{
    struct compact_plan plan;
    bool urgent;
    struct merge_policy policy = policy_of(simulation);
    while (merge_policy_choose(simulation->segments, simulation->count, &policy, &plan, &urgent)) {
        cr_assert_leq(plan.run_count, COMPACT_FAN_IN_MAX);
        uint64_t rows = 0;
        int64_t period = plan.runs[0].segments[0].period;
        struct hash128 from = plan.runs[0].segments[0].key_min;
        struct hash128 to = plan.runs[0].segments[0].key_max;
        for (uint32_t run = 0; run < plan.run_count; run++) {
            for (uint32_t index = 0; index < plan.runs[run].count; index++) {
                const struct segment_meta *meta = &plan.runs[run].segments[index];
                cr_assert_eq(meta->period, period);
                rows += meta->row_count;
                from = hash128_compare(meta->key_min, from) < 0 ? meta->key_min : from;
                to = hash128_compare(meta->key_max, to) > 0 ? meta->key_max : to;
                remove_one(simulation, meta->uuid);
            }
        }
        cr_assert_eq(rows, plan.row_count);
        add_range(simulation, period, rows, from.high, to.high);
        simulation->rows_written += rows;
        simulation->merge_count++;
        compact_plan_deinit(&plan);
    }
    uint32_t runs = merge_policy_run_count(simulation->segments, simulation->count);
    simulation->run_count_max = runs > simulation->run_count_max ? runs : simulation->run_count_max;
    simulation->segment_count_max = simulation->count > simulation->segment_count_max
                                        ? simulation->count
                                        : simulation->segment_count_max;
}

static struct simulation simulate_commits(uint32_t commits, uint64_t rows, uint32_t shards)
{
    struct simulation simulation = {.refused_rows = UINT64_MAX};
    for (uint32_t commit = 0; commit < commits; commit++) {
        uint64_t part = UINT64_MAX / shards;
        for (uint32_t shard = 0; shard < shards; shard++) {
            add_range(&simulation, 0, rows / shards, shard * part, shard * part + part - 1);
        }
        settle(&simulation);
    }
    return simulation;
}

Test(merge, test_rows_are_rewritten_a_logarithm_of_times)
{
    // 200 rows five times a second for 1.8 hours: 8^5 commits.
    struct simulation simulation = simulate_commits(32768, 200, 1);
    double amplification = (double)simulation.rows_written / (32768.0 * 200) + 1;
    printf("32768 commits: amplification %.2f, at most %u runs, %lu merges\n", amplification,
           simulation.run_count_max, (unsigned long)simulation.merge_count);
    cr_expect_leq(amplification, 6.0);
    cr_expect_leq(simulation.run_count_max, 7 * 5 + 7);
    memory_free(simulation.segments);
}

Test(merge, test_shards_do_not_multiply_the_runs)
{
    struct simulation simulation = simulate_commits(2048, 4000, 16);
    double amplification = (double)simulation.rows_written / (2048.0 * 4000) + 1;
    printf("2048 commits of 16 shards: amplification %.2f, at most %u runs, %u segments\n",
           amplification, simulation.run_count_max, simulation.segment_count_max);
    cr_expect_leq(amplification, 6.0);
    cr_expect_leq(simulation.run_count_max, 7 * 5);
    memory_free(simulation.segments);
}

Test(merge, test_long_runs_are_fewer)
{
    struct simulation simulation = {.refused_rows = UINT64_MAX};
    for (uint32_t commit = 0; commit < 21; commit++) { // 50 M rows as a fast load leaves them
        add_range(&simulation, 0, 2400000, 0, UINT64_MAX);
        settle(&simulation);
    }
    cr_expect_leq(simulation.count, 3);
    simulation.run_count_max = 0;
    for (uint32_t commit = 0; commit < 12; commit++) {
        add_range(&simulation, 0, 1000000, 0, UINT64_MAX);
        settle(&simulation);
    }
    double rows = 21 * 2400000.0 + 12 * 1000000.0;
    double amplification = (double)simulation.rows_written / rows + 1;
    printf("21 long commits and 12 shorter ones: amplification %.2f, at most %u runs\n",
           amplification, simulation.run_count_max);
    cr_expect_leq(simulation.run_count_max, 10);
    cr_expect_leq(amplification, 2.6);
    memory_free(simulation.segments);
}

Test(merge, test_many_tiny_segments_beside_one_another_are_merged_too)
{
    struct simulation simulation = {.refused_rows = UINT64_MAX};
    struct test_random random = test_random_start(5);
    for (uint32_t commit = 0; commit < 3000; commit++) {
        uint64_t user = test_random_next(&random); // one event, one user: they form few runs
        add_range(&simulation, 0, 1, user, user);
        settle(&simulation);
    }
    printf("3000 events of one commit each: at most %u segments\n", simulation.segment_count_max);
    cr_expect_leq(simulation.segment_count_max, 400);
    memory_free(simulation.segments);
}

Test(merge, test_random_sizes_and_periods_stay_few)
{
    struct simulation simulation = {.refused_rows = UINT64_MAX};
    struct test_random random = test_random_start(6);
    uint64_t rows = 0;
    for (uint32_t commit = 0; commit < 3000; commit++) {
        uint64_t some = 1 + test_random_below(&random, 1u << (1 + test_random_below(&random, 16)));
        add_range(&simulation, test_random_below(&random, 100) == 0 ? 1 : 2, some, 0, UINT64_MAX);
        rows += some;
        settle(&simulation);
    }
    double amplification = (double)simulation.rows_written / (double)rows + 1;
    printf("random sizes: amplification %.2f, at most %u runs\n", amplification,
           simulation.run_count_max);
    cr_expect_leq(amplification, 8.0);
    cr_expect_leq(simulation.run_count_max, MERGE_RUN_COUNT_AIM);
    memory_free(simulation.segments);
}

Test(merge, test_quiet_period_ends_as_one_run_but_not_for_a_trifle)
{
    struct simulation simulation = simulate_commits(1000, 50, 1);
    cr_assert_gt(merge_policy_run_count(simulation.segments, simulation.count), 1);
    simulation.quiet = true;
    settle(&simulation);
    cr_expect_eq(simulation.count, 1);
    add_range(&simulation, 0, 100, 0, UINT64_MAX); // of 50,000
    settle(&simulation);
    cr_expect_eq(simulation.count, 2);
    memory_free(simulation.segments);
}

Test(merge, test_little_memory_merges_fewer_runs_at_once)
{
    struct simulation simulation = {.refused_rows = UINT64_MAX};
    struct merge_policy policy = policy_of(&simulation);
    struct compact_plan plan;
    bool urgent;
    for (uint32_t run = 0; run < 8; run++) {
        add_range(&simulation, 0, 1000000, 0, UINT64_MAX);
    }
    policy.column_count = 10;
    policy.cursor_bytes_max = 40 << 20; // a row group of three runs
    cr_assert(merge_policy_choose(simulation.segments, 8, &policy, &plan, &urgent));
    cr_expect_eq(plan.run_count, 3);
    cr_expect_leq(compact_plan_bytes(&plan, 10), 40 << 20);
    compact_plan_deinit(&plan);
    policy.cursor_bytes_max = 1;
    cr_assert(merge_policy_choose(simulation.segments, 8, &policy, &plan, &urgent));
    cr_expect_eq(plan.run_count, 2);
    compact_plan_deinit(&plan);
    memory_free(simulation.segments);
}

Test(merge, test_refused_merges_leave_the_smaller_ones)
{
    struct simulation simulation = {.refused_rows = 5000};
    for (uint32_t commit = 0; commit < 2000; commit++) {
        add_range(&simulation, 0, 100, 0, UINT64_MAX);
        settle(&simulation);
    }
    for (uint32_t index = 0; index < simulation.count; index++) {
        cr_expect_lt(simulation.segments[index].row_count, 5000);
    }
    cr_expect_leq(simulation.count, 2000 * 100 / 800 + 16);
    memory_free(simulation.segments);
}

static const struct store_options CREATE = {.create = true};

struct rig {
    char *directory;
    struct store *store;
    struct store_merger *merger;
    uint64_t handed_over;
};

static struct rig open_rig(const struct store_merger_options *options)
{
    struct rig rig = {.directory = store_directory_create()};
    struct corong_error error = {0};
    uint32_t index;
    cr_assert_eq(store_open(&rig.store, rig.directory, &CREATE, &error), CORONG_OK);
    cr_assert_eq(
        store_add_attribute(rig.store, TEXT_LITERAL("country"), COLUMN_STRING, &index, &error),
        CORONG_OK);
    rig.merger = store_merger_create(rig.store, options, 0);
    return rig;
}

static void on_fault(void *context, const char *message)
{
    (void)context;
    fprintf(stderr, "fault: %s\n", message);
}

static uint32_t file_count(const char *directory)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/seg", directory);
    DIR *opened = opendir(path);
    uint32_t count = 0;
    for (struct dirent *entry = readdir(opened); entry != NULL; entry = readdir(opened)) {
        count += strstr(entry->d_name, ".fseg") != NULL;
    }
    closedir(opened);
    return count;
}

/// Nothing is running: every file is a live segment, and all is sound.
static void close_rig(struct rig *rig)
{
    struct corong_error error = {0};
    uint32_t count;
    store_segments(rig->store, &count);
    struct store_totals totals = store_totals(rig->store);
    cr_expect_eq(totals.rows + totals.duplicates, rig->handed_over);
    cr_expect_eq(file_count(rig->directory), count);
    store_merger_destroy(rig->merger);
    store_close(rig->store);
    cr_expect_eq(store_verify(rig->directory, on_fault, NULL, &error), CORONG_OK, "%s",
                 error.message);
    store_directory_remove(rig->directory);
}

static void commit_rows(struct rig *rig, int64_t number, int64_t now_us)
{
    static const char *const users[] = {"ann", "bob", "cyd", "dee"};
    static const char *const countries[] = {NULL, "DE", "FR"};
    struct store_row rows[4];
    struct segment_meta meta;
    struct corong_error error = {0};
    for (uint32_t index = 0; index < 4; index++) {
        rows[index] = (struct store_row){.user = users[index],
                                         .name = "visit",
                                         .country = countries[(number + index) % 3],
                                         .time_us = number % 3,
                                         .id_hash = number % 2,
                                         .amount = COLUMN_INTEGER_MISSING};
    }
    cr_assert_eq(store_rows_write(rig->store, rows, 4, &meta, &error), CORONG_OK);
    struct store_commit commit = {.added = &meta, .added_count = 1};
    cr_assert_eq(store_commit(rig->store, &commit, &error), CORONG_OK);
    store_merger_committed(rig->merger, &meta, 1, now_us);
    rig->handed_over += 4;
}

static void commit_many(struct rig *rig, int64_t first, int64_t count)
{
    for (int64_t number = first; number < first + count; number++) {
        commit_rows(rig, number, 0);
    }
}

Test(merge, test_commits_go_on_while_a_merge_is_written)
{
    struct rig rig = open_rig(&(struct store_merger_options){0});
    struct corong_error error = {0};
    commit_many(&rig, 0, 7);
    cr_assert_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0));
    commit_many(&rig, 7, 1);
    cr_assert_null(store_merger_plan(rig.merger, STORE_MERGE_LARGE, 0));
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0);
    cr_assert_not_null(merge);
    cr_assert_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0), "one at a time");
    uint32_t index;
    cr_assert_eq(
        store_add_attribute(rig.store, TEXT_LITERAL("page"), COLUMN_STRING, &index, &error),
        CORONG_OK);
    commit_many(&rig, 8, 5); // between plan and write
    struct store_snapshot *snapshot;
    cr_assert_eq(store_snapshot_open(&snapshot, rig.directory, &error), CORONG_OK);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_OK, "%s", error.message);
    commit_many(&rig, 13, 2); // between write and exchange
    cr_assert_eq(store_merger_exchange(rig.merger, merge, &error), CORONG_OK, "%s", error.message);
    uint32_t count;
    store_segments(rig.store, &count);
    cr_expect_eq(count, 8);
    // The snapshot still reads the files that are gone.
    for (uint32_t segment = 0; segment < store_snapshot_segment_count(snapshot); segment++) {
        cr_expect_eq(segment_validate(store_snapshot_segment(snapshot, segment), &error), CORONG_OK,
                     "%s", error.message);
    }
    store_snapshot_close(snapshot);
    struct store_merge_figures figures = store_merger_figures(rig.merger);
    cr_expect_eq(figures.merge_count, 1);
    cr_expect_eq(figures.segment_count, 8);
    cr_expect_eq(figures.run_count, 8);
    cr_expect_eq(figures.rows_merged + figures.duplicates, 32);
    cr_expect_gt(figures.duplicates, 0);
    cr_expect_gt(figures.bytes_merged, 0);
    close_rig(&rig);
}

Test(merge, test_cancelled_and_dropped_merges_leave_nothing)
{
    struct rig rig = open_rig(&(struct store_merger_options){0});
    struct corong_error error = {0};
    commit_many(&rig, 0, 8);
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0);
    store_merge_cancel(merge);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_CANCELLED);
    store_merger_drop(rig.merger, merge, &error, 0);
    cr_expect_eq(file_count(rig.directory), 8);
    merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0);
    cr_assert_not_null(merge, "a cancelled merge is no failure");
    cr_assert_eq(store_merge_write(merge, &error), CORONG_OK);
    cr_expect_eq(file_count(rig.directory), 9);
    store_merger_drop(rig.merger, merge, NULL, 0);
    cr_expect_eq(store_merger_figures(rig.merger).failure_count, 0);
    close_rig(&rig);
}

Test(merge, test_memory_limit_refuses_that_merge_and_no_other)
{
    struct rig rig = open_rig(&(struct store_merger_options){.memory_limit_bytes = 64});
    struct corong_error error = {0};
    commit_many(&rig, 0, 8);
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_NO_MEMORY);
    store_merger_drop(rig.merger, merge, &error, 0);
    cr_expect_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 1000 * SECOND));
    cr_expect_eq(store_merger_figures(rig.merger).failure_count, 1);
    close_rig(&rig);
}

static uint64_t free_bytes;

static int little_space(void *context, const char *path, uint64_t *bytes_out)
{
    (void)context;
    (void)path;
    *bytes_out = free_bytes;
    return 0;
}

Test(merge, test_full_disk_postpones)
{
    struct file_calls calls = *file_calls_system();
    calls.free_space = little_space;
    struct rig rig = open_rig(&(struct store_merger_options){0});
    struct corong_error error = {0};
    commit_many(&rig, 0, 8);
    free_bytes = 64 << 20; // the reserve alone
    file_calls_replace(&calls);
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_IO);
    cr_expect_eq(error.saved_errno, ENOSPC);
    store_merger_drop(rig.merger, merge, &error, 0);
    cr_expect_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 29 * SECOND));
    free_bytes = 65 << 20;
    merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 31 * SECOND);
    cr_assert_not_null(merge);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(store_merger_exchange(rig.merger, merge, &error), CORONG_OK);
    file_calls_replace(NULL);
    close_rig(&rig);
}

Test(merge, test_damaged_input_stops_the_period_and_changes_nothing)
{
    struct rig rig = open_rig(&(struct store_merger_options){0});
    struct corong_error error = {0};
    commit_many(&rig, 0, 8);
    uint32_t count;
    const struct segment_meta *segments = store_segments(rig.store, &count);
    char path[4300];
    int used = snprintf(path, sizeof(path), "%s/seg/", rig.directory);
    for (size_t index = 0; index < SEGMENT_UUID_SIZE; index++) {
        used += snprintf(path + used, sizeof(path) - (size_t)used, "%02x", segments[3].uuid[index]);
    }
    snprintf(path + used, sizeof(path) - (size_t)used, ".fseg");
    FILE *file = fopen(path, "r+b");
    fseek(file, 150, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, 150, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 0);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_CORRUPT);
    store_merger_drop(rig.merger, merge, &error, 0);
    cr_expect_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 1000 * SECOND));
    cr_expect_neq(store_merger_figures(rig.merger).last_failure[0], '\0');
    file = fopen(path, "r+b");
    fseek(file, 150, SEEK_SET);
    fputc(byte, file);
    fclose(file);
    close_rig(&rig);
}

Test(merge, test_everything_wanted_leaves_one_run)
{
    struct rig rig = open_rig(&(struct store_merger_options){0});
    struct corong_error error = {0};
    commit_many(&rig, 0, 21);
    store_merger_want_all(rig.merger);
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_LARGE, 0);
    while (merge != NULL) {
        cr_assert_eq(store_merge_write(merge, &error), CORONG_OK);
        cr_assert_eq(store_merger_exchange(rig.merger, merge, &error), CORONG_OK);
        merge = store_merger_plan(rig.merger, STORE_MERGE_LARGE, 0);
    }
    uint32_t count;
    store_segments(rig.store, &count);
    cr_expect_eq(count, 1);
    commit_many(&rig, 21, 2);
    cr_expect_null(store_merger_plan(rig.merger, STORE_MERGE_LARGE, 0), "wanted once");
    close_rig(&rig);
}

Test(merge, test_quiet_period_is_merged_after_its_time)
{
    struct rig rig = open_rig(&(struct store_merger_options){.quiet_us = 10 * SECOND});
    struct corong_error error = {0};
    commit_rows(&rig, 1, SECOND);
    commit_rows(&rig, 2, 2 * SECOND);
    cr_expect_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 11 * SECOND));
    struct store_merge *merge = store_merger_plan(rig.merger, STORE_MERGE_SMALL, 12 * SECOND);
    cr_assert_not_null(merge);
    cr_assert_eq(store_merge_write(merge, &error), CORONG_OK);
    cr_assert_eq(store_merger_exchange(rig.merger, merge, &error), CORONG_OK);
    cr_expect_null(store_merger_plan(rig.merger, STORE_MERGE_SMALL, 99 * SECOND));
    close_rig(&rig);
}
