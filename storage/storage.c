// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/manifest/manifest.h"
#include "storage/store_collect.h"
#include "storage/store_dead.h"
#include "storage/store_format.h"
#include "storage/store_load.h"

#include <unistd.h>

struct store {
    char *directory;
    char *segment_directory;
    struct store_format format;
    struct manifest_state state;
    struct manifest_log log;
    int lock_descriptor;             ///< -1: read only
    struct store_commit_guard guard; ///< enter NULL: none
};

/// Names the holder, as far as its LOCK file tells.
static enum corong_status report_busy(const char *path, struct corong_error *error)
{
    char *content = NULL;
    size_t size = 0;
    if (file_read_whole(path, 256, &content, &size, NULL) != CORONG_OK) {
        size = 0;
    }
    while (size > 0 && content[size - 1] == '\n') {
        size--;
    }
    enum corong_status status =
        error_set(error, CORONG_BUSY, "the store is in use by %.*s ('%s' is locked)",
                  size == 0 ? 15 : (int)size, size == 0 ? "another process" : content, path);
    memory_free(content);
    return status;
}

/// Who holds the lock, for people. Failing to write it (disk full) harms nobody.
static void write_holder(int descriptor)
{
    struct text_buffer holder = {0};
    text_buffer_printf(&holder, "process %ld\n", (long)getpid());
    if (file_truncate(descriptor, 0, NULL) == CORONG_OK &&
        file_write_all(descriptor, holder.bytes, holder.size, NULL) != CORONG_OK) {
        (void)!file_truncate(descriptor, 0, NULL);
    }
    text_buffer_deinit(&holder);
}

static enum corong_status take_lock(struct store *store, struct corong_error *error)
{
    char *path = store_load_path(store->directory, "LOCK");
    int descriptor = -1;
    enum corong_status status = file_open_append(path, &descriptor, error);
    if (status == CORONG_OK) {
        status = file_lock(descriptor, path, error);
        if (status == CORONG_OK) {
            store->lock_descriptor = descriptor;
            write_holder(descriptor);
        } else {
            file_close_quietly(descriptor);
            status = status == CORONG_BUSY ? report_busy(path, error) : status;
        }
    }
    memory_free(path);
    return status;
}

static void sync_parent(const char *directory)
{
    struct text_buffer parent = {0};
    text_buffer_printf(&parent, "%s/..", directory);
    file_sync_directory(parent.bytes);
    text_buffer_deinit(&parent);
}

static enum corong_status make_subdirectories(const struct store *store, struct corong_error *error)
{
    static const char *const names[] = {"manifest", "seg", "dead"};
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++) {
        char *path = store_load_path(store->directory, names[index]);
        enum corong_status status = file_make_directory(path, error);
        memory_free(path);
        TRY(status);
    }
    // A crash during creation may have kept FORMAT and lost these names.
    file_sync_directory(store->directory);
    return CORONG_OK;
}

/// With the lock held: reads FORMAT, or writes it where creation never got that far.
static enum corong_status open_format(struct store *store, const struct store_options *options,
                                      struct corong_error *error)
{
    enum corong_status status = store_format_read(store->directory, &store->format, error);
    if (status == CORONG_OK && store->format.is_read_only) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "'%s' has features of a newer version and can only be read",
                         store->directory);
    }
    if (status != CORONG_NOT_FOUND || !options->create) {
        return status;
    }
    TRY(store_collect_refuse_orphans(store->directory, error));
    sync_parent(store->directory);
    int64_t period_us = options->period_us > 0 ? options->period_us
                                               : STORE_PERIOD_DAYS_DEFAULT * MICROSECONDS_PER_DAY;
    return store_format_create(store->directory, period_us, options->secret, &store->format, error);
}

/// A store of another group has other user keys: they would never meet.
static enum corong_status check_secret(const struct store *store,
                                       const struct store_options *options,
                                       struct corong_error *error)
{
    if (options->secret == NULL ||
        memcmp(options->secret->bytes, store->format.secret.bytes, HASH_SECRET_SIZE) == 0) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID,
                     "the store '%s' was made with another secret than its group's",
                     store->directory);
}

static enum corong_status open_manifest(struct store *store, struct corong_error *error)
{
    struct manifest_place place = store_load_place(store->directory, &store->format);
    enum corong_status status = manifest_load(&place, &store->state, error);
    if (status == CORONG_NOT_FOUND) {
        status = manifest_recover(&place, &store->state, error);
    }
    TRY(status);
    TRY(store_load_check_files(store->directory, &store->state, error));
    TRY(manifest_log_open(&store->log, &place, error));
    // A new inode at every open: after a failed sync the page cache may show what the disk lacks.
    TRY(manifest_log_rotate(&store->log, &store->state, error));
    manifest_log_collect(&store->log);
    store_collect(store->directory, &store->state);
    return CORONG_OK;
}

