// SPDX-License-Identifier: Apache-2.0
/// The window that slides over Pinot's sorted rows. Thread: values.
#pragma once

#include "engine/dialect/pinot.h"

/// Rows [begin, end) are in the window; rows from `end` on are still queued.
struct pinot_window {
    const struct pinot_rule *rule;
    const struct pinot_row *rows; ///< sorted
    uint32_t count;
    uint32_t begin;
    uint32_t end;
};

/// Makes the window begin with a row of step 1 and takes in what belongs to it; false: no start is
/// left.
bool pinot_window_fill(struct pinot_window *window);
/// Steps that the window makes, and the rows that make them.
uint32_t pinot_window_match(const struct pinot_window *window, uint32_t *matched);
