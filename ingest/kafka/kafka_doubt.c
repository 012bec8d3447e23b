// SPDX-License-Identifier: Apache-2.0
// A partition whose log may not be the one that was read: nothing of it is delivered until the
// broker has said what the log holds; then it goes on, or halts with both histories named.
#include "ingest/kafka/kafka_proof.h"
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <string.h>

#define ASK_AGAIN_US MICROSECONDS_PER_SECOND
#define REREAD_COUNT_MAX 5u

void kafka_doubt(struct kafka_source *kafka, struct kafka_partition *partition,
                 enum kafka_doubt doubt)
{
    if (partition->state == KAFKA_DOUBTFUL || partition->state == KAFKA_HALTED) {
        return;
    }
    partition->state = KAFKA_DOUBTFUL;
    partition->doubt = doubt;
    partition->range_wanted = true;
    partition->ask_again_us = 0;
    kafka->busy = true;
}

void kafka_doubt_halt(struct kafka_source *kafka, struct kafka_partition *partition,
                      const char *sentence)
{
    if (partition->state == KAFKA_HALTED) {
        return;
    }
    partition->state = KAFKA_HALTED;
    partition->range_wanted = false;
    partition->why = memory_copy_string(sentence, strlen(sentence));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
    (void)rd_kafka_pause_partitions(kafka->client->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_alarm(kafka, sentence);
    kafka_status_publish(kafka);
}

void kafka_doubt_broker(struct kafka_source *kafka, struct kafka_partition *partition)
{
    partition->state = KAFKA_DOUBTFUL;
    partition->range_wanted = false;
    kafka->recreate_due = true;
    kafka->busy = true;
}

void kafka_doubt_reread(struct kafka_source *kafka, struct kafka_partition *partition,
                        const char *reason)
{
    if (partition->reread_offset != partition->next_offset) {
        partition->reread_offset = partition->next_offset;
        partition->reread_count = 0;
    }
    struct text_buffer words = {0};
    if (partition->reread_count++ < REREAD_COUNT_MAX) {
        // What follows the damage is on its way already, and would look like the next message.
        partition->state = KAFKA_DOUBTFUL;
        partition->range_wanted = false;
        kafka->recreate_due = true;
        kafka->busy = true;
        text_buffer_printf(&words, "kafka '%s' at offset %" PRId64 ": %s; read again",
                           partition->name, partition->next_offset, reason);
        kafka_alarm(kafka, words.bytes);
    } else {
        text_buffer_printf(&words,
                           "cannot continue '%s' at offset %" PRId64
                           ": what the broker holds there is damaged, %u readings gave: %s",
                           partition->name, partition->next_offset, REREAD_COUNT_MAX + 1, reason);
        kafka_doubt_halt(kafka, partition, words.bytes);
    }
    text_buffer_deinit(&words);
}

static void say_policy(struct kafka_source *kafka, const struct kafka_partition *partition,
                       const char *what)
{
    struct text_buffer words = {0};
    text_buffer_printf(&words, "kafka '%s': %s", partition->name, what);
    kafka_alarm(kafka, words.bytes);
    text_buffer_deinit(&words);
}

static void halt_by(struct kafka_source *kafka, struct kafka_partition *partition,
                    enum kafka_verdict verdict, struct hash128 topic_id)
{
    struct text_buffer words = {0};
    kafka_offsets_explain(partition, verdict, topic_id, &words);
    kafka_doubt_halt(kafka, partition, words.bytes);
    text_buffer_deinit(&words);
}

static void take_gap(struct kafka_source *kafka, struct kafka_partition *partition)
{
    char what[128];
    partition->lost_pending += (uint64_t)(partition->low - partition->next_offset);
    snprintf(what, sizeof(what),
             "offsets %" PRId64 " to %" PRId64 " are gone and recorded as lost; going on",
             partition->next_offset, partition->low - 1);
    partition->next_offset = partition->low;
    partition->anchor_offset = -1;
    partition->unhashed = NULL;
    partition->unproved = true;
    kafka_proof_begin(partition, -1, 0);
    kafka->gap_due = true;
    say_policy(kafka, partition, what);
    kafka_rebalance_restart(kafka, partition);
}

/// Positions go back: what is under way must not arrive, so a new consumer reads on.
static void take_reset(struct kafka_source *kafka, struct kafka_partition *partition,
                       struct hash128 topic_id)
{
    bool same_topic =
        (topic_id.low | topic_id.high) != 0 && hash128_equal(topic_id, partition->topic_id);
    kafka_let_go(kafka);
    if (same_topic) {
        say_policy(kafka, partition, "its end was cut off; going on at its new end");
        partition->next_offset = partition->high;
        partition->anchor_offset = -1;
        partition->unproved = true;
    } else {
        say_policy(kafka, partition, "the topic was made anew; reading it from its beginning");
        partition->known = false;
        partition->next_offset = 0;
        partition->anchor_offset = -1;
        partition->topic_id = topic_id;
    }
    kafka_proof_begin(partition, -1, 0);
    partition->epoch = -1;
    partition->first_offset = -1;
    partition->settled_offset = partition->next_offset;
    partition->doubt = KAFKA_DOUBT_NONE;
    partition->state = KAFKA_AWAY;
    kafka->recreate_due = true;
    kafka->busy = true;
}

/// Whether the policy can name a place to go on at.
static bool may_restart(const struct kafka_source *kafka, const struct kafka_partition *partition,
                        struct hash128 topic_id)
{
    bool same_topic =
        (topic_id.low | topic_id.high) != 0 && hash128_equal(topic_id, partition->topic_id);
    // What is in the store already would come again.
    return kafka->settings.on_reset == KAFKA_RESET_RESTART && partition->questioned_from < 0 &&
           (!same_topic || partition->next_offset > partition->high);
}

void kafka_doubt_answer(struct kafka_source *kafka, struct kafka_partition *partition,
                        const struct kafka_ask_item *item, struct hash128 topic_id)
{
    partition->range_wanted = true;
    partition->ask_again_us = clock_monotonic_us() + ASK_AGAIN_US;
    if (!item->range_known) {
        return;
    }
    enum kafka_verdict verdict = kafka_offsets_judge(partition, item->low, item->high, topic_id);
    if (verdict == KAFKA_VERDICT_UNCLEAR) {
        return;
    }
    partition->range_wanted = false;
    partition->ask_again_us = 0;
    if (verdict == KAFKA_VERDICT_FINE) {
        partition->doubt = KAFKA_DOUBT_NONE;
        kafka_rebalance_restart(kafka, partition);
    } else if (verdict == KAFKA_VERDICT_GAP && kafka->settings.on_gap == KAFKA_GAP_CONTINUE) {
        take_gap(kafka, partition);
    } else if (verdict == KAFKA_VERDICT_RESET && may_restart(kafka, partition, topic_id)) {
        take_reset(kafka, partition, topic_id);
    } else {
        halt_by(kafka, partition, verdict, topic_id);
    }
}
