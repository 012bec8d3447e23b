// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_plan.h"

#include "engine/query/query_shares.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

int64_t query_plan_as_of(const struct store_snapshot *snapshot, int64_t asked_us)
{
    if (asked_us != QUERY_TIME_NONE) {
        return asked_us;
    }
    int64_t as_of_us = QUERY_TIME_NONE;
    uint32_t count = store_snapshot_segment_count(snapshot);
    for (uint32_t i = 0; i < count; i++) {
        int64_t own = segment_reader_meta(store_snapshot_segment(snapshot, i))->as_of_us;
        as_of_us = own > as_of_us ? own : as_of_us;
    }
    return as_of_us;
}

enum corong_status query_plan_attribute(const struct schema *schema, struct text name,
                                        uint32_t *column_out, struct corong_error *error)
{
    int32_t found = schema_find(schema, name);
    if (found >= 0) {
        *column_out = (uint32_t)found;
        return CORONG_OK;
    }
    struct text nearest = schema_nearest(schema, name);
    if (nearest.bytes == NULL) {
        return error_set(error, CORONG_INVALID, "unknown attribute '%.*s'", (int)name.size,
                         name.bytes);
    }
    return error_set(error, CORONG_INVALID, "unknown attribute '%.*s'; did you mean '%.*s'?",
                     (int)name.size, name.bytes, (int)nearest.size, nearest.bytes);
}

static enum corong_status compile_filters(struct query_plan *plan, struct corong_error *error)
{
    const struct query_ask *ask = &plan->ask;
    if (ask->where.bytes != NULL) {
        TRY_IN(filter_compile(&plan->where, &plan->arena, ask->where, plan->schema, error), error,
               "where");
        plan->type_mismatches += filter_type_mismatches(plan->where);
    }
    for (uint32_t k = 0; k < ask->step_count; k++) {
        const struct stage *step = &ask->steps[k];
        if (step->where.bytes == NULL) {
            continue;
        }
        TRY_IN(filter_compile(&plan->step_where[k], &plan->arena, step->where, plan->schema, error),
               error, "step '%.*s'", (int)step->name.size,
               step->name.bytes == NULL ? "" : step->name.bytes);
        plan->type_mismatches += filter_type_mismatches(plan->step_where[k]);
        plan->filtered = true;
    }
    if (ask->where_entry.bytes != NULL) {
        TRY_IN(
            filter_compile(&plan->where_entry, &plan->arena, ask->where_entry, plan->schema, error),
            error, "where_entry");
        plan->type_mismatches += filter_type_mismatches(plan->where_entry);
    }
    plan->filtered = plan->filtered || plan->where != NULL || plan->where_entry != NULL;
    return CORONG_OK;
}

/// What the person's values are asked for: slices and where_user.
static enum corong_status follow_columns(struct query_plan *plan, struct corong_error *error)
{
    const struct query_ask *ask = &plan->ask;
    const uint32_t *columns = NULL;
    uint32_t count = 0;
    if (ask->where_user.bytes != NULL) {
        TRY_IN(
            filter_compile(&plan->where_user, &plan->arena, ask->where_user, plan->schema, error),
            error, "where_user");
        plan->type_mismatches += filter_type_mismatches(plan->where_user);
        count = filter_columns(plan->where_user, &columns);
    }
    plan->history_by_count = ask->history ? ask->column_count : 0;
    plan->history_columns = arena_allocate(
        &plan->arena, ((size_t)plan->history_by_count + count + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < plan->history_by_count; i++) {
        plan->history_columns[plan->history_count++] = ask->columns[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i] < COLUMN_SYSTEM_COUNT) {
            struct text name = plan->schema->columns[columns[i]].name;
            return error_set(error, CORONG_INVALID,
                             "where_user: '%.*s' belongs to an event; a person has attributes only",
                             (int)name.size, name.bytes);
        }
        plan->history_columns[plan->history_count++] = columns[i];
    }
    return CORONG_OK;
}

/// Books a column's dictionary before it is decoded; it then stays with the snapshot.
static enum corong_status book_dictionary(const struct query_plan *plan,
                                          const struct query_segment *segment, uint32_t column,
                                          struct corong_error *error)
{
    uint64_t bytes = segment_reader_dictionary_bytes(segment->reader, column);
    if (plan->ask.tasks == NULL || bytes == 0) {
        return CORONG_OK;
    }
    return query_tasks_charge(plan->ask.tasks, bytes, "the distinct values of a column", error);
}

