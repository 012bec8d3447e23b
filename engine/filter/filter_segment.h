// SPDX-License-Identifier: Apache-2.0
/// A filter bound to the dictionaries of one segment. Private to engine/filter.
/// Thread: immutable once prepared.
#pragma once

#include "engine/filter/filter_program.h"

/// What a leaf over one string column needs: its truth per dictionary entry, and at `count` the
/// truth of a missing value, so that one load answers every code. NULL where the leaf is of another
/// kind.
struct filter_segment_leaf {
    uint8_t *truths;
    uint32_t count;
    const struct dictionary *left; ///< of the two columns of FILTER_LEAF_COMPARE over strings
    const struct dictionary *right;
};

struct filter_segment {
    const struct filter *filter;
    struct filter_segment_leaf *leaves; ///< one per leaf of the filter
};
