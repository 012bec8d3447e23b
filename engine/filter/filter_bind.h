// SPDX-License-Identifier: Apache-2.0
/// Builds the leaves of a filter: a test bound to its columns and their types. Private to
/// engine/filter.
#pragma once

#include "engine/filter/filter_program.h"
#include "engine/filter/filter_token.h"

/// What one compilation carries along.
struct filter_compiler {
    struct filter *filter;
    struct arena *arena;
    const struct schema *schema;
    struct corong_error *error;
    const struct filter_token *tokens;
    uint32_t at;    ///< the token to be read next
    uint32_t depth; ///< nested parentheses and `not`
    uint32_t held;  ///< truths on the stack here
    bool column_used[SCHEMA_COLUMN_COUNT_MAX];
};

struct filter_literal {
    enum filter_token_kind kind; ///< STRING, NUMBER, TRUE or FALSE
    struct text text;            ///< content of a STRING, characters of a NUMBER
    uint32_t at;
};

/// column <orders> literal, for example FILTER_LESS | FILTER_EQUAL.
CORONG_MUST_CHECK enum corong_status filter_bind_compare(struct filter_compiler *compiler,
                                                         uint32_t column, uint8_t orders,
                                                         const struct filter_literal *literal,
                                                         struct filter_leaf *leaf);
CORONG_MUST_CHECK enum corong_status filter_bind_in(struct filter_compiler *compiler,
                                                    uint32_t column,
                                                    const struct filter_literal *literals,
                                                    uint32_t literal_count,
                                                    struct filter_leaf *leaf);
/// `bounds`: low, then high; both inclusive.
CORONG_MUST_CHECK enum corong_status filter_bind_between(struct filter_compiler *compiler,
                                                         uint32_t column,
                                                         const struct filter_literal bounds[2],
                                                         struct filter_leaf *leaf);
CORONG_MUST_CHECK enum corong_status filter_bind_like(struct filter_compiler *compiler,
                                                      uint32_t column, bool fold,
                                                      const struct filter_literal *pattern,
                                                      struct filter_leaf *leaf);
CORONG_MUST_CHECK enum corong_status filter_bind_regex(struct filter_compiler *compiler,
                                                       uint32_t column,
                                                       const struct filter_literal *pattern,
                                                       struct filter_leaf *leaf);
/// left <orders> right; `at` is where an error points.
CORONG_MUST_CHECK enum corong_status filter_bind_columns(struct filter_compiler *compiler,
                                                         uint32_t left, uint8_t orders,
                                                         uint32_t right, uint32_t at,
                                                         struct filter_leaf *leaf);
void filter_bind_null(struct filter_compiler *compiler, uint32_t column, struct filter_leaf *leaf);
void filter_bind_constant(enum filter_truth truth, struct filter_leaf *leaf);
/// Turns a leaf into its opposite; unknown stays unknown.
void filter_bind_negate(struct filter_leaf *leaf);
