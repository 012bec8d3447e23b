// SPDX-License-Identifier: Apache-2.0
#include "tests/support/file_model.h"

#include "tests/support/file_model_inode.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define DESCRIPTOR_COUNT_MAX 256
#define DESCRIPTOR_BASE 1000

struct descriptor {
    struct inode *inode; ///< NULL: free
    char path[256];
    bool holds_lock;
    bool only_reads;
};

struct file_model {
    struct file_calls calls;
    struct inode *inodes;
    struct inode *root;
    struct descriptor descriptors[DESCRIPTOR_COUNT_MAX];
    struct test_random random;
    enum file_model_mutant mutant;
    uint64_t change_count;
    uint64_t call_count;
    uint64_t crash_at;
    uint64_t fail_from;
    uint64_t fail_until;
    uint64_t failure_count;
    bool has_crashed;
    bool manifest_was_synced; ///< late segment syncs happen at the next change
};

static struct inode *resolve(struct file_model *model, const char *path)
{
    char name[NAME_SIZE_MAX];
    struct inode *parent = inode_resolve_parent(model->root, path, name);
    if (parent == NULL || name[0] == '\0') {
        return parent;
    }
    return strcmp(name, "..") == 0 ? parent->parent : entries_find(&parent->live_entries, name);
}

static void sync_late_segments(struct file_model *model)
{
    for (struct inode *inode = model->inodes; inode != NULL; inode = inode->next) {
        if (inode->sync_is_late) {
            inode_sync(inode);
        }
    }
    model->manifest_was_synced = false;
}

/// Counts a changing call. True: the power goes now, or is gone.
static bool power_goes(struct file_model *model)
{
    if (model->has_crashed) {
        return true;
    }
    model->change_count++;
    if (model->change_count == model->crash_at) {
        model->has_crashed = true;
        return true;
    }
    if (model->manifest_was_synced) {
        sync_late_segments(model);
    }
    return false;
}

/// Counts a call. True: it is to fail, with errno set.
static bool fails(struct file_model *model, int number)
{
    model->call_count++;
    bool failing = model->call_count >= model->fail_from && model->call_count < model->fail_until;
    model->failure_count += failing;
    errno = model->has_crashed ? EIO : number;
    return failing || model->has_crashed;
}

static int descriptor_open(struct file_model *model, struct inode *inode, const char *path)
{
    for (int index = 0; index < DESCRIPTOR_COUNT_MAX; index++) {
        struct descriptor *descriptor = &model->descriptors[index];
        if (descriptor->inode == NULL) {
            *descriptor = (struct descriptor){.inode = inode};
            ASSERT(strlen(path) < sizeof(descriptor->path));
            strcpy(descriptor->path, path);
            return DESCRIPTOR_BASE + index;
        }
    }
    errno = EMFILE;
    return -1;
}

static struct descriptor *descriptor_at(struct file_model *model, int number)
{
    int index = number - DESCRIPTOR_BASE;
    ASSERT(index >= 0 && index < DESCRIPTOR_COUNT_MAX);
    ASSERT(model->descriptors[index].inode != NULL);
    return &model->descriptors[index];
}

static int open_new(struct file_model *model, const char *path)
{
    char name[NAME_SIZE_MAX];
    struct inode *parent = inode_resolve_parent(model->root, path, name);
    if (parent == NULL) {
        errno = ENOENT;
        return -1;
    }
    if (power_goes(model)) {
        errno = EIO;
        return -1;
    }
    struct inode *inode = inode_create(&model->inodes, parent, false);
    directory_change(parent, "", name, inode);
    return descriptor_open(model, inode, path);
}

