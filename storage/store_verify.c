// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/store_dead.h"
#include "storage/store_load.h"

#include <inttypes.h>

/// Faults found so far. The first one stays in `error`.
struct verification {
    const char *directory;
    void (*found)(void *context, const char *message);
    void *context;
    struct corong_error *error;
    enum corong_status status;
};

static void report(struct verification *verification, const struct corong_error *fault)
{
    if (verification->found != NULL) {
        verification->found(verification->context, fault->message);
    }
    if (verification->status == CORONG_OK) {
        verification->status = fault->status;
        if (verification->error != NULL) {
            *verification->error = *fault;
        }
    }
}

static enum corong_status check_times(const struct segment_meta *meta, int64_t period_us,
                                      struct corong_error *error)
{
    int64_t last = meta->time_max_us / period_us - (meta->time_max_us % period_us < 0);
    int64_t first = meta->time_min_us / period_us - (meta->time_min_us % period_us < 0);
    if (meta->row_count == 0 || (first == meta->period && last == meta->period)) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_CORRUPT,
                     "its rows lie in the periods %" PRId64 " to %" PRId64
                     ", the manifest says %" PRId64,
                     first, last, meta->period);
}

/// A segment's schema must be the beginning of the store's.
static enum corong_status check_schema(const struct schema *schema, const struct schema *whole,
                                       struct corong_error *error)
{
    bool fits = schema->column_count <= whole->column_count;
    for (uint32_t column = 0; fits && column < schema->column_count; column++) {
        fits = schema->columns[column].type == whole->columns[column].type &&
               text_equal(schema->columns[column].name, whole->columns[column].name);
    }
    return fits ? CORONG_OK : error_set(error, CORONG_CORRUPT, "its schema is not the store's");
}

static enum corong_status check_segment(struct segment_reader *reader,
                                        const struct store_snapshot *snapshot, int64_t period_us,
                                        struct corong_error *error)
{
    TRY(check_times(segment_reader_meta(reader), period_us, error));
    TRY(check_schema(segment_reader_schema(reader), store_snapshot_schema(snapshot), error));
    return segment_validate(reader, error);
}

static void check_segments(struct verification *verification, const struct store_snapshot *snapshot,
                           int64_t period_us)
{
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        struct segment_reader *reader = store_snapshot_segment(snapshot, index);
        struct corong_error fault = {0};
        if (check_segment(reader, snapshot, period_us, &fault) != CORONG_OK) {
            const struct segment_meta *meta = segment_reader_meta(reader);
            char *path = store_load_segment_path(verification->directory, meta->uuid);
            error_prepend(&fault, "'%s'", path);
            memory_free(path);
            report(verification, &fault);
        }
    }
}

/// Rows handed over by the sources are in the store, or were duplicates, or were erased. A store
/// that was filled without positions has no books to balance.
static void check_books(struct verification *verification, const struct store_snapshot *snapshot)
{
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    uint64_t handed_over = 0;
    for (uint32_t index = 0; index < count; index++) {
        handed_over += positions[index].counters.stored;
    }
    struct store_totals totals = store_snapshot_totals(snapshot);
    uint64_t accounted = totals.rows + totals.duplicates + totals.erased;
    if (handed_over != 0 && handed_over != accounted) {
        struct corong_error fault;
        (void)error_set(&fault, CORONG_CORRUPT,
                        "the books do not balance: the sources handed over %" PRIu64
                        " events, but %" PRIu64 " rows, %" PRIu64 " duplicates and %" PRIu64
                        " erased events make %" PRIu64,
                        handed_over, totals.rows, totals.duplicates, totals.erased, accounted);
        report(verification, &fault);
    }
}

static enum corong_status check_dead_file(const char *path, uint64_t size_wanted,
                                          struct corong_error *error)
{
    int descriptor;
    TRY(file_open_read(path, &descriptor, error));
    int64_t size = 0;
    enum corong_status status = file_size(descriptor, &size, error);
    file_close_quietly(descriptor);
    if (status == CORONG_OK && (uint64_t)size < size_wanted) {
        status = error_set(error, CORONG_CORRUPT, "'%s' has %lld bytes, %llu were committed", path,
                           (long long)size, (unsigned long long)size_wanted);
    }
    return status;
}

static void check_dead(struct verification *verification, const struct store_snapshot *snapshot)
{
    struct store_dead_letter_file files[STORE_DEAD_LETTER_FILE_COUNT_MAX];
    uint32_t count = store_snapshot_dead_letters(snapshot, files);
    for (uint32_t index = 0; index < count; index++) {
        char *path = store_dead_path(verification->directory, files[index].number);
        struct corong_error fault = {0};
        if (check_dead_file(path, files[index].size_bytes, &fault) != CORONG_OK) {
            report(verification, &fault);
        }
        memory_free(path);
    }
}

/// No snapshot can be had: each segment is tried on its own, so that all faults are named.
static void check_singly(struct verification *verification)
{
    struct store_format format;
    struct manifest_state state;
    if (store_load(verification->directory, &format, &state, NULL) != CORONG_OK) {
        return;
    }
    char *directory = store_load_path(verification->directory, "seg");
    for (uint32_t index = 0; index < state.segment_count; index++) {
        struct corong_error fault = {0};
        struct segment_reader *reader = NULL;
        enum corong_status status =
            segment_reader_open(&reader, directory, &state.segments[index], &fault);
        if (status == CORONG_OK) {
            status = segment_validate(reader, &fault);
            segment_reader_close(reader);
        }
        if (status != CORONG_OK) {
            char *path =
                store_load_segment_path(verification->directory, state.segments[index].uuid);
            error_prepend(&fault, "'%s'", path);
            memory_free(path);
            report(verification, &fault);
        }
    }
    memory_free(directory);
    manifest_state_deinit(&state);
}

enum corong_status store_verify(const char *directory,
                                void (*found)(void *context, const char *message), void *context,
                                struct corong_error *error)
{
    struct verification verification = {
        .directory = directory, .found = found, .context = context, .error = error};
    struct corong_error fault = {0};
    struct store_format format;
    struct store_snapshot *snapshot = NULL;
    if (store_format_read(directory, &format, &fault) != CORONG_OK) {
        report(&verification, &fault);
        return verification.status;
    }
    if (store_snapshot_open(&snapshot, directory, &fault) != CORONG_OK) {
        report(&verification, &fault);
        check_singly(&verification);
        return verification.status;
    }
    check_segments(&verification, snapshot, format.period_us);
    check_books(&verification, snapshot);
    check_dead(&verification, snapshot);
    store_snapshot_close(snapshot);
    return verification.status;
}
