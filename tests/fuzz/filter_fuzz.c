// SPDX-License-Identifier: Apache-2.0
// Any bytes as a filter: an error or a filter whose two evaluations agree and whose canonical text
// is canonical. The same bytes as a duration: an error or a duration that formats and parses back.
#include "engine/filter/filter.h"
#include "engine/funnel/funnel.h"

#include "storage/base/invariant.h"

#include <stddef.h>
#include <stdint.h>

enum fuzz_column { S = COLUMN_SYSTEM_COUNT, I, X, B, COLUMN_COUNT };
#define ROW_COUNT 5u

static const char *const TEXTS[] = {"", "DE", "FR", "order", "\xc3\xa4%_"};
#define TEXT_COUNT 5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_schema(struct schema *schema, struct arena *arena)
{
    uint32_t column;
    schema_init(schema, arena);
    ASSERT(schema_add(schema, arena, TEXT_LITERAL("s"), COLUMN_STRING, &column, NULL) == CORONG_OK);
    ASSERT(schema_add(schema, arena, TEXT_LITERAL("i"), COLUMN_INTEGER, &column, NULL) ==
           CORONG_OK);
    ASSERT(schema_add(schema, arena, TEXT_LITERAL("x"), COLUMN_NUMBER, &column, NULL) == CORONG_OK);
    ASSERT(schema_add(schema, arena, TEXT_LITERAL("b"), COLUMN_BOOLEAN, &column, NULL) ==
           CORONG_OK);
}

static uint32_t codes[ROW_COUNT] = {0, 1, 3, 4, COLUMN_CODE_MISSING};
static uint32_t names[ROW_COUNT] = {3, 3, 1, 0, 2};
static int64_t integers[ROW_COUNT] = {0, 1, -5, INT64_MAX, COLUMN_INTEGER_MISSING};
static int64_t booleans[ROW_COUNT] = {0, 1, COLUMN_INTEGER_MISSING, 1, 0};
static int64_t times[ROW_COUNT] = {0, 1, 1767323045000000, 2, 3};
static int64_t numbers[ROW_COUNT];

static void make_columns(struct column_values *columns)
{
    static const double NUMBERS[ROW_COUNT] = {0, 1.5, -2, 1e300, 0};
    memcpy(numbers, NUMBERS, sizeof(numbers));
    numbers[ROW_COUNT - 1] = (int64_t)COLUMN_NUMBER_MISSING_BITS;
    memset(columns, 0, COLUMN_COUNT * sizeof(*columns));
    columns[COLUMN_TIME].integers = times;
    columns[COLUMN_NAME].codes = names;
    columns[COLUMN_AMOUNT].integers = integers;
    columns[S].codes = codes;
    columns[I].integers = integers;
    columns[X].integers = numbers;
    columns[B].integers = booleans;
}

static void load_row(const struct column_values *columns, uint32_t row,
                     union canonical_value *values)
{
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        values[column].string = TEXT_MISSING;
        if (columns[column].codes != NULL && columns[column].codes[row] != COLUMN_CODE_MISSING) {
            values[column].string = text_from(TEXTS[columns[column].codes[row]]);
        } else if (columns[column].integers != NULL) {
            values[column].integer = columns[column].integers[row];
        }
    }
}

static void check_evaluation(const struct filter *filter, struct arena *arena)
{
    static const uint32_t OFFSETS[TEXT_COUNT + 1] = {0, 0, 2, 4, 9, 13};
    struct dictionary dictionary = {TEXT_COUNT, OFFSETS, "DEFRorder\xc3\xa4%_"};
    const struct dictionary *dictionaries[COLUMN_COUNT] = {
        [COLUMN_NAME] = &dictionary, [S] = &dictionary};
    struct column_values columns[COLUMN_COUNT];
    union canonical_value values[COLUMN_COUNT];
    uint8_t matches[ROW_COUNT] = {1, 1, 1, 1, 1};
    make_columns(columns);
    struct filter_segment *segment = filter_prepare(filter, arena, dictionaries);
    filter_evaluate(segment, columns, ROW_COUNT, arena, matches);
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        load_row(columns, row, values);
        ASSERT(filter_matches_event(filter, values, times[row]) == (matches[row] == 1));
    }
}

static void check_filter(struct text source, struct arena *arena)
{
    struct schema schema;
    struct filter *filter;
    struct filter *again;
    struct corong_error error = {0};
    make_schema(&schema, arena);
    if (filter_compile(&filter, arena, source, &schema, &error) != CORONG_OK) {
        ASSERT(error.status == CORONG_INVALID && strlen(error.message) > 0);
        return;
    }
    check_evaluation(filter, arena);
    struct text canonical = filter_canonical(filter);
    if (canonical.size <= FILTER_SOURCE_SIZE_MAX) {
        ASSERT(filter_compile(&again, arena, canonical, &schema, &error) == CORONG_OK);
        ASSERT(text_equal(filter_canonical(again), canonical));
        filter_destroy(again);
    }
    filter_destroy(filter);
}

static void check_duration(struct text source)
{
    int64_t duration_us;
    int64_t again_us;
    struct text_buffer shown = {0};
    if (duration_parse(source, &duration_us, NULL) == CORONG_OK) {
        duration_format(duration_us, &shown);
        struct text text = {shown.bytes, shown.size};
        ASSERT(duration_parse(text, &again_us, NULL) == CORONG_OK && again_us == duration_us);
        text_buffer_deinit(&shown);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct text source = {(const char *)data, size};
    check_filter(source, &arena);
    check_duration(source);
    arena_deinit(&arena);
    return 0;
}
