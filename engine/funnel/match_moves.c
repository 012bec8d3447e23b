// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/match_general.h"

#include "storage/base/invariant.h"

#include <string.h>

static uint32_t bit(uint32_t step)
{
    return UINT32_C(1) << step;
}

/// Bits from `step` on.
static uint32_t bits_from(uint32_t step)
{
    return step >= FUNNEL_STEP_COUNT_MAX ? 0 : UINT32_MAX << step;
}

/// Bits up to `step`.
static uint32_t bits_to(uint32_t step)
{
    return UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - 1 - step);
}

static uint32_t allowed_in(const struct general_search *search, const struct general *general,
                           uint32_t block)
{
    uint32_t allowed = bits_to(search->cap) & bits_from(search->entry_step) & ~search->banned;
    for (uint32_t step = 0; search->fixed != NULL && step < general->rule->step_count; step++) {
        if (search->fixed[step] != GENERAL_NONE && search->fixed[step] != block) {
            allowed &= ~bit(step);
        }
    }
    return allowed;
}

void general_moves_init(struct general_moves *moves, const struct general *general,
                        const struct general_search *search, uint32_t block)
{
    moves->general = general;
    moves->search = search;
    moves->block = block;
    moves->allowed = allowed_in(search, general, block);
    moves->known = 0;
    moves->gathered = false;
}

static const struct general_block *block_of(const struct general_moves *moves)
{
    return &moves->general->blocks[moves->block];
}

/// Whether the block has entries for the search.
static bool has_entry(const struct general_moves *moves)
{
    const struct general_search *search = moves->search;
    return moves->block >= search->entry_first && moves->block <= search->entry_last &&
           (block_of(moves)->entries >> search->entry_step & 1) != 0;
}

/// Steps that some event of the block may fill. Further events fill all but the entry's step.
static uint32_t present_in(const struct general_moves *moves)
{
    uint32_t entry = bit(moves->search->entry_step);
    uint32_t steps = moves->search->wild ? UINT32_MAX : block_of(moves)->steps;
    return (steps & ~entry) | (has_entry(moves) ? entry : 0);
}

/// True where at most one step is matched in the block.
static bool takes_one(const struct general_moves *moves)
{
    const struct general_block *block = block_of(moves);
    bool one = !moves->search->wild && block->end - block->first == 1;
    return one || !moves->general->scope.ties_any;
}

/// The block's matching, with no step assigned.
static struct match_block *empty_matching(struct general_moves *moves)
{
    struct match_block *matching = &moves->matching;
    if (!moves->gathered) {
        const struct general_block *block = block_of(moves);
        struct match_scope scope = moves->general->scope;
        scope.entry_bit = bit(moves->search->entry_step);
        scope.entry_first = 0;
        scope.entry_count = has_entry(moves) ? UINT32_MAX : 0;
        match_block_init(matching, &scope, block->first, block->end, moves->allowed);
        moves->gathered = true;
    }
    memset(matching->node_steps, MATCH_NO_STEP, matching->node_count);
    return matching;
}

/// Climbs from step `first`: what lies above and can be had in the same block. `matching` is NULL
/// where every event fills one step, so that steps do not compete.
static uint32_t climb(const struct general_moves *moves, uint32_t first,
                      struct match_block *matching)
{
    const struct general_search *search = moves->search;
    uint32_t present = present_in(moves);
    uint32_t fill = bit(first);
    uint32_t visited = 0;
    if (matching != NULL && !match_block_assign(matching, first, &visited)) {
        return 0;
    }
    for (uint32_t step = first + 1; step <= search->cap; step++) {
        bool required = (search->required >> step & 1) != 0;
        bool may = (moves->allowed & present & ~moves->general->steep) >> step & 1;
        visited = 0;
        if (may && (matching == NULL || match_block_assign(matching, step, &visited))) {
            fill |= bit(step);
            if (matching != NULL && !required) {
                matching->node_steps[matching->chosen[step]] = MATCH_NO_STEP;
            }
        } else if (required) {
            break;
        }
    }
    return fill;
}

static uint32_t fill_of(struct general_moves *moves, uint32_t first)
{
    if ((moves->known >> first & 1) != 0) {
        return moves->fills[first];
    }
    uint32_t fill = 0;
    if ((moves->allowed & present_in(moves)) >> first & 1) {
        if (takes_one(moves)) {
            fill = bit(first);
        } else {
            bool compete = block_of(moves)->several && !moves->search->wild;
            fill = climb(moves, first, compete ? empty_matching(moves) : NULL);
        }
    }
    moves->known |= bit(first);
    moves->fills[first] = fill;
    return fill;
}

