// SPDX-License-Identifier: Apache-2.0
/// The vector forms against the scalar ones: all tails, unaligned starts, any bytes.
#include "storage/encoding/encoding_kernels.h"

#include "storage/base/cpu.h"
#include "storage/base/memory.h"
#include "storage/encoding/encoding_entropy_kernel.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT_MAX 200u
#define ROUNDS 20u

struct sample {
    uint8_t bytes[COUNT_MAX + 8];
    uint32_t words[COUNT_MAX + ENCODING_KERNEL_SLACK];
    uint32_t row_counts[COUNT_MAX];
    uint32_t user_count;
};

static void fill(struct sample *sample, struct test_random *random, uint32_t count)
{
    for (uint32_t i = 0; i < COUNT_MAX + 8; i++) {
        bool escape = test_random_below(random, 4) == 0;
        sample->bytes[i] = escape ? 255 : (uint8_t)test_random_next(random);
    }
    for (uint32_t i = 0; i < COUNT_MAX + ENCODING_KERNEL_SLACK; i++) {
        sample->words[i] = (uint32_t)test_random_next(random);
    }
    sample->user_count = 0;
    for (uint32_t left = count; left > 0;) {
        uint32_t rows = 1 + test_random_below(random, left < 30 ? left : 30);
        sample->row_counts[sample->user_count++] = rows;
        left -= rows;
    }
}

static void check_count(uint32_t count, struct test_random *random)
{
    struct sample sample;
    uint32_t expected[COUNT_MAX + 1] = {0};
    uint32_t found[COUNT_MAX + 1] = {0};
    fill(&sample, random, count);
    uint32_t shift = test_random_below(random, 8);
    encoding_expand_bytes_scalar(sample.bytes + shift, 255, sample.words, expected, count);
    encoding_expand_bytes_avx2(sample.bytes + shift, 255, sample.words, found, count);
    cr_assert_arr_eq(found, expected, sizeof(found), "expand %u", count);
    encoding_sum_up_users_scalar(sample.row_counts, sample.user_count, sample.words + 3,
                                 sample.words, expected);
    encoding_sum_up_users_avx2(sample.row_counts, sample.user_count, sample.words + 3, sample.words,
                               found);
    cr_assert_arr_eq(found, expected, sizeof(found), "sum up %u", count);
}

Test(encoding_kernels, the_vector_forms_give_what_the_scalar_ones_give)
{
    struct test_random random = test_random_start(7);
    for (uint32_t count = 0; cpu_has_avx2() && count <= COUNT_MAX; count++) {
        for (uint32_t round = 0; round < ROUNDS; round++) {
            check_count(count, &random);
        }
    }
}

static void check_bounds(const uint64_t *values, uint32_t count)
{
    struct encoding_bounds expected = encoding_bounds_of_scalar(values, count);
    struct encoding_bounds found = encoding_bounds_of_avx2(values, count);
    cr_assert_eq(found.minimum, expected.minimum, "%u values", count);
    cr_assert_eq(found.maximum, expected.maximum, "%u values", count);
    if (count > 1) {
        struct encoding_steps steps = encoding_steps_of_scalar(values, count);
        struct encoding_steps again = encoding_steps_of_avx2(values, count);
        cr_assert_eq(again.minimum, steps.minimum, "%u values", count);
        cr_assert_eq(again.maximum, steps.maximum, "%u values", count);
        cr_assert_eq(again.change_count, steps.change_count, "%u values", count);
    }
}

// Values of every width, so that the highest bit is met, and equal neighbours.
Test(encoding_kernels, bounds_and_steps_are_the_same_in_both_forms)
{
    struct test_random random = test_random_start(8);
    uint64_t values[COUNT_MAX];
    for (unsigned width = 1; cpu_has_avx2() && width <= 64; width++) {
        for (uint32_t count = 1; count <= COUNT_MAX; count++) {
            for (uint32_t at = 0; at < count; at++) {
                uint64_t value = test_random_next(&random) >> (64 - width);
                values[at] = at > 0 && test_random_below(&random, 3) == 0 ? values[at - 1] : value;
            }
            check_bounds(values, count);
        }
    }
}

#define CLASSES 16u
#define TABLE_BITS 11u
#define STREAM_ROOM 1600u
#define STREAM_COUNT_MAX 150u

// Classes of one frequency, all values of one width, states in any order.
static void fill_codes(struct entropy_codes *codes, struct test_random *random, unsigned value_bits,
                       bool narrow)
{
    uint32_t frequency = (1u << TABLE_BITS) / CLASSES;
    codes->table_bits = TABLE_BITS;
    codes->width_max = TABLE_BITS + value_bits;
    codes->reference = 5;
    codes->narrow = narrow;
    for (uint32_t number = 0; number < CLASSES; number++) {
        codes->codes[number] = (struct entropy_code){
            .bits_offset = (4u << 16) - (frequency << 4),
            .states_offset = (int32_t)(number * frequency) - (int32_t)frequency,
            .value_bits = value_bits,
        };
    }
    for (uint32_t state = 0; state < 1u << TABLE_BITS; state++) {
        codes->states[state] = (uint16_t)((1u << TABLE_BITS) + state * 77 % (1u << TABLE_BITS));
    }
    for (uint32_t bin = 0; bin < CLASS_BIN_COUNT; bin++) {
        codes->bins.classes[bin] = (uint8_t)test_random_below(random, CLASSES);
    }
}

