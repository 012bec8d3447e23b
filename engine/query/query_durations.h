// SPDX-License-Identifier: Apache-2.0
/// Exact distributions of integer durations: the mean from a 128-bit sum, percentiles by linear
/// interpolation at rank p * (n - 1). Thread: values.
#pragma once

#include "engine/query/query.h"

#include <stddef.h>
#include <stdint.h>

/// The distribution of `count` values; reorders them. No value gives all zeros.
void query_durations_of(int64_t *values, size_t count, struct query_durations *durations_out);
