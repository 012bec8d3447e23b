// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_source.h"

#include "engine/query/query_bitmaps.h"
#include "engine/query/query_classes.h"
#include "engine/query/query_session_cuts.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define NO_GROUP UINT32_MAX

void query_source_init(struct query_source *source, const struct query_plan *plan, uint32_t index,
                       struct query_tasks *tasks, struct query_reading *reading)
{
    *source = (struct query_source){.plan = plan,
                                    .segment = &plan->segments[index],
                                    .tasks = tasks,
                                    .reading = reading,
                                    .index = index};
    // A layer reads from memory: it needs no buffers of a decoder.
    source->scratch = source->segment->layer == NULL ? segment_scratch_create() : NULL;
    source->columns = memory_allocate_zeroed(plan->schema->column_count, sizeof(*source->columns));
    source->looks[0].group = NO_GROUP;
    source->looks[1].group = NO_GROUP;
    source->full.group = NO_GROUP;
    source->keys.group = NO_GROUP;
}

static void look_deinit(struct query_look *look)
{
    segment_scratch_destroy(look->scratch);
    identity_scratch_destroy(look->moved);
}

void query_source_deinit(struct query_source *source)
{
    segment_scratch_destroy(source->scratch);
    identity_scratch_destroy(source->moved_scratch);
    look_deinit(&source->looks[0]);
    look_deinit(&source->looks[1]);
    look_deinit(&source->full);
    look_deinit(&source->keys);
    memory_free(source->columns);
    memory_free(source->steps);
    memory_free(source->entries);
    memory_free(source->later);
    memory_free(source->session_bits);
    memory_free(source->matches);
    memory_free(source->class_bytes);
    for (uint32_t i = 0; i < QUERY_FOLD_COUNT_MAX; i++) {
        memory_free(source->class_of_rank[i]);
    }
    memory_free(source->allowed);
    memory_free(source->wide_times);
    arena_deinit(&source->filter_scratch);
}

static void reserve_rows(struct query_source *source, uint32_t row_count)
{
    if (row_count <= source->row_capacity) {
        return;
    }
    size_t words = (size_t)row_count / 64 + 2;
    source->row_capacity = row_count;
    source->entries = memory_resize_array(source->entries, words, sizeof(uint64_t));
    source->later = memory_resize_array(source->later, words, sizeof(uint64_t));
    source->matches = memory_resize_array(source->matches, row_count, 1);
    if (source->plan->ask.session_timeout_us > 0) {
        source->session_bits = memory_resize_array(source->session_bits, words, sizeof(uint64_t));
    }
    if (source->segment->folds.count > 0) {
        source->class_bytes = memory_resize_array(source->class_bytes, row_count, 1);
    }
    if (source->segment->filtered) {
        source->steps = memory_resize_array(source->steps, row_count, sizeof(uint64_t));
    }
    if (source->plan->where_entry != NULL) {
        source->allowed = memory_resize_array(source->allowed, row_count, 1);
    }
}

/// Lets a filter clear `bits` in the steps of rows that have some of them.
static void apply_filter(struct query_source *source, const struct filter_segment *filter,
                         uint64_t bits)
{
    uint32_t count = source->rows.row_count;
    uint32_t candidates = 0;
    for (uint32_t i = 0; i < count; i++) {
        source->matches[i] = (source->steps[i] & bits) != 0;
        candidates |= source->matches[i];
    }
    if (candidates == 0) {
        return;
    }
    arena_reset(&source->filter_scratch);
    filter_evaluate(filter, source->columns, count, &source->filter_scratch, source->matches);
    for (uint32_t i = 0; i < count; i++) {
        source->steps[i] &= source->matches[i] ? UINT64_MAX : ~bits;
    }
}

static void fill_steps(struct query_source *source)
{
    const struct query_segment *segment = source->segment;
    for (uint32_t i = 0; i < source->rows.row_count; i++) {
        source->steps[i] = query_source_listed(source, i);
    }
    if (segment->where != NULL) {
        apply_filter(source, segment->where, ~source->plan->ask.not_hidden);
    }
    for (uint32_t k = 0; k < source->plan->ask.step_count; k++) {
        if (segment->step_where[k] != NULL) {
            apply_filter(source, segment->step_where[k], UINT64_C(1) << k);
        }
    }
}

