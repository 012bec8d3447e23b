// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_fields.h"

#include <string.h>

#define FIELDS_WORD TEXT_LITERAL("#Fields:")

/// The line is whole.
static void end_line(struct replay_fields *fields)
{
    struct text line = {fields->line.bytes, fields->line.size};
    if (line.size > FIELDS_WORD.size &&
        memcmp(line.bytes, FIELDS_WORD.bytes, FIELDS_WORD.size) == 0) {
        text_buffer_reset(&fields->found);
        text_buffer_append_text(&fields->found, line);
    }
    text_buffer_reset(&fields->line);
}

void replay_fields_take(struct replay_fields *fields, const char *bytes, size_t size)
{
    const char *end = bytes + size;
    for (const char *at = bytes; at < end;) {
        bool begins = fields->line.size == 0 && !fields->within;
        fields->within = begins ? *at != '#' : fields->within;
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = stop == NULL ? end : stop;
        if (!fields->within &&
            fields->line.size + (size_t)(line_end - at) > REPLAY_FIELDS_SIZE_MAX) {
            text_buffer_reset(&fields->line);
            fields->within = true;
        }
        if (!fields->within) {
            text_buffer_append(&fields->line, at, (size_t)(line_end - at));
        }
        if (stop != NULL) {
            if (!fields->within) {
                end_line(fields);
            }
            fields->within = false;
        }
        at = stop == NULL ? end : stop + 1;
    }
}

void replay_fields_deinit(struct replay_fields *fields)
{
    text_buffer_deinit(&fields->line);
    text_buffer_deinit(&fields->found);
}
