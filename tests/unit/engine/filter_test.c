// SPDX-License-Identifier: Apache-2.0
// Compiling: the grammar, errors that point, limits on both sides, the canonical text, types.
#include "engine/filter/filter.h"

#include "engine/filter/filter_literal.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum test_column { COUNTRY = COLUMN_SYSTEM_COUNT, PRICE, QUANTITY, VIP, DOTTED, COLUMN_COUNT };

static struct arena arena;
static struct schema schema;
static union canonical_value values[COLUMN_COUNT];

static void make_schema(void)
{
    uint32_t column;
    schema_init(&schema, &arena);
    cr_assert_eq(schema_add(&schema, &arena, TEXT_LITERAL("country"), COLUMN_STRING, &column, NULL),
                 0);
    cr_assert_eq(schema_add(&schema, &arena, TEXT_LITERAL("price"), COLUMN_NUMBER, &column, NULL),
                 0);
    cr_assert_eq(
        schema_add(&schema, &arena, TEXT_LITERAL("quantity"), COLUMN_INTEGER, &column, NULL), 0);
    cr_assert_eq(schema_add(&schema, &arena, TEXT_LITERAL("vip"), COLUMN_BOOLEAN, &column, NULL),
                 0);
    cr_assert_eq(
        schema_add(&schema, &arena, TEXT_LITERAL("utm source"), COLUMN_STRING, &column, NULL), 0);
    cr_assert_eq(column, DOTTED);
    for (column = 0; column < COLUMN_COUNT; column++) {
        values[column].integer = COLUMN_INTEGER_MISSING;
    }
    values[COLUMN_NAME].string = TEXT_LITERAL("order");
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[COUNTRY].string = TEXT_LITERAL("DE");
    values[DOTTED].string = TEXT_MISSING;
    values[PRICE].integer = (int64_t)COLUMN_NUMBER_MISSING_BITS;
}

static void free_schema(void)
{
    arena_deinit(&arena);
}

TestSuite(filter, .init = make_schema, .fini = free_schema);

static struct filter *compiled(const char *source)
{
    struct filter *filter = NULL;
    struct corong_error error = {0};
    cr_assert_eq(filter_compile(&filter, &arena, text_from(source), &schema, &error), CORONG_OK,
                 "%.80s: %s", source, error.message);
    return filter;
}

static bool holds(const char *source, int64_t time_us)
{
    struct filter *filter = compiled(source);
    bool answer = filter_matches_event(filter, values, time_us);
    filter_destroy(filter);
    return answer;
}

static void expect_refused(const char *source, const char *message)
{
    struct filter *filter = (struct filter *)source;
    struct corong_error error = {0};
    cr_expect_eq(filter_compile(&filter, &arena, text_from(source), &schema, &error),
                 CORONG_INVALID, "%.80s", source);
    cr_expect_null(filter);
    cr_expect_not_null(strstr(error.message, message), "%.80s: %s", source, error.message);
}

Test(filter, errors_point_at_the_character)
{
    expect_refused("vip and contry = 'DE'",
                   "filter: at column 9: unknown attribute 'contry', did you mean 'country'?\n"
                   "  vip and contry = 'DE'\n"
                   "          ^");
    expect_refused("country = '\xc3\x96\xc3\x96' and ?",
                   "at column 20: unexpected '?'\n  country = '\xc3\x96\xc3\x96' and ?\n"
                   "                     ^");
    expect_refused("vip and\n\tx1y2z3 = 1", "at column 10: unknown attribute 'x1y2z3'\n"
                                            "  vip and  x1y2z3 = 1\n           ^");
}

Test(filter, a_long_source_is_shown_around_the_error)
{
    struct text_buffer source = {0};
    for (uint32_t index = 0; index < 100; index++) {
        text_buffer_append_string(&source, "vip or ");
    }
    text_buffer_append_string(&source, "oops = 1");
    for (uint32_t index = 0; index < 100; index++) {
        text_buffer_append_string(&source, " or vip");
    }
    expect_refused(source.bytes,
                   "at column 701: unknown attribute 'oops'\n"
                   "  p or vip or vip or vip or vip or vip or oops = 1 or vip or vip or vip \n"
                   "                                          ^");
    text_buffer_deinit(&source);
}

