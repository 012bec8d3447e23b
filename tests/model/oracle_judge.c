// SPDX-License-Identifier: Apache-2.0
// One assignment judged by the words of SEMANTICS 4.
#include "tests/model/oracle_unit.h"

// ---- what an assignment is like

static bool made(const struct oracle_place *place)
{
    return place->event != -1;
}

int oracle_first_made(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    int step = 0;
    while (step < unit->step_count && !made(&placed[step])) {
        step++;
    }
    return step;
}

int oracle_last_made(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    int step = unit->step_count - 1;
    while (step >= 0 && !made(&placed[step])) {
        step--;
    }
    return step;
}

static int made_count(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    int count = 0;
    for (int step = 0; step < unit->step_count; step++) {
        count += made(&placed[step]);
    }
    return count;
}

// The furthest required step made; the entry counts as one.
int oracle_ended(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    int first = oracle_first_made(unit, placed);
    int step = oracle_last_made(unit, placed);
    while (step > first && (!made(&placed[step]) || unit->question->optional[step])) {
        step--;
    }
    return step;
}

// Steps of an assignment in the order of their instants. With order any the entry is the first of
// those of the earliest instant that may be one, and the last anchor stands last.
int oracle_ordered_steps(const struct oracle_unit *unit, const struct oracle_place *placed,
                         int *steps)
{
    const struct oracle_question *question = unit->question;
    int count = 0;
    for (int step = 0; step < unit->step_count; step++) {
        if (!made(&placed[step])) {
            continue;
        }
        int at = count++;
        for (; at > 0 && question->order == ORACLE_ANY &&
               (placed[steps[at - 1]].rank > placed[step].rank ||
                (placed[steps[at - 1]].rank == placed[step].rank &&
                 placed[steps[at - 1]].event > placed[step].event));
             at--) {
            steps[at] = steps[at - 1];
        }
        steps[at] = step;
    }
    if (question->order != ORACLE_ANY || count == 0) {
        return count;
    }
    int64_t earliest = placed[steps[0]].rank;
    int entry = -1;
    for (int at = 0; at < count && entry < 0; at++) {
        const struct oracle_place *place = &placed[steps[at]];
        bool anchored = (question->anchor_first == 0 || steps[at] == question->anchor_first - 1) &&
                        (unit->step_count == 1 || steps[at] != question->anchor_last - 1);
        if (place->rank == earliest && place->event >= 0 && anchored &&
            unit->may_enter[place->event]) {
            entry = at;
        }
    }
    for (; entry > 0; entry--) {
        int step = steps[entry];
        steps[entry] = steps[entry - 1];
        steps[entry - 1] = step;
    }
    for (int at = 0; at + 1 < count; at++) {
        if (question->anchor_last > 0 && steps[at] == question->anchor_last - 1) {
            int step = steps[at];
            steps[at] = steps[at + 1];
            steps[at + 1] = step;
        }
    }
    return count;
}

// ---- is it allowed?

static bool gap_fits(const struct oracle_question *question, int step, int64_t gap)
{
    return gap >= question->min_gap[step] &&
           (!question->has_max_gap[step] || gap <= question->max_gap[step]);
}

// Whether the session that the unit stands in may still take an event at `time`.
static bool session_may_go_on(const struct oracle_unit *unit, int session, int64_t time)
{
    int last = -1;
    for (int index = 0; index < unit->count; index++) {
        last = unit->events[index].time <= unit->now ? index : last;
    }
    int64_t timeout = unit->question->session_timeout;
    int64_t last_time = unit->events[last].time;
    int64_t run = unit->events[oracle_run_start(unit->events, last, timeout)].time;
    return unit->sessions[last] == session && unit->now - last_time <= timeout &&
           !oracle_midnight_splits(run, last_time, time);
}

static bool place_fits(const struct oracle_unit *unit, const struct oracle_place *entry,
                       const struct oracle_place *place)
{
    const struct oracle_question *question = unit->question;
    int64_t own = place->event >= 0         ? unit->events[place->event].time
                  : place->time > unit->now ? place->time
                                            : unit->now;
    if (question->inside && question->to != ORACLE_NONE && own >= question->to) {
        return false;
    }
    if (question->window != ORACLE_NONE && place->time - entry->time > question->window) {
        return false;
    }
    if (!question->session_window && !question->by_session) {
        return true;
    }
    int session = unit->sessions[entry->event];
    return place->event >= 0 ? unit->sessions[place->event] == session
                             : session_may_go_on(unit, session, own);
}

