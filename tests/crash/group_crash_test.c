// SPDX-License-Identifier: Apache-2.0
/// A store group on a file system in memory: two stores hand a source to one another, and the power
/// goes, or the process dies, at every call that changes something. What was acknowledged must be
/// there, every message in exactly one store, GROUP whole, and the work must be able to go on. Then
/// the same with broken syncs, which must be noticed.
#include "storage/base/invariant.h"
#include "storage/file/file.h"
#include "storage/group/group.h"
#include "tests/support/file_model.h"
#include "tests/support/test_random.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DIRECTORY "/data/group"
#define BATCH_COUNT 8
#define MEMBER_COUNT 2

static const struct hash128 SOURCE = {3, 4};
#define NAME TEXT_LITERAL("log/0")

struct member {
    struct store_group *group;
    struct store *store;
};

struct run {
    struct file_model *model;
    struct member members[MEMBER_COUNT];
    int64_t acknowledged; ///< batches whose commit returned CORONG_OK before the fault
    char failure[2048];
};

static uint64_t seed_base;

static bool run_failed(struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool run_failed(struct run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->failure, sizeof(run->failure), format, arguments);
    va_end(arguments);
    return false;
}

static enum corong_status member_open(struct member *member, struct corong_error *error)
{
    const char *directory;
    TRY(store_group_open(&member->group, DIRECTORY, true, error));
    TRY(store_group_take_store(member->group, &directory, error));
    struct store_options options = {.create = true, .secret = store_group_secret(member->group)};
    TRY(store_open(&member->store, directory, &options, error));
    store_set_commit_guard(member->store, store_group_guard(member->group));
    return CORONG_OK;
}

static void close_all(struct run *run)
{
    for (int index = 0; index < MEMBER_COUNT; index++) {
        store_close(run->members[index].store);
        store_group_close(run->members[index].group);
        run->members[index] = (struct member){0};
    }
}

static uint64_t messages_in(const struct member *member)
{
    const struct store_position *own = store_position_find(member->store, SOURCE);
    return own == NULL ? 0 : own->counters.messages;
}

/// Each message is a batch. A position that is behind the truth makes a message count twice.
static enum corong_status commit_batch(struct member *member, int64_t batch,
                                       struct corong_error *error)
{
    struct store_position position = {
        .id = SOURCE,
        .name = NAME,
        .next_offset = batch + 1,
        .anchor_offset = -1,
        .epoch = -1,
        .counters = {.messages = messages_in(member) + 1, .blank = messages_in(member) + 1},
    };
    struct store_commit commit = {.positions = &position, .position_count = 1};
    return store_commit(member->store, &commit, error);
}

static enum corong_status claim(struct member *member, int64_t *next_out,
                                struct corong_error *error)
{
    struct store_position position;
    bool found;
    store_group_forget(member->group);
    TRY(store_group_claim(member->group, SOURCE, NAME, &position, &found, error));
    *next_out = found ? position.next_offset : 0;
    return CORONG_OK;
}

/// The owner changes after every batch, and who was the owner tries to go on.
static enum corong_status work(struct run *run, struct corong_error *error)
{
    for (int index = 0; index < MEMBER_COUNT; index++) {
        TRY(member_open(&run->members[index], error));
    }
    int64_t next = 0;
    TRY(claim(&run->members[0], &next, error));
    for (int turn = 0; next < BATCH_COUNT; turn++) {
        struct member *owner = &run->members[turn % MEMBER_COUNT];
        struct member *zombie = &run->members[(turn + 1) % MEMBER_COUNT];
        int64_t before = next;
        TRY(claim(owner, &next, error));
        if (next != before) {
            return error_set(error, CORONG_INVALID, "a claim gives %lld after %lld",
                             (long long)next, (long long)before);
        }
        if (turn > 0 && commit_batch(zombie, next, NULL) == CORONG_OK) {
            return error_set(error, CORONG_INVALID, "the store that lost the source committed");
        }
        TRY(commit_batch(owner, next, error));
        next++;
        if (!file_model_has_crashed(run->model)) {
            run->acknowledged = next;
        }
    }
    return CORONG_OK;
}

