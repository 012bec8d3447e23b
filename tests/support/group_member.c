// SPDX-License-Identifier: Apache-2.0
#include "tests/support/group_member.h"

#include "storage/file/file.h"
#include "storage/group/group.h"
#include "tests/support/store_rows.h"
#include "tests/support/test_random.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_COUNT_MAX 24
#define TAIL_ROW_COUNT_MAX 512

static struct group_member_shared *shared;

/// One process of the group.
struct member {
    int index;
    enum group_member_protocol protocol;
    struct test_random random;
    struct store_group *group;
    struct store *store;
    struct store_commit_guard real_guard;
    bool owned[PARTITION_COUNT];
    struct store_position positions[PARTITION_COUNT]; ///< as of the last message delivered
    struct store_row rows[TAIL_ROW_COUNT_MAX];
    char users[TAIL_ROW_COUNT_MAX][24];
    uint32_t row_count;
};

static struct hash128 partition_id(int partition)
{
    return (struct hash128){(uint64_t)partition + 1, 77};
}

static struct text partition_name(int partition)
{
    static const char *const names[PARTITION_COUNT] = {"log/0", "log/1", "log/2",
                                                       "log/3", "log/4", "log/5"};
    return text_from(names[partition]);
}

/// Faults: any call on the store may be where the process stops, or dies.
static struct test_random fault_random;
static struct file_calls faulty;

static void maybe_fail(void)
{
    if (atomic_load(&shared->calm)) {
        return;
    }
    uint32_t dice = test_random_below(&fault_random, 2000);
    if (dice < 16) {
        raise(SIGSTOP);
    } else if (dice < 19) {
        raise(SIGKILL);
    }
}

static int64_t faulty_write(void *context, int descriptor, const void *bytes, size_t size)
{
    maybe_fail();
    int64_t written = file_calls_system()->write(context, descriptor, bytes, size);
    maybe_fail();
    return written;
}

static int faulty_fdatasync(void *context, int descriptor)
{
    maybe_fail();
    return file_calls_system()->fdatasync(context, descriptor);
}

static int faulty_lock(void *context, int descriptor)
{
    maybe_fail();
    int result = file_calls_system()->lock(context, descriptor);
    int saved_errno = errno;
    maybe_fail();
    errno = saved_errno;
    return result;
}

static int faulty_open(void *context, const char *path, int flags, unsigned mode)
{
    maybe_fail();
    return file_calls_system()->open(context, path, flags, mode);
}

static int faulty_rename(void *context, const char *from, const char *to)
{
    maybe_fail();
    return file_calls_system()->rename(context, from, to);
}

static void arm_faults(uint64_t seed)
{
    fault_random = test_random_start(seed);
    faulty = *file_calls_system();
    faulty.write = faulty_write;
    faulty.fdatasync = faulty_fdatasync;
    faulty.lock = faulty_lock;
    faulty.open = faulty_open;
    faulty.rename = faulty_rename;
    file_calls_replace(&faulty);
}

_Noreturn static void member_fails(const char *what, const struct corong_error *error)
{
    fprintf(stderr, "member: %s: %s\n", what, error->message);
    _exit(3);
}

static enum corong_status careless_enter(void *context, const struct store_position *const *moved,
                                         uint32_t count, struct corong_error *error)
{
    struct member *member = context;
    enum corong_status status =
        member->real_guard.enter(member->real_guard.context, moved, count, error);
    if (status == CORONG_OK) {
        member->real_guard.leave(member->real_guard.context);
    }
    maybe_fail(); // as it may at any instruction
    return status;
}

static void careless_leave(void *context)
{
    (void)context;
}

static void member_set_guard(struct member *member)
{
    member->real_guard = store_group_guard(member->group);
    if (member->protocol == PROTOCOL_NO_EPOCH_CHECK) {
        return;
    }
    struct store_commit_guard guard = member->real_guard;
    if (member->protocol == PROTOCOL_CHECK_WITHOUT_HOLDING) {
        guard = (struct store_commit_guard){member, careless_enter, careless_leave};
    }
    store_set_commit_guard(member->store, guard);
}

static void member_open(struct member *member, const char *directory)
{
    struct corong_error error = {0};
    const char *taken;
    if (store_group_open(&member->group, directory, true, &error) != CORONG_OK ||
        store_group_take_store(member->group, &taken, &error) != CORONG_OK) {
        member_fails("join", &error);
    }
    struct store_options options = {.create = true, .secret = store_group_secret(member->group)};
    if (store_open(&member->store, taken, &options, &error) != CORONG_OK) {
        member_fails("open", &error);
    }
    member_set_guard(member);
}

/// The furthest position over all stores, read before anything is claimed: the broken protocol.
static int64_t look_around(const struct member *member, int partition)
{
    struct store_group_stores stores;
    int64_t furthest = 0;
    if (store_group_stores(store_group_directory(member->group), &stores, NULL) != CORONG_OK) {
        return 0;
    }
    for (uint32_t index = 0; index < stores.count; index++) {
        struct store *store;
        struct store_options options = {.read_only = true};
        if (store_open(&store, stores.directories[index], &options, NULL) == CORONG_OK) {
            const struct store_position *position =
                store_position_find(store, partition_id(partition));
            if (position != NULL && position->next_offset > furthest) {
                furthest = position->next_offset;
            }
            store_close(store);
        }
    }
    store_group_stores_deinit(&stores);
    maybe_fail(); // as it may at any instruction
    return furthest;
}

