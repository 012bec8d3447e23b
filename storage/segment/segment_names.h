// SPDX-License-Identifier: Apache-2.0
/// Which names have a bit of their own in the masks of users. Thread: the writer's.
#pragma once

#include "storage/segment/segment_private.h"

struct segment_names {
    uint32_t count;   ///< of the dictionary
    uint8_t *bits;    ///< by code
    uint32_t *counts; ///< of the group at hand
};

void segment_names_init(struct segment_names *names, struct arena *arena, uint32_t count);
/// Gives bits to names of this group while some are left; the footer lists them.
void segment_names_assign(struct segment_names *names, struct segment_footer *footer,
                          const struct row_group *group);
/// Fills one mask per user of a group whose names have bits.
void segment_names_masks(const struct segment_names *names, const struct row_group *group,
                         uint64_t *masks);
