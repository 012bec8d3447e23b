// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"

#include "engine/event/event.h"

#include <criterion/criterion.h>

static struct text order_events[] = {TEXT_LITERAL("order"), TEXT_LITERAL("purchase")};
static struct stage steps[FUNNEL_STEP_COUNT_MAX + 1];

static struct funnel sound_funnel(void)
{
    for (uint32_t step = 0; step < FUNNEL_STEP_COUNT_MAX + 1; step++) {
        steps[step] = (struct stage){.name = TEXT_LITERAL("bought"),
                                     .events = order_events,
                                     .event_count = 2,
                                     .where = TEXT_MISSING};
    }
    return (struct funnel){.name = TEXT_LITERAL("checkout"),
                           .steps = steps,
                           .step_count = 3,
                           .window_us = FUNNEL_WINDOW_DEFAULT_US};
}

static void expect_check(const struct funnel *funnel, enum corong_status status, const char *words)
{
    struct corong_error error = {0};
    cr_expect_eq(funnel_check(funnel, &error), status, "%s", error.message);
    if (status != CORONG_OK) {
        cr_expect_not_null(strstr(error.message, "funnel 'checkout'"), "%s", error.message);
        cr_expect_not_null(strstr(error.message, words), "%s", error.message);
    }
}

Test(funnel_check, takes_1_to_32_steps)
{
    struct funnel funnel = sound_funnel();
    expect_check(&funnel, CORONG_OK, "");
    funnel.step_count = 1;
    expect_check(&funnel, CORONG_OK, "");
    funnel.step_count = FUNNEL_STEP_COUNT_MAX;
    expect_check(&funnel, CORONG_OK, "");
    funnel.step_count = FUNNEL_STEP_COUNT_MAX + 1;
    expect_check(&funnel, CORONG_INVALID, "33 steps (1 to 32 are allowed)");
    funnel.step_count = 0;
    expect_check(&funnel, CORONG_INVALID, "0 steps");
}

Test(funnel_check, window_of_zero_is_legal_and_a_negative_one_is_not)
{
    struct funnel funnel = sound_funnel();
    funnel.window_us = 0;
    expect_check(&funnel, CORONG_OK, "");
    funnel.window_us = FUNNEL_WINDOW_NONE;
    expect_check(&funnel, CORONG_OK, "");
    funnel.window_us = -1;
    expect_check(&funnel, CORONG_INVALID, "negative");
}

Test(funnel_check, takes_every_word_of_an_option_and_no_other)
{
    struct funnel funnel = sound_funnel();
    funnel.order = FUNNEL_ORDER_STRICT;
    funnel.scope = FUNNEL_SCOPE_FUNNEL;
    funnel.repeat = FUNNEL_REPEAT_ALLOW;
    expect_check(&funnel, CORONG_OK, "");
    funnel = sound_funnel();
    funnel.order = FUNNEL_ORDER_ANY;
    funnel.anchor_first = 2;
    funnel.anchor_last = 3;
    expect_check(&funnel, CORONG_OK, "");
    funnel = sound_funnel();
    funnel.unit = FUNNEL_UNIT_SESSION;
    expect_check(&funnel, CORONG_OK, "");
    funnel.unit = FUNNEL_UNIT_ATTRIBUTES;
    expect_check(&funnel, CORONG_INVALID, "the unit lists no attribute");
    struct text attributes[FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX + 1];
    funnel.unit_attributes = attributes;
    funnel.unit_attribute_count = FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX;
    expect_check(&funnel, CORONG_OK, "");
    funnel.unit_attribute_count++;
    expect_check(&funnel, CORONG_INVALID, "lists 9 attributes (at most 8)");
    funnel = sound_funnel();
    for (int attempts = FUNNEL_ATTEMPTS_BEST; attempts <= FUNNEL_ATTEMPTS_ALL; attempts++) {
        funnel.attempts = (enum funnel_attempts)attempts;
        expect_check(&funnel, CORONG_OK, "");
    }
    funnel.attempts = (enum funnel_attempts)99;
    expect_check(&funnel, CORONG_INVALID, "99");
    funnel = sound_funnel();
    funnel.ties = FUNNEL_TIES_STRICT;
    expect_check(&funnel, CORONG_OK, "");
}

