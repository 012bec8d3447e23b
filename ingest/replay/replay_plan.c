// SPDX-License-Identifier: Apache-2.0
// Which file continues which position of the store, and which files are one and the same.
#include "ingest/replay/replay.h"

#include "ingest/replay/replay_identity.h"
#include "ingest/replay/replay_list.h"
#include "ingest/replay/replay_window.h"
#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define CANDIDATE_COUNT_MAX 16u

/// What one position of the store is to one file.
enum match {
    MATCH_SAME,    ///< the file continues there (as far as could be seen without reading it all)
    MATCH_SHORTER, ///< the file ends before the position
    MATCH_CHANGED, ///< the same beginning, another content later
    MATCH_FAILED,  ///< `error`
};

/// Work space of replay_plan_create().
struct planner {
    struct replay_plan *plan;
    const struct store_position *positions; ///< of the store
    struct replay_known_set stored;         ///< their identities
    struct replay_known_set planned;        ///< identities of this plan's files; owner: file index
    uint32_t *chain_last;                   ///< by the chain's first file: its last
    bool *continued;                        ///< by file: a longer file of the plan goes on after it
};

static enum match match_in_prefix(const struct store_position *position, struct text prefix)
{
    if (position->anchor_offset < 0) {
        return MATCH_SAME;
    }
    if (position->anchor_offset > position->next_offset) {
        return MATCH_CHANGED;
    }
    uint64_t hash = hash_bytes64(prefix.bytes + position->anchor_offset,
                                 (size_t)(position->next_offset - position->anchor_offset));
    return hash == position->anchor_hash ? MATCH_SAME : MATCH_CHANGED;
}

/// Reads the file up to the position. Only for positions of files that were small when first seen
/// and have grown beyond the prefix since: rare, so the reading is not worth keeping.
static enum match match_by_reading(const struct store_position *position, const char *path,
                                   struct corong_error *error)
{
    struct replay_stream *stream;
    if (replay_stream_open(&stream, path, 0, error) != CORONG_OK) {
        return MATCH_FAILED;
    }
    struct replay_window window;
    replay_window_init(&window, stream, path);
    enum replay_read result;
    do {
        result = replay_window_resume(&window, position, error);
    } while (result == REPLAY_READ_IDLE);
    replay_window_deinit(&window);
    if (result == REPLAY_READ_FAILED) {
        bool changed = error != NULL && error->status == CORONG_INVALID;
        return changed ? MATCH_CHANGED : MATCH_FAILED;
    }
    return result == REPLAY_READ_END ? MATCH_SHORTER : MATCH_SAME;
}

static enum match match_position(const struct replay_file *file, struct text prefix,
                                 const struct store_position *position, struct corong_error *error)
{
    if (position->next_offset <= (int64_t)prefix.size) {
        return match_in_prefix(position, prefix);
    }
    if (prefix.size < REPLAY_PREFIX_SIZE) {
        return MATCH_SHORTER;
    }
    if (replay_identity_size(position->id) == REPLAY_PREFIX_SIZE || file->stream != NULL) {
        return MATCH_SAME; // to be proved when it is opened
    }
    return match_by_reading(position, file->path, error);
}

/// A position whose file began alike but is not this file's: refuse, or go on looking.
static enum corong_status refuse_changed(const struct replay_file *file,
                                         const struct store_position *position, enum match match,
                                         struct corong_error *error)
{
    bool same_name = text_equal(position->name, text_from(file->path));
    if (!same_name && replay_identity_size(position->id) < REPLAY_PREFIX_SIZE) {
        return CORONG_OK;
    }
    return error_set(
        error, CORONG_INVALID,
        "cannot replay '%s': it begins like '%.*s', of which the store holds the first "
        "%lld bytes, but %s; if it is another file of the same name, rename it",
        file->path, (int)position->name.size, position->name.bytes,
        (long long)position->next_offset,
        match == MATCH_SHORTER ? "it is shorter now" : "it differs from them further on");
}

