// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_funnel.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"

#include <string.h>

#define START_SIZE 7 // 53 bits of time, 3 of ordinal

#define NOBODY UINT16_MAX

// Steps [from, to) of the funnel matched with distinct events of the instant (Kuhn's algorithm).
struct matching {
    const struct live_event *events;
    uint32_t event_count;
    uint16_t step_of[LIVE_INSTANT_EVENT_COUNT_MAX]; // event to the step that it fills, or NOBODY
    uint64_t visited[LIVE_INSTANT_EVENT_COUNT_MAX / 64];
};

static bool fill_step(struct matching *matching, uint32_t step)
{
    for (uint32_t i = 0; i < matching->event_count; i++) {
        bool visited = (matching->visited[i / 64] >> (i % 64) & 1) != 0;
        if (visited || (matching->events[i].steps >> step & 1) == 0) {
            continue;
        }
        matching->visited[i / 64] |= UINT64_C(1) << (i % 64);
        if (matching->step_of[i] == NOBODY || fill_step(matching, matching->step_of[i])) {
            matching->step_of[i] = (uint16_t)step;
            return true;
        }
    }
    return false;
}

// Whether steps [from, to) can be filled; event `taken` (or NOBODY) is not available.
static bool can_fill(const struct live_event *events, uint32_t event_count, uint32_t from,
                     uint32_t to, uint32_t taken)
{
    if (to - from > event_count) {
        return false;
    }
    struct matching matching;
    matching.events = events;
    matching.event_count = event_count;
    memset(matching.step_of, 0xff, event_count * sizeof(uint16_t));
    for (uint32_t step = from; step < to; step++) {
        memset(matching.visited, 0, sizeof(matching.visited));
        if (taken < event_count) {
            matching.visited[taken / 64] |= UINT64_C(1) << (taken % 64);
        }
        if (!fill_step(&matching, step)) {
            return false;
        }
    }
    return true;
}

// Slice of the entry when the attempt begins in this instant and fills `level` steps in it: of the
// canonically first event that leaves the other steps fillable.
static uint16_t entry_slice(const struct live_event *events, uint32_t event_count, uint32_t level)
{
    for (uint32_t i = 0; i < event_count; i++) {
        if ((events[i].steps & 1) != 0 && can_fill(events, event_count, 1, level, i)) {
            return events[i].slice;
        }
    }
    ASSERT(false); // the caller has seen that the steps can be filled
    return LIVE_SLICE_NONE;
}

// An instant under way.
struct take {
    const struct live_rule *rule;
    const struct live_state *before;
    uint64_t now;
    const struct live_event *events;
    uint32_t event_count;
};

static bool within_window(const struct take *take, uint64_t start)
{
    // The ordinals below the microseconds differ only inside one microsecond.
    int64_t elapsed_us = (int64_t)((take->now - 1) >> 3) - (int64_t)((start - 1) >> 3);
    return elapsed_us <= take->rule->window_us;
}

// The latest start with which this instant completes `level`, going on from level `from` or a later
// one. LIVE_START_NONE where there is none.
static uint64_t completing_start(const struct take *take, uint32_t from, uint32_t level,
                                 uint16_t *slice_out)
{
    if (from == 0) {
        if (take->rule->sliced) {
            *slice_out = entry_slice(take->events, take->event_count, level);
        }
        return take->now;
    }
    uint64_t start = take->before->starts[from - 1];
    if (start == LIVE_START_NONE || !within_window(take, start)) {
        return LIVE_START_NONE;
    }
    // Of attempts with one start, the one that has come furthest has its steps earliest.
    while (from + 1 < level && take->before->starts[from] == start) {
        from++;
    }
    *slice_out = take->before->slices[from - 1];
    return start;
}

// First level from which this instant can go on to `level`; `level` itself where it cannot.
static uint32_t lowest_origin(const struct take *take, uint32_t lowest, uint32_t level)
{
    bool strict = take->rule->ties == FUNNEL_TIES_STRICT;
    for (uint32_t from = strict ? level - 1 : lowest; from < level; from++) {
        if (can_fill(take->events, take->event_count, from, level, NOBODY)) {
            return from;
        }
    }
    return level;
}

static bool entry_allowed(const struct take *take)
{
    return !take->rule->first_only || take->before->starts[0] == LIVE_START_NONE;
}

static void take_instant(const struct take *take, struct live_state *state)
{
    uint32_t step_count = take->rule->step_count;
    uint32_t lowest = entry_allowed(take) ? 0 : 1;
    uint32_t origin = lowest;
    for (uint32_t level = lowest + 1; level <= step_count; level++) {
        origin = lowest_origin(take, origin < lowest ? lowest : origin, level);
        uint16_t slice = LIVE_SLICE_NONE;
        uint64_t start =
            origin == level ? LIVE_START_NONE : completing_start(take, origin, level, &slice);
        if (start == LIVE_START_NONE) {
            continue;
        }
        if (level < step_count && start > take->before->starts[level - 1]) {
            state->starts[level - 1] = start;
            state->slices[level - 1] = slice;
        }
        if (level > state->level) {
            state->level = (uint8_t)level;
            state->slice = slice;
        }
    }
}

