// SPDX-License-Identifier: Apache-2.0
/// SQL patterns: % is any run, _ one character (a byte that is not UTF-8 counts as one), backslash
/// takes the next character as it is. Private to engine/filter. Thread: values.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>

struct filter_like {
    struct text pattern; ///< as written; does not end in a lone backslash
    struct text prefix; ///< every match starts with these bytes; empty where letter case is ignored
    bool fold;          ///< ilike
};

/// False where the pattern ends in a lone backslash.
bool filter_like_sound(struct text pattern);
bool filter_like_matches(const struct filter_like *like, struct text value);
/// Lower case of the simple pairs of Latin, Greek, Cyrillic, Armenian and full-width letters; every
/// other character is itself.
uint32_t filter_like_fold(uint32_t character);
