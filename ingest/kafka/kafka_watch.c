// SPDX-License-Identifier: Apache-2.0
// What is asked of brokers and of the group, and what the answers mean; and the watchdog: a
// partition that has messages and gives none for a while gets a new consumer.
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <string.h>

#define TOPICS_INTERVAL_US (5 * MICROSECONDS_PER_SECOND)
#define ASK_AGAIN_US MICROSECONDS_PER_SECOND
#define LOOKED_INTO_MAX 32u ///< partitions in one question that stand still
#define RECREATE_PAUSE_FACTOR_MAX 16

static bool asks_now(const struct kafka_partition *partition, int64_t now_us)
{
    return (partition->claim_wanted || partition->range_wanted) && !partition->leaving &&
           now_us >= partition->ask_again_us;
}

static void add_item(struct kafka_source *kafka, struct kafka_question *question, uint32_t index)
{
    struct kafka_partition *partition = &kafka->partitions[index];
    struct kafka_ask_item *item =
        kafka_question_add(question, partition->topic, partition->partition);
    item->index = index;
    item->id = partition->id;
    item->name = text_from(partition->name);
    item->claim = partition->claim_wanted && partition->state == KAFKA_STARTING;
    item->range = partition->range_wanted;
    item->foreign = partition->state == KAFKA_STARTING && kafka->settings.group_given &&
                    kafka->fingerprint != 0 && !partition->found_topic;
    partition->range_wanted = false;
}

/// All topics now and then: their ids may have changed, their partitions become more.
static bool topics_due(const struct kafka_source *kafka, int64_t now_us)
{
    return now_us - kafka->topics_asked_us >= TOPICS_INTERVAL_US;
}

struct kafka_question *kafka_watch_question(struct kafka_source *kafka, int64_t now_us)
{
    struct kafka_question *question = kafka_question_create();
    bool held = kafka->hold == KAFKA_HOLD_TO_ASK;
    bool due = held || topics_due(kafka, now_us);
    bool proof_due = held || kafka_proof_due(kafka, now_us);
    bool idly = true;
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        bool starts = partition->state == KAFKA_STARTING && !partition->ready &&
                      !partition->leaving && now_us >= partition->ask_again_us;
        if (starts || asks_now(partition, now_us)) {
            add_item(kafka, question, index);
            kafka_question_add_topic(question, partition->topic);
            idly = false;
        } else if (due && partition->state != KAFKA_AWAY) {
            kafka_question_add_topic(question, partition->topic);
        }
        if (proof_due) {
            kafka_proof_ask(kafka, index, question);
        }
    }
    if (due && kafka->partition_count == 0) {
        // Nothing is assigned yet; do brokers answer at all?
        kafka_question_add_topic(question, kafka->settings.topics[0]);
    }
    bool anything = question->item_count > 0 || question->topic_count > 0;
    kafka_hold_asked(kafka, anything);
    if (!anything) {
        kafka_question_destroy(question);
        return NULL;
    }
    kafka->asks_idly = idly;
    kafka->proof_us = proof_due ? now_us : kafka->proof_us;
    kafka->topics_asked_us = due ? now_us : kafka->topics_asked_us;
    return question;
}

void kafka_watch_ask(struct kafka_source *kafka, int64_t now_us)
{
    if (kafka_ask_busy(kafka->client->ask)) {
        return;
    }
    struct kafka_question *question = kafka_watch_question(kafka, now_us);
    if (question != NULL) {
        kafka_ask_put(kafka->client->ask, question);
        kafka->busy = !kafka->asks_idly;
    }
}

static void say_claim(struct kafka_source *kafka, const struct kafka_partition *partition,
                      const struct kafka_ask_item *item)
{
    struct text_buffer words = {0};
    text_buffer_printf(&words, "kafka '%s' cannot be claimed, tried again: %s", partition->name,
                       item->claim_error.message);
    kafka_alarm(kafka, words.bytes);
    text_buffer_deinit(&words);
}

