// SPDX-License-Identifier: Apache-2.0
/// Finds the users of each segment whose id belongs to somebody else, and lays their rows out under
/// the person's key. Ids of one person lie one after the other where their rows do so in time;
/// otherwise each goes to a layer of its own, and the cursor merges layers as it merges segments.
#include "engine/query/identity/identity_private.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

/// Rows of a moved user in one group.
struct piece {
    struct identity_place place;
    uint32_t person;
    uint32_t layer;
    struct hash128 key; ///< of the id
    uint64_t mask;
    int64_t first_us; ///< of the id in this segment
    int64_t last_us;
};

struct group_task {
    uint32_t segment;
    uint32_t group;
    struct piece *pieces;
    uint32_t piece_count;
};

struct finder {
    struct identity_view *view;
    struct query_tasks *budget;
    struct group_task *tasks;
    struct segment_scratch **scratches; ///< by worker
};

/// Pieces by layer, then by the person's key, in the order in which they lie in the layer.
struct laid {
    uint32_t layer;
    struct hash128 person_key;
    uint32_t order; ///< of the piece among those of the segment, by time
};

/// What a piece takes while rows are laid out: twice itself, and its place in the order.
#define PIECE_PASSING_SIZE (2 * sizeof(struct piece) + sizeof(struct laid))
/// What stays of it: its place, and what a layer has of a user: person, key, row count, flags,
/// mask.
#define PIECE_STAYING_SIZE                                                                         \
    (sizeof(struct identity_place) + 2 * sizeof(uint32_t) + sizeof(struct hash128) + 1 +           \
     sizeof(uint64_t))

