// SPDX-License-Identifier: Apache-2.0
// Matching by the words of SEMANTICS 4 and 5: every assignment of events to steps is built and
// judged; whether something may still be won is found by adding further events to it.
#include "tests/model/oracle.h"

#include <string.h>

#define VIRTUAL (-2)           // a further event
#define FAR (INT64_C(1) << 40) // ranks of instants after all stored ones

// What fills a step. Ranks order instants: those of stored events are even, between them lie odd
// ones, in which any number of further events may follow each other.
struct place {
    int event; // index, -1: nothing, VIRTUAL
    int64_t time;
    int64_t rank;
};

struct oracle_unit {
    const struct oracle_question *question;
    const struct oracle_event *events;
    int count;
    int step_count;
    int64_t as_of;
    int64_t times[ORACLE_EVENT_MAX]; // with a tolerance those of the blocks
    int64_t ranks[ORACLE_EVENT_MAX];
    int sessions[ORACLE_EVENT_MAX];
    bool matches[ORACLE_EVENT_MAX][ORACLE_STEP_MAX]; // the event may fill the step
    bool member[ORACLE_EVENT_MAX];
    bool in_scope[ORACLE_EVENT_MAX];
    bool excluded[ORACLE_EVENT_MAX][ORACLE_EXCLUSION_MAX];
    bool may_enter[ORACLE_EVENT_MAX];
    bool used[ORACLE_EVENT_MAX]; // spent by earlier attempts
    int64_t entry_from;          // ranks of entries that are looked at
    int64_t entry_to;
    int64_t until; // events of higher rank do not exist

    // The search under way.
    bool with_virtual;
    bool after_only; // further events come strictly after `until`
    int64_t now;     // and not before this time
    int score_above; // further events must get further than this
    bool win_first;  // whole assignments only, the earliest end first
    bool ignore_exclusions;
    bool removing_only;
    struct place placed[ORACLE_STEP_MAX];
    struct place best[ORACLE_STEP_MAX];
    bool found;
};

// ---- what an assignment is like

static bool made(const struct place *place)
{
    return place->event != -1;
}

static int first_made(const struct oracle_unit *unit, const struct place *placed)
{
    int step = 0;
    while (step < unit->step_count && !made(&placed[step])) {
        step++;
    }
    return step;
}

static int last_made(const struct oracle_unit *unit, const struct place *placed)
{
    int step = unit->step_count - 1;
    while (step >= 0 && !made(&placed[step])) {
        step--;
    }
    return step;
}

static int made_count(const struct oracle_unit *unit, const struct place *placed)
{
    int count = 0;
    for (int step = 0; step < unit->step_count; step++) {
        count += made(&placed[step]);
    }
    return count;
}

// The furthest required step made; the entry counts as one.
static int ended(const struct oracle_unit *unit, const struct place *placed)
{
    int first = first_made(unit, placed);
    int step = last_made(unit, placed);
    while (step > first && (!made(&placed[step]) || unit->question->optional[step])) {
        step--;
    }
    return step;
}

// Steps of an assignment in the order of their instants. With order any the entry is the first of
// those of the earliest instant that may be one, and the last anchor stands last.
static int ordered_steps(const struct oracle_unit *unit, const struct place *placed, int *steps)
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
        const struct place *place = &placed[steps[at]];
        bool anchored =
            (question->anchor_first == 0 || steps[at] == question->anchor_first - 1) &&
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

static bool place_fits(const struct oracle_unit *unit, const struct place *entry,
                       const struct place *place)
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
static bool follows(const struct oracle_unit *unit, const struct place *before,
                    const struct place *place)
{
    bool strict = unit->question->ties_strict;
    bool both_free = before->event == VIRTUAL && place->event == VIRTUAL && place->rank % 2 != 0;
    return place->rank > before->rank || (place->rank == before->rank && (!strict || both_free));
}

// An event that no step has, in scope, lies between matched ones whatever the order of its block.
static bool violates(const struct oracle_unit *unit, const struct place *placed, const int *steps,
                     int count, int index)
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

