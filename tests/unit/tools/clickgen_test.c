// SPDX-License-Identifier: Apache-2.0
#include "tools/clickgen/clickgen.h"

#include "storage/base/clock.h"

#include <criterion/criterion.h>

static struct clickgen_options options_of(uint64_t event_count, uint32_t day_count)
{
    struct clickgen_options options;
    clickgen_options_standard(&options);
    options.event_count = event_count;
    options.user_count = 1000;
    options.day_count = day_count;
    return options;
}

Test(clickgen, few_events_fill_their_days_too)
{
    static const struct {
        uint64_t events;
        uint32_t days;
    } logs[] = {{1000, 1}, {8000, 30}, {20000, 30}, {100000, 30}};
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        struct clickgen_options options = options_of(logs[i].events, logs[i].days);
        struct clickgen *generator = clickgen_create(&options);
        struct click_event event;
        int64_t first_us = 0;
        int64_t last_us = 0;
        for (uint64_t made = 0; clickgen_next(generator, &event); made++) {
            first_us = made == 0 ? event.time_us : first_us;
            cr_assert_geq(event.time_us, last_us);
            last_us = event.time_us;
        }
        double share = (double)(last_us - first_us) / (logs[i].days * (double)MICROSECONDS_PER_DAY);
        cr_expect(share > 0.75 && share < 1.25, "%lu events in %u days: %.2f of them",
                  (unsigned long)logs[i].events, logs[i].days, share);
        clickgen_destroy(generator);
    }
}

Test(clickgen, one_seed_gives_one_log)
{
    struct clickgen_options options = options_of(5000, 7);
    struct clickgen *left = clickgen_create(&options);
    struct clickgen *right = clickgen_create(&options);
    options.seed++;
    struct clickgen *other = clickgen_create(&options);
    struct click_event events[3];
    bool differs = false;
    while (clickgen_next(left, &events[0])) {
        cr_assert(clickgen_next(right, &events[1]));
        cr_assert(clickgen_next(other, &events[2]));
        cr_assert_eq(events[0].time_us, events[1].time_us);
        cr_assert_eq(events[0].user, events[1].user);
        differs |= events[0].user != events[2].user;
    }
    cr_assert(differs);
    clickgen_destroy(left);
    clickgen_destroy(right);
    clickgen_destroy(other);
}
