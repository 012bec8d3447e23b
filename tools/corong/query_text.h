// SPDX-License-Identifier: Apache-2.0
/// JSON in the clothes of YAML, and back. Thread: values.
#pragma once

#include "tools/config/config.h"

/// JSON is YAML but for two things: a character beyond U+FFFF may be written as two escapes, and
/// line breaks beyond ASCII may stand in strings. Such become escapes of YAML; everything else
/// stays. The copy is NUL-terminated. Memory: `arena`.
struct text query_text_prepare(struct arena *arena, struct text source);
/// A place and all below it as JSON: plain words that are numbers or truth values as such, every
/// other scalar as a string.
void query_text_json(const struct yaml_place *place, struct arena *arena, struct text_buffer *out);
