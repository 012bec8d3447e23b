// SPDX-License-Identifier: Apache-2.0
// Paths into arrays, into texts that hold JSON, and messages that are a batch or are not.
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>

#define CORE "user: u\ntime: t\nname: n\n"

static struct decode_harness harness;

/// The lines of one message, its events being named e at 1 s by ann.
static void expect(const char *message, const char *lines)
{
    cr_expect_str_eq(decode_harness_lines(&harness, message), lines, "%s\n gave: %s (%s)", message,
                     harness.lines.bytes, harness.outcome.detail);
}

static void expect_value(const char *part, const char *value)
{
    struct text_buffer message = {0};
    struct text_buffer line = {0};
    text_buffer_printf(&message, "{\"u\":\"ann\",\"t\":1,\"n\":\"e\"%s%s}",
                       part[0] == '\0' ? "" : ",", part);
    text_buffer_printf(&line, "known ann e 1000000%s%s\n", value[0] == '\0' ? "" : " ", value);
    expect(message.bytes, line.bytes);
    text_buffer_deinit(&message);
    text_buffer_deinit(&line);
}

Test(decode_lookup, test_elements_are_found_by_a_member)
{
    decode_harness_open(
        &harness, CORE "attributes: { p: 'ps[key=page].value.s', i: { path: ['ps[key=id].value.i', "
                       "'ps[key=id].value.s'], type: integer }, d: 'a.ps[k\\=1=x\\]y].v' }\n");
    expect_value("", "");
    expect_value("\"ps\":[]", "");
    expect_value("\"ps\":{\"key\":\"page\"}", "");
    expect_value(
        "\"ps\":[{\"key\":\"page\",\"value\":{\"s\":\"/a\"}},{\"key\":\"id\",\"value\":{\"i\":7}}]",
        "p=/a i=7");
    expect_value("\"ps\":[{\"value\":{\"s\":\"5\",\"i\":null},\"key\":\"id\"}]", "i=5");
    expect_value(
        "\"ps\":[{\"key\":\"page\",\"value\":{\"s\":\"/a\"}},{\"value\":{\"s\":\"/b\"}},1,[],"
        "{\"key\":[1]},{\"key\":\"pag\",\"value\":{\"s\":\"/c\"}}]",
        "p=/a");
    // Written with escapes, and given twice: the last one counts.
    expect_value("\"ps\":[{\"key\":\"p\\u0061ge\",\"value\":{\"s\":\"\\u002fa\"}}]", "p=/a");
    expect_value(
        "\"ps\":[{\"key\":\"page\",\"value\":{\"s\":\"1\"}},{\"key\":\"page\",\"value\":{\"s\":"
        "\"2\"}}]",
        "p=2");
    expect_value("\"ps\":[{\"key\":\"page\",\"value\":{\"s\":\"]}\\\"[\"}}]", "p=]}\"[");
    expect_value("\"a\":{\"ps\":[{\"k=1\":\"x]y\",\"v\":\"deep\"}]}", "d=deep");
    // A repeated key of the document: the last array counts.
    expect_value("\"ps\":[{\"key\":\"page\",\"value\":{\"s\":\"1\"}}],\"ps\":[]", "");
    decode_harness_close(&harness);
}

Test(decode_lookup, test_elements_are_found_by_number)
{
    decode_harness_open(&harness, CORE "attributes: { a: 'l[0].x', b: 'l[2].x', c: 'tags[1]', "
                                       "d: 'l[0].x' }\n");
    expect_value("\"l\":[{\"x\":\"1\"}]", "a=1 d=1");
    expect_value("\"l\":[{\"x\":\"\\t\"},{\"x\":2},{\"x\":3.5}],\"tags\":[\"p\",\"q\\n\"]",
                 "a=\t b=3.5 c=q\n d=\t");
    expect_value("\"l\":5,\"tags\":[null,null]", "");
    decode_harness_close(&harness);
}

