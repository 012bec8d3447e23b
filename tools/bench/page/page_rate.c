// SPDX-License-Identifier: Apache-2.0
// The search for the highest steady rate: what was asked, what came of it.
#include "tools/bench/page/page_private.h"

#define SERIES_SHOWN_MAX 6u

enum step_kind { STEP_STEADY = 0, STEP_UNSTEADY, STEP_UNDECIDED, STEP_KIND_COUNT };

static enum step_kind kind_of(const json_t *step)
{
    if (json_is_true(page_at(step, "steady"))) {
        return STEP_STEADY;
    }
    return text_equal(page_text(step, "verdict"), TEXT_LITERAL("growing")) ? STEP_UNSTEADY
                                                                           : STEP_UNDECIDED;
}

/// The points of the steps of one kind.
static struct chart_point *kind_points(struct page *page, const json_t *steps, enum step_kind kind,
                                       const char *y_path, uint32_t *count_out)
{
    uint32_t step_count = page_rows(steps);
    struct chart_point *points =
        arena_allocate_zeroed(&page->arena, step_count + 1, sizeof(*points));
    *count_out = 0;
    for (uint32_t index = 0; index < step_count; index++) {
        const json_t *step = json_array_get(steps, index);
        struct chart_point *point = &points[*count_out];
        if (page_number(step, "asked", &point->x) && page_number(step, y_path, &point->y) &&
            kind_of(step) == kind) {
            (*count_out)++;
        }
    }
    return points;
}

static void draw_steps(struct page *page, const json_t *steps, const char *y_path,
                       const char *y_label, enum chart_unit unit, const char *caption)
{
    struct chart_series series[STEP_KIND_COUNT] = {
        {.name = TEXT_LITERAL("steady"), .tone = 2, .shape = CHART_DOTS},
        {.name = TEXT_LITERAL("lag or freshness grows"), .tone = 3, .shape = CHART_CROSSES},
        {.name = TEXT_LITERAL("not decided"), .tone = 6, .shape = CHART_CROSSES}};
    uint32_t count = 0;
    for (uint32_t kind = 0; kind < STEP_KIND_COUNT; kind++) {
        struct chart_series *one = &series[count];
        *one = series[kind];
        one->points = kind_points(page, steps, (enum step_kind)kind, y_path, &one->point_count);
        count += one->point_count > 0;
    }
    if (count == 0) {
        page_absent(page, y_label);
        return;
    }
    struct chart_mark mark = {.label = TEXT_LITERAL("highest steady rate")};
    bool marked = page_number(page->root, "sustainable.events_per_second", &mark.at);
    struct chart_plot plot = {
        .title = text_from(caption),
        .x = {.label = "events per second asked for", .unit = CHART_RATE},
        .y = {.label = y_label, .unit = unit, .logarithmic = true},
        .series = series,
        .series_count = count,
        .marks = &mark,
        .mark_count = marked ? 1 : 0,
    };
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, count);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, caption);
}

/// Events due and not yet read, over the seconds of a step.
static struct chart_point *course_of(struct page *page, const json_t *rows, uint32_t *count_out)
{
    uint32_t row_count = page_rows(rows);
    struct chart_point *points =
        arena_allocate_zeroed(&page->arena, row_count + 1, sizeof(*points));
    double first_us = page_number_or(json_array_get(rows, 0), "at_us", 0);
    *count_out = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        const json_t *at = json_array_get(rows, row);
        double now_us;
        double due;
        double visible;
        if (page_number(at, "at_us", &now_us) && page_number(at, "due", &due) &&
            page_number(at, "visible", &visible)) {
            points[(*count_out)++] =
                (struct chart_point){.x = (now_us - first_us) / 1e6, .y = due - visible};
        }
    }
    return points;
}

static struct text course_name(struct page *page, const json_t *step)
{
    struct text_buffer words = {0};
    chart_words(&words, CHART_RATE, page_number_or(step, "asked", 0));
    text_buffer_append_string(&words, kind_of(step) == STEP_STEADY ? ", steady" : ", not steady");
    char *name = arena_allocate(&page->arena, words.size + 1);
    memcpy(name, words.bytes, words.size + 1);
    struct text text = {name, words.size};
    text_buffer_deinit(&words);
    return text;
}