/// Sets `file->start` from the store, or leaves it at the beginning.
static enum corong_status match_store(struct planner *planner, struct replay_file *file,
                                      struct text prefix, struct corong_error *error)
{
    uint32_t owners[CANDIDATE_COUNT_MAX];
    uint32_t count = replay_known_find(&planner->stored, prefix, owners, CANDIDATE_COUNT_MAX);
    for (uint32_t index = 0; index < count; index++) {
        const struct store_position *position = &planner->positions[owners[index]];
        struct corong_error reading = {0};
        enum match match = match_position(file, prefix, position, &reading);
        if (match == MATCH_FAILED) {
            if (error != NULL) {
                *error = reading;
            }
            return reading.status;
        }
        // All that there is of it was hashed: it is the beginning of what the store holds.
        bool older = match == MATCH_SHORTER && replay_identity_size(position->id) == prefix.size &&
                     prefix.size < REPLAY_PREFIX_SIZE;
        if (match == MATCH_SAME || older) {
            file->id = position->id;
            file->start = *position;
            file->stored = older;
            return CORONG_OK;
        }
        TRY(refuse_changed(file, position, match, error));
    }
    return CORONG_OK;
}

/// Looks for a file of this plan that is the same, or that this one begins with as a whole.
static void match_plan(struct planner *planner, uint32_t file_index, struct text prefix)
{
    struct replay_file *file = &planner->plan->files[file_index];
    uint32_t owners[CANDIDATE_COUNT_MAX];
    uint32_t count = replay_known_find(&planner->planned, prefix, owners, CANDIDATE_COUNT_MAX);
    for (uint32_t index = 0; index < count; index++) {
        struct replay_file *other = &planner->plan->files[owners[index]];
        bool same = other->prefix_size == file->prefix_size;
        if (same || !planner->continued[owners[index]]) {
            planner->continued[owners[index]] = !same || planner->continued[owners[index]];
            file->id = other->id;
            file->start = other->start;
            return;
        }
    }
}

static enum corong_status peek(struct replay_file *file, int input, struct text *prefix_out,
                               struct replay_stream **stream_out, struct corong_error *error)
{
    struct replay_stream *stream = file->stream;
    if (stream == NULL) {
        TRY(replay_stream_open(&stream, file->path, input, error));
    }
    enum corong_status status = replay_stream_peek(stream, prefix_out, error);
    if (status != CORONG_OK) {
        if (file->stream == NULL) {
            replay_stream_close(stream);
        }
        return status;
    }
    *stream_out = stream;
    return CORONG_OK;
}

/// First look: size, length of the prefix, and whether the stream must be kept.
static enum corong_status survey(struct replay_plan *plan, const struct replay_options *options,
                                 struct corong_error *error)
{
    bool total_known = true;
    for (uint32_t index = 0; index < plan->file_count; index++) {
        struct replay_file *file = &plan->files[index];
        struct replay_stream *stream;
        struct text prefix;
        TRY(peek(file, options->input, &prefix, &stream, error));
        file->size_bytes = replay_stream_bytes_total(stream);
        if (options->limit != NULL && replay_stream_can_seek(stream)) {
            file->size_bytes = options->limit(options->limit_context, file->path, file->size_bytes);
            prefix.size = prefix.size < file->size_bytes ? prefix.size : file->size_bytes;
        }
        file->prefix_size = (uint32_t)prefix.size;
        plan->bytes_total += file->size_bytes;
        if (replay_stream_is_regular(stream)) {
            replay_stream_close(stream);
        } else {
            file->stream = stream;
            total_known = false;
        }
    }
    plan->bytes_total = total_known ? plan->bytes_total : 0;
    return CORONG_OK;
}

static enum corong_status resolve(struct planner *planner, uint32_t file_index,
                                  struct corong_error *error)
{
    struct replay_file *file = &planner->plan->files[file_index];
    struct replay_stream *stream;
    struct text prefix;
    TRY(peek(file, 0, &prefix, &stream, error));
    if (prefix.size > file->prefix_size) {
        prefix.size =
            file->prefix_size; // grew since the first look; the rest comes when it is read
    }
    struct hash128 own = replay_identity(prefix);
    file->id = own;
    enum corong_status status = match_store(planner, file, prefix, error);
    if (status == CORONG_OK && file->start.next_offset == 0) {
        match_plan(planner, file_index, prefix);
    }
    if (file->stream == NULL) {
        replay_stream_close(stream);
    }
    if (prefix.size > 0 && !file->stored) {
        replay_known_add(&planner->planned, own, file_index);
    }
    return status;
}

/// Files that will be committed under one identity are read one after the other.
static void chain(struct planner *planner, uint32_t file_index)
{
    struct replay_plan *plan = planner->plan;
    struct replay_file *file = &plan->files[file_index];
    for (uint32_t at = 0; file->prefix_size > 0 && at < plan->chain_count; at++) {
        uint32_t first = plan->chains[at];
        if (hash128_equal(plan->files[first].id, file->id)) {
            plan->files[planner->chain_last[first]].next = file_index;
            planner->chain_last[first] = file_index;
            return;
        }
    }
    plan->chains[plan->chain_count++] = file_index;
    planner->chain_last[file_index] = file_index;
}

