// SPDX-License-Identifier: Apache-2.0
/// A question as one document, YAML or JSON: `funnel` (a name, or a definition as in corong.yaml)
/// and a key for every flag that says what is asked, spelt as the flag is, with '_' for '-'.
///
/// ```yaml
/// funnel: { steps: [visit, { event: order, where: "revenue > 0" }], window: 1d }
/// from: 2026-01-01
/// by: [country, device]
/// ```
/// A flag on the command line comes before the key of the same name. What is asked for can be
/// printed as such a document and read back. Thread: main.
#pragma once

#include "tools/config/config.h"
#include "tools/corong/options.h"
#include "tools/corong/verbs.h"

struct query_object {
    struct yaml_walk walk;
    struct yaml_place funnel; ///< node NULL: the document names none
    struct text source;       ///< what was read, for errors that point into it
    const char *file_name;
};

/// Reads the document that --query names ("-": standard input) into `options`: every key as if its
/// flag were given, unless it was. `allowed` are the verb's options. Memory: options->arena; the
/// document stays open until query_object_close().
CORONG_MUST_CHECK enum corong_status
query_object_read(struct options *options, const uint8_t *allowed, struct corong_error *error);
/// The same of a text that is there already.
CORONG_MUST_CHECK enum corong_status query_object_parse(struct options *options,
                                                        const uint8_t *allowed,
                                                        const char *file_name, struct text source,
                                                        struct corong_error *error);
void query_object_close(struct options *options);
/// Draws the line that an error names, with a caret below the character; does nothing where
/// `status` is CORONG_OK or the error names no place.
void query_object_point(const struct query_object *object, struct corong_error *error,
                        enum corong_status status);
/// The whole question as a document that reads back to it: the funnel (NULL: the verb has none),
/// every key that has a value, and as comments those that have none.
void query_object_write(const struct options *options, const struct config *config,
                        const struct funnel *funnel, struct text_buffer *out);
/// The same as JSON, without comments.
void query_object_write_json(const struct options *options, const struct config *config,
                             const struct funnel *funnel, struct text_buffer *out);
/// How an answer is written, with the question itself where that is JSON. Memory: options->arena.
struct report_style query_object_style(const struct options *options, const struct config *config,
                                       const struct funnel *funnel);
/// Answers --print-query on standard output, as YAML, or as JSON where --format json asks for it.
enum exit_code query_object_print(const struct options *options, const struct config *config,
                                  const struct funnel *funnel);
