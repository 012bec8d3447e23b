// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/fit.h"

#include "tools/bench/steady.h"

#include <math.h>

static double reach_of(uint32_t degrees)
{
    return degrees == 0 ? 0 : steady_student(degrees);
}

void fit_points(const double *x, const double *y, uint32_t count, struct fit *fit_out)
{
    *fit_out = (struct fit){.count = count};
    if (count == 0) {
        return;
    }
    double middle = 0;
    double mean = 0;
    for (uint32_t index = 0; index < count; index++) {
        middle += x[index] / count;
        mean += y[index] / count;
    }
    double product = 0;
    for (uint32_t index = 0; index < count; index++) {
        fit_out->spread += (x[index] - middle) * (x[index] - middle);
        product += (x[index] - middle) * (y[index] - mean);
    }
    fit_out->middle = middle;
    fit_out->slope = fit_out->spread > 0 ? product / fit_out->spread : 0;
    fit_out->intercept = mean - fit_out->slope * middle;
    double squares = 0;
    for (uint32_t index = 0; index < count; index++) {
        double left = y[index] - fit_out->intercept - fit_out->slope * x[index];
        squares += left * left;
    }
    fit_out->residual = count > 2 ? sqrt(squares / (count - 2)) : 0;
    double reach = count > 2 ? reach_of(count - 2) * fit_out->residual : 0;
    double slope_reach = fit_out->spread > 0 ? reach / sqrt(fit_out->spread) : 0;
    double intercept_reach =
        fit_out->spread > 0 ? reach * sqrt(1.0 / count + middle * middle / fit_out->spread) : 0;
    fit_out->slope_low = fit_out->slope - slope_reach;
    fit_out->slope_high = fit_out->slope + slope_reach;
    fit_out->intercept_low = fit_out->intercept - intercept_reach;
    fit_out->intercept_high = fit_out->intercept + intercept_reach;
}

void fit_ratio(const double *x, const double *y, uint32_t count, struct fit *fit_out)
{
    *fit_out = (struct fit){.count = count};
    if (count == 0) {
        return;
    }
    for (uint32_t index = 0; index < count; index++) {
        fit_out->slope += y[index] / x[index] / count;
    }
    double squares = 0;
    for (uint32_t index = 0; index < count; index++) {
        double left = y[index] / x[index] - fit_out->slope;
        squares += left * left;
    }
    double residual = count > 1 ? sqrt(squares / (count - 1)) : 0;
    double reach = count > 1 ? reach_of(count - 1) * residual / sqrt(count) : 0;
    fit_out->residual = residual;
    fit_out->slope_low = fit_out->slope - reach;
    fit_out->slope_high = fit_out->slope + reach;
}

void fit_predict(const struct fit *fit, double x, double *value_out, double *low_out,
                 double *high_out)
{
    *value_out = fit->intercept + fit->slope * x;
    double reach;
    if (fit->spread > 0) {
        double away = (x - fit->middle) * (x - fit->middle) / fit->spread;
        reach = fit->count > 2
                    ? reach_of(fit->count - 2) * fit->residual * sqrt(1 + 1.0 / fit->count + away)
                    : 0;
    } else { // a ratio: its residual is one of y/x
        reach = fit->count > 1
                    ? reach_of(fit->count - 1) * fit->residual * sqrt(1 + 1.0 / fit->count) * x
                    : 0;
    }
    *low_out = *value_out - reach;
    *high_out = *value_out + reach;
}