/// Goes on to the end: each message must be in one store.
static bool check_end(struct run *run, int64_t acknowledged)
{
    struct corong_error error = {0};
    int64_t next = 0;
    if (member_open(&run->members[0], &error) != CORONG_OK ||
        claim(&run->members[0], &next, &error) != CORONG_OK) {
        return run_failed(run, "open: %s", error.message);
    }
    if (next < acknowledged || next > acknowledged + 1) {
        return run_failed(run, "the source stands at %" PRId64 ", %" PRId64 " were acknowledged",
                          next, acknowledged);
    }
    close_all(run);
    if (work(run, &error) != CORONG_OK) {
        return run_failed(run, "going on: %s", error.message);
    }
    uint64_t messages = messages_in(&run->members[0]) + messages_in(&run->members[1]);
    return messages == BATCH_COUNT ? true
                                   : run_failed(run, "the books say %" PRIu64 " messages, not %d",
                                                messages, BATCH_COUNT);
}

static void run_start(struct run *run, uint64_t seed)
{
    *run = (struct run){.model = file_model_create(seed)};
    file_calls_replace(file_model_calls(run->model));
    enum corong_status status = file_make_directory("/data", NULL);
    ASSERT(status == CORONG_OK);
    file_sync_directory("/");
}

static void run_end(struct run *run)
{
    close_all(run);
    file_model_destroy(run->model);
    file_calls_replace(NULL);
}

/// The one that lives on takes the source over and commits; then the power goes for all.
static bool survivor_goes_on(struct run *run, uint64_t seed)
{
    struct corong_error error = {0};
    int64_t next = 0;
    file_model_kill(run->model);
    for (int index = 0; index < MEMBER_COUNT; index++) {
        // The dead one's store is given to nobody meanwhile: its lock is free, so it is taken
        // first.
        if (member_open(&run->members[index], &error) != CORONG_OK) {
            return run_failed(run, "after a death: %s", error.message);
        }
    }
    struct member *survivor = &run->members[seed % MEMBER_COUNT];
    if (claim(survivor, &next, &error) != CORONG_OK ||
        (next < BATCH_COUNT && commit_batch(survivor, next, &error) != CORONG_OK)) {
        return run_failed(run, "after a death: %s", error.message);
    }
    run->acknowledged = next < BATCH_COUNT ? next + 1 : next;
    return true;
}

/// As above, but the dead one's store is not opened by anybody before the power goes.
static bool survivor_alone_goes_on(struct run *run)
{
    struct corong_error error = {0};
    int64_t next = 0;
    file_model_kill(run->model);
    struct store_group *group = NULL;
    const char *directory;
    // The store that died last is reserved by a neighbour that does not open it.
    if (store_group_open(&group, DIRECTORY, true, &error) != CORONG_OK) {
        return run_failed(run, "after a death: %s", error.message);
    }
    store_group_close(group);
    int reserved;
    if (file_open_append(DIRECTORY "/owners/node-1.lock", &reserved, &error) != CORONG_OK ||
        file_lock(reserved, "node-1.lock", &error) != CORONG_OK) {
        return run_failed(run, "after a death: %s", error.message);
    }
    struct member *survivor = &run->members[1];
    if (member_open(survivor, &error) != CORONG_OK ||
        store_group_take_store(survivor->group, &directory, &error) != CORONG_OK ||
        claim(survivor, &next, &error) != CORONG_OK ||
        (next < BATCH_COUNT && commit_batch(survivor, next, &error) != CORONG_OK)) {
        return run_failed(run, "after a death: %s", error.message);
    }
    file_close_quietly(reserved);
    run->acknowledged = next < BATCH_COUNT ? next + 1 : next;
    return true;
}