static void code(const struct entropy_codes *codes, const uint64_t *values, uint32_t count,
                 bool vector, uint8_t *bytes)
{
    struct entropy_sink sinks[ENTROPY_STREAM_COUNT];
    memset(bytes, 0, ENTROPY_STREAM_COUNT * STREAM_ROOM);
    for (uint32_t at = 0; at < ENTROPY_STREAM_COUNT; at++) {
        sinks[at] = (struct entropy_sink){
            .values = values + (size_t)at * STREAM_COUNT_MAX,
            .left = at < ENTROPY_STREAM_COUNT - 1 ? count : count / 2,
            .state = 1u << TABLE_BITS,
            .at = bytes + (at + 1) * STREAM_ROOM,
        };
    }
    (vector ? encoding_entropy_code_avx2 : encoding_entropy_code_scalar)(codes, sinks);
    for (uint32_t at = 0; at < ENTROPY_STREAM_COUNT; at++) {
        cr_assert_eq(sinks[at].left, 0);
        bytes[at * STREAM_ROOM] = (uint8_t)sinks[at].fill;
    }
}

// Every width of a value, so every number of them between two writes; streams of unequal lengths.
Test(encoding_kernels, entropy_coding_gives_the_same_bytes_in_both_forms)
{
    struct test_random random = test_random_start(9);
    struct entropy_codes *codes = memory_allocate(sizeof(*codes));
    static uint64_t values[ENTROPY_STREAM_COUNT * STREAM_COUNT_MAX];
    static uint8_t expected[ENTROPY_STREAM_COUNT * STREAM_ROOM];
    static uint8_t found[ENTROPY_STREAM_COUNT * STREAM_ROOM];
    for (unsigned at = 0; cpu_has_avx2() && at < 2 * (CLASS_BITS_MAX + 1); at++) {
        unsigned bits = at / 2;
        unsigned range = at % 2 == 0 ? CLASS_BITS_MAX : 12;
        fill_codes(codes, &random, bits, at % 2 != 0);
        for (uint32_t row = 0; row < ENTROPY_STREAM_COUNT * STREAM_COUNT_MAX; row++) {
            values[row] = 5 + (test_random_next(&random) >> (64 - range));
        }
        for (uint32_t count = 0; count <= STREAM_COUNT_MAX; count += 1 + count / 10) {
            code(codes, values, count, false, expected);
            code(codes, values, count, true, found);
            cr_assert_arr_eq(found, expected, sizeof(found), "%u bits, %u values", bits, count);
        }
    }
    memory_free(codes);
}

Test(encoding_kernels, an_escape_takes_the_next_exception)
{
    const uint8_t codes[] = {1, 7, 7, 0};
    const uint32_t large[2 + ENCODING_KERNEL_SLACK] = {100, 200};
    uint32_t values[4];
    encoding_expand_bytes(codes, 7, large, values, 4);
    const uint32_t expected[] = {1, 107, 207, 0};
    cr_assert_arr_eq(values, expected, sizeof(values));
}

Test(encoding_kernels, sums_start_anew_with_each_user)
{
    const uint32_t rows[] = {3, 1, 2};
    const uint32_t firsts[] = {10, 20, 30};
    const uint32_t deltas[3 + ENCODING_KERNEL_SLACK] = {1, 2, UINT32_MAX};
    uint32_t values[6];
    encoding_sum_up_users(rows, 3, firsts, deltas, values);
    const uint32_t expected[] = {10, 11, 13, 20, 30, 29};
    cr_assert_arr_eq(values, expected, sizeof(values));
}

Test(encoding_kernels, bytes_are_spread_over_exactly_the_rows)
{
    struct test_random random = test_random_start(8);
    for (uint32_t count = 0; count <= COUNT_MAX; count++) {
        struct sample sample;
        uint8_t values[COUNT_MAX + 1];
        fill(&sample, &random, count);
        memset(values, 0xee, sizeof(values));
        encoding_spread_bytes(sample.row_counts, sample.user_count, sample.bytes, values);
        uint32_t at = 0;
        for (uint32_t user = 0; user < sample.user_count; user++) {
            for (uint32_t row = 0; row < sample.row_counts[user]; row++) {
                cr_assert_eq(values[at++], sample.bytes[user]);
            }
        }
        cr_assert_eq(values[at], 0xee);
    }
}
