// SPDX-License-Identifier: Apache-2.0
/// A unit of a list as bytes whose order is the list's, and back. Private to engine/query/people.
/// Thread: values.
#pragma once

#include "engine/query/people/people.h"

/// How many of a unit's arrays are in use.
struct people_unit_shape {
    uint32_t value_count;
    uint32_t unit_value_count;
    uint32_t gather_count;
};

void people_unit_write(const struct people_unit *unit, const struct people_unit_shape *shape,
                       struct text_buffer *out);
/// Texts are borrowed from `bytes`, or in `arena`.
void people_unit_read(struct text bytes, const struct people_unit_shape *shape, struct arena *arena,
                      struct people_unit *unit_out);
