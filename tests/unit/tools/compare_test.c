// SPDX-License-Identifier: Apache-2.0
#include "storage/base/arena.h"
#include "tools/bench/compare/compare.h"
#include "tools/bench/compare/compare_statistics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static double uniform(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*random >> 11) + 0.5) / 0x1p53;
}

/// Skewed, as times are.
static double lognormal(uint64_t *random, double median, double spread)
{
    double angle = 2 * M_PI * uniform(random);
    return median * exp(spread * sqrt(-2 * log(uniform(random))) * cos(angle));
}

static void fill(uint64_t *random, double *samples, uint32_t count, double median, double spread)
{
    for (uint32_t index = 0; index < count; index++) {
        samples[index] = lognormal(random, median, spread);
    }
}

/// How often the interval of ranks leaves out 1, of 1500 times, and how often the true ratio.
static void count_ranks(uint32_t n, uint32_t m, double ratio, uint32_t *found, uint32_t *missed)
{
    uint64_t random = 7 + n * 100 + m;
    *found = *missed = 0;
    for (uint32_t turn = 0; turn < 1500; turn++) {
        double before[64];
        double after[64];
        struct arena arena = {0};
        fill(&random, before, n, 100, 0.1);
        fill(&random, after, m, 100 * ratio, 0.1);
        struct compare_ratio found_ratio = compare_statistics_ranks(before, n, after, m, &arena);
        cr_assert(found_ratio.known);
        bool changed = found_ratio.low > 1 || found_ratio.high < 1;
        cr_assert_eq(changed, found_ratio.p <= 0.05, "%g to %g, p %g", found_ratio.low,
                     found_ratio.high, found_ratio.p);
        *found += changed;
        *missed += found_ratio.low > ratio || found_ratio.high < ratio;
        arena_deinit(&arena);
    }
}

Test(compare, test_ranks_raise_false_alarms_at_most_nominally)
{
    // The exact levels below 5 % that so few orders allow.
    static const struct {
        uint32_t n;
        uint32_t m;
        double level;
    } cases[] = {{4, 4, 0.0286}, {5, 5, 0.0317}, {5, 10, 0.0400}, {10, 10, 0.0433}, {30, 30, 0.05}};
    for (size_t index = 0; index < sizeof(cases) / sizeof(cases[0]); index++) {
        uint32_t found;
        uint32_t missed;
        count_ranks(cases[index].n, cases[index].m, 1, &found, &missed);
        double rate = found / 1500.0;
        cr_assert(fabs(rate - cases[index].level) < 0.017, "%u and %u: %.4f, wanted %.4f",
                  cases[index].n, cases[index].m, rate, cases[index].level);
    }
}

Test(compare, test_ranks_find_a_real_change_and_hold_its_size)
{
    uint32_t found;
    uint32_t missed;
    count_ranks(5, 5, 1.3, &found, &missed);
    cr_assert_gt(found, 1275, "%u of 1500", found);
    cr_assert_lt(missed, 75);
    count_ranks(20, 20, 0.9, &found, &missed);
    cr_assert_gt(found, 1200, "%u of 1500", found);
    cr_assert_lt(missed, 90);
}

Test(compare, test_too_few_runs_give_no_interval)
{
    double before[3] = {1, 2, 3};
    double after[4] = {10, 11, 12, 13};
    struct arena arena = {0};
    cr_assert_not(compare_statistics_ranks(before, 3, after, 3, &arena).known);
    cr_assert(compare_statistics_ranks(before, 3, after, 4, &arena).p <= 1);
    cr_assert(compare_statistics_ranks(after, 4, after, 4, &arena).known);
    arena_deinit(&arena);
}

Test(compare, test_simultaneous_values_are_no_change)
{
    double same[6] = {5, 5, 5, 5, 5, 5};
    struct arena arena = {0};
    struct compare_ratio ratio = compare_statistics_ranks(same, 6, same, 6, &arena);
    cr_assert(ratio.known && ratio.low == 1 && ratio.high == 1 && ratio.p == 1);
    arena_deinit(&arena);
}

