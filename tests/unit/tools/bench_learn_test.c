// SPDX-License-Identifier: Apache-2.0
// Calibration on generators whose parameters are known.
#include "ingest/pump_shared.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tools/bench/profile.h"
#include "tools/bench/vocabulary.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENT_COUNT 60000u

/// A crowd measured, learned, and generated again.
struct learned {
    struct sample sample;
    struct profile profile;
    struct crowd_shape shape;
    struct sample again;
    struct profile measured;
};

static struct learned *learn(const struct crowd_shape *shape)
{
    struct learned *learned = memory_allocate_zeroed(1, sizeof(*learned));
    struct corong_error error = {0};
    cr_assert_eq(sample_generate(&learned->sample, shape, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(learned->sample.rejected, 0);
    profile_measure(&learned->profile, &learned->sample);
    profile_shape(&learned->profile, &learned->sample, &learned->shape);
    cr_assert_eq(sample_generate(&learned->again, &learned->shape, &error), CORONG_OK);
    cr_assert_eq(learned->again.rejected, 0);
    profile_measure(&learned->measured, &learned->again);
    return learned;
}

static void end(struct learned *learned)
{
    profile_deinit(&learned->profile);
    profile_deinit(&learned->measured);
    sample_deinit(&learned->sample);
    sample_deinit(&learned->again);
    memory_free(learned);
}

static void set(struct crowd_shape *shape, const char *word)
{
    struct corong_error error = {0};
    cr_assert_eq(crowd_shape_set(shape, text_from(word), &error), CORONG_OK, "%s", error.message);
}

static void expect_near(const char *what, double found, double wanted, double share)
{
    cr_expect(fabs(found - wanted) <= share * fabs(wanted), "%s: %g, not %g", what, found, wanted);
}

static double share(uint64_t part)
{
    return (double)part / (double)CROWD_ONE;
}

Test(bench_learn, parameters_of_a_known_crowd_are_recovered)
{
    struct crowd_shape shape;
    crowd_shape_standard(&shape);
    set(&shape, "late=5%:1200");
    set(&shape, "copies=2%");
    set(&shape, "unit=ms");
    crowd_shape_resize(&shape, EVENT_COUNT);
    struct learned *learned = learn(&shape);
    const struct crowd_shape *found = &learned->shape;
    expect_near("users", (double)found->user_count, (double)shape.user_count, 0.15);
    expect_near("events of a session", (double)crowd_spread_mean(&found->events),
                (double)crowd_spread_mean(&shape.events), 0.05);
    expect_near("gaps", (double)crowd_spread_mean(&found->gaps),
                (double)crowd_spread_mean(&shape.gaps), 0.05);
    expect_near("late", share(found->late_share), 0.05, 0.2);
    expect_near("copies", share(found->copy_share), 0.02, 0.15);
    expect_near("span", (double)found->span_us, (double)shape.span_us, 0.05);
    expect_near("amounts", (double)crowd_spread_mean(&found->amounts),
                (double)crowd_spread_mean(&shape.amounts), 0.1);
    cr_expect_str_eq(found->names[0], "view");
    cr_expect_str_eq(found->names[4], "order");
    cr_expect_eq(found->time_unit_us, 1000);
    cr_expect(found->event_ids);
    cr_expect_str_eq(found->currency, "EUR");
    for (uint32_t name = 0; name < 5; name++) {
        double before = name == 0 ? 0 : share(shape.follows[0][name - 1]);
        double known = name == 0 ? 0 : share(found->follows[0][name - 1]);
        expect_near("after a view", share(found->follows[0][name]) - known,
                    share(shape.follows[0][name]) - before, 0.12);
    }
    end(learned);
}

Test(bench_learn, attributes_keep_their_owner_their_values_and_their_vocabulary)
{
    struct crowd_shape shape;
    crowd_shape_standard(&shape);
    set(&shape, "attribute=word:20000:event:even");
    shape.attributes[shape.attribute_count - 1].keep = CROWD_ONE / 2;
    crowd_shape_resize(&shape, EVENT_COUNT);
    struct learned *learned = learn(&shape);
    const enum crowd_level levels[] = {CROWD_PER_USER,  CROWD_PER_USER,  CROWD_PER_SESSION,
                                       CROWD_PER_EVENT, CROWD_PER_EVENT, CROWD_PER_EVENT};
    for (uint32_t index = 0; index < 6; index++) {
        const struct crowd_attribute *found = &learned->shape.attributes[index];
        cr_expect_str_eq(found->name, shape.attributes[index].name);
        cr_expect_eq(found->level, levels[index],
                     "%s: %d; %lu of %lu in sessions, %lu of %lu across", found->name, found->level,
                     learned->profile.attributes[index].equal[0],
                     learned->profile.attributes[index].pairs[0],
                     learned->profile.attributes[index].equal[1],
                     learned->profile.attributes[index].pairs[1]);
        expect_near(found->name, (double)learned->measured.attributes[index].distinct,
                    (double)learned->profile.attributes[index].distinct, 0.06);
        expect_near(found->name, (double)found->value_size, shape.attributes[index].value_size,
                    0.1);
    }
    expect_near("kept", share(learned->shape.attributes[5].keep), 0.5, 0.06);
    expect_near("as before", learned->measured.attributes[5].keep, 0.5, 0.06);
    end(learned);
}

Test(bench_learn, as_many_events_generated_again_measure_the_same)
{
    struct crowd_shape shape;
    crowd_shape_standard(&shape);
    set(&shape, "skew=0.8");
    set(&shape, "session=3");
    crowd_shape_resize(&shape, EVENT_COUNT);
    struct learned *learned = learn(&shape);
    const struct profile *was = &learned->profile;
    const struct profile *is = &learned->measured;
    expect_near("users", (double)is->user_events.count, (double)was->user_events.count, 0.15);
    expect_near("events per user, 90 %", profile_list_at(&is->user_events, 0.9),
                profile_list_at(&was->user_events, 0.9), 0.15);
    expect_near("events per session", profile_list_mean(&is->session_events),
                profile_list_mean(&was->session_events), 0.05);
    expect_near("gap", profile_list_at(&is->gaps_us, 0.5), profile_list_at(&was->gaps_us, 0.5),
                0.05);
    for (uint32_t hour = 0; hour < CROWD_HOUR_COUNT; hour++) {
        expect_near("hour", (double)is->hours[hour] / (double)is->session_events.count,
                    (double)was->hours[hour] / (double)was->session_events.count, 0.25);
    }
    end(learned);
}

Test(bench_learn, a_vocabulary_is_larger_than_what_was_seen)
{
    struct profile_list counts = {0};
    uint64_t seen[3000] = {0};
    for (uint64_t draw = 0; draw < 3000; draw++) {
        seen[crowd_mix(draw) % 3000]++;
    }
    for (int64_t count = 20; count > 0; count--) {
        for (uint32_t value = 0; value < 3000; value++) {
            if (seen[value] == (uint64_t)count) {
                profile_list_add(&counts, count);
            }
        }
    }
    struct crowd_bucket buckets[CROWD_BUCKET_COUNT_MAX];
    uint32_t bucket_count = vocabulary_fit(&counts, buckets);
    double values = 0;
    for (uint32_t index = 0; index < bucket_count; index++) {
        values += (double)buckets[index].value_count;
    }
    expect_near("values", values, 3000, 0.1);
    cr_expect(counts.count < 2000, "only these were seen");
    cr_expect_eq(buckets[bucket_count - 1].share_end, CROWD_ONE);
    memory_free(counts.values);
}

static enum corong_status read_text(const char *text, struct corong_error *error)
{
    char path[] = "/tmp/corong-learn-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    close(descriptor);
    const char *paths[] = {path, NULL};
    struct bench_options options = {.paths = paths,
                                    .path_count = 1,
                                    .mapping_text = TEXT_LITERAL("user: u\ntime: t\nname: n\n")};
    struct recording recording;
    struct sample *sample = memory_allocate_zeroed(1, sizeof(*sample));
    struct pump_stop stop = {0};
    enum corong_status status = recording_open(&recording, &options, error);
    status = status == CORONG_OK ? sample_read(sample, &recording, &stop, error) : status;
    sample_deinit(sample);
    recording_close(&recording);
    memory_free(sample);
    unlink(path);
    return status;
}

Test(bench_learn, samples_that_say_nothing_are_refused)
{
    struct corong_error error = {0};
    cr_expect_eq(read_text("", &error), CORONG_INVALID);
    cr_expect_eq(read_text("{}\nnonsense\n", &error), CORONG_INVALID);
    cr_expect_not_null(strstr(error.message, "2 messages, 2 rejected"), "%s", error.message);
    cr_expect_eq(read_text("{\"u\":\"a\",\"t\":1,\"n\":\"x\"}\n", &error), CORONG_INVALID);
    cr_expect_eq(
        read_text("{\"u\":\"a\",\"t\":1,\"n\":\"x\"}\n{\"u\":\"b\",\"t\":2,\"n\":\"x\"}\n", &error),
        CORONG_OK);
}
