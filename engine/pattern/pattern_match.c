// SPDX-License-Identifier: Apache-2.0
/// The search of AggregateFunctionSequenceMatch.h. Without times a set of states goes along the
/// events; with times, and to count, the pattern is tried with backtracking, star after star. A
/// time stands for events too: (?t>=N) skips events until enough time went by. Unlike there, a star
/// is not tried again where it has failed, so that patterns without times cost events × parts.
#include "engine/pattern/pattern.h"

#include "storage/base/memory.h"

#define MARK_CAPACITY_MIN 256u

struct pattern_walk {
    const struct pattern *pattern;
    struct pattern_scratch *scratch;
    const struct pattern_event *events;
    uint32_t event_count;
    uint32_t action;
    uint32_t event;
    uint32_t base; ///< the event that times count from
    uint32_t *matched;
    uint32_t matched_count;
    uint32_t *longest; ///< NULL: nobody asks
    uint32_t longest_count;
    bool resumed; ///< the present star takes one event more
    /// By star: nothing matches from it at this event or a later one. What follows a star depends
    /// on where it ends only, so no star needs to be tried twice at one event.
    uint32_t barren[PATTERN_ACTION_COUNT_MAX + 1];
    uint32_t ends[PATTERN_ACTION_COUNT_MAX + 1]; ///< by star: how far the present try has to go
};

void pattern_scratch_deinit(struct pattern_scratch *scratch)
{
    memory_free(scratch->marks);
    *scratch = (struct pattern_scratch){0};
}

static void mark(struct pattern_walk *walk)
{
    struct pattern_scratch *scratch = walk->scratch;
    if (scratch->mark_count == scratch->mark_capacity) {
        scratch->mark_capacity =
            scratch->mark_capacity == 0 ? MARK_CAPACITY_MIN : scratch->mark_capacity * 2;
        scratch->marks =
            memory_resize_array(scratch->marks, scratch->mark_capacity, sizeof(*scratch->marks));
    }
    scratch->marks[scratch->mark_count++] =
        (struct pattern_mark){.event = walk->event,
                              .base = walk->base,
                              .action = (uint8_t)walk->action,
                              .matched_count = (uint8_t)walk->matched_count};
}

static void note_longest(struct pattern_walk *walk)
{
    if (walk->longest != NULL && walk->matched_count > walk->longest_count) {
        walk->longest_count = walk->matched_count;
        memcpy(walk->longest, walk->matched, walk->matched_count * sizeof(*walk->matched));
    }
}

/// To the last mark whose next event exists: what stood there takes one event more.
static bool go_back(struct pattern_walk *walk)
{
    note_longest(walk);
    while (walk->scratch->mark_count > 0) {
        struct pattern_mark to = walk->scratch->marks[--walk->scratch->mark_count];
        walk->action = to.action;
        walk->event = to.event + 1;
        walk->base = to.base;
        walk->matched_count = to.matched_count;
        walk->resumed = walk->pattern->actions[to.action].kind == PATTERN_STAR;
        if (walk->event < (walk->resumed ? walk->ends[to.action] : walk->event_count)) {
            return true;
        }
    }
    return false;
}

static bool time_holds(const struct pattern_walk *walk, const struct pattern_action *action)
{
    int64_t elapsed_us = walk->events[walk->event].time_us - walk->events[walk->base].time_us;
    switch (action->kind) {
    case PATTERN_TIME_AT_MOST:
        return elapsed_us <= action->time_us;
    case PATTERN_TIME_LESS:
        return elapsed_us < action->time_us;
    case PATTERN_TIME_AT_LEAST:
        return elapsed_us >= action->time_us;
    case PATTERN_TIME_MORE:
        return elapsed_us > action->time_us;
    default:
        return elapsed_us == action->time_us;
    }
}

/// Goes on past a star or a time that holds; its mark lets it take one event more.
static void pass(struct pattern_walk *walk)
{
    mark(walk);
    walk->base = walk->event;
    walk->action++;
}

/// Comes to a star; false where nothing is left to try.
static bool enter_star(struct pattern_walk *walk)
{
    uint32_t star = walk->action;
    if (!walk->resumed && walk->event >= walk->barren[star]) {
        return go_back(walk);
    }
    if (!walk->resumed) {
        walk->ends[star] = walk->barren[star];
        walk->barren[star] = walk->event;
    }
    walk->resumed = false;
    pass(walk);
    return true;
}

static void consume(struct pattern_walk *walk)
{
    walk->base = walk->event;
    walk->action++;
    walk->event++;
}

/// One step of the search; false where nothing is left to try.
static bool advance(struct pattern_walk *walk)
{
    const struct pattern_action *action = &walk->pattern->actions[walk->action];
    switch (action->kind) {
    case PATTERN_EVENT:
        if ((walk->events[walk->event].conditions >> action->condition & 1) == 0) {
            return go_back(walk);
        }
        if (walk->longest != NULL) {
            walk->matched[walk->matched_count++] = walk->event;
        }
        consume(walk);
        return true;
    case PATTERN_ANY:
        consume(walk);
        return true;
    case PATTERN_STAR:
        return enter_star(walk);
    case PATTERN_TIME_AT_MOST:
    case PATTERN_TIME_LESS:
        if (time_holds(walk, action)) {
            pass(walk);
            return true;
        }
        return go_back(walk);
    default:
        if (time_holds(walk, action)) {
            pass(walk);
            return true;
        }
        walk->event++;
        return walk->event != walk->event_count || go_back(walk);
    }
}

