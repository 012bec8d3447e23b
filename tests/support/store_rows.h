// SPDX-License-Identifier: Apache-2.0
/// Rows of a test and segments made of them, as a flush would write them. Thread: one.
#pragma once

#include "storage/storage.h"

/// One event. Texts are borrowed; NULL means missing.
struct store_row {
    const char *user;
    const char *name;
    const char *country; ///< attribute "country", where the schema has it
    int64_t time_us;
    int64_t sequence;
    int64_t id_hash; ///< or COLUMN_INTEGER_MISSING
    int64_t amount;  ///< or COLUMN_INTEGER_MISSING
};

/// The digest of a row.
struct hash128 store_row_digest(const struct schema *schema, const struct store_row *row);
/// Writes one segment of the rows (any order, one period). Keeps duplicates.
CORONG_MUST_CHECK enum corong_status store_rows_write(const struct store *store,
                                                      const struct store_row *rows, uint32_t count,
                                                      struct segment_meta *meta_out,
                                                      struct corong_error *error);
