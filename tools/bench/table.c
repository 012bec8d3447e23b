// SPDX-License-Identifier: Apache-2.0
// The document in words and columns, for a terminal.
#include "tools/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const json_t *at(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(at(object, key));
}

static const char *word(const json_t *object, const char *key)
{
    const char *found = json_string_value(at(object, key));
    return found == NULL ? "" : found;
}

/// 1,234,567 with no digits behind the point.
static void append_count(struct text_buffer *out, double value)
{
    char digits[64];
    int size = snprintf(digits, sizeof(digits), "%.0f", value);
    for (int index = 0; index < size; index++) {
        bool separates = index > 0 && (size - index) % 3 == 0 && digits[index - 1] != '-';
        text_buffer_append(out, ",", separates ? 1 : 0);
        text_buffer_append(out, digits + index, 1);
    }
}

static void append_size(struct text_buffer *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    uint32_t unit = 0;
    while (fabs(bytes) >= 1024 && unit < 5) {
        bytes /= 1024;
        unit++;
    }
    text_buffer_printf(out, "%.*f %s", fabs(bytes) < 100 ? (unit > 0 ? 1 : 2) : 0, bytes,
                       units[unit]);
}

static void append_seconds(struct text_buffer *out, double seconds)
{
    if (seconds < 1) {
        text_buffer_printf(out, "%.*f ms", seconds < 0.01 ? 1 : 0, seconds * 1e3);
    } else if (seconds < 120) {
        text_buffer_printf(out, "%.1f s", seconds);
    } else if (seconds < 2 * 3600) {
        text_buffer_printf(out, "%.0f min", seconds / 60);
    } else {
        text_buffer_printf(out, "%.1f h", seconds / 3600);
    }
}

static void append_value(struct text_buffer *out, const char *unit, double value)
{
    if (strcmp(unit, "bytes") == 0) {
        append_size(out, value);
    } else if (strcmp(unit, "bytes/s") == 0) {
        append_size(out, value);
        text_buffer_append_string(out, "/s");
    } else if (strcmp(unit, "ns") == 0) {
        if (value < 1e6) {
            text_buffer_printf(out, "%.*f ns", value < 10 ? 2 : 0, value);
        } else {
            append_seconds(out, value / 1e9);
        }
    } else if (strcmp(unit, "s") == 0) {
        append_seconds(out, value);
    } else if (value < 100 && value != floor(value)) {
        text_buffer_printf(out, "%.2f", value);
    } else {
        append_count(out, value);
    }
}

/// Pads what was appended since `start` to `width` columns.
static void pad(struct text_buffer *out, size_t start, size_t width)
{
    while (out->size - start < width) {
        text_buffer_append(out, " ", 1);
    }
}

static void heading(struct text_buffer *out, const char *title)
{
    text_buffer_printf(out, "\n%s\n", title);
}

/// What a reader must know before believing a figure.
static void table_doubts(const json_t *document, struct text_buffer *out)
{
    const json_t *machine = at(document, "machine");
    double busy = json_number_value(json_array_get(at(machine, "load_average"), 0));
    if (busy > number(machine, "cores") / 2) {
        text_buffer_printf(out,
                           "other programs were running (load average %.1f on %.0f cores): left "
                           "alone, it does better\n",
                           busy, number(machine, "cores"));
    }
    if (json_is_true(at(at(document, "parameters"), "quick"))) {
        text_buffer_append_string(out, "a --quick run shows that everything works; its figures, "
                                       "and plans made from them, are rough\n");
    }
}

static void table_verdict(const json_t *document, struct text_buffer *out)
{
    const json_t *found = at(document, "sustainable");
    const json_t *machine = at(document, "machine");
    const json_t *hold = at(document, "hold");
    bool unsteady = number(hold, "asked") > 0 && !json_is_true(at(hold, "steady"));
    const char *doubt = unsteady ? "; the lag was not shown to be steady meanwhile" : "";
    text_buffer_printf(out, "%s, %.0f cores, ", word(machine, "cpu"), number(machine, "cores"));
    append_size(out, number(machine, "memory_bytes"));
    text_buffer_append_string(out, " of memory\n");
    table_doubts(document, out);
    if (at(document, "prefill") != NULL) {
        text_buffer_append_string(out, "over a store of ");
        append_count(out, number(at(document, "prefill"), "events"));
        text_buffer_append_string(out, " events\n");
    }
    if (found != NULL) {
        text_buffer_append_string(out, "sustains ");
        append_count(out, number(found, "events_per_second"));
        text_buffer_append_string(out, " events/s");
        if (json_is_number(at(found, "not_sustained"))) {
            text_buffer_append_string(out, " (not ");
            append_count(out, number(found, "not_sustained"));
            text_buffer_append_string(out, ")");
        }
        if (json_is_true(at(found, "generator_limited"))) {
            text_buffer_append_string(out, ", or more: the generator was the limit");
        }
        text_buffer_append_string(out, "; the generator alone makes ");
        append_count(out, number(at(document, "generator"), "ceiling_events_per_second"));
        text_buffer_append_string(out, "\n");
    }
    if (hold != NULL) {
        text_buffer_append_string(out, "at ");
        append_count(out, number(hold, number(hold, "asked") > 0 ? "asked" : "achieved"));
        text_buffer_append_string(out, " events/s");
        bool limited = json_is_true(at(hold, "generator_limited"));
        text_buffer_append_string(out, limited ? " (the generator was the limit)" : "");
        text_buffer_append_string(out, " an event is visible after ");
        append_seconds(out, number(at(hold, "freshness"), "p50_us") / 1e6);
        text_buffer_append_string(out, " (99 %: ");
        append_seconds(out, number(at(hold, "freshness"), "p99_us") / 1e6);
        text_buffer_printf(out, "), costs %.0f ns of CPU%s\n", number(hold, "cpu_ns_per_event"),
                           doubt);
    }
}

