// SPDX-License-Identifier: Apache-2.0
#include "engine/event/parker.h"

#include "storage/base/clock.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_ROUNDS 100u
#define YIELD_ROUNDS 8u

static void spin_once(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void parker_init(struct parker *parker)
{
    atomic_init(&parker->state, 0);
}

bool parker_pause(struct parker_patience *patience)
{
    patience->round++;
    if (patience->round <= SPIN_ROUNDS) {
        spin_once();
        return false;
    }
    if (patience->round <= SPIN_ROUNDS + YIELD_ROUNDS) {
        sched_yield();
        return false;
    }
    return true;
}

// Why a look after parker_prepare() misses nothing that was published before a parker_wake(): the
// two exchanges of `state` have an order. Prepare first: the waker reads 1 and wakes. Wake first:
// prepare reads what it wrote, or what later exchanges made of it, which are all part of its
// release sequence; so acquire meets release, and the look sees what was published. No single order
// of all is needed, hence nothing here is sequentially consistent. tests/model/relacy has it all
// run.
void parker_prepare(struct parker *parker)
{
    // Acquire, pairs with the release in parker_wake().
    atomic_exchange_explicit(&parker->state, 1, memory_order_acquire);
}

void parker_cancel(struct parker *parker)
{
    // Relaxed, but not a store: a store would end the release sequence of a wake that came
    // meanwhile.
    atomic_exchange_explicit(&parker->state, 0, memory_order_relaxed);
}

void parker_sleep(struct parker *parker, int64_t timeout_us)
{
    struct timespec timeout = {timeout_us / MICROSECONDS_PER_SECOND,
                               timeout_us % MICROSECONDS_PER_SECOND * 1000};
    // The kernel compares `state` with 1 again: a wake between the look and here returns at once.
    syscall(SYS_futex, &parker->state, FUTEX_WAIT_PRIVATE, 1, &timeout, NULL, 0);
    parker_cancel(parker);
}

void parker_wake(struct parker *parker)
{
    // Release, pairs with the acquire in parker_prepare(). The kernel orders its own wait and wake.
    if (atomic_exchange_explicit(&parker->state, 0, memory_order_release) == 1) {
        syscall(SYS_futex, &parker->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}
