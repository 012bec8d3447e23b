// SPDX-License-Identifier: Apache-2.0
// Random filters over random rows: the columnar evaluation, the one-event evaluation and a naive
// evaluation of the expression tree in this file must agree row by row.
#include "engine/filter/filter.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW_COUNT_MAX 5000u
#define NODE_COUNT_MAX 64u
#define TEXT_COUNT 14u
#define COLUMN_COUNT (COLUMN_SYSTEM_COUNT + 6)

enum test_column { S = COLUMN_SYSTEM_COUNT, T, I, J, X, B };

static const struct {
    const char *name;
    enum column_type type;
} ATTRIBUTES[] = {{"s", COLUMN_STRING},  {"t", COLUMN_STRING}, {"i", COLUMN_INTEGER},
                  {"j", COLUMN_INTEGER}, {"x", COLUMN_NUMBER}, {"b", COLUMN_BOOLEAN}};

/// Sorted, so that they are a dictionary; with letters of two bytes and the characters that like
/// treats as special.
static const char *const TEXTS[TEXT_COUNT] = {"",
                                              "B",
                                              "a",
                                              "a%b",
                                              "aA",
                                              "a_b",
                                              "ab",
                                              "abab",
                                              "b",
                                              "ba",
                                              "bab",
                                              "baba",
                                              "\xc3\x84",
                                              "\xc3\xa4"
                                              "b"};

enum truth { NO, MAYBE, YES };
enum node_kind { AND, OR, NOT, COMPARE, BETWEEN, IN, LIKE, REGEX, IS_NULL, PAIR, BOOL, BARE };

struct literal {
    char kind; ///< 's', 'n' (halves), 'b', 't'
    int value; ///< index of TEXTS, number of halves, boolean, day
    char text[64];
};

struct node {
    enum node_kind kind;
    uint32_t column;
    uint32_t other;
    int operation; ///< index of OPERATIONS, or of a pattern
    bool negate;
    bool fold;
    uint32_t literal_count;
    struct literal literals[4];
    const struct node *left;
    const struct node *right;
};

static const char *const OPERATIONS[] = {"=", "!=", "<", "<=", ">", ">="};
static const char *const LIKES[] = {"a%", "%b", "%ab%", "_",         "_b", "a\\%b", "a\\_b",
                                    "",   "%",  "%a%b", "\xc3\xa4%", "__", "ab",    "b_b%"};
#define LIKE_COUNT (sizeof(LIKES) / sizeof(LIKES[0]))
static const char *const REGEXES[] = {"^a", "b$", "ab", "^$"};

static uint64_t random_state;
static struct node nodes[NODE_COUNT_MAX];
static uint32_t node_count;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % limit;
}

/// ---- rows
/// ----------------------------------------------------------------------------------------

static uint32_t codes[COLUMN_COUNT][ROW_COUNT_MAX];
static int64_t integers[COLUMN_COUNT][ROW_COUNT_MAX];
static struct column_values columns[COLUMN_COUNT];
static union canonical_value values[COLUMN_COUNT];

static int64_t number_bits(double number)
{
    int64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static void make_row(uint32_t row)
{
    static const uint32_t STRINGS[] = {COLUMN_NAME, COLUMN_CURRENCY, S, T};
    for (uint32_t index = 0; index < 4; index++) {
        bool missing = STRINGS[index] != COLUMN_NAME && random_below(5) == 0;
        codes[STRINGS[index]][row] = missing ? COLUMN_CODE_MISSING : random_below(TEXT_COUNT);
    }
    static const uint32_t INTEGERS[] = {COLUMN_AMOUNT, I, J};
    for (uint32_t index = 0; index < 3; index++) {
        int64_t value = (int64_t)random_below(7) - 3;
        integers[INTEGERS[index]][row] = random_below(5) == 0 ? COLUMN_INTEGER_MISSING : value;
    }
    bool missing = random_below(5) == 0;
    double number = ((double)random_below(13) - 6) / 2;
    integers[X][row] = missing ? (int64_t)COLUMN_NUMBER_MISSING_BITS : number_bits(number + 0.0);
    integers[B][row] = random_below(5) == 0 ? COLUMN_INTEGER_MISSING : random_below(2);
    integers[COLUMN_TIME][row] = (int64_t)random_below(4) * INT64_C(43200000000);
}

static void make_rows(uint32_t row_count)
{
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        bool string =
            column == COLUMN_NAME || column == COLUMN_CURRENCY || column == S || column == T;
        // Now and then the segment lacks an attribute.
        bool lacking = column >= COLUMN_SYSTEM_COUNT && random_below(10) == 0;
        columns[column].codes = string && !lacking ? codes[column] : NULL;
        columns[column].integers = !string && !lacking ? integers[column] : NULL;
    }
    for (uint32_t row = 0; row < row_count; row++) {
        make_row(row);
    }
}

