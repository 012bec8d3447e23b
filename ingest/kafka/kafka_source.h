// SPDX-License-Identifier: Apache-2.0
/// Private to ingest/kafka: what a consumer as a source is made of. Everything belongs to the
/// ingest thread, but for `shared`.
#pragma once

#include "ingest/kafka/kafka.h"
#include "ingest/kafka/kafka_client.h"
#include "ingest/kafka/kafka_offsets.h"
#include "ingest/kafka/kafka_options.h"
#include "ingest/metadata.h"
#include "ingest/source.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/// What librdkafka waits for us to do about the assignment.
enum kafka_phase {
    KAFKA_CALM = 0,
    KAFKA_ASSIGNING, ///< where the new partitions begin is being asked for
    KAFKA_REVOKING,  ///< what was read of the leaving partitions is being committed
};

/// What other threads may look at. Written twice a second.
struct kafka_shared {
    pthread_mutex_t lock;
    struct kafka_partition_status *partitions; ///< name and why are owned by the partitions
    char **whys;                               ///< copies
    char *last_alarm;                          ///< its sentence, or NULL
    uint32_t partition_count;
    uint32_t capacity;
    struct kafka_status figures;
};

/// What is delivered after a time without polls: see kafka_hold.c.
enum kafka_hold {
    KAFKA_HOLD_NONE = 0,
    KAFKA_HOLD_TO_ASK, ///< nothing is; whether the logs are the same is still to be asked
    KAFKA_HOLD_ASKED,  ///< nothing is until that is answered
};

#define KAFKA_BATCH_COUNT_MAX 64u
/// What librdkafka keeps of a fetched message beside its bytes.
#define KAFKA_QUEUED_OVERHEAD 512u

/// Whether brokers answer: see kafka_reach.c.
struct kafka_reach {
    int64_t silent_us; ///< how long none has
    int64_t looked_us;
    uint64_t bytes_seen;
    bool said;
    char reason[KAFKA_CLIENT_REASON_SIZE]; ///< of the last failure since; "": none
};

struct kafka_source {
    struct source source; // first: see source.h
    struct kafka_settings settings;
    struct kafka_client *client;
    struct kafka_grave *grave; ///< the consumer before, being closed
    struct store_group *group;

    struct store_position *stored; ///< of the store, when the source was opened; names are not kept
    uint32_t stored_count;
    uint64_t fingerprint; ///< of the installation, in the metadata of committed offsets; 0: none
    uint64_t commit_number;

    struct kafka_partition *partitions;
    uint32_t partition_count;
    uint32_t partition_capacity;

    rd_kafka_message_t *held; ///< delivered, and borrowed until the next poll
    uint32_t held_index;      ///< its partition
    struct metadata metadata; ///< of the held message
    struct metadata_header *headers;
    uint32_t header_capacity;
    const rd_kafka_topic_t *last_topic; ///< messages come in runs of one partition
    struct text last_topic_name;
    int32_t last_partition;
    uint32_t last_index;

    enum kafka_phase phase;
    int64_t revoke_until_us;
    bool assign_due;   ///< partitions are ready to be told to librdkafka
    bool gap_due;      ///< a partition has lost_pending or move_pending
    bool recreate_due; ///< the consumer is to be made anew
    bool busy;         ///< look after all that before every message
    bool was_full;     ///< the queue of fetched messages, since brokers were last woken
    int64_t polled_us; ///< when the source was last seen to run
    enum kafka_hold hold;
    uint32_t until_service;
    /// Taken from the client's queue in one go, not yet delivered; [batch_next, batch_count) are
    /// left.
    rd_kafka_message_t *batch[KAFKA_BATCH_COUNT_MAX];
    uint32_t batch_next;
    uint32_t batch_count;
    struct text lot[KAFKA_BATCH_COUNT_MAX]; ///< values of the messages from batch_next on
    uint32_t lot_index;                     ///< their partition
    uint64_t bytes_at_batch;                ///< bytes_done when the batch was taken
    int64_t tick_us;
    int64_t topics_asked_us;
    int64_t proof_us; ///< when marks were last asked for
    bool asks_idly;   ///< nobody waits for the question under way
    int64_t recreated_us;
    int64_t recreate_pause_us;
    int64_t alarm_us; ///< since when an error without a partition needs somebody
    rd_kafka_resp_err_t alarm;
    struct kafka_reach reach;
    uint64_t bytes_done;
    uint64_t messages_done;
    uint64_t rebalances;
    uint64_t recreated;
    uint64_t alarms;
    uint64_t foreign;
    struct corong_error failure; ///< ends the source, once set
    struct kafka_shared shared;
};

static inline struct kafka_source *kafka_of(struct source *source)
{
    return (struct kafka_source *)source;
}

/// kafka_fill.c: wakes brokers' threads that sleep although the queue has room again.
void kafka_fill_look(struct kafka_source *kafka);
/// kafka_hold.c: the source runs; where it did not for a while, it is held.
void kafka_hold_look(struct kafka_source *kafka, int64_t now_us);
/// The question that is put now asks for all logs; false: there is none to ask for.
void kafka_hold_asked(struct kafka_source *kafka, bool anything);
/// It came back, by some broker or by none.
void kafka_hold_answered(struct kafka_source *kafka, bool answered);

