// SPDX-License-Identifier: Apache-2.0
// How it was measured: parameters, the generator's own ceiling, the fit of a learned load.
#include "tools/bench/page/page_private.h"

#include <math.h>

/// How far the generated load is from the sample it was learned from.
static void draw_fit(struct page *page)
{
    static const struct page_column columns[] = {
        {"quantity", "quantity", CHART_PLAIN},
        {"sample", "sample", CHART_PLAIN},
        {"generated", "generated", CHART_PLAIN},
        {"difference", "difference (of 1)", CHART_PLAIN},
    };
    const json_t *rows = page_at(page->root, "fit");
    uint32_t row_count = page_rows(rows);
    if (row_count == 0) {
        return;
    }
    struct chart_bar *bars = arena_allocate_zeroed(&page->arena, row_count, sizeof(*bars));
    uint32_t count = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        struct chart_bar *bar = &bars[count];
        bar->label = page_text(json_array_get(rows, row), "quantity");
        count += page_number(json_array_get(rows, row), "difference", &bar->value);
        bar->value *= 100;
    }
    text_buffer_append_string(page->out, "<h3>Fit of the learned load</h3>\n");
    page_figure_open(page);
    chart_bars_draw(page->out, TEXT_LITERAL("Generated less sample"), CHART_PERCENT, bars, count);
    page_figure_close(page, "How far the generated load is from the sample, in percent of the "
                            "sample.");
    page_table(page, "Table of the fit", rows, columns, 4);
}

static void say_generator(struct page *page)
{
    struct text_buffer words = {0};
    double ceiling;
    double rate;
    if (page_number(page->root, "generator.ceiling_events_per_second", &ceiling)) {
        text_buffer_append_string(&words, "The generator alone reaches ");
        chart_words(&words, CHART_RATE, ceiling);
        if (page_number(page->root, "sustainable.events_per_second", &rate) && rate > 0) {
            text_buffer_append_string(&words, ", ");
            chart_words(&words, CHART_PLAIN, round(ceiling / rate * 10) / 10);
            text_buffer_append_string(&words, " times the highest steady rate");
        }
        text_buffer_append_string(&words, ".");
        page_say(page, "%s", words.bytes);
    }
    text_buffer_deinit(&words);
}

void page_machine_draw(struct page *page)
{
    page_section_open(page, "machine", "How it was measured");
    say_generator(page);
    draw_fit(page);
    page_object(page, "Machine", page_at(page->root, "machine"));
    page_object(page, "Disk: 4 KiB written and synced",
                page_at(page->root, "machine.disk.sync_4kib"));
    page_object(page, "Disk: 1 MiB written and synced",
                page_at(page->root, "machine.disk.sync_1mib"));
    page_object(page, "Parameters", page_at(page->root, "parameters"));
    page_object(page, "Shape of the load", page_at(page->root, "parameters.shape"));
    page_object(page, "Generator", page_at(page->root, "generator"));
    page_object(page, "Recording", page_at(page->root, "recording"));
    page_section_close(page);
}
