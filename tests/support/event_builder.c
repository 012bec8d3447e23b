// SPDX-License-Identifier: Apache-2.0
#include "tests/support/event_builder.h"

#include "engine/event/event.h"
#include "storage/base/arena.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct built_event {
    struct hash128 key;
    struct text user;
    int64_t time_us;
    bool future;
    union canonical_value *values;
    struct text canonical;
};

struct event_builder {
    char directory[64];
    struct store *store;
    struct store_snapshot *snapshot;
    struct arena arena;
    struct built_event *events;
    uint32_t count;
    uint32_t capacity;
    uint32_t group_rows;
};

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "event_builder: %s\n", error->message);
        abort();
    }
}

struct event_builder *event_builder_create(void)
{
    struct event_builder *builder = memory_allocate_zeroed(1, sizeof(*builder));
    snprintf(builder->directory, sizeof(builder->directory), "/tmp/corong-builder-XXXXXX");
    ASSERT(mkdtemp(builder->directory) != NULL);
    builder->group_rows = SEGMENT_GROUP_ROW_COUNT;
    struct store_options options = {.create = true};
    struct corong_error error;
    must(store_open(&builder->store, builder->directory, &options, &error), &error);
    return builder;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void event_builder_destroy(struct event_builder *builder)
{
    if (builder->snapshot != NULL) {
        store_snapshot_close(builder->snapshot);
    }
    store_close(builder->store);
    nftw(builder->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    memory_free(builder->events);
    arena_deinit(&builder->arena);
    memory_free(builder);
}

const char *event_builder_directory(const struct event_builder *builder)
{
    return builder->directory;
}

void event_builder_group_rows(struct event_builder *builder, uint32_t row_count)
{
    builder->group_rows = row_count;
}

void event_builder_attribute(struct event_builder *builder, const char *name, enum column_type type)
{
    uint32_t index;
    struct corong_error error;
    must(store_add_attribute(builder->store, text_from(name), type, &index, &error), &error);
}

static union canonical_value missing(enum column_type type)
{
    union canonical_value value;
    if (type == COLUMN_STRING) {
        value.string = TEXT_MISSING;
    } else {
        value.integer =
            type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
    }
    return value;
}

void event_builder_event(struct event_builder *builder, const char *user, int64_t time_us,
                         const char *name)
{
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity == 0 ? 64 : builder->capacity * 2;
        builder->events =
            memory_resize_array(builder->events, builder->capacity, sizeof(*builder->events));
    }
    const struct schema *schema = store_schema(builder->store);
    struct built_event *event = &builder->events[builder->count++];
    *event = (struct built_event){.time_us = time_us};
    event->user = arena_copy_text(&builder->arena, text_from(user));
    event->key = hash_user(store_secret(builder->store), USER_NAMESPACE_KNOWN, event->user);
    event->values = arena_allocate(&builder->arena, schema->column_count * sizeof(*event->values));
    for (uint32_t i = 0; i < schema->column_count; i++) {
        event->values[i] = missing(schema->columns[i].type);
    }
    event->values[COLUMN_NAME].string = arena_copy_text(&builder->arena, text_from(name));
    event->values[COLUMN_SEQUENCE].integer = 0;
}

static union canonical_value *last_value(struct event_builder *builder, const char *column)
{
    int32_t index = schema_find(store_schema(builder->store), text_from(column));
    ASSERT(index >= 0 && builder->count > 0);
    return &builder->events[builder->count - 1].values[index];
}

void event_builder_text(struct event_builder *builder, const char *column, const char *value)
{
    last_value(builder, column)->string = arena_copy_text(&builder->arena, text_from(value));
}

void event_builder_integer(struct event_builder *builder, const char *column, int64_t value)
{
    last_value(builder, column)->integer = value;
}

void event_builder_number(struct event_builder *builder, const char *column, double value)
{
    memcpy(&last_value(builder, column)->integer, &value, sizeof(value));
}

void event_builder_future(struct event_builder *builder)
{
    builder->events[builder->count - 1].future = true;
}

uint32_t event_builder_pending(const struct event_builder *builder)
{
    return builder->count;
}

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_events(const void *left, const void *right)
{
    const struct built_event *a = left;
    const struct built_event *b = right;
    int order = hash128_compare(a->key, b->key);
    order = order != 0 ? order : compare_integers(a->time_us, b->time_us);
    for (uint32_t column = COLUMN_SEQUENCE; order == 0 && column <= COLUMN_ID_HASH; column++) {
        order = compare_integers(a->values[column].integer, b->values[column].integer);
    }
    return order != 0 ? order : text_compare(a->canonical, b->canonical);
}

static int compare_texts(const void *left, const void *right)
{
    const struct text *a = left;
    const struct text *b = right;
    return text_compare(*a, *b);
}

/// The sorted distinct texts of a column.
static struct dictionary build_dictionary(struct arena *arena, const struct built_event *events,
                                          uint32_t count, uint32_t column)
{
    struct text *texts = arena_allocate(arena, (count + 1) * sizeof(*texts));
    uint32_t present = 0;
    uint32_t distinct = 0;
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].values[column].string.bytes != NULL) {
            texts[present++] = events[i].values[column].string;
            size += events[i].values[column].string.size;
        }
    }
    qsort(texts, present, sizeof(*texts), compare_texts);
    uint32_t *offsets = arena_allocate_zeroed(arena, present + 1, sizeof(*offsets));
    char *bytes = arena_allocate(arena, size + 1);
    for (uint32_t i = 0; i < present; i++) {
        if (i > 0 && text_equal(texts[i], texts[i - 1])) {
            continue;
        }
        memcpy(bytes + offsets[distinct], texts[i].bytes, texts[i].size);
        offsets[distinct + 1] = offsets[distinct] + (uint32_t)texts[i].size;
        distinct++;
    }
    return (struct dictionary){distinct, offsets, bytes};
}

