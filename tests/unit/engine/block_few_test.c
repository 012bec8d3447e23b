// SPDX-License-Identifier: Apache-2.0
/// The vector forms against the scalar ones, and what is counted against a count one by one.
#include "engine/query/block/block_few.h"

#include "storage/base/cpu.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

#define ROW_COUNT_MAX 300u
#define WORD_COUNT (ROW_COUNT_MAX / 64 + 2)
#define VALUE_COUNT 40u
#define MISSING (UINT32_MAX - 7) ///< with OFFSET it is key 0's place

static const uint32_t OFFSET = 8;

Test(block_repeats, the_vector_forms_give_what_the_scalar_ones_give)
{
    struct test_random random = test_random_start(11);
    for (uint32_t round = 0; cpu_has_avx2() && round < 20000; round++) {
        uint32_t left[BLOCK_REPEATS_MAX + BLOCK_REPEATS_BEYOND];
        uint32_t right[BLOCK_REPEATS_MAX + BLOCK_REPEATS_BEYOND];
        uint32_t count = round % (BLOCK_REPEATS_MAX + 1);
        uint32_t other = test_random_below(&random, BLOCK_REPEATS_MAX + 1);
        uint32_t values = 1 + test_random_below(&random, 1U << round % 17);
        for (uint32_t i = 0; i < BLOCK_REPEATS_MAX + BLOCK_REPEATS_BEYOND; i++) {
            left[i] = test_random_below(&random, values);
            right[i] = test_random_below(&random, values) + values / 2;
        }
        cr_assert_eq(block_repeats_count_avx2(left, count), block_repeats_count_scalar(left, count),
                     "%u of %u values", count, values);
        cr_assert_eq(block_repeats_meet_avx2(left, count, right, other),
                     block_repeats_meet_scalar(left, count, right, other), "%u and %u of %u values",
                     count, other, values);
    }
}

/// Rows at random: some of no step, some of both kinds, some without a value.
struct rows {
    struct block_lane lane;
    struct block_run run;
    uint32_t values[ROW_COUNT_MAX];
    uint32_t keys[VALUE_COUNT + 1]; ///< by value + OFFSET
    uint64_t entries[WORD_COUNT];
    uint64_t later[WORD_COUNT];
    struct block_few_values of;
};

static void fill(struct rows *rows, struct test_random *random, uint32_t count)
{
    uint32_t rarely = test_random_below(random, 2) == 0 ? 20 : 300;
    uint32_t unknown = test_random_below(random, 20) == 0 ? 50 : UINT32_MAX;
    memset(rows, 0, sizeof(*rows));
    for (uint32_t i = 0; i <= VALUE_COUNT; i++) {
        rows->keys[i] = test_random_below(random, unknown) == 0 && i > 0 ? 0 : 1000 - i;
    }
    for (uint32_t row = 0; row < count; row++) {
        bool absent = test_random_below(random, rarely) == 0;
        uint32_t kinds = test_random_below(random, rarely) == 0 ? 3 : 1 + row % 7 / 5;
        kinds = test_random_below(random, 10) == 0 ? 0 : kinds;
        // Values 1 + place - OFFSET: those of later steps are few, so that some meet none.
        uint32_t place = test_random_below(random, kinds == 1 ? VALUE_COUNT - 2 : VALUE_COUNT);
        place = kinds == 2 && test_random_below(random, 30) != 0 ? VALUE_COUNT - 1 : place;
        rows->values[row] = absent ? MISSING : 1 + place - OFFSET;
        rows->entries[row / 64] |= (uint64_t)(kinds & 1) << row % 64;
        rows->later[row / 64] |= (uint64_t)(kinds >> 1) << row % 64;
    }
    rows->lane.entries = rows->entries;
    rows->lane.later = rows->later;
    rows->run = (struct block_run){&rows->lane, 0, count, count};
    bool keyed = test_random_below(random, 2) == 0;
    rows->of = (struct block_few_values){rows->values, keyed ? rows->keys : NULL, OFFSET, MISSING};
}

static void check_same(const struct block_few *few, const struct block_few *expected)
{
    cr_assert_eq(few->known, expected->known);
    cr_assert_eq(few->outside, expected->outside);
    cr_assert_eq(few->entry_count, expected->entry_count);
    cr_assert_eq(few->later_count, expected->later_count);
    cr_assert_arr_eq(few->entries, expected->entries, few->entry_count * sizeof(uint32_t));
    cr_assert_arr_eq(few->later, expected->later, few->later_count * sizeof(uint32_t));
}

