// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#include "ingest/decode/decode.h"
#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct arena arena;
static struct json_plan plan;
static struct json_capture capture;

/// Fields: "a" and "b.c"; with `unroll`, "list[].x" instead of "b.c".
static struct json_path paths[2];

static void plan_open(bool unroll)
{
    static const struct text a[] = {{"a", 1}};
    static const struct text bc[] = {{"b", 1}, {"c", 1}};
    static const struct text x[] = {{"x", 1}};
    static const struct text list[] = {{"list", 4}};
    paths[0] = (struct json_path){a, 1, false, 0};
    paths[1] = unroll ? (struct json_path){x, 1, true, 0} : (struct json_path){bc, 2, false, 0};
    struct json_path array = {list, 1, false, 0};
    json_plan_build(&plan, &arena, paths, 2, unroll ? &array : NULL);
    json_capture_init(&capture, &plan);
}

/// Scans a copy of exactly this size.
static enum reject_reason scan_sized(const char *text, size_t size)
{
    char *copy = memory_allocate(size);
    memcpy(copy, text, size);
    enum reject_reason reason = json_scan(&plan, (struct text){copy, size}, &capture);
    memory_free(copy);
    return reason;
}

static void expect(const char *text, enum reject_reason expected)
{
    enum reject_reason reason = scan_sized(text, strlen(text));
    cr_expect_eq(reason, expected, "%s: %s", text, reject_reason_name(reason));
}

Test(json_scan, test_documents_of_every_kind_are_accepted)
{
    plan_open(false);
    static const char *const good[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "\"\"",
        "true",
        "false",
        "null",
        " [ 1 , 2 ] \r\n\t",
        "{\"a\":{\"b\":[]}}",
        "\"\\u0000\\ud800\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\x7f\"",
        "\"\xf4\x8f\xbf\xbf\xe0\xa0\x80\xc2\x80\"",
        "{\"\":0}",
        "[1e9999]",
        "{\"a\":1,\"a\":2}",
        "{\"long key that is not mapped\":\"long value that is not mapped at all\"}"};
    for (size_t index = 0; index < sizeof(good) / sizeof(good[0]); index++) {
        expect(good[index], REJECT_NONE);
    }
}

Test(json_scan, test_violations_are_refused_wherever_they_stand)
{
    plan_open(false);
    static const char *const bad[] = {"{,}",
                                      "[,1]",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[1 2]",
                                      "{\"a\" 1}",
                                      "{\"a\"::1}",
                                      "01",
                                      "-01",
                                      "1.e1",
                                      ".5",
                                      "+1",
                                      "- 1",
                                      "1a",
                                      "0x1",
                                      "NaN",
                                      "Infinity",
                                      "True",
                                      "nul ",
                                      "[\"\t\"]",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "[1]]",
                                      "{}{}",
                                      "{} x",
                                      "[1]\x01",
                                      "{\"z\":[1,{\"y\":tru}]}",
                                      "\"\x1f\"",
                                      "[\"a\"\"b\"]",
                                      "{\"a\":}",
                                      "]",
                                      "}",
                                      ",",
                                      "\xef\xbb\xbf{}",
                                      "{1:2}",
                                      "[}",
                                      "{]"};
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        expect(bad[index], REJECT_NOT_JSON);
    }
}

Test(json_scan, test_every_start_of_a_document_is_truncated)
{
    plan_open(false);
    const char *whole =
        " {\"a\" : [1.5e+3, true, null, false, \"x\\u12aB\\n\", {}], \"b\":{\"c\":-0}}";
    for (size_t size = 0; size < strlen(whole); size++) {
        cr_expect_eq(scan_sized(whole, size), REJECT_TRUNCATED, "size %zu", size);
        cr_expect_eq(capture.fault_at, size);
    }
    expect(whole, REJECT_NONE);
}

Test(json_scan, test_utf8_is_checked_in_strings_of_every_length)
{
    plan_open(false);
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",         "\xe2\x82",         "\xf0\x9f\x98",     "\xc3(",
        "\xe2\x82("};
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        for (int before = 0; before < 20; before++) {
            char text[64];
            snprintf(text, sizeof(text), "{\"%.*s%s\":1}", before, "aaaaaaaaaaaaaaaaaaaa",
                     bad[index]);
            expect(text, REJECT_NOT_UTF8);
        }
    }
}

