// SPDX-License-Identifier: Apache-2.0
/// Processes of one store group fight over the partitions of a log. An unreliable coordinator moves
/// partitions between them at any moment; they stop and die at any system call on the store, in
/// claims and in commits, and a stopped one goes on as a zombie that believes it still owns what it
/// had. At the end every message of the log must be in exactly one store, once. Then the same with
/// three broken protocols, which must be noticed.
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/group/group.h"
#include "tests/support/group_member.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMBER_COUNT 4
#define MUTANT_ROUND_COUNT_MAX 12
/// Members' turns between two of the coordinator's: counted in what they get done, since on a slow
/// disk partitions that move by the clock move faster than anybody can commit.
#define TURNS_BETWEEN_MOVES 2
/// Without any message committed: a slow disk gets there, a circle does not.
#define STANDSTILL_SECONDS_MAX 60

static struct group_member_shared *shared;
static uint64_t seed_base;

/// What the coordinator knows of a member.
struct child {
    pid_t pid;
    int64_t resume_at_us; ///< stopped until then; 0: running
};

struct round {
    char *directory;
    enum group_member_protocol protocol;
    struct test_random random;
    struct child children[MEMBER_COUNT];
    uint64_t stops;
    uint64_t deaths;
    uint64_t moves;
    uint64_t spawned;
    uint64_t turns_seen;
};

static void spawn(struct round *round, int index)
{
    uint64_t seed = test_random_next(&round->random);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nobody behind
        group_member_run(shared, round->directory, index, round->protocol, seed);
    }
    round->children[index] = (struct child){.pid = pid};
    round->spawned++;
}

static void move(struct round *round, int partition)
{
    int to = (int)test_random_below(&round->random, MEMBER_COUNT);
    if (round->children[to].resume_at_us == 0) {
        atomic_store(&shared->owner[partition], to);
        round->moves++;
    }
}

/// A broker that hears nothing of a member gives its partitions to others.
static void move_all_of(struct round *round, int index)
{
    for (int partition = 0; partition < PARTITION_COUNT; partition++) {
        if (atomic_load(&shared->owner[partition]) == index) {
            move(round, partition);
        }
    }
}

static void on_child(struct round *round, int index, int status)
{
    struct child *child = &round->children[index];
    if (WIFSTOPPED(status)) {
        round->stops++;
        child->resume_at_us =
            clock_monotonic_us() + 1000 + test_random_below(&round->random, 60000);
        if (test_random_below(&round->random, 4) != 0) {
            move_all_of(round, index);
        }
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        test_fail(seed_base, "a member failed");
    }
    child->pid = 0;
    if (!atomic_load(&shared->stop)) {
        round->deaths++;
        move_all_of(round, index);
        spawn(round, index);
    }
}

static void watch_children(struct round *round)
{
    for (int index = 0; index < MEMBER_COUNT; index++) {
        struct child *child = &round->children[index];
        int status;
        if (child->pid > 0 && waitpid(child->pid, &status, WNOHANG | WUNTRACED) == child->pid) {
            on_child(round, index, status);
        }
        if (child->pid > 0 && child->resume_at_us > 0 &&
            clock_monotonic_us() >= child->resume_at_us) {
            child->resume_at_us = 0;
            kill(child->pid, SIGCONT);
        }
    }
}

static int64_t committed_count(void)
{
    int64_t count = 0;
    for (int partition = 0; partition < PARTITION_COUNT; partition++) {
        count += atomic_load(&shared->committed[partition]);
    }
    return count;
}

static void stop_children(struct round *round)
{
    atomic_store(&shared->calm, true);
    atomic_store(&shared->stop, true);
    bool left = true;
    while (left) {
        left = false;
        watch_children(round);
        for (int index = 0; index < MEMBER_COUNT; index++) {
            left |= round->children[index].pid > 0;
        }
        usleep(500);
    }
}

/// Moves a partition now and then, and stops a member where it is not at a system call.
static void disturb(struct round *round)
{
    uint64_t turns = atomic_load(&shared->turns);
    if (turns < round->turns_seen + TURNS_BETWEEN_MOVES) {
        return;
    }
    round->turns_seen = turns;
    if (test_random_below(&round->random, 12) == 0) {
        move(round, (int)test_random_below(&round->random, PARTITION_COUNT));
    }
    int index = (int)test_random_below(&round->random, MEMBER_COUNT);
    if (test_random_below(&round->random, 60) == 0 && round->children[index].pid > 0) {
        kill(round->children[index].pid, SIGSTOP);
    }
}

static void coordinate(struct round *round)
{
    for (int index = 0; index < MEMBER_COUNT; index++) {
        spawn(round, index);
    }
    int64_t wanted = PARTITION_COUNT * shared->log_size;
    int64_t seen = 0;
    int64_t until_us = 0;
    for (int64_t count = 0; count < wanted; count = committed_count()) {
        watch_children(round);
        disturb(round);
        if (until_us == 0 || count > seen) {
            seen = count;
            until_us = clock_monotonic_us() + STANDSTILL_SECONDS_MAX * (int64_t)1000000;
        }
        if (clock_monotonic_us() > until_us) {
            test_fail(seed_base, "no message is committed any more");
        }
        usleep(1000);
    }
    stop_children(round);
}

struct outcome {
    uint64_t lost;
    uint64_t doubled;
    uint32_t stores;
    uint64_t messages; ///< in the books of all stores
    bool balances;     ///< by store_group_verify()
};

