// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config.h"

#include "tests/support/config_text.h"

#include <criterion/criterion.h>

static void expect_ok(const char *yaml, struct config *config, struct arena *arena)
{
    struct corong_error error = {0};
    enum corong_status status = config_text_load(config, arena, yaml, &error);
    cr_assert_eq(status, CORONG_OK, "%s", error.message);
}

/// The message must hold `words`; "corong.yaml" in them stands for the file.
static void expect_error(const char *yaml, enum corong_status status, const char *words)
{
    struct arena arena = {0};
    struct config config;
    struct corong_error error = {0};
    cr_assert_eq(config_text_load(&config, &arena, yaml, &error), status, "for:\n%s\ngot: %s", yaml,
                 error.message);
    cr_assert(strstr(error.message, words) != NULL, "expected '%s', found '%s'", words,
              error.message);
    arena_deinit(&arena);
}

Test(config, an_empty_file_gives_the_defaults)
{
    struct arena arena = {0};
    struct config config;
    expect_ok("# nothing\n", &config, &arena);
    cr_assert_eq(config.session_timeout_us, SESSION_TIMEOUT_DEFAULT_US);
    cr_assert_eq(config.memory_limit_bytes, UINT64_C(1) << 30);
    cr_assert_eq(config.commit_interval_us, 5000000);
    cr_assert_null(config.store.bytes);
    cr_assert_eq(config.definitions.stage_count, 3);
    cr_assert_eq(config.definitions.funnel_count, 0);
    arena_deinit(&arena);
}

Test(config, everything_that_may_be_said_is_read)
{
    struct arena arena = {0};
    struct config config;
    expect_ok("store: ./shop.store\n"
              "session_timeout: 10m\n"
              "limits: { memory: 64MiB, shards: 2, parallel: 3, commit_interval: 250ms }\n"
              "stages:\n"
              "  visit: { events: [a, b], where: \"page = '/'\", priority: -2, group: top }\n"
              "  cart: add_to_cart\n"
              "  sale: { where: \"page like '/sale/%'\" }\n"
              "funnels:\n"
              "  checkout:\n"
              "    steps: [visit, { stage: cart, where: \"price > 1\", name: dear },\n"
              "            { event: [order, purchase], where: revenue > 0 }]\n"
              "    window: session\n"
              "    unit: session\n"
              "    ties: strict\n"
              "    attempts: first\n"
              "    live: country\n"
              "kafka: { bootstrap.servers: 'h:1', a: b=c }\n",
              &config, &arena);
    cr_assert(text_equal(config.store, TEXT_LITERAL("./shop.store")));
    cr_assert_eq(config.session_timeout_us, 600000000);
    cr_assert_eq(config.memory_limit_bytes, UINT64_C(64) << 20);
    cr_assert_eq(config.shard_count, 2);
    cr_assert_eq(config.pump_count, 3);
    cr_assert_eq(config.commit_interval_us, 250000);
    cr_assert_eq(config.definitions.stage_count, 5);
    const struct stage *visit = definitions_stage(&config.definitions, TEXT_LITERAL("visit"));
    cr_assert_eq(visit->event_count, 2);
    cr_assert_eq(visit->priority, -2);
    const struct funnel *funnel = &config.definitions.funnels[0];
    cr_assert_eq(funnel->step_count, 3);
    cr_assert(text_equal(funnel->steps[1].name, TEXT_LITERAL("dear")));
    cr_assert(text_equal(funnel->steps[1].events[0], TEXT_LITERAL("add_to_cart")));
    cr_assert(text_equal(funnel->steps[2].name, TEXT_LITERAL("order")));
    cr_assert_eq(funnel->steps[2].event_count, 2);
    cr_assert(funnel->window_session);
    cr_assert_eq(funnel->unit, FUNNEL_UNIT_SESSION);
    cr_assert_eq(funnel->ties, FUNNEL_TIES_STRICT);
    cr_assert_eq(funnel->attempts, FUNNEL_ATTEMPTS_FIRST);
    cr_assert(text_equal(funnel->live_slice, TEXT_LITERAL("country")));
    cr_assert_str_eq(config.kafka_properties[0], "bootstrap.servers=h:1");
    cr_assert_str_eq(config.kafka_properties[1], "a=b=c");
    cr_assert_null(config.kafka_properties[2]);
    cr_assert_eq(config.origins[CONFIG_SHARDS], 3);
    cr_assert_eq(config.origins[CONFIG_MAPPING], CONFIG_ORIGIN_DEFAULT);
    arena_deinit(&arena);
}

