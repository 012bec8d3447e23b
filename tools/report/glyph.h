// SPDX-License-Identifier: Apache-2.0
/// Walks text of unknown honesty code point by code point. Private to tools/report. Thread: any.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct glyph {
    struct text bytes; ///< borrowed; one byte where it is not valid UTF-8
    uint32_t point;    ///< code point, or the byte's value
    bool valid;        ///< false: a byte that is not part of valid UTF-8
    uint32_t width;    ///< terminal columns: 0 combining, 2 wide, else 1
};

/// Takes the next one off the front of `text`; false at its end.
bool glyph_next(struct text *text, struct glyph *glyph_out);
/// Control characters, and those that reorder or hide text: never to be sent to a terminal.
bool glyph_is_hostile(const struct glyph *glyph);
