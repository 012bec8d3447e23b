// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/profile.h"

#include "engine/funnel/funnel.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SAME_LEAST 0.95  ///< of what chance leaves open: a value that stays so often is its owner's
#define ACROSS_LEAST 0.5 ///< the same from session to session

static int compare_values(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

void profile_list_add(struct profile_list *list, int64_t value)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        list->values = memory_resize_array(list->values, list->capacity, sizeof(*list->values));
    }
    list->values[list->count++] = value;
}

void profile_list_sort(struct profile_list *list)
{
    if (list->count > 1) {
        qsort(list->values, list->count, sizeof(*list->values), compare_values);
    }
}

double profile_list_at(const struct profile_list *list, double share)
{
    return list->count == 0 ? 0
                            : (double)list->values[(uint64_t)(share * (double)(list->count - 1))];
}

double profile_list_mean(const struct profile_list *list)
{
    double sum = 0;
    for (uint64_t index = 0; index < list->count; index++) {
        sum += (double)list->values[index];
    }
    return list->count == 0 ? 0 : sum / (double)list->count;
}

/// Everything while a sample is gone through.
struct walk {
    struct profile *profile;
    const struct sample *sample;
    uint32_t *order;  ///< rows by user, time, arrival
    uint8_t *name_of; ///< by number in the sample: its place by frequency
    int64_t timeout_us;
};

static int compare_rows(const void *left, const void *right, void *context)
{
    const struct sample *sample = context;
    const struct sample_row *a = &sample->rows[*(const uint32_t *)left];
    const struct sample_row *b = &sample->rows[*(const uint32_t *)right];
    if (a->user != b->user) {
        return a->user < b->user ? -1 : 1;
    }
    if (a->time_us != b->time_us) {
        return a->time_us < b->time_us ? -1 : 1;
    }
    return a->arrival < b->arrival ? -1 : 1;
}

static int compare_names(const void *left, const void *right, void *context)
{
    const uint64_t *counts = context;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return counts[a] != counts[b] ? (counts[a] > counts[b] ? -1 : 1) : (a > b) - (a < b);
}

static void rank_names(struct walk *walk)
{
    const struct sample *sample = walk->sample;
    struct profile *profile = walk->profile;
    uint64_t counts[SAMPLE_NAME_COUNT_MAX] = {0};
    uint32_t order[SAMPLE_NAME_COUNT_MAX];
    for (uint32_t row = 0; row < sample->count; row++) {
        counts[sample->rows[row].name]++;
    }
    for (uint32_t name = 0; name < sample->name_count; name++) {
        order[name] = name;
    }
    qsort_r(order, sample->name_count, sizeof(order[0]), compare_names, counts);
    uint32_t most = CROWD_NAME_COUNT_MAX;
    profile->name_count = sample->name_count < most ? sample->name_count : most;
    for (uint32_t rank = 0; rank < sample->name_count; rank++) {
        uint32_t place = rank < most ? rank : most - 1;
        walk->name_of[order[rank]] = (uint8_t)place;
        profile->name_events[place] += counts[order[rank]];
        if (rank < most) {
            profile->name_order[rank] = order[rank];
        }
    }
}

/// In the order of arrival: lateness, copies, amounts.
static void walk_arrivals(struct walk *walk)
{
    const struct sample *sample = walk->sample;
    struct profile *profile = walk->profile;
    struct profile_list times = {0};
    int64_t latest_us = INT64_MIN;
    for (uint32_t index = 0; index < sample->count; index++) {
        const struct sample_row *row = &sample->rows[index];
        uint32_t name = walk->name_of[row->name];
        if (row->time_us < latest_us) {
            profile_list_add(&profile->late_us, latest_us - row->time_us);
        }
        latest_us = row->time_us > latest_us ? row->time_us : latest_us;
        profile_list_add(&times, row->time_us);
        if (row->amount != SAMPLE_MISSING) {
            profile_list_add(&profile->amounts, row->amount);
            profile->amounts_of[name]++;
        }
        for (uint32_t attribute = 0; attribute < sample->attribute_count; attribute++) {
            bool present = sample_value(sample, index, attribute) != SAMPLE_MISSING;
            profile->attributes[attribute].present[name] += present;
        }
    }
    profile_list_sort(&times);
    profile->first_us = (int64_t)profile_list_at(&times, 0.0005);
    profile->last_us = (int64_t)profile_list_at(&times, 0.9995);
    memory_free(times.values);
}

