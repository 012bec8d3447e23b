// SPDX-License-Identifier: Apache-2.0
#include "storage/base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory_checked(void *memory, size_t size)
{
    if (memory == NULL) {
        fprintf(stderr, "corong: out of memory: %zu bytes were refused\n", size);
        abort();
    }
    return memory;
}

static size_t memory_product(size_t count, size_t size)
{
    size_t product;
    if (__builtin_mul_overflow(count, size, &product)) {
        memory_checked(NULL, SIZE_MAX);
    }
    return product;
}

void *memory_allocate(size_t size)
{
    size_t wanted = size == 0 ? 1 : size;
    return memory_checked(malloc(wanted), wanted);
}

void *memory_allocate_zeroed(size_t count, size_t size)
{
    size_t product = memory_product(count, size);
    return memory_checked(calloc(product == 0 ? 1 : product, 1), product);
}

void *memory_resize(void *memory, size_t size)
{
    size_t wanted = size == 0 ? 1 : size;
    return memory_checked(realloc(memory, wanted), wanted);
}

void *memory_resize_array(void *memory, size_t count, size_t size)
{
    return memory_resize(memory, memory_product(count, size));
}

void *memory_allocate_aligned(size_t alignment, size_t size)
{
    size_t rounded = (size + alignment - 1) & ~(alignment - 1);
    return memory_checked(aligned_alloc(alignment, rounded == 0 ? alignment : rounded), rounded);
}

char *memory_copy_string(const char *bytes, size_t size)
{
    char *copy = memory_allocate(size + 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    return copy;
}

void memory_free(void *memory)
{
    free(memory);
}
