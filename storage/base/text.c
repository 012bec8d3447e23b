// SPDX-License-Identifier: Apache-2.0
#include "storage/base/text.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdarg.h>
#include <stdio.h>

#define DISTANCE_SIZE_MAX 64

int text_compare(struct text left, struct text right)
{
    size_t common = left.size < right.size ? left.size : right.size;
    int order = common == 0 ? 0 : memcmp(left.bytes, right.bytes, common);
    if (order != 0) {
        return order;
    }
    return left.size < right.size ? -1 : left.size > right.size;
}

static size_t smaller(size_t left, size_t right)
{
    return left < right ? left : right;
}

size_t text_distance(struct text left, struct text right)
{
    size_t rows = smaller(left.size, DISTANCE_SIZE_MAX);
    size_t columns = smaller(right.size, DISTANCE_SIZE_MAX);
    size_t distance[DISTANCE_SIZE_MAX + 1];
    for (size_t column = 0; column <= columns; column++) {
        distance[column] = column;
    }
    for (size_t row = 1; row <= rows; row++) {
        size_t diagonal = distance[0];
        distance[0] = row;
        for (size_t column = 1; column <= columns; column++) {
            size_t above = distance[column];
            size_t replaced = diagonal + (left.bytes[row - 1] != right.bytes[column - 1]);
            distance[column] = smaller(replaced, smaller(above, distance[column - 1]) + 1);
            diagonal = above;
        }
    }
    return distance[columns];
}

char *text_buffer_reserve(struct text_buffer *buffer, size_t size)
{
    size_t wanted = buffer->size + size + 1;
    if (wanted > buffer->capacity) {
        size_t doubled = buffer->capacity * 2;
        buffer->capacity = wanted > doubled ? wanted : doubled;
        buffer->bytes = memory_resize(buffer->bytes, buffer->capacity);
    }
    return buffer->bytes + buffer->size;
}

void text_buffer_append(struct text_buffer *buffer, const void *bytes, size_t size)
{
    ASSERT(size <= PTRDIFF_MAX);
    char *target = text_buffer_reserve(buffer, size);
    if (size > 0) {
        memcpy(target, bytes, size);
    }
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
}

void text_buffer_append_text(struct text_buffer *buffer, struct text text)
{
    text_buffer_append(buffer, text.bytes, text.size);
}

void text_buffer_append_string(struct text_buffer *buffer, const char *string)
{
    text_buffer_append(buffer, string, strlen(string));
}

void text_buffer_printf(struct text_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list copy;
    va_copy(copy, arguments);
    int size = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    ASSERT(size >= 0);
    char *target = text_buffer_reserve(buffer, (size_t)size);
    vsnprintf(target, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)size;
}

void text_buffer_reset(struct text_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->bytes != NULL) {
        buffer->bytes[0] = '\0';
    }
}

void text_buffer_deinit(struct text_buffer *buffer)
{
    memory_free(buffer->bytes);
    *buffer = (struct text_buffer){0};
}
