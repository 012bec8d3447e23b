// SPDX-License-Identifier: Apache-2.0
/// A segment whose id numbers are said to ascend: they must. The file is written anew around one
/// changed block, with all checksums right, as a faulty writer would leave it.
#include "storage/segment/segment_numbers.h"

#include "storage/base/memory.h"
#include "tests/support/segment_sample.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UUID_BYTE 0x5a
#define USER_COUNT 12u

struct place {
    char directory[64];
    char path[256];
};

static struct place place_make(void)
{
    struct place place;
    snprintf(place.directory, sizeof(place.directory), "/tmp/corong_numbers_XXXXXX");
    cr_assert_not_null(mkdtemp(place.directory));
    size_t at = (size_t)snprintf(place.path, sizeof(place.path), "%s/", place.directory);
    for (int byte = 0; byte < SEGMENT_UUID_SIZE; byte++) {
        at += (size_t)snprintf(place.path + at, sizeof(place.path) - at, "%02x", UUID_BYTE);
    }
    snprintf(place.path + at, sizeof(place.path) - at, ".fseg");
    return place;
}

// Appends a block as it is, or with other values for its array; its entry is changed to match.
static void copy_block(const struct segment_reader *reader, uint32_t index, const uint8_t *bytes,
                       const uint64_t *values, uint32_t count, struct text_buffer *out)
{
    struct segment_block_entry *entry = &reader->footer.blocks[index];
    size_t from = out->size;
    text_buffer_append(out, bytes + entry->offset, entry->size);
    if (values != NULL) {
        struct encoding_encoder *encoder = encoding_encoder_create(1);
        out->size = from + SEGMENT_BLOCK_HEADER_SIZE + SEGMENT_TRANSFORM_SIZE;
        encoding_encode(encoder, ENCODING_CHOOSE, values, count, NULL, out);
        encoding_encoder_destroy(encoder);
        uint32_t payload = (uint32_t)(out->size - from - SEGMENT_BLOCK_HEADER_SIZE);
        bytes_store_u32(out->bytes + from + 12, payload);
        bytes_store_u32(out->bytes + from + 16, payload);
    }
    entry->offset = from;
    entry->size = (uint32_t)(out->size - from);
    static const char padding[SEGMENT_BLOCK_ALIGNMENT];
    text_buffer_append(out, padding, segment_aligned(entry->size) - entry->size);
    entry->hash = hash_bytes64_seeded(out->bytes + from + 8, out->size - from - 8,
                                      segment_block_seed(reader->footer.meta.uuid, index));
    bytes_store_u64(out->bytes + from, entry->hash);
}

static void append_end(const struct segment_reader *reader, struct text_buffer *out)
{
    struct segment_trailer trailer = {.footer_offset = out->size};
    segment_footer_append(&reader->footer, out);
    trailer.footer_size = out->size - trailer.footer_offset;
    trailer.footer_hash = hash_bytes128(out->bytes + trailer.footer_offset, trailer.footer_size);
    trailer.file_size = out->size + SEGMENT_TRAILER_SIZE;
    uint8_t bytes[SEGMENT_TRAILER_SIZE];
    segment_trailer_build(bytes, &trailer);
    text_buffer_append(out, bytes, sizeof(bytes));
}

// The whole file with `numbers` for those of the first group.
static void build(const struct segment_reader *reader, const uint8_t *bytes,
                  const uint64_t *numbers, struct text_buffer *out)
{
    const struct segment_strings *ids = &reader->footer.groups[0].ids;
    text_buffer_append(out, bytes, SEGMENT_HEADER_SIZE);
    for (uint32_t block = 0; block < reader->footer.block_count; block++) {
        copy_block(reader, block, bytes, block == ids->first_block ? numbers : NULL, ids->count,
                   out);
    }
    append_end(reader, out);
}