Test(compare, test_more_samples_than_are_kept_are_thinned)
{
    double before[500];
    double after[700];
    uint64_t random = 3;
    struct arena arena = {0};
    fill(&random, before, 500, 100, 0.1);
    fill(&random, after, 700, 120, 0.1);
    struct compare_ratio ratio = compare_statistics_ranks(before, 500, after, 700, &arena);
    cr_assert(ratio.known && ratio.low > 1.1 && ratio.high < 1.3);
    arena_deinit(&arena);
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static struct compare_estimate quantile_of(uint64_t *random, uint32_t count, double median,
                                           double share)
{
    double values[2000];
    double counts[2000];
    fill(random, values, count, median, 0.4);
    qsort(values, count, sizeof(double), by_value);
    for (uint32_t index = 0; index < count; index++) {
        counts[index] = 1;
    }
    return compare_statistics_quantile(values, counts, count, share, count);
}

static uint32_t count_quantiles(uint32_t count, double share, double ratio)
{
    uint64_t random = 11 + count;
    uint32_t found = 0;
    for (uint32_t turn = 0; turn < 500; turn++) {
        struct compare_ratio both =
            compare_statistics_combine(quantile_of(&random, count, 100, share),
                                       quantile_of(&random, count, 100 * ratio, share));
        cr_assert(both.known);
        found += both.low > 1 || both.high < 1;
    }
    return found;
}

Test(compare, test_quantiles_of_one_run_raise_false_alarms_at_most_nominally)
{
    static const struct {
        uint32_t count;
        double share;
    } cases[] = {{60, 0.5}, {300, 0.5}, {1000, 0.5}, {1000, 0.99}, {2000, 0.99}};
    for (size_t index = 0; index < sizeof(cases) / sizeof(cases[0]); index++) {
        uint32_t found = count_quantiles(cases[index].count, cases[index].share, 1);
        cr_assert_lt(found, 38, "%u at %g: %u of 500", cases[index].count, cases[index].share,
                     found);
        cr_assert_gt(found, 0, "%u at %g: %u of 500", cases[index].count, cases[index].share,
                     found);
    }
    cr_assert_gt(count_quantiles(1000, 0.5, 1.12), 470);
}

Test(compare, test_a_quantile_beyond_the_sample_has_no_bound)
{
    double values[3] = {1, 2, 3};
    double counts[3] = {10, 10, 10};
    struct compare_estimate median = compare_statistics_quantile(values, counts, 3, 0.5, 30);
    struct compare_estimate rare = compare_statistics_quantile(values, counts, 3, 0.99, 30);
    cr_assert(median.value == 2 && median.low == 1 && median.high == 3);
    cr_assert(rare.value == 3 && rare.low > rare.high);
    struct compare_estimate none = compare_statistics_quantile(values, counts, 0, 0.5, 0);
    cr_assert(none.value == 0 && none.low > none.high);
}

Test(compare, test_discoveries_among_noise_are_few)
{
    uint64_t random = 5;
    uint32_t alarmed = 0;
    for (uint32_t turn = 0; turn < 1000; turn++) {
        double p[30];
        bool found[30];
        bool any = false;
        struct arena arena = {0};
        for (uint32_t index = 0; index < 30; index++) {
            p[index] = uniform(&random);
        }
        compare_statistics_discover(p, 30, 0.05, found, &arena);
        for (uint32_t index = 0; index < 30; index++) {
            any |= found[index];
        }
        alarmed += any;
        arena_deinit(&arena);
    }
    cr_assert(alarmed > 25 && alarmed < 75, "%u of 1000 sets of thirty", alarmed);
}

/// A document of rivals with one figure of `count` runs.
static struct text document(uint64_t *random, struct text_buffer *out, double median)
{
    text_buffer_reset(out);
    text_buffer_append_string(out, "{\"corong_rivals\": 1, \"rows\": [");
    for (uint32_t row = 0; row < 8; row++) {
        double samples[8];
        fill(random, samples, 8, row == 3 ? median : 1, 0.05);
        text_buffer_printf(
            out,
            "%s{\"what\": \"question %u\", \"engine\": \"corong\", \"seconds\": %.9f, "
            "\"runs\": [",
            row == 0 ? "" : ",", row, samples[4]);
        for (uint32_t run = 0; run < 8; run++) {
            text_buffer_printf(out, "%s%.9f", run == 0 ? "" : ",", samples[run]);
        }
        text_buffer_append_string(out, "]}");
    }
    text_buffer_append_string(out, "]}");
    return (struct text){out->bytes, out->size};
}

static struct compare_result compared(uint64_t *random, double median, struct arena *arena)
{
    struct text_buffer left = {0};
    struct text_buffer right = {0};
    struct text before = document(random, &left, 1);
    struct text after = document(random, &right, median);
    struct compare_result result;
    struct corong_error error = {0};
    cr_assert_eq(compare_documents(&before, 1, &after, 1, arena, &result, &error), CORONG_OK, "%s",
                 error.message);
    text_buffer_deinit(&left);
    text_buffer_deinit(&right);
    return result;
}

Test(compare, test_two_runs_of_the_same_show_no_change)
{
    uint64_t random = 23;
    uint32_t alarmed = 0;
    for (uint32_t turn = 0; turn < 200; turn++) {
        struct arena arena = {0};
        struct compare_result result = compared(&random, 1, &arena);
        cr_assert_eq(result.row_count, 8);
        alarmed += result.better_count + result.worse_count > 0;
        arena_deinit(&arena);
    }
    cr_assert_lt(alarmed, 20, "%u of 200", alarmed);
}

Test(compare, test_one_changed_figure_is_the_one_named)
{
    uint64_t random = 29;
    struct arena arena = {0};
    struct compare_result result = compared(&random, 1.25, &arena);
    cr_assert_eq(result.worse_count, 1);
    cr_assert_eq(result.rows[3].verdict, COMPARE_WORSE);
    cr_assert(result.rows[3].low < 1.25 && result.rows[3].high > 1.2);
    result = compared(&random, 0.7, &arena);
    cr_assert_eq(result.rows[3].verdict, COMPARE_BETTER);
    struct text_buffer out = {0};
    compare_table(&result, &out);
    cr_assert_not_null(strstr(out.bytes, "corong: question 3"));
    cr_assert_not_null(strstr(out.bytes, "1 better, 0 worse, 7 without a change shown"));
    text_buffer_reset(&out);
    compare_json(&result, &out);
    cr_assert_not_null(strstr(out.bytes, "\"verdict\": \"better\""));
    text_buffer_deinit(&out);
    arena_deinit(&arena);
}

Test(compare, test_figures_measured_once_are_never_a_change)
{
    struct text before = TEXT_LITERAL("{\"corong_bench\":1,\"hold\":{\"cpu_ns_per_event\":100}}");
    struct text after = TEXT_LITERAL("{\"corong_bench\":1,\"hold\":{\"cpu_ns_per_event\":900}}");
    struct compare_result result;
    struct corong_error error = {0};
    struct arena arena = {0};
    cr_assert_eq(compare_documents(&before, 1, &after, 1, &arena, &result, &error), CORONG_OK);
    cr_assert_eq(result.row_count, 1);
    cr_assert_eq(result.rows[0].verdict, COMPARE_ONCE);
    cr_assert_float_eq(result.rows[0].ratio, 9, 1e-9);
    arena_deinit(&arena);
}

Test(compare, test_several_documents_a_side_are_runs)
{
    struct text_buffer words[10] = {0};
    struct text before[5];
    struct text after[5];
    for (uint32_t index = 0; index < 5; index++) {
        text_buffer_printf(&words[index], "{\"corong_bench\":1,\"hold\":{\"cpu_ns_per_event\":%u}}",
                           100 + index);
        text_buffer_printf(&words[5 + index],
                           "{\"corong_bench\":1,\"hold\":{\"cpu_ns_per_event\":%u}}", 120 + index);
        before[index] = text_from(words[index].bytes);
        after[index] = text_from(words[5 + index].bytes);
    }
    struct compare_result result;
    struct corong_error error = {0};
    struct arena arena = {0};
    cr_assert_eq(compare_documents(before, 5, after, 5, &arena, &result, &error), CORONG_OK);
    cr_assert_eq(result.rows[0].verdict, COMPARE_WORSE);
    cr_assert_float_eq(result.rows[0].before, 102, 1e-9);
    for (uint32_t index = 0; index < 10; index++) {
        text_buffer_deinit(&words[index]);
    }
    arena_deinit(&arena);
}

Test(compare, test_another_machine_or_load_is_said)
{
    struct text before =
        TEXT_LITERAL("{\"corong_bench\":1,\"machine\":{\"cpu\":\"old\",\"cores\":2},"
                     "\"parameters\":{\"seed\":1,\"quick\":true,\"shape\":{\"users\":5}},"
                     "\"hold\":{\"cpu_ns_per_event\":100}}");
    struct text after =
        TEXT_LITERAL("{\"corong_bench\":1,\"machine\":{\"cpu\":\"new\\u001b[2J\",\"cores\":2},"
                     "\"parameters\":{\"seed\":1,\"shape\":{\"users\":6}},"
                     "\"hold\":{\"cpu_ns_per_event\":100}}");
    struct compare_result result;
    struct corong_error error = {0};
    struct arena arena = {0};
    struct text_buffer out = {0};
    cr_assert_eq(compare_documents(&before, 1, &after, 1, &arena, &result, &error), CORONG_OK);
    cr_assert_eq(result.note_count, 3);
    compare_table(&result, &out);
    cr_assert_not_null(strstr(out.bytes, "machine cpu: \"old\" before, \"new"));
    cr_assert_not_null(strstr(out.bytes, "parameters quick: true before, nothing after"));
    cr_assert_not_null(strstr(out.bytes, "shape users: 5 before, 6 after"));
    cr_assert_null(strchr(out.bytes, 0x1b));
    cr_assert_eq(compare_documents(&before, 1, &before, 1, &arena, &result, &error), CORONG_OK);
    cr_assert_eq(result.note_count, 0);
    text_buffer_deinit(&out);
    arena_deinit(&arena);
}

Test(compare, test_what_is_no_document_is_refused)
{
    static const char *const wrong[] = {"", "[1]", "{}", "{\"corong_bench\": \"1\"}", "nonsense"};
    struct text good = TEXT_LITERAL("{\"corong_bench\":1,\"hold\":{\"cpu_ns_per_event\":100}}");
    struct text other = TEXT_LITERAL("{\"corong_rivals\":1,\"rows\":[]}");
    struct compare_result result;
    struct corong_error error = {0};
    struct arena arena = {0};
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        struct text text = text_from(wrong[index]);
        cr_assert_eq(compare_documents(&good, 1, &text, 1, &arena, &result, &error),
                     CORONG_INVALID);
    }
    cr_assert_eq(compare_documents(&good, 1, &other, 1, &arena, &result, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "share no figure"));
    arena_deinit(&arena);
}

