// SPDX-License-Identifier: Apache-2.0
#include "engine/query/identity/identity_gate.h"

#include "storage/base/invariant.h"

#include <time.h>

#define LOOK_EVERY_NS 10000000 ///< how often who waits looks at its deadline
#define SECOND_NS 1000000000

void identity_gate_init(struct identity_gate *gate)
{
    pthread_condattr_t attributes;
    *gate = (struct identity_gate){0};
    ASSERT(pthread_mutex_init(&gate->mutex, NULL) == 0);
    ASSERT(pthread_condattr_init(&attributes) == 0);
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&gate->left, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

void identity_gate_deinit(struct identity_gate *gate)
{
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->mutex);
}

static void wait_a_little(struct identity_gate *gate)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_NS;
    if (until.tv_nsec >= SECOND_NS) {
        until.tv_nsec -= SECOND_NS;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&gate->left, &gate->mutex, &until);
}

enum corong_status identity_gate_enter(struct identity_gate *gate, struct query_tasks *tasks,
                                       struct corong_error *error)
{
    enum corong_status status = query_tasks_check(tasks, error);
    pthread_mutex_lock(&gate->mutex);
    while (status == CORONG_OK && gate->busy) {
        wait_a_little(gate);
        status = query_tasks_check(tasks, error);
    }
    gate->busy = gate->busy || status == CORONG_OK;
    pthread_mutex_unlock(&gate->mutex);
    return status;
}

void identity_gate_leave(struct identity_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->busy = false;
    pthread_cond_broadcast(&gate->left);
    pthread_mutex_unlock(&gate->mutex);
}
