// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group.h"

#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct hash128 SOURCE = {11, 22};
#define NAME TEXT_LITERAL("visits/0")

/// One process of a group, as far as the group can tell.
struct member {
    struct store_group *group;
    struct store *store;
    const char *directory;
    int64_t messages; ///< its store's books of SOURCE
};

static struct member join(const char *directory)
{
    struct corong_error error = {0};
    struct member member = {0};
    cr_assert_eq(store_group_open(&member.group, directory, true, &error), CORONG_OK, "%s",
                 error.message);
    cr_assert_eq(store_group_take_store(member.group, &member.directory, &error), CORONG_OK, "%s",
                 error.message);
    struct store_options options = {.create = true, .secret = store_group_secret(member.group)};
    cr_assert_eq(store_open(&member.store, member.directory, &options, &error), CORONG_OK, "%s",
                 error.message);
    store_set_commit_guard(member.store, store_group_guard(member.group));
    const struct store_position *own = store_position_find(member.store, SOURCE);
    member.messages = own == NULL ? 0 : (int64_t)own->counters.messages;
    return member;
}

static void leave(struct member *member)
{
    store_close(member->store);
    store_group_close(member->group);
}

/// The claim's position, or -1 where no store had one.
static int64_t claim(struct member *member)
{
    struct corong_error error = {0};
    struct store_position position;
    bool found;
    cr_assert_eq(store_group_claim(member->group, SOURCE, NAME, &position, &found, &error),
                 CORONG_OK, "%s", error.message);
    cr_assert(hash128_equal(position.id, SOURCE));
    cr_assert_eq(position.counters.messages, 0);
    return found ? position.next_offset : -1;
}

static enum corong_status commit_id(struct member *member, struct hash128 id, int64_t from,
                                    int64_t to, struct corong_error *error)
{
    struct store_position position = {
        .id = id,
        .name = NAME,
        .next_offset = to,
        .anchor_offset = to - 1,
        .anchor_hash = (uint64_t)to * 3,
        .epoch = 5,
        .counters = {.messages = (uint64_t)(member->messages + to - from)},
    };
    struct store_commit commit = {.positions = &position, .position_count = 1};
    enum corong_status status = store_commit(member->store, &commit, error);
    member->messages += status == CORONG_OK ? to - from : 0;
    return status;
}

static void commit(struct member *member, int64_t from, int64_t to)
{
    struct corong_error error = {0};
    cr_assert_eq(commit_id(member, SOURCE, from, to, &error), CORONG_OK, "%s", error.message);
}

static void expect_fenced(struct member *member, int64_t from, int64_t to)
{
    struct corong_error error = {0};
    uint64_t sequence = store_sequence(member->store);
    cr_assert_eq(commit_id(member, SOURCE, from, to, &error), CORONG_FENCED);
    cr_assert_eq(error.status, CORONG_FENCED);
    cr_assert_eq(store_sequence(member->store), sequence);
}

Test(group, test_stores_of_a_group_share_its_secret)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct member second = join(directory);
    cr_assert(store_group_is(directory));
    cr_assert_not_null(strstr(first.directory, "/node-1"));
    cr_assert_not_null(strstr(second.directory, "/node-2"));
    cr_assert_arr_eq(store_secret(first.store)->bytes, store_secret(second.store)->bytes,
                     HASH_SECRET_SIZE);
    struct store_group_stores stores;
    struct corong_error error = {0};
    cr_assert_eq(store_group_stores(directory, &stores, &error), CORONG_OK);
    cr_assert_eq(stores.count, 2);
    cr_assert_str_eq(stores.directories[1], second.directory);
    cr_assert_eq(stores.numbers[1], 2);
    store_group_stores_deinit(&stores);
    leave(&first);
    struct member third = join(directory); // the first number that is free
    cr_assert_not_null(strstr(third.directory, "/node-1"));
    leave(&third);
    leave(&second);
    store_directory_remove(directory);
}

Test(group, test_a_store_that_somebody_uses_by_name_is_not_taken)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    char path[4200];
    snprintf(path, sizeof(path), "%s", first.directory);
    leave(&first);
    struct store *store;
    struct store_options options = {0};
    struct corong_error error = {0};
    cr_assert_eq(store_open(&store, path, &options, &error), CORONG_OK);
    struct member second = join(directory);
    cr_assert_not_null(strstr(second.directory, "/node-2"));
    store_close(store);
    leave(&second);
    store_directory_remove(directory);
}

