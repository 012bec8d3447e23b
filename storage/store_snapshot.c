// SPDX-License-Identifier: Apache-2.0
/// What one question sees: the committed segments of one or several stores, and the chunks that a
/// running engine has sealed since its last commit. Columns of all of them are named by the places
/// of one schema, so that a question does not see where a segment comes from.
#include "storage/storage.h"

#include "storage/base/arena.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/cache/cache.h"
#include "storage/store_derived.h"
#include "storage/store_part.h"

#include <stdlib.h>

struct store_snapshot {
    struct store_part *parts;
    uint32_t part_count;
    struct segment_reader **readers; ///< the committed ones first; borrowed from the parts
    uint32_t committed_count;
    uint32_t reader_count; ///< chunks behind the committed ones are owned
    struct arena arena;
    struct schema schema;             ///< of all
    struct store_position *positions; ///< ascending by id, each source once; names borrowed
    uint32_t position_count;
    struct store_totals totals; ///< chunks included
    uint64_t sequence;
    const char *directory; ///< of the first store
    void *kept;            ///< by whoever asks questions
    void (*destroy_kept)(void *kept);
};

static enum corong_status open_parts(struct store_snapshot *snapshot,
                                     const struct store_snapshot_part *parts, uint32_t part_count,
                                     struct corong_error *error)
{
    for (uint32_t i = 0; i < part_count; i++) {
        struct store_part *part = &snapshot->parts[i];
        TRY(store_part_open(part, &parts[i], error));
        snapshot->part_count++;
        snapshot->committed_count += part->state.segment_count;
        if (memcmp(&part->format.secret, &snapshot->parts[0].format.secret,
                   sizeof(part->format.secret)) != 0) {
            return error_set(error, CORONG_INVALID,
                             "'%s' and '%s' do not belong to one group: each hashes users in its "
                             "own way, so one person would count twice",
                             parts[0].directory, parts[i].directory);
        }
    }
    return CORONG_OK;
}

static enum corong_status open_chunks(struct store_snapshot *snapshot,
                                      const struct store_snapshot_part *part,
                                      struct corong_error *error)
{
    for (uint32_t i = 0; i < part->chunk_count; i++) {
        struct segment_reader *reader;
        TRY_IN(segment_reader_open_descriptor(&reader, part->chunk_fds[i], error), error,
               "'%s', chunk %u", part->directory, i);
        snapshot->readers[snapshot->reader_count++] = reader;
    }
    return CORONG_OK;
}

static enum corong_status collect_readers(struct store_snapshot *snapshot,
                                          const struct store_snapshot_part *parts,
                                          struct corong_error *error)
{
    size_t room = snapshot->committed_count;
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        room += parts[i].chunk_count;
    }
    snapshot->readers = memory_allocate_zeroed(room, sizeof(struct segment_reader *));
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        const struct store_part *part = &snapshot->parts[i];
        for (uint32_t at = 0; at < part->state.segment_count; at++) {
            snapshot->readers[snapshot->reader_count++] = part->readers[at];
        }
    }
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        TRY(open_chunks(snapshot, &parts[i], error));
    }
    return CORONG_OK;
}

static bool is_prefix(const struct schema *prefix, const struct schema *schema)
{
    if (prefix->column_count > schema->column_count) {
        return false;
    }
    for (uint32_t i = 0; i < prefix->column_count; i++) {
        if (prefix->columns[i].type != schema->columns[i].type ||
            !text_equal(prefix->columns[i].name, schema->columns[i].name)) {
            return false;
        }
    }
    return true;
}

static enum corong_status add_schema(struct store_snapshot *snapshot, const struct schema *schema,
                                     struct corong_error *error)
{
    for (uint32_t i = COLUMN_SYSTEM_COUNT;
         i < schema->column_count && !is_prefix(schema, &snapshot->schema); i++) {
        uint32_t index;
        TRY(schema_add(&snapshot->schema, &snapshot->arena, schema->columns[i].name,
                       schema->columns[i].type, &index, error));
    }
    return CORONG_OK;
}

