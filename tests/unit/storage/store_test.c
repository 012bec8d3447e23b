// SPDX-License-Identifier: Apache-2.0
#include "storage/file/file.h"
#include "storage/storage.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_options CREATE = {.create = true};

static struct store *open_store(const char *directory, struct corong_error *error)
{
    struct store *store = NULL;
    cr_assert_eq(store_open(&store, directory, &CREATE, error), CORONG_OK, "%s", error->message);
    return store;
}

static struct store_position position_at(uint64_t id, int64_t offset)
{
    return (struct store_position){
        .id = {id, ~id},
        .name = TEXT_LITERAL("visits/0"),
        .next_offset = offset,
        .anchor_offset = offset - 1,
        .anchor_hash = 7,
        .epoch = 3,
        .counters = {.messages = (uint64_t)offset, .stored = 0, .rejected = {[5] = 2}},
    };
}

static void commit_position(struct store *store, uint64_t id, int64_t offset)
{
    struct corong_error error = {0};
    struct store_position position = position_at(id, offset);
    struct store_commit commit = {.positions = &position, .position_count = 1};
    cr_assert_eq(store_commit(store, &commit, &error), CORONG_OK, "%s", error.message);
}

Test(store, test_open_without_create_finds_nothing)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = NULL;
    struct store_options options = {0};
    cr_assert_eq(store_open(&store, directory, &options, &error), CORONG_NOT_FOUND);
    cr_assert_null(store);
    store_directory_remove(directory);
}

Test(store, test_positions_and_schema_survive_reopening)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    struct hash_secret secret = *store_secret(store);
    uint32_t index;
    cr_assert_eq(store_add_attribute(store, TEXT_LITERAL("country"), COLUMN_STRING, &index, &error),
                 CORONG_OK);
    commit_position(store, 9, 100);
    commit_position(store, 4, 50);
    commit_position(store, 9, 200);
    cr_assert_eq(store_sequence(store), 3);
    store_close(store);

    store = open_store(directory, &error);
    cr_assert_eq(store_sequence(store), 3);
    cr_assert_arr_eq(store_secret(store)->bytes, secret.bytes, HASH_SECRET_SIZE);
    cr_assert_eq(schema_find(store_schema(store), TEXT_LITERAL("country")), (int32_t)index);
    const struct store_position *found = store_position_find(store, (struct hash128){9, ~9ULL});
    cr_assert_not_null(found);
    cr_assert_eq(found->next_offset, 200);
    cr_assert_eq(found->anchor_offset, 199);
    cr_assert_eq(found->epoch, 3);
    cr_assert_eq(found->counters.messages, 200);
    cr_assert_eq(found->counters.rejected[5], 2);
    cr_assert(text_equal(found->name, TEXT_LITERAL("visits/0")));
    uint32_t count;
    store_positions(store, &count);
    cr_assert_eq(count, 2);
    store_close(store);
    store_directory_remove(directory);
}

Test(store, test_uncommitted_attribute_is_forgotten)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    uint32_t index;
    cr_assert_eq(store_add_attribute(store, TEXT_LITERAL("a"), COLUMN_STRING, &index, &error),
                 CORONG_OK);
    store_close(store);
    store = open_store(directory, &error);
    cr_assert_eq(schema_find(store_schema(store), TEXT_LITERAL("a")), -1);
    store_close(store);
    store_directory_remove(directory);
}

Test(store, test_second_writer_is_told_who_holds_the_lock)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    struct store *second = NULL;
    cr_assert_eq(store_open(&second, directory, &CREATE, &error), CORONG_BUSY);
    char holder[64];
    snprintf(holder, sizeof(holder), "process %ld", (long)getpid());
    cr_assert_not_null(strstr(error.message, holder), "%s", error.message);
    struct store_options reading = {.read_only = true};
    cr_assert_eq(store_open(&second, directory, &reading, &error), CORONG_OK);
    struct store_commit commit = {0};
    cr_assert_eq(store_commit(second, &commit, &error), CORONG_INVALID);
    store_close(second);
    store_close(store);
    store_directory_remove(directory);
}

static void append_bytes(const char *directory, const char *name, const void *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "ab");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void flip_byte(const char *directory, const char *name, long offset)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    cr_assert_eq(fseek(file, -1, SEEK_CUR), 0);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

