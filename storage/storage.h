// SPDX-License-Identifier: Apache-2.0
/// The store: a directory of immutable segments and one append-only manifest, which is the only
/// commit point. A commit carries new segments, source positions and counters in one checksummed
/// record.
///
/// Thread: a `struct store` belongs to the committer thread (one process writes, held by flock);
/// snapshots may be opened by any thread and any process and take no lock.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/column/column.h"
#include "storage/segment/segment.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_REJECT_REASON_COUNT_MAX 32
#define STORE_PERIOD_DAYS_DEFAULT 30

/// Cumulative counts of one source (a file, a topic partition). They are committed with its
/// position, so a crash can neither lose nor double one.
struct store_counters {
    uint64_t messages;          ///< lines, records: everything read
    uint64_t blank;             ///< empty lines, comments, headers, heartbeats, control records
    uint64_t messages_rejected; ///< no event came out, by `rejected` below
    uint64_t events;            ///< events unrolled from the messages that were not rejected
    uint64_t events_rejected;   ///< of these, bad ones inside a good message
    uint64_t stored;            ///< rows handed to segments (before duplicates were found)
    uint64_t late;              ///< dropped by the operator's lateness limit (none by default)
    uint64_t future;            ///< stored, but more than 24 h after `received`
    uint64_t gaps;              ///< messages known to be lost or skipped by an operator
    uint64_t control;           ///< offsets of a log that hold no message: markers of transactions,
                                ///< aborted or compacted away
    uint64_t rejected[STORE_REJECT_REASON_COUNT_MAX]; ///< messages and events, by reject reason
};

/// Where a source stands. `id` is a hash of what identifies it (topic and partition; the first 64
/// KiB of a file), never of a path: the name is a hint for people. Of a log, next_offset -
/// first_offset = messages + control + gaps.
struct store_position {
    struct hash128 id;
    struct text name;
    int64_t next_offset;     ///< first byte or record not yet in the store
    int64_t anchor_offset;   ///< a place before next_offset whose content is known ...
    uint64_t anchor_hash;    ///< ... by this hash; -1 and 0 where there is none
    int32_t epoch;           ///< Kafka leader epoch, else -1
    int64_t first_offset;    ///< where reading began; -1 where an older program did not say
    struct hash128 topic_id; ///< Kafka's id of the topic; 0 where it is not known
    struct store_counters counters;
};

/// Store-wide counters that are not of one source.
struct store_totals {
    uint64_t rows;       ///< rows in live segments
    uint64_t duplicates; ///< same user, time and id hash: found at flush or merge, dropped
    uint64_t erased;
    struct hash128 digest; ///< sum of the live segments' row digests
};

struct store;

struct store_options {
    int64_t period_us; ///< used when the store is created; 0 means 30 days
    bool create;       ///< make the directory and its files where there are none
    bool read_only;    ///< no lock, no recovery writes; commits are refused
    /// Of the store's group, or NULL. A new store is made with it (NULL: with random bytes); a
    /// store that has another one is refused as CORONG_INVALID.
    const struct hash_secret *secret;
};

/// Opens or creates. Takes the lock (CORONG_BUSY names the holder), replays the manifest (a torn
/// last record is dropped; any other damage is CORONG_CORRUPT naming file and record), removes
/// unreferenced files, and starts a new manifest file.
CORONG_MUST_CHECK enum corong_status store_open(struct store **store_out, const char *directory,
                                                const struct store_options *options,
                                                struct corong_error *error);
/// NULL-safe. Commits nothing.
void store_close(struct store *store);

const struct hash_secret *store_secret(const struct store *store);
int64_t store_period_us(const struct store *store);
const char *store_directory(const struct store *store);
/// The directory into which segment writers write.
const char *store_segment_directory(const struct store *store);
/// The attributes seen so far; grows with store_add_attribute(), durable with the next commit.
const struct schema *store_schema(const struct store *store);
CORONG_MUST_CHECK enum corong_status store_add_attribute(struct store *store, struct text name,
                                                         enum column_type type, uint32_t *index_out,
                                                         struct corong_error *error);
