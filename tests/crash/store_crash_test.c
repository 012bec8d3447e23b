// SPDX-License-Identifier: Apache-2.0
/// The store on a file system in memory: the power goes at every call that changes something, and
/// every call fails once. What was acknowledged must be there, what is there must be a state of the
/// trace, and the work must be able to go on to the same end. Then the same with broken syncs,
/// which must be noticed: a rig that sees nothing proves nothing.
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/merge/merge.h"
#include "storage/storage.h"
#include "tests/support/crash_batch.h"
#include "tests/support/file_model.h"
#include "tests/support/store_rows.h"
#include "tests/support/test_random.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define DIRECTORY "/data/store"
#define BATCH_COUNT 6
#define STATE_COUNT_MAX 64
#define TRY_COUNT_MAX 40
#define MUTANT_VARIANT_COUNT 24
// Slow builds take every so many points; the seed says which.
#if defined(CORONG_SANITIZED)
#define POINT_STRIDE 16
#elif !defined(__OPTIMIZE__)
#define POINT_STRIDE 2
#else
#define POINT_STRIDE 1
#endif

/// A state of the store as the trace went through it.
struct state {
    int64_t batches; ///< committed: the position of the only source
    uint64_t sequence;
    uint64_t dead_size_bytes;
    uint32_t column_count;
    struct store_totals totals;
};

/// One run of the work.
struct run {
    struct file_model *model;
    struct store *store;
    int64_t acknowledged; ///< batches whose commit returned CORONG_OK before the power went
    struct state states[STATE_COUNT_MAX];
    uint32_t state_count;
    bool keeps_trying;
    struct store_merger *merger; ///< while a merge is under way
    struct store_merge *merge;   ///< written, not exchanged
    char failure[2048];
};

static bool run_failed(struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool run_failed(struct run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->failure, sizeof(run->failure), format, arguments);
    va_end(arguments);
    return false;
}

static uint64_t seed_base;
static struct run reference; ///< the work without any fault

static const struct hash128 SOURCE = {1, 2};

static int64_t batches_in(const struct store *store)
{
    const struct store_position *position = store_position_find(store, SOURCE);
    return position == NULL ? 0 : position->next_offset;
}

/// Splits the rows by period and writes a segment of each.
static enum corong_status write_segments(struct run *run, const struct store_row *rows,
                                         uint32_t count, struct segment_meta *metas,
                                         uint32_t *meta_count, struct corong_error *error)
{
    *meta_count = 0;
    for (int64_t period = 0; period < 2; period++) {
        struct store_row part[CRASH_BATCH_ROW_COUNT_MAX + 1];
        uint32_t part_count = 0;
        for (uint32_t index = 0; index < count; index++) {
            if (rows[index].time_us / store_period_us(run->store) == period) {
                part[part_count++] = rows[index];
            }
        }
        TRY(store_rows_write(run->store, part, part_count, &metas[*meta_count], error));
        (*meta_count)++;
    }
    return CORONG_OK;
}

static struct store_commit commit_of(int64_t batch, const struct segment_meta *metas,
                                     uint32_t meta_count, struct store_position *position)
{
    *position = (struct store_position){
        .id = SOURCE,
        .name = TEXT_LITERAL("trace"),
        .next_offset = batch + 1,
        .anchor_offset = -1,
        .epoch = -1,
        .counters = {.messages = crash_batch_rows_until(batch + 1),
                     .events = crash_batch_rows_until(batch + 1),
                     .stored = crash_batch_rows_until(batch + 1)},
    };
    return (struct store_commit){
        .added = metas,
        .added_count = meta_count,
        .positions = position,
        .position_count = 1,
        .dead_letters = batch % 2 == 0 ? TEXT_LITERAL("a bad message\n") : TEXT_MISSING,
    };
}

/// Repeats what failed, as a program does that waits for space on the disk.
static bool tries_again(const struct run *run, enum corong_status status, int try)
{
    return status != CORONG_OK && run->keeps_trying && try < TRY_COUNT_MAX;
}

