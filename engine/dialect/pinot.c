// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/pinot.h"

#include "engine/dialect/pinot_window.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

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

/// Where the rows of each step are, ascending.
struct pinot_index {
    uint32_t offsets[FUNNEL_STEP_COUNT_MAX + 1];
    uint32_t *positions; ///< of step k from offsets[k] to offsets[k + 1]
};

static void index_init(struct pinot_index *index, const struct pinot_window *window)
{
    uint32_t next[FUNNEL_STEP_COUNT_MAX];
    memset(index->offsets, 0, sizeof(index->offsets));
    index->positions = memory_allocate_zeroed((size_t)window->count + 1, sizeof(uint32_t));
    for (uint32_t at = 0; at < window->count; at++) {
        if (window->rows[at].step != PINOT_STEP_NONE) {
            index->offsets[window->rows[at].step + 1]++;
        }
    }
    for (uint32_t step = 0; step < FUNNEL_STEP_COUNT_MAX; step++) {
        next[step] = index->offsets[step];
        index->offsets[step + 1] += index->offsets[step];
    }
    for (uint32_t at = 0; at < window->count; at++) {
        if (window->rows[at].step != PINOT_STEP_NONE) {
            index->positions[next[window->rows[at].step]++] = at;
        }
    }
}

/// The first row of a step at `from` or later; UINT32_MAX where there is none.
static uint32_t next_row(const struct pinot_index *index, uint32_t step, uint32_t from)
{
    uint32_t low = index->offsets[step];
    uint32_t high = index->offsets[step + 1];
    uint32_t end = high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->positions[middle] < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < end ? index->positions[low] : UINT32_MAX;
}

/// As pinot_window_match() without looking at every row: a large window slides over many starts.
static uint32_t match_by_index(const struct pinot_window *window, const struct pinot_index *index,
                               uint32_t *matched)
{
    const struct pinot_rule *rule = window->rule;
    if ((rule->modes & PINOT_STRICT_ORDER) != 0) {
        return pinot_window_match(window, matched); // stops at the first row that does not fit
    }
    uint32_t level = 1;
    matched[0] = window->begin;
    for (uint32_t at = window->begin; level < rule->step_count; level++) {
        uint32_t next = next_row(index, level, at + 1);
        while ((rule->modes & PINOT_STRICT_INCREASE) != 0 && next < window->end &&
               window->rows[next].time_us == window->rows[at].time_us) {
            next = next_row(index, level, next + 1);
        }
        bool repeated = (rule->modes & PINOT_STRICT_DEDUPLICATION) != 0 &&
                        next_row(index, level - 1, at + 1) < next;
        if (next >= window->end || repeated) {
            break;
        }
        matched[level] = next;
        at = next;
    }
    return level;
}

void pinot_max_step(const struct pinot_rule *rule, const struct pinot_row *rows, uint32_t row_count,
                    struct pinot_match *match_out)
{
    struct pinot_window window = {.rule = rule, .rows = rows, .count = row_count};
    struct pinot_index index;
    index_init(&index, &window);
    match_out->level = 0;
    while (match_out->level < rule->step_count && window.end < window.count &&
           pinot_window_fill(&window)) {
        uint32_t matched[FUNNEL_STEP_COUNT_MAX];
        uint32_t level = match_by_index(&window, &index, matched);
        if (level > match_out->level) {
            memcpy(match_out->rows, matched, level * sizeof(*matched));
            match_out->level = level;
        }
        window.begin++;
    }
    memory_free(index.positions);
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
