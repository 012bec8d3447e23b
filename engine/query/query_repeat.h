// SPDX-License-Identifier: Apache-2.0
/// Further events that can fill a step which an attempt has made: after its matched event, within
/// the window of its entry, and matched for no other step. Thread: one worker.
#pragma once

#include "engine/query/query_units.h"

/// Takes the place of one such event.
typedef enum corong_status query_repeat_function(void *context, struct query_place place,
                                                 struct corong_error *error);

/// Visits them while the attempt is reported; `step` from 0 (any: the rank) is made.
CORONG_MUST_CHECK enum corong_status query_repeat_visit(struct query_units *units,
                                                        const struct query_attempt *attempt,
                                                        uint32_t step, query_repeat_function *take,
                                                        void *context, struct corong_error *error);
/// Keeps what was gathered of them for an attempt that may be reported later.
CORONG_MUST_CHECK enum corong_status query_repeat_note(struct query_units *units,
                                                       const struct match_result *result,
                                                       struct query_attempt *attempt,
                                                       struct corong_error *error);
