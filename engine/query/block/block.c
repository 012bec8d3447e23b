// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block.h"

#include "engine/query/block/block_active.h"
#include "engine/query/block/block_attempt.h"
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_hand.h"
#include "engine/query/block/block_hold.h"
#include "engine/query/block/block_pair.h"
#include "engine/query/block/block_runs.h"
#include "engine/query/block/block_walk.h"
#include "engine/query/memo/memo.h"
#include "engine/query/query_units.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define WIDE_REST 64u
#define BATCH_MIN 4u
#define PAIR_REST 64u

/// A question that query_fast_match() can answer, of people.
static bool is_asked(const struct query_units *units)
{
    return units->fast && !units->in_sessions && !units->per_session && units->buckets == NULL &&
           units->end_us == INT64_MAX && !units->dialect.any_entry &&
           units->hold.column_count == 0 && units->entry_steps == 1;
}

/// A question in any order that block_walk_any() can answer; every row of a step may be an entry.
static bool is_asked_any(const struct query_units *units)
{
    const struct match_rule *rule = &units->rule;
    const struct query_plan *plan = units->plan;
    bool plain = rule->order == FUNNEL_ORDER_ANY && rule->attempts == FUNNEL_ATTEMPTS_BEST &&
                 rule->ties == FUNNEL_TIES_ANY && rule->anchor_first == 0 &&
                 rule->anchor_last == 0 && rule->exclusion_count == 0 &&
                 rule->tie_tolerance_us == 0;
    return plain && !units->dialect.matcher && !units->dialect.any_entry && !units->in_sessions &&
           units->buckets == NULL && plan->ask.unit_column_count == 0 && plan->history_count == 0 &&
           plan->where_user == NULL && plan->where_entry == NULL && units->seen_step == 0 &&
           units->end_us == INT64_MAX && units->gather.entries.to_us > plan->time_max_us;
}

struct query_block *query_block_create(struct query_units *units)
{
    bool any = is_asked_any(units);
    struct block_hold *hold = block_hold_create(units);
    if (!any && hold == NULL && !is_asked(units)) {
        return NULL;
    }
    const struct query_plan *plan = units->plan;
    struct query_block *block = memory_allocate_zeroed(1, sizeof(*block));
    block->units = units;
    block->any = any;
    block->hold = hold;
    block->batch = BLOCK_PAIR_USER_COUNT_MAX;
    block->lanes = memory_allocate_zeroed((size_t)plan->segment_count + 1, sizeof(*block->lanes));
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        block_lane_init(&block->lanes[i], &units->cursor.sources[i], units->rule.step_count);
    }
    block->ranges =
        (struct block_ranges){plan->ask.rows, plan->as_of_us, units->gather.entries.to_us};
    block->step_count = units->rule.step_count;
    if (__builtin_sub_overflow(plan->as_of_us, units->rule.window_us, &block->open_from_us)) {
        block->open_from_us = INT64_MIN;
    }
    return block;
}

bool query_block_by_bucket(struct query_block *block, const struct query_buckets *buckets)
{
    if (block == NULL || block->any || block->hold != NULL ||
        !block_trend_init(&block->trend, buckets, block->step_count, block->open_from_us,
                          query_tasks_room(block->units->tasks))) {
        return false;
    }
    struct query_tasks *tasks = block->units->tasks;
    if (query_tasks_charge(tasks, block->trend.bytes, "buckets", NULL) != CORONG_OK) {
        query_tasks_return(tasks, block->trend.bytes); // another worker took the room meanwhile
        return false;
    }
    for (uint32_t i = 0; i < block->units->plan->segment_count; i++) {
        block->lanes[i].trend = &block->trend;
    }
    return true;
}

uint64_t *query_block_cells(struct query_block *block, uint32_t *count_out)
{
    if (block == NULL || block->trend.buckets == NULL) {
        *count_out = 0;
        return NULL;
    }
    *count_out = block->trend.buckets->count + 1;
    return block_trend_cells(&block->trend, 1);
}

void query_block_destroy(struct query_block *block)
{
    if (block != NULL) {
        for (uint32_t i = 0; i < block->units->plan->segment_count; i++) {
            block_lane_deinit(&block->lanes[i]);
        }
        memory_free(block->notes);
        block_hold_destroy(block->hold);
        block_trend_deinit(&block->trend);
        memory_free(block->lanes);
        memory_free(block);
    }
}

uint64_t query_block_users(const struct query_block *block)
{
    return block == NULL ? 0 : block->users;
}

uint64_t query_block_left(const struct query_block *block, enum query_block_reason reason)
{
    return block == NULL ? 0 : block->left[reason];
}

