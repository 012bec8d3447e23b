// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_token.h"

#include "engine/filter/filter.h"
#include "engine/filter/filter_literal.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define TOKEN_EXCERPT_BEFORE 40u
#define TOKEN_EXCERPT_AFTER 30u
#define TOKEN_MESSAGE_SIZE 640

struct token_word {
    struct text text;
    enum filter_token_kind kind;
};

/// Longer symbols before their prefixes.
static const struct token_word TOKEN_SYMBOLS[] = {
    {TEXT_LITERAL("=="), FILTER_TOKEN_EQUAL},         {TEXT_LITERAL("=~"), FILTER_TOKEN_REGEX},
    {TEXT_LITERAL("="), FILTER_TOKEN_EQUAL},          {TEXT_LITERAL("!="), FILTER_TOKEN_NOT_EQUAL},
    {TEXT_LITERAL("!~"), FILTER_TOKEN_NOT_REGEX},     {TEXT_LITERAL("<>"), FILTER_TOKEN_NOT_EQUAL},
    {TEXT_LITERAL("<="), FILTER_TOKEN_LESS_EQUAL},    {TEXT_LITERAL("<"), FILTER_TOKEN_LESS},
    {TEXT_LITERAL(">="), FILTER_TOKEN_GREATER_EQUAL}, {TEXT_LITERAL(">"), FILTER_TOKEN_GREATER},
    {TEXT_LITERAL("("), FILTER_TOKEN_OPEN},           {TEXT_LITERAL(")"), FILTER_TOKEN_CLOSE},
    {TEXT_LITERAL(","), FILTER_TOKEN_COMMA},
};
static const struct token_word TOKEN_KEYWORDS[] = {
    {TEXT_LITERAL("and"), FILTER_TOKEN_AND},         {TEXT_LITERAL("or"), FILTER_TOKEN_OR},
    {TEXT_LITERAL("not"), FILTER_TOKEN_NOT},         {TEXT_LITERAL("in"), FILTER_TOKEN_IN},
    {TEXT_LITERAL("like"), FILTER_TOKEN_LIKE},       {TEXT_LITERAL("ilike"), FILTER_TOKEN_ILIKE},
    {TEXT_LITERAL("is"), FILTER_TOKEN_IS},           {TEXT_LITERAL("null"), FILTER_TOKEN_NULL},
    {TEXT_LITERAL("between"), FILTER_TOKEN_BETWEEN}, {TEXT_LITERAL("true"), FILTER_TOKEN_TRUE},
    {TEXT_LITERAL("false"), FILTER_TOKEN_FALSE},
};
#define TOKEN_SYMBOL_COUNT (sizeof(TOKEN_SYMBOLS) / sizeof(TOKEN_SYMBOLS[0]))
#define TOKEN_KEYWORD_COUNT (sizeof(TOKEN_KEYWORDS) / sizeof(TOKEN_KEYWORDS[0]))

static bool token_is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool token_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/// Bytes from 0x80 on are parts of UTF-8 letters.
static bool token_is_name_start(char byte)
{
    unsigned char lower = (unsigned char)byte | 0x20;
    return (lower >= 'a' && lower <= 'z') || byte == '_' || byte == '$' ||
           (unsigned char)byte >= 0x80;
}

static bool token_is_name_byte(char byte)
{
    return token_is_name_start(byte) || token_is_digit(byte) || byte == '.';
}

static bool token_starts_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

static size_t token_count_characters(struct text text)
{
    size_t count = 0;
    for (size_t index = 0; index < text.size; index++) {
        count += token_starts_character(text.bytes[index]);
    }
    return count;
}

/// One line of the source around `at`, control bytes shown as spaces, and a caret below.
static void token_append_excerpt(struct text source, uint32_t at, struct text_buffer *out)
{
    size_t first = at > TOKEN_EXCERPT_BEFORE ? at - TOKEN_EXCERPT_BEFORE : 0;
    size_t end = source.size - at > TOKEN_EXCERPT_AFTER ? at + TOKEN_EXCERPT_AFTER : source.size;
    while (first < at && !token_starts_character(source.bytes[first])) {
        first++;
    }
    while (end > at && end < source.size && !token_starts_character(source.bytes[end])) {
        end--;
    }
    text_buffer_append_string(out, "\n  ");
    for (size_t index = first; index < end; index++) {
        char byte = source.bytes[index];
        text_buffer_append(out, (unsigned char)byte < 0x20 || byte == 0x7f ? " " : &byte, 1);
    }
    size_t before = token_count_characters((struct text){source.bytes + first, at - first});
    text_buffer_printf(out, "\n  %*s^", (int)before, "");
}

