// SPDX-License-Identifier: Apache-2.0
/// User ids that are numbers behind a text that all of a group share ("user-00170291", "42"): the
/// text stands once in the footer, the numbers are one array.
#include "storage/segment/segment_numbers.h"

#include "storage/base/memory.h"
#include "storage/segment/segment_digits.h"
#include "storage/segment/segment_order.h"

#include <string.h>

#define PREFIX_SIZE_MAX 255u

static const uint64_t POWERS[SEGMENT_DIGITS_MAX + 1] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
};

static uint32_t trailing_digits(struct text text)
{
    uint32_t digits = 0;
    while (digits < text.size && digits < SEGMENT_DIGITS_MAX &&
           (unsigned char)(text.bytes[text.size - 1 - digits] - '0') <= 9) {
        digits++;
    }
    return digits;
}

// False where these are not digits.
static bool parse_digits(const char *bytes, size_t size, uint64_t *number_out)
{
    uint64_t number = 0;
    bool good = true;
    for (size_t at = 0; at < size; at++) {
        unsigned digit = (unsigned char)(bytes[at] - '0');
        good &= digit <= 9;
        number = number * 10 + digit;
    }
    *number_out = number;
    return good;
}

bool segment_numbers_find(const struct dictionary *strings, uint64_t *numbers,
                          struct segment_strings *found)
{
    struct text first = dictionary_text(strings, 0);
    uint32_t digits = trailing_digits(first);
    size_t prefix = first.size - digits;
    if (digits == 0 || prefix > PREFIX_SIZE_MAX) {
        return false;
    }
    bool is_fixed = true;
    bool is_natural = true;
    for (uint32_t index = 0; index < strings->count && (is_fixed || is_natural); index++) {
        struct text text = dictionary_text(strings, index);
        if (text.size <= prefix || text.size - prefix > SEGMENT_DIGITS_MAX ||
            memcmp(text.bytes, first.bytes, prefix) != 0 ||
            !parse_digits(text.bytes + prefix, text.size - prefix, &numbers[index])) {
            return false;
        }
        is_fixed &= text.size == first.size;
        is_natural &= text.bytes[prefix] != '0' || text.size == prefix + 1;
    }
    found->digits = is_fixed ? (uint8_t)digits : SEGMENT_DIGITS_NATURAL;
    found->prefix = (struct text){first.bytes, prefix};
    return is_fixed || is_natural;
}

/// How many digits a number has; `like` is that of one of about its size.
static uint32_t natural_digits(uint64_t number, uint32_t like)
{
    uint32_t digits = number < POWERS[like - 1] ? 1 : like;
    while (digits < SEGMENT_DIGITS_MAX && number >= POWERS[digits]) {
        digits++;
    }
    return digits;
}

/// Writes prefix and digits. Of the `room` bytes at `to` those behind them may be overwritten.
/// `prefix_word`: the prefix once more, where it fits.
static inline void put_id(char *to, uint64_t room, struct text prefix, uint64_t prefix_word,
                          uint64_t number, uint32_t digits)
{
    if (prefix.size <= sizeof(prefix_word) && room >= prefix.size + digits + SEGMENT_DIGITS_WORD) {
        memcpy(to, &prefix_word, sizeof(prefix_word));
        segment_digits_put_over(to + prefix.size, number, digits);
        return;
    }
    memcpy(to, prefix.bytes, prefix.size);
    segment_digits_put(to + prefix.size, number, digits);
}

static enum corong_status write_ids(const struct segment_reader *reader,
                                    const struct segment_strings *strings, const uint64_t *numbers,
                                    uint32_t *offsets, char *bytes, struct corong_error *error)
{
    struct text prefix = strings->prefix;
    uint64_t prefix_word = 0;
    memcpy(&prefix_word, prefix.bytes, prefix.size < 8 ? prefix.size : 8);
    bool is_natural = strings->digits == SEGMENT_DIGITS_NATURAL;
    uint32_t digits = is_natural ? 1 : strings->digits;
    uint64_t limit = POWERS[is_natural ? SEGMENT_DIGITS_MAX : strings->digits];
    uint64_t at = 0;
    offsets[0] = 0;
    for (uint32_t index = 0; index < strings->count; index++) {
        uint64_t number = numbers[index];
        digits = is_natural ? natural_digits(number, digits) : digits;
        uint64_t end = at + prefix.size + digits;
        if (number >= limit || end > strings->size_bytes) {
            return segment_block_error(reader, strings->first_block, "numbers of ids are too large",
                                       error);
        }
        put_id(bytes + at, strings->size_bytes - at, prefix, prefix_word, number, digits);
        at = end;
        offsets[index + 1] = (uint32_t)at;
    }
    return at == strings->size_bytes ? CORONG_OK
                                     : segment_block_error(reader, strings->first_block,
                                                           "numbers of ids are too small", error);
}