/// One run with one term of a model, 5 % wide.
static struct text run_of(struct text_buffer *out, double coefficient, double load)
{
    text_buffer_reset(out);
    text_buffer_printf(out,
                       "{\"corong_bench\": 1, \"machine\": {\"cores\": 2, \"load_average\": "
                       "[%.1f, 0.0, 0.0]}, \"model\": {\"terms\": [{\"name\": "
                       "\"merge_ns_per_row\", \"unit\": \"ns\", \"coefficient\": %.3f, \"low\": "
                       "%.3f, \"high\": %.3f, \"from\": \"sizes\"}]}}",
                       load, coefficient, coefficient * 0.95, coefficient * 1.05);
    return (struct text){out->bytes, out->size};
}

Test(compare, test_a_time_beside_other_programs_has_no_verdict)
{
    struct arena arena = {0};
    struct compare_result result;
    struct corong_error error = {0};
    struct text_buffer left = {0};
    struct text_buffer right = {0};
    const double loads[] = {1.5, 2.5};
    for (uint32_t busy = 0; busy < 2; busy++) {
        struct text before = run_of(&left, 100, 0);
        struct text after = run_of(&right, 300, loads[busy]);
        cr_assert_eq(compare_documents(&before, 1, &after, 1, &arena, &result, &error), CORONG_OK,
                     "%s", error.message);
        cr_assert_eq(result.row_count, 1);
        cr_expect_eq(result.rows[0].verdict, busy ? COMPARE_ONCE : COMPARE_WORSE);
        cr_expect_eq(result.note_count, busy, "one sentence says why");
    }
    text_buffer_deinit(&left);
    text_buffer_deinit(&right);
    arena_deinit(&arena);
}