enum corong_status filter_token_refuse(struct text source, uint32_t at, struct corong_error *error,
                                       const char *format, ...)
{
    char message[TOKEN_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    struct text_buffer excerpt = {0};
    token_append_excerpt(source, at, &excerpt);
    size_t column = token_count_characters((struct text){source.bytes, at}) + 1;
    error_set(error, CORONG_INVALID, "filter: at column %zu: %s%s", column, message, excerpt.bytes);
    text_buffer_deinit(&excerpt);
    return CORONG_INVALID;
}

/// A quoted run; the quote itself is written twice inside.
static enum corong_status token_read_quoted(struct text source, struct filter_token *token,
                                            struct corong_error *error)
{
    char quote = source.bytes[token->at];
    size_t at = token->at + 1;
    while (at < source.size) {
        if (source.bytes[at] != quote) {
            at++;
        } else if (at + 1 < source.size && source.bytes[at + 1] == quote) {
            at += 2;
        } else {
            token->kind = quote == '\'' ? FILTER_TOKEN_STRING : FILTER_TOKEN_NAME;
            token->text.size = at + 1 - token->at;
            return CORONG_OK;
        }
    }
    return filter_token_refuse(source, token->at, error, "%s without an end",
                               quote == '\'' ? "text" : "quoted name");
}

static enum filter_token_kind token_keyword(struct text word)
{
    for (size_t index = 0; index < TOKEN_KEYWORD_COUNT; index++) {
        const struct token_word *keyword = &TOKEN_KEYWORDS[index];
        if (keyword->text.size == word.size &&
            strncasecmp(keyword->text.bytes, word.bytes, word.size) == 0) {
            return keyword->kind;
        }
    }
    return FILTER_TOKEN_NAME;
}

static size_t token_skip_digits(struct text source, size_t at)
{
    while (at < source.size && token_is_digit(source.bytes[at])) {
        at++;
    }
    return at;
}

/// Few enough digits that the canonical text of a number is a number again.
static enum corong_status token_check_number(struct text source, const struct filter_token *token,
                                             struct corong_error *error)
{
    uint32_t digits = 0;
    for (size_t at = 0; at < token->text.size && (token->text.bytes[at] | 0x20) != 'e'; at++) {
        digits += token_is_digit(token->text.bytes[at]);
    }
    if (digits > FILTER_DIGIT_COUNT_MAX) {
        return filter_token_refuse(source, token->at, error, "number of more than %u digits",
                                   FILTER_DIGIT_COUNT_MAX);
    }
    if (token->text.size > FILTER_NUMBER_SIZE_MAX) {
        return filter_token_refuse(source, token->at, error, "number of more than %u characters",
                                   FILTER_NUMBER_SIZE_MAX);
    }
    return CORONG_OK;
}

/// [+-] digits [. digits] [e [+-] digits]; what follows must not be part of a name.
static enum corong_status token_read_number(struct text source, struct filter_token *token,
                                            struct corong_error *error)
{
    size_t at = token->at;
    at += source.bytes[at] == '-' || source.bytes[at] == '+';
    size_t digits = at;
    at = token_skip_digits(source, at);
    bool sound = at > digits;
    if (at < source.size && source.bytes[at] == '.') {
        digits = ++at;
        at = token_skip_digits(source, at);
        sound = sound && at > digits;
    }
    if (at < source.size && (source.bytes[at] == 'e' || source.bytes[at] == 'E')) {
        at++;
        at += at < source.size && (source.bytes[at] == '-' || source.bytes[at] == '+');
        digits = at;
        at = token_skip_digits(source, at);
        sound = sound && at > digits;
    }
    if (!sound || (at < source.size && token_is_name_byte(source.bytes[at]))) {
        return filter_token_refuse(source, token->at, error, "not a number");
    }
    token->kind = FILTER_TOKEN_NUMBER;
    token->text.size = at - token->at;
    return token_check_number(source, token, error);
}

static bool token_read_symbol(struct text source, struct filter_token *token)
{
    size_t left = source.size - token->at;
    for (size_t index = 0; index < TOKEN_SYMBOL_COUNT; index++) {
        struct text symbol = TOKEN_SYMBOLS[index].text;
        if (symbol.size <= left && memcmp(symbol.bytes, token->text.bytes, symbol.size) == 0) {
            token->kind = TOKEN_SYMBOLS[index].kind;
            token->text.size = symbol.size;
            return true;
        }
    }
    return false;
}

static void token_read_word(struct text source, struct filter_token *token)
{
    size_t at = token->at;
    while (at < source.size && token_is_name_byte(source.bytes[at])) {
        at++;
    }
    token->text.size = at - token->at;
    token->kind = token_keyword(token->text);
}

/// The first token at or after `at`.
static enum corong_status token_read(struct text source, size_t at, struct filter_token *token,
                                     struct corong_error *error)
{
    while (at < source.size && token_is_space(source.bytes[at])) {
        at++;
    }
    *token = (struct filter_token){FILTER_TOKEN_END, (uint32_t)at, {source.bytes + at, 0}};
    if (at == source.size) {
        return CORONG_OK;
    }
    char byte = source.bytes[at];
    if (byte == '\'' || byte == '"') {
        return token_read_quoted(source, token, error);
    }
    if (token_is_digit(byte) || byte == '-' || byte == '+') {
        return token_read_number(source, token, error);
    }
    if (token_is_name_start(byte)) {
        token_read_word(source, token);
        return CORONG_OK;
    }
    if (token_read_symbol(source, token)) {
        return CORONG_OK;
    }
    if ((unsigned char)byte < 0x20 || byte == 0x7f) {
        return filter_token_refuse(source, token->at, error, "unexpected byte 0x%02x",
                                   (unsigned char)byte);
    }
    return filter_token_refuse(source, token->at, error, "unexpected '%c'%s", byte,
                               byte == '~'   ? " (a regular expression: =~ or !~)"
                               : byte == '!' ? " (not equal: != or <>)"
                                             : "");
}

enum corong_status filter_token_read_all(struct text source, struct arena *arena,
                                         struct filter_token **tokens_out,
                                         uint32_t *token_count_out, struct corong_error *error)
{
    struct filter_token token;
    uint32_t count = 0;
    size_t at = 0;
    do {
        TRY(token_read(source, at, &token, error));
        at = token.at + token.text.size;
        count++;
    } while (token.kind != FILTER_TOKEN_END);
    struct filter_token *tokens = arena_allocate_zeroed(arena, count, sizeof(*tokens));
    at = 0;
    for (uint32_t index = 0; index < count; index++) {
        TRY(token_read(source, at, &tokens[index], error));
        at = tokens[index].at + tokens[index].text.size;
    }
    *tokens_out = tokens;
    *token_count_out = count;
    return CORONG_OK;
}

struct text filter_token_content(const struct filter_token *token, struct arena *arena)
{
    char quote = token->text.bytes[0];
    if (quote != '\'' && quote != '"') {
        return token->text;
    }
    struct text inner = {token->text.bytes + 1, token->text.size - 2};
    if (memchr(inner.bytes, quote, inner.size) == NULL) {
        return inner;
    }
    char *content = arena_allocate(arena, inner.size);
    size_t size = 0;
    for (size_t index = 0; index < inner.size; index++) {
        content[size++] = inner.bytes[index];
        index += inner.bytes[index] == quote;
    }
    return (struct text){content, size};
}

/// A quoted name loses its quotes where it reads the same without them.
static struct text token_bare_name(struct text name)
{
    if (name.bytes[0] != '"' || name.size < 3 || !token_is_name_start(name.bytes[1])) {
        return name;
    }
    struct text inner = {name.bytes + 1, name.size - 2};
    for (size_t index = 0; index < inner.size; index++) {
        if (!token_is_name_byte(inner.bytes[index])) {
            return name;
        }
    }
    return token_keyword(inner) == FILTER_TOKEN_NAME ? inner : name;
}

static void token_append_word(const struct token_word *words, size_t count,
                              enum filter_token_kind kind, struct text_buffer *out)
{
    for (size_t index = 0; index < count; index++) {
        if (words[index].kind == kind) {
            // "==" stands before "=", "<>" behind "!=": the one-character and the common form win.
            bool doubled = kind == FILTER_TOKEN_EQUAL;
            text_buffer_append_text(out, doubled ? TEXT_LITERAL("=") : words[index].text);
            return;
        }
    }
}

static void token_append(const struct filter_token *token, struct text_buffer *out)
{
    switch (token->kind) {
    case FILTER_TOKEN_NAME:
        text_buffer_append_text(out, token_bare_name(token->text));
        break;
    case FILTER_TOKEN_STRING:
        text_buffer_append_text(out, token->text);
        break;
    case FILTER_TOKEN_NUMBER:
        filter_literal_append_number(token->text, out);
        break;
    default:
        token_append_word(TOKEN_SYMBOLS, TOKEN_SYMBOL_COUNT, token->kind, out);
        token_append_word(TOKEN_KEYWORDS, TOKEN_KEYWORD_COUNT, token->kind, out);
        break;
    }
}

bool filter_token_append_canonical(struct text source, struct text_buffer *out)
{
    size_t first = out->size;
    enum filter_token_kind previous = FILTER_TOKEN_OPEN;
    struct filter_token token = {0};
    for (size_t at = 0; token_read(source, at, &token, NULL) == CORONG_OK;
         at = token.at + token.text.size) {
        if (token.kind == FILTER_TOKEN_END) {
            return true;
        }
        bool tight = previous == FILTER_TOKEN_OPEN || token.kind == FILTER_TOKEN_CLOSE ||
                     token.kind == FILTER_TOKEN_COMMA;
        text_buffer_append_string(out, tight ? "" : " ");
        token_append(&token, out);
        previous = token.kind;
    }
    out->size = first;
    return false;
}
