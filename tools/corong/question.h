// SPDX-License-Identifier: Apache-2.0
/// What the verbs that ask have in common. Thread: main.
#pragma once

#include "engine/query/query.h"
#include "tools/config/config.h"
#include "tools/corong/verbs.h"

/// CORONG_NOT_FOUND where there is no store; the message explains how to make one.
CORONG_MUST_CHECK enum corong_status question_require_store(const struct config *config,
                                                            struct corong_error *error);
/// Opens the store, or the group of stores, that flags and file name; what a server holds in memory
/// belongs to it unless only what is `durable` is wanted.
CORONG_MUST_CHECK enum corong_status question_open(const struct config *config, bool durable,
                                                   struct store_snapshot **snapshot_out,
                                                   struct corong_error *error);
/// What one verb asks of an open store.
typedef enum exit_code question_function(const struct options *options, const struct config *config,
                                         struct store_snapshot *snapshot);
/// Reads flags and file, answers --print-config, opens the store, asks, closes it. --print-query
/// needs no store: where there is none, `ask` gets NULL.
enum exit_code question_run(const struct options *options, question_function *ask);
/// The same, but where there is no store `ask` gets NULL for it.
enum exit_code question_run_anyway(const struct options *options, question_function *ask);
/// All distinct event names of the store, sorted. Memory: `arena`.
CORONG_MUST_CHECK enum corong_status
question_event_names(struct store_snapshot *snapshot, struct arena *arena, struct text **names_out,
                     uint32_t *count_out, struct corong_error *error);
/// Refuses a stage made from a bare word that is neither a stage nor an event of the store; warns
/// of stages whose events do not occur.
CORONG_MUST_CHECK enum corong_status
question_check_stage(const struct config *config, const struct stage *stage,
                     const struct text *names, uint32_t name_count, struct corong_error *error);
/// True where some event of the stage occurs, or where it takes any event.
bool question_stage_occurs(const struct stage *stage, const struct text *names,
                           uint32_t name_count);
/// --from, --to.
struct query_range question_range(const struct options *options);
/// --threads, --memory-limit.
struct query_limits question_limits(const struct options *options, const struct config *config);
/// --by a,b --by c: the attributes, split at commas.
CORONG_MUST_CHECK enum corong_status question_by(const struct options *options, struct text *by_out,
                                                 uint32_t count_max, uint32_t *count_out,
                                                 struct corong_error *error);
