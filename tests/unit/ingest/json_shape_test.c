// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_shape.h"

#include "ingest/decode/decode.h"
#include "storage/base/cpu.h"
#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct json_plan plan;
static struct json_capture capture;

/// Fields: "a", "b.c", "b.d", "a longer key" and "e.f.g".
static void plan_open(void)
{
    static const struct text a[] = {{"a", 1}};
    static const struct text bc[] = {{"b", 1}, {"c", 1}};
    static const struct text bd[] = {{"b", 1}, {"d", 1}};
    static const struct text longer[] = {{"a longer key", 12}};
    static const struct text efg[] = {{"e", 1}, {"f", 1}, {"g", 1}};
    struct json_path paths[] = {{a, 1, false, 0},
                                {bc, 2, false, 0},
                                {bd, 2, false, 0},
                                {longer, 1, false, 0},
                                {efg, 3, false, 0}};
    json_plan_build(&plan, &arena, paths, 5, NULL);
    json_capture_init(&capture, &plan);
}

static void plan_close(void)
{
    json_capture_deinit(&capture);
    arena_deinit(&arena);
}

static void expect_same(const char *text, size_t size, const struct json_capture *found,
                        const struct json_capture *wanted, enum reject_reason reason,
                        enum reject_reason wanted_reason)
{
    cr_assert_eq(reason, wanted_reason, "%.*s: %s", (int)size, text, reject_reason_name(reason));
    if (reason != REJECT_NONE) {
        cr_assert_eq(found->fault_at, wanted->fault_at, "%.*s", (int)size, text);
    }
    cr_assert_eq(found->document_kind, wanted->document_kind);
    cr_assert_eq(found->tape_count, 0);
    for (uint32_t field = 0; field < plan.field_count; field++) {
        const struct decode_field *left = &found->fields[field];
        const struct decode_field *right = &wanted->fields[field];
        cr_assert(left->bytes == right->bytes && left->size == right->size &&
                      left->kind == right->kind && left->escape == right->escape,
                  "%.*s: field %" PRIu32, (int)size, text, field);
    }
}

typedef const char *line_kernel(const struct json_plan *plan, struct text lines,
                                struct json_capture *capture);

/// The document as the first of two lines: a kernel takes what it takes without them, and perhaps
/// what is too short for that, but nothing that the scalar scanner refuses. Whatever follows the
/// lines is not looked at.
static void scan_line(line_kernel *kernel, struct text document, bool taken, const char *line_end)
{
    struct json_capture scalar;
    struct text_buffer lines = {0};
    json_capture_init(&scalar, &plan);
    text_buffer_append(&lines, document.bytes, document.size);
    text_buffer_printf(&lines, "%s{\"a\":1}\n", line_end);
    size_t size = lines.size;
    for (uint32_t index = 0; index < JSON_SHAPE_PADDING; index++) {
        text_buffer_append(&lines, &"\"}],:01a"[index % 8], 1);
    }
    char *exact = memory_allocate(lines.size);
    memcpy(exact, lines.bytes, lines.size);
    const char *end = kernel(&plan, (struct text){exact, size}, &capture);
    cr_assert(end != NULL || !taken, "%.*s", (int)document.size, document.bytes);
    if (end != NULL) {
        cr_assert_eq(end - exact, (ptrdiff_t)document.size, "%.*s", (int)document.size,
                     document.bytes);
        struct text line = {exact, document.size};
        enum reject_reason wanted = json_scan_scalar(&plan, line, &scalar);
        expect_same(exact, document.size, &capture, &scalar, REJECT_NONE, wanted);
    }
    json_capture_deinit(&scalar);
    text_buffer_deinit(&lines);
    memory_free(exact);
}

static void scan_lines(struct text document, bool taken)
{
    bool one_line = memchr(document.bytes, '\n', document.size) == NULL &&
                    document.bytes[document.size - 1] != '\r';
    static const char *const ends[] = {"\n", "\r\n"};
    for (uint32_t index = 0; index < 2 && one_line; index++) {
        scan_line(json_shape_line_plain, document, taken, ends[index]);
#ifdef __x86_64__
        if (cpu_has_avx2()) {
            scan_line(json_shape_line_avx2, document, taken, ends[index]);
        }
#endif
    }
}

