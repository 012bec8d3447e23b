// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_parse.h"

#include "storage/base/invariant.h"

#define PARSE_SHOWN_SIZE 64
#define PARSE_SHOWN(text)                                                                          \
    (int)((text).size < PARSE_SHOWN_SIZE ? (text).size : PARSE_SHOWN_SIZE), (text).bytes

/// A column or a literal.
struct parse_operand {
    bool is_column;
    uint32_t column;
    struct filter_literal literal;
    uint32_t at;
};

static enum corong_status parse_or(struct filter_compiler *compiler);

static const struct filter_token *parse_peek(const struct filter_compiler *compiler)
{
    return &compiler->tokens[compiler->at];
}

static bool parse_take(struct filter_compiler *compiler, enum filter_token_kind kind)
{
    bool there = parse_peek(compiler)->kind == kind;
    compiler->at += there;
    return there;
}

/// "expected <what>, found '<token>'" at the token to be read next.
static enum corong_status parse_expected(struct filter_compiler *compiler, const char *what)
{
    const struct filter_token *token = parse_peek(compiler);
    if (token->kind == FILTER_TOKEN_END) {
        return filter_token_refuse(compiler->filter->source, token->at, compiler->error,
                                   "expected %s, found the end", what);
    }
    return filter_token_refuse(compiler->filter->source, token->at, compiler->error,
                               "expected %s, found '%.*s'", what, PARSE_SHOWN(token->text));
}

static enum corong_status parse_expected_comparison(struct filter_compiler *compiler)
{
    static const char known[] = "(= <> < <= > >= =~ !~ in like ilike between is)";
    const struct filter_token *token = parse_peek(compiler);
    bool end = token->kind == FILTER_TOKEN_END;
    struct text found = end ? TEXT_LITERAL("the end") : token->text;
    return filter_token_refuse(compiler->filter->source, token->at, compiler->error,
                               "expected a comparison, found %s%.*s%s %s", end ? "" : "'",
                               PARSE_SHOWN(found), end ? "" : "'", known);
}

static uint32_t parse_emit(struct filter_compiler *compiler, enum filter_operation operation,
                           uint32_t argument)
{
    struct filter *filter = compiler->filter;
    filter->instructions[filter->instruction_count] =
        (struct filter_instruction){operation, argument};
    compiler->held += operation == FILTER_PUSH;
    compiler->held -= operation == FILTER_AND || operation == FILTER_OR;
    if (compiler->held > filter->stack_size) {
        filter->stack_size = compiler->held;
    }
    return filter->instruction_count++;
}

static void parse_push(struct filter_compiler *compiler, const struct filter_leaf *leaf)
{
    struct filter *filter = compiler->filter;
    filter->leaves[filter->leaf_count] = *leaf;
    parse_emit(compiler, FILTER_PUSH, filter->leaf_count++);
}

static bool parse_is_addressable(int32_t column)
{
    return column >= COLUMN_SYSTEM_COUNT || column == COLUMN_NAME || column == COLUMN_TIME ||
           column == COLUMN_AMOUNT || column == COLUMN_CURRENCY;
}

/// `as_value`: the name stands where a literal would, so missing quotes are the likely mistake.
static enum corong_status parse_unknown_name(struct filter_compiler *compiler,
                                             const struct filter_token *token, struct text name,
                                             bool as_value)
{
    struct text nearest = schema_nearest(compiler->schema, name);
    struct text source = compiler->filter->source;
    if (nearest.bytes != NULL && parse_is_addressable(schema_find(compiler->schema, nearest))) {
        return filter_token_refuse(source, token->at, compiler->error,
                                   "unknown attribute '%.*s', did you mean '%.*s'?%s",
                                   PARSE_SHOWN(name), PARSE_SHOWN(nearest),
                                   as_value ? " (text goes in single quotes)" : "");
    }
    return filter_token_refuse(source, token->at, compiler->error, "unknown attribute '%.*s'%s",
                               PARSE_SHOWN(name), as_value ? " (text goes in single quotes)" : "");
}

static enum corong_status parse_column(struct filter_compiler *compiler, bool as_value,
                                       uint32_t *column_out)
{
    const struct filter_token *token = parse_peek(compiler);
    struct text name = filter_token_content(token, compiler->arena);
    int32_t column = schema_find(compiler->schema, name);
    if (column < 0 || !parse_is_addressable(column)) {
        return parse_unknown_name(compiler, token, name, as_value);
    }
    compiler->at++;
    *column_out = (uint32_t)column;
    return CORONG_OK;
}