/// Attributes by name and type. Chunks may have some that no commit has yet.
static enum corong_status unite_schemas(struct store_snapshot *snapshot,
                                        const struct store_snapshot_part *parts,
                                        struct corong_error *error)
{
    snapshot->schema = snapshot->parts[0].state.schema;
    for (uint32_t i = 1; i < snapshot->part_count; i++) {
        TRY_IN(add_schema(snapshot, &snapshot->parts[i].state.schema, error), error,
               "'%s' and '%s' do not go together", parts[0].directory, parts[i].directory);
    }
    for (uint32_t i = snapshot->committed_count; i < snapshot->reader_count; i++) {
        TRY_IN(add_schema(snapshot, segment_reader_schema(snapshot->readers[i]), error), error,
               "a chunk does not go with '%s'", parts[0].directory);
    }
    for (uint32_t i = 0; i < snapshot->reader_count; i++) {
        if (!is_prefix(segment_reader_schema(snapshot->readers[i]), &snapshot->schema)) {
            segment_reader_present(snapshot->readers[i], &snapshot->schema);
        }
    }
    return CORONG_OK;
}

static int compare_positions(const void *left, const void *right)
{
    const struct store_position *a = left;
    const struct store_position *b = right;
    int order = hash128_compare(a->id, b->id);
    // The furthest first: it says where the source stands.
    return order != 0 ? order
                      : (a->next_offset < b->next_offset) - (a->next_offset > b->next_offset);
}

/// A source that moved between stores left a part of its counts in each.
static void add_counters(struct store_counters *sum, const struct store_counters *more)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    _Static_assert(sizeof(*sum) % sizeof(uint64_t) == 0, "counters are all of 64 bits");
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++) {
        to[i] += from[i];
    }
}

static void unite_positions(struct store_snapshot *snapshot)
{
    size_t room = 0;
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        room += snapshot->parts[i].state.position_count;
    }
    struct store_position *all = memory_allocate_zeroed(room, sizeof(*all));
    size_t count = 0;
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        const struct manifest_state *state = &snapshot->parts[i].state;
        for (uint32_t at = 0; at < state->position_count; at++) {
            all[count++] = state->positions[at];
        }
    }
    qsort(all, count, sizeof(*all), compare_positions);
    for (size_t i = 0; i < count; i++) {
        uint32_t last = snapshot->position_count;
        if (last > 0 && hash128_equal(all[last - 1].id, all[i].id)) {
            add_counters(&all[last - 1].counters, &all[i].counters);
        } else {
            all[snapshot->position_count++] = all[i];
        }
    }
    snapshot->positions = all;
}

static void sum_totals(struct store_snapshot *snapshot)
{
    struct store_totals *totals = &snapshot->totals;
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        const struct manifest_state *state = &snapshot->parts[i].state;
        totals->rows += state->totals.rows;
        totals->duplicates += state->totals.duplicates;
        totals->erased += state->totals.erased;
        totals->digest = hash128_add(totals->digest, state->totals.digest);
        snapshot->sequence += state->sequence;
    }
    for (uint32_t i = snapshot->committed_count; i < snapshot->reader_count; i++) {
        const struct segment_meta *meta = segment_reader_meta(snapshot->readers[i]);
        totals->rows += meta->row_count;
        totals->digest = hash128_add(totals->digest, meta->row_digest);
    }
}

static enum corong_status snapshot_fill(struct store_snapshot *snapshot,
                                        const struct store_snapshot_part *parts,
                                        uint32_t part_count, struct corong_error *error)
{
    TRY(open_parts(snapshot, parts, part_count, error));
    TRY(collect_readers(snapshot, parts, error));
    TRY(unite_schemas(snapshot, parts, error));
    snapshot->directory = arena_copy_string(&snapshot->arena, parts[0].directory);
    unite_positions(snapshot);
    sum_totals(snapshot);
    return CORONG_OK;
}

enum corong_status store_snapshot_open_parts(struct store_snapshot **snapshot_out,
                                             const struct store_snapshot_part *parts,
                                             uint32_t part_count, struct corong_error *error)
{
    *snapshot_out = NULL;
    if (part_count == 0) {
        return error_set(error, CORONG_INVALID, "there is no store to ask");
    }
    struct store_snapshot *snapshot = memory_allocate_zeroed(1, sizeof(*snapshot));
    snapshot->parts = memory_allocate_zeroed(part_count, sizeof(*snapshot->parts));
    enum corong_status status = snapshot_fill(snapshot, parts, part_count, error);
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
    struct store_snapshot_part part = {.directory = directory};
    return store_snapshot_open_parts(snapshot_out, &part, 1, error);
}

