// SPDX-License-Identifier: Apache-2.0
/// A person's sessions one after the other, over runs of rows: the rule is asked where a session
/// begins; where the row group's bits are of the same run without a gap, they say where that is.
/// Thread: values.
#pragma once

#include "engine/query/query_session_cuts.h"
#include "engine/query/query_session_rule.h"
#include "engine/query/query_source.h"

/// Where the run [row, end) stands. Start with `aligned` false.
struct query_session_run {
    uint32_t row;
    uint32_t end;
    bool aligned; ///< the run without a gap that goes on at `row` began in these rows
    bool begins;  ///< the rows that query_session_run_next() passed begin a session
};

/// Passes the rows up to the next one that begins a session, or the run's end, and moves the rule
/// over them. They are of one session; `row` is below `end`.
static inline void query_session_run_next(struct query_session_run *run,
                                          struct query_session_rule *rule,
                                          const struct query_source *source)
{
    int64_t time_us = query_source_time(source, run->row);
    run->begins = query_session_step(rule, time_us);
    run->aligned = source->session_starts != NULL &&
                   (run->aligned || (run->begins && rule->chain_us == time_us));
    run->row++;
    if (run->aligned) {
        run->row = query_session_cuts_next(source->session_starts, run->row, run->end);
        rule->last_us = query_source_time(source, run->row - 1);
        return;
    }
    while (run->row < run->end) {
        time_us = query_source_time(source, run->row);
        if (!query_session_joins(rule, time_us)) {
            return;
        }
        rule->last_us = time_us;
        run->row++;
    }
}
