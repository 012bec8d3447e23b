// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/group/group_private.h"
#include "storage/store_load.h"

#include <stdlib.h>
#include <unistd.h>

/// A claim or a commit holds an owner file for some milliseconds. Whoever waits longer comes back:
/// the poll thread must go on polling, the committer tries a commit again.
#define CLAIM_PATIENCE_US (MICROSECONDS_PER_SECOND / 2)
#define COMMIT_PATIENCE_US MICROSECONDS_PER_SECOND

/// Index of the claim, or where it would stand. Under the lock.
static uint32_t claim_place(const struct store_group *group, struct hash128 source_id)
{
    uint32_t low = 0;
    uint32_t high = group->claim_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hash128_compare(group->claims[middle].source_id, source_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// Under the lock. NULL: never claimed.
static struct group_claim *claim_find(struct store_group *group, struct hash128 source_id)
{
    uint32_t place = claim_place(group, source_id);
    bool found =
        place < group->claim_count && hash128_equal(group->claims[place].source_id, source_id);
    return found ? &group->claims[place] : NULL;
}

static bool claim_copy(struct store_group *group, struct hash128 source_id,
                       struct group_claim *claim_out)
{
    pthread_mutex_lock(&group->lock);
    const struct group_claim *found = claim_find(group, source_id);
    if (found != NULL) {
        *claim_out = *found;
    }
    pthread_mutex_unlock(&group->lock);
    return found != NULL;
}

static void claim_keep(struct store_group *group, const struct group_claim *claim)
{
    pthread_mutex_lock(&group->lock);
    struct group_claim *found = claim_find(group, claim->source_id);
    if (found == NULL) {
        uint32_t place = claim_place(group, claim->source_id);
        if (group->claim_count == group->claim_capacity) {
            group->claim_capacity = group->claim_capacity * 2 + 16;
            group->claims =
                memory_resize_array(group->claims, group->claim_capacity, sizeof(*group->claims));
        }
        found = &group->claims[place];
        memmove(found + 1, found, (group->claim_count - place) * sizeof(*found));
        group->claim_count++;
    }
    *found = *claim;
    pthread_mutex_unlock(&group->lock);
}

static void claim_release(struct group_claim *claim)
{
    if (claim->state == GROUP_CLAIM_HELD) {
        claim->state = GROUP_CLAIM_RELEASED;
        file_close_quietly(claim->descriptor);
        claim->descriptor = -1;
    }
}

void store_group_release(struct store_group *group, struct hash128 source_id)
{
    pthread_mutex_lock(&group->lock);
    struct group_claim *claim = claim_find(group, source_id);
    if (claim != NULL) {
        claim_release(claim);
    }
    pthread_mutex_unlock(&group->lock);
}

void store_group_forget(struct store_group *group)
{
    pthread_mutex_lock(&group->lock);
    for (uint32_t index = 0; index < group->claim_count; index++) {
        claim_release(&group->claims[index]);
    }
    pthread_mutex_unlock(&group->lock);
}

/// The position of a source in one store; `found_out` false: it has none, or was never finished.
static enum corong_status position_in_store(const char *directory, struct hash128 source_id,
                                            struct store_position *position_out, bool *found_out,
                                            struct corong_error *error)
{
    *found_out = false;
    if (!group_file_is_there(directory, "CURRENT")) {
        return CORONG_OK; // written before the first commit, and never taken away
    }
    struct store_format format;
    struct manifest_state state;
    enum corong_status status = store_load_synced(directory, &format, &state, error);
    if (status == CORONG_NOT_FOUND) {
        return CORONG_OK;
    }
    TRY(status);
    const struct store_position *found = manifest_state_position(&state, source_id);
    if (found != NULL) {
        *position_out = *found;
        position_out->name = TEXT_MISSING; // its bytes go with the state
        *found_out = true;
    }
    manifest_state_deinit(&state);
    return CORONG_OK;
}

/// Of all stores, where nobody noted who came last: the position that is furthest.
static enum corong_status furthest_position(const struct store_group *group,
                                            struct hash128 source_id,
                                            struct store_position *position_out, bool *found_out,
                                            struct corong_error *error)
{
    *found_out = false;
    struct store_group_stores stores;
    TRY(store_group_stores(group->directory, &stores, error));
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; index < stores.count && status == CORONG_OK; index++) {
        struct store_position position;
        bool found;
        status = position_in_store(stores.directories[index], source_id, &position, &found, error);
        if (status == CORONG_OK && found &&
            (!*found_out || position.next_offset > position_out->next_offset)) {
            *position_out = position;
            *found_out = true;
        }
    }
    store_group_stores_deinit(&stores);
    return status;
}

/// Where the last owner stands: its last commit since it claimed, or else where it began. Not the
/// furthest of all stores: a source that was cut short and read on from there goes back.
static enum corong_status position_after(const struct store_group *group,
                                         const struct group_owner_record *record,
                                         struct store_position *position_out, bool *found_out,
                                         struct corong_error *error)
{
    char *path = group_store_path(group->directory, record->store_number);
    enum corong_status status =
        position_in_store(path, record->source_id, position_out, found_out, error);
    memory_free(path);
    TRY(status);
    uint64_t fingerprint = group_owner_fingerprint(*found_out ? position_out : NULL);
    if (fingerprint != record->fingerprint && !*found_out) {
        // The owner's store is gone, and what it held with it: the others are what there is.
        return furthest_position(group, record->source_id, position_out, found_out, error);
    }
    if (fingerprint == record->fingerprint) {
        *found_out = record->has_start;
        *position_out = (struct store_position){
            .id = record->source_id,
            .next_offset = record->start_offset,
            .anchor_offset = record->start_anchor_offset,
            .anchor_hash = record->start_anchor_hash,
            .epoch = record->start_epoch,
            .topic_id = record->start_topic_id,
        };
    }
    return CORONG_OK;
}

/// What an owner file says, under its lock.
struct owner_view {
    const char *path;
    int descriptor;
    struct group_owner_record record;
    bool has_record;
    struct store_position position;
    bool has_position;
};

static enum corong_status look(const struct store_group *group, struct hash128 source_id,
                               struct owner_view *view, struct corong_error *error)
{
    TRY(group_owner_read(view->descriptor, source_id, &view->record, &view->has_record, error));
    return view->has_record
               ? position_after(group, &view->record, &view->position, &view->has_position, error)
               : furthest_position(group, source_id, &view->position, &view->has_position, error);
}

static enum corong_status fenced(const struct owner_view *view, struct corong_error *error)
{
    return view->has_record
               ? error_set(error, CORONG_FENCED,
                           "'%s' was taken over by node-%u (process %u, claim %llu)",
                           view->record.name, view->record.store_number, view->record.process_id,
                           (unsigned long long)view->record.epoch)
               : error_set(error, CORONG_FENCED, "the claim in '%s' is gone", view->path);
}

/// Notes the new claim.
static enum corong_status note_claim(struct store_group *group, const struct owner_view *view,
                                     struct hash128 source_id, struct text name,
                                     struct group_claim *claim_out, struct corong_error *error)
{
    struct store_position own;
    bool has_own;
    TRY(position_in_store(group->store_directory, source_id, &own, &has_own, error));
    struct group_owner_record record = {
        .epoch = view->has_record ? view->record.epoch + 1 : 1,
        .store_number = group->store_number,
        .process_id = (uint32_t)getpid(),
        .source_id = source_id,
        .fingerprint = group_owner_fingerprint(has_own ? &own : NULL),
        .has_start = view->has_position,
    };
    if (view->has_position) {
        record.start_offset = view->position.next_offset;
        record.start_anchor_offset = view->position.anchor_offset;
        record.start_anchor_hash = view->position.anchor_hash;
        record.start_topic_id = view->position.topic_id;
        record.start_epoch = view->position.epoch;
    }
    hash_random_bytes(&record.token, sizeof(record.token));
    size_t shown =
        name.size < GROUP_OWNER_NAME_SIZE_MAX ? name.size : (size_t)GROUP_OWNER_NAME_SIZE_MAX;
    if (shown > 0) {
        memcpy(record.name, name.bytes, shown);
    }
    TRY(group_owner_append(view->descriptor, view->path, &record, error));
    *claim_out = (struct group_claim){
        .source_id = source_id,
        .state = GROUP_CLAIM_HELD,
        .token = record.token,
        .descriptor = view->descriptor,
    };
    return CORONG_OK;
}

/// With the lock of the owner file held.
static enum corong_status claim_locked(struct store_group *group, struct owner_view *view,
                                       struct hash128 source_id, struct text name, bool *kept_out,
                                       struct corong_error *error)
{
    struct group_claim claim;
    TRY(look(group, source_id, view, error));
    if (claim_copy(group, source_id, &claim) && claim.state == GROUP_CLAIM_HELD) {
        bool ours = view->has_record && hash128_equal(view->record.token, claim.token);
        return ours ? CORONG_OK : fenced(view, error);
    }
    TRY(note_claim(group, view, source_id, name, &claim, error));
    claim_keep(group, &claim);
    *kept_out = true;
    return CORONG_OK;
}

static enum corong_status open_owner(const struct store_group *group, const char *path,
                                     int *descriptor_out, struct corong_error *error)
{
    TRY(file_open_append(path, descriptor_out, error));
    enum corong_status status = file_lock_wait(*descriptor_out, path, CLAIM_PATIENCE_US, error);
    int64_t size = 0;
    if (status == CORONG_OK) {
        status = file_size(*descriptor_out, &size, error);
    }
    if (status != CORONG_OK) {
        file_close_quietly(*descriptor_out);
        return status;
    }
    if (size == 0) {
        char *owners = store_load_path(group->directory, "owners");
        file_sync_directory(owners);
        memory_free(owners);
    }
    return CORONG_OK;
}

enum corong_status store_group_claim(struct store_group *group, struct hash128 source_id,
                                     struct text name, struct store_position *position_out,
                                     bool *found_out, struct corong_error *error)
{
    ASSERT(group->store_number > 0); // store_group_take_store() comes first
    char *path = group_owner_path(group->directory, source_id);
    struct owner_view view = {.path = path};
    bool kept = false;
    enum corong_status status = open_owner(group, path, &view.descriptor, error);
    if (status == CORONG_OK) {
        status = claim_locked(group, &view, source_id, name, &kept, error);
        if (kept) {
            file_unlock(view.descriptor); // the claim keeps it open for its commits
        } else {
            file_close_quietly(view.descriptor);
        }
    }
    memory_free(path);
    *found_out = status == CORONG_OK && view.has_position;
    *position_out = *found_out ? view.position : (struct store_position){.anchor_offset = -1};
    position_out->id = source_id;
    position_out->name = name;
    position_out->first_offset = *found_out ? position_out->next_offset : -1;
    position_out->counters = (struct store_counters){0};
    return status;
}

static void guard_leave(void *context)
{
    struct store_group *group = context;
    for (uint32_t index = 0; index < group->entered_count; index++) {
        file_unlock(group->entered[index]);
    }
    group->entered_count = 0;
}

/// Locks one owner file and looks whether the claim still counts.
static enum corong_status enter_one(struct store_group *group, const struct group_claim *claim,
                                    const struct store_position *position,
                                    struct corong_error *error)
{
    int name_size = position->name.size < 200 ? (int)position->name.size : 200;
    const char *name = name_size > 0 ? position->name.bytes : "";
    if (claim->state != GROUP_CLAIM_HELD) {
        return error_set(error, CORONG_FENCED, "'%.*s' was given back before this commit",
                         name_size, name);
    }
    struct owner_view view = {.path = name, .descriptor = claim->descriptor};
    char *path = group_owner_path(group->directory, claim->source_id);
    enum corong_status status = file_lock_wait(claim->descriptor, path, COMMIT_PATIENCE_US, error);
    if (status == CORONG_OK) {
        group->entered[group->entered_count++] = claim->descriptor;
        view.path = path;
        status = group_owner_read(claim->descriptor, claim->source_id, &view.record,
                                  &view.has_record, error);
        bool ours = view.has_record && hash128_equal(view.record.token, claim->token);
        if (status == CORONG_OK && !ours) {
            status = fenced(&view, error);
        }
    }
    memory_free(path);
    return status;
}

static int compare_moved(const void *left, const void *right)
{
    const struct store_position *const *a = left;
    const struct store_position *const *b = right;
    return hash128_compare((*a)->id, (*b)->id);
}

/// The locks are taken in the order of the ids, by all processes: no circle.
static enum corong_status guard_enter(void *context, const struct store_position *const *moved,
                                      uint32_t count, struct corong_error *error)
{
    struct store_group *group = context;
    ASSERT(group->entered_count == 0);
    size_t entry_size = sizeof(struct store_position *);
    const struct store_position **sorted = memory_allocate_zeroed(count, entry_size);
    memcpy(sorted, moved, count * entry_size);
    qsort(sorted, count, entry_size, compare_moved);
    group->entered = memory_resize_array(group->entered, count, sizeof(int));
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; index < count && status == CORONG_OK; index++) {
        struct group_claim claim;
        if (claim_copy(group, sorted[index]->id, &claim)) {
            status = enter_one(group, &claim, sorted[index], error);
        }
    }
    memory_free(sorted);
    if (status != CORONG_OK) {
        guard_leave(group);
    }
    return status;
}

struct store_commit_guard store_group_guard(struct store_group *group)
{
    return (struct store_commit_guard){
        .context = group, .enter = guard_enter, .leave = guard_leave};
}
