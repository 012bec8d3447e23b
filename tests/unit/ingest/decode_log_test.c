// SPDX-License-Identifier: Apache-2.0
// Logs of fields between spaces or tabs.
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>

static struct decode_harness harness;

#define FIELDS                                                                                     \
    "user: who\nanonymous: ip\ntime: { join: [date, time], unit: iso }\nname: { const: hit }\n"    \
    "attributes: { path: path, q: query.q, agent: agent, port: port, host: host, extra: extra }\n"

static void expect_line(const char *line, const char *expected)
{
    const char *found = decode_harness_lines(&harness, line);
    cr_expect_str_eq(found, expected, "'%s': %s(%s)", line, found, harness.outcome.detail);
}

static void expect_refused(const char *line, enum reject_reason reason)
{
    decode_harness_lines(&harness, line);
    cr_expect_eq(harness.outcome.reason, reason, "'%s': %s", line, harness.outcome.detail);
}

Test(decode_log, test_columns_name_fields_and_parts_of_them)
{
    decode_harness_open(
        &harness, "format: log\ncolumns: [client, who, time, request, agent, extra]\n" FIELDS);
    expect_line("1.2.3.4:55 - [02/Jan/2026:03:04:05 +0000] \"GET /a?q=1+2 HTTP/1.1\" \"a b\" x",
                "anonymous 1.2.3.4 hit 1767323045000000 path=/a q=1 2 agent=a b port=55 extra=x\n");
    // A line may have fewer fields, or more.
    expect_line("::1:7 bob 2026-01-02T03:04:05Z /b",
                "known bob hit 1767323045000000 path=/b port=7\n");
    expect_line("1.2.3.4:5  bob   2026-01-02T03:04:05Z \"GET http://h:80/c HTTP/1.1\" - - more "
                "\"and more\"",
                "known bob hit 1767323045000000 path=/c port=5 host=h\n");
    expect_line(
        "1.2.3.4:5 bob 2026-01-02T03:04:05Z \"GET /d?q=%41%&x HTTP/1.1\" \"say \\\"hi\\\"\"",
        "known bob hit 1767323045000000 path=/d q=A% agent=say \\\"hi\\\" port=5\n");
    expect_refused("1.2.3.4:5 bob 2026-01-02T03:04:05Z \"GET /d", REJECT_NOT_LOG_LINE);
    expect_refused("1.2.3.4:5 bob - /d", REJECT_TIME_MISSING);
    expect_refused("1.2.3.4:5 bob yesterday /d", REJECT_TIME_FORMAT);
    expect_refused("- - 2026-01-02T03:04:05Z /d", REJECT_USER_MISSING);
    expect_refused("\xff", REJECT_NOT_UTF8);
    decode_harness_lines(&harness, "# a comment");
    cr_expect(harness.outcome.blank);
    decode_harness_close(&harness);
}

Test(decode_log, test_the_latest_fields_line_counts)
{
    decode_harness_open(&harness, "format: log\ncolumns: [who, time]\n" FIELDS);
    expect_line("ann 2026-01-02T03:04:05Z", "known ann hit 1767323045000000\n");
    decode_harness_lines(&harness,
                         "#Fields: date time c-ip cs-uri-stem cs-uri-query cs(User-Agent)");
    cr_expect(harness.outcome.blank);
    expect_line("2026-01-02\t03:04:05\t1.1.1.1\t/a\tz&q=%e4%b8%ad&\tm n",
                "anonymous 1.1.1.1 hit 1767323045000000 path=/a q=\xe4\xb8\xad agent=m n\n");
    expect_line("2026-01-02 03:04:05 1.1.1.1 /a q=%e4 m+n",
                "anonymous 1.1.1.1 hit 1767323045000000 path=/a q=%e4 agent=m+n\n");
    expect_refused("2026-01-02 03:04:05 1.1.1.1 /a -", REJECT_COLUMN_COUNT);
    expect_refused("2026-01-02 03:04:05 1.1.1.1 /a - - -", REJECT_COLUMN_COUNT);
    // A date alone is no instant.
    expect_refused("2026-01-02 - 1.1.1.1 /a - m", REJECT_TIME_MISSING);
    // Another file is said anew; one that is gone on with is told its head.
    decoder_begin_file(harness.decoder);
    expect_line("ann 2026-01-02T03:04:05Z", "known ann hit 1767323045000000\n");
    decoder_begin_file(harness.decoder);
    decoder_set_header(harness.decoder,
                       TEXT_LITERAL("#Version: 1.0\r\n#Fields: time who date\r\n#x"));
    expect_line("03:04:05 bob 2026-01-02", "known bob hit 1767323045000000\n");
    decode_harness_close(&harness);
}

