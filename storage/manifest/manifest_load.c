// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/manifest/manifest_name.h"
#include "storage/manifest/manifest_record.h"

/// Far above what a store of a million segments needs; a larger file is damage.
#define MANIFEST_SIZE_MAX ((size_t)2 << 30)

/// Where a replay stands.
struct replay {
    const char *bytes;
    size_t size;
    size_t at;
    uint64_t seed;
    uint64_t record_index;
    struct hash128 previous_hash;
};

static enum corong_status check_chain(const struct replay *replay,
                                      const struct manifest_state *state,
                                      const struct manifest_record *record,
                                      struct corong_error *error)
{
    bool first = replay->record_index == 0;
    if ((record->flags & ~MANIFEST_FLAG_POSITIONS) != 0 ||
        (record->type != MANIFEST_RECORD_SNAPSHOT && record->type != MANIFEST_RECORD_COMMIT)) {
        return error_set(error, CORONG_UNSUPPORTED, "type %u with flags %u is of a newer version",
                         record->type, record->flags);
    }
    if (!hash128_equal(record->previous_hash, replay->previous_hash)) {
        return error_set(error, CORONG_CORRUPT, "it does not follow the record before");
    }
    if (first != (record->type == MANIFEST_RECORD_SNAPSHOT)) {
        return error_set(error, CORONG_CORRUPT, "a snapshot begins a file and stands nowhere else");
    }
    if (!first && record->sequence != state->sequence + 1) {
        return error_set(error, CORONG_CORRUPT, "its sequence is %llu, not %llu",
                         (unsigned long long)record->sequence,
                         (unsigned long long)(state->sequence + 1));
    }
    return CORONG_OK;
}

static enum corong_status replay_record(struct replay *replay, struct manifest_state *state,
                                        const struct manifest_record *record,
                                        struct corong_error *error)
{
    TRY(check_chain(replay, state, record, error));
    TRY(manifest_state_apply_record(state, record->flags, record->payload, error));
    state->sequence = record->sequence;
    replay->previous_hash = record->hash;
    replay->at += record->size_bytes;
    replay->record_index++;
    return CORONG_OK;
}

/// Only the very last record may be torn: record n was synced before n + 1 was written. So anything
/// invalid with a valid record behind it is damage.
static enum corong_status check_tail(const struct replay *replay, struct corong_error *error)
{
    int64_t next =
        manifest_record_search(replay->bytes, replay->size, replay->at + 1, replay->seed);
    if (next >= 0) {
        return error_set(error, CORONG_CORRUPT,
                         "its checksum is wrong, though a valid record follows at byte %lld",
                         (long long)next);
    }
    return CORONG_OK;
}

static enum corong_status replay_bytes(struct replay *replay, struct manifest_state *state,
                                       struct corong_error *error)
{
    while (replay->at < replay->size) {
        struct manifest_record record;
        bool valid = manifest_record_decode(replay->bytes + replay->at, replay->size - replay->at,
                                            replay->seed, &record);
        enum corong_status status =
            valid ? replay_record(replay, state, &record, error) : check_tail(replay, error);
        if (status != CORONG_OK) {
            error_prepend(error, "record %llu at byte %zu",
                          (unsigned long long)replay->record_index, replay->at);
            return status;
        }
        if (!valid) {
            break;
        }
    }
    return CORONG_OK;
}

/// Replays one file. `records_out`: how many it holds; 0 for one that was never synced.
static enum corong_status replay_file(const struct manifest_place *place, uint64_t number,
                                      struct manifest_state *state, uint64_t *records_out,
                                      struct corong_error *error)
{
    *records_out = 0;
    char *path = manifest_path(place, number);
    char *bytes = NULL;
    size_t size = 0;
    enum corong_status status = file_read_whole(path, MANIFEST_SIZE_MAX, &bytes, &size, error);
    if (status == CORONG_OK) {
        struct replay replay = {
            .bytes = bytes,
            .size = size,
            .seed = manifest_place_seed(place),
            .previous_hash = manifest_place_binding(place, number),
        };
        status = replay_bytes(&replay, state, error);
        *records_out = replay.record_index;
        if (status != CORONG_OK) {
            error_prepend(error, "'%s'", path);
        }
    }
    memory_free(bytes);
    memory_free(path);
    return status;
}

