// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/tail.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <stdlib.h>
#include <string.h>

#define INSERTION_COUNT_MAX 24u

typedef int (*compare_rows)(const struct tail *tail, const struct tail_ordered *left,
                            const struct tail_ordered *right);

static int64_t integer_at(const struct tail *tail, enum system_column column, uint32_t row)
{
    const int64_t *integers = tail->columns[column].integers;
    return integers == NULL ? COLUMN_INTEGER_MISSING : integers[row];
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_times(const struct tail *tail, const struct tail_ordered *left,
                         const struct tail_ordered *right)
{
    (void)tail;
    return compare_integers(left->time_us, right->time_us);
}

static int compare_column(const struct tail *tail, enum system_column column,
                          const struct tail_ordered *left, const struct tail_ordered *right)
{
    return compare_integers(integer_at(tail, column, left->row),
                            integer_at(tail, column, right->row));
}

static int compare_canonical(const struct tail *tail, const struct tail_ordered *left,
                             const struct tail_ordered *right)
{
    return canonical_row_compare(&tail->canonical, tail->schema, tail->columns, left->row,
                                 tail->columns, right->row);
}

// The canonical order of rows of one user and one time.
static int compare_tied(const struct tail *tail, const struct tail_ordered *left,
                        const struct tail_ordered *right)
{
    int order = compare_column(tail, COLUMN_SEQUENCE, left, right);
    if (order == 0) {
        order = compare_column(tail, COLUMN_ID_HASH, left, right);
    }
    return order != 0 ? order : compare_canonical(tail, left, right);
}

// Copies of one event side by side, the one that stays first: the first in canonical order, so the
// smaller sequence number before the smaller bytes.
static int compare_copies(const struct tail *tail, const struct tail_ordered *left,
                          const struct tail_ordered *right)
{
    int order = compare_column(tail, COLUMN_ID_HASH, left, right);
    if (order == 0) {
        order = compare_column(tail, COLUMN_SEQUENCE, left, right);
    }
    return order != 0 ? order : compare_canonical(tail, left, right);
}

static void insertion_sort(const struct tail *tail, struct tail_ordered *rows, uint32_t count,
                           compare_rows compare)
{
    for (uint32_t i = 1; i < count; i++) {
        struct tail_ordered moved = rows[i];
        uint32_t at = i;
        while (at > 0 && compare(tail, &rows[at - 1], &moved) > 0) {
            rows[at] = rows[at - 1];
            at--;
        }
        rows[at] = moved;
    }
}

static void merge_halves(const struct tail *tail, struct tail_ordered *rows, uint32_t middle,
                         uint32_t count, struct tail_ordered *buffer, compare_rows compare)
{
    memcpy(buffer, rows, middle * sizeof(*rows));
    uint32_t left = 0;
    uint32_t right = middle;
    uint32_t out = 0;
    while (left < middle && right < count) {
        rows[out++] =
            compare(tail, &buffer[left], &rows[right]) <= 0 ? buffer[left++] : rows[right++];
    }
    memcpy(rows + out, buffer + left, (middle - left) * sizeof(*rows));
}

// Stable; `buffer` has room for half of the rows.
static void merge_sort(const struct tail *tail, struct tail_ordered *rows, uint32_t count,
                       struct tail_ordered *buffer, compare_rows compare)
{
    if (count <= INSERTION_COUNT_MAX) {
        insertion_sort(tail, rows, count, compare);
        return;
    }
    uint32_t middle = count / 2;
    merge_sort(tail, rows, middle, buffer, compare);
    merge_sort(tail, rows + middle, count - middle, buffer, compare);
    // Data usually comes nearly in order: two halves in order need no merge.
    if (compare(tail, &rows[middle - 1], &rows[middle]) > 0) {
        merge_halves(tail, rows, middle, count, buffer, compare);
    }
}

static bool same_copy(const struct tail *tail, const struct tail_ordered *left,
                      const struct tail_ordered *right)
{
    int64_t id_hash = integer_at(tail, COLUMN_ID_HASH, left->row);
    return id_hash != COLUMN_INTEGER_MISSING &&
           id_hash == integer_at(tail, COLUMN_ID_HASH, right->row);
}

// A copy that goes still says how far the data reaches: as-of is a maximum over everything that
// came, so that it does not depend on where copies meet.
static void note_dropped(struct tail *tail, const struct tail_ordered *dropped)
{
    int64_t received_us = integer_at(tail, COLUMN_RECEIVED, dropped->row);
    bool missing = received_us == COLUMN_INTEGER_MISSING || dropped->time_us < received_us;
    int64_t known_us = missing ? dropped->time_us : received_us;
    if (known_us > tail->flush.dropped_as_of_us && !tail->future[dropped->row]) {
        tail->flush.dropped_as_of_us = known_us;
    }
}

// Rows of one user and one time: keeps one row per event id and puts the rest into canonical order.
// Returns how many rows are left.
static uint32_t settle_tie(struct tail *tail, struct tail_ordered *rows, uint32_t count,
                           struct tail_ordered *buffer)
{
    uint32_t kept = count;
    if (tail->columns[COLUMN_ID_HASH].integers != NULL) {
        merge_sort(tail, rows, count, buffer, compare_copies);
        kept = 1;
        for (uint32_t i = 1; i < count; i++) {
            if (same_copy(tail, &rows[kept - 1], &rows[i])) {
                note_dropped(tail, &rows[i]);
            } else {
                rows[kept++] = rows[i];
            }
        }
    }
    merge_sort(tail, rows, kept, buffer, compare_tied);
    return kept;
}

static bool in_time_order(const struct tail_ordered *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (rows[i - 1].time_us > rows[i].time_us) {
            return false;
        }
    }
    return true;
}

