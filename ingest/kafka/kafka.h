// SPDX-License-Identifier: Apache-2.0
/// A Kafka consumer as one source with many partitions, assigned by hand or by a consumer group.
/// Where a partition starts is the store's word, never Kafka's: committed group offsets are
/// advisory, for lag monitors.
/// Thread: opened and closed by main, between that the ingest thread's alone; kafka_status() may be
/// called by any thread meanwhile.
#pragma once

#include "ingest/source.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/group/group.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

enum kafka_mode {
    KAFKA_MODE_AUTO = 0, ///< a group where group.id is given, no topic names partitions, and the
                         ///< reading has no end; else by hand
    KAFKA_MODE_STATIC,   ///< all partitions, or those that the topic words name
    KAFKA_MODE_GROUP,    ///< what the group assigns; needs a group.id
};

/// Messages that were not read yet are gone (retention).
enum kafka_on_gap {
    KAFKA_GAP_HALT = 0, ///< the partition stops, loudly
    KAFKA_GAP_CONTINUE, ///< go on behind the gap and record how many were lost
};

/// The log is not the one that was read: truncated, or the topic made anew.
enum kafka_on_reset {
    KAFKA_RESET_HALT = 0,
    KAFKA_RESET_RESTART, ///< a topic made anew is read from its first message; a log whose end was
                         ///< cut off from its new end. One whose content changed in the middle
                         ///< still halts: nobody knows where the histories part.
};

/// Beside librdkafka's own, `properties` may hold corong.on_gap, corong.on_reset (by the words
/// above), corong.stall_seconds, corong.proof_seconds (see README.md) and corong.start (earliest,
/// latest: for a partition without a position); they replace what stands here.
struct kafka_options {
    const char *const *topics;     ///< "topic" or "topic:0,3,4"; NULL-terminated
    const char *const *properties; ///< "name=value", NULL-terminated, or NULL
    bool stop_at_end;              ///< end when every partition reached its end
    uint32_t message_size_max;     ///< 0: DECODE_MESSAGE_SIZE_MAX
    const struct store *store;     ///< positions to continue at; may be NULL
    struct store_group *group;     ///< partitions move among its stores; may be NULL
    enum kafka_mode mode;
    enum kafka_on_gap on_gap;
    enum kafka_on_reset on_reset;
    int64_t stall_us;           ///< no progress for so long is looked into; 0: 60 s
    uint64_t queue_limit_bytes; ///< fetched and not yet read, all partitions; 0: 64 MiB
    /// Told of partitions that halt, stalls, rebalances gone wrong, on the ingest thread (while
    /// opening: main's). NULL: standard error.
    void (*notice)(void *context, const char *sentence);
    /// Told which partitions the group gave and took, on the ingest thread. NULL: nobody is.
    void (*news)(void *context, const char *sentence);
    void *notice_context; ///< of both
};

/// Connects and asks for the topics' partitions (by hand), or joins the group.
/// CORONG_INVALID: a property that is unknown, malformed or not the user's to set, or an assignor
/// that this librdkafka does not do well; CORONG_NOT_FOUND: no such topic or partition; CORONG_IO
/// (retriable): no broker answers.
CORONG_MUST_CHECK enum corong_status kafka_open(struct source **source_out,
                                                const struct kafka_options *options,
                                                struct corong_error *error);

enum kafka_state {
    KAFKA_AWAY = 0, ///< not assigned to this consumer (now)
    KAFKA_STARTING, ///< assigned; where to begin is being asked for
    KAFKA_PROVING,  ///< the message before the position is fetched, to be compared
    KAFKA_READING,
    KAFKA_DOUBTFUL, ///< the log may be another one: the broker is being asked
    KAFKA_HALTED,
};
/// "away", "starting", ...
const char *kafka_state_name(enum kafka_state state);

struct kafka_partition_status {
    struct text name; ///< "topic/3"
    enum kafka_state state;
    struct text why;   ///< of a halted one, else missing
    int64_t position;  ///< next offset to be read; -1: none yet
    int64_t committed; ///< next offset not in the store; -1: none yet
    int64_t high;      ///< the log's end, as far as is known; -1: not yet
    int64_t lag;       ///< messages behind it; -1: not known
};
struct kafka_status {
    uint32_t partition_count; ///< ever assigned
    struct kafka_partition_status *partitions;
    bool group;               ///< by a consumer group
    uint64_t rebalances;      ///< assignments taken or given up
    uint64_t recreated;       ///< consumers made anew (stalls, fatal errors, rewinds)
    uint64_t alarms;          ///< errors that somebody should look at
    struct text last_alarm;   ///< the last one's sentence; missing where there is none
    int64_t silent_us;        ///< no broker has answered for so long; up to some seconds is usual
    uint64_t foreign;         ///< partitions whose group offsets another installation commits
    uint64_t queued_messages; ///< fetched, not yet read
    uint64_t queued_bytes;    ///< about what they take, by the mean size of all so far
};
/// As of at most half a second ago. `source` is one of kafka_open(). Memory: `arena`. Any thread.
void kafka_status(struct source *source, struct arena *arena, struct kafka_status *status_out);