Test(block_few, the_vector_form_gives_what_the_scalar_one_gives)
{
    static struct rows rows;
    static struct block_few found;
    static struct block_few expected;
    struct test_random random = test_random_start(12);
    block_few_init(&found);
    block_few_init(&expected);
    for (uint32_t round = 0; cpu_has_avx2() && round < 20000; round++) {
        fill(&rows, &random, 64 + round % 64);
        uint32_t count = 1 + test_random_below(&random, 64);
        uint64_t in = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
        struct block_few_word word = {round % 64, count, test_random_next(&random) & in,
                                      test_random_next(&random) & in};
        block_few_begin(&found);
        block_few_begin(&expected);
        block_few_word_avx2(&found, &rows.of, &word);
        block_few_word_scalar(&expected, &rows.of, &word);
        check_same(&found, &expected);
    }
}

static uint32_t kind_of(const struct rows *rows, uint32_t row)
{
    bool has = rows->values[row] != MISSING;
    bool entry = (rows->entries[row / 64] >> row % 64 & 1) != 0;
    bool later = (rows->later[row / 64] >> row % 64 & 1) != 0;
    bool enters = entry && row < rows->run.entry_end;
    return has ? (uint32_t)enters | (uint32_t)(later || (entry && !enters)) << 1 : 0;
}

/// Units one by one: what the first entry of its value from the end says. False: some cross.
static bool count_slowly(const struct rows *rows, uint32_t open, uint64_t fresh[2])
{
    bool crosses = false;
    for (uint32_t row = rows->run.end; row-- > 0;) {
        bool last = (kind_of(rows, row) & 1) != 0;
        for (uint32_t other = 0; other < rows->run.end && (kind_of(rows, row) & 1) != 0; other++) {
            bool same = rows->values[other] == rows->values[row];
            last = last && !(same && other > row && (kind_of(rows, other) & 1) != 0);
            crosses |= same && (kind_of(rows, other) & 2) != 0;
        }
        fresh[row >= open] += last;
    }
    return !crosses;
}

Test(block_few, units_are_counted_as_one_by_one)
{
    static struct rows rows;
    static struct block_few few;
    struct test_random random = test_random_start(13);
    uint32_t counted = 0;
    uint32_t crossed = 0;
    block_few_init(&few);
    for (uint32_t round = 0; round < 6000; round++) {
        uint32_t count = round % 160;
        fill(&rows, &random, count);
        rows.run.entry_end -= test_random_below(&random, 4) == 0 ? count / 9 : 0;
        uint32_t open = test_random_below(&random, count + 1);
        uint64_t expected[2] = {0, 0};
        uint64_t found[2] = {0, 0};
        bool plain = count_slowly(&rows, open, expected);
        block_few_begin(&few);
        bool taken = block_few_take(&few, &rows.of, &rows.run, 0, open);
        few.lost_count = few.entry_count;
        taken = taken && block_few_take(&few, &rows.of, &rows.run, open, count);
        if (!taken) {
            continue;
        }
        cr_assert_eq(block_few_count(&few, found), plain);
        cr_assert_eq(found[0], plain ? expected[0] : 0);
        cr_assert_eq(found[1], plain ? expected[1] : 0);
        counted += plain;
        crossed += !plain;
    }
    cr_assert_gt(counted, 1000);
    cr_assert_gt(crossed, 1000);
}

Test(block_few, as_many_as_can_be_compared_and_no_more)
{
    static struct rows rows;
    static struct block_few few;
    block_few_init(&few);
    for (uint32_t count = BLOCK_REPEATS_MAX - 1; count <= BLOCK_REPEATS_MAX + 1; count++) {
        for (uint32_t kind = 0; kind < 2; kind++) {
            memset(&rows, 0, sizeof(rows));
            memset(kind == 0 ? rows.entries : rows.later, 0xff, sizeof(rows.entries));
            rows.lane.entries = rows.entries;
            rows.lane.later = rows.later;
            rows.run = (struct block_run){&rows.lane, 0, count, count};
            rows.of = (struct block_few_values){rows.values, NULL, 0, MISSING};
            block_few_begin(&few);
            cr_assert_eq(block_few_take(&few, &rows.of, &rows.run, 0, count),
                         count <= BLOCK_REPEATS_MAX, "%u rows", count);
        }
    }
}
