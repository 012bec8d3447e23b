// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_prover.h"

#include "storage/base/clock.h"
#include "storage/base/hash.h"
#include "storage/base/memory.h"

#include <string.h>

#define ROUND_TIMEOUT_US (3 * MICROSECONDS_PER_SECOND)
#define POLL_MS 50
#define RANGE_TIMEOUT_MS 1000
/// No more than one batch is wanted.
#define FETCH_SIZE "1024"

struct kafka_prover {
    rd_kafka_conf_t *conf; ///< until there is a consumer
    rd_kafka_t *consumer;
    bool (*stopping)(void *context);
    void *context;
};

struct kafka_prover *kafka_prover_create(rd_kafka_conf_t *conf, bool (*stopping)(void *context),
                                         void *context)
{
    struct kafka_prover *prover = memory_allocate_zeroed(1, sizeof(*prover));
    prover->conf = conf;
    prover->stopping = stopping;
    prover->context = context;
    return prover;
}

void kafka_prover_destroy(struct kafka_prover *prover)
{
    if (prover == NULL) {
        return;
    }
    if (prover->consumer != NULL) {
        (void)rd_kafka_consumer_close(prover->consumer);
        rd_kafka_destroy(prover->consumer);
    }
    if (prover->conf != NULL) {
        rd_kafka_conf_destroy(prover->conf);
    }
    memory_free(prover);
}

static bool connect_if_needed(struct kafka_prover *prover)
{
    char reason[256];
    if (prover->consumer != NULL || prover->conf == NULL) {
        return prover->consumer != NULL;
    }
    (void)rd_kafka_conf_set(prover->conf, "fetch.message.max.bytes", FETCH_SIZE, reason,
                            sizeof(reason));
    (void)rd_kafka_conf_set(prover->conf, "queued.min.messages", "1", reason, sizeof(reason));
    prover->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, prover->conf, reason, sizeof(reason));
    if (prover->consumer == NULL) {
        return false;
    }
    prover->conf = NULL;
    (void)rd_kafka_poll_set_consumer(prover->consumer);
    return true;
}

/// The mark is not in the log: cut off at its beginning, which says nothing, or at its end.
static enum kafka_mark_proof judge_absent(struct kafka_prover *prover,
                                          const struct kafka_ask_item *item, int64_t offset)
{
    int64_t low;
    int64_t high;
    if (rd_kafka_query_watermark_offsets(prover->consumer, item->topic, item->number, &low, &high,
                                         RANGE_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return KAFKA_MARK_UNKNOWN;
    }
    if (offset < low) {
        return KAFKA_MARK_STANDS;
    }
    return offset >= high ? KAFKA_MARK_CUT_OFF : KAFKA_MARK_UNKNOWN;
}

static enum kafka_mark_proof judge(struct kafka_prover *prover, const struct kafka_ask_item *item,
                                   const struct kafka_mark *mark, const rd_kafka_message_t *message)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        break;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return judge_absent(prover, item, mark->offset);
    default:
        return KAFKA_MARK_UNKNOWN;
    }
    if (message->offset != mark->offset) { // compacted away: nothing is known of it
        return message->offset > mark->offset ? KAFKA_MARK_STANDS : KAFKA_MARK_UNKNOWN;
    }
    return hash_bytes64(message->payload, message->len) == mark->hash ? KAFKA_MARK_STANDS
                                                                      : KAFKA_MARK_ANOTHER;
}

static struct kafka_ask_item *item_of(struct kafka_question *question,
                                      const rd_kafka_message_t *message)
{
    for (uint32_t index = 0; index < question->item_count; index++) {
        struct kafka_ask_item *item = &question->items[index];
        if (item->mark_count > 0 && item->number == message->partition &&
            strcmp(item->topic, rd_kafka_topic_name(message->rkt)) == 0) {
            return item;
        }
    }
    return NULL;
}

/// The items that have a mark of this round and stood until now. Returns how many.
static uint32_t assign_round(struct kafka_prover *prover, struct kafka_question *question,
                             uint32_t round)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)question->item_count);
    for (uint32_t index = 0; index < question->item_count; index++) {
        struct kafka_ask_item *item = &question->items[index];
        if (round < item->mark_count && (round == 0 || item->proof == KAFKA_MARK_STANDS)) {
            item->proof = KAFKA_MARK_UNKNOWN;
            rd_kafka_topic_partition_list_add(list, item->topic, item->number)->offset =
                item->marks[round].offset;
        }
    }
    uint32_t count = (uint32_t)list->cnt;
    if (count > 0 && rd_kafka_assign(prover->consumer, list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        count = 0;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return count;
}

/// One mark of each partition. False: there is none, or not all brokers answered.
static bool run_round(struct kafka_prover *prover, struct kafka_question *question, uint32_t round)
{
    uint32_t count = assign_round(prover, question, round);
    bool asked = count > 0;
    int64_t until_us = clock_monotonic_us() + ROUND_TIMEOUT_US;
    while (count > 0 && clock_monotonic_us() < until_us && !prover->stopping(prover->context)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(prover->consumer, POLL_MS);
        if (message == NULL) {
            continue;
        }
        struct kafka_ask_item *item = message->rkt == NULL ? NULL : item_of(question, message);
        if (item != NULL && item->proof == KAFKA_MARK_UNKNOWN && round < item->mark_count) {
            item->proof = judge(prover, item, &item->marks[round], message);
            item->judged = round;
            count -= item->proof != KAFKA_MARK_UNKNOWN;
        }
        rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_assign(prover->consumer, NULL);
    return asked && count == 0;
}

void kafka_prover_run(struct kafka_prover *prover, struct kafka_question *question)
{
    bool any = false;
    for (uint32_t index = 0; index < question->item_count; index++) {
        any = any || question->items[index].mark_count > 0;
    }
    if (!any || !connect_if_needed(prover)) {
        return;
    }
    for (uint32_t round = 0; round < KAFKA_MARK_COUNT; round++) {
        if (!run_round(prover, question, round)) {
            break;
        }
    }
}