/// The committed position of a source, or NULL. Valid until the next commit.
const struct store_position *store_position_find(const struct store *store, struct hash128 id);
/// All positions; borrowed until the next commit.
const struct store_position *store_positions(const struct store *store, uint32_t *count_out);
struct store_totals store_totals(const struct store *store);
/// Sequence number of the last commit.
uint64_t store_sequence(const struct store *store);
/// Live segments; borrowed until the next commit.
const struct segment_meta *store_segments(const struct store *store, uint32_t *count_out);

/// What one commit changes. All borrowed during the call.
struct store_commit {
    const struct segment_meta *added;
    uint32_t added_count;
    const struct segment_meta *removed; ///< by uuid
    uint32_t removed_count;
    const struct store_position *positions; ///< sources that moved; others stay
    uint32_t position_count;
    uint64_t duplicates;      ///< found since the last commit
    struct text dead_letters; ///< framed bytes to append to the dead-letter file, or empty
};

/// The commit point. Order: fsync(seg directory), append and sync dead letters, one write() of one
/// record, fdatasync(manifest). Then the new version is what snapshots see; removed files are
/// unlinked. CORONG_FENCED by the guard: nothing changed, and nothing will by trying again. Asserts
/// that sum(added digests) + duplicates' effect keeps the store digest
/// consistent. On CORONG_IO (disk full) nothing changed and the call may be repeated.
CORONG_MUST_CHECK enum corong_status
store_commit(struct store *store, const struct store_commit *commit, struct corong_error *error);

/// Asked at every commit whether the sources that it moves may be committed by this store.
struct store_commit_guard {
    void *context;
    /// Just before the record is written, with the positions that differ from the committed ones.
    /// What is not CORONG_OK (CORONG_FENCED: another store took one over) ends the commit, and
    /// nothing has changed.
    enum corong_status (*enter)(void *context, const struct store_position *const *moved,
                                uint32_t count, struct corong_error *error);
    /// The record is synced, or failed. Called where `enter` said CORONG_OK, and only there.
    void (*leave)(void *context);
};
/// Sets the guard of all later commits. Without positions that move it is not asked.
void store_set_commit_guard(struct store *store, struct store_commit_guard guard);

/// A stable view of one manifest version with all its segments open. Readers take no lock: if a
/// segment vanished between reading the manifest and opening it, the newer version is taken.
struct store_snapshot;
CORONG_MUST_CHECK enum corong_status store_snapshot_open(struct store_snapshot **snapshot_out,
                                                         const char *directory,
                                                         struct corong_error *error);
/// One store of a snapshot, and the sealed segments that its engine holds beyond it.
struct store_snapshot_part {
    const char *directory;
    /// Another version is CORONG_BUSY, retriable. 0 without chunks: whatever is current. (With
    /// chunks 0 is the version of a store that has no commit yet.)
    uint64_t sequence;
    const int *chunk_fds; ///< of segments that this version does not have; stay the caller's
    uint32_t chunk_count;
};
/// A view over one or several stores. They must share their secret (CORONG_INVALID): users then
/// are the same everywhere, and an answer is exact for those who cross stores. Attributes are
/// united by name; one with two types is CORONG_INVALID. Segments merge by user, copies of one
/// event are dropped by the usual rule, wherever they lie.
CORONG_MUST_CHECK enum corong_status
store_snapshot_open_parts(struct store_snapshot **snapshot_out,
                          const struct store_snapshot_part *parts, uint32_t part_count,
                          struct corong_error *error);
/// NULL-safe.
void store_snapshot_close(struct store_snapshot *snapshot);
/// Committed segments, then chunks.
uint32_t store_snapshot_segment_count(const struct store_snapshot *snapshot);
/// How many of the segments are committed: they come first.
uint32_t store_snapshot_committed_count(const struct store_snapshot *snapshot);
struct segment_reader *store_snapshot_segment(const struct store_snapshot *snapshot,
                                              uint32_t index);