Test(group, test_source_moves_with_its_position)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct member second = join(directory);
    cr_assert_eq(claim(&first), -1);
    commit(&first, 0, 100);
    cr_assert_eq(claim(&second), 100);
    expect_fenced(&first, 100, 150);
    commit(&second, 100, 130);
    expect_fenced(&first, 100, 150); // for ever
    store_group_forget(first.group);
    struct store_position position;
    bool found;
    struct corong_error error = {0};
    cr_assert_eq(store_group_claim(first.group, SOURCE, NAME, &position, &found, &error),
                 CORONG_OK);
    cr_assert(found);
    cr_assert_eq(position.next_offset, 130);
    cr_assert_eq(position.anchor_offset, 129);
    cr_assert_eq(position.anchor_hash, 390);
    cr_assert_eq(position.epoch, 5);
    commit(&first, 130, 140);
    expect_fenced(&second, 130, 135);
    leave(&first);
    leave(&second);
    store_directory_remove(directory);
}

Test(group, test_claim_without_a_commit_hands_on_where_it_began)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct member second = join(directory);
    struct member third = join(directory);
    cr_assert_eq(claim(&first), -1);
    cr_assert_eq(claim(&second), -1);
    commit(&second, 0, 40);
    cr_assert_eq(claim(&third), 40);
    store_group_forget(second.group);
    cr_assert_eq(claim(&second), 40); // the third committed nothing
    store_group_forget(third.group);
    cr_assert_eq(claim(&third), 40);
    leave(&first);
    leave(&second);
    leave(&third);
    store_directory_remove(directory);
}

Test(group, test_claimed_source_stays_ours_until_somebody_takes_it)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct member second = join(directory);
    struct store_position position;
    struct corong_error error = {0};
    bool found;
    cr_assert_eq(claim(&first), -1);
    commit(&first, 0, 10);
    cr_assert_eq(claim(&first), 10); // still ours: what was delivered since stays valid
    commit(&first, 10, 20);
    cr_assert_eq(claim(&second), 20);
    cr_assert_eq(store_group_claim(first.group, SOURCE, NAME, &position, &found, &error),
                 CORONG_FENCED);
    cr_assert_not_null(strstr(error.message, "node-2"), "%s", error.message);
    leave(&first);
    leave(&second);
    store_directory_remove(directory);
}

Test(group, test_released_source_cannot_be_committed)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    cr_assert_eq(claim(&first), -1);
    commit(&first, 0, 10);
    store_group_release(first.group, SOURCE);
    store_group_release(first.group, (struct hash128){5, 5}); // nobody's
    expect_fenced(&first, 10, 20);
    struct corong_error error = {0};
    // A position that does not move is nobody's business.
    first.messages = 10;
    cr_assert_eq(commit_id(&first, SOURCE, 10, 10, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(claim(&first), 10);
    commit(&first, 10, 20);
    leave(&first);
    store_directory_remove(directory);
}

Test(group, test_files_are_not_owned)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct corong_error error = {0};
    cr_assert_eq(commit_id(&first, (struct hash128){7, 7}, 0, 10, &error), CORONG_OK);
    leave(&first);
    store_directory_remove(directory);
}

Test(group, test_source_that_was_cut_short_goes_on_from_there)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct member second = join(directory);
    cr_assert_eq(claim(&first), -1);
    commit(&first, 0, 1000);
    cr_assert_eq(claim(&second), 1000);
    commit(&second, 900, 900); // the log was truncated, and a policy said: go on
    store_group_forget(first.group);
    cr_assert_eq(claim(&first), 900, "not the furthest position, the last owner's");
    leave(&first);
    leave(&second);
    store_directory_remove(directory);
}

static void owner_path(const char *directory, char *path, size_t size)
{
    snprintf(path, size, "%s/owners/%016llx%016llx", directory, (unsigned long long)SOURCE.high,
             (unsigned long long)SOURCE.low);
}

