// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_program.h"
#include "storage/base/invariant.h"

static bool event_above(const struct filter_text_range *range, struct text value)
{
    if (range->low.bytes == NULL) {
        return true;
    }
    int order = text_compare(value, range->low);
    return range->low_open ? order > 0 : order >= 0;
}

static bool event_below(const struct filter_text_range *range, struct text value)
{
    if (range->high.bytes == NULL) {
        return true;
    }
    int order = text_compare(value, range->high);
    return range->high_open ? order < 0 : order <= 0;
}

static bool event_in_text_set(const struct filter_leaf *leaf, struct text value)
{
    uint32_t low = 0;
    for (uint32_t high = leaf->set.count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (text_compare(leaf->set.texts[middle], value) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < leaf->set.count && text_compare(leaf->set.texts[low], value) == 0;
}

enum filter_truth filter_test_text(const struct filter_leaf *leaf, struct text value,
                                   struct filter_regex_match *match)
{
    bool holds = false;
    switch (leaf->kind) {
    case FILTER_LEAF_NULL:
        break;
    case FILTER_LEAF_TEXT_RANGE:
        holds = event_above(&leaf->texts, value) && event_below(&leaf->texts, value);
        break;
    case FILTER_LEAF_TEXT_SET:
        holds = event_in_text_set(leaf, value);
        break;
    case FILTER_LEAF_LIKE:
        holds = filter_like_matches(&leaf->like, value);
        break;
    case FILTER_LEAF_REGEX: {
        enum filter_regex_result result = filter_regex_search(leaf->regex, match, value);
        if (result == FILTER_REGEX_GAVE_UP) {
            return FILTER_UNKNOWN;
        }
        holds = result == FILTER_REGEX_YES;
        break;
    }
    default:
        ASSERT(false); // not a leaf over strings
    }
    return holds ? leaf->matched : leaf->unmatched;
}

static enum filter_truth event_test_string(const struct filter_leaf *leaf, struct text value)
{
    if (value.bytes == NULL) {
        return leaf->missing;
    }
    if (leaf->kind != FILTER_LEAF_REGEX) {
        return filter_test_text(leaf, value, NULL);
    }
    struct filter_regex_match *match = filter_regex_match_create();
    enum filter_truth truth = filter_test_text(leaf, value, match);
    filter_regex_match_destroy(match);
    return truth;
}

static enum filter_truth event_test_bits(const struct filter_leaf *leaf, int64_t bits)
{
    if (filter_bits_missing(leaf->type, bits)) {
        return leaf->missing;
    }
    bool holds = false;
    double number = filter_number_from_bits(bits);
    switch (leaf->kind) {
    case FILTER_LEAF_NULL:
        break;
    case FILTER_LEAF_INTEGER_RANGE:
        holds = bits >= leaf->integers.low && bits <= leaf->integers.high;
        break;
    case FILTER_LEAF_INTEGER_SET:
        holds = filter_integer_in_set(leaf, bits);
        break;
    case FILTER_LEAF_NUMBER_RANGE:
        holds = number >= leaf->numbers.low && number <= leaf->numbers.high;
        break;
    case FILTER_LEAF_NUMBER_SET:
        holds = filter_number_in_set(leaf, number);
        break;
    default:
        ASSERT(false); // not a leaf over integers or numbers
    }
    return holds ? leaf->matched : leaf->unmatched;
}

static enum filter_truth event_test_pair(const struct filter_leaf *leaf,
                                         const union canonical_value *left,
                                         const union canonical_value *right)
{
    uint8_t order;
    if (leaf->type == COLUMN_STRING) {
        if (left->string.bytes == NULL || right->string.bytes == NULL) {
            return leaf->missing;
        }
        int compared = text_compare(left->string, right->string);
        order = filter_order_of(compared < 0, compared == 0);
    } else {
        if (filter_bits_missing(leaf->type, left->integer) ||
            filter_bits_missing(leaf->other.type, right->integer)) {
            return leaf->missing;
        }
        order = filter_compare_bits(leaf->type, left->integer, leaf->other.type, right->integer);
    }
    return (order & leaf->other.orders) != 0 ? leaf->matched : leaf->unmatched;
}

static enum filter_truth event_test(const struct filter_leaf *leaf,
                                    const union canonical_value *values, int64_t time_us)
{
    if (leaf->kind == FILTER_LEAF_CONSTANT) {
        return leaf->missing;
    }
    if (leaf->kind == FILTER_LEAF_COMPARE) {
        return event_test_pair(leaf, &values[leaf->column], &values[leaf->other.column]);
    }
    if (leaf->column == COLUMN_TIME) {
        return event_test_bits(leaf, time_us);
    }
    if (leaf->type == COLUMN_STRING) {
        return event_test_string(leaf, values[leaf->column].string);
    }
    return event_test_bits(leaf, values[leaf->column].integer);
}

static uint8_t event_and(uint8_t left, uint8_t right)
{
    return (uint8_t)((left & right & FILTER_TRUE) | ((left | right) & FILTER_FALSE));
}

static uint8_t event_or(uint8_t left, uint8_t right)
{
    return (uint8_t)(((left | right) & FILTER_TRUE) | (left & right & FILTER_FALSE));
}

static uint8_t event_not(uint8_t truth)
{
    return (uint8_t)((truth >> 1 & FILTER_TRUE) | (truth << 1 & FILTER_FALSE));
}

bool filter_matches_event(const struct filter *filter, const union canonical_value *values,
                          int64_t time_us)
{
    uint8_t stack[FILTER_STACK_SIZE];
    uint32_t held = 0;
    for (uint32_t at = 0; at < filter->instruction_count;) {
        const struct filter_instruction *instruction = &filter->instructions[at++];
        switch (instruction->operation) {
        case FILTER_PUSH:
            stack[held++] =
                (uint8_t)event_test(&filter->leaves[instruction->argument], values, time_us);
            break;
        case FILTER_AND:
            held--;
            stack[held - 1] = event_and(stack[held - 1], stack[held]);
            break;
        case FILTER_OR:
            held--;
            stack[held - 1] = event_or(stack[held - 1], stack[held]);
            break;
        case FILTER_NOT:
            stack[held - 1] = event_not(stack[held - 1]);
            break;
        case FILTER_SKIP_FALSE:
            at = stack[held - 1] == FILTER_FALSE ? instruction->argument : at;
            break;
        case FILTER_SKIP_TRUE:
            at = stack[held - 1] == FILTER_TRUE ? instruction->argument : at;
            break;
        }
    }
    return stack[0] == FILTER_TRUE;
}
