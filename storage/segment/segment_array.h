// SPDX-License-Identifier: Apache-2.0
/// What a footer says of one array. Thread: values.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum segment_array_kind {
    SEGMENT_ARRAY_MISSING = 0,  ///< no row has a value; no block
    SEGMENT_ARRAY_CONSTANT = 1, ///< every row has `minimum`; no block
    SEGMENT_ARRAY_BLOCK = 2,
};

/// One column (or part) of one group. Minimum and maximum are over present rows: codes of strings,
/// a NUMBER's bits in the signed order of segment_number_order().
struct segment_array {
    enum segment_array_kind kind;
    uint32_t present_count;
    uint32_t block;
    int64_t minimum;
    int64_t maximum;
};
