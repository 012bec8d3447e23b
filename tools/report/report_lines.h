// SPDX-License-Identifier: Apache-2.0
/// Lines that several reports share: range, provenance, sparklines. Private to tools/report.
/// Thread: any.
#pragma once

#include "tools/report/report.h"

/// "all time", "from 2026-01-02", "2026-01-02 to 2026-02-01".
void report_lines_range(const struct query_range *range, struct text_buffer *out);
/// The two lines above an answer about a funnel: its steps, and its rules.
void report_lines_funnel(const struct query_funnel *query, const struct report_style *style,
                         struct text_buffer *out);
/// The dim lines under an answer: as of, digests, events read, and with timing where it went.
void report_lines_provenance(const struct query_provenance *provenance,
                             const struct report_style *style, struct text_buffer *out);
/// `count` values as ▁▂▃▄▅▆▇█ scaled to the largest, summed together where there are more than
/// `width`; 0 is a space-wide dot. Returns how many values one character stands for.
uint32_t report_lines_sparkline(const uint64_t *values, uint32_t count, uint32_t width,
                                struct text_buffer *out);
/// A line of `text` that is dim where there is colour.
void report_lines_dim(const char *text, const struct report_style *style, struct text_buffer *out);

/// What the rates of a step are shares of. With an open entry "of first" is of all attempts, and
/// those who entered at the step did not come from the one before it. Between required steps
/// optional ones do not count.
struct report_share {
    uint64_t all;
    uint64_t came;     ///< of those who reached the step, from the required step before it
    uint64_t previous; ///< who reached that one; 0 for the first step
};
void report_share_of(const struct funnel *funnel, const struct query_slice *slice, uint32_t index,
                     struct report_share *share_out);