Test(store, test_torn_tail_is_dropped)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    commit_position(store, 1, 10);
    store_close(store);
    append_bytes(directory, "manifest/MANIFEST-1", "MFRC half a record", 18);
    store = open_store(directory, &error);
    cr_assert_eq(store_sequence(store), 1);
    store_close(store);
    store_directory_remove(directory);
}

Test(store, test_damage_before_a_valid_record_is_corrupt)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    commit_position(store, 1, 10);
    commit_position(store, 1, 20);
    store_close(store);
    flip_byte(directory, "manifest/MANIFEST-1", 150);
    struct store *damaged = NULL;
    cr_assert_eq(store_open(&damaged, directory, &CREATE, &error), CORONG_CORRUPT);
    cr_assert_not_null(strstr(error.message, "MANIFEST-1"), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "record 1"), "%s", error.message);
    store_directory_remove(directory);
}

Test(store, test_damaged_format_and_current_are_corrupt)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    store_close(open_store(directory, &error));
    struct store *store = NULL;
    flip_byte(directory, "FORMAT", 60);
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_CORRUPT);
    flip_byte(directory, "FORMAT", 60);
    flip_byte(directory, "CURRENT", 15);
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_CORRUPT);
    flip_byte(directory, "CURRENT", 15);
    store_close(open_store(directory, &error));
    store_directory_remove(directory);
}

Test(store, test_missing_empty_and_short_current_recover_alike)
{
    for (int variant = 0; variant < 3; variant++) {
        char *directory = store_directory_create();
        struct corong_error error = {0};
        struct store *store = open_store(directory, &error);
        commit_position(store, 1, 10);
        store_close(store);
        char path[512];
        snprintf(path, sizeof(path), "%s/CURRENT", directory);
        cr_assert_eq(variant == 0 ? unlink(path) : truncate(path, variant == 1 ? 0 : 12), 0);
        store = open_store(directory, &error);
        cr_assert_eq(store_sequence(store), 1);
        store_close(store);
        store_directory_remove(directory);
    }
}

Test(store, test_manifest_that_current_names_must_be_there)
{
    for (int variant = 0; variant < 3; variant++) {
        char *directory = store_directory_create();
        struct corong_error error = {0};
        struct store *store = open_store(directory, &error);
        commit_position(store, 1, 10);
        store_close(store);
        char path[512];
        snprintf(path, sizeof(path), "%s/manifest/MANIFEST-1", directory);
        cr_assert_eq(variant == 0 ? unlink(path) : truncate(path, variant == 1 ? 0 : 12), 0);
        cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_CORRUPT);
        cr_assert_not_null(strstr(error.message, "MANIFEST-1"), "%s", error.message);
        store_directory_remove(directory);
    }
}

static void write_u16(const char *directory, long offset, uint16_t value)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/FORMAT", directory);
    char *bytes = NULL;
    size_t size = 0;
    cr_assert_eq(file_read_whole(path, 4096, &bytes, &size, NULL), CORONG_OK);
    memcpy(bytes + offset, &value, sizeof(value));
    uint64_t checksum = hash_bytes64(bytes, size - 8);
    memcpy(bytes + size - 8, &checksum, sizeof(checksum));
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
}

Test(store, test_newer_version_and_unknown_features_are_refused)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    store_close(open_store(directory, &error));
    struct store *store = NULL;
    write_u16(directory, 8, 2); // major version
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_UNSUPPORTED);
    write_u16(directory, 8, 1);
    write_u16(directory, 32, 1); // a feature one must know to open
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_UNSUPPORTED);
    write_u16(directory, 32, 0);
    write_u16(directory, 24, 1); // a feature one must know to write
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_UNSUPPORTED);
    struct store_options reading = {.read_only = true};
    cr_assert_eq(store_open(&store, directory, &reading, &error), CORONG_OK);
    store_close(store);
    store_directory_remove(directory);
}

