// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

#define MEDIAN_INDEX 1

static void rank_name(const struct people_repeat_result *result, uint32_t index,
                      struct text_buffer *out)
{
    text_buffer_printf(out, index < result->rank_count ? "%u" : "%u and later", index + 1);
}

static uint64_t orders_up_to(const struct people_repeat_result *result, uint32_t index)
{
    uint64_t orders = 0;
    for (uint32_t r = 0; r <= index; r++) {
        orders += result->ranks[r].orders;
    }
    return orders;
}

/// What a bar measures, and its largest.
static uint64_t measured(const struct people_repeat_result *result, uint32_t index,
                         enum report_measure measure)
{
    return measure == REPORT_MEASURE_PEOPLE   ? result->ranks[index].people
           : measure == REPORT_MEASURE_EVENTS ? result->ranks[index].orders
                                              : orders_up_to(result, index);
}

static void append_money(const struct people_rank *rank, bool average, struct text_buffer *out)
{
    text_buffer_append_string(out, rank->money_count == 0 ? "–" : "");
    for (uint32_t i = 0; i < rank->money_count; i++) {
        const struct query_money *money = &rank->money[i];
        text_buffer_append_string(out, i == 0 ? "" : " + ");
        if (money->currency.bytes != NULL) {
            report_text(out, money->currency);
            text_buffer_append(out, " ", 1);
        }
        report_amount(out,
                      average ? report_average(money->revenue, money->orders) : money->revenue);
    }
}

static void add_rank(struct grid *grid, const struct people_repeat_result *result, uint32_t index,
                     enum report_measure measure, uint64_t largest)
{
    const struct people_rank *rank = &result->ranks[index];
    uint64_t first = result->ranks[0].people;
    struct text_buffer words = {0};
    rank_name(result, index, &words);
    grid_add_string(grid, words.bytes);
    grid_add_bar(grid, measured(result, index, measure), largest);
    grid_add_count(grid, rank->people);
    grid_add_rate(grid, rank->people, first);
    grid_add_rate(grid, index == 0 ? 0 : rank->people,
                  index == 0 ? 0 : result->ranks[index - 1].people);
    grid_add_count(grid, rank->orders);
    grid_add_count(grid, orders_up_to(result, index));
    text_buffer_reset(&words);
    text_buffer_append_string(&words, first == 0 ? "–" : "");
    if (first > 0) {
        text_buffer_printf(&words, "%.2f", (double)orders_up_to(result, index) / (double)first);
    }
    grid_add_string(grid, words.bytes);
    text_buffer_reset(&words);
    append_money(rank, false, &words);
    grid_add_string(grid, words.bytes);
    text_buffer_reset(&words);
    append_money(rank, true, &words);
    grid_add_string(grid, words.bytes);
    grid_add_duration(grid, rank->since_previous.count,
                      rank->since_previous.percentiles_us[MEDIAN_INDEX]);
    text_buffer_deinit(&words);
}

static void draw_title(const struct people_repeat *query, const struct report_style *style,
                       enum report_measure measure, struct text_buffer *out)
{
    static const char *const MEASURES[] = {"everything so far", "this time only",
                                           "the people who did it"};
    struct text_buffer line = {0};
    grid_colour_begin(out, style, "1");
    report_text(out, query->stage->name);
    text_buffer_append_string(out, ", again and again");
    grid_colour_end(out, style, "1");
    text_buffer_append_string(&line, "  ");
    report_lines_range(&query->range, &line);
    text_buffer_printf(&line, " · bars show %s", MEASURES[measure]);
    if (query->where.bytes != NULL) {
        text_buffer_append_string(&line, " · where ");
        report_text(&line, query->where);
    }
    report_lines_dim(line.bytes, style, out);
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&line);
}

static void draw_repeat(const struct people_repeat *query,
                        const struct people_repeat_result *result, enum report_measure measure,
                        const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    uint64_t largest = 0;
    for (uint32_t r = 0; r <= result->rank_count; r++) {
        uint64_t value = measured(result, r, measure);
        largest = value > largest ? value : largest;
    }
    draw_title(query, style, measure, out);
    grid_add_column(&grid, "time", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "", GRID_BAR, 0, "36");
    grid_add_column(&grid, "people", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "of first", GRID_RIGHT, 3, NULL);
    grid_add_column(&grid, "of prev.", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "events", GRID_RIGHT, 4, NULL);
    grid_add_column(&grid, "so far", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "each", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "revenue", GRID_RIGHT, 1, NULL);
    grid_add_column(&grid, "average", GRID_RIGHT, 5, NULL);
    grid_add_column(&grid, "median since", GRID_RIGHT, 2, NULL);
    for (uint32_t r = 0; r <= result->rank_count; r++) {
        if (r == 0 || result->ranks[r].people > 0) {
            add_rank(&grid, result, r, measure, largest);
        }
    }
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_append(out, "\n", 1);
    report_lines_provenance(&result->provenance, style, out);
}