/// What may stand for no event once the events are over.
static bool may_be_empty(const struct pattern_action *action)
{
    return action->kind == PATTERN_STAR || action->kind == PATTERN_TIME_AT_MOST ||
           action->kind == PATTERN_TIME_LESS ||
           (action->kind == PATTERN_TIME_AT_LEAST && action->time_us == 0);
}

/// Searches from walk->event on, which is then behind the match, and at least one event further.
static enum corong_status search(struct pattern_walk *walk, bool *found_out,
                                 struct corong_error *error)
{
    const struct pattern *pattern = walk->pattern;
    uint32_t begin = walk->event;
    uint32_t steps = 0;
    walk->action = 0;
    walk->base = begin;
    walk->matched_count = 0;
    walk->scratch->mark_count = 0;
    walk->resumed = false;
    for (uint32_t i = 0; i < pattern->action_count; i++) {
        walk->barren[i] = walk->event_count;
    }
    while (walk->action < pattern->action_count && walk->event < walk->event_count) {
        if (!advance(walk)) {
            break;
        }
        if (++steps > PATTERN_STEP_COUNT_MAX) {
            return error_set(error, CORONG_UNSUPPORTED,
                             "the pattern is too hard for a user with %u events: more than %u "
                             "steps, where ClickHouse gives up too; use fewer '.*' or times",
                             walk->event_count, PATTERN_STEP_COUNT_MAX);
        }
    }
    note_longest(walk);
    while (walk->action < pattern->action_count && may_be_empty(&pattern->actions[walk->action])) {
        walk->action++;
    }
    if (walk->event == begin) {
        walk->event++;
    }
    *found_out = walk->action == pattern->action_count;
    return CORONG_OK;
}

/// Without times: bit i of the states says that the pattern's events and dots before the i-th are
/// matched. loops: states that a star follows, start included.
static bool match_states(const struct pattern *pattern, const struct pattern_event *events,
                         uint32_t event_count)
{
    const struct pattern_action *parts[PATTERN_ACTION_COUNT_MAX];
    uint64_t loops = 0;
    uint32_t part_count = 0;
    for (uint32_t i = 0; i < pattern->action_count; i++) {
        if (pattern->actions[i].kind == PATTERN_STAR) {
            loops |= UINT64_C(1) << part_count;
        } else {
            parts[part_count++] = &pattern->actions[i];
        }
    }
    uint64_t end = UINT64_C(1) << part_count;
    uint64_t states = 1;
    for (uint32_t event = 0; event < event_count && states != 0 && (states & end) == 0; event++) {
        uint64_t next = states & loops;
        for (uint64_t rest = states; rest != 0; rest &= rest - 1) {
            uint32_t state = (uint32_t)__builtin_ctzll(rest);
            const struct pattern_action *part = parts[state];
            bool takes =
                part->kind == PATTERN_ANY || (events[event].conditions >> part->condition & 1) != 0;
            next |= takes ? UINT64_C(2) << state : 0;
        }
        states = next;
    }
    return (states & end) != 0;
}

/// Whether each condition of the pattern occurs at all.
static bool occur(const struct pattern *pattern, const struct pattern_event *events,
                  uint32_t event_count)
{
    uint32_t missing = pattern->conditions;
    for (uint32_t event = 0; event < event_count && missing != 0; event++) {
        missing &= ~events[event].conditions;
    }
    return missing == 0;
}

static void start(struct pattern_walk *walk, const struct pattern *pattern,
                  struct pattern_scratch *scratch, const struct pattern_event *events,
                  uint32_t event_count)
{
    *walk = (struct pattern_walk){
        .pattern = pattern, .scratch = scratch, .events = events, .event_count = event_count};
}

enum corong_status pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
                                 const struct pattern_event *events, uint32_t event_count,
                                 bool *matches_out, struct corong_error *error)
{
    struct pattern_walk walk;
    *matches_out = false;
    if (!occur(pattern, events, event_count)) {
        return CORONG_OK;
    }
    if (!pattern->has_time) {
        *matches_out = match_states(pattern, events, event_count);
        return CORONG_OK;
    }
    start(&walk, pattern, scratch, events, event_count);
    return search(&walk, matches_out, error);
}

enum corong_status pattern_count(const struct pattern *pattern, struct pattern_scratch *scratch,
                                 const struct pattern_event *events, uint32_t event_count,
                                 uint64_t *count_out, struct corong_error *error)
{
    struct pattern_walk walk;
    bool found = occur(pattern, events, event_count);
    *count_out = 0;
    start(&walk, pattern, scratch, events, event_count);
    while (found && walk.event < event_count) {
        TRY(search(&walk, &found, error));
        *count_out += found;
    }
    return CORONG_OK;
}

enum corong_status pattern_longest(const struct pattern *pattern, struct pattern_scratch *scratch,
                                   const struct pattern_event *events, uint32_t event_count,
                                   uint32_t *matched, uint32_t *matched_count_out,
                                   struct corong_error *error)
{
    struct pattern_walk walk;
    uint32_t present[PATTERN_ACTION_COUNT_MAX];
    bool found;
    start(&walk, pattern, scratch, events, event_count);
    walk.matched = present;
    walk.longest = matched;
    TRY(search(&walk, &found, error));
    *matched_count_out = walk.longest_count;
    return CORONG_OK;
}
