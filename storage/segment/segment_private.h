// SPDX-License-Identifier: Apache-2.0
/// The parts of a segment file as structures, shared by writer, reader and checker. Private to this
/// folder. FORMAT.md describes the bytes.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/bytes.h"
#include "storage/encoding/encoding.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_columns.h"
#include "storage/segment/segment_transform.h"

#include <pthread.h>

#define SEGMENT_HEADER_SIZE 64u
#define SEGMENT_TRAILER_SIZE 64u
#define SEGMENT_MAGIC "CORONGSG"
#define SEGMENT_MAGIC_SIZE 8u
#define SEGMENT_VERSION_MAJOR 1u
#define SEGMENT_VERSION_MINOR 2u
#define SEGMENT_DIGITS_MAX 18u      ///< of a user id that is a number: it fits 64 bits
#define SEGMENT_DIGITS_NATURAL 255u ///< as many as the number has
#define SEGMENT_BLOCK_HEADER_SIZE 32u
#define SEGMENT_BLOCK_ALIGNMENT 8u
/// 1 Mi values of 64 bits and what the encodings put before them.
#define SEGMENT_BLOCK_SIZE_MAX ((8u << 20) + 4096u)
#define SEGMENT_STRING_BLOCK_SIZE (1u << 20) ///< string bytes are cut into blocks of this size
#define SEGMENT_STRINGS_SIZE_MAX (UINT64_C(1) << 30)
#define SEGMENT_FOOTER_SIZE_MAX (UINT64_C(256) << 20)
#define SEGMENT_NAME_BIT_COUNT 63u ///< the 64th bit stands for all other names
#define SEGMENT_NAME_BIT_OTHER 63u
#define SEGMENT_PATH_SIZE 4096u
#define SEGMENT_NO_RANKS UINT32_MAX

/// Arrays of a group that are not columns.
enum segment_part {
    SEGMENT_KEY_HIGH,
    SEGMENT_KEY_LOW,
    SEGMENT_ROW_COUNTS,
    SEGMENT_FLAGS,
    SEGMENT_MASKS,
    SEGMENT_PART_COUNT,
};

/// What a block belongs to, as its header says: a column index, or one of these.
enum segment_owner {
    SEGMENT_OWNER_RANKS = 0x2000,            ///< + column index
    SEGMENT_OWNER_DICTIONARY_SIZES = 0x4000, ///< + column index
    SEGMENT_OWNER_DICTIONARY_BYTES = 0x6000, ///< + column index
    SEGMENT_OWNER_PART = 0x8000,             ///< + enum segment_part
    SEGMENT_OWNER_ID_SIZES = 0x8010,
    SEGMENT_OWNER_ID_BYTES = 0x8011,
    SEGMENT_OWNER_ID_NUMBERS = 0x8012,
};

enum segment_block_kind { SEGMENT_BLOCK_ARRAY = 1, SEGMENT_BLOCK_BYTES = 2 };

struct segment_block_entry {
    uint64_t offset;
    uint32_t size; ///< header and payload, without padding
    uint64_t hash;
};

/// A list of strings: blocks of sizes, then of bytes, from `first_block` on; of user ids also: one
/// block of numbers, which stand behind a common text.
struct segment_strings {
    uint32_t count;
    uint32_t first_block;
    uint64_t size_bytes;
    bool ascending;     ///< numbers are, users follow their keys
    uint8_t digits;     ///< of each number, or SEGMENT_DIGITS_NATURAL; 0: sizes and bytes
    struct text prefix; ///< before each number
};

struct segment_group {
    struct segment_group_zone zone;
    struct segment_array parts[SEGMENT_PART_COUNT];
    struct segment_strings ids;
};

/// What the footer holds.
struct segment_footer {
    struct segment_meta meta; ///< but size_bytes and footer_hash, which the trailer gives
    struct schema schema;
    struct segment_strings *dictionaries; ///< one per column; empty for other types than STRING
    uint32_t *rank_blocks;                ///< one per column: where the codes of the ranks are,
                                          ///< or SEGMENT_NO_RANKS
    bool has_secret;                      ///< keys may be left out, ids may be numbers
    struct hash_secret secret;
    uint32_t name_bit_count;
    uint32_t name_codes[SEGMENT_NAME_BIT_COUNT]; ///< the name code of each bit
    uint32_t group_count;
    struct segment_group *groups;
    struct segment_array *arrays; ///< [group * column_count + column]
    uint32_t block_count;
    struct segment_block_entry *blocks;
};

