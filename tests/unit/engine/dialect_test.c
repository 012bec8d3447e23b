// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/dialect.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct stage steps[FUNNEL_STEP_COUNT_MAX];

static struct funnel plain(uint32_t step_count)
{
    for (uint32_t step = 0; step < FUNNEL_STEP_COUNT_MAX; step++) {
        steps[step] = (struct stage){.name = TEXT_LITERAL("step")};
    }
    return (struct funnel){
        .name = TEXT_LITERAL("f"), .steps = steps, .step_count = step_count, .window_us = 10};
}

static struct funnel named(const char *words, uint32_t step_count)
{
    struct funnel funnel = plain(step_count);
    struct corong_error error;
    cr_assert_eq(dialect_parse(text_from(words), &funnel, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(dialect_apply(&funnel, &error), CORONG_OK, "%s", error.message);
    return funnel;
}

static void refuse_words(const char *words, const char *expected)
{
    struct funnel funnel = plain(3);
    struct corong_error error = {.message = ""};
    cr_assert_eq(dialect_parse(text_from(words), &funnel, &error), CORONG_INVALID, "%s", words);
    cr_assert(strstr(error.message, expected) != NULL, "%s", error.message);
    cr_assert_eq(funnel.dialect, DIALECT_NONE);
}

Test(dialect, test_every_dialect_reads_back_what_it_writes)
{
    for (uint32_t dialect = 1; dialect < DIALECT_COUNT; dialect++) {
        const char *name = dialect_name((enum dialect_name)dialect);
        if (name == NULL) {
            continue;
        }
        struct funnel funnel = plain(2);
        struct corong_error error;
        struct text_buffer words = {0};
        cr_assert_eq(dialect_parse(text_from(name), &funnel, &error), CORONG_OK);
        cr_assert_eq(funnel.dialect, dialect);
        dialect_describe(&funnel, &words);
        cr_assert_str_eq(words.bytes, name);
        cr_assert_not_null(dialect_summary((enum dialect_name)dialect));
        text_buffer_deinit(&words);
    }
}

Test(dialect, test_every_mode_of_the_sql_engines_says_what_it_changes)
{
    const enum dialect_name dialects[] = {DIALECT_CLICKHOUSE, DIALECT_CLICKHOUSE_STRICT_ONCE,
                                          DIALECT_DORIS, DIALECT_STARROCKS};
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t mode = 0;
        cr_assert_not_null(dialect_rule(dialects[i]));
        for (; dialect_mode(dialects[i], mode) != NULL; mode++) {
            cr_assert_not_null(dialect_mode_rule(dialects[i], mode));
        }
        cr_assert_null(dialect_mode_rule(dialects[i], mode));
    }
    cr_assert_null(dialect_rule(DIALECT_NONE));
}

Test(dialect, test_modes_are_written_in_one_order)
{
    struct funnel funnel = named("clickhouse:allow_reentry,strict_order", 3);
    struct text_buffer words = {0};
    dialect_describe(&funnel, &words);
    cr_assert_str_eq(words.bytes, "clickhouse:strict_order,allow_reentry");
    text_buffer_deinit(&words);
}

Test(dialect, test_unknown_words_get_the_nearest_one)
{
    refuse_words("clickhuose", "did you mean 'clickhouse'?");
    refuse_words("clickhouse:strict_ordr", "did you mean 'strict_order'?");
    refuse_words("clickhouse:", "a mode is missing after the colon");
    refuse_words("clickhouse:strict_order,,", "unknown mode ''");
    refuse_words("clickhouse_strict_once:strict_order", "it has none");
    refuse_words("", "unknown dialect ''");
}

// One rule that is not a window: it must differ from all of them being default.
static void ask_for_more(struct funnel *funnel, uint32_t which)
{
    static struct funnel_gap gaps[3] = {{0, FUNNEL_WINDOW_NONE}, {1, 2}, {0, FUNNEL_WINDOW_NONE}};
    static struct funnel_exclusion exclusion = {.after = 1, .before = 2};
    static struct text attribute = {"a", 1};
    switch (which) {
    case 0:
        funnel->unit = FUNNEL_UNIT_SESSION;
        break;
    case 1:
        funnel->order = FUNNEL_ORDER_STRICT;
        break;
    case 2:
        funnel->attempts = FUNNEL_ATTEMPTS_FIRST;
        break;
    case 3:
        funnel->gaps = gaps;
        break;
    case 4:
        exclusion.stage = steps[0];
        funnel->exclusions = &exclusion;
        funnel->exclusion_count = 1;
        break;
    case 5:
        funnel->optional = 2;
        break;
    case 6:
        funnel->entry_open = true;
        break;
    case 7:
        funnel->tie_tolerance_us = 5;
        break;
    case 8:
        funnel->unit = FUNNEL_UNIT_ATTRIBUTES;
        funnel->unit_attributes = &attribute;
        funnel->unit_attribute_count = 1;
        break;
    default:
        funnel->window_session = true;
        break;
    }
}

Test(dialect, test_a_dialect_refuses_every_rule_that_its_system_does_not_have)
{
    const char *const dialects[] = {"clickhouse", "clickhouse_strict_once", "doris", "starrocks"};
    for (uint32_t which = 0; which < 10; which++) {
        for (uint32_t i = 0; i < 4; i++) {
            struct funnel funnel = plain(3);
            struct corong_error error = {.message = ""};
            ask_for_more(&funnel, which);
            cr_assert_eq(dialect_parse(text_from(dialects[i]), &funnel, &error), CORONG_OK);
            cr_assert_eq(dialect_apply(&funnel, &error), CORONG_INVALID, "%s takes rule %u",
                         dialects[i], which);
            cr_assert(strstr(error.message, "knows steps and a window") != NULL, "%s",
                      error.message);
        }
    }
}

Test(dialect, test_modes_that_exclude_each_other_are_refused)
{
    struct funnel funnel = plain(3);
    struct corong_error error;
    cr_assert_eq(dialect_parse(TEXT_LITERAL("clickhouse:allow_reentry"), &funnel, &error),
                 CORONG_OK);
    cr_assert_eq(dialect_apply(&funnel, &error), CORONG_INVALID);
    cr_assert_eq(dialect_parse(TEXT_LITERAL("doris:fixed,increase"), &funnel, &error), CORONG_OK);
    cr_assert_eq(dialect_apply(&funnel, &error), CORONG_INVALID);
}

Test(dialect, test_applying_twice_changes_nothing_and_is_asked_for)
{
    struct corong_error error;
    struct funnel funnel = plain(3);
    cr_assert_eq(
        dialect_parse(TEXT_LITERAL("clickhouse:strict_once,strict_increase"), &funnel, &error),
        CORONG_OK);
    cr_assert_eq(dialect_check(&funnel, &error), CORONG_INVALID, "its rules are not set yet");
    cr_assert_eq(dialect_apply(&funnel, &error), CORONG_OK);
    cr_assert_eq(dialect_check(&funnel, &error), CORONG_OK);
    cr_assert_eq(dialect_apply(&funnel, &error), CORONG_OK);
    cr_assert_eq(funnel.ties, FUNNEL_TIES_STRICT);
    cr_assert(funnel.range_inside);
    cr_assert_not(dialect_needs_of(&funnel).matcher, "it is our own rule");
}

Test(dialect, test_a_mode_that_sees_every_event_has_31_steps)
{
    struct corong_error error;
    for (uint32_t count = 31; count <= 32; count++) {
        struct funnel funnel = plain(count);
        cr_assert_eq(dialect_parse(TEXT_LITERAL("clickhouse:strict_order"), &funnel, &error),
                     CORONG_OK);
        cr_assert_eq(dialect_apply(&funnel, &error), count == 31 ? CORONG_OK : CORONG_UNSUPPORTED);
    }
    cr_assert(strstr(error.message, "at most 31 steps") != NULL, "%s", error.message);
    (void)named("clickhouse", 32);
}

Test(dialect, test_descriptions_of_dialects_differ)
{
    struct funnel funnels[] = {named("clickhouse", 2), named("clickhouse:strict_increase", 2),
                               named("doris", 2), named("clickhouse_strict_once", 2)};
    struct text_buffer texts[4] = {{0}, {0}, {0}, {0}};
    for (uint32_t i = 0; i < 4; i++) {
        funnel_describe(&funnels[i], &texts[i]);
        for (uint32_t j = 0; j < i; j++) {
            cr_assert_str_neq(texts[i].bytes, texts[j].bytes);
        }
    }
    for (uint32_t i = 0; i < 4; i++) {
        text_buffer_deinit(&texts[i]);
    }
}

// Letters are the steps of an event, one event per second; 'x' is an event of no step.
static uint32_t level_of(const char *words, uint32_t step_count, const char *letters)
{
    struct match_event events[64];
    struct match_result result;
    struct funnel funnel = named(words, step_count);
    struct match_rule rule = {.step_count = step_count,
                              .window_us = funnel.window_us,
                              .ties = funnel.ties,
                              .as_of_us = INT64_MAX / 4,
                              .until_us = INT64_MAX};
    uint32_t count = 0;
    bool every = dialect_needs_of(&funnel).every_event;
    for (uint32_t at = 0; letters[at] != '\0'; at++) {
        uint32_t steps_of = letters[at] == 'x' ? 0 : UINT32_C(1) << (letters[at] - 'a');
        steps_of |= every ? UINT32_C(1) << dialect_seen_step(&funnel) : 0;
        if (steps_of != 0) {
            events[count++] =
                (struct match_event){.time_us = at, .steps = steps_of, .entry_allowed = true};
        }
    }
    dialect_match(&funnel, &rule, events, count, &result);
    return result.level;
}

Test(dialect, test_clickhouse_ends_its_pass_where_the_modes_say)
{
    cr_assert_eq(level_of("clickhouse", 3, "abc"), 3);
    cr_assert_eq(level_of("clickhouse:strict_order", 3, "axbc"), 1);
    cr_assert_eq(level_of("clickhouse:strict_order", 3, "acbc"), 1);
    cr_assert_eq(level_of("clickhouse:strict_order,allow_reentry", 3, "acbc"), 3);
    cr_assert_eq(level_of("clickhouse:strict_deduplication", 3, "abbc"), 2);
    cr_assert_eq(level_of("clickhouse:strict_order", 3, "aabbcc"), 3);
    cr_assert_eq(level_of("clickhouse:strict_once,strict_order", 3, "axbc"), 1);
    cr_assert_eq(level_of("clickhouse:strict_once,strict_deduplication", 3, "abbc"), 2);
}

// Events of one instant, by their step bits.
static uint32_t level_at_once(const char *words, uint32_t step_count, const uint32_t *bits,
                              uint32_t count)
{
    struct match_event events[8];
    struct match_result result;
    struct funnel funnel = named(words, step_count);
    struct match_rule rule = {
        .step_count = step_count, .window_us = funnel.window_us, .ties = funnel.ties};
    for (uint32_t i = 0; i < count; i++) {
        events[i] = (struct match_event){.time_us = 5, .steps = bits[i], .entry_allowed = true};
    }
    dialect_match(&funnel, &rule, events, count, &result);
    return result.level;
}

Test(dialect, test_clickhouse_uses_a_row_once_only_where_it_is_asked)
{
    const uint32_t one[] = {7};
    const uint32_t two[] = {3, 3};
    const uint32_t three[] = {7, 7, 4};
    cr_assert_eq(level_at_once("clickhouse", 3, one, 1), 3);
    cr_assert_eq(level_at_once("clickhouse:strict_once,strict_deduplication", 3, one, 1), 1);
    cr_assert_eq(level_at_once("clickhouse:strict_once,strict_order", 3, one, 1), 1);
    cr_assert_eq(level_at_once("clickhouse:strict_once,strict_order", 2, two, 2), 2);
    cr_assert_eq(level_at_once("clickhouse:strict_once,strict_order", 3, three, 3), 3);
    cr_assert_eq(level_at_once("clickhouse:strict_once,strict_order,strict_increase", 3, three, 3),
                 1);
}

Test(dialect, test_doris_begins_at_every_first_step)
{
    cr_assert_eq(level_of("doris", 3, "abc"), 3);
    cr_assert_eq(level_of("doris:deduplication", 3, "ababc"), 3);
    cr_assert_eq(level_of("doris:deduplication", 3, "abbc"), 2);
    cr_assert_eq(level_of("doris:fixed", 3, "abxc"), 2);
    cr_assert_eq(level_of("doris:fixed,v2", 3, "abxc"), 3);
    cr_assert_eq(level_of("doris:fixed", 3, "abaabc"), 3);
}

Test(dialect, test_starrocks_drops_the_chain_and_goes_on)
{
    struct funnel funnel = named("starrocks:fixed", 3);
    struct match_rule rule = {.step_count = 3, .window_us = INT64_C(10000000)};
    struct match_result result;
    const struct match_event events[] = {
        {.time_us = 0, .steps = 1},       {.time_us = 1000000, .steps = 4},
        {.time_us = 2000000, .steps = 2}, {.time_us = 3000000, .steps = 1},
        {.time_us = 4000000, .steps = 2}, {.time_us = 5000000, .steps = 4}};
    funnel.window_us = rule.window_us;
    dialect_match(&funnel, &rule, events, 6, &result);
    cr_assert_eq(result.level, 3, "the second chain is whole");
    dialect_match(&funnel, &rule, events, 3, &result);
    cr_assert_eq(result.level, 1, "c without b ends the first");
}

Test(dialect, test_starrocks_counts_whole_seconds)
{
    struct funnel funnel = named("starrocks:increase", 2);
    struct match_rule rule = {.step_count = 2, .window_us = INT64_C(1000000)};
    struct match_result result;
    const struct match_event events[] = {{.time_us = 100, .steps = 1},
                                         {.time_us = 900000, .steps = 2}};
    funnel.window_us = rule.window_us;
    dialect_match(&funnel, &rule, events, 2, &result);
    cr_assert_eq(result.level, 1, "both lie in second 0");
    const struct match_event apart[] = {{.time_us = 100, .steps = 1},
                                        {.time_us = 1999999, .steps = 2}};
    dialect_match(&funnel, &rule, apart, 2, &result);
    cr_assert_eq(result.level, 2, "1 second apart, by the clock");
}
