// SPDX-License-Identifier: Apache-2.0
#include "storage/base/memory.h"
#include "tests/support/markup.h"
#include "tools/bench/page/page.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE "tests/unit/tools/bench_sample.json"

/// As the program wrote it, in seconds on a debug build.
#define REAL_SAMPLE "tools/bench/sample.json"

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    cr_assert_not_null(root, "%s: %s", path, error.text);
    return root;
}

/// Made up, with every part a document may have.
static json_t *sample(void)
{
    return load(SAMPLE);
}

/// The page of a document; freed by the caller.
static struct text_buffer page_of(const json_t *root)
{
    char *text = json_dumps(root, JSON_INDENT(1));
    struct text_buffer out = {0};
    struct corong_error error = {0};
    cr_assert_eq(page_write(text_from(text), &out, &error), CORONG_OK, "%s", error.message);
    cr_assert_null(markup_fault(out.bytes), "%s", markup_fault(out.bytes));
    free(text);
    return out;
}

Test(page, test_page_asks_nothing_of_anybody)
{
    json_t *root = sample();
    struct text_buffer out = page_of(root);
    static const char *const forbidden[] = {"http:",   "https:",     "src=",    "url(",
                                            "@import", "<script",    "<iframe", "<object",
                                            "<form",   "javascript:"};
    for (size_t index = 0; index < sizeof(forbidden) / sizeof(forbidden[0]); index++) {
        cr_assert_null(strstr(out.bytes, forbidden[index]), "%s is in the page", forbidden[index]);
    }
    for (const char *at = out.bytes; (at = strstr(at, "href=\"")) != NULL; at++) {
        cr_assert(at[6] == '#' || strncmp(at + 6, "data:,\"", 7) == 0, "%.40s", at);
    }
    cr_assert_not_null(strstr(out.bytes, "default-src 'none'"));
    text_buffer_deinit(&out);
    json_decref(root);
}

/// Every number below `value`, as JSON writes it, stands in the page.
static void expect_numbers(const json_t *value, const char *page)
{
    const char *key;
    const json_t *member;
    size_t index;
    if (json_is_number(value)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        cr_assert_not_null(strstr(page, text), "%s is not in the page", text);
        free(text);
    }
    json_object_foreach((json_t *)value, key, member)
    {
        expect_numbers(member, page);
    }
    json_array_foreach((json_t *)value, index, member)
    {
        expect_numbers(member, page);
    }
}

Test(page, test_page_has_every_figure_of_the_document)
{
    json_t *root = sample();
    struct text_buffer out = page_of(root);
    expect_numbers(root, out.bytes);
    text_buffer_deinit(&out);
    json_decref(root);
}

Test(page, test_page_of_a_real_run_has_every_figure)
{
    json_t *root = load(REAL_SAMPLE);
    struct text_buffer out = page_of(root);
    expect_numbers(root, out.bytes);
    text_buffer_deinit(&out);
    json_decref(root);
}

Test(page, test_page_draws_each_part)
{
    json_t *root = sample();
    struct text_buffer out = page_of(root);
    uint32_t figures = 0;
    for (const char *at = out.bytes; (at = strstr(at, "<figure>")) != NULL; at++) {
        figures++;
    }
    cr_assert_geq(figures, 10);
    cr_assert_null(strstr(out.bytes, "not part of this run"), "%.200s",
                   strstr(out.bytes, "not part of this run") - 60);
    text_buffer_deinit(&out);
    json_decref(root);
}

static void set_member(json_t *parent, const char *key, size_t index, json_t *value)
{
    if (json_is_object(parent)) {
        json_object_set(parent, key, value);
    } else {
        json_array_set(parent, index, value);
    }
}

/// Each member of the document, one after the other, another thing than it should be: every kind of
/// thing at the top, one of them in turn below.
static void damage(json_t *root, json_t *parent, uint32_t depth)
{
    static uint32_t turn;
    turn++;
    json_t *wrong[] = {json_null(),      json_string("</pre><script>\"'&"),
                       json_real(1e300), json_integer(-5),
                       json_array(),     json_object(),
                       json_true()};
    enum { COUNT = sizeof(wrong) / sizeof(wrong[0]) };
    size_t size = json_is_object(parent) ? json_object_size(parent) : json_array_size(parent);
    void *at = json_is_object(parent) ? json_object_iter(parent) : NULL;
    for (size_t index = 0; index < (json_is_object(parent) || depth < 2 ? size : 1); index++) {
        char key[64] = "";
        if (at != NULL) {
            snprintf(key, sizeof(key), "%s", json_object_iter_key(at));
            at = json_object_iter_next(parent, at);
        }
        json_t *member =
            json_is_object(parent) ? json_object_get(parent, key) : json_array_get(parent, index);
        json_incref(member);
        for (uint32_t kind = 0; kind < COUNT && strcmp(key, "corong_bench") != 0; kind++) {
            if (depth > 0 && (index + kind) % COUNT != turn % COUNT) {
                continue;
            }
            set_member(parent, key, index, wrong[kind]);
            struct text_buffer out = page_of(root);
            cr_assert_null(strstr(out.bytes, "<script"));
            text_buffer_deinit(&out);
        }
        set_member(parent, key, index, member);
        if (depth < 3) {
            damage(root, member, depth + 1);
        }
        json_decref(member);
    }
    for (uint32_t kind = 0; kind < COUNT; kind++) {
        json_decref(wrong[kind]);
    }
}

/// Long rows add nothing but time here.
static void shorten(json_t *value)
{
    const char *key;
    json_t *member;
    size_t index;
    while (json_array_size(value) > 2) {
        json_array_remove(value, 2);
    }
    json_array_foreach(value, index, member)
    {
        shorten(member);
    }
    json_object_foreach(value, key, member)
    {
        shorten(member);
    }
}

Test(page, test_page_survives_whatever_a_document_holds)
{
    json_t *root = sample();
    shorten(root);
    damage(root, root, 0);
    json_decref(root);
}

Test(page, test_page_of_an_empty_document_says_what_is_missing)
{
    struct text_buffer out = {0};
    struct corong_error error = {0};
    cr_assert_eq(page_write(TEXT_LITERAL("{\"corong_bench\": 1}"), &out, &error), CORONG_OK);
    cr_assert_null(markup_fault(out.bytes), "%s", markup_fault(out.bytes));
    cr_assert_not_null(strstr(out.bytes, "not part of this run"));
    text_buffer_deinit(&out);
}

Test(page, test_page_refuses_what_is_no_document)
{
    struct text_buffer out = {0};
    struct corong_error error = {0};
    cr_assert_eq(page_write(TEXT_LITERAL("{\"corong_bench\": 1"), &out, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "line 1"), "%s", error.message);
    cr_assert_eq(page_write(TEXT_LITERAL("{\"rows\": []}"), &out, &error), CORONG_INVALID);
    cr_assert_eq(page_write(TEXT_LITERAL(""), &out, &error), CORONG_INVALID);
    cr_assert_eq(out.size, 0);
    text_buffer_deinit(&out);
}
