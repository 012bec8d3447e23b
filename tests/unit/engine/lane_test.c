// SPDX-License-Identifier: Apache-2.0
#include "engine/event/lane.h"

#include <criterion/criterion.h>

Test(lane, is_empty_at_first_and_full_at_its_capacity)
{
    for (uint64_t capacity = 1; capacity <= 4; capacity *= 2) {
        struct lane lane;
        lane_init(&lane, capacity, 0);
        uintptr_t word;
        cr_assert(lane_empty(&lane));
        cr_assert_not(lane_pop(&lane, &word));
        for (uint64_t i = 0; i < capacity; i++) {
            cr_assert(lane_push(&lane, i + 1));
        }
        cr_assert_not(lane_push(&lane, 99));
        for (uint64_t i = 0; i < capacity; i++) {
            cr_assert(lane_pop(&lane, &word));
            cr_assert_eq(word, i + 1);
        }
        cr_assert(lane_empty(&lane));
        lane_deinit(&lane);
    }
}

Test(lane, keeps_order_when_its_indices_wrap)
{
    struct lane lane;
    lane_init(&lane, 4, UINT64_MAX - 5);
    uintptr_t next_in = 0;
    uintptr_t next_out = 0;
    for (int round = 0; round < 20; round++) {
        while (lane_push(&lane, next_in)) {
            next_in++;
        }
        uintptr_t word;
        for (int i = 0; i < 3 && lane_pop(&lane, &word); i++) {
            cr_assert_eq(word, next_out++);
        }
    }
    cr_assert_eq(next_in - next_out, 1);
    lane_deinit(&lane);
}