/// How the lag went on during the steps, the last ones where there are many.
static void draw_courses(struct page *page, const json_t *steps)
{
    struct chart_series series[SERIES_SHOWN_MAX] = {0};
    uint32_t count = 0;
    for (uint32_t index = page_rows(steps); index-- > 0 && count < SERIES_SHOWN_MAX;) {
        const json_t *step = json_array_get(steps, index);
        struct chart_series *line = &series[count];
        line->points = course_of(page, page_at(step, "series"), &line->point_count);
        line->name = course_name(page, step);
        line->tone = count;
        line->shape = kind_of(step) == STEP_STEADY ? CHART_THIN : CHART_DASHES;
        count += line->point_count >= 2;
    }
    if (count == 0) {
        return;
    }
    struct chart_plot plot = {.title = TEXT_LITERAL("Lag during the steps"),
                              .x = {.label = "seconds into the step", .unit = CHART_PLAIN},
                              .y = {.label = "events due and not yet visible", .unit = CHART_COUNT},
                              .series = series,
                              .series_count = count};
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, count);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, "Lag during the last steps: a steady one (whole line) levels off, the "
                            "others (dashed) climb to their end.");
}

static void say_result(struct page *page)
{
    const json_t *found = page_at(page->root, "sustainable");
    struct text_buffer words = {0};
    double rate;
    double above;
    if (page_number(found, "events_per_second", &rate)) {
        chart_words(&words, CHART_RATE, rate);
        text_buffer_append_string(&words, " was held");
        if (page_number(found, "not_sustained", &above)) {
            text_buffer_append_string(&words, ", ");
            chart_words(&words, CHART_RATE, above);
            text_buffer_append_string(&words, " was not");
        }
        text_buffer_append_string(&words, ". ");
    }
    text_buffer_append_string(
        &words, "The load was raised step by step; a step is steady where neither lag nor "
                "freshness grows over its length, by a test on batch means and not by eye.");
    if (json_is_true(page_at(found, "generator_limited"))) {
        text_buffer_append_string(&words, " The generator was the limit: the system may sustain "
                                          "more.");
    }
    page_say(page, "%s", words.bytes);
    text_buffer_deinit(&words);
}

void page_rate_draw(struct page *page)
{
    static const struct page_column columns[] = {
        {"asked", "asked", CHART_RATE},
        {"achieved", "achieved", CHART_RATE},
        {"verdict", "verdict", CHART_PLAIN},
        {"seconds", "seconds", CHART_PLAIN},
        {"lag_start", "lag at start", CHART_COUNT},
        {"lag_end", "lag at end", CHART_COUNT},
        {"lag_us", "behind, mean", CHART_MICROSECONDS},
        {"lag_slope", "lag grows by", CHART_RATE},
        {"lag.slope_low", "at least", CHART_RATE},
        {"lag.slope_high", "at most", CHART_RATE},
        {"freshness_p50_us", "fresh, median", CHART_MICROSECONDS},
        {"p99_us", "fresh, 99 %", CHART_MICROSECONDS},
        {"cpu_ns_per_event", "CPU an event", CHART_NANOSECONDS},
        {"cores", "cores busy", CHART_PLAIN},
        {"resident_peak_bytes", "memory", CHART_BYTES},
        {"generator_limited", "generator was the limit", CHART_PLAIN},
    };
    const json_t *steps = page_at(page->root, "sustainable.steps");
    page_section_open(page, "rate", "Highest steady rate");
    if (page_rows(steps) == 0) {
        page_absent(page, "The search for it");
        page_section_close(page);
        return;
    }
    say_result(page);
    if (page_at(json_array_get(steps, 0), "lag_us") != NULL) {
        draw_steps(page, steps, "lag_us", "reading is behind by (mean, logarithmic)",
                   CHART_MICROSECONDS,
                   "Rate against lag: for how long events that were due had not been read, the "
                   "mean of a step. Less than 0.1 ms is drawn as 0.1 ms.");
    } else {
        draw_steps(page, steps, "lag_end", "lag at the step's end, in events (logarithmic)",
                   CHART_COUNT, "Rate against lag: events that were due and not yet read.");
    }
    draw_steps(page, steps, "p99_us", "freshness, 99 % of events (logarithmic)", CHART_MICROSECONDS,
               "Rate against freshness: from the moment an event was due to be sent until a "
               "question could see it.");
    draw_courses(page, steps);
    page_table(page, "Table of steps", steps, columns, sizeof(columns) / sizeof(columns[0]));
    page_section_close(page);
}
