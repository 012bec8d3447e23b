// SPDX-License-Identifier: Apache-2.0
/// Links are values of ordinary events: this reads them through the same cursor as every question,
/// so that copies of one event are judged once, and nothing else is to be kept exactly once.
#include "engine/query/identity/identity_private.h"
#include "engine/query/query_cursor.h"
#include "engine/query/query_plan.h"
#include "engine/query/query_table.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define CAPACITY_MIN 256u

struct collector {
    struct links_run *run;
    struct query_cursor cursor;
    struct query_reading reading;
    struct arena arena;
    struct identity_link *links;
    uint32_t count;
    uint32_t capacity;
    struct query_table seen; ///< what the user in hand is linked to: a kind and an id each
    struct text_buffer word;
    struct text id;                    ///< of the user in hand, copied with its first link
    const struct query_source *source; ///< looked at last, with its group and ...
    uint32_t group;
    uint32_t present; ///< ... which columns have a value there, as bits
};

struct links_run {
    const struct query_plan *plan;
    struct query_tasks *tasks;
    const struct hash_secret *secret;
    uint32_t columns[IDENTITY_KIND_COUNT]; ///< in the schema
    enum identity_kind kinds[IDENTITY_KIND_COUNT];
    uint32_t column_count;
    struct collector *collectors;
};

static bool group_has(const struct segment_reader *reader, uint32_t group, uint32_t column)
{
    int64_t least;
    int64_t largest;
    return column < segment_reader_schema(reader)->column_count &&
           segment_reader_column_zone(reader, group, column, &least, &largest);
}

bool identity_links_exist(const struct store_snapshot *snapshot)
{
    const struct schema *schema = store_snapshot_schema(snapshot);
    for (uint32_t kind = 0; kind < IDENTITY_KIND_COUNT; kind++) {
        int32_t column = schema_find(schema, column_link_names[kind]);
        for (uint32_t s = 0; column >= 0 && s < store_snapshot_segment_count(snapshot); s++) {
            if (segment_reader_dictionary_count(store_snapshot_segment(snapshot, s),
                                                (uint32_t)column) > 0) {
                return true;
            }
        }
    }
    return false;
}

static struct text user_of(const struct query_source *source)
{
    const struct row_group *rows = &source->rows;
    uint32_t start = rows->id_offsets[source->user];
    return (struct text){rows->id_bytes + start, rows->id_offsets[source->user + 1] - start};
}

static struct identity_link *add_link(struct collector *collector)
{
    if (collector->count == collector->capacity) {
        collector->capacity = collector->capacity == 0 ? CAPACITY_MIN : collector->capacity * 2;
        collector->links =
            memory_resize_array(collector->links, collector->capacity, sizeof(*collector->links));
    }
    return &collector->links[collector->count++];
}

/// Whether this is the user's first link of the kind with this id.
static bool is_first(struct collector *collector, enum identity_kind kind, struct text from)
{
    char letter = (char)('a' + kind);
    text_buffer_reset(&collector->word);
    text_buffer_append(&collector->word, &letter, 1);
    text_buffer_append_text(&collector->word, from);
    uint32_t known = collector->seen.count;
    struct text word = {collector->word.bytes, collector->word.size};
    return query_table_number(&collector->seen, word) == known;
}

static int64_t integer_at(const struct row_group *rows, uint32_t column, uint32_t row,
                          int64_t otherwise)
{
    const struct column_packed *packed = &rows->packed[column];
    return packed->exists ? column_packed_integer(packed, row) : otherwise;
}

static void take_link(struct collector *collector, const struct query_source *source,
                      const struct row_group *looked, uint32_t row, enum identity_kind kind,
                      struct text from)
{
    if (from.size == 0 || !is_first(collector, kind, from)) {
        return;
    }
    const struct links_run *run = collector->run;
    if (collector->id.bytes == NULL) {
        collector->id = arena_copy_text(&collector->arena, user_of(source));
    }
    from = arena_copy_text(&collector->arena, from);
    *add_link(collector) = (struct identity_link){
        .time_us = query_source_time(source, row),
        .sequence = integer_at(looked, COLUMN_SEQUENCE, row, 0),
        .id_hash = integer_at(looked, COLUMN_ID_HASH, row, COLUMN_INTEGER_MISSING),
        .kind = kind,
        .from_key = hash_user(run->secret, kind == IDENTITY_ANONYMOUS ? 1 : 0, from),
        .to_key = collector->cursor.key,
        .from = from,
        .to = collector->id,
    };
}

/// One column of a run of rows.
static enum corong_status take_column(struct collector *collector,
                                      const struct query_source *source,
                                      const struct row_group *looked, uint32_t which,
                                      uint32_t begin, uint32_t end, struct corong_error *error)
{
    uint32_t column = collector->run->columns[which];
    const struct column_packed *packed = &looked->packed[column];
    const struct dictionary *dictionary;
    TRY(segment_reader_dictionary(source->segment->reader, column, &dictionary, error));
    uint32_t last = COLUMN_CODE_MISSING;
    for (uint32_t row = begin; row < end; row++) {
        uint32_t code = column_packed_code(packed, row);
        if (code != last && code != COLUMN_CODE_MISSING) {
            take_link(collector, source, looked, row, collector->run->kinds[which],
                      dictionary_text(dictionary, code));
        }
        last = code;
    }
    return CORONG_OK;
}

