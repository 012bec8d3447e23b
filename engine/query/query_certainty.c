// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_certainty.h"

#include "storage/base/memory.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_975 1.959963984540054 ///< the 97.5 % quantile of the normal distribution

void query_interval(uint64_t part, uint64_t whole, double *low_out, double *high_out)
{
    *low_out = 0;
    *high_out = 1;
    if (whole == 0) {
        return;
    }
    const double z = NORMAL_975;
    double total = (double)whole;
    double share = (double)part / total;
    double scale = 1 + z * z / total;
    double centre = (share + z * z / (2 * total)) / scale;
    double half = z / scale * sqrt(share * (1 - share) / total + z * z / (4 * total * total));
    *low_out = part == 0 || centre < half ? 0 : centre - half;
    *high_out = part == whole || centre + half > 1 ? 1 : centre + half;
}

/// Newcombe 1998, method 10.
struct query_difference query_difference(uint64_t part, uint64_t whole, uint64_t other_part,
                                         uint64_t other_whole)
{
    struct query_difference difference = {0};
    if (whole == 0 || other_whole == 0) {
        return difference;
    }
    double low;
    double high;
    double other_low;
    double other_high;
    double share = (double)part / (double)whole;
    double other = (double)other_part / (double)other_whole;
    query_interval(part, whole, &low, &high);
    query_interval(other_part, other_whole, &other_low, &other_high);
    difference.known = true;
    difference.value = share - other;
    difference.low = difference.value - sqrt((share - low) * (share - low) +
                                             (other_high - other) * (other_high - other));
    difference.high = difference.value + sqrt((high - share) * (high - share) +
                                              (other - other_low) * (other - other_low));
    return difference;
}

double query_certainty_p(uint64_t part, uint64_t whole, uint64_t other_part, uint64_t other_whole)
{
    double n = (double)whole;
    double m = (double)other_whole;
    double pooled = (double)(part + other_part) / (n + m);
    double variance = pooled * (1 - pooled) * (1 / n + 1 / m);
    if (part + other_part == 0 || part + other_part == whole + other_whole) {
        return 1;
    }
    double z = ((double)part / n - (double)other_part / m) / sqrt(variance);
    return erfc(fabs(z) / sqrt(2));
}

/// A p-value and whose it is.
struct ordered_p {
    double p;
    uint32_t index;
};

static int compare_p(const void *left, const void *right)
{
    const struct ordered_p *a = left;
    const struct ordered_p *b = right;
    if (a->p != b->p) {
        return a->p < b->p ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

void query_certainty_q(const double *p_values, uint32_t count, double *q_values_out)
{
    struct ordered_p *ordered = memory_allocate(((size_t)count + 1) * sizeof(*ordered));
    for (uint32_t i = 0; i < count; i++) {
        ordered[i] = (struct ordered_p){p_values[i], i};
    }
    qsort(ordered, count, sizeof(*ordered), compare_p);
    double least = 1;
    for (uint32_t i = count; i > 0; i--) {
        double q = ordered[i - 1].p * (double)count / (double)i;
        least = q < least ? q : least;
        q_values_out[ordered[i - 1].index] = least;
    }
    memory_free(ordered);
}

void query_certainty_test(struct query_funnel_result *result)
{
    const struct query_slice *total = &result->total;
    uint64_t closed = total->won + total->lost;
    size_t capacity = (size_t)result->slice_count + 1;
    double *p_values = memory_allocate(2 * capacity * sizeof(*p_values));
    double *q_values = p_values + capacity;
    uint32_t tested = 0;
    for (uint32_t i = 0; i < result->slice_count; i++) {
        struct query_slice *slice = &result->slices[i];
        uint64_t own = slice->won + slice->lost;
        slice->tested = own > 0 && closed > own;
        if (slice->tested) {
            slice->p_value =
                query_certainty_p(slice->won, own, total->won - slice->won, closed - own);
            p_values[tested++] = slice->p_value;
        }
    }
    query_certainty_q(p_values, tested, q_values);
    tested = 0;
    for (uint32_t i = 0; i < result->slice_count; i++) {
        if (result->slices[i].tested) {
            result->slices[i].q_value = q_values[tested++];
        }
    }
    memory_free(p_values);
}

/// Attempts of a slice, wherever they were entered.
static uint64_t units_of(const struct query_slice *slice)
{
    return slice->won + slice->open + slice->lost;
}

/// Kitagawa's split, each slice's mix against the whole's mean rate: a slice without units in one
/// range has there the rate of the other, so that it brings mix only.
static struct query_change change_of(const struct query_slice *now, const struct query_slice *then,
                                     long double units_now, long double units_then,
                                     long double mean_rate)
{
    long double n = (long double)units_of(now);
    long double m = (long double)units_of(then);
    if (n == 0 && m == 0) {
        return (struct query_change){0};
    }
    long double rate_now = (long double)(n > 0 ? now->won : then->won) / (n > 0 ? n : m);
    long double rate_then = (long double)(m > 0 ? then->won : now->won) / (m > 0 ? m : n);
    long double share_now = n / units_now;
    long double share_then = m / units_then;
    return (struct query_change){
        .mix = (double)((share_now - share_then) * ((rate_now + rate_then) / 2 - mean_rate)),
        .rate = (double)((rate_now - rate_then) * (share_now + share_then) / 2),
    };
}

void query_certainty_split(struct query_funnel_result *result, struct arena *arena)
{
    struct query_comparison *comparison = result->comparison;
    uint32_t count = result->slice_count;
    comparison->changes =
        arena_allocate_zeroed(arena, (size_t)count + 1, sizeof(*comparison->changes));
    long double now = (long double)units_of(&result->total);
    long double then = (long double)units_of(&comparison->total);
    comparison->split = now > 0 && then > 0 && !result->overlap && (count > 0 || result->has_other);
    if (!comparison->split) {
        return;
    }
    long double mean_rate =
        ((long double)result->total.won / now + (long double)comparison->total.won / then) / 2;
    for (uint32_t i = 0; i <= count; i++) {
        const struct query_slice *slice = i < count ? &result->slices[i] : &result->other;
        const struct query_slice *other = i < count ? &comparison->slices[i] : &comparison->other;
        comparison->changes[i] = change_of(slice, other, now, then, mean_rate);
        comparison->change.mix += comparison->changes[i].mix;
        comparison->change.rate += comparison->changes[i].rate;
    }
}