/// Scans a copy of exactly this size by what was learned so far (each kernel), and learns; all is
/// as the scalar scanner has it. Returns whether steps took it.
static bool scan(const char *text, size_t size)
{
    struct json_capture scalar;
    json_capture_init(&scalar, &plan);
    char *copy = memory_allocate(size + 1);
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *exact = memory_allocate(size);
    memcpy(exact, text, size);
    struct text document = {exact, size};
    enum reject_reason wanted = json_scan_scalar(&plan, document, &scalar);
    bool plain = json_shape_scan_plain(&plan, document, &capture);
    if (plain) {
        expect_same(copy, size, &capture, &scalar, REJECT_NONE, wanted);
    }
#ifdef __x86_64__
    if (cpu_has_avx2()) {
        cr_assert_eq(json_shape_scan_avx2(&plan, document, &capture), plain, "%s", copy);
        if (plain) {
            expect_same(copy, size, &capture, &scalar, REJECT_NONE, wanted);
        }
    }
#endif
    if (size > 0) {
        scan_lines(document, plain);
    }
    uint64_t hits = capture.shapes->hits;
    enum reject_reason reason = json_scan(&plan, document, &capture);
    expect_same(copy, size, &capture, &scalar, reason, wanted);
    cr_assert_eq(capture.shapes->hits - hits, plain);
    json_capture_deinit(&scalar);
    memory_free(exact);
    memory_free(copy);
    return plain;
}

static bool take(const char *text)
{
    return scan(text, strlen(text));
}

Test(json_shape, test_a_document_like_the_one_before_is_taken_by_steps)
{
    plan_open();
    cr_expect(!take("{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]}"));
    cr_expect(take("{\"a\":\"another\",\"b\":{\"c\":-1e9,\"d\":true},\"z\":[false,\"\"]}"));
    cr_expect(take("{\"a\":\"e\\u0041\\n\",\"b\":{\"c\":0,\"d\":1},\"z\":[2,\"\xc3\xa4\"]}"));
    // Longer than all the others by far, and with what ends on the last byte.
    cr_expect(take("{\"a\":\"0123456789012345678901234567890123456789012345678901234567890123456\","
                   "\"b\":{\"c\":0,\"d\":1},\"z\":[2,\"\"]}"));
    plan_close();
}

Test(json_shape, test_keys_in_any_order_and_lists_of_any_length_are_taken)
{
    plan_open();
    take("{\"a\":\"one\",\"a longer key\":\"two\",\"other\":\"three\",\"list\":[1,2,3]}");
    take("{\"list\":[1,2,3],\"other\":\"three\",\"a\":\"one\",\"a longer key\":\"two\"}");
    take("{\"other\":\"three\",\"list\":[1,2,3],\"a longer key\":\"two\",\"a\":\"one\"}");
    take("{\"a longer key\":\"two\",\"a\":\"one\",\"list\":[1,2,3],\"other\":\"three\"}");
    cr_expect(take("{\"a\":\"one\",\"list\":[1,2,3,4,5,6,7],\"a longer key\":\"x\"}"));
    cr_expect(take("{\"list\":[1,2],\"a longer key\":\"two\",\"other\":\"x\",\"a\":\"y\"}"));
    plan_close();
}

Test(json_shape, test_a_place_met_twice_is_left_to_the_scanner)
{
    plan_open();
    take("{\"b\":{\"c\":1,\"d\":2},\"x\":{\"c\":1},\"a\":\"some value\"}");
    take("{\"x\":{\"c\":1},\"b\":{\"c\":1,\"d\":2},\"a\":\"some value\"}");
    take("{\"a\":\"some value\",\"b\":{\"c\":1,\"d\":2},\"x\":{\"c\":1}}");
    cr_expect(take("{\"b\":{\"c\":1,\"d\":2},\"x\":{\"c\":1},\"a\":\"some value\"}"));
    cr_expect(!take("{\"b\":{\"c\":1,\"d\":2},\"a\":\"some value\",\"b\":{\"d\":1}}"));
    cr_expect(!take("{\"b\":{\"c\":1,\"d\":2},\"a\":\"some value\",\"b\":null,\"x\":1}"));
    plan_close();
}

Test(json_shape, test_what_is_unsound_is_refused_at_the_same_byte)
{
    static const char *const bad[] = {
        "{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":nul},\"z\":[1,\"x\"]}",
        "{\"a\":\"one\",\"b\":{\"c\":12.,\"d\":null},\"z\":[1,\"x\"]}",
        "{\"a\":\"o\x01ne\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]}",
        "{\"a\":\"o\\xne\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]}",
        "{\"a\":\"o\xffne\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]}",
        "{\"a\":\"one\",\"b\":{\"c\":012.5,\"d\":null},\"z\":[1,\"x\"]}",
        "{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]}}",
        "{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]} x",
        "{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]",
        "{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x",
        "{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null}",
    };
    plan_open();
    take("{\"a\":\"one\",\"b\":{\"c\":12.5,\"d\":null},\"z\":[1,\"x\"]}");
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        cr_expect(!take(bad[index]), "%s", bad[index]);
    }
    plan_close();
}

