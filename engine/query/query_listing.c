// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_listing.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define TUPLE_SIZE_MAX (QUERY_SLICE_ATTRIBUTE_COUNT_MAX + 1)

/// A listed value as a segment has it. Numbers count from 1: 0 is a value that is not listed.
struct listed_value {
    int64_t bits;
    uint32_t number;
};

void query_listing_take(struct query_listing *listing_out, const struct query_rank *rank,
                        uint32_t by_count, struct arena *arena)
{
    uint32_t count = rank->listed;
    *listing_out = (struct query_listing){
        .by_count = by_count, .count = count, .other_count = rank->slice_count - count};
    listing_out->values = arena_allocate(arena, ((size_t)count + 1) * sizeof(struct text *));
    listing_out->keys = arena_allocate(arena, ((size_t)count + 1) * sizeof(struct text));
    for (uint32_t i = 0; i < count; i++) {
        listing_out->keys[i] = arena_copy_text(arena, rank->keys[i]);
        listing_out->values[i] = arena_allocate(arena, by_count * sizeof(struct text));
        for (uint32_t v = 0; v < by_count; v++) {
            listing_out->values[i][v] = arena_copy_text(arena, rank->values[i][v]);
        }
    }
}

/// Value `which` of a key.
static struct text key_value(struct text key, uint32_t which)
{
    const char *at = key.bytes;
    for (uint32_t i = 0; i < which; i++) {
        at += sizeof(uint32_t) + bytes_load_u32(at);
    }
    return (struct text){at + sizeof(uint32_t), bytes_load_u32(at)};
}

static int compare_texts(const void *left, const void *right)
{
    return text_compare(*(const struct text *)left, *(const struct text *)right);
}

static int compare_bits(const void *left, const void *right)
{
    const struct listed_value *a = left;
    const struct listed_value *b = right;
    return a->bits < b->bits ? -1 : a->bits > b->bits;
}

static void collect_values(struct query_listing_map *map, uint32_t which)
{
    struct query_listed_column *column = &map->columns[which];
    uint32_t count = map->listing->count;
    column->values = arena_allocate(&map->arena, ((size_t)count + 1) * sizeof(struct text));
    for (uint32_t i = 0; i < count; i++) {
        column->values[i] = key_value(map->listing->keys[i], which);
    }
    qsort(column->values, count, sizeof(struct text), compare_texts);
    for (uint32_t i = 0; i < count; i++) {
        if (column->count == 0 ||
            !text_equal(column->values[column->count - 1], column->values[i])) {
            column->values[column->count++] = column->values[i];
        }
    }
    column->missing = column->count > 0 && column->values[0].size == 1 &&
                      column->values[0].bytes[0] == QUERY_SLICES_MISSING;
}

/// Number of a value, which is listed.
static uint32_t number_of(const struct query_listed_column *column, struct text value)
{
    const struct text *found =
        bsearch(&value, column->values, column->count, sizeof(struct text), compare_texts);
    ASSERT(found != NULL);
    return (uint32_t)(found - column->values) + 1;
}

static void bind_bits(struct query_listing_map *map, struct query_listed_column *column)
{
    column->bits = arena_allocate(&map->arena, ((size_t)column->count + 1) * sizeof(*column->bits));
    for (uint32_t i = column->missing; i < column->count; i++) {
        column->bits[i - column->missing] =
            (struct listed_value){bytes_load_i64(column->values[i].bytes + 1), i + 1};
    }
    qsort(column->bits, column->count - column->missing, sizeof(*column->bits), compare_bits);
}

/// Finds the codes of the listed texts in one segment. Texts ascend, and so do their codes.
static enum corong_status bind_codes(struct query_listing_map *map,
                                     struct query_listed_column *column, uint32_t schema_column,
                                     uint32_t segment_index, struct corong_error *error)
{
    const struct query_segment *segment = &map->plan->segments[segment_index];
    uint32_t first = column->missing;
    uint32_t count = column->count - first;
    if (schema_column >= segment->schema->column_count ||
        (segment->group_count == 0 && segment->moved == NULL)) {
        return CORONG_OK;
    }
    struct text *texts = arena_allocate(&map->arena, ((size_t)count + 1) * sizeof(*texts));
    uint32_t *codes = arena_allocate(&map->arena, ((size_t)count + 1) * sizeof(*codes));
    for (uint32_t i = 0; i < count; i++) {
        struct text value = column->values[first + i];
        texts[i] = (struct text){value.bytes + 1, value.size - 1};
    }
    TRY(segment_reader_find_codes(segment->reader, schema_column, texts, count, codes, error));
    struct listed_value *found = arena_allocate(&map->arena, ((size_t)count + 1) * sizeof(*found));
    uint32_t *found_count = &column->code_counts[segment_index];
    for (uint32_t i = 0; i < count; i++) {
        if (codes[i] != COLUMN_CODE_MISSING) {
            found[(*found_count)++] = (struct listed_value){codes[i], first + i + 1};
        }
    }
    column->codes[segment_index] = found;
    return CORONG_OK;
}

