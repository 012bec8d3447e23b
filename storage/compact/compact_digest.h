// SPDX-License-Identifier: Apache-2.0
/// Digests of rows in memory.
/// Thread: one per context.
#pragma once

#include "storage/column/canonical_row.h"

/// What turns codes into canonical rows. Memory: its own; start with compact_digest_init().
struct compact_digest {
    const struct schema *schema;
    const struct dictionary *dictionaries;
    struct canonical_order order;
    union canonical_value *values;
    struct text_buffer canonical;
    struct text_buffer scratch;
};

void compact_digest_init(struct compact_digest *digest, const struct schema *schema,
                         const struct dictionary *dictionaries);
void compact_digest_deinit(struct compact_digest *digest);
/// Of one row of a user.
struct hash128 compact_digest_row(struct compact_digest *digest,
                                  const struct column_values *columns, uint32_t row,
                                  uint8_t user_namespace, struct text user_id);
/// Sum over all rows of a group.
struct hash128 compact_digest_group(struct compact_digest *digest, const struct row_group *group);