// Decodes the numbers into `scratch`.
static enum corong_status read_numbers(const struct segment_reader *reader,
                                       const struct segment_strings *strings,
                                       struct segment_scratch *scratch, uint64_t **numbers_out,
                                       struct corong_error *error)
{
    uint64_t *numbers =
        segment_buffer_reserve(&scratch->string_sizes, strings->count * sizeof(*numbers));
    struct segment_block block;
    struct segment_transform transform;
    TRY(segment_array_open(reader, strings->first_block, SEGMENT_OWNER_ID_NUMBERS, strings->count,
                           &block, &transform, error));
    TRY_IN(encoding_decode64(scratch->decoder, block.payload, block.payload_size, NULL, numbers,
                             strings->count, error),
           error, "segment '%s', block %u", reader->path, strings->first_block);
    *numbers_out = numbers;
    return CORONG_OK;
}

enum corong_status segment_numbers_check(const struct segment_reader *reader,
                                         const struct segment_strings *strings,
                                         struct segment_scratch *scratch,
                                         struct corong_error *error)
{
    uint64_t *numbers;
    TRY(read_numbers(reader, strings, scratch, &numbers, error));
    for (uint32_t index = 1; index < strings->count; index++) {
        if (numbers[index] <= numbers[index - 1]) {
            return segment_block_error(reader, strings->first_block, "numbers of ids do not ascend",
                                       error);
        }
    }
    return CORONG_OK;
}

enum corong_status segment_numbers_read(const struct segment_reader *reader,
                                        const struct segment_strings *strings,
                                        struct segment_scratch *scratch, uint32_t *offsets,
                                        char *bytes, struct corong_error *error)
{
    uint64_t *numbers;
    TRY(read_numbers(reader, strings, scratch, &numbers, error));
    return write_ids(reader, strings, numbers, offsets, bytes, error);
}

void segment_numbers_sort(uint64_t *numbers, uint32_t count)
{
    struct segment_ordered *entries = memory_allocate(count * sizeof(*entries));
    void *work = memory_allocate(segment_order_work_size(count));
    for (uint32_t index = 0; index < count; index++) {
        entries[index] = (struct segment_ordered){.key = {numbers[index], 0}};
    }
    segment_order(entries, count, work);
    for (uint32_t index = 0; index < count; index++) {
        numbers[index] = entries[index].key.high;
    }
    memory_free(entries);
    memory_free(work);
}

// The ids as they stand, in memory of their own.
static enum corong_status read_standing(const struct segment_reader *reader,
                                        const struct segment_group *group,
                                        struct segment_scratch *scratch,
                                        struct dictionary *standing, struct corong_error *error)
{
    const struct segment_strings *ids = &group->ids;
    size_t offsets_size = ((size_t)ids->count + 1) * sizeof(uint32_t);
    uint32_t *offsets =
        segment_buffer_reserve(&scratch->standing_ids, offsets_size + ids->size_bytes);
    char *bytes = (char *)offsets + offsets_size;
    *standing = (struct dictionary){ids->count, offsets, bytes};
    return segment_numbers_read(reader, ids, scratch, offsets, bytes, error);
}

// The order of the ids as they stand by their keys.
static struct segment_ordered *order_ids(const struct segment_reader *reader,
                                         const struct segment_group *group,
                                         const struct dictionary *standing,
                                         struct segment_scratch *scratch)
{
    uint32_t count = standing->count;
    size_t entries_size = count * sizeof(struct segment_ordered);
    struct segment_ordered *entries =
        segment_buffer_reserve(&scratch->id_order, entries_size + segment_order_work_size(count));
    uint8_t id_namespace = (uint8_t)group->parts[SEGMENT_FLAGS].minimum & USER_NAMESPACE_MASK;
    for (uint32_t index = 0; index < count; index++) {
        entries[index].key =
            hash_user(&reader->footer.secret, id_namespace, dictionary_text(standing, index));
        entries[index].index = index;
    }
    segment_order(entries, count, (char *)entries + entries_size);
    return entries;
}

enum corong_status segment_numbers_read_ordered(const struct segment_reader *reader,
                                                const struct segment_group *group,
                                                struct segment_scratch *scratch, uint32_t *offsets,
                                                char *bytes, struct hash128 *keys_out,
                                                struct corong_error *error)
{
    struct dictionary standing;
    TRY(read_standing(reader, group, scratch, &standing, error));
    const struct segment_ordered *entries = order_ids(reader, group, &standing, scratch);
    uint32_t at = 0;
    for (uint32_t user = 0; user < standing.count && keys_out != NULL; user++) {
        keys_out[user] = entries[user].key;
    }
    for (uint32_t user = 0; user < standing.count && offsets != NULL; user++) {
        struct text id = dictionary_text(&standing, entries[user].index);
        memcpy(bytes + at, id.bytes, id.size);
        offsets[user] = at;
        at += (uint32_t)id.size;
    }
    if (offsets != NULL) {
        offsets[standing.count] = at;
    }
    return CORONG_OK;
}

bool segment_keys_follow(const struct hash_secret *secret, const struct row_group *group)
{
    bool same = true;
    for (uint32_t user = 0; user < group->user_count && same; user++) {
        uint32_t from = group->id_offsets[user];
        struct text id = {group->id_bytes + from, group->id_offsets[user + 1] - from};
        struct hash128 key = hash_user(secret, group->user_flags[user] & USER_NAMESPACE_MASK, id);
        same = hash128_equal(key, group->user_keys[user]);
    }
    return same;
}
