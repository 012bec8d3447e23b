// SPDX-License-Identifier: Apache-2.0
/// What is looked at in an array before encodings are tried on it.
#include "storage/encoding/encoding_kernels.h"

#define SAMPLE_COUNT 4096u ///< values looked at to estimate how many are how wide

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
    struct encoding_steps steps = {0};
    if (count > 1) {
        steps = encoding_steps_of(values, count);
    }
    statistics->delta_minimum = (uint64_t)steps.minimum;
    statistics->delta_maximum = (uint64_t)steps.maximum;
    statistics->run_count = steps.change_count + 1;
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
        return ANALYSE_BOUNDS | ANALYSE_WIDTHS;
    case ENCODING_RUN_LENGTH:
    case ENCODING_DELTA:
        return ANALYSE_BOUNDS | ANALYSE_NEIGHBOURS;
    case ENCODING_USER_DELTA:
    case ENCODING_BY_USER:
        return ANALYSE_BOUNDS | ANALYSE_USERS;
    case ENCODING_BY_NAME:
        return ANALYSE_BOUNDS | ANALYSE_NAMES;
    case ENCODING_BY_VISIT:
        return ANALYSE_BOUNDS | ANALYSE_VISITS;
    default:
        return ANALYSE_BOUNDS;
    }
}

unsigned encoding_analysis_to_follow(enum encoding_id id)
{
    switch (id) {
    case ENCODING_PATCHED:
    case ENCODING_SPARSE:
        return ANALYSE_BOUNDS | ANALYSE_WIDTHS;
    case ENCODING_RUN_LENGTH:
    case ENCODING_DELTA:
        return ANALYSE_BOUNDS | ANALYSE_NEIGHBOURS;
    case ENCODING_USER_DELTA:
    case ENCODING_BY_USER:
        return 0;
    default:
        return ANALYSE_BOUNDS;
    }
}

void encoding_analyse(struct encoding_statistics *statistics, unsigned wanted,
                      const struct encoding_users *users, const uint64_t *values, uint32_t count)
{
    memset(statistics, 0, sizeof(*statistics));
    if (count > 0 && (wanted & ANALYSE_BOUNDS) != 0) {
        struct encoding_bounds bounds = encoding_bounds_of(values, count);
        statistics->minimum = bounds.minimum;
        statistics->maximum = bounds.maximum;
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
