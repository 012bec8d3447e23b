// SPDX-License-Identifier: Apache-2.0
/// What is looked at in an array before encodings are tried on it.
#include "storage/encoding/encoding_private.h"

#define SAMPLE_COUNT 4096u ///< values looked at to estimate how many are how wide

static void find_bounds(struct encoding_statistics *statistics, const uint64_t *values,
                        uint32_t count)
{
    uint64_t minimum = values[0];
    uint64_t maximum = values[0];
    for (uint32_t index = 1; index < count; index++) {
        minimum = values[index] < minimum ? values[index] : minimum;
        maximum = values[index] > maximum ? values[index] : maximum;
    }
    statistics->minimum = minimum;
    statistics->maximum = maximum;
}

// Bit lengths are for estimates, and a majority shows in a sample as well. False: there is none.
static bool sample_values(struct encoding_statistics *statistics, const uint64_t *values,
                          uint32_t count)
{
    uint32_t step = count > 2 * SAMPLE_COUNT ? count / SAMPLE_COUNT : 1;
    uint64_t candidate = values[0];
    uint32_t votes = 0;
    uint32_t last = 0;
    for (uint32_t index = 0; index < count; index += step) {
        uint64_t value = values[index];
        last = value == UINT64_MAX ? 64 : bit_length(value + 1);
        statistics->bit_counts[last] += step;
        if (votes == 0) { // Boyer and Moore: what is more than half survives the vote
            candidate = value;
        }
        votes += value == candidate ? 1u : -1u;
    }
    // The counts sum to the number of values.
    statistics->bit_counts[last] -= (step - count % step) % step;
    statistics->majority = candidate;
    uint32_t equal = 0;
    for (uint32_t index = 0; index < count && votes > 0; index += step) {
        equal += values[index] == candidate;
    }
    return equal > count / step / 3;
}

static void analyse_values(struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count)
{
    if (!sample_values(statistics, values, count)) {
        return;
    }
    uint64_t majority = statistics->majority;
    uint32_t majority_count = 0;
    for (uint32_t index = 0; index < count; index++) {
        majority_count += values[index] == majority;
    }
    statistics->majority_count = majority_count;
}

static void analyse_neighbours(struct encoding_statistics *statistics, const uint64_t *values,
                               uint32_t count)
{
    int64_t smallest = count > 1 ? (int64_t)(values[1] - values[0]) : 0;
    int64_t largest = smallest;
    uint32_t runs = 1;
    for (uint32_t index = 1; index < count; index++) {
        int64_t delta = (int64_t)(values[index] - values[index - 1]);
        smallest = delta < smallest ? delta : smallest;
        largest = delta > largest ? delta : largest;
        runs += delta != 0;
    }
    statistics->delta_minimum = (uint64_t)smallest;
    statistics->delta_maximum = (uint64_t)largest;
    statistics->run_count = runs;
}

static void analyse_users(struct encoding_statistics *statistics,
                          const struct encoding_users *users, const uint64_t *values)
{
    size_t at = 0;
    for (uint32_t user = 0; user < users->user_count; user++) {
        uint64_t first = values[at++];
        for (uint32_t row = 1; row < users->row_counts[user]; row++, at++) {
            uint64_t delta = values[at] - values[at - 1];
            statistics->user_difference_count += values[at] != first;
            if (delta > statistics->user_delta_maximum) {
                statistics->user_delta_maximum = delta;
            }
        }
    }
}

unsigned encoding_analysis_of(enum encoding_id id)
{
    switch (id) {
    case ENCODING_PATCHED:
    case ENCODING_SPARSE:
    case ENCODING_ENTROPY:
        return ANALYSE_WIDTHS;
    case ENCODING_RUN_LENGTH:
    case ENCODING_DELTA:
        return ANALYSE_NEIGHBOURS;
    case ENCODING_USER_DELTA:
    case ENCODING_BY_USER:
        return ANALYSE_USERS;
    case ENCODING_BY_NAME:
        return ANALYSE_NAMES;
    case ENCODING_BY_VISIT:
        return ANALYSE_VISITS;
    default:
        return 0;
    }
}

void encoding_analyse(struct encoding_statistics *statistics, unsigned wanted,
                      const struct encoding_users *users, const uint64_t *values, uint32_t count)
{
    memset(statistics, 0, sizeof(*statistics));
    if (count > 0) {
        find_bounds(statistics, values, count);
    }
    if (count > 0 && (wanted & ANALYSE_WIDTHS) != 0) {
        analyse_values(statistics, values, count);
    }
    if (count > 0 && (wanted & ANALYSE_NEIGHBOURS) != 0) {
        analyse_neighbours(statistics, values, count);
    }
    if (users != NULL && (wanted & ANALYSE_USERS) != 0) {
        analyse_users(statistics, users, values);
    }
    if (users != NULL && users->names != NULL && (wanted & ANALYSE_NAMES) != 0) {
        uint8_t selected[ENCODING_NAME_CODE_MAX];
        statistics->name_row_count =
            encoding_names_select(users, values, count, statistics->minimum, selected);
    }
    if (users != NULL && users->times_us != NULL && (wanted & ANALYSE_VISITS) != 0) {
        encoding_visits_count(users, values, count, statistics);
    }
}
