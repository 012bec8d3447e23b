// SPDX-License-Identifier: Apache-2.0
/// The canonical row: bytes that two events share exactly when everything stored about them is
/// equal, and whose memcmp order breaks ties among simultaneous events (SEMANTICS 1).
///
/// Layout: for each present value, in byte order of the column names "event", "received",
/// "revenue", "currency" and all attributes together: the name, 0x00, the type byte, the value; at
/// the end 0xff. (time, seq and the id hash are compared before these bytes, so they are not among
/// them.) A string is its bytes with 0x00 written as 0x00 0xff, ended by 0x00 0x01; an integer or
/// boolean is eight bytes big-endian with the sign bit flipped; a number is its bits, big-endian,
/// with the sign bit flipped when positive and all bits flipped when negative. Attributes that no
/// event has never count.
///
/// Thread: values.
#pragma once

#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/column/column.h"

/// The order in which columns take part, computed once per schema.
struct canonical_order {
    uint32_t count;
    uint32_t columns[SCHEMA_COLUMN_COUNT_MAX];
};

void canonical_order_init(struct canonical_order *order, const struct schema *schema);

/// One row's values by schema column index; strings as text.
union canonical_value {
    struct text string;
    int64_t integer; ///< INTEGER, BOOLEAN, and a NUMBER's bits
};

/// A value that is no string as its eight bytes are written (big-endian): unsigned order of the
/// result is the order of the values.
static inline uint64_t canonical_sortable(enum column_type type, int64_t integer)
{
    uint64_t sign = UINT64_C(1) << 63;
    uint64_t bits = (uint64_t)integer;
    return type == COLUMN_NUMBER && (bits & sign) != 0 ? ~bits : bits ^ sign;
}

static inline bool canonical_is_missing(enum column_type type, int64_t integer)
{
    return type == COLUMN_NUMBER ? (uint64_t)integer == COLUMN_NUMBER_MISSING_BITS
                                 : integer == COLUMN_INTEGER_MISSING;
}

/// Appends the canonical bytes to `out`. `values` has schema->column_count entries; the columns
/// time, seq and id are not read.
void canonical_row_append(const struct canonical_order *order, const struct schema *schema,
                          const union canonical_value *values, struct text_buffer *out);

/// The digest of one stored event: XXH3-128 over (namespace byte, id size u32, id, time, seq, id
/// hash, canonical bytes), all little-endian. `id_hash` is COLUMN_INTEGER_MISSING where there is
/// none. `scratch` is overwritten.
struct hash128 canonical_row_digest(uint8_t user_namespace, struct text user_id, int64_t time_us,
                                    int64_t sequence, int64_t id_hash, struct text canonical_bytes,
                                    struct text_buffer *scratch);

/// Orders two rows of one segment by their canonical bytes without building them: sorted
/// dictionaries make codes compare like strings. `columns` as in struct row_group.
int canonical_row_compare(const struct canonical_order *order, const struct schema *schema,
                          const struct column_values *left_columns, uint32_t left_row,
                          const struct column_values *right_columns, uint32_t right_row);
