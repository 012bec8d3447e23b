// SPDX-License-Identifier: Apache-2.0
#include "tests/model/oracle_answer.h"

#include <stdlib.h>
#include <string.h>

static int compare_users(const void *left_raw, const void *right_raw)
{
    const struct oracle_event *left = left_raw;
    const struct oracle_event *right = right_raw;
    return left->user - right->user;
}

static int compare_durations(const void *left_raw, const void *right_raw)
{
    const int64_t *left = left_raw;
    const int64_t *right = right_raw;
    return *left < *right ? -1 : *left > *right;
}

double oracle_percentile(const int64_t *sorted, int count, double share)
{
    double rank = share * (count - 1);
    int below = (int)rank;
    int above = below + 1 < count ? below + 1 : below;
    double fraction = rank - below;
    return (double)sorted[below] + fraction * (double)(sorted[above] - sorted[below]);
}

static void count_step(struct oracle_counts *counts, const struct oracle_event *events,
                       const struct oracle_attempt *attempt, int step, int before)
{
    const struct oracle_event *event = &events[attempt->events[step]];
    counts->reached[step]++;
    if (event->amount != ORACLE_NONE) {
        counts->orders[step]++;
        counts->revenue[step] += event->amount;
    }
    if (before >= 0) {
        int index = counts->duration_count[step]++;
        counts->from_previous[step][index] = attempt->times[step] - attempt->times[before];
        counts->from_entry[step][index] =
            attempt->times[step] - attempt->times[attempt->entered - 1];
    }
}

static void count_attempt(struct oracle_counts *counts, const struct oracle_event *events,
                          const struct oracle_attempt *attempt)
{
    int before = -1;
    for (int step = 0; step < attempt->level; step++) {
        if (attempt->events[step] >= 0) {
            count_step(counts, events, attempt, step, before);
            before = step;
        }
    }
    if (attempt->won) {
        counts->won++;
    } else if (attempt->open) {
        counts->open[attempt->ended - 1]++;
    } else {
        counts->lost[attempt->ended - 1]++;
    }
}

static void count_unit(const struct oracle_question *question, const struct oracle_event *events,
                       int count, const bool *members, struct oracle_answer *answer)
{
    struct oracle_attempt attempts[ORACLE_EVENT_MAX];
    int attempt_count = oracle_attempts(question, events, count, members, answer->as_of, attempts);
    for (int index = 0; index < attempt_count; index++) {
        const struct oracle_attempt *attempt = &attempts[index];
        int *level = &answer->levels[events[0].user];
        *level = attempt->level > *level ? attempt->level : *level;
        answer->opens[events[0].user] += attempt->open && !attempt->won;
        int value = events[attempt->events[attempt->entered - 1]].attributes[0];
        count_attempt(&answer->total, events, attempt);
        count_attempt(&answer->slices[value < 0 ? ORACLE_VALUE_COUNT : value], events, attempt);
    }
}

static bool holds_constant(const struct oracle_question *question)
{
    bool holds = false;
    for (int index = 0; index < ORACLE_ATTRIBUTE_COUNT; index++) {
        holds = holds || question->hold[index];
    }
    return holds;
}

static bool same_unit(const struct oracle_question *question, const struct oracle_event *left,
                      const struct oracle_event *right)
{
    bool same = true;
    for (int index = 0; index < ORACLE_ATTRIBUTE_COUNT; index++) {
        same =
            same && (!question->hold[index] || left->attributes[index] == right->attributes[index]);
    }
    return same;
}

static bool lacks_value(const struct oracle_question *question, const struct oracle_event *event)
{
    bool lacks = false;
    for (int index = 0; index < ORACLE_ATTRIBUTE_COUNT; index++) {
        lacks = lacks || (question->hold[index] && event->attributes[index] == -1);
    }
    return lacks;
}

// One unit per tuple of values that some event has.
static void count_held(const struct oracle_question *question, const struct oracle_event *events,
                       int count, struct oracle_answer *answer)
{
    bool members[ORACLE_EVENT_MAX];
    for (int first = 0; first < count; first++) {
        bool known = lacks_value(question, &events[first]);
        for (int index = 0; index < first; index++) {
            known = known || same_unit(question, &events[index], &events[first]);
        }
        for (int index = 0; index < count; index++) {
            members[index] = same_unit(question, &events[index], &events[first]);
        }
        if (!known) {
            count_unit(question, events, count, members, answer);
        }
    }
}

static void count_person(const struct oracle_question *question, struct oracle_event *events,
                         int count, struct oracle_answer *answer)
{
    bool members[ORACLE_EVENT_MAX];
    count = oracle_sort(events, count);
    int known = 0;
    while (known < count && events[known].time <= answer->as_of) {
        known++;
    }
    answer->after_as_of += (uint64_t)(count - known);
    if (holds_constant(question)) {
        count_held(question, events, known, answer);
        return;
    }
    for (int begin = 0; begin < known;) {
        int end = question->by_session
                      ? oracle_session_end(events, known, begin, question->session_timeout)
                      : known;
        for (int index = 0; index < known; index++) {
            members[index] = index >= begin && index < end;
        }
        count_unit(question, events, known, members, answer);
        begin = end;
    }
}

static void sort_durations(struct oracle_counts *counts)
{
    for (int step = 0; step < ORACLE_STEP_MAX; step++) {
        size_t count = (size_t)counts->duration_count[step];
        qsort(counts->from_previous[step], count, sizeof(int64_t), compare_durations);
        qsort(counts->from_entry[step], count, sizeof(int64_t), compare_durations);
    }
}

void oracle_answer(const struct oracle_question *question, struct oracle_event *events, int count,
                   int64_t as_of, struct oracle_answer *answer_out)
{
    memset(answer_out, 0, sizeof(*answer_out));
    answer_out->as_of = as_of;
    for (int index = 0; as_of == ORACLE_NONE && index < count; index++) {
        if (events[index].time > answer_out->as_of) {
            answer_out->as_of = events[index].time;
        }
    }
    qsort(events, (size_t)count, sizeof(*events), compare_users);
    for (int begin = 0; begin < count;) {
        int end = begin;
        while (end < count && events[end].user == events[begin].user) {
            end++;
        }
        count_person(question, &events[begin], end - begin, answer_out);
        begin = end;
    }
    sort_durations(&answer_out->total);
    for (int value = 0; value <= ORACLE_VALUE_COUNT; value++) {
        sort_durations(&answer_out->slices[value]);
    }
}
