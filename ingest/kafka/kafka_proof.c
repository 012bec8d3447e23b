// SPDX-License-Identifier: Apache-2.0
// A log of which librdkafka tells neither leader epochs nor the topic's id (Debian's 2.0.2) can be
// exchanged for another while it is read: the topic is deleted and made anew, or a replica that
// lagged behind takes over; where the other log has grown past our position before the next fetch,
// nothing tells. So every few seconds of reading some messages that were delivered, the marks, are
// read again.
//
// Why it is noticed: a mark that was read before the exchange, at or behind the place where the
// logs part, is another one afterwards. The newest mark is the last message, and it is
// kept when it was seen to stand: of a topic made anew it is from before. So at most what was read
// since the last proof is of another log, and that is said.
#include "ingest/kafka/kafka_proof.h"

#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"

#include <string.h>

#define MARK_INTERVAL_US MICROSECONDS_PER_SECOND

void kafka_proof_begin(struct kafka_partition *partition, int64_t offset, uint64_t hash)
{
    partition->mark_count = offset >= 0;
    partition->marks[0] = (struct kafka_mark){.offset = offset, .hash = hash};
    partition->proved_offset = partition->next_offset;
}

void kafka_proof_mark(struct kafka_partition *partition, const struct store_position *position,
                      int64_t now_us)
{
    uint32_t count = partition->mark_count;
    struct kafka_mark mark = {position->anchor_offset, position->anchor_hash, now_us};
    if (mark.offset < 0 || partition->questioned_from >= 0 ||
        (count > 0 && mark.offset <= partition->marks[count - 1].offset)) {
        return;
    }
    // The first was seen to stand and is never replaced; the newest is, until it is a second
    // younger than the one before.
    bool spaced =
        count < 2 || partition->marks[count - 1].taken_us - partition->marks[count - 2].taken_us >=
                         MARK_INTERVAL_US;
    if (count < KAFKA_MARK_COUNT && spaced) {
        partition->mark_count = ++count;
    }
    partition->marks[count - 1] = mark;
}

/// The message read last is one too, so that marks do not wait for a store that commits rarely.
static void mark_here(struct kafka_partition *partition)
{
    struct store_position here = {0};
    kafka_offsets_position(partition, &here);
    kafka_proof_mark(partition, &here, clock_monotonic_us());
}

/// Its leader epochs and topic id tell.
static bool tells(const struct kafka_partition *partition)
{
    return partition->epoch >= 0 && (partition->topic_id.low | partition->topic_id.high) != 0;
}

bool kafka_proof_due(const struct kafka_source *kafka, int64_t now_us)
{
    return now_us - kafka->proof_us >= kafka->settings.proof_us;
}

void kafka_proof_ask(struct kafka_source *kafka, uint32_t index, struct kafka_question *question)
{
    struct kafka_partition *partition = &kafka->partitions[index];
    bool new_since =
        partition->next_offset != partition->proved_offset || kafka->hold != KAFKA_HOLD_NONE;
    if (partition->state != KAFKA_READING || partition->leaving || !new_since || tells(partition)) {
        return;
    }
    mark_here(partition);
    if (partition->mark_count == 0) {
        return; // its position has no message before it
    }
    struct kafka_ask_item *item =
        kafka_question_add(question, partition->topic, partition->partition);
    item->index = index;
    item->id = partition->id;
    item->name = text_from(partition->name);
    item->mark_count = partition->mark_count;
    memcpy(item->marks, partition->marks, sizeof(item->marks));
    item->asked_at = partition->next_offset;
}

/// What stands is the first of those to come; the newest may have been replaced since it was asked.
static void keep_from(struct kafka_partition *partition, const struct kafka_mark *standing)
{
    uint32_t at = 0;
    while (at < partition->mark_count && partition->marks[at].offset <= standing->offset) {
        at++;
    }
    uint32_t rest = partition->mark_count - at;
    memmove(partition->marks + 1, partition->marks + at, rest * sizeof(partition->marks[0]));
    partition->marks[0] = *standing;
    partition->mark_count = 1 + rest;
}

/// From here on the failed mark is the anchor, so that the next start fails on it too.
static void fail_mark(struct kafka_source *kafka, struct kafka_partition *partition,
                      const struct kafka_ask_item *item)
{
    const struct kafka_mark *failed = &item->marks[item->judged];
    kafka_let_go(kafka);
    partition->questioned_from =
        item->judged > 0 ? item->marks[item->judged - 1].offset + 1 : failed->offset + 1;
    partition->anchor_offset = failed->offset;
    partition->anchor_hash = failed->hash;
    partition->unhashed = NULL;
    partition->move_pending = true;
    kafka->gap_due = true;
    kafka_doubt(kafka, partition, KAFKA_DOUBT_CONTENT);
}

void kafka_proof_answer(struct kafka_source *kafka, struct kafka_partition *partition,
                        const struct kafka_ask_item *item)
{
    bool begun_anew = partition->mark_count == 0 ||
                      partition->marks[0].offset != item->marks[0].offset ||
                      partition->marks[0].hash != item->marks[0].hash;
    if (begun_anew || partition->state != KAFKA_READING || partition->leaving) {
        return;
    }
    switch (item->proof) {
    case KAFKA_MARK_STANDS:
        if (item->judged + 1 == item->mark_count) {
            partition->proved_offset = item->asked_at;
            keep_from(partition, &item->marks[item->judged]);
        }
        break;
    case KAFKA_MARK_ANOTHER:
        fail_mark(kafka, partition, item);
        break;
    case KAFKA_MARK_CUT_OFF:
        kafka_doubt(kafka, partition, KAFKA_DOUBT_RANGE);
        break;
    case KAFKA_MARK_UNKNOWN:
        break;
    }
}
