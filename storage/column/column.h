// SPDX-License-Identifier: Apache-2.0
/// What a column is: its type, its null rule, and decoded columns in memory.
///
/// Every event has the system columns below; the mapping adds attributes behind them. A missing
/// value differs from an empty string and from 0.
///
/// Thread: values; schemas are immutable once a store or a run holds them.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum column_type {
    COLUMN_STRING = 1,  ///< dictionary code, uint32_t
    COLUMN_INTEGER = 2, ///< int64_t
    COLUMN_NUMBER = 3,  ///< IEEE double; -0 is stored as 0, NaN does not occur
    COLUMN_BOOLEAN = 4, ///< int64_t 0 or 1
};

/// Missing value of INTEGER and BOOLEAN columns.
#define COLUMN_INTEGER_MISSING INT64_MIN
/// Missing value of STRING columns.
#define COLUMN_CODE_MISSING UINT32_MAX
/// Missing value of NUMBER columns, as its bits (a quiet NaN that no input can produce).
#define COLUMN_NUMBER_MISSING_BITS UINT64_C(0x7ff8c0c0c0c0c0c0)

/// The system columns, in this order in every schema and every segment. Times are microseconds
/// since the epoch, UTC; amounts are 1/10000 of the currency's unit.
enum system_column {
    COLUMN_TIME = 0,     ///< INTEGER, never missing
    COLUMN_NAME = 1,     ///< STRING, never missing
    COLUMN_SEQUENCE = 2, ///< INTEGER; 0 where the mapping has none
    COLUMN_ID_HASH = 3,  ///< INTEGER 0..2^32-1; missing where no event id is mapped or present
    COLUMN_RECEIVED = 4, ///< INTEGER; missing means: same as time
    COLUMN_AMOUNT = 5,   ///< INTEGER; missing where the event has no revenue
    COLUMN_CURRENCY = 6, ///< STRING
    COLUMN_SYSTEM_COUNT = 7,
};

#define SCHEMA_ATTRIBUTE_COUNT_MAX 256
#define SCHEMA_COLUMN_COUNT_MAX (COLUMN_SYSTEM_COUNT + SCHEMA_ATTRIBUTE_COUNT_MAX)

/// Attributes (strings) in which an event keeps the ids that it says are its user's too. They are
/// made by the mapping's `links`; questions bring these ids together (engine/query/identity).
enum column_link {
    COLUMN_LINK_ANONYMOUS = 0, ///< "$anonymous": an anonymous id
    COLUMN_LINK_PREVIOUS, ///< "$previous": an id from among the known ones, before it was known
    COLUMN_LINK_ALIAS,    ///< "$alias": another known id of the same person
    COLUMN_LINK_COUNT,
};
extern const struct text column_link_names[COLUMN_LINK_COUNT];

struct schema_column {
    struct text name; ///< attribute name; system columns are named "time", "event", "seq", "id",
                      ///< "received", "revenue", "currency"
    enum column_type type;
};

/// System columns first, then attributes in the order in which the store first saw them.
struct schema {
    struct schema_column *columns;
    uint32_t column_count;
};

/// A schema with the system columns only. Memory: `arena`.
void schema_init(struct schema *schema, struct arena *arena);
/// Index of a column, or -1.
int32_t schema_find(const struct schema *schema, struct text name);
/// True if events of this schema may link ids.
bool schema_has_links(const struct schema *schema);
/// Adds an attribute, or finds it. A known name with another type, a system name, or one attribute
/// too many is CORONG_INVALID with both types (or the limit) named.
CORONG_MUST_CHECK enum corong_status schema_add(struct schema *schema, struct arena *arena,
                                                struct text name, enum column_type type,
                                                uint32_t *index_out, struct corong_error *error);
/// The known name nearest to `name` for "did you mean", or a missing text where none is near.
struct text schema_nearest(const struct schema *schema, struct text name);
/// "string", "integer", "number" or "boolean".
const char *column_type_name(enum column_type type);

