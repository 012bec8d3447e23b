// SPDX-License-Identifier: Apache-2.0
#include "tests/model/oracle_slices.h"

#include <stdlib.h>
#include <string.h>

static int64_t later_of(int64_t time, int64_t delta)
{
    int64_t sum;
    return __builtin_add_overflow(time, delta, &sum) ? INT64_MAX : sum;
}

static bool not_after(const struct oracle_event *event, const struct oracle_event *other)
{
    return event->time < other->time ||
           (event->time == other->time && event->sequence <= other->sequence);
}

// The person's latest value at an event, at most 30 days old; events are in canonical order.
static int person_value(const struct oracle_event *events, int count,
                        const struct oracle_event *entry, int attribute)
{
    int value = -1;
    int64_t time = INT64_MIN;
    for (int i = 0; i < count; i++) {
        if (not_after(&events[i], entry) && events[i].attributes[attribute] != -1) {
            value = events[i].attributes[attribute];
            time = events[i].time;
        }
    }
    return value != -1 && entry->time - time <= ORACLE_HISTORY_US ? value : -1;
}

static void forbid_entries(const struct oracle_asked *asked, struct oracle_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        bool allowed = !asked->has_entry || oracle_holds(&asked->entry, &events[i]);
        if (asked->user_attribute != -1) {
            int value = person_value(events, count, &events[i], asked->user_attribute);
            allowed = allowed &&
                      (asked->user_null ? value == -1 : value != -1 && value != asked->user_not);
        }
        events[i].no_entry = !allowed || asked->user_nobody;
    }
}

int oracle_cell_of(const struct oracle_asked *asked, const int *values)
{
    return (values[0] + 1) * ORACLE_CELL_VALUES + (asked->by_count > 1 ? values[1] + 1 : 0);
}

static bool fills_another(const struct oracle_attempt *attempt, int event)
{
    for (int step = 0; step < attempt->level; step++) {
        if (attempt->events[step] == event) {
            return true;
        }
    }
    return false;
}

static bool visible(const struct oracle_question *question, const struct oracle_event *event)
{
    return !question->has_where || oracle_holds(&question->where, event);
}

// Further orders: behind the matched one in canonical order, within the entry's window.
static void count_repeats(const struct oracle_asked *asked, const struct oracle_event *events,
                          int end, const struct oracle_attempt *attempt, int step,
                          struct oracle_cell *cell)
{
    const struct oracle_question *question = &asked->question;
    int64_t until = question->window == ORACLE_NONE
                        ? INT64_MAX
                        : later_of(events[attempt->events[0]].time, question->window);
    for (int i = attempt->events[step] + 1; i < end && events[i].time <= until; i++) {
        int filled = question->order == ORACLE_ANY ? attempt->steps[step] : step;
        // Strict order sees refused entries too, and any order fills its steps with them.
        bool hidden = question->order == ORACLE_LOOSE && step == 0 && asked->has_entry &&
                      !oracle_holds(&asked->entry, &events[i]);
        if (visible(question, &events[i]) && oracle_holds(&question->steps[filled], &events[i]) &&
            events[i].amount != ORACLE_NONE && !hidden && !fills_another(attempt, i)) {
            cell->repeat_orders[step]++;
            cell->repeat_revenue[step] += events[i].amount;
        }
    }
}

static void count_cell(const struct oracle_asked *asked, const struct oracle_event *events, int end,
                       const struct oracle_attempt *attempt, struct oracle_cell *cell)
{
    for (int step = 0; step < attempt->level; step++) {
        const struct oracle_event *event = &events[attempt->events[step]];
        cell->reached[step]++;
        if (event->amount != ORACLE_NONE) {
            cell->orders[step]++;
            cell->revenue[step] += event->amount;
            count_repeats(asked, events, end, attempt, step, cell);
        }
    }
    if (attempt->level == asked->question.step_count) {
        cell->won++;
    } else if (attempt->open) {
        cell->open[attempt->level - 1]++;
    } else {
        cell->lost[attempt->level - 1]++;
    }
}

// The values of a partition.
static void values_of(const struct oracle_asked *asked, const struct oracle_event *events,
                      int count, const struct oracle_attempt *attempt, int *values)
{
    const struct oracle_event *entry = &events[attempt->events[0]];
    for (int which = 0; which < 2; which++) {
        values[which] = -1;
        for (int i = 0; i < attempt->level; i++) {
            bool last = asked->attribution == ORACLE_BY_LAST;
            int step = last ? attempt->level - 1 - i : i;
            int value = events[attempt->events[step]].attributes[which];
            bool ends = asked->attribution == ORACLE_BY_FIRST || last;
            int filled = asked->question.order == ORACLE_ANY ? attempt->steps[step] : step;
            bool taken = ends                                   ? value != -1
                         : asked->attribution == ORACLE_BY_STEP ? filled == asked->attribution_step
                                                                : step == 0;
            if (taken) {
                values[which] = value;
                break;
            }
        }
        if (asked->attribution == ORACLE_BY_USER) {
            values[which] = person_value(events, count, entry, which);
        }
    }
}

