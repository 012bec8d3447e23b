// SPDX-License-Identifier: Apache-2.0
/// One stretch of load with everything that is measured meanwhile: lag, freshness, questions on a
/// schedule of their own, processor time by stage, memory. Private to tools/bench/. Thread: main.
#pragma once

#include "tools/bench/load.h"
#include "tools/bench/steady.h"
#include "tools/bench/threads.h"

/// A lag that grows by this share of the rate, or an age by this many seconds a second, is not
/// steady; the line is half way between that and none (steady.h).
#define PHASE_LAG_TOLERANCE 0.01
#define PHASE_LAG_TOLERANCE_QUICK 0.1 ///< of loads that last a second
#define PHASE_AGE_TOLERANCE 0.05

struct phase_options {
    struct subject *subject;
    struct thread_table *threads;
    struct load_lines lines;
    double rate;      ///< 0: as fast as it goes
    double speed;     ///< of a recording, instead
    int64_t least_us; ///< the load's length, or
    int64_t most_us;  ///< up to this while the verdict is open
    uint64_t count;   ///< or so many events
    bool is_last;     ///< no line follows: a pipe is closed, so that its reader need not wait
    double questions_per_second;
    uint32_t question_mask;    ///< bit by enum subject_question; 0: all of them in turn
    uint32_t question_threads; ///< 0: 1
    double lag_tolerance;      ///< 0: PHASE_LAG_TOLERANCE
    const int *load_cores;
    uint32_t load_core_count;
    const char *label; ///< for progress
    void (*progress)(void *context, const char *label, double share, double rate, double lag);
    void *context;
};

struct phase_point {
    int64_t at_us; ///< since the begin
    uint64_t due;
    uint64_t sent;
    uint64_t read;
    uint64_t visible;
    int64_t age_us;
    uint64_t resident_bytes;
};

struct phase_result {
    double rate;
    double load_seconds;        ///< until the load ended
    double whole_seconds;       ///< until all was visible
    uint64_t events;            ///< sent
    uint64_t read;              ///< when the load ended
    double achieved;            ///< read per second while the load went on
    struct phase_point *points; ///< while the load went on
    uint32_t point_count;
    uint32_t point_capacity;
    struct steady_result lag;
    struct steady_result age;
    enum steady_verdict verdict;
    bool generator_limited; ///< the load was late and the system had not held it up
    double load_busy;       ///< share of its time that the generator had work to do
    bool drained;           ///< everything sent became visible
    struct histogram freshness;
    struct histogram questions[SUBJECT_QUESTION_COUNT];
    struct histogram question_waits; ///< of all questions: until their turn came
    uint64_t questions_unasked;      ///< due when the load ended; counted with their waiting so far
    uint64_t stage_ns[STAGE_COUNT];
    uint64_t process_ns; ///< of the whole process, by its own clock
    uint64_t resident_peak_bytes;
    uint64_t live_users;
    uint64_t live_bytes;
    struct engine_memory memory; ///< at the end of the load
    struct store_merge_figures merge_before;
    struct store_merge_figures merge;
    uint64_t rows_committed;
    uint64_t tails_most_bytes; ///< rows that waited for a commit, at the most seen
};

/// Runs it; the system is drained before and after. The result is to be freed with phase_deinit(),
/// also after a failure.
CORONG_MUST_CHECK enum corong_status phase_run(const struct phase_options *options,
                                               struct phase_result *result_out,
                                               struct corong_error *error);
void phase_deinit(struct phase_result *result);
/// Bytes of this process that are in memory.
uint64_t phase_resident_bytes(void);
/// The result as a step of the document.
json_t *phase_json(const struct phase_result *result, bool with_series);
/// Processor nanoseconds of the system per event.
double phase_cpu_per_event(const struct phase_result *result);
/// Processor nanoseconds of the questions that were answered, each; 0: none was.
double phase_cpu_per_question(const struct phase_result *result);
/// Cores that the system keeps busy at the rate of the load: what its events cost, over the time in
/// which they came. What is worked off afterwards belongs to them too; merging, which comes in
/// bursts for what came long before, does not.
double phase_cores(const struct phase_result *result);
