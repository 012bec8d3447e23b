// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_sink.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"
#include "storage/column/row_digest.h"
#include "storage/compact/compact_group.h"

#include <stdlib.h>

/// A group may pass its aim inside one user, up to this, before the user is split over groups.
#define GROUP_ROW_COUNT_SPLIT (2 * SEGMENT_GROUP_ROW_COUNT)

struct compact_sink {
    struct compact_sink_options options;
    struct compact_group rows;
    struct row_digester digester;
    struct canonical_order order;
    struct segment_writer *writer; ///< NULL between segments
    uint64_t writer_row_count;
    struct hash128 writer_digest;
    bool has_user; ///< the fields below hold the current user
    struct hash128 user_key;
    uint8_t user_flags;
    struct text_buffer user_id;
    bool user_is_listed; ///< the current user is the last one of `rows`
    struct compact_sink_result result;
};

struct compact_sink *compact_sink_create(const struct compact_sink_options *options)
{
    struct compact_sink *sink = memory_allocate_zeroed(1, sizeof(*sink));
    sink->options = *options;
    compact_group_init(&sink->rows, options->schema, options->columns_used);
    row_digester_init(&sink->digester, options->schema, options->dictionaries);
    canonical_order_init(&sink->order, options->schema);
    return sink;
}

void compact_sink_destroy(struct compact_sink *sink)
{
    if (sink == NULL) {
        return;
    }
    segment_writer_destroy(sink->writer);
    row_digester_deinit(&sink->digester);
    compact_group_deinit(&sink->rows);
    text_buffer_deinit(&sink->user_id);
    memory_free(sink->result.segments);
    memory_free(sink);
}

static enum corong_status open_writer(struct compact_sink *sink, struct corong_error *error)
{
    struct segment_writer_options options = {
        .directory = sink->options.directory,
        .schema = sink->options.schema,
        .dictionaries = sink->options.dictionaries,
        .period = sink->options.period,
        .zstd_level = sink->options.zstd_level,
        .secret = sink->options.secret,
    };
    hash_random_bytes(options.uuid, SEGMENT_UUID_SIZE);
    sink->writer_row_count = 0;
    sink->writer_digest = (struct hash128){0};
    return segment_writer_create(&sink->writer, &options, error);
}

static enum corong_status write_group(struct compact_sink *sink, struct corong_error *error)
{
    const struct row_group *group = &sink->rows.group;
    if (group->row_count == 0) {
        return CORONG_OK;
    }
    if (sink->writer == NULL) {
        TRY(open_writer(sink, error));
    }
    struct hash128 digest = row_digester_group(&sink->digester, group);
    TRY(segment_writer_append(sink->writer, group, error));
    sink->writer_digest = hash128_add(sink->writer_digest, digest);
    sink->writer_row_count += group->row_count;
    sink->result.digest = hash128_add(sink->result.digest, digest);
    sink->result.row_count += group->row_count;
    compact_group_reset(&sink->rows);
    sink->user_is_listed = false;
    return CORONG_OK;
}

static enum corong_status finish_segment(struct compact_sink *sink, struct corong_error *error)
{
    TRY(write_group(sink, error));
    sink->writer_row_count = 0;
    if (sink->writer == NULL) {
        return CORONG_OK;
    }
    struct segment_meta meta;
    TRY(segment_writer_seal(sink->writer, sink->writer_digest, sink->options.as_of_us, &meta,
                            error));
    segment_writer_destroy(sink->writer);
    sink->writer = NULL;
    struct compact_sink_result *result = &sink->result;
    result->segments = memory_resize_array(result->segments, result->segment_count + (size_t)1,
                                           sizeof(*result->segments));
    result->segments[result->segment_count++] = meta;
    return CORONG_OK;
}

/// Between two users: writes a full group, ends a full segment.
static enum corong_status settle_users(struct compact_sink *sink, struct corong_error *error)
{
    uint32_t pending = sink->rows.group.row_count;
    if (sink->writer_row_count + pending >= sink->options.segment_row_max) {
        return finish_segment(sink, error);
    }
    return pending >= SEGMENT_GROUP_ROW_COUNT ? write_group(sink, error) : CORONG_OK;
}

