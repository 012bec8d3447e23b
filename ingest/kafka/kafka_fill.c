// SPDX-License-Identifier: Apache-2.0
// Keeps the queue of fetched messages from running dry. Where it is full, librdkafka before 2.2
// lets a broker's thread sleep until something happens there, for up to a second (rdkafka_broker.c,
// rd_kafka_broker_consumer_serve(), rd_kafka_max_block_ms), although the queue is read empty within
// a tenth of that. Any request wakes the thread; so where a full queue is half empty again, each
// broker is asked for the bounds of one log. From 2.2 on fetch.queue.backoff.ms does it.
#include "ingest/kafka/kafka_source.h"

/// Of librdkafka's queued.min.messages, unless it is given.
#define QUEUED_COUNT_DEFAULT 100000u

static bool is_more(uint64_t part, uint64_t whole, uint32_t fourths)
{
    return part * 4 >= whole * fourths;
}

static bool is_listed(const struct kafka_nudge *nudges, uint32_t count, int32_t broker)
{
    for (uint32_t index = 0; index < count; index++) {
        if (nudges[index].broker == broker && broker >= 0) {
            return true;
        }
    }
    return false;
}

static void wake_brokers(struct kafka_source *kafka)
{
    struct kafka_nudge nudges[KAFKA_NUDGE_COUNT_MAX];
    uint32_t count = 0;
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        const struct kafka_partition *partition = &kafka->partitions[index];
        if (count < KAFKA_NUDGE_COUNT_MAX && partition->state == KAFKA_READING &&
            !is_listed(nudges, count, partition->broker)) {
            nudges[count++] =
                (struct kafka_nudge){partition->topic, partition->partition, partition->broker};
        }
    }
    kafka_ask_nudge(kafka->client->ask, nudges, count);
}

void kafka_fill_look(struct kafka_source *kafka)
{
    if (!kafka->settings.wakes_brokers || kafka->messages_done == 0) {
        return;
    }
    uint64_t count = rd_kafka_queue_length(kafka->client->data);
    uint64_t bytes = count * (kafka->bytes_done / kafka->messages_done);
    uint64_t count_max = kafka->settings.queued_count_max != 0 ? kafka->settings.queued_count_max
                                                               : QUEUED_COUNT_DEFAULT;
    if (is_more(bytes, kafka->settings.queued_bytes_max, 3) || is_more(count, count_max, 3)) {
        kafka->was_full = true;
    } else if (kafka->was_full && !is_more(bytes, kafka->settings.queued_bytes_max, 2) &&
               !is_more(count, count_max, 2)) {
        kafka->was_full = false;
        wake_brokers(kafka);
    }
}
