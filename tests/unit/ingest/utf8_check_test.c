// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/utf8_check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(utf8_check, test_faults_are_found_at_every_place_of_every_length)
{
    for (size_t size = 1; size < 80; size++) {
        char *text = malloc(size);
        memset(text, 'a', size);
        cr_expect_null(utf8_check((struct text){text, size}));
        for (size_t at = 0; at < size; at++) {
            text[at] = '\xff';
            cr_expect_eq(utf8_check((struct text){text, size}), text + at, "%zu of %zu", at, size);
            text[at] = '\xc3';
            cr_expect_eq(utf8_check((struct text){text, size}), text + at, "%zu of %zu", at, size);
            if (at + 1 < size) {
                text[at + 1] = '\xa4';
                cr_expect_null(utf8_check((struct text){text, size}), "%zu of %zu", at, size);
                text[at + 1] = 'a';
            }
            text[at] = 'a';
        }
        free(text);
    }
    cr_expect_null(utf8_check((struct text){NULL, 0}));
}