static void table_fit(const json_t *document, struct text_buffer *out)
{
    size_t index;
    json_t *row;
    if (json_array_size(at(document, "fit")) == 0) {
        return;
    }
    heading(out, "how well the load reproduces the sample");
    text_buffer_printf(out, "  %-34s %14s %14s %9s\n", "quantity", "sample", "generated",
                       "difference");
    json_array_foreach(at(document, "fit"), index, row)
    {
        text_buffer_printf(out, "  %-34s %14.6g %14.6g %8.1f%%\n", word(row, "quantity"),
                           number(row, "sample"), number(row, "generated"),
                           number(row, "difference") * 100);
    }
}

static void table_stages(const json_t *document, struct text_buffer *out)
{
    size_t index;
    json_t *row;
    double sum = 0;
    if (json_array_size(at(document, "ingest_stages")) == 0) {
        return;
    }
    heading(out, "CPU per event by stage");
    json_array_foreach(at(document, "ingest_stages"), index, row)
    {
        if (json_is_true(at(row, "system"))) {
            text_buffer_printf(out, "  %-20s %7.0f ns\n", word(row, "stage"),
                               number(row, "cpu_ns_per_event"));
            bool asks = strcmp(word(row, "stage"), "questions") == 0;
            sum += asks ? 0 : number(row, "cpu_ns_per_event");
        }
    }
    text_buffer_printf(out, "  %-20s %7.0f ns\n", "all but questions", sum);
}

static void table_questions(const json_t *document, struct text_buffer *out)
{
    static const char *const columns[] = {"p50_us", "p90_us", "p99_us", "max_us"};
    static const double least[] = {1, 10, 100, 1}; // fewer have no such percentile
    double unasked = number(at(document, "hold"), "questions_unasked");
    size_t index;
    json_t *row;
    if (json_array_size(at(document, "queries")) == 0) {
        return;
    }
    heading(out, "questions while events come in");
    text_buffer_printf(out, "  %-12s %8s %10s %10s %10s %10s\n", "", "asked", "median", "90 %",
                       "99 %", "worst");
    json_array_foreach(at(document, "queries"), index, row)
    {
        text_buffer_printf(out, "  %-12s %8.0f", word(row, "name"), number(row, "count"));
        for (uint32_t column = 0; column < 4; column++) {
            if (number(row, "count") < least[column]) {
                text_buffer_printf(out, " %10s", "-");
            } else {
                text_buffer_printf(out, " %7.1f ms", number(row, columns[column]) / 1e3);
            }
        }
        text_buffer_append_string(out, "\n");
    }
    if (unasked > 0) {
        text_buffer_printf(out,
                           "  %.0f of them still waited for their turn in the end: counted with "
                           "what they had waited\n",
                           unasked);
    }
}

static void table_growth(const json_t *document, struct text_buffer *out)
{
    size_t index;
    json_t *row;
    if (json_array_size(at(document, "growth")) == 0) {
        return;
    }
    heading(out, "growth");
    text_buffer_printf(out, "  %14s %10s %10s %10s %10s %9s %10s %10s\n", "events", "taken in",
                       "CPU/event", "a funnel", "restart", "B/event", "B/user", "memory");
    json_array_foreach(at(document, "growth"), index, row)
    {
        size_t start = out->size;
        struct text_buffer count = {0};
        append_count(&count, number(row, "events"));
        text_buffer_printf(out, "  %14s %8.2f s %7.0f ns %7.1f ms %7.2f s %9.2f %10.1f ",
                           count.bytes, number(row, "ingest_seconds"),
                           number(row, "cpu_ns_per_event"), number(row, "query_seconds") * 1e3,
                           number(row, "restart_seconds"),
                           number(row, "bytes") / fmax(1, number(row, "events")),
                           number(row, "live_bytes_per_user"));
        text_buffer_deinit(&count);
        pad(out, start, 83);
        append_size(out, number(row, "memory"));
        text_buffer_append_string(out, "\n");
    }
    json_array_foreach(at(document, "cores"), index, row)
    {
        text_buffer_printf(out, "  %.0f core%s: ", number(row, "threads"),
                           number(row, "threads") > 1 ? "s" : "");
        append_count(out, number(row, "events_per_second"));
        text_buffer_printf(
            out, " events/s as fast as it goes%s%s\n",
            json_is_true(at(row, "load_shares_cores")) ? ", shared with the load" : "",
            json_is_true(at(row, "generator_limited")) ? "; the generator was the limit" : "");
    }
}

