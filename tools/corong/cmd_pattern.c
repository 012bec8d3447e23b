// SPDX-License-Identifier: Apache-2.0
#include "engine/pattern/pattern.h"
#include "tools/corong/console.h"
#include "tools/corong/question.h"
#include "tools/corong/settings.h"

#include <stdlib.h>

#define LISTED_COUNT_MAX 100000

/// The users who match, as far as they are listed: those with the smallest ids, as a heap whose
/// root is the largest of them.
struct pattern_list {
    struct arena *arena;
    struct query_pattern_user *users;
    uint32_t count;
    uint32_t capacity;
};

static int compare_users(const void *left, const void *right)
{
    const struct query_pattern_user *a = left;
    const struct query_pattern_user *b = right;
    int order = text_compare(a->id, b->id);
    return order != 0 ? order : (int)a->user_namespace - (int)b->user_namespace;
}

static void swap_users(struct query_pattern_user *a, struct query_pattern_user *b)
{
    struct query_pattern_user held = *a;
    *a = *b;
    *b = held;
}

static void sift_up(struct pattern_list *list, uint32_t at)
{
    while (at > 0 && compare_users(&list->users[(at - 1) / 2], &list->users[at]) < 0) {
        swap_users(&list->users[(at - 1) / 2], &list->users[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct pattern_list *list)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t largest = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < list->count; child++) {
            largest =
                compare_users(&list->users[largest], &list->users[child]) < 0 ? child : largest;
        }
        if (largest == at) {
            return;
        }
        swap_users(&list->users[at], &list->users[largest]);
        at = largest;
    }
}

static struct query_pattern_user copy_user(struct arena *arena,
                                           const struct query_pattern_user *user)
{
    struct query_pattern_user copy = *user;
    size_t size = (size_t)user->longest_count * sizeof(int64_t);
    int64_t *times_us = arena_allocate(arena, size + 1);
    memcpy(times_us, user->longest_us, size);
    copy.longest_us = times_us;
    copy.id = arena_copy_text(arena, user->id);
    return copy;
}

static void keep_user(void *context, const struct query_pattern_user *user)
{
    struct pattern_list *list = context;
    if (!user->matches) {
        return;
    }
    if (list->count < list->capacity) {
        list->users[list->count] = copy_user(list->arena, user);
        sift_up(list, list->count++);
    } else if (compare_users(user, &list->users[0]) < 0) {
        list->users[0] = copy_user(list->arena, user);
        sift_down(list);
    }
}

static enum corong_status take_steps(const struct options *options, const struct config *config,
                                     struct store_snapshot *snapshot, struct query_pattern *query,
                                     struct corong_error *error)
{
    const struct option_value *given = &options->values[OPTION_STEP];
    struct text *names;
    uint32_t name_count;
    if (given->list_count == 0 || given->list_count > FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_INVALID,
                         "--step: %u steps, 1 to %u are expected; (?1) in the pattern is the first",
                         given->list_count, FUNNEL_STEP_COUNT_MAX);
    }
    struct stage *steps =
        arena_allocate_zeroed(options->arena, given->list_count, sizeof(steps[0]));
    TRY(question_event_names(snapshot, options->arena, &names, &name_count, error));
    for (uint32_t index = 0; index < given->list_count; index++) {
        TRY_IN(config_step(config, options->arena, given->list[index], &steps[index], error), error,
               "--step");
        TRY(question_check_stage(config, &steps[index], names, name_count, error));
    }
    query->steps = steps;
    query->step_count = given->list_count;
    return CORONG_OK;
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_pattern_result result;
    struct pattern_list list = {.arena = options->arena};
    int64_t rows = options_number(options, OPTION_ROWS, 0);
    struct query_pattern query = {
        .pattern = options->operands[0],
        .range = question_range(options),
        .where = options->values[OPTION_WHERE].text,
        .as_of_us = options_number(options, OPTION_AS_OF, QUERY_TIME_NONE),
        .limits = question_limits(options, config),
    };
    if (rows > LISTED_COUNT_MAX) {
        (void)error_set(&error, CORONG_INVALID, "--rows: at most %d users are listed",
                        LISTED_COUNT_MAX);
        return console_fail(&error);
    }
    if (rows > 0) {
        list.capacity = (uint32_t)rows;
        list.users = arena_allocate(options->arena, list.capacity * sizeof(list.users[0]));
    }
    if (take_steps(options, config, snapshot, &query, &error) != CORONG_OK ||
        query_pattern_run(snapshot, &query, rows > 0 ? keep_user : NULL, &list, &result, &error) !=
            CORONG_OK) {
        return console_fail(&error);
    }
    if (list.count > 0) {
        qsort(list.users, list.count, sizeof(list.users[0]), compare_users);
    }
    struct text_buffer out = {0};
    struct report_style style = console_style(options, stdout);
    struct report_pattern report = {&query, &result, list.users, list.count};
    report_pattern(&report, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_pattern(const struct options *options)
{
    return question_run(options, ask);
}
