// SPDX-License-Identifier: Apache-2.0
/// From values with missing ones to small unsigned integers and back.
#include "storage/segment/segment_kernels.h"
#include "storage/segment/segment_private.h"

#define EXPONENT_MAX 6u
#define MISSING COLUMN_INTEGER_MISSING

static const uint64_t POWERS[EXPONENT_MAX + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

void segment_transform_append(const struct segment_transform *transform, struct text_buffer *out)
{
    text_buffer_append_u8(out, transform->nullable);
    text_buffer_append_u8(out, transform->exponent);
    text_buffer_append_u16(out, 0);
    text_buffer_append_u64(out, transform->base);
}

bool segment_transform_parse(const uint8_t *bytes, struct segment_transform *transform)
{
    transform->nullable = bytes[0] == 1;
    transform->exponent = bytes[1];
    transform->base = bytes_load_u64(bytes + 4);
    return bytes[0] <= 1 && bytes[1] <= EXPONENT_MAX && bytes[2] == 0 && bytes[3] == 0;
}

uint64_t segment_transform_power(const struct segment_transform *transform)
{
    return POWERS[transform->exponent];
}

static struct segment_array array_from(uint32_t present_count, uint32_t count, int64_t minimum,
                                       int64_t maximum)
{
    struct segment_array array = {.kind = SEGMENT_ARRAY_BLOCK, .present_count = present_count};
    if (present_count == 0) {
        array.kind = SEGMENT_ARRAY_MISSING;
        return array;
    }
    if (present_count == count && minimum == maximum) {
        array.kind = SEGMENT_ARRAY_CONSTANT;
    }
    array.minimum = minimum;
    array.maximum = maximum;
    return array;
}

struct segment_array segment_codes_prepare(const uint32_t *values, uint32_t count,
                                           struct segment_transform *transform, uint64_t *encoded)
{
    if (values == NULL) {
        return array_from(0, count, 0, 0);
    }
    struct segment_code_scan scan = segment_scan_codes(values, count);
    struct segment_array array =
        array_from(count - scan.missing_count, count, scan.minimum, (int64_t)scan.maximum - 1);
    if (array.kind == SEGMENT_ARRAY_BLOCK) {
        bool nullable = scan.missing_count > 0;
        *transform = (struct segment_transform){nullable, 0, nullable ? UINT32_MAX : 0};
        segment_widen_codes(values, nullable, encoded, count);
    }
    return array;
}

// The power is a constant at each call, so that division becomes multiplication.
static inline __attribute__((always_inline)) bool divides_all(const int64_t *values, uint32_t count,
                                                              int64_t minimum, uint64_t power)
{
    for (uint32_t row = 0; row < count; row++) {
        uint64_t distance = (uint64_t)values[row] - (uint64_t)minimum;
        if (distance % power != 0 && values[row] != MISSING) {
            return false;
        }
    }
    return true;
}

static uint8_t find_exponent(const int64_t *values, uint32_t count, int64_t minimum)
{
    if (divides_all(values, count, minimum, 1000000)) {
        return 6;
    }
    if (divides_all(values, count, minimum, 1000)) {
        bool more = divides_all(values, count, minimum, 10000);
        return more ? (divides_all(values, count, minimum, 100000) ? 5 : 4) : 3;
    }
    if (divides_all(values, count, minimum, 100)) {
        return 2;
    }
    return divides_all(values, count, minimum, 10) ? 1 : 0;
}

static inline __attribute__((always_inline)) void scale_down(const int64_t *values, uint32_t count,
                                                             int64_t minimum, bool nullable,
                                                             uint64_t power, uint64_t *encoded)
{
    for (uint32_t row = 0; row < count; row++) {
        uint64_t distance = (uint64_t)values[row] - (uint64_t)minimum;
        uint64_t scaled = distance / power + nullable;
        encoded[row] = values[row] == MISSING ? 0 : scaled;
    }
}

static void encode_integers(const int64_t *values, uint32_t count,
                            const struct segment_transform *transform, uint64_t *encoded)
{
    int64_t minimum = (int64_t)transform->base;
    bool nullable = transform->nullable;
    if (transform->exponent == 0) {
        scale_down(values, count, minimum, nullable, 1, encoded);
    } else if (transform->exponent == 6) {
        scale_down(values, count, minimum, nullable, 1000000, encoded);
    } else {
        scale_down(values, count, minimum, nullable, POWERS[transform->exponent], encoded);
    }
}

// Whole seconds: true, with `encoded` filled, where all distances are multiples of 10^6. For such
// ones the product with the inverse of 5^6 modulo 2^64, turned right by 6, is the quotient; all
// others become larger than any quotient.
static bool scale_to_seconds(const int64_t *values, uint32_t count, int64_t minimum, bool nullable,
                             uint64_t *restrict encoded)
{
    const uint64_t inverse = UINT64_C(0x790fb65668c26139);
    const uint64_t largest = UINT64_MAX / 1000000;
    uint64_t missed = 0;
    for (uint32_t row = 0; row < count; row++) {
        uint64_t product = ((uint64_t)values[row] - (uint64_t)minimum) * inverse;
        uint64_t quotient = product >> 6 | product << 58;
        bool missing = values[row] == MISSING;
        missed |= quotient > largest && !missing;
        encoded[row] = missing ? 0 : quotient + nullable;
    }
    return missed == 0;
}

static struct segment_array prepare_ordered(const int64_t *values, uint32_t count,
                                            struct segment_transform *transform, uint64_t *encoded)
{
    uint32_t present = 0;
    int64_t minimum = INT64_MAX;
    int64_t maximum = INT64_MIN;
    for (uint32_t row = 0; row < count; row++) {
        int64_t value = values[row];
        present += value != MISSING;
        maximum = value > maximum ? value : maximum;
        int64_t bounded = value == MISSING ? INT64_MAX : value;
        minimum = bounded < minimum ? bounded : minimum;
    }
    struct segment_array array = array_from(present, count, minimum, maximum);
    if (array.kind == SEGMENT_ARRAY_BLOCK) {
        *transform = (struct segment_transform){present < count, EXPONENT_MAX, (uint64_t)minimum};
        // Values that are overwritten as they are encoded cannot be encoded on trial.
        if ((const void *)values == encoded ||
            !scale_to_seconds(values, count, minimum, present < count, encoded)) {
            transform->exponent = find_exponent(values, count, minimum);
            encode_integers(values, count, transform, encoded);
        }
    }
    return array;
}

struct segment_array segment_integers_prepare(const int64_t *values, uint32_t count, bool number,
                                              struct segment_transform *transform,
                                              uint64_t *encoded)
{
    if (values == NULL) {
        return array_from(0, count, 0, 0);
    }
    if (!number) {
        return prepare_ordered(values, count, transform, encoded);
    }
    // `encoded` first holds the ordered values; each is read before it is overwritten.
    int64_t *ordered = (int64_t *)encoded;
    for (uint32_t row = 0; row < count; row++) {
        bool missing = (uint64_t)values[row] == COLUMN_NUMBER_MISSING_BITS;
        ordered[row] = missing ? MISSING : segment_number_order(values[row]);
    }
    return prepare_ordered(ordered, count, transform, encoded);
}

void segment_codes_restore(const struct segment_transform *transform, uint32_t *values,
                           uint32_t count)
{
    uint32_t base = (uint32_t)transform->base;
    for (uint32_t row = 0; base != 0 && row < count; row++) {
        values[row] += base;
    }
}

static void restore_present(uint64_t base, uint64_t power, int64_t *values, uint32_t count)
{
    for (uint32_t row = 0; row < count; row++) {
        values[row] = (int64_t)(base + (uint64_t)values[row] * power);
    }
}

static void restore_nullable(uint64_t base, uint64_t power, int64_t *values, uint32_t count)
{
    uint64_t below = base - power;
    for (uint32_t row = 0; row < count; row++) {
        int64_t value = (int64_t)(below + (uint64_t)values[row] * power);
        values[row] = values[row] == 0 ? MISSING : value;
    }
}

void segment_integers_restore(const struct segment_transform *transform, bool number,
                              int64_t *values, uint32_t count)
{
    uint64_t power = POWERS[transform->exponent];
    if (transform->nullable) {
        restore_nullable(transform->base, power, values, count);
    } else {
        restore_present(transform->base, power, values, count);
    }
    for (uint32_t row = 0; number && row < count; row++) {
        values[row] = values[row] == MISSING ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                             : segment_number_order(values[row]);
    }
}

bool segment_codes_within(const uint32_t *codes, uint32_t count, uint32_t limit,
                          bool missing_allowed)
{
    uint32_t above = missing_allowed ? 1 : 0; // then missing wraps to 0
    uint32_t largest = 0;
    for (uint32_t row = 0; row < count; row++) {
        uint32_t code = codes[row] + above;
        largest = code > largest ? code : largest;
    }
    return count == 0 || largest < limit + above;
}
