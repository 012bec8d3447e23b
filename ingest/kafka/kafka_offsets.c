// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_offsets.h"

#include "ingest/kafka/kafka_proof.h"
#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <string.h>

#define VERSION_WITH_EPOCH 0x02010000 ///< rd_kafka_message_leader_epoch() came with 2.1.0
/// A new leader may not know yet how far its log is committed: an end before the position must be
/// seen so often, a second apart.
#define CONFIRMATION_COUNT 3u
#define RESTART_COUNT_MAX 10u ///< in a row, without one message

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

void kafka_offsets_init(struct kafka_partition *partition, const char *topic, int32_t number)
{
    struct text_buffer name = {0};
    text_buffer_printf(&name, "%s/%d", topic, number);
    *partition = (struct kafka_partition){
        .topic = memory_copy_string(topic, strlen(topic)),
        .name = name.bytes,
        .partition = number,
        .id = kafka_offsets_id(topic, number),
        .anchor_offset = -1,
        .epoch = -1,
        .first_offset = -1,
        .end_offset = -1,
        .low = -1,
        .high = -1,
        .reread_offset = -1,
        .questioned_from = -1,
    };
}

void kafka_offsets_deinit(struct kafka_partition *partition)
{
    memory_free(partition->topic);
    memory_free(partition->name);
    memory_free(partition->why);
}

static void take_place(struct kafka_partition *partition, const struct store_position *position)
{
    partition->known = true;
    partition->next_offset = position->next_offset;
    partition->anchor_offset = position->anchor_offset;
    partition->anchor_hash = position->anchor_hash;
    partition->unhashed = NULL;
    partition->epoch = position->epoch;
    partition->topic_id = position->topic_id;
    partition->unproved = false;
    partition->end_offset = -1;
    partition->questioned_from = -1;
    kafka_proof_begin(partition, position->anchor_offset, position->anchor_hash);
}

void kafka_offsets_restore(struct kafka_partition *partition, const struct store_position *stored)
{
    partition->lost_pending = 0;
    partition->unhashed = NULL;
    if (stored == NULL || stored->next_offset <= 0) {
        partition->known = false;
        partition->next_offset = 0;
        partition->anchor_offset = -1;
        partition->anchor_hash = 0;
        partition->epoch = -1;
        partition->first_offset = -1;
        partition->end_offset = -1;
        partition->questioned_from = -1;
        kafka_proof_begin(partition, -1, 0);
        partition->committed = stored != NULL ? *stored : (struct store_position){0};
    } else {
        take_place(partition, stored);
        partition->first_offset = stored->first_offset;
        partition->committed = *stored;
    }
    partition->committed.name = text_from(partition->name);
    partition->settled_offset = partition->next_offset;
}

void kafka_offsets_move(struct kafka_partition *partition, const struct store_position *claimed)
{
    int64_t first = partition->known ? partition->first_offset : claimed->first_offset;
    take_place(partition, claimed);
    partition->first_offset = first;
    partition->lost_pending = 0;
    partition->settled_offset = partition->next_offset;
}

bool kafka_offsets_uncommitted(const struct kafka_partition *partition)
{
    return partition->known && partition->next_offset != partition->settled_offset;
}

int64_t kafka_offsets_start(struct kafka_partition *partition)
{
    partition->state = KAFKA_READING;
    partition->broker = KAFKA_BROKER_NONE;
    if (!partition->known) {
        return RD_KAFKA_OFFSET_BEGINNING;
    }
    kafka_offsets_settle(partition);
    if (partition->unproved || partition->anchor_offset < 0) {
        return partition->next_offset;
    }
    partition->state = KAFKA_PROVING;
    return partition->anchor_offset;
}

enum kafka_proof kafka_offsets_prove(const struct kafka_partition *partition,
                                     const rd_kafka_message_t *message)
{
    if (message->offset != partition->anchor_offset) {
        return KAFKA_PROOF_GONE;
    }
    bool same = hash_bytes64(message->payload, message->len) == partition->anchor_hash;
    return same ? KAFKA_PROOF_SAME : KAFKA_PROOF_ANOTHER;
}

int32_t kafka_offsets_epoch(const rd_kafka_message_t *message)
{
#if RD_KAFKA_VERSION >= VERSION_WITH_EPOCH
    return rd_kafka_message_leader_epoch(message);
#else
    (void)message;
    return -1;
#endif
}

int32_t kafka_offsets_broker(const rd_kafka_message_t *message)
{
#if RD_KAFKA_VERSION >= VERSION_WITH_EPOCH
    (void)message;
    return -1;
#else
    return rd_kafka_message_broker_id(message);
#endif
}

uint64_t kafka_offsets_advance(struct kafka_partition *partition, const rd_kafka_message_t *message)
{
    uint64_t skipped = 0;
    if (__builtin_expect(!partition->known, 0)) {
        partition->known = true;
        partition->first_offset = message->offset;
    } else if (message->offset > partition->next_offset) {
        skipped = (uint64_t)(message->offset - partition->next_offset);
    }
    partition->next_offset = message->offset + 1;
    partition->anchor_offset = message->offset;
    partition->epoch = kafka_offsets_epoch(message);
    partition->unhashed = message;
    partition->unproved = false;
    return skipped;
}

