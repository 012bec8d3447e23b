// SPDX-License-Identifier: Apache-2.0
/// `corong bench`: what this machine sustains, and what a stated load would need. README.md
/// describes the document that every output is made from.
///
/// Thread: main; a run starts threads of its own and joins them.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum bench_kind { BENCH_SYNTHETIC = 0, BENCH_CALIBRATED, BENCH_REPLAYED };
enum bench_through { BENCH_MOCK = 0, BENCH_FILES, BENCH_BROKERS };

struct bench_options {
    enum bench_kind kind;
    enum bench_through through;
    uint64_t seed;       ///< 0: the shape's
    int64_t budget_us;   ///< about how long it may take
    bool quick;          ///< the smallest run that has every part
    struct text *shapes; ///< "NAME=VALUE", applied to the standard shape or the learned one
    uint32_t shape_count;
    const char *const *paths; ///< sample or recording
    uint32_t path_count;
    struct text mapping_text;      ///< YAML of `paths`, missing for a synthetic run
    double speed;                  ///< of a recording; 0: as fast as it goes
    const char *sample_topic;      ///< what it holds is the sample, where there are no paths
    const char *topic;             ///< of a given broker, to be written
    const char *const *properties; ///< "name=value", NULL-terminated, or NULL
    uint32_t partition_count;      ///< of the broker in this process; 0: 4
    uint32_t shard_count;          ///< 0: one per core
    uint64_t memory_limit_bytes;   ///< 0: 1 GiB
    int64_t commit_interval_us;    ///< 0: 5 s, quick 1 s
    double questions_per_second;   ///< negative: 1
    const char *parent;            ///< folder for temporary stores; NULL: $TMPDIR or /tmp
    bool quiet;                    ///< no progress
    uint64_t growth_events;        ///< only the growth up to so many; 0: everything
    uint64_t prefill_events;       ///< only a load over a store of so many; 0: everything
    uint64_t hold_rate;            ///< of a prefill: events/s to hold; 0: 80 % of what it takes
    /// Of a growth: a document whose sizes need not be measured again, or NULL.
    json_t *resumed;
    const char *resumed_path; ///< of it, for messages
    /// Told of the document after each size, so that it can be kept; may be NULL.
    void (*kept)(void *context, json_t *document);
    void *context;
};

/// Runs and fills a new document; the caller json_decref()s it. CORONG_CANCELLED: interrupted;
/// everything temporary is gone then, and there is no document.
CORONG_MUST_CHECK enum corong_status bench_run(const struct bench_options *options,
                                               json_t **document_out, struct corong_error *error);

/// What is to be predicted.
struct bench_plan {
    double events_per_day;
    double users;         ///< in all
    double users_per_day; ///< 0: `users`, or a tenth of the events where that is fewer
    double days;          ///< kept
    double peak;          ///< busiest hour over the average; 0: 3
};
/// Adds "projection" to a document of bench_run(). CORONG_INVALID: it has no model.
CORONG_MUST_CHECK enum corong_status bench_plan(json_t *document, const struct bench_plan *plan,
                                                struct corong_error *error);

/// Adds "examples", the projections of some usual loads, where there is a model.
void bench_plan_examples(json_t *document);

/// The document as a table for a terminal; the projection alone where `projection_only`.
void bench_table(const json_t *document, bool projection_only, struct text_buffer *out);

/// Interrupts a run, once from a signal handler or any thread.
void bench_stop(void);
