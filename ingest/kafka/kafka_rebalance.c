// SPDX-License-Identifier: Apache-2.0
// Which partitions are read. librdkafka says what it wants (on_rebalance() only writes it down);
// here it is done, step by step and between two messages: new partitions start once it is known
// where, leaving ones are given up once what was read of them is committed.
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"

#include <inttypes.h>
#include <string.h>

#define SAID_PARTITION_COUNT_MAX 20
/// How long a revoke waits for the commit. What is not committed by then is the next owner's to
/// read; with a store group our commit of it would be fenced.
#define REVOKE_PATIENCE_US (15 * MICROSECONDS_PER_SECOND)
#define REVOKE_PATIENCE_LOST_US (3 * MICROSECONDS_PER_SECOND) ///< others may be reading already

void kafka_rebalance_begin(struct kafka_source *kafka, struct kafka_partition *partition)
{
    partition->leaving = false;
    partition->assigned = false;
    if (partition->state == KAFKA_HALTED) {
        return;
    }
    partition->state = KAFKA_STARTING;
    partition->claim_wanted = kafka->group != NULL;
    partition->found_topic = false;
    partition->ready = false;
    partition->doubt = KAFKA_DOUBT_NONE;
    partition->range_wanted = false;
    partition->ask_again_us = 0;
    partition->end_offset = -1;
    partition->alarm_us = 0;
    partition->alarm = RD_KAFKA_RESP_ERR_NO_ERROR;
    partition->progress_us = clock_monotonic_us();
    kafka->busy = true;
}

void kafka_rebalance_restart(struct kafka_source *kafka, struct kafka_partition *partition)
{
    if (partition->assigned && kafka->settings.group_mode &&
        kafka_client_cooperative(kafka->client)) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(kafka->client->consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (error != NULL) {
            kafka->recreate_due = true;
            rd_kafka_error_destroy(error);
        }
    }
    partition->assigned = false;
    partition->state = KAFKA_STARTING;
    partition->ready = true;
    kafka->assign_due = true;
    kafka->busy = true;
}

/// Adds a partition at its place. `all`: those that are being read go on where they are.
static void list_add(struct kafka_source *kafka, rd_kafka_topic_partition_list_t *list,
                     struct kafka_partition *partition)
{
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
    if (partition->assigned && partition->state == KAFKA_READING && partition->known) {
        place->offset = partition->next_offset;
    } else {
        place->offset = kafka_offsets_start(partition);
    }
    if (!partition->known && kafka->settings.from_latest) {
        place->offset = RD_KAFKA_OFFSET_END;
    }
#if RD_KAFKA_VERSION >= 0x02010000
    if (partition->known && partition->epoch >= 0) {
        kafka_offsets_settle(partition);
        rd_kafka_topic_partition_set_leader_epoch(place, partition->epoch);
    }
#endif
    partition->assigned = true;
    partition->ready = false;
    partition->end_offset = -1;
}

static bool to_be_listed(const struct kafka_partition *partition, bool all)
{
    if (partition->leaving) {
        return false;
    }
    if (partition->state == KAFKA_STARTING) {
        return partition->ready;
    }
    return all && (partition->state == KAFKA_READING || partition->state == KAFKA_PROVING);
}

/// False: librdkafka did not take it.
static bool tell(struct kafka_source *kafka, rd_kafka_topic_partition_list_t *list, bool increment)
{
    if (!increment) {
        return rd_kafka_assign(kafka->client->consumer, list) == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_error_t *error = rd_kafka_incremental_assign(kafka->client->consumer, list);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    return error == NULL;
}

void kafka_rebalance_apply(struct kafka_source *kafka)
{
    bool increment = kafka->settings.group_mode && kafka_client_cooperative(kafka->client);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)kafka->partition_count);
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        if (to_be_listed(partition, !increment)) {
            kafka_client_forward(kafka->client, partition->topic, partition->partition);
            list_add(kafka, list, partition);
        }
    }
    if (!tell(kafka, list, increment)) {
        kafka->recreate_due = true; // a fatal error, which the main queue will tell as well
    }
    rd_kafka_topic_partition_list_destroy(list);
    kafka->assign_due = false;
    kafka->last_topic = NULL;
}

/// A partition waits for an answer before it can start; one whose claim somebody else holds does
/// not hold up the others.
static bool is_asking(const struct kafka_partition *partition)
{
    return partition->state == KAFKA_STARTING && !partition->ready && partition->ask_again_us == 0;
}

static bool any_asking(const struct kafka_source *kafka)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (is_asking(&kafka->partitions[index])) {
            return true;
        }
    }
    return false;
}

