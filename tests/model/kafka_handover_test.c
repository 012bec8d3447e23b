// SPDX-License-Identifier: Apache-2.0
// Two consumers of one group, each with a store of a store group, by a script: each step waits for
// what the one before it must bring about, so that every run goes the same way.
//
//   1. A reads and commits everything; B joins while nothing is under way, both give up and get
//      partitions where the other or they themselves stand, and read on.
//   2. A stops with rows that are not committed, for longer than the group has patience. B takes
//      its partitions over, reads those messages itself, and commits them and more.
//   3. A wakes up, tries to commit, is fenced, abandons what it has, goes back to its store and
//      joins again while events come: partitions return to A, which knows older positions of them.
//
// After each step both stores together hold what one replay of a file holds, and the books of every
// partition say what was produced: lost 0, doubled 0.
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_kafka.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define SHOP_SEED 3u
#define EVENTS_PER_STEP 200u
#define PATIENCE_US (25 * MICROSECONDS_PER_SECOND)
#define LOOK_INTERVAL_US 20000
#define HALF (MODEL_PARTITION_COUNT / 2)

/// A mock broker waits 3 s for the first member's company, and a session must outlast that; later
/// it waits a second less than a session.
static const char *const properties[] = {"group.id=corong-handover",
                                         "session.timeout.ms=3200",
                                         "heartbeat.interval.ms=100",
                                         "max.poll.interval.ms=3200",
                                         "partition.assignment.strategy=roundrobin",
                                         NULL};

/// A node whose pump can be held, and that takes another engine where its own was fenced.
struct keeper {
    struct model_node node;
    atomic_bool hold;   ///< hold the pump as soon as it has read what is not committed
    atomic_bool held;   ///< it is
    atomic_uint fenced; ///< engines that were abandoned
    uint64_t abandoned; ///< messages read under them; the pump's until it has ended
};

struct script {
    struct model_kafka kafka;
    char *directory;
    struct keeper a;
    struct keeper b;
};

static bool has_uncommitted(const struct pump *pump)
{
    for (uint32_t index = 0; index < pump->track_count; index++) {
        if (pump->tracks[index].moved) {
            return true;
        }
    }
    return false;
}

/// As the service does it: what was not committed is abandoned and read again.
static void take_another_engine(struct keeper *keeper, struct pump *pump)
{
    struct model_node *node = &keeper->node;
    struct corong_error error = {0};
    uint64_t before = pump->run.messages;
    pump_close(pump);
    if (engine_drain(node->engine, &error) != CORONG_FENCED) {
        test_fail(test_random_seed(), "an engine failed, but was not fenced: %s", error.message);
    }
    engine_close(node->engine);
    uint32_t count;
    const struct store_position *positions = store_positions(node->store, &count);
    pump_rewind(pump, positions, count);
    keeper->abandoned += before - pump->run.messages;
    struct engine_options options = {.store = node->store,
                                     .schema = store_schema(node->store),
                                     .shard_count = 2,
                                     .producer_count = 1,
                                     .memory_limit_bytes = UINT64_C(48) << 20,
                                     .commit_interval_us = 20000};
    if (engine_open(&node->engine, &options, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "no engine after the fenced one: %s", error.message);
    }
    pump_enter(pump, node->engine);
    atomic_fetch_add(&keeper->fenced, 1);
}

/// Between two messages, on the node's thread.
static void leave(void *context, struct pump *pump)
{
    struct keeper *keeper = context;
    if (engine_failed(pump->engine)) {
        take_another_engine(keeper, pump);
    } else if (atomic_load(&keeper->hold) && has_uncommitted(pump)) {
        pump_stop_set(&keeper->node.host.asked, false);
        atomic_store(&keeper->held, true);
        while (atomic_load(&keeper->hold)) {
            clock_sleep_us(1000);
        }
        atomic_store(&keeper->held, false);
    }
}

static void join(struct script *script, struct keeper *keeper)
{
    struct corong_error error = {0};
    struct model_node *node = &keeper->node;
    node->kafka = &script->kafka;
    node->properties = properties;
    node->directory = script->directory;
    node->grouped = true;
    node->guarded = true;
    if (model_node_start(node, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "a node does not start: %s", error.message);
    }
    // Not looked at before hold() asks for it or a commit is fenced.
    node->host.leave = leave;
    node->host.context = keeper;
}

static void hold(struct keeper *keeper)
{
    atomic_store(&keeper->hold, true);
    pump_stop_set(&keeper->node.host.asked, true);
}

static void stop(struct keeper *keeper)
{
    if (atomic_load(&keeper->node.ended)) {
        test_fail(test_random_seed(), "a node ended by itself: %s", keeper->node.error.message);
    }
    model_node_stop(&keeper->node, false);
}

