// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/byte_find.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(byte_find, test_the_first_of_either_byte_is_found_from_every_place)
{
    uint64_t state = 1;
    for (size_t size = 1; size < 70; size++) {
        char *text = malloc(size);
        for (size_t index = 0; index < size; index++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            text[index] = "abcdefghijklmnopqrstuv\"\\\x80\xff"[(state >> 40) % 26];
        }
        for (size_t at = 0; at <= size; at++) {
            size_t wanted = at;
            while (wanted < size && text[wanted] != '"' && text[wanted] != '\\') {
                wanted++;
            }
            cr_expect_eq(byte_find_either(text, text + at, text + size, '"', '\\'), text + wanted);
            const char *found = memchr(text + at, 'a', size - at);
            cr_expect_eq(byte_find(text, text + at, text + size, 'a'), found);
        }
        free(text);
    }
}
