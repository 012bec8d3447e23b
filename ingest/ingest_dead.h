// SPDX-License-Identifier: Apache-2.0
/// How much of a store's own dead-letter files may be fed again: the bytes that were committed.
/// What is behind them was left by a crash; their messages will be read again from their source, so
/// feeding them too would count them twice. Thread: main.
#pragma once

#include "storage/base/error.h"
#include "storage/storage.h"

struct ingest_dead {
    char *directory; ///< of the store
    struct store_dead_letter_file letters[STORE_DEAD_LETTER_FILE_COUNT_MAX];
    uint32_t letter_count;
};

CORONG_MUST_CHECK enum corong_status
ingest_dead_init(struct ingest_dead *dead, const struct store *store, struct corong_error *error);
void ingest_dead_deinit(struct ingest_dead *dead);
/// The bytes of the file at `path` that count: a `limit` of struct replay_options.
uint64_t ingest_dead_limit(void *context, const char *path, uint64_t size_bytes);