Test(decode_log, test_a_line_of_no_known_shape_is_refused)
{
    decode_harness_open(&harness, "preset: access_log\n");
    expect_refused("a b c d e f g h i j k l m", REJECT_NOT_LOG_LINE);
    expect_refused("x", REJECT_NOT_LOG_LINE);
    decode_harness_close(&harness);
}

Test(decode_log, test_money_and_nobody)
{
    decode_harness_open(&harness,
                        "format: json\nuser: { path: [u, v], missing: ['0', '-'] }\nanonymous: a\n"
                        "time: t\nname: n\nnames: { p: pay }\n"
                        "revenue: { amount: m, currency: c, events: [pay] }\n");
    expect_line("{\"u\":0,\"v\":\"x\",\"t\":1,\"n\":\"p\",\"m\":1,\"c\":\"eur\"}",
                "known x pay 1000000 revenue=10000 currency=EUR\n");
    expect_line("{\"u\":\"0\",\"v\":\"-\",\"a\":\"k\",\"t\":1,\"n\":\"q\",\"m\":\"no amount\"}",
                "anonymous k q 1000000\n");
    expect_line("{\"u\":\"00\",\"t\":1,\"n\":\"p\",\"m\":2,\"c\":\"points\"}",
                "known 00 pay 1000000 revenue=20000 currency=points\n");
    decode_harness_close(&harness);
}

Test(decode_log, test_mistakes_in_a_mapping_are_said)
{
    static const char *const mistakes[][2] = {
        {"format: log\nuser: u\ntime: { path: a, join: [b] }\nname: n\n",
         "'path' or 'join', not both"},
        {"format: log\nuser: { missing: [x] }\ntime: t\nname: n\n",
         "'join' or 'path' was expected"},
        {"format: log\nuser: u\ntime: t\nname: n\nrevenue: { amount: m, events: x }\n",
         "events: [NAME, ...] was expected"},
        {"format: log\nunroll: x\nuser: u\ntime: t\nname: n\n", "'unroll' needs format json"}};
    for (size_t index = 0; index < sizeof(mistakes) / sizeof(mistakes[0]); index++) {
        cr_expect_eq(decode_harness_parse(&harness, mistakes[index][0]), CORONG_INVALID);
        cr_expect_not_null(strstr(harness.error.message, mistakes[index][1]), "%s",
                           harness.error.message);
        arena_deinit(&harness.arena);
    }
}

Test(decode_log, test_a_description_reads_back_the_same)
{
    static const char *const mappings[] = {"preset: access_log\n", "preset: matomo\n",
                                           "preset: woocommerce\n", "preset: bitly\n",
                                           "format: json\nuser: { path: u, missing: ['0', '-'] "
                                           "}\ntime: t\nname: n\nrevenue: { amount: "
                                           "m, events: [a, 'b c'] }\n"};
    for (size_t index = 0; index < sizeof(mappings) / sizeof(mappings[0]); index++) {
        struct text_buffer first = {0};
        struct text_buffer second = {0};
        decode_harness_open(&harness, mappings[index]);
        mapping_describe(harness.mapping, &first);
        decode_harness_close(&harness);
        decode_harness_open(&harness, first.bytes);
        mapping_describe(harness.mapping, &second);
        decode_harness_close(&harness);
        cr_expect_str_eq(first.bytes, second.bytes);
        text_buffer_deinit(&first);
        text_buffer_deinit(&second);
    }
}
