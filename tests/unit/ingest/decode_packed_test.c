// SPDX-License-Identifier: Apache-2.0
// Messages that hold several documents.
#include "storage/base/memory.h"
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define SIMPLE "user: u\ntime: t\nname: n\n"
#define BATCH "unroll: l\nuser: u\ntime: 'l[].t'\nname: 'l[].n'\nskip_where_missing: 'l[].t'\n"
#define EVENT(u) "{\"u\":\"" u "\",\"t\":1,\"n\":\"v\"}"
#define LINE(u) "known " u " v 1000000\n"

static struct decode_harness harness;

static void expect(const char *message, const char *lines)
{
    cr_expect_str_eq(decode_harness_lines(&harness, message), lines, "%s\n gave: %s", message,
                     harness.lines.bytes);
    cr_expect_eq(harness.outcome.reason, REJECT_NONE, "%s: %s", message, harness.outcome.detail);
}

static void expect_reject(const char *message, enum reject_reason reason)
{
    const char *lines = decode_harness_lines(&harness, message);
    cr_expect_str_eq(lines, "", "%s: %s", message, lines);
    cr_expect_eq(harness.outcome.reason, reason, "%s: %s", message, harness.outcome.detail);
    cr_expect_eq(harness.outcome.event_count, 0);
}

Test(decode_packed, test_lines_of_one_message_are_events)
{
    decode_harness_open(&harness, SIMPLE);
    expect(EVENT("a") "\n" EVENT("b") "\n" EVENT("c"), LINE("a") LINE("b") LINE("c"));
    cr_expect_eq(harness.outcome.event_count, 3);
    expect("\r\n \t\r\n  " EVENT("a") " \r\n\n" EVENT("b") "\n\n", LINE("a") LINE("b"));
    expect(EVENT("a") "\n", LINE("a"));
    expect("\n" EVENT("a"), LINE("a"));
    decode_harness_lines(&harness, "\n \r\n");
    cr_expect(harness.outcome.blank);
    decode_harness_close(&harness);
}

Test(decode_packed, test_a_document_over_several_lines_is_one)
{
    decode_harness_open(&harness, SIMPLE);
    expect("{\n\"u\": \"a\",\n\"t\": 1, \"n\": \"v\"\n}\n", LINE("a"));
    expect("{\"x\":{}\n,\"u\":\"a\",\"t\":1,\"n\":\"v\"}", LINE("a"));
    expect("{\"u\":\"a\",\"x\":[{\"a\":1},\n{\"a\":2}\n],\"t\":1,\"n\":\"v\"}", LINE("a"));
    expect_reject("[\n" EVENT("a") ",\n" EVENT("b") "\n]", REJECT_NOT_OBJECT);
    expect_reject("{\n\"u\": \"a\",\n\"n\": \"v\"\n}", REJECT_TIME_MISSING);
    expect_reject("{\n\"u\": \"a\",\n\"t\" 1\n}", REJECT_NOT_JSON);
    expect_reject("{\n\"u\": \"a\",\n", REJECT_TRUNCATED);
    expect_reject("neither\nnor", REJECT_NOT_JSON);
    decode_harness_close(&harness);
}

Test(decode_packed, test_a_bad_line_rejects_only_itself)
{
    decode_harness_open(&harness, SIMPLE);
    expect(EVENT("a") "\n{\"u\":\n" EVENT("b"),
           LINE("a") "reject -1 truncated: byte 5: ''\n" LINE("b"));
    cr_expect_eq(harness.outcome.event_count, 3);
    expect(
        "garbage\n" EVENT("a") "\n[1]\n{\"u\":\"b\",\"t\":1}",
        "reject -1 not_json: byte 0: 'garbage'\n" LINE("a") "reject -1 not_object: found: '[1]'\n"
                                                            "reject -1 name_missing: nothing at "
                                                            "path: 'n'\n");
    cr_expect_eq(harness.outcome.event_count, 4);
    expect("{\"\xff\":1}\n" EVENT("a"), "reject -1 not_utf8: byte 2: '\\xff\":1}'\n" LINE("a"));
    expect("{}\n{}", "reject -1 user_missing: nothing at path: 'u'\n"
                     "reject -1 user_missing: nothing at path: 'u'\n");
    decode_harness_close(&harness);
}

struct places {
    struct decoder *decoder;
    struct text_buffer out;
};

static void note_event(void *context, const struct event *event)
{
    struct places *places = context;
    (void)event;
    text_buffer_printf(&places->out, "+%u ", decoder_event_index(places->decoder));
}

