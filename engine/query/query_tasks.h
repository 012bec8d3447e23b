// SPDX-License-Identifier: Apache-2.0
/// Runs one function over many key ranges with a few threads, under a memory budget, a deadline and
/// a cancel flag that all of them share. Partial results are the caller's, one per worker, and
/// merging them must not depend on which worker did what. Thread: query_tasks_run() belongs to the
/// caller; query_tasks_check() and _charge() to any worker.
#pragma once

#include "engine/query/query.h"
#include "storage/base/error.h"

#include <stdint.h>

#define QUERY_THREAD_COUNT_MAX 64u
#define QUERY_MEMORY_LIMIT_DEFAULT (UINT64_C(1) << 30)

struct query_tasks;

/// Does task `index` as worker `worker` (below the thread count).
typedef enum corong_status query_task_function(void *context, uint32_t worker, uint32_t index,
                                               struct corong_error *error);

/// NULL-safe to destroy. `limits` is borrowed.
struct query_tasks *query_tasks_create(const struct query_limits *limits);
void query_tasks_destroy(struct query_tasks *tasks);
/// How many workers query_tasks_run() uses.
uint32_t query_tasks_thread_count(const struct query_tasks *tasks);
/// Runs tasks 0 to task_count - 1; the first failure stops the others and is returned.
CORONG_MUST_CHECK enum corong_status query_tasks_run(struct query_tasks *tasks, uint32_t task_count,
                                                     query_task_function *function, void *context,
                                                     struct corong_error *error);
/// CORONG_CANCELLED once the flag is set, the deadline has passed or another worker failed. Call it
/// once per row group.
CORONG_MUST_CHECK enum corong_status query_tasks_check(struct query_tasks *tasks,
                                                       struct corong_error *error);
/// Books memory that `what` needs; CORONG_NO_MEMORY names the limit where it is exceeded.
CORONG_MUST_CHECK enum corong_status query_tasks_charge(struct query_tasks *tasks, uint64_t bytes,
                                                        const char *what,
                                                        struct corong_error *error);
/// Bytes that may still be booked.
uint64_t query_tasks_room(const struct query_tasks *tasks);
/// Takes back what was booked and is free again.
void query_tasks_return(struct query_tasks *tasks, uint64_t bytes);
