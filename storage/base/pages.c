// SPDX-License-Identifier: Apache-2.0
#include "storage/base/pages.h"

#include "storage/base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE_SIZE ((size_t)2 << 20)

// Relaxed: a figure for people; it orders nothing.
static atomic_uint_least64_t mapped_bytes;

static void *checked(void *pages, size_t size)
{
    if (pages == MAP_FAILED) {
        fprintf(stderr, "corong: out of memory: %zu bytes were refused\n", size);
        abort();
    }
    return pages;
}

static bool is_large(size_t size)
{
    return size >= PAGES_SIZE_MIN;
}

static size_t round_up(size_t size)
{
    size_t page = (size_t)getpagesize();
    return (size + page - 1) & ~(page - 1);
}

// Fresh pages at a place that huge ones may begin at.
static char *map_aligned(size_t size)
{
    size_t reserved = round_up(size) + HUGE_PAGE_SIZE;
    char *place = checked(
        mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
    size_t before = (size_t)(-(uintptr_t)place & (HUGE_PAGE_SIZE - 1));
    if (before > 0) {
        munmap(place, before);
    }
    if (before < HUGE_PAGE_SIZE) {
        munmap(place + before + round_up(size), HUGE_PAGE_SIZE - before);
    }
    char *pages = place + before;
    atomic_fetch_add_explicit(&mapped_bytes, round_up(size), memory_order_relaxed);
    return pages;
}

static void unmap(void *pages, size_t size)
{
    munmap(pages, round_up(size));
    atomic_fetch_sub_explicit(&mapped_bytes, round_up(size), memory_order_relaxed);
}

// In place where nothing is in the way; else the pages move, not the bytes.
static void *remap(void *pages, size_t from, size_t size)
{
    if (round_up(from) == round_up(size)) {
        return pages;
    }
    if (mremap(pages, round_up(from), round_up(size), 0) != MAP_FAILED) {
        atomic_fetch_add_explicit(&mapped_bytes, round_up(size) - round_up(from),
                                  memory_order_relaxed);
        return pages;
    }
    char *place = map_aligned(size);
    checked(mremap(pages, round_up(from), round_up(size), MREMAP_MAYMOVE | MREMAP_FIXED, place),
            size);
    atomic_fetch_sub_explicit(&mapped_bytes, round_up(from), memory_order_relaxed);
    return place;
}

void *pages_resize(void *memory, size_t from, size_t size)
{
    if (is_large(from) && is_large(size)) {
        return remap(memory, from, size);
    }
    if (!is_large(from) && !is_large(size)) {
        return memory_resize(memory, size);
    }
    char *moved = is_large(size) ? map_aligned(size) : memory_allocate(size);
    if (memory != NULL) {
        memcpy(moved, memory, from < size ? from : size);
    }
    pages_free(memory, from);
    return moved;
}

void *pages_allocate_zeroed(size_t size)
{
    if (!is_large(size)) {
        return memory_allocate_zeroed(1, size);
    }
    char *pages = map_aligned(size);
    if (size >= HUGE_PAGE_SIZE) {
        // Refused where the system has none: then they are small ones.
        (void)madvise(pages, round_up(size), MADV_HUGEPAGE);
    }
    return pages;
}

void pages_free(void *memory, size_t size)
{
    if (memory != NULL && is_large(size)) {
        unmap(memory, size);
    } else {
        memory_free(memory);
    }
}

uint64_t pages_bytes(void)
{
    return atomic_load_explicit(&mapped_bytes, memory_order_relaxed);
}