/// Binds a filter to the dictionaries of one segment.
static enum corong_status prepare_filter(struct query_plan *plan, struct query_segment *segment,
                                         const struct filter *filter,
                                         struct filter_segment **prepared_out,
                                         struct corong_error *error)
{
    const struct dictionary **dictionaries = arena_allocate_zeroed(
        &plan->arena, plan->schema->column_count, sizeof(const struct dictionary *));
    const uint32_t *columns;
    uint32_t count = filter_columns(filter, &columns);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = columns[i];
        if (column >= segment->schema->column_count) {
            continue;
        }
        if (segment->schema->columns[column].type == COLUMN_STRING) {
            if (!segment_selected(&segment->scan, column)) {
                TRY(book_dictionary(plan, segment, column, error));
            }
            TRY(segment_reader_dictionary(segment->reader, column, &dictionaries[column], error));
        }
    }
    *prepared_out = filter_prepare(filter, &plan->arena, dictionaries);
    return CORONG_OK;
}

/// The filter will be asked row by row.
static void ask_rows(struct query_segment *segment, const struct filter *filter)
{
    const uint32_t *columns;
    uint32_t count = filter_columns(filter, &columns);
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i] < segment->schema->column_count) {
            segment_select_wide(&segment->scan, columns[i]);
        }
    }
    segment->filtered = true;
}

/// Binds a filter that clears `bits` in the steps of rows: as a table where it can be one.
static enum corong_status prepare_clearing(struct query_plan *plan, struct query_segment *segment,
                                           const struct filter *filter, uint64_t bits,
                                           struct filter_segment **prepared_out,
                                           struct corong_error *error)
{
    struct filter_segment *prepared;
    const uint32_t *columns;
    const struct dictionary *dictionary = NULL;
    TRY(prepare_filter(plan, segment, filter, &prepared, error));
    uint32_t count = filter_columns(filter, &columns);
    if (count == 1 && columns[0] < segment->schema->column_count &&
        segment->schema->columns[columns[0]].type == COLUMN_STRING) {
        TRY(segment_reader_dictionary(segment->reader, columns[0], &dictionary, error));
    }
    if (dictionary == NULL ||
        !query_fold_takes(&segment->folds, filter, plan->schema, dictionary->count)) {
        *prepared_out = prepared;
        ask_rows(segment, filter);
        return CORONG_OK;
    }
    if (plan->ask.tasks != NULL) {
        TRY(query_tasks_charge(plan->ask.tasks, query_fold_bytes(dictionary->count),
                               "what filters say of the values of a column", error));
    }
    query_fold_add(&segment->folds, filter, prepared, plan->schema, dictionary->count, bits,
                   &plan->arena);
    if (!segment_selected(&segment->scan, columns[0])) { // it may be needed wide already
        segment_select_packed(&segment->scan, columns[0]);
    }
    return CORONG_OK;
}

static enum corong_status prepare_filters(struct query_plan *plan, struct query_segment *segment,
                                          struct corong_error *error)
{
    if (plan->where != NULL) {
        TRY(prepare_clearing(plan, segment, plan->where, ~plan->ask.not_hidden, &segment->where,
                             error));
    }
    if (plan->where_entry != NULL) {
        TRY(prepare_filter(plan, segment, plan->where_entry, &segment->where_entry, error));
        ask_rows(segment, plan->where_entry);
    }
    for (uint32_t k = 0; k < plan->ask.step_count; k++) {
        if (plan->step_where[k] != NULL) {
            TRY(prepare_clearing(plan, segment, plan->step_where[k], UINT64_C(1) << k,
                                 &segment->step_where[k], error));
        }
    }
    query_fold_classify(&segment->folds, &plan->arena);
    return CORONG_OK;
}

static void add_name(struct query_segment *segment, uint32_t code, uint32_t step)
{
    segment->steps_of_name[code] |= UINT64_C(1) << step;
    segment->name_bits[step] |= UINT64_C(1) << segment_reader_name_bit(segment->reader, code);
}

/// Fills the table of candidate steps by name code.
static void prepare_names(struct query_plan *plan, struct query_segment *segment)
{
    segment->steps_of_name =
        arena_allocate_zeroed(&plan->arena, (size_t)segment->names->count + 1, sizeof(uint64_t));
    for (uint32_t k = 0; k < plan->ask.step_count; k++) {
        const struct stage *step = &plan->ask.steps[k];
        for (uint32_t i = 0; i < step->event_count; i++) {
            uint32_t code = dictionary_find(segment->names, step->events[i]);
            if (code != COLUMN_CODE_MISSING) {
                add_name(segment, code, k);
            }
        }
        for (uint32_t code = 0; step->event_count == 0 && code < segment->names->count; code++) {
            add_name(segment, code, k);
        }
    }
}