static bool parse_is_literal(enum filter_token_kind kind)
{
    return kind == FILTER_TOKEN_STRING || kind == FILTER_TOKEN_NUMBER ||
           kind == FILTER_TOKEN_TRUE || kind == FILTER_TOKEN_FALSE;
}

static enum corong_status parse_literal(struct filter_compiler *compiler,
                                        struct filter_literal *literal)
{
    const struct filter_token *token = parse_peek(compiler);
    if (!parse_is_literal(token->kind)) {
        return parse_expected(compiler, "a value");
    }
    *literal = (struct filter_literal){token->kind, token->text, token->at};
    if (token->kind == FILTER_TOKEN_STRING) {
        literal->text = filter_token_content(token, compiler->arena);
    }
    compiler->at++;
    return CORONG_OK;
}

static enum corong_status parse_operand(struct filter_compiler *compiler, bool as_value,
                                        struct parse_operand *operand)
{
    const struct filter_token *token = parse_peek(compiler);
    *operand = (struct parse_operand){.at = token->at};
    if (token->kind == FILTER_TOKEN_NAME) {
        operand->is_column = true;
        return parse_column(compiler, as_value, &operand->column);
    }
    if (!parse_is_literal(token->kind)) {
        return parse_expected(compiler, as_value ? "a value or an attribute" : "an attribute");
    }
    return parse_literal(compiler, &operand->literal);
}

/// The orders that a comparison accepts, 0 where the token is none.
static uint8_t parse_orders(enum filter_token_kind kind)
{
    switch (kind) {
    case FILTER_TOKEN_EQUAL:
        return FILTER_EQUAL;
    case FILTER_TOKEN_NOT_EQUAL:
        return FILTER_LESS | FILTER_GREATER;
    case FILTER_TOKEN_LESS:
        return FILTER_LESS;
    case FILTER_TOKEN_LESS_EQUAL:
        return FILTER_LESS | FILTER_EQUAL;
    case FILTER_TOKEN_GREATER:
        return FILTER_GREATER;
    case FILTER_TOKEN_GREATER_EQUAL:
        return FILTER_GREATER | FILTER_EQUAL;
    default:
        return 0;
    }
}

/// a < b is b > a.
static uint8_t parse_mirror(uint8_t orders)
{
    bool less = (orders & FILTER_LESS) != 0;
    bool greater = (orders & FILTER_GREATER) != 0;
    return (uint8_t)((orders & FILTER_EQUAL) | (less ? FILTER_GREATER : 0) |
                     (greater ? FILTER_LESS : 0));
}

static enum corong_status parse_comparison(struct filter_compiler *compiler,
                                           const struct parse_operand *left,
                                           struct filter_leaf *leaf)
{
    uint8_t orders = parse_orders(parse_peek(compiler)->kind);
    struct parse_operand right;
    compiler->at++;
    TRY(parse_operand(compiler, true, &right));
    if (left->is_column && right.is_column) {
        return filter_bind_columns(compiler, left->column, orders, right.column, left->at, leaf);
    }
    if (left->is_column) {
        return filter_bind_compare(compiler, left->column, orders, &right.literal, leaf);
    }
    if (right.is_column) {
        return filter_bind_compare(compiler, right.column, parse_mirror(orders), &left->literal,
                                   leaf);
    }
    return filter_token_refuse(compiler->filter->source, left->at, compiler->error,
                               "a comparison needs an attribute on one side");
}

/// The list behind `in`; as many values as the source holds.
static enum corong_status parse_list(struct filter_compiler *compiler,
                                     struct filter_literal **literals_out, uint32_t *count_out)
{
    if (!parse_take(compiler, FILTER_TOKEN_OPEN)) {
        return parse_expected(compiler, "'(' and a list");
    }
    uint32_t room = 1; // one more than the commas before the bracket that closes the list
    for (uint32_t at = compiler->at; compiler->tokens[at].kind != FILTER_TOKEN_CLOSE &&
                                     compiler->tokens[at].kind != FILTER_TOKEN_END;
         at++) {
        room += compiler->tokens[at].kind == FILTER_TOKEN_COMMA;
    }
    struct filter_literal *literals =
        arena_allocate_zeroed(compiler->arena, room, sizeof(*literals));
    uint32_t count = 0;
    do {
        TRY(parse_literal(compiler, &literals[count]));
        count++;
    } while (parse_take(compiler, FILTER_TOKEN_COMMA));
    ASSERT(count <= room);
    if (!parse_take(compiler, FILTER_TOKEN_CLOSE)) {
        return parse_expected(compiler, "',' or ')'");
    }
    *literals_out = literals;
    *count_out = count;
    return CORONG_OK;
}

