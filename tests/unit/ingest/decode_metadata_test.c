// SPDX-License-Identifier: Apache-2.0
// What lies beside a Kafka message, mapped.
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>
#include <string.h>

#define NOW_US INT64_C(1700000000123456)

static struct decode_harness harness;
static const struct metadata_header headers[] = {{TEXT_LITERAL("country"), TEXT_LITERAL("FR")},
                                                 {TEXT_LITERAL("a.b"), TEXT_LITERAL("dotted")},
                                                 {TEXT_LITERAL("none"), TEXT_MISSING},
                                                 {TEXT_LITERAL("country"), TEXT_LITERAL("DE")}};
static const struct metadata full = {.key = TEXT_LITERAL("u7"),
                                     .timestamp_us = NOW_US,
                                     .topic = TEXT_LITERAL("clicks"),
                                     .partition = 3,
                                     .headers = headers,
                                     .header_count = 4};
static const struct metadata empty = {.timestamp_us = METADATA_NO_TIMESTAMP,
                                      .partition = METADATA_NO_PARTITION};

static void expect(const struct metadata *metadata, const char *message, const char *lines)
{
    harness.metadata = metadata;
    cr_expect_str_eq(decode_harness_lines(&harness, message), lines, "%s\n gave: %s", message,
                     harness.lines.bytes);
    cr_expect_eq(harness.outcome.reason, REJECT_NONE, "%s: %s", message, harness.outcome.detail);
}

static void expect_reject(const struct metadata *metadata, const char *message,
                          enum reject_reason reason)
{
    harness.metadata = metadata;
    cr_expect_str_eq(decode_harness_lines(&harness, message), "");
    cr_expect_eq(harness.outcome.reason, reason, "%s: %s", message, harness.outcome.detail);
}

Test(decode_metadata, test_every_field_can_come_from_beside_the_message)
{
    decode_harness_open(&harness,
                        "user: kafka.key\ntime: kafka.timestamp\nname: kafka.topic\n"
                        "event_id: kafka.headers.country\nsequence: kafka.partition\n"
                        "attributes: { country: kafka.headers.country, at: kafka.timestamp,\n"
                        "  p: { path: kafka.partition, type: integer }, d: kafka.headers.a.b,\n"
                        "  none: kafka.headers.none, other: kafka.headers.other }\n");
    cr_expect(decoder_wants_headers(harness.decoder));
    harness.metadata = &full;
    const char *lines = decode_harness_lines(&harness, "{}");
    cr_expect_not_null(strstr(lines, "known u7 clicks 1700000000123456 seq=3 id="), "%s", lines);
    cr_expect_not_null(strstr(lines, " country=DE at=1700000000123 p=3 d=dotted\n"), "%s", lines);
    expect_reject(&empty, "{}", REJECT_USER_MISSING);
    cr_expect_str_eq(harness.outcome.detail, "nothing at path: 'kafka.key'");
    expect_reject(NULL, "{}", REJECT_USER_MISSING);
    decode_harness_close(&harness);
}

