// SPDX-License-Identifier: Apache-2.0
/// Parts of the matcher for rules with gaps and exclusions. It works on blocks of simultaneous
/// events. An assignment stands at level k after the block in which it filled step k; what it may
/// do in a later block depends on k, on that block and on its entry only. Thread: values.
#pragma once

#include "engine/funnel/match_scope.h"

#define GENERAL_NONE UINT32_MAX

/// Events [first, end), simultaneous.
struct general_block {
    int64_t time_us;
    uint32_t first;
    uint32_t end;
    uint32_t steps; ///< that some event may fill
    uint32_t hits;  ///< exclusions that some event has
    bool several;   ///< some event may fill several steps
};

struct general {
    struct match_scope scope;
    const struct match_rule *rule;
    struct general_block *blocks;
    uint32_t block_count;
    int64_t min_us[FUNNEL_STEP_COUNT_MAX]; ///< gap before the step that follows level k
    int64_t max_us[FUNNEL_STEP_COUNT_MAX];
    uint32_t gapped; ///< levels whose next step has a gap, as bits
    uint32_t steep;  ///< those that have a least gap: not filled in the block of the step before
    uint32_t *starts[FUNNEL_STEP_COUNT_MAX]; ///< gapped levels: latest entry by block of completion
    uint32_t *queues[FUNNEL_STEP_COUNT_MAX]; ///< gapped levels: blocks, see general_queue
    uint32_t *used;      ///< by block: levels that may go on in it to the end looked for
    uint32_t *continued; ///< by block: levels that may go on after it
};

/// What an attempt that stands at level k before a block may do in it: go to any level within
/// [low[k], reach[k]]; empty where low is above reach.
struct general_moves {
    uint8_t low[FUNNEL_STEP_COUNT_MAX];
    uint8_t reach[FUNNEL_STEP_COUNT_MAX];
};

/// One search over all blocks. Levels count from 1.
struct general_search {
    uint32_t active; ///< exclusions that void, as bits
    uint32_t cap;    ///< levels above are not looked for
    bool judge;      ///< find out whether the unit may still be won
    uint32_t level;  ///< found: the highest level,
    uint32_t entry;  ///< the latest entry block among those that reach it first,
    uint32_t end;    ///< the block in which it is reached,
    bool open;       ///< and what judge asks for
};

/// Finds level, entry, end and open.
void general_find(struct general *general, struct general_search *search);
void general_moves_at(const struct general *general, uint32_t block, uint32_t active,
                      struct general_moves *moves_out);
/// Fills the events of the reported attempt that a search found.
void general_choose(struct general *general, const struct general_search *search,
                    uint32_t *events_out);