static enum corong_status commit_batch(struct run *run, int64_t batch, struct corong_error *error)
{
    struct store_row rows[CRASH_BATCH_ROW_COUNT_MAX + 1];
    uint32_t count = crash_batch_rows(batch, store_period_us(run->store), rows);
    if (batch == 1) {
        uint32_t index;
        TRY(store_add_attribute(run->store, TEXT_LITERAL("country"), COLUMN_STRING, &index, error));
    }
    struct segment_meta metas[2];
    uint32_t meta_count;
    enum corong_status status;
    int try = 0;
    do {
        status = write_segments(run, rows, count, metas, &meta_count, error);
    } while (tries_again(run, status, try++));
    TRY(status);
    struct store_position position;
    struct store_commit commit = commit_of(batch, metas, meta_count, &position);
    try = 0;
    do {
        status = store_commit(run->store, &commit, error);
    } while (tries_again(run, status, try++));
    if (status == CORONG_OK && !file_model_has_crashed(run->model)) {
        run->acknowledged = batch + 1;
    }
    return status;
}

static enum corong_status open_store(struct run *run, struct corong_error *error)
{
    static const struct store_options options = {.create = true};
    enum corong_status status;
    int try = 0;
    do {
        status = store_open(&run->store, DIRECTORY, &options, error);
    } while (tries_again(run, status, try++));
    return status;
}

static enum corong_status compact(struct run *run, struct corong_error *error)
{
    enum corong_status status;
    int try = 0;
    do {
        status = store_compact(run->store, &(struct store_compact_options){0}, NULL, error);
    } while (tries_again(run, status, try++));
    return status;
}

/// Plans a merge and writes it, as the thread beside the committer does.
static enum corong_status merge_begin(struct run *run, struct corong_error *error)
{
    run->merger = store_merger_create(run->store, &(struct store_merger_options){0}, 0);
    enum corong_status status = CORONG_OK;
    int try = 0;
    do {
        store_merger_want_all(run->merger);
        // A failure pauses merging for a while: each try is a day later.
        int64_t now_us = try * MICROSECONDS_PER_DAY;
        struct store_merge *merge = store_merger_plan(run->merger, STORE_MERGE_LARGE, now_us);
        status = merge == NULL ? CORONG_OK : store_merge_write(merge, error);
        if (status != CORONG_OK) {
            store_merger_drop(run->merger, merge, error, now_us);
        } else {
            run->merge = merge;
        }
    } while (tries_again(run, status, try++));
    return status;
}

/// Exchanges what was written, commits having come between.
static enum corong_status merge_end(struct run *run, struct corong_error *error)
{
    enum corong_status status = CORONG_OK;
    int try = 0;
    do {
        status =
            run->merge == NULL ? CORONG_OK : store_merger_exchange(run->merger, run->merge, error);
    } while (tries_again(run, status, try++));
    if (status == CORONG_OK) {
        run->merge = NULL;
    }
    return status;
}

static void merge_forget(struct run *run)
{
    if (run->merge != NULL) {
        store_merger_drop(run->merger, run->merge, NULL, 0);
        run->merge = NULL;
    }
    store_merger_destroy(run->merger);
    run->merger = NULL;
}

static void close_store(struct run *run)
{
    merge_forget(run);
    store_close(run->store);
    run->store = NULL;
}

static enum corong_status reopen(struct run *run, struct corong_error *error)
{
    close_store(run);
    return open_store(run, error);
}

static void note_state(struct run *run)
{
    ASSERT(run->state_count < STATE_COUNT_MAX);
    run->states[run->state_count++] = (struct state){
        .batches = batches_in(run->store),
        .sequence = store_sequence(run->store),
        .column_count = store_schema(run->store)->column_count,
        .totals = store_totals(run->store),
    };
}

/// The work from wherever the store stands to the end.
static enum corong_status work(struct run *run, struct corong_error *error)
{
    TRY(open_store(run, error));
    for (int64_t batch = batches_in(run->store); batch < BATCH_COUNT; batch++) {
        bool merges = batch == 2 || batch == 4;
        if (merges) {
            TRY(merge_begin(run, error));
        }
        TRY(commit_batch(run, batch, error));
        note_state(run);
        if (merges) {
            TRY(merge_end(run, error));
            merge_forget(run);
            note_state(run);
        }
        if (batch == 2 || batch == 4) {
            TRY(compact(run, error));
            note_state(run);
        }
        if (batch == 3) {
            TRY(reopen(run, error));
        }
    }
    TRY(compact(run, error));
    note_state(run);
    return CORONG_OK;
}