static bool is_copy(const struct walk *walk, uint32_t at, uint32_t first)
{
    const struct sample_row *rows = walk->sample->rows;
    const struct sample_row *row = &rows[walk->order[at]];
    for (uint32_t before = at; before > first; before--) {
        const struct sample_row *other = &rows[walk->order[before - 1]];
        if (other->time_us != row->time_us) {
            return false;
        }
        if (other->identity == row->identity) {
            return true;
        }
    }
    return false;
}

static void compare_neighbours(struct walk *walk, uint32_t before, uint32_t after, bool crosses)
{
    const struct sample *sample = walk->sample;
    for (uint32_t index = 0; index < sample->attribute_count; index++) {
        int64_t left = sample_value(sample, before, index);
        int64_t right = sample_value(sample, after, index);
        if (left != SAMPLE_MISSING && right != SAMPLE_MISSING) {
            walk->profile->attributes[index].pairs[crosses]++;
            walk->profile->attributes[index].equal[crosses] += left == right;
        }
    }
}

/// One user's events [first, end) of the order.
static void walk_user(struct walk *walk, uint32_t first, uint32_t end)
{
    struct profile *profile = walk->profile;
    const struct sample_row *rows = walk->sample->rows;
    int64_t sessions = 0;
    int64_t events = 0;
    uint32_t step = 0;
    uint32_t before = UINT32_MAX;
    int64_t kept = 0;
    for (uint32_t at = first; at < end; at++) {
        uint32_t index = walk->order[at];
        if (is_copy(walk, at, first)) {
            profile->copies++;
            continue;
        }
        kept++;
        uint32_t name = walk->name_of[rows[index].name];
        bool begins =
            before == UINT32_MAX || rows[index].time_us - rows[before].time_us > walk->timeout_us;
        if (before != UINT32_MAX) {
            compare_neighbours(walk, before, index, begins);
        }
        if (begins) {
            if (sessions++ > 0) {
                profile_list_add(&profile->session_events, events);
            }
            events = 0;
            profile->hours[rows[index].time_us / MICROSECONDS_PER_HOUR % CROWD_HOUR_COUNT]++;
        } else {
            profile_list_add(&profile->gaps_us, rows[index].time_us - rows[before].time_us);
        }
        uint32_t last = begins ? profile->name_count : walk->name_of[rows[before].name];
        profile->follows[last][name]++;
        step += step < 4 && name == step;
        events++;
        before = index;
    }
    for (uint32_t reached = 0; reached < step; reached++) {
        profile->reached[reached]++;
    }
    profile_list_add(&profile->session_events, events);
    profile_list_add(&profile->user_sessions, sessions);
    profile_list_add(&profile->user_events, kept);
}

static void walk_users(struct walk *walk)
{
    const struct sample *sample = walk->sample;
    for (uint32_t first = 0; first < sample->count;) {
        uint32_t end = first + 1;
        while (end < sample->count &&
               sample->rows[walk->order[end]].user == sample->rows[walk->order[first]].user) {
            end++;
        }
        walk_user(walk, first, end);
        first = end;
    }
}

/// Runs of equal values become their counts, the greatest first.
static void count_values(struct profile_list *values, struct profile_list *counts)
{
    profile_list_sort(values);
    for (uint64_t first = 0; first < values->count;) {
        uint64_t end = first + 1;
        while (end < values->count && values->values[end] == values->values[first]) {
            end++;
        }
        profile_list_add(counts, -(int64_t)(end - first));
        first = end;
    }
    profile_list_sort(counts);
    for (uint64_t index = 0; index < counts->count; index++) {
        counts->values[index] = -counts->values[index];
    }
}

/// How far values stay the same beyond chance: 1 is always. Negative: nobody knows.
static double persistence(const struct profile_attribute *attribute, uint32_t where, double chance)
{
    if (attribute->pairs[where] == 0) {
        return -1;
    }
    double same = (double)attribute->equal[where] / (double)attribute->pairs[where];
    return chance >= 1 ? 1 : same <= chance ? 0 : (same - chance) / (1 - chance);
}

static void judge_level(struct profile_attribute *attribute, const struct profile_list *counts,
                        uint64_t total)
{
    double chance = 0;
    for (uint64_t index = 0; index < counts->count; index++) {
        double share = (double)counts->values[index] / (double)total;
        chance += share * share;
    }
    double inside = persistence(attribute, 0, chance);
    double across = persistence(attribute, 1, chance);
    // Without a user of two sessions nobody knows; what stays in a session is then a user's.
    bool stays = inside >= SAME_LEAST;
    attribute->keep = inside > 0 ? inside : 0;
    attribute->level = stays && (across < 0 || across >= ACROSS_LEAST) ? CROWD_PER_USER
                       : stays                                         ? CROWD_PER_SESSION
                                                                       : CROWD_PER_EVENT;
}

