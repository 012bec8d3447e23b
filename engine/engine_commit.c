// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"
#include "engine/engine_watch.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define COMMIT_INTERVAL_DEFAULT_US (5 * MICROSECONDS_PER_SECOND)
// Partial batches are handed over this often, so that a slow stream is seen live.
#define CALL_INTERVAL_US (200 * INT64_C(1000))
// With no events at all, positions (of rejected messages, say) are still committed now and then.
#define IDLE_INTERVAL_COUNT 12
// After this long in a drain a full disk is an error and no longer something to wait for.
#define DRAIN_PATIENCE_US (10 * MICROSECONDS_PER_SECOND)
#define RETRY_PAUSE_US MICROSECONDS_PER_SECOND
#define VIEW_INTERVAL_DEFAULT_US (250 * INT64_C(1000))

enum wait_end { WAIT_STOP, WAIT_COMMIT, WAIT_VIEW, WAIT_MERGE, WAIT_FINAL };

// The committer's own memory between two rounds.
struct committer {
    struct engine *engine;
    int64_t last_commit_us;
    int64_t last_call_us;
    uint64_t events_at_commit;
    uint64_t events_at_call;
    struct engine_view_instant instant; // of the last barrier, whatever it was for
};

// Everything that one epoch changes.
struct round {
    struct tail_output output;
    struct store_position *positions; // that moved
    uint32_t position_count;
    uint64_t stored_count; // by the counters of the positions
    bool has_positions;    // any at all were given
    struct text_buffer dead_letters;
};

void engine_commit_fail(struct engine *engine, const struct corong_error *error)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->error.status == CORONG_OK) {
        engine->error = *error;
    }
    // Release, pairs with the acquire in engine_failed(): the error is there before.
    atomic_store_explicit(&engine->failed, true, memory_order_release);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static void shard_sealed(void *context, uint32_t shard_index, struct tail_output *output)
{
    (void)shard_index;
    struct engine *engine = context;
    pthread_mutex_lock(&engine->lock);
    struct tail_output *all = &engine->sealed;
    uint32_t count = all->meta_count + output->meta_count;
    all->metas = memory_resize_array(all->metas, count, sizeof(struct segment_meta));
    if (output->meta_count > 0) {
        memcpy(all->metas + all->meta_count, output->metas,
               output->meta_count * sizeof(struct segment_meta));
    }
    all->meta_count = count;
    all->event_count += output->event_count;
    all->row_count += output->row_count;
    all->duplicate_count += output->duplicate_count;
    engine->sealed_count++;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    memory_free(output->metas);
}

static void shard_shown(void *context, uint32_t shard_index, const struct shard_shown *shown)
{
    (void)shard_index;
    engine_view_shown(context, shown);
}

static void shard_wants_commit(void *context)
{
    engine_request_commit(context);
}

static void shard_failed(void *context, const struct corong_error *error)
{
    engine_commit_fail(context, error);
}

static bool shard_has_failed(void *context)
{
    return engine_failed(context);
}

static bool gives_up(void *context)
{
    struct engine *engine = context;
    pthread_mutex_lock(&engine->lock);
    bool patience_over =
        engine->draining && clock_monotonic_us() - engine->draining_since_us > DRAIN_PATIENCE_US;
    bool result = engine->stopping || patience_over;
    pthread_mutex_unlock(&engine->lock);
    return result || engine_failed(engine);
}

static void shard_primed(void *context, const struct corong_error *error)
{
    engine_settle_primed(context, error);
}

static void shard_answered(void *context)
{
    engine_settle_answered(context);
}

struct shard_owner engine_commit_owner(struct engine *engine)
{
    return (struct shard_owner){
        engine,           shard_sealed, shard_shown,  shard_wants_commit, shard_failed,
        shard_has_failed, gives_up,     shard_primed, shard_answered,
    };
}

// Waits on the condition until `until_us`. Under the lock.
static void wait_until(struct engine *engine, int64_t until_us)
{
    struct timespec until = {until_us / MICROSECONDS_PER_SECOND,
                             until_us % MICROSECONDS_PER_SECOND * 1000};
    pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
}

