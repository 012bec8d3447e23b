// SPDX-License-Identifier: Apache-2.0
/// Files and directories of the model file system: what is live, and what a power cut leaves.
/// Thread: one. Names and contents belong to their inode.
#pragma once

#include "tests/support/test_random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_SIZE_MAX 64

struct bytes {
    uint8_t *at;
    size_t size;
};

struct entry {
    char name[NAME_SIZE_MAX];
    struct inode *inode;
};

struct entries {
    struct entry *at;
    uint32_t count;
};

/// A change of a directory that is not synced yet. A rename is one change: file systems keep it
/// whole.
struct change {
    char removed[NAME_SIZE_MAX]; ///< empty: none
    char added[NAME_SIZE_MAX];   ///< empty: none
    struct inode *inode;
};

struct inode {
    struct inode *next; ///< all inodes, for destroy
    struct inode *parent;
    bool is_directory;
    struct bytes live;
    struct bytes synced;
    struct entries live_entries;
    struct entries synced_entries;
    struct change *changes;
    uint32_t change_count;
    bool is_locked;
    bool sync_is_late; ///< FILE_MODEL_LATE_SEGMENT_SYNC: to be synced a call after the manifest
};

struct inode *inode_create(struct inode **list, struct inode *parent, bool is_directory);
void bytes_set(struct bytes *bytes, const uint8_t *from, size_t size);
void entries_remove(struct entries *entries, const char *name);
void entries_add(struct entries *entries, const char *name, struct inode *inode);
void entries_copy(struct entries *to, const struct entries *from);
struct inode *entries_find(const struct entries *entries, const char *name);
void apply_change(struct entries *entries, const struct change *change);
void directory_change(struct inode *directory, const char *removed, const char *added,
                      struct inode *inode);
void inode_sync(struct inode *inode);
bool is_dirty(const struct inode *inode);
/// The directory of a path below `root`, or NULL; `name_out` (NAME_SIZE_MAX) gets the last name.
struct inode *inode_resolve_parent(struct inode *root, const char *path, char *name_out);
void inode_append(struct inode *inode, const void *bytes, size_t size);
/// What a power cut leaves, by chance: of unsynced bytes each sector, of names each change.
void inode_lose_some(struct inode *inode, struct test_random *random);
