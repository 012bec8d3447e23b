// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_order.h"

void people_order_append_integer(struct text_buffer *out, int64_t value)
{
    uint64_t bits = __builtin_bswap64((uint64_t)value ^ UINT64_C(1) << 63);
    text_buffer_append(out, &bits, sizeof(bits));
}

void people_order_append_text(struct text_buffer *out, struct text text)
{
    size_t done = 0;
    while (done < text.size) {
        const char *zero = memchr(text.bytes + done, '\0', text.size - done);
        size_t end = zero == NULL ? text.size : (size_t)(zero - text.bytes) + 1;
        text_buffer_append(out, text.bytes + done, end - done);
        text_buffer_append(out, "\xff", zero != NULL);
        done = end;
    }
    text_buffer_append(out, "\0\1", 2);
}

int64_t people_order_take_integer(struct byte_cursor *cursor)
{
    uint64_t bits = byte_cursor_u64(cursor);
    return (int64_t)(__builtin_bswap64(bits) ^ UINT64_C(1) << 63);
}

/// Where the text ends, and how many zeros are written in it.
static size_t encoded_size(const struct byte_cursor *cursor, size_t *zeros_out)
{
    const uint8_t *at = cursor->at;
    *zeros_out = 0;
    while ((at = memchr(at, 0, (size_t)(cursor->end - at))) != NULL && at + 1 < cursor->end &&
           at[1] == 0xff) {
        ++*zeros_out;
        at += 2;
    }
    return at == NULL ? byte_cursor_left(cursor) : (size_t)(at - cursor->at);
}

struct text people_order_take_text(struct byte_cursor *cursor, struct arena *arena)
{
    size_t zeros;
    size_t size = encoded_size(cursor, &zeros);
    const char *bytes = byte_cursor_take(cursor, size);
    byte_cursor_take(cursor, 2);
    if (cursor->failed) {
        return TEXT_MISSING;
    }
    if (zeros == 0) {
        return (struct text){bytes, size};
    }
    char *plain = arena_allocate(arena, size);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        plain[used++] = bytes[i];
        i += bytes[i] == '\0';
    }
    return (struct text){plain, used};
}
