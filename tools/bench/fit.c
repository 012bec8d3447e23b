// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/fit.h"

#include "tools/bench/steady.h"

#include <math.h>

#define UNKNOWN_SHARE 4.605 ///< a hundredfold either way: nothing is known

/// Sums over the points, by weight.
struct sums {
    double w;
    double x;
    double y;
    double xx;
    double xy;
};

static double weight_of(const struct fit *fit, double y)
{
    return fit->is_relative && y != 0 ? 1 / (y * y) : 1;
}

static struct sums sums_of(const struct fit *fit, const double *x, const double *y)
{
    struct sums sums = {0};
    for (uint32_t index = 0; index < fit->count; index++) {
        double weight = weight_of(fit, y[index]);
        sums.w += weight;
        sums.x += weight * x[index];
        sums.y += weight * y[index];
        sums.xx += weight * x[index] * x[index];
        sums.xy += weight * x[index] * y[index];
    }
    return sums;
}

static void fit_line(const struct sums *sums, struct fit *fit)
{
    double spread = sums->w * sums->xx - sums->x * sums->x;
    if (fit->count < 2 || spread <= 0) {
        return;
    }
    fit->slope = (sums->w * sums->xy - sums->x * sums->y) / spread;
    fit->intercept = (sums->y - fit->slope * sums->x) / sums->w;
    fit->variance = sums->xx / spread;
    fit->variance_x = sums->w / spread;
    fit->covariance = -sums->x / spread;
    fit->degrees = fit->count > 2 ? fit->count - 2 : 0;
}

static void fit_origin(const struct sums *sums, struct fit *fit)
{
    fit->intercept = fit->variance = fit->covariance = 0;
    fit->slope = sums->xx > 0 ? sums->xy / sums->xx : 0;
    fit->variance_x = sums->xx > 0 ? 1 / sums->xx : 0;
    fit->degrees = fit->count > 1 ? fit->count - 1 : 0;
}

static void fit_level(const struct sums *sums, struct fit *fit)
{
    fit->slope = fit->variance_x = fit->covariance = 0;
    fit->intercept = sums->w > 0 ? sums->y / sums->w : 0;
    fit->variance = sums->w > 0 ? 1 / sums->w : 0;
    fit->degrees = fit->count > 1 ? fit->count - 1 : 0;
}

/// One degree for none: two points that lie on their line prove little.
static double reach_of(const struct fit *fit)
{
    bool knows = fit->degrees > 0 || fit->is_relative;
    return knows ? steady_student(fit->degrees > 0 ? fit->degrees : 1) * fit->residual : 0;
}

/// What errs by a share of itself is as likely half as it is double: the band of a cost never comes
/// to nothing or below.
static void band_of(const struct fit *fit, double value, double reach, double *low_out,
                    double *high_out)
{
    double share = fit->is_relative && value > 0 ? fmin(reach / value, UNKNOWN_SHARE) : 0;
    *low_out = share > 0 ? value * exp(-share) : value - reach;
    *high_out = share > 0 ? value * exp(share) : value + reach;
}

/// Bands from the residuals of a line whose coefficients are there.
static void add_bands(const double *x, const double *y, struct fit_noise noise, struct fit *fit)
{
    double squares = 0;
    for (uint32_t index = 0; index < fit->count; index++) {
        double left = y[index] - fit->intercept - fit->slope * x[index];
        squares += left * left * weight_of(fit, y[index]);
    }
    double residual = fit->degrees > 0 ? sqrt(squares / fit->degrees) : 0;
    fit->residual = fmax(residual, fmax(noise.measured, noise.least));
    double reach = reach_of(fit);
    band_of(fit, fit->slope, reach * sqrt(fit->variance_x), &fit->slope_low, &fit->slope_high);
    band_of(fit, fit->intercept, reach * sqrt(fit->variance), &fit->intercept_low,
            &fit->intercept_high);
}

void fit_points(const double *x, const double *y, uint32_t count, struct fit *fit_out)
{
    *fit_out = (struct fit){.count = count};
    struct sums sums = sums_of(fit_out, x, y);
    fit_line(&sums, fit_out);
    if (count == 1) {
        fit_level(&sums, fit_out);
    }
    add_bands(x, y, (struct fit_noise){0}, fit_out);
}

/// How the upper two points grow.
static void look_up(const double *x, const double *y, struct fit *fit)
{
    uint32_t most = 0;
    for (uint32_t index = 1; index < fit->count; index++) {
        most = x[index] > x[most] ? index : most;
    }
    uint32_t next = most == 0 ? 1 : 0;
    for (uint32_t index = 0; index < fit->count; index++) {
        next = index != most && x[index] > x[next] ? index : next;
    }
    fit->x_most = x[most];
    fit->y_most = y[most];
    bool grows = fit->count > 1 && x[next] > 0 && x[most] > x[next] && y[next] > 0 && y[most] > 0;
    fit->local_growth = grows ? log(y[most] / y[next]) / log(x[most] / x[next]) : 1;
}

void fit_cost(const double *x, const double *y, uint32_t count, struct fit_noise noise,
              struct fit *fit_out)
{
    *fit_out = (struct fit){.count = count, .is_relative = true};
    if (count == 0) {
        return;
    }
    struct sums sums = sums_of(fit_out, x, y);
    fit_line(&sums, fit_out); // points that all lie at one x give no slope: the mean stays
    if (count == 1 || fit_out->intercept < 0) {
        fit_origin(&sums, fit_out);
    } else if (fit_out->slope <= 0) {
        fit_level(&sums, fit_out);
    }
    add_bands(x, y, noise, fit_out);
    look_up(x, y, fit_out);
}

void fit_predict(const struct fit *fit, double x, double *value_out, double *low_out,
                 double *high_out)
{
    double value = fit->intercept + fit->slope * x;
    double known = fit->variance + 2 * fit->covariance * x + fit->variance_x * x * x;
    double own = fit->is_relative ? value * value : 1;
    double reach = reach_of(fit) * sqrt(known + own);
    double otherwise = value;
    if (fit->is_relative && x > fit->x_most && fit->x_most > 0) {
        otherwise = fit->y_most * pow(x / fit->x_most, fit->local_growth);
    }
    *value_out = value;
    double unused;
    band_of(fit, fmin(value, otherwise), reach, low_out, &unused);
    band_of(fit, fmax(value, otherwise), reach, &unused, high_out);
}
