// SPDX-License-Identifier: Apache-2.0
/// Difference to the value before of the same user, for times: child first value of each user,
/// child differences of all other rows. Modulo 2^64.
#include "storage/encoding/encoding_kernels.h"
#include "storage/encoding/encoding_private.h"

static uint64_t user_delta_estimate(const struct encoding_encoder *encoder,
                                    const struct encoding_statistics *statistics, uint32_t count)
{
    if (encoder->users == NULL) {
        return ENCODING_IMPOSSIBLE;
    }
    uint32_t users = encoder->users->user_count;
    unsigned delta_bits = bit_length(statistics->user_delta_maximum);
    return encoding_bitpack_size(users, bit_length(statistics->maximum)) +
           encoding_bitpack_size(count - users, delta_bits) /
               2; // the large ones will be exceptions
}

static void user_delta_encode(struct encoding_encoder *encoder,
                              const struct encoding_statistics *statistics, const uint64_t *values,
                              uint32_t count, struct text_buffer *out)
{
    (void)statistics;
    unsigned slots = encoder->slots.used;
    uint32_t users = encoder->users->user_count;
    uint64_t *firsts = encoding_slot_take(&encoder->slots, users * sizeof(uint64_t));
    uint64_t *deltas = encoding_slot_take(&encoder->slots, count * sizeof(uint64_t));
    uint32_t at = 0;
    uint32_t delta = 0;
    for (uint32_t user = 0; user < users; user++) {
        firsts[user] = values[at++];
        for (uint32_t row = 1; row < encoder->users->row_counts[user]; row++, at++) {
            deltas[delta++] = values[at] - values[at - 1];
        }
    }
    encoding_encode_child(encoder, firsts, users, out);
    encoding_encode_child(encoder, deltas, delta, out);
    encoder->slots.used = slots;
}

ENCODING_INLINE void sum_up(const struct encoding_users *users, const void *restrict firsts,
                            const void *restrict deltas, void *restrict values,
                            enum value_width width)
{
    const uint32_t *restrict row_counts = users->row_counts;
    uint32_t user_count = users->user_count;
    size_t at = 0;
    size_t delta = 0;
    for (uint32_t user = 0; user < user_count; user++) {
        uint64_t value = value_get(firsts, width, user);
        value_set(values, width, at++, value);
        for (uint32_t row = 1; row < row_counts[user]; row++) {
            value += value_get(deltas, width, delta++);
            value_set(values, width, at++, value);
        }
    }
}

/// Attributes that users keep.
static bool all_zero(const uint8_t *bytes, uint32_t count)
{
    uint8_t any = 0;
    for (uint32_t index = 0; index < count; index++) {
        any |= bytes[index];
    }
    return any == 0;
}

static bool user_delta_decode(struct encoding_decoder *decoder, void *values,
                              enum value_width width, uint32_t count)
{
    const struct encoding_users *users = decoder->users;
    if (decoder->depth != 1 || !encoding_users_cover(users, count)) {
        return decoder_fail(decoder, "user-delta: not over the rows of users");
    }
    uint32_t delta_count = count - users->user_count;
    void *firsts = encoding_slot_take(&decoder->slots, (size_t)users->user_count * width);
    void *deltas =
        encoding_slot_take(&decoder->slots, ((size_t)delta_count + ENCODING_KERNEL_SLACK) * width);
    if (!encoding_decode_node(decoder, firsts, width, users->user_count) ||
        !encoding_decode_node(decoder, deltas, width, delta_count)) {
        return false;
    }
    if (width == VALUE_8 && all_zero(deltas, delta_count)) {
        encoding_spread_bytes(users->row_counts, users->user_count, firsts, values);
    } else if (width == VALUE_32) {
        encoding_sum_up_users(users->row_counts, users->user_count, firsts, deltas, values);
    } else {
        ENCODING_BY_WIDTH(width, sum_up, users, firsts, deltas, values);
    }
    return true;
}

const struct encoding_codec encoding_user_delta = {
    "user-delta", 0, user_delta_estimate, user_delta_encode, user_delta_decode,
};
