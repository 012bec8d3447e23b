// SPDX-License-Identifier: Apache-2.0
/// Whether a series has settled or grows, with stated error rates instead of an eye.
///
/// 1. The warm-up is cut off where MSER-5 says (White 1997; Franklin and White 2008): means of five
///    samples, and the cut in the first half that makes the standard error of the rest least.
/// 2. What is left becomes up to 16 batch means (Law, Simulation Modeling and Analysis, ch. 9),
/// which
///    are nearly independent; a line through them is fitted by least squares, its variance widened
///    by (1 + r) / (1 - r) for what lag-1 correlation r of the residuals is left.
/// 3. The slope is compared with half of what is not tolerated, by two one-sided tests (Schuirmann
///    1987): growing where its lower bound is above, steady where its upper bound is below, else
///    undecided: more samples are needed. Each test has 1.25 %, so that up to STEADY_LOOK_COUNT
///    looks at one growing series err in 5 % at most (Bonferroni).
///
/// So a slope of the tolerance itself lies one half of it beyond the line, and so does a slope of
/// zero on the other side. By simulation (bench_steady_test), up to four looks, residuals with a
/// lag-1 correlation of up to 0.9 and a standard deviation of 1.7 tolerances a second: what grows
/// by the tolerance is refused in 95 % of series and more, what is flat is accepted in 95 % and
/// more. Larger noise makes "undecided" more frequent, and a wrong "steady" stays within 10 %.
/// Private to tools/bench/. Thread: any.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum steady_verdict { STEADY_UNDECIDED = 0, STEADY_STEADY, STEADY_GROWING };

struct steady_result {
    enum steady_verdict verdict;
    uint32_t warm_up; ///< samples cut off
    uint32_t batches; ///< means that the line goes through
    double mean;      ///< of what is left
    double slope;     ///< per second
    double slope_low; ///< one-sided 98.75 % bounds
    double slope_high;
};

#define STEADY_SAMPLE_COUNT_MIN 20u
#define STEADY_LOOK_COUNT 4u

/// Samples at equal distances. `slope_tolerance`: growth, per second, that is not to pass.
/// Fewer than STEADY_SAMPLE_COUNT_MIN are undecided.
void steady_test(const double *values, uint32_t count, double seconds_between,
                 double slope_tolerance, struct steady_result *result_out);
/// Whether more than a tenth of what was due since the step began is not read at its end: it fell
/// behind within the warm-up that is cut off, and a backlog that is level then was not held.
bool steady_is_behind(double due, double read);
/// "steady", "growing", "undecided".
const char *steady_word(enum steady_verdict verdict);
/// The 95th percentile of Student's t.
double steady_student(uint32_t degrees);
