// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_choices.h"

#include <criterion/criterion.h>

Test(segment_choices, test_half_a_group_is_no_small_one)
{
    struct segment_choices *choices = segment_choices_create();
    cr_assert_eq(segment_choices_for(choices, 1), &choices->small);
    cr_assert_eq(segment_choices_for(choices, SEGMENT_GROUP_ROW_COUNT / 2 - 1), &choices->small);
    cr_assert_eq(segment_choices_for(choices, SEGMENT_GROUP_ROW_COUNT / 2), &choices->full);
    cr_assert_eq(segment_choices_for(choices, SEGMENT_GROUP_ROW_COUNT_MAX), &choices->full);
    segment_choices_destroy(choices);
    segment_choices_destroy(NULL);
}
