// SPDX-License-Identifier: Apache-2.0
/// Users of whom something is known from an earlier time (engine/query/memo): new rows are looked
/// at alone where they cannot change it, and other users are gone through. Private to this folder.
/// Thread: one worker.
#pragma once

#include "engine/query/block/block_active.h"

/// Goes through the users that the hand asks for, until none is left or one is for the general way.
CORONG_MUST_CHECK enum corong_status
block_hand_go(struct query_block *block, struct block_user *user, struct corong_error *error);

/// What block.c does with a user at whom `lanes` stand, bits of places among the active ones: finds
/// its level (false: for the general way) ...
bool block_match(struct query_block *block, uint64_t lanes, struct block_user *user);
/// ... counts it ...
CORONG_MUST_CHECK enum corong_status block_take(struct query_block *block, uint64_t lanes,
                                                const struct block_user *user,
                                                struct corong_error *error);
/// ... and goes on behind it.
CORONG_MUST_CHECK enum corong_status block_go_on(struct query_block *block, uint64_t lanes,
                                                 struct corong_error *error);
/// Hands over what was counted of the lane's group.
CORONG_MUST_CHECK enum corong_status block_flush(struct query_block *block, struct block_lane *lane,
                                                 struct corong_error *error);