/// From now on questions over this snapshot look for decoded blocks in `cache` (storage/cache) and
/// leave them there; of committed segments: chunks are gone soon, and light to decode. Borrowed: it
/// outlives the snapshot, and other snapshots may share it. Called once, before questions.
void store_snapshot_use_cache(struct store_snapshot *snapshot, struct cache *cache);
/// Lets a cache that only snapshots of the same stores share forget what merges have replaced:
/// blocks of segments that this one does not have. `cache` may be NULL.
void store_snapshot_trim_cache(const struct store_snapshot *snapshot, struct cache *cache);
/// What its user works out once per snapshot and keeps with it: destroyed with `destroy` before the
/// segments are closed. One thing; not while there is one.
void store_snapshot_keep(struct store_snapshot *snapshot, void *kept, void (*destroy)(void *kept));
/// What is kept, or NULL.
void *store_snapshot_kept(const struct store_snapshot *snapshot);
/// Leaves what was worked out from exactly these segments beside them, for whoever asks them next:
/// compressed, checked, replaced as a whole. A snapshot of several stores or of chunks leaves
/// nothing. The caller holds the store's lock.
CORONG_MUST_CHECK enum corong_status store_snapshot_derive(const struct store_snapshot *snapshot,
                                                           struct text bytes,
                                                           struct corong_error *error);
/// What was left for exactly these segments, appended to `bytes_out`. False: nothing, or it is
/// damaged or larger than `size_max`; that is no error, since it can be worked out again.
bool store_snapshot_derived(const struct store_snapshot *snapshot, uint64_t size_max,
                            struct text_buffer *bytes_out);
const struct schema *store_snapshot_schema(const struct store_snapshot *snapshot);
const struct hash_secret *store_snapshot_secret(const struct store_snapshot *snapshot);
/// Committed positions, ascending by id. A source that several stores know stands where it is
/// furthest, with the counts of all.
const struct store_position *store_snapshot_positions(const struct store_snapshot *snapshot,
                                                      uint32_t *count_out);
/// Of all parts, rows and digest with the chunks.
struct store_totals store_snapshot_totals(const struct store_snapshot *snapshot);
/// The manifest's; of several parts the sum, which grows with any commit.
uint64_t store_snapshot_sequence(const struct store_snapshot *snapshot);

/// How many dead-letter files are kept: the newest; each begins when the one before reached 64 MiB.
#define STORE_DEAD_LETTER_FILE_COUNT_MAX 4
/// dead/<number>.dlq of the store; bytes behind `size_bytes` were never committed.
struct store_dead_letter_file {
    uint64_t number;
    uint64_t size_bytes;
};
/// Fills at most STORE_DEAD_LETTER_FILE_COUNT_MAX entries of the first part, oldest first; returns
/// how many.
uint32_t store_snapshot_dead_letters(const struct store_snapshot *snapshot,
                                     struct store_dead_letter_file *files_out);

/// How a compaction goes about it. {0} is fine.
struct store_compact_options {
    /// A period whose merge would hold more than about this (its segments' dictionaries, and the
    /// merged ones) keeps its runs; questions merge them as they read. Merges are written side by
    /// side as far as it reaches. 0: no limit.
    uint64_t memory_limit_bytes;
    bool every_period;     ///< none keeps its runs: what does not fit the limit is merged alone
    uint32_t thread_count; ///< merges side by side at most; 0: one after the other
    /// Called with rows done and rows in all, by one thread at a time, not always with the last of
    /// them; may be NULL. While it waits only the merge that called it does.
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/// Merges the segments so that one sorted run per period is left, dropping duplicates, and commits
/// the exchange. Memory: row groups and the dictionaries of each merge. `periods_left_out` (may be
/// NULL) counts the periods that the memory limit kept apart. Checks sum(in) - duplicates = out
/// before each commit.
CORONG_MUST_CHECK enum corong_status store_compact(struct store *store,
                                                   const struct store_compact_options *options,
                                                   uint32_t *periods_left_out,
                                                   struct corong_error *error);

/// Checks every checksum, order, count and digest of the store. Calls `found` for each fault; the
/// first also fills `error`.
CORONG_MUST_CHECK enum corong_status store_verify(const char *directory,
                                                  void (*found)(void *context, const char *message),
                                                  void *context, struct corong_error *error);
