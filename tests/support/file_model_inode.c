// SPDX-License-Identifier: Apache-2.0
#include "tests/support/file_model_inode.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define SECTOR_SIZE 512u

struct inode *inode_create(struct inode **list, struct inode *parent, bool is_directory)
{
    struct inode *inode = memory_allocate_zeroed(1, sizeof(*inode));
    inode->next = *list;
    inode->parent = parent;
    inode->is_directory = is_directory;
    *list = inode;
    return inode;
}

void bytes_set(struct bytes *bytes, const uint8_t *from, size_t size)
{
    bytes->at = memory_resize(bytes->at, size);
    if (size > 0) {
        memcpy(bytes->at, from, size);
    }
    bytes->size = size;
}

void entries_remove(struct entries *entries, const char *name)
{
    for (uint32_t index = 0; index < entries->count; index++) {
        if (strcmp(entries->at[index].name, name) == 0) {
            entries->at[index] = entries->at[--entries->count];
            return;
        }
    }
}

void entries_add(struct entries *entries, const char *name, struct inode *inode)
{
    entries_remove(entries, name);
    entries->at =
        memory_resize_array(entries->at, entries->count + (size_t)1, sizeof(*entries->at));
    struct entry *entry = &entries->at[entries->count++];
    strcpy(entry->name, name);
    entry->inode = inode;
}

void entries_copy(struct entries *to, const struct entries *from)
{
    to->at = memory_resize_array(to->at, from->count, sizeof(*to->at));
    if (from->count > 0) {
        memcpy(to->at, from->at, from->count * sizeof(*to->at));
    }
    to->count = from->count;
}

struct inode *entries_find(const struct entries *entries, const char *name)
{
    for (uint32_t index = 0; index < entries->count; index++) {
        if (strcmp(entries->at[index].name, name) == 0) {
            return entries->at[index].inode;
        }
    }
    return NULL;
}

void apply_change(struct entries *entries, const struct change *change)
{
    if (change->removed[0] != '\0') {
        entries_remove(entries, change->removed);
    }
    if (change->added[0] != '\0') {
        entries_add(entries, change->added, change->inode);
    }
}

void directory_change(struct inode *directory, const char *removed, const char *added,
                      struct inode *inode)
{
    directory->changes = memory_resize_array(
        directory->changes, directory->change_count + (size_t)1, sizeof(*directory->changes));
    struct change *change = &directory->changes[directory->change_count++];
    *change = (struct change){.inode = inode};
    strcpy(change->removed, removed);
    strcpy(change->added, added);
    apply_change(&directory->live_entries, change);
}

void inode_sync(struct inode *inode)
{
    bytes_set(&inode->synced, inode->live.at, inode->live.size);
    entries_copy(&inode->synced_entries, &inode->live_entries);
    inode->change_count = 0;
    inode->sync_is_late = false;
}

bool is_dirty(const struct inode *inode)
{
    return inode->live.size != inode->synced.size ||
           (inode->live.size > 0 &&
            memcmp(inode->live.at, inode->synced.at, inode->live.size) != 0);
}

/// Finds the directory of a path and the last name in it. NULL: no such directory.
struct inode *inode_resolve_parent(struct inode *root, const char *path, char *name_out)
{
    struct inode *at = root;
    ASSERT(path[0] == '/');
    name_out[0] = '\0';
    while (*path != '\0') {
        path += *path == '/';
        size_t size = strcspn(path, "/");
        ASSERT(size < NAME_SIZE_MAX);
        if (name_out[0] != '\0') {
            at = strcmp(name_out, "..") == 0 ? at->parent
                                             : entries_find(&at->live_entries, name_out);
            if (at == NULL) {
                return NULL;
            }
        }
        memcpy(name_out, path, size);
        name_out[size] = '\0';
        path += size;
    }
    return at;
}

void inode_append(struct inode *inode, const void *bytes, size_t size)
{
    inode->live.at = memory_resize(inode->live.at, inode->live.size + size);
    memcpy(inode->live.at + inode->live.size, bytes, size);
    inode->live.size += size;
}

static bool coin(struct test_random *random)
{
    return test_random_below(random, 2) == 1;
}

/// The size that reached the disk: the old one, the new one, or one between, at a sector's end.
static size_t surviving_size(const struct inode *inode, struct test_random *random)
{
    size_t old_size = inode->synced.size;
    size_t new_size = inode->live.size;
    if (new_size <= old_size || coin(random)) {
        return coin(random) ? old_size : new_size;
    }
    uint32_t grown = (uint32_t)(new_size - old_size);
    size_t between = old_size + test_random_below(random, grown + 1);
    between -= between % SECTOR_SIZE;
    return between < old_size ? old_size : between;
}

/// Each sector is the old one or the new one; one that is new altogether may read as zeros.
static void lose_some_bytes(struct inode *inode, struct test_random *random)
{
    size_t size = surviving_size(inode, random);
    uint8_t *mixed = memory_allocate_zeroed(size, 1);
    for (size_t at = 0; at < size; at += SECTOR_SIZE) {
        size_t end = at + SECTOR_SIZE < size ? at + SECTOR_SIZE : size;
        bool is_new = at >= inode->synced.size;
        const struct bytes *from = (is_new ? test_random_below(random, 4) != 0 : coin(random))
                                       ? &inode->live
                                       : &inode->synced;
        for (size_t byte = at; byte < end; byte++) {
            mixed[byte] = byte < from->size ? from->at[byte] : 0;
        }
    }
    memory_free(inode->live.at);
    inode->live = (struct bytes){mixed, size};
}

static void lose_some_names(struct inode *inode, struct test_random *random)
{
    entries_copy(&inode->live_entries, &inode->synced_entries);
    for (uint32_t index = 0; index < inode->change_count; index++) {
        if (coin(random)) {
            apply_change(&inode->live_entries, &inode->changes[index]);
        }
    }
}

void inode_lose_some(struct inode *inode, struct test_random *random)
{
    if (is_dirty(inode)) {
        lose_some_bytes(inode, random);
    }
    lose_some_names(inode, random);
}
