// SPDX-License-Identifier: Apache-2.0
#include "tools/crowd/crowd.h"

#include "storage/base/clock.h"
#include "storage/base/hash.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

static struct crowd_shape shape;

static uint64_t digest_of(const struct crowd_shape *of)
{
    struct crowd *crowd = crowd_create(of);
    struct text_buffer lines = {0};
    struct crowd_event event;
    while (crowd_next(crowd, &event)) {
        crowd_format(crowd, &event, &lines);
    }
    uint64_t digest = hash_bytes64(lines.bytes, lines.size);
    text_buffer_deinit(&lines);
    crowd_destroy(crowd);
    return digest;
}

static void set(const char *word)
{
    struct corong_error error = {0};
    cr_assert_eq(crowd_shape_set(&shape, text_from(word), &error), CORONG_OK, "%s: %s", word,
                 error.message);
}

static void start(uint64_t events)
{
    crowd_shape_standard(&shape);
    crowd_shape_resize(&shape, events);
}

static void expect_refusal(const char *word, const char *words)
{
    struct corong_error error = {0};
    start(1000);
    cr_expect_eq(crowd_shape_set(&shape, text_from(word), &error), CORONG_INVALID, "%s", word);
    cr_expect_not_null(strstr(error.message, words), "%s: '%s'", word, error.message);
}

Test(crowd, the_same_seed_gives_the_same_bytes_on_every_machine)
{
    start(20000);
    uint64_t first = digest_of(&shape);
    cr_expect_eq(first, digest_of(&shape));
    cr_expect_eq(first, UINT64_C(0xac13ed2a94ee5af0), "%llx", (unsigned long long)first);
    shape.seed = 2;
    cr_expect_neq(first, digest_of(&shape));
}

Test(crowd, a_shape_gives_what_it_says)
{
    start(200000);
    set("late=10%:600");
    set("copies=5%");
    set("unit=ms");
    struct crowd *crowd = crowd_create(&shape);
    struct crowd_event event;
    double names[CROWD_NAME_COUNT_MAX] = {0};
    double count = 0;
    double late = 0;
    int64_t latest_us = 0;
    while (crowd_next(crowd, &event)) {
        names[event.name]++;
        count++;
        late += event.time_us < latest_us;
        latest_us = event.time_us > latest_us ? event.time_us : latest_us;
    }
    cr_expect(count > 200000 * 1.04 && count < 200000 * 1.06, "%f", count);
    cr_expect(late > count * 0.08 && late < count * 0.12, "%f of %f", late, count);
    cr_expect(names[0] > count * 0.60 && names[0] < count * 0.75, "%f views", names[0]);
    cr_expect(names[4] > count * 0.008 && names[4] < count * 0.016, "%f orders", names[4]);
    double users = (double)crowd_user_count(crowd);
    cr_expect(users > 8000 * 0.85 && users < 8000 * 1.15, "%f users", users);
    crowd_destroy(crowd);
}

Test(crowd, spreads_keep_their_mean_and_their_tail)
{
    static int64_t values[10000];
    struct crowd_spread spread;
    double mean = 0;
    for (int64_t index = 0; index < 10000; index++) {
        values[index] = index < 9990 ? 1 + index / 2000 : 5000;
        mean += (double)values[index] / 10000;
    }
    crowd_spread_fit(&spread, values, 10000);
    cr_expect_float_eq((double)crowd_spread_mean(&spread) / 256, mean, 0.03 * mean);
    double drawn = 0;
    int64_t most = 0;
    for (uint64_t index = 0; index < 1000000; index++) {
        int64_t value = crowd_spread_draw(&spread, crowd_mix(index));
        drawn += (double)value / 1e6;
        most = value > most ? value : most;
    }
    cr_expect_float_eq(drawn, mean, 0.3);
    cr_expect(most >= 4000 && most <= 5000, "%ld", most);
    crowd_spread_fit(&spread, values, 0);
    cr_expect_eq(crowd_spread_draw(&spread, 1), 0);
}

Test(crowd, a_power_law_is_as_skewed_as_it_says)
{
    struct crowd_spread flat;
    struct crowd_spread skewed;
    crowd_spread_power(&flat, 10 * 256, 0, 1);
    crowd_spread_power(&skewed, 10 * 256, 900, 1);
    cr_expect_float_eq((double)crowd_spread_mean(&flat) / 256, 10, 0.05);
    cr_expect_float_eq((double)crowd_spread_mean(&skewed) / 256, 10, 0.5);
    cr_expect_eq(flat.body[0], flat.top[CROWD_SPREAD_COUNT - 1]);
    cr_expect(skewed.top[CROWD_SPREAD_COUNT - 1] > 1000 * 256, "%ld",
              skewed.top[CROWD_SPREAD_COUNT - 1]);
}

Test(crowd, parameters_are_checked_and_the_nearest_is_named)
{
    start(1000);
    set("users=2e6");
    set("attribute=city:5000:session");
    set("funnel=view,cart:20%,order:50%");
    set("skew=0.95");
    set("line=12000");
    cr_expect_eq(shape.name_count, 3);
    expect_refusal("user=1", "did you mean 'users'");
    expect_refusal("users", "NAME=VALUE");
    expect_refusal("users=0", "no number from 1");
    expect_refusal("users=1x", "no number");
    expect_refusal("skew=0.96", "0.95");
    expect_refusal("late=101%", "from 0 to 1");
    expect_refusal("attribute=city:5:town", "user|session|event");
    expect_refusal("attribute=ci ty:5:user", "user|session|event");
    expect_refusal("funnel=a b", "a funnel is");
    expect_refusal("curve=round", "flat and daily");
    expect_refusal("unit=us", "s and ms");
    expect_refusal("line=12001", "12000");
}

Test(crowd, attributes_have_a_limit)
{
    struct corong_error error = {0};
    char word[64];
    start(1000);
    while (shape.attribute_count < CROWD_ATTRIBUTE_COUNT_MAX) {
        snprintf(word, sizeof(word), "attribute=a%u:10:event", shape.attribute_count);
        set(word);
    }
    cr_expect_neq(digest_of(&shape), 0);
    cr_expect_eq(crowd_shape_set(&shape, TEXT_LITERAL("attribute=more:1:user"), &error),
                 CORONG_INVALID);
}

Test(crowd, any_parameter_makes_another_shape)
{
    static const char *const words[] = {"users=7",   "events=7",      "days=7",
                                        "session=7", "skew=0.7",      "late=7%:7",
                                        "copies=7%", "funnel=a,b:7%", "attribute=city:7:user",
                                        "line=700",  "curve=flat",    "unit=ms"};
    uint64_t digests[1 + sizeof(words) / sizeof(words[0])];
    start(1000);
    digests[0] = crowd_shape_digest(&shape);
    start(1000);
    cr_expect_eq(crowd_shape_digest(&shape), digests[0]);
    for (size_t index = 0; index < sizeof(words) / sizeof(words[0]); index++) {
        start(1000);
        set(words[index]);
        digests[index + 1] = crowd_shape_digest(&shape);
        for (size_t before = 0; before <= index; before++) {
            cr_expect_neq(digests[index + 1], digests[before], "%s", words[index]);
        }
    }
    start(1000);
    shape.seed++;
    cr_expect_neq(crowd_shape_digest(&shape), digests[0]);
}
