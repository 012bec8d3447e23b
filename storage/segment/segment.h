// SPDX-License-Identifier: Apache-2.0
/// An immutable file of columns: rows of many users, sorted by (user key, time, seq, id hash,
/// canonical row), in row groups of about 64 Ki rows. FORMAT.md describes every byte.
///
/// Thread: a writer belongs to one thread; a reader is immutable after open and may be shared, each
/// thread bringing its own segment_scratch.
/// Ownership: descriptors and memory belong to the handle until destroy/close.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/cache/cache.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

#define SEGMENT_GROUP_ROW_COUNT 65536u         ///< a writer aims at this many rows a group
#define SEGMENT_GROUP_ROW_COUNT_MAX (1u << 20) ///< and never exceeds this
#define SEGMENT_UUID_SIZE 16

/// What the manifest keeps of a segment; enough to skip it without opening it.
struct segment_meta {
    uint8_t uuid[SEGMENT_UUID_SIZE]; ///< also the file's name: seg/<32 hex digits>.fseg
    uint64_t size_bytes;
    uint64_t row_count;
    uint64_t user_count; ///< distinct keys in this segment
    int64_t period;      ///< floor(time / period length); all rows lie in it
    int64_t time_min_us;
    int64_t time_max_us;
    int64_t as_of_us; ///< maximum of min(time, received) over what was merged into this run and its
                      ///< duplicates, `future` events left out; INT64_MIN: none. Not of these rows
                      ///< alone: a run may have several segments, and a dropped copy may be later
    struct hash128 key_min;
    struct hash128 key_max;
    struct hash128 row_digest;  ///< sum mod 2^128 of the canonical rows' XXH3-128
    struct hash128 footer_hash; ///< parent holds the child's checksum
};

struct segment_writer;

/// Which encodings were found smallest for the columns of one segment, so that those of the next
/// like it need not be looked for anew. Belongs to the thread of the writers.
struct segment_choices;
struct segment_choices *segment_choices_create(void);
/// NULL-safe.
void segment_choices_destroy(struct segment_choices *choices);

/// What a writer needs to know before the first row.
struct segment_writer_options {
    const char *directory; ///< the store's `seg` directory; NULL: a file in memory
    uint8_t uuid[SEGMENT_UUID_SIZE];
    const struct schema *schema;
    const struct dictionary *dictionaries; ///< one per schema column, sorted; empty for
                                           ///< non-strings. Borrowed until seal.
    int64_t period;
    int zstd_level; ///< 1 to 12; 0: written quickly, for a segment that does not live long
    /// Of the user keys, copied: keys that are hash_user() of their ids are left out, and computed
    /// when read. NULL: keys are stored.
    const struct hash_secret *secret;
    /// Of segments written before with the same schema, which may have gained columns; used and
    /// updated. Borrowed until destroy; NULL: all is looked for.
    struct segment_choices *choices;
};

/// Creates the file under its final name (O_EXCL): nobody looks at it until a manifest names it.
/// In memory the file has no name; segment_writer_take() gives its descriptor.
CORONG_MUST_CHECK enum corong_status
segment_writer_create(struct segment_writer **writer_out,
                      const struct segment_writer_options *options, struct corong_error *error);
/// Encodes and writes one row group of at most SEGMENT_GROUP_ROW_COUNT_MAX rows. Groups come in
/// sort order; a group may begin with the user the last one ended with. id_offsets and id_bytes are
/// required; codes refer to the dictionaries given at create. Borrowed during the call.
CORONG_MUST_CHECK enum corong_status segment_writer_append(struct segment_writer *writer,
                                                           const struct row_group *group,
                                                           struct corong_error *error);
/// Writes the footer, reads every block hash back and compares, fsyncs, closes, fills `meta_out`.
/// The directory is not synced: the store does that once per commit.
/// `row_digest` and `as_of_us` are the caller's (it has the canonical rows).
CORONG_MUST_CHECK enum corong_status
segment_writer_seal(struct segment_writer *writer, struct hash128 row_digest, int64_t as_of_us,
                    struct segment_meta *meta_out, struct corong_error *error);
/// The descriptor of a sealed segment in memory, which nobody can change any more; the caller
/// closes it. Once.
int segment_writer_take(struct segment_writer *writer);
/// Frees; a file that was not sealed is removed. NULL-safe.
void segment_writer_destroy(struct segment_writer *writer);