enum corong_status compact_sink_user(struct compact_sink *sink, struct hash128 key, uint8_t flags,
                                     struct text id, struct corong_error *error)
{
    if (sink->has_user && hash128_equal(sink->user_key, key)) {
        return CORONG_OK;
    }
    ASSERT(!sink->has_user || hash128_compare(sink->user_key, key) < 0);
    TRY(settle_users(sink, error));
    sink->has_user = true;
    sink->user_key = key;
    sink->user_flags = flags;
    text_buffer_reset(&sink->user_id);
    text_buffer_append_text(&sink->user_id, id);
    sink->user_is_listed = false;
    return CORONG_OK;
}

void compact_sink_rows(struct compact_sink *sink, const struct column_values *columns,
                       uint32_t from, uint32_t count)
{
    ASSERT(sink->has_user && count > 0);
    if (!sink->user_is_listed) {
        struct text id = {sink->user_id.bytes, sink->user_id.size};
        compact_group_add_user(&sink->rows, sink->user_key, sink->user_flags, id);
        sink->user_is_listed = true;
    }
    compact_group_add_rows(&sink->rows, columns, from, count);
}

/// Appends one user's rows, splitting a very long one over groups.
static enum corong_status append_split(struct compact_sink *sink,
                                       const struct compact_cursor *cursor, uint32_t user,
                                       uint32_t row, uint32_t count, struct corong_error *error)
{
    const struct row_group *group = &cursor->group;
    uint32_t from = group->id_offsets[user];
    struct text id = {group->id_bytes + from, group->id_offsets[user + 1] - from};
    TRY(compact_sink_user(sink, group->user_keys[user], group->user_flags[user], id, error));
    while (count > 0) {
        uint32_t part = count < SEGMENT_GROUP_ROW_COUNT ? count : SEGMENT_GROUP_ROW_COUNT;
        compact_sink_rows(sink, cursor->columns, row, part);
        row += part;
        count -= part;
        TRY(compact_sink_settle(sink, error));
    }
    return CORONG_OK;
}

/// How many users from `first` on fill the group up to its aim, the one that passes it included.
static uint32_t users_that_fit(const struct compact_sink *sink, const struct row_group *group,
                               uint32_t first, uint32_t count)
{
    uint64_t room = sink->options.segment_row_max - sink->writer_row_count;
    uint64_t aim = room < SEGMENT_GROUP_ROW_COUNT ? room : SEGMENT_GROUP_ROW_COUNT;
    uint64_t rows = sink->rows.group.row_count;
    uint32_t user = 0;
    while (user < count && rows < aim &&
           group->user_row_counts[first + user] <= SEGMENT_GROUP_ROW_COUNT) {
        rows += group->user_row_counts[first + user];
        user++;
    }
    return user;
}

static void adopt_last_user(struct compact_sink *sink, const struct row_group *group, uint32_t user)
{
    sink->has_user = true;
    sink->user_key = group->user_keys[user];
    sink->user_flags = group->user_flags[user];
    text_buffer_reset(&sink->user_id);
    text_buffer_append(&sink->user_id, group->id_bytes + group->id_offsets[user],
                       group->id_offsets[user + 1] - group->id_offsets[user]);
    sink->user_is_listed = true;
}

enum corong_status compact_sink_users(struct compact_sink *sink,
                                      const struct compact_cursor *cursor, uint32_t user_count,
                                      struct corong_error *error)
{
    const struct row_group *group = &cursor->group;
    // The first user may have begun in an earlier group, or have lost rows to a merge already.
    uint32_t user = cursor->user;
    uint32_t row = cursor->row;
    TRY(append_split(sink, cursor, user, row, cursor->rows_left, error));
    row += cursor->rows_left;
    user++;
    uint32_t end = cursor->user + user_count;
    while (user < end) {
        TRY(settle_users(sink, error));
        uint32_t fitting = users_that_fit(sink, group, user, end - user);
        if (fitting > 0) {
            row += compact_group_add_users(&sink->rows, group, cursor->columns, user, fitting, row);
            user += fitting;
            adopt_last_user(sink, group, user - 1);
        } else {
            TRY(append_split(sink, cursor, user, row, group->user_row_counts[user], error));
            row += group->user_row_counts[user++];
        }
    }
    return CORONG_OK;
}

