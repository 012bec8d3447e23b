// SPDX-License-Identifier: Apache-2.0
/// A user whose rows in one segment lie among those in another: merges that left runs between those
/// they took make such. Private to this folder. Thread: one worker.
#pragma once

#include "engine/query/block/block_walk.h"

/// Cuts the user's runs, one of each lane, so that each is over before the next begins. False, with
/// the runs as they were, where two share an instant or there would be too many.
bool block_mix_runs(struct block_user *user);
