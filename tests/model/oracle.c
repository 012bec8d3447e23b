// SPDX-License-Identifier: Apache-2.0
#include "tests/model/oracle.h"

#include <stdlib.h>
#include <string.h>

#define DAY (INT64_C(24) * 3600 * 1000000)

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

// Canonical order: time, sequence, id hash (missing first), then the columns by name ("attribute
// a", "attribute b", "event", "price", "revenue"); a present value comes before a missing one.
static int compare_optional(int64_t left, int64_t right, int64_t missing)
{
    if (left == right) {
        return 0;
    }
    if (left == missing || right == missing) {
        return left == missing ? 1 : -1;
    }
    return compare_integers(left, right);
}

// An instant is a (time, sequence): events equal in both are simultaneous.
static int compare_instants(const struct oracle_event *left, const struct oracle_event *right)
{
    int order = compare_integers(left->time, right->time);
    return order != 0 ? order : compare_integers(left->sequence, right->sequence);
}

static int compare_contents(const struct oracle_event *left, const struct oracle_event *right)
{
    int order = 0;
    for (int index = 0; index < ORACLE_ATTRIBUTE_COUNT && order == 0; index++) {
        order = compare_optional(left->attributes[index], right->attributes[index], -1);
    }
    order = order != 0 ? order : compare_integers(left->name, right->name);
    order = order != 0 ? order : compare_optional(left->price, right->price, ORACLE_NONE);
    return order != 0 ? order : compare_optional(left->amount, right->amount, ORACLE_NONE);
}

static int compare_events(const void *left_raw, const void *right_raw)
{
    const struct oracle_event *left = left_raw;
    const struct oracle_event *right = right_raw;
    int order = compare_instants(left, right);
    order = order != 0 ? order : compare_integers(left->id, right->id);
    return order != 0 ? order : compare_contents(left, right);
}

// Of two copies of one event the first in canonical order stays.
static bool stays(const struct oracle_event *event, const struct oracle_event *copy)
{
    int order = compare_events(event, copy);
    return order < 0 || (order == 0 && event < copy);
}

static bool has_better_copy(const struct oracle_event *events, int count, int index)
{
    for (int other = 0; other < count; other++) {
        if (other != index && events[index].id != ORACLE_NONE &&
            events[other].id == events[index].id && events[other].time == events[index].time &&
            stays(&events[other], &events[index])) {
            return true;
        }
    }
    return false;
}

int oracle_sort(struct oracle_event *events, int count)
{
    struct oracle_event kept[ORACLE_EVENT_MAX];
    int kept_count = 0;
    for (int index = 0; index < count; index++) {
        if (!has_better_copy(events, count, index)) {
            kept[kept_count++] = events[index];
        }
    }
    qsort(kept, (size_t)kept_count, sizeof(*kept), compare_events);
    memcpy(events, kept, (size_t)kept_count * sizeof(*kept));
    return kept_count;
}

bool oracle_holds(const struct oracle_condition *condition, const struct oracle_event *event)
{
    if (condition->names != 0 && (condition->names >> event->name & 1) == 0) {
        return false;
    }
    if (condition->price_min != ORACLE_NONE &&
        (event->price == ORACLE_NONE || event->price < condition->price_min)) {
        return false;
    }
    return condition->attribute_not == -1 ||
           (event->attributes[0] != -1 && event->attributes[0] != condition->attribute_not);
}

// The first event of the gap-free run that holds events[index].
static int run_start(const struct oracle_event *events, int index, int64_t timeout)
{
    while (index > 0 && events[index].time - events[index - 1].time <= timeout) {
        index--;
    }
    return index;
}

static int64_t last_midnight(int64_t time)
{
    int64_t day = time / DAY - (time % DAY < 0);
    return day * DAY;
}

// Whether a midnight in (before, after] splits a run that began at `start_time`.
static bool midnight_splits(int64_t start_time, int64_t before, int64_t after)
{
    int64_t midnight = last_midnight(after);
    return midnight > before && start_time <= midnight - DAY;
}