/// True: the partition is ours.
static bool take_claim(struct kafka_source *kafka, struct kafka_partition *partition,
                       const struct kafka_ask_item *item, int64_t now_us)
{
    if (item->claim_status != CORONG_OK) {
        if (partition->ask_again_us == 0) {
            say_claim(kafka, partition, item);
        }
        partition->ask_again_us = now_us + ASK_AGAIN_US;
        return false;
    }
    partition->claim_wanted = false;
    partition->ask_again_us = 0;
    // What we delivered and have not committed yet stays valid where the claim is still ours.
    if (item->found && (!partition->known || item->claimed.next_offset > partition->next_offset)) {
        kafka_let_go(kafka);
        kafka_offsets_move(partition, &item->claimed);
    }
    return true;
}

static struct hash128 topic_id_of(const struct kafka_question *question, const char *topic)
{
    const struct kafka_ask_topic *found = kafka_question_topic(question, topic);
    return found == NULL ? (struct hash128){0} : found->id;
}

/// Compares the topic's id with the position's. False: it is another topic.
static bool same_topic(struct kafka_partition *partition, struct hash128 id)
{
    static const struct hash128 none;
    if (hash128_equal(id, none)) {
        return true;
    }
    if (hash128_equal(partition->topic_id, none)) {
        partition->topic_id = id;
    }
    return hash128_equal(partition->topic_id, id);
}

static void take_start(struct kafka_source *kafka, struct kafka_partition *partition,
                       const struct kafka_ask_item *item, struct hash128 topic_id, int64_t now_us)
{
    if (item->claim && !take_claim(kafka, partition, item, now_us)) {
        return;
    }
    if (item->metadata != NULL) {
        kafka_commit_compare(kafka, partition, item->metadata);
    }
    partition->found_topic = true;
    if (partition->known && !same_topic(partition, topic_id)) {
        kafka_doubt(kafka, partition, KAFKA_DOUBT_TOPIC);
        return;
    }
    (void)same_topic(partition, topic_id);
    partition->ready = true;
    kafka->assign_due = true;
}

static void take_item(struct kafka_source *kafka, const struct kafka_question *question,
                      const struct kafka_ask_item *item, int64_t now_us)
{
    struct kafka_partition *partition = &kafka->partitions[item->index];
    struct hash128 topic_id = topic_id_of(question, partition->topic);
    if (item->mark_count > 0) {
        kafka_proof_answer(kafka, partition, item);
        return;
    }
    if (partition->state == KAFKA_STARTING && !partition->leaving && !partition->ready) {
        take_start(kafka, partition, item, topic_id, now_us);
    } else if (item->claim && item->claim_status == CORONG_OK && kafka->group != NULL &&
               (partition->state == KAFKA_AWAY || partition->leaving) &&
               !kafka_offsets_uncommitted(partition)) { // else its commit may be under way
        store_group_release(kafka->group, partition->id);
    } else if (item->range && partition->state == KAFKA_DOUBTFUL) {
        kafka_doubt_answer(kafka, partition, item, topic_id);
    } else if (item->range && item->range_known) {
        partition->low = item->low;
        partition->high = item->high;
    }
}

/// Of all partitions that are being read: is it still the same topic?
static void take_topics(struct kafka_source *kafka, const struct kafka_question *question)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        bool read = partition->state == KAFKA_READING || partition->state == KAFKA_PROVING;
        if (read && !same_topic(partition, topic_id_of(question, partition->topic))) {
            kafka_doubt(kafka, partition, KAFKA_DOUBT_TOPIC);
        }
    }
}

/// By hand and all of a topic: partitions that were added to it.
static void take_new_partitions(struct kafka_source *kafka, const struct kafka_question *question)
{
    if (kafka->settings.group_mode || kafka->settings.stop_at_end) {
        return;
    }
    for (char **at = kafka->settings.topics; *at != NULL; at++) {
        const struct kafka_ask_topic *topic =
            strchr(*at, ':') != NULL ? NULL : kafka_question_topic(question, *at);
        for (int32_t number = 0; topic != NULL && number < topic->partition_count; number++) {
            if (kafka_partition_find(kafka, *at, number) == NULL) {
                kafka_rebalance_begin(kafka, kafka_partition_get(kafka, *at, number));
            }
        }
    }
}

