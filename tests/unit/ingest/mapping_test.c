// SPDX-License-Identifier: Apache-2.0
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define ENOUGH "user: u\ntime: t\nname: n\n"

static void expect_error(const char *yaml, const char *message)
{
    struct decode_harness harness;
    cr_expect_eq(decode_harness_parse(&harness, yaml), CORONG_INVALID, "%s", yaml);
    cr_expect_not_null(strstr(harness.error.message, message), "%s\n gave: %s\n not: %s", yaml,
                       harness.error.message, message);
    decode_harness_close(&harness);
}

Test(mapping, test_errors_name_place_and_nearest_word)
{
    expect_error(ENOUGH "usr: x\n",
                 "test.yaml:4:1: unknown key of 'mapping' 'usr', did you mean 'user'");
    expect_error("user: u\nname: n\n", "test.yaml:1:1: mapping: 'time' is missing");
    expect_error("time: t\nname: n\n", "'user' is missing");
    expect_error("user: u\ntime: t\n", "'name' is missing");
    expect_error(ENOUGH "format: jason\n",
                 "test.yaml:4:9: unknown format 'jason', did you mean 'json'");
    expect_error(ENOUGH "format: [json]\n", "unknown format");
    expect_error("user: u\nname: n\ntime: { path: t, unit: sec }\n", "unknown unit 'sec'");
    expect_error("user: u\nname: n\ntime: { path: t, zone: Europe/Berlino }\n", "test.yaml:3:24");
    expect_error("user: u\nname: n\ntime: { paht: t }\n", "did you mean 'path'");
    expect_error(ENOUGH "attributes: { a: { path: x, type: int } }\n", "unknown type 'int'");
    expect_error(ENOUGH "attributes: { a: { type: string } }\n", "'path' was expected");
    expect_error(ENOUGH "attributes: { revenue: x }\n", "every event has a column of this name");
    expect_error(ENOUGH "attributes: [x]\n", "attributes: {NAME: PATH, ...} was expected");
    expect_error(ENOUGH "names: x\n", "names: {OLD: NEW, ...} was expected");
    expect_error(ENOUGH "revenue: x\n",
                 "revenue: {amount: PATH, currency: PATH, events: [NAME, ...]} was expected");
    expect_error(ENOUGH "revenue: { sum: x }\n", "unknown key of 'revenue' 'sum'");
    expect_error(ENOUGH "max_time: tomorrow\n", "max_time 'tomorrow'");
    expect_error("preset: segmnt\n", "unknown preset 'segmnt', did you mean 'segment'");
    expect_error("- a\n", "keys such as");
    expect_error(ENOUGH "event_id: { const: x }\n", "unknown event_id 'const', allowed: join");
    expect_error(ENOUGH "sequence: { const: x }\n", "a path or a list of paths was expected");
    expect_error("user: { const: x }\ntime: t\nname: n\n", "unknown user 'const'");
}

Test(mapping, test_links_are_checked)
{
    expect_error(ENOUGH "links: { evnt: identify }\n", "did you mean 'event'");
    expect_error(ENOUGH "links: { event: identify }\n",
                 "links: 'anonymous', 'previous' or 'alias' was expected");
    expect_error("anonymous: a\ntime: t\nname: n\nlinks: { event: identify }\n",
                 "links: 'known' or the mapping's 'user' was expected");
    expect_error(ENOUGH "links: [x]\n", "{event: NAME, anonymous: PATH} was expected");
    expect_error(ENOUGH "links: true\n", "there is no preset that knows which events link ids");
    expect_error(ENOUGH "links: yes\n", "unknown links 'yes', allowed: false, true");
    expect_error(ENOUGH "links: { event: { a: b }, alias: x }\n", "a word was expected");
    expect_error(ENOUGH "attributes: { $anonymous: x }\n", "it is made by 'links'");
    expect_error(ENOUGH "attributes: { $alias: x }\n", "choose another name");
}

static void expect_rules(uint32_t count, bool good)
{
    struct text_buffer yaml = {0};
    struct decode_harness harness;
    text_buffer_append_string(&yaml, ENOUGH "links:\n");
    for (uint32_t i = 0; i < count; i++) {
        text_buffer_append_string(&yaml, "  - { alias: x }\n");
    }
    cr_expect_eq(decode_harness_parse(&harness, yaml.bytes) == CORONG_OK, good, "%u", count);
    decode_harness_close(&harness);
    text_buffer_deinit(&yaml);
}

Test(mapping, test_eight_rules_may_link)
{
    expect_rules(8, true);
    expect_rules(9, false);
}

Test(mapping, test_repeated_keys_and_aliases_are_refused)
{
    expect_error(ENOUGH "user: v\n", "test.yaml:4:1: key 'user' is given twice, first in line 1");
    expect_error(ENOUGH "attributes: { a: x, a: y }\n", "key 'a' is given twice");
    expect_error("user: &x u\ntime: *x\nname: n\n", "anchors and aliases are not allowed");
    expect_error("user: [[a]]\ntime: t\nname: n\n", "a word was expected");
    expect_error("? [a]\n: b\n", "a key must be a word");
}