struct segment_reader;
/// Decoding buffers and a zstd context, reused from group to group. One per thread.
struct segment_scratch;

/// Opens, maps, and checks header, footer and footer hash against `meta`. Blocks are checked when
/// read.
CORONG_MUST_CHECK enum corong_status segment_reader_open(struct segment_reader **reader_out,
                                                         const char *directory,
                                                         const struct segment_meta *meta,
                                                         struct corong_error *error);
/// As segment_reader_open() where no manifest describes the segment: the file's own footer is
/// believed once its checksums agree. For repair, inspection and tests; `segment_reader_meta` gives
/// what it says.
CORONG_MUST_CHECK enum corong_status segment_reader_open_bare(struct segment_reader **reader_out,
                                                              const char *directory,
                                                              const uint8_t *uuid,
                                                              struct corong_error *error);
/// As segment_reader_open_bare() for a file that is open: a segment in memory, or one that no
/// manifest names yet. The descriptor stays the caller's and may be closed afterwards.
CORONG_MUST_CHECK enum corong_status
segment_reader_open_descriptor(struct segment_reader **reader_out, int descriptor,
                               struct corong_error *error);
/// Opens the file of a sealed segment for reading, so that it stays readable whatever becomes of
/// its name.
CORONG_MUST_CHECK enum corong_status segment_file_open(const char *directory, const uint8_t *uuid,
                                                       int *descriptor_out,
                                                       struct corong_error *error);
/// NULL-safe.
void segment_reader_close(struct segment_reader *reader);
/// From now on columns are named by their places in `schema` (borrowed; it has every column of the
/// segment, by name and type) wherever a reader takes or gives a column index. Columns that the
/// segment lacks are missing in every row. Called once, before other threads read.
void segment_reader_present(struct segment_reader *reader, const struct schema *schema);
/// From now on what is decoded is looked for in `cache` and left there (borrowed; it outlives the
/// reader and all scratches that were used with it). Called once, before other threads read.
void segment_reader_use_cache(struct segment_reader *reader, struct cache *cache);
/// The secret that keys which are left out are computed with, or NULL: this segment has all keys.
const struct hash_secret *segment_reader_secret(const struct segment_reader *reader);
const struct segment_meta *segment_reader_meta(const struct segment_reader *reader);
/// The schema the segment was written with (a prefix-compatible part of the store's), or the part
/// of the presented one that reaches to the segment's last column.
const struct schema *segment_reader_schema(const struct segment_reader *reader);
/// Dictionary of a string column, decoded at first use and kept (thread-safe, once per column).
/// CORONG_CORRUPT where it fails its checksum or its rules.
CORONG_MUST_CHECK enum corong_status
segment_reader_dictionary(struct segment_reader *reader, uint32_t column_index,
                          const struct dictionary **dictionary_out, struct corong_error *error);
/// Codes of `count` ascending texts in the dictionary of a string column, COLUMN_CODE_MISSING for
/// those it has not. A dictionary that is not decoded is read through, not kept: memory is that of
/// two of its blocks.
CORONG_MUST_CHECK enum corong_status segment_reader_find_codes(struct segment_reader *reader,
                                                               uint32_t column_index,
                                                               const struct text *texts,
                                                               uint32_t count, uint32_t *codes_out,
                                                               struct corong_error *error);
/// Takes one entry of a dictionary.
typedef void segment_entry_function(void *context, uint32_t code, struct text text);
/// Reads through the dictionary of a string column, in order of the codes, in the memory of two of
/// its blocks.
CORONG_MUST_CHECK enum corong_status segment_reader_walk_dictionary(struct segment_reader *reader,
                                                                    uint32_t column_index,
                                                                    segment_entry_function *take,
                                                                    void *context,
                                                                    struct corong_error *error);
/// How many entries that dictionary has. Reads nothing.
uint32_t segment_reader_dictionary_count(const struct segment_reader *reader,
                                         uint32_t column_index);
/// Bytes of that dictionary once decoded; 0 for columns without one. Reads nothing.
uint64_t segment_reader_dictionary_bytes(const struct segment_reader *reader,
                                         uint32_t column_index);
/// The bit of a name code in user_name_masks: 0..62 for the 63 commonest names of the segment, 63
/// for all others together.
uint32_t segment_reader_name_bit(const struct segment_reader *reader, uint32_t name_code);
uint32_t segment_reader_group_count(const struct segment_reader *reader);

