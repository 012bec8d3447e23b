// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/symbol_table.h"

#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct hash_secret secret = {{1, 2, 3}};

static uint32_t resolve(struct symbol_table *table, struct text text)
{
    uint32_t code;
    struct packed_text packed = packed_text_over(text);
    struct symbol_batch batch = {&packed, sizeof(packed), 1, text.bytes, {0}};
    symbol_table_hash(table, &batch);
    symbol_table_fetch(table, &batch);
    symbol_table_resolve(table, &batch, &code);
    return code;
}

Test(symbol_table, tells_empty_missing_and_prefixes_apart)
{
    struct symbol_table table;
    symbol_table_init(&table, &secret);
    char long_text[64];
    memset(long_text, 'a', sizeof(long_text));
    uint32_t empty = resolve(&table, TEXT_LITERAL(""));
    cr_assert_eq(resolve(&table, TEXT_MISSING), COLUMN_CODE_MISSING);
    cr_assert_not_null(symbol_table_text(&table, empty).bytes);
    // Sizes around the 15 bytes that an entry holds, and a NUL that padding could hide.
    for (uint32_t size = 1; size <= sizeof(long_text); size++) {
        cr_assert_eq(resolve(&table, (struct text){long_text, size}), size);
    }
    cr_assert_eq(resolve(&table, (struct text){"a\0", 2}), 65);
    for (uint32_t size = 1; size <= sizeof(long_text); size++) {
        cr_assert_eq(resolve(&table, (struct text){long_text, size}), size);
    }
    cr_assert_eq(table.count, 66);
    symbol_table_deinit(&table);
}

Test(symbol_table, gives_codes_by_first_appearance_and_ranks_by_bytes)
{
    struct test_random random = test_random_start(test_random_seed());
    struct symbol_table table;
    symbol_table_init(&table, &secret);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 20000; i++) {
            char bytes[48];
            int size = snprintf(bytes, sizeof(bytes), "/page/%u/%u", test_random_below(&random, 90),
                                test_random_below(&random, 90));
            struct text text = {bytes, (size_t)size};
            uint32_t known = table.count;
            uint32_t code = resolve(&table, text);
            cr_assert_leq(code, known);
            cr_assert(text_equal(symbol_table_text(&table, code), text));
        }
        uint32_t *order = memory_allocate(table.count * sizeof(uint32_t));
        uint32_t *ranks = memory_allocate(table.count * sizeof(uint32_t));
        symbol_table_rank(&table, order, ranks);
        for (uint32_t rank = 0; rank < table.count; rank++) {
            cr_assert_eq(ranks[order[rank]], rank);
            if (rank > 0) {
                cr_assert_lt(text_compare(symbol_table_text(&table, order[rank - 1]),
                                          symbol_table_text(&table, order[rank])),
                             0);
            }
        }
        memory_free(order);
        memory_free(ranks);
        symbol_table_reset(&table);
        cr_assert_eq(table.count, 0);
    }
    symbol_table_deinit(&table);
}

Test(symbol_table, ranks_texts_of_which_one_begins_all_others)
{
    static const struct text SORTED[] = {{"shop", 4},
                                         {"shop\0", 5},
                                         {"shop\0\0", 6},
                                         {"shop/12345678", 13},
                                         {"shop/12345678\0", 14},
                                         {"shop/123456789", 14},
                                         {"shop/123456789a", 15},
                                         {"shop/123456789a\0", 16},
                                         {"shop/123456789a\0\0", 17},
                                         {"shop/123456789ab", 16},
                                         {"shop\xff", 5}};
    enum { COUNT = sizeof(SORTED) / sizeof(SORTED[0]) };
    for (uint32_t first = 0; first < COUNT; first++) {
        struct symbol_table table;
        symbol_table_init(&table, &secret);
        for (uint32_t i = 0; i < COUNT; i++) {
            resolve(&table, SORTED[(first + i) % COUNT]);
        }
        uint32_t order[COUNT];
        uint32_t ranks[COUNT];
        symbol_table_rank(&table, order, ranks);
        for (uint32_t rank = 0; rank < COUNT; rank++) {
            cr_assert(text_equal(symbol_table_text(&table, order[rank]), SORTED[rank]), "%u", rank);
        }
        symbol_table_deinit(&table);
    }
}

enum { MODEL_TEXT_COUNT = 3000, MODEL_BATCH_COUNT = 400, MODEL_TEXT_SIZE = 40 };

/// Text number n: some short, some long, none like another.
static struct text model_text(uint32_t number, char *bytes)
{
    int size = snprintf(bytes, MODEL_TEXT_SIZE,
                        number % 5 == 0 ? "a long text with number %u" : "%u", number);
    return (struct text){bytes, (size_t)size};
}

Test(symbol_table, a_batch_gives_codes_in_order_of_appearance)
{
    static char bytes[SYMBOL_BATCH_COUNT_MAX][MODEL_TEXT_SIZE];
    static uint32_t expected[MODEL_TEXT_COUNT]; // plus one
    struct symbol_table table;
    struct test_random random = test_random_start(3);
    uint32_t next = 0;
    symbol_table_init(&table, &secret);
    for (uint32_t round = 0; round < MODEL_BATCH_COUNT; round++) {
        struct packed_text packed[SYMBOL_BATCH_COUNT_MAX];
        uint32_t numbers[SYMBOL_BATCH_COUNT_MAX];
        uint32_t codes[SYMBOL_BATCH_COUNT_MAX];
        uint32_t count = test_random_below(&random, SYMBOL_BATCH_COUNT_MAX + 1);
        for (uint32_t i = 0; i < count; i++) {
            numbers[i] = test_random_below(&random, MODEL_TEXT_COUNT + 100);
            struct text text = model_text(numbers[i], bytes[i]);
            packed[i] =
                numbers[i] >= MODEL_TEXT_COUNT ? packed_text_missing() : packed_text_over(text);
            if (packed_text_mark(&packed[i]) == PACKED_TEXT_FAR) {
                packed[i] = packed_text_far(i * MODEL_TEXT_SIZE, (uint32_t)text.size);
            }
        }
        struct symbol_batch batch = {packed, sizeof(*packed), count, bytes[0], {0}};
        symbol_table_hash(&table, &batch);
        symbol_table_fetch(&table, &batch);
        symbol_table_resolve(&table, &batch, codes);
        for (uint32_t i = 0; i < count; i++) {
            if (numbers[i] >= MODEL_TEXT_COUNT) {
                cr_assert_eq(codes[i], COLUMN_CODE_MISSING);
                continue;
            }
            uint32_t *model = &expected[numbers[i]];
            next += *model == 0;
            *model = *model == 0 ? next : *model;
            cr_assert_eq(codes[i], *model - 1, "round %u, string %u", round, i);
        }
    }
    cr_assert_eq(table.count, next);
    symbol_table_deinit(&table);
}
