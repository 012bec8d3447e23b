// SPDX-License-Identifier: Apache-2.0
/// For tests of the consumer: librdkafka's mock brokers in this process, a shop's events in a topic
/// and in a file's bytes, and nodes: a store, an engine and a pump over a consumer, on a thread of
/// their own, as a server has them.
///
/// Thread: main; a node's own thread is inside it.
#pragma once

#include "engine/engine.h"
#include "ingest/kafka/kafka.h"
#include "ingest/pump.h"
#include "storage/base/arena.h"
#include "storage/group/group.h"
#include "tools/clickgen/clickgen.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MODEL_TOPIC "visits"
#define MODEL_PARTITION_COUNT 4u

struct model_kafka {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    char servers[512]; ///< "bootstrap.servers=..."
    struct clickgen *shop;
    struct text_buffer lines; ///< all that was produced, as a file would hold it
    uint64_t produced[MODEL_PARTITION_COUNT];
    uint64_t produced_all;
    uint64_t bad[MODEL_PARTITION_COUNT];
};

/// Brokers, a topic of MODEL_PARTITION_COUNT partitions, and a shop with plenty of events.
void model_kafka_start(struct model_kafka *kafka, uint32_t broker_count, uint64_t seed);
void model_kafka_stop(struct model_kafka *kafka);
/// Produces the next `count` events, scattered over the partitions; one in 97 is no JSON.
void model_kafka_produce(struct model_kafka *kafka, uint32_t count);

struct model_node {
    const struct model_kafka *kafka;
    const char *const *properties; ///< beside the servers; NULL-terminated
    const char *directory;         ///< of the store, or of the store group
    bool grouped;                  ///< `directory` is a store group
    bool guarded;                  ///< its commits are guarded (else a broken variant)
    struct store_group *group;
    struct store *store;
    struct arena arena;
    struct mapping *mapping;
    struct engine *engine;
    struct source *source;
    struct pump pump;
    struct pump_progress *progress;
    struct pump_stop stop;
    struct pump_host host;
    pthread_t thread;
    _Atomic int64_t freeze_us; ///< the pump is held for so long
    atomic_bool frozen;        ///< while it is
    atomic_bool ended;         ///< the thread has ended by itself
    atomic_uint fenced;        ///< engines that were abandoned
    atomic_uint halts;         ///< sentences of partitions that halted
    struct corong_error error; ///< why it ended
    char words[1024];          ///< of the first halt
    uint64_t messages;         ///< read by this node, the abandoned ones not
    atomic_bool abandon;       ///< end without a drain, as a crash would
};

/// Opens everything and begins. Fills the error where that fails.
CORONG_MUST_CHECK enum corong_status model_node_start(struct model_node *node,
                                                      struct corong_error *error);
/// Ends in order, or at once (`abandon`); the store is closed.
void model_node_stop(struct model_node *node, bool abandon);
/// Committed messages and control offsets of all its partitions by status; -1 while unknown.
int64_t model_node_committed(struct model_node *node);

/// Rows and digest of one or more stores together.
struct model_sum {
    uint64_t rows;
    struct hash128 digest;
    uint64_t next_offsets[MODEL_PARTITION_COUNT];
    struct store_counters counters[MODEL_PARTITION_COUNT];
};
void model_sum_add(struct model_sum *sum, const char *directory);
/// The same by replaying the lines from a file, in one piece.
void model_sum_replay(struct model_sum *sum, const struct model_kafka *kafka);
/// Fails the test where they differ or the books of a partition do not say what was produced.
void model_sum_compare(const struct model_sum *found, const struct model_sum *expected,
                       const struct model_kafka *kafka, const char *what);
/// True where they are equal in rows, digest, offsets and books.
bool model_sum_equal(const struct model_sum *found, const struct model_sum *expected,
                     const struct model_kafka *kafka);
