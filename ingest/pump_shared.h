// SPDX-License-Identifier: Apache-2.0
/// What a pump shares with other threads: counts that it alone writes, and the wish that it stop.
/// All relaxed: a progress bar may be a moment old, a stop may come a message later, and everything
/// that must be exact reaches main through pthread_join().
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// Written by one pump, read by any thread. One cache line, so that pumps do not disturb each
/// other.
struct pump_progress {
    _Alignas(64) _Atomic uint64_t messages;
    _Atomic uint64_t events;
    _Atomic uint64_t rejected;
    _Atomic uint64_t bytes_done;
};

static inline void pump_progress_set(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed); // one writer; a reader may lag
}

static inline uint64_t pump_progress_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed); // display only
}

/// Set once, by any thread or a signal handler.
struct pump_stop {
    atomic_bool asked;
};

static inline void pump_stop_ask(struct pump_stop *stop)
{
    atomic_store_explicit(&stop->asked, true, memory_order_relaxed); // orders nothing else
}

static inline bool pump_stop_asked(const struct pump_stop *stop)
{
    return atomic_load_explicit(&((struct pump_stop *)stop)->asked,
                                memory_order_relaxed); // seen a message later is early enough
}

/// The same for a wish that may be taken back.
static inline void pump_stop_set(struct pump_stop *stop, bool asked)
{
    atomic_store_explicit(&stop->asked, asked, memory_order_relaxed); // what it is about is locked
}

/// When the run began. A screen may look at it before.
struct pump_clock {
    _Atomic int64_t start_us;
};

static inline void pump_clock_start(struct pump_clock *clock, int64_t now_us)
{
    atomic_store_explicit(&clock->start_us, now_us, memory_order_relaxed); // display only
}

static inline int64_t pump_clock_get(const struct pump_clock *clock)
{
    return atomic_load_explicit(&((struct pump_clock *)clock)->start_us,
                                memory_order_relaxed); // display only
}

/// Hands each index below a count to exactly one pump.
struct pump_queue {
    _Atomic uint32_t next;
};

static inline uint32_t pump_queue_take(struct pump_queue *queue)
{
    // The files behind the index were complete before the threads were made.
    return atomic_fetch_add_explicit(&queue->next, 1, memory_order_relaxed);
}
