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
