// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/pinot.h"

#include "engine/dialect/pinot_window.h"

#include <stdlib.h>

static int compare_rows(const void *left, const void *right)
{
    const struct pinot_row *a = left;
    const struct pinot_row *b = right;
    if (a->time_us != b->time_us) {
        return a->time_us < b->time_us ? -1 : 1;
    }
    if (a->step != b->step) {
        return a->step < b->step ? -1 : 1;
    }
    return a->event < b->event ? -1 : a->event > b->event;
}

void pinot_sort(struct pinot_row *rows, uint32_t row_count)
{
    if (row_count > 1) {
        qsort(rows, row_count, sizeof(*rows), compare_rows);
    }
}

bool pinot_window_fill(struct pinot_window *window)
{
    const struct pinot_row *rows = window->rows;
    while (window->begin < window->end && rows[window->begin].step != 0) {
        window->begin++;
    }
    if (window->begin == window->end) {
        while (window->end < window->count && rows[window->end].step != 0) {
            window->end++;
        }
        window->begin = window->end;
        if (window->end == window->count) {
            return false;
        }
        window->end++;
    }
    const struct pinot_rule *rule = window->rule;
    int64_t start_us = rows[window->begin].time_us;
    while (window->end < window->count && rows[window->end].time_us - start_us < rule->window_us) {
        int64_t gap_us = rows[window->end].time_us - rows[window->end - 1].time_us;
        if (rule->max_step_duration_us > 0 && gap_us > rule->max_step_duration_us) {
            break;
        }
        window->end++;
    }
    return true;
}

uint32_t pinot_window_match(const struct pinot_window *window, uint32_t *matched)
{
    const struct pinot_rule *rule = window->rule;
    int32_t level = 0;
    bool any = false;
    int64_t previous_us = 0;
    for (uint32_t at = window->begin; at < window->end; at++) {
        const struct pinot_row *row = &window->rows[at];
        bool repeated = (rule->modes & PINOT_STRICT_DEDUPLICATION) != 0 && row->step == level - 1;
        bool other = (rule->modes & PINOT_STRICT_ORDER) != 0 && row->step != level;
        if (repeated || other) {
            break;
        }
        bool passed_over =
            (rule->modes & PINOT_STRICT_INCREASE) != 0 && any && previous_us == row->time_us;
        if (passed_over || row->step != level) {
            continue;
        }
        matched[level++] = at;
        any = true;
        previous_us = row->time_us;
        if ((uint32_t)level == rule->step_count) {
            break;
        }
    }
    return (uint32_t)level;
}

void pinot_max_step(const struct pinot_rule *rule, const struct pinot_row *rows, uint32_t row_count,
                    struct pinot_match *match_out)
{
    struct pinot_window window = {.rule = rule, .rows = rows, .count = row_count};
    match_out->level = 0;
    while (window.end < window.count && pinot_window_fill(&window)) {
        uint32_t matched[FUNNEL_STEP_COUNT_MAX];
        uint32_t level = pinot_window_match(&window, matched);
        for (uint32_t k = 0; level > match_out->level && k < level; k++) {
            match_out->rows[k] = matched[k];
        }
        match_out->level = level > match_out->level ? level : match_out->level;
        if (match_out->level == rule->step_count) {
            return;
        }
        window.begin++;
    }
}

/// Full runs in one window: a mode that is violated starts the run anew, and so does a full run.
/// Here the row before, matched or not, is the one that STRICT_INCREASE compares with.
static uint64_t count_runs(const struct pinot_window *window, int64_t *last_us)
{
    const struct pinot_rule *rule = window->rule;
    int32_t level = 0;
    bool any = false;
    int64_t previous_us = 0;
    uint64_t runs = 0;
    for (uint32_t at = window->begin; at < window->end; at++) {
        const struct pinot_row *row = &window->rows[at];
        if ((rule->modes & PINOT_STRICT_DEDUPLICATION) != 0 && row->step == level - 1) {
            level = 0;
        }
        if ((rule->modes & PINOT_STRICT_ORDER) != 0 && row->step != level) {
            level = 0;
        }
        if ((rule->modes & PINOT_STRICT_INCREASE) != 0 && any && previous_us == row->time_us) {
            continue;
        }
        any = true;
        previous_us = row->time_us;
        level += row->step == level;
        if ((uint32_t)level == rule->step_count) {
            runs++;
            level = 0;
            *last_us = row->time_us;
        }
    }
    return runs;
}

uint64_t pinot_complete_count(const struct pinot_rule *rule, const struct pinot_row *rows,
                              uint32_t row_count)
{
    struct pinot_window window = {.rule = rule, .rows = rows, .count = row_count};
    uint64_t runs = 0;
    while (window.end < window.count && pinot_window_fill(&window)) {
        int64_t last_us = rows[window.begin].time_us;
        runs += count_runs(&window, &last_us);
        window.begin++;
        while (window.begin < window.end && rows[window.begin].time_us < last_us) {
            window.begin++;
        }
    }
    return runs;
}

void pinot_funnel_count(const struct pinot_rule *rule, const struct match_event *events,
                        uint32_t event_count, struct pinot_set *set_out)
{
    uint32_t seen = 0;
    set_out->level = 0;
    for (uint32_t event = 0; event < event_count; event++) {
        seen |= events[event].steps;
        while (set_out->level < rule->step_count && (seen >> set_out->level & 1) != 0) {
            set_out->times_us[set_out->level] = events[event].time_us;
            set_out->events[set_out->level++] = event;
        }
    }
}