enum corong_status manifest_load(const struct manifest_place *place, struct manifest_state *state,
                                 struct corong_error *error)
{
    uint64_t number;
    TRY(manifest_current_read(place, &number, error));
    uint64_t records;
    TRY(replay_file(place, number, state, &records, error));
    if (records == 0) {
        return error_set(error, CORONG_CORRUPT,
                         "'%s/manifest/MANIFEST-%llu' is empty or short, though CURRENT names it",
                         place->directory, (unsigned long long)number);
    }
    return CORONG_OK;
}

enum corong_status manifest_sync_current(const struct manifest_place *place,
                                         struct corong_error *error)
{
    uint64_t number;
    TRY(manifest_current_read(place, &number, error));
    char *path = manifest_path(place, number);
    int descriptor;
    enum corong_status status = file_open_read(path, &descriptor, error);
    if (status == CORONG_OK) {
        file_sync_data(descriptor, path);
        file_close_quietly(descriptor);
    }
    memory_free(path);
    return status;
}

/// Loads the newest manifest that holds a record; `found_out` false where none does.
static enum corong_status recover_newest(const struct manifest_place *place,
                                         const struct manifest_numbers *numbers,
                                         struct manifest_state *state, bool *found_out,
                                         struct corong_error *error)
{
    uint64_t best_number = 0;
    *found_out = false;
    for (uint32_t index = 0; index < numbers->count; index++) {
        struct manifest_state candidate;
        manifest_state_init(&candidate);
        uint64_t records;
        enum corong_status status =
            replay_file(place, numbers->values[index], &candidate, &records, error);
        bool better =
            status == CORONG_OK && records > 0 &&
            (!*found_out || candidate.sequence > state->sequence ||
             (candidate.sequence == state->sequence && numbers->values[index] > best_number));
        if (better) {
            manifest_state_deinit(state);
            *state = candidate;
            best_number = numbers->values[index];
            *found_out = true;
        } else {
            manifest_state_deinit(&candidate);
        }
        TRY(status);
    }
    return CORONG_OK;
}

static void note_segment(void *user, const char *name)
{
    size_t size = strlen(name);
    *(bool *)user |= size > 5 && strcmp(name + size - 5, ".fseg") == 0;
}

static enum corong_status refuse_segments(const struct manifest_place *place,
                                          struct corong_error *error)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/seg", place->directory);
    bool has_segments = false;
    enum corong_status status = file_list(path.bytes, note_segment, &has_segments, error);
    text_buffer_deinit(&path);
    if (status == CORONG_OK && has_segments) {
        status = error_set(error, CORONG_CORRUPT,
                           "'%s' holds segments, but CURRENT and all manifests are gone",
                           place->directory);
    }
    return status;
}

enum corong_status manifest_recover(const struct manifest_place *place,
                                    struct manifest_state *state, struct corong_error *error)
{
    uint64_t number;
    if (manifest_current_read(place, &number, NULL) == CORONG_OK) {
        return error_set(error, CORONG_CORRUPT,
                         "'%s/manifest/MANIFEST-%llu' is gone, though CURRENT names it",
                         place->directory, (unsigned long long)number);
    }
    struct manifest_numbers numbers = {0};
    enum corong_status status = manifest_numbers_list(place, &numbers, error);
    bool found = false;
    if (status == CORONG_OK) {
        status = recover_newest(place, &numbers, state, &found, error);
    }
    manifest_numbers_deinit(&numbers);
    return status == CORONG_OK && !found ? refuse_segments(place, error) : status;
}
