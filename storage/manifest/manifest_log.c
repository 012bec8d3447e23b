// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/manifest/manifest_name.h"
#include "storage/manifest/manifest_record.h"

/// A new file is begun when this much was appended behind the snapshot.
#define LOG_GROWTH_MAX ((uint64_t)16 << 20)

enum corong_status manifest_log_open(struct manifest_log *log, const struct manifest_place *place,
                                     struct corong_error *error)
{
    *log = (struct manifest_log){.place = *place, .descriptor = -1};
    struct manifest_numbers numbers = {0};
    enum corong_status status = manifest_numbers_list(place, &numbers, error);
    for (uint32_t index = 0; index < numbers.count; index++) {
        uint64_t number = numbers.values[index];
        log->number_max = number > log->number_max ? number : log->number_max;
    }
    manifest_numbers_deinit(&numbers);
    return status;
}

void manifest_log_close(struct manifest_log *log)
{
    if (log->descriptor >= 0) {
        // Everything in it was synced; a failing close has nothing to lose.
        file_close_quietly(log->descriptor);
        log->descriptor = -1;
    }
}

bool manifest_log_is_full(const struct manifest_log *log)
{
    return log->descriptor < 0 || log->tail_is_dirty ||
           log->size_bytes - log->snapshot_size > LOG_GROWTH_MAX;
}

static void encode_snapshot(const struct manifest_place *place, uint64_t number,
                            const struct manifest_state *state, struct manifest_record *record,
                            struct text_buffer *out)
{
    struct manifest_change change;
    manifest_state_snapshot(state, &change);
    struct text_buffer payload = {0};
    manifest_change_encode(&change, &payload);
    *record = (struct manifest_record){
        .type = MANIFEST_RECORD_SNAPSHOT,
        .flags = MANIFEST_FLAG_POSITIONS,
        .sequence = state->sequence,
        .previous_hash = manifest_place_binding(place, number),
        .payload = {payload.bytes, payload.size},
    };
    manifest_record_encode(record, manifest_place_seed(place), out);
    text_buffer_deinit(&payload);
}

/// Creates `path` with the snapshot in it, synced, its name too. Leaves the descriptor open.
static enum corong_status write_snapshot(const struct manifest_place *place, const char *path,
                                         struct text bytes, int *descriptor_out,
                                         struct corong_error *error)
{
    int descriptor;
    TRY(file_create(path, &descriptor, error));
    enum corong_status status = file_write_all(descriptor, bytes.bytes, bytes.size, error);
    if (status != CORONG_OK) {
        error_prepend(error, "'%s'", path);
        file_close_quietly(descriptor);
        file_remove_quietly(path);
        return status;
    }
    file_sync(descriptor, path);
    char *directory = manifest_place_directory(place);
    file_sync_directory(directory);
    memory_free(directory);
    *descriptor_out = descriptor;
    return CORONG_OK;
}

static void log_switch(struct manifest_log *log, int descriptor, uint64_t number,
                       const struct manifest_record *snapshot)
{
    uint64_t old_number = log->number;
    bool had_old = log->descriptor >= 0;
    manifest_log_close(log);
    log->descriptor = descriptor;
    log->number = number;
    log->size_bytes = snapshot->size_bytes;
    log->snapshot_size = snapshot->size_bytes;
    log->last_hash = snapshot->hash;
    log->tail_is_dirty = false;
    if (had_old) {
        char *old_path = manifest_path(&log->place, old_number);
        file_remove_quietly(old_path); // what stays is collected at the next open
        memory_free(old_path);
    }
}

enum corong_status manifest_log_rotate(struct manifest_log *log, const struct manifest_state *state,
                                       struct corong_error *error)
{
    uint64_t number = ++log->number_max;
    char *path = manifest_path(&log->place, number);
    struct text_buffer bytes = {0};
    struct manifest_record snapshot;
    encode_snapshot(&log->place, number, state, &snapshot, &bytes);
    int descriptor = -1;
    enum corong_status status = write_snapshot(
        &log->place, path, (struct text){bytes.bytes, bytes.size}, &descriptor, error);
    if (status == CORONG_OK) {
        status = manifest_current_write(&log->place, number, error);
        if (status == CORONG_OK) {
            log_switch(log, descriptor, number, &snapshot);
        } else {
            file_close_quietly(descriptor);
            file_remove_quietly(path);
        }
    }
    text_buffer_deinit(&bytes);
    memory_free(path);
    return status;
}

enum corong_status manifest_log_append(struct manifest_log *log, uint64_t sequence,
                                       struct text payload, struct corong_error *error)
{
    ASSERT(!manifest_log_is_full(log));
    struct manifest_record record = {
        .type = MANIFEST_RECORD_COMMIT,
        .flags = MANIFEST_FLAG_POSITIONS,
        .sequence = sequence,
        .previous_hash = log->last_hash,
        .payload = payload,
    };
    struct text_buffer bytes = {0};
    manifest_record_encode(&record, manifest_place_seed(&log->place), &bytes);
    enum corong_status status = file_write_all(log->descriptor, bytes.bytes, bytes.size, error);
    text_buffer_deinit(&bytes);
    char *path = manifest_path(&log->place, log->number);
    if (status != CORONG_OK) {
        error_prepend(error, "'%s'", path);
        log->tail_is_dirty =
            file_truncate(log->descriptor, (int64_t)log->size_bytes, NULL) != CORONG_OK;
    } else {
        file_sync_data(log->descriptor, path);
        log->size_bytes += record.size_bytes;
        log->last_hash = record.hash;
    }
    memory_free(path);
    return status;
}

void manifest_log_collect(const struct manifest_log *log)
{
    struct manifest_numbers numbers = {0};
    if (manifest_numbers_list(&log->place, &numbers, NULL) == CORONG_OK) {
        for (uint32_t index = 0; index < numbers.count; index++) {
            if (numbers.values[index] != log->number) {
                char *path = manifest_path(&log->place, numbers.values[index]);
                file_remove_quietly(path);
                memory_free(path);
            }
        }
    }
    manifest_numbers_deinit(&numbers);
}
