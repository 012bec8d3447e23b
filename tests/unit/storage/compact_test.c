// SPDX-License-Identifier: Apache-2.0
#include "storage/base/memory.h"
#include "storage/compact/compact.h"
#include "storage/compact/compact_dictionary.h"
#include "storage/storage.h"
#include "tests/support/store_directory.h"
#include "tests/support/store_rows.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct store_options CREATE = {.create = true};
static const char *const USERS[] = {"ann", "bob", "cyd", "dee", "eve", "fay", "gus", "hal"};
static const char *const NAMES[] = {"visit", "cart", "order"};
static const char *const COUNTRIES[] = {NULL, "", "DE", "FR", "ID"};

static void on_fault(void *context, const char *message)
{
    (*(uint32_t *)context)++;
    fprintf(stderr, "fault: %s\n", message);
}

static struct store *open_store(const char *directory)
{
    struct corong_error error = {0};
    struct store *store = NULL;
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_OK, "%s", error.message);
    uint32_t index;
    cr_assert_eq(store_add_attribute(store, TEXT_LITERAL("country"), COLUMN_STRING, &index, &error),
                 CORONG_OK);
    return store;
}

static void add_segment(struct store *store, const struct store_row *rows, uint32_t count)
{
    struct corong_error error = {0};
    struct segment_meta meta;
    cr_assert_eq(store_rows_write(store, rows, count, &meta, &error), CORONG_OK, "%s",
                 error.message);
    struct store_commit commit = {.added = &meta, .added_count = 1};
    cr_assert_eq(store_commit(store, &commit, &error), CORONG_OK, "%s", error.message);
}

static void compact(struct store *store)
{
    struct corong_error error = {0};
    cr_assert_eq(store_compact(store, &(struct store_compact_options){0}, NULL, &error), CORONG_OK,
                 "%s", error.message);
}

static void expect_sound(const char *directory)
{
    struct corong_error error = {0};
    uint32_t faults = 0;
    cr_expect_eq(store_verify(directory, on_fault, &faults, &error), CORONG_OK, "%s",
                 error.message);
    cr_expect_eq(faults, 0);
}

static struct store_row row_of(const char *user, int64_t time_us, int64_t id_hash,
                               const char *country)
{
    return (struct store_row){.user = user,
                              .name = "visit",
                              .country = country,
                              .time_us = time_us,
                              .id_hash = id_hash,
                              .amount = COLUMN_INTEGER_MISSING};
}

Test(compact, test_equal_rows_without_id_are_real_repeats)
{
    char *directory = store_directory_create();
    struct store *store = open_store(directory);
    struct store_row row = row_of("ann", 5, COLUMN_INTEGER_MISSING, "DE");
    add_segment(store, &row, 1);
    add_segment(store, &row, 1);
    compact(store);
    cr_expect_eq(store_totals(store).rows, 2);
    cr_expect_eq(store_totals(store).duplicates, 0);
    store_close(store);
    expect_sound(directory);
    store_directory_remove(directory);
}

Test(compact, test_of_one_id_the_canonically_first_row_stays)
{
    char *directory = store_directory_create();
    struct store *store = open_store(directory);
    // The greater row has the smaller seq, and the two are not neighbours in order.
    struct store_row rows[] = {row_of("ann", 5, 77, "FR"), row_of("ann", 5, 78, "ID"),
                               row_of("ann", 5, 77, "DE")};
    rows[1].sequence = 1;
    rows[2].sequence = 2;
    for (int index = 0; index < 3; index++) {
        add_segment(store, &rows[index], 1);
    }
    struct hash128 wanted = hash128_add(store_row_digest(store_schema(store), &rows[1]),
                                        store_row_digest(store_schema(store), &rows[0]));
    compact(store);
    struct store_totals totals = store_totals(store);
    cr_expect_eq(totals.rows, 2);
    cr_expect_eq(totals.duplicates, 1);
    cr_expect(hash128_equal(totals.digest, wanted));
    store_close(store);
    expect_sound(directory);
    store_directory_remove(directory);
}

