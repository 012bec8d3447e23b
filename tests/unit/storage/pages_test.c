// SPDX-License-Identifier: Apache-2.0
// Large arrays keep what is in them wherever they lie.
#include "storage/base/pages.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

static unsigned char byte_at(size_t index)
{
    return (unsigned char)(index * 31 + (index >> 12));
}

static bool holds(const unsigned char *bytes, size_t size)
{
    for (size_t index = 0; index < size; index++) {
        if (bytes[index] != byte_at(index)) {
            return false;
        }
    }
    return true;
}

Test(pages, keep_their_bytes_from_size_to_size)
{
    static const size_t SIZES[] = {1,
                                   100,
                                   PAGES_SIZE_MIN - 1,
                                   PAGES_SIZE_MIN,
                                   PAGES_SIZE_MIN + 1,
                                   3 * PAGES_SIZE_MIN + 4097,
                                   7 * PAGES_SIZE_MIN,
                                   2 * PAGES_SIZE_MIN,
                                   PAGES_SIZE_MIN,
                                   50};
    uint64_t before = pages_bytes();
    unsigned char *bytes = NULL;
    size_t from = 0;
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        bytes = pages_resize(bytes, from, SIZES[i]);
        cr_assert(holds(bytes, from < SIZES[i] ? from : SIZES[i]), "after %zu bytes", from);
        for (size_t index = 0; index < SIZES[i]; index++) {
            bytes[index] = byte_at(index);
        }
        from = SIZES[i];
        cr_assert_eq(pages_bytes() > before, from >= PAGES_SIZE_MIN);
    }
    pages_free(bytes, from);
    cr_assert_eq(pages_bytes(), before);
}

Test(pages, of_two_arrays_that_grow_in_turns_stay_apart)
{
    unsigned char *bytes[2] = {NULL, NULL};
    for (size_t size = PAGES_SIZE_MIN; size < 9 * PAGES_SIZE_MIN; size += PAGES_SIZE_MIN / 2) {
        size_t from = size == PAGES_SIZE_MIN ? 0 : size - PAGES_SIZE_MIN / 2;
        for (int i = 0; i < 2; i++) {
            bytes[i] = pages_resize(bytes[i], from, size);
            memset(bytes[i] + from, i + 1, size - from);
        }
    }
    size_t size = 9 * PAGES_SIZE_MIN - PAGES_SIZE_MIN / 2;
    for (size_t index = 0; index < size; index++) {
        cr_assert(bytes[0][index] == 1 && bytes[1][index] == 2);
    }
    pages_free(bytes[0], size);
    pages_free(bytes[1], size);
}

Test(pages, zeroed_ones_are_zero_and_nothing_is_freed_safely)
{
    for (size_t size = 1000; size < 5 * PAGES_SIZE_MIN; size *= 40) {
        unsigned char *bytes = pages_allocate_zeroed(size);
        cr_assert_eq(bytes[0] | bytes[size / 2] | bytes[size - 1], 0);
        memset(bytes, 1, size);
        pages_free(bytes, size);
    }
    pages_free(NULL, 0);
    pages_free(NULL, PAGES_SIZE_MIN);
}
