// SPDX-License-Identifier: Apache-2.0
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>

#define FIELDS "user: user\ntime: time\nname: action\nattributes: { note: note }\n"

static struct decode_harness harness;

static void expect(const char *line, const char *lines, enum reject_reason reason)
{
    cr_expect_str_eq(decode_harness_lines(&harness, line), lines, "%s", line);
    cr_expect_eq(harness.outcome.reason, reason, "%s: %s (%s)", line,
                 reject_reason_name(harness.outcome.reason), harness.outcome.detail);
}

Test(decode_csv, test_rows_follow_the_header_in_any_order)
{
    decode_harness_open(&harness, "format: csv\n" FIELDS);
    expect("note,action,user,other,time\r", "", REJECT_NONE);
    cr_expect(harness.outcome.blank);
    expect("n,view,7,,5\r", "known 7 view 5000000 note=n\n", REJECT_NONE);
    cr_expect_not(harness.outcome.blank);
    expect(",view,7,,5", "known 7 view 5000000\n", REJECT_NONE);
    expect("\"\",view,7,,5", "known 7 view 5000000 note=\n", REJECT_NONE);
    expect("\"a \"\"b\"\", c\",view,7,,5", "known 7 view 5000000 note=a \"b\", c\n", REJECT_NONE);
    expect("5\" disk,view,7,x,5", "known 7 view 5000000 note=5\" disk\n", REJECT_NONE);
    expect("", "", REJECT_NONE);
    cr_expect(harness.outcome.blank);
    decode_harness_close(&harness);
}

Test(decode_csv, test_malformed_rows_are_refused)
{
    decode_harness_open(&harness, "format: csv\n" FIELDS);
    expect("user,time,action,note", "", REJECT_NONE);
    expect("7,5,view", "", REJECT_COLUMN_COUNT);
    expect("7,5,view,a,b", "", REJECT_COLUMN_COUNT);
    expect("7,5,view,\"a", "", REJECT_TRUNCATED);
    expect("7,5,view,\"a\"\"", "", REJECT_TRUNCATED);
    expect("7,5,view,\"a\"b", "", REJECT_COLUMN_COUNT);
    expect("7,5,view,\xff", "", REJECT_NOT_UTF8);
    expect(",5,view,", "", REJECT_USER_MISSING);
    expect("7,,view,", "", REJECT_TIME_MISSING);
    expect("7,5,,", "", REJECT_NAME_MISSING);
    expect("7,5,view,", "known 7 view 5000000\n", REJECT_NONE);
    decode_harness_close(&harness);
}

Test(decode_csv, test_each_file_has_its_own_header)
{
    decode_harness_open(&harness, "format: csv\n" FIELDS);
    expect("\xef\xbb\xbfuser,time,action,note", "", REJECT_NONE);
    expect("7,5,view,a", "known 7 view 5000000 note=a\n", REJECT_NONE);
    decoder_begin_file(harness.decoder);
    expect("\"time\",\"action\",\"user\"", "", REJECT_NONE);
    expect("5,view,8", "known 8 view 5000000\n", REJECT_NONE);
    decoder_set_header(harness.decoder, TEXT_LITERAL("action,time,user\r"));
    expect("view,6,9", "known 9 view 6000000\n", REJECT_NONE);
    decoder_begin_file(harness.decoder);
    expect("\"user,time", "", REJECT_COLUMN_COUNT);
    decode_harness_close(&harness);
}

Test(decode_csv, test_tabs_separate_and_quotes_are_text)
{
    decode_harness_open(&harness, "format: tsv\n" FIELDS);
    expect("user\ttime\taction\tnote", "", REJECT_NONE);
    expect("7\t5\tview\t\"a", "known 7 view 5000000 note=\"a\n", REJECT_NONE);
    expect("7\t5\tview\ta,b", "known 7 view 5000000 note=a,b\n", REJECT_NONE);
    decode_harness_close(&harness);
}

Test(decode_csv, test_generic_preset_reads_a_shop_export)
{
    decode_harness_open(&harness, "preset: generic\nformat: csv\n");
    expect("event_time,event_type,product_id,category_code,brand,price,user_id,user_session", "",
           REJECT_NONE);
    expect("2019-10-01 00:00:00 UTC,view,44,,acme,35.5,541,72d",
           "known 541 view 1569888000000000 product_id=44 brand=acme price=35.5\n", REJECT_NONE);
    decode_harness_close(&harness);
}

static uint64_t state = 1;

static uint32_t draw(uint32_t bound)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((state >> 32) * bound) >> 32);
}

/// `cells` of random texts, most of them of five columns; nothing in them is quoted.
static size_t put_row(char *to, char separator)
{
    static const char *const texts[] = {"",     "7", "view", "1700000000", "a text of some length",
                                        "x\x7f"};
    uint32_t cells = draw(8) == 0 ? draw(8) + 1 : 4;
    size_t size = 0;
    for (uint32_t cell = 0; cell < cells; cell++) {
        size += (size_t)sprintf(to + size, "%s", texts[draw(6)]);
        to[size++] = separator;
    }
    return size;
}

/// A row with an unusual cell in a column that nobody maps is read byte by byte; without it, in one
/// pass: the same comes out of both.
static void compare_rows(const char *yaml, char separator, const char *plain, const char *unusual)
{
    char header[] = "user,time,action,note,z";
    for (char *at = header; *at != '\0'; at++) {
        *at = *at == ',' ? separator : *at;
    }
    decode_harness_open(&harness, yaml);
    cr_assert_str_eq(decode_harness_lines(&harness, header), "");
    uint64_t sound = 0;
    for (uint32_t round = 0; round < 5000; round++) {
        char row[400];
        size_t size = put_row(row, separator);
        strcpy(row + size, plain);
        char lines[400];
        strcpy(lines, decode_harness_lines(&harness, row));
        struct decode_outcome outcome = harness.outcome;
        strcpy(row + size, unusual);
        cr_assert_str_eq(decode_harness_lines(&harness, row), lines, "%s", row);
        cr_assert_eq(harness.outcome.reason, outcome.reason, "%s", row);
        cr_assert_str_eq(harness.outcome.detail, outcome.detail, "%s", row);
        sound += lines[0] != '\0';
    }
    cr_expect_gt(sound, 200);
    decode_harness_close(&harness);
}

Test(decode_csv, test_plain_rows_are_as_unusual_ones)
{
    compare_rows("format: csv\n" FIELDS, ',', "", "\"\"");
    compare_rows("format: csv\n" FIELDS, ',', "x", "\"x\"");
    compare_rows("format: csv\n" FIELDS, ',', "a text of some length", "\xc3\xa4");
    compare_rows("format: tsv\n" FIELDS, '\t', "\"x\"", "\xc3\xa4");
}