Test(compact, test_one_run_is_left_alone)
{
    char *directory = store_directory_create();
    struct store *store = open_store(directory);
    struct store_row row = row_of("ann", 5, 1, "DE");
    struct store_row other = row_of("bob", 5, 1, "DE"); // another key: disjoint
    add_segment(store, &row, 1);
    add_segment(store, &other, 1);
    uint64_t sequence = store_sequence(store);
    compact(store);
    cr_expect_eq(store_sequence(store), sequence);
    store_close(store);
    store_directory_remove(directory);
}

Test(compact, test_periods_stay_apart)
{
    char *directory = store_directory_create();
    struct store *store = open_store(directory);
    int64_t period_us = store_period_us(store);
    for (int index = 0; index < 6; index++) {
        struct store_row row = row_of("ann", period_us * (index % 3 - 1) + index, index, "DE");
        add_segment(store, &row, 1);
    }
    compact(store);
    uint32_t count;
    store_segments(store, &count);
    cr_expect_eq(count, 3);
    cr_expect_eq(store_totals(store).rows, 6);
    store_close(store);
    expect_sound(directory);
    store_directory_remove(directory);
}

static void note_progress(void *context, uint64_t done, uint64_t total)
{
    uint64_t *last = context;
    cr_expect_geq(done, *last);
    cr_expect_leq(done, total);
    *last = done;
}

// Many merges that share nothing, on more threads than one; then a limit that lets one run at a
// time, one that lets none, and a merge that fails beside others.
static void add_periods(struct store *store, uint32_t run_count)
{
    for (uint32_t run = 0; run < run_count; run++) {
        for (uint32_t period = 0; period < 9; period++) {
            struct store_row rows[64];
            for (uint32_t index = 0; index < 64; index++) {
                rows[index] = row_of(USERS[index % 8], store_period_us(store) * period + index,
                                     index % 16, COUNTRIES[(index + run) % 5]);
            }
            add_segment(store, rows, 64);
        }
    }
}

static uint32_t compact_side_by_side(const char *directory, uint64_t memory_limit_bytes,
                                     uint64_t *told_out, struct corong_error *error)
{
    struct store *store = open_store(directory);
    struct store_totals before = store_totals(store);
    uint32_t left_out = 0;
    struct store_compact_options options = {.memory_limit_bytes = memory_limit_bytes,
                                            .thread_count = 4,
                                            .progress = note_progress,
                                            .context = told_out};
    enum corong_status status = store_compact(store, &options, &left_out, error);
    if (status == CORONG_OK) {
        struct store_totals after = store_totals(store);
        cr_expect_eq(after.rows + after.duplicates, before.rows + before.duplicates);
    }
    store_close(store);
    expect_sound(directory);
    return left_out;
}

Test(compact, test_merges_side_by_side_leave_one_run_per_period)
{
    static const uint64_t limits[] = {0, UINT64_C(1) << 30, 64 << 10};
    for (size_t index = 0; index < sizeof(limits) / sizeof(limits[0]); index++) {
        char *directory = store_directory_create();
        struct corong_error error = {0};
        uint64_t told = 0;
        struct store *store = open_store(directory);
        add_periods(store, index == 0 ? COMPACT_FAN_IN_MAX + 3 : 3);
        store_close(store);
        cr_expect_eq(compact_side_by_side(directory, limits[index], &told, &error), 0, "%s",
                     error.message);
        cr_expect_gt(told, 0);
        store = open_store(directory);
        uint32_t count;
        store_segments(store, &count);
        cr_expect_eq(count, 9);
        cr_expect_eq(store_totals(store).rows, UINT64_C(9) * 64);
        store_close(store);
        store_directory_remove(directory);
    }
}

