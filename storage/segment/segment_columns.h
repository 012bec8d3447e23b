// SPDX-License-Identifier: Apache-2.0
/// By which numbers callers name the columns of a segment: its own, or their places in a schema
/// that unites those of several stores. Private to the segment.
#pragma once

#include "storage/column/column.h"

#include <stdint.h>

#define SEGMENT_NO_COLUMN UINT32_MAX

struct segment_columns {
    struct schema schema;  ///< what callers see
    uint32_t *places;      ///< by own column; NULL: places are the own numbers
    uint32_t *own_columns; ///< by place: own column, or SEGMENT_NO_COLUMN
};

/// The own column at a place, or SEGMENT_NO_COLUMN.
static inline uint32_t segment_columns_own(const struct segment_columns *columns, uint32_t place)
{
    if (place >= columns->schema.column_count) {
        return SEGMENT_NO_COLUMN;
    }
    return columns->own_columns == NULL ? place : columns->own_columns[place];
}

/// Where callers look for an own column.
static inline uint32_t segment_columns_place(const struct segment_columns *columns, uint32_t own)
{
    return columns->places == NULL ? own : columns->places[own];
}
