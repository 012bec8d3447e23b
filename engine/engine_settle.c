// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>
#include <sys/resource.h>

// The thread is woken by commits; this is the net beneath, and the pause after a failure.
#define REST_US MICROSECONDS_PER_SECOND
// As long as somebody is pending: what they wait for may be no commit (as-of of another shard).
#define PENDING_REST_US (50 * INT64_C(1000))
// A task that takes longer than this is made smaller, so that it is done before the next commit.
#define TASK_TIME_US (100 * INT64_C(1000))
#define KEYS_MIN 16u
#define KEYS_FIRST 256u
#define RANGE_USERS_MIN 256u
#define RANGE_USERS_FIRST 1024u
#define READ_MEMORY_MIN (UINT64_C(32) << 20)

// One look at all shards with one snapshot, opened when the first of them has something to do.
struct settle_pass {
    struct engine *engine;
    uint64_t epoch;
    struct store_snapshot *snapshot;
    struct live_load *load;
    struct live_reader *reader; // of one shard's keys: it holds buffers of all segments it met
    uint32_t reader_shard;
    int64_t from_us;
    bool worked;
    bool stale; // some shard has sealed more than the snapshot can have: the next commit is near
};

// Sizes of tasks, as time allows.
struct settle_pace {
    uint32_t key_max;
    uint32_t user_max;
};

static bool cancelled(struct engine *engine)
{
    // Relaxed: the flag carries no data.
    return atomic_load_explicit(&engine->settle.cancelled, memory_order_relaxed);
}

static int64_t as_of_committed(const struct store *store)
{
    uint32_t count;
    int64_t as_of_us = LIVE_TIME_NONE;
    const struct segment_meta *metas = store_segments(store, &count);
    for (uint32_t i = 0; i < count; i++) {
        as_of_us = metas[i].as_of_us > as_of_us ? metas[i].as_of_us : as_of_us;
    }
    return as_of_us;
}

static enum corong_status open_load(struct engine *engine, uint64_t memory_limit_bytes,
                                    struct store_snapshot **snapshot_out,
                                    struct live_load **load_out, struct corong_error *error)
{
    TRY(store_snapshot_open(snapshot_out, store_directory(engine->options.store), error));
    int64_t as_of_us = live_range_as_of(&engine->live_range);
    struct live_load_options options = {
        .plan = &engine->plan,
        .snapshot = *snapshot_out,
        .from_us = live_range_day(&engine->live_range, as_of_us).from_us,
        .as_of_us = as_of_us,
        .session_timeout_us = engine->options.session_timeout_us,
        .limits = {.memory_limit_bytes = memory_limit_bytes,
                   .cancelled = &engine->settle.cancelled},
    };
    enum corong_status status = live_load_open(load_out, &options, error);
    if (status != CORONG_OK) {
        store_snapshot_close(*snapshot_out);
        *snapshot_out = NULL;
    }
    return status;
}

static void note_failure(struct engine *engine, const struct corong_error *error)
{
    pthread_mutex_lock(&engine->lock);
    engine->settle.error = *error;
    pthread_mutex_unlock(&engine->lock);
}

void engine_settle_open(struct engine *engine)
{
    struct engine_settle *settle = &engine->settle;
    const struct engine_options *options = &engine->options;
    live_range_init(&engine->live_range, options->live_range == ENGINE_LIVE_DAY,
                    options->live_zone);
    live_range_advance(&engine->live_range, as_of_committed(options->store));
    atomic_init(&settle->cancelled, false);
    parker_init(&settle->parker);
    live_block_init(&settle->block, &engine->plan);
    uint32_t segment_count;
    store_segments(options->store, &segment_count);
    if (!options->live_settles || segment_count == 0) {
        return;
    }
    // The tails are empty yet, so that their memory is free for reading.
    uint64_t limit = options->memory_limit_bytes / 2;
    struct corong_error error = {0};
    if (open_load(engine, limit < READ_MEMORY_MIN ? READ_MEMORY_MIN : limit, &settle->snapshot,
                  &settle->load, &error) != CORONG_OK) {
        note_failure(engine, &error);
    }
}

bool engine_settle_primes(const struct engine *engine)
{
    return engine->settle.load != NULL || engine->settle.error.status != CORONG_OK;
}

static void close_load(struct engine *engine)
{
    struct engine_settle *settle = &engine->settle;
    live_load_close(settle->load);
    store_snapshot_close(settle->snapshot);
    settle->load = NULL;
    settle->snapshot = NULL;
}

