// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(CORONG_SANITIZED)
#define SCALE_DEFAULT 0.1 // sanitizers are there for the paths, not for the numbers
#else
#define SCALE_DEFAULT 1.0
#endif

extern char *program_invocation_short_name;

uint64_t test_random_seed(void)
{
    static uint64_t seed;
    if (seed == 0) {
        const char *given = getenv("CORONG_TEST_SEED");
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = given != NULL ? strtoull(given, NULL, 10)
                             : (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
    }
    return seed;
}

struct test_random test_random_start(uint64_t seed)
{
    return (struct test_random){seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

uint64_t test_random_next(struct test_random *random)
{
    uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

uint32_t test_random_below(struct test_random *random, uint32_t bound)
{
    return (uint32_t)(((test_random_next(random) >> 32) * bound) >> 32);
}

uint64_t test_scaled(uint64_t count)
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    double factor = scale != NULL ? strtod(scale, NULL) : SCALE_DEFAULT;
    return (uint64_t)((double)count * factor) + 1;
}

_Noreturn void test_fail(uint64_t seed, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nrepeat with: CORONG_TEST_SEED=%llu %s\n", (unsigned long long)seed,
            program_invocation_short_name);
    exit(EXIT_FAILURE);
}
