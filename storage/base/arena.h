// SPDX-License-Identifier: Apache-2.0
/// Bump allocation with one lifetime: a query, a definition, a flush. Nothing is freed singly.
/// Thread: an arena belongs to one thread at a time.
#pragma once

#include <stddef.h>

#include "storage/base/text.h"

struct arena_block;

/// Start from {0}. `used_bytes` counts what was handed out, for budgets.
struct arena {
    struct arena_block *blocks;
    char *at;
    char *end;
    size_t used_bytes;
};

/// Uninitialised, aligned to 16 bytes. Never NULL.
void *arena_allocate(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_allocate_zeroed(struct arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull));
/// A copy that lives as long as the arena; NUL-terminated. A missing text stays missing.
struct text arena_copy_text(struct arena *arena, struct text text);
/// A NUL-terminated copy.
char *arena_copy_string(struct arena *arena, const char *string);
/// Forgets everything and keeps one block.
void arena_reset(struct arena *arena);
/// Frees everything; the arena is {0} again.
void arena_deinit(struct arena *arena);
