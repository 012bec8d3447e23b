// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/phase.h"

#include <math.h>

#define SERIES_COUNT_MAX 120u
#define LAG_LEAST_US 100.0

double phase_cpu_per_event(const struct phase_result *result)
{
    double sum = 0;
    for (uint32_t stage = 0; stage < STAGE_COUNT; stage++) {
        bool counts = thread_stage_is_system((enum thread_stage)stage) && stage != STAGE_QUESTIONS;
        sum += counts ? (double)result->stage_ns[stage] : 0;
    }
    return result->events == 0 ? 0 : sum / (double)result->events;
}

double phase_cpu_per_question(const struct phase_result *result)
{
    uint64_t count = 0;
    for (uint32_t question = 0; question < SUBJECT_QUESTION_COUNT; question++) {
        count += result->questions[question].count;
    }
    count -= result->questions_unasked;
    return count == 0 ? 0 : (double)result->stage_ns[STAGE_QUESTIONS] / (double)count;
}

double phase_cores(const struct phase_result *result)
{
    double all_ns = phase_cpu_per_event(result) * (double)result->events;
    double load_ns = result->load_seconds > 0 ? result->load_seconds * 1e9 : 1e9;
    return (all_ns - (double)result->stage_ns[STAGE_MERGE]) / load_ns;
}

/// JSON has no infinity.
static json_t *bound_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *verdict_json(const struct steady_result *result)
{
    json_t *object = json_object();
    json_object_set_new(object, "verdict", json_string(steady_word(result->verdict)));
    json_object_set_new(object, "slope", json_real(result->slope));
    json_object_set_new(object, "slope_low", bound_json(result->slope_low));
    json_object_set_new(object, "slope_high", bound_json(result->slope_high));
    json_object_set_new(object, "mean", json_real(result->mean));
    json_object_set_new(object, "warm_up_samples", json_integer(result->warm_up));
    json_object_set_new(object, "batches", json_integer(result->batches));
    return object;
}

static json_t *series_json(const struct phase_result *result)
{
    json_t *rows = json_array();
    uint32_t step = (result->point_count + SERIES_COUNT_MAX - 1) / SERIES_COUNT_MAX;
    for (uint32_t index = 0; index < result->point_count; index += step) {
        const struct phase_point *point = &result->points[index];
        json_t *row = json_object();
        json_object_set_new(row, "at_us", json_integer(point->at_us));
        json_object_set_new(row, "due", json_integer((json_int_t)point->due));
        json_object_set_new(row, "sent", json_integer((json_int_t)point->sent));
        json_object_set_new(row, "read", json_integer((json_int_t)point->read));
        json_object_set_new(row, "visible", json_integer((json_int_t)point->visible));
        json_object_set_new(row, "age_us", json_integer(point->age_us));
        json_object_set_new(row, "resident_bytes", json_integer((json_int_t)point->resident_bytes));
        json_array_append_new(rows, row);
    }
    return rows;
}

static void add_lags(json_t *step, const struct phase_result *result)
{
    const struct phase_point none = {0};
    const struct phase_point *first = result->point_count > 0 ? &result->points[0] : &none;
    const struct phase_point *last =
        result->point_count > 0 ? &result->points[result->point_count - 1] : &none;
    json_object_set_new(step, "lag_start",
                        json_integer((json_int_t)first->due - (json_int_t)first->read));
    json_object_set_new(step, "lag_end",
                        json_integer((json_int_t)last->due - (json_int_t)last->read));
    // In time, which is what a lag means to whoever asks; less than a look is apart is noise.
    double behind_us = result->rate > 0 ? result->lag.mean / result->rate * 1e6 : 0;
    json_object_set_new(step, "lag_us",
                        json_real(behind_us > LAG_LEAST_US ? behind_us : LAG_LEAST_US));
    json_object_set_new(step, "lag_slope", json_real(result->lag.slope));
    json_object_set_new(step, "lag", verdict_json(&result->lag));
    json_object_set_new(step, "age", verdict_json(&result->age));
}

json_t *phase_json(const struct phase_result *result, bool with_series)
{
    json_t *step = json_object();
    json_object_set_new(step, "asked", json_real(result->rate));
    json_object_set_new(step, "achieved", json_real(result->achieved));
    json_object_set_new(step, "seconds", json_real(result->load_seconds));
    json_object_set_new(step, "events", json_integer((json_int_t)result->events));
    json_object_set_new(step, "verdict", json_string(steady_word(result->verdict)));
    json_object_set_new(step, "steady", json_boolean(result->verdict == STEADY_STEADY));
    json_object_set_new(step, "generator_limited", json_boolean(result->generator_limited));
    add_lags(step, result);
    json_object_set_new(step, "freshness_p50_us",
                        json_integer(histogram_percentile(&result->freshness, 0.5)));
    json_object_set_new(step, "p99_us",
                        json_integer(histogram_percentile(&result->freshness, 0.99)));
    json_object_set_new(step, "cpu_ns_per_event", json_real(phase_cpu_per_event(result)));
    json_object_set_new(step, "cores", json_real(phase_cores(result)));
    double events = result->events > 0 ? (double)result->events : 1;
    json_object_set_new(step, "process_cpu_ns_per_event",
                        json_real((double)result->process_ns / events));
    json_object_set_new(step, "question_cpu_ns", json_real(phase_cpu_per_question(result)));
    json_object_set_new(step, "questions_unasked",
                        json_integer((json_int_t)result->questions_unasked));
    json_object_set_new(step, "resident_peak_bytes",
                        json_integer((json_int_t)result->resident_peak_bytes));
    json_object_set_new(step, "live_users", json_integer((json_int_t)result->live_users));
    json_object_set_new(step, "live_bytes", json_integer((json_int_t)result->live_bytes));
    if (with_series) {
        json_object_set_new(step, "series", series_json(result));
    }
    return step;
}