/// First member with a key of `from` or more.
static uint32_t first_member(const struct identity_resolution *resolution, struct hash128 from)
{
    uint32_t low = 0;
    for (uint32_t high = resolution->member_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (hash128_compare(resolution->members[middle].key, from) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void note_piece(struct group_task *task, const struct row_group *rows, uint32_t user,
                       uint32_t first_row, uint32_t person)
{
    const struct column_packed *times = &rows->packed[COLUMN_TIME];
    uint32_t row_count = rows->user_row_counts[user];
    task->pieces[task->piece_count++] = (struct piece){
        .place = {.group = task->group, .first_row = first_row, .row_count = row_count},
        .person = person,
        .key = rows->user_keys[user],
        .mask = rows->user_name_masks[user],
        .first_us = column_packed_integer(times, first_row),
        .last_us = column_packed_integer(times, first_row + row_count - 1),
    };
}

/// The place of the next moved user from `*user` and `*member` on; false: there is none. Users and
/// members both ascend by key.
static bool next_match(const struct identity_resolution *resolution, const struct row_group *rows,
                       uint32_t *user, uint32_t *member)
{
    while (*user < rows->user_count && *member < resolution->member_count) {
        int order = hash128_compare(resolution->members[*member].key, rows->user_keys[*user]);
        if (order == 0) {
            return true;
        }
        *member += order < 0;
        *user += order > 0;
    }
    return false;
}

/// Books what the moved users of a group take, before there is anything of it.
static enum corong_status book_group(const struct finder *finder, const struct row_group *rows,
                                     uint32_t member, uint32_t *count_out,
                                     struct corong_error *error)
{
    uint32_t count = 0;
    for (uint32_t user = 0; next_match(&finder->view->resolution, rows, &user, &member); user++) {
        count++;
    }
    *count_out = count;
    uint64_t bits = count == 0 ? 0 : rows->user_count / 8;
    return query_tasks_charge(finder->budget,
                              count * (PIECE_PASSING_SIZE + PIECE_STAYING_SIZE) + bits,
                              "users of linked ids", error);
}

static enum corong_status match_group(const struct finder *finder, struct group_task *task,
                                      const struct row_group *rows, uint32_t member,
                                      struct corong_error *error)
{
    const struct identity_resolution *resolution = &finder->view->resolution;
    uint32_t count;
    TRY(book_group(finder, rows, member, &count, error));
    if (count == 0) {
        return CORONG_OK;
    }
    uint64_t *moved = memory_allocate_zeroed((size_t)rows->user_count / 64 + 1, sizeof(*moved));
    finder->view->rows[task->segment].moved[task->group] = moved;
    task->pieces = memory_allocate(count * sizeof(*task->pieces));
    uint32_t first_row = 0;
    uint32_t before = 0;
    for (uint32_t user = 0; next_match(resolution, rows, &user, &member); user++) {
        while (before < user) {
            first_row += rows->user_row_counts[before++];
        }
        moved[user / 64] |= UINT64_C(1) << (user % 64);
        note_piece(task, rows, user, first_row, resolution->members[member].person);
    }
    return CORONG_OK;
}

static enum corong_status find_in_group(void *context, uint32_t worker, uint32_t index,
                                        struct corong_error *error)
{
    struct finder *finder = context;
    struct group_task *task = &finder->tasks[index];
    struct segment_reader *reader = finder->view->rows[task->segment].reader;
    struct segment_group_zone zone;
    segment_reader_zone(reader, task->group, &zone);
    const struct identity_resolution *resolution = &finder->view->resolution;
    uint32_t member = first_member(resolution, zone.key_min);
    if (member == resolution->member_count ||
        hash128_compare(resolution->members[member].key, zone.key_max) > 0) {
        return CORONG_OK;
    }
    struct segment_selection selection = {0};
    struct row_group rows;
    segment_select_packed(&selection, COLUMN_TIME);
    TRY(segment_reader_read(reader, task->group, &selection, finder->scratches[worker], &rows,
                            error));
    return match_group(finder, task, &rows, member, error);
}

static int compare_by_time(const void *left, const void *right)
{
    const struct piece *a = left;
    const struct piece *b = right;
    if (a->person != b->person) {
        return a->person < b->person ? -1 : 1;
    }
    if (a->first_us != b->first_us) {
        return a->first_us < b->first_us ? -1 : 1;
    }
    int order = hash128_compare(a->key, b->key);
    if (order != 0) {
        return order;
    }
    return a->place.group < b->place.group ? -1 : a->place.group > b->place.group;
}

static int compare_laid(const void *left, const void *right)
{
    const struct laid *a = left;
    const struct laid *b = right;
    if (a->layer != b->layer) {
        return a->layer < b->layer ? -1 : 1;
    }
    int order = hash128_compare(a->person_key, b->person_key);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

/// A user that crosses groups has the times of the whole in each piece.
static void unite_times(struct piece *pieces, uint32_t count)
{
    for (uint32_t begin = 0, end = 0; begin < count; begin = end) {
        while (end < count && hash128_equal(pieces[end].key, pieces[begin].key)) {
            end++;
        }
        for (uint32_t i = begin; i < end; i++) {
            pieces[i].first_us = pieces[begin].first_us;
            pieces[i].last_us = pieces[end - 1].last_us;
        }
    }
}

/// Puts each id of a person into the first layer that ends before it begins. Returns how many
/// layers there are.
static uint32_t cut_layers(struct piece *pieces, uint32_t count)
{
    static const uint32_t room = IDENTITY_PERSON_ID_COUNT_MAX;
    int64_t *ends = memory_allocate((size_t)room * sizeof(*ends));
    uint32_t most = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || pieces[i].person != pieces[i - 1].person) {
            used = 0;
        } else if (hash128_equal(pieces[i].key, pieces[i - 1].key)) {
            pieces[i].layer = pieces[i - 1].layer;
            continue;
        }
        uint32_t layer = 0;
        while (layer < used && ends[layer] >= pieces[i].first_us) {
            layer++;
        }
        ASSERT(layer < room);
        ends[layer] = pieces[i].last_us;
        pieces[i].layer = layer;
        used = layer == used ? used + 1 : used;
        most = used > most ? used : most;
    }
    memory_free(ends);
    return most;
}

static int compare_places(const void *left, const void *right)
{
    const struct identity_place *a = left;
    const struct identity_place *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    return a->first_row < b->first_row ? -1 : a->first_row > b->first_row;
}

/// A layer while it is filled.
struct layer_fill {
    struct identity_layer *layer;
    struct identity_group *group; ///< the open one; NULL: none
};

static void open_group(struct layer_fill *fill, struct arena *arena, const struct piece *piece,
                       struct hash128 key, uint32_t first_row, bool goes_on)
{
    struct identity_layer *layer = fill->layer;
    if ((layer->group_count & (layer->group_count - 1)) == 0) {
        size_t room = layer->group_count == 0 ? 1 : (size_t)layer->group_count * 2;
        struct identity_group *groups = arena_allocate_zeroed(arena, room, sizeof(*layer->groups));
        if (layer->group_count > 0) {
            memcpy(groups, layer->groups, layer->group_count * sizeof(*groups));
        }
        layer->groups = groups;
    }
    if (goes_on) {
        layer->groups[layer->group_count - 1].zone.last_user_continues = true;
    }
    fill->group = &layer->groups[layer->group_count++];
    *fill->group = (struct identity_group){
        .zone = {.time_min_us = piece->first_us,
                 .time_max_us = piece->last_us,
                 .key_min = key,
                 .first_user_continues = goes_on},
        .first_user = layer->user_count,
        .first_row = first_row - layer->first_row,
    };
}

/// Adds a piece behind what the layer has. A group is closed at a user where it can be, and within
/// one where it would grow past what a group may have.
static void fill_piece(struct layer_fill *fill, struct arena *arena, const struct piece *piece,
                       uint32_t first_row)
{
    struct identity_layer *layer = fill->layer;
    struct hash128 key = layer->resolution->persons[piece->person].key;
    bool same = layer->user_count > 0 && layer->persons[layer->user_count - 1] == piece->person;
    struct identity_group *group = fill->group;
    uint32_t rows = group == NULL ? 0 : group->zone.row_count;
    bool full = group == NULL || rows + piece->place.row_count > SEGMENT_GROUP_ROW_COUNT_MAX;
    if (full || (!same && rows >= SEGMENT_GROUP_ROW_COUNT)) {
        open_group(fill, arena, piece, key, first_row, same);
        group = fill->group;
        same = false;
    }
    if (!same) {
        uint32_t user = layer->user_count++;
        layer->persons[user] = piece->person;
        layer->keys[user] = key;
        layer->flags[user] = USER_LINKED;
        group->zone.user_count++;
    }
    uint32_t user = layer->user_count - 1;
    layer->row_counts[user] += piece->place.row_count;
    layer->masks[user] |= piece->mask;
    struct segment_group_zone *zone = &group->zone;
    zone->row_count += piece->place.row_count;
    zone->key_max = key;
    zone->time_min_us = piece->first_us < zone->time_min_us ? piece->first_us : zone->time_min_us;
    zone->time_max_us = piece->last_us > zone->time_max_us ? piece->last_us : zone->time_max_us;
}

static void layer_init(struct identity_layer *layer, struct identity_view *view,
                       struct identity_rows *rows, uint32_t first_row, uint32_t piece_count)
{
    struct arena *arena = &view->arena;
    size_t room = (size_t)piece_count + 1;
    *layer = (struct identity_layer){
        .rows = rows,
        .resolution = &view->resolution,
        .first_row = first_row,
        .persons = arena_allocate_zeroed(arena, room, sizeof(*layer->persons)),
        .keys = arena_allocate_zeroed(arena, room, sizeof(*layer->keys)),
        .row_counts = arena_allocate_zeroed(arena, room, sizeof(*layer->row_counts)),
        .flags = arena_allocate_zeroed(arena, room, sizeof(*layer->flags)),
        .masks = arena_allocate_zeroed(arena, room, sizeof(*layer->masks)),
    };
}

static void fill_layers(struct identity_view *view, struct identity_rows *rows,
                        const struct piece *pieces, const struct laid *laid, uint32_t count)
{
    struct layer_fill fill = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct piece *piece = &pieces[laid[i].order];
        if (i == 0 || laid[i].layer != laid[i - 1].layer) {
            uint32_t end = i;
            while (end < count && laid[end].layer == laid[i].layer) {
                end++;
            }
            fill = (struct layer_fill){&rows->layers[laid[i].layer], NULL};
            layer_init(fill.layer, view, rows, rows->row_count, end - i);
        }
        fill_piece(&fill, &view->arena, piece, rows->row_count);
        rows->places[i] = piece->place;
        rows->places[i].target = rows->row_count;
        rows->row_count += piece->place.row_count;
    }
}

/// Lays the pieces of one segment out. They come in the order of its rows.
static void lay_out(struct identity_view *view, struct identity_rows *rows, struct piece *pieces,
                    uint32_t count)
{
    unite_times(pieces, count);
    qsort(pieces, count, sizeof(*pieces), compare_by_time);
    rows->layer_count = cut_layers(pieces, count);
    rows->layers = arena_allocate_zeroed(&view->arena, rows->layer_count, sizeof(*rows->layers));
    rows->places = arena_allocate_zeroed(&view->arena, count, sizeof(*rows->places));
    rows->place_count = count;
    struct laid *laid = memory_allocate_zeroed(count, sizeof(*laid));
    for (uint32_t i = 0; i < count; i++) {
        laid[i] = (struct laid){pieces[i].layer, view->resolution.persons[pieces[i].person].key, i};
    }
    qsort(laid, count, sizeof(*laid), compare_laid);
    fill_layers(view, rows, pieces, laid, count);
    memory_free(laid);
    qsort(rows->places, count, sizeof(*rows->places), compare_places);
    uint32_t group_count = segment_reader_group_count(rows->reader);
    rows->group_places =
        arena_allocate_zeroed(&view->arena, (size_t)group_count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        rows->group_places[rows->places[i].group + 1]++;
    }
    for (uint32_t group = 0; group < group_count; group++) {
        rows->group_places[group + 1] += rows->group_places[group];
    }
    rows->columns = memory_allocate_zeroed(segment_reader_schema(rows->reader)->column_count,
                                           sizeof(*rows->columns));
}

/// Brings the pieces of each segment together.
static enum corong_status lay_out_all(struct identity_view *view, struct group_task *tasks,
                                      uint32_t task_count, struct query_tasks *budget,
                                      struct corong_error *error)
{
    for (uint32_t begin = 0, end = 0; begin < task_count; begin = end) {
        size_t count = 0;
        uint64_t rows = 0;
        while (end < task_count && tasks[end].segment == tasks[begin].segment) {
            count += tasks[end++].piece_count;
        }
        if (count == 0) {
            continue;
        }
        struct piece *pieces = memory_allocate(count * sizeof(*pieces));
        size_t at = 0;
        for (uint32_t i = begin; i < end; i++) {
            for (uint32_t k = 0; k < tasks[i].piece_count; k++) {
                pieces[at++] = tasks[i].pieces[k];
                rows += tasks[i].pieces[k].place.row_count;
            }
        }
        ASSERT(count < UINT32_MAX);
        enum corong_status status = query_tasks_check(budget, error);
        if (status == CORONG_OK && rows >= UINT32_MAX) {
            status =
                error_set(error, CORONG_NO_MEMORY, "too many events of linked ids in a segment");
        }
        if (status == CORONG_OK) {
            lay_out(view, &view->rows[tasks[begin].segment], pieces, (uint32_t)count);
        }
        memory_free(pieces);
        TRY(status);
        query_tasks_return(budget, count * PIECE_PASSING_SIZE);
    }
    return CORONG_OK;
}

static uint32_t list_groups(struct identity_view *view, struct store_snapshot *snapshot,
                            struct group_task **tasks_out)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < view->segment_count; s++) {
        struct segment_reader *reader = store_snapshot_segment(snapshot, s);
        uint32_t groups = segment_reader_group_count(reader);
        view->rows[s].reader = reader;
        identity_gate_init(&view->rows[s].gate);
        view->rows[s].moved =
            arena_allocate_zeroed(&view->arena, (size_t)groups + 1, sizeof(uint64_t *));
        count += groups;
    }
    *tasks_out = memory_allocate_zeroed((size_t)count + 1, sizeof(**tasks_out));
    uint32_t at = 0;
    for (uint32_t s = 0; s < view->segment_count; s++) {
        uint32_t groups = segment_reader_group_count(view->rows[s].reader);
        for (uint32_t g = 0; g < groups; g++) {
            (*tasks_out)[at++] = (struct group_task){.segment = s, .group = g};
        }
    }
    return count;
}

