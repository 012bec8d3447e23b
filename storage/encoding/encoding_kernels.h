// SPDX-License-Identifier: Apache-2.0
/// Inner loops that have a vector form. The _scalar form is the specification; the
/// _avx2 form gives the same bytes; the plain name chooses once per process. Thread: any.
#pragma once

#include "storage/encoding/encoding_private.h"

#include <stdint.h>

/// Values that may be read, but not used, behind `large`.
#define ENCODING_KERNEL_SLACK 16u

/// values[i] = codes[i], plus the next of `large` where codes[i] == escape. `large` has as many
/// values as there are escapes, and ENCODING_KERNEL_SLACK more that may be read.
void encoding_expand_bytes(const uint8_t *codes, uint8_t escape, const uint32_t *large,
                           uint32_t *values, uint32_t count);
void encoding_expand_bytes_scalar(const uint8_t *codes, uint8_t escape, const uint32_t *large,
                                  uint32_t *values, uint32_t count);
void encoding_expand_bytes_avx2(const uint8_t *codes, uint8_t escape, const uint32_t *large,
                                uint32_t *values, uint32_t count);

/// Rows of users: the first value of each, then its value plus the deltas so far, modulo 2^32. No
/// user is empty. `deltas` has one value fewer per user than rows, and ENCODING_KERNEL_SLACK more
/// that may be read.
void encoding_sum_up_users(const uint32_t *row_counts, uint32_t user_count, const uint32_t *firsts,
                           const uint32_t *deltas, uint32_t *values);
void encoding_sum_up_users_scalar(const uint32_t *row_counts, uint32_t user_count,
                                  const uint32_t *firsts, const uint32_t *deltas, uint32_t *values);
void encoding_sum_up_users_avx2(const uint32_t *row_counts, uint32_t user_count,
                                const uint32_t *firsts, const uint32_t *deltas, uint32_t *values);

/// Rows of users: the value of each, once per row. No user is empty.
void encoding_spread_bytes(const uint32_t *row_counts, uint32_t user_count, const uint8_t *firsts,
                           uint8_t *values);

/// The least and the largest of at least one value.
struct encoding_bounds {
    uint64_t minimum;
    uint64_t maximum;
};
struct encoding_bounds encoding_bounds_of(const uint64_t *values, uint32_t count);
struct encoding_bounds encoding_bounds_of_scalar(const uint64_t *values, uint32_t count);
struct encoding_bounds encoding_bounds_of_avx2(const uint64_t *values, uint32_t count);

/// Of the differences of `values` (at least two), each to the one before: the least and the largest
/// as signed, and how many are not 0.
struct encoding_steps {
    int64_t minimum;
    int64_t maximum;
    uint32_t change_count;
};
struct encoding_steps encoding_steps_of(const uint64_t *values, uint32_t count);
struct encoding_steps encoding_steps_of_scalar(const uint64_t *values, uint32_t count);
struct encoding_steps encoding_steps_of_avx2(const uint64_t *values, uint32_t count);

struct entropy_table;
struct entropy_stream;
/// entropy_run() of encoding_entropy_kernel.h.
void encoding_entropy_run(const struct entropy_table *table, struct entropy_stream *streams,
                          void *values, enum value_width width);
void encoding_entropy_run_scalar(const struct entropy_table *table, struct entropy_stream *streams,
                                 void *values, enum value_width width);
void encoding_entropy_run_avx2(const struct entropy_table *table, struct entropy_stream *streams,
                               void *values, enum value_width width);

struct entropy_codes;
struct entropy_sink;
/// entropy_code_run() of encoding_entropy_kernel.h.
void encoding_entropy_code(const struct entropy_codes *codes, struct entropy_sink *sinks);
void encoding_entropy_code_scalar(const struct entropy_codes *codes, struct entropy_sink *sinks);
void encoding_entropy_code_avx2(const struct entropy_codes *codes, struct entropy_sink *sinks);