static void table_columns(const json_t *document, struct text_buffer *out)
{
    size_t index;
    json_t *row;
    double sum = 0;
    if (json_array_size(at(document, "bytes_per_event")) == 0) {
        return;
    }
    heading(out, "bytes per event by column, once merged");
    json_array_foreach(at(document, "bytes_per_event"), index, row)
    {
        if (number(row, "bytes") >= 0.005) {
            text_buffer_printf(out, "  %-24s %7.2f\n", word(row, "column"), number(row, "bytes"));
        }
        sum += number(row, "bytes");
    }
    text_buffer_printf(out, "  %-24s %7.2f\n", "all", sum);
}

static void table_model(const json_t *document, struct text_buffer *out)
{
    size_t index;
    json_t *row;
    const json_t *model = at(document, "model");
    if (model == NULL) {
        return;
    }
    heading(out, "the model (90 % bands)");
    json_array_foreach(at(model, "terms"), index, row)
    {
        size_t start = out->size;
        const char *unit = word(row, "unit");
        text_buffer_printf(out, "  %-32s ", word(row, "name"));
        append_value(out, unit, number(row, "coefficient"));
        pad(out, start, 48);
        text_buffer_append_string(out, " ");
        append_value(out, unit, number(row, "low"));
        text_buffer_append_string(out, " to ");
        append_value(out, unit, number(row, "high"));
        text_buffer_append_string(out, "\n");
    }
    const json_t *sizes = at(document, "growth");
    size_t largest = json_array_size(sizes) > 1 ? json_array_size(sizes) - 1 : 1;
    text_buffer_printf(out, "\nchecked against a run %.2g times as large, which it had not seen\n",
                       number(json_array_get(sizes, largest), "events") /
                           fmax(1, number(json_array_get(sizes, largest - 1), "events")));
    json_array_foreach(at(model, "held_out"), index, row)
    {
        size_t start = out->size;
        const char *unit = word(row, "unit");
        text_buffer_printf(out, "  %-38s predicted ", word(row, "what"));
        append_value(out, unit, number(row, "predicted"));
        pad(out, start, 64);
        text_buffer_append_string(out, "measured ");
        append_value(out, unit, number(row, "measured"));
        pad(out, start, 86);
        text_buffer_printf(out, "%+.0f %%%s\n", number(row, "error") * 100,
                           json_is_true(at(row, "in_band")) ? "" : ", outside its band");
    }
}

static void table_needs(const json_t *projection, struct text_buffer *out)
{
    const json_t *asked = at(projection, "asked");
    const char *name;
    json_t *need;
    text_buffer_append_string(out, "\n");
    append_count(out, number(asked, "events_per_day"));
    text_buffer_append_string(out, " events a day of ");
    append_count(out, number(asked, "users"));
    text_buffer_printf(out, " users, %.0f days kept, peak %.3g times the average (",
                       number(asked, "days"), number(asked, "peak"));
    append_count(out, number(asked, "peak_events_per_second"));
    text_buffer_append_string(out, " events/s), would need\n");
    json_object_foreach((json_t *)at(projection, "needs"), name, need)
    {
        size_t start = out->size;
        const char *unit = word(need, "unit");
        text_buffer_printf(out, "  %-26s ", name);
        append_value(out, unit, number(need, "value"));
        pad(out, start, 44);
        text_buffer_append_string(out, " ");
        append_value(out, unit, number(need, "low"));
        text_buffer_append_string(out, " to ");
        append_value(out, unit, number(need, "high"));
        text_buffer_append_string(
            out, json_is_true(at(need, "extrapolated")) ? "   (extrapolated)\n" : "\n");
    }
}

static void table_formulas(const json_t *projection, struct text_buffer *out)
{
    const char *name;
    json_t *need;
    heading(out, "by");
    json_object_foreach((json_t *)at(projection, "needs"), name, need)
    {
        text_buffer_printf(out, "  %s = %s\n", name, word(need, "how"));
    }
}

void bench_table(const json_t *document, bool projection_only, struct text_buffer *out)
{
    size_t index;
    json_t *example;
    const json_t *projection = at(document, "projection");
    table_verdict(document, out);
    if (!projection_only) {
        table_fit(document, out);
        table_stages(document, out);
        table_questions(document, out);
        table_growth(document, out);
        table_columns(document, out);
    }
    table_model(document, out);
    if (projection == NULL) {
        json_array_foreach(at(document, "examples"), index, example)
        {
            table_needs(example, out);
        }
    } else {
        table_needs(projection, out);
        table_formulas(projection, out);
    }
}
