// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/bench.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

static json_t *term(const char *name, double value, double low, double high)
{
    return json_pack("{s:s,s:s,s:f,s:f,s:f}", "name", name, "unit", "", "coefficient", value, "low",
                     low, "high", high);
}

/// A model whose answers can be had by hand.
static json_t *known_model(void)
{
    json_t *terms = json_array();
    json_array_append_new(terms, term("cpu_ns_per_event", 1000, 900, 1200));
    json_array_append_new(terms, term("idle_cores", 0.5, 0.5, 0.5));
    json_array_append_new(terms, term("reader_ns_per_event", 690, 690, 690));
    json_array_append_new(terms, term("memory_base_bytes", 1e9, 1e9, 1e9));
    json_array_append_new(terms, term("memory_per_waiting_event", 10, 10, 10));
    json_array_append_new(terms, term("commit_interval", 5, 5, 5));
    json_array_append_new(terms, term("live_bytes_per_user", 100, 90, 110));
    json_array_append_new(terms, term("bytes_per_event", 5, 4, 6));
    json_array_append_new(terms, term("bytes_per_user_and_period", 20, 20, 20));
    json_array_append_new(terms, term("funnel_ns_per_event", 10, 10, 10));
    json_array_append_new(terms, term("rewrites_per_tier", 0.5, 0.4, 1));
    json_array_append_new(terms, term("merge_ns_per_row", 100, 90, 120));
    json_array_append_new(terms, term("flushed_bytes_per_event", 7, 6, 8));
    json_array_append_new(terms, term("merged_bytes_per_row", 6, 5, 7));
    return json_pack("{s:i,s:{s:o,s:{s:f,s:f,s:f}}}", "corong_bench", 1, "model", "terms", terms,
                     "measured", "events_per_second", 5e5, "events", 1e8, "users", 1e6);
}

static double needed(const json_t *document, const char *name, const char *which)
{
    const json_t *needs = json_object_get(json_object_get(document, "projection"), "needs");
    return json_number_value(json_object_get(json_object_get(needs, name), which));
}

static bool extrapolated(const json_t *document, const char *name)
{
    const json_t *needs = json_object_get(json_object_get(document, "projection"), "needs");
    return json_is_true(json_object_get(json_object_get(needs, name), "extrapolated"));
}

Test(bench_plan, needs_follow_from_the_terms)
{
    json_t *document = known_model();
    // 1 M events a second at the peak.
    struct bench_plan plan = {.events_per_day = 86400.0 * 500000,
                              .users = 4e7,
                              .users_per_day = 2e6,
                              .days = 60,
                              .peak = 2};
    cr_assert_eq(bench_plan(document, &plan, NULL), CORONG_OK);
    // A commit holds 5 s, a period 30 days of the average: so many tiers of eight.
    double tiers = log(30 * 86400.0 / 5) / log(8);
    cr_expect_float_eq(needed(document, "cores", "value"), (1.5 + 0.5 * tiers * 0.1) / 0.7, 1e-9);
    cr_expect_float_eq(needed(document, "cores", "low"), (1.4 + 0.4 * tiers * 0.09) / 0.7, 1e-9);
    cr_expect_float_eq(needed(document, "cores", "high"), (1.7 + tiers * 0.12) / 0.7, 1e-9);
    cr_expect_eq(needed(document, "servers", "value"), 1);
    cr_expect_eq(needed(document, "partitions", "value"), 2);
    cr_expect_float_eq(needed(document, "memory_bytes", "value"), 1e9 + 2e8 + 5e7, 1);
    double kept = 5 * plan.events_per_day * 60 + 20 * 4e7 * 2;
    cr_expect_float_eq(needed(document, "disk_bytes", "value") / (kept * 1.5), 1, 1e-9);
    cr_expect_float_eq(needed(document, "written_bytes_per_second", "value"),
                       (7 + 0.5 * tiers * 6) * 500000.0, 1);
    cr_expect(extrapolated(document, "cores") && extrapolated(document, "memory_bytes") &&
              extrapolated(document, "disk_bytes"));
    json_decref(document);
}

Test(bench_plan, what_was_measured_is_not_extrapolated)
{
    json_t *document = known_model();
    struct bench_plan plan = {.events_per_day = 1e6, .users = 1e5, .days = 1};
    cr_assert_eq(bench_plan(document, &plan, NULL), CORONG_OK);
    cr_expect(!extrapolated(document, "cores") && !extrapolated(document, "memory_bytes") &&
              !extrapolated(document, "disk_bytes"));
    const json_t *asked = json_object_get(json_object_get(document, "projection"), "asked");
    cr_expect_eq(json_number_value(json_object_get(asked, "peak")), 3, "the default");
    cr_expect_eq(json_number_value(json_object_get(asked, "users_per_day")), 1e5);
    json_decref(document);
}

Test(bench_plan, a_run_without_a_model_is_refused)
{
    json_t *document = json_pack("{s:i}", "corong_bench", 1);
    struct bench_plan plan = {.events_per_day = 1, .users = 1, .days = 1};
    struct corong_error error = {0};
    cr_expect_eq(bench_plan(document, &plan, &error), CORONG_INVALID);
    cr_expect_not_null(strstr(error.message, "no model"), "%s", error.message);
    bench_plan_examples(document);
    cr_expect_eq(json_array_size(json_object_get(document, "examples")), 0);
    json_decref(document);
}

Test(bench_plan, the_table_shows_what_there_is)
{
    json_t *document = known_model();
    struct text_buffer out = {0};
    struct bench_plan plan = {.events_per_day = 2e9, .users = 4e7, .days = 400};
    cr_assert_eq(bench_plan(document, &plan, NULL), CORONG_OK);
    bench_table(document, true, &out);
    cr_expect_not_null(strstr(out.bytes, "2,000,000,000 events a day of 40,000,000 users"));
    cr_expect_not_null(strstr(out.bytes, "(extrapolated)"));
    cr_expect_not_null(strstr(out.bytes, "cpu_ns_per_event"));
    text_buffer_deinit(&out);
    json_decref(document);
}
