// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block.h"

#include "engine/query/block/block_active.h"
#include "engine/query/block/block_attempt.h"
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_pair.h"
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
    if (!any && !is_asked(units)) {
        return NULL;
    }
    const struct query_plan *plan = units->plan;
    struct query_block *block = memory_allocate_zeroed(1, sizeof(*block));
    block->units = units;
    block->any = any;
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
    return block != NULL && !block->any &&
           block_trend_init(&block->trend, buckets, BLOCK_BATCH_SIZE);
}

void query_block_destroy(struct query_block *block)
{
    if (block != NULL) {
        memory_free(block->notes);
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
    block->notes =
        memory_allocate_zeroed((size_t)count * BLOCK_BATCH_SIZE + 1, sizeof(*block->notes));
    for (uint32_t i = 0; i < count; i++) {
        block->lanes[i].notes = block->notes + (size_t)i * BLOCK_BATCH_SIZE;
        block->lanes[i].hand = query_memo_passes(hand, i) ? hand : NULL;
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
static enum corong_status flush(struct query_block *block, struct block_lane *lane,
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
    return true;
}

/// Hands over what was counted by bucket.
static enum corong_status flush_trend(struct query_block *block, struct corong_error *error)
{
    uint32_t count = block->trend.count;
    block->trend.count = 0;
    return count == 0 ? CORONG_OK
                      : block->units->brief(block->units->context, block->units, 0, 0,
                                            block->trend.found, count, error);
}

static enum corong_status leave(struct query_block *block, struct corong_error *error)
{
    TRY(flush_trend(block, error));
    for (uint32_t i = 0; i < block->active_count; i++) {
        TRY(flush(block, block->active[i], error));
        block_lane_leave(block->active[i]);
    }
    query_cursor_resume(&block->units->cursor);
    return CORONG_OK;
}

/// Narrows a run to the rows that can matter; rows after as-of are counted.
static void cut_run(struct query_block *block, struct block_run *run)
{
    const struct block_lane *lane = run->lane;
    const struct block_ranges *ranges = &block->ranges;
    while (run->end > run->begin && block_lane_time(lane, run->end - 1) > ranges->as_of_us) {
        block->units->after_as_of++;
        run->end--;
    }
    while (run->begin < run->end && block_lane_time(lane, run->begin) < ranges->rows.from_us) {
        run->begin++;
    }
    while (run->end > run->begin && block_lane_time(lane, run->end - 1) > ranges->rows.to_us) {
        run->end--;
    }
    run->entry_end = run->end;
    while (run->entry_end > run->begin &&
           block_lane_time(lane, run->entry_end - 1) >= ranges->entries_to_us) {
        run->entry_end--;
    }
}

/// Whether the lane's rows are over before those of the next run begin.
static bool is_before(const struct block_run *earlier, const struct block_run *later)
{
    return earlier->lane->max_us < later->lane->min_us ||
           block_lane_time(earlier->lane, earlier->end - 1) <
               block_lane_time(later->lane, later->begin);
}

/// Collects the runs of the user at whom `lanes` stand. False: a user for the general way.
static inline bool collect(struct query_block *block, uint64_t lanes, struct block_user *user,
                           uint32_t *possible_out)
{
    const struct block_lane *first = block->active[__builtin_ctzll(lanes)];
    uint32_t possible = 0;
    user->run_count = 0;
    user->row_count = 0;
    for (uint64_t rest = lanes; rest != 0; rest &= rest - 1) {
        const struct block_lane *lane = block->active[__builtin_ctzll(rest)];
        struct block_run *run = &user->runs[user->run_count];
        uint32_t end = lane->row + lane->row_counts[lane->user];
        *run = (struct block_run){lane, lane->row, end, end};
        if (lane->user >= lane->stop) {
            block->left[QUERY_BLOCK_CONTINUES]++;
            return false;
        }
        if (lane != first && lane->keys[lane->user].low != first->keys[first->user].low) {
            block->left[QUERY_BLOCK_KEY]++;
            return false;
        }
        if (user->run_count > 0 && !is_before(run - 1, run)) {
            block->left[QUERY_BLOCK_ORDER]++;
            return false;
        }
        possible |= block_lane_possible(lane, block->step_count);
        user->row_count += end - run->begin;
        user->run_count++;
    }
    *possible_out = possible;
    return true;
}

/// Cuts the runs by the question's ranges; those without rows are left out.
static void cut(struct query_block *block, struct block_user *user)
{
    uint32_t kept = 0;
    user->row_count = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        struct block_run run = user->runs[i];
        if (run.lane->cut) {
            cut_run(block, &run);
        }
        if (run.begin < run.end) {
            user->runs[kept++] = run;
            user->row_count += run.end - run.begin;
        }
    }
    user->run_count = kept;
}

static inline bool is_cut(const struct block_user *user)
{
    bool some = false;
    for (uint32_t i = 0; i < user->run_count; i++) {
        some |= user->runs[i].lane->cut;
    }
    return some;
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
        const struct block_run *run = &user->runs[0];
        uint64_t high = block->active[__builtin_ctzll(lanes)]->high;
        lane->notes[lane->batch_count] = (struct query_memo_note){
            query_memo_key(high), block_lane_time(run->lane, run->begin), user->last_us};
    }
    lane->batch[lane->batch_count++] =
        (struct query_brief){user->entry_row, (uint8_t)user->level, open};
    return lane->batch_count < BLOCK_BATCH_SIZE ? CORONG_OK : flush(block, lane, error);
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
        TRY(flush(block, lanes[i], error));
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
            block->highs[at] = lane->high;
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
    if (!collect(block, lanes, user, &possible)) {
        return false;
    }
    user->level = 0;
    uint64_t after_as_of = block->units->after_as_of;
    user->cut = is_cut(user);
    if (user->cut) {
        cut(block, user);
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
            TRY(flush(block, lanes[i], error));
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

/// Goes on to users of a key; there may be none.
static enum corong_status go_to(struct query_block *block, uint32_t key, struct corong_error *error)
{
    struct block_lane *lanes[QUERY_BLOCK_LANE_COUNT_MAX];
    uint32_t count = 0;
    for (uint32_t i = block->active_count; i-- > 0;) {
        struct block_lane *lane = block->active[i];
        if (query_memo_key(lane->high) < key && !block_lane_pass(lane, key)) {
            lanes[count++] = lane;
            remove_lane(block, i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        bool more;
        TRY(flush(block, lanes[i], error));
        TRY(block_lane_load(lanes[i], &block->ranges, key, &more, error));
        if (more) {
            insert_lane(block, lanes[i]);
        }
    }
    return CORONG_OK;
}

/// No further user of the task has to be gone through.
static enum corong_status go_to_end(struct query_block *block, struct corong_error *error)
{
    for (uint32_t i = 0; i < block->active_count; i++) {
        TRY(flush(block, block->active[i], error));
        block->active[i]->source->done = true;
    }
    block->active_count = 0;
    return CORONG_OK;
}

/// Goes through the users that the hand asks for.
static enum corong_status go_by_hand(struct query_block *block, struct block_user *user,
                                     struct corong_error *error)
{
    while (block->active_count > 0) {
        if (block->target == QUERY_MEMO_NO_KEY) {
            uint64_t fresh = least_high(block, true);
            block->target = query_memo_next(
                block->hand, fresh == UINT64_MAX ? QUERY_MEMO_NO_KEY : query_memo_key(fresh));
            if (block->target == QUERY_MEMO_NO_KEY) {
                return go_to_end(block, error);
            }
            TRY(go_to(block, (uint32_t)block->target, error));
        }
        uint64_t high = least_high(block, false);
        if (query_memo_key(high) != block->target) {
            block->target = QUERY_MEMO_NO_KEY;
            continue;
        }
        uint64_t lanes = lanes_at(block, high);
        if (!do_user(block, lanes, user)) {
            return CORONG_OK;
        }
        block->users++;
        block->units->users_read++;
        if (user->level > 0) {
            TRY(count(block, lanes, user, error));
        }
        TRY(consume(block, lanes, true, error));
    }
    return CORONG_OK;
}

static enum corong_status go(struct query_block *block, struct corong_error *error)
{
    // They do not grow more. One loop for both, so that what does a user is here once, inlined.
    const bool few = block->active_count <= STALL_SIZE;
    struct block_user user;
    ask_user(block, &user);
    if (block->hand != NULL && query_memo_knows(block->hand)) {
        return go_by_hand(block, &user, error);
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
        if (block->trend.count >= BLOCK_BATCH_SIZE) {
            TRY(flush_trend(block, error));
        }
        TRY(consume(block, lanes, few, error));
    }
    return CORONG_OK;
}

enum corong_status query_block_run(struct query_block *block, struct corong_error *error)
{
    block->brief = block->units->brief != NULL;
    if (block->any && !block->brief) {
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
