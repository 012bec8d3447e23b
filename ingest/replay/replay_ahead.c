// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_ahead.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>

#define BLOCK_COUNT 4u
#define BLOCK_SIZE (1u << 18)
#define WAIT_US (100 * INT64_C(1000)) ///< how long a pump may be deaf to a barrier

struct replay_ahead {
    struct replay_stream *stream;
    pthread_t thread;
    pthread_mutex_t lock; ///< of what follows; never held while anything is read
    pthread_cond_t filled;
    pthread_cond_t emptied;
    uint64_t filled_count;
    uint64_t taken_count;
    uint64_t returned_count;
    bool stopping;
    struct replay_block blocks[BLOCK_COUNT]; ///< by count, modulo theirs
};

/// Reads until the block is full enough or there is nothing more.
static void fill(struct replay_ahead *ahead, struct replay_block *block)
{
    enum replay_read result = REPLAY_READ_BYTES;
    block->size = 0;
    while (block->size < BLOCK_SIZE &&
           (result == REPLAY_READ_BYTES || result == REPLAY_READ_IDLE)) {
        size_t size = 0;
        result = replay_stream_read(ahead->stream, block->bytes + block->size,
                                    BLOCK_SIZE - block->size, &size, &block->error);
        block->size += result == REPLAY_READ_BYTES ? size : 0;
    }
    // An end behind some bytes is met again by the next read.
    block->result = block->size > 0 ? REPLAY_READ_BYTES : result;
    block->bytes_done = replay_stream_bytes_done(ahead->stream);
}

/// Waits for a block that nobody has. NULL: stopping.
static struct replay_block *wait_for_empty(struct replay_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->stopping && ahead->filled_count - ahead->returned_count == BLOCK_COUNT) {
        pthread_cond_wait(&ahead->emptied, &ahead->lock);
    }
    struct replay_block *block =
        ahead->stopping ? NULL : &ahead->blocks[ahead->filled_count % BLOCK_COUNT];
    pthread_mutex_unlock(&ahead->lock);
    return block;
}

static void *run(void *argument)
{
    struct replay_ahead *ahead = argument;
    enum replay_read result = REPLAY_READ_BYTES;
    while (result == REPLAY_READ_BYTES) {
        struct replay_block *block = wait_for_empty(ahead);
        if (block == NULL) {
            break;
        }
        fill(ahead, block);
        result = block->result; // who takes it may give it back at once
        pthread_mutex_lock(&ahead->lock);
        ahead->filled_count++;
        pthread_cond_signal(&ahead->filled);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

static void destroy(struct replay_ahead *ahead)
{
    for (uint32_t index = 0; index < BLOCK_COUNT; index++) {
        memory_free(ahead->blocks[index].bytes - REPLAY_BLOCK_HEAD);
    }
    pthread_cond_destroy(&ahead->filled);
    pthread_cond_destroy(&ahead->emptied);
    pthread_mutex_destroy(&ahead->lock);
    memory_free(ahead);
}

struct replay_ahead *replay_ahead_start(struct replay_stream *stream, size_t padding)
{
    struct replay_ahead *ahead = memory_allocate_zeroed(1, sizeof(*ahead));
    ahead->stream = stream;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->filled, &monotonic);
    pthread_cond_init(&ahead->emptied, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (uint32_t index = 0; index < BLOCK_COUNT; index++) {
        char *memory = memory_allocate(REPLAY_BLOCK_HEAD + BLOCK_SIZE + padding);
        ahead->blocks[index].bytes = memory + REPLAY_BLOCK_HEAD;
    }
    if (pthread_create(&ahead->thread, NULL, run, ahead) != 0) {
        destroy(ahead);
        return NULL;
    }
    (void)pthread_setname_np(ahead->thread, "corong-read");
    return ahead;
}

enum replay_read replay_ahead_next(struct replay_ahead *ahead, struct replay_block **block_out)
{
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    struct timespec until = {until_us / MICROSECONDS_PER_SECOND,
                             until_us % MICROSECONDS_PER_SECOND * 1000};
    int late = 0;
    pthread_mutex_lock(&ahead->lock);
    while (ahead->filled_count == ahead->taken_count && late == 0) {
        late = pthread_cond_timedwait(&ahead->filled, &ahead->lock, &until);
    }
    enum replay_read result = REPLAY_READ_IDLE;
    if (ahead->filled_count != ahead->taken_count) {
        *block_out = &ahead->blocks[ahead->taken_count % BLOCK_COUNT];
        result = (*block_out)->result;
        ahead->taken_count += result == REPLAY_READ_BYTES;
    }
    pthread_mutex_unlock(&ahead->lock);
    return result;
}

void replay_ahead_return(struct replay_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ASSERT(ahead->returned_count < ahead->taken_count);
    ahead->returned_count++;
    pthread_cond_signal(&ahead->emptied);
    pthread_mutex_unlock(&ahead->lock);
}

void replay_ahead_stop(struct replay_ahead *ahead)
{
    if (ahead == NULL) {
        return;
    }
    pthread_mutex_lock(&ahead->lock);
    ahead->stopping = true;
    pthread_cond_signal(&ahead->emptied);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    destroy(ahead);
}