void engine_settle_primed(struct engine *engine, const struct corong_error *error)
{
    pthread_mutex_lock(&engine->lock);
    if (error != NULL && error->status != CORONG_CANCELLED) {
        engine->settle.error = *error;
    }
    bool last = ++engine->settle.primed_count == engine->options.shard_count;
    pthread_mutex_unlock(&engine->lock);
    if (last) {
        close_load(engine);
    }
}

void engine_settle_answered(struct engine *engine)
{
    parker_wake(&engine->settle.parker);
}

void engine_settle_committed(struct engine *engine)
{
    parker_wake(&engine->settle.parker);
}

void engine_settle_cancel(struct engine *engine)
{
    // Relaxed: the flag carries no data.
    atomic_store_explicit(&engine->settle.cancelled, true, memory_order_relaxed);
    parker_wake(&engine->settle.parker);
}

// Hands the letter to a shard and waits for the answer. False: the engine stops.
static bool send(struct engine *engine, uint32_t shard, enum shard_mail_kind kind)
{
    struct parker *parker = &engine->settle.parker;
    engine->settle.mail.kind = kind;
    shard_mail_post(engine->shards[shard], &engine->settle.mail);
    for (;;) {
        parker_prepare(parker);
        bool answered = shard_mail_answered(engine->shards[shard]);
        if (answered || cancelled(engine)) {
            parker_cancel(parker);
            return answered;
        }
        parker_sleep(parker, REST_US);
    }
}

static void pass_close(struct settle_pass *pass)
{
    live_reader_close(pass->reader);
    live_load_close(pass->load);
    store_snapshot_close(pass->snapshot);
    pass->reader = NULL;
    pass->load = NULL;
    pass->snapshot = NULL;
}

// A snapshot that has the epoch, at least, and the present range. A later commit is noticed by the
// shards, which have sealed it before.
static enum corong_status pass_open(struct settle_pass *pass, struct corong_error *error)
{
    struct engine *engine = pass->engine;
    int64_t as_of_us = live_range_as_of(&engine->live_range);
    int64_t from_us = live_range_day(&engine->live_range, as_of_us).from_us;
    if (pass->load != NULL && pass->from_us == from_us) {
        return CORONG_OK;
    }
    pass_close(pass);
    uint64_t limit = engine->options.memory_limit_bytes / 16;
    TRY(open_load(engine, limit < READ_MEMORY_MIN ? READ_MEMORY_MIN : limit, &pass->snapshot,
                  &pass->load, error));
    pass->from_us = live_load_from(pass->load);
    return CORONG_OK;
}

static void adapt(uint32_t *size, uint32_t least, uint32_t most, int64_t time_us, bool stale)
{
    if (stale || time_us > TASK_TIME_US) {
        *size = *size / 2 < least ? least : *size / 2;
    } else if (time_us < TASK_TIME_US / 4) {
        *size = *size > most / 2 ? most : *size * 2;
    }
}

static enum corong_status read_block(struct settle_pass *pass, uint32_t shard, uint32_t user_max,
                                     uint32_t *done_out, struct corong_error *error)
{
    struct engine *engine = pass->engine;
    struct live_task *task = &engine->settle.mail.task;
    uint32_t shard_count = engine->options.shard_count;
    TRY(pass_open(pass, error));
    if (pass->reader == NULL || pass->reader_shard != shard) {
        live_reader_close(pass->reader);
        pass->reader = live_reader_open(pass->load);
        pass->reader_shard = shard;
    }
    *done_out = task->key_count;
    if (task->kind == LIVE_TASK_USERS) {
        return live_reader_users(pass->reader, task->keys, task->key_count, &engine->settle.block,
                                 done_out, error);
    }
    struct hash128 end = route_first_key(shard + 1, shard_count);
    return live_reader_range(pass->reader, task->from, shard + 1 == shard_count ? NULL : &end,
                             user_max, &engine->settle.block, error);
}

// Users that were asked for and not dealt with go back to their shard. False: the engine stops.
static bool give_back(struct engine *engine, uint32_t shard, uint32_t first, uint32_t count)
{
    struct live_task *task = &engine->settle.mail.task;
    if (task->kind != LIVE_TASK_USERS || first == count) {
        return true;
    }
    memmove(task->keys, task->keys + first, (count - first) * sizeof(struct hash128));
    task->key_count = count - first;
    return send(engine, shard, SHARD_MAIL_RETURN);
}

