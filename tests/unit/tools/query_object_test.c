// SPDX-License-Identifier: Apache-2.0
// A question printed and read back is the same question: random ones, as YAML and as JSON.
#include "tools/corong/query_object.h"

#include "tests/support/test_random.h"
#include "tools/corong/query_text.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct test_random source;

static uint32_t below(uint32_t bound)
{
    return test_random_below(&source, bound);
}

/// Text that YAML or JSON could take for something else.
static struct text nasty(struct arena *arena)
{
    static const char *const PARTS[] = {"a",        "visit",
                                        " ",        ":",
                                        ": ",       "#",
                                        " #",       "-",
                                        "'",        "\"",
                                        "\\",       "\n",
                                        "\t",       "{",
                                        "}",        "[",
                                        "]",        ",",
                                        "null",     "true",
                                        "~",        "0",
                                        "1e3",      "%",
                                        "@",        "`",
                                        "\xc3\xa9", "\xf0\x9f\x9b\x92",
                                        "\xc2\x85", "\xe2\x80\xa8",
                                        "\x7f",     "\x01",
                                        "|",        ">",
                                        "*",        "&",
                                        "!",        "?",
                                        "=",        "<<",
                                        "\\u0041",  "\\ud83d"};
    struct text_buffer text = {0};
    for (uint32_t count = 1 + below(5); count > 0; count--) {
        text_buffer_append_string(&text, PARTS[below(sizeof(PARTS) / sizeof(PARTS[0]))]);
    }
    struct text copy = arena_copy_text(arena, (struct text){text.bytes, text.size});
    text_buffer_deinit(&text);
    return copy;
}

static struct stage random_stage(struct arena *arena)
{
    static const char *const GROUPS[] = {"top", "middle", "bottom"};
    struct stage stage = {.name = nasty(arena)};
    stage.event_count = below(4);
    stage.events = arena_allocate_zeroed(arena, stage.event_count + 1, sizeof(struct text));
    for (uint32_t index = 0; index < stage.event_count; index++) {
        stage.events[index] = nasty(arena);
    }
    if (stage.event_count == 0 || below(2) == 0) {
        stage.where =
            below(2) == 0 ? TEXT_LITERAL("page like '/a: #%'") : TEXT_LITERAL("x = \"\\\"\"");
    }
    stage.priority = below(3) == 0 ? (int32_t)below(20) - 10 : 0;
    stage.group = below(3) == 0 ? text_from(GROUPS[below(3)]) : TEXT_MISSING;
    return stage;
}

/// What few funnels have; illegal pairs among it are left out by funnel_check().
static void random_rules(struct arena *arena, struct funnel *funnel)
{
    funnel->order = (enum funnel_order)(below(2) == 0 ? 0 : below(3));
    funnel->entry_open = below(5) == 0;
    if (funnel->order == FUNNEL_ORDER_STRICT) {
        funnel->scope = below(2) == 0 ? FUNNEL_SCOPE_ALL : FUNNEL_SCOPE_FUNNEL;
        funnel->repeat = below(2) == 0 ? FUNNEL_REPEAT_BREAK : FUNNEL_REPEAT_ALLOW;
    }
    if (funnel->order == FUNNEL_ORDER_ANY) {
        funnel->anchor_first = below(2) == 0 ? 1 : 0;
        funnel->anchor_last = below(2) == 0 && funnel->step_count > 1 ? funnel->step_count : 0;
    } else if (funnel->step_count > 2 && below(3) == 0) {
        funnel->optional = 1u << (1 + below(funnel->step_count - 2));
    }
    funnel->tie_tolerance_us = below(4) == 0 ? 1 + (int64_t)below(5000000) : 0;
    if (below(4) == 0) {
        funnel->unit = FUNNEL_UNIT_ATTRIBUTES;
        funnel->unit_attribute_count = 1 + below(3);
        funnel->unit_attributes =
            arena_allocate_zeroed(arena, funnel->unit_attribute_count, sizeof(struct text));
        for (uint32_t index = 0; index < funnel->unit_attribute_count; index++) {
            funnel->unit_attributes[index] = nasty(arena);
        }
    }
}

static void random_funnel(struct arena *arena, struct funnel *funnel)
{
    *funnel =
        (struct funnel){.step_count = 1 + below(5), .window_us = (int64_t)below(100) * 1000000};
    funnel->name = below(2) == 0 ? nasty(arena) : TEXT_MISSING;
    funnel->steps = arena_allocate_zeroed(arena, funnel->step_count, sizeof(funnel->steps[0]));
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        funnel->steps[index] = random_stage(arena);
    }
    if (below(3) == 0) {
        funnel->gaps = funnel_gaps_none(arena, funnel->step_count);
        for (uint32_t index = 1; index < funnel->step_count; index++) {
            funnel->gaps[index].max_us = (int64_t)(10 + below(90)) * 1000000;
            funnel->gaps[index].min_us = (int64_t)below(10) * 1000;
        }
    }
    if (funnel->step_count > 1 && below(3) == 0) {
        funnel->exclusions = arena_allocate_zeroed(arena, 1, sizeof(funnel->exclusions[0]));
        funnel->exclusion_count = 1;
        funnel->exclusions[0] =
            (struct funnel_exclusion){random_stage(arena), 1, funnel->step_count, below(2) == 0};
    }
    funnel->window_us = below(4) == 0 ? FUNNEL_WINDOW_NONE : funnel->window_us;
    funnel->unit = below(3) == 0 ? FUNNEL_UNIT_SESSION : FUNNEL_UNIT_USER;
    funnel->attempts = (enum funnel_attempts)below(4);
    random_rules(arena, funnel);
    funnel->ties = below(2) == 0 ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT;
    funnel->range_inside = below(2) == 0;
}

