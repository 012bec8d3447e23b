// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/encoding.h"

#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#define COUNT_MAX 5000u

static const uint32_t COUNTS[] = {1, 2, 63, 64, 65, 1023, 1024, 1025, 2048, COUNT_MAX};
#define COUNT_COUNT (sizeof(COUNTS) / sizeof(COUNTS[0]))

enum shape {
    SHAPE_EQUAL,
    SHAPE_RANDOM,
    SHAPE_EXTREMES,
    SHAPE_FEW_DISTINCT,
    SHAPE_RUNS,
    SHAPE_ASCENDING,
    SHAPE_MOSTLY_ZERO,
    SHAPE_MOSTLY_SMALL,
    SHAPE_PER_USER,
    SHAPE_COUNT,
};

static uint64_t shaped_value(struct test_random *random, enum shape shape, uint64_t previous,
                             uint32_t index, unsigned width)
{
    uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    uint64_t value = test_random_next(random) & mask;
    switch (shape) {
    case SHAPE_EQUAL:
        return mask;
    case SHAPE_EXTREMES:
        return value % 3 == 0 ? 0 : value % 3 == 1 ? UINT64_MAX : UINT64_C(1) << 63;
    case SHAPE_FEW_DISTINCT:
        return (value % 7) * UINT64_C(0x123456789abcdef);
    case SHAPE_RUNS:
        return test_random_below(random, 20) == 0 ? value : previous;
    case SHAPE_ASCENDING:
        return previous + value % 1000;
    case SHAPE_MOSTLY_ZERO:
        return test_random_below(random, 30) == 0 ? value : 0;
    case SHAPE_MOSTLY_SMALL:
        return test_random_below(random, 10) == 0 ? value : value % 50;
    case SHAPE_PER_USER:
        return index % 10 == 0 || test_random_below(random, 50) == 0 ? value : previous;
    default:
        return value;
    }
}

struct array {
    uint64_t values[COUNT_MAX];
    uint32_t row_counts[COUNT_MAX];
    uint32_t names[COUNT_MAX];
    int64_t times[COUNT_MAX];
    uint32_t count;
    struct encoding_users users;
};

#define HOUR_US (INT64_C(3600) * 1000000)

// Names of which most are of the shapes' commonest value, and visits of three rows.
static void guides_fill(struct array *array, struct test_random *random)
{
    uint64_t least = array->values[0];
    for (uint32_t row = 0; row < array->count; row++) {
        least = array->values[row] < least ? array->values[row] : least;
    }
    int64_t time = INT64_C(-4000000000000);
    for (uint32_t row = 0; row < array->count; row++) {
        array->names[row] = array->values[row] == least ? test_random_below(random, 5)
                                                        : 5 + test_random_below(random, 3);
        time += row % 3 == 0 ? HOUR_US : HOUR_US / 2 - (row % 2); // half an hour goes on
        array->times[row] = time;
    }
    array->users.names = array->names;
    array->users.times_us = array->times;
}

static void array_fill(struct array *array, struct test_random *random, enum shape shape,
                       uint32_t count, unsigned width)
{
    uint64_t previous = 0;
    array->count = count;
    for (uint32_t index = 0; index < count; index++) {
        previous = shaped_value(random, shape, previous, index, width);
        array->values[index] = previous;
    }
    uint32_t users = 0;
    for (uint32_t left = count; left > 0; left -= array->row_counts[users - 1]) {
        array->row_counts[users++] = left < 10 ? left : 10;
    }
    array->users = (struct encoding_users){.row_counts = array->row_counts, .user_count = users};
    guides_fill(array, random);
}

static void assert_decodes(struct encoding_decoder *decoder, const struct array *array,
                           const struct text_buffer *bytes, const char *what)
{
    struct corong_error error = {0};
    uint64_t *wide = memory_allocate(array->count * sizeof(*wide));
    uint32_t *narrow = memory_allocate(array->count * sizeof(*narrow));
    cr_assert_eq(encoding_decode64(decoder, bytes->bytes, bytes->size, &array->users, wide,
                                   array->count, &error),
                 CORONG_OK, "%s: %s", what, error.message);
    cr_assert_eq(encoding_decode32(decoder, bytes->bytes, bytes->size, &array->users, narrow,
                                   array->count, &error),
                 CORONG_OK, "%s: %s", what, error.message);
    for (uint32_t index = 0; index < array->count; index++) {
        cr_assert_eq(wide[index], array->values[index], "%s: value %u of %u", what, index,
                     array->count);
        cr_assert_eq(narrow[index], (uint32_t)array->values[index], "%s: 32 bits of value %u", what,
                     index);
    }
    memory_free(wide);
    memory_free(narrow);
}

