// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/run.h"
enum corong_status run_learn(struct run *run, struct corong_error *error)
{
    (void)run;
    return error_set(error, CORONG_UNSUPPORTED, "a log cannot be learned from by this version");
}