static enum corong_status bind_column(struct query_listing_map *map, uint32_t which,
                                      struct corong_error *error)
{
    struct query_listed_column *column = &map->columns[which];
    uint32_t schema_column = map->schema_columns[which];
    collect_values(map, which);
    if (query_plan_type(map->plan, schema_column) != COLUMN_STRING) {
        bind_bits(map, column);
        return CORONG_OK;
    }
    uint32_t segments = map->plan->stored_count + 1;
    column->codes = arena_allocate_zeroed(&map->arena, segments, sizeof(struct listed_value *));
    column->code_counts = arena_allocate_zeroed(&map->arena, segments, sizeof(uint32_t));
    for (uint32_t s = 0; s < map->plan->stored_count; s++) {
        TRY_IN(bind_codes(map, column, schema_column, s, error), error, "segment %u", s);
    }
    return CORONG_OK;
}

static int compare_tuples(const void *left, const void *right, void *by_count)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    for (uint32_t i = 0; i < *(const uint32_t *)by_count; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static void bind_tuples(struct query_listing_map *map)
{
    const struct query_listing *listing = map->listing;
    uint32_t by_count = listing->by_count;
    size_t width = by_count + 1;
    map->tuples =
        arena_allocate(&map->arena, ((size_t)listing->count + 1) * width * sizeof(uint32_t));
    for (uint32_t i = 0; i < listing->count; i++) {
        uint32_t *tuple = map->tuples + i * width;
        for (uint32_t v = 0; v < by_count; v++) {
            tuple[v] = number_of(&map->columns[v], key_value(listing->keys[i], v));
        }
        tuple[by_count] = i;
    }
    qsort_r(map->tuples, listing->count, width * sizeof(uint32_t), compare_tuples, &by_count);
}

enum corong_status query_listing_bind(struct query_listing_map *map_out,
                                      const struct query_listing *listing,
                                      const struct query_plan *plan, const uint32_t *columns,
                                      struct corong_error *error)
{
    *map_out =
        (struct query_listing_map){.listing = listing, .plan = plan, .schema_columns = columns};
    for (uint32_t v = 0; v < listing->by_count; v++) {
        enum corong_status status = bind_column(map_out, v, error);
        if (status != CORONG_OK) {
            query_listing_unbind(map_out);
            return status;
        }
    }
    bind_tuples(map_out);
    return CORONG_OK;
}

void query_listing_unbind(struct query_listing_map *map)
{
    arena_deinit(&map->arena);
}

static uint32_t find_bits(const struct listed_value *values, uint32_t count, int64_t bits)
{
    uint32_t low = 0;
    for (uint32_t high = count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (values[middle].bits < bits) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && values[low].bits == bits ? values[low].number : 0;
}

static uint32_t value_number(const struct query_listed_column *column,
                             const struct query_raw *value)
{
    if (!value->present) {
        return column->missing;
    }
    if (column->codes == NULL) {
        return find_bits(column->bits, column->count - column->missing, value->bits);
    }
    uint32_t segment = value->source->segment->origin;
    return find_bits(column->codes[segment], column->code_counts[segment], value->bits);
}

uint32_t query_listing_output(const struct query_listing_map *map, const struct query_raw *values)
{
    const struct query_listing *listing = map->listing;
    uint32_t tuple[TUPLE_SIZE_MAX];
    uint32_t by_count = listing->by_count;
    for (uint32_t v = 0; v < by_count; v++) {
        tuple[v] = value_number(&map->columns[v], &values[v]);
        if (tuple[v] == 0) {
            return listing->count;
        }
    }
    size_t width = by_count + 1;
    uint32_t low = 0;
    for (uint32_t high = listing->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_tuples(map->tuples + middle * width, tuple, &by_count) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const uint32_t *found = map->tuples + low * width;
    return low < listing->count && compare_tuples(found, tuple, &by_count) == 0 ? found[by_count]
                                                                                : listing->count;
}