ParameterizedTestParameters(encoding, test_every_encoding_gives_back_every_shape)
{
    static unsigned ids[ENCODING_ID_END];
    for (unsigned id = 0; id < ENCODING_ID_END; id++) {
        ids[id] = id;
    }
    return cr_make_param_array(unsigned, ids, ENCODING_ID_END);
}

ParameterizedTest(unsigned *id, encoding, test_every_encoding_gives_back_every_shape)
{
    static const unsigned widths[] = {1, 8, 13, 32, 33, 64};
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    struct encoding_decoder *decoder = encoding_decoder_create();
    struct array *array = memory_allocate(sizeof(*array));
    struct text_buffer bytes = {0};
    uint32_t as_wanted = 0;
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    for (unsigned shape = 0; shape < SHAPE_COUNT; shape++) {
        for (size_t at = 0; at < COUNT_COUNT * 6; at++) {
            char what[128];
            array_fill(array, &random, (enum shape)shape, COUNTS[at % COUNT_COUNT],
                       widths[at / COUNT_COUNT]);
            text_buffer_reset(&bytes);
            enum encoding_id used = encoding_encode(encoder, (enum encoding_id) * id, array->values,
                                                    array->count, &array->users, &bytes);
            as_wanted += used == (enum encoding_id) * id;
            snprintf(what, sizeof(what), "seed %lu, encoding %u, shape %u, width %u", seed, *id,
                     shape, widths[at / COUNT_COUNT]);
            assert_decodes(decoder, array, &bytes, what);
        }
    }
    cr_assert(*id == ENCODING_CHOOSE || as_wanted > 0, "encoding %u was never used", *id);
    text_buffer_deinit(&bytes);
    memory_free(array);
    encoding_encoder_destroy(encoder);
    encoding_decoder_destroy(decoder);
}

// Followed on the same values a tree gives the same bytes; on any others it gives them back, and
// does not take clearly more than its own values did, nor than a choice for these.
Test(encoding, test_a_choice_followed_is_the_choice_made_again)
{
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    struct encoding_decoder *decoder = encoding_decoder_create();
    struct array *array = memory_allocate(sizeof(*array));
    struct text_buffer first = {0};
    struct text_buffer again = {0};
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    for (unsigned at = 0; at < SHAPE_COUNT * SHAPE_COUNT * 4; at++) {
        char what[64];
        struct encoding_choice choice = {0};
        snprintf(what, sizeof(what), "seed %lu, round %u", seed, at);
        array_fill(array, &random, at % SHAPE_COUNT, COUNT_MAX, 1 + test_random_below(&random, 40));
        text_buffer_reset(&first);
        encoding_encode_again(encoder, &choice, array->values, COUNT_MAX, &array->users, &first);
        text_buffer_reset(&again);
        encoding_encode_again(encoder, &choice, array->values, COUNT_MAX, &array->users, &again);
        cr_assert_eq(again.size, first.size, "%s", what);
        cr_assert_arr_eq(again.bytes, first.bytes, first.size, "%s", what);
        array_fill(array, &random, at / SHAPE_COUNT % SHAPE_COUNT,
                   COUNTS[test_random_below(&random, COUNT_COUNT)], 1 + at % 64);
        text_buffer_reset(&again);
        encoding_encode_again(encoder, &choice, array->values, array->count, &array->users, &again);
        assert_decodes(decoder, array, &again, what);
        size_t share = first.size * array->count / COUNT_MAX;
        text_buffer_reset(&first);
        encoding_encode(encoder, ENCODING_CHOOSE, array->values, array->count, &array->users,
                        &first);
        size_t most = first.size > share + share / 32 ? first.size : share + share / 32;
        cr_assert_leq(again.size, most + 512, "%s", what);
    }
    text_buffer_deinit(&first);
    text_buffer_deinit(&again);
    memory_free(array);
    encoding_encoder_destroy(encoder);
    encoding_decoder_destroy(decoder);
}