static void select_columns(struct query_plan *plan, struct query_segment *segment)
{
    segment_select_packed(&segment->scan, COLUMN_TIME);
    segment->scan.ids = plan->ask.ids;
    segment->look.rows_only = true;
    if (plan->ask.step_count > 0 || plan->ask.names) {
        segment_select_packed(&segment->scan, COLUMN_NAME);
    }
    for (uint32_t i = 0; i < plan->ask.column_count; i++) {
        if (plan->ask.columns[i] < segment->schema->column_count) {
            segment_select_packed(&segment->look, plan->ask.columns[i]);
        }
    }
    for (uint32_t i = 0; i < plan->ask.unit_column_count; i++) {
        if (plan->ask.unit_columns[i] < segment->schema->column_count) {
            segment_select_packed(&segment->look, plan->ask.unit_columns[i]);
        }
    }
    for (uint32_t i = 0; i < plan->history_count; i++) {
        if (plan->history_columns[i] < segment->schema->column_count) {
            segment_select_packed(&segment->scan, plan->history_columns[i]);
        }
    }
    if (plan->history_count > 0 && plan->sequences) {
        segment_select_packed(&segment->look, COLUMN_SEQUENCE);
    }
    if (plan->ask.money) {
        segment_select_packed(&segment->look, COLUMN_AMOUNT);
        segment_select_packed(&segment->look, COLUMN_CURRENCY);
    }
}

/// Without a name that can fill a step a segment says nothing, unless its copies displace others.
static bool names_matter(const struct query_plan *plan, const struct query_segment *segment)
{
    uint64_t steps = 0;
    for (uint32_t code = 0; code < segment->names->count; code++) {
        steps |= segment->steps_of_name[code];
    }
    return steps != 0 || plan->ask.every_row || (segment->has_ids && plan->duplicates);
}

/// Rows after as-of are counted, so their groups are read whatever the range.
static bool zone_matters(const struct query_plan *plan, const struct segment_group_zone *zone,
                         bool names)
{
    const struct query_range *rows = &plan->ask.rows;
    return zone->time_max_us > plan->as_of_us ||
           (names && zone->time_max_us >= rows->from_us && zone->time_min_us <= rows->to_us);
}

/// Whether some row of a group has a value of those columns that alone tell something.
static bool values_matter(const struct query_plan *plan, const struct query_segment *segment,
                          uint32_t group)
{
    if (plan->ask.telling_count == 0 || plan->duplicates) {
        return true;
    }
    for (uint32_t i = 0; i < plan->ask.telling_count; i++) {
        int64_t least;
        int64_t largest;
        uint32_t column = plan->ask.columns[i];
        if (column < segment->schema->column_count &&
            segment_reader_column_zone(segment->reader, group, column, &least, &largest)) {
            return true;
        }
    }
    return false;
}

void query_segment_zone(const struct query_segment *segment, uint32_t group,
                        struct segment_group_zone *zone_out)
{
    if (segment->layer != NULL) {
        *zone_out = segment->layer->groups[group].zone;
    } else {
        segment_reader_zone(segment->reader, group, zone_out);
    }
}

static void select_groups(struct query_plan *plan, struct query_segment *segment)
{
    uint32_t count = segment->layer != NULL ? segment->layer->group_count
                                            : segment_reader_group_count(segment->reader);
    segment->groups = arena_allocate(&plan->arena, (size_t)count * sizeof(uint32_t));
    bool names = names_matter(plan, segment);
    for (uint32_t i = 0; i < count; i++) {
        struct segment_group_zone zone;
        query_segment_zone(segment, i, &zone);
        if (zone_matters(plan, &zone, names) && values_matter(plan, segment, i)) {
            segment->groups[segment->group_count++] = i;
        } else {
            plan->users_skipped += zone.user_count;
        }
    }
}

/// Looks at the zone maps of sequence and id: are they worth reading at all?
static void survey_keys(struct query_plan *plan, struct query_segment *segment, int64_t *sequence)
{
    uint32_t count = segment_reader_group_count(segment->reader);
    for (uint32_t i = 0; i < count; i++) {
        int64_t least;
        int64_t largest;
        if (segment_reader_column_zone(segment->reader, i, COLUMN_ID_HASH, &least, &largest)) {
            segment->has_ids = true;
        }
        if (segment_reader_column_zone(segment->reader, i, COLUMN_SEQUENCE, &least, &largest)) {
            *sequence = *sequence == COLUMN_INTEGER_MISSING ? least : *sequence;
            plan->sequences = plan->sequences || least != largest || least != *sequence;
        }
    }
}

