// SPDX-License-Identifier: Apache-2.0
/// Private to storage/group: what an open group is made of.
/// Thread: `lock` guards the claims; the rest is set before others see it.
#pragma once

#include "storage/group/group.h"
#include "storage/group/group_owner.h"

#include <pthread.h>

enum group_claim_state {
    GROUP_CLAIM_HELD = 1,
    GROUP_CLAIM_RELEASED, ///< given back: nothing of it may be committed any more
};

struct group_claim {
    struct hash128 source_id;
    enum group_claim_state state;
    struct hash128 token;
    int descriptor; ///< of the owner file; open as long as it is held
};

struct store_group {
    char *directory;
    struct hash_secret secret;
    uint32_t store_number; ///< 0: none taken yet
    char *store_directory;
    int reservation;            ///< the lock on the store's number, -1: none
    pthread_mutex_t lock;       ///< of the claims; never held while anybody waits for a file
    struct group_claim *claims; ///< ascending by source id
    uint32_t claim_count;
    uint32_t claim_capacity;
    /// Between enter and leave of the guard; the committer's.
    int *entered;
    uint32_t entered_count;
};

/// "<group>/node-<number>"; memory_free() it.
char *group_store_path(const char *group_directory, uint32_t number);
bool group_file_is_there(const char *directory, const char *name);
