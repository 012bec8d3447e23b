// SPDX-License-Identifier: Apache-2.0
/// A store group: a directory of stores that share one secret, so that their user keys compare and
/// a question may merge them. Several processes of one host write into it, each into a store of its
/// own; a source (a topic partition) belongs to one of them at a time.
///
///     <group>/GROUP      the secret that every store is made with
///     <group>/node-<n>/  stores
///     <group>/owners/    who may commit a source: one file each
///
/// Exactly once while sources move: a claim and a commit of a source exclude one another by a lock
/// on the source's owner file, and each claim is noted there. Whoever claims gets the committed
/// position; whoever lost a source without knowing finds another claim at its next commit, which
/// then fails with CORONG_FENCED and changes nothing. A process that is stopped in the middle of a
/// commit keeps its sources until it goes on or dies.
///
/// Thread: any, but for what says otherwise. The directory must be on a local file system (flock).
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

struct store_group;

/// Opens the group, or with `create` makes what is missing; processes that race make it once.
/// CORONG_NOT_FOUND: there is none. CORONG_CORRUPT: GROUP is damaged, or is gone while stores are
/// there. CORONG_INVALID: the directory is a store.
CORONG_MUST_CHECK enum corong_status store_group_open(struct store_group **group_out,
                                                      const char *directory, bool create,
                                                      struct corong_error *error);
/// Gives back the store that was taken, and forgets all claims. Close the store first. NULL-safe.
void store_group_close(struct store_group *group);

/// True where the directory holds a GROUP file, damaged or not.
bool store_group_is(const char *directory);
const char *store_group_directory(const struct store_group *group);
/// For store_options.secret.
const struct hash_secret *store_group_secret(const struct store_group *group);

/// Takes the first node-<n> that nobody uses, made with the group's secret if need be; it stays
/// this process's until the group is closed, so that processes that race get one each.
/// `directory_out` is the group's; open it with store_open(). Again: the same store.
CORONG_MUST_CHECK enum corong_status store_group_take_store(struct store_group *group,
                                                            const char **directory_out,
                                                            struct corong_error *error);

/// The finished stores of a group, ascending by number. Memory: its own.
struct store_group_stores {
    char **directories;
    uint32_t *numbers;
    uint32_t count;
};
/// Needs no open group and no lock: for questions.
CORONG_MUST_CHECK enum corong_status store_group_stores(const char *directory,
                                                        struct store_group_stores *stores_out,
                                                        struct corong_error *error);
void store_group_stores_deinit(struct store_group_stores *stores);

/// Takes a source over for the store that was taken. `found_out`: some store has committed a
/// position of it; `position_out` is where reading goes on: offset, anchor, leader epoch and topic
/// id of the last owner's last commit. Its name is `name`, borrowed; its counters are 0 and its
/// first offset is where reading goes on (-1 where nothing is found): a caller whose own store has
/// a position (store_position_find()) goes on with those of that one, so that each store's books
/// hold what that store read. Over the stores of a group, greatest next offset - least first offset
/// = messages + control + gaps.
///
/// For a source that is claimed already: found as it is where it is still ours (what was delivered
/// and is not yet committed stays valid: go on reading there), CORONG_FENCED where it is not.
/// CORONG_BUSY, retriable: a commit or a claim of this source is going on; try again.
/// May wait for the disk, at most about half a second for others.
CORONG_MUST_CHECK enum corong_status store_group_claim(struct store_group *group,
                                                       struct hash128 source_id, struct text name,
                                                       struct store_position *position_out,
                                                       bool *found_out, struct corong_error *error);
/// Gives a source back: everything read of it is committed, nothing more will be. A later claim is
/// a new one. A commit that moves it nevertheless is fenced. Unknown ids are ignored.
void store_group_release(struct store_group *group, struct hash128 source_id);
/// Gives all sources back: the engine was abandoned, nothing read under the claims will be
/// committed. Claim again what is still assigned.
void store_group_forget(struct store_group *group);

/// For store_set_commit_guard(): commits of claimed or released sources must own them. Other
/// sources (files) are not looked at. The group outlives the store.
struct store_commit_guard store_group_guard(struct store_group *group);

/// store_verify() of every store, their secrets, and the books of every source that was claimed:
/// over all stores, greatest next offset - least first offset = messages + control + gaps (where
/// all say where they began). Calls `found` for each fault; the first also fills `error`. May run
/// beside servers: it holds one source's owner file at a time, for some milliseconds.
CORONG_MUST_CHECK enum corong_status
store_group_verify(const char *directory, void (*found)(void *context, const char *message),
                   void *context, struct corong_error *error);
