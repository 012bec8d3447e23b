// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/encoding_kernels.h"

#include "storage/encoding/encoding_entropy_kernel.h"

#if defined(__AVX2__)
#include <immintrin.h>

#define LANE_COUNT 8u
#define STRIDE (2 * LANE_COUNT) ///< rows summed up before the next guess whether there are more

// For each set of lanes, which of the next exceptions each lane takes: as many as lanes of the set
// lie before it.
#define RANK(set, lane) __builtin_popcount((set) & ((1u << (lane)) - 1))
#define RANKS(set)                                                                                 \
    {                                                                                              \
        RANK(set, 0), RANK(set, 1), RANK(set, 2), RANK(set, 3), RANK(set, 4), RANK(set, 5),        \
            RANK(set, 6), RANK(set, 7)                                                             \
    }
#define RANKS4(set) RANKS(set), RANKS((set) + 1), RANKS((set) + 2), RANKS((set) + 3)
#define RANKS16(set) RANKS4(set), RANKS4((set) + 4), RANKS4((set) + 8), RANKS4((set) + 12)
#define RANKS64(set) RANKS16(set), RANKS16((set) + 16), RANKS16((set) + 32), RANKS16((set) + 48)
static const uint8_t EXCEPTION_OF_LANE[256][LANE_COUNT] = {RANKS64(0), RANKS64(64), RANKS64(128),
                                                           RANKS64(192)};

void encoding_expand_bytes_avx2(const uint8_t *codes, uint8_t escape, const uint32_t *large,
                                uint32_t *values, uint32_t count)
{
    const __m128i escapes = _mm_set1_epi8((char)escape);
    uint32_t index = 0;
    for (; index + LANE_COUNT <= count; index += LANE_COUNT) {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(codes + index));
        __m128i equal = _mm_cmpeq_epi8(bytes, escapes);
        uint32_t set = (uint32_t)_mm_movemask_epi8(equal) & 0xff;
        __m256i ranks =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)EXCEPTION_OF_LANE[set]));
        __m256i next = _mm256_loadu_si256((const __m256i *)large);
        __m256i added =
            _mm256_and_si256(_mm256_permutevar8x32_epi32(next, ranks), _mm256_cvtepi8_epi32(equal));
        _mm256_storeu_si256((__m256i *)(values + index),
                            _mm256_add_epi32(_mm256_cvtepu8_epi32(bytes), added));
        large += __builtin_popcount(set);
    }
    encoding_expand_bytes_scalar(codes + index, escape, large, values + index, count - index);
}

/// Sums of the lanes up to each lane.
static inline __m256i running_sums(__m256i values)
{
    __m256i sums = _mm256_add_epi32(values, _mm256_slli_si256(values, 4));
    sums = _mm256_add_epi32(sums, _mm256_slli_si256(sums, 8));
    // Both halves hold their own sums now; the upper one lacks the last of the lower one.
    __m256i last = _mm256_shuffle_epi32(sums, 0xff);
    return _mm256_add_epi32(sums, _mm256_permute2x128_si256(last, last, 0x08));
}

/// Users whose whole vectors end before the last row: what is written behind a user's rows is
/// overwritten by the users after it.
static uint32_t count_whole_users(const uint32_t *row_counts, uint32_t user_count)
{
    uint32_t behind = 0;
    while (user_count > 0 && behind < STRIDE) {
        behind += row_counts[--user_count];
    }
    return user_count;
}

void encoding_sum_up_users_avx2(const uint32_t *row_counts, uint32_t user_count,
                                const uint32_t *firsts, const uint32_t *deltas, uint32_t *values)
{
    const __m256i top = _mm256_set1_epi32(LANE_COUNT - 1);
    uint32_t whole = count_whole_users(row_counts, user_count);
    for (uint32_t user = 0; user < whole; user++) {
        uint32_t rows = row_counts[user];
        __m256i before = _mm256_set1_epi32((int)firsts[user]);
        values[0] = firsts[user];
        for (uint32_t row = 1; row < rows; row += STRIDE) {
            __m256i low = running_sums(_mm256_loadu_si256((const __m256i *)(deltas + row - 1)));
            __m256i high =
                running_sums(_mm256_loadu_si256((const __m256i *)(deltas + row - 1 + LANE_COUNT)));
            high = _mm256_add_epi32(high, _mm256_permutevar8x32_epi32(low, top));
            _mm256_storeu_si256((__m256i *)(values + row), _mm256_add_epi32(low, before));
            _mm256_storeu_si256((__m256i *)(values + row + LANE_COUNT),
                                _mm256_add_epi32(high, before));
            before = _mm256_add_epi32(before, _mm256_permutevar8x32_epi32(high, top));
        }
        values += rows;
        deltas += rows - 1;
    }
    encoding_sum_up_users_scalar(row_counts + whole, user_count - whole, firsts + whole, deltas,
                                 values);
}

