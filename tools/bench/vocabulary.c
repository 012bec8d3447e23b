// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/vocabulary.h"

#include <math.h>

#define RARE_MOST 64u  ///< counts up to it are fitted
#define RATE_COUNT 20u ///< of the grid
#define RATE_FIRST 0.05
#define RATE_STEP 1.47
#define SINGLE_COUNT 8u ///< commonest values that have a bucket each
#define GROUP_COUNT_MAX 12u
#define ROUND_COUNT 400u

/// Values and choices of a bucket, before they become shares.
struct part {
    double values;
    double choices;
};

/// Frequent values: the first ones alone, then down to half of a group's first.
static uint64_t take_frequent(const struct profile_list *counts, struct part *parts,
                              uint32_t *part_count)
{
    uint64_t at = 0;
    while (at < counts->count && counts->values[at] > (int64_t)RARE_MOST) {
        struct part part = {0};
        int64_t first = counts->values[at];
        bool last = *part_count + 1 == SINGLE_COUNT + GROUP_COUNT_MAX;
        do {
            part.values++;
            part.choices += (double)counts->values[at++];
        } while (*part_count >= SINGLE_COUNT && at < counts->count &&
                 counts->values[at] > (int64_t)RARE_MOST &&
                 (last || counts->values[at] * 2 > first));
        parts[(*part_count)++] = part;
    }
    return at;
}

/// The chance that a value of this rate that was seen at all was seen so often.
static double seen_chance(double rate, uint32_t count)
{
    return exp(count * log(rate) - rate - lgamma(count + 1.0)) / -expm1(-rate);
}

static void fit_rare(const double *numbers, struct part *parts, uint32_t *part_count)
{
    double chances[RATE_COUNT][RARE_MOST + 1];
    double weights[RATE_COUNT];
    double total = 0;
    double rate = RATE_FIRST;
    for (uint32_t count = 1; count <= RARE_MOST; count++) {
        total += numbers[count];
    }
    for (uint32_t at = 0; at < RATE_COUNT; at++, rate *= RATE_STEP) {
        weights[at] = 1.0 / RATE_COUNT;
        for (uint32_t count = 1; count <= RARE_MOST; count++) {
            chances[at][count] = seen_chance(rate, count);
        }
    }
    for (uint32_t round = 0; round < ROUND_COUNT; round++) {
        double next[RATE_COUNT] = {0};
        for (uint32_t count = 1; count <= RARE_MOST; count++) {
            double sum = 0;
            for (uint32_t at = 0; at < RATE_COUNT; at++) {
                sum += weights[at] * chances[at][count];
            }
            for (uint32_t at = 0; at < RATE_COUNT && sum > 0; at++) {
                next[at] += numbers[count] / total * weights[at] * chances[at][count] / sum;
            }
        }
        for (uint32_t at = 0; at < RATE_COUNT; at++) {
            weights[at] = next[at];
        }
    }
    rate = RATE_FIRST;
    for (uint32_t at = 0; at < RATE_COUNT; at++, rate *= RATE_STEP) {
        double values = total * weights[at] / -expm1(-rate);
        if (values >= 0.5) {
            parts[(*part_count)++] = (struct part){values, values * rate};
        }
    }
}

uint32_t vocabulary_fit(const struct profile_list *counts,
                        struct crowd_bucket buckets[CROWD_BUCKET_COUNT_MAX])
{
    struct part parts[CROWD_BUCKET_COUNT_MAX];
    double numbers[RARE_MOST + 1] = {0};
    uint32_t part_count = 0;
    uint64_t at = take_frequent(counts, parts, &part_count);
    if (at < counts->count) {
        for (; at < counts->count; at++) {
            numbers[counts->values[at]]++;
        }
        fit_rare(numbers, parts, &part_count);
    }
    double total = 0;
    double sum = 0;
    for (uint32_t index = 0; index < part_count; index++) {
        total += parts[index].choices;
    }
    for (uint32_t index = 0; index < part_count; index++) {
        sum += parts[index].choices;
        buckets[index] = (struct crowd_bucket){
            .value_count = (uint64_t)(parts[index].values + 0.5),
            .share_end = (uint64_t)(sum / total * (double)CROWD_ONE),
        };
    }
    return part_count;
}
