// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_bind.h"

#include "engine/filter/filter_literal.h"
#include "storage/base/invariant.h"

#include <math.h>
#include <stdlib.h>

#define BIND_AMOUNT_DIGITS 4 ///< amounts are stored in 1/10000
#define BIND_REGEX_MESSAGE_SIZE 160

/// A literal as its column sees it.
struct bind_value {
    bool mismatch; ///< of another type: compares as missing
    struct filter_cut cut;
    double number;
    struct text text;
};

static enum column_type bind_type(const struct filter_compiler *compiler, uint32_t column)
{
    return compiler->schema->columns[column].type;
}

static void bind_leaf(struct filter_compiler *compiler, uint32_t column, enum filter_leaf_kind kind,
                      struct filter_leaf *leaf)
{
    *leaf = (struct filter_leaf){
        .kind = kind,
        .column = column,
        .type = bind_type(compiler, column),
        .matched = FILTER_TRUE,
        .unmatched = FILTER_FALSE,
        .missing = FILTER_UNKNOWN,
    };
    compiler->column_used[column] = true;
}

static uint8_t bind_opposite(uint8_t truth)
{
    return truth == FILTER_TRUE ? FILTER_FALSE : truth == FILTER_FALSE ? FILTER_TRUE : truth;
}

void filter_bind_negate(struct filter_leaf *leaf)
{
    leaf->matched = bind_opposite(leaf->matched);
    leaf->unmatched = bind_opposite(leaf->unmatched);
    leaf->missing = bind_opposite(leaf->missing);
}

void filter_bind_constant(enum filter_truth truth, struct filter_leaf *leaf)
{
    *leaf = (struct filter_leaf){.kind = FILTER_LEAF_CONSTANT,
                                 .matched = (uint8_t)truth,
                                 .unmatched = (uint8_t)truth,
                                 .missing = (uint8_t)truth};
}

/// Counts a literal that can never match; the comparison as a whole is unknown.
static enum corong_status bind_mismatch(struct filter_compiler *compiler, struct filter_leaf *leaf)
{
    compiler->filter->type_mismatches++;
    filter_bind_constant(FILTER_UNKNOWN, leaf);
    return CORONG_OK;
}

static enum corong_status bind_time(struct filter_compiler *compiler,
                                    const struct filter_literal *literal, struct bind_value *value)
{
    if (literal->kind != FILTER_TOKEN_STRING ||
        !filter_literal_time(literal->text, &value->cut.floor)) {
        return filter_token_refuse(compiler->filter->source, literal->at, compiler->error,
                                   "time compares with a timestamp in single quotes, such as "
                                   "'2026-01-02' or '2026-01-02T03:04:05Z'");
    }
    return CORONG_OK;
}

/// Values of the type that the column holds; only a wrong timestamp is an error.
static enum corong_status bind_value(struct filter_compiler *compiler, uint32_t column,
                                     const struct filter_literal *literal, struct bind_value *value)
{
    *value = (struct bind_value){.text = literal->text};
    if (column == COLUMN_TIME) {
        return bind_time(compiler, literal, value);
    }
    bool is_number = literal->kind == FILTER_TOKEN_NUMBER;
    switch (bind_type(compiler, column)) {
    case COLUMN_STRING:
        value->mismatch = literal->kind != FILTER_TOKEN_STRING;
        break;
    case COLUMN_INTEGER:
        value->mismatch = !is_number;
        if (is_number) {
            int digits = column == COLUMN_AMOUNT ? BIND_AMOUNT_DIGITS : 0;
            value->cut = filter_literal_cut(literal->text, digits);
        }
        break;
    case COLUMN_NUMBER:
        value->mismatch = !is_number;
        value->number = is_number ? filter_literal_double(literal->text) : 0;
        break;
    case COLUMN_BOOLEAN:
        value->mismatch = literal->kind != FILTER_TOKEN_TRUE && literal->kind != FILTER_TOKEN_FALSE;
        value->cut.floor = literal->kind == FILTER_TOKEN_TRUE;
        break;
    }
    compiler->filter->type_mismatches += value->mismatch;
    return CORONG_OK;
}