Test(config, conditions_of_a_stage_and_its_step_both_hold)
{
    struct arena arena = {0};
    struct config config;
    expect_ok("stages: { dear: { events: [order], where: a = 1 or b = 2 } }\n"
              "funnels: { f: { steps: [visit, { stage: dear, where: c = 3 }] } }\n",
              &config, &arena);
    struct text where = config.definitions.funnels[0].steps[1].where;
    cr_assert(text_equal(where, TEXT_LITERAL("(a = 1 or b = 2) and (c = 3)")), "%s", where.bytes);
    arena_deinit(&arena);
}

Test(config, unknown_keys_name_line_column_and_the_nearest_word)
{
    expect_error("funnels:\n  checkout:\n    steps: [visit, order]\n    windw: 7d\n",
                 CORONG_INVALID,
                 ":4:5: funnels.checkout: unknown key 'windw'; did you mean 'window'?");
    expect_error("stors: x\n", CORONG_INVALID, ":1:1: unknown key 'stors'; did you mean 'store'?");
    expect_error("xyzzy: x\n", CORONG_INVALID, "unknown key 'xyzzy'; known are: store,");
    expect_error("limits: { memroy: 1GiB }\n", CORONG_INVALID, "did you mean 'memory'?");
}

Test(config, repeated_keys_aliases_and_second_documents_are_refused)
{
    expect_error("store: a\nstore: b\n", CORONG_INVALID, ":2:1: key 'store' is given twice");
    expect_error("store: &a x\nkafka: { b: *a }\n", CORONG_INVALID, "anchors and aliases");
    expect_error("--- {}\n--- {}\n", CORONG_INVALID, "a second document");
    expect_error("? [a]\n: b\n", CORONG_INVALID, "a key must be a word");
    expect_error("store: [x\n", CORONG_INVALID, "not valid YAML");
    expect_error("- a\n", CORONG_INVALID, "keys and values are expected here");
    expect_error("store:\n", CORONG_INVALID, "the value is empty");
}

Test(config, nesting_is_bounded)
{
    struct text_buffer yaml = {0};
    text_buffer_append_string(&yaml, "store: ");
    for (int level = 0; level < 40; level++) {
        text_buffer_append_string(&yaml, "[");
    }
    expect_error(yaml.bytes, CORONG_INVALID, "nested too deep");
    text_buffer_deinit(&yaml);
}

Test(config, values_out_of_range_name_what_is_allowed)
{
    expect_error("limits: { shards: 65 }\n", CORONG_INVALID, "not a whole number from 0 to 64");
    expect_error("limits: { shards: -1 }\n", CORONG_INVALID, "not a whole number from 0 to 64");
    expect_error("limits: { shards: 1x }\n", CORONG_INVALID, "not a whole number");
    expect_error("limits: { memory: 67108863 }\n", CORONG_INVALID, "at least 64MiB");
    expect_error("limits: { memory: 1XB }\n", CORONG_INVALID, "unknown unit");
    expect_error("session_timeout: 25h\n", CORONG_INVALID, "at most 24h");
    expect_error("limits: { commit_interval: 99ms }\n", CORONG_INVALID, "at least 100ms");
    expect_error("stages: { a: { events: [x], group: tip } }\n", CORONG_INVALID,
                 "'tip' is not one of: top, middle, bottom");
}

Test(config, stages_and_steps_are_checked)
{
    expect_error("funnels: { f: { steps: [visit, ordr] } }\n", CORONG_INVALID,
                 "unknown stage 'ordr'; did you mean 'order'?");
    expect_error("funnels: { f: { window: 7d } }\n", CORONG_INVALID, "'steps' is missing");
    expect_error("funnels: { f: { steps: [] } }\n", CORONG_INVALID, "1 to 32 steps");
    expect_error("funnels: { f: { steps: [visit, { name: x }] } }\n", CORONG_INVALID,
                 "needs 'stage', 'event' or 'where'");
    expect_error("funnels: { f: { steps: [visit, { stage: order, event: x }] } }\n", CORONG_INVALID,
                 "one of them is enough");
    expect_error("stages: { s: { priority: 1 } }\n", CORONG_INVALID,
                 "'events' or 'where' is needed");
}