static void give(struct options *options, enum option_id id, struct text argument)
{
    struct corong_error error = {0};
    cr_assert_eq(options_set(options, id, argument.bytes, &error), CORONG_OK, "%s", error.message);
}

static void random_options(struct options *options)
{
    struct arena *arena = options->arena;
    for (uint32_t count = below(3); count > 0; count--) {
        give(options, OPTION_BY, nasty(arena));
    }
    if (below(2) == 0) {
        give(options, OPTION_FROM,
             below(2) == 0 ? TEXT_LITERAL("2026-01-02 03:04:05+01:00")
                           : TEXT_LITERAL("2026-01-02"));
    }
    if (below(2) == 0) {
        give(options, OPTION_WHERE, nasty(arena));
    }
    if (below(2) == 0) {
        give(options, OPTION_TOP, TEXT_LITERAL("7"));
    }
    if (below(2) == 0) {
        give(options, OPTION_SESSION_TIMEOUT, TEXT_LITERAL("1h30m"));
    }
    if (below(2) == 0) {
        give(options, OPTION_SURVIVAL, TEXT_LITERAL(""));
    }
}

static void expect_equal_options(const struct options *left, const struct options *right)
{
    static const enum option_id IDS[] = {
        OPTION_BY, OPTION_FROM, OPTION_WHERE, OPTION_TOP, OPTION_SESSION_TIMEOUT, OPTION_SURVIVAL};
    for (size_t index = 0; index < sizeof(IDS) / sizeof(IDS[0]); index++) {
        const struct option_value *a = &left->values[IDS[index]];
        const struct option_value *b = &right->values[IDS[index]];
        const char *name = OPTION_SPECS[IDS[index]].name;
        bool text = OPTION_SPECS[IDS[index]].kind == OPTION_KIND_TEXT;
        if (a->given) {
            cr_assert(b->given, "%s", name);
            cr_assert_eq(a->number, b->number, "%s", name);
            cr_assert(!text || text_equal(a->text, b->text), "%s: '%s' '%s'", name, a->text.bytes,
                      b->text.bytes);
        }
        cr_assert(!a->given || a->list_count == b->list_count, "%s", name);
        for (uint32_t item = 0; a->given && item < a->list_count; item++) {
            cr_assert(text_equal(a->list[item], b->list[item]), "%s", name);
        }
    }
}

static void describe(const struct funnel *funnel, struct text_buffer *out)
{
    text_buffer_reset(out);
    funnel_describe(funnel, out);
}

/// Reads a document and compares what it says.
static void expect_same(const struct options *asked, const struct config *config,
                        const struct funnel *funnel, const struct text_buffer *document)
{
    struct options again = {.arena = asked->arena, .allowed = asked->allowed};
    struct corong_error error = {0};
    struct funnel read;
    struct text_buffer first = {0};
    struct text_buffer second = {0};
    cr_assert_eq(query_object_parse(&again, asked->allowed, "test",
                                    (struct text){document->bytes, document->size}, &error),
                 CORONG_OK, "seed %llu: %s\n%s", (unsigned long long)test_random_seed(),
                 error.message, document->bytes);
    expect_equal_options(asked, &again);
    again.query->walk.error = &error;
    cr_assert_eq(config_funnel_inline(config, asked->arena, &again.query->funnel, &read), CORONG_OK,
                 "seed %llu: %s\n%s", (unsigned long long)test_random_seed(), error.message,
                 document->bytes);
    describe(funnel, &first);
    describe(&read, &second);
    cr_assert_str_eq(first.bytes, second.bytes, "seed %llu\n%s",
                     (unsigned long long)test_random_seed(), document->bytes);
    text_buffer_deinit(&first);
    text_buffer_deinit(&second);
    query_object_close(&again);
}

Test(query_object, test_a_question_printed_and_read_back_is_the_same_question)
{
    source = test_random_start(test_random_seed());
    uint64_t legal = 0;
    for (uint64_t round = 0; round < test_scaled(400); round++) {
        struct arena arena = {0};
        struct config config;
        struct funnel funnel;
        struct corong_error error;
        struct options options = {.arena = &arena, .allowed = verbs_find("funnel")->options};
        struct text_buffer yaml = {0};
        struct text_buffer json = {0};
        config_init(&config, &arena);
        random_funnel(&arena, &funnel);
        random_options(&options);
        if (funnel_check(&funnel, &error) == CORONG_OK) {
            legal++;
            query_object_write(&options, &config, &funnel, &yaml);
            expect_same(&options, &config, &funnel, &yaml);
            query_object_write_json(&options, &config, &funnel, &json);
            expect_same(&options, &config, &funnel, &json);
        }
        text_buffer_deinit(&yaml);
        text_buffer_deinit(&json);
        arena_deinit(&arena);
    }
    cr_expect_geq(legal * 5, test_scaled(400), "only %llu questions were legal",
                  (unsigned long long)legal);
}

