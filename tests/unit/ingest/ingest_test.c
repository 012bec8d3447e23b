// SPDX-License-Identifier: Apache-2.0
// The whole way in: files through decoder and engine into a store, and again.
#include "ingest/ingest.h"
#include "storage/base/memory.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// One run's outcome.
struct outcome {
    enum corong_status status;
    struct corong_error error;
    struct ingest_books books;
    struct store_totals totals;
    struct text_buffer notes;
    uint32_t sample_count;
};

struct run {
    const char *store;
    const char *preset;
    const char *const *paths;
    uint32_t path_count;
    uint32_t pump_count;
    uint32_t message_size_max;
    bool dead_letters;
    bool stop_at_once;
};

static void collect(struct ingest *ingest, struct outcome *outcome)
{
    const struct reject_sample *samples;
    ingest_books(ingest, &outcome->books);
    outcome->sample_count = ingest_samples(ingest, &samples, 1000);
    for (uint32_t index = 0; ingest_note(ingest, index) != NULL; index++) {
        text_buffer_printf(&outcome->notes, "%s\n", ingest_note(ingest, index));
    }
    cr_assert(ingest_books_balance(&outcome->books.run));
    cr_assert(ingest_books_balance(&outcome->books.all));
}

static struct outcome run_once(const struct run *run)
{
    struct outcome outcome = {0};
    struct arena arena = {0};
    struct store *store;
    struct store_options create = {.create = true};
    struct mapping *mapping;
    const char *preset = run->preset == NULL ? "generic" : run->preset;
    cr_assert_eq(store_open(&store, run->store, &create, &outcome.error), CORONG_OK, "%s",
                 outcome.error.message);
    cr_assert_eq(mapping_from_preset(&mapping, &arena, text_from(preset), &outcome.error),
                 CORONG_OK, "%s", outcome.error.message);
    cr_assert_eq(mapping_bind(mapping, store, &outcome.error), CORONG_OK);
    struct ingest_options options = {
        .store = store,
        .mapping = mapping,
        .paths = run->paths,
        .path_count = run->path_count,
        .pump_count = run->pump_count,
        .shard_count = 2,
        .memory_limit_bytes = 128u << 20,
        .commit_interval_us = 20000,
        .message_size_max = run->message_size_max,
        .dead_letters = run->dead_letters,
    };
    struct ingest *ingest;
    outcome.status = ingest_create(&ingest, &options, &outcome.error);
    if (outcome.status == CORONG_OK) {
        if (run->stop_at_once) {
            ingest_stop(ingest);
        }
        outcome.status = ingest_run(ingest, &outcome.error);
        collect(ingest, &outcome);
        ingest_destroy(ingest);
    }
    outcome.totals = store_totals(store);
    store_close(store);
    arena_deinit(&arena);
    return outcome;
}

static struct outcome run_path(const char *store, const char *path)
{
    return run_once(&(struct run){.store = store, .paths = &path, .path_count = 1});
}

static struct outcome run_ok(const char *store, const char *path)
{
    struct outcome outcome = run_path(store, path);
    cr_assert_eq(outcome.status, CORONG_OK, "%s", outcome.error.message);
    return outcome;
}

static void forget(struct outcome *outcome)
{
    text_buffer_deinit(&outcome->notes);
}

/// Lines `from` to `to`: one event each, 97 users.
static struct text_buffer events_make(uint32_t from, uint32_t to)
{
    struct text_buffer text = {0};
    for (uint32_t index = from; index < to; index++) {
        text_buffer_printf(
            &text, "{\"user_id\":\"user-%u\",\"time\":%u,\"event\":\"%s\",\"country\":\"%c\"}\n",
            index % 97, 1700000000u + index, index % 3 == 0 ? "view" : "click",
            'a' + (int)(index % 5));
    }
    return text;
}

struct place {
    char *store;
    char *input;
};

static struct place place_make(void)
{
    return (struct place){store_directory_create(), input_files_create()};
}

static void place_remove(struct place *place)
{
    store_directory_remove(place->store);
    input_files_remove(place->input);
}

static char *put(const struct place *place, const char *name, struct text_buffer text)
{
    char *path = input_files_write(place->input, name, text.bytes, text.size);
    text_buffer_deinit(&text);
    return path;
}

Test(ingest, test_file_counts_once_however_often_it_is_named)
{
    struct place place = place_make();
    char *path = put(&place, "a.json", events_make(0, 5000));
    char *copy = put(&place, "copy-of-a.json", events_make(0, 5000));
    const char *paths[] = {path, path, copy};
    for (uint32_t round = 0; round < 3; round++) {
        struct outcome outcome =
            run_once(&(struct run){.store = place.store, .paths = paths, .path_count = 3});
        cr_assert_eq(outcome.status, CORONG_OK, "%s", outcome.error.message);
        cr_assert_eq(outcome.totals.rows, 5000, "%lu", outcome.totals.rows);
        cr_assert_eq(outcome.books.run.messages, round == 0 ? 5000 : 0);
        cr_assert_eq(outcome.books.all.stored, 5000);
        cr_assert_eq(outcome.books.files, 2);
        cr_assert_eq(outcome.books.files_skipped, round == 0 ? 1 : 2);
        cr_assert_not_null(strstr(outcome.notes.bytes, "skipped"));
        forget(&outcome);
    }
    free(path);
    free(copy);
    place_remove(&place);
}