static const char *const FAULTS[] = {
    "power cut, all unsynced lost", "power cut, nothing lost",        "power cut, some lost",
    "death, then a power cut",      "death of one, then a power cut",
};
#define FAULT_COUNT (sizeof(FAULTS) / sizeof(FAULTS[0]))

static bool fault_run(struct run *run, uint64_t n, size_t fault, enum file_model_mutant mutant,
                      uint64_t seed)
{
    static const enum file_model_loss losses[FAULT_COUNT] = {
        FILE_MODEL_LOSE_ALL, FILE_MODEL_LOSE_NONE, FILE_MODEL_LOSE_SOME, FILE_MODEL_LOSE_ALL,
        FILE_MODEL_LOSE_ALL};
    struct corong_error error = {0};
    run_start(run, seed);
    file_model_set_mutant(run->model, mutant);
    file_model_crash_at(run->model, n);
    enum corong_status status = work(run, &error);
    if (!file_model_has_crashed(run->model)) {
        return status == CORONG_OK || run_failed(run, "%s", error.message);
    }
    close_all(run);
    if (fault == 3 && !survivor_goes_on(run, seed)) {
        return false;
    }
    if (fault == 4 && !survivor_alone_goes_on(run)) {
        return false;
    }
    close_all(run);
    file_model_restart(run->model, losses[fault], seed);
    return check_end(run, run->acknowledged);
}

/// Returns the number of changing calls.
static uint64_t fault_everywhere(void)
{
    uint64_t runs = 0;
    for (uint64_t n = 1;; n++) {
        for (size_t fault = 0; fault < FAULT_COUNT; fault++) {
            struct run run;
            bool sound = fault_run(&run, n, fault, FILE_MODEL_SOUND, seed_base + n * 1000 + fault);
            bool past_end = sound && file_model_change_count(run.model) < n;
            run_end(&run);
            if (!sound) {
                test_fail(seed_base, "change %" PRIu64 ", %s: %s", n, FAULTS[fault], run.failure);
            }
            if (past_end) {
                printf("group: faults up to change %" PRIu64 ", %" PRIu64
                       " runs: 0 lost, 0 doubled, 0 refused\n",
                       n - 1, runs);
                return n - 1;
            }
            runs++;
        }
    }
}

static bool mutant_is_caught(enum file_model_mutant mutant, uint64_t point_count, const char *name)
{
    for (uint64_t n = 1; n <= point_count; n++) {
        for (size_t fault = 0; fault < FAULT_COUNT; fault++) {
            struct run run;
            bool sound = fault_run(&run, n, fault, mutant, seed_base + n * 1000 + fault);
            run_end(&run);
            if (!sound) {
                printf("  %-32s change %" PRIu64 ", %s: %.120s\n", name, n, FAULTS[fault],
                       run.failure);
                return true;
            }
        }
    }
    printf("  %-32s NOT CAUGHT\n", name);
    return false;
}

int main(void)
{
    static const struct {
        enum file_model_mutant mutant;
        const char *name;
    } mutants[] = {
        {FILE_MODEL_NO_TEMPORARY_SYNC, "no fsync before the rename"},
        {FILE_MODEL_NO_OWNER_SYNC, "no fdatasync of claims"},
        {FILE_MODEL_NO_READER_SYNC, "no fdatasync of what a claim read"},
        {FILE_MODEL_NO_MANIFEST_COMMIT_SYNC, "no fdatasync of commits"},
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    seed_base = test_random_seed();
    uint64_t point_count = fault_everywhere();
    size_t count = sizeof(mutants) / sizeof(mutants[0]);
    size_t caught = 0;
    for (size_t index = 0; index < count; index++) {
        caught += mutant_is_caught(mutants[index].mutant, point_count, mutants[index].name);
    }
    printf("mutants caught %zu/%zu\n", caught, count);
    if (caught != count) {
        test_fail(seed_base, "a mutant was not caught");
    }
    return 0;
}
