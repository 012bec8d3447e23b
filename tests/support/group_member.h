// SPDX-License-Identifier: Apache-2.0
/// A process of a store group that reads partitions of a simulated log, claims them as it is told,
/// commits what it read, and stops or dies at any system call on the store. See
/// tests/crash/group_fence_test.c. Thread: each process has one.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PARTITION_COUNT 6

enum group_member_protocol {
    PROTOCOL_SOUND = 0,
    PROTOCOL_NO_EPOCH_CHECK,        ///< commits ask nobody
    PROTOCOL_LOOK_THEN_CLAIM,       ///< positions are read before the claim
    PROTOCOL_CHECK_WITHOUT_HOLDING, ///< the claim is checked, and the lock given back before the
                                    ///< write
    PROTOCOL_COUNT,
};

/// What all processes see.
struct group_member_shared {
    _Atomic int owner[PARTITION_COUNT]; ///< what the coordinator says
    _Atomic int64_t committed[PARTITION_COUNT];
    _Atomic uint64_t commits;
    _Atomic uint64_t fenced;
    _Atomic uint64_t claims;
    _Atomic uint64_t turns; ///< of all members: what they get done, on whatever disk
    _Atomic bool calm;      ///< no more stops and deaths
    _Atomic bool stop;
    int64_t log_size; ///< messages of each partition
};

/// The process's life: ends by itself when `shared->stop`, with 3 where something failed.
_Noreturn void group_member_run(struct group_member_shared *shared, const char *directory,
                                int index, enum group_member_protocol protocol, uint64_t seed);
