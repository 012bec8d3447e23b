// SPDX-License-Identifier: Apache-2.0
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>

static struct decode_harness harness;

static void expect(const char *line, const char *lines)
{
    cr_expect_str_eq(decode_harness_lines(&harness, line), lines, "%s", line);
    cr_expect_eq(harness.outcome.reason, REJECT_NONE, "%s", harness.outcome.detail);
}

static void expect_reject(const char *line, enum reject_reason reason)
{
    cr_expect_str_eq(decode_harness_lines(&harness, line), "");
    cr_expect_eq(harness.outcome.reason, reason, "%s: %s", line,
                 reject_reason_name(harness.outcome.reason));
}

Test(decode_combined, test_combined_and_common_lines_become_visits)
{
    decode_harness_open(&harness, "preset: combined\n");
    expect("192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /a?b=1 HTTP/1.1\" 200 12 "
           "\"http://r/\" \"Agent \\\"x\\\" 1\"\r",
           "anonymous 192.0.2.1|Agent \\\\\"x\\\\\" 1 visit 1431857103000000 method=GET path=/a "
           "status=200 bytes=12 referrer=http://r/ agent=Agent \\\"x\\\" 1\n");
    expect("2001:db8::1 - ann [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 304 -",
           "known ann visit 1431857103000000 method=GET path=/a status=304\n");
    expect("h - ann lee [17/May/2015:10:05:03 +0000] \"-\" 408 0 \"-\" \"-\"",
           "known ann lee visit 1431857103000000 status=408 bytes=0\n");
    expect("h - - [17/May/2015:12:05:03 +0200] \"GET /\" 200 5 \"-\" \"a\" \"10.0.0.1\" 0.002",
           "anonymous h|a visit 1431857103000000 method=GET path=/ status=200 bytes=5 agent=a\n");
    expect("#Fields: x", "");
    cr_expect(harness.outcome.blank);
    decode_harness_close(&harness);
}

Test(decode_combined, test_other_lines_are_refused)
{
    decode_harness_open(&harness, "preset: combined\n");
    static const char *const wrong[] = {
        "x",
        "a b c",
        "a - - [",
        "a - - [17/May/2015:10:05:03 +0000]",
        "a - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\"",
        "a - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1 200 5",
        "a - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200",
        "a - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5 \"r\"",
        "a - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5 \"r\" \"a",
        "a - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5 \"r\" \"a\"x",
        " - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5 \"r\" \"a\"",
        "a [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5",
        "{\"json\":1}",
        "[",
        "a  [x] \"\" 1 2"};
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        expect_reject(wrong[index], REJECT_NOT_LOG_LINE);
    }
    expect_reject("a - - [17/Mai/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5",
                  REJECT_TIME_FORMAT);
    expect_reject("a - - [17/May/2015:10:05:03 +0000] \"GET /\xff HTTP/1.1\" 200 5",
                  REJECT_NOT_UTF8);
    decode_harness_close(&harness);
}

Test(decode_combined, test_request_parts_can_be_mapped)
{
    decode_harness_open(&harness, "format: combined\nuser: [authuser, ident, ip]\ntime: time\n"
                                  "name: method\nattributes: { q: query, p: protocol }\n");
    expect("h - - [17/May/2015:10:05:03 +0000] \"GET /a?b=1?c HTTP/1.1\" 200 1",
           "known h GET 1431857103000000 q=b=1?c p=HTTP/1.1\n");
    expect("h i - [17/May/2015:10:05:03 +0000] \"PUT /a? HTTP/2\" 200 1",
           "known i PUT 1431857103000000 q= p=HTTP/2\n");
    expect_reject("h - - [17/May/2015:10:05:03 +0000] \"\\x16\\x03\" 400 1", REJECT_NAME_MISSING);
    decode_harness_close(&harness);
}