static bool is_placed(const struct oracle_unit *unit, const struct place *placed, int index)
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
static bool is_hit(const struct oracle_unit *unit, const struct place *placed, int number)
{
    const struct oracle_exclusion *exclusion = &unit->question->exclusions[number];
    int steps[ORACLE_STEP_MAX];
    int count = ordered_steps(unit, placed, steps);
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

static bool any_order_fits(const struct oracle_unit *unit, const struct place *placed)
{
    const struct oracle_question *question = unit->question;
    int steps[ORACLE_STEP_MAX];
    int count = ordered_steps(unit, placed, steps);
    const struct place *entry = &placed[steps[0]];
    bool enters = entry->event >= 0 && unit->may_enter[entry->event] &&
                  (question->anchor_first == 0 || steps[0] == question->anchor_first - 1);
    for (int at = 0; at < count && enters; at++) {
        enters = place_fits(unit, entry, &placed[steps[at]]) &&
                 placed[steps[at]].rank >= entry->rank &&
                 (at == 0 || follows(unit, &placed[steps[at - 1]], &placed[steps[at]]));
    }
    bool anchored =
        question->anchor_last > 0 && made(&placed[question->anchor_last - 1]);
    return enters && (!anchored || count == unit->step_count);
}

static bool in_order_fits(const struct oracle_unit *unit, const struct place *placed)
{
    const struct oracle_question *question = unit->question;
    int steps[ORACLE_STEP_MAX];
    int count = ordered_steps(unit, placed, steps);
    const struct place *entry = &placed[steps[0]];
    if (entry->event < 0 || !unit->may_enter[entry->event]) {
        return false;
    }
    for (int at = 0; at < count; at++) {
        const struct place *place = &placed[steps[at]];
        if (!place_fits(unit, entry, place) ||
            (at > 0 &&
             (!follows(unit, &placed[steps[at - 1]], place) ||
              !gap_fits(question, steps[at], place->time - placed[steps[at - 1]].time)))) {
            return false;
        }
    }
    for (int index = 0; question->order == ORACLE_STRICT && index < unit->count; index++) {
        if (unit->in_scope[index] && unit->ranks[index] <= unit->until && !unit->used[index] &&
            !is_placed(unit, placed, index) && violates(unit, placed, steps, count, index)) {
            return false;
        }
    }
    return true;
}

static bool is_allowed(const struct oracle_unit *unit)
{
    const struct place *placed = unit->placed;
    int first = first_made(unit, placed);
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
    ordered_steps(unit, placed, steps);
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

static bool is_whole(const struct oracle_unit *unit, const struct place *placed)
{
    return unit->question->order == ORACLE_ANY ? made_count(unit, placed) == unit->step_count
                                               : made(&placed[unit->step_count - 1]);
}

// ---- which one is reported?

// How far it gets: what is compared first.
static int score(const struct oracle_unit *unit, const struct place *placed)
{
    if (unit->question->order == ORACLE_ANY) {
        return made_count(unit, placed);
    }
    int furthest = ended(unit, placed) + 1;
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

static int compare_ranks(const struct oracle_unit *unit, const struct place *left,
                         const struct place *right)
{
    int order = 0;
    int left_steps[ORACLE_STEP_MAX];
    int right_steps[ORACLE_STEP_MAX];
    int count = ordered_steps(unit, left, left_steps);
    ordered_steps(unit, right, right_steps);
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
static int compare_steps(const struct oracle_unit *unit, const struct place *left,
                         const struct place *right)
{
    int order = order_of(first_made(unit, left), first_made(unit, right));
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

static int64_t end_rank(const struct oracle_unit *unit, const struct place *placed)
{
    int steps[ORACLE_STEP_MAX];
    int count = ordered_steps(unit, placed, steps);
    return unit->question->order == ORACLE_ANY ? placed[steps[count - 1]].rank
                                               : placed[ended(unit, placed)].rank;
}

static int64_t entry_rank(const struct oracle_unit *unit, const struct place *placed)
{
    int steps[ORACLE_STEP_MAX];
    ordered_steps(unit, placed, steps);
    return placed[steps[0]].rank;
}

static bool is_better(const struct oracle_unit *unit, const struct place *left,
                      const struct place *right)
{
    int by_score = order_of(score(unit, right), score(unit, left));
    int by_end = order_of(end_rank(unit, left), end_rank(unit, right));
    int by_entry = order_of(entry_rank(unit, right), entry_rank(unit, left));
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

// ---- all assignments

static void judge(struct oracle_unit *unit)
{
    if ((unit->win_first || unit->with_virtual) && !is_whole(unit, unit->placed)) {
        return;
    }
    if (unit->with_virtual && score(unit, unit->placed) <= unit->score_above) {
        return;
    }
    if (is_allowed(unit) && (!unit->found || is_better(unit, unit->placed, unit->best))) {
        memcpy(unit->best, unit->placed, sizeof(unit->best));
        unit->found = true;
    }
}

static void enumerate(struct oracle_unit *unit, int step);

static void go_on_with(struct oracle_unit *unit, int step, struct place place)
{
    unit->placed[step] = place;
    enumerate(unit, step + 1);
    unit->placed[step] = (struct place){-1, 0, 0};
}

// Cheap signs that no assignment with this place is allowed.
static bool is_hopeless(const struct oracle_unit *unit, int step, int index)
{
    if (unit->question->order == ORACLE_ANY) {
        return is_placed(unit, unit->placed, index);
    }
    int last = last_made(unit, unit->placed);
    (void)step;
    return last >= 0 ? is_placed(unit, unit->placed, index) ||
                           unit->ranks[index] < unit->placed[last].rank
                     : !unit->may_enter[index] || unit->ranks[index] < unit->entry_from ||
                           unit->ranks[index] > unit->entry_to;
}

// Further events of a step: at the instants of stored ones at T, between them, and as much later as
// a gap asks for.
static void add_virtual(struct oracle_unit *unit, int step)
{
    int before = unit->question->order == ORACLE_ANY ? -1 : last_made(unit, unit->placed);
    int64_t least =
        before < 0 ? INT64_MIN : unit->placed[before].time + unit->question->min_gap[step];
    int64_t last_block = INT64_MIN / 4;
    int64_t last_rank = 0;
    for (int index = 0; index < unit->count; index++) {
        bool exists = unit->member[index] && unit->ranks[index] <= unit->until;
        for (int other = 0; exists && other < unit->step_count; other++) {
            if (unit->matches[index][other] || unit->in_scope[index]) {
                last_block = unit->matches[index][other] && unit->times[index] > last_block
                                 ? unit->times[index]
                                 : last_block;
            }
        }
        last_rank = exists && unit->ranks[index] > last_rank ? unit->ranks[index] : last_rank;
    }
    int64_t tolerance = unit->question->tolerance;
    bool joins = tolerance > 0 && unit->now - last_block <= tolerance;
    int64_t time = joins ? last_block : unit->now;
    if (before >= 0 && unit->placed[before].time > time &&
        least == unit->placed[before].time) {
        go_on_with(unit, step,
                   (struct place){VIRTUAL, unit->placed[before].time, unit->placed[before].rank});
        return;
    }
    if (least > time) {
        int64_t previous = unit->placed[before].time > last_block || tolerance == 0
                               ? unit->placed[before].time
                               : last_block;
        time = least;
        if (tolerance > 0 && time < previous + tolerance + 1) {
            time = previous + tolerance + 1;
        }
        go_on_with(unit, step, (struct place){VIRTUAL, time, FAR + (time - unit->now) * 2 + 1});
        return;
    }
    if (unit->after_only) {
        go_on_with(unit, step, (struct place){VIRTUAL, time, unit->until + 1});
        return;
    }
    go_on_with(unit, step, (struct place){VIRTUAL, time, last_rank + 1});
    for (int index = 0; index < unit->count; index++) {
        if (unit->member[index] && unit->times[index] >= time &&
            (index == 0 || unit->ranks[index - 1] != unit->ranks[index])) {
            go_on_with(unit, step, (struct place){VIRTUAL, time, unit->ranks[index]});
            go_on_with(unit, step, (struct place){VIRTUAL, time, unit->ranks[index] - 1});
        }
    }
}

static void enumerate(struct oracle_unit *unit, int step)
{
    const struct oracle_question *question = unit->question;
    if (unit->with_virtual && unit->found) {
        return; // one is enough
    }
    if (step == unit->step_count) {
        judge(unit);
        return;
    }
    int first = first_made(unit, unit->placed);
    for (int index = 0; index < unit->count; index++) {
        if (unit->matches[index][step] && !unit->used[index] && unit->ranks[index] <= unit->until &&
            !is_hopeless(unit, step, index)) {
            go_on_with(unit, step, (struct place){index, unit->times[index], unit->ranks[index]});
        }
    }
    if (unit->with_virtual && (first < step || question->order == ORACLE_ANY)) {
        add_virtual(unit, step);
    }
    if (question->order == ORACLE_ANY || question->optional[step] ||
        (question->entry_open && first >= step)) {
        enumerate(unit, step + 1); // not made
    } else {
        judge(unit); // it ends here
    }
}

static bool search(struct oracle_unit *unit)
{
    for (int step = 0; step < ORACLE_STEP_MAX; step++) {
        unit->placed[step] = (struct place){-1, 0, 0};
    }
    unit->found = false;
    enumerate(unit, 0);
    return unit->found;
}

// Whether further events at `now` or later complete an assignment.
static bool may_be_won(struct oracle_unit *unit, int64_t now, bool after_only)
{
    struct oracle_unit copy = *unit;
    copy.with_virtual = true;
    copy.now = now;
    copy.after_only = after_only;
    return search(&copy);
}

// ---- the unit's attempts

static void report(const struct oracle_unit *unit, bool open, struct oracle_attempt *attempt)
{
    const struct place *placed = unit->best;
    int steps[ORACLE_STEP_MAX];
    int count = ordered_steps(unit, placed, steps);
    bool any = unit->question->order == ORACLE_ANY;
    memset(attempt, 0, sizeof(*attempt));
    for (int step = 0; step < ORACLE_STEP_MAX; step++) {
        attempt->events[step] = -1;
    }
    for (int at = 0; at < count; at++) {
        int row = any ? at : steps[at];
        attempt->events[row] = placed[steps[at]].event;
        attempt->times[row] = placed[steps[at]].time;
        attempt->steps[row] = steps[at];
    }
    attempt->level = any ? count : last_made(unit, placed) + 1;
    attempt->entered = any ? 1 : first_made(unit, placed) + 1;
    attempt->ended = any ? count : ended(unit, placed) + 1;
    attempt->won = is_whole(unit, placed);
    attempt->open = open && !attempt->won;
}

// SEMANTICS 4.9: every assignment that reaches the best level ignoring exclusions is hit.
static bool is_out(struct oracle_unit *unit)
{
    struct oracle_unit free = *unit;
    struct oracle_unit kept = *unit;
    free.ignore_exclusions = true;
    kept.removing_only = true;
    return search(&free) && (!search(&kept) || score(&kept, kept.best) < score(&free, free.best));
}

static int one_attempt(struct oracle_unit *unit, struct oracle_attempt *attempt_out)
{
    for (int index = 0; index < unit->count; index++) {
        bool enters = unit->may_enter[index];
        if (enters && unit->question->first_attempt && unit->ranks[index] < unit->entry_to) {
            unit->entry_to = unit->ranks[index];
        }
        if (enters && unit->question->last_attempt && unit->ranks[index] > unit->entry_from) {
            unit->entry_from = unit->ranks[index];
        }
    }
    if (is_out(unit) || !search(unit)) {
        return 0;
    }
    // With an open entry only what covers more than the reported attempt would be reported instead.
    struct oracle_unit further = *unit;
    further.score_above = score(unit, unit->best);
    report(unit, may_be_won(&further, unit->as_of, false), attempt_out);
    return 1;
}

// The rank of the first instant at which attempts that enter at `entry` cannot be won any more; FAR
// where they are alive after the instant `last`.
static int64_t life_end(const struct oracle_unit *unit, int64_t entry, int64_t last)
{
    for (int index = 0; index < unit->count; index++) {
        struct oracle_unit copy = *unit;
        bool matters = unit->question->order == ORACLE_STRICT && unit->in_scope[index];
        for (int step = 0; step < unit->step_count; step++) {
            matters = matters || unit->matches[index][step];
        }
        for (int number = 0; number < unit->question->exclusion_count; number++) {
            matters = matters || unit->excluded[index][number];
        }
        if (!unit->member[index] || !matters || unit->ranks[index] < entry ||
            unit->ranks[index] > last) {
            continue;
        }
        copy.entry_from = entry;
        copy.entry_to = entry;
        copy.until = unit->ranks[index];
        if (!may_be_won(&copy, unit->times[index], true)) {
            return unit->ranks[index];
        }
    }
    return FAR;
}

static void spend(struct oracle_unit *unit, const struct place *placed, int64_t rank)
{
    for (int index = 0; index < unit->count; index++) {
        if (unit->ranks[index] < rank || is_placed(unit, placed, index)) {
            unit->used[index] = true;
        }
    }
    unit->entry_from = rank;
}

static int64_t first_entry(const struct oracle_unit *unit)
{
    for (int index = 0; index < unit->count; index++) {
        if (unit->may_enter[index] && !unit->used[index] &&
            unit->ranks[index] >= unit->entry_from) {
            return unit->ranks[index];
        }
    }
    return FAR;
}

// Attempts before the win's entry (FAR: there is no win), greedily from the earliest.
static int chain(const struct oracle_unit *unit, int64_t win_entry, struct oracle_attempt *out)
{
    struct oracle_unit copy = *unit;
    int count = 0;
    for (int64_t entry = first_entry(&copy); entry < win_entry && entry != FAR;
         entry = first_entry(&copy)) {
        int64_t end = life_end(&copy, entry, win_entry);
        if (end == FAR && win_entry != FAR) {
            return count; // absorbed
        }
        copy.entry_from = entry;
        copy.entry_to = entry;
        copy.until = end < win_entry ? end : win_entry - 1;
        search(&copy);
        report(&copy, false, &out[count++]);
        copy.until = unit->until;
        copy.entry_to = FAR;
        if (end == FAR) {
            return count;
        }
        spend(&copy, copy.best, end);
    }
    return count;
}

static int all_attempts(struct oracle_unit *unit, struct oracle_attempt *out)
{
    int count = 0;
    if (is_out(unit)) {
        return 0;
    }
    for (;;) {
        struct oracle_unit win = *unit;
        win.win_first = true;
        if (!search(&win)) {
            break;
        }
        count += chain(unit, entry_rank(&win, win.best), &out[count]);
        report(&win, false, &out[count++]);
        spend(unit, win.best, end_rank(&win, win.best));
    }
    bool open = may_be_won(unit, unit->as_of, false);
    int more = chain(unit, FAR, &out[count]);
    if (more > 0) {
        out[count + more - 1].open = open && !out[count + more - 1].won;
    }
    return count + more;
}

// ---- the unit's events

static void cut_blocks(struct oracle_unit *unit)
{
    bool block = false;
    int64_t first = 0;
    for (int index = 0; index < unit->count; index++) {
        const struct oracle_event *event = &unit->events[index];
        bool step = false;
        for (int number = 0; number < unit->step_count; number++) {
            step = step || unit->matches[index][number];
        }
        unit->times[index] = event->time;
        if (unit->question->tolerance > 0 && unit->member[index]) {
            if (block && event->time - first <= unit->question->tolerance) {
                unit->times[index] = first;
            } else if (step) {
                block = true;
                first = event->time;
            }
        }
    }
}

static void rank_instants(struct oracle_unit *unit)
{
    int before = -1;
    for (int index = 0; index < unit->count; index++) {
        if (!unit->member[index]) {
            unit->ranks[index] = before < 0 ? 0 : unit->ranks[before];
            continue;
        }
        bool same = before >= 0 && unit->times[index] == unit->times[before] &&
                    (unit->question->tolerance > 0 ||
                     oracle_compare_instants(&unit->events[index], &unit->events[before]) == 0);
        unit->ranks[index] = before < 0 ? 2 : unit->ranks[before] + (same ? 0 : 2);
        before = index;
    }
}

static void number_sessions(struct oracle_unit *unit)
{
    int session = 0;
    for (int begin = 0; begin < unit->count; session++) {
        int end =
            oracle_session_end(unit->events, unit->count, begin, unit->question->session_timeout);
        for (; begin < end; begin++) {
            unit->sessions[begin] = session;
        }
    }
}

static void look_at_event(struct oracle_unit *unit, int index)
{
    const struct oracle_question *question = unit->question;
    const struct oracle_event *event = &unit->events[index];
    bool visible =
        unit->member[index] && (!question->has_where || oracle_holds(&question->where, event));
    bool inside = !question->inside || question->to == ORACLE_NONE || event->time < question->to;
    bool step = false;
    for (int number = 0; number < unit->step_count; number++) {
        bool matches = visible && inside && oracle_holds(&question->steps[number], event);
        bool enters = question->order == ORACLE_ANY
                          ? (question->anchor_first == 0 || number == question->anchor_first - 1) &&
                                (unit->step_count == 1 || number != question->anchor_last - 1)
                          : question->entry_open || number == 0;
        unit->matches[index][number] = matches;
        step = step || matches;
        unit->may_enter[index] = unit->may_enter[index] || (matches && enters);
    }
    unit->may_enter[index] = unit->may_enter[index] && !event->no_entry &&
                             (question->from == ORACLE_NONE || event->time >= question->from) &&
                             (question->to == ORACLE_NONE || event->time < question->to);
    unit->in_scope[index] = unit->member[index] && inside && (step || !question->scope_funnel);
    for (int number = 0; number < question->exclusion_count; number++) {
        unit->excluded[index][number] =
            inside && oracle_holds(&question->exclusions[number].condition, event);
    }
}

int oracle_attempts(const struct oracle_question *question, const struct oracle_event *events,
                    int count, const bool *members, int64_t as_of,
                    struct oracle_attempt attempts_out[ORACLE_EVENT_MAX])
{
    struct oracle_unit unit = {.question = question,
                               .events = events,
                               .count = count,
                               .step_count = question->step_count,
                               .as_of = as_of,
                               .entry_from = 0,
                               .entry_to = FAR,
                               .until = FAR};
    memcpy(unit.member, members, (size_t)count * sizeof(*members));
    for (int index = 0; index < count; index++) {
        look_at_event(&unit, index);
    }
    cut_blocks(&unit);
    rank_instants(&unit);
    number_sessions(&unit);
    return question->all_attempts ? all_attempts(&unit, attempts_out)
                                  : one_attempt(&unit, attempts_out);
}

void oracle_attempt(const struct oracle_question *question, const struct oracle_event *events,
                    int count, int begin, int end, int64_t as_of,
                    struct oracle_attempt *attempt_out)
{
    bool members[ORACLE_EVENT_MAX] = {false};
    struct oracle_attempt attempts[ORACLE_EVENT_MAX];
    for (int index = begin; index < end; index++) {
        members[index] = true;
    }
    *attempt_out = (struct oracle_attempt){0};
    if (oracle_attempts(question, events, count, members, as_of, attempts) > 0) {
        *attempt_out = attempts[0];
    }
}