// Whether the later of two steps may come right after the earlier one.
static bool follows(const struct oracle_unit *unit, const struct oracle_place *before,
                    const struct oracle_place *place)
{
    bool strict = unit->question->ties_strict;
    bool both_free =
        before->event == ORACLE_VIRTUAL && place->event == ORACLE_VIRTUAL && place->rank % 2 != 0;
    return place->rank > before->rank || (place->rank == before->rank && (!strict || both_free));
}

// An event that no step has, in scope, lies between matched ones whatever the order of its block.
static bool violates(const struct oracle_unit *unit, const struct oracle_place *placed,
                     const int *steps, int count, int index)
{
    int64_t rank = unit->ranks[index];
    if (rank <= placed[steps[0]].rank || rank >= placed[steps[count - 1]].rank) {
        return false;
    }
    for (int at = 0; at + 1 < count && unit->question->repeat_allow; at++) {
        if (unit->matches[index][steps[at]] && placed[steps[at]].rank <= rank &&
            rank <= placed[steps[at + 1]].rank) {
            return false;
        }
    }
    return true;
}

bool oracle_is_placed(const struct oracle_unit *unit, const struct oracle_place *placed, int index)
{
    for (int step = 0; step < unit->step_count; step++) {
        if (placed[step].event == index) {
            return true;
        }
    }
    return false;
}

// SEMANTICS 4.9: strictly after the one and strictly before the other; the next matched neighbour
// where the named one is skipped.
static bool is_hit(const struct oracle_unit *unit, const struct oracle_place *placed, int number)
{
    const struct oracle_exclusion *exclusion = &unit->question->exclusions[number];
    int steps[ORACLE_STEP_MAX];
    int count = oracle_ordered_steps(unit, placed, steps);
    int after = -1;
    int before = -1;
    for (int at = 0; at < count; at++) {
        int named = unit->question->order == ORACLE_ANY ? at : steps[at];
        after = named <= exclusion->after - 1 ? steps[at] : after;
        before = before < 0 && named >= exclusion->before - 1 ? steps[at] : before;
    }
    for (int index = 0; after >= 0 && before >= 0 && index < unit->count; index++) {
        if (unit->member[index] && unit->excluded[index][number] &&
            unit->ranks[index] <= unit->until && unit->ranks[index] > placed[after].rank &&
            unit->ranks[index] < placed[before].rank) {
            return true;
        }
    }
    return false;
}

static bool any_order_fits(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    const struct oracle_question *question = unit->question;
    int steps[ORACLE_STEP_MAX];
    int count = oracle_ordered_steps(unit, placed, steps);
    const struct oracle_place *entry = &placed[steps[0]];
    bool enters = entry->event >= 0 && unit->may_enter[entry->event] &&
                  (question->anchor_first == 0 || steps[0] == question->anchor_first - 1);
    for (int at = 0; at < count && enters; at++) {
        enters = place_fits(unit, entry, &placed[steps[at]]) &&
                 placed[steps[at]].rank >= entry->rank &&
                 (at == 0 || follows(unit, &placed[steps[at - 1]], &placed[steps[at]]));
    }
    bool anchored = question->anchor_last > 0 && made(&placed[question->anchor_last - 1]);
    return enters && (!anchored || count == unit->step_count);
}

static bool in_order_fits(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    const struct oracle_question *question = unit->question;
    int steps[ORACLE_STEP_MAX];
    int count = oracle_ordered_steps(unit, placed, steps);
    const struct oracle_place *entry = &placed[steps[0]];
    if (entry->event < 0 || !unit->may_enter[entry->event]) {
        return false;
    }
    for (int at = 0; at < count; at++) {
        const struct oracle_place *place = &placed[steps[at]];
        if (!place_fits(unit, entry, place) ||
            (at > 0 &&
             (!follows(unit, &placed[steps[at - 1]], place) ||
              !gap_fits(question, steps[at], place->time - placed[steps[at - 1]].time)))) {
            return false;
        }
    }
    for (int index = 0; question->order == ORACLE_STRICT && index < unit->count; index++) {
        if (unit->in_scope[index] && unit->ranks[index] <= unit->until && !unit->used[index] &&
            !oracle_is_placed(unit, placed, index) && violates(unit, placed, steps, count, index)) {
            return false;
        }
    }
    return true;
}

