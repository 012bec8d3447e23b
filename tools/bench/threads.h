// SPDX-License-Identifier: Apache-2.0
/// CPU time by what threads do, from each thread's own clock and name. Private to tools/bench/.
/// Thread: a table belongs to one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum thread_stage {
    STAGE_POLL = 0, ///< librdkafka's threads of the consumer
    STAGE_PUMP,     ///< poll, decode, route
    STAGE_SHARD,    ///< users, sessions, live funnels, rows
    STAGE_WRITE,    ///< of the shards: sort, encode, write (engine's own count)
    STAGE_VIEW,     ///< of the shards: rows made visible before they are committed (likewise)
    STAGE_COMMIT,
    STAGE_MERGE,
    STAGE_SETTLE,
    STAGE_QUESTIONS,
    STAGE_LOAD,  ///< not the system: generator, producer, the broker in this process
    STAGE_BENCH, ///< not the system: what measures
    STAGE_OTHER, ///< threads that were gone before they were looked at
    STAGE_COUNT,
};
const char *thread_stage_name(enum thread_stage stage);
/// False: it is what makes or measures the load.
bool thread_stage_is_system(enum thread_stage stage);

#define THREAD_COUNT_MAX 512u

struct thread_row {
    pid_t id;
    enum thread_stage stage;
    uint64_t begun_ns; ///< when first seen after the start
    uint64_t now_ns;
};
/// Start from {0}.
struct thread_table {
    struct thread_row rows[THREAD_COUNT_MAX];
    uint32_t count;
    pid_t load[THREAD_COUNT_MAX]; ///< librdkafka's threads that are the load's
    uint32_t load_count;
    uint64_t process_ns; ///< at the start
    uint64_t process_now_ns;
};

/// All of librdkafka's threads that are there now belong to the load.
void threads_mark_load(struct thread_table *table);
/// From here on is counted.
void threads_begin(struct thread_table *table);
/// Looks at all threads; the more often, the less is unknown of those that end.
void threads_look(struct thread_table *table);
/// Nanoseconds by stage between the begin and the last look; shards are not split yet.
void threads_sum(const struct thread_table *table, uint64_t sums_ns_out[STAGE_COUNT]);
/// Names the calling thread.
void threads_name(const char *name);
