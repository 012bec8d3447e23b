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
/// newer version is taken, unless the part asks for one version: another is CORONG_BUSY and
/// retriable. The part's chunks are not looked at. On failure there is nothing to close.
CORONG_MUST_CHECK enum corong_status store_part_open(struct store_part *part,
                                                     const struct store_snapshot_part *wanted,
                                                     struct corong_error *error);
void store_part_close(struct store_part *part);
