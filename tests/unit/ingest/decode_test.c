// SPDX-License-Identifier: Apache-2.0
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SIMPLE                                                                                     \
    "user: u\nanonymous: a\ntime: t\nname: n\nevent_id: id\nsequence: s\nreceived: r\n"            \
    "revenue: { amount: m, currency: c }\n"                                                        \
    "attributes: { text: x.text, whole: { path: x.whole, type: integer },\n"                       \
    "  real: { path: x.real, type: number }, yes: { path: x.yes, type: boolean } }\n"

static struct decode_harness harness;

static void opened(const char *yaml)
{
    decode_harness_open(&harness, yaml);
}

static void closed(void)
{
    decode_harness_close(&harness);
}

static void expect_lines(const char *message, const char *lines)
{
    cr_expect_str_eq(decode_harness_lines(&harness, message), lines, "%s\n%s", message,
                     harness.outcome.detail);
    cr_expect_eq(harness.outcome.reason, REJECT_NONE);
}

static void expect_reject(const char *message, enum reject_reason reason)
{
    cr_expect_str_eq(decode_harness_lines(&harness, message), "", "%s", message);
    cr_expect_eq(harness.outcome.reason, reason, "%s: %s (%s)", message,
                 reject_reason_name(harness.outcome.reason), harness.outcome.detail);
    cr_expect_eq(harness.outcome.event_count, 0);
}

Test(decode, test_all_mapped_fields_are_extracted)
{
    opened(SIMPLE);
    expect_lines("{\"u\":\"ann\",\"t\":1,\"n\":\"view\"}", "known ann view 1000000\n");
    expect_lines(
        "{\"x\":{\"text\":\"a\\u0041\\n\",\"whole\":-5,\"real\":0.1,\"yes\":true},\"t\":\"1970-01-"
        "01T00:00:02Z\",\"n\":\"b\",\"u\":7,\"s\":3,\"m\":\"1.50\",\"c\":\"EUR\",\"r\":9}",
        "known 7 b 2000000 seq=3 received=9000000 revenue=15000 currency=EUR text=aA\n "
        "whole=-5 real=0.10000000000000001 yes=1\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 0);
    closed();
}

Test(decode, test_empty_user_falls_back_to_anonymous)
{
    opened(SIMPLE);
    expect_lines("{\"u\":\"\",\"a\":\"x\",\"t\":1,\"n\":\"v\"}", "anonymous x v 1000000\n");
    expect_lines("{\"u\":null,\"a\":12,\"t\":1,\"n\":\"v\"}", "anonymous 12 v 1000000\n");
    expect_lines("{\"u\":{\"no\":1},\"a\":\"x\",\"t\":1,\"n\":\"v\"}", "anonymous x v 1000000\n");
    expect_reject("{\"u\":\"\",\"a\":null,\"t\":1,\"n\":\"v\"}", REJECT_USER_MISSING);
    closed();
}

Test(decode, test_missing_differs_from_empty_and_null_word)
{
    opened(SIMPLE);
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":\"\"}}",
                 "known 1 v 1000000 text=\n");
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":null}}", "known 1 v 1000000\n");
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":\"null\"}}",
                 "known 1 v 1000000 text=null\n");
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":1.50}}",
                 "known 1 v 1000000 text=1.50\n");
    closed();
}

