// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/group/group_format.h"
#include "storage/group/group_private.h"
#include "storage/store_format.h"
#include "storage/store_load.h"

#include <stdlib.h>

/// Whoever makes the group does so in milliseconds; a process that was stopped meanwhile may take
/// longer.
#define CREATE_PATIENCE_US (10 * MICROSECONDS_PER_SECOND)
/// Far more processes than one host runs; only there so that the search ends.
#define STORE_NUMBER_MAX 4096u
#define STORE_NAME_PREFIX "node-"

char *group_store_path(const char *group_directory, uint32_t number)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/" STORE_NAME_PREFIX "%u", group_directory, number);
    return path.bytes;
}

/// The number in "node-<number>", written without leading zeros, or 0.
static uint32_t store_number_of(const char *name)
{
    size_t prefix = strlen(STORE_NAME_PREFIX);
    if (strncmp(name, STORE_NAME_PREFIX, prefix) != 0 || name[prefix] < '1' || name[prefix] > '9' ||
        strlen(name) > prefix + 4) {
        return 0;
    }
    char *end;
    unsigned long number = strtoul(name + prefix, &end, 10);
    return *end == '\0' && number <= STORE_NUMBER_MAX ? (uint32_t)number : 0;
}

struct number_list {
    uint32_t *numbers;
    uint32_t count;
};

static void visit_number(void *user, const char *name)
{
    struct number_list *list = user;
    uint32_t number = store_number_of(name);
    if (number > 0) {
        list->numbers =
            memory_resize_array(list->numbers, list->count + (size_t)1, sizeof(uint32_t));
        list->numbers[list->count++] = number;
    }
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static enum corong_status list_numbers(const char *directory, struct number_list *list,
                                       struct corong_error *error)
{
    *list = (struct number_list){0};
    enum corong_status status = file_list(directory, visit_number, list, error);
    if (status != CORONG_OK) {
        memory_free(list->numbers);
        *list = (struct number_list){0};
    } else if (list->count > 0) {
        qsort(list->numbers, list->count, sizeof(uint32_t), compare_numbers);
    }
    return status;
}

bool group_file_is_there(const char *directory, const char *name)
{
    char *path = store_load_path(directory, name);
    int descriptor;
    bool there = file_open_read(path, &descriptor, NULL) == CORONG_OK;
    if (there) {
        file_close_quietly(descriptor);
    }
    memory_free(path);
    return there;
}

bool store_group_is(const char *directory)
{
    return group_file_is_there(directory, "GROUP");
}

static void sync_parent(const char *directory)
{
    char *parent = store_load_path(directory, "..");
    file_sync_directory(parent);
    memory_free(parent);
}

static enum corong_status make_directories(const char *directory, struct corong_error *error)
{
    TRY(file_make_directory(directory, error));
    sync_parent(directory);
    char *owners = store_load_path(directory, "owners");
    enum corong_status status = file_make_directory(owners, error);
    memory_free(owners);
    TRY(status);
    file_sync_directory(directory);
    return CORONG_OK;
}

/// With the lock of the group held: stores without GROUP have lost it, and a new secret would part
/// them for ever.
static enum corong_status create_locked(struct store_group *group, struct corong_error *error)
{
    enum corong_status status = group_format_read(group->directory, &group->secret, error);
    if (status != CORONG_NOT_FOUND) {
        return status;
    }
    struct number_list stores;
    TRY(list_numbers(group->directory, &stores, error));
    memory_free(stores.numbers);
    if (stores.count > 0) {
        return error_set(error, CORONG_CORRUPT,
                         "'%s' holds stores, but its GROUP file is missing; restore it from a "
                         "backup",
                         group->directory);
    }
    return group_format_create(group->directory, &group->secret, error);
}

static enum corong_status create_group(struct store_group *group, struct corong_error *error)
{
    if (group_file_is_there(group->directory, "FORMAT")) {
        return error_set(error, CORONG_INVALID, "'%s' is a store, not a group of stores",
                         group->directory);
    }
    TRY(make_directories(group->directory, error));
    char *path = store_load_path(group->directory, "LOCK");
    int descriptor;
    enum corong_status status = file_open_append(path, &descriptor, error);
    if (status == CORONG_OK) {
        status = file_lock_wait(descriptor, path, CREATE_PATIENCE_US, error);
        if (status == CORONG_OK) {
            status = create_locked(group, error);
        }
        file_close_quietly(descriptor);
    }
    memory_free(path);
    return status;
}

enum corong_status store_group_open(struct store_group **group_out, const char *directory,
                                    bool create, struct corong_error *error)
{
    *group_out = NULL;
    struct store_group *group = memory_allocate_zeroed(1, sizeof(*group));
    group->directory = memory_copy_string(directory, strlen(directory));
    group->reservation = -1;
    pthread_mutex_init(&group->lock, NULL);
    enum corong_status status = group_format_read(directory, &group->secret, error);
    if (status == CORONG_NOT_FOUND && create) {
        status = create_group(group, error);
    }
    if (status != CORONG_OK) {
        store_group_close(group);
        return status;
    }
    *group_out = group;
    return CORONG_OK;
}

void store_group_close(struct store_group *group)
{
    if (group == NULL) {
        return;
    }
    store_group_forget(group);
    if (group->reservation >= 0) {
        file_close_quietly(group->reservation);
    }
    pthread_mutex_destroy(&group->lock);
    memory_free(group->claims);
    memory_free(group->entered);
    memory_free(group->store_directory);
    memory_free(group->directory);
    memory_free(group);
}

const char *store_group_directory(const struct store_group *group)
{
    return group->directory;
}

const struct hash_secret *store_group_secret(const struct store_group *group)
{
    return &group->secret;
}

/// Locks the number, so that two processes that look at the same time get different ones.
static enum corong_status reserve(struct store_group *group, uint32_t number,
                                  struct corong_error *error)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/owners/" STORE_NAME_PREFIX "%u.lock", group->directory, number);
    int descriptor;
    enum corong_status status = file_open_append(path.bytes, &descriptor, error);
    if (status == CORONG_OK) {
        status = file_lock(descriptor, path.bytes, error);
        if (status == CORONG_OK) {
            group->reservation = descriptor;
        } else {
            file_close_quietly(descriptor);
        }
    }
    text_buffer_deinit(&path);
    return status;
}