static int model_open(void *context, const char *path, int flags, unsigned mode)
{
    struct file_model *model = context;
    (void)mode;
    if ((flags & O_DIRECTORY) != 0 && model->has_crashed) {
        return descriptor_open(model, model->root, path); // for the sync that then does nothing
    }
    struct inode *inode = resolve(model, path);
    bool writes = (flags & (O_WRONLY | O_RDWR)) != 0;
    // A directory is only opened to be synced, and a failing sync is fatal by design.
    if ((flags & O_DIRECTORY) == 0 && fails(model, writes ? ENOSPC : EIO)) {
        return -1;
    }
    if (inode == NULL) {
        errno = ENOENT;
        return (flags & O_CREAT) != 0 ? open_new(model, path) : -1;
    }
    if ((flags & O_EXCL) != 0) {
        errno = EEXIST;
        return -1;
    }
    // The model appends only; a file that is written must have no place to be written but its end.
    ASSERT(!writes || (flags & (O_APPEND | O_TRUNC)) != 0);
    if ((flags & O_TRUNC) != 0) {
        if (power_goes(model)) {
            errno = EIO;
            return -1;
        }
        inode->live.size = 0;
    }
    int descriptor = descriptor_open(model, inode, path);
    if (descriptor >= 0) {
        descriptor_at(model, descriptor)->only_reads = !writes;
    }
    return descriptor;
}

static int model_close(void *context, int number)
{
    struct descriptor *descriptor = descriptor_at(context, number);
    if (descriptor->holds_lock) {
        descriptor->inode->is_locked = false;
    }
    descriptor->inode = NULL;
    return 0;
}

static int64_t model_write(void *context, int number, const void *bytes, size_t size)
{
    struct file_model *model = context;
    struct inode *inode = descriptor_at(model, number)->inode;
    if (fails(model, ENOSPC)) {
        if (!model->has_crashed) {
            inode_append(inode, bytes, size / 2); // a full disk takes what still fits
        }
        return -1;
    }
    if (power_goes(model)) {
        inode_append(inode, bytes, test_random_below(&model->random, (uint32_t)size + 1));
        errno = EIO;
        return -1;
    }
    inode_append(inode, bytes, size);
    return (int64_t)size;
}

static int64_t model_pread(void *context, int number, void *bytes, size_t size, int64_t offset)
{
    struct file_model *model = context;
    const struct inode *inode = descriptor_at(model, number)->inode;
    if (fails(model, EIO)) {
        return -1;
    }
    if ((uint64_t)offset >= inode->live.size) {
        return 0;
    }
    size_t left = inode->live.size - (size_t)offset;
    size_t got = size < left ? size : left;
    memcpy(bytes, inode->live.at + offset, got);
    return (int64_t)got;
}

static bool path_holds(const struct descriptor *descriptor, const char *part)
{
    return strstr(descriptor->path, part) != NULL;
}

static bool is_root_directory(const struct descriptor *descriptor)
{
    return descriptor->inode->is_directory && !path_holds(descriptor, "/manifest") &&
           !path_holds(descriptor, "/seg") && !path_holds(descriptor, "/dead");
}

/// True where the mutant only pretends to sync this.
static bool is_ignored(const struct file_model *model, const struct descriptor *descriptor,
                       bool data_only)
{
    bool is_directory = descriptor->inode->is_directory;
    switch (model->mutant) {
    case FILE_MODEL_NO_SEGMENT_SYNC:
    case FILE_MODEL_LATE_SEGMENT_SYNC:
        return path_holds(descriptor, ".fseg");
    case FILE_MODEL_NO_MANIFEST_COMMIT_SYNC:
        return path_holds(descriptor, "/MANIFEST-") && data_only;
    case FILE_MODEL_NO_MANIFEST_SNAPSHOT_SYNC:
        return path_holds(descriptor, "/MANIFEST-") && !data_only;
    case FILE_MODEL_NO_SEGMENT_DIRECTORY_SYNC:
        return is_directory && path_holds(descriptor, "/seg");
    case FILE_MODEL_NO_MANIFEST_DIRECTORY_SYNC:
        return is_directory && path_holds(descriptor, "/manifest");
    case FILE_MODEL_NO_ROOT_DIRECTORY_SYNC:
        return is_root_directory(descriptor);
    case FILE_MODEL_NO_TEMPORARY_SYNC:
        return path_holds(descriptor, ".tmp");
    case FILE_MODEL_NO_DEAD_LETTER_SYNC:
        return !is_directory && path_holds(descriptor, "/dead/");
    case FILE_MODEL_NO_OWNER_SYNC:
        return !is_directory && path_holds(descriptor, "/owners/");
    case FILE_MODEL_NO_READER_SYNC:
        return !is_directory && descriptor->only_reads;
    default:
        return false;
    }
}

