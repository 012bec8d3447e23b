// SPDX-License-Identifier: Apache-2.0
/// Monotonic time, for progress and intervals only: the clock never enters a result.
/// Thread: any.
#pragma once

#include <stdint.h>

#define MICROSECONDS_PER_SECOND ((int64_t)1000000)
#define MICROSECONDS_PER_MINUTE (60 * MICROSECONDS_PER_SECOND)
#define MICROSECONDS_PER_HOUR (60 * MICROSECONDS_PER_MINUTE)
#define MICROSECONDS_PER_DAY (24 * MICROSECONDS_PER_HOUR)

/// Microseconds since an arbitrary start; never goes back.
int64_t clock_monotonic_us(void);
/// Processor time of the calling thread, in nanoseconds.
uint64_t clock_thread_ns(void);
/// Processor time of all threads of the process, in nanoseconds.
uint64_t clock_process_ns(void);
/// Sleeps at least this long; a signal may end it early.
void clock_sleep_us(int64_t duration_us);
