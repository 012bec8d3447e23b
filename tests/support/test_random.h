// SPDX-License-Identifier: Apache-2.0
/// Seeded random numbers and the size of a random test. Every failing random test prints its seed
/// and the command that repeats it: CORONG_TEST_SEED=<seed> <test>.
#pragma once

#include <stdint.h>

struct test_random {
    uint64_t state;
};

/// The seed of this run: CORONG_TEST_SEED, or one from the clock. The same within a process.
uint64_t test_random_seed(void);
struct test_random test_random_start(uint64_t seed);
uint64_t test_random_next(struct test_random *random);
/// 0 .. bound-1.
uint32_t test_random_below(struct test_random *random, uint32_t bound);
/// `count` times CORONG_TEST_SCALE (default 1, under sanitizers 0.1), plus one.
uint64_t test_scaled(uint64_t count);
/// Prints what failed and how to repeat it, and exits with 1. For plain programs.
_Noreturn void test_fail(uint64_t seed, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
