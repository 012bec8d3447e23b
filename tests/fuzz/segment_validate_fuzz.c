// SPDX-License-Identifier: Apache-2.0
/// Arbitrary bytes as a segment: open, validate, read everything. The first byte chooses: bytes as
/// they are, or a good segment with changes whose checksums are made good again, so that what lies
/// behind the checksums is reached; or bytes straight into the decoder of arrays.
#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/encoding/encoding.h"
#include "storage/segment/segment_private.h"
#include "tests/support/segment_sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARRAY_COUNT_MAX 4000u
#define UUID_BYTE 0x5a

static char directory[64];
static char path[SEGMENT_PATH_SIZE];
static uint8_t *good;
static size_t good_size;
static struct segment_meta good_meta;

static void remove_files(void)
{
    unlink(path);
    rmdir(directory);
}

static void make_good(void)
{
    struct segment_sample sample;
    const struct sample_options options = {5, 6, 40, 70, 1000, SAMPLE_IDS_PADDED};
    bool memory = access("/dev/shm", W_OK) == 0;
    snprintf(directory, sizeof(directory), "%s/corong_fuzz_XXXXXX", memory ? "/dev/shm" : "/tmp");
    ASSERT(mkdtemp(directory) != NULL);
    segment_sample_init(&sample, &options);
    ASSERT(segment_sample_write(&sample, directory, UUID_BYTE, 60, &good_meta, NULL) == CORONG_OK);
    ASSERT(segment_path(path, directory, good_meta.uuid, NULL) == CORONG_OK);
    good_size = good_meta.size_bytes;
    good = memory_allocate(good_size);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ASSERT(read(descriptor, good, good_size) == (ssize_t)good_size);
    close(descriptor);
    segment_sample_deinit(&sample);
    atexit(remove_files);
}

static void read_everything(struct segment_reader *reader)
{
    struct segment_selection everything = {.ids = true};
    struct segment_scratch *scratch = segment_scratch_create();
    memset(everything.columns, 0xff, sizeof(everything.columns));
    for (uint32_t group = 0; group < segment_reader_group_count(reader); group++) {
        struct row_group rows;
        (void)!segment_reader_read(reader, group, &everything, scratch, &rows, NULL);
    }
    segment_scratch_destroy(scratch);
}

static void try_file(const uint8_t *bytes, size_t size)
{
    struct segment_reader *reader;
    int descriptor = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ASSERT(write(descriptor, bytes, size) == (ssize_t)size);
    close(descriptor);
    if (segment_reader_open_bare(&reader, directory, good_meta.uuid, NULL) == CORONG_OK) {
        (void)!segment_validate(reader, NULL);
        read_everything(reader);
        struct arena arena = {0};
        struct segment_column_report reports[SCHEMA_COLUMN_COUNT_MAX + 8];
        segment_reader_report(reader, &arena, reports);
        arena_deinit(&arena);
        segment_reader_close(reader);
    }
}

// Block hashes, then the directory at the footer's end, then the footer's own hash and the trailer.
static void repair(uint8_t *bytes, size_t size)
{
    struct segment_trailer trailer;
    struct corong_error error;
    if (segment_trailer_parse(bytes + size - SEGMENT_TRAILER_SIZE, size, &trailer, &error) !=
        CORONG_OK) {
        return;
    }
    struct arena arena = {0};
    struct segment_footer footer;
    uint8_t *footer_bytes = bytes + trailer.footer_offset;
    if (segment_footer_parse(footer_bytes, trailer.footer_size, segment_header_features(bytes),
                             trailer.footer_offset, &arena, &footer, &error) == CORONG_OK) {
        uint8_t *entry = footer_bytes + trailer.footer_size - (size_t)footer.block_count * 12;
        for (uint32_t block = 0; block < footer.block_count; block++, entry += 12) {
            uint8_t *header = bytes + footer.blocks[block].offset;
            size_t hashed = segment_aligned(footer.blocks[block].size) - 8;
            uint64_t seed = segment_block_seed(footer.meta.uuid, block);
            bytes_store_u64(header, hash_bytes64_seeded(header + 8, hashed, seed));
            memcpy(entry + 4, header, 8);
        }
    }
    trailer.footer_hash = hash_bytes128(footer_bytes, trailer.footer_size);
    segment_trailer_build(bytes + size - SEGMENT_TRAILER_SIZE, &trailer);
    arena_deinit(&arena);
}

// The input is a list of changes: u16 place, u8 value.
static void try_changed(const uint8_t *data, size_t size)
{
    uint8_t *bytes = memory_allocate(good_size);
    memcpy(bytes, good, good_size);
    for (size_t at = 0; at + 3 <= size; at += 3) {
        size_t place = bytes_load_u16(data + at) * good_size / 65536;
        if (place < good_size - SEGMENT_TRAILER_SIZE) {
            bytes[place] = data[at + 2];
        }
    }
    repair(bytes, good_size);
    try_file(bytes, good_size);
    memory_free(bytes);
}

static void try_array(const uint8_t *data, size_t size)
{
    static const uint32_t row_counts[] = {1, 700, 3, 90, 230};
    static uint32_t names[ARRAY_COUNT_MAX];
    static int64_t times[ARRAY_COUNT_MAX];
    for (uint32_t row = 0; row < ARRAY_COUNT_MAX; row++) {
        names[row] = row % 7;
        times[row] = row / 5 * INT64_C(3600000000);
    }
    const struct encoding_users users = {row_counts, 5, names, times};
    if (size < 2) {
        return;
    }
    uint32_t count = bytes_load_u16(data) % ARRAY_COUNT_MAX;
    count = count % 4 == 0 ? 1024 : count;
    struct encoding_decoder *decoder = encoding_decoder_create();
    uint64_t *values = memory_allocate(ARRAY_COUNT_MAX * sizeof(*values));
    (void)!encoding_decode64(decoder, data + 2, size - 2, &users, values, count, NULL);
    (void)!encoding_decode32(decoder, data + 2, size - 2, &users, (uint32_t *)values, count, NULL);
    memory_free(values);
    encoding_decoder_destroy(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (good == NULL) {
        make_good();
    }
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0:
        try_file(data + 1, size - 1);
        break;
    case 1:
        try_changed(data + 1, size - 1);
        break;
    default:
        try_array(data + 1, size - 1);
        break;
    }
    return 0;
}
