// SPDX-License-Identifier: Apache-2.0
/// The encodings chosen for the arrays of a segment, kept for those of the next. Private to this
/// folder. Thread: the writer's.
#pragma once

#include "storage/segment/segment_private.h"

#define SEGMENT_CHOICE_ID_SIZES SEGMENT_PART_COUNT
#define SEGMENT_CHOICE_ID_NUMBERS (SEGMENT_PART_COUNT + 1)
#define SEGMENT_CHOICE_PART_COUNT (SEGMENT_PART_COUNT + 2)

struct segment_choice_set {
    struct encoding_choice columns[SCHEMA_COLUMN_COUNT_MAX];
    struct encoding_choice parts[SEGMENT_CHOICE_PART_COUNT];
};

/// Segments of a few late events are of another kind than full ones.
struct segment_choices {
    struct segment_choice_set small;
    struct segment_choice_set full;
};

/// Those for groups of that many rows.
struct segment_choice_set *segment_choices_for(struct segment_choices *choices, uint32_t row_count);