// Whether an event may begin an attempt: with order any at every step, but for anchors.
static bool may_begin(const struct oracle_question *question, const struct oracle_event *event)
{
    if (question->order != ORACLE_ANY) {
        return oracle_holds(&question->steps[0], event);
    }
    for (int step = 0; step < question->step_count; step++) {
        bool may = question->anchor_first == 0 || question->anchor_first == step + 1;
        may = may && (question->anchor_last != step + 1 || question->step_count == 1);
        if (may && oracle_holds(&question->steps[step], event)) {
            return true;
        }
    }
    return false;
}

// Every cell that an entry of the unit has, or an event of a later step within an entry's window.
static bool may_enter(const struct oracle_question *question, const struct oracle_event *event)
{
    return visible(question, event) && may_begin(question, event) && !event->no_entry &&
           (question->from == ORACLE_NONE || event->time >= question->from) &&
           (question->to == ORACLE_NONE || event->time < question->to);
}

static void cells_of_each(const struct oracle_asked *asked, const struct oracle_event *events,
                          int begin, int end, bool *cells)
{
    const struct oracle_question *question = &asked->question;
    bool any = false;
    for (int i = begin; i < end; i++) {
        if (!visible(question, &events[i]) ||
            !oracle_holds(&question->steps[asked->attribution_step], &events[i])) {
            continue;
        }
        bool seen = asked->attribution_step == 0 && may_enter(question, &events[i]);
        for (int e = begin; e < end && asked->attribution_step > 0; e++) {
            int64_t until = question->window == ORACLE_NONE
                                ? INT64_MAX
                                : later_of(events[e].time, question->window);
            seen = seen || (may_enter(question, &events[e]) && events[e].time <= events[i].time &&
                            events[i].time <= until);
        }
        if (seen) {
            cells[oracle_cell_of(asked, events[i].attributes)] = true;
            any = true;
        }
    }
    const int none[2] = {-1, -1};
    cells[oracle_cell_of(asked, none)] |= !any;
}

static void count_unit(const struct oracle_asked *asked, struct oracle_event *events, int count,
                       int begin, int end, int64_t as_of, struct oracle_expected *expected)
{
    struct oracle_attempt attempt;
    bool cells[ORACLE_CELL_COUNT] = {false};
    oracle_attempt(&asked->question, events, count, begin, end, as_of, &attempt);
    if (attempt.level == 0) {
        return;
    }
    int from = begin;
    int to = end;
    if (asked->question.session_window) {
        from = attempt.events[0];
        to = from;
        for (int start = 0; start < count;) {
            int next = oracle_session_end(events, count, start, asked->question.session_timeout);
            if (start <= attempt.events[0] && attempt.events[0] < next) {
                from = start;
                to = next;
            }
            start = next;
        }
    }
    if (asked->attribution == ORACLE_BY_EACH) {
        cells_of_each(asked, events, from, to, cells);
    } else {
        int values[2];
        values_of(asked, events, count, &attempt, values);
        cells[oracle_cell_of(asked, values)] = true;
    }
    bool other = false;
    for (int i = 0; i < ORACLE_CELL_COUNT; i++) {
        if (cells[i] && !expected->listing) {
            count_cell(asked, events, to, &attempt, &expected->cells[i]);
        }
        other = other || (cells[i] && !expected->listed[i]);
    }
    if (!expected->listing) {
        count_cell(asked, events, to, &attempt, &expected->total);
    } else if (other) {
        count_cell(asked, events, to, &attempt, &expected->other);
    }
}

static void count_person(const struct oracle_asked *asked, struct oracle_event *events, int count,
                         int64_t as_of, struct oracle_expected *expected)
{
    int known = 0;
    while (known < count && events[known].time <= as_of) {
        known++;
    }
    forbid_entries(asked, events, known);
    for (int begin = 0; begin < known;) {
        int end = asked->question.by_session
                      ? oracle_session_end(events, known, begin, asked->question.session_timeout)
                      : known;
        count_unit(asked, events, known, begin, end, as_of, expected);
        begin = end;
    }
}

static int compare_users(const void *left, const void *right)
{
    return ((const struct oracle_event *)left)->user - ((const struct oracle_event *)right)->user;
}

void oracle_slices_count(const struct oracle_asked *asked, const struct oracle_event *all,
                         int count, struct oracle_expected *expected)
{
    struct oracle_event *events = malloc(((size_t)count + 1) * sizeof(*events));
    int64_t as_of = asked->as_of;
    memcpy(events, all, (size_t)count * sizeof(*events));
    for (int i = 0; asked->as_of == ORACLE_NONE && i < count; i++) {
        as_of = events[i].time > as_of ? events[i].time : as_of;
    }
    qsort(events, (size_t)count, sizeof(*events), compare_users);
    for (int begin = 0; begin < count;) {
        int end = begin;
        while (end < count && events[end].user == events[begin].user) {
            end++;
        }
        int kept = oracle_sort(&events[begin], end - begin);
        count_person(asked, &events[begin], kept, as_of, expected);
        begin = end;
    }
    free(events);
}
