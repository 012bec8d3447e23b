// SPDX-License-Identifier: Apache-2.0
/// Few distinct values within the block: u32 entry count, child entries (ascending), child codes.
#include "storage/encoding/encoding_private.h"

#include <stdlib.h>

#define ENTRY_COUNT_MAX 4096u
#define SLOT_COUNT (4 * ENTRY_COUNT_MAX)
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

struct distinct_slot {
    uint64_t value;
    uint32_t code;
    bool used;
};

static struct distinct_slot *distinct_find(struct distinct_slot *slots, uint64_t value)
{
    size_t at = (value ^ value >> 32) * HASH_FACTOR >> 50; // 14 bits
    _Static_assert(SLOT_COUNT == 1u << 14, "the hash gives a slot");
    while (slots[at].used && slots[at].value != value) {
        at = (at + 1) % SLOT_COUNT;
    }
    return &slots[at];
}

static int compare_values(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

// The entries in ascending order; 0 where there are more than `limit`.
static uint32_t collect_distinct(const uint64_t *values, uint32_t count, uint32_t limit,
                                 struct distinct_slot *slots, uint64_t *entries)
{
    uint32_t found = 0;
    memset(slots, 0, SLOT_COUNT * sizeof(*slots));
    for (uint32_t index = 0; index < count; index++) {
        struct distinct_slot *slot = distinct_find(slots, values[index]);
        if (!slot->used) {
            if (found == limit) {
                return 0;
            }
            *slot = (struct distinct_slot){values[index], 0, true};
            entries[found++] = values[index];
        }
    }
    qsort(entries, found, sizeof(*entries), compare_values);
    for (uint32_t code = 0; code < found; code++) {
        distinct_find(slots, entries[code])->code = code;
    }
    return found;
}

static uint64_t dictionary_estimate(const struct encoding_encoder *encoder,
                                    const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    // Whether it pays is known only after counting; narrow values gain nothing.
    unsigned bits = bit_length(statistics->maximum - statistics->minimum);
    return bits < 5 || count < 8 ? ENCODING_IMPOSSIBLE : (uint64_t)count * 4 / 8;
}

static void encode_entries(struct encoding_encoder *encoder, const uint64_t *values, uint32_t count,
                           struct distinct_slot *slots, const uint64_t *entries,
                           uint32_t entry_count, struct text_buffer *out)
{
    uint64_t *codes = encoding_slot_take(&encoder->slots, count * sizeof(uint64_t));
    for (uint32_t index = 0; index < count; index++) {
        codes[index] = distinct_find(slots, values[index])->code;
    }
    text_buffer_append_u32(out, entry_count);
    encoding_encode_child(encoder, entries, entry_count, out);
    encoding_encode_child(encoder, codes, count, out);
}

static void dictionary_encode(struct encoding_encoder *encoder,
                              const struct encoding_statistics *statistics, const uint64_t *values,
                              uint32_t count, struct text_buffer *out)
{
    (void)statistics;
    unsigned used = encoder->slots.used;
    struct distinct_slot *slots = encoding_slot_take(&encoder->slots, SLOT_COUNT * sizeof(*slots));
    uint64_t *entries = encoding_slot_take(&encoder->slots, ENTRY_COUNT_MAX * sizeof(uint64_t));
    uint32_t limit = count / 4 < ENTRY_COUNT_MAX ? count / 4 : ENTRY_COUNT_MAX;
    uint32_t entry_count = collect_distinct(values, count, limit, slots, entries);
    if (entry_count > 0) {
        encode_entries(encoder, values, count, slots, entries, entry_count, out);
    }
    encoder->slots.used = used;
}

ENCODING_INLINE void look_up(const void *restrict entries, const uint32_t *restrict codes,
                             void *restrict values, uint32_t count, enum value_width width)
{
    for (uint32_t index = 0; index < count; index++) {
        value_set(values, width, index, value_get(entries, width, codes[index]));
    }
}

static bool codes_below(const uint32_t *codes, uint32_t count, uint32_t limit)
{
    uint32_t maximum = 0;
    for (uint32_t index = 0; index < count; index++) {
        maximum = codes[index] > maximum ? codes[index] : maximum;
    }
    return count == 0 || maximum < limit;
}

static bool dictionary_decode(struct encoding_decoder *decoder, void *values,
                              enum value_width width, uint32_t count)
{
    uint32_t entry_count = byte_cursor_u32(&decoder->cursor);
    if (entry_count > ENTRY_COUNT_MAX || entry_count > count) {
        return decoder_fail(decoder, "dictionary: too many entries");
    }
    void *entries = encoding_slot_take(&decoder->slots, (size_t)entry_count * width);
    uint32_t *codes = encoding_slot_take(&decoder->slots, count * sizeof(uint32_t));
    if (!encoding_decode_node(decoder, entries, width, entry_count) ||
        !encoding_decode_node(decoder, codes, VALUE_32, count)) {
        return false;
    }
    if (!codes_below(codes, count, entry_count)) {
        return decoder_fail(decoder, "dictionary: a code past the entries");
    }
    ENCODING_BY_WIDTH(width, look_up, entries, codes, values, count);
    return true;
}

const struct encoding_codec encoding_dictionary = {
    "dictionary", 1, dictionary_estimate, dictionary_encode, dictionary_decode,
};
