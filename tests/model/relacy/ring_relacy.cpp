// SPDX-License-Identifier: Apache-2.0
// lane.c and parker.c as they are, under relacy: every interleaving (or a random one) with every
// value that the C11 memory model lets a load return.
#include "tests/model/relacy/relacy_base.h"

#include <stdatomic.h>

#include "engine/event/lane.c"
#include "engine/event/parker.c"

#include "tests/model/relacy/relacy_main.h"

namespace
{

// Pushes and pops without waiting: all interleavings of a few tries on either side.
template <unsigned capacity, unsigned words>
struct tries : rl::test_suite<tries<capacity, words>, 2> {
    struct lane lane;
    rl::var<unsigned> payload[words];
    unsigned pushed, popped;

    void before()
    {
        lane_init(&lane, capacity, UINT64_MAX); // the first push makes the index wrap
        pushed = popped = 0;
    }
    void thread(unsigned index)
    {
        if (index == 0) {
            for (unsigned i = 0; i < words; i++) {
                payload[pushed](RL_INFO) = pushed + 100;
                if (!lane_push(&lane, (uintptr_t)(pushed + 1ul))) {
                    break;
                }
                pushed++;
            }
        } else {
            uintptr_t word;
            for (unsigned i = 0; i < words && lane_pop(&lane, &word); i++) {
                RL_ASSERT(word == popped + 1ul);
                RL_ASSERT(payload[popped](RL_INFO) == popped + 100);
                popped++;
            }
        }
    }
    void after()
    {
        RL_ASSERT(popped <= pushed && pushed - popped <= capacity);
        uintptr_t word;
        while (lane_pop(&lane, &word)) {
            RL_ASSERT(word == popped + 1ul);
            popped++;
        }
        RL_ASSERT(popped == pushed);
        lane_deinit(&lane);
        RL_ASSERT(model_blocks == 0);
    }
};

// One announces itself, looks and sleeps; the other publishes and wakes: `rounds` times.
template <unsigned rounds> struct sleeps : rl::test_suite<sleeps<rounds>, 2> {
    struct parker parker;
    rl::atomic<unsigned> published;

    void before()
    {
        parker_init(&parker);
        published.store(0, rl::mo_relaxed, RL_INFO);
    }
    void thread(unsigned index)
    {
        for (unsigned i = 1; i <= rounds; i++) {
            if (index == 0) {
                published.store(i, rl::mo_relaxed, RL_INFO); // the parker alone must be enough
                parker_wake(&parker);
                continue;
            }
            while (published.load(rl::mo_relaxed, RL_INFO) < i) {
                parker_prepare(&parker);
                if (MODEL_KEEP("look after prepare") &&
                    published.load(rl::mo_relaxed, RL_INFO) >= i) {
                    parker_cancel(&parker);
                    break;
                }
                parker_sleep(&parker, 0);
            }
        }
    }
};

// Both sides sleep when they must, as tests/stress/lane_stress.c; two producers wake one consumer,
// as two pumps do.
template <unsigned producers, unsigned capacity, unsigned words>
struct handoff : rl::test_suite<handoff<producers, capacity, words>, producers + 1> {
    struct lane lanes[producers];
    struct parker asleep[producers + 1];
    rl::var<unsigned> payload[producers][words];

    void before()
    {
        for (unsigned i = 0; i < producers; i++) {
            lane_init(&lanes[i], capacity, UINT64_MAX);
        }
        for (unsigned i = 0; i <= producers; i++) {
            parker_init(&asleep[i]);
        }
    }
    void produce(unsigned me)
    {
        for (unsigned i = 0; i < words; i++) {
            payload[me][i](RL_INFO) = i + 100;
            while (!lane_push(&lanes[me], (uintptr_t)(i + 1ul))) {
                parker_prepare(&asleep[me]);
                if (MODEL_KEEP("producer's look after prepare") &&
                    lane_push(&lanes[me], (uintptr_t)(i + 1ul))) {
                    parker_cancel(&asleep[me]);
                    break;
                }
                parker_sleep(&asleep[me], 0);
            }
            if (MODEL_KEEP("wake after a push")) {
                parker_wake(&asleep[producers]);
            }
        }
    }
    void consume()
    {
        unsigned got[producers] = {};
        unsigned left = producers * words;
        while (left > 0) {
            bool progressed = false;
            for (unsigned i = 0; i < producers; i++) {
                uintptr_t word;
                if (lane_pop(&lanes[i], &word)) {
                    RL_ASSERT(word == got[i] + 1ul);
                    RL_ASSERT(payload[i][got[i]](RL_INFO) == got[i] + 100);
                    got[i]++;
                    left--;
                    progressed = true;
                    if (MODEL_KEEP("wake after a pop")) {
                        parker_wake(&asleep[i]);
                    }
                }
            }
            if (progressed) {
                continue;
            }
            parker_prepare(&asleep[producers]);
            bool empty = true;
            for (unsigned i = 0; i < producers && MODEL_KEEP("consumer's look after prepare");
                 i++) {
                empty = empty && lane_empty(&lanes[i]);
            }
            if (!empty) {
                parker_cancel(&asleep[producers]);
            } else {
                parker_sleep(&asleep[producers], 0);
            }
        }
    }
    void thread(unsigned index)
    {
        if (index < producers) {
            produce(index);
        } else {
            consume();
        }
    }
    void after()
    {
        for (unsigned i = 0; i < producers; i++) {
            lane_deinit(&lanes[i]);
        }
    }
};

} // namespace

int main(int argc, char **argv)
{
    model_run run(argc, argv, "ring", "");
    run.add<tries<2, 3>>("3 words through 2 slots", rl::sched_full, 0);
    run.add<tries<1, 2>>("2 words through 1 slot", rl::sched_full, 0);
    run.add<sleeps<1>>("one sleep, one wake", rl::sched_full, 0);
    run.add<sleeps<2>>("sleeps, 2 rounds", rl::sched_bound, 0);
    run.add<sleeps<3>>("sleeps, 3 rounds", rl::sched_random, 3000);
    run.add<handoff<1, 2, 4>>("4 words, 2 slots, sleeping", rl::sched_random, 5000);
    run.add<handoff<2, 2, 3>>("2 producers, 2 slots, sleeping", rl::sched_random, 5000);
    return run.finish();
}