Test(decode_metadata, test_missing_metadata_leaves_the_alternatives)
{
    decode_harness_open(&harness, "user: [kafka.key, u]\ntime: [kafka.timestamp, t]\nname: n\n"
                                  "attributes: { topic: [x, kafka.topic] }\n");
    cr_expect_not(decoder_wants_headers(harness.decoder));
    expect(&full, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known u7 v 1700000000123456 topic=clicks\n");
    expect(&full, "{\"u\":1,\"t\":2,\"n\":\"v\",\"x\":\"y\"}",
           "known u7 v 1700000000123456 topic=y\n");
    expect(NULL, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000\n");
    expect(&empty, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000\n");
    decode_harness_close(&harness);
}

Test(decode_metadata, test_received_is_kafkas_timestamp_whatever_the_unit)
{
    decode_harness_open(&harness, "user: u\ntime: t\nname: n\n"
                                  "received: { path: kafka.timestamp, unit: s }\n");
    struct metadata early = empty;
    early.timestamp_us = 1000; // with unit auto, the text "1" were a second
    expect(&full, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000 received=1700000000123456\n");
    expect(&early, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000 received=1000\n");
    expect(&early, "{\"u\":1,\"t\":90000,\"n\":\"v\"}",
           "known 1 v 90000000000 future received=1000\n");
    early.timestamp_us = -5; // no time of an event: counts as missing
    expect(&early, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 1);
    decode_harness_close(&harness);
}

Test(decode_metadata, test_time_out_of_range_rejects)
{
    decode_harness_open(&harness, "user: u\ntime: kafka.timestamp\nname: n\n");
    struct metadata metadata = empty;
    metadata.timestamp_us = -1;
    expect_reject(&metadata, "{\"u\":1,\"n\":\"v\"}", REJECT_TIME_RANGE);
    metadata.timestamp_us = EVENT_TIME_MAX_US;
    expect_reject(&metadata, "{\"u\":1,\"n\":\"v\"}", REJECT_TIME_RANGE);
    metadata.timestamp_us = EVENT_TIME_MAX_US - 1;
    expect(&metadata, "{\"u\":1,\"n\":\"v\"}", "known 1 v 7258118399999999\n");
    metadata.timestamp_us = 0;
    expect(&metadata, "{\"u\":1,\"n\":\"v\"}", "known 1 v 0\n");
    expect_reject(&empty, "{\"u\":1,\"n\":\"v\"}", REJECT_TIME_MISSING);
    decode_harness_close(&harness);
}

Test(decode_metadata, test_bytes_that_are_no_text_count_as_missing)
{
    decode_harness_open(&harness, "user: [kafka.key, u]\ntime: t\nname: n\n"
                                  "attributes: { h: kafka.headers.h }\n");
    struct metadata_header header = {TEXT_LITERAL("h"), TEXT_LITERAL("\xc3(")};
    struct metadata metadata = empty;
    metadata.key = TEXT_LITERAL("\xff\xfe");
    metadata.headers = &header;
    metadata.header_count = 1;
    expect(&metadata, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000\n");
    cr_expect_eq(decoder_notes(harness.decoder)->mistyped, 2);
    metadata.key = TEXT_LITERAL(""); // an empty id is none, an empty attribute is a value
    header.value = TEXT_LITERAL("");
    expect(&metadata, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000 h=\n");
    decode_harness_close(&harness);
}

Test(decode_metadata, test_all_formats_packs_and_batches_have_it)
{
    decode_harness_open(&harness, "unroll: l\nuser: kafka.key\ntime: 'l[].t'\nname: 'l[].n'\n");
    expect(&full,
           "{\"l\":[{\"t\":1,\"n\":\"a\"},{\"t\":2,\"n\":\"b\"}]}\n"
           "{\"l\":[{\"t\":3,\"n\":\"c\"}]}",
           "known u7 a 1000000\nknown u7 b 2000000\nknown u7 c 3000000\n");
    decode_harness_close(&harness);
    decode_harness_open(&harness, "format: combined\nuser: { join: [kafka.key, ip] }\ntime: time\n"
                                  "name: kafka.topic\n");
    expect(&full, "1.1.1.1 - - [01/Jan/1970:00:00:01 +0000] \"GET /a HTTP/1.1\" 200 5",
           "known u7|1.1.1.1 clicks 1000000\n");
    decode_harness_close(&harness);
    decode_harness_open(&harness, "format: csv\nuser: '\\kafka.key'\ntime: t\nname: kafka.topic\n"
                                  "attributes: { k: kafka.key }\n");
    decode_harness_lines(&harness, "kafka.key,t,kafka.topic");
    expect(&full, "u1,1,x", "known u1 clicks 1000000 k=u7\n");
    decode_harness_close(&harness);
    decode_harness_open(&harness, "user: '\\kafka.key'\ntime: t\nname: n\n");
    expect(&full, "{\"kafka\":{\"key\":\"inner\"},\"t\":1,\"n\":\"v\"}", "known inner v 1000000\n");
    decode_harness_close(&harness);
}

Test(decode_metadata, test_messages_without_a_key_can_be_passed_over)
{
    decode_harness_open(&harness, "user: u\ntime: t\nname: n\nskip_where_missing: kafka.key\n");
    expect(&full, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "known 1 v 2000000\n");
    expect(&empty, "{\"u\":1,\"t\":2,\"n\":\"v\"}", "");
    cr_expect(harness.outcome.blank);
    decode_harness_close(&harness);
}

static void expect_error(const char *yaml, const char *message)
{
    struct decode_harness refused;
    cr_expect_eq(decode_harness_parse(&refused, yaml), CORONG_INVALID, "%s", yaml);
    cr_expect_not_null(strstr(refused.error.message, message), "%s\n gave: %s", yaml,
                       refused.error.message);
    decode_harness_close(&refused);
}

Test(decode_metadata, test_errors_name_the_nearest)
{
    expect_error("user: kafka.keys\ntime: t\nname: n\n",
                 "test.yaml:1:7: path 'kafka.keys': a Kafka message has kafka.key, "
                 "kafka.timestamp, kafka.topic, kafka.partition and kafka.headers.NAME; did you "
                 "mean 'kafka.key'?");
    expect_error("user: u\ntime: kafka.time\nname: n\n", "did you mean 'kafka.timestamp'");
    expect_error("user: kafka.headers.\ntime: t\nname: n\n", "kafka.headers.NAME'?");
    expect_error("user: kafka.header.x\ntime: t\nname: n\n", "kafka.headers.NAME'?");
    expect_error("user: kafka.\ntime: t\nname: n\n", "did you mean");
    expect_error("user: u\ntime: t\nname: n\nunroll: kafka.key\n",
                 "'unroll' needs an array of the message");
    expect_error("user: u\ntime: t\nname: n\npacked: line\n",
                 "unknown packed 'line', did you mean 'lines'");
}

Test(decode_metadata, test_description_reads_back)
{
    struct text_buffer first = {0};
    struct text_buffer second = {0};
    decode_harness_open(&harness,
                        "user: [kafka.key, '\\kafka.key']\ntime: kafka.timestamp\nname: n\n"
                        "packed: lines\nattributes: { h: kafka.headers.it's }\n");
    mapping_describe(harness.mapping, &first);
    decode_harness_close(&harness);
    decode_harness_open(&harness, first.bytes);
    mapping_describe(harness.mapping, &second);
    cr_expect_str_eq(first.bytes, second.bytes);
    cr_expect_not_null(strstr(first.bytes, "packed: lines\n"));
    decode_harness_close(&harness);
    text_buffer_deinit(&first);
    text_buffer_deinit(&second);
}