Test(json_shape, test_a_quote_behind_a_bare_value_closes_no_string)
{
    // What was learned behind a string begins with the quote that closes it.
    static const char *const bad[] = {
        "{\"x\":1700000000\",\"a\":\"view of a page\"}",
        "{\"x\":null\",\"a\":\"view of a page\"}      ",
        "{\"x\":true\",\"a\":\"view of a page\"}      ",
        "{\"x\":1.5\",\"a\":\"view of a page\"}       ",
    };
    plan_open();
    take("{\"x\":1700000000,\"user\":\"u1\",\"a\":\"view\"}");
    take("{\"x\":\"1700000000\",\"a\":\"view of a page\"}");
    cr_expect(take("{\"x\":1700000001,\"user\":\"u2\",\"a\":\"view\"}"));
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        cr_expect(!take(bad[index]), "%s", bad[index]);
    }
    plan_close();
}

Test(json_shape, test_a_value_of_any_size_ends_where_it_ends)
{
    // Through all places of a block of 32 and of 64 bytes, mapped and not; plain, with an escape, a
    // character of several bytes, a control, and bytes that are no UTF-8 as its last or its first.
    static const char *const marks[] = {"",     "\\n",  "\xc3\xa4", "\xf0\x9f\x9a\x80",
                                        "\x01", "\xff", "\\x",      "\xed\xa0\x80",
                                        "\xc3", "\n"};
    plan_open();
    take("{\"a\":\"some value\",\"x\":\"some value\",\"b\":{\"c\":\"some value\"}}");
    for (uint32_t size = 0; size < 140; size++) {
        for (uint32_t mark = 0; mark < sizeof(marks) / sizeof(marks[0]); mark++) {
            for (uint32_t place = 0; place < 6; place++) {
                char value[160];
                char text[600];
                snprintf(value, sizeof(value), "%s%0*d%s", place < 3 ? marks[mark] : "",
                         (int)size + 1, 0, place < 3 ? "" : marks[mark]);
                snprintf(text, sizeof(text), "{\"a\":\"%s\",\"x\":\"%s\",\"b\":{\"c\":\"%s\"}}",
                         place % 3 == 0 ? value : "a", place % 3 == 1 ? value : "0123456789",
                         place % 3 == 2 ? value : "abc");
                bool taken = take(text);
                cr_assert(taken == (mark < 4), "%s", text);
                capture.shapes->pause = 0;
                capture.shapes->credit = 64;
            }
        }
    }
    plan_close();
}

Test(json_shape, test_a_line_that_is_cut_is_not_taken_with_the_next_one)
{
    static const char whole[] = "{\"a\":\"some value\",\"x\":[1,\"x\"],\"b\":{\"c\":12}}";
    plan_open();
    take(whole);
    for (size_t size = 1; size < sizeof(whole) - 1; size++) {
        cr_assert(!scan(whole, size));
        capture.shapes->pause = 0;
        capture.shapes->credit = 64;
    }
    cr_expect(take(whole));
    plan_close();
}

Test(json_shape, test_few_steps_of_a_chain_are_compared)
{
    plan_open();
    // All of them begin with the same eight bytes, and stand in one context.
    char text[80];
    for (int number = 0; number < 40; number++) {
        snprintf(text, sizeof(text), "{\"x\":\"a\",\"common %02d\":\"some value\"}", number);
        take(text);
        capture.shapes->pause = 0;
        capture.shapes->credit = 64;
    }
    // The step expected is the last one that came; others are looked for among the first ones.
    uint32_t taken = 0;
    for (int number = 0; number < 40; number++) {
        snprintf(text, sizeof(text), "{\"x\":\"a\",\"common %02d\":\"some value\"}", number);
        taken += take(text);
        capture.shapes->pause = 0;
        capture.shapes->credit = 64;
    }
    cr_expect_leq(taken, JSON_SHAPE_TRIES_MAX + 1, "%" PRIu32, taken);
    cr_expect_geq(taken, JSON_SHAPE_TRIES_MAX, "%" PRIu32, taken);
    plan_close();
}

