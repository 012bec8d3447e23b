// SPDX-License-Identifier: Apache-2.0
// A choice of encodings is followed through arrays that are nothing like the one it was made for.
#include "storage/encoding/encoding.h"
#include "tests/support/test_random.h"
#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT_MAX 3000u
#define SEQUENCE_LENGTH 12u

struct users_array {
    uint64_t values[COUNT_MAX];
    uint64_t decoded[COUNT_MAX];
    uint32_t row_counts[COUNT_MAX];
    uint32_t names[COUNT_MAX];
    int64_t times_us[COUNT_MAX];
    uint32_t count;
    struct encoding_users users;
};

// One of a dozen ways in which columns go on: as before, within few bits, with rare large ones.
static uint64_t next_value(struct test_random *random, unsigned way, uint64_t before)
{
    uint64_t any = test_random_next(random);
    uint32_t often = test_random_below(random, 100);
    switch (way) {
    case 0:
        return before;
    case 1:
        return any % 8;
    case 2:
        return any & ((UINT64_C(1) << (5 + often % 3)) - 1);
    case 3:
        return before + (often > 0 ? any % 9 : any % 100000);
    case 4:
        return often < 95 ? any % 5 : any >> any % 50;
    case 5:
        return any >> 40;
    case 6:
        return often < 98 ? before : any % 300;
    case 7:
        return before + 1000000;
    case 8:
        return any >> 7 & ((UINT64_C(1) << any % 14) - 1);
    case 9:
        return any;
    case 10:
        return often < 97 ? any % 200 : any % 60000;
    default:
        return any % 12;
    }
}

static void fill(struct users_array *array, struct test_random *random, unsigned way,
                 uint32_t count)
{
    unsigned first_way = test_random_below(random, 12);
    uint32_t repeat = 1 + test_random_below(random, test_random_below(random, 3) == 0 ? 1 : 30);
    uint64_t before = test_random_below(random, 1000);
    uint32_t user_count = 0;
    for (uint32_t row = 0; row < count; user_count++) {
        uint32_t rows = 1 + test_random_below(random, 20);
        rows = rows < count - row ? rows : count - row;
        array->row_counts[user_count] = rows;
        for (uint32_t end = row + rows, first = row; row < end; row++) {
            before = row == first        ? next_value(random, first_way, before)
                     : row % repeat != 0 ? before
                                         : next_value(random, way, before);
            array->values[row] = before;
            array->names[row] = test_random_below(random, 60);
            array->times_us[row] = (int64_t)row * (1 + test_random_below(random, 60)) * 1000000;
        }
    }
    array->count = count;
    array->users =
        (struct encoding_users){array->row_counts, user_count, array->names, array->times_us};
}

struct codec {
    struct encoding_encoder *encoder;
    struct encoding_decoder *decoder;
    struct text_buffer bytes;
};

static void follow(struct codec *codec, struct encoding_choice *choice, struct users_array *array,
                   bool with_users, const char *what)
{
    struct corong_error error;
    const struct encoding_users *users = with_users ? &array->users : NULL;
    text_buffer_reset(&codec->bytes);
    encoding_encode_again(codec->encoder, choice, array->values, array->count, users,
                          &codec->bytes);
    cr_assert_eq(encoding_decode64(codec->decoder, codec->bytes.bytes, codec->bytes.size, users,
                                   array->decoded, array->count, &error),
                 CORONG_OK, "%s: %s", what, error.message);
    cr_assert_arr_eq(array->decoded, array->values, array->count * sizeof(uint64_t), "%s", what);
}

static struct codec codec_create(void)
{
    return (struct codec){encoding_encoder_create(3), encoding_decoder_create(), {0}};
}

static void codec_destroy(struct codec *codec)
{
    encoding_encoder_destroy(codec->encoder);
    encoding_decoder_destroy(codec->decoder);
    text_buffer_deinit(&codec->bytes);
}

static void follow_sequence(struct codec *codec, struct users_array *array,
                            struct test_random *random, const char *what)
{
    struct encoding_choice choice = {0};
    bool with_users = test_random_below(random, 3) != 0;
    unsigned way = test_random_below(random, 12);
    for (unsigned at = 0; at < SEQUENCE_LENGTH; at++) {
        way = test_random_below(random, 3) == 0 ? test_random_below(random, 12) : way;
        uint32_t most = test_random_below(random, 2) == 0 ? 200 : COUNT_MAX;
        fill(array, random, way, 1 + test_random_below(random, most));
        follow(codec, &choice, array, with_users, what);
    }
}

// Of these seeds some let both ways of a patched node follow one after the other, until no encoding
// was allowed that deep.
Test(encoding_choice, test_what_follows_any_choice_comes_back)
{
    struct codec codec = codec_create();
    struct users_array *array = memory_allocate(sizeof(*array));
    uint64_t fresh = test_random_seed();
    for (uint64_t at = 0; at < 500; at++) {
        char what[64];
        uint64_t seed = at < 400 ? at : fresh + at;
        struct test_random random = test_random_start(seed);
        snprintf(what, sizeof(what), "seed %lu", seed);
        follow_sequence(&codec, array, &random, what);
    }
    memory_free(array);
    codec_destroy(&codec);
}

// Two values say nothing of thirty thousand.
Test(encoding_choice, test_a_choice_of_few_values_is_not_kept_for_many)
{
    struct codec codec = codec_create();
    struct encoding_choice choice = {0};
    static const uint64_t few[] = {3, 70000};
    uint64_t *many = memory_allocate(30000 * sizeof(*many));
    for (uint32_t row = 0; row < 30000; row++) {
        many[row] = row % 500 == 0 ? 70000 : row * UINT64_C(0x9e3779b97f4a7c15) >> 62;
    }
    encoding_encode_again(codec.encoder, &choice, few, 2, NULL, &codec.bytes);
    text_buffer_reset(&codec.bytes);
    encoding_encode_again(codec.encoder, &choice, many, 30000, NULL, &codec.bytes);
    size_t followed = codec.bytes.size;
    text_buffer_reset(&codec.bytes);
    encoding_encode(codec.encoder, ENCODING_CHOOSE, many, 30000, NULL, &codec.bytes);
    cr_assert_eq(followed, codec.bytes.size);
    memory_free(many);
    codec_destroy(&codec);
}

Test(encoding_choice, test_a_choice_made_of_nothing_is_made_again)
{
    struct codec codec = codec_create();
    struct encoding_choice choice = {0};
    static const uint64_t some[] = {1, 2, 3};
    encoding_encode_again(codec.encoder, &choice, some, 0, NULL, &codec.bytes);
    encoding_encode_again(codec.encoder, &choice, some, 3, NULL, &codec.bytes);
    cr_assert_eq(choice.count, 3);
    codec_destroy(&codec);
}
