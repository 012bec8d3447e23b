// SPDX-License-Identifier: Apache-2.0
/// Finding a person by id: a look at the row groups that may hold the key, per namespace.
#include "engine/query/people/people.h"
#include "engine/query/people/people_walk.h"

#include <string.h>

static const char *const NAMES[PEOPLE_NAMESPACE_COUNT] = {"known", "anonymous", "account"};

const char *people_namespace_name(uint8_t user_namespace)
{
    return user_namespace < PEOPLE_NAMESPACE_COUNT ? NAMES[user_namespace] : "other";
}

static enum corong_status note_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    (void)source;
    (void)error;
    *(bool *)context = *(bool *)context || end > begin;
    return CORONG_OK;
}

static struct query_ask ask_of(struct query_tasks *tasks)
{
    return (struct query_ask){.rows = {INT64_MIN, INT64_MAX},
                              .as_of_us = QUERY_TIME_NONE,
                              .every_row = true,
                              .ids = true,
                              .tasks = tasks};
}

enum corong_status people_find(struct store_snapshot *snapshot, struct text user_id,
                               uint32_t *namespaces_out, struct corong_error *error)
{
    struct query_limits limits = {.thread_count = 1};
    struct query_tasks *tasks = query_tasks_create(&limits);
    struct query_plan plan;
    struct query_ask ask = ask_of(tasks);
    struct hash128 persons[PEOPLE_NAMESPACE_COUNT];
    *namespaces_out = 0;
    enum corong_status status = query_plan_init(&plan, snapshot, &ask, 1, error);
    if (status != CORONG_OK) {
        query_tasks_destroy(tasks);
        return status;
    }
    for (uint8_t space = 0; space < PEOPLE_NAMESPACE_COUNT && status == CORONG_OK; space++) {
        struct hash128 own = hash_user(store_snapshot_secret(snapshot), space, user_id);
        struct hash128 key = identity_key(plan.identity, own);
        struct people_walk walk;
        bool found = false;
        people_walk_init(&walk, &plan, tasks, NULL);
        status = people_walk_user(&walk, key, note_rows, &found, error);
        people_walk_deinit(&walk);
        persons[space] = key;
        for (uint8_t i = 0; i < space; i++) {
            // An id of two namespaces that is the same person's in both is not ambiguous.
            found = found && !((*namespaces_out >> i & 1) != 0 && hash128_equal(persons[i], key));
        }
        *namespaces_out |= (uint32_t)found << space;
    }
    query_plan_deinit(&plan);
    query_tasks_destroy(tasks);
    return status;
}

#define NEAR_DISTANCE_MAX 2u ///< changes between ids that are told
#define NEAR_SPAN_MAX 12u    ///< and they lie within so many bytes

/// Distance of two ids that are nearly the same; NEAR_DISTANCE_MAX + 1 for others.
static size_t near_distance(struct text left, struct text right)
{
    size_t more = left.size > right.size ? left.size - right.size : right.size - left.size;
    if (more > NEAR_DISTANCE_MAX) {
        return NEAR_DISTANCE_MAX + 1;
    }
    while (left.size > 0 && right.size > 0 && left.bytes[0] == right.bytes[0]) {
        left = (struct text){left.bytes + 1, left.size - 1};
        right = (struct text){right.bytes + 1, right.size - 1};
    }
    while (left.size > 0 && right.size > 0 &&
           left.bytes[left.size - 1] == right.bytes[right.size - 1]) {
        left.size--;
        right.size--;
    }
    bool far = left.size > NEAR_SPAN_MAX || right.size > NEAR_SPAN_MAX;
    return far ? NEAR_DISTANCE_MAX + 1 : text_distance(left, right);
}

static bool goes_before(const struct people_nearest *left, const struct people_nearest *right)
{
    if (left->distance != right->distance) {
        return left->distance < right->distance;
    }
    int order = text_compare((struct text){left->bytes, left->size},
                             (struct text){right->bytes, right->size});
    return order != 0 ? order < 0 : left->user_namespace < right->user_namespace;
}

static void note_id(struct people_nearest *best, uint32_t *count, struct text word, uint8_t space,
                    struct text id)
{
    struct people_nearest candidate = {.user_namespace = space, .size = (uint32_t)id.size};
    if (id.size > PEOPLE_NEAREST_SIZE_MAX) {
        return;
    }
    candidate.distance = (uint32_t)near_distance(word, id);
    if (candidate.distance > NEAR_DISTANCE_MAX) {
        return;
    }
    memcpy(candidate.bytes, id.bytes, id.size);
    uint32_t at = *count;
    while (at > 0 && goes_before(&candidate, &best[at - 1])) {
        at--;
    }
    bool known = at > 0 && !goes_before(&best[at - 1], &candidate);
    if (known || at == PEOPLE_NEAREST_COUNT) {
        return;
    }
    *count += *count < PEOPLE_NEAREST_COUNT;
    memmove(&best[at + 1], &best[at], (*count - 1 - at) * sizeof(*best));
    best[at] = candidate;
}

static enum corong_status scan_ids(struct query_plan *plan, struct query_tasks *tasks,
                                   struct text word, struct people_nearest *best, uint32_t *count,
                                   struct corong_error *error)
{
    struct query_cursor cursor;
    struct query_reading reading = {0};
    query_cursor_init(&cursor, plan, tasks, &reading);
    enum corong_status status = query_cursor_enter(&cursor, (struct hash128){0}, NULL, error);
    while (status == CORONG_OK && query_cursor_next(&cursor)) {
        const struct query_source *source = &cursor.sources[cursor.parts[0]];
        const struct row_group *rows = &source->rows;
        uint32_t start = rows->id_offsets[source->user];
        struct text id = {rows->id_bytes + start, rows->id_offsets[source->user + 1] - start};
        note_id(best, count, word, rows->user_flags[source->user] & USER_NAMESPACE_MASK, id);
        status = query_cursor_skip(&cursor, error);
    }
    query_cursor_deinit(&cursor);
    return status;
}

enum corong_status people_find_nearest(struct store_snapshot *snapshot, struct text user_id,
                                       struct people_nearest *nearest_out, uint32_t *count_out,
                                       struct corong_error *error)
{
    struct query_limits limits = {.thread_count = 1};
    struct query_tasks *tasks = query_tasks_create(&limits);
    struct query_plan plan;
    struct query_ask ask = ask_of(tasks);
    *count_out = 0;
    enum corong_status status = query_plan_init(&plan, snapshot, &ask, 1, error);
    if (status == CORONG_OK) {
        status = scan_ids(&plan, tasks, user_id, nearest_out, count_out, error);
        query_plan_deinit(&plan);
    }
    query_tasks_destroy(tasks);
    return status;
}
