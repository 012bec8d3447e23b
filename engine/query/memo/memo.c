// SPDX-License-Identifier: Apache-2.0
#include "engine/query/memo/memo_entry.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>

#define ENTRY_COUNT_MAX 8u
/// An entry is made in two pieces, by tasks and then as a whole.
#define ENTRY_PART 2u

struct query_memo {
    pthread_mutex_t lock;
    uint64_t budget_bytes;
    uint64_t used_bytes;
    uint64_t turn;
    struct memo_entry *entries[ENTRY_COUNT_MAX];
    uint32_t entry_count;
};

struct query_memo *query_memo_create(uint64_t budget_bytes)
{
    struct query_memo *memo = memory_allocate_zeroed(1, sizeof(*memo));
    ASSERT(pthread_mutex_init(&memo->lock, NULL) == 0);
    memo->budget_bytes = budget_bytes;
    return memo;
}

void query_memo_destroy(struct query_memo *memo)
{
    if (memo == NULL) {
        return;
    }
    for (uint32_t i = 0; i < memo->entry_count; i++) {
        memo_entry_destroy(memo->entries[i]);
    }
    ASSERT(pthread_mutex_destroy(&memo->lock) == 0);
    memory_free(memo);
}

uint64_t query_memo_bytes(struct query_memo *memo)
{
    pthread_mutex_lock(&memo->lock);
    uint64_t bytes = memo->used_bytes;
    pthread_mutex_unlock(&memo->lock);
    return bytes;
}

size_t query_memo_room(const struct query_memo *memo)
{
    return memo->budget_bytes / ENTRY_PART / sizeof(struct memo_record);
}

/// Takes an entry out; the lock is held.
static struct memo_entry *remove_at(struct query_memo *memo, uint32_t at)
{
    struct memo_entry *entry = memo->entries[at];
    memo->entries[at] = memo->entries[--memo->entry_count];
    memo->used_bytes -= memo_entry_bytes(entry);
    return entry;
}

struct memo_entry *query_memo_take(struct query_memo *memo, struct hash128 question)
{
    struct memo_entry *found = NULL;
    pthread_mutex_lock(&memo->lock);
    for (uint32_t i = 0; i < memo->entry_count && found == NULL; i++) {
        if (hash128_equal(memo->entries[i]->question, question)) {
            found = remove_at(memo, i);
        }
    }
    pthread_mutex_unlock(&memo->lock);
    return found;
}

static uint32_t oldest(const struct query_memo *memo)
{
    uint32_t at = 0;
    for (uint32_t i = 1; i < memo->entry_count; i++) {
        at = memo->entries[i]->turn < memo->entries[at]->turn ? i : at;
    }
    return at;
}

void query_memo_put(struct query_memo *memo, struct memo_entry *entry)
{
    struct memo_entry *gone[ENTRY_COUNT_MAX + 2];
    uint32_t gone_count = 0;
    pthread_mutex_lock(&memo->lock);
    for (uint32_t i = 0; i < memo->entry_count; i++) { // another thread asked the same meanwhile
        if (hash128_equal(memo->entries[i]->question, entry->question)) {
            gone[gone_count++] = remove_at(memo, i);
            break;
        }
    }
    uint64_t bytes = memo_entry_bytes(entry);
    entry->turn = ++memo->turn;
    while (memo->entry_count > 0 && (memo->entry_count == ENTRY_COUNT_MAX ||
                                     memo->used_bytes + bytes > memo->budget_bytes)) {
        gone[gone_count++] = remove_at(memo, oldest(memo));
    }
    if (bytes <= memo->budget_bytes) {
        memo->entries[memo->entry_count++] = entry;
        memo->used_bytes += bytes;
    } else {
        gone[gone_count++] = entry;
    }
    pthread_mutex_unlock(&memo->lock);
    for (uint32_t i = 0; i < gone_count; i++) {
        memo_entry_destroy(gone[i]);
    }
}