// Does one task of a shard, if it has one. False: the engine stops, or reading failed.
static bool visit_shard(struct settle_pass *pass, uint32_t shard, struct settle_pace *pace)
{
    struct engine *engine = pass->engine;
    struct shard_mail *mail = &engine->settle.mail;
    struct corong_error error = {0};
    mail->epoch = pass->epoch;
    mail->task.key_max = pace->key_max;
    if (!send(engine, shard, SHARD_MAIL_ASK)) {
        return false;
    }
    pass->stale |= mail->stale;
    if (mail->stale || mail->task.kind == LIVE_TASK_NONE) {
        return true;
    }
    bool users = mail->task.kind == LIVE_TASK_USERS;
    uint32_t asked = mail->task.key_count;
    uint32_t done;
    int64_t start_us = clock_monotonic_us();
    if (read_block(pass, shard, pace->user_max, &done, &error) != CORONG_OK) {
        if (!cancelled(engine)) {
            note_failure(engine, &error);
        }
        pass_close(pass);
        give_back(engine, shard, 0, asked);
        return false;
    }
    mail->task.key_count = done;
    mail->block = &engine->settle.block;
    if (!send(engine, shard, SHARD_MAIL_INSTALL)) {
        return false;
    }
    bool stale = mail->stale;
    pass->stale |= stale;
    pass->worked |= !stale;
    adapt(users ? &pace->key_max : &pace->user_max, users ? KEYS_MIN : RANGE_USERS_MIN,
          users ? LIVE_TASK_KEYS_MAX : LIVE_READER_BLOCK_USERS, clock_monotonic_us() - start_us,
          stale);
    return give_back(engine, shard, stale ? 0 : done, asked);
}

// Until no shard has anything to do, or a newer commit is there. False: reading failed.
static bool run_pass(struct engine *engine, struct settle_pace *pace)
{
    struct settle_pass pass = {.engine = engine, .epoch = engine_committed_epoch(engine)};
    bool good = true;
    do {
        pass.worked = false;
        for (uint32_t i = 0; good && i < engine->options.shard_count; i++) {
            good = visit_shard(&pass, i, pace);
        }
    } while (good && pass.worked && engine_committed_epoch(engine) == pass.epoch);
    pass_close(&pass);
    if (good && !pass.stale) {
        note_failure(engine, &(struct corong_error){0});
    }
    return good;
}

static bool someone_is_pending(struct engine *engine)
{
    int64_t as_of_us = live_range_as_of(&engine->live_range);
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        if (shard_counters_pending(shard_counters(engine->shards[i]), as_of_us) > 0) {
            return true;
        }
    }
    return false;
}

// Waits for a commit, or for a while.
static void wait(struct engine *engine, uint64_t epoch, bool failed)
{
    struct parker *parker = &engine->settle.parker;
    bool soon = !failed && someone_is_pending(engine);
    int64_t until_us = clock_monotonic_us() + (soon ? PENDING_REST_US : REST_US);
    for (;;) {
        int64_t left_us = until_us - clock_monotonic_us();
        parker_prepare(parker);
        if (left_us <= 0 || cancelled(engine) ||
            (!failed && engine_committed_epoch(engine) != epoch)) {
            parker_cancel(parker);
            return;
        }
        parker_sleep(parker, left_us);
    }
}

static void *run(void *argument)
{
    struct engine *engine = argument;
    struct settle_pace pace = {KEYS_FIRST, RANGE_USERS_FIRST};
    // Questions and ingestion come first. This thread alone is meant, as Linux has it.
    setpriority(PRIO_PROCESS, 0, 10);
    while (!cancelled(engine)) {
        uint64_t epoch = engine_committed_epoch(engine);
        bool good = !someone_is_pending(engine) || run_pass(engine, &pace);
        wait(engine, epoch, !good);
    }
    return NULL;
}

void engine_settle_start(struct engine *engine)
{
    struct engine_settle *settle = &engine->settle;
    if (!engine->options.live_settles) {
        return;
    }
    settle->mail.task.keys = memory_allocate(LIVE_TASK_KEYS_MAX * sizeof(struct hash128));
    int failed = pthread_create(&settle->thread, NULL, run, engine);
    ASSERT(failed == 0);
    (void)pthread_setname_np(settle->thread, "corong-settle");
    settle->started = true;
}

void engine_settle_stop(struct engine *engine)
{
    engine_settle_cancel(engine);
    if (engine->settle.started) {
        pthread_join(engine->settle.thread, NULL);
    }
    engine->settle.started = false;
}

void engine_settle_close(struct engine *engine)
{
    close_load(engine);
    live_block_deinit(&engine->settle.block);
    memory_free(engine->settle.mail.task.keys);
}
