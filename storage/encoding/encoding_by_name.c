// SPDX-License-Identifier: Apache-2.0
/// Values that only events of some names have (a price, a currency): u64 common value of all rows
/// of other names, u32 names, child their codes, child values of the rows of these names.
#include "storage/encoding/encoding_private.h"

#define NAME_COUNT_MAX 255u
#define FEW_NAMES 64u

// Few names: a bit each, so that no row waits for what the row before wrote. False: there are more.
static bool select_few(const struct encoding_users *users, const uint64_t *values, uint32_t count,
                       uint64_t common, uint8_t *selected)
{
    uint64_t set = 0;
    uint32_t all = 0;
    for (uint32_t row = 0; row < count; row++) {
        set |= (uint64_t)(values[row] != common) << users->names[row] % FEW_NAMES;
        all |= users->names[row];
    }
    for (uint32_t name = 0; name < FEW_NAMES; name++) {
        selected[name] = set >> name & 1;
    }
    return all < FEW_NAMES;
}

// False where codes are too large.
static bool select_names(const struct encoding_users *users, const uint64_t *values, uint32_t count,
                         uint64_t common, uint8_t *selected)
{
    memset(selected, 0, ENCODING_NAME_CODE_MAX);
    if (select_few(users, values, count, common, selected)) {
        return true;
    }
    memset(selected, 0, FEW_NAMES);
    for (uint32_t row = 0; row < count; row++) {
        if (users->names[row] >= ENCODING_NAME_CODE_MAX) {
            return false;
        }
        selected[users->names[row]] |= values[row] != common;
    }
    return true;
}

uint32_t encoding_names_select(const struct encoding_users *users, const uint64_t *values,
                               uint32_t count, uint64_t common, uint8_t *selected)
{
    if (!select_names(users, values, count, common, selected)) {
        return count;
    }
    uint32_t rows = 0;
    for (uint32_t row = 0; row < count; row++) {
        rows += selected[users->names[row]];
    }
    return rows;
}

static uint64_t by_name_estimate(const struct encoding_encoder *encoder,
                                 const struct encoding_statistics *statistics, uint32_t count)
{
    if (encoder->users == NULL || encoder->users->names == NULL ||
        statistics->name_row_count > count / 8 * 7) {
        return ENCODING_IMPOSSIBLE;
    }
    unsigned bits = bit_length(statistics->maximum - statistics->minimum);
    return (uint64_t)statistics->name_row_count * bits / 8 + sizeof(uint64_t);
}

static void by_name_encode(struct encoding_encoder *encoder,
                           const struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    const uint32_t *names = encoder->users->names;
    uint8_t *selected = encoding_slot_take(&encoder->slots, ENCODING_NAME_CODE_MAX);
    uint64_t *chosen = encoding_slot_take(&encoder->slots, ((size_t)count + 1) * sizeof(uint64_t));
    bool fits = select_names(encoder->users, values, count, statistics->minimum, selected);
    uint64_t codes[NAME_COUNT_MAX];
    uint32_t code_count = 0;
    for (uint32_t code = 0; code < ENCODING_NAME_CODE_MAX && code_count < NAME_COUNT_MAX; code++) {
        codes[code_count] = code;
        code_count += selected[code];
    }
    if (!fits || code_count == NAME_COUNT_MAX) {
        encoder->slots.used = slots;
        return;
    }
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row++) {
        chosen[found] = values[row];
        found += selected[names[row]];
    }
    text_buffer_append_u64(out, statistics->minimum);
    text_buffer_append_u32(out, code_count);
    encoding_encode_child(encoder, codes, code_count, out);
    encoding_encode_child(encoder, chosen, found, out);
    encoder->slots.used = slots;
}

static bool read_names(struct encoding_decoder *decoder, uint8_t *selected)
{
    uint32_t codes[NAME_COUNT_MAX];
    uint32_t code_count = byte_cursor_u32(&decoder->cursor);
    if (code_count >= NAME_COUNT_MAX) {
        return decoder_fail(decoder, "by-name: too many names");
    }
    if (!encoding_decode_node(decoder, codes, VALUE_32, code_count)) {
        return false;
    }
    memset(selected, 0, ENCODING_NAME_CODE_MAX);
    for (uint32_t at = 0; at < code_count; at++) {
        if (codes[at] >= ENCODING_NAME_CODE_MAX || (at > 0 && codes[at] <= codes[at - 1])) {
            return decoder_fail(decoder, "by-name: names out of order");
        }
        selected[codes[at]] = 1;
    }
    return true;
}

// The row behind the last stands for rows of other names; its place in `chosen` may be read.
ENCODING_INLINE void place(const uint32_t *names, const uint8_t *selected, const void *chosen,
                           uint64_t common, void *values, uint32_t count, enum value_width width)
{
    uint32_t next = 0;
    for (uint32_t row = 0; row < count; row++) {
        bool has = selected[names[row]] != 0;
        uint64_t value = value_get(chosen, width, next);
        value_set(values, width, row, has ? value : common);
        next += has;
    }
}

static bool by_name_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                           uint32_t count)
{
    const struct encoding_users *users = decoder->users;
    uint8_t selected[ENCODING_NAME_CODE_MAX];
    uint64_t common = byte_cursor_u64(&decoder->cursor);
    if (decoder->depth != 1 || users == NULL || users->names == NULL) {
        return decoder_fail(decoder, "by-name: without the names of the rows");
    }
    if (!read_names(decoder, selected)) {
        return false;
    }
    uint32_t rows = 0;
    for (uint32_t row = 0; row < count; row++) {
        if (users->names[row] >= ENCODING_NAME_CODE_MAX) {
            return decoder_fail(decoder, "by-name: a name past the table");
        }
        rows += selected[users->names[row]];
    }
    void *chosen = encoding_slot_take(&decoder->slots, ((size_t)rows + 1) * width);
    if (!encoding_decode_node(decoder, chosen, width, rows)) {
        return false;
    }
    memset((char *)chosen + (size_t)rows * width, 0, width);
    ENCODING_BY_WIDTH(width, place, users->names, selected, chosen, common, values, count);
    return true;
}

const struct encoding_codec encoding_by_name = {
    "by-name", 0, by_name_estimate, by_name_encode, by_name_decode,
};
