// SPDX-License-Identifier: Apache-2.0
/// What each error of librdkafka and of brokers means for us: one table. Thread: values.
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

enum kafka_action {
    KAFKA_ACTION_END,      ///< no error: the end of a partition
    KAFKA_ACTION_RETRY,    ///< heals by itself; librdkafka tries again
    KAFKA_ACTION_ALARM,    ///< somebody must do something (rights, a missing topic); tried again
    KAFKA_ACTION_RESOLVE,  ///< the log may not hold the position any more: ask the broker
    KAFKA_ACTION_REREAD,   ///< bytes arrived damaged: read them once more with a new consumer
    KAFKA_ACTION_HALT,     ///< this partition cannot be read on
    KAFKA_ACTION_RECREATE, ///< the consumer is unusable: make a new one at the same positions
    KAFKA_ACTION_FAIL,     ///< no consumer with these settings will ever work
};

/// `of_partition`: the error came with a partition. What the table does not list halts the
/// partition, or is an alarm where it concerns none.
enum kafka_action kafka_error_action(rd_kafka_resp_err_t code, bool of_partition);