static void note_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    struct places *places = context;
    struct text document = decoder_document(places->decoder);
    (void)reason;
    (void)detail;
    text_buffer_printf(&places->out, "-%d %.*s ", (int)event_index, (int)document.size,
                       document.bytes);
}

Test(decode_packed, test_unrolled_lines_know_their_line_and_place)
{
    decode_harness_open(&harness, BATCH);
    struct places places = {.decoder = harness.decoder};
    struct decode_sink sink = {&places, note_event, note_reject};
    struct decode_outcome outcome;
    // A skipped element keeps its number, so that a letter means the same under another mapping.
    const char *message = "{\"u\":1,\"l\":[{\"n\":\"x\"},{\"t\":1,\"n\":\"v\"},{\"t\":2}]}\n"
                          "{\"u\":2}\n"
                          "{\"u\":3,\"l\":[{\"t\":1,\"n\":\"v\"}]}";
    decode_message(harness.decoder, text_from(message), &sink, &outcome);
    cr_expect_str_eq(places.out.bytes,
                     "+1 -2 {\"u\":1,\"l\":[{\"n\":\"x\"},{\"t\":1,\"n\":\"v\"},{\"t\":2}]} "
                     "--1 {\"u\":2} +0 ");
    cr_expect_eq(outcome.event_count, 4);
    text_buffer_deinit(&places.out);
    decode_harness_close(&harness);
}

Test(decode_packed, test_the_mapping_may_say_what_a_message_is)
{
    decode_harness_open(&harness, SIMPLE "packed: no\n");
    expect_reject(EVENT("a") "\n" EVENT("b"), REJECT_NOT_JSON);
    decode_harness_close(&harness);
    decode_harness_open(&harness, SIMPLE "packed: lines\n");
    expect("{\n}", "reject -1 truncated: byte 1: ''\nreject -1 not_json: byte 0: '}'\n");
    expect("x\ny", "reject -1 not_json: byte 0: 'x'\nreject -1 not_json: byte 0: 'y'\n");
    decode_harness_close(&harness);
    decode_harness_open(&harness, "format: combined\nuser: ip\ntime: time\nname: path\n");
    expect("1.1.1.1 - - [01/Jan/1970:00:00:01 +0000] \"GET /a HTTP/1.1\" 200 5\n"
           "no line of a log\n"
           "1.1.1.2 - - [01/Jan/1970:00:00:01 +0000] \"GET /b HTTP/1.1\" 200 5\n",
           "known 1.1.1.1 /a 1000000\nreject -1 not_log_line: line: 'no line of a log'\n"
           "known 1.1.1.2 /b 1000000\n");
    decode_harness_close(&harness);
    decode_harness_open(&harness, "format: csv\nuser: u\ntime: t\nname: n\n");
    decode_harness_lines(&harness, "u,t,n");
    expect_reject("a,1,v\nb,1,v", REJECT_COLUMN_COUNT);
    decode_harness_close(&harness);
}

/// What each line gives by itself, a packed message gives.
Test(decode_packed, test_packed_equals_line_by_line)
{
    static const char *const lines[] = {EVENT("a"), "{\"u\":1}",
                                        "junk",     "",
                                        EVENT("b"), "{\"u\":\"\\u0041\",\"t\":\"2\",\"n\":\"v\"}",
                                        "[]"};
    struct text_buffer packed = {0};
    struct text_buffer expected = {0};
    decode_harness_open(&harness, SIMPLE);
    for (uint32_t round = 0; round < 200; round++) {
        text_buffer_reset(&packed);
        text_buffer_reset(&expected);
        text_buffer_append_string(&packed, EVENT("first") "\n");
        text_buffer_append_string(&expected, LINE("first"));
        for (uint32_t index = 0; index < 1 + round % 23; index++) {
            const char *line = lines[(round * 31 + index * 17 + round * index) % 7];
            text_buffer_printf(&packed, "%s\n", line);
            text_buffer_append_string(&expected, decode_harness_lines(&harness, line));
            if (harness.outcome.reason != REJECT_NONE) {
                text_buffer_printf(&expected, "reject -1 %s: %s\n",
                                   reject_reason_name(harness.outcome.reason),
                                   harness.outcome.detail);
            }
        }
        expect(packed.bytes, expected.bytes);
    }
    text_buffer_deinit(&packed);
    text_buffer_deinit(&expected);
    decode_harness_close(&harness);
}
