// SPDX-License-Identifier: Apache-2.0
/// One value that a scanner found at a mapped place: a slice of the message, not yet unescaped.
/// Thread: values, borrowed from the message.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum field_kind {
    FIELD_MISSING = 0, ///< absent, JSON null, an empty unquoted CSV field, "-" in an access log
    FIELD_STRING,
    FIELD_NUMBER, ///< JSON number; `bytes` is its text, checked against the grammar
    FIELD_TRUE,
    FIELD_FALSE,
    FIELD_OBJECT, ///< present, but nothing in it was asked for by this path
    FIELD_ARRAY,
};

enum field_escape {
    FIELD_PLAIN = 0,    ///< the bytes are the text
    FIELD_ESCAPED_JSON, ///< holds backslash escapes
    FIELD_ESCAPED_CSV,  ///< holds doubled quotes
    FIELD_ESCAPED_URL,  ///< of a query: holds %20 and +
};

struct decode_field {
    const char *bytes;
    uint32_t size;
    uint8_t kind;   ///< enum field_kind
    uint8_t escape; ///< enum field_escape
};

#define FIELD_NONE UINT16_MAX ///< no field: a trie node that is only on the way to one
#define FIELD_COUNT_MAX 4096u ///< distinct paths of one mapping
