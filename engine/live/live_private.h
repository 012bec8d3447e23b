// SPDX-License-Identifier: Apache-2.0
/// Private to live*.c: what one shard's live view is made of.
#pragma once

#include "engine/live/live.h"
#include "engine/live/live_instant.h"
#include "engine/session/session.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/// Of the last record, behind the entry's head.
#define LIVE_REFERENCE_SIZE sizeof(uint32_t)

/// What is known about the codes of the present tail.
struct live_code_cache {
    uint32_t *name_steps; ///< [name code * followed_count + funnel]; UINT32_MAX: not yet known
    uint32_t name_capacity;
    uint16_t **slices; ///< per funnel, by code of its slice column; UINT16_MAX: not yet known
    uint32_t *slice_capacities;
};

/// A recount: one pass over all stored users of the shard, in order of their keys. It recomputes
/// users who are pending and counts anew those who were dropped from memory. A user in memory whose
/// mark equals `mark` lies behind the pass.
struct live_recount {
    bool wanted_fresh; ///< somebody needs one whose events may not be sealed yet
    bool wanted;
    bool everybody_wanted; ///< users who are not pending must be recomputed, too, and those who are
                           ///< not in memory come there
    bool active;
    bool everybody;
    bool mark;
    struct hash128 next;    ///< keys before were dealt with
    uint64_t settled_count; ///< returned users who are exact as soon as the pass ends
    uint64_t dropped_now;   ///< pending users dropped from memory, whom this pass still meets
    uint64_t dropped_next;  ///< or only the next one
};

struct live {
    struct live_options options;
    uint32_t followed_count;
    uint32_t state_size; ///< packed states of all followed funnels
    struct session_table users;
    struct live_recent recent;
    struct live_counts *counts;
    struct live_code_cache cache;
    struct live_instant instant;
    struct live_event *events;     ///< of the row in hand, per funnel
    union canonical_value *values; ///< of the row in hand, where a filter asks
    struct live_pending pending;
    struct live_held held;
    struct live_recount recount;
    bool scan_turn;   ///< the next task is a part of a recount, where there is one
    bool primed;      ///< the counts begin with what the store holds
    int64_t as_of_us; ///< T as this shard knows it
    struct live_day day;
    uint64_t pending_count;
    uint64_t session_count;
    uint64_t settled_count;
    pthread_mutex_t reading; ///< held by readers of the counts, and where these begin anew
};

/// The row in hand.
struct live_hand {
    const struct live_batch *batch;
    const struct event_row *row;
    uint32_t tail_row;
};

/// Fills live->events: which steps of which funnels the row in hand may fill. False: of none.
/// live_match.c, as the next three.
bool live_match_row(struct live *live, const struct live_hand *hand);
/// The same for a row given by all its values.
bool live_match_values(struct live *live, const union canonical_value *values, int64_t time_us);
void live_match_forget(struct live *live);
void live_match_deinit(struct live *live);

/// Moves the user's counts from the states in the entry to those given, and packs them.
/// live_take.c.
void live_put_states(struct live *live, uint8_t *packed, const struct live_state *states);

/// live.c.
void live_make_pending(struct live *live, struct hash128 key, struct session_user *user);
/// The mark of a user who comes into memory now.
bool live_mark(const struct live *live, struct hash128 key);
/// Keeps an event after as-of in mind.
void live_hold(struct live *live, int64_t time_us, struct hash128 key);
