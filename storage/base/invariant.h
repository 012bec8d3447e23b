// SPDX-License-Identifier: Apache-2.0
/// Assertions. ASSERT stays on in release builds: a silent wrong number is worse than a restart.
/// DCHECK is for kernels and per-event loops and is compiled out of release builds.
#pragma once

#include <stdbool.h>

/// Prints the broken condition to standard error and aborts. Thread: any.
_Noreturn void invariant_failed(const char *condition, const char *file, int line);

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            invariant_failed(#condition, __FILE__, __LINE__);                                      \
        }                                                                                          \
    } while (false)

#ifdef NDEBUG
#define DCHECK(condition) ((void)0)
#else
#define DCHECK(condition) ASSERT(condition)
#endif
