// SPDX-License-Identifier: Apache-2.0
/// The manifest: an append-only file of checksummed, chained records, the only commit point of a
/// store. Replaying it gives one version of the store, a `struct manifest_state`.
///
/// Thread: a state and a log belong to one thread at a time; manifest_load() may run in any
/// process.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/column/column.h"
#include "storage/segment/segment.h"
#include "storage/storage.h"

#include <stdint.h>

#define MANIFEST_UUID_SIZE 16
/// How many dead-letter files are kept.
#define MANIFEST_DEAD_FILE_COUNT_MAX STORE_DEAD_LETTER_FILE_COUNT_MAX

/// One version of the store. Memory: its own; start from manifest_state_init().
struct manifest_state {
    struct arena arena; ///< the schema's memory
    struct schema schema;
    uint32_t committed_column_count; ///< of schema: columns behind it are not durable yet
    struct segment_meta *segments;   ///< in the order of their commits
    uint32_t segment_count;
    uint32_t segment_capacity;
    struct store_position *positions; ///< ascending by id; names are owned
    uint32_t position_count;
    uint32_t position_capacity;
    struct store_dead_letter_file dead_files[MANIFEST_DEAD_FILE_COUNT_MAX]; ///< oldest first
    uint32_t dead_file_count;
    struct store_totals totals;
    uint64_t sequence;
};

/// What one record changes. All borrowed.
struct manifest_change {
    const struct schema *schema; ///< its columns [column_first, column_end) are added
    uint32_t column_first;
    uint32_t column_end;
    const struct segment_meta *added;
    uint32_t added_count;
    const struct segment_meta *removed; ///< by uuid
    uint32_t removed_count;
    const struct store_position *positions;
    uint32_t position_count;
    uint64_t duplicates; ///< since the record before
    uint64_t erased;
    const struct store_dead_letter_file *dead_files; ///< the whole new list
    uint32_t dead_file_count;
    struct store_totals totals; ///< after the change: checked when it is applied
};

void manifest_state_init(struct manifest_state *state);
void manifest_state_deinit(struct manifest_state *state);
/// The position of a source, or NULL.
struct store_position *manifest_state_position(const struct manifest_state *state,
                                               struct hash128 id);
/// Index of a live segment, or -1.
int64_t manifest_state_segment(const struct manifest_state *state, const uint8_t *uuid);
/// Appends the payload of a record.
void manifest_change_encode(const struct manifest_change *change, struct text_buffer *out);
/// Applies a payload that manifest_change_encode() made. CORONG_CORRUPT where it contradicts itself
/// or the state; the state is then undefined and fit for deinit only.
CORONG_MUST_CHECK enum corong_status manifest_state_apply(struct manifest_state *state,
                                                          const void *payload, size_t size,
                                                          struct corong_error *error);
/// The same for a payload of any version: `flags` are its record's.
CORONG_MUST_CHECK enum corong_status manifest_state_apply_record(struct manifest_state *state,
                                                                 uint16_t flags,
                                                                 struct text payload,
                                                                 struct corong_error *error);
/// The change that makes an empty state into this one.
void manifest_state_snapshot(const struct manifest_state *state, struct manifest_change *change);

/// Where a manifest lies and what binds its records to this store.
struct manifest_place {
    const char *directory; ///< the store's; borrowed
    uint8_t uuid[MANIFEST_UUID_SIZE];
};

/// Replays the file that CURRENT names into `state` (initialised, empty). A torn last record is
/// dropped. CORONG_NOT_FOUND: CURRENT is missing, empty or short, or names a file that is gone (a
/// writer may just have replaced it; try again). CORONG_CORRUPT names file and record.
CORONG_MUST_CHECK enum corong_status manifest_load(const struct manifest_place *place,
                                                   struct manifest_state *state,
                                                   struct corong_error *error);
/// Syncs the file that CURRENT names, so that records which a killed writer left unsynced survive
/// a power cut. CORONG_NOT_FOUND as above. For readers that build on what they read.
CORONG_MUST_CHECK enum corong_status manifest_sync_current(const struct manifest_place *place,
                                                           struct corong_error *error);
/// The way back where CURRENT is missing, empty or short: the newest manifest that replays. A store
/// that never had one (no manifest, no segment) stays empty. For the holder of the lock.
CORONG_MUST_CHECK enum corong_status manifest_recover(const struct manifest_place *place,
                                                      struct manifest_state *state,
                                                      struct corong_error *error);

/// The open end of the manifest. Start from {0}; manifest_log_open() comes first.
struct manifest_log {
    struct manifest_place place;
    int descriptor; ///< -1: none yet
    uint64_t number;
    uint64_t number_max;    ///< numbers are never used twice
    uint64_t size_bytes;    ///< of whole records
    uint64_t snapshot_size; ///< of these, the first record
    struct hash128 last_hash;
    bool tail_is_dirty; ///< a failed append left bytes that could not be cut off
};

/// Takes the place and looks which numbers are in use. Writes nothing.
CORONG_MUST_CHECK enum corong_status manifest_log_open(struct manifest_log *log,
                                                       const struct manifest_place *place,
                                                       struct corong_error *error);
/// Closes the descriptor.
void manifest_log_close(struct manifest_log *log);
/// True where the next append needs a new file first: none is open, it has grown too long, or its
/// tail is dirty.
bool manifest_log_is_full(const struct manifest_log *log);
/// Starts a new file with a snapshot of `state`, syncs it, switches CURRENT, removes the old file.
/// On failure the old file stays current.
CORONG_MUST_CHECK enum corong_status manifest_log_rotate(struct manifest_log *log,
                                                         const struct manifest_state *state,
                                                         struct corong_error *error);
/// Appends a COMMIT record with one write and syncs it: the commit point. On failure nothing was
/// committed and the call may be repeated (after manifest_log_rotate() where the log says it is
/// full).
CORONG_MUST_CHECK enum corong_status manifest_log_append(struct manifest_log *log,
                                                         uint64_t sequence, struct text payload,
                                                         struct corong_error *error);
/// Removes every manifest but the current one. Best effort: what stays is removed at the next open.
void manifest_log_collect(const struct manifest_log *log);
