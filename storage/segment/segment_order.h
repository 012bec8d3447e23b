// SPDX-License-Identifier: Apache-2.0
/// Order of keys that are hashes, or of numbers, each with what belongs to it. Private to this
/// folder. Thread: values.
#pragma once

#include "storage/base/hash.h"

#include <stddef.h>
#include <stdint.h>

struct segment_ordered {
    struct hash128 key;
    uint32_t index;
};

/// Bytes of `work` for so many entries.
size_t segment_order_work_size(uint32_t count);
/// Ascending by key. Keys that are spread evenly take time in proportion to their number, others
/// that of a sort by comparison.
void segment_order(struct segment_ordered *entries, uint32_t count, void *work);