/// Finds the rows that may be entries among those that have a step.
static void fill_allowed(struct query_source *source)
{
    uint32_t count = source->rows.row_count;
    for (uint32_t i = 0; i < count; i++) {
        source->allowed[i] = source->steps[i] != 0;
    }
    arena_reset(&source->filter_scratch);
    filter_evaluate(source->segment->where_entry, source->columns, count, &source->filter_scratch,
                    source->allowed);
    for (uint32_t i = 0; i < count && source->plan->ask.entry_hides; i++) {
        source->steps[i] &= source->allowed[i] ? UINT64_MAX : ~UINT64_C(1);
    }
}

static inline uint8_t kind_of(uint64_t steps)
{
    return (uint8_t)((steps & 1) * QUERY_KIND_ENTRY | (steps > 1) * QUERY_KIND_LATER);
}

/// Marks the rows by their kinds.
static void fill_bitmaps(struct query_source *source)
{
    uint8_t kinds[QUERY_KIND_COUNT] = {0};
    uint32_t count = source->rows.row_count;
    if (source->classes != NULL && !source->segment->filtered) {
        for (uint32_t i = 0; i < QUERY_KIND_COUNT; i++) {
            kinds[i] = kind_of(source->steps_of_class[i]);
        }
        query_bitmaps_fill(source->classes, count, kinds, source->entries, source->later);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        source->matches[i] = kind_of(query_source_steps(source, i));
    }
    for (uint8_t kind = 0; kind <= (QUERY_KIND_ENTRY | QUERY_KIND_LATER); kind++) {
        kinds[kind] = kind;
    }
    query_bitmaps_fill(source->matches, count, kinds, source->entries, source->later);
}

static void prepare_times(struct query_source *source)
{
    const struct row_group *rows = &source->rows;
    const struct column_packed *packed = &rows->packed[COLUMN_TIME];
    if (!packed->exists) {
        source->times = (struct query_times){.wide = rows->columns[COLUMN_TIME].integers};
        return;
    }
    if (packed->width == sizeof(uint32_t) && !packed->nullable) {
        source->times = (struct query_times){packed->values, packed->base, packed->power, NULL};
        return;
    }
    source->wide_times =
        memory_resize_array(source->wide_times, rows->row_count, sizeof(*source->wide_times));
    for (uint32_t i = 0; i < rows->row_count; i++) {
        source->wide_times[i] = column_packed_integer(packed, i);
    }
    source->times = (struct query_times){.wide = source->wide_times};
}

static void prepare_sessions(struct query_source *source)
{
    const struct query_times *times = &source->times;
    int64_t timeout_us = source->plan->ask.session_timeout_us;
    source->session_starts = NULL;
    if (timeout_us <= 0 || times->units == NULL || times->power == 0) {
        return;
    }
    const struct query_session_rows rows = {
        .times = times->units,
        .base = times->base,
        .power = times->power,
        .row_count = source->rows.row_count,
        .user_row_counts = source->rows.user_row_counts,
        .user_count = source->rows.user_count,
    };
    query_session_cuts_fill(&rows, timeout_us, source->session_bits);
    source->session_starts = source->session_bits;
}

static enum corong_status prepare_rows(struct query_source *source, struct corong_error *error)
{
    struct row_group *rows = &source->rows;
    uint32_t own = source->segment->schema->column_count;
    reserve_rows(source, rows->row_count);
    memcpy(source->columns, rows->columns, own * sizeof(*source->columns));
    prepare_times(source);
    prepare_sessions(source);
    source->names = rows->packed[COLUMN_NAME].exists ? &rows->packed[COLUMN_NAME] : NULL;
    source->classes = NULL;
    source->sequences = source->plan->sequences ? rows->columns[COLUMN_SEQUENCE].integers : NULL;
    if (source->plan->ask.step_count == 0) {
        return CORONG_OK;
    }
    TRY(query_classes_fill(source, error));
    if (source->segment->filtered) {
        fill_steps(source);
    }
    if (source->allowed != NULL) {
        fill_allowed(source);
    }
    fill_bitmaps(source);
    return CORONG_OK;
}

/// Books what the buffers have grown by: a store of many segments needs them for each.
static enum corong_status charge_buffers(struct query_source *source, struct corong_error *error)
{
    uint64_t bytes = segment_scratch_bytes(source->scratch) +
                     segment_scratch_bytes(source->looks[0].scratch) +
                     segment_scratch_bytes(source->looks[1].scratch) +
                     segment_scratch_bytes(source->full.scratch);
    if (bytes <= source->charged_bytes) {
        return CORONG_OK;
    }
    uint64_t grown = bytes - source->charged_bytes;
    source->charged_bytes = bytes;
    return query_tasks_charge(source->tasks, grown,
                              "decoded rows of every segment ('corong compact' leaves fewer)",
                              error);
}