/// Layers of moved users come behind the segments, as further ones.
static void add_layers(struct query_plan *plan)
{
    for (uint32_t s = 0; plan->identity != NULL && s < plan->identity->segment_count; s++) {
        struct identity_rows *rows = &plan->identity->rows[s];
        plan->segments[s].moved = rows->layer_count > 0 ? rows->moved : NULL;
        for (uint32_t i = 0; i < rows->layer_count; i++) {
            struct query_segment *layer = &plan->segments[plan->segment_count++];
            layer->reader = rows->reader;
            layer->schema = segment_reader_schema(rows->reader);
            layer->origin = s;
            layer->layer = &rows->layers[i];
            layer->has_ids = plan->segments[s].has_ids;
            // Ids of one person may hold copies of one event in one segment.
            plan->duplicates = plan->duplicates || layer->has_ids;
        }
    }
}

static uint32_t count_layers(const struct query_plan *plan)
{
    uint32_t count = 0;
    for (uint32_t s = 0; plan->identity != NULL && s < plan->identity->segment_count; s++) {
        count += plan->identity->rows[s].layer_count;
    }
    return count;
}

static void survey_segments(struct query_plan *plan, struct store_snapshot *snapshot)
{
    int64_t sequence = COLUMN_INTEGER_MISSING;
    uint32_t with_ids = 0;
    plan->time_min_us = INT64_MAX;
    plan->time_max_us = INT64_MIN;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        struct query_segment *segment = &plan->segments[i];
        segment->reader = store_snapshot_segment(snapshot, i);
        segment->origin = i;
        segment->schema = segment_reader_schema(segment->reader);
        const struct segment_meta *meta = segment_reader_meta(segment->reader);
        plan->rows_stored += meta->row_count;
        plan->time_min_us =
            meta->time_min_us < plan->time_min_us ? meta->time_min_us : plan->time_min_us;
        plan->time_max_us =
            meta->time_max_us > plan->time_max_us ? meta->time_max_us : plan->time_max_us;
        survey_keys(plan, segment, &sequence);
        with_ids += segment->has_ids;
    }
    plan->duplicates = with_ids > 1;
    plan->stored_count = plan->segment_count;
    add_layers(plan);
}

/// Dictionaries of what where_user reads.
static enum corong_status prepare_history(struct query_plan *plan, struct query_segment *segment,
                                          struct corong_error *error)
{
    segment->history_dictionaries = arena_allocate_zeroed(&plan->arena, plan->schema->column_count,
                                                          sizeof(const struct dictionary *));
    for (uint32_t i = plan->history_by_count; i < plan->history_count; i++) {
        uint32_t column = plan->history_columns[i];
        if (column < segment->schema->column_count &&
            plan->schema->columns[column].type == COLUMN_STRING) {
            TRY(book_dictionary(plan, segment, column, error));
            TRY(segment_reader_dictionary(segment->reader, column,
                                          &segment->history_dictionaries[column], error));
        }
    }
    return CORONG_OK;
}

/// A layer is asked as its segment is, by the same tables; its groups and its rows are its own.
static void prepare_layer(struct query_plan *plan, struct query_segment *segment)
{
    const struct query_segment own = *segment;
    *segment = plan->segments[own.origin];
    segment->layer = own.layer;
    segment->moved = NULL;
    segment->groups = NULL;
    segment->group_count = 0;
    select_groups(plan, segment);
}

static enum corong_status prepare_segment(struct query_plan *plan, struct query_segment *segment,
                                          struct corong_error *error)
{
    if (segment->layer != NULL) {
        prepare_layer(plan, segment);
        return CORONG_OK;
    }
    TRY(book_dictionary(plan, segment, COLUMN_NAME, error));
    TRY(segment_reader_dictionary(segment->reader, COLUMN_NAME, &segment->names, error));
    prepare_names(plan, segment);
    select_columns(plan, segment);
    if (plan->sequences) {
        segment_select(&segment->scan, COLUMN_SEQUENCE);
    }
    TRY(prepare_filters(plan, segment, error));
    TRY(prepare_history(plan, segment, error));
    select_groups(plan, segment);
    bool read = segment->group_count > 0 || segment->moved != NULL;
    uint32_t looked_up = plan->ask.no_texts ? 0 : plan->ask.column_count;
    for (uint32_t i = 0; i < looked_up && read; i++) {
        if (plan->ask.columns[i] == QUERY_CUSTOMER_COLUMN(plan->schema)) {
            continue;
        }
        TRY(book_dictionary(plan, segment, plan->ask.columns[i], error));
    }
    for (uint32_t i = 0; i < plan->ask.unit_column_count && read; i++) {
        TRY(book_dictionary(plan, segment, plan->ask.unit_columns[i], error));
    }
    return CORONG_OK;
}

