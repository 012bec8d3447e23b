// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/fit.h"
#include "tools/bench/histogram.h"
#include "tools/bench/steady.h"
#include "tools/crowd/crowd.h"

#include <criterion/criterion.h>

#include <math.h>

#define TRIAL_COUNT 600u
#define SAMPLE_COUNT 120u
#define SECONDS_BETWEEN 0.1
#define TOLERANCE 100.0 ///< per second

/// A number from about -1 to 1, with a hump in the middle.
static double noise(uint64_t *state)
{
    double sum = 0;
    for (uint32_t draw = 0; draw < 3; draw++) {
        *state += UINT64_C(0x9e3779b97f4a7c15);
        sum += (double)(crowd_mix(*state) >> 11) / (double)(UINT64_C(1) << 53);
    }
    return (sum - 1.5) / 1.5;
}

struct rates {
    double steady;
    double growing;
};

/// How often each verdict is given on series of this slope: noise that remembers (`memory` of the
/// last value), a sawtooth as of views and commits, and a warm-up that decays.
static struct rates judge(double slope, double memory, double size, double warm_up)
{
    struct rates rates = {0};
    uint64_t state = 42;
    for (uint32_t trial = 0; trial < TRIAL_COUNT; trial++) {
        double values[SAMPLE_COUNT];
        double last = 0;
        for (uint32_t index = 0; index < SAMPLE_COUNT; index++) {
            last = memory * last + sqrt(1 - memory * memory) * noise(&state);
            values[index] = 5000 + slope * SECONDS_BETWEEN * index + size * last +
                            size * ((index + trial) % 5) / 5 + warm_up * exp(-(double)index / 6);
        }
        struct steady_result result;
        steady_test(values, SAMPLE_COUNT, SECONDS_BETWEEN, TOLERANCE, &result);
        rates.steady += result.verdict == STEADY_STEADY ? 1.0 / TRIAL_COUNT : 0;
        rates.growing += result.verdict == STEADY_GROWING ? 1.0 / TRIAL_COUNT : 0;
    }
    return rates;
}

Test(bench_steady, what_does_not_grow_is_hardly_ever_said_to_grow)
{
    struct rates white = judge(0, 0, 500, 0);
    cr_expect(white.growing < 0.01 && white.steady > 0.95, "%f %f", white.growing, white.steady);
    struct rates bound = judge(0, 0.6, 500, 0);
    cr_expect(bound.growing < 0.02 && bound.steady > 0.8, "%f %f", bound.growing, bound.steady);
    struct rates falling = judge(-200, 0.3, 500, 0);
    cr_expect(falling.growing < 0.01, "%f", falling.growing);
}

Test(bench_steady, what_grows_is_hardly_ever_said_to_be_steady)
{
    struct rates growing = judge(4 * TOLERANCE, 0.3, 500, 0);
    cr_expect(growing.steady < 0.01 && growing.growing > 0.9, "%f %f", growing.steady,
              growing.growing);
    struct rates fast = judge(20 * TOLERANCE, 0.6, 500, 0);
    cr_expect(fast.steady < 0.001 && fast.growing > 0.99, "%f %f", fast.steady, fast.growing);
}

Test(bench_steady, at_the_tolerance_itself_it_is_refused)
{
    struct rates white = judge(TOLERANCE, 0, 500, 0);
    cr_expect(white.steady < 0.01 && white.growing > 0.8, "%f %f", white.steady, white.growing);
}

#define POWER_TRIAL_COUNT 2000u

/// As a step is judged: looked at up to four times, until the verdict is no longer open.
static struct rates judge_by_looks(double slope, double memory, double size)
{
    static const uint32_t looks[STEADY_LOOK_COUNT] = {75, 125, 175, 225};
    struct rates rates = {0};
    uint64_t state = 43;
    for (uint32_t trial = 0; trial < POWER_TRIAL_COUNT; trial++) {
        double values[225];
        double last = 0;
        for (uint32_t index = 0; index < 225; index++) {
            last = memory * last + sqrt(1 - memory * memory) * noise(&state);
            values[index] = 5000 + slope * SECONDS_BETWEEN * index + size * last;
        }
        struct steady_result result = {0};
        for (uint32_t look = 0; look < STEADY_LOOK_COUNT && result.verdict == STEADY_UNDECIDED;
             look++) {
            steady_test(values, looks[look], SECONDS_BETWEEN, TOLERANCE, &result);
        }
        rates.steady += result.verdict == STEADY_STEADY ? 1.0 / POWER_TRIAL_COUNT : 0;
        rates.growing += result.verdict == STEADY_GROWING ? 1.0 / POWER_TRIAL_COUNT : 0;
    }
    return rates;
}

