// SPDX-License-Identifier: Apache-2.0
// The barrier under relacy: lane.c, parker.c, channel.c, route.c and shard.c as they are, the
// producers' side of engine.c and run_epoch() of engine_commit.c as they are; what a shard keeps is
// reduced to counting (relacy_shard.h).
#include "tests/model/relacy/relacy_base.h"

#include <stdatomic.h>

#include "storage/base/memory.h"
#include "storage/base/invariant.h"

#define MODEL_WAKE(parker) (MODEL_KEEP("wake") ? parker_wake(parker) : (void)0)

#include "engine/event/lane.c"
#include "engine/event/parker.c"
#include "engine/route/channel.c"
#include "engine/route/route.c"
#include "engine/shard/shard.c"

void shard_mail_handle(struct shard_mail *mail, struct live *, struct tail *)
{
    mail->task.answer = mail->task.question + 1;
}

#include "tests/model/relacy/relacy_main.h"

// Names that the producers' side and run_epoch() use, with what they need and no more.
#define pthread_mutex_lock(mutex) (mutex)->lock(RL_INFO)
#define pthread_mutex_unlock(mutex) (mutex)->unlock(RL_INFO)
#define pthread_cond_wait(condition, mutex) (condition)->wait(*(mutex), RL_INFO)
#define wait_until(engine, until_us) (engine)->changed.wait((engine)->lock, RL_INFO)
#define pthread_cond_broadcast(condition) (condition)->notify_all(RL_INFO)

struct engine_watch {
    int unused;
};
#define engine_watch_begin(watch, engine) (void)0
#define engine_watch_look(watch, engine) (void)0

struct engine_cut {
    uint64_t stored; // since the cut before
};
struct engine_saved_cut {
    bool valid;
    uint64_t epoch;
    uint64_t stored;
};
enum producer_state { PRODUCER_UNOPENED = 0, PRODUCER_OPEN, PRODUCER_CLOSED };
struct engine_producer {
    struct engine *engine;
    uint32_t index;
    bool barrier_wanted;
    uint64_t done_epoch;
    enum producer_state state;
    struct engine_saved_cut cuts[2];
    uint64_t taken; // by views, until the next commit
};
struct engine_view_instant {
    int64_t begun_us;
    uint64_t event_count;
};
struct model_sizes {
    uint32_t producer_count;
    uint32_t shard_count;
};
struct engine {
    struct model_sizes options;
    struct route route;
    struct engine_producer *producers;
    rl::mutex lock;
    rl::condition_variable changed;
    uint32_t opened_count, closed_count, sealed_count;
    uint64_t begun_epoch, completed_epoch;
    struct tail_output sealed;
    bool stopping;
};
struct committer {
    struct engine *engine;
    struct engine_view_instant instant;
};
struct round {
    struct tail_output output;
    uint64_t stored;
};

int64_t clock_monotonic_us(void)
{
    return 0;
}
uint64_t clock_thread_ns(void)
{
    return 0;
}
void clock_sleep_us(int64_t)
{
}
struct hash128 hash_user(const struct hash_secret *, uint8_t id_namespace, struct text)
{
    return {id_namespace == 0 ? 0 : UINT64_MAX, 0};
}
static bool engine_failed(const struct engine *)
{
    return false;
}

static void engine_cut_save(struct engine_producer *producer, uint64_t epoch,
                            const struct engine_cut *cut)
{
    uint32_t slot = producer->cuts[0].valid;
    RL_ASSERT(!producer->cuts[slot].valid);
    RL_ASSERT(epoch == producer->done_epoch + 1); // what was pushed was meant for it
    producer->cuts[slot] = {true, epoch, cut->stored};
}
static void engine_cut_keep(struct engine_producer *, const struct engine_cut *)
{
    RL_ASSERT(false); // nobody serves a barrier here that was not asked for
}
static void take_cuts(struct committer *committer, struct round *round)
{
    struct engine *engine = committer->engine;
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        struct engine_producer *producer = &engine->producers[i];
        for (uint32_t slot = 0; slot < 2; slot++) {
            if (producer->cuts[slot].valid && producer->cuts[slot].epoch <= engine->begun_epoch) {
                producer->taken += producer->cuts[slot].stored;
                producer->cuts[slot].valid = false;
            }
        }
        round->stored += producer->taken;
    }
}

#include <engine_part.inc>