Test(config, gaps_and_exclusions)
{
    struct arena arena = {0};
    struct config config;
    expect_ok(
        "funnels: { f: { steps: [visit, { stage: order, max_gap: 2h, min_gap: 1s }],\n"
        "  attempts: last, range: inside, exclude: [click,\n"
        "  { event: logout, where: 'revenue > 1', after: visit, before: 2, effect: remove }] } }\n",
        &config, &arena);
    const struct funnel *funnel = &config.definitions.funnels[0];
    cr_assert_not_null(funnel->gaps);
    cr_expect_eq(funnel->gaps[0].max_us, FUNNEL_WINDOW_NONE);
    cr_expect_eq(funnel->gaps[1].max_us, INT64_C(7200000000));
    cr_expect_eq(funnel->gaps[1].min_us, 1000000);
    cr_expect_eq(funnel->attempts, FUNNEL_ATTEMPTS_LAST);
    cr_expect(funnel->range_inside);
    cr_assert_eq(funnel->exclusion_count, 2);
    cr_expect_eq(funnel->exclusions[0].after, 1);
    cr_expect_eq(funnel->exclusions[0].before, 2);
    cr_expect_not(funnel->exclusions[0].remove);
    cr_expect(funnel->exclusions[1].remove);
    cr_expect(text_equal(funnel->exclusions[1].stage.where, TEXT_LITERAL("revenue > 1")));
    arena_deinit(&arena);
    expect_error("funnels: { f: { steps: [{ stage: visit, max_gap: 1h }, order] } }\n",
                 CORONG_INVALID, "a gap runs from the step before");
    expect_error("funnels: { f: { steps: [visit, { stage: order, max_gap: 1h, min_gap: 2h }] } }\n",
                 CORONG_INVALID, "min_gap is longer than max_gap");
    expect_error("funnels: { f: { steps: [visit, { stage: order, max_gap: soon }] } }\n",
                 CORONG_INVALID, "1:57: ");
    expect_error(
        "funnels: { f: { steps: [visit, order], exclude: [{ stage: click, after: vist }] } }\n",
        CORONG_INVALID, "did you mean 'visit'?");
    expect_error(
        "funnels: { f: { steps: [visit, order], exclude: [{ stage: click, after: 3 }] } }\n",
        CORONG_INVALID, "after");
    expect_error(
        "funnels: { f: { steps: [visit, order], exclude: [{ stage: click, after: 2 }] } }\n",
        CORONG_INVALID, "nothing lies after step 2 and before step 2");
    expect_error(
        "funnels: { f: { steps: [visit, order], exclude: [{ stage: click, effect: remov }] } }\n",
        CORONG_INVALID, "remove");
    expect_error("funnels: { f: { steps: [visit, order], exclude: [clik] } }\n", CORONG_INVALID,
                 "unknown stage 'clik'; did you mean 'click'?");
}

Test(config, every_option_of_a_funnel_has_a_key)
{
    struct arena arena = {0};
    struct config config;
    expect_ok(
        "funnels: { f: { steps: [visit, { stage: click, optional: true, max_gap: 2h }, order],\n"
        "  entry: open, tie_tolerance: 2s, attempts: all, unit: [cart_id, shop],\n"
        "  exclude: [{ event: logout, where: n > 1, after: 1, before: order }] } }\n",
        &config, &arena);
    const struct funnel *funnel = &config.definitions.funnels[0];
    cr_expect_eq(funnel->optional, 2);
    cr_expect(funnel->entry_open);
    cr_expect_eq(funnel->tie_tolerance_us, 2000000);
    cr_expect_eq(funnel->attempts, FUNNEL_ATTEMPTS_ALL);
    cr_expect_eq(funnel->unit, FUNNEL_UNIT_ATTRIBUTES);
    cr_expect_eq(funnel->unit_attribute_count, 2);
    cr_expect(text_equal(funnel->unit_attributes[1], TEXT_LITERAL("shop")));
    cr_expect_eq(funnel->exclusions[0].before, 3);
    expect_ok("funnels: { f: { steps: [{ stage: visit, anchor: first }, click,\n"
              "  { stage: order, anchor: last }], order: any } }\n",
              &config, &arena);
    cr_expect_eq(config.definitions.funnels[0].anchor_first, 1);
    cr_expect_eq(config.definitions.funnels[0].anchor_last, 3);
    expect_ok("funnels: { f: { steps: [visit, order], order: strict, scope: funnel,\n"
              "  repeat: allow } }\n",
              &config, &arena);
    cr_expect_eq(config.definitions.funnels[0].scope, FUNNEL_SCOPE_FUNNEL);
    cr_expect_eq(config.definitions.funnels[0].repeat, FUNNEL_REPEAT_ALLOW);
    arena_deinit(&arena);
}

