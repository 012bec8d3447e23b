// SPDX-License-Identifier: Apache-2.0
/// A door for work that may take long and that one should do for all: who waits still heeds its
/// question's deadline and cancel flag. What it guards may be looked at under `mutex`, which is
/// never held while anything is read. Private to this folder. Thread: any.
#pragma once

#include "engine/query/query_tasks.h"

#include <pthread.h>

struct identity_gate {
    pthread_mutex_t mutex;
    pthread_cond_t left;
    bool busy; ///< somebody is inside
};

void identity_gate_init(struct identity_gate *gate);
void identity_gate_deinit(struct identity_gate *gate);
/// Waits until nobody is inside and goes in. On failure the caller is not inside.
CORONG_MUST_CHECK enum corong_status identity_gate_enter(struct identity_gate *gate,
                                                         struct query_tasks *tasks,
                                                         struct corong_error *error);
void identity_gate_leave(struct identity_gate *gate);
