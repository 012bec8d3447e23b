// SPDX-License-Identifier: Apache-2.0
// The search for the highest steady rate: what was asked, what came of it.
#include "tools/bench/page/page_private.h"

#define STEP_TONE_STEADY 2u
#define STEP_TONE_UNSTEADY 3u
#define SERIES_SHOWN_MAX 6u

/// The points of the steps that are steady, or of those that are not.
static struct chart_point *verdict_points(struct page *page, const json_t *steps, bool steady,
                                          const char *y_path, uint32_t *count_out)
{
    uint32_t step_count = page_rows(steps);
    struct chart_point *points =
        arena_allocate_zeroed(&page->arena, step_count + 1, sizeof(*points));
    *count_out = 0;
    for (uint32_t index = 0; index < step_count; index++) {
        const json_t *step = json_array_get(steps, index);
        struct chart_point *point = &points[*count_out];
        bool there =
            page_number(step, "achieved", &point->x) || page_number(step, "asked", &point->x);
        if (there && page_number(step, y_path, &point->y) &&
            json_is_true(page_at(step, "steady")) == steady) {
            (*count_out)++;
        }
    }
    return points;
}

static void draw_verdicts(struct page *page, const json_t *steps, const char *y_path,
                          const char *y_label, enum chart_unit unit, const char *caption)
{
    struct chart_series series[2] = {
        {.name = TEXT_LITERAL("steady"), .tone = STEP_TONE_STEADY, .shape = CHART_DOTS},
        {.name = TEXT_LITERAL("lag grows"), .tone = STEP_TONE_UNSTEADY, .shape = CHART_CROSSES}};
    series[0].points = verdict_points(page, steps, true, y_path, &series[0].point_count);
    series[1].points = verdict_points(page, steps, false, y_path, &series[1].point_count);
    if (series[0].point_count + series[1].point_count == 0) {
        page_absent(page, y_label);
        return;
    }
    struct chart_mark mark = {.label = TEXT_LITERAL("highest steady rate")};
    bool marked = page_number(page->root, "sustainable.events_per_second", &mark.at);
    struct chart_plot plot = {
        .title = text_from(caption),
        .x = {.label = "events per second", .unit = CHART_RATE},
        .y = {.label = y_label, .unit = unit, .logarithmic = true},
        .series = series,
        .series_count = 2,
        .marks = &mark,
        .mark_count = marked ? 1 : 0,
    };
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, 2);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, caption);
}

/// How the lag went on during the steps, the last ones where there are many.
static void draw_courses(struct page *page, const json_t *steps)
{
    struct chart_series series[SERIES_SHOWN_MAX] = {0};
    struct text_buffer names = {0};
    uint32_t count = 0;
    uint32_t step_count = page_rows(steps);
    uint32_t first = step_count > SERIES_SHOWN_MAX ? step_count - SERIES_SHOWN_MAX : 0;
    for (uint32_t index = first; index < step_count; index++) {
        const json_t *step = json_array_get(steps, index);
        struct chart_series *line = &series[count];
        line->points =
            page_points(page, page_at(step, "series"), "seconds", "lag", &line->point_count);
        if (line->point_count < 2) {
            continue;
        }
        text_buffer_reset(&names);
        chart_words(&names, CHART_RATE, page_number_or(step, "asked", 0));
        text_buffer_append_string(&names, json_is_true(page_at(step, "steady")) ? ", steady"
                                                                                : ", lag grows");
        char *name = arena_allocate(&page->arena, names.size + 1);
        memcpy(name, names.bytes, names.size + 1);
        line->name = (struct text){name, names.size};
        line->tone = count++;
        line->shape = CHART_THIN;
    }
    text_buffer_deinit(&names);
    if (count == 0) {
        return;
    }
    struct chart_plot plot = {.title = TEXT_LITERAL("Lag during the steps"),
                              .x = {.label = "seconds into the step", .unit = CHART_PLAIN},
                              .y = {.label = "events not yet visible", .unit = CHART_COUNT},
                              .series = series,
                              .series_count = count};
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, count);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, "Lag during the steps: a steady one levels off, the others climb to "
                            "their end.");
}

void page_rate_draw(struct page *page)
{
    static const struct page_column columns[] = {
        {"asked", "asked", CHART_RATE},
        {"achieved", "achieved", CHART_RATE},
        {"steady", "steady", CHART_PLAIN},
        {"reason", "because", CHART_PLAIN},
        {"lag_start", "lag at start", CHART_COUNT},
        {"lag_end", "lag at end", CHART_COUNT},
        {"lag_slope", "lag per second", CHART_RATE},
        {"freshness_p50_us", "fresh, median", CHART_MICROSECONDS},
        {"p99_us", "fresh, 99 %", CHART_MICROSECONDS},
        {"cpu_cores", "cores busy", CHART_PLAIN},
    };
    const json_t *steps = page_at(page->root, "sustainable.steps");
    page_section_open(page, "rate", "Highest steady rate");
    if (page_rows(steps) == 0) {
        page_absent(page, "The search for it");
        page_section_close(page);
        return;
    }
    page_say(page, "The load was raised step by step. A step counts as steady where the lag does "
                   "not grow over its length; the highest such rate is the answer.");
    draw_verdicts(page, steps, "lag_end", "lag at the step's end", CHART_COUNT,
                  "Rate against lag: events that were sent and could not be asked for yet.");
    draw_verdicts(page, steps, "p99_us", "freshness, 99 %", CHART_MICROSECONDS,
                  "Rate against freshness: from the moment an event was due to be sent until a "
                  "question saw it.");
    draw_courses(page, steps);
    page_table(page, "Table of steps", steps, columns, sizeof(columns) / sizeof(columns[0]));
    page_section_close(page);
}
