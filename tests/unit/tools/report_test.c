// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report.h"

#include "tests/support/answer.h"

#include <criterion/criterion.h>
#include <jansson.h>

static const struct report_style PLAIN = {.format = REPORT_TABLE, .width = 100};
static const struct report_style JSON = {.format = REPORT_JSON, .width = 80};
static const struct report_style CSV = {.format = REPORT_CSV, .width = 80};

#define EXPECT_TEXT(buffer, words)                                                                 \
    do {                                                                                           \
        cr_assert(strstr((buffer).bytes, (words)) != NULL, "'%s' expected in:\n%s", (words),       \
                  (buffer).bytes);                                                                 \
    } while (false)

#define WRITES(call, expected)                                                                     \
    do {                                                                                           \
        struct text_buffer out_ = {0};                                                             \
        struct text_buffer *out = &out_;                                                           \
        text_buffer_append_string(out, "");                                                        \
        call;                                                                                      \
        cr_assert_str_eq(out->bytes, expected, "found '%s'", out->bytes);                          \
        text_buffer_deinit(out);                                                                   \
    } while (false)

Test(report, counts_have_thousands_separators)
{
    WRITES(report_count(out, 0), "0");
    WRITES(report_count(out, 999), "999");
    WRITES(report_count(out, 1000), "1,000");
    WRITES(report_count(out, UINT64_MAX), "18,446,744,073,709,551,615");
}

Test(report, rates_never_round_to_all_or_nothing)
{
    WRITES(report_rate(out, 0, 0), "–");
    WRITES(report_rate(out, 5, 0), "–");
    WRITES(report_rate(out, 0, 7), "0.0 %");
    WRITES(report_rate(out, 7, 7), "100.0 %");
    WRITES(report_rate(out, 99999, 100000), ">99.9 %");
    WRITES(report_rate(out, 1, 100000), "<0.01 %");
    WRITES(report_rate(out, 1, 1000), "0.10 %");
    WRITES(report_rate(out, 100, 1000), "10.0 %");
    WRITES(report_rate(out, 123, 1000), "12.3 %");
}

Test(report, durations_take_the_unit_that_fits)
{
    WRITES(report_duration(out, 0), "0 s");
    WRITES(report_duration(out, 12), "12 µs");
    WRITES(report_duration(out, 999400), "999 ms");
    WRITES(report_duration(out, 12.4e6), "12.4 s");
    WRITES(report_duration(out, 59.99e6), "1m 0s");
    WRITES(report_duration(out, 182e6), "3m 2s");
    WRITES(report_duration(out, 3600e6), "1h 0m");
    WRITES(report_duration(out, (3 * 24 + 4) * 3600e6), "3d 4h");
}

Test(report, sizes_times_and_amounts)
{
    WRITES(report_size(out, 0), "0 B");
    WRITES(report_size(out, 1023), "1023 B");
    WRITES(report_size(out, 1024), "1.0 KiB");
    WRITES(report_size(out, 1048575), "1.0 MiB");
    WRITES(report_size(out, UINT64_C(3) << 30), "3.0 GiB");
    WRITES(report_time(out, 0), "1970-01-01");
    WRITES(report_time(out, INT64_C(951782400000000)), "2000-02-29");
    WRITES(report_time(out, INT64_C(1767323045000000)), "2026-01-02T03:04:05Z");
    WRITES(report_time(out, INT64_C(1767323045250000)), "2026-01-02T03:04:05.250Z");
    WRITES(report_time(out, INT64_C(1767323045000001)), "2026-01-02T03:04:05.000001Z");
    WRITES(report_time(out, -1), "1969-12-31T23:59:59.999999Z");
    WRITES(report_amount(out, 12340000), "1,234.00");
    WRITES(report_amount(out, -15000), "-1.50");
    WRITES(report_amount(out, 12345), "1.2345");
    cr_assert_eq(report_average(7, 2), 4); // half to even
    cr_assert_eq(report_average(5, 2), 2);
    cr_assert_eq(report_average(-7, 2), -4);
    cr_assert_eq(report_average(INT64_MIN, 1), INT64_MIN);
    cr_assert_eq(report_average(1, 0), 0);
}

