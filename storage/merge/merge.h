// SPDX-License-Identifier: Apache-2.0
/// Merging while commits go on, so that a store that is written for months keeps few runs. In three
/// steps: plan (by the committer, cheap, copies what is needed), write (any thread, touches no
/// store), exchange (by the committer, one manifest record). README.md says which runs and why.
///
/// Thread: a merger belongs to its store's committer; store_merge_write() and store_merge_cancel()
/// may be called by any thread.
#pragma once

#include "storage/base/error.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

/// Chooses merges for one store.
struct store_merger;
/// One merge: its inputs, and what it wrote.
struct store_merge;

struct store_merger_options {
    /// Of one merge: a row group of each run (fewer runs are merged where it is little), the
    /// dictionaries of its inputs and the merged ones. Larger merges are left out; questions merge
    /// those runs as they read. 0: no limit.
    uint64_t memory_limit_bytes;
    /// A period that nothing came to for so long is merged further. 0: one hour.
    int64_t quiet_us;
};

/// Borrows the store.
struct store_merger *store_merger_create(struct store *store,
                                         const struct store_merger_options *options,
                                         int64_t now_us);
/// Every merge was exchanged or dropped before. NULL-safe.
void store_merger_destroy(struct store_merger *merger);

/// A commit added these segments. `now_us` here and below: clock_monotonic_us().
void store_merger_committed(struct store_merger *merger, const struct segment_meta *added,
                            uint32_t count, int64_t now_us);
/// From now on every period is merged into one run, as `corong compact` does, until that is done
/// once.
void store_merger_want_all(struct store_merger *merger);

/// Small merges take a second or two, large ones may take minutes; one of each may be under way, so
/// that small runs do not pile up behind a large merge.
enum store_merge_size { STORE_MERGE_SMALL = 0, STORE_MERGE_LARGE, STORE_MERGE_SIZE_COUNT };

/// The next merge of this size, or NULL: nothing is worth it, or merging pauses after a failure.
struct store_merge *store_merger_plan(struct store_merger *merger, enum store_merge_size size,
                                      int64_t now_us);
/// True where runs have piled up: it should not wait for idle time.
bool store_merge_is_urgent(const struct store_merge *merge);
/// Writes the outputs. CORONG_CANCELLED: given up; CORONG_NO_MEMORY: over the limit; CORONG_IO:
/// among others, the disk has no room for it. On failure nothing is left behind.
CORONG_MUST_CHECK enum corong_status store_merge_write(struct store_merge *merge,
                                                       struct corong_error *error);
/// Makes store_merge_write() end soon (some hundredths of a second, seconds at worst).
void store_merge_cancel(struct store_merge *merge);

/// Commits the exchange of a merge that was written, and frees it. On failure nothing changed: call
/// it again (a full disk), or drop the merge.
CORONG_MUST_CHECK enum corong_status store_merger_exchange(struct store_merger *merger,
                                                           struct store_merge *merge,
                                                           struct corong_error *error);
/// Frees a merge that failed, was cancelled or is not wanted; its outputs are removed. `error` (may
/// be NULL) says why: merging of that period, or all of it, then pauses.
void store_merger_drop(struct store_merger *merger, struct store_merge *merge,
                       const struct corong_error *error, int64_t now_us);

/// What merging did since the merger was made.
struct store_merge_figures {
    uint64_t merge_count;
    uint64_t failure_count; ///< merges that ended without an exchange, cancelled ones left out
    uint64_t rows_merged;   ///< written by merges
    uint64_t bytes_merged;  ///< written by merges
    uint64_t bytes_flushed; ///< written by commits; (flushed + merged) / flushed: amplification
    uint64_t duplicates;    ///< found by merges
    uint32_t run_count;     ///< now: the most that any period has
    uint32_t segment_count; ///< now
    char last_failure[256]; ///< empty: none
};
struct store_merge_figures store_merger_figures(const struct store_merger *merger);