// Events that match the same steps are alike but for their slices: more of them than there are
// steps cannot matter, and the canonically first are the ones that are named.
static uint32_t keep_useful(const struct live_rule *rule, const struct live_event *events,
                            uint32_t event_count, struct live_event *kept)
{
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        uint32_t alike = 0;
        for (uint32_t k = 0; k < kept_count; k++) {
            alike += kept[k].steps == events[i].steps;
        }
        if (alike >= rule->step_count || events[i].steps == 0) {
            continue;
        }
        if (kept_count == LIVE_INSTANT_EVENT_COUNT_MAX) {
            return kept_count + 1;
        }
        kept[kept_count++] = events[i];
    }
    return kept_count;
}

// The usual instant: one event that fills one step.
static void take_one_step(const struct live_rule *rule, struct live_state *state, uint64_t now,
                          uint32_t step, uint16_t slice)
{
    struct take take = {rule, state, now, NULL, 0};
    uint64_t start = now;
    if (step > 0) {
        start = state->starts[step - 1];
        slice = state->slices[step - 1];
        if (start == LIVE_START_NONE || !within_window(&take, start)) {
            return;
        }
    } else if (!entry_allowed(&take)) {
        return;
    }
    if (step + 1 < rule->step_count && start > state->starts[step]) {
        state->starts[step] = start;
        state->slices[step] = slice;
    }
    if (step + 1 > state->level) {
        state->level = (uint8_t)(step + 1);
        state->slice = slice;
    }
}

bool live_funnel_take(const struct live_rule *rule, struct live_state *state, uint64_t now,
                      const struct live_event *events, uint32_t event_count)
{
    // A completed funnel is reported as it was first completed; nothing can change it.
    if (state->level == rule->step_count) {
        return true;
    }
    if (event_count == 1 && (events->steps & (events->steps - 1)) == 0) {
        if (events->steps != 0) {
            take_one_step(rule, state, now, (uint32_t)__builtin_ctz(events->steps), events->slice);
        }
        return true;
    }
    struct live_event kept[LIVE_INSTANT_EVENT_COUNT_MAX];
    uint32_t kept_count = keep_useful(rule, events, event_count, kept);
    if (kept_count > LIVE_INSTANT_EVENT_COUNT_MAX) {
        return false;
    }
    struct live_state before = *state;
    struct take take = {rule, &before, now, kept, kept_count};
    if (kept_count > 0) {
        take_instant(&take, state);
    }
    return true;
}

uint32_t live_funnel_packed_size(const struct live_rule *rule)
{
    uint32_t slice_size = rule->sliced ? sizeof(uint16_t) : 0;
    return 1 + slice_size + (rule->step_count - 1) * (START_SIZE + slice_size);
}

static uint16_t load_slice(const struct live_rule *rule, const uint8_t **at)
{
    if (!rule->sliced) {
        return LIVE_SLICE_NONE;
    }
    uint16_t slice = bytes_load_u16(*at);
    *at += sizeof(slice);
    return slice;
}

void live_funnel_load(const struct live_rule *rule, const uint8_t *packed,
                      struct live_state *state_out)
{
    const uint8_t *at = packed;
    state_out->level = *at++;
    state_out->slice = load_slice(rule, &at);
    for (uint32_t i = 0; i + 1 < rule->step_count; i++) {
        state_out->starts[i] = 0;
        memcpy(&state_out->starts[i], at, START_SIZE);
        at += START_SIZE;
        state_out->slices[i] = load_slice(rule, &at);
    }
    state_out->starts[rule->step_count - 1] = LIVE_START_NONE;
    state_out->slices[rule->step_count - 1] = LIVE_SLICE_NONE;
}

static void store_slice(const struct live_rule *rule, uint16_t slice, uint8_t **at)
{
    if (rule->sliced) {
        bytes_store_u16(*at, slice);
        *at += sizeof(slice);
    }
}

void live_funnel_store(const struct live_rule *rule, const struct live_state *state,
                       uint8_t *packed)
{
    uint8_t *at = packed;
    *at++ = state->level;
    store_slice(rule, state->slice, &at);
    for (uint32_t i = 0; i + 1 < rule->step_count; i++) {
        memcpy(at, &state->starts[i], START_SIZE);
        at += START_SIZE;
        store_slice(rule, state->slices[i], &at);
    }
}