Test(group, test_lost_owner_file_falls_back_to_the_furthest_position)
{
    char *directory = store_directory_create();
    char path[4200];
    owner_path(directory, path, sizeof(path));
    struct member first = join(directory);
    struct member second = join(directory);
    cr_assert_eq(claim(&first), -1);
    commit(&first, 0, 50);
    cr_assert_eq(claim(&second), 50);
    commit(&second, 50, 70);
    cr_assert_eq(truncate(path, 0), 0);
    expect_fenced(&second, 70, 80); // nobody can say that it is still ours
    store_group_forget(first.group);
    cr_assert_eq(claim(&first), 70);
    cr_assert_eq(truncate(path, 200), 0); // torn
    store_group_forget(second.group);
    cr_assert_eq(claim(&second), 70);
    commit(&second, 70, 80);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_size, 256);
    leave(&first);
    leave(&second);
    store_directory_remove(directory);
}

Test(group, test_owner_file_stays_small)
{
    char *directory = store_directory_create();
    char path[4200];
    owner_path(directory, path, sizeof(path));
    struct member first = join(directory);
    cr_assert_eq(claim(&first), -1);
    commit(&first, 0, 10);
    struct stat status;
    for (int turn = 0; turn < 300; turn++) {
        store_group_release(first.group, SOURCE);
        cr_assert_eq(claim(&first), 10);
    }
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_leq(status.st_size, 64 << 10);
    commit(&first, 10, 20);
    leave(&first);
    store_directory_remove(directory);
}

Test(group, test_locked_owner_file_makes_claims_and_commits_come_back)
{
    char *directory = store_directory_create();
    char path[4200];
    owner_path(directory, path, sizeof(path));
    struct member first = join(directory);
    cr_assert_eq(claim(&first), -1);
    int descriptor = open(path, O_RDWR);
    cr_assert_eq(flock(descriptor, LOCK_EX), 0); // a process that was stopped in its commit
    struct corong_error error = {0};
    cr_assert_eq(commit_id(&first, SOURCE, 0, 10, &error), CORONG_BUSY);
    cr_assert(error.retriable);
    struct store_position position;
    bool found;
    error = (struct corong_error){0};
    cr_assert_eq(store_group_claim(first.group, SOURCE, NAME, &position, &found, &error),
                 CORONG_BUSY);
    cr_assert(error.retriable);
    close(descriptor);
    commit(&first, 0, 10);
    leave(&first);
    store_directory_remove(directory);
}

Test(group, test_damaged_group_file_is_refused)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    leave(&first);
    char path[4200];
    snprintf(path, sizeof(path), "%s/GROUP", directory);
    char whole[225];
    FILE *file = fopen(path, "rb");
    cr_assert_eq(fread(whole, 1, sizeof(whole), file), 224);
    fclose(file);
    struct store_group *group;
    struct corong_error error = {0};
    for (size_t size = 0; size < 224; size += size < 20 ? 1 : 17) {
        cr_assert_eq(truncate(path, (off_t)size), 0);
        cr_assert_eq(store_group_open(&group, directory, true, &error), CORONG_CORRUPT, "%zu",
                     size);
        file = fopen(path, "wb");
        cr_assert_eq(fwrite(whole, 1, 224, file), 224);
        fclose(file);
    }
    for (size_t at = 0; at < 224; at++) {
        file = fopen(path, "r+b");
        fseek(file, (long)at, SEEK_SET);
        fputc(whole[at] ^ 4, file);
        fclose(file);
        cr_assert_eq(store_group_open(&group, directory, true, &error), CORONG_CORRUPT, "%zu", at);
        file = fopen(path, "wb");
        cr_assert_eq(fwrite(whole, 1, 224, file), 224);
        fclose(file);
    }
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(store_group_open(&group, directory, false, &error), CORONG_NOT_FOUND);
    cr_assert_eq(store_group_open(&group, directory, true, &error), CORONG_CORRUPT);
    cr_assert_not_null(strstr(error.message, "GROUP file is missing"), "%s", error.message);
    store_directory_remove(directory);
}

Test(group, test_group_and_store_are_not_taken_for_one_another)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    leave(&first);
    struct corong_error error = {0};
    struct store *store;
    struct store_options options = {.create = true};
    cr_assert_eq(store_open(&store, directory, &options, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "node-1"), "%s", error.message);
    struct hash_secret other = {{1}};
    char path[4200];
    snprintf(path, sizeof(path), "%s/node-1", directory);
    options.secret = &other;
    cr_assert_eq(store_open(&store, path, &options, &error), CORONG_INVALID);
    struct store_group *group;
    cr_assert_eq(store_group_open(&group, path, true, &error), CORONG_INVALID);
    store_directory_remove(directory);
}

