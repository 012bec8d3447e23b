// SPDX-License-Identifier: Apache-2.0
// Some rows of a tail in a tail of their own: what a view sorts and writes, while the rows stay
// where they are until the commit. Costs what these rows cost, not what the tail has: only users
// and strings that occur in them are ranked.
#include "engine/shard/tail.h"

#include "storage/base/memory.h"

#include <string.h>

// One period: a chunk is not kept, so it need not be cut at periods.
#define PERIOD_UNBOUNDED_US (INT64_MAX / 2)

struct copy {
    const struct tail *from;
    struct tail *to;
    uint32_t first;
    uint32_t count;
};

static void copy_users(const struct copy *copy)
{
    const struct user_table *users = &copy->from->user_table;
    uint32_t *numbers = memory_allocate_zeroed(users->count, sizeof(uint32_t)); // plus one
    for (uint32_t i = 0; i < copy->count; i++) {
        uint32_t user = copy->from->users[copy->first + i];
        if (numbers[user] == 0) {
            numbers[user] = 1 + user_table_append(&copy->to->user_table, users->keys[user],
                                                  &users->ids[user], users->far);
        }
        copy->to->users[i] = numbers[user] - 1;
    }
    memory_free(numbers);
    memcpy(copy->to->future, copy->from->future + copy->first, copy->count);
}

// A new tail has the columns that are never all missing.
static void ensure_column(struct tail *tail, uint32_t column)
{
    if (tail->columns[column].codes == NULL && tail->columns[column].integers == NULL) {
        tail_add_column(tail, column);
    }
}

static void copy_strings(const struct copy *copy, uint32_t column)
{
    const uint32_t *from = copy->from->columns[column].codes + copy->first;
    uint32_t first_present = 0;
    while (first_present < copy->count && from[first_present] == COLUMN_CODE_MISSING) {
        first_present++;
    }
    if (first_present == copy->count) {
        return;
    }
    ensure_column(copy->to, column);
    const struct symbol_table *symbols = &copy->from->symbols[column];
    uint32_t *codes = memory_allocate_zeroed(symbols->count, sizeof(uint32_t)); // plus one
    uint32_t *to = copy->to->columns[column].codes;
    for (uint32_t i = 0; i < copy->count; i++) {
        if (from[i] == COLUMN_CODE_MISSING) {
            to[i] = COLUMN_CODE_MISSING;
            continue;
        }
        if (codes[from[i]] == 0) {
            codes[from[i]] = 1 + symbol_table_append(&copy->to->symbols[column],
                                                     symbol_table_text(symbols, from[i]));
        }
        to[i] = codes[from[i]] - 1;
    }
    memory_free(codes);
}

struct tail *tail_copy_rows(const struct tail *tail, uint32_t first, uint32_t count)
{
    struct tail_options options = tail->options;
    options.directory = NULL;
    options.period_us = PERIOD_UNBOUNDED_US;
    options.zstd_level = 0;
    struct copy copy = {tail, tail_create(&options), first, count};
    tail_reserve_rows(copy.to, count);
    copy_users(&copy);
    for (uint32_t column = 0; column < tail->schema->column_count; column++) {
        if (tail->columns[column].codes != NULL) {
            copy_strings(&copy, column);
        } else if (tail->columns[column].integers != NULL) {
            ensure_column(copy.to, column);
            memcpy(copy.to->columns[column].integers, tail->columns[column].integers + first,
                   count * sizeof(int64_t));
        }
    }
    copy.to->row_count = count;
    return copy.to;
}