static int sync_descriptor(struct file_model *model, int number, bool data_only)
{
    struct descriptor *descriptor = descriptor_at(model, number);
    if (power_goes(model)) {
        return 0; // nobody is left to be told
    }
    if (is_ignored(model, descriptor, data_only)) {
        descriptor->inode->sync_is_late = model->mutant == FILE_MODEL_LATE_SEGMENT_SYNC;
        return 0;
    }
    inode_sync(descriptor->inode);
    model->manifest_was_synced = data_only && path_holds(descriptor, "/MANIFEST-");
    return 0;
}

static int model_fsync(void *context, int number)
{
    return sync_descriptor(context, number, false);
}

static int model_fdatasync(void *context, int number)
{
    return sync_descriptor(context, number, true);
}

static int model_ftruncate(void *context, int number, int64_t size)
{
    struct file_model *model = context;
    struct inode *inode = descriptor_at(model, number)->inode;
    if (fails(model, EIO) || power_goes(model)) {
        return -1;
    }
    ASSERT((uint64_t)size <= inode->live.size);
    inode->live.size = (size_t)size;
    return 0;
}

static int model_rename(void *context, const char *from, const char *to)
{
    struct file_model *model = context;
    char from_name[NAME_SIZE_MAX];
    char to_name[NAME_SIZE_MAX];
    if (fails(model, ENOSPC)) {
        return -1;
    }
    struct inode *parent = inode_resolve_parent(model->root, from, from_name);
    struct inode *inode = resolve(model, from);
    ASSERT(parent == inode_resolve_parent(model->root, to, to_name));
    if (inode == NULL) {
        errno = ENOENT;
        return -1;
    }
    if (power_goes(model)) {
        errno = EIO;
        return -1;
    }
    directory_change(parent, from_name, to_name, inode);
    return 0;
}

static int model_unlink(void *context, const char *path)
{
    struct file_model *model = context;
    char name[NAME_SIZE_MAX];
    if (fails(model, EIO)) {
        return -1;
    }
    struct inode *parent = inode_resolve_parent(model->root, path, name);
    if (resolve(model, path) == NULL) {
        errno = ENOENT;
        return -1;
    }
    if (power_goes(model)) {
        errno = EIO;
        return -1;
    }
    directory_change(parent, name, "", NULL);
    return 0;
}

static int model_mkdir(void *context, const char *path, unsigned mode)
{
    struct file_model *model = context;
    (void)mode;
    char name[NAME_SIZE_MAX];
    if (fails(model, ENOSPC)) {
        return -1;
    }
    struct inode *parent = inode_resolve_parent(model->root, path, name);
    if (parent == NULL || resolve(model, path) != NULL) {
        errno = parent == NULL ? ENOENT : EEXIST;
        return -1;
    }
    if (power_goes(model)) {
        errno = EIO;
        return -1;
    }
    directory_change(parent, "", name, inode_create(&model->inodes, parent, true));
    return 0;
}

static int model_file_size(void *context, int number, int64_t *size_out)
{
    struct file_model *model = context;
    if (fails(model, EIO)) {
        return -1;
    }
    *size_out = (int64_t)descriptor_at(model, number)->inode->live.size;
    return 0;
}

static int model_list(void *context, const char *path, void (*visit)(void *user, const char *name),
                      void *user)
{
    struct file_model *model = context;
    if (fails(model, EIO)) {
        return -1;
    }
    const struct inode *inode = resolve(model, path);
    if (inode == NULL) {
        errno = ENOENT;
        return -1;
    }
    for (uint32_t index = 0; index < inode->live_entries.count; index++) {
        visit(user, inode->live_entries.at[index].name);
    }
    return 0;
}

static int model_free_space(void *context, const char *path, uint64_t *bytes_out)
{
    (void)context;
    (void)path;
    *bytes_out = UINT64_MAX;
    return 0;
}

static int model_lock(void *context, int number)
{
    struct file_model *model = context;
    if (fails(model, EIO)) {
        return -1;
    }
    struct descriptor *descriptor = descriptor_at(model, number);
    if (descriptor->inode->is_locked) {
        errno = EWOULDBLOCK;
        return -1;
    }
    descriptor->inode->is_locked = true;
    descriptor->holds_lock = true;
    return 0;
}

