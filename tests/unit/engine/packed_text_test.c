// SPDX-License-Identifier: Apache-2.0
#include "engine/event/packed_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

// Each text in memory of its own: a sanitizer sees a read beyond it.
static struct packed_text pack(const char *bytes, size_t size, char **own_out)
{
    *own_out = malloc(size + (size == 0));
    memcpy(*own_out, bytes, size);
    return packed_text_over((struct text){*own_out, size});
}

Test(packed_text, gives_back_every_size)
{
    static const char BYTES[] = "\xff"
                                "a\0bcdefgh\x80ijklmnopq";
    for (size_t size = 0; size < sizeof(BYTES) - 1; size++) {
        char *own;
        struct packed_text packed = pack(BYTES, size, &own);
        cr_assert_eq(packed_text_is_short(&packed), size <= PACKED_TEXT_SIZE_MAX);
        cr_assert_not(packed_text_is_missing(&packed));
        cr_assert(text_equal(packed_text_get(&packed, own), (struct text){BYTES, size}), "%zu",
                  size);
        free(own);
    }
    struct packed_text missing = packed_text_over(TEXT_MISSING);
    cr_assert(packed_text_is_missing(&missing));
    cr_assert_null(packed_text_get(&missing, NULL).bytes);
}

Test(packed_text, short_ones_are_equal_exactly_where_their_words_are)
{
    static const char ZEROS[PACKED_TEXT_SIZE_MAX] = {0};
    for (size_t left = 0; left <= PACKED_TEXT_SIZE_MAX; left++) {
        for (size_t right = 0; right <= PACKED_TEXT_SIZE_MAX; right++) {
            struct packed_text first = packed_text_short(ZEROS, left);
            struct packed_text second = packed_text_short(ZEROS, right);
            cr_assert_eq(memcmp(&first, &second, sizeof(first)) == 0, left == right);
        }
    }
}
