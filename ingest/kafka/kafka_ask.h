// SPDX-License-Identifier: Apache-2.0
/// Questions that wait: for brokers (a log's bounds, topic ids, committed offsets) and for the disk
/// (claims in a store group). A thread of their own asks them, so that the ingest thread never
/// waits for either. One question is under way at a time; it may hold many items.
///
/// Thread: everything is the ingest thread's but the asking itself; a question belongs to the
/// asking thread between kafka_ask_put() and kafka_ask_take().
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/group/group.h"
#include "storage/storage.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/// A message that was read and committed: while the log is the one that was read, it stands there.
struct kafka_mark {
    int64_t offset;
    uint64_t hash;    ///< of its value
    int64_t taken_us; ///< monotonic clock
};
#define KAFKA_MARK_COUNT 8u

enum kafka_mark_proof {
    KAFKA_MARK_UNKNOWN = 0, ///< nobody answered
    KAFKA_MARK_STANDS,      ///< or is gone in a way that says nothing (retention, compaction)
    KAFKA_MARK_ANOTHER,     ///< another message stands there
    KAFKA_MARK_CUT_OFF,     ///< the log ends before it
};

/// One partition.
struct kafka_ask_item {
    uint32_t index; ///< the asker's own
    const char *topic;
    int32_t number;
    struct hash128 id;
    struct text name;
    bool claim;          ///< take it over in the group
    bool range;          ///< the log's bounds
    bool foreign;        ///< the metadata of its committed group offset
    uint32_t mark_count; ///< marks to be compared, by rising offset
    struct kafka_mark marks[KAFKA_MARK_COUNT];
    int64_t asked_at; ///< the asker's position then

    enum corong_status claim_status;
    struct corong_error claim_error;
    bool found;
    struct store_position claimed;
    bool range_known;
    int64_t low;
    int64_t high;
    char *metadata;              ///< owned; NULL: none
    enum kafka_mark_proof proof; ///< of marks[judged]; those before it stand
    uint32_t judged;
};

struct kafka_ask_topic {
    const char *name;
    struct hash128 id;       ///< 0: not known
    int32_t partition_count; ///< 0: not known
};

struct kafka_question {
    struct kafka_ask_item *items;
    uint32_t item_count;
    uint32_t item_capacity;
    struct kafka_ask_topic *topics;
    uint32_t topic_count;
    uint32_t topic_capacity;
    bool answered; ///< by some broker, in part at least
};

struct kafka_question *kafka_question_create(void);
/// Names are borrowed until the question is destroyed.
struct kafka_ask_item *kafka_question_add(struct kafka_question *question, const char *topic,
                                          int32_t number);
/// Once per name.
void kafka_question_add_topic(struct kafka_question *question, const char *name);
const struct kafka_ask_topic *kafka_question_topic(const struct kafka_question *question,
                                                   const char *name);
void kafka_question_destroy(struct kafka_question *question);

/// Asks on the calling thread; marks are not compared.
void kafka_ask_now(rd_kafka_t *consumer, struct store_group *group,
                   struct kafka_question *question);

/// A log whose broker is to hear something.
struct kafka_nudge {
    const char *topic; ///< lives as long as the asker
    int32_t number;
    int32_t broker; ///< -1: not known
};
#define KAFKA_NUDGE_COUNT_MAX 16u

struct kafka_ask;
/// Takes `prover_conf` over: of a consumer that compares marks.
struct kafka_ask *kafka_ask_create(rd_kafka_t *consumer, struct store_group *group,
                                   rd_kafka_conf_t *prover_conf);
/// Waits for the question under way. NULL-safe.
void kafka_ask_destroy(struct kafka_ask *ask);
bool kafka_ask_busy(struct kafka_ask *ask);
/// Takes the question over. Not while busy.
void kafka_ask_put(struct kafka_ask *ask, struct kafka_question *question);
/// Has these brokers asked something when no question is under way, for what that does to them;
/// nothing comes back. Those of the call before that were not asked yet are left out.
void kafka_ask_nudge(struct kafka_ask *ask, const struct kafka_nudge *nudges, uint32_t count);
/// The answered question, which is the caller's again, or NULL.
struct kafka_question *kafka_ask_take(struct kafka_ask *ask);