static void csv_rank(const struct people_repeat_result *result, uint32_t index,
                     struct text_buffer *out)
{
    const struct people_rank *rank = &result->ranks[index];
    const struct query_money none = {.currency = TEXT_LITERAL("")};
    uint32_t count = rank->money_count == 0 ? 1 : rank->money_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct query_money *money = rank->money_count == 0 ? &none : &rank->money[i];
        uint64_t magnitude =
            money->revenue < 0 ? 0 - (uint64_t)money->revenue : (uint64_t)money->revenue;
        text_buffer_printf(out, "%u,%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", index + 1,
                           index == result->rank_count, rank->people, rank->orders,
                           orders_up_to(result, index));
        if (rank->since_previous.count > 0) {
            text_buffer_printf(out, "%.12g", rank->since_previous.percentiles_us[MEDIAN_INDEX]);
        }
        report_csv_cell(
            out, money->currency.bytes == NULL ? TEXT_LITERAL("(none)") : money->currency, false);
        if (rank->money_count == 0) {
            text_buffer_append_string(out, ",,\n");
            continue;
        }
        text_buffer_printf(out, ",%s%" PRIu64 ".%04" PRIu64 ",%" PRIu64 "\n",
                           money->revenue < 0 ? "-" : "", magnitude / 10000, magnitude % 10000,
                           money->orders);
    }
}

static void json_rank(struct json_writer *writer, const struct people_repeat_result *result,
                      uint32_t index)
{
    const struct people_rank *rank = &result->ranks[index];
    const struct query_durations *since = &rank->since_previous;
    json_writer_begin(writer, NULL, '{');
    json_writer_unsigned(writer, "time", index + 1);
    json_writer_bool(writer, "and_later", index == result->rank_count);
    json_writer_unsigned(writer, "people", rank->people);
    json_writer_rate(writer, "of_first", rank->people, result->ranks[0].people);
    json_writer_rate(writer, "of_previous", index == 0 ? 0 : rank->people,
                     index == 0 ? 0 : result->ranks[index - 1].people);
    json_writer_unsigned(writer, "events", rank->orders);
    json_writer_unsigned(writer, "events_so_far", orders_up_to(result, index));
    json_writer_rate(writer, "events_so_far_per_person", orders_up_to(result, index),
                     result->ranks[0].people);
    if (since->count == 0) {
        json_writer_null(writer, "median_since_us");
        json_writer_null(writer, "mean_since_us");
    } else {
        json_writer_double(writer, "median_since_us", since->percentiles_us[MEDIAN_INDEX]);
        json_writer_double(writer, "mean_since_us", since->mean_us);
    }
    json_writer_begin(writer, "money", '[');
    for (uint32_t i = 0; i < rank->money_count; i++) {
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "currency", rank->money[i].currency);
        json_writer_amount(writer, "revenue", rank->money[i].revenue);
        json_writer_unsigned(writer, "orders", rank->money[i].orders);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
}

static void json_repeat(const struct people_repeat *query,
                        const struct people_repeat_result *result, const struct report_style *style,
                        struct text_buffer *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    json_writer_begin(&writer, "definition", '{');
    json_writer_text(&writer, "kind", TEXT_LITERAL("repeat"));
    json_writer_text(&writer, "stage", query->stage->name);
    json_writer_time(&writer, "from", query->range.from_us);
    json_writer_time(&writer, "to", query->range.to_us);
    json_writer_text(&writer, "where", query->where);
    json_writer_end(&writer, '}');
    json_writer_unsigned(&writer, "events", result->orders);
    json_writer_begin(&writer, "times", '[');
    for (uint32_t r = 0; r <= result->rank_count; r++) {
        json_rank(&writer, result, r);
    }
    json_writer_end(&writer, ']');
    report_json_provenance(&writer, &result->provenance, style);
    json_writer_end(&writer, '}');
}

void report_repeat(const struct people_repeat *query, const struct people_repeat_result *result,
                   enum report_measure measure, const struct report_style *style,
                   struct text_buffer *out)
{
    if (style->format == REPORT_JSON) {
        json_repeat(query, result, style, out);
    } else if (style->format == REPORT_CSV) {
        text_buffer_append_string(out, "time,and_later,people,events,events_so_far,median_since_us,"
                                       "currency,revenue,orders\n");
        for (uint32_t r = 0; r <= result->rank_count; r++) {
            csv_rank(result, r, out);
        }
    } else {
        draw_repeat(query, result, measure, style, out);
    }
}