static void expect_obstacle(const struct funnel *funnel, const char *expected)
{
    const char *found = funnel_live_obstacle(funnel);
    cr_expect(expected == NULL ? found == NULL : found != NULL && strcmp(found, expected) == 0,
              "%s", found == NULL ? "none" : found);
}

Test(funnel_live_obstacle, says_what_the_live_view_cannot_follow)
{
    struct funnel_gap gaps[3] = {{0, FUNNEL_WINDOW_NONE}, {0, 5}, {0, FUNNEL_WINDOW_NONE}};
    struct funnel funnel = sound_funnel();
    expect_obstacle(&funnel, NULL);
    funnel.attempts = FUNNEL_ATTEMPTS_FIRST;
    expect_obstacle(&funnel, NULL);
    funnel.attempts = FUNNEL_ATTEMPTS_LAST;
    expect_obstacle(&funnel, "its attempts");
    funnel = sound_funnel();
    funnel.gaps = gaps;
    expect_obstacle(&funnel, "its gaps");
    funnel = sound_funnel();
    funnel.exclusion_count = 1;
    expect_obstacle(&funnel, "its exclusions");
    funnel = sound_funnel();
    funnel.range_inside = true;
    expect_obstacle(&funnel, "its range");
    funnel = sound_funnel();
    funnel.window_session = true;
    expect_obstacle(&funnel, "its session window");
}

Test(funnel_check, gaps_must_be_possible)
{
    struct funnel funnel = sound_funnel();
    struct funnel_gap gaps[] = {{0, FUNNEL_WINDOW_NONE}, {5, 5}, {0, FUNNEL_WINDOW_NONE}};
    funnel.gaps = gaps;
    expect_check(&funnel, CORONG_OK, "");
    gaps[1].max_us = 4;
    expect_check(&funnel, CORONG_INVALID, "step 2: min_gap is longer than max_gap");
    gaps[1] = (struct funnel_gap){-1, 4};
    expect_check(&funnel, CORONG_INVALID, "step 2: a gap is negative");
    gaps[1].min_us = 0;
    gaps[0].max_us = 7;
    expect_check(&funnel, CORONG_INVALID, "step 1: a gap runs from the step before");
}

Test(funnel_check, refuses_in_words_what_does_not_go_together)
{
    struct funnel_gap gaps[3] = {{0, FUNNEL_WINDOW_NONE}, {0, 5}, {0, FUNNEL_WINDOW_NONE}};
    struct funnel funnel = sound_funnel();
    struct funnel_exclusion exclusion = {.stage = steps[0], .after = 1, .before = 2};
    funnel.order = FUNNEL_ORDER_ANY;
    funnel.optional = 2;
    expect_check(&funnel, CORONG_INVALID, "'order: any' does not go with optional steps");
    funnel.optional = 0;
    funnel.gaps = gaps;
    expect_check(&funnel, CORONG_INVALID, "'order: any' does not go with max_gap and min_gap");
    funnel.gaps = NULL;
    funnel.entry_open = true;
    expect_check(&funnel, CORONG_INVALID, "'order: any' does not go with 'entry: open'");
    funnel.entry_open = false;
    funnel.exclusions = &exclusion;
    funnel.exclusion_count = 1;
    expect_check(&funnel, CORONG_INVALID, "an exclusion between two steps");
    exclusion.before = 3;
    expect_check(&funnel, CORONG_OK, "");
    funnel.anchor_first = 2;
    funnel.anchor_last = 2;
    expect_check(&funnel, CORONG_INVALID, "step 2 cannot be both anchors");
    funnel.anchor_last = 4;
    expect_check(&funnel, CORONG_INVALID, "an anchor is none of the 3 steps");
    funnel.anchor_last = 0;
    funnel.order = FUNNEL_ORDER_LOOSE;
    expect_check(&funnel, CORONG_INVALID, "an anchor needs 'order: any'");
    funnel = sound_funnel();
    funnel.order = FUNNEL_ORDER_STRICT;
    funnel.entry_open = true;
    expect_check(&funnel, CORONG_INVALID, "'order: strict' does not go with 'entry: open'");
    funnel = sound_funnel();
    funnel.scope = FUNNEL_SCOPE_FUNNEL;
    expect_check(&funnel, CORONG_INVALID, "the order is loose");
    funnel = sound_funnel();
    funnel.ties = FUNNEL_TIES_STRICT;
    funnel.tie_tolerance_us = 1;
    expect_check(&funnel, CORONG_INVALID, "'tie_tolerance' does not go with 'ties: strict'");
    funnel.ties = FUNNEL_TIES_ANY;
    funnel.tie_tolerance_us = -1;
    expect_check(&funnel, CORONG_INVALID, "tie_tolerance is not within 0 and 24h");
    funnel = sound_funnel();
    funnel.optional = 1;
    expect_check(&funnel, CORONG_INVALID, "the first and the last step cannot be optional");
    funnel.optional = 4;
    expect_check(&funnel, CORONG_INVALID, "the first and the last step cannot be optional");
    funnel.optional = 8;
    expect_check(&funnel, CORONG_INVALID, "a step that does not exist is optional");
}