Test(config, what_does_not_go_together_is_refused_in_words)
{
    expect_error("funnels: { f: { steps: [visit, order], order: any, entry: open } }\n",
                 CORONG_INVALID, "'order: any' does not go with 'entry: open'");
    expect_error("funnels: { f: { steps: [visit, order], tie_tolerance: 1s, ties: strict } }\n",
                 CORONG_INVALID, "'tie_tolerance' does not go with 'ties: strict'");
    expect_error("funnels: { f: { steps: [{ stage: visit, optional: true }, order] } }\n",
                 CORONG_INVALID, "the first and the last step cannot be optional");
    expect_error("funnels: { f: { steps: [{ stage: visit, anchor: first },\n"
                 "  { stage: order, anchor: first }], order: any } }\n",
                 CORONG_INVALID, "step 1 is the first anchor already");
    expect_error("funnels: { f: { steps: [visit, order], scope: funnle } }\n", CORONG_INVALID,
                 "funnel");
}

Test(config, what_is_printed_can_be_read_again)
{
    struct arena arena = {0};
    struct config first;
    struct config second;
    struct text_buffer text = {0};
    expect_ok("store: 'a b'\nsession_timeout: 90s\nlimits: { memory: 100MiB, shards: 4 }\n"
              "stages: { \"q\\\"s\": { where: \"a = 'x\\ty'\" }, cart: [c, 'Product Added'] }\n"
              "funnels: { f: { steps: [\"q\\\"s\", { stage: cart, where: p > 1, name: n }],\n"
              "  window: none, ties: strict, live: country },\n"
              "  g: { steps: [visit, { stage: click, optional: true }, order], entry: open,\n"
              "  tie_tolerance: 2s, unit: [a, b], attempts: all, exclude: [{ event: x }] },\n"
              "  h: { steps: [{ stage: visit, anchor: first }, order], order: any },\n"
              "  i: { steps: [visit, order], order: strict, scope: funnel, repeat: allow } }\n",
              &first, &arena);
    config_print(&first, &text);
    struct corong_error error = {0};
    cr_assert_eq(config_text_load(&second, &arena, text.bytes, &error), CORONG_OK, "%s\n%s",
                 error.message, text.bytes);
    cr_assert(strstr(text.bytes, "# default") != NULL);
    cr_assert(strstr(text.bytes, ".yaml:2") != NULL, "%s", text.bytes);
    cr_assert(text_equal(second.store, first.store));
    cr_assert_eq(second.memory_limit_bytes, first.memory_limit_bytes);
    struct text_buffer descriptions[2] = {{0}};
    funnel_describe(&first.definitions.funnels[0], &descriptions[0]);
    funnel_describe(&second.definitions.funnels[0], &descriptions[1]);
    cr_assert_str_eq(descriptions[0].bytes, descriptions[1].bytes);
    text_buffer_deinit(&descriptions[0]);
    text_buffer_deinit(&descriptions[1]);
    text_buffer_deinit(&text);
    arena_deinit(&arena);
}

Test(config, secrets_are_not_printed)
{
    struct arena arena = {0};
    struct config config;
    struct text_buffer text = {0};
    expect_ok("kafka: { sasl.password: hunter2, group.id: g }\n", &config, &arena);
    config_print(&config, &text);
    cr_assert(strstr(text.bytes, "hunter2") == NULL);
    cr_assert(strstr(text.bytes, "group.id: g") != NULL, "%s", text.bytes);
    text_buffer_deinit(&text);
    arena_deinit(&arena);
}