Test(decode_lookup, test_texts_that_hold_json_are_entered)
{
    decode_harness_open(&harness,
                        CORE "attributes: { a: 'x{}.y.z', b: 'x{}.l[k=1].v', c: 'w{}[0].v', "
                             "d: 'v{}' }\n");
    expect_value(
        "\"x\":\"{\\\"y\\\":{\\\"z\\\":\\\"a\\\\u0041\\\"},\\\"l\\\":[{\\\"k\\\":1,\\\"v\\\":true},"
        "{\\\"k\\\":\\\"1\\\",\\\"v\\\":2}]}\"",
        "a=aA b=2");
    expect_value("\"w\":\"[{\\\"v\\\":3}]\",\"v\":\"4\"", "c=3 d=4");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 0);
    expect_value("\"x\":\"{\\\"y\\\":\",\"w\":[{\"v\":1}],\"v\":\"\"", "");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 1);
    decode_harness_close(&harness);
}

Test(decode_lookup, test_columns_without_a_header_may_hold_json)
{
    decode_harness_open(&harness, "format: tsv\ncolumns: [u, t, n, 'price[EUR]', j]\n" CORE
                                  "attributes: { p: 'price[EUR]', x: 'j{}.a[0].b' }\n");
    cr_expect_not(mapping_has_header(harness.mapping));
    expect("ann\t1\te\t9\t{\"a\":[{\"b\":\"c\\\\\"}]}", "known ann e 1000000 p=9 x=c\\\n");
    expect("ann\t1\te\t\tno json", "known ann e 1000000\n");
    expect("ann\t1\te\t9", "");
    cr_expect_eq(harness.outcome.reason, REJECT_COLUMN_COUNT);
    // Rows are lines of one message too: there is no header that could be missing.
    expect("ann\t1\te\t\t\nbob\t2\tf\t\t\n", "known ann e 1000000\nknown bob f 2000000\n");
    decode_harness_close(&harness);
}

Test(decode_lookup, test_a_message_is_a_batch_or_stands_for_its_one_element)
{
    decode_harness_open(&harness,
                        "unroll: { path: [batch, '[]'], optional: true }\nuser: '[].u'\n"
                        "time: ['[].t', sent]\nname: '[].n'\n"
                        "attributes: { a: 'batch[].x', l: '[].l[0].y', j: '[].j{}.k', s: sent }\n");
    expect("{\"u\":\"ann\",\"t\":1,\"n\":\"e\",\"x\":\"p\\u0041\",\"l\":[{\"y\":\"q\\u0042\"}],"
           "\"j\":\"{\\\"k\\\":\\\"r\\\\u0043\\\"}\"}",
           "known ann e 1000000 a=pA l=qB j=rC\n");
    expect("{\"sent\":3,\"batch\":[{\"u\":\"ann\",\"n\":\"e\",\"x\":1},{\"u\":\"bob\",\"t\":2,"
           "\"n\":\"f\","
           "\"l\":[{\"y\":\"z\"}]},7]}",
           "known ann e 3000000 a=1 s=3\nknown bob f 2000000 l=z s=3\n"
           "reject 2 not_object: the element is no object\n");
    expect(" [ {\"u\":\"ann\",\"t\":1,\"n\":\"e\",\"j\":\"{\\\"k\\\":1}\"} , "
           "{\"u\":\"bob\",\"t\":2,\"n\":\"f\"}]",
           "known ann e 1000000 j=1\nknown bob f 2000000\n");
    expect("[]", "");
    cr_expect_eq(harness.outcome.event_count, 0);
    expect("{\"u\":\"ann\",\"t\":1,\"n\":\"e\"}", "known ann e 1000000\n");
    expect("5", "");
    cr_expect_eq(harness.outcome.reason, REJECT_NOT_OBJECT);
    decode_harness_close(&harness);
}

