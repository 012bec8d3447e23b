// SPDX-License-Identifier: Apache-2.0
#include "storage/base/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = 0, SCALAR, AVX2 };

static int ask(void)
{
    const char *wanted = getenv("CORONG_CPU");
    if (wanted != NULL && strcmp(wanted, "scalar") == 0) {
        return SCALAR;
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2")) {
        return AVX2;
    }
#endif
    return SCALAR;
}

bool cpu_has_avx2(void)
{
    static atomic_int known = UNKNOWN;
    // Relaxed: whoever asks first twice gets the same answer twice.
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == UNKNOWN) {
        answer = ask();
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == AVX2;
}
