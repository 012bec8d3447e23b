// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/tail.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define INSERTION_COUNT_MAX 24u
#define PERIOD_CAPACITY_MIN 256u

typedef int (*compare_rows)(const struct tail *tail, uint32_t left, uint32_t right);

static int64_t integer_at(const struct tail *tail, enum system_column column, uint32_t row)
{
    const int64_t *integers = tail->columns[column].integers;
    return integers == NULL ? COLUMN_INTEGER_MISSING : integers[row];
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_times(const struct tail *tail, uint32_t left, uint32_t right)
{
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    return compare_integers(times_us[left], times_us[right]);
}

static int compare_column(const struct tail *tail, enum system_column column, uint32_t left,
                          uint32_t right)
{
    return compare_integers(integer_at(tail, column, left), integer_at(tail, column, right));
}

static int compare_canonical(const struct tail *tail, uint32_t left, uint32_t right)
{
    return canonical_row_compare(&tail->canonical, tail->schema, tail->columns, left, tail->columns,
                                 right);
}

// The canonical order of rows of one user and one time.
static int compare_tied(const struct tail *tail, uint32_t left, uint32_t right)
{
    int order = compare_column(tail, COLUMN_SEQUENCE, left, right);
    if (order == 0) {
        order = compare_column(tail, COLUMN_ID_HASH, left, right);
    }
    return order != 0 ? order : compare_canonical(tail, left, right);
}

// Copies of one event side by side, the one that stays first: the first in canonical order, so the
// smaller sequence number before the smaller bytes.
static int compare_copies(const struct tail *tail, uint32_t left, uint32_t right)
{
    int order = compare_column(tail, COLUMN_ID_HASH, left, right);
    if (order == 0) {
        order = compare_column(tail, COLUMN_SEQUENCE, left, right);
    }
    return order != 0 ? order : compare_canonical(tail, left, right);
}

static void insertion_sort(const struct tail *tail, uint32_t *rows, uint32_t count,
                           compare_rows compare)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t moved = rows[i];
        uint32_t at = i;
        while (at > 0 && compare(tail, rows[at - 1], moved) > 0) {
            rows[at] = rows[at - 1];
            at--;
        }
        rows[at] = moved;
    }
}

static void merge_halves(const struct tail *tail, uint32_t *rows, uint32_t middle, uint32_t count,
                         uint32_t *buffer, compare_rows compare)
{
    memcpy(buffer, rows, middle * sizeof(*rows));
    uint32_t left = 0;
    uint32_t right = middle;
    uint32_t out = 0;
    while (left < middle && right < count) {
        rows[out++] =
            compare(tail, buffer[left], rows[right]) <= 0 ? buffer[left++] : rows[right++];
    }
    memcpy(rows + out, buffer + left, (middle - left) * sizeof(*rows));
}

// Stable; `buffer` has room for half of the rows.
static void merge_sort(const struct tail *tail, uint32_t *rows, uint32_t count, uint32_t *buffer,
                       compare_rows compare)
{
    if (count <= INSERTION_COUNT_MAX) {
        insertion_sort(tail, rows, count, compare);
        return;
    }
    uint32_t middle = count / 2;
    merge_sort(tail, rows, middle, buffer, compare);
    merge_sort(tail, rows + middle, count - middle, buffer, compare);
    // Data usually comes nearly in order: two halves in order need no merge.
    if (compare(tail, rows[middle - 1], rows[middle]) > 0) {
        merge_halves(tail, rows, middle, count, buffer, compare);
    }
}

static bool same_copy(const struct tail *tail, uint32_t left, uint32_t right)
{
    int64_t id_hash = integer_at(tail, COLUMN_ID_HASH, left);
    return id_hash != COLUMN_INTEGER_MISSING && id_hash == integer_at(tail, COLUMN_ID_HASH, right);
}

// A copy that goes still says how far the data reaches: as-of is a maximum over everything that
// came, so that it does not depend on where copies meet.
static void note_dropped(struct tail *tail, uint32_t dropped)
{
    int64_t time_us = tail->columns[COLUMN_TIME].integers[dropped];
    int64_t received_us = integer_at(tail, COLUMN_RECEIVED, dropped);
    bool missing = received_us == COLUMN_INTEGER_MISSING || time_us < received_us;
    int64_t known_us = missing ? time_us : received_us;
    if (known_us > tail->flush.dropped_as_of_us && !tail->future[dropped]) {
        tail->flush.dropped_as_of_us = known_us;
    }
}

// Rows of one user and one time: keeps one row per event id and puts the rest into canonical order.
// Returns how many rows are left.
static uint32_t settle_tie(struct tail *tail, uint32_t *rows, uint32_t count, uint32_t *buffer)
{
    uint32_t kept = count;
    if (tail->columns[COLUMN_ID_HASH].integers != NULL) {
        merge_sort(tail, rows, count, buffer, compare_copies);
        kept = 1;
        for (uint32_t i = 1; i < count; i++) {
            if (same_copy(tail, rows[kept - 1], rows[i])) {
                note_dropped(tail, rows[i]);
            } else {
                rows[kept++] = rows[i];
            }
        }
    }
    merge_sort(tail, rows, kept, buffer, compare_tied);
    return kept;
}

