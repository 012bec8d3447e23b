// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_merge.h"

#include "storage/base/invariant.h"

/// Progress is told about this often.
#define PROGRESS_ROW_COUNT ((uint64_t)1 << 18)
/// So often the caller is asked whether it gives up: some hundredths of a second.
#define CHECK_ROW_COUNT ((uint64_t)1 << 16)
/// Simultaneous rows of one user are looked at together for duplicates, this many at most.
#define INSTANT_ROW_COUNT_MAX (SEGMENT_GROUP_ROW_COUNT_MAX / 2)

static bool is_before(const struct compact_cursor *left, const struct compact_cursor *right)
{
    return hash128_compare(compact_cursor_key(left), compact_cursor_key(right)) < 0;
}

static void heap_sink(struct compact_merge *merge, uint32_t at)
{
    struct compact_cursor **heap = merge->heap;
    struct compact_cursor *moved = heap[at];
    for (uint32_t child = at * 2 + 1; child < merge->heap_count; child = at * 2 + 1) {
        if (child + 1 < merge->heap_count && is_before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!is_before(heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void heap_rise(struct compact_merge *merge, uint32_t at)
{
    struct compact_cursor *moved = merge->heap[at];
    while (at > 0 && is_before(moved, merge->heap[(at - 1) / 2])) {
        merge->heap[at] = merge->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    merge->heap[at] = moved;
}

static struct compact_cursor *heap_pop(struct compact_merge *merge)
{
    struct compact_cursor *top = merge->heap[0];
    merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count > 0) {
        heap_sink(merge, 0);
    }
    return top;
}

static void heap_push(struct compact_merge *merge, struct compact_cursor *cursor)
{
    merge->heap[merge->heap_count++] = cursor;
    heap_rise(merge, merge->heap_count - 1);
}

enum corong_status compact_merge_check(const struct compact_merge *merge,
                                       struct corong_error *error)
{
    bool cancelled = merge->is_cancelled != NULL && merge->is_cancelled(merge->context);
    return cancelled ? error_set(error, CORONG_CANCELLED, "the merge was given up") : CORONG_OK;
}

static enum corong_status count_progress(struct compact_merge *merge, uint64_t rows,
                                         struct corong_error *error)
{
    merge->row_count_done += rows;
    if (merge->progress != NULL &&
        merge->row_count_done - merge->row_count_told >= PROGRESS_ROW_COUNT) {
        merge->row_count_told = merge->row_count_done;
        merge->progress(merge->context, merge->row_count_done);
    }
    if (merge->row_count_done - merge->row_count_checked >= CHECK_ROW_COUNT) {
        merge->row_count_checked = merge->row_count_done;
        return compact_merge_check(merge, error);
    }
    return CORONG_OK;
}

/// How many users of the cursor's group lie before `limit` (NULL: all), and their rows.
static uint32_t users_before(const struct compact_cursor *cursor, const struct hash128 *limit,
                             uint32_t *row_count_out)
{
    const struct row_group *group = &cursor->group;
    uint32_t user = cursor->user + 1;
    uint32_t rows = cursor->rows_left;
    while (user < group->user_count &&
           (limit == NULL || hash128_compare(group->user_keys[user], *limit) < 0)) {
        rows += group->user_row_counts[user++];
    }
    *row_count_out = rows;
    return user - cursor->user;
}

/// The top cursor alone has the next users: they are copied in bulk.
static enum corong_status copy_users(struct compact_merge *merge, const struct hash128 *limit,
                                     struct corong_error *error)
{
    struct compact_cursor *cursor = merge->heap[0];
    uint32_t row_count;
    uint32_t user_count = users_before(cursor, limit, &row_count);
    TRY(compact_sink_users(merge->sink, cursor, user_count, error));
    TRY(compact_cursor_take_users(cursor, user_count, row_count, error));
    TRY(count_progress(merge, row_count, error));
    if (cursor->is_done) {
        (void)heap_pop(merge);
    } else {
        heap_sink(merge, 0);
    }
    return CORONG_OK;
}

static int64_t integer_at(const struct compact_cursor *cursor, uint32_t column)
{
    const int64_t *integers = cursor->columns[column].integers;
    return integers == NULL ? COLUMN_INTEGER_MISSING : integers[cursor->row];
}

static int64_t time_of(const struct compact_cursor *cursor)
{
    return cursor->columns[COLUMN_TIME].integers[cursor->row];
}

/// Orders the heads of two cursors, equal in time.
static int compare_heads(const struct compact_merge *merge, const struct compact_cursor *left,
                         const struct compact_cursor *right)
{
    static const uint32_t columns[] = {COLUMN_SEQUENCE, COLUMN_ID_HASH};
    for (size_t index = 0; index < sizeof(columns) / sizeof(columns[0]); index++) {
        int64_t a = integer_at(left, columns[index]);
        int64_t b = integer_at(right, columns[index]);
        if (a != b) {
            return a < b ? -1 : 1;
        }
    }
    return canonical_row_compare(merge->order, merge->schema, left->columns, left->row,
                                 right->columns, right->row);
}

/// Takes rows of a peer; where it has no more of this user it leaves `peers` for the heap.
static enum corong_status peer_take(struct compact_merge *merge, uint32_t *peer_count,
                                    uint32_t index, uint32_t count, struct hash128 key,
                                    struct corong_error *error)
{
    struct compact_cursor *peer = merge->peers[index];
    TRY(compact_cursor_take(peer, count, error));
    TRY(count_progress(merge, count, error));
    if (peer->is_done || !hash128_equal(compact_cursor_key(peer), key)) {
        merge->peers[index] = merge->peers[--*peer_count];
        if (!peer->is_done) {
            heap_push(merge, peer);
        }
    }
    return CORONG_OK;
}

/// The earliest peer, whether another one has the same time, and the earliest time of the others.
static uint32_t earliest_peer(const struct compact_merge *merge, uint32_t peer_count,
                              int64_t *others_out)
{
    uint32_t best = 0;
    int64_t others = INT64_MAX;
    for (uint32_t index = 1; index < peer_count; index++) {
        int64_t best_time = time_of(merge->peers[best]);
        int64_t time = time_of(merge->peers[index]);
        if (time < best_time) {
            others = best_time;
            best = index;
        } else if (time < others) {
            others = time;
        }
    }
    *others_out = others;
    return best;
}

/// Rows of one instant that several peers have, merged and freed of duplicates.
static enum corong_status merge_instant(struct compact_merge *merge, uint32_t *peer_count,
                                        int64_t time, struct hash128 key,
                                        struct corong_error *error)
{
    uint32_t start = compact_sink_row_count(merge->sink);
    for (;;) {
        uint32_t best = UINT32_MAX;
        for (uint32_t index = 0; index < *peer_count; index++) {
            if (time_of(merge->peers[index]) == time &&
                (best == UINT32_MAX ||
                 compare_heads(merge, merge->peers[index], merge->peers[best]) < 0)) {
                best = index;
            }
        }
        if (best == UINT32_MAX) {
            break;
        }
        const struct compact_cursor *peer = merge->peers[best];
        compact_sink_rows(merge->sink, peer->columns, peer->row, 1);
        TRY(peer_take(merge, peer_count, best, 1, key, error));
        if (compact_sink_row_count(merge->sink) - start >= INSTANT_ROW_COUNT_MAX) {
            break;
        }
    }
    compact_sink_deduplicate(merge->sink, start);
    return compact_sink_settle(merge->sink, error);
}

/// Rows of one peer that all lie before those of the others.
static enum corong_status copy_rows(struct compact_merge *merge, uint32_t *peer_count,
                                    uint32_t index, int64_t others, struct hash128 key,
                                    struct corong_error *error)
{
    const struct compact_cursor *peer = merge->peers[index];
    const int64_t *times = peer->columns[COLUMN_TIME].integers + peer->row;
    uint32_t limit =
        peer->rows_left < SEGMENT_GROUP_ROW_COUNT ? peer->rows_left : SEGMENT_GROUP_ROW_COUNT;
    uint32_t count = 1;
    while (count < limit && times[count] < others) {
        count++;
    }
    compact_sink_rows(merge->sink, peer->columns, peer->row, count);
    TRY(peer_take(merge, peer_count, index, count, key, error));
    return compact_sink_settle(merge->sink, error);
}

static uint32_t collect_peers(struct compact_merge *merge, struct hash128 key, uint8_t *flags_out)
{
    uint32_t count = 0;
    *flags_out = 0;
    while (merge->heap_count > 0 && hash128_equal(compact_cursor_key(merge->heap[0]), key)) {
        struct compact_cursor *peer = heap_pop(merge);
        *flags_out |= peer->group.user_flags[peer->user];
        merge->peers[count++] = peer;
    }
    return count;
}

/// Several cursors have the next user.
static enum corong_status merge_user(struct compact_merge *merge, struct corong_error *error)
{
    struct hash128 key = compact_cursor_key(merge->heap[0]);
    uint8_t flags;
    uint32_t peer_count = collect_peers(merge, key, &flags);
    struct text id = compact_cursor_id(merge->peers[0]);
    TRY(compact_sink_user(merge->sink, key, flags, id, error));
    while (peer_count > 0) {
        int64_t others;
        uint32_t first = earliest_peer(merge, peer_count, &others);
        int64_t time = time_of(merge->peers[first]);
        if (peer_count > 1 && others == time) {
            TRY(merge_instant(merge, &peer_count, time, key, error));
        } else {
            TRY(copy_rows(merge, &peer_count, first, others, key, error));
        }
    }
    return CORONG_OK;
}

enum corong_status compact_merge_run(struct compact_merge *merge, struct corong_error *error)
{
    merge->heap_count = 0;
    for (uint32_t index = 0; index < merge->cursor_count; index++) {
        if (!merge->cursors[index].is_done) {
            heap_push(merge, &merge->cursors[index]);
        }
    }
    while (merge->heap_count > 0) {
        const struct hash128 *second = NULL;
        for (uint32_t child = 1; child <= 2 && child < merge->heap_count; child++) {
            const struct compact_cursor *cursor = merge->heap[child];
            const struct hash128 *key = &cursor->group.user_keys[cursor->user];
            second = second == NULL || hash128_compare(*key, *second) < 0 ? key : second;
        }
        if (second != NULL && hash128_equal(compact_cursor_key(merge->heap[0]), *second)) {
            TRY(merge_user(merge, error));
        } else {
            TRY(copy_users(merge, second, error));
        }
    }
    return CORONG_OK;
}
