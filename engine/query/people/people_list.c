// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_list.h"

#define NO_WORKER UINT32_MAX

void people_list_init(struct people_list *list, struct query_tasks *tasks, uint64_t limit_bytes,
                      uint64_t budget_bytes, uint64_t row_count_max)
{
    uint32_t count = query_tasks_thread_count(tasks);
    limit_bytes = limit_bytes == 0 ? QUERY_MEMORY_LIMIT_DEFAULT : limit_bytes;
    // Half of the limit is for rows; sorting and cutting take as much again at most.
    uint64_t budget = budget_bytes != 0 ? budget_bytes : limit_bytes / 4 / count;
    list->worker_count = count;
    list->row_count_max = row_count_max;
    list->visited = 0;
    list->from = (struct text_buffer){0};
    for (uint32_t i = 0; i < count; i++) {
        people_rows_init(&list->rows[i], tasks, budget, row_count_max);
    }
}

void people_list_deinit(struct people_list *list)
{
    for (uint32_t i = 0; i < list->worker_count; i++) {
        people_rows_deinit(&list->rows[i]);
    }
    text_buffer_deinit(&list->from);
}

/// The worker that has the least of the rows not yet visited, or NO_WORKER.
static uint32_t least_worker(const struct people_list *list, const uint64_t *next,
                             struct text *row_out)
{
    uint32_t least = NO_WORKER;
    for (uint32_t i = 0; i < list->worker_count; i++) {
        const struct people_rows *rows = &list->rows[i];
        if (next[i] == rows->count) {
            continue;
        }
        struct text row = people_rows_at(rows, next[i]);
        if (least == NO_WORKER || text_compare(row, *row_out) < 0) {
            least = i;
            *row_out = row;
        }
    }
    return least;
}

/// From where on rows are missing in some worker; missing where none is.
static struct text least_bound(const struct people_list *list)
{
    struct text least = TEXT_MISSING;
    for (uint32_t i = 0; i < list->worker_count; i++) {
        const struct people_rows *rows = &list->rows[i];
        struct text bound = {rows->bound.bytes, rows->bound.size};
        if (rows->cut && (least.bytes == NULL || text_compare(bound, least) < 0)) {
            least = bound;
        }
    }
    return least;
}

static bool enough(const struct people_list *list)
{
    return list->row_count_max != 0 && list->visited >= list->row_count_max;
}

static void restart(struct people_list *list, struct text bound)
{
    text_buffer_reset(&list->from);
    text_buffer_append_text(&list->from, bound);
    for (uint32_t i = 0; i < list->worker_count; i++) {
        people_rows_restart(&list->rows[i], (struct text){list->from.bytes, list->from.size});
    }
}

enum corong_status people_list_visit(struct people_list *list, people_list_take *take,
                                     void *context, bool *more_out, struct corong_error *error)
{
    uint64_t next[QUERY_THREAD_COUNT_MAX] = {0};
    struct text bound = least_bound(list);
    for (uint32_t i = 0; i < list->worker_count; i++) {
        people_rows_sort(&list->rows[i]);
    }
    while (!enough(list)) {
        struct text row;
        uint32_t worker = least_worker(list, next, &row);
        if (worker == NO_WORKER || (bound.bytes != NULL && text_compare(row, bound) >= 0)) {
            break;
        }
        next[worker]++;
        list->visited++;
        TRY(take(context, row, error));
    }
    *more_out = bound.bytes != NULL && !enough(list);
    if (*more_out) {
        restart(list, bound);
    }
    return CORONG_OK;
}
