// SPDX-License-Identifier: Apache-2.0
/// What the kernel benches share: seeded numbers, timing, one line of output per kernel, and the
/// marks by which callgrind counts each kernel's instructions apart. Thread: one.
#pragma once

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif

#define MICRO_ROUNDS_DEFAULT 30u

struct micro {
    uint32_t rounds;
};

/// argv: [ROUNDS]. Under callgrind one round, whatever was asked for.
static inline struct micro micro_begin(int argument_count, char **arguments)
{
    struct micro micro = {.rounds = MICRO_ROUNDS_DEFAULT};
    if (argument_count > 1) {
        micro.rounds = (uint32_t)strtoul(arguments[1], NULL, 10);
    }
    micro.rounds = RUNNING_ON_VALGRIND || micro.rounds == 0 ? 1 : micro.rounds;
    return micro;
}

static inline uint32_t micro_draw(uint64_t *state, uint32_t bound)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((*state >> 32) * bound) >> 32);
}

static inline double micro_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/// Calls the kernel once to warm, then `rounds` times; prints the fastest round per unit and the
/// result hash, which must not depend on how often it was called: what `hash` makes of the context
/// afterwards (not timed), or what the kernel itself gave where `hash` is NULL.
static inline void micro_run_hashed(const struct micro *micro, const char *name, uint64_t units,
                                    uint64_t (*kernel)(void *context),
                                    uint64_t (*hash)(void *context), void *context)
{
    uint64_t first = kernel(context);
    first = hash == NULL ? first : hash(context);
    double best = INFINITY;
    for (uint32_t round = 0; round < micro->rounds; round++) {
        CALLGRIND_ZERO_STATS;
        double begun = micro_now_ns();
        uint64_t again = kernel(context);
        best = fmin(best, micro_now_ns() - begun);
        CALLGRIND_DUMP_STATS_AT(name);
        again = hash == NULL ? again : hash(context);
        if (again != first) {
            fprintf(stderr, "%s: another result the second time\n", name);
            exit(1);
        }
    }
    printf("%-28s %9.2f ns/unit  %8" PRIu64 " units  hash %016" PRIx64 "\n", name,
           best / (double)units, units, first);
}

static inline void micro_run(const struct micro *micro, const char *name, uint64_t units,
                             uint64_t (*kernel)(void *context), void *context)
{
    micro_run_hashed(micro, name, units, kernel, NULL, context);
}