Test(filter, refuses_what_is_not_a_condition)
{
    expect_refused("", "at column 1: expected a condition, found the end");
    expect_refused("  ", "expected a condition");
    expect_refused("country", "expected a comparison, found the end");
    expect_refused("vip vip", "expected 'and', 'or' or the end, found 'vip'");
    expect_refused("vip and", "expected an attribute, found the end");
    expect_refused("(vip", "expected 'and', 'or' or ')', found the end");
    expect_refused("vip)", "found ')'");
    expect_refused("()", "expected an attribute, found ')'");
    expect_refused("country in 'DE'", "expected '(' and a list");
    expect_refused("country in ()", "expected a value, found ')'");
    expect_refused("country in ('DE' 'FR')", "expected ',' or ')'");
    expect_refused("country in ('DE',)", "expected a value");
    expect_refused("country in (country)", "expected a value, found 'country'");
    expect_refused("price between 1", "expected 'and' and the upper bound");
    expect_refused("price between 1 or 2", "expected 'and' and the upper bound");
    expect_refused("country is 'DE'", "expected 'null' or 'not null'");
    expect_refused("country not 'DE'", "expected 'in', 'like', 'ilike' or 'between'");
    expect_refused("1 = 2", "needs an attribute on one side");
    expect_refused("'DE'", "expected a comparison");
    expect_refused("country = ", "expected a value or an attribute");
    expect_refused("country = null", "expected a value or an attribute, found 'null'");
    expect_refused("country like 5", "expected a pattern in single quotes");
    expect_refused("country like 'a\\'", "pattern ends in a backslash");
    expect_refused("country ! 'DE'", "unexpected '!'");
    expect_refused("country = 'DE", "text without an end");
    expect_refused("\"country = 'DE'", "quoted name without an end");
    expect_refused("country = DE", "unknown attribute 'DE' (text goes in single quotes)");
    expect_refused("country = \x01", "unexpected byte 0x01");
    expect_refused("received = 1", "unknown attribute 'received'");
    expect_refused("seq = 1", "unknown attribute 'seq'");
    expect_refused("time = 5", "time compares with a timestamp");
    expect_refused("time > 'yesterday'", "time compares with a timestamp");
    expect_refused("time = revenue", "compare with literals only");
}

Test(filter, refuses_what_is_not_a_number)
{
    expect_refused("price > 1.", "not a number");
    expect_refused("price > .5", "unexpected '.'");
    expect_refused("price > 1e", "not a number");
    expect_refused("price > 1e+", "not a number");
    expect_refused("price > -", "not a number");
    expect_refused("price > --1", "not a number");
    expect_refused("price > 1x", "not a number");
    expect_refused("price > 1.2.3", "not a number");
    compiled("price > -1.25E-3");
}

static void repeat(struct text_buffer *out, const char *what, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        text_buffer_append_string(out, what);
    }
}

Test(filter, nests_64_deep)
{
    struct text_buffer source = {0};
    repeat(&source, "(", FILTER_DEPTH_MAX);
    repeat(&source, "vip", 1);
    repeat(&source, ")", FILTER_DEPTH_MAX);
    compiled(source.bytes);
    text_buffer_reset(&source);
    repeat(&source, "not ", FILTER_DEPTH_MAX);
    repeat(&source, "vip", 1);
    compiled(source.bytes);
    text_buffer_reset(&source);
    repeat(&source, "not ", FILTER_DEPTH_MAX);
    repeat(&source, "(vip)", 1);
    expect_refused(source.bytes, "more than 64 nested");
    text_buffer_reset(&source);
    repeat(&source, "vip or vip and (", FILTER_DEPTH_MAX);
    repeat(&source, "vip", 1);
    repeat(&source, ")", FILTER_DEPTH_MAX);
    cr_expect_not(holds(source.bytes, 0));
    text_buffer_deinit(&source);
}

Test(filter, takes_64_kib_of_source)
{
    struct text_buffer source = {0};
    repeat(&source, "vip or ", 9000);
    repeat(&source, "vip", 1);
    repeat(&source, " ", FILTER_SOURCE_SIZE_MAX - (uint32_t)source.size);
    cr_expect_not(holds(source.bytes, 0));
    repeat(&source, " ", 1);
    expect_refused(source.bytes, "65537 bytes (at most 65536)");
    text_buffer_deinit(&source);
}

Test(filter, takes_256_regular_expressions_and_patterns_of_1024_bytes)
{
    struct text_buffer source = {0};
    repeat(&source, "country =~ 'x' or ", FILTER_REGEX_COUNT_MAX - 1);
    repeat(&source, "country =~ 'D'", 1);
    cr_expect(holds(source.bytes, 0));
    repeat(&source, " or country !~ 'E'", 1);
    expect_refused(source.bytes, "more than 256 regular expressions");
    text_buffer_reset(&source);
    repeat(&source, "country like '", 1);
    repeat(&source, "%", FILTER_PATTERN_SIZE_MAX);
    repeat(&source, "'", 1);
    cr_expect(holds(source.bytes, 0));
    source.size--;
    repeat(&source, "%'", 1);
    expect_refused(source.bytes, "pattern of 1025 bytes (at most 1024)");
    text_buffer_deinit(&source);
}