static bool has_ties(const struct tail_ordered *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (rows[i - 1].time_us == rows[i].time_us) {
            return true;
        }
    }
    return false;
}

// Sorts one user's rows and moves them to `out`, which lies at or before them. Returns how many.
static uint32_t sort_user(struct tail *tail, struct tail_ordered *rows, uint32_t count,
                          struct tail_ordered *buffer, struct tail_ordered *out)
{
    if (!in_time_order(rows, count)) {
        merge_sort(tail, rows, count, buffer, compare_times);
    }
    if (!has_ties(rows, count)) {
        if (out != rows) {
            memmove(out, rows, count * sizeof(*rows));
        }
        return count;
    }
    uint32_t out_count = 0;
    for (uint32_t first = 0; first < count;) {
        uint32_t end = first + 1;
        while (end < count && rows[end].time_us == rows[first].time_us) {
            end++;
        }
        uint32_t kept = end - first == 1 ? 1 : settle_tie(tail, rows + first, end - first, buffer);
        memmove(out + out_count, rows + first, kept * sizeof(*rows));
        out_count += kept;
        first = end;
    }
    return out_count;
}

// Codes are to become ranks, so that they compare like their strings.
static void rank_symbols(struct tail *tail, struct tail_moves *moves)
{
    for (uint32_t i = 0; i < tail->options.format->string_count; i++) {
        uint32_t column = tail->options.format->string_columns[i];
        if (tail->columns[column].codes == NULL) {
            continue;
        }
        const struct symbol_table *table = &tail->symbols[column];
        uint32_t *order = memory_allocate(table->count * sizeof(uint32_t));
        uint32_t *ranks = memory_allocate((table->count + (size_t)1) * sizeof(uint32_t));
        ranks[0] = COLUMN_CODE_MISSING;
        symbol_table_rank(table, order, ranks + 1);
        moves->symbol_ranks[column] = ranks;
        tail->flush.symbol_orders[column] = order;
    }
}