void kafka_watch_take(struct kafka_source *kafka, struct kafka_question *question, int64_t now_us)
{
    for (uint32_t index = 0; index < question->item_count; index++) {
        take_item(kafka, question, &question->items[index], now_us);
    }
    if (question->answered) {
        kafka_reach_answer(kafka);
    }
    kafka_hold_answered(kafka, question->answered);
    take_topics(kafka, question);
    take_new_partitions(kafka, question);
    kafka_question_destroy(question);
}

void kafka_watch_answers(struct kafka_source *kafka, int64_t now_us)
{
    struct kafka_question *question = kafka_ask_take(kafka->client->ask);
    if (question != NULL) {
        kafka_watch_take(kafka, question, now_us);
    }
}

static void stall(struct kafka_source *kafka, struct kafka_partition *partition, int64_t now_us)
{
    struct text_buffer words = {0};
    text_buffer_printf(&words,
                       "kafka '%s' stands at offset %" PRId64 " of %" PRId64 " for %" PRId64
                       " s; making a new consumer",
                       partition->name, partition->next_offset, partition->high,
                       (now_us - partition->progress_us) / MICROSECONDS_PER_SECOND);
    kafka_alarm(kafka, words.bytes);
    text_buffer_deinit(&words);
    kafka->recreate_due = true;
    kafka->busy = true;
    // Twice as patient each time, for where nothing helps.
    int64_t pause_max_us = RECREATE_PAUSE_FACTOR_MAX * kafka->settings.stall_us;
    int64_t pause_us =
        kafka->recreate_pause_us == 0 ? kafka->settings.stall_us : 2 * kafka->recreate_pause_us;
    kafka->recreate_pause_us = pause_us < pause_max_us ? pause_us : pause_max_us;
}

/// The bounds that librdkafka saw last. No request.
static void look(struct kafka_source *kafka, struct kafka_partition *partition)
{
    int64_t low;
    int64_t high;
    if (rd_kafka_get_watermark_offsets(kafka->client->consumer, partition->topic,
                                       partition->partition, &low,
                                       &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0) {
        partition->low = low;
        partition->high = high > partition->high ? high : partition->high;
    }
}

/// A partition without progress is asked for; if its log goes on behind the position by the
/// broker's own word, and nothing came since, it stalls. (An open transaction does not: the broker
/// then names the end of what is decided.)
static bool watch_partition(struct kafka_source *kafka, struct kafka_partition *partition,
                            int64_t now_us)
{
    if (partition->next_offset != partition->watched_offset) {
        partition->watched_offset = partition->next_offset;
        partition->progress_us = now_us;
        partition->alarm_us = 0;
        partition->alarm = RD_KAFKA_RESP_ERR_NO_ERROR;
        partition->looked_into = false;
        kafka->recreate_pause_us = 0;
        return false;
    }
    if (now_us - partition->progress_us < kafka->settings.stall_us) {
        return false;
    }
    bool has_more = partition->high >= 0 && partition->high > partition->next_offset;
    if (partition->looked_into && !partition->range_wanted && has_more &&
        now_us - kafka->recreated_us >= kafka->recreate_pause_us) {
        stall(kafka, partition, now_us);
        partition->progress_us = now_us;
        partition->looked_into = false;
        return false;
    }
    partition->progress_us = partition->looked_into ? now_us : partition->progress_us;
    partition->looked_into = !partition->looked_into;
    partition->range_wanted = partition->looked_into;
    return partition->range_wanted;
}

void kafka_watch_tick(struct kafka_source *kafka, int64_t now_us)
{
    uint32_t looked_into = 0;
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        if (partition->assigned) {
            kafka_client_forward(kafka->client, partition->topic, partition->partition);
            look(kafka, partition);
        }
        if (kafka_source_takes(partition) && looked_into < LOOKED_INTO_MAX) {
            looked_into += watch_partition(kafka, partition, now_us);
        }
    }
    kafka_reach_tick(kafka, now_us);
    kafka_status_publish(kafka);
}
