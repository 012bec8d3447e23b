// SPDX-License-Identifier: Apache-2.0
/// One store's share of a snapshot: one manifest version with all its segments open. Private to
/// storage/. Thread: any.
#pragma once

#include "storage/manifest/manifest.h"
#include "storage/store_format.h"

struct store_part {
    struct store_format format;
    struct manifest_state state;
    struct segment_reader **readers; ///< state.segment_count of them; NULL where not open yet
};

/// Readers take no lock: if a segment vanished between reading the manifest and opening it, the
/// newer version is taken. `sequence` 0: whatever is current; else another version is CORONG_BUSY
/// and retriable. On failure there is nothing to close.
CORONG_MUST_CHECK enum corong_status store_part_open(struct store_part *part, const char *directory,
                                                     uint64_t sequence, struct corong_error *error);
void store_part_close(struct store_part *part);