static void abandon(struct member *member)
{
    member->row_count = 0;
    store_group_forget(member->group);
    memset(member->owned, 0, sizeof(member->owned));
}

static void note_committed(const struct store_position *positions, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        int partition = (int)positions[index].id.high - 1;
        int64_t seen = atomic_load(&shared->committed[partition]);
        while (seen < positions[index].next_offset &&
               !atomic_compare_exchange_weak(&shared->committed[partition], &seen,
                                             positions[index].next_offset)) {
        }
    }
}

static void claim(struct member *member, int partition)
{
    struct corong_error error = {0};
    struct store_position position;
    bool found;
    int64_t seen =
        member->protocol == PROTOCOL_LOOK_THEN_CLAIM ? look_around(member, partition) : 0;
    enum corong_status status =
        store_group_claim(member->group, partition_id(partition), partition_name(partition),
                          &position, &found, &error);
    if (status == CORONG_BUSY) {
        return; // again at the next turn
    }
    if (status == CORONG_FENCED) {
        abandon(member);
        return;
    }
    if (status != CORONG_OK) {
        member_fails("claim", &error);
    }
    const struct store_position *own = store_position_find(member->store, partition_id(partition));
    if (!found) {
        position.next_offset = 0;
        position.first_offset = 0;
    }
    if (own != NULL) {
        position.counters = own->counters;
        position.first_offset = own->first_offset;
    }
    if (member->protocol == PROTOCOL_LOOK_THEN_CLAIM) {
        position.next_offset = seen;
    }
    member->positions[partition] = position;
    member->owned[partition] = true;
    note_committed(&position, 1); // whoever committed it may have died before saying so
    atomic_fetch_add(&shared->claims, 1);
}

static void poll_partition(struct member *member, int partition)
{
    struct store_position *position = &member->positions[partition];
    uint32_t count = test_random_below(&member->random, POLL_COUNT_MAX);
    while (count-- > 0 && position->next_offset < shared->log_size &&
           member->row_count < TAIL_ROW_COUNT_MAX) {
        uint32_t row = member->row_count++;
        int64_t offset = position->next_offset++;
        snprintf(member->users[row], sizeof(member->users[row]), "%d.%" PRId64, partition, offset);
        member->rows[row] = (struct store_row){
            .user = member->users[row],
            .name = "visit",
            .time_us = offset,
            .id_hash = COLUMN_INTEGER_MISSING,
            .amount = partition * shared->log_size + offset,
        };
        position->counters.messages++;
        position->counters.events++;
        position->counters.stored++;
    }
}

/// True where the tail is committed; false where it was abandoned.
static bool commit(struct member *member)
{
    struct store_position moved[PARTITION_COUNT];
    struct segment_meta meta;
    struct corong_error error = {0};
    uint32_t count = 0;
    for (int partition = 0; partition < PARTITION_COUNT; partition++) {
        if (member->owned[partition]) {
            moved[count++] = member->positions[partition];
        }
    }
    if (member->row_count == 0) {
        return true;
    }
    if (store_rows_write(member->store, member->rows, member->row_count, &meta, &error) !=
        CORONG_OK) {
        member_fails("segment", &error);
    }
    struct store_commit commit = {
        .added = &meta, .added_count = 1, .positions = moved, .position_count = count};
    enum corong_status status;
    do {
        status = store_commit(member->store, &commit, &error);
    } while (status == CORONG_BUSY);
    if (status == CORONG_FENCED) {
        atomic_fetch_add(&shared->fenced, 1);
        abandon(member);
        return false;
    }
    if (status != CORONG_OK) {
        member_fails("commit", &error);
    }
    member->row_count = 0;
    note_committed(moved, count);
    atomic_fetch_add(&shared->commits, 1);
    return true;
}

/// Follows what the coordinator says now, as a client of a broker does: gives back what it hears of
/// in time, claims what is new.
static void follow(struct member *member)
{
    bool told[PARTITION_COUNT];
    bool revoked = false;
    for (int partition = 0; partition < PARTITION_COUNT; partition++) {
        told[partition] = atomic_load(&shared->owner[partition]) == member->index;
        revoked |= member->owned[partition] && !told[partition];
    }
    if (revoked && commit(member)) {
        for (int partition = 0; partition < PARTITION_COUNT; partition++) {
            if (member->owned[partition] && !told[partition]) {
                store_group_release(member->group, partition_id(partition));
                member->owned[partition] = false;
            }
        }
    }
    for (int partition = 0; partition < PARTITION_COUNT; partition++) {
        if (told[partition] && !member->owned[partition]) {
            claim(member, partition);
        }
    }
}

_Noreturn void group_member_run(struct group_member_shared *shared_by_all, const char *directory,
                                int index, enum group_member_protocol protocol, uint64_t seed)
{
    shared = shared_by_all;
    static struct member member;
    member.index = index;
    member.protocol = protocol;
    member.random = test_random_start(seed);
    arm_faults(seed + 1);
    member_open(&member, directory);
    while (!atomic_load(&shared->stop)) {
        follow(&member);
        for (int partition = 0; partition < PARTITION_COUNT; partition++) {
            if (member.owned[partition]) {
                poll_partition(&member, partition);
            }
        }
        if (test_random_below(&member.random, 3) == 0) {
            (void)commit(&member);
        }
        atomic_fetch_add(&shared->turns, 1);
        usleep(500);
    }
    store_close(member.store);
    store_group_close(member.group);
    _exit(0);
}
