// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_like.h"

#include <criterion/criterion.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static bool matches(const char *pattern, const char *value, bool fold)
{
    struct filter_like like = {text_from(pattern), TEXT_LITERAL(""), fold};
    return filter_like_matches(&like, text_from(value));
}

Test(filter_like, percent_is_any_run_and_underscore_one_character)
{
    cr_expect(matches("/sale/%", "/sale/", false));
    cr_expect(matches("/sale/%", "/sale/shoes", false));
    cr_expect_not(matches("/sale/%", "/sale", false));
    cr_expect(matches("%a%a%", "bab a", false));
    cr_expect_not(matches("%a%a%", "bab", false));
    cr_expect(matches("%%%", "", false));
    cr_expect_not(matches("_", "", false));
    cr_expect(matches("%_%_", "ab", false));
    cr_expect_not(matches("%_%_", "a", false));
    cr_expect(matches("%abc", "ababc", false));
    cr_expect(matches("a%bc%c", "abcbcc", false));
}

Test(filter_like, underscore_takes_a_whole_character)
{
    cr_expect(matches("Gr__e",
                      "Gr\xc3\xb6\xc3\x9f"
                      "e",
                      false));
    cr_expect(matches("_", "\xe2\x82\xac", false));
    cr_expect(matches("_", "\xf0\x9f\x9b\x92", false));
    cr_expect_not(matches("__", "\xf0\x9f\x9b\x92", false));
}

Test(filter_like, a_byte_that_is_not_utf8_is_one_character_equal_to_itself)
{
    cr_expect(matches("a_b",
                      "a\xff"
                      "b",
                      false));
    cr_expect(matches("a\xff"
                      "b",
                      "a\xff"
                      "b",
                      true));
    cr_expect_not(matches("\xfe", "\xff", true));
    cr_expect(matches("__", "\xc0\x80", false));           // overlong
    cr_expect(matches("___", "\xed\xa0\x80", false));      // a surrogate
    cr_expect(matches("__", "\xe2\x82", false));           // cut off
    cr_expect(matches("____", "\xf4\x90\x80\x80", false)); // above 0x10ffff
}

Test(filter_like, what_the_pattern_ends_with_ends_every_match)
{
    cr_expect(matches("%7", "/page/17", false));
    cr_expect(matches("%7", "7", false));
    cr_expect_not(matches("%7", "/page/71", false));
    cr_expect_not(matches("%17", "7", false));
    cr_expect_not(matches("%7", "", false));
    cr_expect(matches("%\xc3\xb6"
                      "7",
                      "\xc3\xb6"
                      "7",
                      false));
    cr_expect_not(matches("%\xc3\xb6"
                          "7",
                          "\xc3\xbc"
                          "7",
                          false));
    cr_expect(matches("%\\%7", "50%7", false));
    cr_expect_not(matches("%\\%7", "507", false));
    cr_expect(matches("a_c", "abc", false));
    cr_expect_not(matches("a_c", "c", false));
    cr_expect(matches("%C", "abc", true));
}

Test(filter_like, backslash_takes_the_next_character_as_it_is)
{
    cr_expect(matches("50\\%", "50%", false));
    cr_expect_not(matches("50\\%", "500", false));
    cr_expect(matches("a\\_\\\\", "a_\\", false));
    cr_expect(matches("\\a", "a", false));
    cr_expect(filter_like_sound(TEXT_LITERAL("a\\\\")));
    cr_expect_not(filter_like_sound(TEXT_LITERAL("a\\")));
    cr_expect_not(filter_like_sound(TEXT_LITERAL("\\\\\\")));
}

Test(filter_like, ilike_ignores_letter_case_beyond_ascii)
{
    cr_expect(matches("%GR\xc3\x96\xc3\x9f%",
                      "gr\xc3\xb6\xc3\x9f"
                      "e",
                      true));
    cr_expect(matches("\xd0\x9c\xd0\x9e\xd0\xa1%", "\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba", true));
    cr_expect(matches("\xce\xa3", "\xcf\x82", true)); // final sigma
    cr_expect_not(matches("A", "a", false));
    cr_expect_not(matches("@", "`", true));
    cr_expect_not(matches("[", "{", true));
}

static size_t utf8_write(uint32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | character >> 12);
    out[1] = (char)(0x80 | (character >> 6 & 0x3f));
    out[2] = (char)(0x80 | (character & 0x3f));
    return 3;
}

/// Whether PCRE2 takes two characters as equal but for their case.
static bool caseless_equal(uint32_t left, uint32_t right)
{
    char pattern[16] = "^[";
    char subject[4];
    size_t size = 2 + utf8_write(left, pattern + 2);
    memcpy(pattern + size, "]$", 2);
    int code;
    PCRE2_SIZE offset;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, size + 2, PCRE2_UTF | PCRE2_CASELESS,
                                         &code, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int found =
        pcre2_match(compiled, (PCRE2_SPTR)subject, utf8_write(right, subject), 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(compiled);
    return found >= 0;
}

Test(filter_like, every_folded_pair_is_a_pair_of_unicode)
{
    uint32_t folded = 0;
    for (uint32_t character = 0x80; character < 0x10000; character++) {
        uint32_t lower = filter_like_fold(character);
        if (lower != character) {
            folded++;
            cr_expect(caseless_equal(character, lower), "U+%04X is not U+%04X", character, lower);
            cr_expect_eq(filter_like_fold(lower), lower == 0x3c2 ? 0x3c3 : lower, "U+%04X", lower);
        }
    }
    cr_expect_gt(folded, 500);
}

Test(filter_like, folds_the_letters_of_every_latin_greek_and_cyrillic_block)
{
    cr_expect_eq(filter_like_fold('Z'), 'z');
    cr_expect_eq(filter_like_fold(0xde), 0xfe);
    cr_expect_eq(filter_like_fold(0xd7), 0xd7);   // the multiplication sign
    cr_expect_eq(filter_like_fold(0x130), 0x130); // dotted I: not a simple pair
    cr_expect_eq(filter_like_fold(0x178), 0xff);
    cr_expect_eq(filter_like_fold(0x17d), 0x17e);
    cr_expect_eq(filter_like_fold(0x38c), 0x3cc);
    cr_expect_eq(filter_like_fold(0x42f), 0x44f);
    cr_expect_eq(filter_like_fold(0x531), 0x561);
    cr_expect_eq(filter_like_fold(0x1ef8), 0x1ef9);
    cr_expect_eq(filter_like_fold(0xff21), 0xff41);
}
