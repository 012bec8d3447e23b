// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/histogram.h"

#define FINE_BITS 5u ///< 32 steps per power of two

static uint32_t slot_of(uint64_t value)
{
    if (value < (1u << (FINE_BITS + 1))) {
        return (uint32_t)value;
    }
    uint32_t power = 63u - (uint32_t)__builtin_clzll(value);
    uint32_t slot = ((power - FINE_BITS) << FINE_BITS) + (uint32_t)(value >> (power - FINE_BITS));
    return slot < HISTOGRAM_SLOT_COUNT ? slot : HISTOGRAM_SLOT_COUNT - 1;
}

/// The first value above those of a slot.
static int64_t edge_of(uint32_t slot)
{
    if (slot < (1u << (FINE_BITS + 1))) {
        return (int64_t)slot + 1;
    }
    uint32_t power = (slot >> FINE_BITS) - 1;
    return (int64_t)(((uint64_t)(slot & ((1u << FINE_BITS) - 1)) + (1u << FINE_BITS) + 1) << power);
}

void histogram_add(struct histogram *histogram, int64_t value_us, uint64_t count)
{
    value_us = value_us < 0 ? 0 : value_us;
    histogram->counts[slot_of((uint64_t)value_us)] += count;
    histogram->min_us =
        histogram->count == 0 || value_us < histogram->min_us ? value_us : histogram->min_us;
    histogram->max_us = value_us > histogram->max_us ? value_us : histogram->max_us;
    histogram->count += count;
    histogram->sum_us += (double)value_us * (double)count;
}

int64_t histogram_percentile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.999999);
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < HISTOGRAM_SLOT_COUNT; slot++) {
        sum += histogram->counts[slot];
        if (sum >= wanted && sum > 0) {
            int64_t edge = edge_of(slot);
            return edge < histogram->max_us ? edge : histogram->max_us;
        }
    }
    return histogram->max_us;
}

void histogram_json(const struct histogram *histogram, json_t *object)
{
    static const struct {
        const char *key;
        double share;
    } percentiles[] = {{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}};
    for (uint32_t index = 0; index < 4; index++) {
        json_object_set_new(
            object, percentiles[index].key,
            json_integer(histogram_percentile(histogram, percentiles[index].share)));
    }
    json_object_set_new(object, "max_us", json_integer(histogram->max_us));
    json_object_set_new(
        object, "mean_us",
        json_real(histogram->count == 0 ? 0 : histogram->sum_us / (double)histogram->count));
    json_object_set_new(object, "count", json_integer((json_int_t)histogram->count));
    json_t *rows = json_array();
    for (uint32_t slot = 0; slot < HISTOGRAM_SLOT_COUNT; slot++) {
        if (histogram->counts[slot] > 0) {
            json_array_append_new(rows, json_pack("[I,I]", (json_int_t)edge_of(slot),
                                                  (json_int_t)histogram->counts[slot]));
        }
    }
    json_object_set_new(object, "histogram", rows);
}
