// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_repeats.h"

#include "storage/base/cpu.h"

uint32_t block_repeats_count_scalar(const uint32_t *numbers, uint32_t count)
{
    uint32_t repeats = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = 0;
        while (j < i && numbers[j] != numbers[i]) {
            j++;
        }
        repeats += j < i;
    }
    return repeats;
}

uint32_t block_repeats_count(const uint32_t *numbers, uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        return block_repeats_count_avx2(numbers, count);
    }
#endif
    return block_repeats_count_scalar(numbers, count);
}

bool block_repeats_meet_scalar(const uint32_t *left, uint32_t left_count, const uint32_t *right,
                               uint32_t right_count)
{
    bool meet = false;
    for (uint32_t i = 0; i < left_count; i++) {
        for (uint32_t j = 0; j < right_count; j++) {
            meet |= left[i] == right[j];
        }
    }
    return meet;
}

bool block_repeats_meet(const uint32_t *left, uint32_t left_count, const uint32_t *right,
                        uint32_t right_count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        return block_repeats_meet_avx2(left, left_count, right, right_count);
    }
#endif
    return block_repeats_meet_scalar(left, left_count, right, right_count);
}
