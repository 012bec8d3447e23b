// SPDX-License-Identifier: Apache-2.0
#include "storage/base/hash.h"

#include "storage/base/cpu.h"
#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>

#define SIZE_MAX_TESTED 70000u

Test(hash, the_seeded_hash_is_the_librarys_whatever_the_size)
{
    struct test_random random = test_random_start(test_random_seed());
    char *bytes = memory_allocate(SIZE_MAX_TESTED);
    for (uint32_t at = 0; at < SIZE_MAX_TESTED; at++) {
        bytes[at] = (char)test_random_below(&random, 256);
    }
    for (uint32_t size = 0; cpu_has_avx2() && size <= SIZE_MAX_TESTED;
         size += size < 1100 ? 1 : 1 + test_random_below(&random, 2000)) {
        uint64_t seed = size % 3 == 0 ? 0 : test_random_next(&random);
        const char *from = bytes + SIZE_MAX_TESTED - size; // a sanitizer sees a read behind it
        cr_assert_eq(hash_bytes64_seeded_avx2(from, size, seed),
                     hash_bytes64_seeded_library(from, size, seed), "%u bytes", size);
    }
    memory_free(bytes);
}