Test(report, hostile_text_is_made_visible)
{
    WRITES(report_text(out, TEXT_LITERAL("a\x1b[31mb")), "a\\x1b[31mb");
    WRITES(report_text(out, TEXT_LITERAL("a\nb\tc\rd")), "a\\nb\\tc\\rd");
    WRITES(report_text(out, TEXT_LITERAL("\xff\xc0\x80z")), "\\xff\\xc0\\x80z");
    WRITES(report_text(out, TEXT_LITERAL("\xc2\x9b"
                                         "31m")),
           "\\u{9b}31m");
    WRITES(report_text(out, TEXT_LITERAL("\xe2\x80\xae"
                                         "evil")),
           "\\u{202e}evil");
    WRITES(report_text(out, TEXT_LITERAL("größe 漢字")), "größe 漢字");
    WRITES(report_text(out, TEXT_LITERAL("\xed\xa0\x80")), "\\xed\\xa0\\x80");
    WRITES(report_text(out, TEXT_LITERAL("\xf4\x90\x80\x80")), "\\xf4\\x90\\x80\\x80");
}

Test(report, intervals_are_wilsons)
{
    double low;
    double high;
    report_interval(10, 100, &low, &high);
    cr_assert_float_eq(low, 0.0552291370606, 1e-9);
    cr_assert_float_eq(high, 0.1743656615, 1e-9);
    report_interval(0, 0, &low, &high);
    cr_assert(low == 0 && high == 1);
    report_interval(5, 5, &low, &high);
    cr_assert(high == 1 && low > 0.5);
    report_interval(0, 5, &low, &high);
    cr_assert(low == 0 && high < 0.5);
}

Test(report, the_funnel_table_shows_every_number)
{
    struct answer answer;
    struct text_buffer out = {0};
    answer_init(&answer);
    report_funnel(&answer.query, &answer.result, &PLAIN, &out);
    EXPECT_TEXT(out, "checkout: visit → cart → order");
    EXPECT_TEXT(out, "window 7d · all time · per user · ties any · attempts best");
    EXPECT_TEXT(out, "100.0 %");
    EXPECT_TEXT(out, "1,000");
    EXPECT_TEXT(out, "12.4 s");
    EXPECT_TEXT(out, "won 10 · open 290 · lost 700");
    EXPECT_TEXT(out, "won of closed 1.4 % (95 %: 0.77 to 2.57 %)");
    EXPECT_TEXT(out, "won of entered 1.0 %");
    EXPECT_TEXT(out, "EUR");
    EXPECT_TEXT(out, "1,234.50");
    EXPECT_TEXT(out, "(none)");
    EXPECT_TEXT(out, "D\\x1bE");
    EXPECT_TEXT(out, "(other, 3 values)");
    EXPECT_TEXT(out, "per day from 2026-01-02");
    EXPECT_TEXT(out, "as of 2026-01-05");
    cr_assert(strchr(out.bytes, '\x1b') == NULL, "no escape without colour");
    text_buffer_deinit(&out);
    answer_deinit(&answer);
}

Test(report, the_table_fits_the_terminal)
{
    static const uint32_t WIDTHS[] = {80, 100, 140, 200};
    struct answer answer;
    answer_init(&answer);
    for (size_t at = 0; at < sizeof(WIDTHS) / sizeof(WIDTHS[0]); at++) {
        struct report_style style = PLAIN;
        struct text_buffer out = {0};
        style.width = WIDTHS[at];
        report_funnel(&answer.query, &answer.result, &style, &out);
        uint32_t column = 0;
        for (size_t index = 0; index < out.size; index++) {
            uint8_t byte = (uint8_t)out.bytes[index];
            column = byte == '\n' ? 0 : column + ((byte & 0xc0) != 0x80);
            cr_assert_leq(column, WIDTHS[at], "width %u:\n%s", WIDTHS[at], out.bytes);
        }
        text_buffer_deinit(&out);
    }
    answer_deinit(&answer);
}

Test(report, colour_only_where_asked_for)
{
    struct answer answer;
    struct report_style style = PLAIN;
    struct text_buffer out = {0};
    answer_init(&answer);
    style.colour = true;
    report_funnel(&answer.query, &answer.result, &style, &out);
    EXPECT_TEXT(out, "\x1b[36m");
    text_buffer_deinit(&out);
    answer_deinit(&answer);
}

static json_t *parse(const struct text_buffer *out)
{
    json_error_t fault;
    json_t *root = json_loadb(out->bytes, out->size, JSON_REJECT_DUPLICATES, &fault);
    cr_assert_not_null(root, "line %d: %s\n%s", fault.line, fault.text, out->bytes);
    return root;
}

