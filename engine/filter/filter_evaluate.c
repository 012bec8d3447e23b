// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_segment.h"

#include "storage/base/invariant.h"

/// Rows at a time: all truths of a batch stay in the first-level cache. A multiple of the word.
#define EVALUATE_BATCH 2048u
#define EVALUATE_LANES 8u ///< truths in one 64-bit word
#define EVALUATE_TRUE_BITS (UINT64_C(0x0101010101010101) * FILTER_TRUE)
#define EVALUATE_FALSE_BITS (UINT64_C(0x0101010101010101) * FILTER_FALSE)

struct evaluate_batch {
    const struct filter_segment *segment;
    const struct column_values *columns;
    uint32_t first;
    uint32_t count;
    uint32_t padded; ///< count, up to whole words
    uint8_t *truths; ///< stack of `held` vectors of EVALUATE_BATCH bytes
    uint32_t held;
};

static uint64_t evaluate_load(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

static void evaluate_store(uint8_t *to, uint64_t word)
{
    memcpy(to, &word, sizeof(word));
}

static uint8_t *evaluate_vector(const struct evaluate_batch *batch, uint32_t index)
{
    return batch->truths + (size_t)index * EVALUATE_BATCH;
}

static void evaluate_codes(const struct filter_segment_leaf *prepared, const uint32_t *codes,
                           uint32_t count, uint8_t *out)
{
    const uint8_t *truths = prepared->truths;
    uint32_t missing = prepared->count;
    for (uint32_t row = 0; row < count; row++) {
        out[row] = truths[codes[row] < missing ? codes[row] : missing];
    }
}

static void evaluate_integer_range(const struct filter_leaf *leaf, const int64_t *values,
                                   uint32_t count, uint8_t *out)
{
    int64_t low = leaf->integers.low;
    int64_t high = leaf->integers.high;
    uint8_t matched = leaf->matched;
    uint8_t unmatched = leaf->unmatched;
    uint8_t missing = leaf->missing;
    for (uint32_t row = 0; row < count; row++) {
        int64_t value = values[row];
        bool holds = (value >= low) & (value <= high);
        uint8_t truth = holds ? matched : unmatched;
        out[row] = value == COLUMN_INTEGER_MISSING ? missing : truth;
    }
}

static void evaluate_number_range(const struct filter_leaf *leaf, const int64_t *values,
                                  uint32_t count, uint8_t *out)
{
    double low = leaf->numbers.low;
    double high = leaf->numbers.high;
    for (uint32_t row = 0; row < count; row++) {
        double value = filter_number_from_bits(values[row]);
        bool holds = (value >= low) & (value <= high);
        uint8_t truth = holds ? leaf->matched : leaf->unmatched;
        out[row] = (uint64_t)values[row] == COLUMN_NUMBER_MISSING_BITS ? leaf->missing : truth;
    }
}

static void evaluate_set(const struct filter_leaf *leaf, const int64_t *values, uint32_t count,
                         uint8_t *out)
{
    bool numbers = leaf->kind == FILTER_LEAF_NUMBER_SET;
    for (uint32_t row = 0; row < count; row++) {
        bool holds = numbers ? filter_number_in_set(leaf, filter_number_from_bits(values[row]))
                             : filter_integer_in_set(leaf, values[row]);
        uint8_t truth = holds ? leaf->matched : leaf->unmatched;
        out[row] = filter_bits_missing(leaf->type, values[row]) ? leaf->missing : truth;
    }
}

static void evaluate_null(const struct filter_leaf *leaf, const int64_t *values, uint32_t count,
                          uint8_t *out)
{
    for (uint32_t row = 0; row < count; row++) {
        bool missing = filter_bits_missing(leaf->type, values[row]);
        out[row] = missing ? leaf->missing : leaf->unmatched;
    }
}

static void evaluate_string_pair(const struct filter_leaf *leaf,
                                 const struct filter_segment_leaf *prepared, const uint32_t *left,
                                 const uint32_t *right, uint32_t count, uint8_t *out)
{
    for (uint32_t row = 0; row < count; row++) {
        if (left[row] == COLUMN_CODE_MISSING || right[row] == COLUMN_CODE_MISSING) {
            out[row] = leaf->missing;
            continue;
        }
        int compared = text_compare(dictionary_text(prepared->left, left[row]),
                                    dictionary_text(prepared->right, right[row]));
        bool holds = (filter_order_of(compared < 0, compared == 0) & leaf->other.orders) != 0;
        out[row] = holds ? leaf->matched : leaf->unmatched;
    }
}

static void evaluate_bits_pair(const struct filter_leaf *leaf, const int64_t *left,
                               const int64_t *right, uint32_t count, uint8_t *out)
{
    for (uint32_t row = 0; row < count; row++) {
        if (filter_bits_missing(leaf->type, left[row]) ||
            filter_bits_missing(leaf->other.type, right[row])) {
            out[row] = leaf->missing;
            continue;
        }
        uint8_t order = filter_compare_bits(leaf->type, left[row], leaf->other.type, right[row]);
        out[row] = (order & leaf->other.orders) != 0 ? leaf->matched : leaf->unmatched;
    }
}

static void evaluate_pair(const struct evaluate_batch *batch, const struct filter_leaf *leaf,
                          const struct filter_segment_leaf *prepared, uint8_t *out)
{
    const struct column_values *left = &batch->columns[leaf->column];
    const struct column_values *right = &batch->columns[leaf->other.column];
    bool strings = leaf->type == COLUMN_STRING;
    if (strings && left->codes != NULL && right->codes != NULL && prepared->left != NULL &&
        prepared->right != NULL) {
        evaluate_string_pair(leaf, prepared, left->codes + batch->first,
                             right->codes + batch->first, batch->count, out);
    } else if (!strings && left->integers != NULL && right->integers != NULL) {
        evaluate_bits_pair(leaf, left->integers + batch->first, right->integers + batch->first,
                           batch->count, out);
    } else {
        memset(out, leaf->missing, batch->count);
    }
}

static void evaluate_values(const struct filter_leaf *leaf, const int64_t *values, uint32_t count,
                            uint8_t *out)
{
    switch (leaf->kind) {
    case FILTER_LEAF_NULL:
        evaluate_null(leaf, values, count, out);
        break;
    case FILTER_LEAF_INTEGER_RANGE:
        evaluate_integer_range(leaf, values, count, out);
        break;
    case FILTER_LEAF_NUMBER_RANGE:
        evaluate_number_range(leaf, values, count, out);
        break;
    case FILTER_LEAF_INTEGER_SET:
    case FILTER_LEAF_NUMBER_SET:
        evaluate_set(leaf, values, count, out);
        break;
    default:
        ASSERT(false); // not a leaf over integers or numbers
    }
}

/// One leaf over the rows of the batch. A column that the segment lacks is missing everywhere.
static void evaluate_leaf(const struct evaluate_batch *batch, uint32_t index, uint8_t *out)
{
    const struct filter_leaf *leaf = &batch->segment->filter->leaves[index];
    const struct filter_segment_leaf *prepared = &batch->segment->leaves[index];
    if (leaf->kind == FILTER_LEAF_CONSTANT) {
        memset(out, leaf->missing, batch->count);
        return;
    }
    if (leaf->kind == FILTER_LEAF_COMPARE) {
        evaluate_pair(batch, leaf, prepared, out);
        return;
    }
    const struct column_values *values = &batch->columns[leaf->column];
    if (leaf->type == COLUMN_STRING && values->codes != NULL && prepared->truths != NULL) {
        evaluate_codes(prepared, values->codes + batch->first, batch->count, out);
    } else if (leaf->type != COLUMN_STRING && values->integers != NULL) {
        evaluate_values(leaf, values->integers + batch->first, batch->count, out);
    } else {
        memset(out, leaf->missing, batch->count);
    }
}

/// The lanes behind the last row repeat it, so that whole words may be combined and compared.
static void evaluate_push(struct evaluate_batch *batch, uint32_t leaf)
{
    uint8_t *out = evaluate_vector(batch, batch->held++);
    evaluate_leaf(batch, leaf, out);
    memset(out + batch->count, out[batch->count - 1], batch->padded - batch->count);
}

/// A vector's known-true bits join where both are, or either is; its known-false bits the other
/// way.
static void evaluate_combine(struct evaluate_batch *batch, uint64_t both_bits, uint64_t either_bits)
{
    batch->held--;
    uint8_t *left = evaluate_vector(batch, batch->held - 1);
    const uint8_t *right = evaluate_vector(batch, batch->held);
    for (uint32_t row = 0; row < batch->padded; row += EVALUATE_LANES) {
        uint64_t a = evaluate_load(left + row);
        uint64_t b = evaluate_load(right + row);
        evaluate_store(left + row, (a & b & both_bits) | ((a | b) & either_bits));
    }
}

static void evaluate_not(struct evaluate_batch *batch)
{
    uint8_t *top = evaluate_vector(batch, batch->held - 1);
    for (uint32_t row = 0; row < batch->padded; row += EVALUATE_LANES) {
        uint64_t word = evaluate_load(top + row);
        evaluate_store(top + row,
                       (word >> 1 & EVALUATE_TRUE_BITS) | (word << 1 & EVALUATE_FALSE_BITS));
    }
}

static bool evaluate_is_all(const struct evaluate_batch *batch, uint64_t bits)
{
    const uint8_t *top = evaluate_vector(batch, batch->held - 1);
    for (uint32_t row = 0; row < batch->padded; row += EVALUATE_LANES) {
        if (evaluate_load(top + row) != bits) {
            return false;
        }
    }
    return true;
}

static void evaluate_run(struct evaluate_batch *batch)
{
    const struct filter *filter = batch->segment->filter;
    batch->held = 0;
    for (uint32_t at = 0; at < filter->instruction_count;) {
        const struct filter_instruction *instruction = &filter->instructions[at++];
        switch (instruction->operation) {
        case FILTER_PUSH:
            evaluate_push(batch, instruction->argument);
            break;
        case FILTER_AND:
            evaluate_combine(batch, EVALUATE_TRUE_BITS, EVALUATE_FALSE_BITS);
            break;
        case FILTER_OR:
            evaluate_combine(batch, EVALUATE_FALSE_BITS, EVALUATE_TRUE_BITS);
            break;
        case FILTER_NOT:
            evaluate_not(batch);
            break;
        case FILTER_SKIP_FALSE:
            at = evaluate_is_all(batch, EVALUATE_FALSE_BITS) ? instruction->argument : at;
            break;
        case FILTER_SKIP_TRUE:
            at = evaluate_is_all(batch, EVALUATE_TRUE_BITS) ? instruction->argument : at;
            break;
        }
    }
}

static bool evaluate_any(const uint8_t *matches, uint32_t count)
{
    uint64_t any = 0;
    uint32_t row = 0;
    for (; row + EVALUATE_LANES <= count; row += EVALUATE_LANES) {
        any |= evaluate_load(matches + row);
    }
    for (; row < count; row++) {
        any |= matches[row];
    }
    return any != 0;
}

/// Keeps matches where the truth is known true.
static void evaluate_apply(const uint8_t *truths, uint32_t count, uint8_t *matches)
{
    uint32_t row = 0;
    for (; row + EVALUATE_LANES <= count; row += EVALUATE_LANES) {
        uint64_t kept = (evaluate_load(truths + row) & EVALUATE_TRUE_BITS) * UINT8_MAX;
        evaluate_store(matches + row, evaluate_load(matches + row) & kept);
    }
    for (; row < count; row++) {
        matches[row] = (truths[row] & FILTER_TRUE) != 0 ? matches[row] : 0;
    }
}

void filter_evaluate(const struct filter_segment *filter, const struct column_values *columns,
                     uint32_t row_count, struct arena *scratch, uint8_t *matches)
{
    size_t stack_bytes = (size_t)filter->filter->stack_size * EVALUATE_BATCH;
    struct evaluate_batch batch = {
        .segment = filter, .columns = columns, .truths = arena_allocate(scratch, stack_bytes)};
    for (uint32_t first = 0; first < row_count; first += batch.count) {
        uint32_t left = row_count - first;
        batch.first = first;
        batch.count = left < EVALUATE_BATCH ? left : EVALUATE_BATCH;
        batch.padded = (batch.count + EVALUATE_LANES - 1) / EVALUATE_LANES * EVALUATE_LANES;
        if (evaluate_any(matches + first, batch.count)) {
            evaluate_run(&batch);
            evaluate_apply(batch.truths, batch.count, matches + first);
        }
    }
}