/// Rows of moved users: what all layers of a segment need, at once.
static enum corong_status prepare_layers(struct query_plan *plan, struct corong_error *error)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct query_segment *segment = &plan->segments[i];
        bool first = segment->layer != NULL && segment->layer == segment->layer->rows->layers;
        if (!first) {
            continue;
        }
        struct segment_selection selection = segment->scan;
        for (uint32_t k = 0; k < sizeof(selection.columns) / sizeof(selection.columns[0]); k++) {
            selection.columns[k] |= segment->look.columns[k];
        }
        TRY(identity_prepare(plan->identity, segment->origin, &selection, plan->ask.tasks, error));
    }
    return CORONG_OK;
}

static enum corong_status plan_build(struct query_plan *plan, struct store_snapshot *snapshot,
                                     uint32_t thread_count, struct corong_error *error)
{
    TRY(compile_filters(plan, error));
    TRY(follow_columns(plan, error));
    if (!plan->ask.apart) {
        TRY_IN(identity_view_of(snapshot, plan->as_of_us, plan->ask.tasks, &plan->identity, error),
               error, "identity links");
    }
    plan->segments =
        arena_allocate_zeroed(&plan->arena, (size_t)plan->segment_count + count_layers(plan) + 1,
                              sizeof(struct query_segment));
    survey_segments(plan, snapshot);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        TRY_IN(prepare_segment(plan, &plan->segments[i], error), error, "segment %u",
               plan->segments[i].origin);
    }
    TRY(prepare_layers(plan, error));
    query_shares_cut(plan, thread_count);
    return CORONG_OK;
}

/// The plan over the events that make customers: all of them, also before the range.
static enum corong_status plan_customers(struct query_plan *plan, struct store_snapshot *snapshot,
                                         struct corong_error *error)
{
    struct query_ask ask = {
        .steps = plan->ask.customer,
        .step_count = 1,
        .rows = {INT64_MIN, INT64_MAX},
        .as_of_us = plan->as_of_us,
        .order = QUERY_ORDER_NONE,
        .tasks = plan->ask.tasks,
    };
    struct query_plan *customers = memory_allocate(sizeof(*customers));
    enum corong_status status = query_plan_init(customers, snapshot, &ask, 1, error);
    if (status == CORONG_OK) {
        plan->customers = customers;
    } else {
        memory_free(customers);
    }
    return status;
}

enum corong_status query_plan_init(struct query_plan *plan, struct store_snapshot *snapshot,
                                   const struct query_ask *ask, uint32_t thread_count,
                                   struct corong_error *error)
{
    ASSERT(ask->step_count <= QUERY_STAGE_BIT_COUNT_MAX && thread_count > 0);
    *plan = (struct query_plan){
        .ask = *ask,
        .schema = store_snapshot_schema(snapshot),
        .segment_count = store_snapshot_segment_count(snapshot),
        .committed_count = store_snapshot_committed_count(snapshot),
        .as_of_us = query_plan_as_of(snapshot, ask->as_of_us),
    };
    canonical_order_init(&plan->canonical, plan->schema);
    enum corong_status status = plan_build(plan, snapshot, thread_count, error);
    if (status == CORONG_OK && ask->customer != NULL) {
        status = plan_customers(plan, snapshot, error);
    }
    if (status != CORONG_OK) {
        query_plan_deinit(plan);
    }
    return status;
}

void query_plan_deinit(struct query_plan *plan)
{
    if (plan->customers != NULL) {
        query_plan_deinit(plan->customers);
        memory_free(plan->customers);
    }
    identity_view_release(plan->identity);
    filter_destroy(plan->where);
    filter_destroy(plan->where_entry);
    filter_destroy(plan->where_user);
    for (uint32_t k = 0; k < QUERY_STAGE_BIT_COUNT_MAX; k++) {
        filter_destroy(plan->step_where[k]);
    }
    arena_deinit(&plan->arena);
    *plan = (struct query_plan){0};
}
