// SPDX-License-Identifier: Apache-2.0
/// Counts of microseconds in steps of at most 1/32 of the value, after HdrHistogram (Tene): exact
/// enough for any percentile, without keeping values. Private to tools/bench/. Thread: the owner's.
#pragma once

#include <jansson.h>
#include <stdint.h>

#define HISTOGRAM_SLOT_COUNT 1024u

/// Start from {0}.
struct histogram {
    uint64_t counts[HISTOGRAM_SLOT_COUNT];
    uint64_t count;
    int64_t max_us;
    int64_t min_us;
    double sum_us;
};

void histogram_add(struct histogram *histogram, int64_t value_us, uint64_t count);
/// The smallest edge below which this share (0 to 1) of the values lies; never above the maximum. 0
/// where there are none.
int64_t histogram_percentile(const struct histogram *histogram, double share);
/// Sets p50_us, p90_us, p99_us, p999_us, max_us, mean_us, count and histogram of `object`.
void histogram_json(const struct histogram *histogram, json_t *object);
