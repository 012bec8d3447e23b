// SPDX-License-Identifier: Apache-2.0
/// Where each partition stands: its identity in the store, where it starts, and the proof that the
/// log is still the one that was read. Pure: no call of this file waits for anything.
/// Thread: as the source.
#pragma once

#include "ingest/kafka/kafka.h"
#include "ingest/kafka/kafka_ask.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/// Why a log is doubted.
enum kafka_doubt {
    KAFKA_DOUBT_NONE = 0,
    KAFKA_DOUBT_RANGE,   ///< the broker says that it does not hold the offset
    KAFKA_DOUBT_CONTENT, ///< another message stands where the anchor was
    KAFKA_DOUBT_EPOCH,   ///< leader epochs contradict the position
    KAFKA_DOUBT_TOPIC,   ///< the topic has another id
};

#define KAFKA_BROKER_NONE (-1) ///< no message was taken since it was assigned
#define KAFKA_BROKER_LOST (-2) ///< every connection broke since the last message

struct kafka_partition {
    char *topic; ///< owned
    char *name;  ///< "topic/3"; owned
    int32_t partition;
    struct hash128 id;

    // The position: after the last message delivered.
    bool known;                         ///< there is one
    int64_t next_offset;                ///< 0 where there is none
    int64_t anchor_offset;              ///< the last message, -1: none
    uint64_t anchor_hash;               ///< of its value; see `hashed`
    const rd_kafka_message_t *unhashed; ///< the last message, still alive and not hashed; or NULL
    int32_t epoch;
    int32_t broker;       ///< who served the last message, where that is looked at; see above
    int64_t first_offset; ///< -1: not known
    struct hash128 topic_id;
    uint64_t lost_pending; ///< to be delivered as a gap before the next message

    struct kafka_mark marks[KAFKA_MARK_COUNT]; ///< see kafka_proof.c; by rising offset
    uint32_t mark_count;
    int64_t proved_offset;   ///< next_offset when the marks were last seen to stand
    int64_t questioned_from; ///< what was read from here on may be of another log; -1: nothing
    bool move_pending;       ///< the position is to be committed again, though nothing was read

    struct store_position committed; ///< the store's last word, its counters too
    int64_t settled_offset; ///< next_offset when it was last restored, claimed or committed

    enum kafka_state state;
    char *why;         ///< owned; of a halted one
    bool leaving;      ///< about to be given up: nothing of it is delivered any more
    bool assigned;     ///< librdkafka has been told to fetch it
    bool unproved;     ///< start at next_offset though there is an anchor: it is gone
    bool ready;        ///< nothing is to be asked for before it starts
    bool claim_wanted; ///< a claim is to be asked for
    bool range_wanted; ///< the log's bounds are to be asked for
    bool found_topic;  ///< its topic id was compared since it was assigned
    enum kafka_doubt doubt;
    uint32_t doubt_count; ///< times in a row that a question did not settle it
    uint32_t reread_count;
    int64_t reread_offset;
    int64_t ask_again_us;   ///< not before
    int64_t progress_us;    ///< of the last message, end or start
    int64_t watched_offset; ///< next_offset at the last look
    bool looked_into;       ///< it stood still and its log's bounds were asked for
    int64_t alarm_us;       ///< since when an error needs somebody; 0: none
    rd_kafka_resp_err_t alarm;
    int64_t end_offset; ///< where the partition's end was last seen; -1: not yet
    int64_t low;
    int64_t high; ///< -1: not known
};

/// Identity of a partition: the same for every cluster that has a topic of this name.
struct hash128 kafka_offsets_id(const char *topic, int32_t partition);
void kafka_offsets_init(struct kafka_partition *partition, const char *topic, int32_t number);
void kafka_offsets_deinit(struct kafka_partition *partition);
/// Takes over a committed position with its counters; NULL: none.
void kafka_offsets_restore(struct kafka_partition *partition, const struct store_position *stored);
/// Takes over what another store of the group read further; own counters stay.
void kafka_offsets_move(struct kafka_partition *partition, const struct store_position *claimed);
/// The offset to assign, and PROVING or READING.
int64_t kafka_offsets_start(struct kafka_partition *partition);

/// What a message means for a partition that is proving.
enum kafka_proof {
    KAFKA_PROOF_SAME,    ///< the anchor, as ever: proved, and not to be delivered again
    KAFKA_PROOF_GONE,    ///< the anchor is not in the log any more (compaction): deliver this one
    KAFKA_PROOF_ANOTHER, ///< another message stands in its place
};
enum kafka_proof kafka_offsets_prove(const struct kafka_partition *partition,
                                     const rd_kafka_message_t *message);
/// Moves past a delivered message, which stays alive until kafka_offsets_settle(). Returns how many
/// offsets before it hold no message.
uint64_t kafka_offsets_advance(struct kafka_partition *partition,
                               const rd_kafka_message_t *message);
/// Hashes the last message, which is about to be freed or whose hash is wanted.
void kafka_offsets_settle(struct kafka_partition *partition);
/// Moves to the end of the log, behind offsets that hold no message. Returns how many.
uint64_t kafka_offsets_end(struct kafka_partition *partition, int64_t end_offset);
/// Fills everything, the counters as committed.
void kafka_offsets_position(struct kafka_partition *partition, struct store_position *position_out);
/// True while something was delivered that the store has not committed.
bool kafka_offsets_uncommitted(const struct kafka_partition *partition);
/// The leader epoch of a message, -1: not known.
int32_t kafka_offsets_epoch(const rd_kafka_message_t *message);
/// The broker that served a message. -1 where librdkafka knows leader epochs, which tell more.
int32_t kafka_offsets_broker(const rd_kafka_message_t *message);

/// What the log's bounds say about a doubted partition.
enum kafka_verdict {
    KAFKA_VERDICT_FINE,    ///< the position is in the log: start again
    KAFKA_VERDICT_GAP,     ///< the log begins behind it
    KAFKA_VERDICT_RESET,   ///< it ends before it, or is another log
    KAFKA_VERDICT_UNCLEAR, ///< ask again
};
enum kafka_verdict kafka_offsets_judge(struct kafka_partition *partition, int64_t low, int64_t high,
                                       struct hash128 topic_id);
/// The sentence for a partition that halts: both histories, and what to do.
void kafka_offsets_explain(const struct kafka_partition *partition, enum kafka_verdict verdict,
                           struct hash128 topic_id, struct text_buffer *out);
