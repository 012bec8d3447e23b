// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_funnel.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define ORDINAL_MASK ((UINT64_C(1) << LIVE_START_ORDINAL_BITS) - 1)
// A packed start has 53 bits of time and 3 of ordinal: enough where eight starts are possible at
// most.
#define START_SIZE 7
#define START_ORDINAL_BITS 3
#define START_LONG_SIZE 8
#define START_STEP_COUNT_MAX 8u

#define NOBODY UINT8_MAX
#define SMALL_INSTANT 256u // larger ones are matched in memory of their own

// Steps [from, to) of the funnel matched with distinct events of the instant (Kuhn's algorithm).
struct matching {
    const struct live_event *events;
    uint32_t event_count;
    uint8_t *step_of;  // event to the step that it fills, or NOBODY
    uint64_t *visited; // bitmap of events
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
            matching->step_of[i] = (uint8_t)step;
            return true;
        }
    }
    return false;
}

// Whether steps [from, to) can be filled; event `taken` (or event_count) is not available.
static bool can_fill(struct matching *matching, uint32_t from, uint32_t to, uint32_t taken)
{
    uint32_t event_count = matching->event_count;
    if (to - from > event_count) {
        return false;
    }
    memset(matching->step_of, NOBODY, event_count);
    for (uint32_t step = from; step < to; step++) {
        memset(matching->visited, 0, (event_count / 64 + 1) * sizeof(uint64_t));
        if (taken < event_count) {
            matching->visited[taken / 64] |= UINT64_C(1) << (taken % 64);
        }
        if (!fill_step(matching, step)) {
            return false;
        }
    }
    return true;
}

