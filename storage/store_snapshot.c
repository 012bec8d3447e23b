// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"

#include "storage/base/memory.h"
#include "storage/store_load.h"

struct store_snapshot {
    struct store_format format;
    struct manifest_state state;
    struct segment_reader **readers; ///< state.segment_count of them; NULL where not open yet
};

static enum corong_status open_readers(struct store_snapshot *snapshot, const char *directory,
                                       struct corong_error *error)
{
    char *segment_directory = store_load_path(directory, "seg");
    enum corong_status status = CORONG_OK;
    uint32_t count = snapshot->state.segment_count;
    snapshot->readers = memory_allocate_zeroed(count, sizeof(struct segment_reader *));
    for (uint32_t index = 0; index < count && status == CORONG_OK; index++) {
        status = segment_reader_open(&snapshot->readers[index], segment_directory,
                                     &snapshot->state.segments[index], error);
    }
    memory_free(segment_directory);
    return status;
}

/// One try. `sequence_out` is the version that was tried.
static enum corong_status snapshot_try(struct store_snapshot **snapshot_out, const char *directory,
                                       uint64_t *sequence_out, struct corong_error *error)
{
    struct store_snapshot *snapshot = memory_allocate_zeroed(1, sizeof(*snapshot));
    enum corong_status status = store_load(directory, &snapshot->format, &snapshot->state, error);
    if (status != CORONG_OK) {
        memory_free(snapshot);
        // No sequence reaches this, so that a store that is not there is not taken for one that
        // moved.
        *sequence_out = UINT64_MAX;
        return status;
    }
    *sequence_out = snapshot->state.sequence;
    status = open_readers(snapshot, directory, error);
    if (status != CORONG_OK) {
        store_snapshot_close(snapshot);
        return status;
    }
    *snapshot_out = snapshot;
    return CORONG_OK;
}

enum corong_status store_snapshot_open(struct store_snapshot **snapshot_out, const char *directory,
                                       struct corong_error *error)
{
    *snapshot_out = NULL;
    uint64_t sequence_before = UINT64_MAX;
    enum corong_status status = CORONG_OK;
    for (int try = 0; try < STORE_LOAD_TRY_COUNT; try++) {
        uint64_t sequence;
        status = snapshot_try(snapshot_out, directory, &sequence, error);
        if (status != CORONG_NOT_FOUND || sequence == UINT64_MAX) {
            return status;
        }
        if (sequence == sequence_before) {
            // A writer commits the removal before it unlinks: nobody moved on, so the file is lost.
            error_prepend(error, "a live segment of '%s' is gone", directory);
            if (error != NULL) {
                error->status = CORONG_CORRUPT;
            }
            return CORONG_CORRUPT;
        }
        sequence_before = sequence;
    }
    return status;
}

void store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    for (uint32_t index = 0; index < snapshot->state.segment_count; index++) {
        if (snapshot->readers[index] != NULL) {
            segment_reader_close(snapshot->readers[index]);
        }
    }
    memory_free(snapshot->readers);
    manifest_state_deinit(&snapshot->state);
    memory_free(snapshot);
}

uint32_t store_snapshot_segment_count(const struct store_snapshot *snapshot)
{
    return snapshot->state.segment_count;
}

struct segment_reader *store_snapshot_segment(const struct store_snapshot *snapshot, uint32_t index)
{
    return snapshot->readers[index];
}

const struct schema *store_snapshot_schema(const struct store_snapshot *snapshot)
{
    return &snapshot->state.schema;
}

const struct hash_secret *store_snapshot_secret(const struct store_snapshot *snapshot)
{
    return &snapshot->format.secret;
}

const struct store_position *store_snapshot_positions(const struct store_snapshot *snapshot,
                                                      uint32_t *count_out)
{
    *count_out = snapshot->state.position_count;
    return snapshot->state.positions;
}

struct store_totals store_snapshot_totals(const struct store_snapshot *snapshot)
{
    return snapshot->state.totals;
}

uint64_t store_snapshot_sequence(const struct store_snapshot *snapshot)
{
    return snapshot->state.sequence;
}

uint32_t store_snapshot_dead_letters(const struct store_snapshot *snapshot,
                                     struct store_dead_letter_file *files_out)
{
    memcpy(files_out, snapshot->state.dead_files, sizeof(snapshot->state.dead_files));
    return snapshot->state.dead_file_count;
}