static void load_row(uint32_t row)
{
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        const struct column_values *held = &columns[column];
        if (column == COLUMN_NAME || column == COLUMN_CURRENCY || column == S || column == T) {
            uint32_t code = held->codes == NULL ? COLUMN_CODE_MISSING : held->codes[row];
            values[column].string =
                code == COLUMN_CODE_MISSING ? TEXT_MISSING : text_from(TEXTS[code]);
        } else if (held->integers != NULL) {
            values[column].integer = held->integers[row];
        } else {
            values[column].integer =
                column == X ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
        }
    }
}

/// ---- the naive evaluation
/// ------------------------------------------------------------------------

static enum truth negate(enum truth truth)
{
    return YES - truth;
}

static enum truth both(enum truth left, enum truth right)
{
    return left < right ? left : right;
}

static enum truth either(enum truth left, enum truth right)
{
    return left > right ? left : right;
}

static enum truth by_order(int order, int operation)
{
    bool holds[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
    return holds[operation] ? YES : NO;
}

static bool is_string(uint32_t column)
{
    return column == COLUMN_NAME || column == COLUMN_CURRENCY || column == S || column == T;
}

static bool is_missing(uint32_t column)
{
    if (is_string(column)) {
        return values[column].string.bytes == NULL;
    }
    return column == X ? (uint64_t)values[X].integer == COLUMN_NUMBER_MISSING_BITS
                       : values[column].integer == COLUMN_INTEGER_MISSING;
}

/// In halves of what a literal counts: amounts are in 1/10000, and literals of them in 1/20000.
static long halves_of(uint32_t column)
{
    if (column == X) {
        double number;
        memcpy(&number, &values[X].integer, sizeof(number));
        return (long)(number * 2);
    }
    return (long)values[column].integer * 2;
}

static enum truth naive_compare(uint32_t column, int operation, const struct literal *literal)
{
    char wanted = is_string(column) ? 's' : column == B ? 'b' : column == COLUMN_TIME ? 't' : 'n';
    if (is_missing(column) || literal->kind != wanted) {
        return MAYBE;
    }
    if (wanted == 's') {
        return by_order(text_compare(values[column].string, text_from(TEXTS[literal->value])),
                        operation);
    }
    if (wanted == 't') {
        int64_t time_us = literal->value * INT64_C(43200000000);
        return by_order((values[column].integer > time_us) - (values[column].integer < time_us),
                        operation);
    }
    long value = wanted == 'b' ? (long)values[column].integer : halves_of(column);
    return by_order((value > literal->value) - (value < literal->value), operation);
}

static size_t character_size(const char *at)
{
    return (unsigned char)*at >= 0xc3 ? 2 : 1;
}

static bool characters_equal(const char *left, const char *right, bool fold)
{
    if (character_size(left) != character_size(right)) {
        return false;
    }
    if (character_size(left) == 2) {
        unsigned char difference = (unsigned char)left[1] ^ (unsigned char)right[1];
        return difference == 0 || (fold && difference == 0x20);
    }
    char other = fold && *right >= 'A' && *right <= 'Z' ? (char)(*right + 32) : *right;
    char one = fold && *left >= 'A' && *left <= 'Z' ? (char)(*left + 32) : *left;
    return one == other;
}

static bool naive_like(const char *pattern, const char *value, bool fold)
{
    if (*pattern == '\0') {
        return *value == '\0';
    }
    if (*pattern == '%') {
        return naive_like(pattern + 1, value, fold) ||
               (*value != '\0' && naive_like(pattern, value + character_size(value), fold));
    }
    if (*value == '\0') {
        return false;
    }
    if (*pattern == '_') {
        return naive_like(pattern + 1, value + character_size(value), fold);
    }
    pattern += *pattern == '\\';
    return characters_equal(pattern, value, fold) &&
           naive_like(pattern + character_size(pattern), value + character_size(value), fold);
}

static enum truth naive_regex(int pattern, struct text value)
{
    bool holds[] = {value.size > 0 && value.bytes[0] == 'a',
                    value.size > 0 && value.bytes[value.size - 1] == 'b',
                    strstr(value.bytes, "ab") != NULL, value.size == 0};
    return holds[pattern] ? YES : NO;
}

static enum truth naive_pair(const struct node *node)
{
    if (is_missing(node->column) || is_missing(node->other)) {
        return MAYBE;
    }
    if (is_string(node->column) != is_string(node->other)) {
        return MAYBE;
    }
    if (is_string(node->column)) {
        return by_order(text_compare(values[node->column].string, values[node->other].string),
                        node->operation);
    }
    if ((node->column == B) != (node->other == B)) {
        return MAYBE;
    }
    long left = halves_of(node->column);
    long right = halves_of(node->other);
    return by_order((left > right) - (left < right), node->operation);
}

static enum truth naive_test(const struct node *node)
{
    enum truth truth = NO;
    switch (node->kind) {
    case COMPARE:
        return naive_compare(node->column, node->operation, &node->literals[0]);
    case BETWEEN: // a and b as SQL writes it out
        return both(naive_compare(node->column, 5, &node->literals[0]),
                    naive_compare(node->column, 3, &node->literals[1]));
    case IN:
        for (uint32_t index = 0; index < node->literal_count; index++) {
            truth = either(truth, naive_compare(node->column, 0, &node->literals[index]));
        }
        return truth;
    case LIKE:
        if (!is_string(node->column) || is_missing(node->column)) {
            return MAYBE;
        }
        return naive_like(LIKES[node->operation], values[node->column].string.bytes, node->fold)
                   ? YES
                   : NO;
    case REGEX:
        if (!is_string(node->column) || is_missing(node->column)) {
            return MAYBE;
        }
        return naive_regex(node->operation, values[node->column].string);
    case IS_NULL:
        return is_missing(node->column) ? YES : NO;
    case PAIR:
        return naive_pair(node);
    case BARE:
        return is_missing(B) ? MAYBE : values[B].integer == 1 ? YES : NO;
    default:
        return node->operation == 0 ? NO : YES;
    }
}

static enum truth naive(const struct node *node)
{
    switch (node->kind) {
    case AND:
        return both(naive(node->left), naive(node->right));
    case OR:
        return either(naive(node->left), naive(node->right));
    case NOT:
        return negate(naive(node->left));
    default:
        return node->negate ? negate(naive_test(node)) : naive_test(node);
    }
}

/// ---- random filters
/// ------------------------------------------------------------------------------

static void make_literal(uint32_t column, struct literal *literal)
{
    bool wrong = column != COLUMN_TIME && random_below(8) == 0;
    char right = is_string(column) ? 's' : column == B ? 'b' : column == COLUMN_TIME ? 't' : 'n';
    literal->kind = wrong ? "snb"[random_below(3)] : right;
    if (literal->kind == 's') {
        literal->value = (int)random_below(TEXT_COUNT);
        snprintf(literal->text, sizeof(literal->text), "'%s'", TEXTS[literal->value]);
    } else if (literal->kind == 'b') {
        literal->value = (int)random_below(2);
        snprintf(literal->text, sizeof(literal->text), literal->value == 1 ? "TRUE" : "false");
    } else if (literal->kind == 't') {
        literal->value = (int)random_below(4);
        static const char *const DAYS[] = {"'1970-01-01'", "'1970-01-01T12:00:00Z'",
                                           "'1970-01-02 00:00:00'",
                                           "'1970-01-02T13:00:00.000+01:00'"};
        snprintf(literal->text, sizeof(literal->text), "%s", DAYS[literal->value]);
    } else {
        static const char *const FORMS[] = {"%s%d.%d", "%s%d.%d00", "%s00%d.%d", "%s%d.%de0"};
        literal->value = (int)random_below(14) - 7;
        int halves = abs(literal->value);
        const char *sign = literal->value < 0 ? "-" : random_below(4) == 0 ? "+" : "";
        if (column == COLUMN_AMOUNT) { // in 1/20000
            snprintf(literal->text, sizeof(literal->text), "%s0.000%d%s", sign, halves / 2,
                     halves % 2 == 1 ? "5" : "");
        } else {
            snprintf(literal->text, sizeof(literal->text), FORMS[random_below(4)], sign, halves / 2,
                     halves % 2 * 5);
        }
    }
}

static uint32_t random_column(void)
{
    static const uint32_t COLUMNS[] = {
        COLUMN_TIME, COLUMN_NAME, COLUMN_AMOUNT, COLUMN_CURRENCY, S, S, T, I, I, J, X, B};
    return COLUMNS[random_below(sizeof(COLUMNS) / sizeof(COLUMNS[0]))];
}

static void make_pair(struct node *node)
{
    static const uint32_t PAIRS[][2] = {{S, T},           {I, J}, {I, X}, {X, J},
                                        {COLUMN_NAME, S}, {S, I}, {B, I}};
    uint32_t pair = random_below(sizeof(PAIRS) / sizeof(PAIRS[0]));
    node->column = PAIRS[pair][0];
    node->other = PAIRS[pair][1];
}

static void make_test(struct node *node)
{
    node->kind = COMPARE + random_below(BARE - COMPARE + 1);
    node->column = random_column();
    node->negate = random_below(2) == 0;
    node->fold = random_below(2) == 0;
    node->operation = (int)random_below(6);
    node->literal_count = 1 + random_below(4);
    for (uint32_t index = 0; index < 4; index++) {
        make_literal(node->column, &node->literals[index]);
    }
    if (node->kind == LIKE || node->kind == REGEX) {
        node->operation = (int)random_below(node->kind == LIKE ? LIKE_COUNT : 4);
        node->column = node->column == COLUMN_TIME ? S : node->column;
    } else if (node->kind == PAIR) {
        make_pair(node);
    } else if (node->kind == BOOL) {
        node->operation = (int)random_below(2);
    }
    if (node->kind == COMPARE || node->kind == PAIR || node->kind == BOOL || node->kind == BARE) {
        node->negate = false;
    }
}

static const struct node *make_node(uint32_t depth)
{
    struct node *node = &nodes[node_count++];
    *node = (struct node){0};
    uint32_t choice = random_below(6);
    if (depth == 0 || choice >= 4) {
        make_test(node);
        return node;
    }
    node->kind = choice == 0 ? NOT : choice == 1 ? OR : AND;
    node->left = make_node(depth - 1);
    node->right = node->kind == NOT ? NULL : make_node(depth - 1);
    return node;
}

static const char *column_name(uint32_t column)
{
    static const char *const SYSTEM[] = {"time", "event", "", "", "", "revenue", "currency"};
    static const char *const QUOTED[] = {"s", "\"t\"", "i", "j", "\"x\"", "b"};
    return column < S ? SYSTEM[column] : QUOTED[column - S];
}

static void write_test(const struct node *node, struct text_buffer *out)
{
    static const char *const MIRRORED[] = {"==", "<>", ">", ">=", "<", "<="};
    const char *name = column_name(node->column);
    const char *not = node->negate ? "NOT " : "";
    switch (node->kind) {
    case COMPARE:
        if (random_below(4) == 0) {
            text_buffer_printf(out, "%s %s %s", node->literals[0].text, MIRRORED[node->operation],
                               name);
        } else {
            text_buffer_printf(out, "%s%s%s", name, OPERATIONS[node->operation],
                               node->literals[0].text);
        }
        break;
    case BETWEEN:
        text_buffer_printf(out, "%s %sbetween %s and %s", name, not, node->literals[0].text,
                           node->literals[1].text);
        break;
    case IN:
        text_buffer_printf(out, "%s %sin (", name, not );
        for (uint32_t index = 0; index < node->literal_count; index++) {
            text_buffer_printf(out, "%s%s", index > 0 ? ", " : "", node->literals[index].text);
        }
        text_buffer_append_string(out, ")");
        break;
    case LIKE:
        text_buffer_printf(out, "%s %s%s '%s'", name, not, node->fold ? "ILike" : "like",
                           LIKES[node->operation]);
        break;
    case REGEX:
        text_buffer_printf(out, "%s %s '%s'", name, node->negate ? "!~" : "=~",
                           REGEXES[node->operation]);
        break;
    case IS_NULL:
        text_buffer_printf(out, "%s is %snull", name, not );
        break;
    case PAIR:
        text_buffer_printf(out, "%s %s %s", name, OPERATIONS[node->operation],
                           column_name(node->other));
        break;
    case BARE:
        text_buffer_append_string(out, "b");
        break;
    default:
        text_buffer_append_string(out, node->operation == 0 ? "false" : "true");
        break;
    }
}

static void write_node(const struct node *node, struct text_buffer *out)
{
    if (node->kind > NOT) {
        write_test(node, out);
        return;
    }
    text_buffer_append_string(out, node->kind == NOT ? "not (" : "(");
    write_node(node->left, out);
    if (node->kind != NOT) {
        text_buffer_append_string(out, node->kind == AND ? " and " : " or ");
        write_node(node->right, out);
    }
    text_buffer_append_string(out, ")");
}

/// ---- the comparison
/// ------------------------------------------------------------------------------

static void make_schema(struct schema *schema, struct arena *arena)
{
    schema_init(schema, arena);
    for (uint32_t index = 0; index < sizeof(ATTRIBUTES) / sizeof(ATTRIBUTES[0]); index++) {
        uint32_t column;
        cr_assert_eq(schema_add(schema, arena, text_from(ATTRIBUTES[index].name),
                                ATTRIBUTES[index].type, &column, NULL),
                     CORONG_OK);
        cr_assert_eq(column, S + index);
    }
}

static void make_dictionary(struct dictionary *dictionary, struct arena *arena)
{
    struct text_buffer bytes = {0};
    uint32_t *offsets = arena_allocate(arena, (TEXT_COUNT + 1) * sizeof(*offsets));
    for (uint32_t index = 0; index < TEXT_COUNT; index++) {
        offsets[index] = (uint32_t)bytes.size;
        text_buffer_append_string(&bytes, TEXTS[index]);
    }
    offsets[TEXT_COUNT] = (uint32_t)bytes.size;
    struct text kept = arena_copy_text(arena, (struct text){bytes.bytes, bytes.size});
    *dictionary = (struct dictionary){TEXT_COUNT, offsets, kept.bytes};
    text_buffer_deinit(&bytes);
}

static void check_rows(const struct filter *filter, const struct node *root, struct text source,
                       const uint8_t *matches, uint32_t row_count, uint64_t seed)
{
    for (uint32_t row = 0; row < row_count; row++) {
        load_row(row);
        bool expected = naive(root) == YES;
        bool one = filter_matches_event(filter, values, values[COLUMN_TIME].integer);
        cr_assert_eq(one, expected, "seed %lu row %u: one event gives %d: %s", seed, row, one,
                     source.bytes);
        uint8_t kept = expected ? (uint8_t)((row % 3 + 1) % 3) : 0;
        cr_assert_eq(matches[row], kept, "seed %lu row %u: columns give %d: %s", seed, row,
                     matches[row], source.bytes);
    }
}

static void check_seed(uint64_t seed, uint32_t row_count)
{
    struct arena arena = {0};
    struct schema schema;
    struct dictionary dictionary;
    struct text_buffer source = {0};
    struct corong_error error = {0};
    struct filter *filter;
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
    make_schema(&schema, &arena);
    make_dictionary(&dictionary, &arena);
    make_rows(row_count);
    node_count = 0;
    const struct node *root = make_node(1 + random_below(5));
    write_node(root, &source);
    struct text text = {source.bytes, source.size};
    cr_assert_eq(filter_compile(&filter, &arena, text, &schema, &error), CORONG_OK, "seed %lu: %s",
                 seed, error.message);
    const struct dictionary *dictionaries[COLUMN_COUNT] = {NULL};
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        dictionaries[column] = columns[column].codes != NULL ? &dictionary : NULL;
    }
    struct filter_segment *segment = filter_prepare(filter, &arena, dictionaries);
    uint8_t *matches = arena_allocate(&arena, row_count + 1);
    for (uint32_t row = 0; row < row_count; row++) {
        matches[row] = (uint8_t)((row % 3 + 1) % 3); // 1, 2 or 0: what is not cleared must stay
    }
    filter_evaluate(segment, columns, row_count, &arena, matches);
    check_rows(filter, root, text, matches, row_count, seed);
    filter_destroy(filter);
    text_buffer_deinit(&source);
    arena_deinit(&arena);
}

Test(filter_evaluate, agrees_with_one_event_and_with_the_naive_evaluation)
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    uint64_t rounds = 3000 * (uint64_t)(scale == NULL ? 1 : strtoul(scale, NULL, 10));
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        check_seed(seed, (uint32_t)(seed % 41));
    }
}

Test(filter_evaluate, agrees_across_batches)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        check_seed(seed + 1000000, ROW_COUNT_MAX - (uint32_t)(seed % 9));
    }
}
