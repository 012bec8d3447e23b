// SPDX-License-Identifier: Apache-2.0
// Snapshots over several stores and chunks.
#include "storage/storage.h"

#include "storage/base/memory.h"
#include "tests/support/store_directory.h"
#include "tests/support/store_rows.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIME INT64_C(1767225600000000)

struct place {
    char *directory;
    struct store *store;
    struct segment_meta meta;
};

static const struct hash_secret shared_secret = {{1, 2, 3}};

// A store with one row of a user, and with `attributes` (integers but for country) in that order.
static void place_open(struct place *place, const struct hash_secret *secret,
                       const char *const *attributes, uint32_t count, const char *user)
{
    struct store_options options = {.create = true, .secret = secret};
    place->directory = store_directory_create();
    cr_assert_eq(store_open(&place->store, place->directory, &options, NULL), CORONG_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index;
        bool is_string = strcmp(attributes[i], "country") == 0;
        cr_assert_eq(store_add_attribute(place->store, text_from(attributes[i]),
                                         is_string ? COLUMN_STRING : COLUMN_INTEGER, &index, NULL),
                     CORONG_OK);
    }
    struct store_row row = {.user = user,
                            .name = "view",
                            .country = "DE",
                            .time_us = TIME,
                            .id_hash = COLUMN_INTEGER_MISSING,
                            .amount = COLUMN_INTEGER_MISSING};
    cr_assert_eq(store_rows_write(place->store, &row, 1, &place->meta, NULL), CORONG_OK);
}

static void place_commit(struct place *place, uint64_t next_offset)
{
    struct store_position position = {
        .id = {3, 4}, .name = TEXT_LITERAL("log"), .next_offset = (int64_t)next_offset};
    position.counters.messages = next_offset;
    struct store_commit commit = {
        .added = &place->meta, .added_count = 1, .positions = &position, .position_count = 1};
    cr_assert_eq(store_commit(place->store, &commit, NULL), CORONG_OK);
}

static void place_close(struct place *place)
{
    store_close(place->store);
    store_directory_remove(place->directory);
}

Test(store_snapshot, unites_attributes_by_name_and_sums_what_stores_know)
{
    static const char *const first[] = {"country", "price"};
    static const char *const second[] = {"weight", "country"};
    struct place a;
    struct place b;
    place_open(&a, &shared_secret, first, 2, "anna");
    place_open(&b, &shared_secret, second, 2, "bert");
    place_commit(&a, 10);
    place_commit(&b, 30);
    struct store_snapshot_part parts[] = {{.directory = a.directory}, {.directory = b.directory}};
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    cr_assert_eq(store_snapshot_open_parts(&snapshot, parts, 2, &error), CORONG_OK, "%s",
                 error.message);
    const struct schema *schema = store_snapshot_schema(snapshot);
    cr_assert_eq(schema->column_count, COLUMN_SYSTEM_COUNT + 3);
    cr_assert_eq(schema_find(schema, TEXT_LITERAL("weight")), COLUMN_SYSTEM_COUNT + 2);
    cr_assert_eq(store_snapshot_segment_count(snapshot), 2);
    cr_assert_eq(store_snapshot_committed_count(snapshot), 2);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 2);
    cr_assert(hash128_equal(store_snapshot_totals(snapshot).digest,
                            hash128_add(a.meta.row_digest, b.meta.row_digest)));
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    cr_assert_eq(count, 1, "one source, which moved");
    cr_assert_eq(positions[0].next_offset, 30);
    cr_assert_eq(positions[0].counters.messages, 40);
    // The country of the second store's segment is found at the place of the first's.
    struct segment_reader *reader = store_snapshot_segment(snapshot, 1);
    uint32_t country = (uint32_t)schema_find(schema, TEXT_LITERAL("country"));
    uint32_t price = (uint32_t)schema_find(schema, TEXT_LITERAL("price"));
    struct segment_scratch *scratch = segment_scratch_create();
    struct segment_selection selection = {0};
    segment_select(&selection, country);
    segment_select(&selection, price);
    struct row_group group;
    cr_assert_eq(segment_reader_read(reader, 0, &selection, scratch, &group, NULL), CORONG_OK);
    const struct dictionary *dictionary;
    cr_assert_eq(segment_reader_dictionary(reader, country, &dictionary, NULL), CORONG_OK);
    cr_assert(text_equal(dictionary_text(dictionary, group.columns[country].codes[0]),
                         TEXT_LITERAL("DE")));
    cr_assert_null(group.columns[price].integers, "a column that the segment lacks is missing");
    cr_assert_eq(segment_reader_dictionary(reader, price, &dictionary, NULL), CORONG_OK);
    cr_assert_eq(dictionary->count, 0);
    int64_t least;
    int64_t largest;
    cr_assert_not(segment_reader_column_zone(reader, 0, price, &least, &largest));
    cr_assert(segment_reader_column_zone(reader, 0, country, &least, &largest));
    cr_assert_eq(segment_reader_dictionary_bytes(reader, price), 0);
    segment_scratch_destroy(scratch);
    store_snapshot_close(snapshot);
    place_close(&a);
    place_close(&b);
}

