// SPDX-License-Identifier: Apache-2.0
/// The latest "#Fields:" line among bytes that are passed over on the way to a committed position:
/// a W3C log may name other columns anywhere, and what follows is read by the last that were named.
/// Thread: as the window.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define REPLAY_FIELDS_SIZE_MAX 65536u ///< a longer line names nothing

struct replay_fields {
    struct text_buffer line;  ///< what there is of a line with '#' at its head
    struct text_buffer found; ///< the latest; empty: none
    bool within;              ///< of another line
};

/// Takes what follows the bytes taken before.
void replay_fields_take(struct replay_fields *fields, const char *bytes, size_t size);
void replay_fields_deinit(struct replay_fields *fields);
