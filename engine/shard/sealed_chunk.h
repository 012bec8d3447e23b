// SPDX-License-Identifier: Apache-2.0
/// A sealed segment that no manifest names yet, as an open descriptor: in memory, or a file that a
/// full tail wrote before the commit. Shared by its shard and by the views that hold it.
///
/// Thread: any; the last one to let go closes the descriptor.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct sealed_chunk {
    int descriptor; ///< read only for everybody
    uint64_t row_count;
    uint64_t memory_bytes; ///< 0 for a file
    atomic_uint_least32_t holders;
};

/// With one holder. Takes over the descriptor.
struct sealed_chunk *sealed_chunk_create(int descriptor, uint64_t row_count, uint64_t memory_bytes);
/// One more holder; returns the chunk.
struct sealed_chunk *sealed_chunk_hold(struct sealed_chunk *chunk);
/// One holder less.
void sealed_chunk_release(struct sealed_chunk *chunk);