Test(compact, test_periods_over_the_memory_limit_keep_their_runs)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    uint64_t told = 0;
    struct store *store = open_store(directory);
    add_periods(store, 2);
    store_close(store);
    cr_expect_eq(compact_side_by_side(directory, 1, &told, &error), 9);
    cr_expect_eq(told, 0);
    store_directory_remove(directory);
}

Test(compact, test_every_period_is_merged_where_that_is_asked_for)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory);
    uint32_t left_out = 99;
    add_periods(store, COMPACT_FAN_IN_MAX + 3);
    struct store_compact_options options = {
        .memory_limit_bytes = 1, .every_period = true, .thread_count = 4};
    cr_expect_eq(store_compact(store, &options, &left_out, &error), CORONG_OK, "%s", error.message);
    cr_expect_eq(left_out, 0);
    uint32_t count;
    store_segments(store, &count);
    cr_expect_eq(count, 9);
    store_close(store);
    expect_sound(directory);
    store_directory_remove(directory);
}

struct teller {
    const char *directory;
    atomic_uint callers;
    bool is_done;
};

static uint64_t committed(const char *directory)
{
    struct store_snapshot *snapshot;
    struct corong_error error;
    cr_assert_eq(store_snapshot_open(&snapshot, directory, &error), CORONG_OK, "%s", error.message);
    uint64_t sequence = store_snapshot_sequence(snapshot);
    store_snapshot_close(snapshot);
    return sequence;
}

// The first call waits until another merge is committed.
static void hold_progress(void *context, uint64_t done, uint64_t total)
{
    struct teller *teller = context;
    cr_expect_leq(done, total);
    cr_expect_eq(atomic_fetch_add(&teller->callers, 1), 0, "called by two at once");
    uint64_t before = committed(teller->directory);
    for (int turn = 0; !teller->is_done && turn < 300; turn++) {
        teller->is_done = committed(teller->directory) > before;
        (void)usleep(10000);
    }
    cr_expect(teller->is_done, "nobody merges while progress is told");
    teller->is_done = true;
    atomic_fetch_sub(&teller->callers, 1);
}

Test(compact, test_who_tells_progress_is_waited_for_by_nobody)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory);
    struct teller teller = {.directory = directory};
    add_periods(store, 3);
    struct store_compact_options options = {
        .thread_count = 4, .progress = hold_progress, .context = &teller};
    cr_expect_eq(store_compact(store, &options, NULL, &error), CORONG_OK, "%s", error.message);
    cr_expect(teller.is_done);
    store_close(store);
    store_directory_remove(directory);
}

Test(compact, test_a_merge_that_fails_ends_those_beside_it)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory);
    add_periods(store, 2);
    uint32_t count;
    const struct segment_meta *segments = store_segments(store, &count);
    char path[512];
    int size = snprintf(path, sizeof(path), "%s/", store_segment_directory(store));
    for (uint32_t byte = 0; byte < SEGMENT_UUID_SIZE; byte++) {
        size += snprintf(path + size, sizeof(path) - (size_t)size, "%02x", segments[4].uuid[byte]);
    }
    snprintf(path + size, sizeof(path) - (size_t)size, ".fseg");
    FILE *file = fopen(path, "r+");
    cr_assert_not_null(file);
    fseek(file, 100, SEEK_SET);
    fputs("damage", file);
    fclose(file);
    struct store_compact_options options = {.thread_count = 4};
    cr_expect_eq(store_compact(store, &options, NULL, &error), CORONG_CORRUPT);
    cr_expect_eq(store_totals(store).rows + store_totals(store).duplicates, UINT64_C(9) * 128);
    store_close(store);
    store_directory_remove(directory);
}

static struct store_row random_row(struct test_random *random)
{
    bool has_id = test_random_below(random, 2) == 0;
    bool has_amount = test_random_below(random, 3) == 0;
    return (struct store_row){
        .user = USERS[test_random_below(random, 8)],
        .name = NAMES[test_random_below(random, 3)],
        .country = COUNTRIES[test_random_below(random, 5)],
        .time_us = test_random_below(random, 12),
        .sequence = test_random_below(random, 3),
        .id_hash = has_id ? (int64_t)test_random_below(random, 4) : COLUMN_INTEGER_MISSING,
        .amount = has_amount ? (int64_t)test_random_below(random, 3) : COLUMN_INTEGER_MISSING,
    };
}