Test(ingest, test_compressed_copy_is_the_same_file)
{
    struct place place = place_make();
    struct text_buffer text = events_make(0, 5000);
    size_t size;
    void *packed = input_files_gzip(text.bytes, text.size, &size);
    char *zipped = input_files_write(place.input, "a.gz", packed, size);
    char *path = put(&place, "a.json", text);
    struct outcome first = run_ok(place.store, zipped);
    struct outcome second = run_ok(place.store, path);
    cr_assert_eq(first.totals.rows, 5000);
    cr_assert_eq(second.totals.rows, 5000);
    cr_assert_eq(second.books.files_skipped, 1);
    forget(&first);
    forget(&second);
    free(packed);
    free(zipped);
    free(path);
    place_remove(&place);
}

static void grow_in_steps(uint32_t first, uint32_t step, uint32_t end)
{
    struct place place = place_make();
    char *path = put(&place, "log", events_make(0, first));
    struct outcome outcome = run_ok(place.store, path);
    forget(&outcome);
    for (uint32_t at = first; at < end; at += step) {
        struct text_buffer more = events_make(at, at + step);
        input_files_append(path, more.bytes, more.size);
        text_buffer_deinit(&more);
        outcome = run_ok(place.store, path);
        cr_assert_eq(outcome.books.run.messages, step);
        cr_assert_eq(outcome.books.all.messages, at + step);
        cr_assert_eq(outcome.books.files_resumed, 1);
        cr_assert_eq(outcome.totals.rows, at + step);
        forget(&outcome);
    }
    free(path);
    place_remove(&place);
}

Test(ingest, test_file_that_grows_continues_where_it_ended)
{
    grow_in_steps(1, 1, 4);
    grow_in_steps(500, 500, 2000); // passes 64 KiB on the way
    grow_in_steps(3000, 7000, 10000);
}

Test(ingest, test_file_changed_behind_our_back_is_refused)
{
    struct place place = place_make();
    char *path = put(&place, "log", events_make(0, 3000));
    struct outcome outcome = run_ok(place.store, path);
    forget(&outcome);
    struct text_buffer text = events_make(0, 3000);
    text.bytes[text.size - 5] = 'z'; // inside the anchor
    free(path);
    path = put(&place, "log", text);
    outcome = run_path(place.store, path);
    cr_assert_eq(outcome.status, CORONG_INVALID);
    cr_assert_not_null(strstr(outcome.error.message, "log"));
    cr_assert_eq(outcome.totals.rows, 3000);
    forget(&outcome);
    free(path);
    path = put(&place, "log", events_make(0, 2000)); // cut short
    outcome = run_path(place.store, path);
    cr_assert_eq(outcome.status, CORONG_INVALID, "%d", outcome.status);
    forget(&outcome);
    free(path);
    place_remove(&place);
}

Test(ingest, test_small_files_that_begin_alike_are_told_apart)
{
    static const char header[] = "user_id,time,event\n";
    struct place place = place_make();
    struct text_buffer texts[4] = {0};
    for (uint32_t index = 0; index < 4; index++) {
        text_buffer_append_string(&texts[index], header); // the first is nothing but a header
        for (uint32_t line = 0; index > 0 && line < 50; line++) {
            text_buffer_printf(&texts[index], "u%u,%u,view\n", index, 1700000000u + line);
        }
        char name[16];
        snprintf(name, sizeof(name), "%u.csv", index);
        free(put(&place, name, texts[index]));
    }
    for (uint32_t round = 0; round < 2; round++) {
        const char *path = place.input;
        struct outcome outcome = run_once(&(struct run){
            .store = place.store, .preset = "generic_csv", .paths = &path, .path_count = 1});
        cr_assert_eq(outcome.status, CORONG_OK, "%s", outcome.error.message);
        cr_assert_eq(outcome.totals.rows, 150, "%lu in round %u", outcome.totals.rows, round);
        cr_assert_eq(outcome.books.run.stored, round == 0 ? 150 : 0);
        forget(&outcome);
    }
    place_remove(&place);
}

Test(ingest, test_csv_continues_with_its_header)
{
    struct place place = place_make();
    char *path =
        input_files_write(place.input, "in.csv", "event,user_id,time\nview,a,1700000000\n", 36);
    struct run run = {.store = place.store, .preset = "generic_csv", .path_count = 1};
    run.paths = (const char *const *)&path;
    struct outcome first = run_once(&run);
    cr_assert_eq(first.totals.rows, 1);
    input_files_append(path, "view,a,1700000001\nbad\n", 22);
    struct outcome second = run_once(&run);
    cr_assert_eq(second.totals.rows, 2);
    cr_assert_eq(second.books.run.messages_rejected, 1);
    cr_assert_eq(second.books.run.rejected[REJECT_COLUMN_COUNT], 1);
    forget(&first);
    forget(&second);
    free(path);
    place_remove(&place);
}

