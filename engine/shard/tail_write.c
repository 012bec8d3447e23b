// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/tail.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/row_digest.h"

#include <string.h>

#define GROUP_BYTES_MAX (UINT64_C(16) << 20)
#define GROUP_ROW_COUNT_MIN 4096u
// Rows gathered at once, column by column: as many as lie in one cluster of a large tail, whose
// values of a column the nearest cache holds.
#define GATHER_ROW_COUNT 2048u
#define USER_FETCH_DISTANCE 8u
#define MARK_ROW_COUNT 4096u // rows between two looks at whether all entries are marked

static const uint32_t no_offset = 0; // of a dictionary without entries

// One segment being written: some of the sorted rows, in groups.
struct period_write {
    struct tail *tail;
    const uint32_t *rows; // of the tail
    uint32_t row_count;
    struct dictionary dictionaries[SCHEMA_COLUMN_COUNT_MAX];
    uint32_t *renumber[SCHEMA_COLUMN_COUNT_MAX]; // rank to code; NULL: every entry is used
    struct row_digester digester;
    struct hash128 digest;
    int64_t as_of_us;
    uint32_t group_capacity;
    struct row_group group;
    struct text_buffer ids;
};

// True where the rows of this segment lie together in the tail, from `first` on, and all are in it.
static bool lie_together(const struct period_write *write, uint32_t *first)
{
    const struct tail_flush *flush = &write->tail->flush;
    uint32_t period = flush->period_done;
    if (!flush->is_parted) {
        return false;
    }
    *first = period == 0 ? 0 : flush->part_ends[period - 1];
    return flush->part_ends[period] - *first == write->row_count;
}

// Marks ranks that have no mark. A missing one, the number before 0, has the first place. Returns
// how many were marked.
static uint32_t mark_ranks(const uint32_t *codes, const uint32_t *rows, uint32_t count,
                           uint8_t *used)
{
    uint32_t marked = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = codes[rows == NULL ? i : rows[i]] + 1;
        marked += used[place] == 0;
        used[place] = 1;
    }
    return marked;
}

// Marks the ranks that rows of this segment have, read in the order in which they lie where that is
// possible; few rows have all of a small dictionary. Returns how many they are.
static uint32_t mark_used(const struct period_write *write, uint32_t column, uint8_t *used)
{
    const uint32_t *codes = write->tail->columns[column].codes;
    uint32_t entry_count = write->tail->symbols[column].count;
    uint32_t start = 0;
    bool together = lie_together(write, &start);
    uint32_t marked = 0;
    used[0] = 1;
    for (uint32_t first = 0; first < write->row_count && marked < entry_count;) {
        uint32_t left = write->row_count - first;
        uint32_t count = left < MARK_ROW_COUNT ? left : MARK_ROW_COUNT;
        marked += together ? mark_ranks(codes + start + first, NULL, count, used)
                           : mark_ranks(codes, write->rows + first, count, used);
        first += count;
    }
    return marked;
}

// Entries that no row of this segment has must not be in its dictionary.
static uint32_t renumber_used(struct period_write *write, uint32_t column)
{
    uint32_t entry_count = write->tail->symbols[column].count;
    uint8_t *used = memory_allocate_zeroed(entry_count + (size_t)1, 1);
    uint32_t count = mark_used(write, column, used);
    if (count < entry_count) {
        uint32_t *renumber = memory_allocate(entry_count * sizeof(uint32_t));
        uint32_t next = 0;
        for (uint32_t rank = 0; rank < entry_count; rank++) {
            renumber[rank] = used[rank + 1] == 0 ? COLUMN_CODE_MISSING : next++;
        }
        write->renumber[column] = renumber;
    }
    memory_free(used);
    return count;
}

static void build_dictionary(struct period_write *write, uint32_t column)
{
    struct tail *tail = write->tail;
    const struct symbol_table *table = &tail->symbols[column];
    const uint32_t *order = tail->flush.symbol_orders[column];
    bool all_rows = write->row_count == tail->row_count;
    uint32_t count = all_rows ? table->count : renumber_used(write, column);
    const uint32_t *renumber = write->renumber[column];
    uint32_t *offsets = memory_allocate((count + (size_t)1) * sizeof(uint32_t));
    char *bytes = memory_allocate(table->size);
    uint32_t code = 0;
    offsets[0] = 0;
    for (uint32_t rank = 0; rank < table->count; rank++) {
        if (renumber != NULL && renumber[rank] == COLUMN_CODE_MISSING) {
            continue;
        }
        struct text text = symbol_table_text(table, order[rank]);
        memcpy(bytes + offsets[code], text.bytes, text.size);
        offsets[code + 1] = offsets[code] + (uint32_t)text.size;
        code++;
    }
    write->dictionaries[column] = (struct dictionary){count, offsets, bytes};
}