// The rows of one part, on their way from order of arrival to order of users.
struct part {
    uint32_t first;
    uint32_t end;
    uint32_t largest;  // rows of the busiest user
    uint32_t *ends;    // by rank: where the user's rows end
    uint32_t capacity; // of `buffer`
    struct tail_ordered *buffer;
};

static void count_rows(const struct tail *tail, struct part *part)
{
    uint32_t user_count = tail->user_table.count;
    uint32_t *starts = part->ends;
    memset(starts, 0, user_count * sizeof(*starts));
    for (uint32_t row = part->first; row < part->end; row++) {
        starts[tail->users[row]]++;
    }
    uint32_t sum = part->first;
    part->largest = 0;
    for (uint32_t rank = 0; rank < user_count; rank++) {
        uint32_t count = starts[rank];
        part->largest = count > part->largest ? count : part->largest;
        starts[rank] = sum;
        sum += count;
    }
}

// Scatters the rows to their users, in key order; within a user they stay in order of arrival.
static void scatter_rows(struct tail *tail, struct part *part)
{
    count_rows(tail, part);
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    for (uint32_t row = part->first; row < part->end; row++) {
        uint32_t rank = tail->users[row];
        tail->flush.rows[part->ends[rank]++] = (struct tail_ordered){times_us[row], row, rank};
    }
}

// Sorts the rows of a part and moves them to `out`, at or before them. Returns how many.
static uint32_t sort_part(struct tail *tail, struct part *part, struct tail_ordered *out)
{
    scatter_rows(tail, part);
    if (part->largest / 2 + 1 > part->capacity) {
        memory_free(part->buffer);
        part->capacity = part->largest / 2 + 1;
        part->buffer = memory_allocate(part->capacity * sizeof(*part->buffer));
    }
    uint32_t out_count = 0;
    uint32_t first = part->first;
    for (uint32_t rank = 0; rank < tail->user_table.count; rank++) {
        uint32_t end = part->ends[rank];
        out_count +=
            sort_user(tail, tail->flush.rows + first, end - first, part->buffer, out + out_count);
        first = end;
    }
    return out_count;
}

// Room for all rows in order.
static struct tail_ordered *allocate_rows(const struct tail *tail)
{
    return pages_resize(NULL, 0, tail->row_count * sizeof(struct tail_ordered));
}

static void free_rows(const struct tail *tail, struct tail_ordered *rows)
{
    pages_free(rows, tail->row_count * sizeof(struct tail_ordered));
}

static void sort_rows(struct tail *tail, const struct tail_moves *moves)
{
    struct tail_flush *flush = &tail->flush;
    struct part part = {.ends = memory_allocate(tail->user_table.count * sizeof(uint32_t))};
    uint32_t out = 0;
    flush->rows = allocate_rows(tail);
    for (uint32_t i = 0; i < moves->part_count; i++) {
        part.end = moves->part_ends[i];
        out += sort_part(tail, &part, flush->rows + out);
        if (flush->is_parted) {
            flush->period_ends[i] = out;
        }
        part.first = part.end;
    }
    flush->row_count = out;
    flush->duplicate_count = tail->row_count - out;
    memory_free(part.buffer);
    memory_free(part.ends);
}

static int64_t period_of(const struct tail *tail, int64_t time_us)
{
    int64_t length = tail->options.period_us;
    int64_t period = time_us / length;
    return period - (time_us % length < 0);
}

static int compare_periods(const void *left, const void *right)
{
    return compare_integers(*(const int64_t *)left, *(const int64_t *)right);
}