static void count_fault(void *context, const char *message)
{
    struct text_buffer *all = context;
    text_buffer_append_string(all, message);
    text_buffer_append_string(all, "\n");
}

/// Commits a position whose books begin at `first` and account for `accounted` offsets.
static void commit_books(struct member *member, int64_t first, int64_t next, uint64_t messages,
                         uint64_t control, uint64_t gaps)
{
    struct corong_error error = {0};
    struct store_position position = {
        .id = SOURCE,
        .name = NAME,
        .next_offset = next,
        .anchor_offset = -1,
        .epoch = -1,
        .first_offset = first,
        .counters = {.messages = messages, .blank = messages, .control = control, .gaps = gaps},
    };
    struct store_commit commit = {.positions = &position, .position_count = 1};
    cr_assert_eq(store_commit(member->store, &commit, &error), CORONG_OK, "%s", error.message);
}

Test(group, test_books_of_a_source_balance_over_its_stores)
{
    char *directory = store_directory_create();
    struct member first = join(directory);
    struct member second = join(directory);
    struct text_buffer faults = {0};
    struct corong_error error = {0};
    (void)claim(&first);
    commit_books(&first, 10, 110, 97, 2, 1);
    (void)claim(&second);
    commit_books(&second, 110, 150, 40, 0, 0);
    store_group_forget(first.group);
    cr_assert_eq(claim(&first), 150);
    commit_books(&first, 10, 160, 107, 2, 1);
    cr_expect_eq(store_group_verify(directory, count_fault, &faults, &error), CORONG_OK, "%s",
                 error.message);
    commit_books(&first, 10, 170, 116, 2, 1); // one message is missing
    cr_expect_eq(store_group_verify(directory, count_fault, &faults, &error), CORONG_CORRUPT);
    cr_expect_not_null(strstr(error.message, "'visits/0'"), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "159 of its offsets 10 to 170, which are 160"), "%s",
                       error.message);
    commit_books(&first, -1, 171, 200, 0, 0); // the log was cut short: nobody can say
    cr_expect_eq(store_group_verify(directory, count_fault, &faults, &error), CORONG_OK);
    text_buffer_deinit(&faults);
    leave(&first);
    leave(&second);
    cr_expect_eq(store_group_verify("/nowhere", count_fault, &faults, &error), CORONG_NOT_FOUND);
    text_buffer_deinit(&faults);
    store_directory_remove(directory);
}

/// Joins, says which store it got, and waits for the end of the pipe.
static void child_joins(const char *directory, int answer, int end)
{
    struct store_group *group = NULL;
    const char *taken = NULL;
    struct corong_error error = {0};
    if (store_group_open(&group, directory, true, &error) == CORONG_OK &&
        store_group_take_store(group, &taken, &error) == CORONG_OK) {
        char number = (char)atoi(strrchr(taken, '-') + 1);
        (void)!write(answer, &number, 1);
        char byte;
        (void)!read(end, &byte, 1);
        _exit(0);
    }
    fprintf(stderr, "%s\n", error.message);
    _exit(1);
}

Test(group, test_processes_that_race_get_one_store_each)
{
    char *directory = store_directory_create();
    int answers[2];
    int end[2];
    cr_assert_eq(pipe(answers), 0);
    cr_assert_eq(pipe(end), 0);
    for (int child = 0; child < 8; child++) {
        if (fork() == 0) {
            close(end[1]);
            child_joins(directory, answers[1], end[0]);
        }
    }
    close(answers[1]);
    bool seen[9] = {false};
    for (int child = 0; child < 8; child++) {
        char number = 0;
        cr_assert_eq(read(answers[0], &number, 1), 1);
        cr_assert(number >= 1 && number <= 8 && !seen[(int)number], "%d", number);
        seen[(int)number] = true;
    }
    close(end[1]);
    int status;
    while (wait(&status) > 0) {
        cr_assert_eq(status, 0);
    }
    store_directory_remove(directory);
}
