// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init_show.h"

/// The bytes of a whole character beyond ASCII that a comment may hold; 0 where there is none.
static size_t character_size(struct text rest)
{
    const unsigned char *bytes = (const unsigned char *)rest.bytes;
    size_t size = bytes[0] >= 0xf0 && bytes[0] < 0xf5   ? 4
                  : bytes[0] >= 0xe0 && bytes[0] < 0xf0 ? 3
                  : bytes[0] >= 0xc3 && bytes[0] < 0xe0 ? 2
                                                        : 0;
    if (size == 0 || size > rest.size) {
        return 0;
    }
    for (size_t index = 1; index < size; index++) {
        if ((bytes[index] & 0xc0) != 0x80) {
            return 0;
        }
    }
    // Overlong forms, surrogates and beyond; separators (U+2028) and what is no character (U+FEFF,
    // U+FFFE).
    bool wrong = (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
                 (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f) ||
                 (bytes[0] == 0xe2 && bytes[1] == 0x80) || (bytes[0] == 0xef && bytes[1] >= 0xbb);
    return wrong ? 0 : size;
}

static void show(struct text_buffer *out, struct text text, size_t end)
{
    for (size_t at = 0; at < end; at++) {
        unsigned char byte = (unsigned char)text.bytes[at];
        size_t size = byte < 0x80 ? 0 : character_size((struct text){text.bytes + at, end - at});
        if (size > 0) {
            text_buffer_append(out, text.bytes + at, size);
            at += size - 1;
        } else {
            text_buffer_append(out, byte >= 0x20 && byte < 0x7f ? text.bytes + at : "?", 1);
        }
    }
    text_buffer_append_string(out, end < text.size ? "..." : "");
}

void init_show(struct text_buffer *out, struct text text)
{
    show(out, text, text.size < INIT_SHOWN_SIZE_MAX ? text.size : INIT_SHOWN_SIZE_MAX);
}

void init_show_all(struct text_buffer *out, struct text text)
{
    show(out, text, text.size);
}