static void on_fault(void *context, const char *message)
{
    struct run *run = context;
    if (run->failure[0] == '\0') {
        (void)run_failed(run, "verify: %s", message);
    }
}

static bool check_snapshot(struct run *run)
{
    struct corong_error error = {0};
    struct store_snapshot *snapshot = NULL;
    if (store_snapshot_open(&snapshot, DIRECTORY, &error) != CORONG_OK) {
        return run_failed(run, "snapshot: %s", error.message);
    }
    struct store_dead_letter_file files[STORE_DEAD_LETTER_FILE_COUNT_MAX];
    uint32_t count = store_snapshot_dead_letters(snapshot, files);
    uint64_t size = count == 0 ? 0 : files[0].size_bytes;
    store_snapshot_close(snapshot);
    int64_t batches = batches_in(run->store);
    uint64_t wanted = (uint64_t)(batches + 1) / 2 * (sizeof("a bad message\n") - 1);
    return size == wanted
               ? true
               : run_failed(run, "%" PRIu64 " bytes of dead letters, not %" PRIu64, size, wanted);
}

/// The open store must be in a state that the trace without faults went through.
static bool check_state(struct run *run)
{
    struct store_totals totals = store_totals(run->store);
    int64_t batches = batches_in(run->store);
    if (totals.rows + totals.duplicates != crash_batch_rows_until(batches)) {
        return run_failed(run, "%" PRIu64 " rows and %" PRIu64 " duplicates, handed over %" PRIu64,
                          totals.rows, totals.duplicates, crash_batch_rows_until(batches));
    }
    bool known = batches == 0;
    for (uint32_t index = 0; index < reference.state_count && !known; index++) {
        const struct state *state = &reference.states[index];
        // A compaction goes period by period: between them the totals are of neither end.
        bool between = state->totals.duplicates != totals.duplicates &&
                       store_sequence(run->store) != state->sequence;
        known = state->batches == batches &&
                state->column_count == store_schema(run->store)->column_count &&
                (between || hash128_equal(state->totals.digest, totals.digest));
    }
    return known ? true
                 : run_failed(run, "after %" PRId64 " batches, a state that never was", batches);
}

static void count_name(void *user, const char *name)
{
    (void)name;
    (*(uint32_t *)user)++;
}

static bool check_files(struct run *run)
{
    uint32_t file_count = 0;
    uint32_t segment_count;
    store_segments(run->store, &segment_count);
    if (file_list(DIRECTORY "/seg", count_name, &file_count, NULL) != CORONG_OK ||
        file_count != segment_count) {
        return run_failed(run, "%u files for %u segments", file_count, segment_count);
    }
    return true;
}

/// After the power came back: opens and looks at everything.
static bool check_recovery(struct run *run, int64_t acknowledged)
{
    struct corong_error error = {0};
    if (open_store(run, &error) != CORONG_OK) {
        return run_failed(run, "open: %s", error.message);
    }
    int64_t batches = batches_in(run->store);
    if (batches < acknowledged || batches > acknowledged + 1) {
        return run_failed(run, "%" PRId64 " batches are there, %" PRId64 " were acknowledged",
                          batches, acknowledged);
    }
    if (!check_state(run) || !check_files(run) || !check_snapshot(run)) {
        return false;
    }
    if (store_verify(DIRECTORY, on_fault, run, &error) != CORONG_OK) {
        return run_failed(run, "verify: %s", error.message);
    }
    return true;
}

/// Goes on to the end, which must be the end of the trace without faults.
static bool check_end(struct run *run)
{
    struct corong_error error = {0};
    close_store(run);
    if (work(run, &error) != CORONG_OK) {
        return run_failed(run, "going on: %s", error.message);
    }
    const struct state *end = &run->states[run->state_count - 1];
    const struct state *wanted = &reference.states[reference.state_count - 1];
    if (end->batches != wanted->batches || end->totals.rows != wanted->totals.rows ||
        end->totals.duplicates != wanted->totals.duplicates ||
        !hash128_equal(end->totals.digest, wanted->totals.digest)) {
        return run_failed(run, "another end: %" PRIu64 " rows, %" PRIu64 " duplicates",
                          end->totals.rows, end->totals.duplicates);
    }
    if (store_verify(DIRECTORY, on_fault, run, &error) != CORONG_OK) {
        return run_failed(run, "verify at the end: %s", error.message);
    }
    return true;
}

