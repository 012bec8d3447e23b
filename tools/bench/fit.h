// SPDX-License-Identifier: Apache-2.0
/// A straight line through few points, with 90 % bands. Private to tools/bench/. Thread: values.
#pragma once

#include <stdint.h>

struct fit {
    double intercept;
    double slope;
    double slope_low; ///< 90 % band; equal to the slope where two points leave no doubt to measure
    double slope_high;
    double intercept_low;
    double intercept_high;
    double residual; ///< standard error of one point
    double middle;   ///< mean of x
    double spread;   ///< sum of squares around it
    double inverse;  ///< 1 / count where there is an intercept, else 0
    uint32_t count;
    uint32_t degrees; ///< of freedom that are left for the bands
};

/// Least squares.
void fit_points(const double *x, const double *y, uint32_t count, struct fit *fit_out);
/// The same of a cost, which has no negative part: where the intercept or the slope would be, the
/// line goes through the origin.
void fit_cost(const double *x, const double *y, uint32_t count, struct fit *fit_out);
/// A further point, with the band it should lie in.
void fit_predict(const struct fit *fit, double x, double *value_out, double *low_out,
                 double *high_out);