void store_snapshot_use_cache(struct store_snapshot *snapshot, struct cache *cache)
{
    for (uint32_t i = 0; i < snapshot->committed_count; i++) {
        segment_reader_use_cache(snapshot->readers[i], cache);
    }
}

static bool is_gone(const void *context, const uint8_t *uuid)
{
    const struct store_snapshot *snapshot = context;
    bool here = false;
    for (uint32_t i = 0; i < snapshot->part_count && !here; i++) {
        here = manifest_state_segment(&snapshot->parts[i].state, uuid) >= 0;
    }
    return !here;
}

void store_snapshot_trim_cache(const struct store_snapshot *snapshot, struct cache *cache)
{
    cache_forget(cache, is_gone, snapshot);
}

void store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    if (snapshot->kept != NULL) {
        snapshot->destroy_kept(snapshot->kept);
    }
    for (uint32_t i = snapshot->committed_count; i < snapshot->reader_count; i++) {
        segment_reader_close(snapshot->readers[i]);
    }
    for (uint32_t i = 0; i < snapshot->part_count; i++) {
        store_part_close(&snapshot->parts[i]);
    }
    memory_free(snapshot->readers);
    memory_free(snapshot->positions);
    memory_free(snapshot->parts);
    arena_deinit(&snapshot->arena);
    memory_free(snapshot);
}

void store_snapshot_keep(struct store_snapshot *snapshot, void *kept, void (*destroy)(void *kept))
{
    ASSERT(snapshot->kept == NULL && kept != NULL);
    snapshot->kept = kept;
    snapshot->destroy_kept = destroy;
}

void *store_snapshot_kept(const struct store_snapshot *snapshot)
{
    return snapshot->kept;
}

/// Only a store that is asked alone, as it is on disk.
static bool derives(const struct store_snapshot *snapshot)
{
    return snapshot->part_count == 1 && snapshot->reader_count == snapshot->committed_count;
}

enum corong_status store_snapshot_derive(const struct store_snapshot *snapshot, struct text bytes,
                                         struct corong_error *error)
{
    return derives(snapshot) ? store_derived_write(snapshot->directory, snapshot, bytes, error)
                             : CORONG_OK;
}

bool store_snapshot_derived(const struct store_snapshot *snapshot, uint64_t size_max,
                            struct text_buffer *bytes_out)
{
    return derives(snapshot) &&
           store_derived_read(snapshot->directory, snapshot, size_max, bytes_out);
}

uint32_t store_snapshot_segment_count(const struct store_snapshot *snapshot)
{
    return snapshot->reader_count;
}

uint32_t store_snapshot_committed_count(const struct store_snapshot *snapshot)
{
    return snapshot->committed_count;
}

struct segment_reader *store_snapshot_segment(const struct store_snapshot *snapshot, uint32_t index)
{
    return snapshot->readers[index];
}

const struct schema *store_snapshot_schema(const struct store_snapshot *snapshot)
{
    return &snapshot->schema;
}

const struct hash_secret *store_snapshot_secret(const struct store_snapshot *snapshot)
{
    return &snapshot->parts[0].format.secret;
}

const struct store_position *store_snapshot_positions(const struct store_snapshot *snapshot,
                                                      uint32_t *count_out)
{
    *count_out = snapshot->position_count;
    return snapshot->positions;
}

struct store_totals store_snapshot_totals(const struct store_snapshot *snapshot)
{
    return snapshot->totals;
}

uint64_t store_snapshot_sequence(const struct store_snapshot *snapshot)
{
    return snapshot->sequence;
}

uint32_t store_snapshot_dead_letters(const struct store_snapshot *snapshot,
                                     struct store_dead_letter_file *files_out)
{
    const struct manifest_state *state = &snapshot->parts[0].state;
    memcpy(files_out, state->dead_files, sizeof(state->dead_files));
    return state->dead_file_count;
}
