// SPDX-License-Identifier: Apache-2.0
/// Little-endian loads and stores, and a bounded cursor for reading files of unknown honesty.
/// Thread: values.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "storage/base/text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is read by plain loads");

#define BYTES_ACCESSORS(type, name)                                                                \
    static inline type bytes_load_##name(const void *from)                                         \
    {                                                                                              \
        type value;                                                                                \
        memcpy(&value, from, sizeof(value));                                                       \
        return value;                                                                              \
    }                                                                                              \
    static inline void bytes_store_##name(void *to, type value)                                    \
    {                                                                                              \
        memcpy(to, &value, sizeof(value));                                                         \
    }

BYTES_ACCESSORS(uint16_t, u16)
BYTES_ACCESSORS(uint32_t, u32)
BYTES_ACCESSORS(uint64_t, u64)
BYTES_ACCESSORS(int64_t, i64)

/// Reads forward through `[at, end)`. A read past the end sets `failed`, returns zeros, and stays
/// failed, so a parser may read a whole structure and test once.
struct byte_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct byte_cursor byte_cursor_over(const void *bytes, size_t size)
{
    return (struct byte_cursor){bytes, (const uint8_t *)bytes + size, false};
}

static inline size_t byte_cursor_left(const struct byte_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/// Borrows the next `size` bytes, or NULL (and failed) where fewer are left.
static inline const void *byte_cursor_take(struct byte_cursor *cursor, size_t size)
{
    if (cursor->failed || size > byte_cursor_left(cursor)) {
        cursor->failed = true;
        return NULL;
    }
    const void *taken = cursor->at;
    cursor->at += size;
    return taken;
}

#define BYTE_CURSOR_READER(type, name)                                                             \
    static inline type byte_cursor_##name(struct byte_cursor *cursor)                              \
    {                                                                                              \
        const void *taken = byte_cursor_take(cursor, sizeof(type));                                \
        return taken == NULL ? 0 : bytes_load_##name(taken);                                       \
    }

BYTE_CURSOR_READER(uint16_t, u16)
BYTE_CURSOR_READER(uint32_t, u32)
BYTE_CURSOR_READER(uint64_t, u64)
BYTE_CURSOR_READER(int64_t, i64)

static inline uint8_t byte_cursor_u8(struct byte_cursor *cursor)
{
    const uint8_t *taken = byte_cursor_take(cursor, 1);
    return taken == NULL ? 0 : *taken;
}

/// A text written as u32 size, then bytes. Borrowed.
static inline struct text byte_cursor_text(struct byte_cursor *cursor)
{
    uint32_t size = byte_cursor_u32(cursor);
    const char *bytes = byte_cursor_take(cursor, size);
    return bytes == NULL ? TEXT_MISSING : (struct text){bytes, size};
}

static inline void text_buffer_append_u8(struct text_buffer *buffer, uint8_t value)
{
    text_buffer_append(buffer, &value, sizeof(value));
}
static inline void text_buffer_append_u16(struct text_buffer *buffer, uint16_t value)
{
    text_buffer_append(buffer, &value, sizeof(value));
}
static inline void text_buffer_append_u32(struct text_buffer *buffer, uint32_t value)
{
    text_buffer_append(buffer, &value, sizeof(value));
}
static inline void text_buffer_append_u64(struct text_buffer *buffer, uint64_t value)
{
    text_buffer_append(buffer, &value, sizeof(value));
}
static inline void text_buffer_append_i64(struct text_buffer *buffer, int64_t value)
{
    text_buffer_append(buffer, &value, sizeof(value));
}
/// u32 size, then bytes: the counterpart of byte_cursor_text().
static inline void text_buffer_append_sized(struct text_buffer *buffer, struct text text)
{
    text_buffer_append_u32(buffer, (uint32_t)text.size);
    text_buffer_append_text(buffer, text);
}
