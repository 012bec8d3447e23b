// SPDX-License-Identifier: Apache-2.0
#include "storage/store_part.h"

#include "storage/base/memory.h"
#include "storage/store_load.h"

#include <inttypes.h>

// No sequence reaches this, so that a store that is not there is not taken for one that moved.
#define NO_SEQUENCE UINT64_MAX

static enum corong_status open_readers(struct store_part *part, const char *directory,
                                       struct corong_error *error)
{
    char *segment_directory = store_load_path(directory, "seg");
    enum corong_status status = CORONG_OK;
    uint32_t count = part->state.segment_count;
    part->readers = memory_allocate_zeroed(count, sizeof(struct segment_reader *));
    for (uint32_t index = 0; index < count && status == CORONG_OK; index++) {
        status = segment_reader_open(&part->readers[index], segment_directory,
                                     &part->state.segments[index], error);
    }
    memory_free(segment_directory);
    return status;
}

static enum corong_status check_sequence(const struct store_part *part,
                                         const struct store_snapshot_part *wanted,
                                         struct corong_error *error)
{
    uint64_t found = part->state.sequence;
    bool any = wanted->sequence == 0 && wanted->chunk_count == 0;
    if (any || found == wanted->sequence) {
        return CORONG_OK;
    }
    enum corong_status status = error_set(
        error, CORONG_BUSY,
        "'%s' is at commit %" PRIu64 ", the view is of commit %" PRIu64 "; a new view will agree",
        wanted->directory, found, wanted->sequence);
    if (error != NULL) {
        error->retriable = true;
    }
    return status;
}

/// One try. `sequence_out` is the version that was tried.
static enum corong_status part_try(struct store_part *part,
                                   const struct store_snapshot_part *wanted, uint64_t *sequence_out,
                                   struct corong_error *error)
{
    *part = (struct store_part){0};
    *sequence_out = NO_SEQUENCE;
    TRY(store_load(wanted->directory, &part->format, &part->state, error));
    *sequence_out = part->state.sequence;
    enum corong_status status = check_sequence(part, wanted, error);
    if (status == CORONG_OK) {
        status = open_readers(part, wanted->directory, error);
    }
    if (status != CORONG_OK) {
        store_part_close(part);
    }
    return status;
}

enum corong_status store_part_open(struct store_part *part,
                                   const struct store_snapshot_part *wanted,
                                   struct corong_error *error)
{
    uint64_t sequence_before = NO_SEQUENCE;
    enum corong_status status = CORONG_OK;
    for (int try = 0; try < STORE_LOAD_TRY_COUNT; try++) {
        uint64_t tried;
        status = part_try(part, wanted, &tried, error);
        if (status != CORONG_NOT_FOUND || tried == NO_SEQUENCE) {
            return status;
        }
        if (tried == sequence_before) {
            // A writer commits the removal before it unlinks: nobody moved on, so the file is lost.
            error_prepend(error, "a live segment of '%s' is gone", wanted->directory);
            if (error != NULL) {
                error->status = CORONG_CORRUPT;
            }
            return CORONG_CORRUPT;
        }
        sequence_before = tried;
    }
    return status;
}

void store_part_close(struct store_part *part)
{
    for (uint32_t index = 0; part->readers != NULL && index < part->state.segment_count; index++) {
        segment_reader_close(part->readers[index]);
    }
    memory_free(part->readers);
    manifest_state_deinit(&part->state);
    *part = (struct store_part){0};
}
