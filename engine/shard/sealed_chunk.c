// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/sealed_chunk.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

struct sealed_chunk *sealed_chunk_create(int descriptor, uint64_t row_count, uint64_t memory_bytes)
{
    struct sealed_chunk *chunk = memory_allocate_zeroed(1, sizeof(*chunk));
    chunk->descriptor = descriptor;
    chunk->row_count = row_count;
    chunk->memory_bytes = memory_bytes;
    atomic_init(&chunk->holders, 1);
    return chunk;
}

struct sealed_chunk *sealed_chunk_hold(struct sealed_chunk *chunk)
{
    // Relaxed: who calls holds it already, so it cannot go meanwhile.
    uint32_t before = atomic_fetch_add_explicit(&chunk->holders, 1, memory_order_relaxed);
    DCHECK(before > 0);
    (void)before;
    return chunk;
}

void sealed_chunk_release(struct sealed_chunk *chunk)
{
    // Release: what this holder did with the chunk comes before it goes. Acquire, pairs with it:
    // the last one sees that all others are done.
    uint32_t before = atomic_fetch_sub_explicit(&chunk->holders, 1, memory_order_acq_rel);
    DCHECK(before > 0);
    if (before == 1) {
        file_close_quietly(chunk->descriptor);
        memory_free(chunk);
    }
}
