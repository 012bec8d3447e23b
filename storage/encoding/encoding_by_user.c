// SPDX-License-Identifier: Apache-2.0
/// Mostly constant within a user (country, device): child commonest value of each user, exceptions
/// for the rows that differ from it.
#include "storage/encoding/encoding_kernels.h"
#include "storage/encoding/encoding_private.h"

#define EXCEPTION_SHARE_MAX 8u

static uint64_t by_user_estimate(const struct encoding_encoder *encoder,
                                 const struct encoding_statistics *statistics, uint32_t count)
{
    if (encoder->users == NULL || statistics->user_difference_count > count / EXCEPTION_SHARE_MAX) {
        return ENCODING_IMPOSSIBLE;
    }
    unsigned bits = bit_length(statistics->maximum - statistics->minimum);
    unsigned gap_bits = bit_length(count / (statistics->user_difference_count + 1)) + 2;
    return ((uint64_t)encoder->users->user_count * bits +
            (uint64_t)statistics->user_difference_count * (bits + gap_bits)) /
           8;
}

// The value that is more than half of the rows, if there is one; the first row's, unless more rows
// have the other.
static uint64_t common_value(const uint64_t *values, uint32_t count)
{
    uint64_t candidate = values[0];
    uint32_t votes = 0;
    for (uint32_t row = 0; row < count; row++) { // Boyer and Moore
        candidate = votes == 0 ? values[row] : candidate;
        votes += values[row] == candidate ? 1u : -1u;
    }
    uint32_t first = 0;
    uint32_t other = 0;
    for (uint32_t row = 0; row < count; row++) {
        first += values[row] == values[0];
        other += values[row] == candidate;
    }
    return other > first ? candidate : values[0];
}

static bool all_equal(const uint64_t *values, uint32_t count)
{
    uint64_t differences = 0;
    for (uint32_t row = 1; row < count; row++) {
        differences |= values[row] ^ values[0];
    }
    return differences == 0;
}

static void by_user_encode(struct encoding_encoder *encoder,
                           const struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count, struct text_buffer *out)
{
    (void)statistics;
    unsigned slots = encoder->slots.used;
    const struct encoding_users *users = encoder->users;
    uint64_t *firsts = encoding_slot_take(&encoder->slots, users->user_count * sizeof(uint64_t));
    uint64_t *positions = encoding_slot_take(&encoder->slots, count * sizeof(uint64_t));
    uint64_t *others = encoding_slot_take(&encoder->slots, count * sizeof(uint64_t));
    uint32_t found = 0;
    uint32_t end = 0;
    for (uint32_t user = 0; user < users->user_count; user++) {
        uint32_t at = end;
        end += users->row_counts[user];
        firsts[user] = values[at];
        if (all_equal(values + at, end - at)) {
            continue;
        }
        firsts[user] = common_value(values + at, end - at);
        for (; at < end; at++) {
            if (values[at] != firsts[user]) {
                positions[found] = at;
                others[found++] = values[at];
            }
        }
    }
    encoding_encode_child(encoder, firsts, users->user_count, out);
    encoding_exceptions_encode(encoder, positions, others, found, out);
    encoder->slots.used = slots;
}

ENCODING_INLINE void spread(const struct encoding_users *users, const void *firsts, void *values,
                            enum value_width width)
{
    size_t at = 0;
    for (uint32_t user = 0; user < users->user_count; user++) {
        uint64_t value = value_get(firsts, width, user);
        for (size_t end = at + users->row_counts[user]; at < end; at++) {
            value_set(values, width, at, value);
        }
    }
}

static bool by_user_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                           uint32_t count)
{
    const struct encoding_users *users = decoder->users;
    if (decoder->depth != 1 || !encoding_users_cover(users, count)) {
        return decoder_fail(decoder, "by-user: not over the rows of users");
    }
    void *firsts = encoding_slot_take(&decoder->slots, (size_t)users->user_count * width);
    if (!encoding_decode_node(decoder, firsts, width, users->user_count)) {
        return false;
    }
    if (width == VALUE_8) {
        encoding_spread_bytes(users->row_counts, users->user_count, firsts, values);
    } else {
        ENCODING_BY_WIDTH(width, spread, users, firsts, values);
    }
    return encoding_exceptions_decode(decoder, values, width, count);
}

const struct encoding_codec encoding_by_user = {
    "by-user", 0, by_user_estimate, by_user_encode, by_user_decode,
};
