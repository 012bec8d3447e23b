// SPDX-License-Identifier: Apache-2.0
#include "storage/base/bytes.h"
#include "storage/base/hash.h"
#include "storage/base/memory.h"
#include "storage/encoding/encoding.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>

#define COUNT 65536u

struct bench {
    uint64_t *values;
    uint64_t *decoded;
    struct encoding_encoder *encoder;
    struct encoding_decoder *decoder;
    struct text_buffer bytes;
};

static struct bench bench_make(void)
{
    return (struct bench){
        .values = memory_allocate(COUNT * sizeof(uint64_t)),
        .decoded = memory_allocate(COUNT * sizeof(uint64_t)),
        .encoder = encoding_encoder_create(1),
        .decoder = encoding_decoder_create(),
    };
}

static void bench_drop(struct bench *bench)
{
    memory_free(bench->values);
    memory_free(bench->decoded);
    encoding_encoder_destroy(bench->encoder);
    encoding_decoder_destroy(bench->decoder);
    text_buffer_deinit(&bench->bytes);
}

// Encodes and decodes in all three widths; returns the encoding.
static enum encoding_id round_trip(struct bench *bench, enum encoding_id wanted, uint32_t count)
{
    struct corong_error error = {0};
    text_buffer_reset(&bench->bytes);
    enum encoding_id id =
        encoding_encode(bench->encoder, wanted, bench->values, count, NULL, &bench->bytes);
    cr_assert_eq(encoding_decode64(bench->decoder, bench->bytes.bytes, bench->bytes.size, NULL,
                                   bench->decoded, count, &error),
                 CORONG_OK, "%s", error.message);
    cr_assert_arr_eq(bench->decoded, bench->values, count * sizeof(uint64_t));
    uint32_t *words = (uint32_t *)bench->decoded;
    cr_assert_eq(encoding_decode32(bench->decoder, bench->bytes.bytes, bench->bytes.size, NULL,
                                   words, count, &error),
                 CORONG_OK, "%s", error.message);
    for (uint32_t index = 0; index < count; index++) {
        cr_assert_eq(words[index], (uint32_t)bench->values[index]);
    }
    uint8_t *narrow = (uint8_t *)bench->decoded;
    cr_assert_eq(encoding_decode8(bench->decoder, bench->bytes.bytes, bench->bytes.size, NULL,
                                  narrow, count, &error),
                 CORONG_OK, "%s", error.message);
    for (uint32_t index = 0; index < count; index++) {
        cr_assert_eq(narrow[index], (uint8_t)bench->values[index]);
    }
    return id;
}

Test(encoding_entropy, test_even_values_take_the_fraction_of_a_bit_that_they_need)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (uint32_t index = 0; index < COUNT; index++) {
        bench.values[index] = test_random_below(&random, 20000); // 14.288 bits
    }
    cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, COUNT), ENCODING_ENTROPY);
    cr_assert_lt(bench.bytes.size, COUNT * 1431 / 800);
    bench_drop(&bench);
}

Test(encoding_entropy, test_frequent_and_rare_values_take_about_their_entropy)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (uint32_t index = 0; index < COUNT; index++) { // half of 5000, half of 250: 10.98 bits
        bench.values[index] =
            UINT64_C(1000000007) + test_random_below(&random, index % 2 == 0 ? 250 : 5000);
    }
    cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, COUNT), ENCODING_ENTROPY);
    cr_assert_lt(bench.bytes.size, COUNT * 1104 / 800);
    bench_drop(&bench);
}

Test(encoding_entropy, test_more_spikes_than_classes_come_back)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (unsigned spikes = 200; spikes < 2000; spikes += 300) {
        for (uint32_t index = 0; index < COUNT; index++) {
            bench.values[index] = test_random_below(&random, spikes) * UINT64_C(97);
        }
        cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, COUNT), ENCODING_ENTROPY);
    }
    bench_drop(&bench);
}

Test(encoding_entropy, test_ranges_up_to_44_bits_and_counts_from_64)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (unsigned bits = 1; bits <= 45; bits++) {
        for (uint32_t count = 63; count <= 70; count++) {
            uint64_t range = UINT64_C(1) << bits;
            for (uint32_t index = 0; index < count; index++) {
                bench.values[index] = UINT64_MAX / 3 + test_random_next(&random) % range;
            }
            bench.values[0] = UINT64_MAX / 3;
            bench.values[1] = UINT64_MAX / 3 + range - 1;
            bool possible = bits <= 44 && count >= 64;
            cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, count) == ENCODING_ENTROPY, possible,
                         "%u bits, %u values", bits, count);
        }
    }
    bench_drop(&bench);
}

Test(encoding_entropy, test_one_value_in_thousands_comes_back)
{
    struct bench bench = bench_make();
    for (uint32_t index = 0; index < COUNT; index++) {
        bench.values[index] = index == 40000 ? 1u << 30 : 7;
    }
    cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, COUNT), ENCODING_ENTROPY);
    bench_drop(&bench);
}

