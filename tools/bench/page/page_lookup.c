// SPDX-License-Identifier: Apache-2.0
// What the document holds, if it holds it.
#include "tools/bench/page/page_private.h"

#define KEY_SIZE_MAX 64u

const json_t *page_at(const json_t *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        char key[KEY_SIZE_MAX];
        size_t size = strcspn(path, ".");
        if (size >= sizeof(key)) {
            return NULL;
        }
        memcpy(key, path, size);
        key[size] = '\0';
        value = json_object_get(value, key);
        path += size + (path[size] == '.');
    }
    return value;
}

bool page_number(const json_t *value, const char *path, double *number_out)
{
    const json_t *found = page_at(value, path);
    if (!json_is_number(found)) {
        return false;
    }
    *number_out = json_number_value(found);
    return true;
}

double page_number_or(const json_t *value, const char *path, double otherwise)
{
    double number = otherwise;
    return page_number(value, path, &number) ? number : otherwise;
}

struct text page_text(const json_t *value, const char *path)
{
    const json_t *found = page_at(value, path);
    if (!json_is_string(found)) {
        return TEXT_LITERAL("");
    }
    return (struct text){json_string_value(found), json_string_length(found)};
}

uint32_t page_rows(const json_t *array)
{
    return json_is_array(array) ? (uint32_t)json_array_size(array) : 0;
}

struct chart_point *page_points_band(struct page *page, const json_t *rows, const char *x_path,
                                     const char *y_path, const char *low_path,
                                     const char *high_path, uint32_t *count_out)
{
    uint32_t row_count = page_rows(rows);
    struct chart_point *points =
        arena_allocate_zeroed(&page->arena, row_count + 1, sizeof(*points));
    *count_out = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        const json_t *at = json_array_get(rows, row);
        struct chart_point point = {0};
        if (page_number(at, x_path, &point.x) && page_number(at, y_path, &point.y)) {
            point.low = low_path == NULL ? 0 : page_number_or(at, low_path, 0);
            point.high = high_path == NULL ? 0 : page_number_or(at, high_path, 0);
            points[(*count_out)++] = point;
        }
    }
    return points;
}

struct chart_point *page_points(struct page *page, const json_t *rows, const char *x_path,
                                const char *y_path, uint32_t *count_out)
{
    return page_points_band(page, rows, x_path, y_path, NULL, NULL, count_out);
}

struct range {
    double low;
    double high;
    bool any;
};

/// A logarithmic scale has no place for 0, so such values do not widen it.
static void widen(struct range *range, double value, bool logarithmic)
{
    if (logarithmic && value <= 0) {
        return;
    }
    range->low = !range->any || value < range->low ? value : range->low;
    range->high = !range->any || value > range->high ? value : range->high;
    range->any = true;
}

static void widen_by_series(struct range *x, struct range *y, const struct chart_plot *plot)
{
    for (uint32_t index = 0; index < plot->series_count; index++) {
        const struct chart_series *series = &plot->series[index];
        for (uint32_t at = 0; at < series->point_count; at++) {
            const struct chart_point *point = &series->points[at];
            widen(x, point->x, plot->x.logarithmic);
            widen(y, point->y, plot->y.logarithmic);
            if (point->low < point->high) {
                widen(y, point->low, plot->y.logarithmic);
                widen(y, point->high, plot->y.logarithmic);
            }
        }
    }
}

void page_fit(struct chart_plot *plot)
{
    struct range x = {0};
    struct range y = {0};
    widen_by_series(&x, &y, plot);
    for (uint32_t index = 0; index < plot->bin_count; index++) {
        widen(&x, plot->bins[index].low, plot->x.logarithmic);
        widen(&x, plot->bins[index].high, plot->x.logarithmic);
        widen(&y, plot->bins[index].height, plot->y.logarithmic);
    }
    for (uint32_t index = 0; index < plot->mark_count; index++) {
        const struct chart_mark *mark = &plot->marks[index];
        widen(mark->level ? &y : &x, mark->at,
              mark->level ? plot->y.logarithmic : plot->x.logarithmic);
    }
    chart_scale_fit(&plot->x, x.low, x.high);
    chart_scale_fit(&plot->y, y.low, y.high);
}
