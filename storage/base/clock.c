// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"

#include <time.h>

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MICROSECONDS_PER_SECOND + now.tv_nsec / 1000;
}

uint64_t clock_thread_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

uint64_t clock_process_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

void clock_sleep_us(int64_t duration_us)
{
    struct timespec pause = {duration_us / MICROSECONDS_PER_SECOND,
                             duration_us % MICROSECONDS_PER_SECOND * 1000};
    nanosleep(&pause, NULL);
}
