// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment.h"

#include "storage/base/memory.h"
#include "tests/support/segment_sample.h"

#include <criterion/criterion.h>
#include <fcntl.h>
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
    assert_round_trip(&(struct sample_options){1, 1, 1, 1, 1000000, SAMPLE_IDS_STRANGE}, 65536);
}

Test(segment, test_keys_that_follow_from_ids_come_back)
{
    for (int ids = SAMPLE_IDS_STRANGE; ids < SAMPLE_IDS_COUNT; ids++) {
        struct sample_options options = {11, 1, 3, 2, 1000000, (enum sample_ids)ids};
        assert_round_trip(&options, 7); // one user, whose key has all digits of its id
        options.user_count = 400;
        assert_round_trip(&options, 65536);
        assert_round_trip(&options, 5);
    }
}

// What the keys and ids of 400 users take.
static uint64_t size_of_users(enum sample_ids ids)
{
    struct sample_options options = {11, 400, 3, 2, 1000000, ids};
    struct place place = place_make();
    struct segment_sample sample;
    struct segment_meta meta;
    struct segment_reader *reader;
    struct segment_column_report reports[SCHEMA_COLUMN_COUNT_MAX + 8];
    struct arena arena = {0};
    uint64_t size = 0;
    place_path(&place, 1);
    segment_sample_init(&sample, &options);
    cr_assert_eq(segment_sample_write(&sample, place.directory, 1, 65536, &meta, NULL), CORONG_OK);
    cr_assert_eq(segment_reader_open(&reader, place.directory, &meta, NULL), CORONG_OK);
    uint32_t count = segment_reader_report(reader, &arena, reports);
    for (uint32_t index = 0; index < count; index++) {
        bool is_users = text_equal(reports[index].name, text_from("(user keys)")) ||
                        text_equal(reports[index].name, text_from("(user ids)"));
        size += is_users ? reports[index].size_bytes : 0;
    }
    arena_deinit(&arena);
    segment_reader_close(reader);
    segment_sample_deinit(&sample);
    place_remove(&place);
    return size;
}

Test(segment, test_keys_that_follow_from_ids_take_no_room)
{
    uint64_t strange = size_of_users(SAMPLE_IDS_STRANGE);
    uint64_t addresses = size_of_users(SAMPLE_IDS_ADDRESSES);
    cr_assert_geq(strange, addresses + 400 * 14, "%lu and %lu bytes", strange, addresses);
    cr_assert_leq(size_of_users(SAMPLE_IDS_PADDED), 400 * 3 + 100);
    cr_assert_leq(size_of_users(SAMPLE_IDS_NATURAL), 400 * 3 + 100);
}

Test(segment, test_users_that_span_groups_come_back)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        assert_round_trip(&(struct sample_options){seed, 20, 50, 5, 1000000, SAMPLE_IDS_STRANGE},
                          7);
    }
}

Test(segment, test_whole_groups_come_back)
{
    assert_round_trip(&(struct sample_options){3, 2000, 50, 20, 1000, SAMPLE_IDS_STRANGE}, 16384);
    assert_round_trip(&(struct sample_options){4, 2000, 50, 200, 1, SAMPLE_IDS_STRANGE}, 65536);
}

struct written {
    struct place place;
    struct segment_sample sample;
    struct segment_meta meta;
    uint8_t *bytes;
    size_t size;
};