static inline const struct segment_array *segment_footer_array(const struct segment_footer *footer,
                                                               uint32_t group, uint32_t column)
{
    return &footer->arrays[(size_t)group * footer->schema.column_count + column];
}

/// Bits of a double to an integer with the same order, and back (it is its own inverse).
static inline int64_t segment_number_order(int64_t bits)
{
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static inline uint64_t segment_aligned(uint64_t size)
{
    return (size + SEGMENT_BLOCK_ALIGNMENT - 1) & ~(uint64_t)(SEGMENT_BLOCK_ALIGNMENT - 1);
}

/// Blocks that a list of strings takes: sizes (or numbers) and bytes.
static inline uint32_t segment_strings_size_blocks(const struct segment_strings *strings)
{
    return strings->count / ENCODING_COUNT_MAX + (strings->count % ENCODING_COUNT_MAX != 0);
}
static inline uint32_t segment_strings_byte_blocks(const struct segment_strings *strings)
{
    return strings->digits > 0 ? 0
                               : (uint32_t)((strings->size_bytes + SEGMENT_STRING_BLOCK_SIZE - 1) /
                                            SEGMENT_STRING_BLOCK_SIZE);
}

/// The block behind the last one of a list.
static inline uint32_t segment_strings_end(const struct segment_strings *strings)
{
    return strings->first_block + segment_strings_size_blocks(strings) +
           segment_strings_byte_blocks(strings);
}

/// "<directory>/<32 hex digits>.fseg" into `path` of SEGMENT_PATH_SIZE.
CORONG_MUST_CHECK enum corong_status segment_path(char *path, const char *directory,
                                                  const uint8_t *uuid, struct corong_error *error);
/// The hash seed of a block: one moved to another place or file cannot pass.
uint64_t segment_block_seed(const uint8_t *uuid, uint32_t block);

/// Incompatible feature: events link ids, which a program that does not bring them together must
/// not count apart.
#define SEGMENT_FEATURE_LINKS UINT32_C(8)
/// Incompatible feature: the footer has the secret of user keys, keys that follow from their ids
/// are left out, and ids may be numbers.
#define SEGMENT_FEATURE_DERIVED_KEYS UINT32_C(16)
/// Incompatible feature: arrays may be of the encodings from ENCODING_ENTROPY on.
#define SEGMENT_FEATURE_ENTROPY UINT32_C(32)
#define SEGMENT_FEATURES_KNOWN                                                                     \
    (SEGMENT_FEATURE_LINKS | SEGMENT_FEATURE_DERIVED_KEYS | SEGMENT_FEATURE_ENTROPY)
void segment_header_build(uint8_t *header, const struct segment_writer_options *options);
/// Incompatible features of a header that was checked.
uint32_t segment_header_features(const uint8_t *header);
CORONG_MUST_CHECK enum corong_status
segment_header_check(const uint8_t *header, const uint8_t *uuid, struct corong_error *error);
/// The uuid that a header names; to be checked with segment_header_check().
const uint8_t *segment_header_uuid(const uint8_t *header);

struct segment_trailer {
    uint64_t footer_offset;
    uint64_t footer_size;
    struct hash128 footer_hash;
    uint64_t file_size;
};
void segment_trailer_build(uint8_t *bytes, const struct segment_trailer *trailer);
/// Also checks that the parts named lie within `file_size` without gap or overlap.
CORONG_MUST_CHECK enum corong_status segment_trailer_parse(const uint8_t *bytes, uint64_t file_size,
                                                           struct segment_trailer *trailer,
                                                           struct corong_error *error);

void segment_footer_append(const struct segment_footer *footer, struct text_buffer *out);
/// Everything in `footer` is bounded and consistent on CORONG_OK. Memory: `arena`. Names and
/// prefixes borrow `bytes`. `features` are the header's; `blocks_end` is where the last block must
/// end.
CORONG_MUST_CHECK enum corong_status segment_footer_parse(const uint8_t *bytes, size_t size,
                                                          uint32_t features, uint64_t blocks_end,
                                                          struct arena *arena,
                                                          struct segment_footer *footer,
                                                          struct corong_error *error);

struct segment_reader;
/// Restored ranks, all below the dictionary's count or missing, to codes. Thread: any.
CORONG_MUST_CHECK enum corong_status segment_ranks_restore(struct segment_reader *reader,
                                                           uint32_t column, uint32_t *codes,
                                                           uint32_t count,
                                                           struct corong_error *error);

/// The table that segment_ranks_restore() uses: [rank + 1] is a code, [0] missing. NULL where codes
/// are stored as they are. Thread: any.
CORONG_MUST_CHECK enum corong_status segment_ranks_table(struct segment_reader *reader,
                                                         uint32_t column,
                                                         const uint32_t **table_out,
                                                         struct corong_error *error);

struct segment_reader {
    struct arena arena;
    char *path;
    const uint8_t *bytes; ///< the mapped file
    size_t size;
    struct segment_footer footer;
    pthread_mutex_t mutex;           ///< held while dictionaries or ranked_codes are decoded
    struct dictionary *dictionaries; ///< offsets NULL until decoded
    uint32_t **ranked_codes;         ///< per column, NULL until decoded
    struct segment_columns columns;  ///< how callers name them
    struct cache *cache;             ///< NULL: none
};

struct segment_buffer {
    void *bytes;
    size_t capacity;
};

struct segment_scratch {
    struct encoding_decoder *decoder;
    struct cache *cache;       ///< that the pins belong to
    struct cache_block **pins; ///< what the last read found in it
    uint32_t pin_count;
    uint32_t pin_capacity;
    struct segment_buffer keys;
    struct segment_buffer key_high;
    struct segment_buffer key_low;
    struct segment_buffer row_counts;
    struct segment_buffer flags;
    struct segment_buffer flags_wide;
    struct segment_buffer masks;
    struct segment_buffer id_offsets;
    struct segment_buffer id_bytes;
    struct segment_buffer string_sizes;
    uint32_t group_index;  ///< of the last read
    const uint32_t *names; ///< of its rows, once a column was decoded that leans on them, or NULL
    const int64_t *times_us;
    struct segment_buffer standing_ids;
    struct segment_buffer id_order;
    struct segment_buffer guide_names;
    struct segment_buffer guide_times;
    struct segment_buffer columns[SCHEMA_COLUMN_COUNT_MAX];
    struct column_values values[SCHEMA_COLUMN_COUNT_MAX];
    struct column_packed packed[SCHEMA_COLUMN_COUNT_MAX];
};

/// At least `size` bytes; the content is lost when it grows.
void *segment_buffer_reserve(struct segment_buffer *buffer, size_t size);
/// A block whose place, header and hash are good.
struct segment_block {
    uint32_t owner;
    enum segment_block_kind kind;
    bool compressed;
    uint32_t raw_size;
    uint32_t value_count;
    const uint8_t *payload;
    uint32_t payload_size;
};
CORONG_MUST_CHECK enum corong_status segment_block_open(const struct segment_reader *reader,
                                                        uint32_t index, struct segment_block *block,
                                                        struct corong_error *error);

/// CORONG_CORRUPT with file and block named.
enum corong_status segment_block_error(const struct segment_reader *reader, uint32_t index,
                                       const char *what, struct corong_error *error);
/// An array block of the right owner and count, its transform, and where its node begins.
CORONG_MUST_CHECK enum corong_status segment_array_open(const struct segment_reader *reader,
                                                        uint32_t index, uint32_t owner,
                                                        uint32_t count, struct segment_block *block,
                                                        struct segment_transform *transform,
                                                        struct corong_error *error);

/// Decodes an own column of a group whose users are in `scratch`, into scratch->values at its
/// place.
CORONG_MUST_CHECK enum corong_status segment_column_read(struct segment_reader *reader,
                                                         uint32_t group_index, uint32_t column,
                                                         struct segment_scratch *scratch,
                                                         const struct row_group *group,
                                                         struct corong_error *error);

/// False for a column that no group of this segment has a value of.
bool segment_column_exists(const struct segment_reader *reader, uint32_t column);
/// 10^exponent of a parsed transform.
uint64_t segment_transform_power(const struct segment_transform *transform);
/// Ids of a group, into `scratch` and `group_out`. Where they do not stand in the order of users,
/// their keys too, into `keys_out` (or NULL).
CORONG_MUST_CHECK enum corong_status
segment_ids_read(const struct segment_reader *reader, const struct segment_group *group,
                 struct segment_scratch *scratch, struct row_group *group_out,
                 struct hash128 *keys_out, struct corong_error *error);
/// True for a group that has no keys of its own: they follow from ids and namespaces.
static inline bool segment_keys_derive(const struct segment_group *group)
{
    return group->parts[SEGMENT_KEY_HIGH].kind == SEGMENT_ARRAY_MISSING;
}
/// Decodes a list of strings into the caller's offsets (count + 1) and bytes (size_bytes).
CORONG_MUST_CHECK enum corong_status
segment_strings_read(const struct segment_reader *reader, const struct segment_strings *strings,
                     uint32_t sizes_owner, uint32_t bytes_owner, struct segment_scratch *scratch,
                     uint32_t *offsets, char *bytes, struct corong_error *error);