// What the first coder wrote, one stream after the other and value by value: a faster one gives the
// same bytes.
Test(encoding_entropy, test_bytes_stay_those_of_the_first_coder)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(11);
    uint64_t hash = 0;
    for (uint32_t count = 64; count < COUNT; count = count * 3 / 2 + 1) {
        for (unsigned bits = 1; bits <= 44; bits += 3) {
            for (uint32_t index = 0; index < count; index++) {
                unsigned narrow = 1 + test_random_below(&random, bits);
                bench.values[index] = 77 + (test_random_next(&random) >> (64 - narrow));
            }
            bench.values[0] = 77;
            bench.values[count - 1] = 76 + (UINT64_C(1) << bits);
            cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, count), ENCODING_ENTROPY);
            hash = hash_bytes64_seeded(bench.bytes.bytes, bench.bytes.size, hash);
        }
    }
    cr_assert_eq(hash, UINT64_C(0x0f14f438686f71e3), "found %llx", (unsigned long long)hash);
    bench_drop(&bench);
}

Test(encoding_entropy, test_bytes_cut_anywhere_or_with_a_byte_too_many_are_refused)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (uint32_t index = 0; index < 500; index++) {
        bench.values[index] = test_random_below(&random, 1 + index % 300);
    }
    cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, 500), ENCODING_ENTROPY);
    for (size_t size = 0; size < bench.bytes.size; size++) {
        cr_assert_eq(encoding_decode64(bench.decoder, bench.bytes.bytes, size, NULL, bench.decoded,
                                       500, NULL),
                     CORONG_CORRUPT);
    }
    text_buffer_append_u8(&bench.bytes, 0);
    cr_assert_eq(encoding_decode64(bench.decoder, bench.bytes.bytes, bench.bytes.size, NULL,
                                   bench.decoded, 500, NULL),
                 CORONG_CORRUPT);
    bench_drop(&bench);
}

Test(encoding_entropy, test_a_changed_bit_gives_other_values_or_an_error)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (uint32_t index = 0; index < 300; index++) {
        bench.values[index] = test_random_below(&random, 1 + index % 300);
    }
    cr_assert_eq(round_trip(&bench, ENCODING_ENTROPY, 300), ENCODING_ENTROPY);
    for (size_t bit = 8; bit < bench.bytes.size * 8; bit++) {
        bench.bytes.bytes[bit / 8] ^= (char)(1 << bit % 8);
        enum corong_status status = encoding_decode64(
            bench.decoder, bench.bytes.bytes, bench.bytes.size, NULL, bench.decoded, 300, NULL);
        cr_assert(status == CORONG_OK || status == CORONG_CORRUPT);
        bench.bytes.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    bench_drop(&bench);
}

Test(encoding_entropy, test_groups_of_every_base_come_back_and_no_larger_base_is_grouped)
{
    struct bench bench = bench_make();
    struct test_random random = test_random_start(test_random_seed());
    for (unsigned base = 2; base <= 17; base++) {
        for (uint32_t count = 63; count < 90; count++) {
            for (uint32_t index = 0; index < count; index++) {
                bench.values[index] = 900 + test_random_below(&random, base);
            }
            bench.values[1] = 900;
            bench.values[count - 1] = 900 + base - 1;
            bool possible = base <= 16 && count >= 64;
            cr_assert_eq(round_trip(&bench, ENCODING_GROUPED, count) == ENCODING_GROUPED, possible,
                         "base %u, %u values", base, count);
        }
    }
    bench_drop(&bench);
}

Test(encoding_entropy, test_bytes_past_the_digits_are_refused)
{
    // grouped, reference 0, base 5; plain, one plane, raw: 22 bytes of 64 values, the last of one.
    uint8_t bytes[10 + 3 + 22] = {ENCODING_GROUPED, 0, 0, 0, 0, 0, 0, 0, 0, 5,
                                  ENCODING_PLAIN,   1, 0};
    struct bench bench = bench_make();
    cr_assert_eq(
        encoding_decode64(bench.decoder, bytes, sizeof(bytes), NULL, bench.decoded, 64, NULL),
        CORONG_OK);
    static const uint8_t good[] = {124, 4};
    for (unsigned end = 0; end < 2; end++) {
        uint8_t *byte = &bytes[end == 0 ? 13 : sizeof(bytes) - 1];
        *byte = good[end];
        cr_assert_eq(
            encoding_decode64(bench.decoder, bytes, sizeof(bytes), NULL, bench.decoded, 64, NULL),
            CORONG_OK);
        *byte = good[end] + 1;
        cr_assert_eq(
            encoding_decode64(bench.decoder, bytes, sizeof(bytes), NULL, bench.decoded, 64, NULL),
            CORONG_CORRUPT);
        *byte = 0;
    }
    for (unsigned base = 0; base < 256; base++) {
        bytes[9] = (uint8_t)base;
        enum corong_status status =
            encoding_decode64(bench.decoder, bytes, sizeof(bytes), NULL, bench.decoded, 64, NULL);
        cr_assert(base >= 2 && base <= 16 ? base == 5 || base == 6 || status == CORONG_CORRUPT
                                          : status == CORONG_CORRUPT);
    }
    bench_drop(&bench);
}
