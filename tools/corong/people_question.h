// SPDX-License-Identifier: Apache-2.0
/// What the verbs about people have in common: cells named by flags, attributes to gather, lists
/// that are written while they come. Thread: main.
#pragma once

#include "engine/query/people/people.h"
#include "tools/corong/options.h"
#include "tools/corong/verbs.h"

/// The cell that --reached, --dropped, --open, --lost, --won, --slice and --day name; without any
/// of them those who reached step 1. A step is a number or a name. Memory: options->arena.
CORONG_MUST_CHECK enum corong_status people_question_cell(const struct options *options,
                                                          const struct query_funnel *funnel,
                                                          struct people_cell *cell_out,
                                                          struct corong_error *error);
/// --gather a,b: the attributes, split at commas.
CORONG_MUST_CHECK enum corong_status people_question_gather(const struct options *options,
                                                            struct text *gather_out,
                                                            uint32_t *count_out,
                                                            struct corong_error *error);
/// --rows: 0 for all. Tables have a default and a limit.
CORONG_MUST_CHECK enum corong_status
people_question_rows(const struct options *options, uint64_t *rows_out, struct corong_error *error);
/// Writes the buffer to standard output once it is large; CORONG_IO where that fails.
CORONG_MUST_CHECK enum corong_status people_question_flush(struct text_buffer *out,
                                                           struct corong_error *error);
/// Narrows the question to the bucket of its trend that --trend-bucket names.
CORONG_MUST_CHECK enum corong_status people_question_bucket(const struct options *options,
                                                            struct query_funnel *funnel,
                                                            struct corong_error *error);
