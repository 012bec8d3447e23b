// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/compare/compare.h"

#include "tools/report/report.h"

#include <jansson.h>
#include <math.h>

#define NAME_WIDTH 44u
#define VALUE_WIDTH 10u
#define CHANGE_WIDTH 10u
#define BAND_WIDTH 22u

static const char *const verdict_words[] = {[COMPARE_NO_CHANGE] = "no change shown",
                                            [COMPARE_BETTER] = "better",
                                            [COMPARE_WORSE] = "WORSE",
                                            [COMPARE_ONCE] = "measured once"};

static uint32_t columns_of(const char *text)
{
    uint32_t columns = 0;
    for (; *text != '\0'; text++) {
        columns += ((uint8_t)*text & 0xc0) != 0x80;
    }
    return columns;
}

static void append_cell(struct text_buffer *out, const char *words, uint32_t width, bool right)
{
    uint32_t used = columns_of(words);
    int blank = used < width ? (int)(width - used) : 0;
    text_buffer_printf(out, "%*s%s%*s ", right ? blank : 0, "", words, right ? 0 : blank, "");
}

static void append_percent(struct text_buffer *words, double ratio)
{
    double percent = (ratio - 1) * 100;
    if (fabs(percent) >= 1000) {
        text_buffer_printf(words, "\u00d7%.3g", ratio);
    } else {
        text_buffer_printf(words, fabs(percent) < 10 ? "%+.1f %%" : "%+.0f %%", percent);
    }
}

static void append_row(struct text_buffer *out, const struct compare_row *row)
{
    struct text_buffer words = {0};
    text_buffer_append_string(out, "  ");
    report_text(&words, row->name);
    append_cell(out, words.bytes, NAME_WIDTH, false);
    const double values[] = {row->before, row->after};
    for (uint32_t index = 0; index < 2; index++) {
        text_buffer_reset(&words);
        chart_words(&words, row->unit, values[index]);
        append_cell(out, words.bytes, VALUE_WIDTH, true);
    }
    text_buffer_reset(&words);
    append_percent(&words, row->ratio);
    append_cell(out, words.bytes, CHANGE_WIDTH, true);
    text_buffer_reset(&words);
    text_buffer_append_string(&words, row->verdict == COMPARE_ONCE ? "\u2013" : "");
    if (row->verdict != COMPARE_ONCE) {
        append_percent(&words, row->low);
        text_buffer_append_string(&words, " to ");
        append_percent(&words, row->high);
    }
    append_cell(out, words.bytes, BAND_WIDTH, true);
    text_buffer_printf(out, " %s\n", verdict_words[row->verdict]);
    text_buffer_deinit(&words);
}

void compare_table(const struct compare_result *result, struct text_buffer *out)
{
    text_buffer_append_string(out, "  ");
    append_cell(out, "figure", NAME_WIDTH, false);
    append_cell(out, "before", VALUE_WIDTH, true);
    append_cell(out, "after", VALUE_WIDTH, true);
    append_cell(out, "change", CHANGE_WIDTH, true);
    append_cell(out, "95 % interval", BAND_WIDTH, true);
    text_buffer_append_string(out, " verdict\n");
    for (uint32_t index = 0; index < result->row_count; index++) {
        append_row(out, &result->rows[index]);
    }
    text_buffer_printf(out, "\n  %u better, %u worse, %u without a change shown",
                       result->better_count, result->worse_count,
                       result->row_count - result->better_count - result->worse_count -
                           result->once_count);
    if (result->once_count > 0) {
        text_buffer_printf(out,
                           "; %u measured once on each side, where change cannot be told from "
                           "noise: give folders with four runs or more of each",
                           result->once_count);
    }
    text_buffer_append_string(out, "\n");
    for (uint32_t index = 0; index < result->note_count; index++) {
        text_buffer_append_string(out, index == 0 ? "\n  not the same on both sides:\n" : "");
        text_buffer_append_string(out, "    ");
        report_text(out, result->notes[index]);
        text_buffer_append_string(out, "\n");
    }
}

static json_t *row_json(const struct compare_row *row)
{
    static const char *const words[] = {[COMPARE_NO_CHANGE] = "no_change_shown",
                                        [COMPARE_BETTER] = "better",
                                        [COMPARE_WORSE] = "worse",
                                        [COMPARE_ONCE] = "measured_once"};
    json_t *object = json_object();
    json_object_set_new(object, "figure", json_stringn(row->name.bytes, row->name.size));
    json_object_set_new(object, "before", json_real(row->before));
    json_object_set_new(object, "after", json_real(row->after));
    json_object_set_new(object, "ratio", json_real(row->ratio));
    bool known = row->verdict != COMPARE_ONCE;
    json_object_set_new(object, "low", known ? json_real(row->low) : json_null());
    json_object_set_new(object, "high", known ? json_real(row->high) : json_null());
    json_object_set_new(object, "p", known ? json_real(row->p) : json_null());
    json_object_set_new(object, "more_is_better", json_boolean(row->more_is_better));
    json_object_set_new(object, "verdict", json_string(words[row->verdict]));
    return object;
}

static int append_bytes(const char *bytes, size_t size, void *context)
{
    text_buffer_append(context, bytes, size);
    return 0;
}

void compare_json(const struct compare_result *result, struct text_buffer *out)
{
    json_t *rows = json_array();
    for (uint32_t index = 0; index < result->row_count; index++) {
        json_array_append_new(rows, row_json(&result->rows[index]));
    }
    json_t *root = json_object();
    json_object_set_new(root, "corong_bench_compare", json_integer(1));
    json_object_set_new(root, "better", json_integer(result->better_count));
    json_object_set_new(root, "worse", json_integer(result->worse_count));
    json_object_set_new(root, "measured_once", json_integer(result->once_count));
    json_t *notes = json_array();
    for (uint32_t index = 0; index < result->note_count; index++) {
        json_array_append_new(notes,
                              json_stringn(result->notes[index].bytes, result->notes[index].size));
    }
    json_object_set_new(root, "differs", notes);
    json_object_set_new(root, "figures", rows);
    (void)!json_dump_callback(root, append_bytes, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    text_buffer_append_string(out, "\n");
    json_decref(root);
}