static void read_numbers(const struct segment_reader *reader, uint64_t *numbers)
{
    const struct segment_strings *ids = &reader->footer.groups[0].ids;
    struct encoding_decoder *decoder = encoding_decoder_create();
    struct segment_block block;
    struct segment_transform transform;
    cr_assert(ids->ascending);
    cr_assert_eq(segment_array_open(reader, ids->first_block, SEGMENT_OWNER_ID_NUMBERS, ids->count,
                                    &block, &transform, NULL),
                 CORONG_OK);
    cr_assert_eq(encoding_decode64(decoder, block.payload, block.payload_size, NULL, numbers,
                                   ids->count, NULL),
                 CORONG_OK);
    encoding_decoder_destroy(decoder);
}

// Numbers ascend where all users are of one namespace.
static void sample_of_one_namespace(struct segment_sample *sample)
{
    for (uint64_t seed = 1;; seed++) {
        uint8_t flags = 0;
        segment_sample_init(
            sample, &(struct sample_options){seed, USER_COUNT, 5, 2, 1000000, SAMPLE_IDS_PADDED});
        for (uint32_t user = 0; user < USER_COUNT; user++) {
            flags |= sample->rows.user_flags[user];
        }
        if (flags == 0) {
            return;
        }
        segment_sample_deinit(sample);
    }
}

// What the full check says of a file with the numbers at two places exchanged.
static enum corong_status validate_exchanged(uint32_t one, uint32_t other,
                                             struct corong_error *error)
{
    struct place place = place_make();
    struct segment_sample sample;
    struct segment_meta meta;
    struct segment_reader *reader;
    struct text_buffer changed = {0};
    sample_of_one_namespace(&sample);
    cr_assert_eq(segment_sample_write(&sample, place.directory, UUID_BYTE, 1000, &meta, error),
                 CORONG_OK);
    cr_assert_eq(segment_reader_open(&reader, place.directory, &meta, error), CORONG_OK);
    uint64_t numbers[USER_COUNT];
    uint8_t *bytes = memory_allocate(meta.size_bytes);
    int descriptor = open(place.path, O_RDWR);
    cr_assert_eq(pread(descriptor, bytes, meta.size_bytes, 0), (ssize_t)meta.size_bytes);
    read_numbers(reader, numbers);
    uint64_t kept = numbers[one];
    numbers[one] = numbers[other];
    numbers[other] = kept;
    build(reader, bytes, numbers, &changed);
    segment_reader_close(reader);
    cr_assert_eq(ftruncate(descriptor, 0), 0);
    cr_assert_eq(pwrite(descriptor, changed.bytes, changed.size, 0), (ssize_t)changed.size);
    close(descriptor);
    cr_assert_eq(segment_reader_open_bare(&reader, place.directory, meta.uuid, error), CORONG_OK,
                 "%s", error->message);
    enum corong_status status = segment_validate(reader, error);
    segment_reader_close(reader);
    memory_free(bytes);
    text_buffer_deinit(&changed);
    segment_sample_deinit(&sample);
    unlink(place.path);
    rmdir(place.directory);
    return status;
}

Test(segment_numbers, test_numbers_that_ascend_pass_the_full_check)
{
    struct corong_error error = {0};
    cr_assert_eq(validate_exchanged(7, 7, &error), CORONG_OK, "%s", error.message);
}

// In any order the same ids come out: nothing but the rule itself tells.
Test(segment_numbers, test_numbers_out_of_order_are_found_by_the_full_check)
{
    static const uint32_t places[][2] = {{0, 1}, {10, 11}, {0, 11}, {5, 6}};
    for (size_t at = 0; at < sizeof(places) / sizeof(places[0]); at++) {
        struct corong_error error = {0};
        cr_assert_eq(validate_exchanged(places[at][0], places[at][1], &error), CORONG_CORRUPT);
        cr_assert_not_null(strstr(error.message, "do not ascend"), "%s", error.message);
    }
}
