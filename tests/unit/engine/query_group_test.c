// SPDX-License-Identifier: Apache-2.0
// Hold constant by one string attribute reports what the general path reports.
#include "engine/query/query_pass.h"
#include "storage/base/clock.h"
#include "tests/support/shop.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MINUTE (60 * MICROSECONDS_PER_SECOND)

/// Sums over the attempts that were reported, in whatever order.
struct sums {
    uint64_t levels[4];
    uint64_t open;
    uint64_t entries;
    uint64_t matched;
    uint64_t rows;
};

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct sums *sums = context;
    (void)units;
    (void)error;
    sums->levels[attempt->level]++;
    sums->open += attempt->open;
    sums->entries += (uint64_t)attempt->entry_us * 7;
    for (uint32_t k = 0; k < attempt->level; k++) {
        sums->matched += (uint64_t)attempt->matched_us[k] * (k + 3);
        sums->rows += attempt->places[k].row * (k + 1) + attempt->places[k].source;
    }
    return CORONG_OK;
}

static const struct query_pass_calls no_calls;

/// All users, with the path for one attribute or without; returns how many units it cut.
static uint64_t run(struct event_builder *builder, const struct query_funnel *query, bool grouped,
                    struct sums *sums)
{
    struct query_pass pass;
    struct query_units units;
    struct corong_error error;
    const struct query_pass_options options = {.no_money = true};
    *sums = (struct sums){0};
    cr_assert_eq(
        query_pass_open(&pass, event_builder_snapshot(builder), query, &no_calls, &options, &error),
        CORONG_OK, "%s", error.message);
    query_units_init(&units, &pass.plan, query, pass.tasks, report, sums);
    cr_assert(units.grouped);
    units.grouped = grouped;
    for (uint32_t i = 0; i < pass.plan.task_count; i++) {
        cr_assert_eq(query_units_task(&units, i, &error), CORONG_OK);
    }
    uint64_t cut = units.group.units;
    uint64_t outside = units.group.outside + units.hold.outside;
    cr_assert_gt(outside, 0);
    query_units_deinit(&units);
    query_plan_deinit(&pass.plan);
    query_tasks_destroy(pass.tasks);
    return cut;
}

static struct event_builder *random_shop(struct test_random *random, uint32_t users,
                                         uint32_t countries)
{
    static const char *names[] = {"view", "cart", "order", "help"};
    struct event_builder *builder = shop_builder();
    for (uint32_t part = 0; part < 3; part++) {
        for (uint32_t i = 0; i < 400; i++) {
            char user[8];
            char country[8];
            snprintf(user, sizeof(user), "u%u", test_random_below(random, users));
            snprintf(country, sizeof(country), "c%u", test_random_below(random, countries));
            shop_add(builder, user, test_random_below(random, 2000) * MINUTE,
                     names[test_random_below(random, 4)],
                     test_random_below(random, 8) == 0 ? NULL : country);
        }
        event_builder_segment(builder);
    }
    return builder;
}

Test(query_group, test_units_of_one_attribute_are_those_of_the_general_path)
{
    static struct text country = {"country", 7};
    struct test_random random = test_random_start(test_random_seed());
    // Many users with few rows each, and one whose rows are sorted by digits.
    for (uint32_t round = 0; round < 12; round++) {
        struct event_builder *builder =
            random_shop(&random, round % 3 == 0 ? 1 : 60, round % 2 == 0 ? 5 : 300);
        struct query_funnel query = shop_query();
        query.funnel.unit = FUNNEL_UNIT_ATTRIBUTES;
        query.funnel.unit_attributes = &country;
        query.funnel.unit_attribute_count = 1;
        query.funnel.attempts = round % 4 == 3 ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST;
        struct sums grouped;
        struct sums general;
        cr_assert_gt(run(builder, &query, true, &grouped), 0);
        cr_assert_eq(run(builder, &query, false, &general), 0);
        cr_assert_arr_eq(&grouped, &general, sizeof(grouped));
        event_builder_destroy(builder);
    }
}
