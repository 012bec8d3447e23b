// SPDX-License-Identifier: Apache-2.0
// Rows arrive in time order and leave in user order, so a flush reads every column at random. One
// pass that brings the rows of neighbouring users together first keeps those reads within the
// cache.
#include "engine/shard/tail.h"

#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <string.h>

#define CLUSTER_COUNT 64u        ///< streams that one pass can write at once
#define ROW_COUNT_MIN (1u << 11) ///< fewer rows lie in the cache as they are

struct cluster_pass {
    struct tail *tail;
    const uint8_t *clusters; ///< by row
    uint32_t starts[CLUSTER_COUNT];
    uint32_t row_count;
};

static void count_clusters(struct cluster_pass *pass)
{
    uint32_t counts[CLUSTER_COUNT] = {0};
    for (uint32_t row = 0; row < pass->row_count; row++) {
        counts[pass->clusters[row]]++;
    }
    uint32_t sum = 0;
    for (uint32_t cluster = 0; cluster < CLUSTER_COUNT; cluster++) {
        pass->starts[cluster] = sum;
        sum += counts[cluster];
    }
}

static uint8_t *assign_clusters(const struct tail *tail, const uint32_t *user_ranks)
{
    uint32_t user_count = tail->user_table.count;
    uint8_t *of_user = memory_allocate(user_count);
    for (uint32_t user = 0; user < user_count; user++) {
        of_user[user] = (uint8_t)((uint64_t)user_ranks[user] * CLUSTER_COUNT / user_count);
    }
    uint8_t *clusters = pages_resize(NULL, 0, tail->row_count);
    for (uint32_t row = 0; row < tail->row_count; row++) {
        clusters[row] = of_user[tail->users[row]];
    }
    memory_free(of_user);
    return clusters;
}

static uint32_t *move_words(const struct cluster_pass *pass, uint32_t *from)
{
    uint32_t next[CLUSTER_COUNT];
    memcpy(next, pass->starts, sizeof(next));
    uint32_t *to = tail_take_words(pass->tail);
    for (uint32_t row = 0; row < pass->row_count; row++) {
        to[next[pass->clusters[row]]++] = from[row];
    }
    tail_give_words(pass->tail, from);
    return to;
}

static int64_t *move_integers(const struct cluster_pass *pass, int64_t *from)
{
    uint32_t next[CLUSTER_COUNT];
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
    uint32_t next[CLUSTER_COUNT];
    memcpy(next, pass->starts, sizeof(next));
    uint32_t capacity = pass->tail->row_capacity;
    uint8_t *to = pages_resize(NULL, 0, capacity);
    for (uint32_t row = 0; row < pass->row_count; row++) {
        to[next[pass->clusters[row]]++] = from[row];
    }
    pages_free(from, capacity);
    return to;
}

void tail_cluster(struct tail *tail, const uint32_t *user_ranks)
{
    if (tail->row_count < ROW_COUNT_MIN) {
        return;
    }
    uint8_t *clusters = assign_clusters(tail, user_ranks);
    struct cluster_pass pass = {.tail = tail, .clusters = clusters, .row_count = tail->row_count};
    count_clusters(&pass);
    tail->users = move_words(&pass, tail->users);
    tail->future = move_bytes(&pass, tail->future);
    for (uint32_t column = 0; column < tail->schema->column_count; column++) {
        struct column_values *values = &tail->columns[column];
        if (values->codes != NULL) {
            values->codes = move_words(&pass, values->codes);
        } else if (values->integers != NULL) {
            values->integers = move_integers(&pass, values->integers);
        }
    }
    pages_free(clusters, tail->row_count);
}
