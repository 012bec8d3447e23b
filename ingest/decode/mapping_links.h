// SPDX-License-Identifier: Apache-2.0
/// The key `links` of a mapping. Private to ingest/decode/. Thread: values.
#pragma once

#include "ingest/decode/mapping.h"
#include "ingest/decode/mapping_yaml.h"

/// What else than paths a source may be.
enum mapping_form { FORM_PATHS = 0, FORM_CONSTANT = 1, FORM_JOIN = 2 };

/// Paths; or {const: word}, {path: paths, const: word} for where no path has a value, or
/// {join: [paths]}, where `form` has it. Null takes the source away. (mapping_parse.c)
CORONG_MUST_CHECK enum corong_status mapping_parse_source(const struct mapping_yaml *yaml,
                                                          const yaml_node_t *node, const char *what,
                                                          enum mapping_form form,
                                                          struct mapping_source *source);
/// A rule or a list of them; `true`: the preset's; `false` or null: none.
CORONG_MUST_CHECK enum corong_status mapping_links_parse(const struct mapping_yaml *yaml,
                                                         const yaml_node_t *node,
                                                         struct mapping *mapping);
/// What a preset says in `links` is not done before a mapping says `links: true`.
void mapping_links_offer(struct mapping *mapping);
/// Rules that name no id mean the mapping's `anonymous`. After all keys are read.
CORONG_MUST_CHECK enum corong_status mapping_links_complete(const struct mapping_yaml *yaml,
                                                            const yaml_node_t *node,
                                                            struct mapping *mapping);
