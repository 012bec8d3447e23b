// SPDX-License-Identifier: Apache-2.0
// What one reads first: the machine, and the figures that matter most.
#include "tools/bench/page/page_private.h"

#include <math.h>

#define PERCENTILE_COUNT_MIN 100 ///< fewer have no 99 %

static void open_card(struct page *page, const char *name)
{
    text_buffer_printf(page->out, "<dl class=\"card\"><dt>%s</dt><dd><div class=\"figure\">", name);
}

static void close_card(struct page *page, const char *beside)
{
    text_buffer_append_string(page->out, "</div><div class=\"beside\">");
    chart_escape(page->out, text_from(beside));
    text_buffer_append_string(page->out, "</div></dd></dl>\n");
}

static void card(struct page *page, const char *name, enum chart_unit unit, const char *path,
                 const char *beside)
{
    double value;
    if (page_number(page->root, path, &value)) {
        open_card(page, name);
        chart_words(page->out, unit, value);
        close_card(page, beside);
    }
}

static double sum_of(const json_t *rows, const char *path)
{
    double sum = 0;
    for (uint32_t row = 0; row < page_rows(rows); row++) {
        sum += page_number_or(json_array_get(rows, row), path, 0);
    }
    return sum;
}

static void card_sum(struct page *page, const char *name, enum chart_unit unit,
                     const char *rows_path, const char *path, const char *beside)
{
    double sum = sum_of(page_at(page->root, rows_path), path);
    if (sum > 0) {
        open_card(page, name);
        chart_words(page->out, unit, sum);
        close_card(page, beside);
    }
}

/// The slowest of the questions at the highest steady rate.
static void card_question(struct page *page)
{
    const json_t *rows = page_at(page->root, "queries");
    const json_t *slowest = NULL;
    double most = -1;
    for (uint32_t row = 0; row < page_rows(rows); row++) {
        double p99;
        const json_t *query = json_array_get(rows, row);
        if (page_number_or(query, "count", 0) > 0 && page_number(query, "p99_us", &p99) &&
            p99 > most) {
            most = p99;
            slowest = json_array_get(rows, row);
        }
    }
    if (slowest != NULL) {
        struct text name = page_text(slowest, "name");
        struct text_buffer beside = {0};
        double count = page_number_or(slowest, "count", 0);
        if (count < PERCENTILE_COUNT_MIN) { // its 99 % are the slowest one
            text_buffer_printf(&beside, "all of %.0f answers, while reading: ", count);
        } else {
            text_buffer_append_string(&beside, "99 % of answers, while reading: ");
        }
        text_buffer_append_text(&beside, name);
        open_card(page, "Answers within");
        chart_words(page->out, CHART_MICROSECONDS, most);
        close_card(page, beside.bytes);
        text_buffer_deinit(&beside);
    }
}

/// Of the largest store that was made.
static void card_restart(struct page *page)
{
    const json_t *rows = page_at(page->root, "growth");
    const json_t *largest = json_array_get(rows, page_rows(rows) - 1);
    double seconds;
    if (page_rows(rows) > 0 && page_number(largest, "restart_seconds", &seconds)) {
        struct text_buffer beside = {0};
        text_buffer_append_string(&beside, "after a kill, with ");
        chart_words(&beside, CHART_COUNT, page_number_or(largest, "events", 0));
        text_buffer_append_string(&beside, " events");
        open_card(page, "Back within");
        chart_words(page->out, CHART_MICROSECONDS, seconds * 1e6);
        close_card(page, beside.bytes);
        text_buffer_deinit(&beside);
    }
}

/// The worst of the predictions that were checked.
static void card_error(struct page *page)
{
    const json_t *rows = page_at(page->root, "model.held_out");
    double worst = -1;
    for (uint32_t row = 0; row < page_rows(rows); row++) {
        worst = fmax(worst, fabs(page_number_or(json_array_get(rows, row), "error", 0)));
    }
    if (worst >= 0) {
        open_card(page, "Predictions off by");
        chart_words(page->out, CHART_PERCENT, worst * 100);
        close_card(page, "at most, on loads the model had not seen");
    }
}

