// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_group.h"

#include "storage/base/memory.h"

#include <string.h>

#define CAPACITY_MIN 256u
#define COUNT_MAX (UINT32_C(1) << QUERY_GROUP_INDEX_BITS)
#define SORTED_COUNT_MAX 40u ///< so few are sorted by insertion
#define RADIX_BITS 8u
#define RADIX_SIZE (1u << RADIX_BITS)

bool query_group_takes(const struct query_plan *plan)
{
    return plan->ask.unit_column_count == 1 &&
           plan->schema->columns[plan->ask.unit_columns[0]].type == COLUMN_STRING &&
           plan->stored_count <= QUERY_GROUP_SEGMENT_COUNT_MAX;
}

void query_group_init(struct query_group *group, const struct query_plan *plan,
                      struct query_tasks *tasks)
{
    *group =
        (struct query_group){.plan = plan, .tasks = tasks, .column = plan->ask.unit_columns[0]};
}

void query_group_deinit(struct query_group *group)
{
    for (uint32_t i = 0; i < QUERY_GROUP_SEGMENT_COUNT_MAX; i++) {
        memory_free(group->keys_of_code[i]);
    }
    memory_free(group->rows);
    memory_free(group->spare);
    memory_free(group->events);
    memory_free(group->places);
}

static enum corong_status grow(struct query_group *group, struct corong_error *error)
{
    uint32_t capacity = group->capacity == 0 ? CAPACITY_MIN : group->capacity * 2;
    uint64_t size = 2 * sizeof(*group->rows) + sizeof(*group->events) + sizeof(*group->places);
    if (capacity > COUNT_MAX) {
        return error_set(error, CORONG_UNSUPPORTED, "more than %u step events of one user",
                         COUNT_MAX);
    }
    TRY(query_tasks_charge(group->tasks, (capacity - group->capacity) * size,
                           "the events of one user", error));
    group->rows = memory_resize_array(group->rows, capacity, sizeof(*group->rows));
    group->spare = memory_resize_array(group->spare, capacity, sizeof(*group->spare));
    group->events = memory_resize_array(group->events, capacity, sizeof(*group->events));
    group->places = memory_resize_array(group->places, capacity, sizeof(*group->places));
    group->capacity = capacity;
    return CORONG_OK;
}

enum corong_status query_group_find_key(struct query_group *group,
                                        const struct query_source *source, uint32_t code,
                                        uint64_t *key_out, struct corong_error *error)
{
    const struct dictionary *own;
    TRY(segment_reader_dictionary(source->segment->reader, group->column, &own, error));
    uint64_t **keys = &group->keys_of_code[source->segment->origin];
    if (*keys == NULL) {
        TRY(query_tasks_charge(group->tasks, (uint64_t)own->count * sizeof(**keys),
                               "the values that units are made of", error));
        *keys = memory_allocate_zeroed((size_t)own->count + 1, sizeof(**keys));
    }
    struct text text = dictionary_text(own, code);
    uint32_t origin = source->segment->origin;
    uint64_t key = (uint64_t)origin << 32 | code;
    for (uint32_t i = 0; i < origin; i++) {
        const struct query_segment *segment = &group->plan->segments[i];
        const struct dictionary *other;
        bool read = segment->group_count > 0 || segment->moved != NULL;
        if (group->column >= segment->schema->column_count || !read) {
            continue;
        }
        TRY(segment_reader_dictionary(segment->reader, group->column, &other, error));
        uint32_t found = dictionary_find(other, text);
        if (found != COLUMN_CODE_MISSING) {
            key = (uint64_t)i << 32 | found;
            break;
        }
    }
    (*keys)[code] = key + 1;
    *key_out = key;
    return CORONG_OK;
}

enum corong_status query_group_add(struct query_group *group, const struct query_source *source,
                                   const struct row_group *looked, uint32_t row,
                                   const struct match_event *event, uint64_t place,
                                   struct corong_error *error)
{
    if (group->column >= source->segment->schema->column_count) {
        group->outside++;
        return CORONG_OK;
    }
    const struct column_packed *packed = &looked->packed[group->column];
    const uint32_t *wide = looked->columns[group->column].codes;
    uint32_t code = packed->exists ? column_packed_code(packed, row)
                    : wide != NULL ? wide[row]
                                   : COLUMN_CODE_MISSING;
    if (code == COLUMN_CODE_MISSING) {
        group->outside++;
        return CORONG_OK;
    }
    const uint64_t *keys = group->keys_of_code[source->segment->origin];
    uint64_t key = keys == NULL ? 0 : keys[code];
    if (key == 0) {
        TRY(query_group_find_key(group, source, code, &key, error));
    } else {
        key--;
    }
    if (group->count == group->capacity) {
        TRY(grow(group, error));
    }
    group->rows[group->count] = key << QUERY_GROUP_INDEX_BITS | group->count;
    group->events[group->count] = *event;
    group->places[group->count++] = place;
    return CORONG_OK;
}

static void insertion_sort(uint64_t *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t row = rows[i];
        uint32_t at = i;
        for (; at > 0 && rows[at - 1] > row; at--) {
            rows[at] = rows[at - 1];
        }
        rows[at] = row;
    }
}

/// One stable pass by RADIX_BITS bits from `shift` on.
static void radix_pass(const uint64_t *from, uint64_t *to, uint32_t count, unsigned shift)
{
    uint32_t starts[RADIX_SIZE] = {0};
    for (uint32_t i = 0; i < count; i++) {
        starts[from[i] >> shift & (RADIX_SIZE - 1)]++;
    }
    uint32_t start = 0;
    for (uint32_t i = 0; i < RADIX_SIZE; i++) {
        uint32_t size = starts[i];
        starts[i] = start;
        start += size;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[starts[from[i] >> shift & (RADIX_SIZE - 1)]++] = from[i];
    }
}

void query_group_sort(struct query_group *group)
{
    if (group->count <= SORTED_COUNT_MAX) {
        insertion_sort(group->rows, group->count);
        return;
    }
    uint64_t differ = 0;
    for (uint32_t i = 1; i < group->count; i++) {
        differ |= group->rows[i] ^ group->rows[0];
    }
    // Rows come in the order of their indices already.
    for (unsigned shift = QUERY_GROUP_INDEX_BITS; shift < 64 && differ >> shift != 0;
         shift += RADIX_BITS) {
        if ((differ >> shift & (RADIX_SIZE - 1)) == 0) {
            continue;
        }
        radix_pass(group->rows, group->spare, group->count, shift);
        uint64_t *swapped = group->rows;
        group->rows = group->spare;
        group->spare = swapped;
    }
}
