// SPDX-License-Identifier: Apache-2.0
/// Parts of the matcher for rules that are not plain. It works on blocks of simultaneous events.
/// An assignment whose last matched step is k stands, after the block of that step, in a state
/// (k, block); what it may do later depends on these two and on its entry only. So per state the
/// latest entry is enough. Steps are indices from 0 here. Thread: values.
#pragma once

#include "engine/funnel/match_scope.h"

#define GENERAL_NONE UINT32_MAX
#define GENERAL_SPACE_SIZE 16384u
#define GENERAL_HEAP_COUNT_MAX 8u
#define GENERAL_PAIR_COUNT_MAX (FUNNEL_STEP_COUNT_MAX * (FUNNEL_STEP_COUNT_MAX - 1) / 2)

/// Events [first, end), simultaneous.
struct general_block {
    int64_t time_us;
    uint32_t first;
    uint32_t end;
    uint32_t steps;    ///< that some event may fill
    uint32_t entries;  ///< of these, that an event which may be an entry fills
    uint32_t common;   ///< that every event in scope fills
    uint32_t in_scope; ///< strict order: events that must not lie between matched ones
    uint16_t hits;     ///< exclusions that some event has
    bool several;      ///< some event may fill several steps
};

/// Step `to` may be the one matched next after `from`: whatever lies between is optional.
struct general_pair {
    uint8_t from;
    uint8_t to;
};

/// Memory of small units, not cleared: most need no other.
struct general_space {
    _Alignas(16) char bytes[GENERAL_SPACE_SIZE];
};

struct general {
    const struct match_rule *rule;
    struct general_space *space; ///< the caller's
    uint32_t space_used;
    uint32_t heap_count;
    void *heaps[GENERAL_HEAP_COUNT_MAX]; ///< what did not fit
    bool line;                           ///< every block is one event, and match_line.c applies
    struct match_scope scope;            ///< its entry fields are those of the search under way
    struct match_event *events;          ///< own copy, where times or blocks change; else NULL
    uint32_t *origins;                   ///< index of each event as given; NULL: its own
    struct general_block *blocks;
    uint32_t block_count;
    uint32_t required; ///< steps, as bits
    uint32_t steep;    ///< steps that have a least gap: never in the block of the step before
    int64_t min_us[FUNNEL_STEP_COUNT_MAX]; ///< gap before the step
    int64_t max_us[FUNNEL_STEP_COUNT_MAX];
    struct general_pair *pairs; ///< by `to`, then by `from` falling
    uint32_t pair_count;
    uint32_t pairs_of[FUNNEL_STEP_COUNT_MAX + 1]; ///< pairs to step k are [pairs_of[k], [k + 1])
    uint32_t *starts[FUNNEL_STEP_COUNT_MAX]; ///< latest entry block of state (k, block), or NONE
    uint32_t **queues;                       ///< by pair: scratch, one item per block
    uint32_t *reached;   ///< by block: states that lead on from the entry, as bits (choosing)
    uint32_t *continued; ///< by block: states that lead on to the end
};

/// One search: which assignments are looked at.
struct general_search {
    uint32_t entry_step;
    uint32_t entry_first; ///< entries lie in these blocks: first ...
    uint32_t entry_last;  ///< ... to last
    uint32_t from;        ///< blocks [from, end) exist
    uint32_t end;
    uint32_t active;       ///< exclusions that void, as bits
    uint32_t cap;          ///< steps above are not looked for
    uint32_t required;     ///< steps that must not be skipped
    uint32_t banned;       ///< optional steps that must be skipped
    const uint32_t *fixed; ///< by step: the block that it must lie in, or NONE; NULL: all free
    bool wild;             ///< blocks hold further events of any steps but the entry's
};

/// What a search found. `step` is the furthest required one; NONE: no entry.
struct general_found {
    uint32_t step;
    uint32_t entry;
    uint32_t end; ///< the block in which it is reached
};

