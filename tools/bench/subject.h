// SPDX-License-Identifier: Apache-2.0
/// The system under load: a service as `corong serve` runs it, with a store of its own in a
/// temporary folder, fed through a broker in this process, a broker given by address, or a pipe
/// that it reads as it reads files. Private to tools/bench/.
///
/// Thread: opened and closed by main. Meanwhile subject_send() by the load's thread, subject_look()
/// by the watcher's, subject_ask() by the asker's.
#pragma once

#include "engine/query/query.h"
#include "ingest/produce/produce.h"
#include "ingest/pump_shared.h"
#include "ingest/service/service.h"
#include "storage/base/arena.h"
#include "tools/bench/bench.h"
#include "tools/bench/threads.h"

#include <pthread.h>

#define SUBJECT_PARTITION_COUNT_MAX 256u
#define SUBJECT_STEP_COUNT_MAX 4u

struct subject_options {
    enum bench_through through;
    const char *parent;            ///< folder for temporary folders
    const char *directory;         ///< the store's, which stays; NULL: a new one in `parent`
    const char *topic;             ///< of a given broker
    const char *const *properties; ///< of a given broker: "name=value", NULL-terminated
    uint32_t partition_count;      ///< of the broker in this process
    uint32_t shard_count;
    uint64_t memory_limit_bytes;
    int64_t commit_interval_us;
    struct text mapping_text; ///< YAML
    const char *const *names; ///< of the funnel followed live and asked, in order
    uint32_t name_count;
    const char *slice;            ///< attribute by which it is cut, or NULL
    bool counts_only;             ///< funnels are asked for their counts, not for times and money
    struct thread_table *threads; ///< told which of librdkafka's threads are the load's
    const struct pump_stop *stop; ///< asked: whatever waits gives up
};

struct subject {
    struct subject_options options;
    struct arena arena;
    char *directory;
    struct store *store;
    struct mapping *mapping;
    struct produce_broker *broker;
    struct produce *produce;
    struct service *service;
    struct service_job *job;
    struct query_memo *memo; ///< the same, of users
    struct cache *blocks;    ///< of who asks again and again; NULL: each question decodes anew
    int pipe_in;             ///< what the job reads
    int pipe_out;            ///< what the load writes
    uint32_t partition_count;
    struct definitions definitions;
    struct funnel funnel;
    struct stage steps[SUBJECT_STEP_COUNT_MAX];
    struct text step_names[SUBJECT_STEP_COUNT_MAX];
    int64_t base[SUBJECT_PARTITION_COUNT_MAX]; ///< offsets at which the load begins
    int64_t held_us;     ///< how long subject_send() waited for the system; the load's thread
    uint64_t sent_bytes; ///< through the pipe
    uint64_t sent;       ///< events; the load's thread
    uint64_t window;     ///< events that may be unread in the broker of this process
};

/// A new folder for a store; the caller frees its name, or removes it with subject_remove().
CORONG_MUST_CHECK enum corong_status subject_folder(const char *parent, char **path_out,
                                                    struct corong_error *error);
/// Removes the folder with all that is in it, and frees the name. NULL-safe.
void subject_remove(char *path);
/// Waits until everything that was written to the pipe (whose end was told) is durable.
CORONG_MUST_CHECK enum corong_status subject_wait_durable(struct subject *subject,
                                                          struct corong_error *error);

/// Makes the folder and the store, connects, starts the service.
CORONG_MUST_CHECK enum corong_status subject_open(struct subject *subject,
                                                  const struct subject_options *options,
                                                  struct corong_error *error);
/// Stops in order (everything read is committed) where `drains`; else the service is abandoned as
/// a kill would. The folder stays. Both may be called twice.
CORONG_MUST_CHECK enum corong_status subject_stop(struct subject *subject, bool drains,
                                                  struct corong_error *error);
/// Stops, closes, removes the folder. NULL-safe fields: works after a failed open.
void subject_close(struct subject *subject);
/// Only what questions need: `directory` of the options, and the funnel. Nothing is opened.
void subject_define(struct subject *subject, const struct subject_options *options);
/// Opens store and service over `directory` of the options, as after a restart; no load can be sent
/// then.
CORONG_MUST_CHECK enum corong_status subject_start(struct subject *subject,
                                                   const struct subject_options *options,
                                                   struct corong_error *error);

/// What the load's thread hands over: one line with its key. Waits where the system is behind.
struct subject_line {
    struct text bytes; ///< with its line end
    struct text key;
    int64_t time_us;
};
/// `partition_out` and `offset_out`: the line is visible once its partition's next offset is at
/// least this.
CORONG_MUST_CHECK enum corong_status subject_send(struct subject *subject,
                                                  const struct subject_line *line,
                                                  uint32_t *partition_out, int64_t *offset_out,
                                                  struct corong_error *error);
/// Several lines at once through the pipe. One partition; offsets are bytes.
CORONG_MUST_CHECK enum corong_status subject_write(struct subject *subject, struct text lines,
                                                   struct corong_error *error);
/// Nothing is due at present: delivery reports are taken for at most so long.
void subject_idle(struct subject *subject, uint32_t wait_ms);
/// No line will follow: the pipe's end.
void subject_end(struct subject *subject);

/// What can be asked for, at one moment.
struct subject_sight {
    int64_t next[SUBJECT_PARTITION_COUNT_MAX]; ///< by partition; -1: nothing yet
    uint64_t visible;                          ///< events
    uint64_t read;                             ///< messages taken from the broker or the pipe
};
/// Takes a view. False: the service is exchanging its engine, or failed (`error`).
bool subject_look(struct subject *subject, struct subject_sight *sight_out,
                  struct corong_error *error);
/// The service waits for room on the disk, which a benchmark does not.
CORONG_MUST_CHECK enum corong_status subject_check_disk(struct subject *subject,
                                                        struct corong_error *error);
/// Messages read so far. Any thread.
uint64_t subject_read_count(struct subject *subject);

enum subject_question {
    SUBJECT_FUNNEL = 0, ///< the funnel, by the slice
    SUBJECT_STAGES,     ///< events and users per name and day
    SUBJECT_SESSIONS,
    SUBJECT_WEEK, ///< the funnel, by the slice, of the last seven days
    SUBJECT_QUESTION_COUNT,
};
const char *subject_question_name(enum subject_question question);
/// Asks what is visible now, as a served `corong funnel` does; `durable`: the committed store only.
/// From now on questions keep what they decode, in half of the memory limit, as those of `corong
/// funnel --every` do. Asker's thread.
void subject_keep_blocks(struct subject *subject);
CORONG_MUST_CHECK enum corong_status subject_ask(struct subject *subject,
                                                 enum subject_question question, bool durable,
                                                 uint32_t thread_count, struct corong_error *error);
