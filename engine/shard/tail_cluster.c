// SPDX-License-Identifier: Apache-2.0
// Rows arrive in time order and leave in user order, so a flush reads every column at random. One
// pass that brings the rows of neighbouring users together first keeps those reads within the
// cache; numbers become ranks on the way.
#include "engine/shard/tail.h"

#include "storage/base/invariant.h"
#include "storage/base/pages.h"

#include <string.h>

#define CLUSTER_COUNT 256u // streams that one pass writes, of all parts together
// Rows that are put in order of clusters before they are moved: what goes to one stream goes there
// at once, some values side by side, not each to a line and a page of its own.
#define CHUNK_ROW_COUNT 2048u
#define LINE_SIZE 64u

struct cluster_pass {
    struct tail *tail;
    uint32_t *places; // where rows go, chunk by chunk in order of clusters
    uint16_t *order;  // by row: its cluster; then, beside its place, which row of the chunk it is
    uint32_t counts[CLUSTER_COUNT];
    uint32_t row_count;
};

static uint32_t part_of(const struct tail_moves *moves, int64_t time_us)
{
    uint32_t part = 0;
    for (uint32_t i = 1; i < moves->part_count; i++) {
        part += time_us >= moves->part_starts_us[i];
    }
    return part;
}

// Users become ranks in place.
static void assign_clusters(struct cluster_pass *pass, const struct tail_moves *moves)
{
    struct tail *tail = pass->tail;
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    uint32_t per_part = CLUSTER_COUNT / moves->part_count;
    // Of clusters per rank, times 2^32: rounded down, so that the last rank is in the last cluster.
    uint64_t share = ((uint64_t)per_part << 32) / tail->user_table.count;
    for (uint32_t row = 0; row < pass->row_count; row++) {
        uint32_t rank = moves->user_ranks[tail->users[row]];
        uint32_t cluster =
            part_of(moves, times_us[row]) * per_part + (uint32_t)(rank * share >> 32);
        tail->users[row] = rank;
        pass->order[row] = (uint16_t)cluster;
        pass->counts[cluster]++;
    }
}

static uint32_t chunk_end(const struct cluster_pass *pass, uint32_t first)
{
    uint32_t left = pass->row_count - first;
    return first + (left < CHUNK_ROW_COUNT ? left : CHUNK_ROW_COUNT);
}

// Stable, so that a user's rows stay in order of arrival. `next`: where each cluster goes on.
static void place_chunk(struct cluster_pass *pass, uint32_t first, uint32_t end, uint32_t *next)
{
    uint16_t clusters[CHUNK_ROW_COUNT];
    uint32_t starts[CLUSTER_COUNT + 1] = {0};
    uint32_t count = end - first;
    memcpy(clusters, pass->order + first, count * sizeof(*clusters));
    for (uint32_t i = 0; i < count; i++) {
        starts[clusters[i] + 1]++;
    }
    for (uint32_t cluster = 1; cluster < CLUSTER_COUNT; cluster++) {
        starts[cluster] += starts[cluster - 1];
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = first + starts[clusters[i]]++;
        pass->order[at] = (uint16_t)i;
        pass->places[at] = next[clusters[i]]++;
    }
}

static void assign_places(struct cluster_pass *pass, struct tail_moves *moves)
{
    uint32_t next[CLUSTER_COUNT];
    uint32_t per_part = CLUSTER_COUNT / moves->part_count;
    uint32_t sum = 0;
    for (uint32_t cluster = 0; cluster < per_part * moves->part_count; cluster++) {
        next[cluster] = sum;
        sum += pass->counts[cluster];
        moves->part_ends[cluster / per_part] = sum;
    }
    for (uint32_t first = 0; first < pass->row_count; first = chunk_end(pass, first)) {
        place_chunk(pass, first, chunk_end(pass, first), next);
    }
}

// Values are read in no order within a chunk, so the next one is fetched meanwhile, a line for a
// line's worth of values. May be past the end.
static inline void fetch_chunk(const void *next, uint32_t index, size_t size)
{
    if (index % (LINE_SIZE / size) == 0) {
        __builtin_prefetch((const char *)next + index * size);
    }
}