// The standard deviation of noise() is a third.
Test(bench_steady, growth_by_the_tolerance_is_refused_and_none_is_accepted_in_95_percent)
{
    static const double memories[] = {0, 0.6, 0.9};
    for (uint32_t index = 0; index < 3; index++) {
        struct rates flat = judge_by_looks(0, memories[index], 500);
        cr_expect(flat.steady >= 0.95, "flat, %f: %f", memories[index], flat.steady);
        cr_expect(flat.growing <= 0.05, "flat, %f: %f", memories[index], flat.growing);
        struct rates grows = judge_by_looks(TOLERANCE, memories[index], 500);
        cr_expect(grows.steady <= 0.05, "grows, %f: %f", memories[index], grows.steady);
        cr_expect(grows.growing >= 0.8, "grows, %f: %f", memories[index], grows.growing);
    }
}

Test(bench_steady, more_noise_is_undecided_rather_than_wrong)
{
    static const double memories[] = {0, 0.6, 0.9};
    for (uint32_t index = 0; index < 3; index++) {
        struct rates flat = judge_by_looks(0, memories[index], 2000);
        cr_expect(flat.growing <= 0.05, "flat, %f: %f", memories[index], flat.growing);
        struct rates grows = judge_by_looks(TOLERANCE, memories[index], 2000);
        cr_expect(grows.steady <= 0.1, "grows, %f: %f", memories[index], grows.steady);
        struct rates fast = judge_by_looks(3 * TOLERANCE, memories[index], 2000);
        cr_expect(fast.steady <= 0.03, "fast, %f: %f", memories[index], fast.steady);
    }
}

/// A rule that compares with the tolerance itself lets half of what grows by it pass: what the
/// power test above would show of it.
Test(bench_steady, a_line_at_the_tolerance_itself_would_fail_that_test)
{
    static const uint32_t count = 225;
    uint64_t state = 43;
    uint32_t passed = 0;
    for (uint32_t trial = 0; trial < TRIAL_COUNT; trial++) {
        double values[225];
        for (uint32_t index = 0; index < count; index++) {
            values[index] = TOLERANCE * SECONDS_BETWEEN * index + 500 * noise(&state);
        }
        struct steady_result result;
        steady_test(values, count, SECONDS_BETWEEN, TOLERANCE, &result);
        passed += result.slope < TOLERANCE;
    }
    cr_expect(passed > 0.4 * TRIAL_COUNT && passed < 0.6 * TRIAL_COUNT, "%u", passed);
}

Test(bench_steady, a_warm_up_is_cut_off)
{
    struct rates rates = judge(0, 0.2, 300, 20000);
    cr_expect(rates.growing < 0.02 && rates.steady > 0.8, "%f %f", rates.growing, rates.steady);
    struct rates upward = judge(0, 0.2, 300, -20000); // it fills up, and then stays
    cr_expect(upward.growing < 0.05, "%f", upward.growing);
}

Test(bench_steady, too_few_samples_say_nothing)
{
    double values[STEADY_SAMPLE_COUNT_MIN] = {0};
    struct steady_result result;
    steady_test(values, STEADY_SAMPLE_COUNT_MIN - 1, 1, 1, &result);
    cr_expect_eq(result.verdict, STEADY_UNDECIDED);
    steady_test(values, STEADY_SAMPLE_COUNT_MIN, 1, 1, &result);
    cr_expect_eq(result.verdict, STEADY_STEADY, "all equal");
    cr_expect_eq(result.slope, 0);
}

Test(bench_fit, known_coefficients_lie_in_their_bands)
{
    const double x[] = {1, 2, 3, 5, 8, 9};
    uint64_t state = 7;
    uint32_t slopes = 0;
    uint32_t predictions = 0;
    for (uint32_t trial = 0; trial < TRIAL_COUNT; trial++) {
        double y[6];
        for (uint32_t index = 0; index < 6; index++) {
            y[index] = 4 + 2.5 * x[index] + noise(&state);
        }
        struct fit fit;
        double value;
        double low;
        double high;
        fit_points(x, y, 6, &fit);
        slopes += fit.slope_low <= 2.5 && 2.5 <= fit.slope_high;
        fit_predict(&fit, 27, &value, &low, &high);
        double next = 4 + 2.5 * 27 + noise(&state);
        predictions += low <= next && next <= high;
    }
    cr_expect(slopes > 0.86 * TRIAL_COUNT && slopes < 0.94 * TRIAL_COUNT, "%u", slopes);
    cr_expect(predictions > 0.86 * TRIAL_COUNT && predictions < 0.94 * TRIAL_COUNT, "%u",
              predictions);
}