/// Whether messages of a partition are taken at all.
bool kafka_source_takes(const struct kafka_partition *partition);
/// kafka.c
void kafka_notice(struct kafka_source *kafka, const char *sentence);
/// A notice that somebody should look at: counted, and the last one is kept for kafka_status().
void kafka_alarm(struct kafka_source *kafka, const char *sentence);
struct kafka_partition *kafka_partition_find(struct kafka_source *kafka, const char *topic,
                                             int32_t number);
/// Adds it where it is new, at its stored position.
struct kafka_partition *kafka_partition_get(struct kafka_source *kafka, const char *topic,
                                            int32_t number);
/// Makes the consumer, joins the group or assigns. Also where it was made before.
CORONG_MUST_CHECK enum corong_status kafka_connect(struct kafka_source *kafka,
                                                   struct corong_error *error);
/// Closes the consumer and makes another that goes on where this one stands.
void kafka_recreate(struct kafka_source *kafka);
/// Frees the message in hand.
void kafka_let_go(struct kafka_source *kafka);
/// Frees what was taken from the queue and not delivered.
void kafka_drop_batch(struct kafka_source *kafka);

/// kafka_poll.c
enum source_poll kafka_poll(struct source *source, struct source_message *message_out,
                            struct corong_error *error);
void kafka_waiting(struct source *source);
void kafka_headers(struct source *source);

/// kafka_lot.c: the rest of a batch at once.
bool kafka_lot(struct source *source, struct source_lot *lot_out);
int64_t kafka_take_lot(struct source *source, uint32_t count);

/// kafka_rebalance.c: goes on with what librdkafka waits for.
void kafka_rebalance_step(struct kafka_source *kafka, int64_t now_us);
/// A partition that this consumer is to read from now on.
void kafka_rebalance_begin(struct kafka_source *kafka, struct kafka_partition *partition);
/// Starts it again at its position.
void kafka_rebalance_restart(struct kafka_source *kafka, struct kafka_partition *partition);
/// Tells librdkafka of all partitions that are ready.
void kafka_rebalance_apply(struct kafka_source *kafka);

/// kafka_doubt.c: the partition's log may not be the one that was read.
void kafka_doubt(struct kafka_source *kafka, struct kafka_partition *partition,
                 enum kafka_doubt doubt);
/// Another broker serves it, or the same one after everybody was away, and no leader epoch says
/// whether its log is the one that was read: a new consumer compares the last message.
void kafka_doubt_broker(struct kafka_source *kafka, struct kafka_partition *partition);
/// Damaged bytes: once more, and then it halts.
void kafka_doubt_reread(struct kafka_source *kafka, struct kafka_partition *partition,
                        const char *reason);
void kafka_doubt_halt(struct kafka_source *kafka, struct kafka_partition *partition,
                      const char *sentence);
/// An answer about the log's bounds.
void kafka_doubt_answer(struct kafka_source *kafka, struct kafka_partition *partition,
                        const struct kafka_ask_item *item, struct hash128 topic_id);

/// kafka_watch.c: questions, stalls, the figures for others.
void kafka_watch_answers(struct kafka_source *kafka, int64_t now_us);
void kafka_watch_ask(struct kafka_source *kafka, int64_t now_us);
void kafka_watch_take(struct kafka_source *kafka, struct kafka_question *question, int64_t now_us);
void kafka_watch_tick(struct kafka_source *kafka, int64_t now_us);
/// The question that all partitions and topics need before they start.
struct kafka_question *kafka_watch_question(struct kafka_source *kafka, int64_t now_us);

/// kafka_reach.c: a broker has answered something.
void kafka_reach_answer(struct kafka_source *kafka);
/// One could not be reached.
void kafka_reach_trouble(struct kafka_source *kafka, const char *reason);
/// A few times a second.
void kafka_reach_tick(struct kafka_source *kafka, int64_t now_us);

/// kafka_proof.c: whether the marks of a log still stand.
bool kafka_proof_due(const struct kafka_source *kafka, int64_t now_us);
/// Adds a partition's marks, where librdkafka cannot tell its log from another itself.
void kafka_proof_ask(struct kafka_source *kafka, uint32_t index, struct kafka_question *question);
void kafka_proof_answer(struct kafka_source *kafka, struct kafka_partition *partition,
                        const struct kafka_ask_item *item);

/// kafka_commit.c
void kafka_committed(struct source *source, const struct store_position *positions,
                     uint32_t position_count);
/// Warns where the group's committed offset is another installation's.
void kafka_commit_compare(struct kafka_source *kafka, const struct kafka_partition *partition,
                          const char *metadata);

/// kafka_status.c
void kafka_status_init(struct kafka_source *kafka);
void kafka_status_publish(struct kafka_source *kafka);
void kafka_status_deinit(struct kafka_source *kafka);
