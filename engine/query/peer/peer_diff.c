// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer_diff.h"

#include "engine/query/query_plan.h"
#include "engine/query/query_tasks.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

static void append_key(struct text_buffer *key, uint8_t user_namespace, struct text user_id)
{
    text_buffer_append(key, &user_namespace, 1);
    text_buffer_append_text(key, user_id);
}

/// The user's pair; new ones get an empty one.
static struct peer_pair *pair_of(struct peer_diff *diff, uint8_t user_namespace,
                                 struct text user_id)
{
    struct text_buffer key = {0};
    append_key(&key, user_namespace, user_id);
    uint32_t number = query_table_number(&diff->users, (struct text){key.bytes, key.size});
    text_buffer_deinit(&key);
    if (number >= diff->capacity) {
        uint32_t capacity = diff->capacity == 0 ? 256 : diff->capacity * 2;
        diff->pairs = memory_resize_array(diff->pairs, capacity, sizeof(*diff->pairs));
        memset(diff->pairs + diff->capacity, 0, (capacity - diff->capacity) * sizeof(*diff->pairs));
        diff->capacity = capacity;
    }
    return &diff->pairs[number];
}

struct peer_pair *peer_diff_find(const struct peer_diff *diff, uint8_t user_namespace,
                                 struct text user_id)
{
    struct text_buffer key = {0};
    uint32_t number;
    append_key(&key, user_namespace, user_id);
    bool found = query_table_find(&diff->users, (struct text){key.bytes, key.size}, &number);
    text_buffer_deinit(&key);
    return found ? &diff->pairs[number] : NULL;
}

static void take_user(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                      const int64_t *matched_us, bool open)
{
    (void)open;
    struct peer_diff *diff = context;
    uint64_t bytes = query_table_bytes(&diff->users) + diff->times.used_bytes +
                     diff->capacity * sizeof(*diff->pairs);
    diff->full |= bytes > diff->limit_bytes;
    if (diff->full) {
        return;
    }
    struct peer_pair *pair = pair_of(diff, user_namespace, user_id);
    pair->level[diff->side] = level;
    pair->times_us[diff->side] = arena_allocate(&diff->times, level * sizeof(int64_t));
    memcpy(pair->times_us[diff->side], matched_us, level * sizeof(int64_t));
}

static enum corong_status ask_side(struct peer_diff *diff, uint32_t side,
                                   struct corong_error *error)
{
    diff->side = side;
    const struct query_funnel *query = side == 0 ? diff->ours : &diff->theirs;
    TRY(query_funnel_users(diff->snapshot, query, take_user, diff, error));
    return diff->full ? error_set(error, CORONG_NO_MEMORY,
                                  "the users to be compared need more than the memory limit; "
                                  "narrow the range or raise it")
                      : CORONG_OK;
}

static void compare(struct peer_diff *diff, struct peer_diff_result *result)
{
    for (uint32_t i = 0; i < diff->users.count; i++) {
        struct peer_pair *pair = &diff->pairs[i];
        for (uint32_t side = 0; side < 2; side++) {
            for (uint32_t k = 0; k < pair->level[side]; k++) {
                result->reached[side][k]++;
            }
        }
        pair->differs =
            pair->level[0] != pair->level[1] ||
            memcmp(pair->times_us[0], pair->times_us[1], pair->level[0] * sizeof(int64_t)) != 0;
        result->count += pair->differs;
        result->level_count += pair->level[0] != pair->level[1];
    }
    result->users = diff->users.count;
}

static void add_reason(struct peer_diff_result *result, const char *why)
{
    uint32_t at = 0;
    while (at < result->reason_count && strcmp(result->reasons[at].why, why) != 0) {
        at++;
    }
    if (at == result->reason_count && at < PEER_DIFF_REASON_COUNT_MAX) {
        result->reasons[result->reason_count++] = (struct peer_diff_reason){.why = why};
    }
    if (at < PEER_DIFF_REASON_COUNT_MAX) {
        result->reasons[at].users++;
    }
}