uint32_t compact_sink_row_count(const struct compact_sink *sink)
{
    return sink->rows.group.row_count;
}

enum corong_status compact_sink_settle(struct compact_sink *sink, struct corong_error *error)
{
    return sink->rows.group.row_count >= GROUP_ROW_COUNT_SPLIT ? write_group(sink, error)
                                                               : CORONG_OK;
}

/// A row of the instant that is being looked at.
struct instant_row {
    int64_t id_hash;
    uint32_t row;
    bool is_dropped;
};

/// Rows lie in canonical order already: the first of the copies stays.
static int compare_copies(const void *left, const void *right)
{
    const struct instant_row *a = left;
    const struct instant_row *b = right;
    if (a->id_hash != b->id_hash) {
        return a->id_hash < b->id_hash ? -1 : 1;
    }
    return a->row < b->row ? -1 : a->row > b->row;
}

static int compare_places(const void *left, const void *right)
{
    const struct instant_row *a = left;
    const struct instant_row *b = right;
    return a->row < b->row ? -1 : a->row > b->row;
}

/// Marks all but the first copy of each id. Returns how many.
static uint32_t mark_copies(struct instant_row *rows, uint32_t count)
{
    qsort(rows, count, sizeof(*rows), compare_copies);
    uint32_t dropped = 0;
    for (uint32_t index = 1; index < count; index++) {
        rows[index].is_dropped = rows[index].id_hash != COLUMN_INTEGER_MISSING &&
                                 rows[index].id_hash == rows[index - 1].id_hash;
        dropped += rows[index].is_dropped;
    }
    return dropped;
}

static void drop_marked(struct compact_sink *sink, struct instant_row *rows, uint32_t count,
                        uint32_t from)
{
    qsort(rows, count, sizeof(*rows), compare_places);
    struct text id = {sink->user_id.bytes, sink->user_id.size};
    row_digester_user(&sink->digester, sink->user_flags & USER_NAMESPACE_MASK, id);
    uint32_t to = from;
    for (uint32_t index = 0; index < count; index++) {
        if (!rows[index].is_dropped) {
            compact_group_move_row(&sink->rows, to++, rows[index].row);
            continue;
        }
        struct hash128 digest =
            row_digester_row(&sink->digester, sink->rows.group.columns, rows[index].row);
        sink->result.dropped_digest = hash128_add(sink->result.dropped_digest, digest);
        sink->result.dropped_count++;
    }
    compact_group_cut(&sink->rows, to);
}

void compact_sink_deduplicate(struct compact_sink *sink, uint32_t from)
{
    uint32_t count = sink->rows.group.row_count - from;
    const int64_t *id_hashes = sink->rows.group.columns[COLUMN_ID_HASH].integers;
    if (count < 2 || id_hashes == NULL) {
        return;
    }
    struct instant_row *rows = memory_allocate(count * sizeof(*rows));
    for (uint32_t index = 0; index < count; index++) {
        rows[index] = (struct instant_row){.id_hash = id_hashes[from + index], .row = from + index};
    }
    if (mark_copies(rows, count) > 0) {
        drop_marked(sink, rows, count, from);
    }
    memory_free(rows);
}

enum corong_status compact_sink_finish(struct compact_sink *sink,
                                       struct compact_sink_result *result,
                                       struct corong_error *error)
{
    enum corong_status status = finish_segment(sink, error);
    *result = sink->result;
    sink->result = (struct compact_sink_result){0};
    return status;
}
