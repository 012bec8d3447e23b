// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/report/report_beside.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

const char *report_bucket_word(enum query_bucket bucket)
{
    static const char *const WORDS[] = {"none", "hour", "day", "week", "month"};
    return WORDS[bucket];
}

void report_bucket(struct text_buffer *out, enum query_bucket bucket, const struct zone *zone,
                   int64_t begin_us)
{
    static const char *const FORMATS[] = {"%F", "%F %H:%M", "%F", "%G-W%V", "%Y-%m"};
    int64_t seconds = begin_us / MICROSECONDS_PER_SECOND;
    int32_t offset = zone == NULL ? 0 : zone_offset(zone, seconds);
    time_t local = (time_t)(seconds + offset);
    struct tm parts;
    char text[40];
    gmtime_r(&local, &parts);
    size_t size = strftime(text, sizeof(text), FORMATS[bucket], &parts);
    text_buffer_append(out, text, size);
    if (bucket == QUERY_BUCKET_HOUR && zone != NULL) {
        // The repeated hour is told from the first by its offset.
        int32_t minutes = abs(offset) / 60;
        text_buffer_printf(out, " %c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    }
}

void report_attribution(struct text_buffer *out, const struct query_funnel *query)
{
    static const char *const WORDS[] = {"entry", "first", "last", "step", "user", "each"};
    text_buffer_append_string(out, WORDS[query->attribution]);
    if (query->attribution == QUERY_ATTRIBUTION_STEP ||
        query->attribution == QUERY_ATTRIBUTION_EACH) {
        text_buffer_printf(out, ":%u", query->attribution_step == 0 ? 1 : query->attribution_step);
    }
}

void report_probability(struct text_buffer *out, double value)
{
    if (value < 0.001) {
        text_buffer_append_string(out, "<0.001");
    } else {
        text_buffer_printf(out, "%.3f", value);
    }
}

void report_difference(struct text_buffer *out, const struct query_difference *difference)
{
    if (!difference->known) {
        text_buffer_append_string(out, "–");
        return;
    }
    text_buffer_printf(out, "%+.2f (%+.2f to %+.2f)", 100 * difference->value,
                       100 * difference->low, 100 * difference->high);
}