Test(funnel_check, exclusions_must_lie_between_two_steps)
{
    struct funnel funnel = sound_funnel();
    struct funnel_exclusion exclusions[FUNNEL_EXCLUSION_COUNT_MAX + 1];
    for (uint32_t i = 0; i <= FUNNEL_EXCLUSION_COUNT_MAX; i++) {
        exclusions[i] = (struct funnel_exclusion){steps[0], 1, 3, false};
    }
    funnel.exclusions = exclusions;
    funnel.exclusion_count = FUNNEL_EXCLUSION_COUNT_MAX;
    expect_check(&funnel, CORONG_OK, "");
    funnel.exclusion_count++;
    expect_check(&funnel, CORONG_INVALID, "17 exclusions (at most 16)");
    funnel.exclusion_count = 1;
    exclusions[0].before = 1;
    expect_check(&funnel, CORONG_INVALID, "exclusion 1: nothing lies after step 1 and before");
    exclusions[0].before = 4;
    expect_check(&funnel, CORONG_INVALID, "exclusion 1: after 1 and before 4 are not steps 1 to 3");
    exclusions[0] = (struct funnel_exclusion){steps[0], 0, 2, false};
    expect_check(&funnel, CORONG_INVALID, "exclusion 1: after 0");
}

Test(funnel_check, looks_into_every_step)
{
    static char long_name[EVENT_NAME_SIZE_MAX + 1];
    struct text event = {long_name, EVENT_NAME_SIZE_MAX};
    struct funnel funnel = sound_funnel();
    steps[2].events = &event;
    steps[2].event_count = 1;
    expect_check(&funnel, CORONG_OK, "");
    event.size++;
    expect_check(&funnel, CORONG_INVALID, "step 3: event 1 has a name of 1025 bytes");
    event = TEXT_MISSING;
    expect_check(&funnel, CORONG_INVALID, "step 3: event 1 has no name");
    funnel = sound_funnel();
    steps[1].name = TEXT_MISSING;
    expect_check(&funnel, CORONG_INVALID, "step 2: has no name");
}

Test(funnel_check, takes_256_events_per_stage)
{
    static struct text many[STAGE_EVENT_COUNT_MAX + 1];
    for (uint32_t index = 0; index <= STAGE_EVENT_COUNT_MAX; index++) {
        many[index] = TEXT_LITERAL("a");
    }
    struct funnel funnel = sound_funnel();
    steps[0].events = many;
    steps[0].event_count = STAGE_EVENT_COUNT_MAX;
    expect_check(&funnel, CORONG_OK, "");
    steps[0].event_count++;
    expect_check(&funnel, CORONG_INVALID, "step 1: lists 257 events (at most 256)");
}