/// A range leaf without bounds.
static void bind_range(struct filter_compiler *compiler, uint32_t column, struct filter_leaf *leaf)
{
    switch (bind_type(compiler, column)) {
    case COLUMN_STRING:
        bind_leaf(compiler, column, FILTER_LEAF_TEXT_RANGE, leaf);
        break;
    case COLUMN_NUMBER:
        bind_leaf(compiler, column, FILTER_LEAF_NUMBER_RANGE, leaf);
        leaf->numbers.low = (double)-INFINITY;
        leaf->numbers.high = (double)INFINITY;
        break;
    case COLUMN_INTEGER:
    case COLUMN_BOOLEAN:
        bind_leaf(compiler, column, FILTER_LEAF_INTEGER_RANGE, leaf);
        leaf->integers.low = INT64_MIN;
        leaf->integers.high = INT64_MAX;
        break;
    }
}

/// Raises the low bound. `open`: the value itself is outside.
static void bind_low(struct filter_leaf *leaf, const struct bind_value *value, bool open)
{
    if (leaf->kind == FILTER_LEAF_TEXT_RANGE) {
        leaf->texts.low = value->text;
        leaf->texts.low_open = open;
    } else if (leaf->kind == FILTER_LEAF_NUMBER_RANGE) {
        leaf->numbers.low = open ? nextafter(value->number, (double)INFINITY) : value->number;
    } else if (!open && !value->cut.fraction) {
        leaf->integers.low = value->cut.floor;
    } else if (value->cut.floor == INT64_MAX) {
        leaf->integers.low = INT64_MAX; // nothing is greater: low above high
        leaf->integers.high = INT64_MIN;
    } else {
        leaf->integers.low = value->cut.floor + 1;
    }
}

/// Lowers the high bound; comes after bind_low().
static void bind_high(struct filter_leaf *leaf, const struct bind_value *value, bool open)
{
    if (leaf->kind == FILTER_LEAF_TEXT_RANGE) {
        leaf->texts.high = value->text;
        leaf->texts.high_open = open;
        return;
    }
    if (leaf->kind == FILTER_LEAF_NUMBER_RANGE) {
        leaf->numbers.high = open ? nextafter(value->number, (double)-INFINITY) : value->number;
        return;
    }
    // The floor of an exact value is never INT64_MIN: that one has a fraction.
    int64_t high = open && !value->cut.fraction ? value->cut.floor - 1 : value->cut.floor;
    leaf->integers.high = high < leaf->integers.high ? high : leaf->integers.high;
}

enum corong_status filter_bind_compare(struct filter_compiler *compiler, uint32_t column,
                                       uint8_t orders, const struct filter_literal *literal,
                                       struct filter_leaf *leaf)
{
    if (orders == FILTER_EQUAL || orders == (FILTER_LESS | FILTER_GREATER)) {
        TRY(filter_bind_in(compiler, column, literal, 1, leaf));
        if (orders != FILTER_EQUAL) {
            filter_bind_negate(leaf);
        }
        return CORONG_OK;
    }
    struct bind_value value;
    TRY(bind_value(compiler, column, literal, &value));
    if (value.mismatch) {
        filter_bind_constant(FILTER_UNKNOWN, leaf);
        return CORONG_OK;
    }
    bind_range(compiler, column, leaf);
    bool open = (orders & FILTER_EQUAL) == 0;
    if ((orders & FILTER_GREATER) != 0) {
        bind_low(leaf, &value, open);
    } else {
        bind_high(leaf, &value, open);
    }
    return CORONG_OK;
}

/// x between a and missing is false below a, else unknown: as in SQL.
enum corong_status filter_bind_between(struct filter_compiler *compiler, uint32_t column,
                                       const struct filter_literal bounds[2],
                                       struct filter_leaf *leaf)
{
    struct bind_value low;
    struct bind_value high;
    TRY(bind_value(compiler, column, &bounds[0], &low));
    TRY(bind_value(compiler, column, &bounds[1], &high));
    if (low.mismatch && high.mismatch) {
        filter_bind_constant(FILTER_UNKNOWN, leaf);
        return CORONG_OK;
    }
    bind_range(compiler, column, leaf);
    if (!low.mismatch) {
        bind_low(leaf, &low, false);
    }
    if (!high.mismatch) {
        bind_high(leaf, &high, false);
    }
    leaf->matched = low.mismatch || high.mismatch ? FILTER_UNKNOWN : FILTER_TRUE;
    return CORONG_OK;
}

static int bind_compare_texts(const void *left, const void *right)
{
    return text_compare(*(const struct text *)left, *(const struct text *)right);
}

static int bind_compare_integers(const void *left, const void *right)
{
    int64_t left_value = *(const int64_t *)left;
    int64_t right_value = *(const int64_t *)right;
    return left_value < right_value ? -1 : left_value > right_value;
}

