// SPDX-License-Identifier: Apache-2.0
/// A straight line through few points, with 90 % bands. Private to tools/bench/. Thread: values.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fit {
    double intercept;
    double slope;
    double slope_low; ///< 90 % band
    double slope_high;
    double intercept_low;
    double intercept_high;
    double residual;   ///< standard error of one point; a share of its value where `is_relative`
    double variance;   ///< of the intercept, of the slope and of both together, in units of
    double variance_x; ///< residual squared
    double covariance;
    uint32_t count;
    uint32_t degrees;    ///< of freedom that are left for the bands
    bool is_relative;    ///< errors grow with the values
    double x_most;       ///< of the points
    double y_most;       ///< of that point
    double local_growth; ///< d ln y / d ln x at the upper end
};

/// What is known of points beside themselves.
struct fit_noise {
    double measured; ///< spread of one point when it is measured again, as a share; 0: not known
    double least;    ///< no spread is taken to be less than this share
};

/// Least squares; all points err by as much.
void fit_points(const double *x, const double *y, uint32_t count, struct fit *fit_out);
/// The same of a cost, which has no negative part and errs by a share of itself: points weigh as
/// the inverse squares of their values; where the intercept would be negative the line goes through
/// the origin, where the slope would be, it is level. The spread is that of the residuals, but no
/// less than what `noise` says.
void fit_cost(const double *x, const double *y, uint32_t count, struct fit_noise noise,
              struct fit *fit_out);
/// A further point, with the band it should lie in. Beyond the points of a cost the band holds what
/// a power law through the upper two would say as well: what is no line shows there first.
void fit_predict(const struct fit *fit, double x, double *value_out, double *low_out,
                 double *high_out);