/// Reads a group of the segment or layer, by its position.
static enum corong_status read_group(struct query_source *source, uint32_t group,
                                     const struct segment_selection *selection,
                                     struct segment_scratch *scratch,
                                     struct identity_scratch **moved, struct row_group *rows_out,
                                     struct corong_error *error)
{
    const struct query_segment *segment = source->segment;
    uint32_t index = segment->groups[group];
    if (segment->layer == NULL) {
        TRY(segment_reader_read(segment->reader, index, selection, scratch, rows_out, error));
        source->reading->bytes += segment_reader_read_size(segment->reader, index, selection);
        return CORONG_OK;
    }
    if (*moved == NULL) {
        *moved = identity_scratch_create(source->plan->schema->column_count);
    }
    return identity_layer_read(segment->layer, index, selection, source->tasks, *moved, rows_out,
                               error);
}

/// Decodes the group at `source->group` and stands before its first user.
static enum corong_status load_group(struct query_source *source, struct corong_error *error)
{
    TRY(query_tasks_check(source->tasks, error));
    const struct query_segment *segment = source->segment;
    int64_t start_us = clock_monotonic_us();
    TRY(read_group(source, source->group, &segment->scan, source->scratch, &source->moved_scratch,
                   &source->rows, error));
    source->reading->read_us += clock_monotonic_us() - start_us;
    source->moved = segment->moved == NULL ? NULL : segment->moved[segment->groups[source->group]];
    TRY(charge_buffers(source, error));
    TRY(prepare_rows(source, error));
    source->user = 0;
    source->row = 0;
    source->row_end = 0;
    return CORONG_OK;
}

/// Takes the user at `source->user`, or is done.
static void stand_at_user(struct query_source *source)
{
    source->key = source->rows.user_keys[source->user];
    source->row = source->row_end;
    source->row_end += source->rows.user_row_counts[source->user];
    source->done = source->has_end && hash128_compare(source->key, source->end) >= 0;
    if (!source->done) {
        source->reading->rows += source->row_end - source->row;
    }
}

static struct segment_group_zone zone_at(const struct query_source *source, uint32_t group)
{
    struct segment_group_zone zone;
    query_segment_zone(source->segment, source->segment->groups[group], &zone);
    return zone;
}

/// Loads the group at `source->group` and stands at its first user; done where there is none.
static enum corong_status enter_group(struct query_source *source, struct corong_error *error)
{
    if (source->group >= source->segment->group_count ||
        (source->has_end &&
         hash128_compare(zone_at(source, source->group).key_min, source->end) >= 0)) {
        source->done = true;
        return CORONG_OK;
    }
    TRY(load_group(source, error));
    stand_at_user(source);
    return CORONG_OK;
}