/// A sorted dictionary: entry codes compare like their bytes. Memory: whoever made it.
struct dictionary {
    uint32_t count;
    const uint32_t *offsets; ///< count + 1 offsets into `bytes`
    const char *bytes;
};

static inline struct text dictionary_text(const struct dictionary *dictionary, uint32_t code)
{
    return code == COLUMN_CODE_MISSING
               ? TEXT_MISSING
               : (struct text){dictionary->bytes + dictionary->offsets[code],
                               dictionary->offsets[code + 1] - dictionary->offsets[code]};
}

/// Code of an entry (binary search), or COLUMN_CODE_MISSING.
uint32_t dictionary_find(const struct dictionary *dictionary, struct text text);

/// Decoded values of one column: `codes` for STRING, `integers` for the other types (a NUMBER is
/// the double's bits). Both NULL: this column was not asked for, or the segment does not have it
/// (all missing).
struct column_values {
    uint32_t *codes;
    int64_t *integers;
};

/// One column as it is stored: small unsigned numbers, turned into values one at a time. Cheaper
/// than `column_values` where few rows are looked at.
struct column_packed {
    const void *values; ///< `width` bytes each
    uint8_t width;      ///< 1, 4 or 8; 0: all are 0, and `values` is NULL
    bool exists;        ///< false: not asked for, or the segment does not have it (all missing)
    bool nullable;      ///< 0 means missing
    bool number;        ///< integers are a double's bits in signed order
    uint64_t base;
    uint64_t power;               ///< integer = base + (stored - nullable) * power
    const uint32_t *ranked_codes; ///< code = ranked_codes[stored + base + 1], or stored + base
};

static inline uint64_t column_packed_stored(const struct column_packed *column, uint32_t row)
{
    if (column->width == 1) {
        return ((const uint8_t *)column->values)[row];
    }
    if (column->width == 4) {
        return ((const uint32_t *)column->values)[row];
    }
    return column->width == 0 ? 0 : ((const uint64_t *)column->values)[row];
}

/// Code of a STRING column that exists.
static inline uint32_t column_packed_code(const struct column_packed *column, uint32_t row)
{
    uint32_t code = (uint32_t)(column_packed_stored(column, row) + column->base);
    return column->ranked_codes == NULL ? code : column->ranked_codes[code + 1];
}

/// Value of a column of another type that exists; a NUMBER's bits.
static inline int64_t column_packed_integer(const struct column_packed *column, uint32_t row)
{
    uint64_t stored = column_packed_stored(column, row);
    if (column->nullable && stored == 0) {
        return column->number ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
    }
    int64_t value = (int64_t)(column->base + (stored - column->nullable) * column->power);
    return column->number ? value ^ (int64_t)((uint64_t)(value >> 63) >> 1) : value;
}

/// User flags, per user and row group.
enum user_flag {
    USER_NAMESPACE_MASK = 0x03, ///< 0 known, 1 anonymous, 2 account
    USER_LINKED = 0x04,         ///< some link table entry concerns this id
};

/// Rows of whole or partial users, decoded, sorted by (user key, time, seq, id hash, canonical
/// row). The unit in which segments are written, read and merged.
struct row_group {
    uint32_t user_count;
    uint32_t row_count;
    struct hash128 *user_keys;     ///< ascending; a user may continue in the next group
    uint32_t *user_row_counts;     ///< sums to row_count
    uint8_t *user_flags;           ///< enum user_flag
    uint64_t *user_name_masks;     ///< bit b: the user has, in this group, an event whose name has
                                   ///< segment_reader_name_bit() b. Not read when written.
    struct column_values *columns; ///< column_count of the schema the group was asked with
    const struct column_packed *packed; ///< column_count: those asked for as stored
    uint32_t *id_offsets; ///< user_count + 1 offsets into id_bytes; NULL unless asked for
    char *id_bytes;
};