Test(report, the_json_of_a_funnel_is_exact)
{
    struct answer answer;
    struct text_buffer out = {0};
    answer_init(&answer);
    report_funnel(&answer.query, &answer.result, &JSON, &out);
    json_t *root = parse(&out);
    json_t *total = json_object_get(root, "total");
    json_t *step = json_array_get(json_object_get(total, "steps"), 2);
    json_t *money = json_array_get(json_object_get(step, "money"), 0);
    json_t *slices = json_object_get(root, "slices");
    json_t *value = json_array_get(json_object_get(json_array_get(slices, 1), "values"), 0);
    cr_assert_eq(json_integer_value(json_object_get(total, "won")), 10);
    cr_assert_eq(json_integer_value(json_object_get(step, "reached")), 10);
    cr_assert_str_eq(json_string_value(json_object_get(money, "revenue")), "1234.5000");
    cr_assert_str_eq(json_string_value(json_object_get(money, "average")), "617.2500");
    cr_assert_eq(json_array_size(slices), 2);
    cr_assert(json_is_null(value));
    cr_assert_str_eq(
        json_string_value(json_object_get(json_object_get(root, "definition"), "window")), "7d");
    cr_assert_null(json_object_get(json_object_get(root, "provenance"), "work"));
    EXPECT_TEXT(out, "\"p50_us\": 12400000,");
    EXPECT_TEXT(out, "D\\u001bE");
    json_decref(root);
    text_buffer_deinit(&out);
    answer_deinit(&answer);
}

Test(report, the_same_answer_gives_the_same_bytes)
{
    struct answer answer;
    struct text_buffer first = {0};
    struct text_buffer second = {0};
    answer_init(&answer);
    report_funnel(&answer.query, &answer.result, &JSON, &first);
    answer.result.provenance.seconds_total = 99;
    answer.result.provenance.events_read = 1;
    answer.result.provenance.thread_count = 64;
    report_funnel(&answer.query, &answer.result, &JSON, &second);
    cr_assert_str_eq(first.bytes, second.bytes);
    text_buffer_deinit(&first);
    text_buffer_deinit(&second);
    answer_deinit(&answer);
}

Test(report, the_csv_has_a_row_per_slice_and_step_and_no_formulas)
{
    struct answer answer;
    struct text_buffer out = {0};
    answer_init(&answer);
    answer.result.slices[0].values[0] = TEXT_LITERAL("=cmd|'/c calc'!A1,\"x\"");
    report_funnel(&answer.query, &answer.result, &CSV, &out);
    uint32_t lines = 0;
    for (size_t index = 0; index < out.size; index++) {
        lines += out.bytes[index] == '\n';
    }
    cr_assert_eq(lines, 1 + 3 * 4, "%s", out.bytes);
    EXPECT_TEXT(out, "slice,country,step,name,reached,of_first,");
    EXPECT_TEXT(out, "total,,3,order,10,0.01,0.1,0,0,0,12400000,12400000,EUR,1234.5000,2,0.0000,"
                     "0\n");
    EXPECT_TEXT(out, "slice,\"'=cmd|'/c calc'!A1,\"\"x\"\"\",1,visit,");
    EXPECT_TEXT(out, "slice,(none),");
    text_buffer_deinit(&out);
    answer_deinit(&answer);
}

Test(report, an_empty_answer_is_drawn_with_dashes)
{
    struct answer answer;
    struct text_buffer out = {0};
    answer_init(&answer);
    answer_empty(&answer);
    report_funnel(&answer.query, &answer.result, &PLAIN, &out);
    EXPECT_TEXT(out, "won of closed –");
    text_buffer_reset(&out);
    report_funnel(&answer.query, &answer.result, &JSON, &out);
    EXPECT_TEXT(out, "\"won_of_closed\": null");
    json_decref(parse(&out));
    text_buffer_deinit(&out);
    answer_deinit(&answer);
}