Test(config, a_step_word_is_a_stage_an_event_or_a_condition)
{
    struct arena arena = {0};
    struct config config;
    struct stage stage;
    struct corong_error error = {0};
    config_init(&config, &arena);
    cr_assert_eq(config_step(&config, &arena, TEXT_LITERAL("order"), &stage, &error), CORONG_OK);
    cr_assert_eq(stage.event_count, 5);
    cr_assert_eq(config_step(&config, &arena, TEXT_LITERAL("wishlist"), &stage, &error), CORONG_OK);
    cr_assert_eq(stage.event_count, 1);
    cr_assert(text_equal(stage.events[0], TEXT_LITERAL("wishlist")));
    cr_assert_null(stage.where.bytes);
    cr_assert_eq(
        config_step(&config, &arena, TEXT_LITERAL("order where revenue > 0"), &stage, &error),
        CORONG_OK);
    cr_assert_eq(stage.event_count, 5);
    cr_assert(text_equal(stage.where, TEXT_LITERAL("revenue > 0")));
    cr_assert_eq(
        config_step(&config, &arena, TEXT_LITERAL("order: where path = '/o'"), &stage, &error),
        CORONG_OK);
    cr_assert_eq(stage.event_count, 0);
    cr_assert(text_equal(stage.name, TEXT_LITERAL("order")));
    cr_assert(text_equal(stage.where, TEXT_LITERAL("path = '/o'")));
    cr_assert_eq(config_step(&config, &arena, TEXT_LITERAL("where path = '/o'"), &stage, &error),
                 CORONG_OK);
    cr_assert(text_equal(stage.name, TEXT_LITERAL("path = '/o'")));
    cr_assert(text_equal(stage.where, TEXT_LITERAL("path = '/o'")));
    cr_assert_eq(stage.event_count, 0);
    cr_assert_eq(config_step(&config, &arena, TEXT_LITERAL(""), &stage, &error), CORONG_INVALID);
    cr_assert_eq(config_step(&config, &arena, TEXT_LITERAL("a: where "), &stage, &error),
                 CORONG_INVALID);
    arena_deinit(&arena);
}

Test(config, sizes_have_units)
{
    static const struct {
        const char *text;
        uint64_t size;
    } GOOD[] = {{"0", 0},           {"17", 17},
                {"500kB", 500000},  {"64MiB", 67108864},
                {"1GiB", 1u << 30}, {"2TB", 2000000000000},
                {"3B", 3}};
    static const char *const BAD[] = {
        "", "MiB", "-1", "1.5GiB", "1gb", "1 GB", "99999999999999999999", "99999999TiB"};
    uint64_t size;
    struct corong_error error;
    for (size_t index = 0; index < sizeof(GOOD) / sizeof(GOOD[0]); index++) {
        cr_assert_eq(size_parse(text_from(GOOD[index].text), &size, &error), CORONG_OK, "%s",
                     GOOD[index].text);
        cr_assert_eq(size, GOOD[index].size, "%s", GOOD[index].text);
    }
    for (size_t index = 0; index < sizeof(BAD) / sizeof(BAD[0]); index++) {
        cr_assert_eq(size_parse(text_from(BAD[index]), &size, &error), CORONG_INVALID, "%s",
                     BAD[index]);
    }
}

Test(config, a_mapping_file_may_be_bare_or_under_its_key)
{
    struct arena arena = {0};
    struct mapping *mapping;
    struct corong_error error = {0};
    char path[64];
    config_text_write("preset: otto\n", path);
    cr_assert_eq(config_load_mapping(&mapping, &arena, path, &error), CORONG_OK, "%s",
                 error.message);
    config_text_remove(path);
    config_text_write("mapping: { preset: otto }\n", path);
    cr_assert_eq(config_load_mapping(&mapping, &arena, path, &error), CORONG_OK, "%s",
                 error.message);
    config_text_remove(path);
    cr_assert_neq(config_load_mapping(&mapping, &arena, path, &error), CORONG_OK);
    arena_deinit(&arena);
}
