// SPDX-License-Identifier: Apache-2.0
// A barrier that stands still ends the process; one that waits for a disk does not.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "storage/file/file.h"
#include "tests/support/engine_rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_US (400 * INT64_C(1000))
#define NO_CUT ((struct engine_cut){0})
#define EVENT_COUNT 1000u

static void open_watched(struct engine_rig *rig, int64_t limit_us)
{
    struct engine_options options = {
        .shard_count = 2,
        .producer_count = 2,
        .memory_limit_bytes = UINT64_C(32) << 20,
        .barrier_limit_us = limit_us,
    };
    engine_rig_open(rig, &options);
}

static void push_some(struct engine_producer *producer)
{
    union canonical_value values[RIG_COLUMN_COUNT];
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        char user[16];
        snprintf(user, sizeof(user), "u%u", i);
        struct event event = engine_rig_event(values, user, i, "view");
        engine_push(producer, &event);
    }
}

static void answer(struct engine_producer *producer)
{
    if (engine_barrier_wanted(producer)) {
        engine_barrier(producer, &NO_CUT);
    }
}

// Two producers; the second one never looks up. Does not return.
_Noreturn static void stand_still(struct engine_rig *rig, int output)
{
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(output, STDERR_FILENO);
    open_watched(rig, LIMIT_US);
    struct engine_producer *first = engine_producer_open(rig->engine);
    push_some(first);
    push_some(engine_producer_open(rig->engine));
    engine_request_commit(rig->engine);
    for (int64_t until_us = clock_monotonic_us() + 60 * MICROSECONDS_PER_SECOND;
         clock_monotonic_us() < until_us;) {
        answer(first);
        clock_sleep_us(1000);
    }
    _exit(0);
}

static size_t read_all(int descriptor, char *words, size_t room)
{
    size_t had = 0;
    ssize_t got;
    while (had + 1 < room && (got = read(descriptor, words + had, room - 1 - had)) > 0) {
        had += (size_t)got;
    }
    words[had] = '\0';
    return had;
}

Test(engine_watch, a_producer_that_never_answers_ends_the_process)
{
    static char words[1 << 14];
    struct engine_rig rig = {0};
    int ends[2];
    int status;
    cr_assert_eq(pipe(ends), 0);
    int64_t begun_us = clock_monotonic_us();
    pid_t child = fork();
    if (child == 0) {
        stand_still(&rig, ends[1]);
    }
    close(ends[1]);
    read_all(ends[0], words, sizeof(words));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x: %s", status, words);
    cr_assert_geq(clock_monotonic_us() - begun_us, LIMIT_US);
    cr_assert_not_null(strstr(words, "a barrier stands still: epoch 1 (commit)"), "%s", words);
    cr_assert_not_null(strstr(words, "producer 0: open, answered epoch 1"), "%s", words);
    cr_assert_not_null(strstr(words, "producer 1: open, answered epoch 0"), "%s", words);
    cr_assert_not_null(strstr(words, "shard 1: takes events, reached epoch 0, last markers of "
                                     "producers: 1 0"),
                       "%s", words);
    close(ends[0]);
}

Test(engine_watch, one_that_answers_late_or_is_not_watched_goes_on)
{
    for (int watched = 0; watched < 2; watched++) {
        struct engine_rig rig;
        open_watched(&rig, watched ? 8 * LIMIT_US : -1);
        struct engine_producer *first = engine_producer_open(rig.engine);
        struct engine_producer *second = engine_producer_open(rig.engine);
        push_some(first);
        engine_request_commit(rig.engine);
        clock_sleep_us(LIMIT_US);
        answer(first);
        answer(second);
        engine_producer_close(first, &NO_CUT);
        engine_producer_close(second, &NO_CUT);
        engine_rig_drain(&rig);
        engine_rig_close(&rig);
    }
}

// Segments cannot be written while it is set.
static atomic_bool disk_is_full;

static int64_t full_write(void *context, int descriptor, const void *bytes, size_t size)
{
    if (atomic_load(&disk_is_full)) {
        errno = ENOSPC;
        return -1;
    }
    const struct file_calls *system = context;
    return system->write(system->context, descriptor, bytes, size);
}

Test(engine_watch, a_full_disk_is_no_fault)
{
    struct engine_rig rig;
    struct file_calls calls = *file_calls_system();
    calls.context = (void *)(uintptr_t)file_calls_system();
    calls.write = full_write;
    file_calls_replace(&calls);
    open_watched(&rig, LIMIT_US);
    struct engine_producer *first = engine_producer_open(rig.engine);
    struct engine_producer *second = engine_producer_open(rig.engine);
    push_some(first);
    atomic_store(&disk_is_full, true);
    engine_request_commit(rig.engine);
    for (int64_t until_us = clock_monotonic_us() + 3 * LIMIT_US; clock_monotonic_us() < until_us;) {
        answer(first);
        answer(second);
        clock_sleep_us(1000);
    }
    atomic_store(&disk_is_full, false);
    engine_producer_close(first, &NO_CUT);
    engine_producer_close(second, &NO_CUT);
    engine_rig_drain(&rig);
    cr_assert_eq(store_totals(rig.store).rows, EVENT_COUNT);
    engine_rig_close(&rig);
    file_calls_replace(NULL);
}
