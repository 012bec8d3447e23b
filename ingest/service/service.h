// SPDX-License-Identifier: Apache-2.0
/// Ingest for months: Kafka topics as they flow, and recorded files when somebody asks for them,
/// into one engine that can be exchanged while the sources stay open.
///
/// Thread: service_open(), service_tick(), service_reload(), service_stop() and service_close() by
/// one thread (main); everything else by any thread between open and close.
#pragma once

#include "engine/engine.h"
#include "ingest/decode/decode.h"
#include "ingest/ingest.h"
#include "ingest/kafka/kafka.h"
#include "ingest/reject.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_BACKFILL_COUNT_MAX 16u
#define SERVICE_JOB_WAITING_MAX 64u ///< jobs that may wait for their turn

enum service_severity { SERVICE_INFO = 0, SERVICE_WARNING, SERVICE_ERROR };

/// All borrowed until service_close(), but mapping and definitions until another pair took their
/// place.
struct service_options {
    struct store *store;                   ///< open for writing
    const char *directory;                 ///< of the store
    struct mapping *mapping;               ///< of the topics, not bound; NULL without topics
    const struct definitions *definitions; ///< followed live; may be NULL
    const char *const *kafka_topics;       ///< NULL-terminated array, or NULL: files only
    const char *const *kafka_properties;   ///< "name=value" pairs, NULL-terminated or NULL
    struct store_group *group;             ///< that the store is of, or NULL
    uint32_t backfill_count;     ///< threads that read files; 0: one per two cores, at least 1
    uint32_t shard_count;        ///< 0: one per core
    uint64_t memory_limit_bytes; ///< of the engine; 0: 1 GiB
    uint64_t queue_limit_bytes;  ///< messages fetched and not yet read, beside it; 0: 64 MiB
    int64_t commit_interval_us;  ///< 0: 5 s
    uint32_t message_size_max;   ///< 0: DECODE_MESSAGE_SIZE_MAX
    int64_t session_timeout_us;
    enum engine_live_range live_range;
    const struct zone *live_zone;
    /// Told what happens. Any thread; may be NULL.
    void (*log)(void *context, enum service_severity severity, const char *sentence);
    void *log_context;
};

struct service;

/// Connects, opens the engine and starts the threads.
CORONG_MUST_CHECK enum corong_status service_open(struct service **service_out,
                                                  const struct service_options *options,
                                                  struct corong_error *error);
/// To be called some times a second: recovers an engine that lost its claim on a source. An error
/// means that the service is over (service_stop() then returns the same).
CORONG_MUST_CHECK enum corong_status service_tick(struct service *service,
                                                  struct corong_error *error);

/// What a reload applies. NULL: stays as it is.
struct service_change {
    struct mapping *mapping;               ///< not bound
    const struct definitions *definitions; ///< borrowed until the next change
    enum engine_live_range live_range;     ///< with the definitions
    const struct zone *live_zone;          ///< likewise
};
/// Applies it at a barrier. An error leaves everything as it was. `pause_us_out` (may be NULL): for
/// how long nothing was ingested.
CORONG_MUST_CHECK enum corong_status service_reload(struct service *service,
                                                    const struct service_change *change,
                                                    int64_t *pause_us_out,
                                                    struct corong_error *error);
/// Reads no further, commits what was read, ends the threads. The first error of any of them.
CORONG_MUST_CHECK enum corong_status service_stop(struct service *service,
                                                  struct corong_error *error);
/// NULL-safe. Without a stop before it, what was not committed is forgotten.
void service_close(struct service *service);

/// Holds the engine until service_release(); NULL while another takes its place: try again. Keep it
/// for moments only, a reload waits for it.
struct engine *service_hold(struct service *service);
void service_release(struct service *service);

/// What the service has done so far.
struct service_figures {
    uint64_t messages; ///< since the service opened, files and topics
    uint64_t events;
    uint64_t rejected;
    uint64_t exchanges; ///< engines after the first
    uint64_t jobs_done;
    uint32_t jobs_waiting; ///< the running one included
    int64_t opened_us;     ///< monotonic clock
    int64_t pause_last_us; ///< of the last exchange
};
void service_figures(struct service *service, struct service_figures *figures_out);
/// Where each partition stands. False: there are no topics. Memory: `arena`.
bool service_kafka(struct service *service, struct arena *arena, struct kafka_status *status_out);

/// A backfill: files read into the served store.
struct service_job;

struct service_job_options {
    const char *const *paths; ///< absolute; "-": `input`
    uint32_t path_count;
    struct mapping *mapping; ///< not bound; borrowed until service_job_destroy()
    bool dead_letters;       ///< `paths` are dead-letter files
    int input;               ///< a descriptor for "-", or -1; borrowed until the job is done
};

enum service_job_state {
    SERVICE_JOB_WAITING = 0, ///< for the jobs before it
    SERVICE_JOB_PLANNING,    ///< looking at the files
    SERVICE_JOB_READING,
    SERVICE_JOB_COMMITTING, ///< everything was read; not all of it is durable
    SERVICE_JOB_DONE,
};

/// Puts a job at the end of the queue. CORONG_BUSY: the queue is full, or the service stops.
CORONG_MUST_CHECK enum corong_status service_job_submit(struct service_job **job_out,
                                                        struct service *service,
                                                        const struct service_job_options *options,
                                                        struct corong_error *error);
/// Asks for an orderly stop: what was read is committed.
void service_job_stop(struct service_job *job);
/// Waits until the job is done, at most `timeout_us`.
enum service_job_state service_job_wait(struct service_job *job, int64_t timeout_us,
                                        struct ingest_progress *progress_out);
/// After SERVICE_JOB_DONE: what became of it. Borrowed until service_job_destroy().
struct service_job_end {
    struct corong_error error; ///< status CORONG_OK: all was read
    bool stopped;              ///< asked to, or the service stopped
    struct ingest_books books; ///< duplicates are the store's own: 0 here while topics flow
    const struct reject_sample *samples;
    uint32_t sample_count;
    const char *const *notes;
    const bool *note_is_failure;
    uint32_t note_count;
};
const struct service_job_end *service_job_end(const struct service_job *job);
/// Stops it if need be, waits until it is done, and frees.
void service_job_destroy(struct service_job *job);