/// "the group gave clicks/0, clicks/1"; a long list is cut short.
static void say_partitions(struct kafka_source *kafka, const char *words,
                           const rd_kafka_topic_partition_list_t *partitions)
{
    struct text_buffer sentence = {0};
    if (kafka->settings.news == NULL || partitions->cnt == 0) {
        return;
    }
    text_buffer_append_string(&sentence, words);
    for (int at = 0; at < partitions->cnt && at < SAID_PARTITION_COUNT_MAX; at++) {
        text_buffer_printf(&sentence, "%s %s/%" PRId32, at == 0 ? "" : ",",
                           partitions->elems[at].topic, partitions->elems[at].partition);
    }
    if (partitions->cnt > SAID_PARTITION_COUNT_MAX) {
        text_buffer_printf(&sentence, " and %d more", partitions->cnt - SAID_PARTITION_COUNT_MAX);
    }
    kafka->settings.news(kafka->settings.notice_context, sentence.bytes);
    text_buffer_deinit(&sentence);
}

static void begin_assign(struct kafka_source *kafka, const struct kafka_rebalance *rebalance)
{
    kafka->phase = KAFKA_ASSIGNING;
    say_partitions(kafka, "the group gave", rebalance->partitions);
    for (int at = 0; at < rebalance->partitions->cnt; at++) {
        const rd_kafka_topic_partition_t *place = &rebalance->partitions->elems[at];
        kafka_rebalance_begin(kafka, kafka_partition_get(kafka, place->topic, place->partition));
    }
}

static void begin_revoke(struct kafka_source *kafka, const struct kafka_rebalance *rebalance,
                         int64_t now_us)
{
    kafka->phase = KAFKA_REVOKING;
    say_partitions(kafka, rebalance->lost ? "lost to the group:" : "the group takes back",
                   rebalance->partitions);
    kafka->revoke_until_us =
        now_us + (rebalance->lost ? REVOKE_PATIENCE_LOST_US : REVOKE_PATIENCE_US);
    for (int at = 0; at < rebalance->partitions->cnt; at++) {
        const rd_kafka_topic_partition_t *place = &rebalance->partitions->elems[at];
        struct kafka_partition *partition =
            kafka_partition_find(kafka, place->topic, place->partition);
        if (partition != NULL) {
            partition->leaving = true;
        }
    }
}

static bool any_uncommitted(const struct kafka_source *kafka)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (kafka->partitions[index].leaving &&
            kafka_offsets_uncommitted(&kafka->partitions[index])) {
            return true;
        }
    }
    return false;
}

static void give_up(struct kafka_source *kafka)
{
    bool increment = kafka_client_cooperative(kafka->client);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)kafka->partition_count);
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        if (!partition->leaving) {
            continue;
        }
        if (partition->assigned || !increment) {
            rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
        }
        // What is not committed yet keeps its claim, so that its commit may still come, unless
        // another takes it over first.
        if (kafka->group != NULL && !kafka_offsets_uncommitted(partition)) {
            store_group_release(kafka->group, partition->id);
        }
        partition->leaving = false;
        partition->assigned = false;
        partition->ready = false;
        if (partition->state != KAFKA_HALTED) {
            partition->state = KAFKA_AWAY;
        }
    }
    if (!increment) {
        (void)rd_kafka_assign(kafka->client->consumer, NULL);
    } else {
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(kafka->client->consumer, list);
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void end_step(struct kafka_source *kafka)
{
    kafka->phase = KAFKA_CALM;
    kafka->rebalances++;
    kafka->last_topic = NULL;
    kafka_client_rebalanced(kafka->client);
}

void kafka_rebalance_step(struct kafka_source *kafka, int64_t now_us)
{
    const struct kafka_rebalance *rebalance = kafka_client_rebalance(kafka->client);
    if (kafka->phase == KAFKA_CALM && rebalance != NULL) {
        if (rebalance->assign) {
            begin_assign(kafka, rebalance);
        } else {
            begin_revoke(kafka, rebalance, now_us);
        }
    }
    if (kafka->phase == KAFKA_ASSIGNING && !any_asking(kafka)) {
        kafka_rebalance_apply(kafka);
        end_step(kafka);
    } else if (kafka->phase == KAFKA_REVOKING &&
               (!any_uncommitted(kafka) || now_us >= kafka->revoke_until_us)) {
        give_up(kafka);
        end_step(kafka);
    } else if (kafka->phase == KAFKA_CALM && kafka->assign_due) {
        kafka_rebalance_apply(kafka);
    }
}
