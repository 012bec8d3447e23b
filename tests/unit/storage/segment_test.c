// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment.h"

#include "storage/base/memory.h"
#include "tests/support/segment_sample.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char directory[64];
    char path[256];
};

static struct place place_make(void)
{
    struct place place;
    snprintf(place.directory, sizeof(place.directory), "/tmp/corong_segment_XXXXXX");
    cr_assert_not_null(mkdtemp(place.directory));
    return place;
}

static void place_path(struct place *place, uint8_t uuid_byte)
{
    char digits[33];
    for (int index = 0; index < 16; index++) {
        snprintf(digits + index * 2, 3, "%02x", uuid_byte);
    }
    snprintf(place->path, sizeof(place->path), "%s/%s.fseg", place->directory, digits);
}

static void place_remove(struct place *place)
{
    unlink(place->path);
    rmdir(place->directory);
}

static void assert_round_trip(const struct sample_options *options, uint32_t group_row_count)
{
    struct corong_error error = {0};
    struct place place = place_make();
    place_path(&place, 0x5a);
    struct segment_sample sample;
    struct segment_meta meta;
    struct segment_reader *reader;
    segment_sample_init(&sample, options);
    cr_assert_eq(
        segment_sample_write(&sample, place.directory, 0x5a, group_row_count, &meta, &error),
        CORONG_OK, "seed %lu: %s", options->seed, error.message);
    cr_assert_eq(meta.row_count, sample.rows.row_count);
    cr_assert_eq(meta.user_count, sample.rows.user_count);
    cr_assert_eq(segment_reader_open(&reader, place.directory, &meta, &error), CORONG_OK, "%s",
                 error.message);
    cr_assert_eq(segment_sample_compare(&sample, reader, &error), CORONG_OK, "seed %lu: %s",
                 options->seed, error.message);
    cr_assert_eq(segment_validate(reader, &error), CORONG_OK, "seed %lu: %s", options->seed,
                 error.message);
    segment_reader_close(reader);
    segment_sample_deinit(&sample);
    place_remove(&place);
}

Test(segment, test_one_row_comes_back)
{
    assert_round_trip(&(struct sample_options){1, 1, 1, 1, 1000000}, 65536);
}

Test(segment, test_users_that_span_groups_come_back)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_round_trip(&(struct sample_options){seed, 20, 50, 5, 1000000}, 7);
    }
}

Test(segment, test_whole_groups_come_back)
{
    assert_round_trip(&(struct sample_options){3, 2000, 50, 20, 1000}, 16384);
    assert_round_trip(&(struct sample_options){4, 2000, 50, 200, 1}, 65536);
}
