// SPDX-License-Identifier: Apache-2.0
/// Our options as librdkafka properties, and topic words as topics and partitions. Thread: main.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/// Makes a configuration: ours, then the user's "name=value" pairs (NULL-terminated array or NULL),
/// then what exactness depends on. `group_given_out`: the user named a group.id. Caller destroys.
CORONG_MUST_CHECK enum corong_status kafka_options_conf(rd_kafka_conf_t **conf_out,
                                                        const char *const *properties,
                                                        bool *group_given_out,
                                                        struct corong_error *error);

#define KAFKA_PARTITION_LISTED_MAX 4096u

/// "topic" or "topic:0,3,4".
struct kafka_topic_word {
    struct text topic;
    bool all_partitions;
    uint32_t partition_count;
    int32_t partitions[KAFKA_PARTITION_LISTED_MAX];
};
CORONG_MUST_CHECK enum corong_status kafka_options_topic(struct kafka_topic_word *word_out,
                                                         const char *word,
                                                         struct corong_error *error);