static int64_t interval_us(const struct engine *engine)
{
    int64_t interval = engine->options.commit_interval_us;
    return interval > 0 ? interval : COMMIT_INTERVAL_DEFAULT_US;
}

static int64_t view_due_us(const struct committer *committer)
{
    int64_t interval = committer->engine->options.view_interval_us;
    return committer->instant.begun_us + (interval > 0 ? interval : VIEW_INTERVAL_DEFAULT_US);
}

static bool interval_is_over(const struct committer *committer, int64_t now_us)
{
    const struct engine *engine = committer->engine;
    int64_t passed_us = now_us - committer->last_commit_us;
    if (passed_us < interval_us(engine) || engine->opened_count == engine->closed_count) {
        return false;
    }
    return route_event_count(&engine->route) != committer->events_at_commit ||
           passed_us >= IDLE_INTERVAL_COUNT * interval_us(engine);
}

// Asks producers for their partial batches where events came since the last time.
static void call_producers(struct committer *committer, int64_t now_us)
{
    uint64_t events = route_event_count(&committer->engine->route);
    if (events != committer->events_at_call) {
        route_call(&committer->engine->route);
    }
    committer->events_at_call = events;
    committer->last_call_us = now_us;
}

// Under the lock.
static enum wait_end wait_for_reason(struct committer *committer)
{
    struct engine *engine = committer->engine;
    for (;;) {
        if (engine->stopping || engine_failed(engine)) {
            return WAIT_STOP;
        }
        if (engine->closed_count == engine->options.producer_count) {
            return WAIT_FINAL;
        }
        int64_t now_us = clock_monotonic_us();
        if (engine->commit_requested || interval_is_over(committer, now_us)) {
            return WAIT_COMMIT;
        }
        if (engine->views.requested && now_us >= view_due_us(committer)) {
            return WAIT_VIEW;
        }
        if (engine_merge_is_due(engine, now_us)) {
            return WAIT_MERGE;
        }
        if (now_us - committer->last_call_us >= CALL_INTERVAL_US) {
            call_producers(committer, now_us);
        }
        int64_t next_us = committer->last_call_us + CALL_INTERVAL_US;
        int64_t due_us = committer->last_commit_us + interval_us(engine);
        next_us = due_us > now_us && due_us < next_us ? due_us : next_us;
        due_us = view_due_us(committer);
        wait_until(engine, engine->views.requested && due_us < next_us ? due_us : next_us);
    }
}

static bool position_moved(const struct store_position *known, const struct store_position *now)
{
    return known == NULL || known->next_offset != now->next_offset ||
           known->anchor_offset != now->anchor_offset || known->anchor_hash != now->anchor_hash ||
           known->epoch != now->epoch || known->first_offset != now->first_offset ||
           !hash128_equal(known->topic_id, now->topic_id) ||
           memcmp(&known->counters, &now->counters, sizeof(now->counters)) != 0;
}

static void add_cut(struct committer *committer, struct round *round,
                    const struct engine_saved_cut *saved)
{
    const struct store *store = committer->engine->options.store;
    uint32_t room = round->position_count + saved->position_count;
    round->positions = memory_resize_array(round->positions, room, sizeof(struct store_position));
    for (uint32_t i = 0; i < saved->position_count; i++) {
        const struct store_position *known = store_position_find(store, saved->positions[i].id);
        round->has_positions = true;
        round->stored_count +=
            saved->positions[i].counters.stored - (known == NULL ? 0 : known->counters.stored);
        if (position_moved(known, &saved->positions[i])) {
            round->positions[round->position_count++] = saved->positions[i];
        }
    }
}

// What the sources say, up to the barrier that was just reached. Under the lock. The names of the
// positions stay with the cuts, which are kept until a commit has them.
static void take_cuts(struct committer *committer, struct round *round)
{
    struct engine *engine = committer->engine;
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        engine_cut_take(&engine->producers[i], engine->begun_epoch);
        add_cut(committer, round, &engine->producers[i].taken);
    }
}

