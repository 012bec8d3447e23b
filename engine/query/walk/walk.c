// SPDX-License-Identifier: Apache-2.0
#include "engine/query/walk/walk.h"

#include "engine/query/query_cursor.h"
#include "engine/query/query_plan.h"
#include "engine/query/query_source.h"
#include "storage/base/memory.h"

#define FILL_ROW_COUNT 1024u ///< runs are cut into pieces that stay in the cache

struct walk_plan {
    struct query_plan plan;
    struct query_tasks *tasks;
    const struct schema *schema;
    uint32_t *columns;
};

struct walk {
    struct walk_plan *plan;
    struct query_cursor cursor;
    struct query_reading reading;
    walk_visit *visit;
    void *context;
    int64_t times[FILL_ROW_COUNT];
    uint32_t names[FILL_ROW_COUNT];
};

static struct query_ask ask_of(const struct walk_plan *plan, const struct walk_options *options)
{
    return (struct query_ask){
        .rows = {options->from_us, INT64_MAX},
        .as_of_us = QUERY_TIME_NONE,
        .order = QUERY_ORDER_ALL,
        .every_row = true,
        .apart = true, // the live state is kept by id
        .names = true,
        .columns = plan->columns,
        .column_count = options->column_count,
        .tasks = plan->tasks,
    };
}

enum corong_status walk_plan_open(struct walk_plan **plan_out, const struct walk_options *options,
                                  struct corong_error *error)
{
    struct walk_plan *plan = memory_allocate_zeroed(1, sizeof(*plan));
    plan->schema = options->schema;
    plan->columns = memory_allocate_zeroed(options->column_count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < options->column_count; i++) {
        plan->columns[i] = options->columns[i];
    }
    plan->tasks = query_tasks_create(&options->limits);
    struct query_ask ask = ask_of(plan, options);
    enum corong_status status = query_plan_init(&plan->plan, options->snapshot, &ask, 1, error);
    if (status != CORONG_OK) {
        query_tasks_destroy(plan->tasks);
        memory_free(plan->columns);
        memory_free(plan);
        return status;
    }
    *plan_out = plan;
    return CORONG_OK;
}

void walk_plan_close(struct walk_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    query_plan_deinit(&plan->plan);
    query_tasks_destroy(plan->tasks);
    memory_free(plan->columns);
    memory_free(plan);
}

uint32_t walk_plan_segment_count(const struct walk_plan *plan)
{
    return plan->plan.segment_count;
}

const struct dictionary *walk_plan_names(const struct walk_plan *plan, uint32_t segment)
{
    return plan->plan.segments[segment].names;
}

enum corong_status walk_plan_charge(struct walk_plan *plan, uint64_t bytes, const char *what,
                                    struct corong_error *error)
{
    return query_tasks_charge(plan->tasks, bytes, what, error);
}

struct walk *walk_open(struct walk_plan *plan)
{
    struct walk *walk = memory_allocate(sizeof(*walk));
    walk->plan = plan;
    walk->reading = (struct query_reading){0};
    query_cursor_init(&walk->cursor, &plan->plan, plan->tasks, &walk->reading);
    return walk;
}

void walk_close(struct walk *walk)
{
    if (walk == NULL) {
        return;
    }
    for (uint32_t i = 0; i < walk->plan->plan.segment_count; i++) {
        query_tasks_return(walk->plan->tasks, walk->cursor.sources[i].charged_bytes);
    }
    query_cursor_deinit(&walk->cursor);
    memory_free(walk);
}

enum corong_status walk_seek(struct walk *walk, struct hash128 from, const struct hash128 *end,
                             struct corong_error *error)
{
    return query_cursor_enter(&walk->cursor, from, end, error);
}

enum corong_status walk_advance(struct walk *walk, struct hash128 from, struct corong_error *error)
{
    return query_cursor_advance(&walk->cursor, from, error);
}

bool walk_next(struct walk *walk, struct hash128 *key_out)
{
    bool found = query_cursor_next(&walk->cursor);
    *key_out = walk->cursor.key;
    return found;
}

static enum corong_status visit_rows(void *context, struct query_source *source, uint32_t begin,
                                     uint32_t end, struct corong_error *error)
{
    struct walk *walk = context;
    struct walk_run run = {.segment = source->index,
                           .times = walk->times,
                           .names = walk->names,
                           .ids = source->segment->has_ids,
                           .source = source};
    for (run.first = begin; run.first < end; run.first += run.row_count) {
        uint32_t left = end - run.first;
        run.row_count = left < FILL_ROW_COUNT ? left : FILL_ROW_COUNT;
        run.sequences = source->sequences == NULL ? NULL : source->sequences + run.first;
        for (uint32_t i = 0; i < run.row_count; i++) {
            walk->times[i] = query_source_time(source, run.first + i);
            walk->names[i] = query_source_name(source, run.first + i);
        }
        TRY(walk->visit(walk->context, walk, &run, error));
    }
    return CORONG_OK;
}

enum corong_status walk_rows(struct walk *walk, walk_visit *visit, void *context,
                             struct corong_error *error)
{
    walk->visit = visit;
    walk->context = context;
    return query_cursor_rows(&walk->cursor, visit_rows, walk, error);
}

enum corong_status walk_look(struct walk *walk, const struct walk_run *run, uint32_t index,
                             uint32_t column, union canonical_value *value_out,
                             struct corong_error *error)
{
    struct query_source *source = run->source;
    enum column_type type = walk->plan->schema->columns[column].type;
    if (type == COLUMN_STRING) {
        value_out->string = TEXT_MISSING;
    } else {
        value_out->integer =
            type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
    }
    if (column >= source->segment->schema->column_count) {
        return CORONG_OK;
    }
    const struct row_group *rows;
    TRY(query_source_look(source, source->group, &rows, error));
    const struct column_packed *packed = &rows->packed[column];
    if (!packed->exists) {
        return CORONG_OK;
    }
    uint32_t row = run->first + index;
    if (type != COLUMN_STRING) {
        value_out->integer = column_packed_integer(packed, row);
        return CORONG_OK;
    }
    uint32_t code = column_packed_code(packed, row);
    if (code != COLUMN_CODE_MISSING) {
        const struct dictionary *dictionary;
        TRY(segment_reader_dictionary(source->segment->reader, column, &dictionary, error));
        value_out->string = dictionary_text(dictionary, code);
    }
    return CORONG_OK;
}
