// SPDX-License-Identifier: Apache-2.0
#include "tools/config/yaml_walk.h"

#include <stdlib.h>

#define SHOWN_SIZE_MAX 72u ///< bytes of a long line that are drawn

/// Reads ":N" and moves behind it. False where that is no number from 1 on.
static bool read_part(const char **at, size_t *number_out)
{
    char *end;
    if (**at != ':' || (*at)[1] < '0' || (*at)[1] > '9') {
        return false;
    }
    *number_out = (size_t)strtoull(*at + 1, &end, 10);
    *at = end;
    return *number_out > 0;
}

/// Reads "file:line:column: " at the front of a message.
static bool read_place(const char *message, const char *file_name, size_t *line, size_t *column)
{
    size_t size = strlen(file_name);
    const char *at = message + size;
    return strncmp(message, file_name, size) == 0 && read_part(&at, line) &&
           read_part(&at, column) && strncmp(at, ": ", 2) == 0;
}

static bool find_line(struct text source, size_t number, struct text *line_out)
{
    const char *end = source.bytes + source.size;
    const char *at = source.bytes;
    for (; number > 1 && at < end; number--) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL) {
            return false;
        }
        at++;
    }
    if (source.size == 0 || at >= end) {
        return false;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    *line_out = (struct text){at, (size_t)((stop == NULL ? end : stop) - at)};
    return line_out->size > 0;
}

/// libyaml counts characters, not bytes.
static size_t byte_of_column(struct text line, size_t column)
{
    size_t at = 0;
    for (; column > 1 && at < line.size; column--) {
        at++;
        while (at < line.size && ((unsigned char)line.bytes[at] & 0xc0) == 0x80) {
            at++;
        }
    }
    return at;
}

static size_t character_start(struct text line, size_t at)
{
    while (at > 0 && at < line.size && ((unsigned char)line.bytes[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

void yaml_walk_point(struct corong_error *error, const char *file_name, struct text source)
{
    size_t line_number;
    size_t column;
    struct text line;
    if (!read_place(error->message, file_name, &line_number, &column) ||
        !find_line(source, line_number, &line)) {
        return;
    }
    size_t at = byte_of_column(line, column);
    size_t first = at > SHOWN_SIZE_MAX / 2 ? character_start(line, at - SHOWN_SIZE_MAX / 2) : 0;
    size_t last = line.size - first > SHOWN_SIZE_MAX ? character_start(line, first + SHOWN_SIZE_MAX)
                                                     : line.size;
    struct text_buffer drawn = {0};
    text_buffer_append_string(&drawn, first > 0 ? "\n  ..." : "\n  ");
    for (size_t index = first; index < last; index++) {
        bool tab = line.bytes[index] == '\t';
        text_buffer_append(&drawn, tab ? " " : line.bytes + index, line.bytes[index] != '\r');
    }
    text_buffer_append_string(&drawn, first > 0 ? "\n     " : "\n  ");
    for (size_t index = first; index < at; index++) {
        bool start = ((unsigned char)line.bytes[index] & 0xc0) != 0x80;
        text_buffer_append_string(&drawn, start ? " " : "");
    }
    text_buffer_append_string(&drawn, "^");
    size_t used = strlen(error->message);
    if (used + drawn.size < sizeof(error->message)) {
        memcpy(error->message + used, drawn.bytes, drawn.size);
        error->message[used + drawn.size] = '\0';
    }
    text_buffer_deinit(&drawn);
}
