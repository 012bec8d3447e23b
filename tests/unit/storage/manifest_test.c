// SPDX-License-Identifier: Apache-2.0
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/base/bytes.h"
#include "storage/manifest/manifest.h"
#include "storage/manifest/manifest_name.h"
#include "storage/manifest/manifest_record.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <stdio.h>

/// A manifest of one snapshot and three commits, as bytes, and where the last record begins.
struct sample {
    char *directory;
    struct manifest_place place;
    char path[512];
    char *bytes;
    size_t size;
    size_t last_record;
};

static void append_commit(struct manifest_log *log, struct manifest_state *state)
{
    struct store_position position = {.id = {1, 2},
                                      .name = TEXT_LITERAL("visits/0"),
                                      .next_offset = (int64_t)state->sequence * 10,
                                      .counters = {.rejected = {[31] = 3}}};
    struct segment_meta meta = {
        .uuid = {(uint8_t)(state->sequence + 1)}, .row_count = 5, .row_digest = {7, UINT64_MAX}};
    struct manifest_change change = {.schema = &state->schema,
                                     .column_first = state->schema.column_count,
                                     .column_end = state->schema.column_count,
                                     .added = &meta,
                                     .added_count = 1,
                                     .positions = &position,
                                     .position_count = 1};
    change.totals.rows = state->totals.rows + 5;
    change.totals.digest = hash128_add(state->totals.digest, meta.row_digest);
    struct text_buffer payload = {0};
    manifest_change_encode(&change, &payload);
    struct text text = {payload.bytes, payload.size};
    cr_assert_eq(manifest_log_append(log, state->sequence + 1, text, NULL), CORONG_OK);
    cr_assert_eq(manifest_state_apply(state, text.bytes, text.size, NULL), CORONG_OK);
    state->sequence++;
    text_buffer_deinit(&payload);
}

static void sample_init(struct sample *sample)
{
    *sample = (struct sample){.directory = store_directory_create()};
    sample->place = (struct manifest_place){.directory = sample->directory, .uuid = {9, 8, 7}};
    char path[512];
    snprintf(path, sizeof(path), "%s/manifest", sample->directory);
    cr_assert_eq(file_make_directory(sample->directory, NULL), CORONG_OK);
    cr_assert_eq(file_make_directory(path, NULL), CORONG_OK);
    struct manifest_state state;
    manifest_state_init(&state);
    struct manifest_log log;
    cr_assert_eq(manifest_log_open(&log, &sample->place, NULL), CORONG_OK);
    cr_assert(manifest_log_is_full(&log));
    cr_assert_eq(manifest_log_rotate(&log, &state, NULL), CORONG_OK);
    for (int commit = 0; commit < 3; commit++) {
        sample->last_record = (size_t)log.size_bytes;
        append_commit(&log, &state);
    }
    manifest_log_close(&log);
    manifest_state_deinit(&state);
    snprintf(sample->path, sizeof(sample->path), "%s/manifest/MANIFEST-1", sample->directory);
    cr_assert_eq(file_read_whole(sample->path, 1 << 20, &sample->bytes, &sample->size, NULL),
                 CORONG_OK);
}

static void sample_deinit(struct sample *sample)
{
    memory_free(sample->bytes);
    store_directory_remove(sample->directory);
}

