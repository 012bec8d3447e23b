// SPDX-License-Identifier: Apache-2.0
// How it was measured: parameters, the generator's own ceiling, the fit of a learned load.
#include "tools/bench/page/page_private.h"

/// Two columns: the members of an object that are texts, numbers or booleans.
static void draw_object(struct page *page, const char *title, const json_t *object)
{
    const char *key;
    const json_t *value;
    if (!json_is_object(object)) {
        return;
    }
    json_t *rows = json_array();
    json_object_foreach((json_t *)object, key, value)
    {
        if (!json_is_object(value) && !json_is_array(value)) {
            json_t *row = json_object();
            json_object_set_new(row, "key", json_string(key));
            json_object_set(row, "value", (json_t *)value);
            json_array_append_new(rows, row);
        }
    }
    static const struct page_column columns[] = {{"key", "what", CHART_PLAIN},
                                                 {"value", "value", CHART_PLAIN}};
    page_table(page, title, rows, columns, 2);
    json_decref(rows);
}

static void draw_fit(struct page *page)
{
    static const struct page_column columns[] = {
        {"quantity", "quantity", CHART_PLAIN},
        {"sample", "sample", CHART_PLAIN},
        {"generated", "generated", CHART_PLAIN},
        {"difference", "difference", CHART_PLAIN},
    };
    const json_t *fit = page_at(page->root, "fit");
    if (page_rows(fit) > 0) {
        text_buffer_append_string(page->out, "<h3>Fit of the learned load</h3>\n");
        page_table(page, "Table of the fit", fit, columns, 4);
    }
}

void page_machine_draw(struct page *page)
{
    page_section_open(page, "machine", "How it was measured");
    draw_fit(page);
    draw_object(page, "Machine", page_at(page->root, "machine"));
    draw_object(page, "Parameters", page_at(page->root, "parameters"));
    draw_object(page, "Generator", page_at(page->root, "generator"));
    page_section_close(page);
}