/// Where a forward pass stands.
struct general_walk {
    struct general *general;
    const struct general_search *search;
    struct general_found found;
    bool latest; ///< of assignments that reach as far the latest entry, not the earliest end
    uint32_t bounds[GENERAL_PAIR_COUNT_MAX]; ///< states of earlier blocks are void for the pair
    struct general_queue {
        uint32_t head;
        uint32_t tail;
        uint32_t waiting; ///< the first block that is not in the queue yet
    } queues[GENERAL_PAIR_COUNT_MAX];
    uint32_t broken[FUNNEL_STEP_COUNT_MAX]; ///< strict order: states of earlier blocks are void
    uint32_t newest[FUNNEL_STEP_COUNT_MAX]; ///< last block that has the state, or NONE
};

/// In-block moves of one search: which steps an attempt gets to when the first one matched in the
/// block is m. Filled as asked for.
struct general_moves {
    const struct general *general;
    const struct general_search *search;
    uint32_t block;
    uint32_t allowed; ///< steps that may be matched in this block
    uint32_t known;   ///< fills that are there, as bits
    uint32_t fills[FUNNEL_STEP_COUNT_MAX];
    bool gathered; ///< matching is there
    struct match_block matching;
};

/// ---- match_blocks.c
/// Cuts the blocks. `space` must outlive it.
void general_init(struct general *general, struct general_space *space,
                  const struct match_rule *rule, const struct match_event *events,
                  uint32_t event_count);
/// Memory for general_walk and choosing, unless it is there.
void general_reserve(struct general *general);
void general_deinit(struct general *general);
/// What a block parts: it becomes the mark of each pair of steps that an exclusion of `active`
/// parts by an event of it, and in strict order that of each step whose state cannot pass it.
void general_part(const struct general *general, uint32_t block, uint32_t active,
                  uint32_t *pair_marks, uint32_t *step_marks);
/// Takes the events at these indices (ascending) out of a block; needs own events.
void general_spend(struct general *general, uint32_t block, const uint32_t *events, uint32_t count);
/// The index of an event as it was given.
static inline uint32_t general_origin(const struct general *general, uint32_t event)
{
    return general->origins == NULL ? event : general->origins[event];
}

/// ---- match_moves.c
void general_moves_init(struct general_moves *moves, const struct general *general,
                        const struct general_search *search, uint32_t block);
/// Steps that the block's last match may be, where its first is `first`; 0: none. `before` is the
/// last step matched in an earlier block, NONE at the entry: exclusions of the block are minded.
uint32_t general_moves_final(struct general_moves *moves, uint32_t before, uint32_t first);
/// Of these, the ones after which the attempt may go on in later blocks.
uint32_t general_moves_lasting(struct general_moves *moves, uint32_t before, uint32_t first,
                               uint32_t final);
/// Strict order: an attempt whose last match is `step` may pass the block without a match.
bool general_passes(const struct general *general, uint32_t block, uint32_t step);
/// The canonically smallest events of a block for these steps, which it can fill together.
void general_pick(const struct general *general, const struct general_search *search,
                  uint32_t block, uint32_t steps, uint32_t *events_out);

/// ---- match_walk.c
void general_walk_init(struct general_walk *walk, struct general *general,
                       const struct general_search *search);
/// Goes through one block.
void general_walk_block(struct general_walk *walk, uint32_t block);
/// Goes through the search's blocks until its cap is reached.
void general_find(struct general *general, const struct general_search *search, bool latest,
                  struct general_found *found_out);

/// ---- match_open.c
/// When the last block of events before `end` that match a step began: it may take further ones.
int64_t general_last_us(const struct general *general, uint32_t end);
/// True where the steps from `first` on can follow a state that began at `entry_us` and whose last
/// match was at `time_us`; `last_us` as of general_last_us().
bool general_may_follow(const struct general *general, const struct general_search *search,
                        uint32_t first, int64_t time_us, int64_t entry_us, int64_t as_of_us,
                        int64_t last_us);