static int compare_prefix_sizes(const void *left, const void *right, void *context)
{
    const struct replay_plan *plan = context;
    uint32_t left_index = *(const uint32_t *)left;
    uint32_t right_index = *(const uint32_t *)right;
    uint32_t left_size = plan->files[left_index].prefix_size;
    uint32_t right_size = plan->files[right_index].prefix_size;
    if (left_size != right_size) {
        return left_size < right_size ? -1 : 1;
    }
    return (left_index > right_index) - (left_index < right_index);
}

static int compare_indices(const void *left, const void *right)
{
    uint32_t left_index = *(const uint32_t *)left;
    uint32_t right_index = *(const uint32_t *)right;
    return (left_index > right_index) - (left_index < right_index);
}

/// Small files first, so that a file is known before any other that begins with the whole of it.
static enum corong_status resolve_all(struct planner *planner, struct corong_error *error)
{
    struct replay_plan *plan = planner->plan;
    uint32_t *order = memory_allocate_zeroed(plan->file_count + 1, sizeof(*order));
    for (uint32_t index = 0; index < plan->file_count; index++) {
        order[index] = index;
    }
    qsort_r(order, plan->file_count, sizeof(*order), compare_prefix_sizes, plan);
    enum corong_status status = CORONG_OK;
    for (uint32_t at = 0; status == CORONG_OK && at < plan->file_count; at++) {
        status = resolve(planner, order[at], error);
        if (status == CORONG_OK && !plan->files[order[at]].stored) {
            chain(planner, order[at]);
        }
    }
    qsort(plan->chains, plan->chain_count, sizeof(*plan->chains), compare_indices);
    memory_free(order);
    return status;
}

static enum corong_status make_plan(struct replay_plan *plan, const struct replay_options *options,
                                    const struct store *store, struct corong_error *error)
{
    struct planner planner = {.plan = plan};
    TRY(survey(plan, options, error));
    uint32_t position_count = 0;
    planner.positions = store == NULL ? NULL : store_positions(store, &position_count);
    for (uint32_t index = 0; index < position_count; index++) {
        replay_known_add(&planner.stored, planner.positions[index].id, index);
    }
    planner.chain_last = memory_allocate_zeroed(plan->file_count + 1, sizeof(uint32_t));
    planner.continued = memory_allocate_zeroed(plan->file_count + 1, sizeof(bool));
    enum corong_status status = resolve_all(&planner, error);
    replay_known_deinit(&planner.stored);
    replay_known_deinit(&planner.planned);
    memory_free(planner.chain_last);
    memory_free(planner.continued);
    return status;
}

static enum corong_status list_files(struct replay_plan *plan, const struct replay_options *options,
                                     struct corong_error *error)
{
    struct replay_list list = {0};
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; status == CORONG_OK && index < options->path_count; index++) {
        status = replay_list_add(&list, options->paths[index], error);
    }
    replay_list_sort(&list);
    plan->files = memory_allocate_zeroed(list.count + 1, sizeof(*plan->files));
    plan->chains = memory_allocate_zeroed(list.count + 1, sizeof(*plan->chains));
    plan->file_count = list.count;
    for (uint32_t index = 0; index < list.count; index++) {
        plan->files[index].path = memory_copy_string(list.paths[index], strlen(list.paths[index]));
        plan->files[index].next = REPLAY_NONE;
    }
    replay_list_deinit(&list);
    return status;
}

enum corong_status replay_plan_create(struct replay_plan **plan_out,
                                      const struct replay_options *options,
                                      const struct store *store, struct corong_error *error)
{
    struct replay_plan *plan = memory_allocate_zeroed(1, sizeof(*plan));
    plan->message_size_max = options->message_size_max;
    plan->dead_letters = options->dead_letters;
    enum corong_status status = list_files(plan, options, error);
    if (status == CORONG_OK) {
        status = make_plan(plan, options, store, error);
    }
    if (status != CORONG_OK) {
        replay_plan_destroy(plan);
        return status;
    }
    *plan_out = plan;
    return CORONG_OK;
}

void replay_plan_destroy(struct replay_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (uint32_t index = 0; index < plan->file_count; index++) {
        replay_stream_close(plan->files[index].stream);
        memory_free((char *)plan->files[index].path);
    }
    memory_free(plan->files);
    memory_free(plan->chains);
    memory_free(plan);
}
