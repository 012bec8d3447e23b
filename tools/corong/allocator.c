// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/allocator.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#ifdef CORONG_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/// Read by jemalloc before main(). Pages that are past their dirty decay go back to the system at
/// once: kept as "muzzy" they would still look used to whoever watches --memory-limit from outside.
/// No background thread: all threads are ours.
const char *malloc_conf = "muzzy_decay_ms:0,background_thread:false";

static uint64_t thread_allocated_bytes(void)
{
    uint64_t bytes = 0;
    size_t size = sizeof(bytes);
    ASSERT(mallctl("thread.allocated", &bytes, &size, NULL, 0) == 0);
    return bytes;
}

void allocator_check(void)
{
    uint64_t before = thread_allocated_bytes();
    void *memory = memory_allocate(4096);
    uint64_t after = thread_allocated_bytes();
    memory_free(memory);
    ASSERT(after >= before + 4096);
}

void allocator_release(void)
{
    char name[32];
    snprintf(name, sizeof(name), "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
    ASSERT(mallctl(name, NULL, NULL, NULL, 0) == 0);
}

static uint64_t figure(const char *name)
{
    size_t value = 0;
    size_t size = sizeof(value);
    ASSERT(mallctl(name, &value, &size, NULL, 0) == 0);
    return value;
}

struct allocator_figures allocator_read(void)
{
    uint64_t epoch = 1; // its figures are as of the last time that this was set
    ASSERT(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0);
    // Large arrays have pages of their own.
    uint64_t pages = pages_bytes();
    return (struct allocator_figures){figure("stats.allocated") + pages,
                                      figure("stats.resident") + pages};
}

const char *allocator_version(void)
{
    const char *version = NULL;
    size_t size = sizeof(version);
    ASSERT(mallctl("version", &version, &size, NULL, 0) == 0);
    return version;
}
#else
struct allocator_figures allocator_read(void)
{
    return (struct allocator_figures){0};
}

void allocator_check(void)
{
}

void allocator_release(void)
{
}

const char *allocator_version(void)
{
    return "not in this build";
}
#endif