// Slice of the entry when the attempt begins in this instant and fills `level` steps in it: of the
// canonically first event that leaves the other steps fillable.
static uint16_t entry_slice(struct matching *matching, uint32_t level)
{
    for (uint32_t i = 0; i < matching->event_count; i++) {
        if ((matching->events[i].steps & 1) != 0 && can_fill(matching, 1, level, i)) {
            return matching->events[i].slice;
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
    struct matching *matching; // of the events that can matter
};

static int64_t time_of(uint64_t start)
{
    return (int64_t)((start - 1) >> LIVE_START_ORDINAL_BITS);
}

static bool within_window(const struct take *take, uint64_t start)
{
    return time_of(take->now) - time_of(start) <= take->rule->window_us;
}

// The latest start with which this instant completes `level`, going on from level `from` or a later
// one. LIVE_START_NONE where there is none.
static uint64_t completing_start(const struct take *take, uint32_t from, uint32_t level,
                                 uint16_t *slice_out)
{
    if (from == 0) {
        if (take->rule->sliced) {
            *slice_out = entry_slice(take->matching, level);
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
        if (can_fill(take->matching, from, level, UINT32_MAX)) {
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

// Events that match the same steps are alike but for their slices: more of them than steps that
// they may fill cannot matter, and the canonically first are the ones that are named.
bool live_funnel_keeps(const struct live_event *events, uint32_t event_count, uint32_t steps)
{
    uint32_t alike = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        alike += events[i].steps == steps;
    }
    return alike < (uint32_t)__builtin_popcount(steps);
}

static uint32_t keep_useful(const struct live_event *events, uint32_t event_count,
                            struct live_event *kept)
{
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        if (live_funnel_keeps(kept, kept_count, events[i].steps)) {
            kept[kept_count++] = events[i];
        }
    }
    return kept_count;
}

// The usual instant: one event that fills one step.
static void take_one_step(const struct live_rule *rule, struct live_state *state, uint64_t now,
                          uint32_t step, uint16_t slice)
{
    struct take take = {rule, state, now, NULL};
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

// Counts the ordinals of each microsecond anew, so that they are as small as can be.
static void compress(const struct live_rule *rule, struct live_state *state)
{
    uint64_t ordinal = 0;
    uint64_t below = LIVE_START_NONE; // the start that was seen last, as it was
    for (uint32_t i = rule->step_count - 1; i-- > 0;) {
        uint64_t start = state->starts[i];
        if (start == LIVE_START_NONE) {
            continue;
        }
        bool same_time = below != LIVE_START_NONE && time_of(below) == time_of(start);
        ordinal = same_time ? ordinal + (start != below) : 0;
        below = start;
        state->starts[i] = ((start - 1) & ~ORDINAL_MASK) + ordinal + 1;
    }
}

// The start of an attempt that begins now, behind every start that the state knows.
static uint64_t start_of(const struct live_rule *rule, struct live_state *state, int64_t time_us)
{
    uint64_t latest = state->starts[0];
    if (latest == LIVE_START_NONE || time_of(latest) != time_us) {
        return ((uint64_t)time_us << LIVE_START_ORDINAL_BITS) + 1;
    }
    if (((latest - 1) & ORDINAL_MASK) == ORDINAL_MASK) {
        compress(rule, state);
    }
    return state->starts[0] + 1;
}

static void take_several(const struct live_rule *rule, struct live_state *state, uint64_t now,
                         const struct live_event *events, uint32_t event_count)
{
    struct live_event small_events[SMALL_INSTANT];
    uint8_t small_step_of[SMALL_INSTANT];
    uint64_t small_visited[SMALL_INSTANT / 64 + 1];
    struct matching matching = {small_events, 0, small_step_of, small_visited};
    struct live_event *kept = small_events;
    if (event_count > SMALL_INSTANT) {
        kept = memory_allocate(event_count * sizeof(struct live_event));
        matching.events = kept;
        matching.step_of = memory_allocate(event_count);
        matching.visited = memory_allocate((event_count / 64 + 1) * sizeof(uint64_t));
    }
    matching.event_count = keep_useful(events, event_count, kept);
    struct live_state before = *state;
    struct take take = {rule, &before, now, &matching};
    if (matching.event_count > 0) {
        take_instant(&take, state);
    }
    if (event_count > SMALL_INSTANT) {
        memory_free(kept);
        memory_free(matching.step_of);
        memory_free(matching.visited);
    }
}

void live_funnel_take(const struct live_rule *rule, struct live_state *state, int64_t time_us,
                      const struct live_event *events, uint32_t event_count)
{
    // A completed funnel is reported as it was first completed; nothing can change it.
    if (state->level == rule->step_count) {
        return;
    }
    uint64_t now = start_of(rule, state, time_us);
    if (event_count == 1 && (events->steps & (events->steps - 1)) == 0) {
        if (events->steps != 0) {
            take_one_step(rule, state, now, (uint32_t)__builtin_ctz(events->steps), events->slice);
        }
        return;
    }
    take_several(rule, state, now, events, event_count);
}

static uint32_t start_size(const struct live_rule *rule)
{
    return rule->step_count <= START_STEP_COUNT_MAX ? START_SIZE : START_LONG_SIZE;
}

uint32_t live_funnel_packed_size(const struct live_rule *rule)
{
    uint32_t slice_size = rule->sliced ? sizeof(uint16_t) : 0;
    return 1 + slice_size + (rule->step_count - 1) * (start_size(rule) + slice_size);
}

// Short starts have fewer bits for the ordinal.
static uint64_t load_start(const uint8_t *at, uint32_t size)
{
    uint64_t stored = 0;
    memcpy(&stored, at, size);
    if (size == START_LONG_SIZE || stored == LIVE_START_NONE) {
        return stored;
    }
    uint64_t ordinal = (stored - 1) & ((1u << START_ORDINAL_BITS) - 1);
    return ((stored - 1) >> START_ORDINAL_BITS << LIVE_START_ORDINAL_BITS | ordinal) + 1;
}

static void store_start(uint64_t start, uint8_t *at, uint32_t size)
{
    uint64_t stored = start;
    if (size == START_SIZE && start != LIVE_START_NONE) {
        uint64_t ordinal = (start - 1) & ORDINAL_MASK;
        DCHECK(ordinal < 1u << START_ORDINAL_BITS);
        stored = ((start - 1) >> LIVE_START_ORDINAL_BITS << START_ORDINAL_BITS | ordinal) + 1;
    }
    memcpy(at, &stored, size);
}

static bool has_large_ordinal(const struct live_rule *rule, const struct live_state *state)
{
    uint64_t ordinals = 0;
    for (uint32_t i = 0; i + 1 < rule->step_count; i++) {
        ordinals |= state->starts[i] == LIVE_START_NONE ? 0 : (state->starts[i] - 1) & ORDINAL_MASK;
    }
    return ordinals >> START_ORDINAL_BITS != 0;
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
    uint32_t size = start_size(rule);
    state_out->level = *at++;
    state_out->slice = load_slice(rule, &at);
    for (uint32_t i = 0; i + 1 < rule->step_count; i++) {
        state_out->starts[i] = load_start(at, size);
        at += size;
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
    struct live_state small;
    uint32_t size = start_size(rule);
    if (size == START_SIZE && has_large_ordinal(rule, state)) {
        small = *state;
        compress(rule, &small);
        state = &small;
    }
    uint8_t *at = packed;
    *at++ = state->level;
    store_slice(rule, state->slice, &at);
    for (uint32_t i = 0; i + 1 < rule->step_count; i++) {
        store_start(state->starts[i], at, size);
        at += size;
        store_slice(rule, state->slices[i], &at);
    }
}