static void run_start(struct run *run, uint64_t seed)
{
    *run = (struct run){.model = file_model_create(seed)};
    file_calls_replace(file_model_calls(run->model));
    // The directory above the store was there long before.
    enum corong_status status = file_make_directory("/data", NULL);
    ASSERT(status == CORONG_OK);
    file_sync_directory("/");
}

static void run_end(struct run *run)
{
    close_store(run);
    file_model_destroy(run->model);
    file_calls_replace(NULL);
}

/// Runs up to the crash, restarts, checks, crashes again during recovery if `nested`, checks, goes
/// on.
static bool crash_run(struct run *run, uint64_t n, enum file_model_loss loss,
                      enum file_model_mutant mutant, uint64_t nested, uint64_t seed)
{
    run_start(run, seed);
    file_model_set_mutant(run->model, mutant);
    file_model_crash_at(run->model, n);
    struct corong_error error = {0};
    (void)!work(run, &error);
    if (!file_model_has_crashed(run->model)) {
        return true;
    }
    close_store(run);
    file_model_restart(run->model, loss, seed);
    int64_t acknowledged = run->acknowledged;
    if (nested > 0) {
        file_model_crash_at(run->model, file_model_change_count(run->model) + nested);
        (void)!open_store(run, &error);
        close_store(run);
        file_model_restart(run->model, loss, seed + 1);
    }
    run->state_count = 0;
    return check_recovery(run, acknowledged) && check_end(run);
}

static const struct {
    enum file_model_loss loss;
    const char *name;
} LOSSES[] = {
    {FILE_MODEL_LOSE_ALL, "all unsynced lost"},
    {FILE_MODEL_LOSE_NONE, "nothing lost (kill -9)"},
    {FILE_MODEL_LOSE_SOME, "some lost"},
};

#define LOSS_COUNT (sizeof(LOSSES) / sizeof(LOSSES[0]))

/// One crash point with one kind of loss. Returns whether the run was sound; `past_end` where the
/// work finished before call `n`.
static bool crash_point(uint64_t n, size_t loss, enum file_model_mutant mutant, uint64_t variant,
                        bool *past_end, struct run *run)
{
    uint64_t seed = seed_base + n * 1000 + variant;
    // Every other time the power goes again while the store recovers.
    uint64_t nested = (n + variant) % 2 == 1 ? 1 + (n * 7 + variant) % 13 : 0;
    bool sound = crash_run(run, n, LOSSES[loss].loss, mutant, nested, seed);
    *past_end = sound && file_model_change_count(run->model) < n;
    run_end(run);
    return sound;
}

static uint64_t crash_everywhere(void)
{
    uint64_t points = 0;
    uint64_t scaled = test_scaled(1) - 1;
    uint64_t variants = scaled == 0 ? 1 : scaled;
    for (uint64_t n = 1 + seed_base % POINT_STRIDE;; n += POINT_STRIDE) {
        for (size_t loss = 0; loss < LOSS_COUNT; loss++) {
            for (uint64_t variant = 0; variant < variants; variant++) {
                struct run run;
                bool past_end;
                if (!crash_point(n, loss, FILE_MODEL_SOUND, variant, &past_end, &run)) {
                    test_fail(seed_base, "crash at change %" PRIu64 ", %s, variant %" PRIu64 ": %s",
                              n, LOSSES[loss].name, variant, run.failure);
                }
                if (past_end) {
                    printf("power cuts: up to change %" PRIu64 ", %" PRIu64
                           " runs: 0 lost, 0 doubled, 0 refused\n",
                           n - 1, points);
                    return n - 1;
                }
                points++;
            }
        }
    }
}