static enum corong_status parse_in(struct filter_compiler *compiler, uint32_t column,
                                   struct filter_leaf *leaf)
{
    struct filter_literal *literals = NULL;
    uint32_t count = 0;
    TRY(parse_list(compiler, &literals, &count));
    return filter_bind_in(compiler, column, literals, count, leaf);
}

static enum corong_status parse_between(struct filter_compiler *compiler, uint32_t column,
                                        struct filter_leaf *leaf)
{
    struct filter_literal bounds[2];
    TRY(parse_literal(compiler, &bounds[0]));
    if (!parse_take(compiler, FILTER_TOKEN_AND)) {
        return parse_expected(compiler, "'and' and the upper bound");
    }
    TRY(parse_literal(compiler, &bounds[1]));
    return filter_bind_between(compiler, column, bounds, leaf);
}

static enum corong_status parse_like(struct filter_compiler *compiler, uint32_t column, bool fold,
                                     struct filter_leaf *leaf)
{
    struct filter_literal pattern;
    TRY(parse_literal(compiler, &pattern));
    return filter_bind_like(compiler, column, fold, &pattern, leaf);
}

static enum corong_status parse_regex(struct filter_compiler *compiler, uint32_t column,
                                      struct filter_leaf *leaf)
{
    struct filter_literal pattern;
    TRY(parse_literal(compiler, &pattern));
    return filter_bind_regex(compiler, column, &pattern, leaf);
}

static enum corong_status parse_is(struct filter_compiler *compiler, uint32_t column,
                                   struct filter_leaf *leaf)
{
    bool negated = parse_take(compiler, FILTER_TOKEN_NOT);
    if (!parse_take(compiler, FILTER_TOKEN_NULL)) {
        return parse_expected(compiler, negated ? "'null'" : "'null' or 'not null'");
    }
    filter_bind_null(compiler, column, leaf);
    if (negated) {
        filter_bind_negate(leaf);
    }
    return CORONG_OK;
}

/// An attribute alone: true where it is true.
static enum corong_status parse_bare(struct filter_compiler *compiler, uint32_t column,
                                     struct filter_leaf *leaf)
{
    if (compiler->schema->columns[column].type != COLUMN_BOOLEAN) {
        return parse_expected_comparison(compiler);
    }
    struct filter_literal literal = {FILTER_TOKEN_TRUE, TEXT_MISSING, 0};
    return filter_bind_compare(compiler, column, FILTER_EQUAL, &literal, leaf);
}

/// in, like, ilike and between, which may stand behind `not`.
static enum corong_status parse_word_test(struct filter_compiler *compiler, uint32_t column,
                                          struct filter_leaf *leaf)
{
    enum filter_token_kind kind = parse_peek(compiler)->kind;
    compiler->at++;
    switch (kind) {
    case FILTER_TOKEN_IN:
        return parse_in(compiler, column, leaf);
    case FILTER_TOKEN_LIKE:
        return parse_like(compiler, column, false, leaf);
    case FILTER_TOKEN_ILIKE:
        return parse_like(compiler, column, true, leaf);
    case FILTER_TOKEN_BETWEEN:
        return parse_between(compiler, column, leaf);
    default:
        compiler->at--;
        return parse_expected(compiler, "'in', 'like', 'ilike' or 'between'");
    }
}

