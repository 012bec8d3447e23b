// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_offsets.h"

#include "storage/base/bytes.h"

#define QUERY_TIMEOUT_MS 10000
#define VERSION_WITH_EPOCH 0x02010000 ///< rd_kafka_message_leader_epoch() came with 2.1.0

struct hash128 kafka_offsets_id(const char *topic, int32_t partition)
{
    struct text_buffer key = {0};
    text_buffer_append_string(&key, "kafka");
    text_buffer_append_u8(&key, 0);
    text_buffer_append_string(&key, topic);
    text_buffer_append_u8(&key, 0);
    text_buffer_append_u32(&key, (uint32_t)partition);
    struct hash128 id = hash_bytes128(key.bytes, key.size);
    text_buffer_deinit(&key);
    return id;
}

void kafka_offsets_restore(struct kafka_partition *partition, const struct store *store)
{
    partition->anchor_offset = -1;
    partition->epoch = -1;
    const struct store_position *stored =
        store == NULL ? NULL : store_position_find(store, partition->id);
    if (stored != NULL) {
        partition->next_offset = stored->next_offset;
        partition->anchor_offset = stored->anchor_offset;
        partition->anchor_hash = stored->anchor_hash;
        partition->epoch = stored->epoch;
    }
}

static enum corong_status refuse(const struct kafka_partition *partition, const char *why,
                                 struct corong_error *error)
{
    return error_set(error, CORONG_INVALID, "cannot continue '%s' at offset %lld: %s",
                     partition->name, (long long)partition->next_offset, why);
}

enum corong_status kafka_offsets_start(rd_kafka_t *consumer, struct kafka_partition *partition,
                                       int64_t *offset_out, struct corong_error *error)
{
    if (partition->next_offset == 0) {
        *offset_out = RD_KAFKA_OFFSET_BEGINNING;
        return CORONG_OK;
    }
    int64_t low = 0;
    int64_t high = 0;
    rd_kafka_resp_err_t result = rd_kafka_query_watermark_offsets(
        consumer, partition->topic, partition->partition, &low, &high, QUERY_TIMEOUT_MS);
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(error, CORONG_IO, "cannot ask for the offsets of '%s': %s",
                         partition->name, rd_kafka_err2str(result));
    }
    if (partition->next_offset < low) {
        return refuse(partition,
                      "the topic's retention has deleted messages that were not read yet", error);
    }
    if (partition->next_offset > high) {
        return refuse(partition, "the topic ends before it; it was truncated or made anew", error);
    }
    partition->proving = partition->anchor_offset >= low;
    *offset_out = partition->proving ? partition->anchor_offset : partition->next_offset;
    return CORONG_OK;
}

enum corong_status kafka_offsets_prove(struct kafka_partition *partition,
                                       const rd_kafka_message_t *message, bool *passed_out,
                                       struct corong_error *error)
{
    partition->proving = false;
    *passed_out = message->offset == partition->anchor_offset;
    if (*passed_out && hash_bytes64(message->payload, message->len) != partition->anchor_hash) {
        return refuse(partition,
                      "the message before it is another than the one that was read; the topic was "
                      "truncated or made anew",
                      error);
    }
    return CORONG_OK;
}

void kafka_offsets_advance(struct kafka_partition *partition, const rd_kafka_message_t *message)
{
    partition->next_offset = message->offset + 1;
    partition->anchor_offset = message->offset;
    partition->anchor_hash = hash_bytes64(message->payload, message->len);
#if RD_KAFKA_VERSION >= VERSION_WITH_EPOCH
    partition->epoch = rd_kafka_message_leader_epoch(message);
#endif
}
