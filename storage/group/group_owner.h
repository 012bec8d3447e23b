// SPDX-License-Identifier: Apache-2.0
/// An owner file: the claims on one source, the last of which counts. Records of a fixed size are
/// appended and synced under the file's lock; a torn one was never given to anybody. FORMAT.md
/// describes every byte.
/// Thread: values; a descriptor belongs to one thread at a time.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUP_OWNER_NAME_SIZE_MAX 96u

/// One claim.
struct group_owner_record {
    uint64_t epoch;        ///< counts the claims of this source
    struct hash128 token;  ///< random: no two claims are alike, even where a file was lost
    uint32_t store_number; ///< node-<n>
    uint32_t process_id;   ///< for people
    struct hash128 source_id;
    /// What the store's position of the source was (group_owner_fingerprint()) when it claimed it:
    /// where it is another one now, that store has committed since.
    uint64_t fingerprint;
    bool has_start; ///< where reading went on; false: no store had a position
    int32_t start_epoch;
    int64_t start_offset;
    int64_t start_anchor_offset;
    uint64_t start_anchor_hash;
    struct hash128 start_topic_id;
    char name[GROUP_OWNER_NAME_SIZE_MAX + 1]; ///< of the source, cut, for people
};

/// "<group>/owners/<32 hex digits>"; memory_free() it.
char *group_owner_path(const char *group_directory, struct hash128 source_id);
/// 0 for NULL; else a hash of all that a commit of the source changes.
uint64_t group_owner_fingerprint(const struct store_position *position);

/// Reads the last whole claim. `found_out` false: none.
CORONG_MUST_CHECK enum corong_status group_owner_read(int descriptor, struct hash128 source_id,
                                                      struct group_owner_record *record_out,
                                                      bool *found_out, struct corong_error *error);
/// Appends a claim and syncs it. With the lock held. On failure the claim before still counts.
CORONG_MUST_CHECK enum corong_status group_owner_append(int descriptor, const char *path,
                                                        const struct group_owner_record *record,
                                                        struct corong_error *error);