/// Values as they were chosen: once per user, per session, or per event that has another than the
/// one before it.
static void gather_chosen(struct walk *walk, uint32_t attribute, struct profile_list *chosen)
{
    const struct sample *sample = walk->sample;
    enum crowd_level level = walk->profile->attributes[attribute].level;
    uint64_t user = 0;
    int64_t last_us = 0;
    bool has = false;
    int64_t before = SAMPLE_MISSING;
    for (uint32_t at = 0; at < sample->count; at++) {
        const struct sample_row *row = &sample->rows[walk->order[at]];
        bool other_user = at == 0 || row->user != user;
        bool other_session = other_user || row->time_us - last_us > walk->timeout_us;
        has = level == CROWD_PER_EVENT || (level == CROWD_PER_USER ? other_user : other_session)
                  ? false
                  : has;
        int64_t value = sample_value(sample, walk->order[at], attribute);
        bool kept = level == CROWD_PER_EVENT && !other_session && value == before;
        if (!has && !kept && value != SAMPLE_MISSING) {
            profile_list_add(chosen, value);
            has = true;
        }
        before = value;
        user = row->user;
        last_us = row->time_us;
    }
}

static void walk_attribute(struct walk *walk, uint32_t index)
{
    const struct sample *sample = walk->sample;
    struct profile_attribute *attribute = &walk->profile->attributes[index];
    struct profile_list values = {0};
    struct profile_list counts = {0};
    for (uint32_t row = 0; row < sample->count; row++) {
        int64_t value = sample_value(sample, row, index);
        if (value != SAMPLE_MISSING) {
            profile_list_add(&values, value);
        }
    }
    count_values(&values, &counts);
    attribute->distinct = counts.count;
    if (values.count > 0) {
        attribute->commonest = (double)counts.values[0] / (double)values.count;
        attribute->size = (double)sample->sizes[index] / (double)values.count;
        judge_level(attribute, &counts, values.count);
    }
    struct profile_list chosen = {0};
    gather_chosen(walk, index, &chosen);
    if (sample->schema->columns[sample->columns[index]].type == COLUMN_STRING) {
        count_values(&chosen, &attribute->counts);
        memory_free(chosen.values);
    } else {
        profile_list_sort(&chosen);
        attribute->numbers = chosen;
    }
    memory_free(values.values);
    memory_free(counts.values);
}

void profile_measure(struct profile *profile, const struct sample *sample)
{
    *profile = (struct profile){0};
    struct walk walk = {
        .profile = profile,
        .sample = sample,
        .order = memory_allocate_zeroed(sample->count + 1, sizeof(uint32_t)),
        .name_of = memory_allocate_zeroed(SAMPLE_NAME_COUNT_MAX, 1),
        .timeout_us = SESSION_TIMEOUT_DEFAULT_US,
    };
    for (uint32_t row = 0; row < sample->count; row++) {
        walk.order[row] = row;
    }
    qsort_r(walk.order, sample->count, sizeof(uint32_t), compare_rows, (void *)sample);
    rank_names(&walk);
    walk_arrivals(&walk);
    walk_users(&walk);
    for (uint32_t index = 0; index < sample->attribute_count; index++) {
        walk_attribute(&walk, index);
    }
    struct profile_list *lists[] = {&profile->user_events,    &profile->user_sessions,
                                    &profile->session_events, &profile->gaps_us,
                                    &profile->amounts,        &profile->late_us};
    for (uint32_t index = 0; index < sizeof(lists) / sizeof(lists[0]); index++) {
        profile_list_sort(lists[index]);
    }
    memory_free(walk.order);
    memory_free(walk.name_of);
}

void profile_deinit(struct profile *profile)
{
    memory_free(profile->user_events.values);
    memory_free(profile->user_sessions.values);
    memory_free(profile->session_events.values);
    memory_free(profile->gaps_us.values);
    memory_free(profile->amounts.values);
    memory_free(profile->late_us.values);
    for (uint32_t index = 0; index < CROWD_ATTRIBUTE_COUNT_MAX; index++) {
        memory_free(profile->attributes[index].counts.values);
        memory_free(profile->attributes[index].numbers.values);
    }
    *profile = (struct profile){0};
}
