// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/report.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

static const char *const KINDS[] = {[NEXT_DROPPED] = "dropped",
                                    [NEXT_OPEN] = "open",
                                    [NEXT_LOST] = "lost",
                                    [NEXT_REACHED] = "reached",
                                    [NEXT_WON] = "won"};

static uint32_t depth_of(const struct next_question *question)
{
    return question->depth == 0 ? 1 : question->depth;
}

/// A path as an array: labels, null where an event has no value.
static void write_path(struct json_writer *writer, const struct next_path *path)
{
    json_writer_begin(writer, NULL, '{');
    writer->flat = true;
    json_writer_begin(writer, "path", '[');
    for (uint32_t i = 0; i < path->label_count; i++) {
        json_writer_text(writer, NULL, path->labels[i]);
    }
    json_writer_end(writer, ']');
    json_writer_unsigned(writer, "attempts", path->attempts);
    json_writer_end(writer, '}');
    writer->flat = false;
}

static void write_json(const struct next_question *question, const struct next_result *result,
                       const struct report_style *style, struct text_buffer *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    report_json_question(&writer, question->funnel, style);
    json_writer_text(&writer, "after", text_from(KINDS[question->kind]));
    if (question->kind == NEXT_WON || question->step == 0) {
        json_writer_null(&writer, "step");
    } else {
        json_writer_unsigned(&writer, "step", question->step);
    }
    json_writer_unsigned(&writer, "attempts", result->attempts);
    json_writer_begin(&writer, "paths", '[');
    for (uint32_t i = 0; i < result->path_count; i++) {
        write_path(&writer, &result->paths[i]);
    }
    json_writer_end(&writer, ']');
    json_writer_unsigned(&writer, "other_paths", result->other_paths);
    json_writer_unsigned(&writer, "other_attempts", result->other_attempts);
    report_json_provenance(&writer, &result->provenance, style);
    json_writer_end(&writer, '}');
}

/// One cell per event of a path, then how many attempts; the rest as (other).
static void write_csv(const struct next_question *question, const struct next_result *result,
                      struct text_buffer *out)
{
    uint32_t depth = depth_of(question);
    for (uint32_t i = 0; i < depth; i++) {
        text_buffer_printf(out, "next_%u,", i + 1);
    }
    text_buffer_append_string(out, "attempts\n");
    for (uint32_t i = 0; i < result->path_count; i++) {
        const struct next_path *path = &result->paths[i];
        for (uint32_t k = 0; k < depth; k++) {
            struct text label = k < path->label_count    ? path->labels[k]
                                : k == path->label_count ? TEXT_LITERAL("(end)")
                                                         : TEXT_LITERAL("");
            bool none = label.bytes == NULL;
            report_csv_cell(out, none ? TEXT_LITERAL("(none)") : label, k == 0);
        }
        text_buffer_printf(out, ",%" PRIu64 "\n", path->attempts);
    }
    if (result->other_paths > 0) {
        text_buffer_append_string(out, "(other)");
        for (uint32_t k = 1; k < depth; k++) {
            text_buffer_append_string(out, ",");
        }
        text_buffer_printf(out, ",%" PRIu64 "\n", result->other_attempts);
    }
}

static void draw_title(const struct next_question *question, const struct next_result *result,
                       const struct report_style *style, struct text_buffer *out)
{
    const struct funnel *funnel = &question->funnel->funnel;
    struct text_buffer line = {0};
    report_lines_funnel(question->funnel, style, out);
    text_buffer_append_string(&line, "  what ");
    report_count(&line, result->attempts);
    text_buffer_append_string(&line, result->attempts == 1 ? " attempt did" : " attempts did");
    text_buffer_append_string(&line, " next · ");
    text_buffer_append_string(&line, KINDS[question->kind]);
    bool any = funnel->order == FUNNEL_ORDER_ANY;
    if (question->kind != NEXT_WON && question->step > 0 && any) {
        text_buffer_printf(&line, " %u of %u", question->step, funnel->step_count);
    } else if (question->kind != NEXT_WON && question->step > 0) {
        text_buffer_append_string(&line, " ");
        report_text(&line, funnel->steps[question->step - 1].name);
    }
    if (question->show.bytes != NULL) {
        text_buffer_append_string(&line, " · by ");
        report_text(&line, question->show);
    }
    report_lines_dim(line.bytes, style, out);
    text_buffer_append_string(out, "\n");
    text_buffer_deinit(&line);
}

static void add_label(struct grid *grid, const struct next_path *path, uint32_t index)
{
    if (index < path->label_count && path->labels[index].bytes != NULL) {
        grid_add_text(grid, path->labels[index]);
    } else {
        grid_add_string(grid, index < path->label_count    ? "(none)"
                              : index == path->label_count ? "(end)"
                                                           : "");
    }
}

static void add_row(struct grid *grid, const struct next_result *result, uint64_t attempts)
{
    grid_add_count(grid, attempts);
    grid_add_bar(grid, attempts, result->attempts);
    grid_add_rate(grid, attempts, result->attempts);
}

static void draw(const struct next_question *question, const struct next_result *result,
                 const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    draw_title(question, result, style, out);
    for (uint32_t i = 0; i < depth_of(question); i++) {
        grid_add_column(&grid, i == 0 ? "next" : "then", GRID_LEFT, 0, NULL);
    }
    grid_add_column(&grid, "attempts", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "", GRID_BAR, 0, "36");
    grid_add_column(&grid, "share", GRID_RIGHT, 0, NULL);
    for (uint32_t i = 0; i < result->path_count; i++) {
        for (uint32_t k = 0; k < depth_of(question); k++) {
            add_label(&grid, &result->paths[i], k);
        }
        add_row(&grid, result, result->paths[i].attempts);
    }
    if (result->other_paths > 0) {
        struct text_buffer other = {0};
        text_buffer_printf(&other, "(other, %" PRIu64 " paths)", result->other_paths);
        grid_add_string(&grid, other.bytes);
        for (uint32_t k = 1; k < depth_of(question); k++) {
            grid_add_string(&grid, "");
        }
        add_row(&grid, result, result->other_attempts);
        text_buffer_deinit(&other);
    }
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_append_string(out, "\n");
    report_lines_provenance(&result->provenance, style, out);
}

void report_next(const struct next_question *question, const struct next_result *result,
                 const struct report_style *style, struct text_buffer *out)
{
    if (style->format == REPORT_JSON) {
        write_json(question, result, style, out);
    } else if (style->format == REPORT_CSV) {
        write_csv(question, result, out);
    } else {
        draw(question, result, style, out);
    }
}