static int compare_reasons(const void *left, const void *right)
{
    const struct peer_diff_reason *a = left;
    const struct peer_diff_reason *b = right;
    return a->users != b->users ? (a->users > b->users ? -1 : 1) : strcmp(a->why, b->why);
}

static int64_t *copy_times(const struct peer_pair *pair, uint32_t side, struct arena *arena)
{
    size_t size = pair->level[side] * sizeof(int64_t);
    int64_t *times = arena_allocate(arena, size + 1);
    if (size > 0) {
        memcpy(times, pair->times_us[side], size);
    }
    return times;
}

static int compare_users(const void *left, const void *right)
{
    const struct peer_diff_user *a = left;
    const struct peer_diff_user *b = right;
    return a->user_namespace != b->user_namespace ? (a->user_namespace < b->user_namespace ? -1 : 1)
                                                  : text_compare(a->user_id, b->user_id);
}

static void fill(const struct peer_diff *diff, struct arena *arena, struct peer_diff_result *result)
{
    uint64_t count = 0;
    result->list = arena_allocate(arena, (result->count + 1) * sizeof(*result->list));
    for (uint32_t i = 0; i < diff->users.count; i++) {
        const struct peer_pair *pair = &diff->pairs[i];
        struct text key = diff->users.keys[i];
        if (!pair->differs) {
            continue;
        }
        struct peer_diff_user *user = &result->list[count++];
        *user = (struct peer_diff_user){
            .user_namespace = (uint8_t)key.bytes[0],
            .user_id = arena_copy_text(arena, (struct text){key.bytes + 1, key.size - 1}),
            .level = {pair->level[0], pair->level[1]},
            .times_us = {copy_times(pair, 0, arena), copy_times(pair, 1, arena)},
            .why = pair->why,
        };
        add_reason(result, pair->why);
    }
    qsort(result->list, count, sizeof(*result->list), compare_users);
    qsort(result->reasons, result->reason_count, sizeof(*result->reasons), compare_reasons);
}

static enum corong_status check(const struct peer_diff *diff, struct corong_error *error)
{
    const struct funnel *funnels[] = {&diff->ours->funnel, &diff->theirs.funnel};
    if (diff->ours->funnel.dialect != DIALECT_NONE) {
        return error_set(error, CORONG_INVALID,
                         "a dialect is compared with our own rules; leave out 'dialect'");
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (funnels[i]->unit != FUNNEL_UNIT_USER || funnels[i]->attempts == FUNNEL_ATTEMPTS_ALL) {
            return error_set(error, CORONG_UNSUPPORTED,
                             "a difference is listed by users: not with unit session or attributes "
                             "and not with attempts all");
        }
    }
    return CORONG_OK;
}

static enum corong_status run(struct peer_diff *diff, struct text dialect, struct arena *arena,
                              struct peer_diff_result *result, struct corong_error *error)
{
    struct funnel *funnel = &diff->theirs.funnel;
    TRY(dialect_parse(dialect, funnel, error));
    TRY(dialect_apply(funnel, error));
    TRY(check(diff, error));
    result->as_of_us = query_plan_as_of(diff->snapshot, diff->ours->as_of_us);
    TRY(ask_side(diff, 0, error));
    TRY(ask_side(diff, 1, error));
    compare(diff, result);
    if (result->count > 0) {
        TRY(peer_diff_explain(diff, error));
    }
    fill(diff, arena, result);
    return CORONG_OK;
}

enum corong_status peer_diff_run(struct store_snapshot *snapshot, const struct query_funnel *ours,
                                 struct text dialect, struct arena *arena,
                                 struct peer_diff_result *result_out, struct corong_error *error)
{
    struct peer_diff diff = {.snapshot = snapshot, .ours = ours, .theirs = *ours};
    uint64_t limit_bytes = ours->limits.memory_limit_bytes;
    diff.limit_bytes = limit_bytes == 0 ? QUERY_MEMORY_LIMIT_DEFAULT : limit_bytes;
    *result_out = (struct peer_diff_result){.users = 0};
    enum corong_status status = run(&diff, dialect, arena, result_out, error);
    query_table_deinit(&diff.users);
    memory_free(diff.pairs);
    arena_deinit(&diff.times);
    return status;
}