static int bind_compare_numbers(const void *left, const void *right)
{
    double left_value = *(const double *)left;
    double right_value = *(const double *)right;
    return left_value < right_value ? -1 : left_value > right_value;
}

/// A set of the column's type with room for `count` values.
static void bind_set(struct filter_compiler *compiler, uint32_t column, uint32_t count,
                     struct filter_leaf *leaf)
{
    switch (bind_type(compiler, column)) {
    case COLUMN_STRING:
        bind_leaf(compiler, column, FILTER_LEAF_TEXT_SET, leaf);
        leaf->set.texts = arena_allocate_zeroed(compiler->arena, count, sizeof(*leaf->set.texts));
        break;
    case COLUMN_NUMBER:
        bind_leaf(compiler, column, FILTER_LEAF_NUMBER_SET, leaf);
        leaf->set.numbers =
            arena_allocate_zeroed(compiler->arena, count, sizeof(*leaf->set.numbers));
        break;
    case COLUMN_INTEGER:
    case COLUMN_BOOLEAN:
        bind_leaf(compiler, column, FILTER_LEAF_INTEGER_SET, leaf);
        leaf->set.integers =
            arena_allocate_zeroed(compiler->arena, count, sizeof(*leaf->set.integers));
        break;
    }
}

/// An integer never equals a decimal with a fraction, so that one is left out.
static void bind_set_add(struct filter_leaf *leaf, const struct bind_value *value)
{
    if (leaf->kind == FILTER_LEAF_TEXT_SET) {
        leaf->set.texts[leaf->set.count++] = value->text;
    } else if (leaf->kind == FILTER_LEAF_NUMBER_SET) {
        leaf->set.numbers[leaf->set.count++] = value->number;
    } else if (!value->cut.fraction) {
        leaf->set.integers[leaf->set.count++] = value->cut.floor;
    }
}

/// Sorts; a single value that is not a string becomes a range, which costs less per row.
static void bind_set_seal(struct filter_leaf *leaf)
{
    uint32_t count = leaf->set.count;
    if (leaf->kind == FILTER_LEAF_TEXT_SET) {
        qsort(leaf->set.texts, count, sizeof(*leaf->set.texts), bind_compare_texts);
    } else if (leaf->kind == FILTER_LEAF_NUMBER_SET) {
        qsort(leaf->set.numbers, count, sizeof(*leaf->set.numbers), bind_compare_numbers);
    } else {
        qsort(leaf->set.integers, count, sizeof(*leaf->set.integers), bind_compare_integers);
    }
    if (count != 1 || leaf->kind == FILTER_LEAF_TEXT_SET) {
        return;
    }
    if (leaf->kind == FILTER_LEAF_NUMBER_SET) {
        double number = leaf->set.numbers[0];
        leaf->kind = FILTER_LEAF_NUMBER_RANGE;
        leaf->numbers.low = number;
        leaf->numbers.high = number;
    } else {
        int64_t integer = leaf->set.integers[0];
        leaf->kind = FILTER_LEAF_INTEGER_RANGE;
        leaf->integers.low = integer;
        leaf->integers.high = integer;
    }
}

/// x in (a, missing) is true for a, else unknown: as in SQL.
enum corong_status filter_bind_in(struct filter_compiler *compiler, uint32_t column,
                                  const struct filter_literal *literals, uint32_t literal_count,
                                  struct filter_leaf *leaf)
{
    uint32_t mismatches = 0;
    bind_set(compiler, column, literal_count, leaf);
    for (uint32_t index = 0; index < literal_count; index++) {
        struct bind_value value;
        TRY(bind_value(compiler, column, &literals[index], &value));
        if (value.mismatch) {
            mismatches++;
        } else {
            bind_set_add(leaf, &value);
        }
    }
    if (mismatches == literal_count) {
        filter_bind_constant(FILTER_UNKNOWN, leaf);
        return CORONG_OK;
    }
    leaf->unmatched = mismatches > 0 ? FILTER_UNKNOWN : FILTER_FALSE;
    bind_set_seal(leaf);
    return CORONG_OK;
}

static enum corong_status bind_check_pattern(struct filter_compiler *compiler,
                                             const struct filter_literal *pattern)
{
    if (pattern->kind != FILTER_TOKEN_STRING) {
        return filter_token_refuse(compiler->filter->source, pattern->at, compiler->error,
                                   "expected a pattern in single quotes");
    }
    if (pattern->text.size > FILTER_PATTERN_SIZE_MAX) {
        return filter_token_refuse(compiler->filter->source, pattern->at, compiler->error,
                                   "pattern of %zu bytes (at most %u)", pattern->text.size,
                                   FILTER_PATTERN_SIZE_MAX);
    }
    return CORONG_OK;
}

