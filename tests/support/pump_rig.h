// SPDX-License-Identifier: Apache-2.0
/// Producers that push numbered events into an engine, with random pauses, commits and barriers;
/// and the check that a snapshot holds of each producer exactly the events up to its position.
///
/// Thread: each producer has its own; pump_rig_check() may be called by any, several at once.
#pragma once

#include "tests/support/engine_rig.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PUMP_COUNT_MAX 8u

struct pump_rig;

struct rig_pump {
    struct pump_rig *rig;
    uint32_t index;
    uint64_t seed;
    uint64_t count;
    uint64_t pushed;
    pthread_t thread;
};

struct pump_rig {
    struct engine_rig engine;
    uint64_t seed;
    uint32_t pump_count;
    bool merges; ///< in background: the producers ask for many small commits
    struct rig_pump pumps[PUMP_COUNT_MAX];
};

/// Opens an engine and starts as many producers as the options say, each with `event_count` events.
void pump_rig_start(struct pump_rig *rig, const struct engine_options *options,
                    uint64_t event_count, uint64_t seed);
/// Waits for the producers and drains the engine. Returns the events pushed.
uint64_t pump_rig_end(struct pump_rig *rig);
/// Ends the program where something is missing or there twice.
void pump_rig_check(const struct pump_rig *rig, struct store_snapshot *snapshot,
                    const struct store_position *positions, uint32_t position_count);
