// SPDX-License-Identifier: Apache-2.0
#include "storage/base/arena.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdint.h>
#include <string.h>

#define ARENA_BLOCK_SIZE ((size_t)64 * 1024)
#define ARENA_ALIGNMENT ((size_t)16)

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(16) char bytes[];
};

static void arena_grow(struct arena *arena, size_t size)
{
    size_t wanted = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
    struct arena_block *block = memory_allocate(sizeof(*block) + wanted);
    block->next = arena->blocks;
    block->size = wanted;
    arena->blocks = block;
    arena->at = block->bytes;
    arena->end = block->bytes + wanted;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    ASSERT(size <= SIZE_MAX - ARENA_ALIGNMENT);
    size_t rounded = (size + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
    if (arena->at == NULL || rounded > (size_t)(arena->end - arena->at)) {
        arena_grow(arena, rounded);
    }
    void *memory = arena->at;
    arena->at += rounded;
    arena->used_bytes += rounded;
    return memory;
}

void *arena_allocate_zeroed(struct arena *arena, size_t count, size_t size)
{
    size_t product;
    ASSERT(!__builtin_mul_overflow(count, size, &product));
    void *memory = arena_allocate(arena, product);
    memset(memory, 0, product);
    return memory;
}

struct text arena_copy_text(struct arena *arena, struct text text)
{
    if (text.bytes == NULL) {
        return text;
    }
    char *copy = arena_allocate(arena, text.size + 1);
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = '\0';
    return (struct text){copy, text.size};
}

char *arena_copy_string(struct arena *arena, const char *string)
{
    size_t size = strlen(string) + 1;
    return memcpy(arena_allocate(arena, size), string, size);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    if (kept == NULL) {
        return;
    }
    struct arena_block *block = kept->next;
    while (block != NULL) {
        struct arena_block *next = block->next;
        memory_free(block);
        block = next;
    }
    kept->next = NULL;
    arena->at = kept->bytes;
    arena->end = kept->bytes + kept->size;
    arena->used_bytes = 0;
}

void arena_deinit(struct arena *arena)
{
    arena_reset(arena);
    memory_free(arena->blocks);
    *arena = (struct arena){0};
}
