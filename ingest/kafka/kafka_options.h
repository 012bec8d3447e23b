// SPDX-License-Identifier: Apache-2.0
/// Our options as librdkafka properties, and topic words as topics and partitions. Thread: main.
#pragma once

#include "ingest/kafka/kafka.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/// Makes a configuration: ours, then the user's "name=value" pairs (NULL-terminated array or NULL),
/// then what exactness depends on. Pairs that begin with "corong." are left out.
/// `group_given_out`: the user named a group.id. Caller destroys.
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

/// What is left of struct kafka_options, with defaults filled in and strings owned.
struct kafka_settings {
    char **topics;     ///< NULL-terminated
    char **properties; ///< NULL-terminated
    bool group_mode;
    bool group_given; ///< the user wants offsets committed for a lag monitor
    bool from_latest; ///< a partition without a position begins at its end
    bool stop_at_end;
    uint32_t message_size_max;
    enum kafka_on_gap on_gap;
    enum kafka_on_reset on_reset;
    int64_t stall_us;
    int64_t proof_us;
    uint64_t queue_limit_bytes;
    uint64_t queued_bytes_max; ///< where librdkafka takes its queue for full ...
    uint64_t queued_count_max; ///< ... or here; 0: at its default
    bool wakes_brokers;        ///< this librdkafka sleeps on after that: see kafka_fill.c
    void (*notice)(void *context, const char *sentence);
    void (*news)(void *context, const char *sentence); ///< or NULL
    void *notice_context;
};
/// Checks everything that can be checked without a broker.
CORONG_MUST_CHECK enum corong_status kafka_settings_init(struct kafka_settings *settings,
                                                         const struct kafka_options *options,
                                                         struct corong_error *error);
void kafka_settings_deinit(struct kafka_settings *settings);
/// A configuration by these settings.
CORONG_MUST_CHECK enum corong_status kafka_settings_conf(const struct kafka_settings *settings,
                                                         rd_kafka_conf_t **conf_out,
                                                         struct corong_error *error);