/// First group whose largest key is `from` or more.
static uint32_t find_group(const struct query_source *source, struct hash128 from)
{
    uint32_t low = 0;
    uint32_t high = source->segment->group_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hash128_compare(zone_at(source, middle).key_max, from) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// Stands at the first user of the loaded group, from `source->user` on, with a key of `from` or
/// more; there is one.
static void stand_from(struct query_source *source, struct hash128 from)
{
    while (hash128_compare(source->rows.user_keys[source->user], from) < 0) {
        source->row_end += source->rows.user_row_counts[source->user];
        source->user++;
    }
    stand_at_user(source);
}

static enum corong_status step(struct query_source *source, struct corong_error *error)
{
    if (++source->user < source->rows.user_count) {
        stand_at_user(source);
        return CORONG_OK;
    }
    source->group++;
    return enter_group(source, error);
}

/// Goes on from users whose rows are in a layer, under their person's key.
static enum corong_status pass_over(struct query_source *source, struct corong_error *error)
{
    while (source->moved != NULL && !source->done &&
           (source->moved[source->user / 64] >> (source->user % 64) & 1) != 0) {
        source->reading->rows -= source->row_end - source->row;
        TRY(step(source, error));
    }
    return CORONG_OK;
}

enum corong_status query_source_seek(struct query_source *source, struct hash128 from,
                                     const struct hash128 *end, struct corong_error *error)
{
    source->done = false;
    source->has_end = end != NULL;
    source->end = end == NULL ? (struct hash128){0} : *end;
    source->group = find_group(source, from);
    if (source->group >= source->segment->group_count ||
        (source->has_end &&
         hash128_compare(zone_at(source, source->group).key_min, source->end) >= 0)) {
        source->done = true;
        return CORONG_OK;
    }
    TRY(load_group(source, error));
    stand_from(source, from);
    return pass_over(source, error);
}

enum corong_status query_source_advance(struct query_source *source, struct hash128 from,
                                        struct corong_error *error)
{
    if (source->done || hash128_compare(source->key, from) >= 0) {
        return CORONG_OK;
    }
    if (hash128_compare(zone_at(source, source->group).key_max, from) >= 0) {
        source->user++;
        stand_from(source, from);
        return pass_over(source, error);
    }
    source->group = find_group(source, from);
    TRY(enter_group(source, error));
    if (!source->done && hash128_compare(source->key, from) < 0) {
        source->user++;
        stand_from(source, from);
    }
    return pass_over(source, error);
}

enum corong_status query_source_next(struct query_source *source, struct corong_error *error)
{
    DCHECK(!source->done);
    TRY(step(source, error));
    return pass_over(source, error);
}

bool query_source_group_continues(const struct query_source *source)
{
    return source->group + 1 < source->segment->group_count &&
           hash128_equal(zone_at(source, source->group + 1).key_min,
                         source->rows.user_keys[source->rows.user_count - 1]);
}

bool query_source_continues(const struct query_source *source)
{
    return source->user + 1 == source->rows.user_count && query_source_group_continues(source);
}

enum corong_status query_source_skip(struct query_source *source, struct corong_error *error)
{
    if (source->user + 1 < source->rows.user_count) {
        source->user++; // keys of a group ascend: it is another user
        stand_at_user(source);
        return pass_over(source, error);
    }
    struct hash128 key = source->key;
    uint32_t next = source->group + 1;
    while (next < source->segment->group_count &&
           hash128_equal(zone_at(source, next).key_max, key)) {
        next++;
    }
    source->group = next;
    TRY(enter_group(source, error));
    if (!source->done && hash128_equal(source->key, key)) {
        return query_source_next(source, error);
    }
    return pass_over(source, error);
}

uint64_t query_source_possible(const struct query_source *source)
{
    uint64_t mask = source->rows.user_name_masks[source->user];
    const uint64_t *bits = source->segment->name_bits;
    uint64_t possible = 0;
    for (uint32_t k = 0; k < source->plan->ask.step_count; k++) {
        possible |= (uint64_t)((mask & bits[k]) != 0) << k;
    }
    return possible;
}

static enum corong_status look_load(struct query_source *source, struct query_look *look,
                                    const struct segment_selection *selection, uint32_t group,
                                    struct corong_error *error)
{
    if (look->scratch == NULL && source->segment->layer == NULL) {
        look->scratch = segment_scratch_create();
    }
    int64_t start_us = clock_monotonic_us();
    look->group = NO_GROUP;
    TRY(read_group(source, group, selection, look->scratch, &look->moved, &look->rows, error));
    look->group = group;
    source->reading->read_us += clock_monotonic_us() - start_us;
    return charge_buffers(source, error);
}

enum corong_status query_source_look(struct query_source *source, uint32_t group,
                                     const struct row_group **rows_out, struct corong_error *error)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (source->looks[i].group == group) {
            *rows_out = &source->looks[i].rows;
            return CORONG_OK;
        }
    }
    struct query_look *look = &source->looks[source->look_turn];
    source->look_turn ^= 1;
    TRY(look_load(source, look, &source->segment->look, group, error));
    *rows_out = &look->rows;
    return CORONG_OK;
}

enum corong_status query_source_full(struct query_source *source, const struct row_group **rows_out,
                                     struct corong_error *error)
{
    if (source->full.group != source->group) {
        struct segment_selection all = {0};
        for (uint32_t i = 0; i < source->segment->schema->column_count; i++) {
            segment_select(&all, i);
        }
        TRY(look_load(source, &source->full, &all, source->group, error));
    }
    *rows_out = &source->full.rows;
    return CORONG_OK;
}

enum corong_status query_source_keys(struct query_source *source, const struct row_group **rows_out,
                                     struct corong_error *error)
{
    if (source->segment->layer == NULL) {
        return query_source_full(source, rows_out, error);
    }
    if (source->keys.group != source->group) {
        struct segment_selection keys = {0};
        segment_select(&keys, COLUMN_SEQUENCE);
        segment_select(&keys, COLUMN_ID_HASH);
        TRY(look_load(source, &source->keys, &keys, source->group, error));
    }
    *rows_out = &source->keys.rows;
    return CORONG_OK;
}
