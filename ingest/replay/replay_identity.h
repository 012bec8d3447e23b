// SPDX-License-Identifier: Apache-2.0
/// Who a file is: a hash of its first bytes, as many as it had (64 KiB at most) when first seen.
/// The number of bytes hashed is part of the identity, so a file that grew is still found: its
/// first bytes are hashed again to every length on record. README.md has the reasoning and the
/// limits. Thread: a set belongs to one thread at a time.
#pragma once

#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <stdint.h>

/// Identity of a file whose first `prefix.size` (at most 64 KiB) decompressed bytes are these.
struct hash128 replay_identity(struct text prefix);
/// How many bytes the identity covers.
uint32_t replay_identity_size(struct hash128 id);

/// Known identities and what each belongs to.
struct replay_known {
    struct hash128 id;
    uint32_t owner; ///< the caller's index
};
struct replay_known_set {
    struct replay_known *items;
    uint32_t count;
    uint32_t capacity;
    bool sorted;
};
void replay_known_add(struct replay_known_set *set, struct hash128 id, uint32_t owner);
/// Fills `owners` with the owners of identities that `prefix` (all first bytes at hand) begins
/// with, those of most bytes first; returns how many (`owner_max` at most, the longest).
uint32_t replay_known_find(struct replay_known_set *set, struct text prefix, uint32_t *owners,
                           uint32_t owner_max);
void replay_known_deinit(struct replay_known_set *set);