/// The bytes before the first wildcard, without their backslashes.
static struct text bind_like_prefix(struct filter_compiler *compiler, struct text pattern,
                                    bool *is_whole)
{
    char *prefix = arena_allocate(compiler->arena, pattern.size);
    size_t size = 0;
    size_t at = 0;
    while (at < pattern.size && pattern.bytes[at] != '%' && pattern.bytes[at] != '_') {
        at += pattern.bytes[at] == '\\';
        prefix[size++] = pattern.bytes[at++];
    }
    *is_whole = at == pattern.size;
    return (struct text){prefix, size};
}

enum corong_status filter_bind_like(struct filter_compiler *compiler, uint32_t column, bool fold,
                                    const struct filter_literal *pattern, struct filter_leaf *leaf)
{
    TRY(bind_check_pattern(compiler, pattern));
    if (!filter_like_sound(pattern->text)) {
        return filter_token_refuse(compiler->filter->source, pattern->at, compiler->error,
                                   "pattern ends in a backslash (write \\\\ for one)");
    }
    if (bind_type(compiler, column) != COLUMN_STRING) {
        return bind_mismatch(compiler, leaf);
    }
    bool is_whole = false;
    struct text prefix = {"", 0};
    if (!fold) {
        prefix = bind_like_prefix(compiler, pattern->text, &is_whole);
    }
    if (is_whole) {
        bind_set(compiler, column, 1, leaf);
        leaf->set.texts[leaf->set.count++] = prefix;
        return CORONG_OK;
    }
    bind_leaf(compiler, column, FILTER_LEAF_LIKE, leaf);
    leaf->like = (struct filter_like){pattern->text, prefix, fold};
    return CORONG_OK;
}

enum corong_status filter_bind_regex(struct filter_compiler *compiler, uint32_t column,
                                     const struct filter_literal *pattern, struct filter_leaf *leaf)
{
    struct text source = compiler->filter->source;
    TRY(bind_check_pattern(compiler, pattern));
    if (compiler->filter->regex_count == FILTER_REGEX_COUNT_MAX) {
        return filter_token_refuse(source, pattern->at, compiler->error,
                                   "more than %u regular expressions", FILTER_REGEX_COUNT_MAX);
    }
    char message[BIND_REGEX_MESSAGE_SIZE];
    size_t offset = 0;
    struct filter_regex *regex =
        filter_regex_create(pattern->text, message, sizeof(message), &offset);
    if (regex == NULL) {
        size_t at = pattern->at + 1 + (offset <= pattern->text.size ? offset : 0);
        return filter_token_refuse(source, (uint32_t)at, compiler->error, "regular expression: %s",
                                   message);
    }
    if (bind_type(compiler, column) != COLUMN_STRING) {
        filter_regex_destroy(regex);
        return bind_mismatch(compiler, leaf);
    }
    compiler->filter->regex_count++;
    bind_leaf(compiler, column, FILTER_LEAF_REGEX, leaf);
    leaf->regex = regex;
    return CORONG_OK;
}

static bool bind_is_numeric(enum column_type type)
{
    return type == COLUMN_INTEGER || type == COLUMN_NUMBER;
}

enum corong_status filter_bind_columns(struct filter_compiler *compiler, uint32_t left,
                                       uint8_t orders, uint32_t right, uint32_t at,
                                       struct filter_leaf *leaf)
{
    if (left == COLUMN_TIME || right == COLUMN_TIME || left == COLUMN_AMOUNT ||
        right == COLUMN_AMOUNT) {
        return filter_token_refuse(compiler->filter->source, at, compiler->error,
                                   "time and revenue compare with literals only");
    }
    enum column_type left_type = bind_type(compiler, left);
    enum column_type right_type = bind_type(compiler, right);
    if (left_type != right_type && !(bind_is_numeric(left_type) && bind_is_numeric(right_type))) {
        return bind_mismatch(compiler, leaf);
    }
    bind_leaf(compiler, left, FILTER_LEAF_COMPARE, leaf);
    compiler->column_used[right] = true;
    leaf->other.column = right;
    leaf->other.type = right_type;
    leaf->other.orders = orders;
    return CORONG_OK;
}

void filter_bind_null(struct filter_compiler *compiler, uint32_t column, struct filter_leaf *leaf)
{
    bind_leaf(compiler, column, FILTER_LEAF_NULL, leaf);
    leaf->missing = FILTER_TRUE;
}
