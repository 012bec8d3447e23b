// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/encoding_kernels.h"

#include "storage/base/cpu.h"
#include "storage/encoding/encoding_entropy_kernel.h"

#include <string.h>

#define STORE_SIZE 64u ///< most users have fewer rows, so that the loop over them ends as guessed

void encoding_expand_bytes_scalar(const uint8_t *codes, uint8_t escape, const uint32_t *large,
                                  uint32_t *values, uint32_t count)
{
    uint32_t next = 0;
    for (uint32_t index = 0; index < count; index++) {
        uint32_t exception = codes[index] == escape;
        values[index] = codes[index] + (large[next] & -exception);
        next += exception;
    }
}

void encoding_sum_up_users_scalar(const uint32_t *row_counts, uint32_t user_count,
                                  const uint32_t *firsts, const uint32_t *deltas, uint32_t *values)
{
    for (uint32_t user = 0; user < user_count; user++) {
        uint32_t value = firsts[user];
        uint32_t rows = row_counts[user];
        values[0] = value;
        for (uint32_t row = 1; row < rows; row++) {
            value += deltas[row - 1];
            values[row] = value;
        }
        values += rows;
        deltas += rows - 1;
    }
}

void encoding_expand_bytes(const uint8_t *codes, uint8_t escape, const uint32_t *large,
                           uint32_t *values, uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        encoding_expand_bytes_avx2(codes, escape, large, values, count);
        return;
    }
#endif
    encoding_expand_bytes_scalar(codes, escape, large, values, count);
}

void encoding_sum_up_users(const uint32_t *row_counts, uint32_t user_count, const uint32_t *firsts,
                           const uint32_t *deltas, uint32_t *values)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        encoding_sum_up_users_avx2(row_counts, user_count, firsts, deltas, values);
        return;
    }
#endif
    encoding_sum_up_users_scalar(row_counts, user_count, firsts, deltas, values);
}

/// Users behind whom STORE_SIZE bytes and more follow.
static uint32_t count_whole_users(const uint32_t *row_counts, uint32_t user_count)
{
    uint32_t behind = 0;
    while (user_count > 0 && behind < STORE_SIZE) {
        behind += row_counts[--user_count];
    }
    return user_count;
}

void encoding_spread_bytes(const uint32_t *row_counts, uint32_t user_count, const uint8_t *firsts,
                           uint8_t *values)
{
    uint32_t whole = count_whole_users(row_counts, user_count);
    for (uint32_t user = 0; user < whole; user++) {
        uint8_t same[STORE_SIZE];
        memset(same, firsts[user], sizeof(same));
        // What is written behind a user's rows is overwritten by the users after it.
        for (uint32_t row = 0; row < row_counts[user]; row += STORE_SIZE) {
            memcpy(values + row, same, sizeof(same));
        }
        values += row_counts[user];
    }
    for (uint32_t user = whole; user < user_count; user++) {
        memset(values, firsts[user], row_counts[user]);
        values += row_counts[user];
    }
}

struct encoding_bounds encoding_bounds_of_scalar(const uint64_t *values, uint32_t count)
{
    struct encoding_bounds bounds = {values[0], values[0]};
    for (uint32_t index = 1; index < count; index++) {
        bounds.minimum = values[index] < bounds.minimum ? values[index] : bounds.minimum;
        bounds.maximum = values[index] > bounds.maximum ? values[index] : bounds.maximum;
    }
    return bounds;
}

struct encoding_bounds encoding_bounds_of(const uint64_t *values, uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        return encoding_bounds_of_avx2(values, count);
    }
#endif
    return encoding_bounds_of_scalar(values, count);
}

struct encoding_steps encoding_steps_of_scalar(const uint64_t *values, uint32_t count)
{
    int64_t first = (int64_t)(values[1] - values[0]);
    struct encoding_steps steps = {first, first, 0};
    for (uint32_t index = 1; index < count; index++) {
        int64_t step = (int64_t)(values[index] - values[index - 1]);
        steps.minimum = step < steps.minimum ? step : steps.minimum;
        steps.maximum = step > steps.maximum ? step : steps.maximum;
        steps.change_count += step != 0;
    }
    return steps;
}

struct encoding_steps encoding_steps_of(const uint64_t *values, uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        return encoding_steps_of_avx2(values, count);
    }
#endif
    return encoding_steps_of_scalar(values, count);
}

void encoding_entropy_run_scalar(const struct entropy_table *table, struct entropy_stream *streams,
                                 void *values, enum value_width width)
{
    ENCODING_BY_WIDTH(width, entropy_run, table, streams, values);
}

void encoding_entropy_run(const struct entropy_table *table, struct entropy_stream *streams,
                          void *values, enum value_width width)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        encoding_entropy_run_avx2(table, streams, values, width);
        return;
    }
#endif
    encoding_entropy_run_scalar(table, streams, values, width);
}

void encoding_entropy_code_scalar(const struct entropy_codes *codes, struct entropy_sink *sinks)
{
    entropy_code_run(codes, sinks);
}

void encoding_entropy_code(const struct entropy_codes *codes, struct entropy_sink *sinks)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        encoding_entropy_code_avx2(codes, sinks);
        return;
    }
#endif
    encoding_entropy_code_scalar(codes, sinks);
}