static void expect_described(const struct funnel *funnel, const char *expected)
{
    struct text_buffer out = {0};
    funnel_describe(funnel, &out);
    cr_expect_str_eq(out.bytes, expected);
    text_buffer_deinit(&out);
}

Test(funnel_describe, names_everything_on_one_line)
{
    struct text visits[] = {TEXT_LITERAL("view"), TEXT_LITERAL("a\"\n\\b"), TEXT_LITERAL("view")};
    struct stage two[] = {
        {.name = TEXT_LITERAL("visit"),
         .events = visits,
         .event_count = 3,
         .group = TEXT_LITERAL("top")},
        {.name = TEXT_LITERAL("any"), .where = TEXT_LITERAL("x  IN('a')"), .priority = -2}};
    struct funnel funnel = {.name = TEXT_LITERAL("f"),
                            .steps = two,
                            .step_count = 2,
                            .window_us = INT64_C(5400000000),
                            .window_session = true,
                            .unit = FUNNEL_UNIT_SESSION,
                            .attempts = FUNNEL_ATTEMPTS_FIRST,
                            .ties = FUNNEL_TIES_STRICT,
                            .live_slice = TEXT_LITERAL("country")};
    expect_described(&funnel,
                     "funnel \"f\" steps=[{\"visit\" events=[\"a\\x22\\x0a\\x5cb\",\"view\"] "
                     "priority=0 group=\"top\"},{\"any\" events=* where=\"x in ('a')\" "
                     "priority=-2}] window=session+1h30m order=loose unit=session attempts=first "
                     "ties=strict live=\"country\"");
}

Test(funnel_describe, equal_definitions_give_equal_lines)
{
    struct text forward[] = {TEXT_LITERAL("a"), TEXT_LITERAL("b")};
    struct text backward[] = {TEXT_LITERAL("b"), TEXT_LITERAL("a"), TEXT_LITERAL("b")};
    struct stage one = {.name = TEXT_LITERAL("s"),
                        .events = forward,
                        .event_count = 2,
                        .where = TEXT_LITERAL("revenue>0.50 AND not(x is NULL)")};
    struct stage other = {.name = TEXT_LITERAL("s"),
                          .events = backward,
                          .event_count = 3,
                          .where = TEXT_LITERAL("\"revenue\" > 5e-1 and not (x is null)")};
    struct funnel left = {.name = TEXT_LITERAL("f"), .steps = &one, .step_count = 1};
    struct funnel right = {.name = TEXT_LITERAL("f"), .steps = &other, .step_count = 1};
    struct text_buffer out = {0};
    funnel_describe(&right, &out);
    expect_described(&left, out.bytes);
    text_buffer_deinit(&out);
}

Test(definitions, are_found_by_name_and_suggested_by_nearness)
{
    struct stage stages[] = {{.name = TEXT_LITERAL("product_view")},
                             {.name = TEXT_LITERAL("order")}};
    struct funnel funnels[] = {{.name = TEXT_LITERAL("checkout")}};
    struct definitions definitions = {stages, 2, funnels, 1};
    cr_expect_eq(definitions_stage(&definitions, TEXT_LITERAL("order")), &stages[1]);
    cr_expect_null(definitions_stage(&definitions, TEXT_LITERAL("Order")));
    cr_expect_null(definitions_stage(&definitions, TEXT_MISSING));
    cr_expect_eq(definitions_funnel(&definitions, TEXT_LITERAL("checkout")), &funnels[0]);
    cr_expect_null(definitions_funnel(&definitions, TEXT_LITERAL("order")));
    struct text nearest = definitions_nearest_stage(&definitions, TEXT_LITERAL("prodct_view"));
    cr_expect(text_equal(nearest, stages[0].name));
    nearest = definitions_nearest_funnel(&definitions, TEXT_LITERAL("chekcout"));
    cr_expect(text_equal(nearest, funnels[0].name));
    cr_expect_null(definitions_nearest_stage(&definitions, TEXT_LITERAL("x")).bytes);
    cr_expect_null(definitions_nearest_funnel(&definitions, TEXT_LITERAL("payment")).bytes);
}