static enum corong_status parse(struct options *options, struct arena *arena, const char *text,
                                struct corong_error *error)
{
    *options = (struct options){.arena = arena, .allowed = verbs_find("funnel")->options};
    return query_object_parse(options, options->allowed, "q", text_from(text), error);
}

Test(query_object, test_flags_come_before_keys_and_keys_are_checked_all_the_same)
{
    struct arena arena = {0};
    struct corong_error error = {0};
    struct options options = {.arena = &arena, .allowed = verbs_find("funnel")->options};
    give(&options, OPTION_TOP, TEXT_LITERAL("3"));
    cr_assert_eq(query_object_parse(&options, options.allowed, "q",
                                    TEXT_LITERAL("top: 9\nby: [a, b]\nwhere: ~\nfrom: null\n"),
                                    &error),
                 CORONG_OK, "%s", error.message);
    cr_expect_eq(options.values[OPTION_TOP].number, 3);
    cr_expect_eq(options.values[OPTION_BY].list_count, 2);
    cr_expect_not(options.values[OPTION_WHERE].given);
    cr_expect_not(options.values[OPTION_FROM].given);
    query_object_close(&options);
    struct options bad = {.arena = &arena, .allowed = verbs_find("funnel")->options};
    give(&bad, OPTION_TOP, TEXT_LITERAL("3"));
    cr_expect_eq(query_object_parse(&bad, bad.allowed, "q", TEXT_LITERAL("top: x\n"), &error),
                 CORONG_INVALID);
    cr_expect_str_eq(error.message,
                     "q:1:6: top: 'x' is not a whole number from 1 to 10000\n  top: x\n       ^");
    query_object_close(&bad);
    arena_deinit(&arena);
}

Test(query_object, test_json_may_write_characters_as_pairs_and_hold_line_breaks)
{
    struct arena arena = {0};
    struct corong_error error = {0};
    struct options options;
    cr_assert_eq(parse(&options, &arena,
                       "{\"where\": \"\\ud83d\\uded2\\\\u\\/\xe2\x80\xa8\xc2\x85\"}", &error),
                 CORONG_OK, "%s", error.message);
    cr_expect_str_eq(options.values[OPTION_WHERE].text.bytes,
                     "\xf0\x9f\x9b\x92\\u/\xe2\x80\xa8\xc2\x85");
    query_object_close(&options);
    cr_assert_eq(parse(&options, &arena, "where: '\\ud83d\\uded2'\n", &error), CORONG_OK);
    cr_expect_str_eq(options.values[OPTION_WHERE].text.bytes, "\\ud83d\\uded2");
    query_object_close(&options);
    cr_expect_eq(parse(&options, &arena, "{\"where\": \"\\ud83d\"}", &error), CORONG_INVALID);
    query_object_close(&options);
    arena_deinit(&arena);
}

Test(query_object, test_errors_point_at_the_character)
{
    static const char *const MISTAKES[][2] = {
        {"tpo: 3\n", "q:1:1: unknown key 'tpo'; did you mean 'to'?\n  tpo: 3\n  ^"},
        {"# \xc3\xbc\n\ntop: [\xc3\xbc]\n",
         "q:3:6: top: one value is expected here, not a list\n  top: [\xc3\xbc]\n       ^"},
        {"{\"by\": {\"a\": 1}}",
         "q:1:8: by: one value is expected here\n  {\"by\": {\"a\": 1}}\n         ^"},
        {"where: \"a\\0b\"\n",
         "q:1:8: where: a value cannot hold a NUL\n  where: \"a\\0b\"\n         ^"},
        {"survival: yes\n",
         "q:1:11: survival: 'yes' is not one of: false, true\n  survival: yes\n            ^"},
        {"top: 1\ntop: 2\n", "q:2:1: key 'top' is given twice\n  top: 2\n  ^"},
        {"a: &x 1\n",
         "q:1:4: anchors and aliases are not allowed; write the value out\n  a: &x 1\n     ^"},
    };
    for (size_t index = 0; index < sizeof(MISTAKES) / sizeof(MISTAKES[0]); index++) {
        struct arena arena = {0};
        struct corong_error error = {0};
        struct options options;
        cr_expect_eq(parse(&options, &arena, MISTAKES[index][0], &error), CORONG_INVALID);
        cr_expect_str_eq(error.message, MISTAKES[index][1], "%s\n%s", MISTAKES[index][0],
                         error.message);
        query_object_close(&options);
        arena_deinit(&arena);
    }
}
