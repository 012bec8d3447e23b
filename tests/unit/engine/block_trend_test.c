// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_trend.h"

#include <criterion/criterion.h>

#define HOUR_COUNT 1000u

static bool init(struct block_trend *trend, const struct query_buckets *buckets, uint64_t room)
{
    *trend = (struct block_trend){0};
    return block_trend_init(trend, buckets, 4, 0, room);
}

Test(block_trend, tables_are_made_where_there_is_room_for_them_and_not_a_byte_below)
{
    int64_t begins[HOUR_COUNT + 1];
    for (uint32_t hour = 0; hour <= HOUR_COUNT; hour++) {
        begins[hour] = hour * INT64_C(3600000000);
    }
    struct query_buckets buckets = {.begins = begins, .count = HOUR_COUNT};
    struct block_trend trend;
    cr_assert(init(&trend, &buckets, UINT64_MAX));
    uint64_t bytes = trend.bytes;
    // Levels of four steps, open and not, and a raise and a mark for each bucket at least.
    cr_assert_geq(bytes, (uint64_t)HOUR_COUNT * (4 * 2 * 8 + 8 + 1));
    block_trend_deinit(&trend);
    cr_assert(init(&trend, &buckets, bytes));
    block_trend_deinit(&trend);
    cr_assert_not(init(&trend, &buckets, bytes - 1));
    cr_assert_null(trend.cells);
}
