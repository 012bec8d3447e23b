// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/compare/compare_figure.h"

#include <stdarg.h>
#include <stdio.h>

#define PAIR_COUNT_MAX 4096u

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static struct text name_of(struct compare_figures *figures, const char *format, ...)
    CORONG_PRINTF(2, 3);

static struct text name_of(struct compare_figures *figures, const char *format, ...)
{
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    return text_from(arena_copy_string(figures->arena, name));
}

static struct compare_figure *add(struct compare_figures *figures, struct text name,
                                  enum chart_unit unit, double value)
{
    if (!(value > 0) || value > 1e300) {
        return &figures->dropped;
    }
    if (figures->count == figures->capacity) {
        uint32_t capacity = figures->capacity == 0 ? 64 : 2 * figures->capacity;
        struct compare_figure *rows =
            arena_allocate_zeroed(figures->arena, capacity, sizeof(*rows));
        if (figures->count > 0) {
            memcpy(rows, figures->rows, figures->count * sizeof(*rows));
        }
        figures->rows = rows;
        figures->capacity = capacity;
    }
    struct compare_figure *figure = &figures->rows[figures->count++];
    *figure = (struct compare_figure){
        .name = name, .unit = unit, .estimate = {.value = value, .low = 1, .high = 0}};
    return figure;
}

/// A quantile of an object with a histogram.
static void add_quantile(struct compare_figures *figures, struct text name, const json_t *object,
                         double share, double independent)
{
    const json_t *rows = json_object_get(object, "histogram");
    double values[PAIR_COUNT_MAX];
    double counts[PAIR_COUNT_MAX];
    uint32_t count = 0;
    for (size_t row = 0; row < json_array_size(rows) && count < PAIR_COUNT_MAX; row++) {
        const json_t *pair = json_array_get(rows, row);
        values[count] = json_number_value(json_array_get(pair, 0));
        counts[count] = json_number_value(json_array_get(pair, 1));
        count += counts[count] > 0;
    }
    if (count > 0) {
        struct compare_estimate estimate =
            compare_statistics_quantile(values, counts, count, share, independent);
        add(figures, name, CHART_MICROSECONDS, estimate.value)->estimate = estimate;
    }
}

static void add_search(struct compare_figures *figures, const json_t *document)
{
    const json_t *found = json_object_get(document, "sustainable");
    double rate = number_of(found, "events_per_second");
    double above = number_of(found, "not_sustained");
    struct compare_figure *figure =
        add(figures, TEXT_LITERAL("highest steady rate"), CHART_RATE, rate);
    figure->more_is_better = true;
    if (above > rate) {
        figure->estimate.low = rate;
        figure->estimate.high = above;
    }
    figure = add(figures, TEXT_LITERAL("generator's ceiling"), CHART_RATE,
                 number_of(json_object_get(document, "generator"), "ceiling_events_per_second"));
    figure->more_is_better = true;
}

/// Events that one view made visible are as fresh as each other: only the moments that were looked
/// at count as apart.
static void add_hold(struct compare_figures *figures, const json_t *document)
{
    const json_t *hold = json_object_get(document, "hold");
    const json_t *freshness = json_object_get(hold, "freshness");
    double moments = (double)json_array_size(json_object_get(hold, "series"));
    add_quantile(figures, TEXT_LITERAL("freshness, median"), freshness, 0.5, moments);
    add_quantile(figures, TEXT_LITERAL("freshness, 99 %"), freshness, 0.99, moments);
    add(figures, TEXT_LITERAL("CPU per event, load held"), CHART_NANOSECONDS,
        number_of(hold, "cpu_ns_per_event"));
    add(figures, TEXT_LITERAL("memory per live user"), CHART_BYTES,
        number_of(json_object_get(document, "memory"), "per_live_user_bytes"));
}

static void add_questions(struct compare_figures *figures, const json_t *document)
{
    const json_t *rows = json_object_get(document, "queries");
    size_t index;
    const json_t *row;
    json_array_foreach((json_t *)rows, index, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        double count = number_of(row, "count");
        name = name == NULL ? "" : name;
        add_quantile(figures, name_of(figures, "%s, median", name), row, 0.5, count);
        add_quantile(figures, name_of(figures, "%s, 99 %%", name), row, 0.99, count);
    }
}

