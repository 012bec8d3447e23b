// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/fit.h"

#include "tools/bench/steady.h"

#include <math.h>

static double reach_of(uint32_t degrees)
{
    return degrees == 0 ? 0 : steady_student(degrees);
}

/// Bands from the residuals of a line whose coefficients are there.
static void add_bands(const double *x, const double *y, struct fit *fit)
{
    double squares = 0;
    for (uint32_t index = 0; index < fit->count; index++) {
        double left = y[index] - fit->intercept - fit->slope * x[index];
        squares += left * left;
    }
    fit->residual = fit->degrees > 0 ? sqrt(squares / fit->degrees) : 0;
    double reach = reach_of(fit->degrees) * fit->residual;
    double slope_reach = fit->spread > 0 ? reach / sqrt(fit->spread) : 0;
    double intercept_reach =
        fit->inverse > 0 && fit->spread > 0
            ? reach * sqrt(fit->inverse + fit->middle * fit->middle / fit->spread)
            : 0;
    fit->slope_low = fit->slope - slope_reach;
    fit->slope_high = fit->slope + slope_reach;
    fit->intercept_low = fit->intercept - intercept_reach;
    fit->intercept_high = fit->intercept + intercept_reach;
}

void fit_points(const double *x, const double *y, uint32_t count, struct fit *fit_out)
{
    *fit_out = (struct fit){.count = count, .degrees = count > 2 ? count - 2 : 0};
    if (count == 0) {
        return;
    }
    double mean = 0;
    for (uint32_t index = 0; index < count; index++) {
        fit_out->middle += x[index] / count;
        mean += y[index] / count;
    }
    double product = 0;
    for (uint32_t index = 0; index < count; index++) {
        double away = x[index] - fit_out->middle;
        fit_out->spread += away * away;
        product += away * (y[index] - mean);
    }
    fit_out->inverse = 1.0 / count;
    fit_out->slope = fit_out->spread > 0 ? product / fit_out->spread : 0;
    fit_out->intercept = mean - fit_out->slope * fit_out->middle;
    add_bands(x, y, fit_out);
}

void fit_cost(const double *x, const double *y, uint32_t count, struct fit *fit_out)
{
    fit_points(x, y, count, fit_out);
    if (count == 0 || (fit_out->intercept >= 0 && fit_out->slope > 0)) {
        return;
    }
    *fit_out = (struct fit){.count = count, .degrees = count - 1};
    double product = 0;
    for (uint32_t index = 0; index < count; index++) {
        fit_out->spread += x[index] * x[index];
        product += x[index] * y[index];
    }
    fit_out->slope = fit_out->spread > 0 ? product / fit_out->spread : 0;
    add_bands(x, y, fit_out);
}

void fit_predict(const struct fit *fit, double x, double *value_out, double *low_out,
                 double *high_out)
{
    double away = x - fit->middle;
    double share = fit->spread > 0 ? away * away / fit->spread : 0;
    double reach = reach_of(fit->degrees) * fit->residual * sqrt(1 + fit->inverse + share);
    *value_out = fit->intercept + fit->slope * x;
    *low_out = *value_out - reach;
    *high_out = *value_out + reach;
}