static void expect_refused(const struct place *a, const struct place *b, const char *word)
{
    struct store_snapshot_part parts[] = {{.directory = a->directory}, {.directory = b->directory}};
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    cr_assert_eq(store_snapshot_open_parts(&snapshot, parts, 2, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, word), "%s", error.message);
    cr_assert_null(snapshot);
}

Test(store_snapshot, refuses_stores_of_different_groups_and_attributes_of_two_types)
{
    static const char *const country[] = {"country"};
    struct place a;
    struct place b;
    struct place c;
    place_open(&a, &shared_secret, country, 1, "anna");
    place_open(&b, NULL, country, 1, "bert");
    place_open(&c, &shared_secret, NULL, 0, "carl");
    uint32_t index;
    cr_assert_eq(store_add_attribute(c.store, TEXT_LITERAL("country"), COLUMN_NUMBER, &index, NULL),
                 CORONG_OK);
    place_commit(&a, 1);
    place_commit(&b, 1);
    struct store_commit commit = {.added = &c.meta, .added_count = 1};
    cr_assert_eq(store_commit(c.store, &commit, NULL), CORONG_OK);
    expect_refused(&a, &b, "group");
    expect_refused(&a, &c, "country");
    place_close(&a);
    place_close(&b);
    place_close(&c);
    struct store_snapshot *snapshot;
    cr_assert_eq(store_snapshot_open_parts(&snapshot, NULL, 0, NULL), CORONG_INVALID);
}

static int open_segment(const struct place *place)
{
    int descriptor;
    cr_assert_eq(segment_file_open(store_segment_directory(place->store), place->meta.uuid,
                                   &descriptor, NULL),
                 CORONG_OK);
    return descriptor;
}

Test(store_snapshot, a_chunk_belongs_to_one_version)
{
    static const char *const country[] = {"country"};
    struct place place;
    place_open(&place, NULL, country, 1, "anna");
    int chunk = open_segment(&place);
    struct store_snapshot_part part = {place.directory, 0, &chunk, 1};
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    // No commit has the attribute or the row yet.
    cr_assert_eq(store_snapshot_open_parts(&snapshot, &part, 1, &error), CORONG_OK, "%s",
                 error.message);
    cr_assert_eq(store_snapshot_committed_count(snapshot), 0);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 1);
    cr_assert_eq(store_snapshot_schema(snapshot)->column_count, COLUMN_SYSTEM_COUNT + 1);
    store_snapshot_close(snapshot);
    place_commit(&place, 1);
    // Now the store holds what the chunk holds.
    cr_assert_eq(store_snapshot_open_parts(&snapshot, &part, 1, &error), CORONG_BUSY);
    cr_assert(error.retriable);
    part.sequence = store_sequence(place.store) + 1;
    cr_assert_eq(store_snapshot_open_parts(&snapshot, &part, 1, &error), CORONG_BUSY);
    part = (struct store_snapshot_part){place.directory, store_sequence(place.store), NULL, 0};
    cr_assert_eq(store_snapshot_open_parts(&snapshot, &part, 1, &error), CORONG_OK);
    cr_assert_eq(store_snapshot_totals(snapshot).rows, 1);
    store_snapshot_close(snapshot);
    close(chunk);
    place_close(&place);
}

Test(store_snapshot, a_damaged_chunk_is_refused)
{
    static const char *const country[] = {"country"};
    struct place place;
    place_open(&place, NULL, country, 1, "anna");
    place_commit(&place, 1);
    int chunk = open_segment(&place);
    static char bytes[1 << 16];
    ssize_t size = pread(chunk, bytes, sizeof(bytes), 0);
    close(chunk);
    cr_assert(size > 0 && size < (ssize_t)sizeof(bytes));
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    // Cut short, and with a byte of the footer flipped.
    for (int kind = 0; kind < 3; kind++) {
        chunk = memfd_create("damaged", MFD_CLOEXEC);
        ssize_t kept = kind == 0 ? 10 : kind == 1 ? size - 1 : size;
        bytes[size - 100] = (char)(bytes[size - 100] ^ (kind == 2));
        cr_assert_eq(write(chunk, bytes, (size_t)kept), kept);
        struct store_snapshot_part part = {place.directory, store_sequence(place.store), &chunk, 1};
        cr_assert_eq(store_snapshot_open_parts(&snapshot, &part, 1, &error), CORONG_CORRUPT);
        close(chunk);
    }
    int nothing = -1;
    struct store_snapshot_part part = {place.directory, store_sequence(place.store), &nothing, 1};
    cr_assert_eq(store_snapshot_open_parts(&snapshot, &part, 1, &error), CORONG_IO);
    place_close(&place);
}
