// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_names.h"

#include "storage/base/invariant.h"

#include <string.h>

#define NAME_BIT_NONE UINT8_MAX

void segment_names_init(struct segment_names *names, struct arena *arena, uint32_t count)
{
    names->count = count;
    names->bits = arena_allocate(arena, count);
    memset(names->bits, NAME_BIT_NONE, count);
    names->counts = arena_allocate_zeroed(arena, count, sizeof(*names->counts));
}

static uint32_t commonest_unnamed(const struct segment_names *names)
{
    uint32_t best = UINT32_MAX;
    uint32_t best_count = 0;
    for (uint32_t code = 0; code < names->count; code++) {
        if (names->bits[code] == NAME_BIT_NONE && names->counts[code] > best_count) {
            best = code;
            best_count = names->counts[code];
        }
    }
    return best;
}

// True if every name of the group has its bit.
static bool all_named(const struct segment_names *names, const struct row_group *group)
{
    const uint32_t *codes = group->columns[COLUMN_NAME].codes;
    uint32_t most = 0;
    for (uint32_t row = 0; row < group->row_count; row++) {
        most = codes[row] > most ? codes[row] : most;
    }
    ASSERT(most < names->count);
    uint32_t unnamed = 0;
    for (uint32_t row = 0; row < group->row_count; row++) {
        unnamed += names->bits[codes[row]] == NAME_BIT_NONE;
    }
    return unnamed == 0;
}

// Users are sorted by hash, so the first group is a fair sample: its commonest names get the bits,
// and names that first occur later get those left. Earlier masks stay right: they lack these names.
void segment_names_assign(struct segment_names *names, struct segment_footer *footer,
                          const struct row_group *group)
{
    const uint32_t *codes = group->columns[COLUMN_NAME].codes;
    if (all_named(names, group)) {
        return;
    }
    for (uint32_t row = 0; row < group->row_count; row++) {
        names->counts[codes[row]]++;
    }
    while (footer->name_bit_count < SEGMENT_NAME_BIT_COUNT) {
        uint32_t code = commonest_unnamed(names);
        if (code == UINT32_MAX) {
            break;
        }
        footer->name_codes[footer->name_bit_count] = code;
        names->bits[code] = (uint8_t)footer->name_bit_count++;
    }
    for (uint32_t row = 0; row < group->row_count; row++) {
        names->counts[codes[row]] = 0;
        if (names->bits[codes[row]] == NAME_BIT_NONE) {
            names->bits[codes[row]] = SEGMENT_NAME_BIT_OTHER;
        }
    }
}

void segment_names_masks(const struct segment_names *names, const struct row_group *group,
                         uint64_t *masks)
{
    const uint32_t *code = group->columns[COLUMN_NAME].codes;
    for (uint32_t user = 0; user < group->user_count; user++) {
        uint64_t mask = 0;
        for (uint32_t row = 0; row < group->user_row_counts[user]; row++) {
            mask |= UINT64_C(1) << names->bits[*code++];
        }
        masks[user] = mask;
    }
}
