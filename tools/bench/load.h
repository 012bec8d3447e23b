// SPDX-License-Identifier: Apache-2.0
/// Sends lines to the system at their intended times, whatever the system does (open loop), and
/// remembers when each of a sample was due, so that waiting counts as the system's delay and no
/// omission is coordinated with it. Private to tools/bench/.
///
/// Thread: begun and ended by main, runs on a thread of its own; load_now() by any.
#pragma once

#include "tools/bench/histogram.h"
#include "tools/bench/subject.h"
#include "tools/crowd/crowd.h"

/// Where lines come from.
struct load_lines {
    void *context;
    /// The next line; false: there is none, or `error` is set. Borrowed until the next call.
    bool (*next)(void *context, struct subject_line *line_out, struct corong_error *error);
};
/// Lines of a crowd.
struct load_crowd {
    struct crowd *crowd;
    struct text_buffer line;
    char key[CROWD_WORD_SIZE];
};
struct load_lines load_from_crowd(struct load_crowd *crowd);

/// A line that was due and is looked for.
struct load_sample {
    int64_t offset;
    int64_t due_us;
};
struct load_queue {
    struct load_sample *samples;
    size_t first;
    size_t count;
    size_t capacity;
};

struct load_options {
    struct subject *subject;
    struct load_lines lines;
    double rate;      ///< events per second; 0: as fast as the system takes them
    double speed;     ///< instead: by the lines' own times, so many times as fast
    int64_t limit_us; ///< ends after so long; 0: not
    uint64_t count;   ///< ends after so many; 0: not
    const int *cores; ///< to run on; NULL: any
    uint32_t core_count;
};

struct load {
    struct load_options options;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; ///< of what follows
    struct load_queue queues[SUBJECT_PARTITION_COUNT_MAX];
    uint64_t sent;
    bool over;
    int64_t behind_us; ///< at the end: how late the last line was handed over
    struct corong_error error;
    // The thread's own.
    int64_t begun_us;
    int64_t ended_us;
    int64_t held_us;
    int64_t first_time_us;
    int64_t looked_us; ///< since the begin: when the clock was read last
    uint64_t number;   ///< lines handed over
    uint64_t sample_period;
    struct text_buffer batch; ///< of the pipe
};

void load_begin(struct load *load, const struct load_options *options);
/// Ends it now, or waits for its own end; then all figures are there.
void load_end(struct load *load);
/// Asks it to end.
void load_stop(struct load *load);
void load_deinit(struct load *load);

/// How the load stands.
struct load_state {
    uint64_t due; ///< events that should have been sent by now
    uint64_t sent;
    bool over;
};
void load_now(struct load *load, struct load_state *state_out);
/// Takes the samples out that a sight shows: their ages go into `freshness`. Returns for how long
/// the oldest sample that is not visible has been due; 0: all are visible.
int64_t load_seen(struct load *load, const struct subject_sight *sight, int64_t now_us,
                  struct histogram *freshness);
