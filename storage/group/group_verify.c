// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/group/group_format.h"
#include "storage/group/group_private.h"
#include "storage/store_format.h"
#include "storage/store_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_PATIENCE_US (5 * MICROSECONDS_PER_SECOND)

struct group_check {
    const char *directory;
    struct store_group_stores stores;
    void (*found)(void *context, const char *message);
    void *context;
    struct corong_error *error;
    enum corong_status status; ///< of the first fault
};

static void report(struct group_check *check, const struct corong_error *fault)
{
    if (check->status == CORONG_OK) {
        check->status = fault->status;
        if (check->error != NULL) {
            *check->error = *fault;
        }
    }
    check->found(check->context, fault->message);
}

/// What the stores together say of one source.
struct source_books {
    char name[GROUP_OWNER_NAME_SIZE_MAX + 1];
    int64_t first_offset; ///< the least
    int64_t next_offset;  ///< the greatest
    uint64_t accounted;   ///< messages, control and gaps of all
    bool is_known;        ///< some store has a position, and all say where they began
};

static void add_position(struct source_books *books, const struct store_position *position,
                         bool is_first)
{
    const struct store_counters *counters = &position->counters;
    books->accounted += counters->messages + counters->control + counters->gaps;
    books->is_known = (is_first || books->is_known) && position->first_offset >= 0;
    if (is_first || position->first_offset < books->first_offset) {
        books->first_offset = position->first_offset;
    }
    if (is_first || position->next_offset > books->next_offset) {
        books->next_offset = position->next_offset;
    }
    snprintf(books->name, sizeof(books->name), "%.*s",
             position->name.size < GROUP_OWNER_NAME_SIZE_MAX ? (int)position->name.size
                                                             : (int)GROUP_OWNER_NAME_SIZE_MAX,
             position->name.size > 0 ? position->name.bytes : "");
}

/// With the source's owner file locked: no commit moves it meanwhile.
static enum corong_status collect_books(const struct group_check *check, struct hash128 source_id,
                                        struct source_books *books, struct corong_error *error)
{
    bool is_first = true;
    for (uint32_t index = 0; index < check->stores.count; index++) {
        struct store_format format;
        struct manifest_state state;
        enum corong_status status =
            store_load(check->stores.directories[index], &format, &state, error);
        if (status == CORONG_NOT_FOUND) {
            continue; // nothing was committed to it yet
        }
        TRY(status);
        const struct store_position *position = manifest_state_position(&state, source_id);
        if (position != NULL) {
            add_position(books, position, is_first);
            is_first = false;
        }
        manifest_state_deinit(&state);
    }
    return CORONG_OK;
}

static enum corong_status check_balance(const struct source_books *books,
                                        struct corong_error *error)
{
    uint64_t span = (uint64_t)(books->next_offset - books->first_offset);
    if (!books->is_known || span == books->accounted) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_CORRUPT,
                     "the books of '%s' do not balance: the stores account for %" PRIu64
                     " of its offsets %" PRId64 " to %" PRId64 ", which are %" PRIu64,
                     books->name, books->accounted, books->first_offset, books->next_offset, span);
}

static enum corong_status check_source(const struct group_check *check, struct hash128 source_id,
                                       struct corong_error *error)
{
    char *path = group_owner_path(check->directory, source_id);
    int descriptor;
    enum corong_status status = file_open_read(path, &descriptor, error);
    if (status == CORONG_OK) {
        struct source_books books = {0};
        status = file_lock_wait(descriptor, path, LOCK_PATIENCE_US, error);
        if (status == CORONG_OK) {
            status = collect_books(check, source_id, &books, error);
        }
        file_close_quietly(descriptor);
        if (status == CORONG_OK) {
            status = check_balance(&books, error);
        }
    }
    memory_free(path);
    return status;
}

struct source_list {
    struct hash128 *ids;
    uint32_t count;
};

static void visit_owner(void *user, const char *name)
{
    struct source_list *list = user;
    char half[17] = {0};
    if (strlen(name) != 32 || strspn(name, "0123456789abcdef") != 32) {
        return;
    }
    list->ids = memory_resize_array(list->ids, list->count + (size_t)1, sizeof(*list->ids));
    struct hash128 *id = &list->ids[list->count++];
    memcpy(half, name, 16);
    id->high = strtoull(half, NULL, 16);
    memcpy(half, name + 16, 16);
    id->low = strtoull(half, NULL, 16);
}

static void check_sources(struct group_check *check)
{
    struct corong_error fault = {0};
    struct source_list list = {0};
    char *owners = store_load_path(check->directory, "owners");
    enum corong_status status = file_list(owners, visit_owner, &list, &fault);
    if (status != CORONG_OK) {
        report(check, &fault);
    }
    for (uint32_t index = 0; index < list.count; index++) {
        fault = (struct corong_error){0};
        if (check_source(check, list.ids[index], &fault) != CORONG_OK) {
            report(check, &fault);
        }
    }
    memory_free(list.ids);
    memory_free(owners);
}

static void check_stores(struct group_check *check, const struct hash_secret *secret)
{
    for (uint32_t index = 0; index < check->stores.count; index++) {
        const char *directory = check->stores.directories[index];
        struct corong_error fault = {0};
        struct store_format format;
        if (store_format_read(directory, &format, NULL) == CORONG_OK &&
            memcmp(format.secret.bytes, secret->bytes, HASH_SECRET_SIZE) != 0) {
            (void)error_set(&fault, CORONG_CORRUPT,
                            "the store '%s' was made with another secret than its group's",
                            directory);
            report(check, &fault);
        }
        struct corong_error first = {0};
        enum corong_status status = store_verify(directory, check->found, check->context, &first);
        if (status != CORONG_OK && check->status == CORONG_OK) {
            check->status = status;
            if (check->error != NULL) {
                *check->error = first;
            }
        }
    }
}

enum corong_status store_group_verify(const char *directory,
                                      void (*found)(void *context, const char *message),
                                      void *context, struct corong_error *error)
{
    struct group_check check = {
        .directory = directory, .found = found, .context = context, .error = error};
    struct corong_error fault = {0};
    struct hash_secret secret;
    enum corong_status status = group_format_read(directory, &secret, &fault);
    if (status == CORONG_OK) {
        status = store_group_stores(directory, &check.stores, &fault);
    }
    if (status != CORONG_OK) {
        report(&check, &fault);
        return check.status;
    }
    check_stores(&check, &secret);
    check_sources(&check);
    store_group_stores_deinit(&check.stores);
    return check.status;
}
