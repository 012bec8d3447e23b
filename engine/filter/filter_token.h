// SPDX-License-Identifier: Apache-2.0
/// The words of a filter: kinds, positions, and errors that point at them. Private to
/// engine/filter. Thread: values.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum filter_token_kind {
    FILTER_TOKEN_END = 0,
    FILTER_TOKEN_NAME,   ///< bare or "quoted"
    FILTER_TOKEN_STRING, ///< 'text'
    FILTER_TOKEN_NUMBER,
    FILTER_TOKEN_OPEN,
    FILTER_TOKEN_CLOSE,
    FILTER_TOKEN_COMMA,
    FILTER_TOKEN_EQUAL,
    FILTER_TOKEN_NOT_EQUAL,
    FILTER_TOKEN_LESS,
    FILTER_TOKEN_LESS_EQUAL,
    FILTER_TOKEN_GREATER,
    FILTER_TOKEN_GREATER_EQUAL,
    FILTER_TOKEN_REGEX,     ///< =~
    FILTER_TOKEN_NOT_REGEX, ///< !~
    FILTER_TOKEN_AND,
    FILTER_TOKEN_OR,
    FILTER_TOKEN_NOT,
    FILTER_TOKEN_IN,
    FILTER_TOKEN_LIKE,
    FILTER_TOKEN_ILIKE,
    FILTER_TOKEN_IS,
    FILTER_TOKEN_NULL,
    FILTER_TOKEN_BETWEEN,
    FILTER_TOKEN_TRUE,
    FILTER_TOKEN_FALSE,
};

struct filter_token {
    enum filter_token_kind kind;
    uint32_t at;      ///< byte offset in the source
    struct text text; ///< as written, quotes included; borrowed
};

/// All tokens of a source, FILTER_TOKEN_END last. Memory: `arena`; texts borrow from `source`.
CORONG_MUST_CHECK enum corong_status filter_token_read_all(struct text source, struct arena *arena,
                                                           struct filter_token **tokens_out,
                                                           uint32_t *token_count_out,
                                                           struct corong_error *error);
/// The content of a NAME or STRING: without quotes, doubled quotes single. Memory: `arena` where
/// the content differs from the source.
struct text filter_token_content(const struct filter_token *token, struct arena *arena);
/// Appends the tokens of `source` in normal form; false (and nothing appended) where it has none.
bool filter_token_append_canonical(struct text source, struct text_buffer *out);
/// Fills `error`: "at column N: <formatted>", then the source line with a caret. CORONG_INVALID.
enum corong_status filter_token_refuse(struct text source, uint32_t at, struct corong_error *error,
                                       const char *format, ...) CORONG_PRINTF(4, 5);
