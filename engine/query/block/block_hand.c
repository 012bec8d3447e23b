// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_hand.h"

#include "engine/query/block/block_bits.h"
#include "engine/query/query_units.h"
#include "storage/base/invariant.h"

#include <string.h>

/// A user's rows that are not known.
struct fresh {
    struct hash128 key;
    uint32_t possible; ///< steps that they may fill, by their names
    bool apart;        ///< all of them are later than any known row, here, in the ranges, and of
                       ///< the only user with that half key among rows that are not known
    bool passing;      ///< some are in segments that will be gone the next time
    bool stored;       ///< some are in others
};

static struct fresh look_at_fresh(const struct query_block *block, uint64_t lanes)
{
    int64_t known_until_us = query_memo_known_until(block->hand);
    const struct block_lane *first = block->active[__builtin_ctzll(lanes)];
    struct fresh fresh = {.key = first->keys[first->user], .apart = true};
    for (; lanes != 0; lanes &= lanes - 1) {
        const struct block_lane *lane = block->active[__builtin_ctzll(lanes)];
        if (lane->known) {
            continue;
        }
        bool passes = query_memo_passes(block->hand, lane->source->index);
        fresh.passing |= passes;
        fresh.stored |= !passes;
        fresh.possible |= block_lane_possible(lane, block->step_count);
        fresh.apart &= !lane->cut && lane->user < lane->stop &&
                       lane->keys[lane->user].low == fresh.key.low && lane->user + 1 < lane->end &&
                       lane->keys[lane->user + 1].high != fresh.key.high &&
                       block_lane_time(lane, lane->row) > known_until_us;
    }
    return fresh;
}

/// Whether rows behind all others that may fill `possible` steps leave a level as it is: the last
/// row of a higher one would be theirs.
static bool is_level_safe(const struct query_block *block, uint32_t level, uint32_t possible)
{
    return level == block->step_count ||
           (block->any ? possible == 0 : (possible >> level & 1) == 0);
}

/// The last of the user's rows that is an entry. False: none is.
static bool find_last_entry(const struct block_lane *lane, int64_t *time_us_out)
{
    uint32_t end = lane->row + lane->row_counts[lane->user];
    while (end > lane->row) {
        uint32_t count = end - lane->row < BLOCK_WORD_SIZE ? end - lane->row : BLOCK_WORD_SIZE;
        uint64_t entries = block_bits_at(lane->entries, end - count, count);
        end -= count;
        if (entries != 0) {
            *time_us_out = block_lane_time(lane, end + block_bits_highest(entries));
            return true;
        }
    }
    return false;
}

/// What the rows say of a user whose level they leave as it is.
static struct query_memo_news news_of(const struct query_block *block, uint64_t lanes,
                                      const struct fresh *fresh)
{
    struct query_memo_news news = {.stored_us = INT64_MIN};
    bool first_only = block->units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    bool none = first_only || block->any || (fresh->possible & 1) == 0;
    for (; !none && lanes != 0; lanes &= lanes - 1) {
        const struct block_lane *lane = block->active[__builtin_ctzll(lanes)];
        int64_t last_us;
        if (!find_last_entry(lane, &last_us)) {
            continue;
        }
        news.has_last = true;
        news.open |= last_us >= block->open_from_us;
        if (!query_memo_passes(block->hand, lane->source->index)) {
            news.has_stored = true;
            news.stored_us = last_us > news.stored_us ? last_us : news.stored_us;
        }
    }
    return news;
}

/// The user was gone through, whose rows that are not known are those.
static enum corong_status take_user(struct query_block *block, uint64_t lanes,
                                    const struct fresh *fresh, const struct block_user *user,
                                    struct corong_error *error)
{
    block->place = query_memo_place(block->hand, fresh->key, fresh->passing, fresh->stored);
    if (user->level == 0) {
        query_memo_without(block->hand, block->place);
    }
    TRY(block_take(block, lanes, user, error));
    return block_go_on(block, lanes, error);
}

