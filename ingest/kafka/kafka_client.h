// SPDX-License-Identifier: Apache-2.0
/// One librdkafka consumer with its queues and callbacks. The callbacks only write down what they
/// are told; it is acted on between two messages. Messages come through a queue of their own, so
/// that the main queue can be served (the group kept alive, rebalances seen) while nothing is read.
///
/// Thread: the ingest thread's; kafka_client_bury() hands it to a thread that closes it.
#pragma once

#include "ingest/kafka/kafka_ask.h"
#include "storage/base/error.h"
#include "storage/group/group.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define KAFKA_CLIENT_REASON_SIZE 512

/// A change of assignment that librdkafka waits for us to make.
struct kafka_rebalance {
    struct kafka_rebalance *next;
    bool assign; ///< else revoke
    bool lost;   ///< others may have the partitions already
    rd_kafka_topic_partition_list_t *partitions;
};

/// An error that concerns no partition.
struct kafka_trouble {
    rd_kafka_resp_err_t code; ///< 0: none
    char reason[KAFKA_CLIENT_REASON_SIZE];
};

struct kafka_client {
    rd_kafka_t *consumer;
    rd_kafka_queue_t *data;
    struct kafka_ask *ask;
    struct kafka_rebalance *rebalances; ///< oldest first
    struct kafka_trouble trouble;       ///< the gravest since it was last taken
    bool all_down;                      ///< no broker was connected at some time since then
    bool closing;
};

/// Takes `conf` over, also when it fails.
CORONG_MUST_CHECK enum corong_status kafka_client_create(struct kafka_client **client_out,
                                                         rd_kafka_conf_t *conf,
                                                         struct store_group *group,
                                                         struct corong_error *error);
/// Calls callbacks; gives an error message without a partition, or NULL. Destroy it.
rd_kafka_message_t *kafka_client_serve(struct kafka_client *client);
/// Sends a partition's messages to the data queue. To be repeated: librdkafka forgets it when it
/// stops fetching; meanwhile the messages wait in the partition's own queue.
void kafka_client_forward(struct kafka_client *client, const char *topic, int32_t partition);
/// The oldest rebalance, or NULL; to be ended by kafka_client_rebalanced().
const struct kafka_rebalance *kafka_client_rebalance(const struct kafka_client *client);
void kafka_client_rebalanced(struct kafka_client *client);
bool kafka_client_cooperative(const struct kafka_client *client);

/// A consumer that is being closed.
struct kafka_grave;
/// Closes it on a thread of its own: librdkafka's close and destroy may hang.
struct kafka_grave *kafka_client_bury(struct kafka_client *client);
/// Waits until it is closed, at most so long; then it is left alone for ever. False: it hangs.
bool kafka_grave_wait(struct kafka_grave *grave, int64_t wait_us);
