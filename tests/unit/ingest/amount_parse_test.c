// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/amount_parse.h"

#include <criterion/criterion.h>
#include <inttypes.h>

static void expect(const char *text, int64_t expected, bool expected_rounded)
{
    int64_t amount = 0;
    bool rounded = false;
    cr_assert(amount_parse(text_from(text), &amount, &rounded), "%s", text);
    cr_expect_eq(amount, expected, "%s: %" PRId64, text, amount);
    cr_expect_eq(rounded, expected_rounded, "%s", text);
}

Test(amount_parse, test_amounts_are_exact)
{
    expect("35.79", 357900, false);
    expect("0.1", 1000, false);
    expect("-12", -120000, false);
    expect("+1", 10000, false);
    expect(" 12 ", 120000, false);
    expect(".5", 5000, false);
    expect("5.", 50000, false);
    expect("1e3", 10000000, false);
    expect("1.5E-2", 150, false);
    expect("0", 0, false);
    expect("-0.0", 0, false);
    expect("0e999999999999", 0, false);
    expect("922337203685477.5807", INT64_MAX, false);
    expect("-922337203685477.5807", -INT64_MAX, false);
    expect("0000000000000000000000000000000000000000000000000001", 10000, false);
    expect("1.00000000000000000000000000000000000000000000000000", 10000, false);
}

Test(amount_parse, test_halves_go_to_even)
{
    expect("0.00005", 0, true);
    expect("0.00015", 2, true);
    expect("0.00025", 2, true);
    expect("-0.00015", -2, true);
    expect("-0.00025", -2, true);
    expect("0.000050000000000000000000000000000000000000000000001", 1, true);
    expect("0.00004999999", 0, true);
    expect("1e-999", 0, true);
    expect("0.123456789", 1235, true);
}

Test(amount_parse, test_other_texts_are_refused)
{
    static const char *const wrong[] = {"",
                                        " ",
                                        "-",
                                        ".",
                                        "1,50",
                                        "1.2.3",
                                        "1e",
                                        "1e+",
                                        "abc",
                                        "1 2",
                                        "0x1",
                                        "NaN",
                                        "inf",
                                        "--1",
                                        "1-",
                                        "922337203685477.5808",
                                        "1e300",
                                        "\xe2\x82\xac"
                                        "5"};
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        int64_t amount;
        bool rounded;
        cr_expect_not(amount_parse(text_from(wrong[index]), &amount, &rounded), "%s", wrong[index]);
    }
}

Test(amount_parse, test_length_limit_holds_on_both_sides)
{
    char digits[402];
    memset(digits, '0', sizeof(digits));
    int64_t amount;
    bool rounded;
    cr_expect(amount_parse((struct text){digits, 400}, &amount, &rounded));
    cr_expect_not(amount_parse((struct text){digits, 401}, &amount, &rounded));
}