int oracle_session_end(const struct oracle_event *events, int count, int start, int64_t timeout)
{
    int64_t run_time = events[run_start(events, start, timeout)].time;
    for (int index = start + 1; index < count; index++) {
        int64_t before = events[index - 1].time;
        if (events[index].time - before > timeout ||
            midnight_splits(run_time, before, events[index].time)) {
            return index;
        }
    }
    return count;
}

struct search {
    const struct oracle_question *question;
    const struct oracle_event *events;
    int begin;
    int end;
    const struct oracle_event *only_entry; ///< entries at this instant only; NULL: any
    int count;                             ///< of the person
    int64_t as_of;
    struct oracle_attempt best; ///< of the assignments that no exclusion hits
    int best_level;             ///< ignoring exclusions
    int kept_level;             ///< ignoring those that do not remove
    bool open;
    int chosen[ORACLE_STEP_MAX];
};

static bool visible(const struct search *search, int index)
{
    const struct oracle_question *question = search->question;
    return !question->has_where || oracle_holds(&question->where, &search->events[index]);
}

static bool may_enter(const struct search *search, int index)
{
    const struct oracle_question *question = search->question;
    int64_t time = search->events[index].time;
    return visible(search, index) && oracle_holds(&question->steps[0], &search->events[index]) &&
           !search->events[index].no_entry &&
           (question->from == ORACLE_NONE || time >= question->from) &&
           (question->to == ORACLE_NONE || time < question->to) &&
           (search->only_entry == NULL ||
            compare_instants(&search->events[index], search->only_entry) == 0);
}

// SEMANTICS 4.4: level; earliest instant of reaching it; latest entry; earliest later steps;
// canonical order.
static bool better(const struct search *search, int level)
{
    const struct oracle_event *events = search->events;
    const struct oracle_attempt *best = &search->best;
    const int *chosen = search->chosen;
    if (level != best->level) {
        return level > best->level;
    }
    int order = compare_instants(&events[chosen[level - 1]], &events[best->events[level - 1]]);
    order = order != 0 ? order : compare_instants(&events[best->events[0]], &events[chosen[0]]);
    for (int step = 1; step < level && order == 0; step++) {
        order = compare_instants(&events[chosen[step]], &events[best->events[step]]);
    }
    for (int step = 0; step < level && order == 0; step++) {
        order = compare_integers(chosen[step], best->events[step]);
    }
    return order < 0;
}

// Whether two events of the person lie in one session; `later` is not before `earlier`.
static bool same_session(const struct search *search, int earlier, int later)
{
    int begin = 0;
    int end = 0;
    while (end <= later) {
        begin = end;
        end = oracle_session_end(search->events, search->count, begin,
                                 search->question->session_timeout);
    }
    return earlier >= begin;
}

static bool gap_fits(const struct oracle_question *question, int step, int64_t gap)
{
    return gap >= question->min_gap[step] &&
           (!question->has_max_gap[step] || gap <= question->max_gap[step]);
}

static bool fits(const struct search *search, int step, int index)
{
    const struct oracle_question *question = search->question;
    const struct oracle_event *events = search->events;
    for (int used = 0; used < step; used++) {
        if (search->chosen[used] == index) {
            return false;
        }
    }
    if (step == 0) {
        return may_enter(search, index);
    }
    int later = compare_instants(&events[index], &events[search->chosen[step - 1]]);
    int64_t since_entry = events[index].time - events[search->chosen[0]].time;
    return visible(search, index) && oracle_holds(&question->steps[step], &events[index]) &&
           (!question->session_window ||
            (index < search->chosen[0] ? same_session(search, index, search->chosen[0])
                                       : same_session(search, search->chosen[0], index))) &&
           later >= (question->ties_strict ? 1 : 0) &&
           gap_fits(question, step, events[index].time - events[search->chosen[step - 1]].time) &&
           (!question->inside || question->to == ORACLE_NONE ||
            events[index].time < question->to) &&
           (question->window == ORACLE_NONE || since_entry <= question->window);
}

