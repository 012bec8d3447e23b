// SPDX-License-Identifier: Apache-2.0
// Matching by the words of SEMANTICS 4 and 5: every assignment of events to steps is built and
// judged; whether something may still be won is found by adding further events to it.
#include "tests/model/oracle_unit.h"

#include <string.h>

// ---- all assignments

static void judge(struct oracle_unit *unit)
{
    if ((unit->win_first || unit->with_virtual) && !oracle_is_whole(unit, unit->placed)) {
        return;
    }
    if (unit->with_virtual && oracle_score(unit, unit->placed) <= unit->score_above) {
        return;
    }
    if (oracle_is_allowed(unit) &&
        (!unit->found || oracle_is_better(unit, unit->placed, unit->best))) {
        memcpy(unit->best, unit->placed, sizeof(unit->best));
        unit->found = true;
    }
}

static void enumerate(struct oracle_unit *unit, int step);

static void go_on_with(struct oracle_unit *unit, int step, struct oracle_place place)
{
    unit->placed[step] = place;
    enumerate(unit, step + 1);
    unit->placed[step] = (struct oracle_place){-1, 0, 0};
}

// Cheap signs that no assignment with this place is allowed.
static bool is_hopeless(const struct oracle_unit *unit, int step, int index)
{
    if (unit->question->order == ORACLE_ANY) {
        return oracle_is_placed(unit, unit->placed, index);
    }
    int last = oracle_last_made(unit, unit->placed);
    (void)step;
    return last >= 0 ? oracle_is_placed(unit, unit->placed, index) ||
                           unit->ranks[index] < unit->placed[last].rank
                     : !unit->may_enter[index] || unit->ranks[index] < unit->entry_from ||
                           unit->ranks[index] > unit->entry_to;
}

// Further events of a step: at the instants of stored ones at T, between them, and as much later as
// a gap asks for.
static void add_virtual(struct oracle_unit *unit, int step)
{
    int before = unit->question->order == ORACLE_ANY ? -1 : oracle_last_made(unit, unit->placed);
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
    if (before >= 0 && unit->placed[before].time > time && least == unit->placed[before].time) {
        go_on_with(unit, step,
                   (struct oracle_place){ORACLE_VIRTUAL, unit->placed[before].time,
                                         unit->placed[before].rank});
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
        go_on_with(
            unit, step,
            (struct oracle_place){ORACLE_VIRTUAL, time, ORACLE_FAR + (time - unit->now) * 2 + 1});
        return;
    }
    if (unit->after_only) {
        go_on_with(unit, step, (struct oracle_place){ORACLE_VIRTUAL, time, unit->until + 1});
        return;
    }
    go_on_with(unit, step, (struct oracle_place){ORACLE_VIRTUAL, time, last_rank + 1});
    for (int index = 0; index < unit->count; index++) {
        if (unit->member[index] && unit->times[index] >= time &&
            (index == 0 || unit->ranks[index - 1] != unit->ranks[index])) {
            go_on_with(unit, step, (struct oracle_place){ORACLE_VIRTUAL, time, unit->ranks[index]});
            go_on_with(unit, step,
                       (struct oracle_place){ORACLE_VIRTUAL, time, unit->ranks[index] - 1});
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
    int first = oracle_first_made(unit, unit->placed);
    for (int index = 0; index < unit->count; index++) {
        if (unit->matches[index][step] && !unit->used[index] && unit->ranks[index] <= unit->until &&
            !is_hopeless(unit, step, index)) {
            go_on_with(unit, step,
                       (struct oracle_place){index, unit->times[index], unit->ranks[index]});
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
        unit->placed[step] = (struct oracle_place){-1, 0, 0};
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
    const struct oracle_place *placed = unit->best;
    int steps[ORACLE_STEP_MAX];
    int count = oracle_ordered_steps(unit, placed, steps);
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
    attempt->level = any ? count : oracle_last_made(unit, placed) + 1;
    attempt->entered = any ? 1 : oracle_first_made(unit, placed) + 1;
    attempt->ended = any ? count : oracle_ended(unit, placed) + 1;
    attempt->won = oracle_is_whole(unit, placed);
    attempt->open = open && !attempt->won;
}

// SEMANTICS 4.9: every assignment that reaches the best level ignoring exclusions is hit.
static bool is_out(struct oracle_unit *unit)
{
    struct oracle_unit free = *unit;
    struct oracle_unit kept = *unit;
    free.ignore_exclusions = true;
    kept.removing_only = true;
    return search(&free) &&
           (!search(&kept) || oracle_score(&kept, kept.best) < oracle_score(&free, free.best));
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
    further.score_above = oracle_score(unit, unit->best);
    report(unit, may_be_won(&further, unit->as_of, false), attempt_out);
    return 1;
}

// The rank of the first instant at which attempts that enter at `entry` cannot be won any more;
// ORACLE_FAR where they are alive after the instant `last`.
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
    return ORACLE_FAR;
}

static void spend(struct oracle_unit *unit, const struct oracle_place *placed, int64_t rank)
{
    for (int index = 0; index < unit->count; index++) {
        if (unit->ranks[index] < rank || oracle_is_placed(unit, placed, index)) {
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
    return ORACLE_FAR;
}

// Attempts before the win's entry (ORACLE_FAR: there is no win), greedily from the earliest.
static int chain(const struct oracle_unit *unit, int64_t win_entry, struct oracle_attempt *out)
{
    struct oracle_unit copy = *unit;
    int count = 0;
    for (int64_t entry = first_entry(&copy); entry < win_entry && entry != ORACLE_FAR;
         entry = first_entry(&copy)) {
        int64_t end = life_end(&copy, entry, win_entry);
        if (end == ORACLE_FAR && win_entry != ORACLE_FAR) {
            return count; // absorbed
        }
        copy.entry_from = entry;
        copy.entry_to = entry;
        copy.until = end < win_entry ? end : win_entry - 1;
        search(&copy);
        report(&copy, false, &out[count++]);
        copy.until = unit->until;
        copy.entry_to = ORACLE_FAR;
        if (end == ORACLE_FAR) {
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
        count += chain(unit, oracle_entry_rank(&win, win.best), &out[count]);
        report(&win, false, &out[count++]);
        spend(unit, win.best, oracle_end_rank(&win, win.best));
    }
    bool open = may_be_won(unit, unit->as_of, false);
    int more = chain(unit, ORACLE_FAR, &out[count]);
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
    int session = 0; // where attempts stay in sessions, blocks do, too
    for (int index = 0; index < unit->count; index++) {
        const struct oracle_event *event = &unit->events[index];
        bool step = false;
        for (int number = 0; number < unit->step_count; number++) {
            step = step || unit->matches[index][number];
        }
        unit->times[index] = event->time;
        bool stays = unit->question->session_window || unit->question->by_session;
        block = block && (!stays || unit->sessions[index] == session);
        session = unit->sessions[index];
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
                               .entry_to = ORACLE_FAR,
                               .until = ORACLE_FAR};
    memcpy(unit.member, members, (size_t)count * sizeof(*members));
    for (int index = 0; index < count; index++) {
        look_at_event(&unit, index);
    }
    number_sessions(&unit);
    cut_blocks(&unit);
    rank_instants(&unit);
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