Test(filter, a_number_has_at_most_40_digits_and_64_characters)
{
    struct text_buffer source = {0};
    repeat(&source, "price < 0.", 1);
    repeat(&source, "9", 39);
    compiled(source.bytes);
    repeat(&source, "9", 1);
    expect_refused(source.bytes, "number of more than 40 digits");
    text_buffer_reset(&source);
    repeat(&source, "price < 1e", 1);
    repeat(&source, "0", 62);
    compiled(source.bytes);
    repeat(&source, "0", 1);
    expect_refused(source.bytes, "number of more than 64 characters");
    text_buffer_deinit(&source);
}

Test(filter, the_longest_numbers_stay_numbers_in_canonical_text)
{
    static const char *const FORMS[] = {"price < -0.%sE-9999999999", "price < -%sE20",
                                        "price < -0.%se-19", "price < %s"};
    char digits[FILTER_DIGIT_COUNT_MAX];
    memset(digits, '7', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    for (size_t index = 0; index < sizeof(FORMS) / sizeof(FORMS[0]); index++) {
        char source[128];
        snprintf(source, sizeof(source), FORMS[index], digits);
        struct text canonical = filter_canonical(compiled(source));
        cr_expect(text_equal(filter_canonical(compiled(canonical.bytes)), canonical));
    }
}

static void expect_canonical(const char *source, const char *expected)
{
    struct filter *filter = compiled(source);
    struct text canonical = filter_canonical(filter);
    cr_expect_str_eq(canonical.bytes, expected);
    filter_destroy(filter);
    filter = compiled(expected);
    cr_expect_str_eq(filter_canonical(filter).bytes, expected,
                     "canonical once, canonical for ever");
    filter_destroy(filter);
}

Test(filter, canonical_text_has_one_form)
{
    expect_canonical("country=='DE'  AND\n(price<>1.50)", "country = 'DE' and (price != 1.5)");
    expect_canonical("\"country\" IN('DE' ,'O''Neill')", "country in ('DE', 'O''Neill')");
    expect_canonical("\"utm source\" Is Not NULL", "\"utm source\" is not null");
    expect_canonical("NOT vip = TRUE Or vip", "not vip = true or vip");
}

Test(filter, canonical_numbers_are_plain_decimals)
{
    expect_canonical("price in (+1, 007, -0.0, 15e-1, 1E3, 0.00125, 100)",
                     "price in (1, 7, 0, 1.5, 1000, 0.00125, 100)");
    expect_canonical("price in (1e21, 12e-30, 1e20)",
                     "price in (1e21, 12e-30, 100000000000000000000)");
}

Test(filter, canonical_without_a_schema_keeps_what_has_no_tokens)
{
    struct text_buffer out = {0};
    filter_canonicalize(TEXT_LITERAL("nowhere  LIKE 'x'"), &out);
    filter_canonicalize(TEXT_LITERAL(" ;  x ="), &out);
    cr_expect_str_eq(out.bytes, "nowhere like 'x' ;  x =");
    text_buffer_deinit(&out);
}

Test(filter, names_the_columns_it_reads)
{
    const uint32_t *columns;
    struct filter *filter =
        compiled("vip or country = 'DE' or time > '2026-01-02' or country = 'x'");
    cr_assert_eq(filter_columns(filter, &columns), 3);
    cr_expect_eq(columns[0], (uint32_t)COLUMN_TIME);
    cr_expect_eq(columns[1], (uint32_t)COUNTRY);
    cr_expect_eq(columns[2], (uint32_t)VIP);
    filter_destroy(filter);
}

static void expect_mismatches(const char *source, uint32_t count)
{
    struct filter *filter = compiled(source);
    cr_expect_eq(filter_type_mismatches(filter), count, "%s", source);
    filter_destroy(filter);
}

Test(filter, literals_of_another_type_are_counted_and_unknown)
{
    values[QUANTITY].integer = 3;
    expect_mismatches("country = 'DE' and quantity = 3", 0);
    expect_mismatches("country = 5", 1);
    expect_mismatches("quantity in (1, 'a', true)", 2);
    expect_mismatches("price between 'a' and 'b'", 2);
    expect_mismatches("quantity like 'a%' or vip =~ 'x'", 2);
    expect_mismatches("vip = 1 or vip = 'true'", 2);
    expect_mismatches("country = quantity", 1);
    cr_expect_not(holds("country = 5", 0));
    cr_expect_not(holds("not country = 5", 0));
    cr_expect_not(holds("country != 5", 0));
    cr_expect(holds("quantity in (3, 'a')", 0));
    cr_expect_not(holds("quantity not in (4, 'a')", 0));
    cr_expect(holds("quantity not between 4 and 'a'", 0));
    cr_expect_not(holds("quantity between 3 and 'a'", 0));
}

Test(filter, integers_compare_exactly_with_decimals)
{
    values[QUANTITY].integer = INT64_C(9007199254740993); // one more than a double can tell
    cr_expect(holds("quantity = 9007199254740993", 0));
    cr_expect_not(holds("quantity = 9007199254740992", 0));
    cr_expect(holds("quantity > 9007199254740992.9", 0));
    cr_expect(holds("quantity < 9007199254740993.1", 0));
    values[QUANTITY].integer = INT64_MAX;
    cr_expect(holds("quantity = 9223372036854775807 and quantity < 9223372036854775807.5", 0));
    cr_expect(holds("quantity < 9223372036854775808 and quantity != 9223372036854775808", 0));
    cr_expect_not(holds("quantity > 9223372036854775807", 0));
    cr_expect(holds("quantity < 1e400 and quantity > -1e400 and not quantity > 1e400", 0));
    values[QUANTITY].integer = INT64_MIN + 1;
    cr_expect(holds("quantity > -9223372036854775808 and quantity = -9223372036854775807", 0));
    cr_expect_not(holds("quantity < -9223372036854775807", 0));
    cr_expect(holds("quantity <= -9223372036854775806.5", 0));
    values[QUANTITY].integer = -2;
    cr_expect(holds("quantity < -1.5 and quantity > -2.5 and quantity >= -2.0", 0));
    cr_expect(holds("quantity between -2.5 and -1.5", 0));
    cr_expect_not(holds("quantity between -1.9 and -1.5", 0));
}

Test(filter, revenue_is_exact_in_ten_thousandths)
{
    values[COLUMN_AMOUNT].integer = 199900;
    cr_expect(holds("revenue = 19.99", 0));
    cr_expect(holds("revenue > 19.98999 and revenue < 19.99001", 0));
    cr_expect_not(holds("revenue = 19.99001", 0));
    cr_expect(holds("revenue between 19.99 and 20", 0));
    cr_expect(holds("revenue is not null", 0));
}

Test(filter, time_compares_with_timestamps)
{
    int64_t time_us = INT64_C(1767323045000000); // 2026-01-02T03:04:05Z
    cr_expect(holds("time = '2026-01-02T03:04:05Z'", time_us));
    cr_expect(holds("time = '2026-01-02 04:04:05+01:00'", time_us));
    cr_expect(holds("time > '2026-01-02' and time < '2026-01-03'", time_us));
    cr_expect(holds("time < '2026-01-02T03:04:05.000001Z'", time_us));
    cr_expect(holds("time between '2026-01-02' and '2026-01-02T03:04:05'", time_us));
    cr_expect(holds("time in ('2026-01-02T03:04:05')", time_us));
}

Test(filter, hostile_regular_expressions_give_up_as_unknown)
{
    struct text_buffer value = {0};
    repeat(&value, "a", 3000);
    repeat(&value, "!", 1);
    values[COUNTRY].string = (struct text){value.bytes, value.size};
    cr_expect_not(holds("country =~ '^(a+)+$'", 0));
    cr_expect_not(holds("country !~ '^(a+)+$'", 0));
    cr_expect(holds("country =~ 'a!$' and country !~ 'b'", 0));
    text_buffer_deinit(&value);
    expect_refused("country =~ '(a'",
                   "at column 15: regular expression: missing closing parenthesis");
    expect_refused("country =~ '\\C'", "regular expression");
}

Test(filter, regular_expressions_search_in_utf8)
{
    values[COUNTRY].string = TEXT_LITERAL("Gr\xc3\xb6\xc3\x9f"
                                          "e");
    cr_expect(holds("country =~ '^Gr..e$'", 0));
    cr_expect(holds("country =~ '(?i)GR\xc3\x96'", 0));
    values[COUNTRY].string = TEXT_LITERAL("a\xff"
                                          "b");
    cr_expect(holds("country =~ 'b$' and country =~ '^a' and country !~ 'a.b'", 0));
    values[COUNTRY].string = TEXT_LITERAL("");
    cr_expect(holds("country =~ '^$' and country = '' and country is not null", 0));
}

Test(filter, destroy_takes_null)
{
    filter_destroy(NULL);
}