Test(ingest, test_many_files_and_pumps_give_the_rows_of_one)
{
    struct place place = place_make();
    for (uint32_t index = 0; index < 20; index++) {
        char name[16];
        snprintf(name, sizeof(name), "%02u.json", index);
        free(put(&place, name, events_make(index * 1000, index * 1000 + 1000)));
    }
    const char *path = place.input;
    struct outcome many = run_once(
        &(struct run){.store = place.store, .paths = &path, .path_count = 1, .pump_count = 4});
    cr_assert_eq(many.status, CORONG_OK, "%s", many.error.message);
    struct place other = place_make();
    char *whole = put(&other, "whole", events_make(0, 20000));
    struct outcome one = run_ok(other.store, whole);
    cr_assert_eq(many.totals.rows, 20000);
    cr_assert_eq(one.totals.rows, 20000);
    cr_assert(hash128_equal(many.totals.digest, one.totals.digest));
    forget(&many);
    forget(&one);
    free(whole);
    place_remove(&place);
    place_remove(&other);
}

Test(ingest, test_bad_lines_are_counted_sampled_and_fed_again_once)
{
    struct place place = place_make();
    struct text_buffer text = events_make(0, 10);
    text_buffer_append_string(&text, "not json\n\n{\"user_id\":\"x\",\"event\":\"view\"}\n");
    char *path = put(&place, "in", text);
    struct outcome outcome = run_ok(place.store, path);
    cr_assert_eq(outcome.books.run.messages, 13);
    cr_assert_eq(outcome.books.run.blank, 1);
    cr_assert_eq(outcome.books.run.messages_rejected, 2);
    cr_assert_eq(outcome.sample_count, 2);
    forget(&outcome);
    char dead[4200];
    snprintf(dead, sizeof(dead), "%s/dead", place.store);
    const char *dead_path = dead;
    struct run run = {.store = place.store,
                      .preset = "segment", // another mapping, still not theirs
                      .paths = &dead_path,
                      .path_count = 1,
                      .dead_letters = true};
    outcome = run_once(&run);
    cr_assert_eq(outcome.status, CORONG_OK, "%s", outcome.error.message);
    cr_assert_eq(outcome.books.run.messages, 2);
    cr_assert_eq(outcome.books.run.messages_rejected, 2);
    forget(&outcome);
    outcome = run_once(&run); // what was rejected again was appended, and only that is read
    cr_assert_eq(outcome.books.run.messages, 2, "%lu", outcome.books.run.messages);
    forget(&outcome);
    free(path);
    place_remove(&place);
}

Test(ingest, test_damaged_file_fails_the_run_but_not_the_other_files)
{
    struct place place = place_make();
    struct text_buffer text = events_make(0, 20000);
    size_t size;
    char *packed = input_files_gzip(text.bytes, text.size, &size);
    memset(packed + size / 2, 0xff, 100);
    free(input_files_write(place.input, "a.gz", packed, size));
    free(put(&place, "b.json", events_make(50000, 51000)));
    const char *path = place.input;
    struct outcome outcome = run_path(place.store, path);
    cr_assert_eq(outcome.status, CORONG_CORRUPT);
    cr_assert_not_null(strstr(outcome.error.message, "a.gz"));
    cr_assert_gt(outcome.totals.rows, 1000);
    cr_assert_eq(outcome.totals.rows, outcome.books.all.stored);
    forget(&outcome);
    text_buffer_deinit(&text);
    free(packed);
    place_remove(&place);
}

Test(ingest, test_stop_commits_what_was_read)
{
    struct place place = place_make();
    char *path = put(&place, "in", events_make(0, 5000));
    struct outcome outcome = run_once(&(struct run){.store = place.store,
                                                    .paths = (const char *const *)&path,
                                                    .path_count = 1,
                                                    .stop_at_once = true});
    cr_assert_eq(outcome.status, CORONG_OK, "%s", outcome.error.message);
    cr_assert_eq(outcome.totals.rows, outcome.books.all.stored);
    forget(&outcome);
    outcome = run_ok(place.store, path);
    cr_assert_eq(outcome.totals.rows, 5000);
    forget(&outcome);
    free(path);
    place_remove(&place);
}

Test(ingest, test_books_that_do_not_add_up_are_seen)
{
    struct store_counters counters = {.messages = 10,
                                      .blank = 1,
                                      .messages_rejected = 2,
                                      .events = 9,
                                      .events_rejected = 1,
                                      .stored = 8,
                                      .rejected = {[REJECT_NOT_JSON] = 2, [REJECT_TIME_RANGE] = 1}};
    cr_assert(ingest_books_balance(&counters));
    counters.stored = 7;
    cr_assert_not(ingest_books_balance(&counters));
    counters.late = 1;
    cr_assert(ingest_books_balance(&counters));
    counters.blank = 9;
    cr_assert_not(ingest_books_balance(&counters));
    counters.blank = 1;
    counters.rejected[REJECT_NOT_JSON] = 3;
    cr_assert_not(ingest_books_balance(&counters));
}