Test(mapping, test_paths_are_checked)
{
    expect_error("user: a..b\ntime: t\nname: n\n",
                 "test.yaml:1:7: path 'a..b': each key has 1 to 128");
    expect_error("user: .a\ntime: t\nname: n\n", "each key has");
    expect_error("user: 'list[].b'\ntime: t\nname: n\n", "an element of an array is NAME[0]");
    expect_error("user: 'a[0].b[0]'\ntime: t\nname: n\n", "one of them in a path");
    expect_error("user: 'a[0]b'\ntime: t\nname: n\n", "an element of an array is NAME[0]");
    expect_error("user: 'a[x].b'\ntime: t\nname: n\n", "in brackets stands a number from 0 to");
    expect_error("user: 'a[1000000].b'\ntime: t\nname: n\n", "in brackets stands a number");
    expect_error("user: 'a[=x].b'\ntime: t\nname: n\n", "have at most 128 bytes");
    expect_error("user: ['a[0].b', 'a[k=x].b']\ntime: t\nname: n\n", "another path does it");
    expect_error("unroll: a\nuser: 'a[0].b'\ntime: t\nname: n\n", "its elements are '[].'");
    expect_error("unroll: list\nuser: 'list[]'\ntime: t\nname: n\n", "an element of an array");
    expect_error("unroll: [a, b, c, d, e, f, g, h, i]\n" ENOUGH, "at most 8 paths");
    expect_error("unroll: { optional: true }\n" ENOUGH, "'path' was expected");
    expect_error("unroll: { path: a, optional: perhaps }\n" ENOUGH, "unknown optional");
    expect_error("columns: [u, t, n]\n" ENOUGH, "'columns' needs format csv, tsv or log");
    expect_error("format: csv\ncolumns: u\n" ENOUGH, "columns: [NAME, ...] was expected");
    expect_error("format: csv\nunroll: a\n" ENOUGH, "needs format json");
    expect_error("format: combined\nuser: ip\ntime: time\nname: verb\n",
                 "test.yaml:4:7: path 'verb': an access log has");
    expect_error(
        "user: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a\ntime: t\n"
        "name: n\n",
        "more than 32 keys");
}

Test(mapping, test_dots_in_keys_can_be_escaped)
{
    struct decode_harness harness;
    decode_harness_open(&harness, "user: 'a\\.b'\ntime: t\nname: n\n");
    cr_expect_str_eq(decode_harness_lines(&harness, "{\"a.b\":1,\"t\":1,\"n\":\"v\"}"),
                     "known 1 v 1000000\n");
    decode_harness_close(&harness);
}

Test(mapping, test_keys_override_a_preset_and_attributes_merge)
{
    struct decode_harness harness;
    decode_harness_open(&harness, "preset: otto\nuser: owner\nanonymous: ~\n"
                                  "attributes: { aid: ~, item: 'events[].aid' }\n"
                                  "names: { clicks: ~, carts: basket }\n");
    cr_expect_str_eq(decode_harness_lines(
                         &harness, "{\"owner\":1,\"session\":2,\"events\":[{\"aid\":3,\"ts\":1,"
                                   "\"type\":\"clicks\"},{\"ts\":2,\"type\":\"carts\"},{\"ts\":2,"
                                   "\"type\":\"orders\"}]}"),
                     "known 1 clicks 1000 item=3\nknown 1 basket 2000\nknown 1 order 2000\n");
    decode_harness_close(&harness);
}

Test(mapping, test_every_preset_is_sound_and_described_so_that_it_reads_back)
{
    for (const char *const *name = mapping_preset_names(); *name != NULL; name++) {
        struct arena arena = {0};
        struct corong_error error = {0};
        struct mapping *mapping = NULL;
        cr_assert_eq(mapping_from_preset(&mapping, &arena, text_from(*name), &error), CORONG_OK,
                     "%s: %s", *name, error.message);
        struct text_buffer first = {0};
        struct text_buffer second = {0};
        mapping_describe(mapping, &first);
        struct decode_harness harness;
        cr_assert_eq(decode_harness_parse(&harness, first.bytes), CORONG_OK, "%s: %s\n%s", *name,
                     harness.error.message, first.bytes);
        mapping_describe(harness.mapping, &second);
        cr_expect_str_eq(first.bytes, second.bytes);
        decode_harness_close(&harness);
        text_buffer_deinit(&first);
        text_buffer_deinit(&second);
        arena_deinit(&arena);
    }
}

Test(mapping, test_unknown_preset_lists_those_there_are)
{
    struct arena arena = {0};
    struct corong_error error = {0};
    struct mapping *mapping = NULL;
    cr_expect_eq(mapping_from_preset(&mapping, &arena, TEXT_LITERAL("nope"), &error),
                 CORONG_NOT_FOUND);
    cr_expect_not_null(strstr(error.message, "segment"));
    cr_expect_null(mapping_preset_text(TEXT_LITERAL("nope")));
    arena_deinit(&arena);
}

static void expect_reads_back(const char *yaml, const char *words)
{
    struct decode_harness harness;
    struct text_buffer first = {0};
    struct text_buffer second = {0};
    cr_assert_eq(decode_harness_parse(&harness, yaml), CORONG_OK, "%s", harness.error.message);
    mapping_describe(harness.mapping, &first);
    decode_harness_close(&harness);
    cr_expect_not_null(strstr(first.bytes, words), "%s", first.bytes);
    cr_assert_eq(decode_harness_parse(&harness, first.bytes), CORONG_OK, "%s",
                 harness.error.message);
    mapping_describe(harness.mapping, &second);
    decode_harness_close(&harness);
    cr_expect_str_eq(first.bytes, second.bytes);
    text_buffer_deinit(&first);
    text_buffer_deinit(&second);
}

Test(mapping, test_words_with_line_breaks_read_back)
{
    expect_reads_back("user: 'it''s \"u\"'\ntime: t\nname: n\n", "user: 'it''s \"u\"'\n");
    expect_reads_back("user: \"a\\n\\n b\\t\\\"\"\ntime: t\nname: n\n",
                      "user: \"a\\x0a\\x0a b\\x09\\x22\"\n");
    expect_reads_back("user: \"a\\Nb\\Lc\\Pd\"\ntime: t\nname: n\n", "user: \"a\\Nb\\Lc\\Pd\"\n");
}
