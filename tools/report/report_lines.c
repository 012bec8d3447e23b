// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_lines.h"

#include "tools/report/grid.h"

#include <math.h>

#define DIGEST_SHORT_SIZE 12

void report_lines_range(const struct query_range *range, struct text_buffer *out)
{
    if (range->from_us == QUERY_TIME_NONE && range->to_us == QUERY_TIME_NONE) {
        text_buffer_append_string(out, "all time");
        return;
    }
    if (range->from_us != QUERY_TIME_NONE) {
        text_buffer_append_string(out, "from ");
        report_time(out, range->from_us);
    }
    if (range->to_us != QUERY_TIME_NONE) {
        text_buffer_append_string(out, range->from_us == QUERY_TIME_NONE ? "until " : " until ");
        report_time(out, range->to_us);
    }
}

void report_lines_dim(const char *text, const struct report_style *style, struct text_buffer *out)
{
    grid_colour_begin(out, style, "2");
    text_buffer_append_string(out, text);
    grid_colour_end(out, style, "2");
    text_buffer_append(out, "\n", 1);
}

static void append_timing(struct text_buffer *line, const struct query_provenance *provenance)
{
    text_buffer_append_string(line, "  took ");
    report_duration(line, provenance->seconds_total * 1e6);
    text_buffer_printf(line, " on %u threads: reading ", provenance->thread_count);
    report_duration(line, provenance->seconds_read * 1e6);
    text_buffer_append_string(line, ", matching ");
    report_duration(line, provenance->seconds_match * 1e6);
    text_buffer_append_string(line, " (summed) · ");
    report_size(line, provenance->bytes_read);
    text_buffer_append_string(line, " · ");
    report_count(line, provenance->events_matched);
    text_buffer_append_string(line, " events match a step · ");
    report_count(line, provenance->users_skipped);
    text_buffer_append_string(line, " users skipped unread");
    if (provenance->repeat_count > 0) {
        double least = provenance->repeat_seconds[0];
        for (uint32_t index = 1; index < provenance->repeat_count; index++) {
            least = fmin(least, provenance->repeat_seconds[index]);
        }
        text_buffer_printf(line, " · asked %u times more: ", provenance->repeat_count);
        report_duration(line, least * 1e6);
        text_buffer_append_string(line, " at best");
    }
}

void report_share_of(const struct funnel *funnel, const struct query_slice *slice, uint32_t index,
                     struct report_share *share_out)
{
    const struct query_step *steps = slice->steps;
    uint32_t before = index;
    while (before > 0 && (before == index || (funnel->optional >> before & 1) != 0)) {
        before--;
    }
    bool open = funnel->entry_open;
    share_out->all = open ? slice->won + slice->open + slice->lost : steps[0].reached;
    share_out->previous = index == 0 ? 0 : steps[before].reached;
    share_out->came = steps[index].reached - (open ? steps[index].entered : 0);
}

static void append_warnings(struct text_buffer *line, const struct query_provenance *provenance)
{
    if (provenance->after_as_of > 0) {
        text_buffer_append_string(line, " · ");
        report_count(line, provenance->after_as_of);
        text_buffer_append_string(line, " events after it left out");
    }
    if (provenance->events_outside > 0) {
        text_buffer_append_string(line, " · ");
        report_count(line, provenance->events_outside);
        text_buffer_append_string(line, " events lack a value of the unit");
    }
    if (provenance->type_mismatches > 0) {
        text_buffer_append_string(line, " · ");
        report_count(line, provenance->type_mismatches);
        text_buffer_append_string(line,
                                  provenance->type_mismatches == 1
                                      ? " value in a filter is not of its attribute's type"
                                      : " values in filters are not of their attributes' type");
    }
    if (!provenance->complete) {
        text_buffer_append_string(line, " · INCOMPLETE");
    }
}

static void draw_visible(const struct query_provenance *provenance,
                         const struct report_style *style, struct text_buffer *out)
{
    struct text_buffer line = {0};
    if (provenance->rows_stored > provenance->rows_committed) {
        text_buffer_append_string(&line, "  includes ");
        report_count(&line, provenance->rows_stored - provenance->rows_committed);
        text_buffer_append_string(&line, " events not yet on disk");
        report_lines_dim(line.bytes, style, out);
    }
    text_buffer_deinit(&line);
}

void report_lines_provenance(const struct query_provenance *provenance,
                             const struct report_style *style, struct text_buffer *out)
{
    struct text_buffer line = {0};
    text_buffer_append_string(&line, "  as of ");
    if (provenance->as_of_us == INT64_MIN) {
        text_buffer_append_string(&line, "–");
    } else {
        report_time(&line, provenance->as_of_us);
    }
    append_warnings(&line, provenance);
    text_buffer_append_string(&line, " · read ");
    report_count(&line, provenance->events_read);
    text_buffer_append_string(&line, " of ");
    report_count(&line, provenance->rows_stored);
    text_buffer_append_string(&line, " events");
    report_lines_dim(line.bytes, style, out);
    draw_visible(provenance, style, out);
    text_buffer_reset(&line);
    text_buffer_printf(&line, "  result %.*s · store %.*s", DIGEST_SHORT_SIZE,
                       provenance->result_digest, DIGEST_SHORT_SIZE, provenance->store_digest);
    report_lines_dim(line.bytes, style, out);
    if (style->timing) {
        text_buffer_reset(&line);
        append_timing(&line, provenance);
        report_lines_dim(line.bytes, style, out);
    }
    text_buffer_deinit(&line);
}

static uint64_t bucket_sum(const uint64_t *values, uint32_t count, uint32_t first, uint32_t size)
{
    uint64_t sum = 0;
    for (uint32_t index = first; index < count && index < first + size; index++) {
        sum += values[index];
    }
    return sum;
}

uint32_t report_lines_sparkline(const uint64_t *values, uint32_t count, uint32_t width,
                                struct text_buffer *out)
{
    static const char *const LEVELS[8] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint32_t size = width == 0 || count <= width ? 1 : (count + width - 1) / width;
    uint64_t largest = 1;
    for (uint32_t first = 0; first < count; first += size) {
        uint64_t sum = bucket_sum(values, count, first, size);
        largest = sum > largest ? sum : largest;
    }
    for (uint32_t first = 0; first < count; first += size) {
        uint64_t sum = bucket_sum(values, count, first, size);
        uint32_t level = (uint32_t)((double)sum / (double)largest * 7.0 + 0.5);
        text_buffer_append_string(out, sum == 0 ? "·" : LEVELS[level]);
    }
    return size;
}
