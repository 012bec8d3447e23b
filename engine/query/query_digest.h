// SPDX-License-Identifier: Apache-2.0
/// What every answer says about itself: the hash of the question, the digest of question and
/// answer, and where the numbers come from. The digest covers texts and integers in a fixed order,
/// never positions, timings or counts of work, so the same events give the same digest however they
/// are stored. Thread: values.
#pragma once

#include "engine/query/query_plan.h"

#include <stdint.h>

/// Work done, summed over workers.
struct query_reading;

struct query_work {
    uint64_t after_as_of;
    uint64_t events_outside;
    uint64_t events_read;
    uint64_t events_matched;
    uint64_t users_read;
    uint64_t users_remembered;
    uint64_t users_skipped;
    uint64_t users_in_blocks;
    uint64_t users_left[QUERY_BLOCK_REASON_COUNT];
    uint64_t bytes_read;
    int64_t read_us;
    int64_t match_us;
    int64_t start_us; ///< monotonic, when the question came
    uint32_t thread_count;
};

/// Adds what a worker read.
void query_work_add(struct query_work *work, const struct query_reading *reading);
/// Fills everything but the two hashes.
void query_digest_provenance(const struct query_plan *plan, struct store_snapshot *snapshot,
                             const struct query_work *work,
                             struct query_provenance *provenance_out);
/// Hashes the definition text, and it together with the result's bytes; frees both.
void query_digest_seal(struct query_provenance *provenance, struct text_buffer *definition,
                       struct text_buffer *result);

/// Parts of definition texts: "name=value;". Missing texts differ from empty ones.
void query_digest_text(struct text_buffer *out, const char *name, struct text value);
void query_digest_integer(struct text_buffer *out, const char *name, int64_t value);
void query_digest_range(struct text_buffer *out, const struct query_range *range);
/// The filter in its canonical form; nothing for NULL.
void query_digest_filter(struct text_buffer *out, const struct filter *filter);
/// The same of a filter's source, without a schema.
void query_digest_source(struct text_buffer *out, const char *name, struct text source);
/// Parts of results.
void query_digest_durations(struct text_buffer *out, const struct query_durations *durations);
void query_digest_funnel(struct text_buffer *out, const struct query_funnel_result *result,
                         uint32_t step_count, uint32_t by_count);
/// What was asked for beside the answer: the integers from which all of it is derived.
void query_digest_beside(struct text_buffer *out, const struct query_funnel_result *result,
                         uint32_t step_count, uint32_t by_count);