/// Loads; gives the sequence, or -1 and the status.
static int64_t load(const struct sample *sample, enum corong_status *status_out)
{
    struct manifest_state state;
    manifest_state_init(&state);
    *status_out = manifest_load(&sample->place, &state, NULL);
    int64_t sequence = *status_out == CORONG_OK ? (int64_t)state.sequence : -1;
    manifest_state_deinit(&state);
    return sequence;
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/// The payload as programs wrote it before positions had control offsets, a first offset and a
/// topic id: one position, one reject reason.
static void old_payload(struct text_buffer *out)
{
    text_buffer_append_u32(out, COLUMN_SYSTEM_COUNT);
    text_buffer_append_u32(out, 0); // attributes
    text_buffer_append_u32(out, 0); // removed
    text_buffer_append_u32(out, 0); // added
    text_buffer_append_u32(out, 1); // positions
    text_buffer_append_u64(out, 1);
    text_buffer_append_u64(out, 2);
    text_buffer_append_sized(out, TEXT_LITERAL("visits/0"));
    text_buffer_append_i64(out, 70);
    text_buffer_append_i64(out, 69);
    text_buffer_append_u64(out, 1234);
    text_buffer_append_u32(out, 5);
    for (uint64_t counter = 1; counter <= 9; counter++) {
        text_buffer_append_u64(out, counter);
    }
    text_buffer_append_u32(out, 1);
    text_buffer_append_u64(out, 11);
    text_buffer_append_u64(out, 0); // duplicates
    text_buffer_append_u64(out, 0); // erased
    text_buffer_append_u32(out, 0); // dead-letter files
    text_buffer_append_u64(out, 0); // rows
    text_buffer_append_u64(out, 0); // digest
    text_buffer_append_u64(out, 0);
}

static void check_old_position(const struct manifest_state *state)
{
    const struct store_position *position =
        manifest_state_position(state, (struct hash128){.low = 1, .high = 2});
    cr_assert_not_null(position);
    cr_expect_eq(position->next_offset, 70);
    cr_expect_eq(position->epoch, 5);
    cr_expect_eq(position->counters.gaps, 9);
    cr_expect_eq(position->counters.rejected[0], 11);
    cr_expect_eq(position->counters.control, 0);
    cr_expect_eq(position->first_offset, -1);
    cr_expect_eq(position->topic_id.low | position->topic_id.high, 0);
}

Test(manifest, test_store_of_an_older_program_opens_and_its_positions_are_kept)
{
    char *directory = store_directory_create();
    struct manifest_place place = {.directory = directory, .uuid = {4, 5, 6}};
    char path[512];
    snprintf(path, sizeof(path), "%s/manifest", directory);
    cr_assert_eq(file_make_directory(directory, NULL), CORONG_OK);
    cr_assert_eq(file_make_directory(path, NULL), CORONG_OK);
    struct text_buffer payload = {0};
    struct text_buffer bytes = {0};
    old_payload(&payload);
    struct manifest_record record = {.type = MANIFEST_RECORD_SNAPSHOT,
                                     .flags = 0,
                                     .sequence = 17,
                                     .previous_hash = manifest_place_binding(&place, 1),
                                     .payload = {payload.bytes, payload.size}};
    manifest_record_encode(&record, manifest_place_seed(&place), &bytes);
    snprintf(path, sizeof(path), "%s/manifest/MANIFEST-1", directory);
    write_file(path, bytes.bytes, bytes.size);
    cr_assert_eq(manifest_current_write(&place, 1, NULL), CORONG_OK);
    struct manifest_state state;
    manifest_state_init(&state);
    cr_assert_eq(manifest_load(&place, &state, NULL), CORONG_OK);
    cr_expect_eq(state.sequence, 17);
    check_old_position(&state);
    // And as this program writes it.
    struct manifest_log log;
    cr_assert_eq(manifest_log_open(&log, &place, NULL), CORONG_OK);
    cr_assert_eq(manifest_log_rotate(&log, &state, NULL), CORONG_OK);
    manifest_log_close(&log);
    manifest_state_deinit(&state);
    manifest_state_init(&state);
    cr_assert_eq(manifest_load(&place, &state, NULL), CORONG_OK);
    check_old_position(&state);
    manifest_state_deinit(&state);
    text_buffer_deinit(&payload);
    text_buffer_deinit(&bytes);
    store_directory_remove(directory);
}

Test(manifest, test_every_damaged_byte_is_noticed)
{
    struct sample sample;
    sample_init(&sample);
    enum corong_status status;
    cr_assert_eq(load(&sample, &status), 3);
    for (size_t at = 0; at < sample.size; at++) {
        sample.bytes[at] ^= (char)(1 << (at % 8));
        write_file(sample.path, sample.bytes, sample.size);
        int64_t sequence = load(&sample, &status);
        if (at < sample.last_record) {
            cr_assert_eq(status, CORONG_CORRUPT, "byte %zu", at);
        } else {
            cr_assert_eq(sequence, 2, "byte %zu: a torn last record never happened", at);
        }
        sample.bytes[at] ^= (char)(1 << (at % 8));
    }
    sample_deinit(&sample);
}

Test(manifest, test_every_truncation_is_a_prefix)
{
    struct sample sample;
    sample_init(&sample);
    int64_t before = -1;
    for (size_t size = 0; size <= sample.size; size++) {
        write_file(sample.path, sample.bytes, size);
        enum corong_status status;
        int64_t sequence = load(&sample, &status);
        cr_assert(sequence >= before && sequence <= before + 1, "size %zu", size);
        before = sequence;
    }
    cr_expect_eq(before, 3);
    sample_deinit(&sample);
}

Test(manifest, test_record_left_out_or_doubled_breaks_the_chain)
{
    struct sample sample;
    sample_init(&sample);
    struct text_buffer bytes = {0};
    enum corong_status status;
    text_buffer_append(&bytes, sample.bytes, sample.size);
    text_buffer_append(&bytes, sample.bytes + sample.last_record, sample.size - sample.last_record);
    write_file(sample.path, bytes.bytes, bytes.size);
    load(&sample, &status);
    cr_expect_eq(status, CORONG_CORRUPT);
    text_buffer_reset(&bytes);
    size_t record_size = sample.size - sample.last_record; // the commits are of one size
    text_buffer_append(&bytes, sample.bytes, sample.last_record - record_size);
    text_buffer_append(&bytes, sample.bytes + sample.last_record, record_size);
    write_file(sample.path, bytes.bytes, bytes.size);
    load(&sample, &status);
    cr_expect_eq(status, CORONG_CORRUPT);
    text_buffer_deinit(&bytes);
    sample_deinit(&sample);
}

Test(manifest, test_manifest_of_another_store_is_refused)
{
    struct sample sample;
    sample_init(&sample);
    sample.place.uuid[15] = 1; // same checksum seed, another store
    enum corong_status status;
    load(&sample, &status);
    cr_expect_eq(status, CORONG_CORRUPT);
    sample.place.uuid[0] = 1; // another seed: CURRENT fails first
    load(&sample, &status);
    cr_expect_eq(status, CORONG_CORRUPT);
    sample_deinit(&sample);
}

Test(manifest, test_unknown_record_type_is_of_a_newer_version)
{
    struct sample sample;
    sample_init(&sample);
    struct manifest_record record;
    uint64_t seed;
    memcpy(&seed, sample.place.uuid, sizeof(seed));
    cr_assert(manifest_record_decode(sample.bytes + sample.last_record,
                                     sample.size - sample.last_record, seed, &record));
    struct text_buffer bytes = {0};
    text_buffer_append(&bytes, sample.bytes, sample.size);
    struct manifest_record next = {
        .type = 9, .sequence = 4, .previous_hash = record.hash, .payload = TEXT_LITERAL("x")};
    manifest_record_encode(&next, seed, &bytes);
    write_file(sample.path, bytes.bytes, bytes.size);
    enum corong_status status;
    load(&sample, &status);
    cr_expect_eq(status, CORONG_UNSUPPORTED);
    text_buffer_deinit(&bytes);
    sample_deinit(&sample);
}

Test(manifest, test_payload_that_lies_about_its_counts_is_refused)
{
    struct manifest_state state;
    manifest_state_init(&state);
    struct manifest_change change;
    manifest_state_snapshot(&state, &change);
    struct text_buffer payload = {0};
    manifest_change_encode(&change, &payload);
    // Each 4 bytes in turn claim four billion of something.
    for (size_t at = 0; at + 4 <= payload.size; at += 4) {
        char saved[4];
        memcpy(saved, payload.bytes + at, 4);
        memset(payload.bytes + at, 0xff, 4);
        struct manifest_state other;
        manifest_state_init(&other);
        enum corong_status status = manifest_state_apply(&other, payload.bytes, payload.size, NULL);
        bool is_counter = at >= 20 && at < 36; // duplicates and erased: any number is one
        cr_expect_eq(status, is_counter ? CORONG_OK : CORONG_CORRUPT, "at %zu", at);
        manifest_state_deinit(&other);
        memcpy(payload.bytes + at, saved, 4);
    }
    text_buffer_deinit(&payload);
    manifest_state_deinit(&state);
}