/// How many partitions a node reads.
static uint32_t reads(struct keeper *keeper)
{
    struct arena arena = {0};
    struct kafka_status status;
    uint32_t count = 0;
    kafka_status(keeper->node.source, &arena, &status);
    for (uint32_t index = 0; index < status.partition_count; index++) {
        enum kafka_state state = status.partitions[index].state;
        count += state == KAFKA_READING || state == KAFKA_PROVING;
    }
    arena_deinit(&arena);
    return count;
}

static void sum_stores(const struct script *script, struct model_sum *sum)
{
    struct store_group_stores stores;
    struct corong_error error = {0};
    memset(sum, 0, sizeof(*sum));
    if (store_group_stores(script->directory, &stores, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "%s", error.message);
    }
    for (uint32_t index = 0; index < stores.count; index++) {
        model_sum_add(sum, stores.directories[index]);
    }
    store_group_stores_deinit(&stores);
}

static bool a_reads_all(struct script *script)
{
    return reads(&script->a) == MODEL_PARTITION_COUNT;
}

static bool b_reads_all(struct script *script)
{
    return reads(&script->b) == MODEL_PARTITION_COUNT;
}

static bool both_read_half(struct script *script)
{
    return reads(&script->a) == HALF && reads(&script->b) == HALF;
}

static bool a_is_held(struct script *script)
{
    return atomic_load(&script->a.held);
}

static bool a_was_fenced(struct script *script)
{
    return atomic_load(&script->a.fenced) > 0;
}

static bool all_committed(struct script *script)
{
    struct model_sum sum;
    sum_stores(script, &sum);
    for (uint32_t partition = 0; partition < MODEL_PARTITION_COUNT; partition++) {
        if (sum.next_offsets[partition] < script->kafka.produced[partition]) {
            return false;
        }
    }
    return true;
}

static void await(struct script *script, bool (*is_so)(struct script *script), const char *what)
{
    int64_t begun_us = clock_monotonic_us();
    while (!is_so(script)) {
        if (clock_monotonic_us() - begun_us > PATIENCE_US) {
            test_fail(test_random_seed(),
                      "waited in vain: %s; A reads %u partitions, %u engines fenced; B %u, %u",
                      what, reads(&script->a), atomic_load(&script->a.fenced), reads(&script->b),
                      atomic_load(&script->b.fenced));
        }
        clock_sleep_us(LOOK_INTERVAL_US);
    }
}

static void produce(struct script *script)
{
    model_kafka_produce(&script->kafka, EVENTS_PER_STEP);
}

/// Everything is committed and nothing is under way.
static void check(const struct script *script, const char *what)
{
    struct model_sum found;
    struct model_sum expected = {0};
    sum_stores(script, &found);
    model_sum_replay(&expected, &script->kafka);
    model_sum_compare(&found, &expected, &script->kafka, what);
}

static void hand_over_at_rest(struct script *script)
{
    join(script, &script->a);
    produce(script);
    await(script, a_reads_all, "A reads everything");
    await(script, all_committed, "A commits everything");
    join(script, &script->b);
    await(script, both_read_half, "A and B share, nothing being under way");
    produce(script);
    await(script, all_committed, "A and B commit what came then");
    check(script, "handed over at rest");
    if (a_was_fenced(script) || atomic_load(&script->b.fenced) > 0) {
        test_fail(test_random_seed(), "a handover at rest fenced somebody");
    }
}

static void take_over_from_held(struct script *script)
{
    hold(&script->a);
    produce(script);
    await(script, a_is_held, "A is held with rows that are not committed");
    await(script, b_reads_all, "B takes over from A");
    produce(script);
    await(script, all_committed, "B commits what A had read, and more");
    if (!a_is_held(script) || a_was_fenced(script)) {
        test_fail(test_random_seed(), "A was to sleep through this");
    }
    check(script, "taken over while held");
}

static void wake_up_fenced(struct script *script)
{
    atomic_store(&script->a.hold, false);
    produce(script);
    await(script, a_was_fenced, "A is fenced");
    await(script, both_read_half, "A and B share again");
    produce(script);
    await(script, all_committed, "A and B commit what came after the fence");
    stop(&script->b);
    stop(&script->a);
    check(script, "fenced");
    if (script->a.abandoned == 0) {
        test_fail(test_random_seed(), "A was fenced, but had nothing to abandon");
    }
}

int main(void)
{
    static struct script script;
    setvbuf(stdout, NULL, _IOLBF, 0);
    script.directory = store_directory_create();
    model_kafka_start(&script.kafka, 1, SHOP_SEED);
    int64_t begun_us = clock_monotonic_us();
    hand_over_at_rest(&script);
    take_over_from_held(&script);
    wake_up_fenced(&script);
    printf("kafka_handover_test: %lu events, %u engines fenced, %lu messages abandoned and read by "
           "another, lost 0, doubled 0, %.1f s\n",
           script.kafka.produced_all, atomic_load(&script.a.fenced) + atomic_load(&script.b.fenced),
           script.a.abandoned + script.b.abandoned,
           (double)(clock_monotonic_us() - begun_us) / 1e6);
    model_kafka_stop(&script.kafka);
    store_directory_remove(script.directory);
    return 0;
}
