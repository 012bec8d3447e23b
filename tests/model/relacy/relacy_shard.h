// SPDX-License-Identifier: Apache-2.0
// What a shard keeps and follows, reduced to counting: a tail that knows which barrier its rows
// belong to. In the place of the headers of tail, live, view and counters.
#ifndef RELACY_SHARD_H
#define RELACY_SHARD_H

#include "engine/event/event_batch.h"
#include "storage/base/error.h"

struct tail;
typedef void tail_reader(void *, uint32_t, struct text_buffer *);

#define LIVE_READER_BLOCK_USERS 1

struct live_plan;
struct live_load;
struct live_reader;
struct live_options {
    const struct live_plan *plan;
    struct hash128 first_key;
    bool primes;
};
struct live_block {
    struct hash128 end;
    bool has_end;
};
struct live_task {
    model_word question;
    model_word answer;
};
struct live_rows {
    void *context;
    tail_reader *reader;
};
struct live_batch {
    const struct event_batch *batch;
    uint32_t first_row;
    const void *columns;
    struct live_rows rows;
};
struct live_counts;
struct live {
    int unused;
};
inline struct live *live_create(const struct live_options *)
{
    return memory_allocate_zeroed(1, sizeof(struct live));
}
inline void live_destroy(struct live *live)
{
    memory_free(live);
}
inline void live_before_flush(struct live *, const struct live_rows *)
{
}
inline void live_take(struct live *, const struct live_batch *)
{
}
inline const struct live_counts *live_counts(const struct live *, uint32_t)
{
    return nullptr;
}
inline bool live_look(struct live *)
{
    return false;
}
inline void live_sealed(struct live *)
{
}
// Nothing is loaded from a store here: no shard asks for it.
inline void live_primed(struct live *, bool)
{
}
inline void live_prime(struct live *, const struct live_block *)
{
}
inline void live_block_init(struct live_block *, const struct live_plan *)
{
}
inline void live_block_deinit(struct live_block *)
{
}
inline struct live_reader *live_reader_open(struct live_load *)
{
    return nullptr;
}
inline void live_reader_close(struct live_reader *)
{
}
inline enum corong_status live_reader_range(struct live_reader *, struct hash128,
                                            const struct hash128 *, uint32_t, struct live_block *,
                                            struct corong_error *)
{
    return CORONG_CANCELLED;
}

struct segment_meta;
struct tail_options {
    uint64_t budget_bytes;
};
struct tail_output {
    struct segment_meta *metas;
    uint64_t event_count;
};
struct tail {
    uint32_t row_count;
    const void *columns;
    uint32_t barriers; // commits and views so far
};
inline struct tail *tail_create(const struct tail_options *)
{
    return memory_allocate_zeroed(1, sizeof(struct tail));
}
inline void tail_destroy(struct tail *tail)
{
    memory_free(tail);
}
inline bool tail_has_room(const struct tail *, const struct event_batch *)
{
    return true;
}
inline void tail_append(struct tail *tail, const struct event_batch *batch)
{
    RL_ASSERT(batch->row_count == 1);
    RL_ASSERT(batch->epoch == tail->barriers + 1); // every event in the epoch of its cut
    tail->row_count++;
}
inline void tail_canonical(void *, uint32_t, struct text_buffer *)
{
}
inline uint64_t tail_fill(const struct tail *)
{
    return 0;
}
inline uint64_t tail_memory(const struct tail *)
{
    return 0;
}
inline enum corong_status tail_flush(struct tail *tail, struct tail_output *output,
                                     struct corong_error *)
{
    output->event_count += tail->row_count;
    tail->row_count = 0;
    tail->barriers++;
    return CORONG_OK;
}
inline void tail_discard(struct tail *)
{
}

struct sealed_chunk;
struct shard_view_chunk {
    struct sealed_chunk *sealed;
};
struct shard_view {
    uint32_t chunk_count_max;
    uint32_t chunk_count;
    struct shard_view_chunk *chunks;
};
inline struct sealed_chunk *sealed_chunk_hold(struct sealed_chunk *chunk)
{
    return chunk;
}
inline void shard_view_deinit(struct shard_view *)
{
}
inline enum corong_status shard_view_make(struct shard_view *, struct tail *tail,
                                          const struct tail_output *, struct corong_error *)
{
    tail->barriers++;
    return CORONG_OK;
}
inline void shard_view_flushed(struct shard_view *)
{
}
inline void shard_view_committed(struct shard_view *)
{
}

#endif