static void move_rows(uint32_t *out, const uint32_t *rows, uint32_t count)
{
    if (out != rows) {
        memmove(out, rows, count * sizeof(*rows));
    }
}

// Rows in order of time: settles those of one time and moves all to `out`. Returns how many.
static uint32_t settle_ties(struct tail *tail, uint32_t *rows, uint32_t count, uint32_t *buffer,
                            uint32_t *out)
{
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    uint32_t out_count = 0;
    for (uint32_t first = 0; first < count;) {
        uint32_t end = first + 1;
        while (end < count && times_us[rows[end]] == times_us[rows[first]]) {
            end++;
        }
        uint32_t kept = end - first == 1 ? 1 : settle_tie(tail, rows + first, end - first, buffer);
        move_rows(out + out_count, rows + first, kept);
        out_count += kept;
        first = end;
    }
    return out_count;
}

// Sorts one user's rows and moves them to `out`, which lies at or before them. Returns how many.
static uint32_t sort_user(struct tail *tail, uint32_t *rows, uint32_t count, uint32_t *buffer,
                          uint32_t *out)
{
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    bool ascending = true;
    bool ordered = true;
    for (uint32_t i = 1; i < count; i++) {
        int64_t before_us = times_us[rows[i - 1]];
        int64_t time_us = times_us[rows[i]];
        ascending &= before_us < time_us;
        ordered &= before_us <= time_us;
    }
    if (ascending) {
        move_rows(out, rows, count);
        return count;
    }
    if (!ordered) {
        merge_sort(tail, rows, count, buffer, compare_times);
    }
    return settle_ties(tail, rows, count, buffer, out);
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
    uint32_t *buffer;
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
    for (uint32_t row = part->first; row < part->end; row++) {
        tail->flush.rows[part->ends[tail->users[row]]++] = row;
    }
}

// Sorts the rows of a part and moves them to `out`, at or before them. Returns how many.
static uint32_t sort_part(struct tail *tail, struct part *part, uint32_t *out)
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

static void sort_rows(struct tail *tail, const struct tail_moves *moves)
{
    struct tail_flush *flush = &tail->flush;
    struct part part = {.ends = memory_allocate(tail->user_table.count * sizeof(uint32_t))};
    uint32_t out = 0;
    flush->rows = tail_take_words(tail);
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

// Sorts the periods found so far and drops those that are there twice. Returns how many are left.
static uint32_t settle_periods(int64_t *periods, uint32_t count)
{
    qsort(periods, count, sizeof(*periods), compare_periods);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (distinct == 0 || periods[distinct - 1] != periods[i]) {
            periods[distinct++] = periods[i];
        }
    }
    return distinct;
}

// The distinct periods, ascending. Rows may go back and forth between them: a full list is settled,
// and grows where that leaves it half full.
static void find_periods(struct tail *tail)
{
    struct tail_flush *flush = &tail->flush;
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    int64_t length = tail->options.period_us;
    uint32_t capacity = PERIOD_CAPACITY_MIN;
    int64_t *periods = memory_allocate(capacity * sizeof(*periods));
    uint32_t count = 0;
    int64_t start_us = 1;
    int64_t end_us = 0; // empty: the first row finds its period
    for (uint32_t row = 0; row < tail->row_count; row++) {
        int64_t time_us = times_us[row];
        if (time_us >= start_us && time_us < end_us) {
            continue;
        }
        if (count == capacity) {
            count = settle_periods(periods, count);
            capacity = count > capacity / 2 ? capacity * 2 : capacity;
            periods = memory_resize_array(periods, capacity, sizeof(*periods));
        }
        periods[count] = period_of(tail, time_us);
        start_us = periods[count] * length;
        end_us = start_us + length;
        count++;
    }
    flush->periods = periods;
    flush->period_count = settle_periods(periods, count);
    flush->period_ends = memory_allocate_zeroed(flush->period_count, sizeof(uint32_t));
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
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    int64_t *parts = tail_take_integers(tail); // by place in `rows`; an array is there already
    uint32_t *next = memory_allocate_zeroed(flush->period_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < flush->row_count; i++) {
        uint32_t part = find_period(flush, period_of(tail, times_us[flush->rows[i]]));
        flush->period_ends[part]++;
        parts[i] = part;
    }
    for (uint32_t i = 1; i < flush->period_count; i++) {
        next[i] = flush->period_ends[i - 1];
        flush->period_ends[i] += flush->period_ends[i - 1];
    }
    uint32_t *parted = tail_take_words(tail);
    for (uint32_t i = 0; i < flush->row_count; i++) {
        parted[next[parts[i]]++] = flush->rows[i];
    }
    tail_give_words(tail, flush->rows);
    tail_give_integers(tail, parts);
    flush->rows = parted;
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
    tail_give_words(tail, flush->rows);
    memory_free(flush->periods);
    memory_free(flush->period_ends);
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        memory_free(flush->symbol_orders[i]);
    }
    *flush = (struct tail_flush){0};
}