static void fill_column(struct arena *arena, const struct schema *schema, uint32_t column,
                        const struct dictionary *dictionary, const struct built_event *events,
                        uint32_t count, struct column_values *values)
{
    values->codes = NULL;
    values->integers = NULL;
    if (schema->columns[column].type == COLUMN_STRING) {
        values->codes = arena_allocate(arena, count * sizeof(uint32_t));
        for (uint32_t i = 0; i < count; i++) {
            struct text text = events[i].values[column].string;
            values->codes[i] =
                text.bytes == NULL ? COLUMN_CODE_MISSING : dictionary_find(dictionary, text);
        }
        return;
    }
    values->integers = arena_allocate(arena, count * sizeof(int64_t));
    for (uint32_t i = 0; i < count; i++) {
        values->integers[i] =
            column == COLUMN_TIME ? events[i].time_us : events[i].values[column].integer;
    }
}

static void fill_users(struct arena *arena, const struct built_event *events, uint32_t count,
                       struct row_group *group)
{
    group->user_keys = arena_allocate(arena, count * sizeof(*group->user_keys));
    group->user_row_counts = arena_allocate_zeroed(arena, count, sizeof(uint32_t));
    group->user_flags = arena_allocate_zeroed(arena, count, 1);
    group->user_name_masks = arena_allocate_zeroed(arena, count, sizeof(uint64_t));
    group->id_offsets = arena_allocate_zeroed(arena, count + 1, sizeof(uint32_t));
    struct text_buffer ids = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || !hash128_equal(events[i].key, events[i - 1].key)) {
            group->user_keys[group->user_count++] = events[i].key;
            text_buffer_append_text(&ids, events[i].user);
            group->id_offsets[group->user_count] = (uint32_t)ids.size;
        }
        group->user_row_counts[group->user_count - 1]++;
    }
    group->id_bytes = memcpy(arena_allocate(arena, ids.size + 1), ids.bytes, ids.size);
    text_buffer_deinit(&ids);
}

