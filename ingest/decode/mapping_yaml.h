// SPDX-License-Identifier: Apache-2.0
/// A walk over a YAML document whose errors name file, line, column and the nearest valid word.
/// Private to ingest/decode/. Thread: values.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

struct mapping_yaml {
    yaml_document_t *document;
    const char *file;
    struct arena *arena;
    struct corong_error *error;
    uint8_t *seen; ///< one per node of the document: a second visit means an alias
};

/// Starts a walk; `document` must outlive it.
void mapping_yaml_init(struct mapping_yaml *yaml, struct arena *arena, yaml_document_t *document,
                       const char *file, struct corong_error *error);
/// Fills the error with "file:line:column: message". Returns CORONG_INVALID.
enum corong_status mapping_yaml_error(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                      const char *format, ...) CORONG_PRINTF(3, 4);
/// As above with ", did you mean 'word'" where one of `words` (NULL-terminated) is near.
enum corong_status mapping_yaml_unknown(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                        const char *what, const char *const *words);
/// Refuses aliases and repeated or non-scalar keys in the whole tree below `node`.
CORONG_MUST_CHECK enum corong_status mapping_yaml_check(struct mapping_yaml *yaml,
                                                        const yaml_node_t *node);
yaml_node_t *mapping_yaml_node(const struct mapping_yaml *yaml, int index);
/// A scalar's bytes, borrowed from the document; missing for other nodes.
struct text mapping_yaml_text(const yaml_node_t *node);
/// A plain `~`, `null` or nothing.
bool mapping_yaml_is_null(const yaml_node_t *node);
/// A scalar that is neither null nor empty, copied into the arena.
CORONG_MUST_CHECK enum corong_status mapping_yaml_string(const struct mapping_yaml *yaml,
                                                         const yaml_node_t *node, const char *what,
                                                         struct text *text_out);
/// Index of a scalar among `words`; an error with suggestion otherwise.
CORONG_MUST_CHECK enum corong_status mapping_yaml_word(const struct mapping_yaml *yaml,
                                                       const yaml_node_t *node, const char *what,
                                                       const char *const *words,
                                                       uint32_t *index_out);
/// The value of a key of a mapping node, or NULL.
const yaml_node_t *mapping_yaml_find(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                     const char *key);
/// Refuses keys outside `words`.
CORONG_MUST_CHECK enum corong_status mapping_yaml_keys(const struct mapping_yaml *yaml,
                                                       const yaml_node_t *node, const char *what,
                                                       const char *const *words);
/// A list of words; null: none.
CORONG_MUST_CHECK enum corong_status mapping_yaml_texts(const struct mapping_yaml *yaml,
                                                        const yaml_node_t *node, const char *what,
                                                        struct text **texts_out,
                                                        uint32_t *count_out);
