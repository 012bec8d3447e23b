// SPDX-License-Identifier: Apache-2.0
/// Rows of some users in the tail, which came after the snapshot that their states were worked out
/// from: found in one pass, then given user by user in canonical order.
///
/// Thread: the shard's.
#pragma once

#include "engine/live/live.h"

#include <stdbool.h>
#include <stdint.h>

struct live_tail_row {
    uint32_t item; ///< whose: the caller's number
    uint32_t row;
    int64_t time_us;
};

struct live_tail_rows {
    const struct live_tail *tail;
    uint32_t *item_of_user; ///< by number of the tail's user: item + 1, or 0
    struct live_tail_row *rows;
    uint32_t count;
    uint32_t at; ///< the next to be given
    struct text_buffer canonical[2];
};

void live_tail_rows_init(struct live_tail_rows *rows, const struct live_tail *tail);
void live_tail_rows_deinit(struct live_tail_rows *rows);
/// Items come with ascending numbers. False where the user has no row.
bool live_tail_rows_want(struct live_tail_rows *rows, struct hash128 key, uint32_t item);
/// Finds the rows of all items.
void live_tail_rows_find(struct live_tail_rows *rows);
/// The rows of the next item, which is asked for in the order of the items: canonical order,
/// without copies. False where that order cannot be had here (a crowd, or copies of one event with
/// different sequence numbers); the store will have it.
bool live_tail_rows_of(struct live_tail_rows *rows, uint32_t item,
                       const struct live_tail_row **rows_out, uint32_t *count_out);
