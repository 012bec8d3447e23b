// SPDX-License-Identifier: Apache-2.0
/// Puts one thread to sleep until another has something for it, without losing a wake-up and
/// without a lock. The sleeper announces itself, looks once more, and only then sleeps; the waker
/// publishes first and then looks whether somebody announced itself. Both sides touch `state` by
/// read-modify-write, so one of them always sees the other.
///
/// Thread: one thread sleeps on a parker; any thread wakes it.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct parker {
    _Alignas(128) atomic_uint state; ///< 0 awake, 1 about to sleep or asleep
};

/// How a waiting loop passes its time; start from {0}, begin again after each success.
struct parker_patience {
    uint32_t round;
};

void parker_init(struct parker *parker);
/// Spins, then yields: on a small machine a spinning waiter starves the thread it waits for. True
/// once patience is over and the caller should prepare, look again and sleep.
bool parker_pause(struct parker_patience *patience);
/// Announces the sleep. The caller must look at what it waits for after this call.
void parker_prepare(struct parker *parker);
/// Takes the announcement back: there was something after all.
void parker_cancel(struct parker *parker);
/// Sleeps until a wake or the timeout (a liveness net, never needed for progress).
void parker_sleep(struct parker *parker, int64_t timeout_us);
/// Wakes the sleeper if there is one. Call after publishing.
void parker_wake(struct parker *parker);
