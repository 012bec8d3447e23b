// SPDX-License-Identifier: Apache-2.0
/// A file system in memory that knows what a power cut may leave of it: bytes and names that were
/// synced stay; of the others any subset may, independently (stricter than ext4, where one fsync
/// commits all). It also fails calls on request, and can be told to ignore certain syncs, so that
/// the tests that rely on it can prove that they would see a missing one.
///
/// Thread: one.
#pragma once

#include "storage/file/file.h"

#include <stdint.h>

struct file_model;

/// What a power cut leaves of what was not synced.
enum file_model_loss {
    FILE_MODEL_LOSE_ALL,  ///< nothing
    FILE_MODEL_LOSE_NONE, ///< everything: like kill -9
    FILE_MODEL_LOSE_SOME, ///< each name and each 512 bytes by a seeded coin; torn tails, zeroed
                          ///< sectors
};

/// Syncs that the model pretends to do.
enum file_model_mutant {
    FILE_MODEL_SOUND = 0,
    FILE_MODEL_NO_SEGMENT_SYNC,
    FILE_MODEL_NO_MANIFEST_COMMIT_SYNC,   ///< the fdatasync after each record
    FILE_MODEL_NO_MANIFEST_SNAPSHOT_SYNC, ///< the fsync of each new file
    FILE_MODEL_NO_SEGMENT_DIRECTORY_SYNC,
    FILE_MODEL_NO_MANIFEST_DIRECTORY_SYNC,
    FILE_MODEL_NO_ROOT_DIRECTORY_SYNC,
    FILE_MODEL_NO_TEMPORARY_SYNC, ///< of the file that is about to be renamed
    FILE_MODEL_NO_DEAD_LETTER_SYNC,
    FILE_MODEL_LATE_SEGMENT_SYNC, ///< segments reach the disk after the manifest record
    FILE_MODEL_MUTANT_COUNT,      ///< of those that a single store must notice
    FILE_MODEL_NO_OWNER_SYNC = FILE_MODEL_MUTANT_COUNT, ///< of claims in a group
    FILE_MODEL_NO_READER_SYNC,                          ///< of a manifest, by one who only reads it
};

/// Holds the root directory only.
struct file_model *file_model_create(uint64_t seed);
void file_model_destroy(struct file_model *model);
/// For file_calls_replace().
const struct file_calls *file_model_calls(struct file_model *model);
void file_model_set_mutant(struct file_model *model, enum file_model_mutant mutant);

/// Calls so far that change something or sync; the ones that crashes count.
uint64_t file_model_change_count(const struct file_model *model);
/// All calls that may fail.
uint64_t file_model_call_count(const struct file_model *model);
/// The power goes at the `n`-th changing call from the start (1 is the first): a write may be torn,
/// everything else does not happen. Later calls do nothing.
void file_model_crash_at(struct file_model *model, uint64_t n);
bool file_model_has_crashed(const struct file_model *model);
/// The power comes back: what `loss` and the seed leave is the new content, synced. No descriptor
/// and no lock survives; faults are cleared.
void file_model_restart(struct file_model *model, enum file_model_loss loss, uint64_t seed);

/// The process dies and the machine goes on: no descriptor and no lock survives, what was written
/// is there, and what was not synced still is not.
void file_model_kill(struct file_model *model);

/// Calls number `from` to `until`, `until` not included, fail if they are not syncs: ENOSPC for
/// what needs space, EIO for the rest. A write fails after its first half, as a full disk does.
void file_model_fail(struct file_model *model, uint64_t from, uint64_t until);
/// How many calls failed on request.
uint64_t file_model_failure_count(const struct file_model *model);
