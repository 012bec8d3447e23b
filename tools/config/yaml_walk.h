// SPDX-License-Identifier: Apache-2.0
/// A typed walk over a libyaml document: every error names file, line, column and path; unknown and
/// repeated keys, aliases and anchors are refused. Comes with config.h.
/// Thread: a walk belongs to one thread.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

#define YAML_WALK_FILE_SIZE_MAX (4u << 20)
#define YAML_WALK_DEPTH_MAX 32u

/// One document. `file_name` is borrowed.
struct yaml_walk {
    yaml_document_t document;
    const char *file_name;
    struct corong_error *error;
};

/// A place in the document, and how errors call it ("funnels.checkout").
struct yaml_place {
    const struct yaml_walk *walk;
    yaml_node_t *node; ///< NULL: an empty document or an absent key
    const char *path;  ///< "" at the top
};

/// Reads and checks a file. yaml_walk_close() is to be called only after CORONG_OK.
CORONG_MUST_CHECK enum corong_status yaml_walk_open(struct yaml_walk *walk, const char *file_name,
                                                    struct corong_error *error);
/// The same from memory.
CORONG_MUST_CHECK enum corong_status yaml_walk_open_text(struct yaml_walk *walk,
                                                         const char *file_name, struct text text,
                                                         struct corong_error *error);
void yaml_walk_close(struct yaml_walk *walk);
struct yaml_place yaml_walk_root(const struct yaml_walk *walk);

/// Fills the error with "file:line:column: path: <formatted>"; returns `status`.
enum corong_status yaml_walk_fail(const struct yaml_place *place, enum corong_status status,
                                  const char *format, ...) CORONG_PRINTF(3, 4);
/// Draws below a message that begins with "file_name:line:column: " that line of `source`, with a
/// caret under the character. A message without such a beginning stays as it is.
void yaml_walk_point(struct corong_error *error, const char *file_name, struct text source);
uint32_t yaml_walk_line(const struct yaml_place *place);
bool yaml_walk_is_scalar(const struct yaml_place *place);
bool yaml_walk_is_sequence(const struct yaml_place *place);
bool yaml_walk_is_mapping(const struct yaml_place *place);

/// Number of members of a mapping or sequence.
uint32_t yaml_walk_count(const struct yaml_place *place);
/// Member `index` of a sequence; its path is "path[index + 1]". Memory of the path: `arena`.
struct yaml_place yaml_walk_item(const struct yaml_place *place, struct arena *arena,
                                 uint32_t index);
/// Key and value number `index` of a mapping.
struct yaml_place yaml_walk_member(const struct yaml_place *place, struct arena *arena,
                                   uint32_t index, struct text *key_out);
/// The value of a key; node NULL where it is absent.
struct yaml_place yaml_walk_key(const struct yaml_place *place, struct arena *arena,
                                const char *key);

/// Refuses what is not a mapping, keys that are not in `known` (NULL-terminated; NULL: any) and
/// keys given twice.
CORONG_MUST_CHECK enum corong_status yaml_walk_check_keys(const struct yaml_place *place,
                                                          const char *const *known);
/// A scalar's text, borrowed from the document. An empty plain scalar (null) is refused.
CORONG_MUST_CHECK enum corong_status yaml_walk_text(const struct yaml_place *place,
                                                    struct text *text_out);
CORONG_MUST_CHECK enum corong_status yaml_walk_duration(const struct yaml_place *place,
                                                        int64_t *duration_us_out);
CORONG_MUST_CHECK enum corong_status yaml_walk_size(const struct yaml_place *place,
                                                    uint64_t *size_bytes_out);
CORONG_MUST_CHECK enum corong_status yaml_walk_integer(const struct yaml_place *place, int64_t min,
                                                       int64_t max, int64_t *value_out);
/// One of `words` (NULL-terminated); gives its index.
CORONG_MUST_CHECK enum corong_status yaml_walk_word(const struct yaml_place *place,
                                                    const char *const *words, uint32_t *index_out);
/// A scalar or a sequence of scalars, copied to `arena`; at least one.
CORONG_MUST_CHECK enum corong_status yaml_walk_texts(const struct yaml_place *place,
                                                     struct arena *arena, uint32_t count_max,
                                                     struct text **texts_out, uint32_t *count_out);