static int compare_texts(const char *left, const char *right)
{
    // In a canonical row a value comes before what is missing.
    if (left == NULL || right == NULL) {
        return (left == NULL) - (right == NULL);
    }
    return strcmp(left, right);
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

/// Sequence, then columns in byte order of their names: country, event, revenue.
static int compare_canonical(const struct store_row *left, const struct store_row *right)
{
    int order = compare_integers(left->sequence, right->sequence);
    order = order != 0 ? order : compare_texts(left->country, right->country);
    order = order != 0 ? order : compare_texts(left->name, right->name);
    if (order == 0 && left->amount != right->amount) {
        bool left_missing = left->amount == COLUMN_INTEGER_MISSING;
        bool right_missing = right->amount == COLUMN_INTEGER_MISSING;
        order = left_missing != right_missing ? (int)left_missing - (int)right_missing
                                              : compare_integers(left->amount, right->amount);
    }
    return order;
}

static bool is_same_event(const struct store_row *left, const struct store_row *right)
{
    return left->id_hash != COLUMN_INTEGER_MISSING && left->id_hash == right->id_hash &&
           left->time_us == right->time_us && strcmp(left->user, right->user) == 0;
}

/// What must be left, by looking at all pairs.
static uint64_t expected_rows(const struct schema *schema, const struct store_row *rows,
                              uint32_t count, struct hash128 *digest_out)
{
    uint64_t kept = 0;
    *digest_out = (struct hash128){0};
    for (uint32_t index = 0; index < count; index++) {
        bool stays = true;
        for (uint32_t other = 0; other < count && stays; other++) {
            int order = compare_canonical(&rows[other], &rows[index]);
            stays = !is_same_event(&rows[other], &rows[index]) || other == index || order > 0 ||
                    (order == 0 && other > index);
        }
        kept += stays;
        if (stays) {
            *digest_out = hash128_add(*digest_out, store_row_digest(schema, &rows[index]));
        }
    }
    return kept;
}

Test(compact, test_random_stores_become_one_sorted_run)
{
    uint64_t seed = test_random_seed();
    for (uint64_t round = 0; round < test_scaled(12); round++) {
        struct test_random random = test_random_start(seed + round);
        char *directory = store_directory_create();
        struct store *store = open_store(directory);
        struct store_row rows[400];
        uint32_t count = 0;
        // More segments than can be merged at once.
        uint32_t segment_count = 2 + test_random_below(&random, 2 * COMPACT_FAN_IN_MAX);
        for (uint32_t segment = 0; segment < segment_count; segment++) {
            // One copy of an event per segment: a flush drops the others.
            uint32_t start = count;
            for (uint32_t left = 1 + test_random_below(&random, 10); left > 0; left--) {
                struct store_row row = random_row(&random);
                bool is_copy = false;
                for (uint32_t index = start; index < count; index++) {
                    is_copy |= is_same_event(&rows[index], &row);
                }
                if (!is_copy) {
                    rows[count++] = row;
                }
            }
            add_segment(store, rows + start, count - start);
        }
        struct hash128 digest;
        uint64_t kept = expected_rows(store_schema(store), rows, count, &digest);
        compact(store);
        struct store_totals totals = store_totals(store);
        cr_assert_eq(totals.rows, kept, "seed %llu", (unsigned long long)(seed + round));
        cr_assert_eq(totals.duplicates, count - kept, "seed %llu",
                     (unsigned long long)(seed + round));
        cr_assert(hash128_equal(totals.digest, digest), "seed %llu",
                  (unsigned long long)(seed + round));
        struct compact_plan plan;
        uint32_t live_count;
        const struct segment_meta *live = store_segments(store, &live_count);
        cr_assert_not(compact_plan_next(live, live_count, INT64_MIN, &plan));
        store_close(store);
        expect_sound(directory);
        store_directory_remove(directory);
    }
}

/// `users` users with `events` events each, `step` apart, from `start` on.
static void add_many(struct store *store, uint32_t users, uint32_t events, int64_t start)
{
    uint32_t count = users * events;
    struct store_row *rows = memory_allocate(count * sizeof(*rows));
    char(*names)[16] = memory_allocate(users * sizeof(*names));
    for (uint32_t user = 0; user < users; user++) {
        snprintf(names[user], sizeof(names[user]), "user-%u", user);
        for (uint32_t event = 0; event < events; event++) {
            rows[user * events + event] =
                row_of(names[user], start + 10 * (int64_t)event, COLUMN_INTEGER_MISSING,
                       COUNTRIES[(user + event) % 5]);
        }
    }
    add_segment(store, rows, count);
    memory_free(names);
    memory_free(rows);
}

Test(compact, test_long_users_and_many_groups_keep_their_rows)
{
    char *directory = store_directory_create();
    struct store *store = open_store(directory);
    add_many(store, 1, 150000, 0); // one user alone passes a group
    add_many(store, 1, 20000, 5);
    add_many(store, 9000, 10, 3);
    struct store_totals before = store_totals(store);
    compact(store);
    struct store_totals after = store_totals(store);
    cr_expect_eq(after.rows, before.rows);
    cr_expect(hash128_equal(after.digest, before.digest));
    store_close(store);
    expect_sound(directory);
    store_directory_remove(directory);
}

Test(compact, test_a_long_run_is_several_disjoint_segments)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory);
    add_many(store, 3000, 3, 0);
    add_many(store, 3000, 3, 1);
    uint32_t count;
    struct compact_plan plan;
    const struct segment_meta *live = store_segments(store, &count);
    cr_assert(compact_plan_next(live, count, INT64_MIN, &plan));
    struct compact_request request = {.directory = store_segment_directory(store),
                                      .schema = store_schema(store),
                                      .plan = &plan,
                                      .segment_row_max = 5000};
    struct compact_outcome outcome;
    cr_assert_eq(compact_merge(&request, &outcome, &error), CORONG_OK, "%s", error.message);
    cr_expect_eq(outcome.segment_count, 4);
    struct compact_plan rest;
    cr_expect_not(compact_plan_next(outcome.segments, outcome.segment_count, INT64_MIN, &rest));
    compact_outcome_discard(&outcome, request.directory);
    compact_plan_deinit(&plan);
    store_close(store);
    expect_sound(directory);
    store_directory_remove(directory);
}

Test(compact, test_dictionaries_merge_sorted_with_remaps)
{
    const uint32_t left_offsets[] = {0, 0, 1, 3}; // "", "a", "cc"
    const uint32_t right_offsets[] = {0, 1, 2};   // "a", "b"
    const struct dictionary left = {3, left_offsets, "acc"};
    const struct dictionary right = {2, right_offsets, "ab"};
    const struct dictionary *inputs[] = {&left, NULL, &right};
    struct compact_dictionary merged = {0};
    cr_assert_eq(compact_dictionary_merge(&merged, inputs, 3, NULL), CORONG_OK);
    static const char *const wanted[] = {"", "a", "b", "cc"};
    cr_assert_eq(merged.merged.count, 4);
    for (uint32_t code = 0; code < 4; code++) {
        cr_expect(text_equal(dictionary_text(&merged.merged, code), text_from(wanted[code])));
    }
    cr_expect_eq(merged.remaps[0][2], 3);
    cr_expect_null(merged.remaps[1]);
    cr_expect_eq(merged.remaps[2][0], 1);
    cr_expect_eq(merged.remaps[2][1], 2);
    compact_dictionary_deinit(&merged);
}
