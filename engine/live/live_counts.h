// SPDX-License-Identifier: Apache-2.0
/// How many users stand at each level of one funnel, per slice value; written by one shard,
/// readable at any moment but for a reset. A shard knows at most LIVE_SLICE_COUNT_MAX values within
/// its budget, later ones count as `(other)`. What users count for who were dropped from memory is
/// kept apart as well, so that it can be exchanged for a count made anew from the store.
///
/// Thread: the shard writes; live_counts_slice_count(), _value() and _at_level() may be called by
/// any.
#pragma once

#include "engine/live/live_funnel.h"
#include "storage/base/arena.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <stdatomic.h>
#include <stdint.h>

#define LIVE_SLICE_COUNT_MAX 65536u
#define LIVE_CHUNK_SLICES 64u
#define LIVE_CHUNK_COUNT (LIVE_SLICE_COUNT_MAX / LIVE_CHUNK_SLICES)

struct live_chunk;
struct live_slot;

struct live_counts {
    uint32_t step_count;
    uint64_t budget_bytes;   ///< of texts, counters and slots
    struct arena values;     ///< the shard's
    struct live_slot *slots; ///< the shard's: value to code
    uint32_t slot_count;
    const struct hash_secret *secret;
    struct live_chunk *chunks[LIVE_CHUNK_COUNT]; ///< [i] is set before slice_count passes i * 64
    atomic_uint_least32_t slice_count;
};

void live_counts_init(struct live_counts *counts, uint32_t step_count,
                      const struct hash_secret *secret, uint64_t budget_bytes);
void live_counts_deinit(struct live_counts *counts);
/// Bytes in use.
uint64_t live_counts_memory(const struct live_counts *counts);
/// Code of a slice value; LIVE_SLICE_NONE for a missing one, LIVE_SLICE_OTHER when there are too
/// many.
uint16_t live_counts_code(struct live_counts *counts, struct text value);
/// One user goes from one place to another; level 0 counts nowhere.
void live_counts_move(struct live_counts *counts, uint32_t old_level, uint16_t old_slice,
                      uint32_t new_level, uint16_t new_slice);
/// Which dropped users are meant: those that the counts have, or those that a recount has found so
/// far.
enum live_dropped { LIVE_DROPPED_COUNTED = 0, LIVE_DROPPED_FOUND, LIVE_DROPPED_KINDS };
/// Notes where a dropped user stands; the counts themselves do not change.
void live_counts_drop(struct live_counts *counts, enum live_dropped kind, uint32_t level,
                      uint16_t slice);
/// Forgets what was found.
void live_counts_forget_found(struct live_counts *counts);
/// Puts what was found in the place of what was counted, in the counts too.
void live_counts_exchange(struct live_counts *counts);
/// Forgets everything, values too. No reader may look.
void live_counts_reset(struct live_counts *counts);

uint32_t live_counts_slice_count(const struct live_counts *counts);
/// Missing for LIVE_SLICE_NONE. Lives as long as the counts.
struct text live_counts_value(const struct live_counts *counts, uint32_t code);
/// Users whose reported attempt has exactly this level.
uint64_t live_counts_at_level(const struct live_counts *counts, uint32_t code, uint32_t level);
