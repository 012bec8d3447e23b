// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peer_events.h"

#include <stdlib.h>

struct peer_events peer_events_of(const char *text, uint32_t step_count, uint32_t forbids)
{
    struct peer_events events = {.count = 0};
    while (*text != '\0') {
        uint32_t steps = 0;
        bool forbidden = false;
        for (; *text != '@'; text++) {
            uint32_t bit = (uint32_t)(*text - 'A');
            steps |= bit < step_count ? UINT32_C(1) << bit : 0;
            forbidden |= *text == 'X';
        }
        char *end;
        int64_t time_us = (int64_t)(strtod(text + 1, &end) * 1e6);
        text = *end == ' ' ? end + 1 : end;
        uint32_t at = events.count++;
        events.posthog[at] = (struct posthog_event){
            .time_us = time_us,
            .bucket_us = posthog_interval_start(POSTHOG_DAY, time_us),
            .steps = steps,
            .forbids = forbidden ? forbids : 0,
        };
        events.match[at] = (struct match_event){.time_us = time_us, .steps = steps};
        events.pinot[at] = (struct pinot_row){time_us, pinot_step(steps), at};
    }
    pinot_sort(events.pinot, events.count);
    return events;
}
