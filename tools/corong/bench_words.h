// SPDX-License-Identifier: Apache-2.0
/// `corong bench report`, `compare` and `rivals`: what is made of runs. Thread: main.
#pragma once

#include "tools/bench/bench.h"
#include "tools/corong/verbs.h"

#define BENCH_RUN_FILE "corong-bench.json" ///< where a run is kept unless --output says

/// True where the first operand is one of these words; `*code_out` is then what came of it. With
/// `plan->events_per_day > 0` a report gets that projection.
bool bench_words_run(const struct options *options, const struct bench_plan *plan,
                     enum exit_code *code_out);
/// Writes the page of a run beside the run's file: "x.json" gives "x.html". Memory: `arena`.
CORONG_MUST_CHECK enum corong_status bench_words_page(const json_t *document, const char *run_path,
                                                      struct arena *arena, const char **path_out,
                                                      struct corong_error *error);