Test(decode_lookup, test_a_list_may_lie_over_many_lines)
{
    decode_harness_open(&harness, "unroll: { path: '[]', optional: true }\nuser: '[].u'\n"
                                  "time: '[].t'\nname: '[].n'\n");
    expect("[", "");
    cr_expect(harness.outcome.blank);
    expect("  {\"u\":\"ann\",\"t\":1,\"n\":\"e\"},\r", "known ann e 1000000\n");
    expect("[{\"u\":\"bob\",\"t\":2,\"n\":\"f\"} ,", "known bob f 2000000\n");
    expect(",{\"u\":\"bob\",\"t\":3,\"n\":\"f\"}]", "known bob f 3000000\n");
    expect("]", "");
    cr_expect(harness.outcome.blank);
    expect("{\"u\":\"ann\",\"t\":1,\"n\":\"e\"}}", "");
    cr_expect_eq(harness.outcome.reason, REJECT_NOT_JSON);
    expect("{\"u\":\"ann\",\"t\":1,\"n\":},", "");
    cr_expect_eq(harness.outcome.reason, REJECT_NOT_JSON);
    cr_expect_str_eq(harness.outcome.detail, "byte 21: '},'", "%s", harness.outcome.detail);
    expect("5,", "");
    cr_expect_eq(harness.outcome.reason, REJECT_NOT_JSON);
    decode_harness_close(&harness);
    // Only where the mapping says that lists are read.
    decode_harness_open(&harness, CORE);
    expect("{\"u\":\"ann\",\"t\":1,\"n\":\"e\"},", "");
    cr_expect_eq(harness.outcome.reason, REJECT_NOT_JSON);
    decode_harness_close(&harness);
}

Test(decode_lookup, test_a_list_that_must_be_there_refuses_other_messages)
{
    decode_harness_open(&harness, "unroll: [a, b]\nuser: 'a[].u'\ntime: 'b[].t'\nname: '[].n'\n");
    expect("{\"b\":[{\"u\":\"ann\",\"t\":1,\"n\":\"e\"}]}", "known ann e 1000000\n");
    expect("{\"a\":[{\"u\":\"ann\",\"t\":1,\"n\":\"e\"}],\"b\":null}", "known ann e 1000000\n");
    expect("{\"u\":\"ann\",\"t\":1,\"n\":\"e\"}", "");
    cr_expect_eq(harness.outcome.reason, REJECT_UNROLL_MISSING);
    expect("[{\"u\":\"ann\",\"t\":1,\"n\":\"e\"}]", "");
    cr_expect_eq(harness.outcome.reason, REJECT_NOT_OBJECT);
    decode_harness_close(&harness);
}

Test(decode_lookup, test_a_constant_stands_where_no_path_has_a_value)
{
    decode_harness_open(&harness, "user: u\ntime: t\nname: { path: [n, m], const: visit }\n"
                                  "event_id: { join: [a, b] }\n");
    expect("{\"u\":\"ann\",\"t\":1,\"m\":\"e\"}", "known ann e 1000000\n");
    expect("{\"u\":\"ann\",\"t\":1,\"n\":\"\"}", "known ann visit 1000000\n");
    char first[64];
    snprintf(first, sizeof(first), "%s",
             decode_harness_lines(&harness, "{\"u\":\"x\",\"t\":1,\"a\":\"1\"}"));
    cr_expect_not_null(strstr(first, " id="));
    cr_expect_str_neq(first, decode_harness_lines(&harness, "{\"u\":\"x\",\"t\":1,\"b\":\"1\"}"));
    decode_harness_close(&harness);
}

/// A long list costs little more than its bytes, and a number far behind its end nothing.
Test(decode_lookup, test_long_lists_are_bounded)
{
    decode_harness_open(&harness, CORE "attributes: { a: 'l[999999]', b: 'l[70000]' }\n");
    struct text_buffer message = {0};
    text_buffer_append_string(&message, "{\"u\":\"ann\",\"t\":1,\"n\":\"e\",\"l\":[0");
    for (uint32_t index = 1; index <= 70000; index++) {
        text_buffer_printf(&message, ",%u", index);
    }
    text_buffer_append_string(&message, "]}");
    expect(message.bytes, "known ann e 1000000 b=70000\n");
    text_buffer_deinit(&message);
    decode_harness_close(&harness);
}
