// SPDX-License-Identifier: Apache-2.0
// Several consumers of one group, each with a store of a store group, while events keep coming:
// they join and leave, end in order or as a crash would, and one is now and then held for longer
// than the group has patience, so that it wakes up owning nothing. In the end the stores together
// hold what one replay of a file holds, and the books of every partition say what was produced.
//
// The same with commits that nobody guards must lose or double, or this test sees nothing.
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_kafka.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define NODE_COUNT 3u
#define STEP_COUNT 10u
#define EVENTS_PER_STEP 700u
#define SETTLE_US (40 * MICROSECONDS_PER_SECOND)
#define FREEZE_US INT64_C(6500000)

static const char *const properties[] = {"group.id=corong-model",
                                         "session.timeout.ms=4500",
                                         "heartbeat.interval.ms=150",
                                         "max.poll.interval.ms=5000",
                                         "partition.assignment.strategy=roundrobin",
                                         NULL};

struct fleet {
    struct model_kafka kafka;
    char *directory;
    struct model_node nodes[NODE_COUNT];
    bool running[NODE_COUNT];
    struct test_random random;
    uint32_t joins;
    uint32_t leaves;
    uint32_t deaths;
    uint32_t freezes;
    uint32_t fenced;
    int64_t recovery_us; ///< the longest from a change to everything committed
    bool guarded;
};

static void join(struct fleet *fleet, uint32_t index)
{
    struct model_node *node = &fleet->nodes[index];
    struct corong_error error = {0};
    memset(node, 0, sizeof(*node));
    node->kafka = &fleet->kafka;
    node->properties = properties;
    node->directory = fleet->directory;
    node->grouped = true;
    node->guarded = fleet->guarded;
    if (model_node_start(node, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "a node does not start: %s", error.message);
    }
    fleet->running[index] = true;
    fleet->joins++;
}

static void leave(struct fleet *fleet, uint32_t index, bool abandon)
{
    struct model_node *node = &fleet->nodes[index];
    if (atomic_load(&node->ended) && fleet->guarded) {
        test_fail(test_random_seed(), "a node ended by itself: %s", node->error.message);
    }
    model_node_stop(node, abandon);
    fleet->fenced += atomic_load(&node->fenced);
    fleet->running[index] = false;
    fleet->leaves += !abandon;
    fleet->deaths += abandon;
}

static uint32_t running_count(const struct fleet *fleet)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < NODE_COUNT; index++) {
        count += fleet->running[index];
    }
    return count;
}

static void sum_stores(const struct fleet *fleet, struct model_sum *sum)
{
    struct store_group_stores stores;
    struct corong_error error = {0};
    memset(sum, 0, sizeof(*sum));
    if (store_group_stores(fleet->directory, &stores, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "%s", error.message);
    }
    for (uint32_t index = 0; index < stores.count; index++) {
        model_sum_add(sum, stores.directories[index]);
    }
    store_group_stores_deinit(&stores);
}

static bool all_committed(const struct fleet *fleet)
{
    struct model_sum sum;
    sum_stores(fleet, &sum);
    for (uint32_t partition = 0; partition < MODEL_PARTITION_COUNT; partition++) {
        if (sum.next_offsets[partition] < fleet->kafka.produced[partition]) {
            return false;
        }
    }
    return true;
}

/// False: not in time.
static bool settle(struct fleet *fleet)
{
    int64_t begun_us = clock_monotonic_us();
    while (!all_committed(fleet)) {
        if (clock_monotonic_us() - begun_us > SETTLE_US) {
            return false;
        }
        clock_sleep_us(20000);
    }
    int64_t took_us = clock_monotonic_us() - begun_us;
    fleet->recovery_us = took_us > fleet->recovery_us ? took_us : fleet->recovery_us;
    return true;
}

static void hold(struct fleet *fleet, uint32_t index)
{
    struct model_node *node = &fleet->nodes[index];
    atomic_store(&node->freeze_us, FREEZE_US);
    pump_stop_ask(&node->host.asked);
    fleet->freezes++;
}

/// Something happens to a node.
static void disturb(struct fleet *fleet)
{
    uint32_t index = test_random_below(&fleet->random, NODE_COUNT);
    if (!fleet->running[index]) {
        join(fleet, index);
    } else if (test_random_below(&fleet->random, 3) == 0) {
        hold(fleet, index);
    } else if (running_count(fleet) > 1) {
        leave(fleet, index, test_random_below(&fleet->random, 2) == 0);
    }
}

static void fleet_start(struct fleet *fleet, bool guarded)
{
    memset(fleet, 0, sizeof(*fleet));
    fleet->guarded = guarded;
    fleet->directory = store_directory_create();
    fleet->random = test_random_start(test_random_seed());
    model_kafka_start(&fleet->kafka, 1, test_random_seed());
}

static void fleet_stop(struct fleet *fleet)
{
    for (uint32_t index = 0; index < NODE_COUNT; index++) {
        if (fleet->running[index]) {
            leave(fleet, index, false);
        }
    }
}

static void fleet_remove(struct fleet *fleet)
{
    model_kafka_stop(&fleet->kafka);
    store_directory_remove(fleet->directory);
}

static void check_random(void)
{
    struct fleet fleet;
    struct model_sum found;
    struct model_sum expected = {0};
    fleet_start(&fleet, true);
    join(&fleet, 0);
    join(&fleet, 1);
    uint64_t steps = test_scaled(STEP_COUNT);
    for (uint64_t step = 0; step < steps; step++) {
        model_kafka_produce(&fleet.kafka, EVENTS_PER_STEP);
        clock_sleep_us(test_random_below(&fleet.random, 600000));
        disturb(&fleet);
    }
    model_kafka_produce(&fleet.kafka, EVENTS_PER_STEP);
    if (!settle(&fleet)) {
        sum_stores(&fleet, &found);
        model_sum_replay(&expected, &fleet.kafka);
        model_sum_compare(&found, &expected, &fleet.kafka, "never settled");
    }
    fleet_stop(&fleet);
    sum_stores(&fleet, &found);
    model_sum_replay(&expected, &fleet.kafka);
    model_sum_compare(&found, &expected, &fleet.kafka, "group");
    printf("kafka_group_test: %lu events, %u joins, %u leaves, %u deaths, %u freezes, %u engines "
           "fenced, lost 0, doubled 0, recovery at most %.1f s, seed %lu\n",
           fleet.kafka.produced_all, fleet.joins, fleet.leaves, fleet.deaths, fleet.freezes,
           fleet.fenced, (double)fleet.recovery_us / 1e6, test_random_seed());
    fleet_remove(&fleet);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    check_random();
    return 0;
}