uint32_t general_moves_final(struct general_moves *moves, uint32_t before, uint32_t first)
{
    const struct match_rule *rule = moves->general->rule;
    uint32_t final = fill_of(moves, first);
    uint32_t hits = before == GENERAL_NONE ? 0 : block_of(moves)->hits & moves->search->active;
    for (; hits != 0 && final != 0; hits &= hits - 1) {
        const struct funnel_exclusion *exclusion = &rule->exclusions[__builtin_ctz(hits)];
        if (before + 1 < exclusion->before && first + 1 > exclusion->after) {
            final &= bits_from(exclusion->before - 1);
        }
    }
    return final;
}

/// ---- strict order: what lies between matched events must be matched, or be a repeat

static bool in_scope(const struct general *general, const struct match_event *event)
{
    return general->rule->scope == FUNNEL_SCOPE_ALL ||
           (event->steps & general->scope.step_mask) != 0;
}

/// The lowest step that the block's last match must be for every event in scope to be matched or a
/// repeat of `before` or of a step from `first` on; step_count: there is none.
static uint32_t lowest_with_repeats(const struct general_moves *moves, uint32_t before,
                                    uint32_t usable)
{
    const struct general *general = moves->general;
    const struct general_block *block = block_of(moves);
    uint32_t lowest = 0;
    for (uint32_t index = block->first; index < block->end; index++) {
        const struct match_event *event = &general->scope.events[index];
        if (!in_scope(general, event) || (event->steps >> before & 1) != 0) {
            continue;
        }
        uint32_t steps = event->steps & usable;
        uint32_t own = steps == 0 ? general->rule->step_count : (uint32_t)__builtin_ctz(steps);
        lowest = own > lowest ? own : lowest;
    }
    return lowest;
}

/// As lowest_with_repeats() where every event in scope must be matched.
static uint32_t lowest_without(struct general_moves *moves, uint32_t usable)
{
    const struct general *general = moves->general;
    const struct general_block *block = block_of(moves);
    uint32_t none = general->rule->step_count;
    bool one = !general->scope.ties_any;
    if (block->in_scope > (one ? 1 : (uint32_t)__builtin_popcount(usable))) {
        return none;
    }
    struct match_block *matching = empty_matching(moves);
    uint32_t matched = 0;
    uint32_t step = 0;
    for (; matched < block->in_scope && usable != 0; usable &= usable - 1) {
        uint32_t visited = 0;
        step = (uint32_t)__builtin_ctz(usable);
        matched += match_block_assign(matching, step, &visited);
    }
    return matched == block->in_scope ? step : none;
}

uint32_t general_moves_lasting(struct general_moves *moves, uint32_t before, uint32_t first,
                               uint32_t final)
{
    const struct general *general = moves->general;
    if (before == GENERAL_NONE || block_of(moves)->in_scope == 0 || final == 0) {
        return final;
    }
    // A matching of all events and one of the required steps give one of both, and whatever
    // optional step an event can fill may be matched: so the two can be asked apart.
    uint32_t usable = moves->allowed & bits_from(first) & (~general->steep | bit(first));
    if (takes_one(moves)) {
        usable &= bit(first);
    }
    uint32_t lowest = general->rule->repeat == FUNNEL_REPEAT_ALLOW
                          ? lowest_with_repeats(moves, before, usable)
                          : lowest_without(moves, usable);
    return final & bits_from(lowest);
}

bool general_passes(const struct general *general, uint32_t index, uint32_t step)
{
    const struct general_block *block = &general->blocks[index];
    return block->in_scope == 0 ||
           (general->rule->repeat == FUNNEL_REPEAT_ALLOW && (block->common >> step & 1) != 0);
}

void general_pick(const struct general *general, const struct general_search *search,
                  uint32_t index, uint32_t steps, uint32_t *events_out)
{
    struct general_moves moves;
    general_moves_init(&moves, general, search, index);
    struct match_block *matching = empty_matching(&moves);
    for (uint32_t left = steps; left != 0; left &= left - 1) {
        uint32_t visited = 0;
        bool assigned = match_block_assign(matching, (uint32_t)__builtin_ctz(left), &visited);
        ASSERT(assigned);
    }
    match_block_settle(matching, steps);
    for (uint32_t left = steps; left != 0; left &= left - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(left);
        events_out[step] = matching->node_events[matching->chosen[step]];
    }
}