/// True where an attempt of the walk, which went through all blocks before `end`, may be won by
/// further events at `as_of_us` or later.
bool general_goes_on(const struct general_walk *walk, uint32_t end, int64_t as_of_us);
/// SEMANTICS 5: some assignment of the search may still be completed at T.
bool general_is_open(struct general *general, const struct general_search *search);

/// ---- match_line.c: the same where `line` is set and the search is not wild
void general_line_find(const struct general *general, const struct general_search *search,
                       bool latest, struct general_found *found_out);
/// Without an event at T.
bool general_line_open(const struct general *general, const struct general_search *search);
/// The block in which attempts of the search's only entry end; `end` where they do not.
uint32_t general_line_life(const struct general *general, const struct general_search *search);
/// `search->active` are the exclusions that count up to `found->step`.
void general_line_choose(struct general *general, const struct general_search *search,
                         const struct general_found *found, uint32_t *blocks_out);

/// ---- match_choose.c
/// Blocks of the reported attempt's steps: blocks_out[k] where bit k of the answer is set.
uint32_t general_choose(struct general *general, const struct general_search *search,
                        const struct general_found *found, uint32_t *blocks_out);

/// ---- match_best.c
/// Exclusions between steps of an attempt that begins at `entry_step` and gets to `level`, as bits.
uint32_t general_exclusions(const struct match_rule *rule, uint32_t entry_step, uint32_t level,
                            bool remove_only);
/// A search over blocks [from, end) for attempts that begin at `entry_step`.
struct general_search general_search_over(const struct general *general, uint32_t entry_step,
                                          uint32_t from, uint32_t end);
/// The first and the last block in [from, end) that has an entry; false: none.
bool general_entries(const struct general *general, uint32_t from, uint32_t end, uint32_t *first,
                     uint32_t *last);
/// The first block in [from, end) that has an entry; `end`: none.
uint32_t general_next_entry(const struct general *general, uint32_t from, uint32_t end);
/// The reported attempt with entries in blocks [entry_first, entry_last], of blocks [from, end).
/// `events` of the result are indices as the matcher has them.
void general_best(struct general *general, uint32_t from, uint32_t end, uint32_t entry_first,
                  uint32_t entry_last, struct match_result *result_out);
/// The earliest whole assignment of blocks [from, block_count): level 0 where there is none.
/// `entry_out` and `end_out` get its first and last block.
void general_win(struct general *general, uint32_t from, struct match_result *result_out,
                 uint32_t *entry_out, uint32_t *end_out);
/// True where a win of a score above `score` is possible through an entry in these blocks.
bool general_may_win(struct general *general, uint32_t from, uint32_t entry_first,
                     uint32_t entry_last, uint32_t score);
/// The block in which attempts that begin in block `entry` end, by window, exclusion, gap or
/// violation; `end` where they are alive after block end - 1.
uint32_t general_life(struct general *general, uint32_t entry, uint32_t end);
/// Fills `out` and `best_level`, for entries in blocks [entry_first, entry_last].
void general_out(struct general *general, uint32_t entry_first, uint32_t entry_last,
                 struct match_result *result);

/// ---- match_any.c: the same for order any
void any_best(struct general *general, uint32_t from, uint32_t end, uint32_t entry_first,
              uint32_t entry_last, struct match_result *result_out);
void any_win(struct general *general, uint32_t from, struct match_result *result_out,
             uint32_t *entry_out, uint32_t *end_out);
bool any_may_win(struct general *general, uint32_t from, uint32_t entry_first, uint32_t entry_last,
                 uint32_t score);
uint32_t any_life(struct general *general, uint32_t entry, uint32_t end);
void any_out(struct general *general, uint32_t entry_first, uint32_t entry_last,
             struct match_result *result);
