// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/steady.h"

#include <math.h>
#include <stddef.h>

#define MSER_BATCH 5u
#define BATCH_COUNT_MAX 16u
#define CORRELATION_MAX 0.8
#define BEHIND_SHARE 0.1

bool steady_is_behind(double due, double read)
{
    return due - read > BEHIND_SHARE * due;
}

const char *steady_word(enum steady_verdict verdict)
{
    static const char *const words[] = {"undecided", "steady", "growing"};
    return words[verdict];
}

double steady_student(uint32_t degrees)
{
    static const double table[] = {6.314, 6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895,
                                   1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753,
                                   1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714,
                                   1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697};
    return degrees <= 30 ? table[degrees] : 1.645 + 1.57 / degrees;
}

/// The 98.75th percentile: what each of four looks may err, so that all of them err in 5 %.
static double student_of_look(uint32_t degrees)
{
    static const double table[BATCH_COUNT_MAX - 1] = {25.452, 25.452, 6.205, 4.177, 3.495,
                                                      3.163,  2.969,  2.841, 2.752, 2.685,
                                                      2.634,  2.593,  2.560, 2.533, 2.510};
    return table[degrees < BATCH_COUNT_MAX - 1 ? degrees : BATCH_COUNT_MAX - 2];
}

static double mean_of(const double *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t index = 0; index < count; index++) {
        sum += values[index];
    }
    return sum / count;
}

/// Samples to be cut off.
static uint32_t warm_up_of(const double *values, uint32_t count)
{
    uint32_t batches = count / MSER_BATCH;
    double sum = 0;
    double squares = 0;
    double least = INFINITY;
    uint32_t cut = 0;
    double middle = mean_of(values, count); // keeps the squares small
    for (uint32_t first = batches; first-- > 0;) {
        double mean = mean_of(values + (size_t)first * MSER_BATCH, MSER_BATCH) - middle;
        sum += mean;
        squares += mean * mean;
        double left = batches - first;
        double error = (squares - sum * sum / left) / (left * left);
        if (first <= batches / 2 && error <= least) {
            least = error;
            cut = first;
        }
    }
    return cut * MSER_BATCH;
}

struct line {
    double slope;
    double error; ///< standard error of the slope
};

/// Residuals of neighbours that lie on the same side.
static double correlation_of(const double *residuals, uint32_t count, double squares)
{
    double sum = 0;
    for (uint32_t index = 1; index < count; index++) {
        sum += residuals[index] * residuals[index - 1];
    }
    double correlation = squares > 0 ? sum / squares : 0;
    return correlation < 0 ? 0 : correlation > CORRELATION_MAX ? CORRELATION_MAX : correlation;
}

static struct line fit_line(const double *values, uint32_t count)
{
    double residuals[BATCH_COUNT_MAX];
    double middle = (count - 1) / 2.0;
    double mean = mean_of(values, count);
    double spread = 0;
    double product = 0;
    for (uint32_t index = 0; index < count; index++) {
        spread += (index - middle) * (index - middle);
        product += (index - middle) * (values[index] - mean);
    }
    struct line line = {.slope = product / spread};
    double squares = 0;
    for (uint32_t index = 0; index < count; index++) {
        residuals[index] = values[index] - mean - line.slope * (index - middle);
        squares += residuals[index] * residuals[index];
    }
    double correlation = correlation_of(residuals, count, squares);
    double variance = squares / (count - 2) * (1 + correlation) / (1 - correlation);
    line.error = sqrt(variance / spread);
    return line;
}

void steady_test(const double *values, uint32_t count, double seconds_between,
                 double slope_tolerance, struct steady_result *result_out)
{
    *result_out = (struct steady_result){.slope_low = -INFINITY, .slope_high = INFINITY};
    if (count < STEADY_SAMPLE_COUNT_MIN) {
        return;
    }
    uint32_t warm_up = warm_up_of(values, count);
    const double *left = values + warm_up;
    uint32_t left_count = count - warm_up;
    uint32_t size = (left_count + BATCH_COUNT_MAX - 1) / BATCH_COUNT_MAX;
    uint32_t batches = left_count / size;
    double means[BATCH_COUNT_MAX];
    // What does not fill a batch is left out at the front, where it is warm-up at worst.
    left += left_count - batches * size;
    for (uint32_t index = 0; index < batches; index++) {
        means[index] = mean_of(left + (size_t)index * size, size);
    }
    struct line line = fit_line(means, batches);
    double seconds = seconds_between * size;
    double reach = student_of_look(batches - 2) * line.error;
    result_out->warm_up = count - batches * size;
    result_out->batches = batches;
    result_out->mean = mean_of(means, batches);
    result_out->slope = line.slope / seconds;
    result_out->slope_low = (line.slope - reach) / seconds;
    result_out->slope_high = (line.slope + reach) / seconds;
    double line_between = slope_tolerance / 2;
    result_out->verdict = result_out->slope_low > line_between    ? STEADY_GROWING
                          : result_out->slope_high < line_between ? STEADY_STEADY
                                                                  : STEADY_UNDECIDED;
}
