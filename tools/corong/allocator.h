// SPDX-License-Identifier: Apache-2.0
/// jemalloc as the process's allocator. Thread: main, before other threads start.
#pragma once

#include <stdint.h>

/// Asserts that malloc() is jemalloc's, where the build has it: a linker that drops the library
/// would otherwise go unnoticed and cost a third of the speed and the bound on memory.
void allocator_check(void);
/// Gives freed pages back to the system at once: between phases that need memory for other things.
void allocator_release(void);
/// What it takes from the system and what of it is in use, in bytes; 0 where it is not in the
/// build. Any thread.
struct allocator_figures {
    uint64_t allocated;
    uint64_t resident;
};
struct allocator_figures allocator_read(void);
/// jemalloc's version, or why it is not in use.
const char *allocator_version(void);
