// SPDX-License-Identifier: Apache-2.0
// A filter that became a table says of every row what the same filter says when it is asked row by
// row.
#include "engine/query/query_fold.h"
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/support/shop.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MINUTE (60 * MICROSECONDS_PER_SECOND)

static const char *COUNTRIES[] = {"DE", "AT", "FR", "IT", "", NULL};
static const char *NAMES[] = {"view", "cart", "order", "help"};
/// The same twice: over one column, and with a second one that changes nothing.
static const char *FILTERS[][2] = {
    {"country = 'DE'", "country = 'DE' and (revenue is null or revenue >= 0 or revenue < 0)"},
    {"country != 'DE' or country is null",
     "(country != 'DE' or country is null) and (revenue is null or revenue is not null)"},
    {"country =~ '^[A-F]'", "country =~ '^[A-F]' and (revenue is null or revenue is not null)"},
    {"country is null", "country is null and (revenue is null or revenue is not null)"},
    {"not (country like '%T')",
     "not (country like '%T') and (revenue is null or revenue is not null)"},
    {"event != 'cart'", "event != 'cart' and (revenue is null or revenue is not null)"},
};

/// With few countries a column's codes are bytes, with many they are four.
static struct event_builder *random_shop(struct test_random *random, bool many)
{
    struct event_builder *builder = shop_builder();
    for (uint32_t part = 0; part < 2; part++) {
        for (uint32_t i = 0; i < (many ? 900u : 300u); i++) {
            char user[8];
            snprintf(user, sizeof(user), "u%u", test_random_below(random, 20));
            const char *country = COUNTRIES[test_random_below(random, 6)];
            char one[16];
            snprintf(one, sizeof(one), "%s%u", country == NULL ? "" : country,
                     test_random_below(random, 2000));
            shop_add(builder, user, test_random_below(random, 3000) * MINUTE,
                     NAMES[test_random_below(random, 4)], many && country != NULL ? one : country);
        }
        event_builder_segment(builder);
    }
    return builder;
}

/// Three steps, or eleven: too many for the tables of a byte.
static void ask(struct event_builder *builder, bool many, const char *hides, const char *of_step,
                struct shop_answer *answer)
{
    struct query_funnel query = shop_query();
    struct stage steps[11];
    query.funnel.step_count = many ? 11 : 3;
    for (uint32_t k = 0; k < 11; k++) {
        steps[k] = query.funnel.steps[k % 3];
    }
    query.where = hides == NULL ? TEXT_MISSING : (struct text){hides, strlen(hides)};
    steps[1].where = of_step == NULL ? TEXT_MISSING : (struct text){of_step, strlen(of_step)};
    query.funnel.steps = steps;
    shop_ask(builder, &query, answer);
}

static void check_equal(const struct shop_answer *left, const struct shop_answer *right)
{
    const struct query_slice *a = &left->result.total;
    const struct query_slice *b = &right->result.total;
    for (uint32_t k = 0; k < 3; k++) {
        cr_assert_eq(a->steps[k].reached, b->steps[k].reached);
        cr_assert_eq(a->steps[k].dropped, b->steps[k].dropped);
        cr_assert_eq(a->steps[k].open, b->steps[k].open);
        cr_assert_eq(a->steps[k].from_entry.mean_us, b->steps[k].from_entry.mean_us);
    }
    cr_assert_eq(left->result.provenance.events_matched, right->result.provenance.events_matched);
}

Test(query_fold, test_answers_are_those_of_filters_asked_row_by_row)
{
    struct test_random random = test_random_start(test_random_seed());
    const uint32_t filters = sizeof(FILTERS) / sizeof(FILTERS[0]);
    for (uint32_t at = 0; at < filters * 2; at++) {
        uint32_t i = at / 2;
        uint32_t round = at % 4;
        struct event_builder *builder = random_shop(&random, round % 2 == 1);
        for (uint32_t j = 0; j < sizeof(FILTERS) / sizeof(FILTERS[0]); j++) {
            // The second and fourth are a table and rows over one column, in either order.
            for (uint32_t which = 1; which < 4; which++) {
                struct shop_answer folded;
                struct shop_answer asked;
                ask(builder, round > 1, FILTERS[i][0], FILTERS[j][0], &folded);
                ask(builder, round > 1, FILTERS[i][which & 1], FILTERS[j][which >> 1], &asked);
                check_equal(&folded, &asked);
                arena_deinit(&folded.arena);
                arena_deinit(&asked.arena);
            }
        }
        event_builder_destroy(builder);
    }
}

static void compile(struct filter **filter, struct arena *arena, const char *source,
                    const struct schema *schema)
{
    struct corong_error error;
    struct text text = {source, strlen(source)};
    cr_assert_eq(filter_compile(filter, arena, text, schema, &error), CORONG_OK);
}

Test(query_fold, test_one_string_column_is_taken)
{
    struct arena arena = {0};
    struct schema schema;
    struct corong_error error;
    struct filter *filter;
    uint32_t column;
    schema_init(&schema, &arena);
    cr_assert_eq(
        schema_add(&schema, &arena, TEXT_LITERAL("country"), COLUMN_STRING, &column, &error),
        CORONG_OK);
    struct query_folds folds = {.count = 0};
    compile(&filter, &arena, "country = 'DE' or country like 'A%'", &schema);
    cr_assert(query_fold_takes(&folds, filter, &schema, 10));
    cr_assert(query_fold_takes(&folds, filter, &schema, QUERY_FOLD_CODE_COUNT_MAX));
    cr_assert_not(query_fold_takes(&folds, filter, &schema, QUERY_FOLD_CODE_COUNT_MAX + 1));
    folds.count = QUERY_FOLD_COUNT_MAX;
    cr_assert_not(query_fold_takes(&folds, filter, &schema, 10));
    folds.count = 0;
    compile(&filter, &arena, "country = 'DE' and revenue > 1", &schema);
    cr_assert_not(query_fold_takes(&folds, filter, &schema, 10));
    compile(&filter, &arena, "revenue > 1", &schema);
    cr_assert_not(query_fold_takes(&folds, filter, &schema, 10));
    arena_deinit(&arena);
}
