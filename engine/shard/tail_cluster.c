// SPDX-License-Identifier: Apache-2.0
// Rows arrive in time order and leave in user order, so a flush reads every column at random. One
// pass that brings the rows of neighbouring users together first keeps those reads within the
// cache; numbers become ranks on the way.
#include "engine/shard/tail.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <string.h>

#define CLUSTER_COUNT 64u // streams that one pass can write at once, of each part

struct cluster_pass {
    struct tail *tail;
    const uint8_t *clusters; // by row
    uint32_t starts[CLUSTER_COUNT * TAIL_PART_COUNT_MAX];
    uint32_t row_count;
};

static void count_clusters(struct cluster_pass *pass, struct tail_moves *moves)
{
    uint32_t counts[CLUSTER_COUNT * TAIL_PART_COUNT_MAX] = {0};
    for (uint32_t row = 0; row < pass->row_count; row++) {
        counts[pass->clusters[row]]++;
    }
    uint32_t sum = 0;
    for (uint32_t cluster = 0; cluster < CLUSTER_COUNT * moves->part_count; cluster++) {
        pass->starts[cluster] = sum;
        sum += counts[cluster];
        moves->part_ends[cluster / CLUSTER_COUNT] = sum;
    }
}

static uint32_t part_of(const struct tail_moves *moves, int64_t time_us)
{
    uint32_t part = 0;
    for (uint32_t i = 1; i < moves->part_count; i++) {
        part += time_us >= moves->part_starts_us[i];
    }
    return part;
}

static uint8_t *assign_clusters(const struct tail *tail, const struct tail_moves *moves)
{
    uint32_t user_count = tail->user_table.count;
    uint8_t *of_user = memory_allocate(user_count);
    for (uint32_t user = 0; user < user_count; user++) {
        of_user[user] = (uint8_t)((uint64_t)moves->user_ranks[user] * CLUSTER_COUNT / user_count);
    }
    const int64_t *times_us = tail->columns[COLUMN_TIME].integers;
    uint8_t *clusters = pages_resize(NULL, 0, tail->row_count);
    for (uint32_t row = 0; row < tail->row_count; row++) {
        uint32_t part = part_of(moves, times_us[row]);
        clusters[row] = (uint8_t)(part * CLUSTER_COUNT + of_user[tail->users[row]]);
    }
    memory_free(of_user);
    return clusters;
}

static uint32_t *move_words(const struct cluster_pass *pass, uint32_t *from, const uint32_t *ranks)
{
    uint32_t next[CLUSTER_COUNT * TAIL_PART_COUNT_MAX];
    memcpy(next, pass->starts, sizeof(next));
    uint32_t *to = tail_take_words(pass->tail);
    for (uint32_t row = 0; row < pass->row_count; row++) {
        uint32_t word = from[row];
        to[next[pass->clusters[row]]++] = word == COLUMN_CODE_MISSING ? word : ranks[word];
    }
    tail_give_words(pass->tail, from);
    return to;
}

static int64_t *move_integers(const struct cluster_pass *pass, int64_t *from)
{
    uint32_t next[CLUSTER_COUNT * TAIL_PART_COUNT_MAX];
    memcpy(next, pass->starts, sizeof(next));
    int64_t *to = tail_take_integers(pass->tail);
    for (uint32_t row = 0; row < pass->row_count; row++) {
        to[next[pass->clusters[row]]++] = from[row];
    }
    tail_give_integers(pass->tail, from);
    return to;
}

static uint8_t *move_bytes(const struct cluster_pass *pass, uint8_t *from)
{
    uint32_t next[CLUSTER_COUNT * TAIL_PART_COUNT_MAX];
    memcpy(next, pass->starts, sizeof(next));
    uint32_t capacity = pass->tail->row_capacity;
    uint8_t *to = pages_resize(NULL, 0, capacity);
    for (uint32_t row = 0; row < pass->row_count; row++) {
        to[next[pass->clusters[row]]++] = from[row];
    }
    pages_free(from, capacity);
    return to;
}

static void rank_words(uint32_t *words, uint32_t count, const uint32_t *ranks)
{
    for (uint32_t row = 0; row < count; row++) {
        words[row] = words[row] == COLUMN_CODE_MISSING ? words[row] : ranks[words[row]];
    }
}

static void rank_in_place(struct tail *tail, struct tail_moves *moves)
{
    ASSERT(moves->part_count == 1);
    moves->part_ends[0] = tail->row_count;
    rank_words(tail->users, tail->row_count, moves->user_ranks);
    for (uint32_t column = 0; column < tail->schema->column_count; column++) {
        if (tail->columns[column].codes != NULL) {
            rank_words(tail->columns[column].codes, tail->row_count, moves->symbol_ranks[column]);
        }
    }
}

void tail_cluster(struct tail *tail, struct tail_moves *moves)
{
    if (tail->row_count < TAIL_CLUSTER_ROW_COUNT_MIN) {
        rank_in_place(tail, moves);
        return;
    }
    uint8_t *clusters = assign_clusters(tail, moves);
    struct cluster_pass pass = {.tail = tail, .clusters = clusters, .row_count = tail->row_count};
    count_clusters(&pass, moves);
    tail->users = move_words(&pass, tail->users, moves->user_ranks);
    tail->future = move_bytes(&pass, tail->future);
    for (uint32_t column = 0; column < tail->schema->column_count; column++) {
        struct column_values *values = &tail->columns[column];
        if (values->codes != NULL) {
            values->codes = move_words(&pass, values->codes, moves->symbol_ranks[column]);
        } else if (values->integers != NULL) {
            values->integers = move_integers(&pass, values->integers);
        }
    }
    pages_free(clusters, tail->row_count);
}