void query_block_remember(struct query_block *block, struct query_memo_hand *hand)
{
    uint32_t count = block->units->plan->segment_count;
    block->hand = hand;
    block->place = QUERY_MEMO_NEW;
    block->notes =
        memory_allocate_zeroed((size_t)count * BLOCK_BATCH_SIZE + 1, sizeof(*block->notes));
    for (uint32_t i = 0; i < count; i++) {
        block->lanes[i].notes = block->notes + (size_t)i * BLOCK_BATCH_SIZE;
        block->lanes[i].hand = query_memo_passes(hand, i) && !query_memo_knows(hand) ? hand : NULL;
        block->lanes[i].known = query_memo_knows(hand) && query_memo_has(hand, i);
    }
}

void query_block_reset(struct query_block *block)
{
    if (block != NULL) {
        block->target = QUERY_MEMO_NO_KEY;
    }
    for (uint32_t i = 0; block != NULL && i < block->units->plan->segment_count; i++) {
        block->lanes[i].group = BLOCK_NO_GROUP;
    }
}

/// Hands over what was counted of the lane's group.
enum corong_status block_flush(struct query_block *block, struct block_lane *lane,
                               struct corong_error *error)
{
    uint32_t count = lane->batch_count;
    lane->batch_count = 0;
    block->units->notes = lane->notes;
    return count == 0
               ? CORONG_OK
               : block->units->brief(block->units->context, block->units, lane->source->index,
                                     lane->group, lane->batch, count, error);
}

/// Takes over from the cursor; false where too many segments have users left.
static bool enter(struct query_block *block)
{
    uint32_t count = 0;
    block->active_count = 0;
    for (uint32_t i = 0; i < block->units->plan->segment_count; i++) {
        count += !block->lanes[i].source->done;
    }
    if (count > QUERY_BLOCK_LANE_COUNT_MAX) {
        block->left[QUERY_BLOCK_WIDE]++;
        block->rest = WIDE_REST;
        return false;
    }
    for (uint32_t i = 0; i < block->units->plan->segment_count; i++) {
        if (!block->lanes[i].source->done) {
            block_lane_enter(&block->lanes[i], &block->ranges);
            insert_lane(block, &block->lanes[i]);
        }
    }
    look_at_lanes(block);
    block_hold_forget(block->hold);
    return true;
}

static enum corong_status leave(struct query_block *block, struct corong_error *error)
{
    for (uint32_t i = 0; i < block->active_count; i++) {
        TRY(block_flush(block, block->active[i], error));
        block_lane_leave(block->active[i]);
    }
    query_cursor_resume(&block->units->cursor);
    return CORONG_OK;
}

/// Lets the cursor stand at the user, for whoever looks at it, and reports.
static enum corong_status report(struct query_block *block, uint64_t lanes,
                                 const struct block_user *user, bool open,
                                 struct corong_error *error)
{
    struct query_units *units = block->units;
    struct query_attempt attempt;
    block_attempt_fill(user, &attempt);
    attempt.open = open;
    units->cursor.part_count = 0;
    for (uint64_t rest = lanes; rest != 0; rest &= rest - 1) {
        struct block_lane *lane = block->active[__builtin_ctzll(rest)];
        block_lane_leave(lane);
        units->cursor.key = lane->source->key;
        units->cursor.parts[units->cursor.part_count++] = lane->source->index;
    }
    if (units->plan->ask.ids) {
        query_units_keep_id(units);
    }
    units->at_rows = true;
    enum corong_status status = units->report(units->context, units, &attempt, error);
    units->at_rows = false;
    return status;
}

/// Counts a user who has an entry.
static inline enum corong_status count(struct query_block *block, uint64_t lanes,
                                       const struct block_user *user, struct corong_error *error)
{
    bool open = user->level < user->step_count && user->last_us >= block->open_from_us;
    if (!block->brief) {
        return report(block, lanes, user, open, error);
    }
    struct block_lane *lane = (struct block_lane *)(uintptr_t)user->runs[user->entry_run].lane;
    if (lane->notes != NULL) {
        const struct block_lane *first = block->active[__builtin_ctzll(lanes)];
        lane->notes[lane->batch_count] =
            (struct query_memo_note){first->keys[first->user], block->place,
                                     block_lane_time(lane, user->entry_row), user->last_us};
    }
    lane->batch[lane->batch_count++] =
        (struct query_brief){user->entry_row, (uint8_t)user->level, open};
    return lane->batch_count < BLOCK_BATCH_SIZE ? CORONG_OK : block_flush(block, lane, error);
}