/// Shares of costs with errors of 10 % that lie in the band of what comes at three times the size.
static double cost_share(double bend)
{
    uint64_t state = 8;
    uint32_t inside = 0;
    for (uint32_t trial = 0; trial < TRIAL_COUNT; trial++) {
        const double x[] = {1e5, 3e5, 9e5, 2.7e6, 8.1e6};
        double y[5];
        for (uint32_t index = 0; index < 5; index++) {
            double cost = 1e6 + 30 * pow(x[index] / 2.7e6, bend) * 2.7e6;
            y[index] = cost * (1 + 0.17 * noise(&state)); // a standard error of about 6 %
        }
        struct fit fit;
        double value;
        double low;
        double high;
        fit_cost(x, y, 4, (struct fit_noise){.least = 0.05}, &fit);
        fit_predict(&fit, x[4], &value, &low, &high);
        cr_assert(low > 0 && low < value && value < high);
        inside += low <= y[4] && y[4] <= high;
    }
    return (double)inside / TRIAL_COUNT;
}

Test(bench_fit, costs_at_three_times_the_size_lie_in_their_bands)
{
    double straight = cost_share(1);
    cr_expect(straight > 0.88, "%f", straight);
    double bent = cost_share(1.1); // it grows by a tenth of a decade more per decade
    cr_expect(bent > 0.88, "%f", bent);
    double flat = cost_share(0.9);
    cr_expect(flat > 0.88, "%f", flat);
}

Test(bench_fit, lines_without_noise_are_found_exactly)
{
    const double x[] = {100, 300, 900};
    const double y[] = {207, 607, 1807};
    struct fit fit;
    double value;
    double low;
    double high;
    fit_points(x, y, 3, &fit);
    cr_expect_float_eq(fit.slope, 2, 1e-9);
    cr_expect_float_eq(fit.intercept, 7, 1e-6);
    fit_predict(&fit, 2700, &value, &low, &high);
    cr_expect_float_eq(value, 5407, 1e-6);
    cr_expect_float_eq(high - low, 0, 1e-3);
    const double below[] = {80, 290, 895}; // the intercept would be negative
    struct fit_noise least = {.least = 0.02};
    fit_cost(x, below, 3, least, &fit);
    cr_expect_eq(fit.intercept, 0);
    cr_expect_float_eq(fit.slope, 0.92, 0.02, "points weigh by their shares");
    fit_cost(x, y, 3, least, &fit);
    cr_expect_float_eq(fit.intercept, 7, 1e-6);
    cr_expect(fit.slope_low < fit.slope * 0.98 && fit.slope_high > fit.slope * 1.02,
              "no band is narrower than what is known of the noise");
    const double level[] = {50, 49, 48}; // the slope would be negative
    fit_cost(x, level, 3, least, &fit);
    cr_expect_eq(fit.slope, 0);
    cr_expect_float_eq(fit.intercept, 49, 0.1);
    fit_cost(x, y, 1, least, &fit);
    cr_expect(fit.slope_low > 0 && fit.slope_low < fit.slope / 1.1, "one point proves little");
    fit_points(x, y, 0, &fit);
    cr_expect_eq(fit.count, 0);
}

// As a run at 430,000 events a second was once judged: level from a backlog of 600 ms on.
Test(bench_steady, a_level_backlog_is_not_held)
{
    double lags[60];
    for (uint32_t i = 0; i < 60; i++) {
        lags[i] = i < 25 ? 12000.0 * i : 290000 - 400.0 * i;
    }
    struct steady_result result;
    steady_test(lags, 60, 0.065, 4300, &result);
    cr_expect_eq(result.verdict, STEADY_STEADY, "the line alone does not see it");
    cr_expect(steady_is_behind(1637000, 1372000));
    cr_expect(steady_is_behind(1000, 899));
    cr_expect_not(steady_is_behind(1000, 900));
    cr_expect_not(steady_is_behind(0, 0));
}

Test(bench_histogram, percentiles_are_within_a_thirtysecond)
{
    struct histogram *histogram = &(struct histogram){0};
    for (int64_t value = 1; value <= 100000; value++) {
        histogram_add(histogram, value, 1);
    }
    const double shares[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    for (uint32_t index = 0; index < 5; index++) {
        double exact = shares[index] * 100000;
        double found = (double)histogram_percentile(histogram, shares[index]);
        cr_expect(found >= exact && found <= exact * 33 / 32 + 1, "%f: %f", exact, found);
    }
    cr_expect_eq(histogram_percentile(histogram, 1), 100000);
    histogram_add(histogram, INT64_MAX / 2, 1); // beyond the last edge: kept as the maximum
    cr_expect_eq(histogram->max_us, INT64_MAX / 2);
    cr_expect_eq(histogram_percentile(&(struct histogram){0}, 0.5), 0);
}
