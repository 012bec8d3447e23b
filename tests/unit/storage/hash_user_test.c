// SPDX-License-Identifier: Apache-2.0
#include "storage/base/hash.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>
#include <xxhash.h>

// What the store's keys are, in the library's own words.
static struct hash128 plain(const struct hash_secret *secret, uint8_t id_namespace, struct text id)
{
    uint8_t input[1025];
    input[0] = id_namespace;
    memcpy(input + 1, id.bytes, id.size);
    XXH128_hash_t hash =
        XXH3_128bits_withSecret(input, id.size + 1, secret->bytes, HASH_SECRET_SIZE);
    return (struct hash128){hash.high64, hash.low64};
}

Test(hash_user, is_xxh3_of_namespace_and_id_whatever_the_size)
{
    struct test_random random = test_random_start(test_random_seed());
    struct hash_secret secret;
    char bytes[1024];
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < HASH_SECRET_SIZE; i++) {
            secret.bytes[i] = (uint8_t)test_random_below(&random, 256);
        }
        for (uint32_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (char)test_random_below(&random, 256);
        }
        for (uint32_t size = 0; size <= sizeof(bytes); size++) {
            // At the end of the array: a sanitizer sees a read beyond an id.
            struct text id = {bytes + sizeof(bytes) - size, size};
            uint8_t space = (uint8_t)(size % 3);
            cr_assert(hash128_equal(hash_user(&secret, space, id), plain(&secret, space, id)),
                      "%u bytes", size);
        }
    }
}