static void write_group(struct segment_writer *writer, const struct schema *schema,
                        const struct dictionary *dictionaries, const struct built_event *events,
                        uint32_t count)
{
    struct arena arena = {0};
    struct row_group group = {.row_count = count};
    fill_users(&arena, events, count, &group);
    group.columns = arena_allocate(&arena, schema->column_count * sizeof(*group.columns));
    for (uint32_t c = 0; c < schema->column_count; c++) {
        fill_column(&arena, schema, c, &dictionaries[c], events, count, &group.columns[c]);
    }
    struct corong_error error;
    must(segment_writer_append(writer, &group, &error), &error);
    arena_deinit(&arena);
}

/// Digest and as-of of rows that make one segment.
static struct hash128 survey(const struct built_event *events, uint32_t count, int64_t *as_of_us)
{
    struct hash128 digest = {0};
    struct text_buffer scratch = {0};
    *as_of_us = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        const struct built_event *event = &events[i];
        digest = hash128_add(digest,
                             canonical_row_digest(USER_NAMESPACE_KNOWN, event->user, event->time_us,
                                                  event->values[COLUMN_SEQUENCE].integer,
                                                  event->values[COLUMN_ID_HASH].integer,
                                                  event->canonical, &scratch));
        int64_t received_us = event->values[COLUMN_RECEIVED].integer;
        int64_t known_us = received_us != COLUMN_INTEGER_MISSING && received_us < event->time_us
                               ? received_us
                               : event->time_us;
        *as_of_us = !event->future && known_us > *as_of_us ? known_us : *as_of_us;
    }
    text_buffer_deinit(&scratch);
    return digest;
}

/// Writes sorted rows of one period.
static struct segment_meta write_segment(struct event_builder *builder, int64_t period,
                                         const struct built_event *events, uint32_t count)
{
    struct arena arena = {0};
    const struct schema *schema = store_schema(builder->store);
    struct dictionary *dictionaries =
        arena_allocate_zeroed(&arena, schema->column_count, sizeof(*dictionaries));
    for (uint32_t c = 0; c < schema->column_count; c++) {
        if (schema->columns[c].type == COLUMN_STRING) {
            dictionaries[c] = build_dictionary(&arena, events, count, c);
        }
    }
    struct segment_writer_options options = {.directory = store_segment_directory(builder->store),
                                             .schema = schema,
                                             .dictionaries = dictionaries,
                                             .period = period,
                                             .zstd_level = 1};
    hash_random_bytes(options.uuid, sizeof(options.uuid));
    struct segment_writer *writer;
    struct segment_meta meta;
    struct corong_error error;
    must(segment_writer_create(&writer, &options, &error), &error);
    for (uint32_t row = 0; row < count; row += builder->group_rows) {
        uint32_t rows = count - row < builder->group_rows ? count - row : builder->group_rows;
        write_group(writer, schema, dictionaries, events + row, rows);
    }
    int64_t as_of_us;
    struct hash128 digest = survey(events, count, &as_of_us);
    must(segment_writer_seal(writer, digest, as_of_us, &meta, &error), &error);
    segment_writer_destroy(writer);
    arena_deinit(&arena);
    return meta;
}

static void build_canonical(struct event_builder *builder, struct built_event *events,
                            uint32_t count)
{
    const struct schema *schema = store_schema(builder->store);
    struct canonical_order order;
    canonical_order_init(&order, schema);
    struct text_buffer bytes = {0};
    for (uint32_t i = 0; i < count; i++) {
        text_buffer_reset(&bytes);
        canonical_row_append(&order, schema, events[i].values, &bytes);
        events[i].canonical =
            arena_copy_text(&builder->arena, (struct text){bytes.bytes, bytes.size});
    }
    text_buffer_deinit(&bytes);
}

static int64_t period_of(const struct event_builder *builder, const struct built_event *event)
{
    int64_t length_us = store_period_us(builder->store);
    int64_t period = event->time_us / length_us;
    return period - (event->time_us % length_us < 0);
}

