// SPDX-License-Identifier: Apache-2.0
/// Calendar buckets of a zone: hours, days, ISO weeks (from Monday), months. A bucket is as long as
/// the clocks say: days of 23 and 25 hours, the repeated hour twice. Thread: immutable once made.
#pragma once

#include "engine/query/query.h"

#define QUERY_BUCKETS_NONE UINT32_MAX
#define QUERY_BUCKET_COUNT_MAX 100000u

struct query_buckets {
    const int64_t *begins; ///< count + 1, ascending; the last one is where the last bucket ends
    uint32_t count;
};

/// The buckets that [from_us, to_us) touches, whole. `zone` NULL: UTC. CORONG_INVALID where they
/// are too many. Memory: `arena`.
CORONG_MUST_CHECK enum corong_status query_buckets_init(struct query_buckets *buckets_out,
                                                        enum query_bucket kind,
                                                        const struct zone *zone, int64_t from_us,
                                                        int64_t to_us, struct arena *arena,
                                                        struct corong_error *error);
/// The bucket of a moment, or QUERY_BUCKETS_NONE.
uint32_t query_buckets_at(const struct query_buckets *buckets, int64_t time_us);