/// The format is looked at before anything is touched: an unknown one is refused unmodified.
static enum corong_status prepare_directory(const struct store *store,
                                            const struct store_options *options,
                                            struct corong_error *error)
{
    struct store_format format;
    enum corong_status status = store_format_read(store->directory, &format, error);
    if (status != CORONG_NOT_FOUND || !options->create) {
        return status;
    }
    return file_make_directory(store->directory, error);
}

/// Two kinds of directory that one must not take for the other.
static enum corong_status refuse_group(const char *directory, struct corong_error *error)
{
    char *path = store_load_path(directory, "GROUP");
    int descriptor;
    bool is_group = file_open_read(path, &descriptor, NULL) == CORONG_OK;
    memory_free(path);
    if (is_group) {
        file_close_quietly(descriptor);
        return error_set(error, CORONG_INVALID,
                         "'%s' is a group of stores; name one of them ('%s/node-1')", directory,
                         directory);
    }
    return CORONG_OK;
}

static enum corong_status open_for_writing(struct store *store, const struct store_options *options,
                                           struct corong_error *error)
{
    TRY(refuse_group(store->directory, error));
    TRY(prepare_directory(store, options, error));
    TRY(take_lock(store, error));
    TRY(open_format(store, options, error));
    TRY(check_secret(store, options, error));
    TRY(make_subdirectories(store, error));
    return open_manifest(store, error);
}

enum corong_status store_open(struct store **store_out, const char *directory,
                              const struct store_options *options, struct corong_error *error)
{
    *store_out = NULL;
    struct store *store = memory_allocate_zeroed(1, sizeof(*store));
    store->directory = memory_copy_string(directory, strlen(directory));
    store->segment_directory = store_load_path(directory, "seg");
    store->lock_descriptor = -1;
    store->log.descriptor = -1;
    manifest_state_init(&store->state);
    enum corong_status status;
    if (options->read_only) {
        manifest_state_deinit(&store->state);
        status = store_load(directory, &store->format, &store->state, error);
    } else {
        status = open_for_writing(store, options, error);
    }
    if (status != CORONG_OK) {
        store_close(store);
        return status;
    }
    *store_out = store;
    return CORONG_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    manifest_log_close(&store->log);
    if (store->lock_descriptor >= 0) {
        file_close_quietly(store->lock_descriptor);
    }
    manifest_state_deinit(&store->state);
    memory_free(store->segment_directory);
    memory_free(store->directory);
    memory_free(store);
}

const struct hash_secret *store_secret(const struct store *store)
{
    return &store->format.secret;
}

int64_t store_period_us(const struct store *store)
{
    return store->format.period_us;
}

const char *store_directory(const struct store *store)
{
    return store->directory;
}

const char *store_segment_directory(const struct store *store)
{
    return store->segment_directory;
}

const struct schema *store_schema(const struct store *store)
{
    return &store->state.schema;
}

enum corong_status store_add_attribute(struct store *store, struct text name, enum column_type type,
                                       uint32_t *index_out, struct corong_error *error)
{
    return schema_add(&store->state.schema, &store->state.arena, name, type, index_out, error);
}

const struct store_position *store_position_find(const struct store *store, struct hash128 id)
{
    return manifest_state_position(&store->state, id);
}

const struct store_position *store_positions(const struct store *store, uint32_t *count_out)
{
    *count_out = store->state.position_count;
    return store->state.positions;
}

struct store_totals store_totals(const struct store *store)
{
    return store->state.totals;
}

uint64_t store_sequence(const struct store *store)
{
    return store->state.sequence;
}

const struct segment_meta *store_segments(const struct store *store, uint32_t *count_out)
{
    *count_out = store->state.segment_count;
    return store->state.segments;
}

void store_set_commit_guard(struct store *store, struct store_commit_guard guard)
{
    store->guard = guard;
}

