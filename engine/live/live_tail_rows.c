// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_tail_rows.h"

#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define CROWD 256u // more rows than this, alike but for their bytes, are left to the store

void live_tail_rows_init(struct live_tail_rows *rows, const struct live_tail *tail)
{
    *rows = (struct live_tail_rows){.tail = tail};
    rows->item_of_user = memory_allocate_zeroed((size_t)tail->user_count + 1, sizeof(uint32_t));
}

void live_tail_rows_deinit(struct live_tail_rows *rows)
{
    memory_free(rows->item_of_user);
    memory_free(rows->rows);
    text_buffer_deinit(&rows->canonical[0]);
    text_buffer_deinit(&rows->canonical[1]);
}

bool live_tail_rows_want(struct live_tail_rows *rows, struct hash128 key, uint32_t item)
{
    uint32_t user;
    if (!rows->tail->find_user(rows->tail->context, key, &user)) {
        return false;
    }
    rows->item_of_user[user] = item + 1;
    return true;
}

static int64_t integer_of(const struct live_tail_rows *rows, enum system_column column,
                          uint32_t row)
{
    const int64_t *integers = rows->tail->columns[column].integers;
    return integers == NULL ? COLUMN_INTEGER_MISSING : integers[row];
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_rows(const void *left_pointer, const void *right_pointer, void *context)
{
    const struct live_tail_rows *rows = context;
    const struct live_tail_row *left = left_pointer;
    const struct live_tail_row *right = right_pointer;
    int order = compare_integers(left->item, right->item);
    order = order != 0 ? order : compare_integers(left->time_us, right->time_us);
    if (order == 0) {
        order = compare_integers(integer_of(rows, COLUMN_SEQUENCE, left->row),
                                 integer_of(rows, COLUMN_SEQUENCE, right->row));
    }
    if (order == 0) {
        order = compare_integers(integer_of(rows, COLUMN_ID_HASH, left->row),
                                 integer_of(rows, COLUMN_ID_HASH, right->row));
    }
    return order != 0 ? order : compare_integers(left->row, right->row);
}

void live_tail_rows_find(struct live_tail_rows *rows)
{
    const struct live_tail *tail = rows->tail;
    uint32_t count = 0;
    for (uint32_t row = 0; row < tail->row_count; row++) {
        count += rows->item_of_user[tail->row_users[row]] != 0;
    }
    rows->rows = memory_allocate(((size_t)count + 1) * sizeof(*rows->rows));
    for (uint32_t row = 0; row < tail->row_count; row++) {
        uint32_t item = rows->item_of_user[tail->row_users[row]];
        if (item != 0) {
            rows->rows[rows->count++] =
                (struct live_tail_row){item - 1, row, tail->columns[COLUMN_TIME].integers[row]};
        }
    }
    qsort_r(rows->rows, rows->count, sizeof(*rows->rows), compare_rows, rows);
}

static struct text canonical_of(struct live_tail_rows *rows, uint32_t side, uint32_t row)
{
    text_buffer_reset(&rows->canonical[side]);
    rows->tail->canonical(rows->tail->context, row, &rows->canonical[side]);
    return (struct text){rows->canonical[side].bytes, rows->canonical[side].size};
}

// Rows alike but for their bytes, put into order by insertion.
static void sort_alike(struct live_tail_rows *rows, struct live_tail_row *first, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct live_tail_row moved = first[i];
        uint32_t at = i;
        while (at > 0 && text_compare(canonical_of(rows, 0, first[at - 1].row),
                                      canonical_of(rows, 1, moved.row)) > 0) {
            first[at] = first[at - 1];
            at--;
        }
        first[at] = moved;
    }
}

static bool alike(const struct live_tail_rows *rows, const struct live_tail_row *left,
                  const struct live_tail_row *right)
{
    return left->time_us == right->time_us &&
           integer_of(rows, COLUMN_SEQUENCE, left->row) ==
               integer_of(rows, COLUMN_SEQUENCE, right->row) &&
           integer_of(rows, COLUMN_ID_HASH, left->row) ==
               integer_of(rows, COLUMN_ID_HASH, right->row);
}

// Orders the rows that are alike; of copies of one event the first stays. False for a crowd.
static bool order_rows(struct live_tail_rows *rows, struct live_tail_row *first, uint32_t *count)
{
    uint32_t kept = 0;
    for (uint32_t begin = 0; begin < *count;) {
        uint32_t end = begin + 1;
        while (end < *count && alike(rows, &first[begin], &first[end])) {
            end++;
        }
        if (end - begin > CROWD) {
            return false;
        }
        sort_alike(rows, first + begin, end - begin);
        bool copies = integer_of(rows, COLUMN_ID_HASH, first[begin].row) != COLUMN_INTEGER_MISSING;
        uint32_t stay = copies ? 1 : end - begin;
        memmove(first + kept, first + begin, stay * sizeof(*first));
        kept += stay;
        begin = end;
    }
    *count = kept;
    return true;
}

// True where two rows of one time have one id; their sequence numbers differ then.
static bool has_copies(const struct live_tail_rows *rows, const struct live_tail_row *first,
                       uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        int64_t id = integer_of(rows, COLUMN_ID_HASH, first[i].row);
        for (uint32_t k = i; k-- > 0 && first[k].time_us == first[i].time_us;) {
            if (i - k > CROWD || (id != COLUMN_INTEGER_MISSING &&
                                  id == integer_of(rows, COLUMN_ID_HASH, first[k].row))) {
                return true;
            }
        }
    }
    return false;
}

bool live_tail_rows_of(struct live_tail_rows *rows, uint32_t item,
                       const struct live_tail_row **rows_out, uint32_t *count_out)
{
    while (rows->at < rows->count && rows->rows[rows->at].item < item) {
        rows->at++;
    }
    struct live_tail_row *first = rows->rows + rows->at;
    uint32_t count = 0;
    while (rows->at + count < rows->count && first[count].item == item) {
        count++;
    }
    rows->at += count;
    *rows_out = first;
    *count_out = count;
    bool ordered = order_rows(rows, first, count_out);
    bool ids = rows->tail->columns[COLUMN_ID_HASH].integers != NULL;
    return ordered && !(ids && has_copies(rows, first, *count_out));
}