Test(decode, test_values_of_another_type_are_missing_and_counted)
{
    opened(SIMPLE);
    expect_lines(
        "{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":true,\"whole\":1.5,\"real\":\"abc\",\"yes\":"
        "\"maybe\"}}",
        "known 1 v 1000000\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 4);
    expect_lines(
        "{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"whole\":\"12\",\"real\":\"1e3\",\"yes\":\"TRUE\"}}",
        "known 1 v 1000000 whole=12 real=1000 yes=1\n");
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"whole\":2e3,\"real\":1e-400,\"yes\":0}}",
                 "known 1 v 1000000 whole=2000 real=0 yes=0\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 4);
    expect_lines(
        "{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"whole\":9223372036854775808,\"real\":1e999}}",
        "known 1 v 1000000\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 6);
    closed();
}

Test(decode, test_last_of_repeated_keys_wins)
{
    opened(SIMPLE);
    expect_lines("{\"u\":1,\"u\":2,\"t\":1,\"n\":\"v\",\"x\":{\"text\":\"a\",\"whole\":1},\"x\":{"
                 "\"whole\":2}}",
                 "known 2 v 1000000 whole=2\n");
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":\"a\"},\"x\":5}",
                 "known 1 v 1000000\n");
    expect_reject("{\"u\":1,\"t\":1,\"t\":null,\"n\":\"v\"}", REJECT_TIME_MISSING);
    closed();
}

Test(decode, test_escaped_keys_are_keys)
{
    opened(SIMPLE);
    expect_lines("{\"\\u0075\":1,\"t\":1,\"\\u006e\":\"v\"}", "known 1 v 1000000\n");
    closed();
}

Test(decode, test_bad_messages_are_refused_with_a_reason)
{
    opened(SIMPLE);
    expect_reject("[1]", REJECT_NOT_OBJECT);
    expect_reject("7", REJECT_NOT_OBJECT);
    expect_reject("{\"u\":1", REJECT_TRUNCATED);
    expect_reject("{\"u\":1}x", REJECT_NOT_JSON);
    expect_reject("{\"u\":1}{\"u\":2}", REJECT_NOT_JSON);
    expect_reject("{\"u\":\"\xff\"}", REJECT_NOT_UTF8);
    expect_reject("{\"zz\":tru,\"u\":1}", REJECT_NOT_JSON);
    expect_reject("{\"u\":1,\"t\":1}", REJECT_NAME_MISSING);
    expect_reject("{\"u\":1,\"n\":\"v\"}", REJECT_TIME_MISSING);
    expect_reject("{\"u\":1,\"n\":\"v\",\"t\":\"yesterday\"}", REJECT_TIME_FORMAT);
    expect_reject("{\"u\":1,\"n\":\"v\",\"t\":-1}", REJECT_TIME_RANGE);
    expect_reject("{\"u\":1,\"n\":\"v\",\"t\":1,\"m\":\"1,50\"}", REJECT_AMOUNT_FORMAT);
    closed();
}

Test(decode, test_blank_messages_are_no_messages)
{
    opened(SIMPLE "skip_where_missing: [u, a]\n");
    expect_lines("", "");
    cr_expect(harness.outcome.blank);
    expect_lines(" \t\r", "");
    cr_expect(harness.outcome.blank);
    expect_lines("{\"_heartbeat_\":1}", "");
    cr_expect(harness.outcome.blank);
    expect_lines("{\"u\":1,\"t\":1,\"n\":\"v\"}", "known 1 v 1000000\n");
    cr_expect_not(harness.outcome.blank);
    closed();
}

Test(decode, test_byte_order_mark_is_taken_at_the_start_of_a_file_only)
{
    opened(SIMPLE);
    expect_lines("\xef\xbb\xbf{\"u\":1,\"t\":1,\"n\":\"v\"}", "known 1 v 1000000\n");
    expect_reject("\xef\xbb\xbf{\"u\":1,\"t\":1,\"n\":\"v\"}", REJECT_NOT_JSON);
    decoder_begin_file(harness.decoder);
    expect_lines("\xef\xbb\xbf{\"u\":1,\"t\":1,\"n\":\"v\"}", "known 1 v 1000000\n");
    closed();
}

static void message_with_text(struct text_buffer *message, const char *head, size_t size,
                              const char *tail)
{
    text_buffer_reset(message);
    text_buffer_append_string(message, head);
    for (size_t index = 0; index < size; index++) {
        text_buffer_append_string(message, "x");
    }
    text_buffer_append_string(message, tail);
}

static enum reject_reason reason_with_text(const char *head, size_t size, const char *tail)
{
    struct text_buffer message = {0};
    message_with_text(&message, head, size, tail);
    decode_harness_lines(&harness, message.bytes);
    text_buffer_deinit(&message);
    return harness.outcome.reason;
}

Test(decode, test_limits_hold_on_both_sides)
{
    opened(SIMPLE);
    const char *after_user = "\",\"t\":1,\"n\":\"v\"}";
    cr_expect_eq(reason_with_text("{\"u\":\"", 1024, after_user), REJECT_NONE);
    cr_expect_eq(reason_with_text("{\"u\":\"", 1025, after_user), REJECT_USER_TOO_LONG);
    cr_expect_eq(reason_with_text("{\"u\":1,\"t\":1,\"n\":\"", 1024, "\"}"), REJECT_NONE);
    cr_expect_eq(reason_with_text("{\"u\":1,\"t\":1,\"n\":\"", 1025, "\"}"), REJECT_NAME_TOO_LONG);
    const char *before_text = "{\"u\":1,\"t\":1,\"n\":\"v\",\"x\":{\"text\":\"";
    cr_expect_eq(reason_with_text(before_text, 65536, "\"}}"), REJECT_NONE);
    cr_expect_eq(reason_with_text(before_text, 65537, "\"}}"), REJECT_VALUE_TOO_LONG);
    closed();
}

Test(decode, test_future_is_marked_by_received_and_by_max_time)
{
    opened("user: u\ntime: t\nname: n\nreceived: r\nmax_time: 200000\n");
    expect_lines("{\"u\":1,\"n\":\"v\",\"t\":86401,\"r\":1}",
                 "known 1 v 86401000000 received=1000000\n");
    expect_lines("{\"u\":1,\"n\":\"v\",\"t\":86401.000001,\"r\":1}",
                 "known 1 v 86401000001 future received=1000000\n");
    expect_lines("{\"u\":1,\"n\":\"v\",\"t\":200000}", "known 1 v 200000000000\n");
    expect_lines("{\"u\":1,\"n\":\"v\",\"t\":200000.5}", "known 1 v 200000500000 future\n");
    expect_lines("{\"u\":1,\"n\":\"v\",\"t\":1,\"r\":\"bad\"}", "known 1 v 1000000\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 1);
    closed();
}

Test(decode, test_unrolled_events_take_parent_fields_from_anywhere)
{
    opened("unroll: list\nuser: who\ntime: list[].t\nname: list[].n\nattributes: { x: 'list[].d.x' "
           "}\n");
    expect_lines(
        "{\"list\":[{\"t\":1,\"n\":\"a\",\"d\":{\"x\":\"1\"}},{\"n\":\"b\",\"t\":2}],\"who\":5}",
        "known 5 a 1000000 x=1\nknown 5 b 2000000\n");
    cr_expect_eq(harness.outcome.event_count, 2);
    expect_lines("{\"who\":5,\"list\":[]}", "");
    cr_expect_eq(harness.outcome.event_count, 0);
    cr_expect_not(harness.outcome.blank);
    expect_reject("{\"who\":5}", REJECT_UNROLL_MISSING);
    expect_reject("{\"who\":5,\"list\":{\"t\":1}}", REJECT_UNROLL_MISSING);
    expect_reject("{\"who\":5,\"list\":[{\"t\":1,\"n\":\"a\"}", REJECT_TRUNCATED);
    closed();
}

Test(decode, test_a_bad_element_leaves_the_others)
{
    opened("unroll: list\nuser: who\ntime: list[].t\nname: list[].n\nattributes: { x: 'list[].d.x' "
           "}\n");
    expect_lines(
        "{\"who\":5,\"list\":[3,{\"t\":1},{\"t\":1,\"n\":\"a\",\"d\":{\"x\":1},\"d\":{}},[1]]}",
        "reject 0 not_object: the element is no object\n"
        "reject 1 name_missing: nothing at path: 'list[].n'\n"
        "known 5 a 1000000\n"
        "reject 3 not_object: the element is no object\n");
    cr_expect_eq(harness.outcome.event_count, 4);
    expect_lines("{\"who\":5,\"list\":[{\"t\":1,\"n\":\"a\"}],\"list\":[{\"t\":2,\"n\":\"b\"}]}",
                 "known 5 b 2000000\n");
    closed();
}

Test(decode, test_a_repeated_parent_is_forgotten_behind_the_array_too)
{
    opened("unroll: list\nuser: who\ntime: list[].t\nname: { const: e }\n"
           "attributes: { a: p.a, x: 'list[].d.x' }\n");
    expect_lines("{\"who\":5,\"p\":{\"a\":1},\"list\":[{\"t\":1}],\"p\":{}}",
                 "known 5 e 1000000\n");
    expect_lines("{\"who\":5,\"p\":{\"a\":1},\"list\":[{\"t\":1,\"d\":{\"x\":1}},{\"d\":{\"x\":2},"
                 "\"t\":2,\"d\":7}]}",
                 "known 5 e 1000000 a=1 x=1\nknown 5 e 2000000 a=1\n");
    closed();
}

Test(decode, test_joined_ids_never_collide)
{
    opened("user: { join: [p, q] }\ntime: t\nname: { const: visit }\n");
    expect_lines("{\"p\":\"a|\",\"q\":\"b\",\"t\":1}", "known a\\||b visit 1000000\n");
    expect_lines("{\"p\":\"a\",\"q\":\"|b\",\"t\":1}", "known a|\\|b visit 1000000\n");
    expect_lines("{\"q\":\"b\",\"t\":1}", "known |b visit 1000000\n");
    expect_reject("{\"p\":\"\",\"t\":1}", REJECT_USER_MISSING);
    cr_expect_eq(reason_with_text("{\"t\":1,\"q\":\"b\",\"p\":\"", 1022, "\"}"), REJECT_NONE);
    cr_expect_eq(reason_with_text("{\"t\":1,\"q\":\"b\",\"p\":\"", 1023, "\"}"),
                 REJECT_USER_TOO_LONG);
    closed();
}

Test(decode, test_links_give_the_ids_that_are_the_same_persons)
{
    opened("user: u\nanonymous: a\ntime: t\nname: n\nlinks:\n  - event: [login, signup]\n"
           "  - { event: merge, known: to, alias: old, previous: was }\n");
    expect_lines("{\"u\":\"k\",\"a\":\"x\",\"t\":1,\"n\":\"login\"}",
                 "known k login 1000000 $anonymous=x\n");
    expect_lines("{\"u\":\"k\",\"a\":\"x\",\"t\":1,\"n\":\"view\"}", "known k view 1000000\n");
    expect_lines("{\"a\":\"x\",\"t\":1,\"n\":\"login\"}", "anonymous x login 1000000\n");
    expect_lines("{\"u\":\"k\",\"a\":\"\",\"t\":1,\"n\":\"signup\"}", "known k signup 1000000\n");
    // The event is whose id `known` is, and nobody is linked to himself.
    expect_lines("{\"u\":\"k\",\"to\":\"z\",\"old\":\"y\",\"was\":\"z\",\"t\":1,\"n\":\"merge\"}",
                 "known z merge 1000000 $alias=y\n");
    expect_lines("{\"a\":\"x\",\"to\":\"z\",\"was\":7,\"t\":1,\"n\":\"merge\"}",
                 "known z merge 1000000 $previous=7\n");
    // Without a `known` the rule says nothing.
    expect_lines("{\"u\":\"k\",\"old\":\"y\",\"t\":1,\"n\":\"merge\"}", "known k merge 1000000\n");
    closed();
}

Test(decode, test_a_prefix_makes_an_id_anonymous)
{
    opened("user: u\nanonymous: a\nanonymous_prefix: 'anon-'\ntime: t\nname: n\n"
           "links: { event: login, previous: was, alias: old }\n");
    expect_lines("{\"u\":\"anon-x\",\"t\":1,\"n\":\"v\"}", "anonymous x v 1000000\n");
    expect_lines("{\"u\":\"anon-\",\"t\":1,\"n\":\"v\"}", "known anon- v 1000000\n");
    expect_lines("{\"u\":\"Anon-x\",\"t\":1,\"n\":\"v\"}", "known Anon-x v 1000000\n");
    expect_lines("{\"a\":\"anon-x\",\"t\":1,\"n\":\"v\"}", "anonymous x v 1000000\n");
    expect_lines("{\"u\":\"k\",\"was\":\"anon-x\",\"old\":\"o\",\"t\":1,\"n\":\"login\"}",
                 "known k login 1000000 $anonymous=x $alias=o\n");
    expect_lines("{\"u\":\"anon-x\",\"was\":\"y\",\"t\":1,\"n\":\"login\"}",
                 "anonymous x login 1000000\n");
    closed();
}

Test(decode, test_linked_ids_have_the_limit_of_ids)
{
    char message[EVENT_ID_SIZE_MAX + 100];
    opened("user: u\ntime: t\nname: n\nlinks: { anonymous: a }\n");
    snprintf(message, sizeof(message), "{\"u\":1,\"t\":1,\"n\":\"v\",\"a\":\"%0*d\"}",
             (int)EVENT_ID_SIZE_MAX, 7);
    cr_expect_not_null(strstr(decode_harness_lines(&harness, message), "$anonymous=0"));
    snprintf(message, sizeof(message), "{\"u\":1,\"t\":1,\"n\":\"v\",\"a\":\"%0*d\"}",
             (int)EVENT_ID_SIZE_MAX + 1, 7);
    expect_reject(message, REJECT_USER_TOO_LONG);
    closed();
}

Test(decode, test_otto_sessions_become_events)
{
    opened("preset: otto\n");
    expect_lines("{\"session\":42,\"events\":[{\"aid\":9,\"ts\":1659304800025,\"type\":\"clicks\"},"
                 "{\"aid\":8,\"ts\":1659304800026,\"type\":\"orders\"}]}",
                 "anonymous 42 click 1659304800025000 aid=9\n"
                 "anonymous 42 order 1659304800026000 aid=8\n");
    closed();
}

Test(decode, test_segment_calls_become_events)
{
    opened("preset: segment\n");
    expect_lines(
        "{\"type\":\"page\",\"name\":\"Home\",\"anonymousId\":\"a1\",\"userId\":null,\"timestamp\":"
        "\"2023-01-02T03:04:05.678Z\",\"receivedAt\":\"2023-01-02T03:04:06+00:00\",\"context\":{"
        "\"page\":{\"path\":\"/\"}}}",
        "anonymous a1 visit 1672628645678000 received=1672628646000000 type=page page=Home "
        "path=/\n");
    expect_lines(
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u\",\"timestamp\":"
        "\"2023-01-02T04:04:05+01:00\",\"properties\":{\"total\":20,\"revenue\":12.345678,"
        "\"currency\":\"USD\"}}",
        "known u Order Completed 1672628645000000 revenue=123457 currency=USD type=track\n");
    cr_expect_eq(decoder_notes(harness.decoder)->amount_rounded, 1);
    closed();
}

Test(decode, test_documents_with_many_escapes_are_unescaped_once)
{
    opened("unroll: list\nuser: who\ntime: list[].t\nname: list[].n\n");
    expect_lines("{\"list\":[{\"t\":1,\"n\":\"\\u00e4\"},{\"t\":2,\"n\":\"\\t\"}],\"who\":"
                 "\"\\ud83d\\ude00\"}",
                 "known \xf0\x9f\x98\x80 \xc3\xa4 1000000\nknown \xf0\x9f\x98\x80 \t 2000000\n");
    expect_lines("{\"list\":[{\"t\":1,\"n\":\"\\ud800x\"}],\"who\":\"\\udc00\"}",
                 "known \xef\xbf\xbd \xef\xbf\xbdx 1000000\n");
    closed();
}