static enum corong_status parse_column_test(struct filter_compiler *compiler,
                                            const struct parse_operand *left,
                                            struct filter_leaf *leaf)
{
    switch (parse_peek(compiler)->kind) {
    case FILTER_TOKEN_IS:
        compiler->at++;
        return parse_is(compiler, left->column, leaf);
    case FILTER_TOKEN_REGEX:
        compiler->at++;
        return parse_regex(compiler, left->column, leaf);
    case FILTER_TOKEN_NOT_REGEX:
        compiler->at++;
        TRY(parse_regex(compiler, left->column, leaf));
        filter_bind_negate(leaf);
        return CORONG_OK;
    case FILTER_TOKEN_NOT:
        compiler->at++;
        TRY(parse_word_test(compiler, left->column, leaf));
        filter_bind_negate(leaf);
        return CORONG_OK;
    case FILTER_TOKEN_IN:
    case FILTER_TOKEN_LIKE:
    case FILTER_TOKEN_ILIKE:
    case FILTER_TOKEN_BETWEEN:
        return parse_word_test(compiler, left->column, leaf);
    default:
        return parse_bare(compiler, left->column, leaf);
    }
}

static enum corong_status parse_test(struct filter_compiler *compiler)
{
    struct parse_operand left;
    struct filter_leaf leaf;
    TRY(parse_operand(compiler, false, &left));
    if (parse_orders(parse_peek(compiler)->kind) != 0) {
        TRY(parse_comparison(compiler, &left, &leaf));
    } else if (left.is_column) {
        TRY(parse_column_test(compiler, &left, &leaf));
    } else if (left.literal.kind == FILTER_TOKEN_TRUE || left.literal.kind == FILTER_TOKEN_FALSE) {
        filter_bind_constant(left.literal.kind == FILTER_TOKEN_TRUE ? FILTER_TRUE : FILTER_FALSE,
                             &leaf);
    } else {
        return parse_expected_comparison(compiler);
    }
    parse_push(compiler, &leaf);
    return CORONG_OK;
}

static enum corong_status parse_deeper(struct filter_compiler *compiler)
{
    if (compiler->depth == FILTER_DEPTH_MAX) {
        return filter_token_refuse(compiler->filter->source, parse_peek(compiler)->at,
                                   compiler->error, "more than %u nested parentheses and 'not'",
                                   FILTER_DEPTH_MAX);
    }
    compiler->depth++;
    return CORONG_OK;
}

static enum corong_status parse_not(struct filter_compiler *compiler)
{
    enum filter_token_kind kind = parse_peek(compiler)->kind;
    if (kind != FILTER_TOKEN_NOT && kind != FILTER_TOKEN_OPEN) {
        return parse_test(compiler);
    }
    TRY(parse_deeper(compiler));
    compiler->at++;
    if (kind == FILTER_TOKEN_NOT) {
        TRY(parse_not(compiler));
        parse_emit(compiler, FILTER_NOT, 0);
    } else {
        TRY(parse_or(compiler));
        if (!parse_take(compiler, FILTER_TOKEN_CLOSE)) {
            return parse_expected(compiler, "'and', 'or' or ')'");
        }
    }
    compiler->depth--;
    return CORONG_OK;
}

static enum corong_status parse_and(struct filter_compiler *compiler)
{
    TRY(parse_not(compiler));
    while (parse_take(compiler, FILTER_TOKEN_AND)) {
        uint32_t skip = parse_emit(compiler, FILTER_SKIP_FALSE, 0);
        TRY(parse_not(compiler));
        parse_emit(compiler, FILTER_AND, 0);
        compiler->filter->instructions[skip].argument = compiler->filter->instruction_count;
    }
    return CORONG_OK;
}

static enum corong_status parse_or(struct filter_compiler *compiler)
{
    TRY(parse_and(compiler));
    while (parse_take(compiler, FILTER_TOKEN_OR)) {
        uint32_t skip = parse_emit(compiler, FILTER_SKIP_TRUE, 0);
        TRY(parse_and(compiler));
        parse_emit(compiler, FILTER_OR, 0);
        compiler->filter->instructions[skip].argument = compiler->filter->instruction_count;
    }
    return CORONG_OK;
}

enum corong_status filter_parse(struct filter_compiler *compiler)
{
    if (parse_peek(compiler)->kind == FILTER_TOKEN_END) {
        return parse_expected(compiler, "a condition");
    }
    TRY(parse_or(compiler));
    if (parse_peek(compiler)->kind != FILTER_TOKEN_END) {
        return parse_expected(compiler, "'and', 'or' or the end");
    }
    ASSERT(compiler->held == 1 && compiler->filter->stack_size <= FILTER_STACK_SIZE);
    return CORONG_OK;
}
