// SPDX-License-Identifier: Apache-2.0
/// Private to the engine: a barrier that stands still is a fault of the program, and one that
/// nobody would notice: events are read and none becomes durable. So it ends the process, which
/// begins again where the last commit was. Whoever waits for a disk has time. Thread: the
/// committer's.
#pragma once

#include <stdint.h>

struct engine;

/// How long a barrier has been standing still.
struct engine_watch {
    int64_t limit_us;  ///< 0: it is not watched
    int64_t looked_us; ///< monotonic clock
    int64_t still_us;
};

void engine_watch_begin(struct engine_watch *watch, const struct engine *engine);
/// When to look next: monotonic clock.
int64_t engine_watch_next_us(const struct engine_watch *watch);
/// Over the limit: prints where everybody stands and aborts. Under the engine's lock.
void engine_watch_look(struct engine_watch *watch, struct engine *engine);