static uint32_t group_capacity(const struct tail *tail, uint32_t row_count)
{
    uint64_t fitting = GROUP_BYTES_MAX / tail->row_bytes;
    uint64_t capacity = fitting < SEGMENT_GROUP_ROW_COUNT ? fitting : SEGMENT_GROUP_ROW_COUNT;
    capacity = capacity < GROUP_ROW_COUNT_MIN ? GROUP_ROW_COUNT_MIN : capacity;
    // A question's tasks share the users: each decodes the groups of its own, which in a chunk with
    // few groups would be all of it.
    capacity = tail->options.directory == NULL ? GROUP_ROW_COUNT_MIN : capacity;
    return capacity < row_count ? (uint32_t)capacity : row_count;
}

static void allocate_group(struct period_write *write)
{
    struct tail *tail = write->tail;
    uint32_t capacity = group_capacity(tail, write->row_count);
    struct row_group *group = &write->group;
    write->group_capacity = capacity;
    group->user_keys = memory_allocate(capacity * sizeof(struct hash128));
    group->user_row_counts = memory_allocate(capacity * sizeof(uint32_t));
    group->user_flags = memory_allocate(capacity);
    group->user_name_masks = NULL;
    group->id_offsets = memory_allocate((capacity + (size_t)1) * sizeof(uint32_t));
    group->columns =
        memory_allocate_zeroed(tail->schema->column_count, sizeof(struct column_values));
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        if (tail->columns[i].codes != NULL) {
            group->columns[i].codes = memory_allocate(capacity * sizeof(uint32_t));
        } else if (tail->columns[i].integers != NULL) {
            group->columns[i].integers = memory_allocate(capacity * sizeof(int64_t));
        }
    }
}

static void write_init(struct period_write *write, struct tail *tail)
{
    const struct tail_flush *flush = &tail->flush;
    uint32_t first = flush->period_done == 0 ? 0 : flush->period_ends[flush->period_done - 1];
    bool last = flush->period_done + 1 == flush->period_count;
    *write = (struct period_write){
        .tail = tail,
        .rows = flush->rows + first,
        .row_count = flush->period_ends[flush->period_done] - first,
        .as_of_us = last ? flush->dropped_as_of_us : INT64_MIN,
    };
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        write->dictionaries[i] = (struct dictionary){0, &no_offset, ""};
        if (tail->columns[i].codes != NULL) {
            build_dictionary(write, i);
        }
    }
    allocate_group(write);
    row_digester_init(&write->digester, tail->schema, write->dictionaries);
}

static void write_deinit(struct period_write *write)
{
    struct row_group *group = &write->group;
    for (uint32_t i = 0; i < write->tail->schema->column_count; i++) {
        if (write->tail->columns[i].codes != NULL) {
            memory_free((void *)(uintptr_t)write->dictionaries[i].offsets);
            memory_free((void *)(uintptr_t)write->dictionaries[i].bytes);
        }
        memory_free(write->renumber[i]);
        memory_free(group->columns[i].codes);
        memory_free(group->columns[i].integers);
    }
    memory_free(group->columns);
    memory_free(group->user_keys);
    memory_free(group->user_row_counts);
    memory_free(group->user_flags);
    memory_free(group->id_offsets);
    row_digester_deinit(&write->digester);
    text_buffer_deinit(&write->ids);
}

// Some rows of a group.
struct gather {
    const uint32_t *rows; // where they lie in the tail's columns
    uint32_t count;
    uint32_t at; // of the first, in the group
};

static void gather_codes(const struct gather *gather, const uint32_t *from, uint32_t *to,
                         const uint32_t *renumber)
{
    if (renumber == NULL) {
        for (uint32_t i = 0; i < gather->count; i++) {
            to[i] = from[gather->rows[i]];
        }
        return;
    }
    for (uint32_t i = 0; i < gather->count; i++) {
        uint32_t rank = from[gather->rows[i]];
        to[i] = rank == COLUMN_CODE_MISSING ? rank : renumber[rank];
    }
}

static void gather_column(struct period_write *write, uint32_t column, const struct gather *gather)
{
    const struct column_values *from = &write->tail->columns[column];
    const struct column_values *to = &write->group.columns[column];
    if (to->codes != NULL) {
        gather_codes(gather, from->codes, to->codes + gather->at, write->renumber[column]);
    } else if (to->integers != NULL) {
        int64_t *integers = to->integers + gather->at;
        for (uint32_t i = 0; i < gather->count; i++) {
            integers[i] = from->integers[gather->rows[i]];
        }
    }
}

static void gather_rows(struct period_write *write, uint32_t first, uint32_t count)
{
    struct gather gather;
    for (gather.at = 0; gather.at < count; gather.at += gather.count) {
        uint32_t left = count - gather.at;
        gather.rows = write->rows + first + gather.at;
        gather.count = left < GATHER_ROW_COUNT ? left : GATHER_ROW_COUNT;
        for (uint32_t column = 0; column < write->tail->schema->column_count; column++) {
            gather_column(write, column, &gather);
        }
    }
}

