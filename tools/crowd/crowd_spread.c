// SPDX-License-Identifier: Apache-2.0
#include "storage/base/invariant.h"
#include "tools/crowd/crowd.h"

#define FRACTION 32u ///< binary digits behind the point
#define EVEN_SHARE_PERCENT 20

typedef unsigned __int128 wide;

static int64_t mean_of(const int64_t *sorted, uint64_t first, uint64_t end, uint64_t count)
{
    if (first >= end) { // fewer values than parts: the value that lies there
        return sorted[first < count ? first : count - 1] * 256;
    }
    __int128 sum = 0;
    for (uint64_t index = first; index < end; index++) {
        sum += sorted[index];
    }
    return (int64_t)(sum * 256 / (__int128)(end - first));
}

void crowd_spread_fit(struct crowd_spread *spread, const int64_t *sorted, uint64_t count)
{
    *spread = (struct crowd_spread){0};
    if (count == 0) {
        return;
    }
    uint64_t top = (uint64_t)((wide)count * (CROWD_SPREAD_COUNT - 1) / CROWD_SPREAD_COUNT);
    for (uint64_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        uint64_t first = (uint64_t)((wide)count * part / CROWD_SPREAD_COUNT);
        uint64_t end = (uint64_t)((wide)count * (part + 1) / CROWD_SPREAD_COUNT);
        spread->body[part] = mean_of(sorted, first, end, count);
        first = top + (count - top) * part / CROWD_SPREAD_COUNT;
        end = top + (count - top) * (part + 1) / CROWD_SPREAD_COUNT;
        spread->top[part] = mean_of(sorted, first, end, count);
    }
}

/// log2 of a positive number below one with FRACTION digits, negated: 0 or more, same digits.
static uint64_t negative_log2(uint64_t value)
{
    uint64_t whole = 0;
    while (value < UINT64_C(1) << (FRACTION - 1)) {
        value <<= 1;
        whole++;
    }
    value <<= 1; // in [1, 2)
    whole++;
    uint64_t fraction = 0;
    for (uint32_t digit = 0; digit < FRACTION; digit++) {
        value = (uint64_t)((wide)value * value >> FRACTION);
        fraction <<= 1;
        if (value >= UINT64_C(2) << FRACTION) {
            value >>= 1;
            fraction |= 1;
        }
    }
    return (whole << FRACTION) - fraction;
}

static uint64_t square_root(wide value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 63; bit > 0; bit >>= 1) {
        uint64_t trial = root | bit;
        root = (wide)trial * trial <= value ? trial : root;
    }
    return root;
}

/// 2^exponent, both with FRACTION digits; below 2^31.
static uint64_t power_of_two(uint64_t exponent)
{
    uint64_t result = UINT64_C(1) << FRACTION;
    uint64_t factor = UINT64_C(2) << FRACTION;
    for (uint32_t digit = 1; digit <= FRACTION; digit++) {
        factor = square_root((wide)factor << FRACTION); // 2^(1/2), 2^(1/4), ...
        if (exponent >> (FRACTION - digit) & 1) {
            result = (uint64_t)((wide)result * factor >> FRACTION);
        }
    }
    uint64_t whole = exponent >> FRACTION;
    return whole < 31 ? result << whole : UINT64_MAX >> 1;
}

/// q^-skew for q = (2 part + 1) / parts2, with FRACTION digits.
static uint64_t weight_at(uint64_t part, uint64_t parts2, uint32_t skew_milli)
{
    uint64_t q = (uint64_t)(((wide)(2 * part + 1) << FRACTION) / parts2);
    return power_of_two((uint64_t)((wide)negative_log2(q) * skew_milli / 1000));
}

void crowd_spread_power(struct crowd_spread *spread, int64_t mean_256, uint32_t skew_milli,
                        int64_t least)
{
    ASSERT(mean_256 >= 0 && skew_milli <= 950);
    wide sum = 0;
    uint64_t weights[2][CROWD_SPREAD_COUNT];
    for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        // Ranks run down, parts run up.
        uint64_t rank = CROWD_SPREAD_COUNT - 1 - part;
        weights[0][part] = weight_at(rank, 2 * CROWD_SPREAD_COUNT, skew_milli);
        weights[1][part] = weight_at(rank, 2 * CROWD_SPREAD_COUNT * CROWD_SPREAD_COUNT, skew_milli);
        sum += rank == 0 ? 0 : (wide)weights[0][part] * CROWD_SPREAD_COUNT;
        sum += weights[1][part];
    }
    for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        wide even = (wide)mean_256 * EVEN_SHARE_PERCENT / 100;
        wide rest = (wide)mean_256 - even;
        wide parts = CROWD_SPREAD_COUNT * CROWD_SPREAD_COUNT;
        int64_t body = (int64_t)(even + rest * weights[0][part] * parts / sum);
        int64_t top = (int64_t)(even + rest * weights[1][part] * parts / sum);
        spread->body[part] = body < least * 256 ? least * 256 : body;
        spread->top[part] = top < least * 256 ? least * 256 : top;
    }
}

int64_t crowd_spread_draw(const struct crowd_spread *spread, uint64_t random)
{
    uint32_t part = (uint32_t)(random & (CROWD_SPREAD_COUNT - 1));
    uint32_t inner = (uint32_t)(random >> 8 & (CROWD_SPREAD_COUNT - 1));
    int64_t value = part == CROWD_SPREAD_COUNT - 1 ? spread->top[inner] : spread->body[part];
    return (value + (int64_t)(random >> 16 & 255)) >> 8; // rounded at random
}

int64_t crowd_spread_mean(const struct crowd_spread *spread)
{
    __int128 sum = 0;
    for (uint32_t part = 0; part + 1 < CROWD_SPREAD_COUNT; part++) {
        sum += (__int128)spread->body[part] * CROWD_SPREAD_COUNT;
    }
    for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        sum += spread->top[part];
    }
    return (int64_t)(sum / (CROWD_SPREAD_COUNT * CROWD_SPREAD_COUNT));
}
