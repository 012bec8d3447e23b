// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_choices.h"

#include "storage/base/memory.h"

#define SMALL_ROW_COUNT (SEGMENT_GROUP_ROW_COUNT / 2)

struct segment_choices *segment_choices_create(void)
{
    return memory_allocate_zeroed(1, sizeof(struct segment_choices));
}

void segment_choices_destroy(struct segment_choices *choices)
{
    memory_free(choices);
}

struct segment_choice_set *segment_choices_for(struct segment_choices *choices, uint32_t row_count)
{
    return row_count < SMALL_ROW_COUNT ? &choices->small : &choices->full;
}