/// Copies of one event (same user, time, id) within one batch: the first in canonical order stays.
static uint32_t drop_copies(struct built_event *events, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool copy = false;
        for (uint32_t j = kept; j-- > 0 && hash128_equal(events[j].key, events[i].key) &&
                                events[j].time_us == events[i].time_us;) {
            copy = copy || (events[j].values[COLUMN_ID_HASH].integer ==
                                events[i].values[COLUMN_ID_HASH].integer &&
                            events[j].values[COLUMN_ID_HASH].integer != COLUMN_INTEGER_MISSING);
        }
        if (!copy) {
            events[kept++] = events[i];
        }
    }
    return kept;
}

static void write_batch(struct event_builder *builder, struct built_event *events, uint32_t count)
{
    build_canonical(builder, events, count);
    if (count > 0) {
        qsort(events, count, sizeof(*events), compare_events);
    }
    uint32_t kept = drop_copies(events, count);
    struct built_event *rows = memory_allocate((kept + 1) * sizeof(*rows));
    struct segment_meta *metas = memory_allocate((kept + 1) * sizeof(*metas));
    uint32_t meta_count = 0;
    uint32_t written = 0;
    for (int64_t period = INT64_MIN; written < kept;) {
        int64_t next = INT64_MAX;
        for (uint32_t i = 0; i < kept; i++) {
            int64_t own = period_of(builder, &events[i]);
            next = own > period && own < next ? own : next;
        }
        period = next;
        uint32_t row_count = 0;
        for (uint32_t i = 0; i < kept; i++) {
            if (period_of(builder, &events[i]) == period) {
                rows[row_count++] = events[i];
            }
        }
        metas[meta_count++] = write_segment(builder, period, rows, row_count);
        written += row_count;
    }
    struct store_commit commit = {
        .added = metas, .added_count = meta_count, .duplicates = count - kept};
    struct corong_error error;
    must(store_commit(builder->store, &commit, &error), &error);
    memory_free(metas);
    memory_free(rows);
}

void event_builder_segment(struct event_builder *builder)
{
    write_batch(builder, builder->events, builder->count); // with no event it commits attributes
    builder->count = 0;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/// Writes each pending event to the segment that is its owner's.
static void deal(struct event_builder *builder, const uint32_t *owners, uint32_t segment_count)
{
    struct built_event *batch = memory_allocate((builder->count + 1) * sizeof(*batch));
    for (uint32_t s = 0; s < segment_count; s++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < builder->count; i++) {
            if (owners[i] == s) {
                batch[count++] = builder->events[i];
            }
        }
        if (count > 0) {
            write_batch(builder, batch, count);
        }
    }
    memory_free(batch);
    builder->count = 0;
}

void event_builder_deal(struct event_builder *builder, uint32_t segment_count, uint64_t seed)
{
    uint32_t *owners = memory_allocate((builder->count + 1) * sizeof(*owners));
    for (uint32_t i = 0; i < builder->count; i++) {
        owners[i] = (uint32_t)(next_random(&seed) % segment_count);
    }
    deal(builder, owners, segment_count);
    memory_free(owners);
}

void event_builder_deal_keys(struct event_builder *builder, uint32_t segment_count)
{
    uint32_t *owners = memory_allocate((builder->count + 1) * sizeof(*owners));
    for (uint32_t i = 0; i < builder->count; i++) {
        owners[i] = (uint32_t)(((builder->events[i].key.high >> 32) * segment_count) >> 32);
    }
    deal(builder, owners, segment_count);
    memory_free(owners);
}

void event_builder_compact(struct event_builder *builder)
{
    struct corong_error error;
    must(store_compact(builder->store, &(struct store_compact_options){0}, NULL, &error), &error);
}

struct store_snapshot *event_builder_snapshot(struct event_builder *builder)
{
    if (builder->snapshot != NULL) {
        store_snapshot_close(builder->snapshot);
        builder->snapshot = NULL;
    }
    struct corong_error error;
    must(store_snapshot_open(&builder->snapshot, builder->directory, &error), &error);
    return builder->snapshot;
}
