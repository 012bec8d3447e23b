// SPDX-License-Identifier: Apache-2.0
/// What the parts of a run share. Private to tools/bench/. Thread: main.
#pragma once

#include "tools/bench/bench.h"
#include "tools/bench/phase.h"

#define RUN_RATE_COUNT_MAX 32u
#define RUN_SIZE_COUNT 8u ///< at most

/// What is kept of a phase for the model.
struct run_load {
    double rate;
    double cores; ///< kept busy by the system, questions left out
    double cpu_ns_per_event;
    double reader_ns_per_event; ///< of the thread that reads
};

/// The same measured several times.
struct run_spread {
    double median;
    double low; ///< the least and the most of them
    double high;
    uint32_t count;
};

/// One store of a stated size, filled as fast as it goes.
struct run_size {
    uint64_t events;
    uint64_t users;      ///< of the store, those of two periods twice
    uint64_t live_users; ///< followed when everything was read
    double ingest_seconds;
    double cpu_ns_per_event;
    struct run_spread questions[SUBJECT_QUESTION_COUNT]; ///< seconds
    struct run_spread restart;                           ///< seconds
    double settle_seconds; ///< from a start until the live counts are whole
    double compact_seconds;
    double compact_cpu_seconds;
    uint64_t compact_rows; ///< rewritten by the compaction
    uint64_t stored;       ///< rows
    uint64_t bytes;        ///< of the store once merged
    uint64_t user_bytes;   ///< of these, keys and ids of users
    uint64_t flushed_bytes;
    uint64_t merged_bytes;
    uint64_t merged_rows;
    uint64_t merge_ns;
    uint64_t merge_count;
    uint64_t commits;
    uint64_t resident_bytes;
    uint64_t live_bytes;
    uint64_t tails_bytes;       ///< rows that waited for a commit, at the most
    int64_t commit_interval_us; ///< 0: the run's
    double pace;                ///< events per second; 0: as fast as it goes
    bool generator_limited;
};

struct run {
    const struct bench_options *options;
    struct crowd_shape shape;
    struct subject subject;
    struct thread_table threads;
    struct load_crowd crowd;
    const char *names[SUBJECT_STEP_COUNT_MAX];
    uint32_t name_count;
    const char *slice;
    struct text_buffer mapping; ///< of the generated lines
    const char *parent;
    char *directory; ///< of the store that parts share, or NULL: each its own
    uint32_t core_count;
    uint32_t shard_count;
    double ceiling;          ///< events per second of the generator alone
    double sustainable;      ///< events per second; 0: none found
    double sustainable_high; ///< the lowest that was not; 0: none was tried
    bool generator_was_limit;
    struct run_load loads[RUN_RATE_COUNT_MAX];
    uint32_t load_count;
    uint64_t hold_users; ///< live at the end of the load held
    uint64_t hold_live_bytes;
    struct run_size sizes[RUN_SIZE_COUNT];
    uint32_t size_count;   ///< that are there
    uint32_t size_planned; ///< that will be
    double size_seconds;   ///< that the last of them took, all its parts
    double size_seconds_before;
    struct run_size merging; ///< commits in quick succession, so that much is merged
    double decode_ns;        ///< of a line, alone; 0: not measured
    bool resumes;            ///< the sizes of options->resumed count
    int64_t begun_us;
    int64_t told_us;
    json_t *document;
};

/// Asked for by bench_stop().
extern struct pump_stop run_stop;

/// One line of progress on standard error.
void run_say(struct run *run, const char *format, ...) CORONG_PRINTF(2, 3);
/// The `progress` of a phase.
void run_progress(void *context, const char *label, double share, double rate, double lag);
/// The part of the budget, in microseconds.
int64_t run_share_us(const struct run *run, double share);
/// Options of a system under load by this run.
struct subject_options run_subject_options(struct run *run, enum bench_through through);
/// Options of a phase with the run's crowd.
struct phase_options run_phase_options(struct run *run, double rate, const char *label);
/// The run's crowd, from its beginning, for about so many events.
void run_restart_crowd(struct run *run, uint64_t event_count);

/// Whether the growth in options->resumed goes on, which sets run->resumes. CORONG_INVALID: it was
/// not finished, and is of another load or machine; nothing was written.
CORONG_MUST_CHECK enum corong_status run_check_resumed(struct run *run, struct corong_error *error);

/// The parts. Each adds its own members to the document.
CORONG_MUST_CHECK enum corong_status run_machine(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_ceiling(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_warm_up(struct run *run, double rate,
                                                 struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_search(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_hold(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_held_out_load(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_growth(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_merging(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_cores(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_recorded(struct run *run, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status run_learn(struct run *run, struct corong_error *error);
/// Fits what was seen and puts down what the largest load (of this rate) and the largest size will
/// take: before either is run. Both add to "model" of the document.
void run_predict_load(struct run *run, double rate);
void run_predict_size(struct run *run);
/// What was measured of them, and the remaining terms.
void run_model(struct run *run);
/// "ingest_stages", "queries", "memory" and "merge" from the phase that people will ask about.
void run_add_phase(struct run *run, const struct phase_result *result);
/// One store, in child processes: filled, killed, started again, merged, asked. Adds
/// "bytes_per_event" to the document.
CORONG_MUST_CHECK enum corong_status run_one_size(struct run *run, struct run_size *size,
                                                  struct corong_error *error);
/// A store that is only filled, in a child process, with commits at this distance.
CORONG_MUST_CHECK enum corong_status run_fill_only(struct run *run, struct run_size *size,
                                                   int64_t commit_interval_us,
                                                   struct corong_error *error);
/// Fills the subject, which is open; `cores` (or none) are those that the load runs on.
CORONG_MUST_CHECK enum corong_status run_fill(struct run *run, struct run_size *size,
                                              const int *cores, uint32_t core_count,
                                              struct corong_error *error);
