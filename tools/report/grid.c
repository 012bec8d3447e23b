// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tools/report/glyph.h"

#define GAP_WIDTH 2u

uint32_t grid_text_width(struct text text)
{
    uint32_t width = 0;
    struct glyph glyph;
    while (glyph_next(&text, &glyph)) {
        width += glyph.width;
    }
    return width;
}

void grid_colour_begin(struct text_buffer *out, const struct report_style *style,
                       const char *colour)
{
    if (style->colour && colour != NULL) {
        text_buffer_printf(out, "\x1b[%sm", colour);
    }
}

void grid_colour_end(struct text_buffer *out, const struct report_style *style, const char *colour)
{
    if (style->colour && colour != NULL) {
        text_buffer_append_string(out, "\x1b[0m");
    }
}

uint32_t grid_draw_bar(struct text_buffer *out, double fraction, uint32_t width)
{
    static const char *const PARTS[8] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double clipped = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    uint32_t eighths = (uint32_t)(clipped * width * 8 + 0.5);
    if (eighths == 0 && clipped > 0) {
        eighths = 1;
    }
    for (uint32_t full = 0; full < eighths / 8; full++) {
        text_buffer_append_string(out, "█");
    }
    text_buffer_append_string(out, PARTS[eighths % 8]);
    return (eighths + 7) / 8;
}

/// Cuts a safe text to `width_max` columns; the last one is an ellipsis where something was cut.
static struct text cut(struct grid *grid, struct text text, uint32_t width_max)
{
    if (grid_text_width(text) <= width_max) {
        return arena_copy_text(&grid->arena, text);
    }
    struct text rest = text;
    struct glyph glyph;
    uint32_t width = 0;
    size_t kept_size = 0;
    while (glyph_next(&rest, &glyph) && width + glyph.width < width_max) {
        width += glyph.width;
        kept_size = (size_t)(rest.bytes - text.bytes);
    }
    struct text_buffer joined = {0};
    text_buffer_append(&joined, text.bytes, kept_size);
    text_buffer_append_string(&joined, "…");
    struct text copy = arena_copy_text(&grid->arena, (struct text){joined.bytes, joined.size});
    text_buffer_deinit(&joined);
    return copy;
}

/// The scratch buffer's content as a cut copy; the scratch is empty afterwards.
static struct text take_scratch(struct grid *grid)
{
    struct text raw = {grid->scratch.bytes, grid->scratch.size};
    struct text taken = raw.bytes == NULL ? TEXT_LITERAL("") : cut(grid, raw, GRID_NAME_WIDTH_MAX);
    text_buffer_reset(&grid->scratch);
    return taken;
}

void grid_add_column(struct grid *grid, const char *title, enum grid_align align, uint32_t rank,
                     const char *colour)
{
    ASSERT(grid->column_count < GRID_COLUMN_COUNT_MAX);
    ASSERT(grid->cell_count == 0);
    grid->columns[grid->column_count++] =
        (struct grid_column){text_from(title), align, rank, colour};
}

void grid_add_column_named(struct grid *grid, struct text title, enum grid_align align,
                           uint32_t rank)
{
    report_text(&grid->scratch, title);
    grid_add_column(grid, "", align, rank, NULL);
    grid->columns[grid->column_count - 1].title = take_scratch(grid);
}

static void add_cell(struct grid *grid, struct text text, double fraction)
{
    if (grid->cell_count == grid->cell_capacity) {
        grid->cell_capacity = grid->cell_capacity == 0 ? 64 : grid->cell_capacity * 2;
        grid->cells = memory_resize_array(grid->cells, grid->cell_capacity, sizeof(grid->cells[0]));
    }
    grid->cells[grid->cell_count++] =
        (struct grid_cell){text, grid_text_width(text), fraction, NULL};
}

void grid_add_text(struct grid *grid, struct text text)
{
    if (text.bytes == NULL) {
        text = TEXT_LITERAL("(none)");
    }
    report_text(&grid->scratch, text);
    add_cell(grid, take_scratch(grid), 0);
}

void grid_add_string(struct grid *grid, const char *string)
{
    text_buffer_append_string(&grid->scratch, string);
    add_cell(grid, take_scratch(grid), 0);
}

void grid_add_words(struct grid *grid, const char *words, const char *colour)
{
    add_cell(grid, cut(grid, text_from(words), GRID_WORDS_WIDTH_MAX), 0);
    grid->cells[grid->cell_count - 1].colour = colour;
}

void grid_add_count(struct grid *grid, uint64_t count)
{
    report_count(&grid->scratch, count);
    add_cell(grid, take_scratch(grid), 0);
}

void grid_add_rate(struct grid *grid, uint64_t part, uint64_t whole)
{
    report_rate(&grid->scratch, part, whole);
    add_cell(grid, take_scratch(grid), 0);
}

void grid_add_duration(struct grid *grid, uint64_t count, double duration_us)
{
    if (count == 0) {
        text_buffer_append_string(&grid->scratch, "–");
    } else {
        report_duration(&grid->scratch, duration_us);
    }
    add_cell(grid, take_scratch(grid), 0);
}

void grid_add_size(struct grid *grid, uint64_t size_bytes)
{
    report_size(&grid->scratch, size_bytes);
    add_cell(grid, take_scratch(grid), 0);
}

void grid_add_bar(struct grid *grid, uint64_t part, uint64_t whole)
{
    add_cell(grid, TEXT_LITERAL(""), whole == 0 ? 0 : (double)part / (double)whole);
}