/// Does a user by its rows that are not known, where they are enough.
static enum corong_status go_by_fresh(struct query_block *block, uint64_t lanes,
                                      struct block_user *user, bool *done_out,
                                      struct corong_error *error)
{
    struct fresh fresh = look_at_fresh(block, lanes);
    struct query_memo_user known = query_memo_look(block->hand, fresh.key);
    *done_out = false;
    if (!known.whole || !fresh.apart) {
        return CORONG_OK;
    }
    if (known.level > 0) {
        *done_out = is_level_safe(block, known.level, fresh.possible);
        if (!*done_out) {
            return CORONG_OK;
        }
        struct query_memo_news news = news_of(block, lanes, &fresh);
        query_memo_again(block->hand, &news);
        return block_go_on(block, lanes, error);
    }
    // What lies before the first entry does not matter.
    uint64_t left[QUERY_BLOCK_REASON_COUNT];
    memcpy(left, block->left, sizeof(left));
    *done_out = block_match(block, lanes, user);
    if (!*done_out) {
        memcpy(block->left, left, sizeof(left)); // it is asked again, with all of its rows
        return CORONG_OK;
    }
    return take_user(block, lanes, &fresh, user, error);
}

/// Lets lanes go on to users of a half key; there may be none.
static enum corong_status go_to(struct query_block *block, uint64_t high,
                                struct corong_error *error)
{
    struct block_lane *lanes[QUERY_BLOCK_LANE_COUNT_MAX];
    uint32_t count = 0;
    for (uint32_t i = block->active_count; i-- > 0;) {
        struct block_lane *lane = block->active[i];
        if (lane->high < high && !block_lane_pass(lane, high)) {
            lanes[count++] = lane;
            remove_lane(block, i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        bool more;
        TRY(block_flush(block, lanes[i], error));
        TRY(block_lane_load(lanes[i], &block->ranges, high, &more, error));
        if (more) {
            insert_lane(block, lanes[i]);
        }
    }
    if (count > 0) {
        look_at_lanes(block);
    }
    return CORONG_OK;
}

/// No further user of the task has to be gone through.
static enum corong_status go_to_end(struct query_block *block, struct corong_error *error)
{
    for (uint32_t i = 0; i < block->active_count; i++) {
        TRY(block_flush(block, block->active[i], error));
        block->active[i]->source->done = true;
    }
    block->active_count = 0;
    return CORONG_OK;
}

/// Finds the next user to go through, and lets the lanes stand there. No target: none in the lanes,
/// or it is done.
static enum corong_status find_target(struct query_block *block, struct block_user *user,
                                      struct corong_error *error)
{
    uint64_t fresh = least_fresh(block);
    uint64_t target = query_memo_next(block->hand, fresh);
    if (target == QUERY_MEMO_NO_KEY) {
        return go_to_end(block, error);
    }
    if (target == fresh) {
        bool done;
        TRY(go_by_fresh(block, least_lanes(block), user, &done, error));
        if (done) {
            return CORONG_OK;
        }
    }
    TRY(go_to(block, target, error));
    if (lanes_at(block, target) != 0) {
        block->target = target;
    } else { // none of its rows are in the groups that the question reads any more
        query_memo_absent(block->hand);
    }
    return CORONG_OK;
}

enum corong_status block_hand_go(struct query_block *block, struct block_user *user,
                                 struct corong_error *error)
{
    while (block->active_count > 0) {
        if (block->target == QUERY_MEMO_NO_KEY) {
            TRY(find_target(block, user, error));
            continue;
        }
        uint64_t lanes = lanes_at(block, block->target);
        if (lanes == 0) {
            block->target = QUERY_MEMO_NO_KEY;
            continue;
        }
        struct fresh fresh = look_at_fresh(block, lanes);
        if (!block_match(block, lanes, user)) {
            return CORONG_OK;
        }
        TRY(take_user(block, lanes, &fresh, user, error));
    }
    return CORONG_OK;
}
