// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_walk.h"

#define GROUP_BITS 24
#define ROW_BITS 20

void people_walk_init(struct people_walk *walk, const struct query_plan *plan,
                      struct query_tasks *tasks, const struct hash128 *end)
{
    *walk = (struct people_walk){.plan = plan, .tasks = tasks, .end = end};
    query_cursor_init(&walk->cursor, plan, tasks, &walk->reading);
}

void people_walk_deinit(struct people_walk *walk)
{
    if (walk->plan == NULL) {
        return;
    }
    for (uint32_t i = 0; i < walk->plan->segment_count; i++) {
        query_tasks_return(walk->tasks, walk->cursor.sources[i].charged_bytes);
    }
    query_cursor_deinit(&walk->cursor);
    *walk = (struct people_walk){0};
}

void people_walk_restart(struct people_walk *walk)
{
    walk->entered = false;
}

enum corong_status people_walk_user(struct people_walk *walk, struct hash128 key,
                                    query_run_function *run, void *context,
                                    struct corong_error *error)
{
    TRY(walk->entered ? query_cursor_advance(&walk->cursor, key, error)
                      : query_cursor_enter(&walk->cursor, key, walk->end, error));
    walk->entered = true;
    if (!query_cursor_next(&walk->cursor) || !hash128_equal(walk->cursor.key, key)) {
        return CORONG_OK; // the cursor stays where it is: a later key may be that of this user
    }
    return query_cursor_rows(&walk->cursor, run, context, error);
}

const struct hash128 *people_walk_narrow(struct query_plan *plan, struct hash128 key)
{
    struct hash128 next = hash128_add(key, (struct hash128){0, 1});
    bool largest = next.high == 0 && next.low == 0;
    plan->bounds = arena_allocate(&plan->arena, 2 * sizeof(*plan->bounds));
    plan->bounds[0] = key;
    plan->bounds[1] = next;
    if (plan->task_count > 0) {
        plan->task_count = largest ? 1 : 2;
    }
    return largest ? NULL : &plan->bounds[1];
}

uint64_t people_walk_place(const struct query_plan *plan, struct query_place place)
{
    uint32_t group = plan->segments[place.source].groups[place.group];
    return (uint64_t)place.source << (ROW_BITS + GROUP_BITS) | (uint64_t)group << ROW_BITS |
           place.row;
}