Test(json_scan, test_special_bytes_are_found_at_every_place_of_a_word)
{
    plan_open(false);
    for (int before = 0; before < 24; before++) {
        char text[64];
        snprintf(text, sizeof(text), "[\"%.*s\x01%s\"]", before, "aaaaaaaaaaaaaaaaaaaaaaaa",
                 "bbbb");
        expect(text, REJECT_NOT_JSON);
        cr_expect_eq(capture.fault_at, 2 + before);
        snprintf(text, sizeof(text), "{\"a\":\"%.*s\\n\"}", before, "aaaaaaaaaaaaaaaaaaaaaaaa");
        expect(text, REJECT_NONE);
        cr_expect_eq(capture.fields[paths[0].field].size, before + 2);
        cr_expect_eq(capture.fields[paths[0].field].escape, FIELD_ESCAPED_JSON);
    }
}

static void nested(char *text, size_t depth)
{
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
}

Test(json_scan, test_depth_limit_holds_on_both_sides)
{
    plan_open(false);
    char text[2 * JSON_DEPTH_MAX + 3];
    nested(text, JSON_DEPTH_MAX);
    expect(text, REJECT_NONE);
    nested(text, JSON_DEPTH_MAX + 1);
    expect(text, REJECT_TOO_DEEP);
}

Test(json_scan, test_only_mapped_places_are_captured)
{
    plan_open(false);
    const char *text =
        "{\"c\":1,\"b\":{\"a\":2,\"c\":\"x\"},\"a\":3,\"d\":{\"a\":4,\"b\":{\"c\":5}}}";
    cr_expect_eq(json_scan(&plan, text_from(text), &capture), REJECT_NONE);
    struct decode_field a = capture.fields[paths[0].field];
    struct decode_field c = capture.fields[paths[1].field];
    cr_expect(text_equal((struct text){a.bytes, a.size}, TEXT_LITERAL("3")));
    cr_expect(text_equal((struct text){c.bytes, c.size}, TEXT_LITERAL("x")));
    cr_expect_eq(a.kind, FIELD_NUMBER);
    cr_expect_eq(c.kind, FIELD_STRING);
    cr_expect_eq(capture.document_kind, FIELD_OBJECT);
    expect("[{\"a\":1}]", REJECT_NONE);
    cr_expect_eq(capture.fields[paths[0].field].kind, FIELD_MISSING);
}

Test(json_scan, test_elements_are_taped_in_order)
{
    plan_open(true);
    const char *text = "{\"list\":[{\"x\":1},7,{\"x\":{\"x\":2}},[{\"x\":3}],{}],\"a\":0}";
    cr_expect_eq(json_scan(&plan, text_from(text), &capture), REJECT_NONE);
    cr_expect_eq(capture.element_count, 5);
    cr_expect_eq(capture.tape_count, 7);
    cr_expect_eq(capture.tape[1].operation, JSON_TAPE_FIELD);
    cr_expect_eq(capture.tape[1].value, FIELD_NUMBER);
    cr_expect_eq(capture.tape[4].value, FIELD_OBJECT);
    cr_expect_eq(capture.tape[5].value, FIELD_ARRAY);
    cr_expect_eq(capture.fields[plan.unroll_field].kind, FIELD_ARRAY);
}

static void expect_unescaped(const char *escaped, const char *plain, size_t plain_size)
{
    char to[64];
    size_t size = json_string_unescape(text_from(escaped), to);
    cr_expect(size <= strlen(escaped));
    cr_expect(text_equal((struct text){to, size}, (struct text){plain, plain_size}), "%s", escaped);
}

Test(json_scan, test_escapes_decode_to_utf8)
{
    expect_unescaped("", "", 0);
    expect_unescaped("ab", "ab", 2);
    expect_unescaped("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
    expect_unescaped("\\u0000x", "\0x", 2);
    expect_unescaped("\\u007f\\u0080\\u07FF\\u0800\\uFFFF",
                     "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
    expect_unescaped("\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4);
    expect_unescaped("\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf", 4);
    expect_unescaped("\\ud83d", "\xef\xbf\xbd", 3);
    expect_unescaped("\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd", 6);
    expect_unescaped("\\ud83d\\u0041",
                     "\xef\xbf\xbd"
                     "A",
                     4);
    expect_unescaped("\\ud83d\\n", "\xef\xbf\xbd\n", 4);
    expect_unescaped("\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
}
