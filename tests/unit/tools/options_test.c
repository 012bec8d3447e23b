// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/options.h"

#include "tools/corong/guess.h"
#include "tools/corong/instant.h"

#include <criterion/criterion.h>

#include <stdio.h>

static const uint8_t ALLOWED[] = {
    OPTION_STORE, OPTION_TOP,    OPTION_MEMORY_LIMIT,    OPTION_STEP, OPTION_FROM,
    OPTION_ORDER, OPTION_TIMING, OPTION_COMMIT_INTERVAL, OPTION_COUNT};

struct parsed {
    struct arena arena;
    struct options options;
    struct corong_error error;
    enum corong_status status;
};

/// Words are split at blanks.
static void parse(struct parsed *parsed, const char *line)
{
    static char copy[512];
    char *words[32] = {NULL};
    int count = 0;
    *parsed = (struct parsed){0};
    snprintf(copy, sizeof(copy), "verb %s", line);
    for (char *at = copy, *word; (word = strsep(&at, " ")) != NULL;) {
        words[count++] = word;
    }
    parsed->status =
        options_parse(&parsed->options, &parsed->arena, ALLOWED, count, words, &parsed->error);
}

static void expect_refusal(const char *line, const char *words)
{
    struct parsed parsed;
    parse(&parsed, line);
    cr_assert_eq(parsed.status, CORONG_INVALID, "%s", line);
    cr_assert(strstr(parsed.error.message, words) != NULL, "'%s' expected in '%s'", words,
              parsed.error.message);
    arena_deinit(&parsed.arena);
}

Test(options, values_have_types_and_words_stay_in_order)
{
    struct parsed parsed;
    parse(&parsed, "a --store d --top=7 --memory-limit 1GiB b --step x --step y --order strict "
                   "--timing --from 2026-01-02 -- --c");
    cr_assert_eq(parsed.status, CORONG_OK, "%s", parsed.error.message);
    const struct option_value *values = parsed.options.values;
    cr_assert_str_eq(values[OPTION_STORE].text.bytes, "d");
    cr_assert_eq(values[OPTION_TOP].number, 7);
    cr_assert_eq(values[OPTION_MEMORY_LIMIT].number, 1 << 30);
    cr_assert_eq(values[OPTION_ORDER].number, 1);
    cr_assert_eq(values[OPTION_STEP].list_count, 2);
    cr_assert_str_eq(values[OPTION_STEP].list[1].bytes, "y");
    cr_assert(values[OPTION_TIMING].given);
    cr_assert_not(values[OPTION_WHERE].given);
    cr_assert_eq(values[OPTION_FROM].number, INT64_C(1767312000000000));
    cr_assert_eq(parsed.options.operand_count, 3);
    cr_assert_str_eq(parsed.options.operand_strings[2], "--c");
    arena_deinit(&parsed.arena);
}

Test(options, refusals_name_what_is_allowed)
{
    expect_refusal("--stroe x", "unknown option '--stroe'; did you mean '--store'?");
    expect_refusal("--qqqqqq", "unknown option '--qqqqqq'");
    expect_refusal("--where x", "'--where' belongs to other commands");
    expect_refusal("-x", "unknown option '-x'");
    expect_refusal("--store", "--store: a value is expected: --store DIR");
    expect_refusal("--timing=1", "--timing: takes no value");
    expect_refusal("--top 0", "--top: '0' is not a whole number from 1 to 10000");
    expect_refusal("--top 10001", "from 1 to 10000");
    expect_refusal("--top 1e3", "from 1 to 10000");
    expect_refusal("--memory-limit 63MiB", "64MiB to");
    expect_refusal("--commit-interval 0s", "--commit-interval: '0s' is out of range");
    expect_refusal("--order people", "'people' is not one of: loose, strict, any");
    expect_refusal("--from yesterday", "--from: 'yesterday' is not a time");
}

Test(options, limits_are_inclusive)
{
    static const char *const GOOD[] = {"--top 1", "--top 10000", "--memory-limit 64MiB",
                                       "--commit-interval 1ms", "--commit-interval 1h"};
    for (size_t index = 0; index < sizeof(GOOD) / sizeof(GOOD[0]); index++) {
        struct parsed parsed;
        parse(&parsed, GOOD[index]);
        cr_assert_eq(parsed.status, CORONG_OK, "%s: %s", GOOD[index], parsed.error.message);
        arena_deinit(&parsed.arena);
    }
}

Test(options, instants_are_read_exactly)
{
    static const struct {
        const char *text;
        int64_t time_us;
    } GOOD[] = {
        {"1970-01-01", 0},
        {"2000-02-29", INT64_C(951782400000000)},
        {"2026-01-02T03:04:05Z", INT64_C(1767323045000000)},
        {"2026-01-02 03:04:05.25", INT64_C(1767323045250000)},
        {"2026-01-02T04:04:05.000001+01:00", INT64_C(1767323045000001)},
        {"2026-01-01T22:04-05:00", INT64_C(1767323040000000)},
        {"2199-12-31T23:59:59Z", INT64_C(7258118399000000)},
    };
    static const char *const BAD[] = {"",
                                      "2026",
                                      "2026-1-2",
                                      "2026-02-29",
                                      "1900-01-01",
                                      "2200-01-01",
                                      "2026-13-01",
                                      "2026-01-02T24:00",
                                      "2026-01-02T03:60",
                                      "2026-01-02x",
                                      "2026-01-02T",
                                      "2026-01-02T03:04:05+1",
                                      "2026-01-02T03:04:05.1234567",
                                      "2026-01-02T03:04:05."};
    struct corong_error error;
    int64_t time_us;
    for (size_t index = 0; index < sizeof(GOOD) / sizeof(GOOD[0]); index++) {
        cr_assert_eq(instant_parse(text_from(GOOD[index].text), &time_us, &error), CORONG_OK, "%s",
                     GOOD[index].text);
        cr_assert_eq(time_us, GOOD[index].time_us, "%s: %ld", GOOD[index].text, (long)time_us);
    }
    for (size_t index = 0; index < sizeof(BAD) / sizeof(BAD[0]); index++) {
        cr_assert_eq(instant_parse(text_from(BAD[index]), &time_us, &error), CORONG_INVALID, "%s",
                     BAD[index]);
    }
}

Test(options, first_lines_are_recognised)
{
    static const struct {
        const char *line;
        const char *preset;
    } LINES[] = {
        {"{\"session\":1,\"events\":[]}", "otto"},
        {"{\"anonymousId\":\"a\",\"messageId\":\"m\",\"type\":\"track\",\"event\":\"x\"}",
         "segment"},
        {"{\"user\":\"u\",\"time\":1,\"event\":\"view\"}", "generic"},
        {"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1", "combined"},
        {"{\"a\":1}", NULL},
        {"{\"user\":\"u\"", NULL},
        {"a,b,c", NULL},
        {"", NULL},
        {"[10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1", NULL},
    };
    for (size_t index = 0; index < sizeof(LINES) / sizeof(LINES[0]); index++) {
        const char *because = NULL;
        const char *preset = guess_line(text_from(LINES[index].line), &because);
        cr_assert_not_null(because);
        cr_assert_eq(preset == NULL, LINES[index].preset == NULL, "%s", LINES[index].line);
        if (preset != NULL) {
            cr_assert_str_eq(preset, LINES[index].preset);
        }
    }
}
