// SPDX-License-Identifier: Apache-2.0
/// What the files of a crowd share. Private to tools/crowd/.
#pragma once

#include "tools/crowd/crowd.h"

/// An event that arrives later than it happened, or once more.
struct crowd_delayed {
    int64_t arrives_us;
    uint64_t serial;
    struct crowd_event event;
};

struct crowd_session {
    int64_t next_us;
    uint64_t serial; ///< breaks ties, so that the order never depends on the heap's shape
    uint64_t seed;
    uint32_t user;
    uint32_t last; ///< name; name_count before the first
    uint32_t number;
    uint64_t left; ///< events still to come
};

struct crowd {
    struct crowd_shape shape;
    uint64_t random_state;
    uint64_t made_count;
    uint64_t serial;
    int64_t next_session_us;
    int64_t session_gap_us;         ///< mean, at the average hour
    uint64_t new_user_share;        ///< of the sessions, of CROWD_ONE
    struct crowd_session *sessions; ///< a heap by (next_us, serial)
    uint32_t session_count;
    uint32_t session_capacity;
    struct crowd_delayed *delayed; ///< a heap by (arrives_us, serial)
    uint32_t delayed_count;
    uint32_t delayed_capacity;
    uint32_t *slots; ///< users, once per session that they will still begin
    uint64_t slot_count;
    uint64_t slot_capacity;
    uint32_t *ends; ///< by user: seconds since the start, when the last session ended
    uint32_t user_count;
    uint32_t user_capacity;
    uint64_t seen_count; ///< users that had an event
    int64_t day;         ///< of the date in `date`
    char date[12];
};

/// 64 random bits that follow from a seed and what they are for.
static inline uint64_t crowd_random_of(uint64_t seed, uint64_t purpose)
{
    return crowd_mix(seed ^ crowd_mix(purpose));
}
/// random / 2^64 of `bound`.
static inline uint64_t crowd_scale(uint64_t random, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)random * bound >> 64);
}
/// Whether 64 random bits fall into a share of CROWD_ONE.
static inline bool crowd_falls(uint64_t random, uint64_t share)
{
    return random >> 32 < share;
}