bool oracle_is_allowed(const struct oracle_unit *unit)
{
    const struct oracle_place *placed = unit->placed;
    int first = oracle_first_made(unit, placed);
    if (first == unit->step_count || placed[first].event < 0) {
        if (unit->question->order != ORACLE_ANY || first == unit->step_count) {
            return false;
        }
    }
    if (unit->question->order == ORACLE_ANY ? !any_order_fits(unit, placed)
                                            : !in_order_fits(unit, placed)) {
        return false;
    }
    int steps[ORACLE_STEP_MAX];
    oracle_ordered_steps(unit, placed, steps);
    int64_t entry = placed[steps[0]].rank;
    if (entry < unit->entry_from || entry > unit->entry_to) {
        return false;
    }
    for (int number = 0; number < unit->question->exclusion_count && !unit->ignore_exclusions;
         number++) {
        if ((unit->question->exclusions[number].remove || !unit->removing_only) &&
            is_hit(unit, placed, number)) {
            return false;
        }
    }
    return true;
}

bool oracle_is_whole(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    return unit->question->order == ORACLE_ANY ? made_count(unit, placed) == unit->step_count
                                               : made(&placed[unit->step_count - 1]);
}

// ---- which one is reported?

// How far it gets: what is compared first.
int oracle_score(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    if (unit->question->order == ORACLE_ANY) {
        return made_count(unit, placed);
    }
    int furthest = oracle_ended(unit, placed) + 1;
    int covered = 0;
    for (int step = 0; step < furthest; step++) {
        covered += made(&placed[step]) && !unit->question->optional[step];
    }
    return unit->question->entry_open ? covered * 100 + furthest : furthest;
}

static int order_of(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_ranks(const struct oracle_unit *unit, const struct oracle_place *left,
                         const struct oracle_place *right)
{
    int order = 0;
    int left_steps[ORACLE_STEP_MAX];
    int right_steps[ORACLE_STEP_MAX];
    int count = oracle_ordered_steps(unit, left, left_steps);
    oracle_ordered_steps(unit, right, right_steps);
    for (int at = 0; at < count && order == 0; at++) {
        order = order_of(left[left_steps[at]].rank, right[right_steps[at]].rank);
    }
    for (int at = 0; at < count && order == 0; at++) {
        order = order_of(left[left_steps[at]].event, right[right_steps[at]].event);
    }
    for (int at = 0; at < count && order == 0; at++) {
        order = order_of(left_steps[at], right_steps[at]);
    }
    return order;
}

// Earliest later steps: the required ones first, then optional ones, taken rather than not; then
// canonical order.
static int compare_steps(const struct oracle_unit *unit, const struct oracle_place *left,
                         const struct oracle_place *right)
{
    int order = order_of(oracle_first_made(unit, left), oracle_first_made(unit, right));
    for (int optional = 0; optional < 2; optional++) {
        for (int step = 0; step < unit->step_count && order == 0; step++) {
            if (unit->question->optional[step] != (optional == 1) ||
                (!made(&left[step]) && !made(&right[step]))) {
                continue;
            }
            order = order_of(made(&right[step]), made(&left[step]));
            order = order != 0 ? order : order_of(left[step].rank, right[step].rank);
        }
    }
    for (int step = 0; step < unit->step_count && order == 0; step++) {
        order = order_of(left[step].event, right[step].event);
    }
    return order;
}

int64_t oracle_end_rank(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    int steps[ORACLE_STEP_MAX];
    int count = oracle_ordered_steps(unit, placed, steps);
    return unit->question->order == ORACLE_ANY ? placed[steps[count - 1]].rank
                                               : placed[oracle_ended(unit, placed)].rank;
}

int64_t oracle_entry_rank(const struct oracle_unit *unit, const struct oracle_place *placed)
{
    int steps[ORACLE_STEP_MAX];
    oracle_ordered_steps(unit, placed, steps);
    return placed[steps[0]].rank;
}

bool oracle_is_better(const struct oracle_unit *unit, const struct oracle_place *left,
                      const struct oracle_place *right)
{
    int by_score = order_of(oracle_score(unit, right), oracle_score(unit, left));
    int by_end = order_of(oracle_end_rank(unit, left), oracle_end_rank(unit, right));
    int by_entry = order_of(oracle_entry_rank(unit, right), oracle_entry_rank(unit, left));
    int order = unit->win_first ? by_end : 0;
    order = order != 0 ? order : by_score;
    if (unit->question->entry_open) { // most covered, then furthest, then the latest start
        order = order != 0 ? order : by_entry;
        order = order != 0 ? order : by_end;
    } else {
        order = order != 0 ? order : by_end;
        order = order != 0 ? order : by_entry;
    }
    if (order == 0) {
        order = unit->question->order == ORACLE_ANY ? compare_ranks(unit, left, right)
                                                    : compare_steps(unit, left, right);
    }
    return order < 0;
}
