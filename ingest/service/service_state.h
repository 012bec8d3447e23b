// SPDX-License-Identifier: Apache-2.0
/// Private to ingest/service/: what a service is made of.
#pragma once

#include "ingest/file_run.h"
#include "ingest/pump.h"
#include "ingest/service/service.h"
#include "ingest/source.h"
#include "storage/base/arena.h"

#include <pthread.h>

/// One ingest thread. A backfill thread idles on a source without messages, so that it serves
/// barriers, until a job comes.
struct service_worker {
    struct service *service;
    pthread_t thread;
    bool started;
    struct pump pump;
    struct pump_host host;
    struct pump_stop stop;
    struct pump_stop halt; ///< always asked: ends the reading of a file that is to begin again
    struct pump_progress *progress;
    const struct mapping *mapping; ///< of what it reads now; NULL: nothing
    struct source *kafka;          ///< NULL: a backfill thread
    struct source idle;
    struct file_run files;
    struct service_job *job; ///< in hand
    uint64_t job_number;     ///< of the last one taken
    bool ended;              ///< under the lock: its thread takes no other engine
};

struct service_job {
    struct service *service;
    struct service_job *next; ///< in the queue; under the lock, as `state`
    enum service_job_state state;
    uint64_t number;
    struct arena arena;
    struct service_job_options options;
    struct pump_stop stop;
    struct replay_plan *plan;
    struct pump_queue chains;
    uint32_t busy_count; ///< threads that have not finished it; under the lock
    struct service_job_end end;
    struct reject_sample *samples;
    const char **notes;
    bool *note_is_failure;
    struct store_counters before; ///< of the store, of all files that were read
    struct file_end *ends;
    uint32_t end_count;
};

struct service {
    struct service_options options;
    struct mapping *mapping;               ///< in use; changed between two engines only
    const struct definitions *definitions; ///< likewise
    enum engine_live_range live_range;     ///< likewise
    const struct zone *live_zone;          ///< likewise
    struct service_worker *workers;
    uint32_t worker_count;
    uint32_t backfill_count; ///< of them, the last ones
    struct pump_progress *progress;
    int64_t opened_us;

    pthread_rwlock_t engine_lock; ///< of `engine`, for those who are not its pumps
    struct engine *engine;        ///< NULL between two

    // What the threads find when they go on; they wait while it is written.
    bool abandoned;                   ///< the last engine was closed without a commit
    struct store_position *positions; ///< of the store then
    uint32_t position_count;
    struct arena position_names;

    pthread_mutex_t exchange_lock; ///< one exchange at a time; taken before `lock`
    pthread_mutex_t lock;          ///< of all below
    pthread_cond_t changed;
    uint64_t generation; ///< of the engine
    uint32_t left_count; ///< threads that wait for the next one
    uint32_t ended_count;
    bool over;     ///< no further engine comes
    bool stopping; ///< no further job is taken
    bool ending;   ///< threads that are between two engines end
    struct corong_error failure;
    struct ingest_progress finished; ///< what the threads counted before their last job
    uint64_t exchange_count;
    int64_t pause_last_us;
    struct service_job *jobs; ///< the running one first
    uint64_t job_number;
    uint64_t jobs_done;
    pthread_t planner;
    bool planner_started;
    bool planner_ended; ///< under the lock
};

void service_log(struct service *service, enum service_severity severity, const char *format, ...)
    CORONG_PRINTF(3, 4);

/// service_engine.c: opens the first engine; the pumps are not there yet.
CORONG_MUST_CHECK enum corong_status service_engine_open(struct service *service,
                                                         struct corong_error *error);
/// Binds a mapping whose attributes the store may lack: then the engine is exchanged. Any thread
/// but a worker's.
CORONG_MUST_CHECK enum corong_status
service_engine_adopt(struct service *service, struct mapping *mapping, struct corong_error *error);
/// True where the engine of the moment has failed.
bool service_engine_failed(struct service *service);
/// Exchanges it. A failure other than a lost claim is the service's end.
CORONG_MUST_CHECK enum corong_status service_engine_recover(struct service *service,
                                                            struct corong_error *error);

/// service_worker.c: the threads' mains.
void *service_worker_kafka(void *worker);
void *service_worker_backfill(void *worker);

/// service_job.c: the thread that plans one job after the other and waits for its end.
void *service_job_plan_all(void *service);
/// The job that the thread has not read yet, or NULL. Waits a moment for one.
struct service_job *service_job_next(struct service_worker *worker);
/// A thread has read its share of the job.
void service_job_take_share(struct service_job *job, struct service_worker *worker);