/// Loads the next groups of lanes whose users are all done.
static enum corong_status refill(struct query_block *block, uint64_t finished,
                                 struct corong_error *error)
{
    struct block_lane *lanes[QUERY_BLOCK_LANE_COUNT_MAX];
    uint32_t count = 0;
    while (finished != 0) {
        uint32_t at = 63 - (uint32_t)__builtin_clzll(finished);
        finished ^= UINT64_C(1) << at;
        lanes[count++] = block->active[at];
        remove_lane(block, at);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool more;
        TRY(block_flush(block, lanes[i], error));
        TRY(block_lane_refill(lanes[i], &block->ranges, &more, error));
        if (more) {
            insert_lane(block, lanes[i]);
        }
    }
    look_at_lanes(block);
    return CORONG_OK;
}

/// Goes on behind the user at whom `lanes` stand.
static inline enum corong_status consume(struct query_block *block, uint64_t lanes, bool few,
                                         struct corong_error *error)
{
    uint64_t finished = 0;
    for (uint64_t rest = lanes; rest != 0; rest &= rest - 1) {
        uint32_t at = (uint32_t)__builtin_ctzll(rest);
        struct block_lane *lane = block->active[at];
        block_lane_next(lane);
        if (!few) {
            block_lane_ahead(lane);
            block->highs[at] = active_high(lane);
        }
        finished |= (uint64_t)(lane->user >= lane->end) << at;
    }
    if (finished != 0) {
        return refill(block, finished, error);
    }
    for (uint64_t rest = few ? 0 : lanes; rest != 0;) {
        uint32_t stall = (uint32_t)__builtin_ctzll(rest) / STALL_SIZE;
        look_at_stall(block, stall);
        rest &= ~(UINT64_C(0xff) << (stall * STALL_SIZE));
    }
    return CORONG_OK;
}

static inline bool walk(struct query_block *block, struct block_user *user)
{
    if (block->trend.buckets != NULL) {
        return block_walk_trend(user, &block->trend);
    }
    return block->any ? block_walk_any(user) : block_walk(user);
}

/// Does the user at whom `lanes` stand, but for going on. False: a user for the general way.
static inline bool do_user(struct query_block *block, uint64_t lanes, struct block_user *user)
{
    uint32_t possible;
    if (!block_runs_collect(block, lanes, user, &possible)) {
        return false;
    }
    user->level = 0;
    uint64_t after_as_of = block->units->after_as_of;
    user->cut = block_runs_are_cut(user);
    if (user->cut) {
        block_runs_cut(block, user);
    }
    if ((possible & block->units->entry_steps) == 0) {
        block->units->users_skipped++;
        return true;
    }
    user->reach = block->any ? (uint32_t)__builtin_popcount(possible)
                             : (uint32_t)__builtin_ctzll(~(uint64_t)possible);
    user->reach = user->reach < user->step_count ? user->reach : user->step_count;
    if (!walk(block, user)) {
        block->left[QUERY_BLOCK_TIE]++;
        block->units->after_as_of = after_as_of;
        return false;
    }
    block->units->events_matched +=
        user->step_rows == BLOCK_NO_COUNT ? block_step_rows(user) : user->step_rows;
    return true;
}

bool block_match(struct query_block *block, uint64_t lanes, struct block_user *user)
{
    return do_user(block, lanes, user);
}

enum corong_status block_take(struct query_block *block, uint64_t lanes,
                              const struct block_user *user, struct corong_error *error)
{
    block->users++;
    block->units->users_read++;
    return user->level > 0 ? count(block, lanes, user, error) : CORONG_OK;
}

enum corong_status block_go_on(struct query_block *block, uint64_t lanes,
                               struct corong_error *error)
{
    return consume(block, lanes, false, error);
}

/// Fewer users at once where one of them has a tie, which undoes the others.
static void size_batch(struct query_block *block, bool tie, uint32_t users)
{
    uint32_t least = users > BATCH_MIN ? users : BATCH_MIN;
    uint32_t more = block->batch * 2;
    more = more < BLOCK_PAIR_USER_COUNT_MAX ? more : BLOCK_PAIR_USER_COUNT_MAX;
    block->batch = tie ? least : more;
}

/// Does users of a lane or two. `left_out`: whether the next user is for the other way.
static enum corong_status go_as_pair(struct query_block *block, const struct block_pair_ask *ask,
                                     bool *left_out, struct corong_error *error)
{
    struct query_units *units = block->units;
    struct block_pair_done done;
    uint32_t chosen[2];
    struct block_lane *lanes[2] = {NULL, NULL};
    uint64_t finished = 0;
    uint32_t count =
        block->pair_rest == 0 ? block_pair_choose(block->active, block->active_count, chosen) : 0;
    *left_out = true;
    if (count == 0) {
        block->pair_rest = block->pair_rest == 0 ? PAIR_REST : block->pair_rest - 1;
        return CORONG_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        lanes[i] = block->active[chosen[i]];
        if (lanes[i]->batch_count > BLOCK_BATCH_SIZE - BLOCK_PAIR_USER_COUNT_MAX) {
            TRY(block_flush(block, lanes[i], error));
        }
    }
    bool tie = block_pair_walk(ask, lanes, count, block->batch, &done);
    size_batch(block, tie, done.users);
    block->users += done.users;
    units->users_read += done.users;
    units->users_skipped += done.skipped;
    units->events_matched += done.step_rows;
    for (uint32_t i = 0; i < count; i++) {
        finished |= (uint64_t)(lanes[i]->user >= lanes[i]->end) << chosen[i];
    }
    *left_out = tie || done.users == 0;
    if (finished != 0) {
        return refill(block, finished, error);
    }
    look_at_lanes(block);
    return CORONG_OK;
}