/// Natural widths; 0 for the bar.
static void measure(const struct grid *grid, uint32_t *widths)
{
    for (uint32_t column = 0; column < grid->column_count; column++) {
        widths[column] = grid->columns[column].align == GRID_BAR
                             ? 0
                             : grid_text_width(grid->columns[column].title);
    }
    for (uint32_t index = 0; index < grid->cell_count; index++) {
        uint32_t column = index % grid->column_count;
        if (grid->columns[column].align != GRID_BAR && grid->cells[index].width > widths[column]) {
            widths[column] = grid->cells[index].width;
        }
    }
}

static uint32_t total_width(const struct grid *grid, const uint32_t *widths, const bool *shown)
{
    uint32_t total = 0;
    for (uint32_t column = 0; column < grid->column_count; column++) {
        if (shown[column]) {
            uint32_t bar = grid->columns[column].align == GRID_BAR ? GRID_BAR_WIDTH_MIN : 0;
            total += widths[column] + bar + GAP_WIDTH;
        }
    }
    return total;
}

/// Hides the column of the highest rank that is still shown; false where none may go.
static bool hide_one(const struct grid *grid, bool *shown)
{
    uint32_t worst = GRID_COLUMN_COUNT_MAX;
    for (uint32_t column = 0; column < grid->column_count; column++) {
        if (shown[column] && grid->columns[column].rank > 0 &&
            (worst == GRID_COLUMN_COUNT_MAX ||
             grid->columns[column].rank > grid->columns[worst].rank)) {
            worst = column;
        }
    }
    if (worst == GRID_COLUMN_COUNT_MAX) {
        return false;
    }
    shown[worst] = false;
    return true;
}

/// Decides which columns are shown and how wide the bar is.
static void lay_out(const struct grid *grid, uint32_t screen_width, uint32_t *widths, bool *shown)
{
    measure(grid, widths);
    for (uint32_t column = 0; column < grid->column_count; column++) {
        shown[column] = true;
    }
    while (total_width(grid, widths, shown) > screen_width && hide_one(grid, shown)) {
    }
    uint32_t used = total_width(grid, widths, shown);
    uint32_t room = GRID_BAR_WIDTH_MIN + (used < screen_width ? screen_width - used : 0);
    for (uint32_t column = 0; column < grid->column_count; column++) {
        if (grid->columns[column].align == GRID_BAR) {
            widths[column] = room < GRID_BAR_WIDTH_MAX ? room : GRID_BAR_WIDTH_MAX;
        }
    }
}

static void append_spaces(struct text_buffer *out, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        text_buffer_append(out, " ", 1);
    }
}

static void trim_line(struct text_buffer *out)
{
    while (out->size > 0 && out->bytes[out->size - 1] == ' ') {
        out->size--;
        out->bytes[out->size] = '\0';
    }
}

static void render_cell(const struct grid_column *column, const struct grid_cell *cell,
                        uint32_t width, const struct report_style *style, struct text_buffer *out)
{
    uint32_t used = cell->width;
    if (column->align == GRID_RIGHT) {
        append_spaces(out, width - used);
    }
    bool visible = used > 0 || cell->fraction > 0;
    const char *colour = cell->colour != NULL ? cell->colour : column->colour;
    grid_colour_begin(out, style, visible ? colour : NULL);
    if (column->align == GRID_BAR) {
        used = grid_draw_bar(out, cell->fraction, width);
    } else {
        text_buffer_append_text(out, cell->text);
    }
    grid_colour_end(out, style, visible ? colour : NULL);
    if (column->align != GRID_RIGHT) {
        append_spaces(out, width - used);
    }
}

static void render_head(const struct grid *grid, const uint32_t *widths, const bool *shown,
                        const struct report_style *style, struct text_buffer *out)
{
    for (uint32_t column = 0; column < grid->column_count; column++) {
        if (!shown[column]) {
            continue;
        }
        append_spaces(out, GAP_WIDTH);
        struct grid_column head = grid->columns[column];
        head.align = head.align == GRID_BAR ? GRID_LEFT : head.align;
        head.colour = "2";
        struct text title = grid->columns[column].align == GRID_BAR ? TEXT_LITERAL("") : head.title;
        struct grid_cell cell = {title, grid_text_width(title), 0, NULL};
        render_cell(&head, &cell, widths[column], style, out);
    }
    trim_line(out);
    text_buffer_append(out, "\n", 1);
}

void grid_render(const struct grid *grid, const struct report_style *style, struct text_buffer *out)
{
    ASSERT(grid->column_count > 0);
    ASSERT(grid->cell_count % grid->column_count == 0);
    uint32_t widths[GRID_COLUMN_COUNT_MAX];
    bool shown[GRID_COLUMN_COUNT_MAX];
    uint32_t screen = style->width < GRID_WIDTH_MIN ? GRID_WIDTH_MIN : style->width;
    lay_out(grid, screen, widths, shown);
    render_head(grid, widths, shown, style, out);
    for (uint32_t start = 0; start < grid->cell_count; start += grid->column_count) {
        for (uint32_t column = 0; column < grid->column_count; column++) {
            if (shown[column]) {
                append_spaces(out, GAP_WIDTH);
                render_cell(&grid->columns[column], &grid->cells[start + column], widths[column],
                            style, out);
            }
        }
        trim_line(out);
        text_buffer_append(out, "\n", 1);
    }
}

void grid_deinit(struct grid *grid)
{
    arena_deinit(&grid->arena);
    memory_free(grid->cells);
    text_buffer_deinit(&grid->scratch);
    *grid = (struct grid){0};
}