// Users lie in order of arrival: those of the next ranks are fetched.
static void fetch_users(const struct tail *tail, uint32_t rank)
{
    const struct user_table *table = &tail->user_table;
    const uint32_t *order = tail->flush.user_order;
    if (rank + USER_FETCH_DISTANCE < table->count) {
        __builtin_prefetch(&table->keys[order[rank + USER_FETCH_DISTANCE]]);
        __builtin_prefetch(&table->ids[order[rank + USER_FETCH_DISTANCE]]);
    }
}

static void gather_users(struct period_write *write, uint32_t first, uint32_t count)
{
    const struct user_table *table = &write->tail->user_table;
    const uint32_t *ranks = write->tail->users;
    const uint32_t *rows = write->rows + first;
    struct row_group *group = &write->group;
    text_buffer_reset(&write->ids);
    group->user_count = 0;
    group->id_offsets[0] = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t rank = ranks[rows[i]];
        uint32_t end = i + 1;
        while (end < count && ranks[rows[end]] == rank) {
            end++;
        }
        uint32_t user = write->tail->flush.user_order[rank];
        fetch_users(write->tail, rank);
        group->user_keys[group->user_count] = table->keys[user];
        group->user_row_counts[group->user_count] = end - i;
        group->user_flags[group->user_count] = table->ids[user].user_namespace;
        text_buffer_append_text(&write->ids, user_table_id(table, user));
        group->id_offsets[++group->user_count] = (uint32_t)write->ids.size;
        i = end;
    }
    group->id_bytes = write->ids.bytes;
}

static int64_t integer_of(const struct period_write *write, enum system_column column, uint32_t i)
{
    const int64_t *integers = write->group.columns[column].integers;
    return integers == NULL ? COLUMN_INTEGER_MISSING : integers[i];
}

static void note_as_of(struct period_write *write, uint32_t first, uint32_t count)
{
    const struct tail *tail = write->tail;
    const int64_t *times_us = write->group.columns[COLUMN_TIME].integers;
    for (uint32_t i = 0; i < count; i++) {
        int64_t received_us = integer_of(write, COLUMN_RECEIVED, i);
        int64_t known_us = received_us == COLUMN_INTEGER_MISSING || times_us[i] < received_us
                               ? times_us[i]
                               : received_us;
        if (known_us > write->as_of_us && !tail->future[write->rows[first + i]]) {
            write->as_of_us = known_us;
        }
    }
}

// Where the group that begins at `first` ends: between users where that costs little, so that few
// users are split over two groups.
static uint32_t group_end(const struct period_write *write, uint32_t first)
{
    uint32_t end = first + write->group_capacity;
    if (end >= write->row_count) {
        return write->row_count;
    }
    const uint32_t *ranks = write->tail->users;
    uint32_t cut = end;
    uint32_t lowest = end - write->group_capacity / 16;
    while (cut > lowest && ranks[write->rows[cut]] == ranks[write->rows[cut - 1]]) {
        cut--;
    }
    return cut > lowest ? cut : end;
}

static enum corong_status append_groups(struct period_write *write, struct segment_writer *writer,
                                        struct corong_error *error)
{
    for (uint32_t first = 0; first < write->row_count;) {
        uint32_t end = group_end(write, first);
        uint32_t count = end - first;
        write->group.row_count = count;
        gather_rows(write, first, count);
        gather_users(write, first, count);
        note_as_of(write, first, count);
        write->digest =
            hash128_add(write->digest, row_digester_group(&write->digester, &write->group));
        TRY(segment_writer_append(writer, &write->group, error));
        first = end;
    }
    return CORONG_OK;
}

static enum corong_status write_segment(struct period_write *write, struct segment_meta *meta_out,
                                        int *descriptor_out, struct corong_error *error)
{
    const struct tail *tail = write->tail;
    struct segment_writer_options options = {
        .directory = tail->options.directory,
        .schema = tail->schema,
        .dictionaries = write->dictionaries,
        .period = tail->flush.periods[tail->flush.period_done],
        .zstd_level = tail->options.zstd_level,
        // What does not live long is read with the keys as they are.
        .secret = tail->options.zstd_level > 0 ? tail->options.secret : NULL,
        .choices = tail->choices,
    };
    hash_random_bytes(options.uuid, sizeof(options.uuid));
    struct segment_writer *writer;
    TRY(segment_writer_create(&writer, &options, error));
    enum corong_status status = append_groups(write, writer, error);
    if (status == CORONG_OK) {
        status = segment_writer_seal(writer, write->digest, write->as_of_us, meta_out, error);
    }
    if (status == CORONG_OK && tail->options.directory == NULL) {
        *descriptor_out = segment_writer_take(writer);
    }
    segment_writer_destroy(writer);
    return status;
}

enum corong_status tail_write_period(struct tail *tail, struct segment_meta *meta_out,
                                     int *descriptor_out, struct corong_error *error)
{
    struct period_write write;
    write_init(&write, tail);
    enum corong_status status = write_segment(&write, meta_out, descriptor_out, error);
    write_deinit(&write);
    ASSERT(status != CORONG_OK || meta_out->row_count == write.row_count);
    return status;
}