static void take_dead_letters(const struct engine *engine, struct round *round)
{
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        const struct text_buffer *letters = &engine->producers[i].taken.dead_letters;
        text_buffer_append(&round->dead_letters, letters->bytes, letters->size);
    }
}

static void release_cuts(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        engine_cut_release(&engine->producers[i].taken);
    }
}

// Begins an epoch and waits until every shard has sealed it. Under the lock. False: stopping or
// failed.
static bool run_epoch(struct committer *committer, enum route_epoch_kind kind, struct round *round)
{
    struct engine *engine = committer->engine;
    uint64_t participants = 0;
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        // A closed one too: its last word may still be in the rings.
        if (engine->producers[i].state != PRODUCER_UNOPENED) {
            participants |= UINT64_C(1) << i;
        }
    }
    engine->sealed_count = 0;
    committer->instant =
        (struct engine_view_instant){clock_monotonic_us(), route_event_count(&engine->route)};
    engine->begun_epoch++;
    struct engine_watch watch;
    engine_watch_begin(&watch, engine);
    route_begin_epoch(&engine->route, engine->begun_epoch, participants, kind);
    while (engine->sealed_count < engine->options.shard_count && !engine->stopping &&
           !engine_failed(engine)) {
        wait_until(engine, engine_watch_next_us(&watch));
        engine_watch_look(&watch, engine);
    }
    if (engine->sealed_count < engine->options.shard_count || engine_failed(engine)) {
        return false;
    }
    engine->completed_epoch = engine->begun_epoch;
    round->output = engine->sealed;
    engine->sealed = (struct tail_output){0};
    take_cuts(committer, round);
    return true;
}

// G4 as an online check: what the shards wrote is what the sources say was stored.
static enum corong_status check_books(const struct round *round, struct corong_error *error)
{
    const struct tail_output *output = &round->output;
    if (output->row_count + output->duplicate_count != output->event_count) {
        return error_set(error, CORONG_CORRUPT,
                         "the books do not balance: %" PRIu64 " events went into segments, %" PRIu64
                         " rows and %" PRIu64 " duplicates came out",
                         output->event_count, output->row_count, output->duplicate_count);
    }
    if (round->has_positions && round->stored_count != output->event_count) {
        return error_set(error, CORONG_CORRUPT,
                         "the books do not balance: sources count %" PRIu64
                         " events as stored, segments received %" PRIu64,
                         round->stored_count, output->event_count);
    }
    return CORONG_OK;
}

static bool pause_before_retry(struct engine *engine)
{
    int64_t until_us = clock_monotonic_us() + RETRY_PAUSE_US;
    while (clock_monotonic_us() < until_us) {
        if (gives_up(engine)) {
            return false;
        }
        clock_sleep_us(RETRY_PAUSE_US / 20);
    }
    return true;
}

static enum corong_status commit_round(struct committer *committer, struct round *round,
                                       struct corong_error *error)
{
    struct engine *engine = committer->engine;
    TRY(check_books(round, error));
    struct store_commit commit = {
        .added = round->output.metas,
        .added_count = round->output.meta_count,
        .positions = round->positions,
        .position_count = round->position_count,
        .duplicates = round->output.duplicate_count,
        .dead_letters = {round->dead_letters.bytes, round->dead_letters.size},
    };
    if (commit.added_count == 0 && commit.position_count == 0 && commit.dead_letters.size == 0) {
        return CORONG_OK;
    }
    enum corong_status status = store_commit(engine->options.store, &commit, error);
    while (status != CORONG_OK && shard_error_passes(error) && pause_before_retry(engine)) {
        status = store_commit(engine->options.store, &commit, error);
    }
    if (status == CORONG_OK) {
        pthread_mutex_lock(&engine->lock);
        engine->commit_count++;
        engine->rows_committed += round->output.row_count;
        pthread_mutex_unlock(&engine->lock);
    }
    return status;
}