static enum corong_status take_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    struct collector *collector = context;
    const struct row_group *rows = &source->rows;
    if ((rows->user_flags[source->user] & USER_NAMESPACE_MASK) != 0) {
        return CORONG_OK; // links lead to known ids only
    }
    uint32_t group = source->segment->groups[source->group];
    if (source != collector->source || group != collector->group) {
        collector->source = source;
        collector->group = group;
        collector->present = 0;
        for (uint32_t i = 0; i < collector->run->column_count; i++) {
            bool has = group_has(source->segment->reader, group, collector->run->columns[i]);
            collector->present |= (uint32_t)has << i;
        }
    }
    for (uint32_t i = 0; collector->present >> i != 0; i++) {
        if ((collector->present >> i & 1) != 0) {
            const struct row_group *looked;
            TRY(query_source_look(source, source->group, &looked, error));
            TRY(take_column(collector, source, looked, i, begin, end, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status run_task(void *context, uint32_t worker, uint32_t task,
                                   struct corong_error *error)
{
    struct links_run *run = context;
    struct collector *collector = &run->collectors[worker];
    uint64_t before = collector->arena.used_bytes + collector->capacity * sizeof(*collector->links);
    TRY(query_cursor_seek(&collector->cursor, task, error));
    while (query_cursor_next(&collector->cursor)) {
        collector->id = TEXT_MISSING;
        if (collector->seen.count > 0) {
            query_table_deinit(&collector->seen);
        }
        TRY(query_cursor_rows(&collector->cursor, take_rows, collector, error));
    }
    uint64_t bytes = collector->arena.used_bytes + collector->capacity * sizeof(*collector->links);
    return query_tasks_charge(run->tasks, bytes - before, "identity links", error);
}

/// Brings the workers' links together.
static void unite(struct links_run *run, uint32_t worker_count, struct identity_links *links)
{
    size_t count = 0;
    for (uint32_t i = 0; i < worker_count; i++) {
        count += run->collectors[i].count;
    }
    ASSERT(count < UINT32_MAX / 2);
    links->links = memory_allocate_zeroed(count + 1, sizeof(*links->links));
    for (uint32_t i = 0; i < worker_count; i++) {
        const struct collector *collector = &run->collectors[i];
        for (uint32_t k = 0; k < collector->count; k++) {
            struct identity_link *link = &links->links[links->count++];
            *link = collector->links[k];
            link->from = arena_copy_text(&links->arena, link->from);
            link->to = arena_copy_text(&links->arena, link->to);
        }
    }
    if (links->count > 0) {
        qsort(links->links, links->count, sizeof(*links->links), identity_link_compare);
    }
}

static void collector_deinit(struct collector *collector, struct query_tasks *tasks)
{
    for (uint32_t i = 0; i < collector->cursor.plan->segment_count; i++) {
        query_tasks_return(tasks, collector->cursor.sources[i].charged_bytes);
    }
    query_cursor_deinit(&collector->cursor);
    query_table_deinit(&collector->seen);
    text_buffer_deinit(&collector->word);
    memory_free(collector->links);
    arena_deinit(&collector->arena);
}

static enum corong_status collect(struct links_run *run, const struct query_plan *plan,
                                  struct identity_links *links, struct corong_error *error)
{
    uint32_t worker_count = query_tasks_thread_count(run->tasks);
    run->plan = plan;
    run->collectors = memory_allocate_zeroed(worker_count, sizeof(*run->collectors));
    for (uint32_t i = 0; i < worker_count; i++) {
        struct collector *collector = &run->collectors[i];
        collector->run = run;
        query_cursor_init(&collector->cursor, plan, run->tasks, &collector->reading);
    }
    enum corong_status status = query_tasks_run(run->tasks, plan->task_count, run_task, run, error);
    if (status == CORONG_OK) {
        unite(run, worker_count, links);
    }
    for (uint32_t i = 0; i < worker_count; i++) {
        collector_deinit(&run->collectors[i], run->tasks);
    }
    memory_free(run->collectors);
    return status;
}

enum corong_status identity_links_collect(struct identity_links *links,
                                          struct store_snapshot *snapshot,
                                          struct query_tasks *tasks, struct corong_error *error)
{
    *links = (struct identity_links){0};
    const struct schema *schema = store_snapshot_schema(snapshot);
    struct links_run run = {.tasks = tasks, .secret = store_snapshot_secret(snapshot)};
    uint32_t looked[IDENTITY_KIND_COUNT + 2];
    for (uint32_t kind = 0; kind < IDENTITY_KIND_COUNT; kind++) {
        int32_t column = schema_find(schema, column_link_names[kind]);
        if (column >= 0 && schema->columns[column].type == COLUMN_STRING) {
            looked[run.column_count] = (uint32_t)column;
            run.kinds[run.column_count] = (enum identity_kind)kind;
            run.columns[run.column_count++] = (uint32_t)column;
        }
    }
    looked[run.column_count] = COLUMN_SEQUENCE;
    looked[run.column_count + 1] = COLUMN_ID_HASH;
    const struct query_ask ask = {
        .rows = {INT64_MIN, INT64_MAX},
        .as_of_us = INT64_MAX,
        .order = QUERY_ORDER_ALL,
        .every_row = true,
        .ids = true,
        .columns = looked,
        .column_count = run.column_count + 2,
        .telling_count = run.column_count,
        .apart = true,
        .tasks = tasks,
    };
    struct query_plan plan;
    TRY(query_plan_init(&plan, snapshot, &ask, query_tasks_thread_count(tasks), error));
    enum corong_status status = collect(&run, &plan, links, error);
    query_plan_deinit(&plan);
    return status;
}

void identity_links_deinit(struct identity_links *links)
{
    memory_free(links->links);
    arena_deinit(&links->arena);
    *links = (struct identity_links){0};
}