static enum chart_unit unit_of(const char *word)
{
    return word == NULL                 ? CHART_PLAIN
           : strcmp(word, "ns") == 0    ? CHART_NANOSECONDS
           : strcmp(word, "bytes") == 0 ? CHART_BYTES
                                        : CHART_PLAIN;
}

static void add_terms(struct compare_figures *figures, const json_t *document)
{
    const json_t *rows = json_object_get(json_object_get(document, "model"), "terms");
    size_t index;
    const json_t *row;
    json_array_foreach((json_t *)rows, index, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        struct compare_figure *figure =
            add(figures, name_of(figures, "model: %s", name == NULL ? "" : name),
                unit_of(json_string_value(json_object_get(row, "unit"))),
                number_of(row, "coefficient"));
        if (number_of(row, "low") < number_of(row, "high")) {
            figure->estimate.low = number_of(row, "low");
            figure->estimate.high = number_of(row, "high");
        }
    }
}

/// Figures by size or by cores, each measured once.
static void add_growth(struct compare_figures *figures, const json_t *document)
{
    static const struct {
        const char *key;
        enum chart_unit unit;
        double factor;
    } known[] = {{"ingest_seconds", CHART_MICROSECONDS, 1e6},
                 {"cpu_ns_per_event", CHART_NANOSECONDS, 1},
                 {"query_seconds", CHART_MICROSECONDS, 1e6},
                 {"restart_seconds", CHART_MICROSECONDS, 1e6},
                 {"bytes", CHART_BYTES, 1},
                 {"memory", CHART_BYTES, 1}};
    const json_t *rows = json_object_get(document, "growth");
    size_t index;
    const json_t *row;
    json_array_foreach((json_t *)rows, index, row)
    {
        for (size_t kind = 0; kind < sizeof(known) / sizeof(known[0]); kind++) {
            add(figures,
                name_of(figures, "%.0f events: %s", number_of(row, "events"), known[kind].key),
                known[kind].unit, number_of(row, known[kind].key) * known[kind].factor);
        }
    }
    json_array_foreach(json_object_get(document, "cores"), index, row)
    {
        add(figures, name_of(figures, "%.0f cores", number_of(row, "threads")), CHART_RATE,
            number_of(row, "events_per_second"))
            ->more_is_better = true;
    }
}

/// Rows of rivals: seconds with their runs, or bytes per event.
static void add_rows(struct compare_figures *figures, const json_t *document)
{
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(document, "rows"), index, row)
    {
        const char *what = json_string_value(json_object_get(row, "what"));
        const char *engine = json_string_value(json_object_get(row, "engine"));
        struct text name =
            name_of(figures, "%s: %s", engine == NULL ? "" : engine, what == NULL ? "" : what);
        const json_t *runs = json_object_get(row, "runs");
        add(figures, name, CHART_BYTES, number_of(row, "bytes_per_event"));
        struct compare_figure *figure =
            add(figures, name, CHART_MICROSECONDS, number_of(row, "seconds") * 1e6);
        figure->samples = arena_allocate_zeroed(figures->arena, json_array_size(runs) + 1,
                                                sizeof(*figure->samples));
        for (size_t run = 0; run < json_array_size(runs); run++) {
            double seconds = json_number_value(json_array_get(runs, run));
            figure->samples[figure->sample_count] = seconds * 1e6;
            figure->sample_count += seconds > 0;
        }
    }
}

bool compare_figure_read(const json_t *document, struct compare_figures *figures)
{
    if (json_is_integer(json_object_get(document, "corong_rivals"))) {
        add_rows(figures, document);
        return true;
    }
    if (!json_is_integer(json_object_get(document, "corong_bench"))) {
        return false;
    }
    add_search(figures, document);
    add_hold(figures, document);
    add_questions(figures, document);
    add_terms(figures, document);
    add_growth(figures, document);
    return true;
}
