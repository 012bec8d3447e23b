// SPDX-License-Identifier: Apache-2.0
/// Merging the sorted dictionaries of one column: one new dictionary, and for each old one a table
/// from its codes to the new ones. Both stay sorted, so codes go on comparing like their strings.
/// Thread: values.
#pragma once

#include "storage/base/error.h"
#include "storage/column/column.h"

/// Memory: its own; start from {0}.
struct compact_dictionary {
    struct dictionary merged;
    uint32_t **remaps; ///< one per input, `count` codes each; NULL where every code stays the same
    uint32_t remap_count;
};

/// `inputs` may hold NULL for an input that lacks the column. CORONG_NO_MEMORY where the strings
/// together pass the 4 GiB that offsets can reach.
CORONG_MUST_CHECK enum corong_status
compact_dictionary_merge(struct compact_dictionary *dictionary,
                         const struct dictionary *const *inputs, uint32_t input_count,
                         struct corong_error *error);
void compact_dictionary_deinit(struct compact_dictionary *dictionary);
