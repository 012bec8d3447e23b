// SPDX-License-Identifier: Apache-2.0
// What poll() would deliver without a further word, many messages at once. Most of a topic comes
// this way: the first message of each batch is polled, which is when everything else is looked
// after, and the others follow as one lot.
#include "ingest/kafka/kafka_source.h"

#define CACHE_LINE_SIZE 64u
#define AHEAD_SIZE_MAX 1024u ///< of a message; behind that the processor has seen the pattern

/// Whether a message of the partition follows `offset` and there is nothing to look into: take()
/// would deliver it and say no more of it than its bytes. `epoch` is that of the message before,
/// as far as known, and becomes this one's: the epochs of a log never go down.
static bool follows(const struct kafka_source *kafka, const struct kafka_partition *partition,
                    const rd_kafka_message_t *message, int64_t offset, int32_t *epoch)
{
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->rkt != kafka->last_topic ||
        message->partition != kafka->last_partition || message->offset != offset ||
        message->payload == NULL || message->len > kafka->settings.message_size_max) {
        return false;
    }
    int32_t own = kafka_offsets_epoch(message);
    int32_t broker = kafka_offsets_broker(message);
    if ((own >= 0 && own < *epoch) || (broker >= 0 && broker != partition->broker)) {
        return false;
    }
    *epoch = own >= 0 ? own : *epoch;
    return true;
}

/// A broker's thread of librdkafka wrote it on another core: the loads of many messages overlap
/// here, where the decoder would wait for those of each.
static void fetch_ahead(const rd_kafka_message_t *message)
{
    const char *bytes = message->payload;
    size_t size = message->len < AHEAD_SIZE_MAX ? message->len : AHEAD_SIZE_MAX;
    for (size_t at = 0; at < size; at += CACHE_LINE_SIZE) {
        __builtin_prefetch(bytes + at);
    }
}

/// The rest of a batch, as far as it goes on with the partition of the message before.
bool kafka_lot(struct source *source, struct source_lot *lot_out)
{
    struct kafka_source *kafka = kafka_of(source);
    if (kafka->hold != KAFKA_HOLD_NONE || kafka->last_topic == NULL ||
        kafka->batch_next == kafka->batch_count) {
        return false;
    }
    const struct kafka_partition *partition = &kafka->partitions[kafka->last_index];
    if (partition->state != KAFKA_READING || partition->leaving || !partition->known) {
        return false;
    }
    uint32_t count = 0;
    int32_t epoch = partition->epoch;
    for (uint32_t at = kafka->batch_next; at < kafka->batch_count; at++, count++) {
        const rd_kafka_message_t *message = kafka->batch[at];
        if (!follows(kafka, partition, message, partition->next_offset + count, &epoch)) {
            break;
        }
        fetch_ahead(message);
        kafka->lot[count] = (struct text){message->payload, message->len};
    }
    kafka->lot_index = kafka->last_index;
    *lot_out = (struct source_lot){kafka->lot, count, kafka->lot_index};
    return count > 0;
}

/// Messages are freed together, but for the last, whose bytes may be asked for as the anchor. The
/// partition is the lot's: while it was decoded, `waiting` may have looked up another.
int64_t kafka_take_lot(struct source *source, uint32_t count)
{
    struct kafka_source *kafka = kafka_of(source);
    struct kafka_partition *partition = &kafka->partitions[kafka->lot_index];
    rd_kafka_message_t **messages = kafka->batch + kafka->batch_next;
    (void)kafka_offsets_advance(partition, messages[count - 1]);
    kafka_let_go(kafka);
    for (uint32_t index = 0; index < count; index++) {
        kafka->bytes_done += messages[index]->len;
        if (index + 1 < count) {
            rd_kafka_message_destroy(messages[index]);
        }
    }
    kafka->held = messages[count - 1];
    kafka->held_index = kafka->lot_index;
    kafka->messages_done += count;
    kafka->batch_next += count;
    kafka->until_service -= kafka->until_service > count ? count : kafka->until_service;
    return partition->next_offset;
}