static void ask_user(const struct query_block *block, struct block_user *user)
{
    user->step_count = block->step_count;
    user->open_from_us = block->open_from_us;
    user->whole = !block->brief;
    user->exact = block->hand != NULL;
    user->window_us = block->units->rule.window_us;
    user->first_only = block->units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
}

/// Counts the units of the user at whom `lanes` stand. `left_out`: a user for the general way.
static enum corong_status do_held(struct query_block *block, uint64_t lanes,
                                  struct block_user *user, bool *left_out,
                                  struct corong_error *error)
{
    uint32_t possible;
    uint64_t after_as_of = block->units->after_as_of;
    const struct block_held *found;
    uint32_t count;
    *left_out = !block_runs_collect(block, lanes, user, &possible);
    if (*left_out) {
        return CORONG_OK;
    }
    if (block_runs_are_cut(user)) {
        block_runs_cut(block, user);
    }
    TRY(block_hold_user(block->hold, user, &found, &count, left_out, error));
    if (*left_out) {
        block->left[QUERY_BLOCK_WIDE]++;
        block->units->after_as_of = after_as_of;
        return CORONG_OK;
    }
    block->units->events_matched += block_step_rows(user);
    for (uint32_t i = 0; i < count; i++) {
        const struct block_run *run = &user->runs[found[i].run];
        struct block_lane *lane = (struct block_lane *)(uintptr_t)run->lane;
        if (found[i].crossed) {
            continue;
        }
        lane->batch[lane->batch_count++] = (struct query_brief){found[i].row, 1, found[i].open};
        if (lane->batch_count == BLOCK_BATCH_SIZE) {
            TRY(block_flush(block, lane, error));
        }
    }
    return CORONG_OK;
}

/// Goes through users whose units are made of an attribute.
static enum corong_status go_held(struct query_block *block, struct block_user *user,
                                  struct corong_error *error)
{
    const bool few = block->active_count <= STALL_SIZE;
    while (block->active_count > 0) {
        bool left_out;
        uint64_t lanes = few ? least_of_few(block) : least_lanes(block);
        TRY(do_held(block, lanes, user, &left_out, error));
        if (left_out) {
            return CORONG_OK;
        }
        block->users++;
        block->units->users_read++;
        TRY(consume(block, lanes, few, error));
    }
    return CORONG_OK;
}

static enum corong_status go(struct query_block *block, struct corong_error *error)
{
    // They do not grow more. One loop for both, so that what does a user is here once, inlined.
    const bool few = block->active_count <= STALL_SIZE;
    struct block_user user;
    ask_user(block, &user);
    if (block->hold != NULL) {
        return go_held(block, &user, error);
    }
    if (block->hand != NULL && query_memo_knows(block->hand)) {
        return block_hand_go(block, &user, error);
    }
    const struct block_pair_ask ask = {user.window_us, user.open_from_us, user.step_count,
                                       user.first_only, block->hand != NULL};
    while (block->active_count > 0) {
        bool left = true;
        if (few && block->brief && !block->any && block->trend.buckets == NULL) {
            TRY(go_as_pair(block, &ask, &left, error));
        }
        if (!left) {
            continue;
        }
        uint64_t lanes = few ? least_of_few(block) : least_lanes(block);
        if (!do_user(block, lanes, &user)) {
            return CORONG_OK;
        }
        block->users++;
        block->units->users_read++;
        if (user.level > 0) {
            TRY(count(block, lanes, &user, error));
        }
        TRY(consume(block, lanes, few, error));
    }
    return CORONG_OK;
}

enum corong_status query_block_run(struct query_block *block, struct corong_error *error)
{
    block->brief = block->units->brief != NULL;
    if ((block->any || block->hold != NULL) && !block->brief) {
        return CORONG_OK; // which event fills which step is the matcher's
    }
    if (block->rest > 0) {
        block->left[QUERY_BLOCK_WIDE]++;
        block->rest--;
        return CORONG_OK;
    }
    if (!enter(block)) {
        return CORONG_OK;
    }
    TRY(go(block, error));
    return leave(block, error);
}
