// SPDX-License-Identifier: Apache-2.0
/// Merging a store with progress on a terminal. Thread: main.
#pragma once

#include "storage/storage.h"
#include "tools/corong/verbs.h"

struct compaction_extent {
    uint32_t segment_count;
    uint64_t row_count;
    uint64_t size_bytes;
};

struct compaction_extent compaction_measure(const struct store *store);
/// store_compact() with a percentage on standard error where that is a terminal and --quiet is not
/// given. Merges run side by side as far as `memory_limit_bytes` reaches. What does not fit it at
/// all stays in several runs, which is said; with `every_period` it is merged alone.
CORONG_MUST_CHECK enum corong_status compaction_run(struct store *store,
                                                    const struct options *options,
                                                    uint64_t memory_limit_bytes, bool every_period,
                                                    struct corong_error *error);