/// `point_count` is no multiple of 61.
static bool mutant_is_caught(enum file_model_mutant mutant, uint64_t point_count, char *how,
                             size_t how_size)
{
    for (uint64_t variant = 0; variant < MUTANT_VARIANT_COUNT; variant++) {
        for (uint64_t step = 0; step < point_count; step++) {
            // Far apart first: neighbours tell the same. All points are visited, 61 being prime.
            uint64_t n = 1 + step * 61 % point_count;
            // Chance has a part in the last kind of loss only: more variants of the others are the
            // same.
            size_t first = variant == 0 ? 0 : LOSS_COUNT - 1;
            for (size_t loss = first; loss < LOSS_COUNT; loss++) {
                struct run run;
                bool past_end;
                if (!crash_point(n, loss, mutant, variant, &past_end, &run)) {
                    snprintf(how, how_size, "change %" PRIu64 ", %s: %.300s", n, LOSSES[loss].name,
                             run.failure);
                    return true;
                }
            }
        }
    }
    return false;
}

static const char *const MUTANT_NAMES[FILE_MODEL_MUTANT_COUNT] = {
    "torn record accepted",      "no fsync of segments",       "no fdatasync of commits",
    "no fsync of snapshots",     "no fsync of seg/",           "no fsync of manifest/",
    "no fsync of the directory", "no fsync before the rename", "no fsync of dead letters",
    "segments synced too late",
};

static void catch_mutants(uint64_t point_count)
{
    int caught = 0;
    for (int mutant = 0; mutant < FILE_MODEL_MUTANT_COUNT; mutant++) {
        char how[512] = "NOT CAUGHT";
        // The sound model stands for the one mutant that is not a missing sync.
        crash_batch_torn_records_pass = mutant == FILE_MODEL_SOUND;
        caught += mutant_is_caught((enum file_model_mutant)mutant, point_count, how, sizeof(how));
        printf("  %-28s %.150s\n", MUTANT_NAMES[mutant], how);
    }
    crash_batch_torn_records_pass = false;
    printf("mutants caught %d/%d\n", caught, FILE_MODEL_MUTANT_COUNT);
    if (caught != FILE_MODEL_MUTANT_COUNT) {
        test_fail(seed_base, "a mutant was not caught");
    }
}

/// Calls `from` to `from + length` fail; the work tries again and must come to the same end.
static bool failure_run(struct run *run, uint64_t from, uint64_t length, bool *past_end)
{
    run_start(run, seed_base);
    run->keeps_trying = true;
    uint64_t start = file_model_call_count(run->model);
    file_model_fail(run->model, start + from, start + from + length);
    struct corong_error error = {0};
    enum corong_status status = work(run, &error);
    *past_end = file_model_failure_count(run->model) == 0;
    if (status != CORONG_OK) {
        return run_failed(run, "work: %s", error.message);
    }
    run->keeps_trying = false;
    file_model_fail(run->model, 0, 0);
    return check_end(run) && check_files(run);
}

static void fail_everywhere(uint64_t length)
{
    for (uint64_t from = 1 + seed_base % POINT_STRIDE;; from += POINT_STRIDE) {
        struct run run;
        bool past_end;
        bool sound = failure_run(&run, from, length, &past_end);
        run_end(&run);
        if (!sound) {
            test_fail(seed_base, "%" PRIu64 " calls fail from call %" PRIu64 ": %s", length, from,
                      run.failure);
        }
        if (past_end) {
            printf("failing calls: up to call %" PRIu64 ", %" PRIu64
                   " in a row: 0 lost, each commit repeated\n",
                   from - 1, length);
            return;
        }
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    seed_base = test_random_seed();
    struct corong_error error = {0};
    run_start(&reference, seed_base);
    if (work(&reference, &error) != CORONG_OK) {
        test_fail(seed_base, "without faults: %s", error.message);
    }
    if (!check_end(&reference)) {
        test_fail(seed_base, "without faults: %s", reference.failure);
    }
    run_end(&reference);
    uint64_t point_count = crash_everywhere();
    fail_everywhere(1);
    fail_everywhere(6);
    if (POINT_STRIDE == 1) { // that the test can see, the fast build says
        catch_mutants(point_count - (point_count % 61 == 0));
    }
    return 0;
}
