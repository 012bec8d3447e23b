// SPDX-License-Identifier: Apache-2.0
// A load like the user's own: measured, reproduced, measured again.
#include "storage/base/memory.h"
#include "tools/bench/profile.h"
#include "tools/bench/run.h"

#include <math.h>
#include <string.h>

static enum corong_status read_sample(struct run *run, struct sample *sample,
                                      struct recording *recording, struct corong_error *error)
{
    TRY(recording_open(recording, run->options, error));
    TRY(sample_read(sample, recording, &run_stop, error));
    if (sample->full) {
        run_say(run, "the first %u events of the sample are enough", sample->count);
    }
    return CORONG_OK;
}

static double value_of(const json_t *rows, const char *quantity, bool *found)
{
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "quantity")), quantity) == 0) {
            *found = true;
            return json_number_value(json_object_get(row, "value"));
        }
    }
    *found = false;
    return 0;
}

/// Side by side. A quantity that one of them lacks has no difference.
static json_t *compare(const json_t *sample, const json_t *generated)
{
    json_t *fit = json_array();
    size_t index;
    json_t *row;
    json_array_foreach(sample, index, row)
    {
        bool found;
        const char *quantity = json_string_value(json_object_get(row, "quantity"));
        double was = json_number_value(json_object_get(row, "value"));
        double is = value_of(generated, quantity, &found);
        double difference = was != 0 ? is / was - 1 : is == 0 ? 0 : 1;
        json_array_append_new(
            fit, json_pack("{s:s,s:O,s:f,s:o,s:o}", "quantity", quantity, "unit",
                           json_object_get(row, "unit"), "sample", was, "generated",
                           found ? json_real(is) : json_null(), "difference",
                           found && isfinite(difference) ? json_real(difference) : json_null()));
    }
    return fit;
}

static void stretch(struct crowd_spread *spread, double factor)
{
    for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        int64_t body = (int64_t)((double)spread->body[part] * factor);
        int64_t top = (int64_t)((double)spread->top[part] * factor);
        spread->body[part] = body < 256 ? 256 : body;
        spread->top[part] = top < 256 ? 256 : top;
    }
}

static double bounded(double factor)
{
    return factor < 0.5 ? 0.5 : factor > 2 ? 2 : factor;
}

/// What the sample's ends cut off of sessions and users, the generated events lose once more: means
/// that came out too small are stretched.
static enum corong_status correct(struct run *run, const struct profile *known,
                                  struct corong_error *error)
{
    struct sample *sample = memory_allocate_zeroed(1, sizeof(*sample));
    struct profile *profile = memory_allocate_zeroed(1, sizeof(*profile));
    enum corong_status status = sample_generate(sample, &run->shape, error);
    if (status == CORONG_OK) {
        profile_measure(profile, sample);
        double events =
            profile_list_mean(&known->session_events) / profile_list_mean(&profile->session_events);
        double sessions =
            profile_list_mean(&known->user_sessions) / profile_list_mean(&profile->user_sessions);
        stretch(&run->shape.events, bounded(events));
        stretch(&run->shape.sessions, bounded(sessions));
    }
    profile_deinit(profile);
    sample_deinit(sample);
    memory_free(profile);
    memory_free(sample);
    return status;
}

/// As many events from the learned shape, measured the same way.
static enum corong_status check(struct run *run, const json_t *rows, struct corong_error *error)
{
    struct sample *sample = memory_allocate_zeroed(1, sizeof(*sample));
    struct profile *profile = memory_allocate_zeroed(1, sizeof(*profile));
    enum corong_status status = sample_generate(sample, &run->shape, error);
    if (status == CORONG_OK) {
        profile_measure(profile, sample);
        json_t *generated = profile_rows(profile, sample);
        json_object_set_new(run->document, "fit", compare(rows, generated));
        json_decref(generated);
    }
    profile_deinit(profile);
    sample_deinit(sample);
    memory_free(profile);
    memory_free(sample);
    return status;
}

enum corong_status run_learn(struct run *run, struct corong_error *error)
{
    struct recording *recording = memory_allocate_zeroed(1, sizeof(*recording));
    struct sample *sample = memory_allocate_zeroed(1, sizeof(*sample));
    struct profile *profile = memory_allocate_zeroed(1, sizeof(*profile));
    enum corong_status status = read_sample(run, sample, recording, error);
    if (status == CORONG_OK) {
        profile_measure(profile, sample);
        profile_shape(profile, sample, &run->shape);
        run_say(run, "learned from %u events of %llu users", sample->count,
                (unsigned long long)profile->user_events.count);
        json_t *rows = profile_rows(profile, sample);
        if (run->options->kind == BENCH_CALIBRATED) {
            status = correct(run, profile, error);
            status = status == CORONG_OK ? check(run, rows, error) : status;
        }
        json_decref(rows);
    }
    profile_deinit(profile);
    sample_deinit(sample);
    recording_close(recording);
    memory_free(profile);
    memory_free(sample);
    memory_free(recording);
    return status;
}