void kafka_offsets_settle(struct kafka_partition *partition)
{
    const rd_kafka_message_t *message = partition->unhashed;
    if (message == NULL) {
        return;
    }
    partition->anchor_hash = hash_bytes64(message->payload, message->len);
    partition->epoch = kafka_offsets_epoch(message);
    partition->unhashed = NULL;
}

uint64_t kafka_offsets_end(struct kafka_partition *partition, int64_t end_offset)
{
    partition->end_offset = end_offset;
    if (!partition->known) {
        // Nothing was ever read of it: it begins where it ends now, whatever was there is gone.
        return 0;
    }
    if (end_offset <= partition->next_offset) {
        return 0;
    }
    uint64_t skipped = (uint64_t)(end_offset - partition->next_offset);
    partition->next_offset = end_offset;
    return skipped;
}

void kafka_offsets_position(struct kafka_partition *partition, struct store_position *position_out)
{
    kafka_offsets_settle(partition);
    *position_out = (struct store_position){
        .id = partition->id,
        .name = text_from(partition->name),
        .next_offset = partition->next_offset,
        .anchor_offset = partition->anchor_offset,
        .anchor_hash = partition->anchor_hash,
        .epoch = partition->epoch,
        .first_offset = partition->first_offset,
        .topic_id = partition->topic_id,
        .counters = partition->committed.counters,
    };
}

static bool topic_differs(const struct kafka_partition *partition, struct hash128 topic_id)
{
    static const struct hash128 none;
    return !hash128_equal(partition->topic_id, none) && !hash128_equal(topic_id, none) &&
           !hash128_equal(partition->topic_id, topic_id);
}

enum kafka_verdict kafka_offsets_judge(struct kafka_partition *partition, int64_t low, int64_t high,
                                       struct hash128 topic_id)
{
    partition->low = low;
    partition->high = high;
    if (topic_differs(partition, topic_id) || partition->doubt != KAFKA_DOUBT_RANGE) {
        return KAFKA_VERDICT_RESET;
    }
    partition->doubt_count++;
    if (partition->next_offset > high) {
        return partition->doubt_count >= CONFIRMATION_COUNT ? KAFKA_VERDICT_RESET
                                                            : KAFKA_VERDICT_UNCLEAR;
    }
    if (partition->next_offset < low) {
        return KAFKA_VERDICT_GAP;
    }
    if (partition->doubt_count > RESTART_COUNT_MAX) {
        return KAFKA_VERDICT_RESET;
    }
    partition->unproved = partition->anchor_offset < low;
    return KAFKA_VERDICT_FINE;
}

static void add_topic_id(struct text_buffer *out, struct hash128 id)
{
    if ((id.low | id.high) != 0) {
        text_buffer_printf(out, ", topic id %016" PRIx64 "%016" PRIx64, id.high, id.low);
    }
}

static const char *reset_words(const struct kafka_partition *partition)
{
    if (partition->next_offset > partition->high && partition->doubt != KAFKA_DOUBT_TOPIC) {
        return "the topic ends before it; it was truncated or made anew";
    }
    switch (partition->doubt) {
    case KAFKA_DOUBT_CONTENT:
        return "the message before it is another than the one that was read; the topic was "
               "truncated or made anew";
    case KAFKA_DOUBT_EPOCH:
        return "its leader epochs say that the log was truncated or the topic made anew";
    case KAFKA_DOUBT_TOPIC:
        return "the topic was made anew";
    default:
        return "the broker refuses an offset that it says it has; was it truncated or made anew?";
    }
}

void kafka_offsets_explain(const struct kafka_partition *partition, enum kafka_verdict verdict,
                           struct hash128 topic_id, struct text_buffer *out)
{
    bool gap = verdict == KAFKA_VERDICT_GAP;
    text_buffer_printf(out, "cannot continue '%s' at offset %" PRId64 ": %s", partition->name,
                       partition->next_offset,
                       gap ? "the topic's retention has deleted messages that were not read yet"
                           : reset_words(partition));
    text_buffer_printf(out, " (read: up to offset %" PRId64, partition->next_offset - 1);
    if (partition->epoch >= 0) {
        text_buffer_printf(out, " in leader epoch %d", partition->epoch);
    }
    add_topic_id(out, partition->topic_id);
    text_buffer_printf(out, "; the broker has: offsets %" PRId64 " to %" PRId64, partition->low,
                       partition->high - 1);
    add_topic_id(out, topic_id);
    text_buffer_append_string(out, "); ");
    if (partition->questioned_from >= 0 && partition->questioned_from < partition->next_offset) {
        text_buffer_printf(out,
                           "offsets %" PRId64 " to %" PRId64
                           " were read since the log was last seen to be the same, and may be of "
                           "either; ",
                           partition->questioned_from, partition->next_offset - 1);
    }
    if (gap) {
        text_buffer_printf(out, "on_gap=continue goes on and records %" PRId64 " offsets as lost",
                           partition->low - partition->next_offset);
    } else {
        text_buffer_append_string(
            out, "on_reset=restart reads a topic made anew from its beginning; or read it into "
                 "another store");
    }
}