// Steps 1..real are filled by the chosen events, those up to `level` by further ones at `times`,
// each of which may be put wherever its time allows. An exclusion hits strictly between two steps.
static bool is_hit(const struct search *search, const struct oracle_exclusion *exclusion, int real,
                   int level, const int64_t *times)
{
    const struct oracle_event *events = search->events;
    int after = exclusion->after - 1;
    int before = exclusion->before - 1;
    for (int index = search->begin; before < level && index < search->end; index++) {
        if (!oracle_holds(&exclusion->condition, &events[index])) {
            continue;
        }
        bool is_after = after < real
                            ? compare_instants(&events[index], &events[search->chosen[after]]) > 0
                            : events[index].time > times[after];
        bool is_before = before < real
                             ? compare_instants(&events[index], &events[search->chosen[before]]) < 0
                             : events[index].time < times[before];
        if (is_after && is_before) {
            return true;
        }
    }
    return false;
}

static bool is_hit_by_any(const struct search *search, bool remove_only, int real, int level,
                          const int64_t *times)
{
    for (int index = 0; index < search->question->exclusion_count; index++) {
        const struct oracle_exclusion *exclusion = &search->question->exclusions[index];
        if ((exclusion->remove || !remove_only) && is_hit(search, exclusion, real, level, times)) {
            return true;
        }
    }
    return false;
}

static bool session_may_go_on(const struct search *search, int64_t until)
{
    int64_t timeout = search->question->session_timeout;
    int64_t last = search->events[search->end - 1].time;
    int64_t run_time = search->events[run_start(search->events, search->end - 1, timeout)].time;
    return search->end == search->count && search->as_of - last <= timeout &&
           !midnight_splits(run_time, last, until);
}

// SEMANTICS 5: the chosen events and further ones at T or later, each as early as it can be, make
// a whole assignment.
static bool may_be_won(const struct search *search, int level)
{
    const struct oracle_question *question = search->question;
    int64_t entry = search->events[search->chosen[0]].time;
    int64_t times[ORACLE_STEP_MAX];
    int64_t time = search->events[search->chosen[level - 1]].time;
    for (int step = level; step < question->step_count; step++) {
        int64_t next = time + question->min_gap[step];
        next = next > search->as_of ? next : search->as_of;
        if (!gap_fits(question, step, next - time)) {
            return false;
        }
        times[step] = next;
        time = next;
    }
    return (question->window == ORACLE_NONE || time - entry <= question->window) &&
           (!question->inside || question->to == ORACLE_NONE || time < question->to) &&
           (!question->by_session || session_may_go_on(search, time)) &&
           (!question->session_window ||
            (same_session(search, search->chosen[0], search->end - 1) &&
             session_may_go_on(search, time))) &&
           !is_hit_by_any(search, false, level, question->step_count, times);
}

static void judge(struct search *search, int level)
{
    search->best_level = level > search->best_level ? level : search->best_level;
    if (level > search->kept_level && !is_hit_by_any(search, true, level, level, NULL)) {
        search->kept_level = level;
    }
    if (better(search, level) && !is_hit_by_any(search, false, level, level, NULL)) {
        search->best.level = level;
        memcpy(search->best.events, search->chosen, sizeof(search->chosen));
    }
    search->open =
        search->open || (level < search->question->step_count && may_be_won(search, level));
}

static void enumerate(struct search *search, int step)
{
    if (step > 0) {
        judge(search, step);
    }
    if (step == search->question->step_count) {
        return;
    }
    for (int index = search->begin; index < search->end; index++) {
        if (fits(search, step, index)) {
            search->chosen[step] = index;
            enumerate(search, step + 1);
        }
    }
}

void oracle_attempt(const struct oracle_question *question, const struct oracle_event *events,
                    int count, int begin, int end, int64_t as_of,
                    struct oracle_attempt *attempt_out)
{
    struct search search = {
        .question = question,
        .events = events,
        .begin = begin,
        .end = end,
        .only_entry = NULL,
        .count = count,
        .as_of = as_of,
    };
    const struct oracle_event *only_entry = NULL;
    for (int index = begin; index < end; index++) {
        bool first = question->first_attempt && only_entry == NULL;
        if ((first || question->last_attempt) && may_enter(&search, index)) {
            only_entry = &events[index];
        }
    }
    search.only_entry = only_entry;
    enumerate(&search, 0);
    *attempt_out = search.best;
    if (search.kept_level < search.best_level) {
        attempt_out->level = 0; // out of the funnel
    }
    attempt_out->open =
        attempt_out->level > 0 && attempt_out->level < question->step_count && search.open;
}
