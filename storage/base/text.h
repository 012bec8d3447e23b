// SPDX-License-Identifier: Apache-2.0
/// A borrowed run of bytes (not NUL-terminated), and a growable buffer that owns its bytes.
/// Thread: values; a buffer belongs to one thread at a time.
#pragma once

#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// Borrowed bytes. `bytes == NULL` means missing, which differs from an empty text.
struct text {
    const char *bytes;
    size_t size;
};

#define TEXT_MISSING ((struct text){NULL, 0})
#define TEXT_LITERAL(literal) ((struct text){(literal), sizeof(literal) - 1})

static inline struct text text_from(const char *string)
{
    return string == NULL ? TEXT_MISSING : (struct text){string, strlen(string)};
}

static inline bool text_equal(struct text left, struct text right)
{
    return left.size == right.size && (left.bytes == NULL) == (right.bytes == NULL) &&
           (left.bytes == NULL || memcmp(left.bytes, right.bytes, left.size) == 0);
}

/// Byte order, a prefix first. Negative, 0 or positive like memcmp.
int text_compare(struct text left, struct text right);

/// Levenshtein distance, at most 64 bytes of each side looked at; for "did you mean".
size_t text_distance(struct text left, struct text right);

/// Growable bytes, always NUL-terminated once anything was appended. Start from {0}.
struct text_buffer {
    char *bytes;
    size_t size;
    size_t capacity;
};

void text_buffer_append(struct text_buffer *buffer, const void *bytes, size_t size);
void text_buffer_append_text(struct text_buffer *buffer, struct text text);
void text_buffer_append_string(struct text_buffer *buffer, const char *string);
void text_buffer_printf(struct text_buffer *buffer, const char *format, ...) CORONG_PRINTF(2, 3);
/// Makes room for `size` more bytes and returns where they go; the caller adds to buffer->size.
char *text_buffer_reserve(struct text_buffer *buffer, size_t size);
/// Forgets the content and keeps the memory.
void text_buffer_reset(struct text_buffer *buffer);
/// Frees the memory; the buffer is {0} again.
void text_buffer_deinit(struct text_buffer *buffer);