Test(json_shape, test_what_is_never_alike_is_rarely_tried)
{
    plan_open();
    for (int number = 0; number < 20000; number++) {
        char text[64];
        int size =
            snprintf(text, sizeof(text), "{\"key %d\":%d,\"other key\":\"value\"}", number, number);
        struct text document = {text, (size_t)size};
        cr_assert_eq(json_scan(&plan, document, &capture), REJECT_NONE);
    }
    cr_expect_leq(capture.shapes->misses, 400, "%" PRIu64, capture.shapes->misses);
    for (int number = 0; number < 40000; number++) {
        struct text document = TEXT_LITERAL("{\"a\":\"one\",\"a longer key\":\"two\",\"x\":1}");
        cr_assert_eq(json_scan(&plan, document, &capture), REJECT_NONE);
    }
    cr_expect_geq(capture.shapes->hits, 20000, "%" PRIu64, capture.shapes->hits);
    plan_close();
}

static uint64_t state;

static uint32_t draw(uint32_t bound)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((state >> 32) * bound) >> 32);
}

static void put_value(struct text_buffer *out, int depth);

static void put_string(struct text_buffer *out)
{
    static const char *const parts[] = {
        "x",    "value", "\\n",  "\\u00e4", "\xc3\xa4",
        "\\\"", "1",     "true", "null",    "a text of more than thirty-two bytes in one piece"};
    text_buffer_printf(out, "\"");
    for (uint32_t count = draw(4); count > 0; count--) {
        text_buffer_printf(out, "%s", parts[draw(10)]);
    }
    text_buffer_printf(out, "\"");
}

static void put_object(struct text_buffer *out, int depth)
{
    static const char *const keys[] = {"a",
                                       "b",
                                       "c",
                                       "d",
                                       "e",
                                       "f",
                                       "g",
                                       "a longer key",
                                       "z",
                                       "\\u0061",
                                       "a key that is longer than thirty-two bytes"};
    text_buffer_printf(out, "{");
    for (uint32_t count = draw(5), index = 0; index < count; index++) {
        text_buffer_printf(out, "%s\"%s\":%s", index == 0 ? "" : ",", keys[draw(11)],
                           draw(16) == 0 ? " " : "");
        put_value(out, depth + 1);
    }
    text_buffer_printf(out, "}");
}

static void put_value(struct text_buffer *out, int depth)
{
    static const char *const bare[] = {"0", "-12.5e+3", "true", "false", "null", "1234567890"};
    uint32_t kind = depth == 0 ? 0 : draw(depth < 4 ? 6 : 4) + (depth < 4 ? 0 : 2);
    if (kind == 0) {
        put_object(out, depth);
    } else if (kind == 1) {
        text_buffer_printf(out, "[");
        for (uint32_t count = draw(3), index = 0; index < count; index++) {
            text_buffer_printf(out, "%s", index == 0 ? "" : ",");
            put_value(out, depth + 1);
        }
        text_buffer_printf(out, "]");
    } else if (kind < 4) {
        put_string(out);
    } else {
        text_buffer_printf(out, "%s", bare[draw(6)]);
    }
}

static void mutate(struct text_buffer *text)
{
    static const char bytes[] = "\"\\{}[],:0 a\x01\xc3\n";
    for (uint32_t count = draw(3); count > 0 && text->size > 1; count--) {
        uint32_t at = draw((uint32_t)text->size);
        if (draw(4) == 0) {
            text->size = at;
        } else if (draw(2) == 0) {
            memmove(text->bytes + at, text->bytes + at + 1, text->size - at - 1);
            text->size--;
        } else {
            text->bytes[at] = bytes[draw(sizeof(bytes) - 1)];
        }
    }
}

Test(json_shape, test_random_documents_and_broken_ones_are_as_the_scalar_scanner_has_them)
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    uint32_t rounds = 60 * (scale == NULL ? 1 : (uint32_t)atoi(scale));
    uint64_t taken = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        struct text_buffer texts[6] = {0};
        state = round;
        plan_open();
        for (uint32_t index = 0; index < 6; index++) {
            put_object(&texts[index], 0);
        }
        for (uint32_t index = 0; index < 120; index++) {
            struct text_buffer text = {0};
            text_buffer_append(&text, texts[index % 6].bytes, texts[index % 6].size);
            if (index > 30) {
                mutate(&text);
            }
            taken += scan(text.bytes, text.size);
            capture.shapes->pause = 0; // every one is tried
            text_buffer_deinit(&text);
        }
        for (uint32_t index = 0; index < 6; index++) {
            text_buffer_deinit(&texts[index]);
        }
        plan_close();
    }
    cr_expect_geq(taken, rounds * 15, "%" PRIu64, taken);
}