// The distinct periods, ascending.
static void find_periods(struct tail *tail)
{
    struct tail_flush *flush = &tail->flush;
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    int64_t length = tail->options.period_us;
    int64_t *periods = memory_allocate(tail->row_count * sizeof(int64_t));
    uint32_t count = 0;
    int64_t start_us = 1;
    int64_t end_us = 0; // empty: the first row finds its period
    for (uint32_t row = 0; row < tail->row_count; row++) {
        int64_t time_us = times_us[row];
        if (time_us < start_us || time_us >= end_us) {
            periods[count] = period_of(tail, time_us);
            start_us = periods[count] * length;
            end_us = start_us + length;
            count++;
        }
    }
    qsort(periods, count, sizeof(int64_t), compare_periods);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (distinct == 0 || periods[distinct - 1] != periods[i]) {
            periods[distinct++] = periods[i];
        }
    }
    flush->periods = periods;
    flush->period_count = distinct;
    flush->period_ends = memory_allocate_zeroed(distinct, sizeof(uint32_t));
}

static uint32_t find_period(const struct tail_flush *flush, int64_t period)
{
    uint32_t low = 0;
    uint32_t high = flush->period_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (flush->periods[middle] < period) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Brings the rows of each period together; stable, so each part stays sorted.
static void split_by_period(struct tail *tail)
{
    struct tail_flush *flush = &tail->flush;
    uint32_t *part = pages_resize(NULL, 0, flush->row_count * sizeof(uint32_t));
    uint32_t *next = memory_allocate_zeroed(flush->period_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < flush->row_count; i++) {
        part[i] = find_period(flush, period_of(tail, flush->rows[i].time_us));
        flush->period_ends[part[i]]++;
    }
    for (uint32_t i = 1; i < flush->period_count; i++) {
        next[i] = flush->period_ends[i - 1];
        flush->period_ends[i] += flush->period_ends[i - 1];
    }
    struct tail_ordered *parted = allocate_rows(tail);
    for (uint32_t i = 0; i < flush->row_count; i++) {
        parted[next[part[i]]++] = flush->rows[i];
    }
    free_rows(tail, flush->rows);
    flush->rows = parted;
    pages_free(part, flush->row_count * sizeof(uint32_t));
    memory_free(next);
}

// Where the periods are few the rows are sorted period by period.
static void plan_parts(const struct tail *tail, struct tail_moves *moves)
{
    const struct tail_flush *flush = &tail->flush;
    bool parted =
        flush->period_count <= TAIL_PART_COUNT_MAX && tail->row_count >= TAIL_CLUSTER_ROW_COUNT_MIN;
    moves->part_count = parted ? flush->period_count : 1;
    for (uint32_t i = 1; i < moves->part_count; i++) {
        moves->part_starts_us[i] = flush->periods[i] * tail->options.period_us;
    }
}

void tail_sort(struct tail *tail)
{
    ASSERT(!tail->flush.active && tail->row_count > 0);
    tail->flush.active = true;
    tail->flush.dropped_as_of_us = INT64_MIN;
    uint32_t user_count = tail->user_table.count;
    uint32_t *ranks = memory_allocate(user_count * sizeof(uint32_t));
    struct tail_moves moves = {.user_ranks = ranks};
    tail->flush.user_order = memory_allocate(user_count * sizeof(uint32_t));
    user_table_rank(&tail->user_table, tail->flush.user_order, ranks);
    rank_symbols(tail, &moves);
    find_periods(tail);
    plan_parts(tail, &moves);
    tail_cluster(tail, &moves);
    tail->flush.is_parted = moves.part_count == tail->flush.period_count;
    memcpy(tail->flush.part_ends, moves.part_ends, sizeof(moves.part_ends));
    memory_free(ranks);
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        memory_free(moves.symbol_ranks[i]);
    }
    sort_rows(tail, &moves);
    if (!tail->flush.is_parted) {
        split_by_period(tail);
    }
}

void tail_sort_release(struct tail *tail)
{
    struct tail_flush *flush = &tail->flush;
    memory_free(flush->user_order);
    free_rows(tail, flush->rows);
    memory_free(flush->periods);
    memory_free(flush->period_ends);
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        memory_free(flush->symbol_orders[i]);
    }
    *flush = (struct tail_flush){0};
}