/// Makes the store, or sees that nobody uses it by its own name. CORONG_BUSY: somebody does.
static enum corong_status try_store(struct store_group *group, uint32_t number,
                                    struct corong_error *error)
{
    TRY(reserve(group, number, error));
    char *path = group_store_path(group->directory, number);
    struct store_options options = {.create = true, .secret = &group->secret};
    struct store *store;
    enum corong_status status = store_open(&store, path, &options, error);
    if (status == CORONG_OK) {
        store_close(store);
        group->store_number = number;
        group->store_directory = path;
        return CORONG_OK;
    }
    file_close_quietly(group->reservation);
    group->reservation = -1;
    memory_free(path);
    return status;
}

enum corong_status store_group_take_store(struct store_group *group, const char **directory_out,
                                          struct corong_error *error)
{
    *directory_out = NULL;
    for (uint32_t number = 1; group->store_number == 0; number++) {
        if (number > STORE_NUMBER_MAX) {
            return error_set(error, CORONG_BUSY, "all %u stores of '%s' are in use",
                             STORE_NUMBER_MAX, group->directory);
        }
        enum corong_status status = try_store(group, number, error);
        if (status != CORONG_OK && status != CORONG_BUSY) {
            error_prepend(error, "store %u of the group '%s'", number, group->directory);
            return status;
        }
    }
    *directory_out = group->store_directory;
    return CORONG_OK;
}

enum corong_status store_group_stores(const char *directory, struct store_group_stores *stores_out,
                                      struct corong_error *error)
{
    *stores_out = (struct store_group_stores){0};
    struct hash_secret secret;
    TRY(group_format_read(directory, &secret, error));
    struct number_list list;
    TRY(list_numbers(directory, &list, error));
    stores_out->directories = memory_allocate_zeroed(list.count, sizeof(char *));
    stores_out->numbers = list.numbers;
    for (uint32_t index = 0; index < list.count; index++) {
        char *path = group_store_path(directory, list.numbers[index]);
        if (group_file_is_there(path, "FORMAT")) {
            stores_out->numbers[stores_out->count] = list.numbers[index];
            stores_out->directories[stores_out->count++] = path;
        } else {
            memory_free(path); // its making was interrupted: nothing was ever committed to it
        }
    }
    return CORONG_OK;
}

void store_group_stores_deinit(struct store_group_stores *stores)
{
    for (uint32_t index = 0; index < stores->count; index++) {
        memory_free(stores->directories[index]);
    }
    memory_free(stores->directories);
    memory_free(stores->numbers);
    *stores = (struct store_group_stores){0};
}
