// SPDX-License-Identifier: Apache-2.0
/// Digests of many rows in memory: the same values as canonical_row_digest(), made without looking
/// at a text twice. What rows share (column headings, which columns can hold a zero byte) is worked
/// out once, what rows of one user share once per user.
///
/// Thread: one per digester. Memory: its own: a few of the largest rows that there may be, and of
/// each small dictionary a copy.
#pragma once

#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

struct row_digest_column;

struct row_digester {
    const struct dictionary *dictionaries;
    struct row_digest_column *columns; ///< those that take part, in canonical order
    uint32_t column_count;
    char *headings;         ///< of all columns, padded
    size_t values_size_max; ///< what the columns' values take in a row at most
    char *user;             ///< bytes that begin each row of the user in hand, padded
    size_t user_size;
    char *rows; ///< of a block, row_size bytes each
    size_t row_size;
    uint32_t block_row_count;
};

/// `dictionaries` has one entry per schema column (empty where there are no codes); it and the
/// schema stay the caller's, unchanged, until row_digester_deinit().
void row_digester_init(struct row_digester *digester, const struct schema *schema,
                       const struct dictionary *dictionaries);
void row_digester_deinit(struct row_digester *digester);
/// The rows that follow are this user's. `id` is copied.
void row_digester_user(struct row_digester *digester, uint8_t user_namespace, struct text id);
/// Digest of one row of `columns`, whose codes are those of the dictionaries. A column without
/// values is missing.
struct hash128 row_digester_row(struct row_digester *digester, const struct column_values *columns,
                                uint32_t row);
/// Sum mod 2^128 over all rows of a group, which has its ids.
struct hash128 row_digester_group(struct row_digester *digester, const struct row_group *group);
