// SPDX-License-Identifier: Apache-2.0
/// The only place that calls malloc, realloc and free. Running out of memory aborts with a message:
/// what may grow without bound is held by a budget above this level, never by a failing malloc.
/// Thread: any.
#pragma once

#include <stddef.h>

/// Uninitialised memory; never NULL. `size` 0 gives a pointer that may be freed.
void *memory_allocate(size_t size) __attribute__((malloc, returns_nonnull));
/// Zeroed array; aborts when count * size overflows.
void *memory_allocate_zeroed(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/// As realloc; never NULL.
void *memory_resize(void *memory, size_t size) __attribute__((returns_nonnull));
/// As memory_resize(count * size) with the overflow checked.
void *memory_resize_array(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));
/// Aligned to `alignment` (a power of two); freed with memory_free().
void *memory_allocate_aligned(size_t alignment, size_t size)
    __attribute__((malloc, returns_nonnull));
/// A NUL-terminated copy of `size` bytes.
char *memory_copy_string(const char *bytes, size_t size) __attribute__((returns_nonnull));
/// NULL-safe.
void memory_free(void *memory);