namespace
{

void report(struct engine *engine, uint64_t event_count)
{
    pthread_mutex_lock(&engine->lock);
    engine->sealed.event_count += event_count;
    engine->sealed_count++;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}
void sealed(void *context, uint32_t, struct tail_output *output)
{
    report((struct engine *)context, output->event_count);
}
void shown(void *context, uint32_t, const struct shard_shown *shown)
{
    report((struct engine *)context, shown->event_count);
    memory_free(shown->chunks);
}
void ignore(void *)
{
}
void ignore_error(void *, const struct corong_error *)
{
}
bool no(void *)
{
    return false;
}

#define BATCH_COUNT 2u
#define PRODUCER_COUNT 2u
#define SHARD_COUNT 2u

// Producers push `events` each to shards by chance, answer `epochs` barriers, commits and views by
// turns, in between, and close; one may open while a barrier is under way.
template <unsigned events, unsigned epochs>
struct barrier : rl::test_suite<barrier<events, epochs>, PRODUCER_COUNT + SHARD_COUNT + 1> {
    struct engine engine;
    struct engine_producer producers[PRODUCER_COUNT];
    struct shard *shards[SHARD_COUNT];

    void before()
    {
        engine.options = {PRODUCER_COUNT, SHARD_COUNT};
        engine.producers = producers;
        memset(producers, 0, sizeof(producers));
        engine.opened_count = engine.closed_count = engine.sealed_count = 0;
        engine.begun_epoch = engine.completed_epoch = 0;
        engine.sealed = {};
        engine.stopping = false;
        struct route_options options = {
            .producer_count = PRODUCER_COUNT,
            .shard_count = SHARD_COUNT,
            .batch_capacity = 1,
            .batch_count = BATCH_COUNT,
        };
        route_init(&engine.route, &options);
        for (unsigned i = 0; i < SHARD_COUNT; i++) {
            struct shard_options shard = {
                .index = i,
                .route = &engine.route,
                .tail = {100},
                .owner = {&engine, sealed, shown, ignore, ignore_error, no, no, ignore_error,
                          ignore},
            };
            shards[i] = shard_create(&shard);
        }
    }
    void serve(struct engine_producer *producer, uint64_t *since_cut)
    {
        if (engine_barrier_wanted(producer)) {
            struct engine_cut cut = {*since_cut};
            engine_barrier(producer, &cut);
            *since_cut = 0;
        }
    }
    void produce()
    {
        struct engine_producer *producer = engine_producer_open(&engine);
        uint64_t since_cut = 0;
        for (unsigned i = 0; i < events; i++) {
            struct event event = {};
            event.user_namespace = (uint8_t)rl::rand(SHARD_COUNT);
            event.epoch = (uint32_t)producer->done_epoch + 1;
            event.large = i + 1 == events;
            engine_push(producer, &event);
            since_cut++;
            serve(producer, &since_cut);
        }
        while (producer->done_epoch < epochs) {
            rl::yield(1, RL_INFO);
            serve(producer, &since_cut);
        }
        struct engine_cut cut = {since_cut};
        engine_producer_close(producer, &cut);
    }
    // What the thread that settles users does: one letter to each shard, answered between batches.
    void ask()
    {
        for (unsigned i = 0; i < SHARD_COUNT; i++) {
            struct shard_mail mail = {SHARD_MAIL_RETURN};
            mail.task.question = 40ul + i;
            shard_mail_post(shards[i], &mail);
            while (!shard_mail_answered(shards[i])) {
                rl::yield(1, RL_INFO);
            }
            RL_ASSERT(mail.stale || mail.task.answer == 41 + i);
        }
    }
    void commit()
    {
        ask();
        struct committer committer = {&engine};
        pthread_mutex_lock(&engine.lock);
        for (unsigned i = 0; i <= epochs; i++) {
            while (i == epochs && engine.closed_count < PRODUCER_COUNT) {
                pthread_cond_wait(&engine.changed, &engine.lock);
            }
            enum route_epoch_kind kind = i % 2 == 0 && i < epochs ? ROUTE_VIEW : ROUTE_COMMIT;
            struct round round = {};
            RL_ASSERT(run_epoch(&committer, kind, &round));
            RL_ASSERT(round.output.event_count == round.stored); // the books
            for (unsigned p = 0; kind == ROUTE_COMMIT && p < PRODUCER_COUNT; p++) {
                producers[p].taken = 0;
            }
        }
        pthread_mutex_unlock(&engine.lock);
        route_stop(&engine.route);
    }
    void thread(unsigned index)
    {
        if (index < PRODUCER_COUNT) {
            produce();
        } else if (index < PRODUCER_COUNT + SHARD_COUNT) {
            shard_run(shards[index - PRODUCER_COUNT]);
        } else {
            commit();
        }
    }
    void after()
    {
        for (unsigned i = 0; i < SHARD_COUNT; i++) {
            shard_destroy(shards[i]);
        }
        route_deinit(&engine.route);
        RL_ASSERT(model_blocks == 0);
    }
};

} // namespace

int main(int argc, char **argv)
{
    model_run run(argc, argv, "barrier", "lane.c parker.c");
    run.add<barrier<2, 1>>("a view", rl::sched_random, 1000);
    run.add<barrier<5, 0>>("waits for batches", rl::sched_random, 1000);
    run.add<barrier<4, 2>>("a view and a commit", rl::sched_random, 1000);
    return run.finish();
}