Test(store, test_unreferenced_files_are_removed_at_open_and_strangers_stay)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    store_close(open_store(directory, &error));
    append_bytes(directory, "seg/00112233445566778899aabbccddeeff.fseg", "x", 1);
    append_bytes(directory, "dead/7.dlq", "x", 1);
    append_bytes(directory, "manifest/MANIFEST-9", "", 0);
    append_bytes(directory, "seg/notes.txt", "x", 1);
    store_close(open_store(directory, &error));
    static const struct {
        const char *name;
        bool stays;
    } cases[] = {{"seg/00112233445566778899aabbccddeeff.fseg", false},
                 {"dead/7.dlq", false},
                 {"manifest/MANIFEST-9", false},
                 {"manifest/MANIFEST-1", false},
                 {"manifest/MANIFEST-10", true},
                 {"seg/notes.txt", true}};
    for (size_t index = 0; index < sizeof(cases) / sizeof(cases[0]); index++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", directory, cases[index].name);
        cr_expect_eq(access(path, F_OK) == 0, cases[index].stays, "%s", cases[index].name);
    }
    store_directory_remove(directory);
}

Test(store, test_store_that_lost_its_format_is_not_made_anew)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    store_close(open_store(directory, &error));
    char path[512];
    snprintf(path, sizeof(path), "%s/FORMAT", directory);
    cr_assert_eq(unlink(path), 0);
    struct store *store = NULL;
    cr_assert_eq(store_open(&store, directory, &CREATE, &error), CORONG_CORRUPT);
    store_directory_remove(directory);
}

Test(store, test_dead_letters_are_cut_to_what_was_committed)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    struct store_commit commit = {.dead_letters = TEXT_LITERAL("first")};
    cr_assert_eq(store_commit(store, &commit, &error), CORONG_OK);
    append_bytes(directory, "dead/1.dlq", "never committed", 15);
    commit.dead_letters = TEXT_LITERAL("second");
    cr_assert_eq(store_commit(store, &commit, &error), CORONG_OK);
    char path[512];
    snprintf(path, sizeof(path), "%s/dead/1.dlq", directory);
    char *bytes = NULL;
    size_t size = 0;
    cr_assert_eq(file_read_whole(path, 4096, &bytes, &size, NULL), CORONG_OK);
    cr_assert(text_equal((struct text){bytes, size}, TEXT_LITERAL("firstsecond")));
    free(bytes);
    store_close(store);
    store_directory_remove(directory);
}

Test(store, test_dead_letters_are_capped)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    size_t size = (size_t)64 << 20;
    char *bytes = calloc(size, 1);
    struct store_commit commit = {.dead_letters = {bytes, size}};
    for (int round = 0; round < 6; round++) {
        cr_assert_eq(store_commit(store, &commit, &error), CORONG_OK, "%s", error.message);
    }
    free(bytes);
    for (int number = 1; number <= 6; number++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/dead/%d.dlq", directory, number);
        cr_expect_eq(access(path, F_OK) == 0, number > 2, "%s", path);
    }
    store_close(store);
    store_directory_remove(directory);
}

Test(store, test_many_commits_start_a_new_manifest_file)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    enum { POSITION_COUNT = 4000 };
    struct store_position *positions = calloc(POSITION_COUNT, sizeof(*positions));
    for (uint32_t index = 0; index < POSITION_COUNT; index++) {
        positions[index] = position_at(index + 1, 100);
    }
    struct store_commit commit = {.positions = positions, .position_count = POSITION_COUNT};
    int rounds = 30; // about 0.8 MB each
    for (int round = 0; round < rounds; round++) {
        cr_assert_eq(store_commit(store, &commit, &error), CORONG_OK);
    }
    free(positions);
    char path[512];
    snprintf(path, sizeof(path), "%s/manifest/MANIFEST-2", directory);
    cr_expect_eq(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/manifest/MANIFEST-1", directory);
    cr_expect_neq(access(path, F_OK), 0);
    store_close(store);
    store = open_store(directory, &error);
    cr_expect_eq(store_sequence(store), (uint64_t)rounds);
    uint32_t count;
    store_positions(store, &count);
    cr_expect_eq(count, POSITION_COUNT);
    store_close(store);
    store_directory_remove(directory);
}

static int failing_fdatasync(void *context, int descriptor)
{
    (void)context;
    (void)descriptor;
    return -1;
}

Test(store, test_failed_sync_aborts, .signal = SIGABRT)
{
    char *directory = store_directory_create();
    struct corong_error error = {0};
    struct store *store = open_store(directory, &error);
    store_directory_remove(directory);
    struct file_calls calls = *file_calls_system();
    calls.fdatasync = failing_fdatasync;
    file_calls_replace(&calls);
    commit_position(store, 1, 10);
}