/// "name, name: value" facts of the machine in one line.
static void draw_machine_line(struct page *page)
{
    const json_t *machine = page_at(page->root, "machine");
    struct text cpu = page_text(machine, "cpu");
    double number;
    text_buffer_append_string(page->out, "<p class=\"quiet\">");
    chart_escape(page->out, cpu.size == 0 ? TEXT_LITERAL("Machine not named") : cpu);
    if (page_number(machine, "cores", &number)) {
        text_buffer_append_string(page->out, " \u00b7 ");
        chart_words(page->out, CHART_COUNT, number);
        text_buffer_append_string(page->out, number == 1 ? " core" : " cores");
    }
    if (page_number(machine, "memory_bytes", &number)) {
        text_buffer_append_string(page->out, " \u00b7 ");
        chart_words(page->out, CHART_BYTES, number);
    }
    static const char *const more[] = {"kernel", "disk", "compiler"};
    for (size_t index = 0; index < sizeof(more) / sizeof(more[0]); index++) {
        if (page_text(machine, more[index]).size > 0) {
            text_buffer_append_string(page->out, " \u00b7 ");
            chart_escape(page->out, page_text(machine, more[index]));
        }
    }
    text_buffer_append_string(page->out, "</p>\n");
}

/// What was there before the load.
static void draw_prefill(struct page *page)
{
    double events;
    if (page_number(page->root, "prefill.events", &events)) {
        text_buffer_append_string(page->out, "<p>Over a store that already held ");
        chart_words(page->out, CHART_COUNT, events);
        text_buffer_append_string(page->out, " events of ");
        chart_words(page->out, CHART_COUNT, page_number_or(page->root, "prefill.users", 0));
        text_buffer_append_string(page->out, " users; freshness and answers are with ");
        chart_words(page->out, CHART_COUNT, page_number_or(page->root, "hold.asked", 0));
        text_buffer_append_string(page->out, " events a second beside them.</p>\n");
    }
}

/// What a reader must know before believing a figure.
static void draw_doubts(struct page *page)
{
    draw_prefill(page);
    const json_t *machine = page_at(page->root, "machine");
    double busy = json_number_value(json_array_get(page_at(machine, "load_average"), 0));
    double cores = page_number_or(machine, "cores", 0);
    if (busy > cores / 2) {
        text_buffer_printf(page->out,
                           "<p>Other programs were running (load average %.1f on %.0f cores): left "
                           "alone, it does better.</p>\n",
                           busy, cores);
    }
    if (json_is_true(page_at(page->root, "parameters.quick"))) {
        text_buffer_append_string(page->out,
                                  "<p>A --quick run shows that everything works; its figures, and "
                                  "plans made from them, are rough.</p>\n");
    }
}

void page_head_draw(struct page *page)
{
    text_buffer_append_string(page->out, "<h1>What this machine sustains</h1>\n");
    draw_machine_line(page);
    draw_doubts(page);
    text_buffer_append_string(page->out, "<div class=\"cards\">\n");
    card(page, "Highest steady rate", CHART_RATE, "sustainable.events_per_second",
         "events taken in, lag not growing");
    card(page, "Fresh within", CHART_MICROSECONDS, "hold.freshness.p99_us",
         "99 % of events, below that rate");
    card_question(page);
    card(page, "CPU per event", CHART_NANOSECONDS, "hold.cpu_ns_per_event",
         "all stages of taking in");
    card_sum(page, "On disk per event", CHART_BYTES, "bytes_per_event", "bytes", "all columns");
    card(page, "Memory per live user", CHART_BYTES, "memory.per_live_user_bytes",
         "state of sessions and live funnels");
    card_restart(page);
    card_error(page);
    text_buffer_append_string(page->out, "</div>\n");
}
