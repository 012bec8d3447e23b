// SPDX-License-Identifier: Apache-2.0
/// Numbers below a small base, several to a byte as digits of that base: u64 reference, u8 base,
/// child bytes. What follows what (a click a view) then shows to the coder of the bytes, which a
/// coder of single values does not see, and it has fewer of them to go through.
#include "storage/encoding/encoding_private.h"

#define BASE_MAX 16u
#define DIGITS_MAX 8u
#define BYTE_COUNT 256u
#define COUNT_MIN 64u

/// Digits to a byte: base^digits <= 256.
static unsigned digits_of(unsigned base)
{
    static const uint8_t digits[BASE_MAX + 1] = {0, 0, 8, 5, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    return digits[base];
}

static uint32_t byte_count_of(uint32_t count, unsigned base)
{
    return (count + digits_of(base) - 1) / digits_of(base);
}

static uint64_t grouped_estimate(const struct encoding_encoder *encoder,
                                 const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    uint64_t range = statistics->maximum - statistics->minimum;
    return count < COUNT_MIN || range == 0 || range >= BASE_MAX
               ? ENCODING_IMPOSSIBLE
               : byte_count_of(count, (unsigned)range + 1);
}

static void grouped_encode(struct encoding_encoder *encoder,
                           const struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    unsigned base = (unsigned)(statistics->maximum - statistics->minimum) + 1;
    unsigned digits = digits_of(base);
    uint32_t byte_count = byte_count_of(count, base);
    uint64_t *bytes = encoding_slot_take(&encoder->slots, byte_count * sizeof(uint64_t));
    for (uint32_t at = 0; at < byte_count; at++) {
        uint32_t from = at * digits;
        uint32_t end = count - from < digits ? count : from + digits;
        uint64_t byte = 0;
        while (end > from) {
            byte = byte * base + (values[--end] - statistics->minimum);
        }
        bytes[at] = byte;
    }
    text_buffer_append_u64(out, statistics->minimum);
    text_buffer_append_u8(out, (uint8_t)base);
    encoding_encode_child(encoder, bytes, byte_count, out);
    encoder->slots.used = slots;
}

static void fill_digits(uint8_t (*table)[DIGITS_MAX], unsigned base)
{
    for (unsigned byte = 0; byte < BYTE_COUNT; byte++) {
        unsigned left = byte;
        for (unsigned digit = 0; digit < DIGITS_MAX; digit++) {
            table[byte][digit] = (uint8_t)(left % base);
            left /= base;
        }
    }
}

// `digits` is a constant at each call.
ENCODING_INLINE void spread(const uint8_t *bytes, uint8_t (*table)[DIGITS_MAX], uint32_t byte_count,
                            uint64_t reference, void *values, unsigned digits,
                            enum value_width width)
{
    for (uint32_t at = 0; at < byte_count; at++) {
        const uint8_t *found = table[bytes[at]];
        for (unsigned digit = 0; digit < digits; digit++) {
            value_set(values, width, (size_t)at * digits + digit, found[digit] + reference);
        }
    }
}

ENCODING_INLINE void spread_all(const uint8_t *bytes, unsigned base, uint64_t reference,
                                void *values, uint32_t count, enum value_width width)
{
    uint8_t table[BYTE_COUNT][DIGITS_MAX];
    unsigned digits = digits_of(base);
    uint32_t whole = count / digits;
    fill_digits(table, base);
    switch (digits) {
    case 8:
        spread(bytes, table, whole, reference, values, 8, width);
        break;
    case 5:
        spread(bytes, table, whole, reference, values, 5, width);
        break;
    case 4:
        spread(bytes, table, whole, reference, values, 4, width);
        break;
    case 3:
        spread(bytes, table, whole, reference, values, 3, width);
        break;
    default:
        spread(bytes, table, whole, reference, values, 2, width);
        break;
    }
    for (uint32_t at = whole * digits; at < count; at++) {
        value_set(values, width, at, table[bytes[whole]][at - whole * digits] + reference);
    }
}

// Eight bytes at a time: what a group writes behind its digits the next ones overwrite.
static void spread_bytes(const uint8_t *bytes, unsigned base, uint8_t reference, uint8_t *values,
                         uint32_t count)
{
    uint8_t table[BYTE_COUNT][DIGITS_MAX];
    unsigned digits = digits_of(base);
    fill_digits(table, base);
    for (unsigned byte = 0; byte < BYTE_COUNT; byte++) {
        for (unsigned digit = 0; digit < DIGITS_MAX; digit++) {
            table[byte][digit] = (uint8_t)(table[byte][digit] + reference);
        }
    }
    uint32_t row = 0;
    uint32_t at = 0;
    for (; row + DIGITS_MAX <= count; row += digits) {
        memcpy(values + row, table[bytes[at++]], DIGITS_MAX);
    }
    for (; row < count; row++) {
        values[row] = table[bytes[row / digits]][row % digits];
    }
}

// False where a byte stands for no digits, or the last for more than there are.
static bool bytes_within(const uint8_t *bytes, uint32_t byte_count, uint32_t count, unsigned base)
{
    unsigned whole = 1;
    unsigned rest = 1;
    for (unsigned digit = 0; digit < digits_of(base); digit++) {
        whole *= base;
        rest *= digit < (count - 1) % digits_of(base) + 1 ? base : 1;
    }
    unsigned most = 0;
    for (uint32_t at = 0; at < byte_count; at++) {
        most = bytes[at] > most ? bytes[at] : most;
    }
    return most < whole && bytes[byte_count - 1] < rest;
}

static bool grouped_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                           uint32_t count)
{
    uint64_t reference = byte_cursor_u64(&decoder->cursor);
    unsigned base = byte_cursor_u8(&decoder->cursor);
    if (base < 2 || base > BASE_MAX || count == 0) {
        return decoder_fail(decoder, "grouped: bad base");
    }
    uint32_t byte_count = byte_count_of(count, base);
    uint8_t *bytes = encoding_slot_take(&decoder->slots, byte_count);
    if (!encoding_decode_node(decoder, bytes, VALUE_8, byte_count)) {
        return false;
    }
    if (!bytes_within(bytes, byte_count, count, base)) {
        return decoder_fail(decoder, "grouped: a byte past the digits");
    }
    if (width == VALUE_8) {
        spread_bytes(bytes, base, (uint8_t)reference, values, count);
    } else {
        ENCODING_BY_WIDTH(width, spread_all, bytes, base, reference, values, count);
    }
    return true;
}

const struct encoding_codec encoding_grouped = {
    "grouped", 1, grouped_estimate, grouped_encode, grouped_decode,
};