// `ranks` is NULL for users, which have theirs. A missing code is the number before 0, and its rank
// the one before that of code 0.
static uint32_t *move_words(const struct cluster_pass *pass, uint32_t *from, const uint32_t *ranks)
{
    uint32_t *to = tail_take_words(pass->tail);
    for (uint32_t first = 0; first < pass->row_count; first = chunk_end(pass, first)) {
        const uint32_t *chunk = from + first;
        const uint16_t *order = pass->order + first;
        const uint32_t *places = pass->places + first;
        uint32_t count = chunk_end(pass, first) - first;
        for (uint32_t i = 0; i < count; i++) {
            fetch_chunk(chunk + CHUNK_ROW_COUNT, i, sizeof(*from));
            uint32_t word = chunk[order[i]];
            to[places[i]] = ranks == NULL ? word : ranks[(uint32_t)(word + 1)];
        }
    }
    tail_give_words(pass->tail, from);
    return to;
}

static int64_t *move_integers(const struct cluster_pass *pass, int64_t *from)
{
    int64_t *to = tail_take_integers(pass->tail);
    for (uint32_t first = 0; first < pass->row_count; first = chunk_end(pass, first)) {
        const int64_t *chunk = from + first;
        const uint16_t *order = pass->order + first;
        const uint32_t *places = pass->places + first;
        uint32_t count = chunk_end(pass, first) - first;
        for (uint32_t i = 0; i < count; i++) {
            fetch_chunk(chunk + CHUNK_ROW_COUNT, i, sizeof(*from));
            to[places[i]] = chunk[order[i]];
        }
    }
    tail_give_integers(pass->tail, from);
    return to;
}

// Hardly any clock is ahead of ours.
static void move_future(const struct cluster_pass *pass)
{
    struct tail *tail = pass->tail;
    if (memchr(tail->future, 1, pass->row_count) == NULL) {
        return;
    }
    uint8_t *to = pages_resize(NULL, 0, tail->row_capacity);
    for (uint32_t first = 0; first < pass->row_count; first = chunk_end(pass, first)) {
        for (uint32_t at = first; at < chunk_end(pass, first); at++) {
            to[pass->places[at]] = tail->future[first + pass->order[at]];
        }
    }
    pages_free(tail->future, tail->row_capacity);
    tail->future = to;
}

static void rank_codes(uint32_t *codes, uint32_t count, const uint32_t *ranks)
{
    for (uint32_t row = 0; row < count; row++) {
        codes[row] = ranks[(uint32_t)(codes[row] + 1)];
    }
}

static void rank_in_place(struct tail *tail, struct tail_moves *moves)
{
    ASSERT(moves->part_count == 1);
    moves->part_ends[0] = tail->row_count;
    for (uint32_t row = 0; row < tail->row_count; row++) {
        tail->users[row] = moves->user_ranks[tail->users[row]];
    }
    for (uint32_t column = 0; column < tail->schema->column_count; column++) {
        if (tail->columns[column].codes != NULL) {
            rank_codes(tail->columns[column].codes, tail->row_count, moves->symbol_ranks[column]);
        }
    }
}

void tail_cluster(struct tail *tail, struct tail_moves *moves)
{
    if (tail->row_count < TAIL_CLUSTER_ROW_COUNT_MIN) {
        rank_in_place(tail, moves);
        return;
    }
    size_t order_size = tail->row_count * sizeof(uint16_t);
    struct cluster_pass pass = {
        .tail = tail,
        .places = tail_take_words(tail),
        .order = pages_resize(NULL, 0, order_size),
        .row_count = tail->row_count,
    };
    assign_clusters(&pass, moves);
    assign_places(&pass, moves);
    tail->users = move_words(&pass, tail->users, NULL);
    move_future(&pass);
    for (uint32_t column = 0; column < tail->schema->column_count; column++) {
        struct column_values *values = &tail->columns[column];
        if (values->codes != NULL) {
            values->codes = move_words(&pass, values->codes, moves->symbol_ranks[column]);
        } else if (values->integers != NULL) {
            values->integers = move_integers(&pass, values->integers);
        }
    }
    pages_free(pass.order, order_size);
    tail_give_words(tail, pass.places);
}