static void written_init(struct written *written, const struct sample_options *options,
                         uint32_t group_row_count)
{
    struct corong_error error = {0};
    written->place = place_make();
    place_path(&written->place, 0x5a);
    segment_sample_init(&written->sample, options);
    cr_assert_eq(segment_sample_write(&written->sample, written->place.directory, 0x5a,
                                      group_row_count, &written->meta, &error),
                 CORONG_OK, "%s", error.message);
    written->size = written->meta.size_bytes;
    written->bytes = memory_allocate(written->size);
    FILE *file = fopen(written->place.path, "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(written->bytes, 1, written->size, file), written->size);
    fclose(file);
}

static void written_deinit(struct written *written)
{
    memory_free(written->bytes);
    segment_sample_deinit(&written->sample);
    place_remove(&written->place);
}

static void replace_file(const struct written *written, size_t size)
{
    FILE *file = fopen(written->place.path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(written->bytes, 1, size, file), size);
    fclose(file);
}

Test(segment, test_every_changed_byte_is_found)
{
    struct written written;
    written_init(&written, &(struct sample_options){11, 4, 6, 3, 1000000, SAMPLE_IDS_PADDED}, 8);
    int descriptor = open(written.place.path, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(descriptor, 0);
    for (size_t at = 0; at < written.size; at++) {
        struct corong_error error = {0};
        struct segment_reader *reader;
        uint8_t changed = written.bytes[at] ^ (uint8_t)(1u << at % 8);
        cr_assert_eq(pwrite(descriptor, &changed, 1, (off_t)at), 1);
        if (segment_reader_open(&reader, written.place.directory, &written.meta, &error) ==
            CORONG_OK) {
            cr_assert_eq(segment_validate(reader, &error), CORONG_CORRUPT, "byte %zu", at);
            segment_reader_close(reader);
        }
        cr_assert_neq(error.status, CORONG_OK, "byte %zu", at);
        cr_assert_eq(pwrite(descriptor, &written.bytes[at], 1, (off_t)at), 1);
    }
    close(descriptor);
    written_deinit(&written);
}

Test(segment, test_every_shorter_file_is_refused)
{
    struct written written;
    written_init(&written, &(struct sample_options){12, 4, 6, 3, 1000000, SAMPLE_IDS_PADDED}, 8);
    for (size_t size = 0; size < written.size; size += size < 200 ? 1 : 37) {
        struct segment_reader *reader;
        replace_file(&written, size);
        cr_assert_eq(segment_reader_open(&reader, written.place.directory, &written.meta, NULL),
                     CORONG_CORRUPT, "%zu of %zu bytes", size, written.size);
    }
    unlink(written.place.path);
    struct segment_reader *reader;
    cr_assert_eq(segment_reader_open(&reader, written.place.directory, &written.meta, NULL),
                 CORONG_NOT_FOUND);
    written_deinit(&written);
}

Test(segment, test_another_manifest_entry_is_refused)
{
    struct written written;
    struct segment_reader *reader;
    written_init(&written, &(struct sample_options){13, 4, 6, 3, 1000000, SAMPLE_IDS_PADDED}, 8);
    written.meta.row_digest.low++;
    cr_assert_eq(segment_reader_open(&reader, written.place.directory, &written.meta, NULL),
                 CORONG_CORRUPT);
    cr_assert_eq(
        segment_reader_open_bare(&reader, written.place.directory, written.meta.uuid, NULL),
        CORONG_OK);
    segment_reader_close(reader);
    written_deinit(&written);
}

Test(segment, test_a_wrong_digest_is_found_by_the_full_check)
{
    struct corong_error error = {0};
    struct place place = place_make();
    struct segment_sample sample;
    struct segment_meta meta;
    struct segment_reader *reader;
    place_path(&place, 0x5a);
    segment_sample_init(&sample, &(struct sample_options){14, 5, 5, 2, 1000000, SAMPLE_IDS_PADDED});
    sample.digest.low ^= 1;
    cr_assert_eq(segment_sample_write(&sample, place.directory, 0x5a, 100, &meta, &error),
                 CORONG_OK);
    cr_assert_eq(segment_reader_open(&reader, place.directory, &meta, &error), CORONG_OK);
    cr_assert_eq(segment_validate(reader, &error), CORONG_CORRUPT);
    cr_assert_not_null(strstr(error.message, "digest"), "%s", error.message);
    segment_reader_close(reader);
    segment_sample_deinit(&sample);
    place_remove(&place);
}

Test(segment, test_only_chosen_columns_are_read)
{
    struct written written;
    struct segment_reader *reader;
    struct row_group group;
    struct segment_selection selection = {0};
    written_init(&written, &(struct sample_options){15, 50, 20, 5, 1000000, SAMPLE_IDS_PADDED},
                 65536);
    cr_assert_eq(segment_reader_open(&reader, written.place.directory, &written.meta, NULL),
                 CORONG_OK);
    struct segment_scratch *scratch = segment_scratch_create();
    segment_select(&selection, COLUMN_NAME);
    segment_select(&selection, SAMPLE_COLUMN_COUNT + 5); // younger than the segment
    cr_assert_eq(segment_reader_read(reader, 0, &selection, scratch, &group, NULL), CORONG_OK);
    cr_assert_not_null(group.columns[COLUMN_NAME].codes);
    cr_assert_null(group.columns[COLUMN_TIME].integers);
    cr_assert_null(group.columns[SAMPLE_COLUMN_COUNT + 5].codes);
    cr_assert_null(group.id_offsets);
    segment_scratch_destroy(scratch);
    segment_reader_close(reader);
    written_deinit(&written);
}

Test(segment, test_an_unsealed_file_is_removed)
{
    struct place place = place_make();
    struct segment_sample sample;
    struct segment_writer *writer;
    place_path(&place, 0x5a);
    segment_sample_init(&sample, &(struct sample_options){16, 2, 2, 2, 1000000, SAMPLE_IDS_PADDED});
    struct segment_writer_options options = {.directory = place.directory,
                                             .schema = &sample.schema,
                                             .dictionaries = sample.dictionaries,
                                             .zstd_level = 1};
    memset(options.uuid, 0x5a, sizeof(options.uuid));
    cr_assert_eq(segment_writer_create(&writer, &options, NULL), CORONG_OK);
    cr_assert_eq(access(place.path, F_OK), 0);
    struct segment_writer *second;
    cr_assert_eq(segment_writer_create(&second, &options, NULL), CORONG_IO, "names are not reused");
    segment_writer_destroy(writer);
    cr_assert_neq(access(place.path, F_OK), 0);
    segment_sample_deinit(&sample);
    place_remove(&place);
}

Test(segment, test_names_beyond_63_share_the_last_bit)
{
    struct written written;
    struct segment_reader *reader;
    written_init(&written, &(struct sample_options){17, 500, 20, 100, 1000000, SAMPLE_IDS_PADDED},
                 65536);
    cr_assert_eq(segment_reader_open(&reader, written.place.directory, &written.meta, NULL),
                 CORONG_OK);
    uint32_t others = 0;
    uint64_t bits = 0;
    for (uint32_t code = 0; code < 100; code++) {
        uint32_t bit = segment_reader_name_bit(reader, code);
        others += bit == 63;
        bits |= UINT64_C(1) << bit;
    }
    cr_assert_eq(others, 100 - 63);
    cr_assert_eq(bits, UINT64_MAX);
    segment_reader_close(reader);
    written_deinit(&written);
}

Test(segment, test_the_report_adds_up_to_the_file)
{
    struct written written;
    struct segment_reader *reader;
    struct arena arena = {0};
    struct segment_column_report reports[SCHEMA_COLUMN_COUNT_MAX + 8];
    written_init(&written, &(struct sample_options){18, 500, 20, 100, 1000000, SAMPLE_IDS_STRANGE},
                 4096);
    cr_assert_eq(segment_reader_open(&reader, written.place.directory, &written.meta, NULL),
                 CORONG_OK);
    uint32_t count = segment_reader_report(reader, &arena, reports);
    uint64_t sum = 0;
    for (uint32_t at = 0; at < count; at++) {
        sum += reports[at].size_bytes;
    }
    cr_assert_eq(sum, written.size);
    cr_assert_not_null(strstr(reports[SAMPLE_COUNTRY].encodings, "user"), "%s",
                       reports[SAMPLE_COUNTRY].encodings);
    arena_deinit(&arena);
    segment_reader_close(reader);
    written_deinit(&written);
}
