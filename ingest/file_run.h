// SPDX-License-Identifier: Apache-2.0
/// One pump's way through the files of a plan: which chains it took, where each ended, and what is
/// to be said about them. Thread: the pump's; read by others when it has ended.
#pragma once

#include "ingest/pump.h"
#include "ingest/replay/replay.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FILE_RUN_NOTE_COUNT_MAX 1000u ///< sentences kept per pump; the books count the rest

struct file_note {
    char *sentence; ///< owned
    bool failure;
};

/// Where the last file of a chain ended: what the store must hold before the chain is done.
struct file_end {
    struct hash128 id;
    uint64_t message_count;
};

struct file_run {
    struct pump *pump;
    struct replay_plan *plan;
    struct pump_queue *chains;
    uint32_t chain;               ///< in hand, or REPLAY_NONE
    struct store_counters before; ///< of the store, summed over the chains taken
    bool again;                   ///< the pump was halted to begin the chain in hand again
    struct corong_error error;    ///< the first
    uint64_t skipped_count;
    uint64_t resumed_count;
    struct file_note *notes;
    uint32_t note_count;
    struct file_end *ends;
    uint32_t end_count;
    uint32_t end_capacity;
};

/// All borrowed; the plan and the queue may be shared by several runs.
void file_run_init(struct file_run *run, struct pump *pump, struct replay_plan *plan,
                   struct pump_queue *chains);
/// Reads chains until the queue is empty, the pump's stop is asked for, or the engine fails. After
/// a failure of the engine, or with `again`, the chain in hand stays: another call begins it where
/// the `start` of its first file says.
void file_run_read(struct file_run *run);
/// Notes the files whose whole content the plan already found in the store.
void file_run_pass_stored(struct file_run *run);
/// Notes a failure; the first is kept as `error`.
void file_run_fail(struct file_run *run, const struct corong_error *error);
void file_run_deinit(struct file_run *run);