Test(encoding, test_a_choice_is_made_anew_after_64_times)
{
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    struct array *array = memory_allocate(sizeof(*array));
    struct text_buffer bytes = {0};
    struct encoding_choice choice = {0};
    struct test_random random = test_random_start(3);
    array_fill(array, &random, SHAPE_RANDOM, COUNT_MAX, 8);
    encoding_encode_again(encoder, &choice, array->values, COUNT_MAX, NULL, &bytes);
    array_fill(array, &random, SHAPE_RUNS, COUNT_MAX, 8);
    enum encoding_id id = ENCODING_CHOOSE;
    for (unsigned time = 1; time <= 64; time++) {
        cr_assert_neq(id, ENCODING_RUN_LENGTH, "before time %u", time);
        id = encoding_encode_again(encoder, &choice, array->values, COUNT_MAX, NULL, &bytes);
    }
    cr_assert_eq(id, ENCODING_RUN_LENGTH);
    text_buffer_deinit(&bytes);
    memory_free(array);
    encoding_encoder_destroy(encoder);
}

Test(encoding, test_every_bit_width_comes_back)
{
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    struct encoding_decoder *decoder = encoding_decoder_create();
    struct array *array = memory_allocate(sizeof(*array));
    struct text_buffer bytes = {0};
    struct test_random random = test_random_start(test_random_seed());
    for (unsigned width = 0; width <= 64; width++) {
        for (size_t at = 0; at < COUNT_COUNT; at++) {
            char what[64];
            array_fill(array, &random, SHAPE_RANDOM, COUNTS[at], width);
            text_buffer_reset(&bytes);
            encoding_encode(encoder, ENCODING_BITPACK, array->values, array->count, NULL, &bytes);
            snprintf(what, sizeof(what), "width %u", width);
            assert_decodes(decoder, array, &bytes, what);
        }
    }
    text_buffer_deinit(&bytes);
    memory_free(array);
    encoding_encoder_destroy(encoder);
    encoding_decoder_destroy(decoder);
}

Test(encoding, test_no_values_come_back_as_none)
{
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    struct encoding_decoder *decoder = encoding_decoder_create();
    struct text_buffer bytes = {0};
    uint64_t none = 0;
    encoding_encode(encoder, ENCODING_CHOOSE, &none, 0, NULL, &bytes);
    cr_assert_eq(encoding_decode64(decoder, bytes.bytes, bytes.size, NULL, &none, 0, NULL),
                 CORONG_OK);
    text_buffer_deinit(&bytes);
    encoding_encoder_destroy(encoder);
    encoding_decoder_destroy(decoder);
}

// Whatever the bytes, a decoder answers with values or an error; sanitizers watch.
Test(encoding, test_damaged_bytes_never_hurt)
{
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    struct encoding_decoder *decoder = encoding_decoder_create();
    struct array *array = memory_allocate(sizeof(*array));
    struct text_buffer bytes = {0};
    uint64_t decoded[300];
    struct test_random random = test_random_start(test_random_seed());
    for (uint64_t round = 0; round < test_scaled(3000); round++) {
        unsigned id = test_random_below(&random, ENCODING_ID_END);
        array_fill(array, &random, (enum shape)test_random_below(&random, SHAPE_COUNT), 300,
                   1 + test_random_below(&random, 64));
        text_buffer_reset(&bytes);
        encoding_encode(encoder, (enum encoding_id)id, array->values, 300, &array->users, &bytes);
        size_t size = bytes.size;
        if (round % 2 == 0) {
            size = test_random_below(&random, (uint32_t)size);
            cr_assert_eq(
                encoding_decode64(decoder, bytes.bytes, size, &array->users, decoded, 300, NULL),
                CORONG_CORRUPT, "cut to %zu of %zu bytes", size, bytes.size);
            continue;
        }
        uint32_t head = size < 40 || round % 4 == 1 ? (uint32_t)size : 40;
        bytes.bytes[test_random_below(&random, head)] ^=
            (char)(1 + test_random_below(&random, 255));
        enum corong_status status =
            encoding_decode64(decoder, bytes.bytes, size, &array->users, decoded, 300, NULL);
        cr_assert(status == CORONG_OK || status == CORONG_CORRUPT);
    }
    text_buffer_deinit(&bytes);
    memory_free(array);
    encoding_encoder_destroy(encoder);
    encoding_decoder_destroy(decoder);
}