static bool has_twin(const struct segment_meta *metas, uint32_t count, uint32_t index)
{
    for (uint32_t other = index + 1; other < count; other++) {
        if (memcmp(metas[index].uuid, metas[other].uuid, SEGMENT_UUID_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

/// Also works out the totals after the commit.
static enum corong_status check_commit(const struct store *store, const struct store_commit *commit,
                                       struct store_totals *totals, struct corong_error *error)
{
    if (store->lock_descriptor < 0) {
        return error_set(error, CORONG_INVALID, "the store was opened for reading only");
    }
    *totals = store->state.totals;
    totals->duplicates += commit->duplicates;
    for (uint32_t index = 0; index < commit->removed_count; index++) {
        const struct segment_meta *removed = &commit->removed[index];
        int64_t found = manifest_state_segment(&store->state, removed->uuid);
        if (found < 0 || has_twin(commit->removed, commit->removed_count, index)) {
            return error_set(error, CORONG_INVALID, "a segment to remove is not in the store");
        }
        const struct segment_meta *live = &store->state.segments[found];
        totals->rows -= live->row_count;
        totals->digest = hash128_subtract(totals->digest, live->row_digest);
    }
    for (uint32_t index = 0; index < commit->added_count; index++) {
        const struct segment_meta *added = &commit->added[index];
        if (manifest_state_segment(&store->state, added->uuid) >= 0 ||
            has_twin(commit->added, commit->added_count, index)) {
            return error_set(error, CORONG_INVALID, "a segment to add is in the store already");
        }
        totals->rows += added->row_count;
        totals->digest = hash128_add(totals->digest, added->row_digest);
    }
    return CORONG_OK;
}

static void encode_commit(const struct store *store, const struct store_commit *commit,
                          const struct store_dead_list *dead, struct store_totals totals,
                          struct text_buffer *payload)
{
    struct manifest_change change = {
        .schema = &store->state.schema,
        .column_first = store->state.committed_column_count,
        .column_end = store->state.schema.column_count,
        .added = commit->added,
        .added_count = commit->added_count,
        .removed = commit->removed,
        .removed_count = commit->removed_count,
        .positions = commit->positions,
        .position_count = commit->position_count,
        .duplicates = commit->duplicates,
        .dead_files = dead->files,
        .dead_file_count = dead->count,
        .totals = totals,
    };
    manifest_change_encode(&change, payload);
}

static enum corong_status append_record(struct store *store, struct text payload,
                                        struct corong_error *error)
{
    if (manifest_log_is_full(&store->log)) {
        TRY(manifest_log_rotate(&store->log, &store->state, error));
    }
    TRY(manifest_log_append(&store->log, store->state.sequence + 1, payload, error));
    // The record is what recovery would replay: the state in memory changes through the same code.
    enum corong_status status =
        manifest_state_apply(&store->state, payload.bytes, payload.size, NULL);
    ASSERT(status == CORONG_OK);
    store->state.sequence++;
    return CORONG_OK;
}

static bool has_moved(const struct store *store, const struct store_position *position)
{
    const struct store_position *committed = manifest_state_position(&store->state, position->id);
    return committed == NULL || committed->next_offset != position->next_offset ||
           committed->anchor_offset != position->anchor_offset ||
           committed->anchor_hash != position->anchor_hash || committed->epoch != position->epoch ||
           committed->first_offset != position->first_offset ||
           !hash128_equal(committed->topic_id, position->topic_id) ||
           memcmp(&committed->counters, &position->counters, sizeof(position->counters)) != 0;
}

/// Writes the record while the guard holds what the commit moves.
static enum corong_status append_guarded(struct store *store, const struct store_commit *commit,
                                         struct text payload, struct corong_error *error)
{
    const struct store_position **moved =
        memory_allocate_zeroed(commit->position_count, sizeof(struct store_position *));
    uint32_t count = 0;
    for (uint32_t index = 0; store->guard.enter != NULL && index < commit->position_count;
         index++) {
        if (has_moved(store, &commit->positions[index])) {
            moved[count++] = &commit->positions[index];
        }
    }
    enum corong_status status = CORONG_OK;
    if (count > 0) {
        status = store->guard.enter(store->guard.context, moved, count, error);
    }
    if (status == CORONG_OK) {
        status = append_record(store, payload, error);
        if (count > 0) {
            store->guard.leave(store->guard.context);
        }
    }
    memory_free(moved);
    return status;
}

static void list_dead(const struct manifest_state *state, struct store_dead_list *list)
{
    list->count = state->dead_file_count;
    memcpy(list->files, state->dead_files, sizeof(list->files));
}

static void remove_segments(const struct store *store, const struct store_commit *commit)
{
    for (uint32_t index = 0; index < commit->removed_count; index++) {
        char *path = store_load_segment_path(store->directory, commit->removed[index].uuid);
        file_remove_quietly(path); // what stays is collected at the next open
        memory_free(path);
    }
}

enum corong_status store_commit(struct store *store, const struct store_commit *commit,
                                struct corong_error *error)
{
    struct store_totals totals = {0};
    TRY(check_commit(store, commit, &totals, error));
    if (commit->added_count > 0) {
        file_sync_directory(store->segment_directory);
    }
    struct store_dead_list dead_before;
    list_dead(&store->state, &dead_before);
    struct store_dead_list dead = dead_before;
    if (commit->dead_letters.size > 0) {
        TRY(store_dead_append(store->directory, commit->dead_letters, &dead, error));
    }
    struct text_buffer payload = {0};
    encode_commit(store, commit, &dead, totals, &payload);
    enum corong_status status =
        append_guarded(store, commit, (struct text){payload.bytes, payload.size}, error);
    text_buffer_deinit(&payload);
    TRY(status);
    ASSERT(store->state.totals.rows == totals.rows &&
           hash128_equal(store->state.totals.digest, totals.digest));
    remove_segments(store, commit);
    store_dead_remove(store->directory, &dead_before, &dead);
    return CORONG_OK;
}
