// SPDX-License-Identifier: Apache-2.0
/// How many values an attribute has and how often each is chosen, estimated from how often each was
/// seen: values that are rare in a sample are many more in the log. Private to tools/bench/.
/// Thread: values.
#pragma once

#include "tools/bench/profile.h"

/// Fills buckets from counts (descending). Values seen more than 64 times are taken as they are;
/// the others as a mixture of Poisson rates on a grid, fitted to the number of values per count by
/// expectation maximisation of the zero-truncated likelihood (Böhning and Schön 2005, after Laird
/// 1978), so that a sample of the same size has as many distinct values, and a larger one more.
/// Returns how many buckets.
uint32_t vocabulary_fit(const struct profile_list *counts,
                        struct crowd_bucket buckets[CROWD_BUCKET_COUNT_MAX]);
