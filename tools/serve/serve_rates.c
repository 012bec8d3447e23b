// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/serve_state.h"

#include "storage/base/clock.h"

void serve_rates_note(struct serve_rates *rates, int64_t now_us, uint64_t events)
{
    pthread_mutex_lock(&rates->lock);
    uint32_t slot = rates->count % SERVE_RATE_COUNT;
    rates->times_us[slot] = now_us;
    rates->events[slot] = events;
    rates->count++;
    pthread_mutex_unlock(&rates->lock);
}

double serve_rates_minute(struct serve_rates *rates)
{
    double rate = 0;
    pthread_mutex_lock(&rates->lock);
    uint32_t kept = rates->count < SERVE_RATE_COUNT ? rates->count : SERVE_RATE_COUNT;
    if (kept >= 2) {
        uint32_t last = (rates->count - 1) % SERVE_RATE_COUNT;
        uint32_t back = kept - 1 < 60 ? kept - 1 : 60;
        uint32_t first = (rates->count - 1 - back) % SERVE_RATE_COUNT;
        double seconds = (double)(rates->times_us[last] - rates->times_us[first]) /
                         (double)MICROSECONDS_PER_SECOND;
        double events = (double)(rates->events[last] - rates->events[first]);
        rate = seconds > 0 ? events / seconds : 0;
    }
    pthread_mutex_unlock(&rates->lock);
    return rate;
}