static void round_deinit(struct round *round)
{
    memory_free(round->output.metas);
    memory_free(round->positions);
    text_buffer_deinit(&round->dead_letters);
}

// One epoch from the call to a view of it; its cuts go with the next commit. Under the lock, which
// is released for a while. False: stopping or failed.
static bool view_once(struct committer *committer)
{
    struct engine *engine = committer->engine;
    struct round round = {0};
    bool good = run_epoch(committer, ROUTE_VIEW, &round);
    if (good && engine->views.shard_failed) {
        // A lack of descriptors or memory: the commit shows the events as well.
        engine_view_forget(&engine->views);
        engine->commit_requested = true;
    } else if (good) {
        pthread_mutex_unlock(&engine->lock);
        struct corong_error error = {0};
        round.output.event_count = engine->views.event_count;
        round.output.row_count = engine->views.event_count;
        good = check_books(&round, &error) == CORONG_OK;
        if (good) {
            engine_view_publish(engine, &committer->instant);
        } else {
            engine_commit_fail(engine, &error);
        }
        pthread_mutex_lock(&engine->lock);
    }
    round_deinit(&round);
    return good;
}

// One epoch from the call to the manifest. Under the lock, which is released while anything is
// written.
static bool commit_once(struct committer *committer)
{
    struct engine *engine = committer->engine;
    struct round round = {0};
    engine->commit_requested = false;
    bool sealed = run_epoch(committer, ROUTE_COMMIT, &round);
    committer->events_at_commit = committer->instant.event_count;
    if (sealed) {
        pthread_mutex_unlock(&engine->lock);
        struct corong_error error = {0};
        take_dead_letters(engine, &round);
        sealed = commit_round(committer, &round, &error) == CORONG_OK;
        release_cuts(engine);
        if (!sealed) {
            engine_commit_fail(engine, &error);
        } else {
            // Release, pairs with the acquire in engine_committed_epoch(). Only this thread begins
            // epochs, so it may read the number without the lock.
            atomic_store_explicit(&engine->committed_epoch, engine->begun_epoch,
                                  memory_order_release);
            engine_view_publish(engine, &committer->instant);
            engine_merge_committed(engine, round.output.metas, round.output.meta_count);
            engine_settle_committed(engine);
        }
        pthread_mutex_lock(&engine->lock);
    }
    round_deinit(&round);
    committer->last_commit_us = clock_monotonic_us();
    return sealed;
}

// Under the lock, which is released meanwhile.
static bool merge_once(struct committer *committer)
{
    struct engine *engine = committer->engine;
    if (!engine_merge_is_due(engine, clock_monotonic_us())) {
        return true;
    }
    pthread_mutex_unlock(&engine->lock);
    bool good = engine_merge_turn(engine);
    pthread_mutex_lock(&engine->lock);
    return good;
}

// One turn for one reason. Under the lock. False: stopping or failed.
static bool act(struct committer *committer, enum wait_end reason)
{
    switch (reason) {
    case WAIT_STOP:
        return false;
    case WAIT_VIEW:
        return view_once(committer);
    case WAIT_MERGE:
        return merge_once(committer);
    case WAIT_FINAL:
        return commit_once(committer);
    default:
        // Commits may follow one another without a pause: merges get their turn behind each.
        return commit_once(committer) && merge_once(committer);
    }
}

void *engine_commit_run(void *argument)
{
    struct engine *engine = argument;
    int64_t now_us = clock_monotonic_us();
    struct committer committer = {engine, now_us, now_us, 0, 0, {0}};
    pthread_mutex_lock(&engine->lock);
    for (;;) {
        enum wait_end reason = wait_for_reason(&committer);
        if (!act(&committer, reason) || reason == WAIT_FINAL) {
            break;
        }
    }
    pthread_mutex_unlock(&engine->lock);
    engine_merge_stop(engine);
    pthread_mutex_lock(&engine->lock);
    engine->finished = true;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}
