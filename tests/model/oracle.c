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
int oracle_compare_instants(const struct oracle_event *left, const struct oracle_event *right)
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
    int order = oracle_compare_instants(left, right);
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
int oracle_run_start(const struct oracle_event *events, int index, int64_t timeout)
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

bool oracle_midnight_splits(int64_t start_time, int64_t before, int64_t after)
{
    int64_t midnight = last_midnight(after);
    return midnight > before && start_time <= midnight - DAY;
}

int oracle_session_end(const struct oracle_event *events, int count, int start, int64_t timeout)
{
    int64_t run_time = events[oracle_run_start(events, start, timeout)].time;
    for (int index = start + 1; index < count; index++) {
        int64_t before = events[index - 1].time;
        if (events[index].time - before > timeout ||
            oracle_midnight_splits(run_time, before, events[index].time)) {
            return index;
        }
    }
    return count;
}