enum corong_status identity_rows_find(struct identity_view *view, struct store_snapshot *snapshot,
                                      struct query_tasks *tasks, struct corong_error *error)
{
    uint32_t worker_count = query_tasks_thread_count(tasks);
    view->segment_count = store_snapshot_segment_count(snapshot);
    view->rows =
        arena_allocate_zeroed(&view->arena, (size_t)view->segment_count + 1, sizeof(*view->rows));
    struct finder finder = {.view = view, .budget = tasks};
    uint32_t task_count = list_groups(view, snapshot, &finder.tasks);
    finder.scratches = memory_allocate_zeroed(worker_count, sizeof(struct segment_scratch *));
    for (uint32_t i = 0; i < worker_count; i++) {
        finder.scratches[i] = segment_scratch_create();
    }
    enum corong_status status = query_tasks_run(tasks, task_count, find_in_group, &finder, error);
    if (status == CORONG_OK) {
        status = lay_out_all(view, finder.tasks, task_count, tasks, error);
    }
    for (uint32_t i = 0; i < worker_count; i++) {
        segment_scratch_destroy(finder.scratches[i]);
    }
    for (uint32_t i = 0; i < task_count; i++) {
        memory_free(finder.tasks[i].pieces);
    }
    memory_free(finder.scratches);
    memory_free(finder.tasks);
    return status;
}

void identity_rows_deinit(struct identity_rows *rows)
{
    if (rows->reader == NULL) {
        return;
    }
    identity_gate_deinit(&rows->gate);
    uint32_t groups = segment_reader_group_count(rows->reader);
    for (uint32_t g = 0; g < groups; g++) {
        memory_free(rows->moved[g]);
    }
    uint32_t columns =
        rows->columns == NULL ? 0 : segment_reader_schema(rows->reader)->column_count;
    for (uint32_t c = 0; c < columns; c++) {
        memory_free(rows->columns[c].codes);
        memory_free(rows->columns[c].integers);
    }
    memory_free(rows->columns);
}