static int model_unlock(void *context, int number)
{
    struct descriptor *descriptor = descriptor_at(context, number);
    if (descriptor->holds_lock) {
        descriptor->inode->is_locked = false;
        descriptor->holds_lock = false;
    }
    return 0;
}

static void *model_map(void *context, int number, size_t size)
{
    struct file_model *model = context;
    const struct inode *inode = descriptor_at(model, number)->inode;
    if (fails(model, EIO)) {
        return NULL;
    }
    ASSERT(size <= inode->live.size);
    void *copy = memory_allocate_aligned(64, size);
    memcpy(copy, inode->live.at, size);
    return copy;
}

static int model_memory_file(void *context, const char *label)
{
    struct file_model *model = context;
    if (fails(model, EMFILE)) {
        return -1;
    }
    return descriptor_open(model, inode_create(&model->inodes, NULL, false), label);
}

static int model_seal(void *context, int number)
{
    (void)descriptor_at(context, number);
    return fails(context, ENOMEM) ? -1 : 0;
}

static int model_unmap(void *context, void *address, size_t size)
{
    (void)context;
    (void)size;
    memory_free(address);
    return 0;
}

struct file_model *file_model_create(uint64_t seed)
{
    struct file_model *model = memory_allocate_zeroed(1, sizeof(*model));
    model->random = test_random_start(seed);
    model->root = inode_create(&model->inodes, NULL, true);
    model->root->parent = model->root;
    model->calls = (struct file_calls){
        .context = model,
        .open = model_open,
        .close = model_close,
        .write = model_write,
        .pread = model_pread,
        .fsync = model_fsync,
        .fdatasync = model_fdatasync,
        .ftruncate = model_ftruncate,
        .rename = model_rename,
        .unlink = model_unlink,
        .mkdir = model_mkdir,
        .file_size = model_file_size,
        .list = model_list,
        .free_space = model_free_space,
        .lock = model_lock,
        .unlock = model_unlock,
        .map = model_map,
        .unmap = model_unmap,
        .memory_file = model_memory_file,
        .seal = model_seal,
    };
    return model;
}

void file_model_destroy(struct file_model *model)
{
    for (struct inode *inode = model->inodes; inode != NULL;) {
        struct inode *next = inode->next;
        memory_free(inode->live.at);
        memory_free(inode->synced.at);
        memory_free(inode->live_entries.at);
        memory_free(inode->synced_entries.at);
        memory_free(inode->changes);
        memory_free(inode);
        inode = next;
    }
    memory_free(model);
}

const struct file_calls *file_model_calls(struct file_model *model)
{
    return &model->calls;
}

void file_model_set_mutant(struct file_model *model, enum file_model_mutant mutant)
{
    model->mutant = mutant;
}

uint64_t file_model_change_count(const struct file_model *model)
{
    return model->change_count;
}

uint64_t file_model_call_count(const struct file_model *model)
{
    return model->call_count;
}

void file_model_crash_at(struct file_model *model, uint64_t n)
{
    model->crash_at = n;
}

bool file_model_has_crashed(const struct file_model *model)
{
    return model->has_crashed;
}

void file_model_fail(struct file_model *model, uint64_t from, uint64_t until)
{
    model->fail_from = from;
    model->fail_until = until;
}

uint64_t file_model_failure_count(const struct file_model *model)
{
    return model->failure_count;
}

void file_model_kill(struct file_model *model)
{
    for (struct inode *inode = model->inodes; inode != NULL; inode = inode->next) {
        inode->is_locked = false;
    }
    memset(model->descriptors, 0, sizeof(model->descriptors));
    model->has_crashed = false;
    model->crash_at = 0;
    model->fail_from = 0;
    model->fail_until = 0;
}

void file_model_restart(struct file_model *model, enum file_model_loss loss, uint64_t seed)
{
    model->random = test_random_start(seed);
    for (struct inode *inode = model->inodes; inode != NULL; inode = inode->next) {
        if (loss == FILE_MODEL_LOSE_ALL) {
            bytes_set(&inode->live, inode->synced.at, inode->synced.size);
            entries_copy(&inode->live_entries, &inode->synced_entries);
        } else if (loss == FILE_MODEL_LOSE_SOME) {
            inode_lose_some(inode, &model->random);
        }
        inode_sync(inode);
    }
    model->manifest_was_synced = false;
    file_model_kill(model);
}