#define WIDE_COUNT 4u ///< 64-bit lanes

static inline __m256i wide_load(const uint64_t *values)
{
    return _mm256_loadu_si256((const __m256i *)values);
}

static inline __m256i wide_minimum(__m256i left, __m256i right)
{
    return _mm256_blendv_epi8(left, right, _mm256_cmpgt_epi64(left, right));
}

static inline __m256i wide_maximum(__m256i left, __m256i right)
{
    return _mm256_blendv_epi8(right, left, _mm256_cmpgt_epi64(left, right));
}

struct encoding_bounds encoding_bounds_of_avx2(const uint64_t *values, uint32_t count)
{
    if (count < WIDE_COUNT) {
        return encoding_bounds_of_scalar(values, count);
    }
    // Without their highest bit, which orders them, unsigned numbers compare as signed ones.
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
    __m256i minimum = _mm256_xor_si256(wide_load(values), flip);
    __m256i maximum = minimum;
    for (uint32_t index = WIDE_COUNT; index + WIDE_COUNT <= count; index += WIDE_COUNT) {
        __m256i next = _mm256_xor_si256(wide_load(values + index), flip);
        minimum = wide_minimum(minimum, next);
        maximum = wide_maximum(maximum, next);
    }
    __m256i last = _mm256_xor_si256(wide_load(values + count - WIDE_COUNT), flip);
    uint64_t lanes[2 * WIDE_COUNT];
    _mm256_storeu_si256((__m256i *)lanes, _mm256_xor_si256(wide_minimum(minimum, last), flip));
    _mm256_storeu_si256((__m256i *)(lanes + WIDE_COUNT),
                        _mm256_xor_si256(wide_maximum(maximum, last), flip));
    return encoding_bounds_of_scalar(lanes, 2 * WIDE_COUNT);
}

struct encoding_steps encoding_steps_of_avx2(const uint64_t *values, uint32_t count)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i minimum = _mm256_set1_epi64x((int64_t)(values[1] - values[0]));
    __m256i maximum = minimum;
    __m256i same = zero; // minus how often
    uint32_t index = 1;
    for (; index + WIDE_COUNT <= count; index += WIDE_COUNT) {
        __m256i step = _mm256_sub_epi64(wide_load(values + index), wide_load(values + index - 1));
        minimum = wide_minimum(minimum, step);
        maximum = wide_maximum(maximum, step);
        same = _mm256_add_epi64(same, _mm256_cmpeq_epi64(step, zero));
    }
    int64_t lanes[3][WIDE_COUNT];
    _mm256_storeu_si256((__m256i *)lanes[0], minimum);
    _mm256_storeu_si256((__m256i *)lanes[1], maximum);
    _mm256_storeu_si256((__m256i *)lanes[2], same);
    struct encoding_steps steps = {lanes[0][0], lanes[1][0], index - 1};
    for (unsigned lane = 0; lane < WIDE_COUNT; lane++) {
        steps.minimum = lanes[0][lane] < steps.minimum ? lanes[0][lane] : steps.minimum;
        steps.maximum = lanes[1][lane] > steps.maximum ? lanes[1][lane] : steps.maximum;
        steps.change_count += (uint32_t)lanes[2][lane];
    }
    for (; index < count; index++) {
        int64_t step = (int64_t)(values[index] - values[index - 1]);
        steps.minimum = step < steps.minimum ? step : steps.minimum;
        steps.maximum = step > steps.maximum ? step : steps.maximum;
        steps.change_count += step != 0;
    }
    return steps;
}

void encoding_entropy_run_avx2(const struct entropy_table *table, struct entropy_stream *streams,
                               void *values, enum value_width width)
{
    ENCODING_BY_WIDTH(width, entropy_run, table, streams, values);
}

void encoding_entropy_code_avx2(const struct entropy_codes *codes, struct entropy_sink *sinks)
{
    entropy_code_run(codes, sinks);
}
#endif
