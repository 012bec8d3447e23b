// SPDX-License-Identifier: Apache-2.0
/// A compiled filter: leaves (one test of one or two columns each) and a postfix program over their
/// truths. Private to engine/filter. Thread: immutable once compiled.
#pragma once

#include "engine/filter/filter.h"
#include "engine/filter/filter_like.h"
#include "engine/filter/filter_regex.h"

/// Truths are two bits, so that eight rows combine in one word: bit 0 known true, bit 1 known
/// false.
enum filter_truth { FILTER_UNKNOWN = 0, FILTER_TRUE = 1, FILTER_FALSE = 2 };

#define FILTER_STACK_SIZE (2 * FILTER_DEPTH_MAX + 4)

enum filter_leaf_kind {
    FILTER_LEAF_CONSTANT,      ///< `missing` for every row
    FILTER_LEAF_NULL,          ///< `missing` or `unmatched`
    FILTER_LEAF_INTEGER_RANGE, ///< low <= value <= high; also booleans, times and amounts
    FILTER_LEAF_INTEGER_SET,
    FILTER_LEAF_NUMBER_RANGE,
    FILTER_LEAF_NUMBER_SET,
    FILTER_LEAF_TEXT_RANGE,
    FILTER_LEAF_TEXT_SET,
    FILTER_LEAF_LIKE,
    FILTER_LEAF_REGEX,
    FILTER_LEAF_COMPARE, ///< two columns
};

/// Which of less, equal and greater a comparison accepts.
enum filter_order { FILTER_LESS = 1, FILTER_EQUAL = 2, FILTER_GREATER = 4 };

/// A bound that is missing does not bound.
struct filter_text_range {
    struct text low;
    struct text high;
    bool low_open;
    bool high_open;
};

struct filter_leaf {
    enum filter_leaf_kind kind;
    uint32_t column;
    enum column_type type;
    uint8_t matched;   ///< truth where the test holds
    uint8_t unmatched; ///< truth where it does not
    uint8_t missing;   ///< truth where the value (or one of two) is missing
    union {
        struct {
            int64_t low;
            int64_t high;
        } integers;
        struct {
            double low;
            double high;
        } numbers;
        struct filter_text_range texts;
        struct {
            uint32_t count;
            int64_t *integers;  ///< ascending
            double *numbers;    ///< ascending
            struct text *texts; ///< ascending
        } set;
        struct filter_like like;
        struct filter_regex *regex;
        struct {
            uint32_t column;
            enum column_type type;
            uint8_t orders; ///< of enum filter_order
        } other;
    };
};

enum filter_operation {
    FILTER_PUSH, ///< leaf `argument`
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_SKIP_FALSE, ///< go on at `argument` where the top is false for every row
    FILTER_SKIP_TRUE,
};

struct filter_instruction {
    enum filter_operation operation;
    uint32_t argument;
};

struct filter {
    struct text source; ///< copied
    struct text canonical;
    struct filter_instruction *instructions;
    uint32_t instruction_count;
    struct filter_leaf *leaves;
    uint32_t leaf_count;
    uint32_t *columns;
    uint32_t column_count;
    uint32_t stack_size; ///< most truths held at once
    uint32_t type_mismatches;
    uint32_t regex_count;
};

static inline bool filter_integer_in_set(const struct filter_leaf *leaf, int64_t value)
{
    uint32_t low = 0;
    for (uint32_t high = leaf->set.count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (leaf->set.integers[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < leaf->set.count && leaf->set.integers[low] == value;
}

static inline bool filter_number_in_set(const struct filter_leaf *leaf, double value)
{
    uint32_t low = 0;
    for (uint32_t high = leaf->set.count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (leaf->set.numbers[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < leaf->set.count && leaf->set.numbers[low] == value;
}

static inline uint8_t filter_order_of(bool less, bool equal)
{
    return less ? FILTER_LESS : equal ? FILTER_EQUAL : FILTER_GREATER;
}

/// The double behind a NUMBER's bits.
static inline double filter_number_from_bits(int64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/// Whether a value that is not a string is missing.
static inline bool filter_bits_missing(enum column_type type, int64_t bits)
{
    return type == COLUMN_NUMBER ? (uint64_t)bits == COLUMN_NUMBER_MISSING_BITS
                                 : bits == COLUMN_INTEGER_MISSING;
}

/// Orders two present values that are not strings. An integer and a number compare exactly: a long
/// double holds every value of both.
static inline uint8_t filter_compare_bits(enum column_type left_type, int64_t left,
                                          enum column_type right_type, int64_t right)
{
    if (left_type != COLUMN_NUMBER && right_type != COLUMN_NUMBER) {
        return filter_order_of(left < right, left == right);
    }
    long double left_number =
        left_type == COLUMN_NUMBER ? filter_number_from_bits(left) : (long double)left;
    long double right_number =
        right_type == COLUMN_NUMBER ? filter_number_from_bits(right) : (long double)right;
    return filter_order_of(left_number < right_number, left_number == right_number);
}

/// Tests one present string. Regular expressions bring `match`, made by
/// filter_regex_match_create().
enum filter_truth filter_test_text(const struct filter_leaf *leaf, struct text value,
                                   struct filter_regex_match *match);
