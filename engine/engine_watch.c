// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_watch.h"

#include "engine/engine_state.h"
#include "storage/base/clock.h"
#include "storage/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMIT_DEFAULT_US (30 * MICROSECONDS_PER_SECOND)
#define LOOK_INTERVAL_MAX_US MICROSECONDS_PER_SECOND
#define LOOKS_PER_LIMIT 4
// A disk may take minutes for a write; a shard that sorts for ever does not get away with it.
#define WRITING_FACTOR 10

static int64_t interval_us(const struct engine_watch *watch)
{
    int64_t interval = watch->limit_us / LOOKS_PER_LIMIT;
    return watch->limit_us == 0 || interval > LOOK_INTERVAL_MAX_US ? LOOK_INTERVAL_MAX_US
                                                                   : interval + 1;
}

void engine_watch_begin(struct engine_watch *watch, const struct engine *engine)
{
    int64_t limit = engine->options.barrier_limit_us;
    *watch = (struct engine_watch){
        .limit_us = limit < 0   ? 0
                    : limit > 0 ? limit
                                : LIMIT_DEFAULT_US,
        .looked_us = clock_monotonic_us(),
    };
}

int64_t engine_watch_next_us(const struct engine_watch *watch)
{
    return watch->looked_us + interval_us(watch);
}

static enum shard_activity activity_of(const struct engine *engine, uint32_t shard)
{
    return (enum shard_activity)shard_counters_get(
        &shard_counters(engine->shards[shard])->activity);
}

// The one that excuses the others most: a shard that waits holds the producers by full rings, and
// these all other shards.
static enum shard_activity most_excused(const struct engine *engine)
{
    enum shard_activity most = SHARD_TAKES;
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        enum shard_activity activity = activity_of(engine, i);
        most = activity > most ? activity : most;
    }
    return most;
}

bool engine_waits_for_disk(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        if (activity_of(engine, i) == SHARD_WAITS) {
            return true;
        }
    }
    return false;
}

static void say_producer(struct text_buffer *out, const struct engine *engine, uint32_t index)
{
    static const char *const states[] = {"unopened", "open", "closed"};
    const struct engine_producer *producer = &engine->producers[index];
    text_buffer_printf(out, "  producer %" PRIu32 ": %s, answered epoch %" PRIu64 "\n", index,
                       states[producer->state], producer->done_epoch);
    for (uint32_t shard = 0; shard < engine->options.shard_count; shard++) {
        struct route_depth depth = route_depth(&engine->route, index, shard);
        text_buffer_printf(out,
                           "    to shard %" PRIu32 ": forward %" PRIu64 " to %" PRIu64
                           ", back %" PRIu64 " to %" PRIu64 "\n",
                           shard, depth.forward_head, depth.forward_tail, depth.back_head,
                           depth.back_tail);
    }
}

static void say_shard(struct text_buffer *out, const struct engine *engine, uint32_t index)
{
    static const char *const activities[] = {"takes events", "writes", "waits for the disk",
                                             "reads the store"};
    const struct shard_counters *counters = shard_counters(engine->shards[index]);
    text_buffer_printf(
        out,
        "  shard %" PRIu32 ": %s, reached epoch %" PRIu64 ", last markers of producers:", index,
        activities[activity_of(engine, index)], shard_counters_get(&counters->sealed_epoch));
    for (uint32_t producer = 0; producer < engine->options.producer_count; producer++) {
        text_buffer_printf(out, " %" PRIu64, shard_marker(engine->shards[index], producer));
    }
    text_buffer_append_string(out, "\n");
}

_Noreturn static void end_process(const struct engine_watch *watch, const struct engine *engine)
{
    struct text_buffer out = {0};
    text_buffer_printf(
        &out,
        "corong: a barrier stands still: epoch %" PRIu64 " (%s) after %.1f s, reached by %" PRIu32
        " of %" PRIu32 " shards; producers taking part: %#" PRIx64 ", events pushed: %" PRIu64 "\n",
        engine->begun_epoch, engine->route.kind == ROUTE_VIEW ? "view" : "commit",
        (double)watch->still_us / 1e6, engine->sealed_count, engine->options.shard_count,
        engine->route.participants, route_event_count(&engine->route));
    for (uint32_t i = 0; i < engine->opened_count; i++) {
        say_producer(&out, engine, i);
    }
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        say_shard(&out, engine, i);
    }
    text_buffer_append_string(&out,
                              "corong: please report this. Nothing is lost: started again, it "
                              "goes on where the last commit was\n");
    fputs(out.bytes, stderr);
    abort();
}

void engine_watch_look(struct engine_watch *watch, struct engine *engine)
{
    int64_t now_us = clock_monotonic_us();
    // A process that was stopped for a while finds one long step, in which nobody else moved
    // either.
    int64_t step_us = now_us - watch->looked_us;
    int64_t step_max_us = 2 * interval_us(watch);
    step_us = step_us > step_max_us ? step_max_us : step_us;
    watch->looked_us = now_us;
    switch (most_excused(engine)) {
    case SHARD_TAKES:
        watch->still_us += step_us;
        break;
    case SHARD_WRITES:
        watch->still_us += step_us / WRITING_FACTOR;
        break;
    case SHARD_WAITS:
    case SHARD_PRIMES:
        watch->still_us = 0;
        break;
    }
    if (watch->limit_us != 0 && watch->still_us > watch->limit_us) {
        end_process(watch, engine);
    }
}
