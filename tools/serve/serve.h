// SPDX-License-Identifier: Apache-2.0
/// `corong serve`: one process that takes events in for months and answers at once, and the other
/// side of its socket. README.md has the picture.
///
/// Thread: serve_run() by main, before other threads start; the client's functions by any.
#pragma once

#include "ingest/service/service.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "tools/report/report.h"

#include <stdbool.h>
#include <stdint.h>

/// What flags and file make, once at the start and again at each SIGHUP. Memory: the arena it was
/// loaded into.
struct serve_settings {
    const char *directory;               ///< of the store, or
    bool is_group;                       ///< of a group of stores: one of them is taken
    struct mapping *mapping;             ///< not bound; NULL where there are no topics
    struct text mapping_text;            ///< the same as YAML; missing where there is none
    struct definitions definitions;      ///< stages and funnels
    const char *const *kafka_topics;     ///< NULL-terminated, or NULL
    const char *const *kafka_properties; ///< NULL-terminated
    uint32_t backfill_count;
    uint32_t shard_count;
    uint64_t memory_limit_bytes;
    int64_t commit_interval_us;
    int64_t session_timeout_us;
    enum engine_live_range live_range;
    const struct zone *live_zone; ///< NULL: UTC
};

/// Who starts a server.
struct serve_host {
    void *context;
    enum corong_status (*load)(void *context, struct arena *arena,
                               struct serve_settings *settings_out, struct corong_error *error);
    /// Bytes in use, and what the allocator takes from the system for them; NULL: not known.
    void (*read_allocator)(uint64_t *allocated_out, uint64_t *resident_out);
    struct report_style style; ///< of standard error
    bool terminal;             ///< standard error is one: show the live funnels there
    bool quiet;                ///< warnings and errors only
};

/// Serves until SIGTERM or SIGINT, then drains. CORONG_OK: everything that was read is committed.
CORONG_MUST_CHECK enum corong_status serve_run(const struct serve_host *host,
                                               struct corong_error *error);

/// A connection to the server that holds a store. CORONG_NOT_FOUND: no server does.
struct client;
CORONG_MUST_CHECK enum corong_status client_open(struct client **client_out, const char *directory,
                                                 struct corong_error *error);
/// NULL-safe.
void client_close(struct client *client);

/// A snapshot of a store or of a group's stores: of those that a server holds, with the events that
/// are not yet on disk, unless only `durable` ones are wanted. Waits where a store moves on.
CORONG_MUST_CHECK enum corong_status client_snapshot(struct store_snapshot **snapshot_out,
                                                     const char *directory, bool durable,
                                                     struct corong_error *error);

/// The server's state, as the JSON that `corong status --format json` prints. Caller deinits.
CORONG_MUST_CHECK enum corong_status
client_status(struct client *client, struct text_buffer *json_out, struct corong_error *error);
/// The same for people.
CORONG_MUST_CHECK enum corong_status client_status_table(struct text json,
                                                         const struct report_style *style,
                                                         struct text_buffer *out,
                                                         struct corong_error *error);

/// Asks for every period to be merged into one run, in the background.
CORONG_MUST_CHECK enum corong_status client_compact(struct client *client,
                                                    struct corong_error *error);

/// A replay into the served store.
struct client_replay {
    const char *const *paths; ///< as given: made absolute here
    uint32_t path_count;
    struct text mapping; ///< YAML
    bool dead_letters;
    const volatile bool *stop; ///< set by a signal handler: stop in order
    /// Called about ten times a second while the server reads; may be NULL. `waiting`: for the
    /// replays before this one.
    void (*progress)(void *context, const struct ingest_progress *progress, bool waiting);
    void *context;
};
struct client_replay_end {
    bool stopped;
    struct ingest_books books;
    struct reject_sample *samples;
    uint32_t sample_count;
    const char **notes;
    bool *note_is_failure;
    uint32_t note_count;
};
/// Memory of the end: `arena`. An error of the replay itself is returned after `end_out` was
/// filled; before that nothing was read.
CORONG_MUST_CHECK enum corong_status
client_replay_run(struct client *client, const struct client_replay *replay, struct arena *arena,
                  struct client_replay_end *end_out, struct corong_error *error);