Test(report, stages_and_sessions_come_in_every_format)
{
    uint64_t buckets[] = {1, 0, 9};
    struct query_stage_row row = {TEXT_LITERAL("visit"), 10, 4, buckets};
    struct query_stages stages = {.range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
                                  .as_of_us = QUERY_TIME_NONE};
    struct query_stages_result stages_result = {
        .rows = &row, .row_count = 1, .bucket_us = INT64_C(86400000000), .bucket_count = 3};
    struct query_sessions sessions = {.range = {0, 1000000}, .as_of_us = QUERY_TIME_NONE};
    struct query_sessions_result sessions_result = {
        .total = {.sessions = 8, .users = 3, .events = 20, .bounces = 2, .live = 1}};
    struct text_buffer out = {0};
    report_stages(&stages, &stages_result, &PLAIN, &out);
    EXPECT_TEXT(out, "▂·█");
    text_buffer_reset(&out);
    report_stages(&stages, &stages_result, &CSV, &out);
    EXPECT_TEXT(out, "visit,10,4,1970-01-03T00:00:00Z,9\n");
    text_buffer_reset(&out);
    report_stages(&stages, &stages_result, &JSON, &out);
    EXPECT_TEXT(out, "\"bucket_events\": [1, 0, 9]");
    json_decref(parse(&out));
    text_buffer_reset(&out);
    report_sessions(&sessions, &sessions_result, &PLAIN, &out);
    EXPECT_TEXT(out, "25.0 %");
    EXPECT_TEXT(out, "a gap of more than 30m starts a new one");
    text_buffer_reset(&out);
    report_sessions(&sessions, &sessions_result, &CSV, &out);
    EXPECT_TEXT(out, "total,8,3,20,2,0.25,1,,\n");
    text_buffer_reset(&out);
    report_sessions(&sessions, &sessions_result, &JSON, &out);
    EXPECT_TEXT(out, "\"bounce_rate\": 0.25");
    json_decref(parse(&out));
    text_buffer_deinit(&out);
}

Test(report, the_books_say_whether_they_balance)
{
    struct ingest_books books = {
        .run = {.messages = 10, .blank = 1, .messages_rejected = 2, .events = 7, .stored = 7},
        .files = 1};
    struct reject_sample sample = {.reason = REJECT_NOT_JSON,
                                   .source = "a.log",
                                   .offset = 17,
                                   .event_index = UINT32_MAX,
                                   .detail = "at byte 3",
                                   .excerpt = "{\x1b"};
    struct text_buffer out = {0};
    books.run.rejected[REJECT_NOT_JSON] = 2;
    books.all = books.run;
    static const char *const notes[] = {"'a.log' is already in the store: skipped"};
    const struct report_replay replay = {
        .books = &books, .samples = &sample, .sample_count = 1, .notes = notes, .note_count = 1};
    report_books(&replay, &PLAIN, &out);
    cr_assert(strstr(out.bytes, "mapped") == NULL);
    cr_assert(strstr(out.bytes, "event 42") == NULL); // of the message as a whole
    EXPECT_TEXT(out, "2 rejected: not_json");
    EXPECT_TEXT(out, "a.log at 17: at byte 3");
    EXPECT_TEXT(out, "{\\x1b");
    text_buffer_reset(&out);
    report_books(&replay, &JSON, &out);
    json_decref(parse(&out));
    EXPECT_TEXT(out, "\"not_json\": 2");
    EXPECT_TEXT(out, "\"bent\": {}");
    EXPECT_TEXT(out, "'a.log' is already in the store: skipped");
    EXPECT_TEXT(out, "\"event_index\": null");
    text_buffer_reset(&out);
    books.bent = (struct decode_notes){.mistyped = 2000, .amount_rounded = 1};
    report_books(&replay, &PLAIN, &out);
    EXPECT_TEXT(out, "  values of another type than mapped, taken as missing: 2,000\n"
                     "  amounts finer than 1/10000, rounded: 1\n");
    text_buffer_reset(&out);
    report_books(&replay, &JSON, &out);
    json_decref(parse(&out));
    EXPECT_TEXT(out, "\"mistyped\": 2000");
    text_buffer_deinit(&out);
}

Test(report, progress_says_how_far_how_fast_how_long)
{
    struct ingest_progress progress = {.events = 1234567,
                                       .rejected = 3,
                                       .bytes_done = 25,
                                       .bytes_total = 100,
                                       .elapsed_us = 1000000};
    struct text_buffer out = {0};
    report_progress(&progress, &PLAIN, &out);
    EXPECT_TEXT(out, " 25 % ███");
    EXPECT_TEXT(out, "1,234,567 events  1.23 M/s  3.0 s left  3 rejected");
    text_buffer_reset(&out);
    progress.bytes_total = 0;
    report_progress(&progress, &PLAIN, &out);
    cr_assert(strchr(out.bytes, '%') == NULL);
    text_buffer_deinit(&out);
}