/// Zone map of one row group.
struct segment_group_zone {
    uint32_t row_count;
    uint32_t user_count;
    int64_t time_min_us;
    int64_t time_max_us;
    struct hash128 key_min;
    struct hash128 key_max;
    bool first_user_continues; ///< the first user's rows began in the group before
    bool last_user_continues;  ///< the last user's rows go on in the next group
};
void segment_reader_zone(const struct segment_reader *reader, uint32_t group_index,
                         struct segment_group_zone *zone_out);
/// Smallest and largest value of a column in a group (codes for strings); false where all are
/// missing.
bool segment_reader_column_zone(const struct segment_reader *reader, uint32_t group_index,
                                uint32_t column_index, int64_t *min_out, int64_t *max_out);

struct segment_scratch *segment_scratch_create(void);
void segment_scratch_destroy(struct segment_scratch *scratch);
/// Bytes of its buffers, for budgets. NULL: 0.
uint64_t segment_scratch_bytes(const struct segment_scratch *scratch);

/// What to decode of a group. Bit sets over column indices.
struct segment_selection {
    uint64_t columns[(SCHEMA_COLUMN_COUNT_MAX + 63) / 64];
    uint64_t packed[(SCHEMA_COLUMN_COUNT_MAX + 63) / 64]; ///< of `columns`: only as stored
    bool ids;
    bool rows_only; ///< keys, flags and name masks of users are left out
};
static inline void segment_select(struct segment_selection *selection, uint32_t column_index)
{
    selection->columns[column_index / 64] |= UINT64_C(1) << (column_index % 64);
}
/// Selects a column that is looked at row by row: it comes in row_group.packed.
static inline void segment_select_packed(struct segment_selection *selection, uint32_t column_index)
{
    segment_select(selection, column_index);
    selection->packed[column_index / 64] |= UINT64_C(1) << (column_index % 64);
}
/// Selects a column whose values are needed in memory, whatever was selected before.
static inline void segment_select_wide(struct segment_selection *selection, uint32_t column_index)
{
    segment_select(selection, column_index);
    selection->packed[column_index / 64] &= ~(UINT64_C(1) << (column_index % 64));
}
static inline bool segment_selected_packed(const struct segment_selection *selection,
                                           uint32_t column_index)
{
    return (selection->packed[column_index / 64] >> (column_index % 64) & 1) != 0;
}
static inline bool segment_selected(const struct segment_selection *selection,
                                    uint32_t column_index)
{
    return (selection->columns[column_index / 64] >> (column_index % 64) & 1) != 0;
}

/// Reads, checks and decodes the chosen columns of one group. Users (counts and, but for
/// `rows_only`, keys, flags and masks) always come. Views in `group_out` live in `scratch` until
/// its next use.
CORONG_MUST_CHECK enum corong_status
segment_reader_read(struct segment_reader *reader, uint32_t group_index,
                    const struct segment_selection *selection, struct segment_scratch *scratch,
                    struct row_group *group_out, struct corong_error *error);

/// Compressed bytes of the users and the chosen columns of a group: what segment_reader_read()
/// reads, ids left out.
uint64_t segment_reader_read_size(const struct segment_reader *reader, uint32_t group_index,
                                  const struct segment_selection *selection);

/// One line of `corong inspect --columns`.
struct segment_column_report {
    struct text name;
    enum column_type type;
    const char
        *encodings; ///< distinct encodings used over all groups, e.g. "dictionary bitpack+zstd"
    uint64_t size_bytes;
    uint64_t block_count;
};
/// Fills one report per part (schema columns, then "(user keys)", "(user counts)", "(user ids)",
/// ...). `reports` has room for SCHEMA_COLUMN_COUNT_MAX + 8; returns how many were filled. Memory:
/// `arena`.
uint32_t segment_reader_report(struct segment_reader *reader, struct arena *arena,
                               struct segment_column_report *reports);

/// Full check of a file: every hash, order, count, dictionary, zone map, and the row digest by
/// recomputing canonical rows. CORONG_CORRUPT with what and where. Used by tests, the fuzzer and
/// `corong verify`.
CORONG_MUST_CHECK enum corong_status segment_validate(struct segment_reader *reader,
                                                      struct corong_error *error);