static void count_segment(struct segment_reader *reader, uint8_t *seen)
{
    struct segment_scratch *scratch = segment_scratch_create();
    struct segment_selection selection = {0};
    segment_select_wide(&selection, COLUMN_AMOUNT);
    for (uint32_t index = 0; index < segment_reader_group_count(reader); index++) {
        struct row_group group;
        enum corong_status status =
            segment_reader_read(reader, index, &selection, scratch, &group, NULL);
        ASSERT(status == CORONG_OK);
        for (uint32_t row = 0; row < group.row_count; row++) {
            uint8_t *count = &seen[group.columns[COLUMN_AMOUNT].integers[row]];
            *count = *count < UINT8_MAX ? (uint8_t)(*count + 1) : *count;
        }
    }
    segment_scratch_destroy(scratch);
}

static void on_fault(void *context, const char *message)
{
    (void)context;
    fprintf(stderr, "verify: %s\n", message);
}

static void count_store(const char *directory, uint8_t *seen, struct outcome *outcome)
{
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    if (store_verify(directory, on_fault, NULL, &error) != CORONG_OK ||
        store_snapshot_open(&snapshot, directory, &error) != CORONG_OK) {
        test_fail(seed_base, "'%s': %s", directory, error.message);
    }
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        count_segment(store_snapshot_segment(snapshot, index), seen);
    }
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    for (uint32_t index = 0; index < count; index++) {
        outcome->messages += positions[index].counters.messages;
    }
    store_snapshot_close(snapshot);
}

static void ignore_fault(void *context, const char *message)
{
    (void)context;
    (void)message;
}

static struct outcome count_stores(const char *directory)
{
    struct outcome outcome = {0};
    struct store_group_stores stores;
    struct corong_error error = {0};
    if (store_group_stores(directory, &stores, &error) != CORONG_OK) {
        test_fail(seed_base, "%s", error.message);
    }
    uint8_t *seen = memory_allocate_zeroed((size_t)(PARTITION_COUNT * shared->log_size), 1);
    for (uint32_t index = 0; index < stores.count; index++) {
        count_store(stores.directories[index], seen, &outcome);
    }
    outcome.balances = store_group_verify(directory, ignore_fault, NULL, &error) == CORONG_OK;
    outcome.stores = stores.count;
    for (int64_t message = 0; message < PARTITION_COUNT * shared->log_size; message++) {
        outcome.lost += seen[message] == 0;
        outcome.doubled += seen[message] > 1;
    }
    memory_free(seen);
    store_group_stores_deinit(&stores);
    return outcome;
}

static struct outcome run_round(enum group_member_protocol protocol, int64_t log_size,
                                uint64_t seed, struct round *round)
{
    memset(shared, 0, sizeof(*shared));
    shared->log_size = log_size;
    *round = (struct round){.directory = store_directory_create(),
                            .protocol = protocol,
                            .random = test_random_start(seed)};
    for (int partition = 0; partition < PARTITION_COUNT; partition++) {
        atomic_store(&shared->owner[partition], partition % MEMBER_COUNT);
    }
    coordinate(round);
    struct outcome outcome = count_stores(round->directory);
    store_directory_remove(round->directory);
    return outcome;
}

static void run_sound(void)
{
    struct round round;
    int64_t started_us = clock_monotonic_us();
    struct outcome outcome =
        run_round(PROTOCOL_SOUND, (int64_t)test_scaled(3000), seed_base, &round);
    uint64_t wanted = (uint64_t)(PARTITION_COUNT * shared->log_size);
    printf("%" PRIu64 " messages, %d partitions, %d processes (%" PRIu64 " lives), %" PRIu64
           " moves, %" PRIu64 " stops, %" PRIu64 " deaths, %" PRIu64 " claims, %" PRIu64
           " commits, %" PRIu64 " fenced, %u stores: lost %" PRIu64 ", doubled %" PRIu64
           " (%.1f s)\n",
           wanted, PARTITION_COUNT, MEMBER_COUNT, round.spawned, round.moves, round.stops,
           round.deaths, atomic_load(&shared->claims), atomic_load(&shared->commits),
           atomic_load(&shared->fenced), outcome.stores, outcome.lost, outcome.doubled,
           (double)(clock_monotonic_us() - started_us) / 1e6);
    if (outcome.lost + outcome.doubled > 0 || outcome.messages != wanted || !outcome.balances) {
        test_fail(seed_base, "lost %" PRIu64 ", doubled %" PRIu64 ", books say %" PRIu64,
                  outcome.lost, outcome.doubled, outcome.messages);
    }
}

static bool catch_mutant(enum group_member_protocol protocol)
{
    static const char *const names[PROTOCOL_COUNT] = {
        "sound", "commits without a check", "positions read before the claim",
        "the check gives the lock back before the write"};
    for (uint64_t turn = 0; turn < MUTANT_ROUND_COUNT_MAX; turn++) {
        struct round round;
        struct outcome outcome =
            run_round(protocol, 600, seed_base + turn * 1000 + protocol, &round);
        if (outcome.lost + outcome.doubled > 0) {
            printf("  %-48s caught in round %" PRIu64 ": lost %" PRIu64 ", doubled %" PRIu64 "\n",
                   names[protocol], turn + 1, outcome.lost, outcome.doubled);
            return true;
        }
    }
    printf("  %-48s NOT CAUGHT\n", names[protocol]);
    return false;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    seed_base = test_random_seed();
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT(shared != MAP_FAILED);
    run_sound();
    int caught = 0;
    for (int protocol = PROTOCOL_NO_EPOCH_CHECK; protocol < PROTOCOL_COUNT; protocol++) {
        caught += catch_mutant((enum group_member_protocol)protocol);
    }
    printf("broken protocols caught %d/%d\n", caught, PROTOCOL_COUNT - 1);
    if (caught != PROTOCOL_COUNT - 1) {
        test_fail(seed_base, "a broken protocol was not caught");
    }
    return 0;
}
