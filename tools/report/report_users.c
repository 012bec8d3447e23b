// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"
#include "tools/report/report_people_state.h"

#include <inttypes.h>

static bool is_any(const struct query_funnel *funnel)
{
    return funnel->funnel.order == FUNNEL_ORDER_ANY;
}

static uint32_t unit_value_count(const struct query_funnel *funnel)
{
    return funnel->funnel.unit == FUNNEL_UNIT_ATTRIBUTES ? funnel->funnel.unit_attribute_count : 0;
}

/// The column of a step, or of a rank where the order is any.
static void step_title(const struct query_funnel *funnel, uint32_t step, const char *between,
                       struct text_buffer *out)
{
    text_buffer_printf(out, "%u", step + 1);
    if (!is_any(funnel)) {
        text_buffer_append_string(out, between);
        text_buffer_append_text(out, funnel->funnel.steps[step].name);
    }
}

static void table_begin(struct report_people *people)
{
    const struct people_users *query = people->users;
    const struct query_funnel *funnel = query->funnel;
    struct grid *grid = &people->grid;
    struct text_buffer words = {0};
    report_lines_funnel(funnel, people->style, people->out);
    grid_add_column(grid, "user", GRID_LEFT, 0, "1");
    grid_add_column(grid, "id is", GRID_LEFT, 40, NULL);
    for (uint32_t i = 0; i < unit_value_count(funnel); i++) {
        grid_add_column_named(grid, funnel->funnel.unit_attributes[i], GRID_LEFT, 0);
    }
    if (funnel->funnel.unit == FUNNEL_UNIT_SESSION) {
        grid_add_column(grid, "session", GRID_LEFT, 0, NULL);
    }
    grid_add_column(grid, "entered", GRID_LEFT, 0, NULL);
    for (uint32_t k = 0; k < funnel->funnel.step_count && k < 24; k++) {
        text_buffer_reset(&words);
        step_title(funnel, k, " ", &words);
        grid_add_column_named(grid, (struct text){words.bytes, words.size}, GRID_RIGHT,
                              k == 0 ? 41 : 8 + k);
    }
    grid_add_column(grid, "is", GRID_LEFT, 0, NULL);
    for (uint32_t i = 0; i < funnel->by_count; i++) {
        grid_add_column_named(grid, funnel->by[i], GRID_LEFT, 1);
    }
    grid_add_column(grid, "revenue", GRID_RIGHT, 3, NULL);
    for (uint32_t i = 0; i < query->gather_count; i++) {
        text_buffer_reset(&words);
        text_buffer_append_text(&words, query->gather[i]);
        text_buffer_append_string(&words, " on the way");
        grid_add_column_named(grid, (struct text){words.bytes, words.size}, GRID_LEFT, 2);
    }
    text_buffer_deinit(&words);
}

/// The time since the entry, with the step's name where columns are ranks.
static void add_matched(struct report_people *people, const struct people_unit *unit, uint32_t k)
{
    const struct query_funnel *funnel = people->users->funnel;
    struct text_buffer words = {0};
    if ((unit->made >> k & 1) == 0) {
        grid_add_string(&people->grid, "–");
        return;
    }
    if (is_any(funnel)) {
        text_buffer_append_text(&words, funnel->funnel.steps[unit->steps[k]].name);
        text_buffer_append(&words, " ", 1);
    }
    text_buffer_append(&words, "+", 1);
    report_duration(&words, (double)(unit->matched_us[k] - unit->entry_us));
    grid_add_text(&people->grid, (struct text){words.bytes, words.size});
    text_buffer_deinit(&words);
}

static void table_unit(struct report_people *people, const struct people_unit *unit)
{
    const struct people_users *query = people->users;
    struct grid *grid = &people->grid;
    struct text_buffer words = {0};
    grid_add_text(grid, unit->user_id);
    grid_add_string(grid, people_namespace_name(unit->user_namespace));
    for (uint32_t i = 0; i < unit_value_count(query->funnel); i++) {
        grid_add_text(grid, unit->unit_values[i]);
    }
    if (query->funnel->funnel.unit == FUNNEL_UNIT_SESSION) {
        report_instant(&words, unit->session_us);
        grid_add_string(grid, words.bytes);
        text_buffer_reset(&words);
    }
    report_instant(&words, unit->entry_us);
    grid_add_string(grid, words.bytes);
    for (uint32_t k = 0; k < query->funnel->funnel.step_count && k < 24; k++) {
        add_matched(people, unit, k);
    }
    grid_add_string(grid, report_people_state(unit));
    for (uint32_t i = 0; i < query->funnel->by_count; i++) {
        grid_add_text(grid, unit->values[i]);
    }
    text_buffer_reset(&words);
    text_buffer_append_string(&words, "");
    report_people_money(unit, &words);
    grid_add_string(grid, words.bytes);
    for (uint32_t i = 0; i < query->gather_count; i++) {
        text_buffer_reset(&words);
        text_buffer_append_string(&words, "");
        report_people_gathered(&unit->gathered[i], ", ", &words);
        grid_add_text(grid, (struct text){words.bytes, words.size});
    }
    text_buffer_deinit(&words);
}

/// What one row is.
static const char *unit_word(const struct funnel *funnel)
{
    if (funnel->attempts == FUNNEL_ATTEMPTS_ALL) {
        return "attempt";
    }
    return funnel->unit == FUNNEL_UNIT_USER      ? "user"
           : funnel->unit == FUNNEL_UNIT_SESSION ? "session"
                                                 : "unit";
}

static void table_end(struct report_people *people)
{
    const struct people_users *query = people->users;
    const struct people_users_result *result = people->users_result;
    struct text_buffer *out = people->out;
    text_buffer_append_string(out, "  ");
    report_count(out, result->count);
    text_buffer_append_string(out, " ");
    text_buffer_append_string(out, unit_word(&query->funnel->funnel));
    text_buffer_append_string(out, result->count == 1 ? " " : "s ");
    report_people_cell(&query->cell, query->funnel, out);
    if (people->shown < result->count) {
        text_buffer_append_string(out, "; ");
        report_count(out, people->shown);
        text_buffer_append_string(out, " shown, --rows N shows more, --format csv all");
    }
    text_buffer_append_string(out, people->shown == 0 ? "\n" : ":\n\n");
    if (people->shown > 0) {
        grid_render(&people->grid, people->style, out);
    }
    text_buffer_append_string(out, "\n");
    report_lines_provenance(&result->provenance, people->style, out);
}

static void csv_begin(struct report_people *people)
{
    const struct people_users *query = people->users;
    const struct query_funnel *funnel = query->funnel;
    struct text_buffer name = {0};
    struct text_buffer *out = people->out;
    text_buffer_append_string(out, "user,namespace");
    for (uint32_t i = 0; i < unit_value_count(funnel); i++) {
        report_csv_cell(out, funnel->funnel.unit_attributes[i], false);
    }
    text_buffer_append_string(out, funnel->funnel.unit == FUNNEL_UNIT_SESSION ? ",session" : "");
    text_buffer_append_string(out, ",entry,state,level");
    for (uint32_t k = 0; k < funnel->funnel.step_count; k++) {
        text_buffer_reset(&name);
        text_buffer_append_string(&name, "at_");
        step_title(funnel, k, "_", &name);
        report_csv_cell(out, (struct text){name.bytes, name.size}, false);
        if (is_any(funnel)) {
            text_buffer_printf(out, ",step_%u", k + 1);
        }
    }
    for (uint32_t i = 0; i < funnel->by_count; i++) {
        report_csv_cell(out, funnel->by[i], false);
    }
    text_buffer_append_string(out, ",currency,revenue,orders");
    for (uint32_t i = 0; i < query->gather_count; i++) {
        text_buffer_reset(&name);
        text_buffer_append_string(&name, "gathered_");
        text_buffer_append_text(&name, query->gather[i]);
        report_csv_cell(out, (struct text){name.bytes, name.size}, false);
    }
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&name);
}

/// currency, revenue, orders: empty where there is no money, "(several)" where no sum has a
/// meaning.
static void csv_money(struct text_buffer *out, const struct people_unit *unit)
{
    if (unit->money_count == 0) {
        text_buffer_append_string(out, ",,,");
        return;
    }
    if (unit->money_count > 1) {
        text_buffer_append_string(out, ",(several),,");
        return;
    }
    const struct query_money *money = &unit->money[0];
    uint64_t magnitude =
        money->revenue < 0 ? 0 - (uint64_t)money->revenue : (uint64_t)money->revenue;
    report_csv_cell(out, money->currency.bytes == NULL ? TEXT_LITERAL("(none)") : money->currency,
                    false);
    text_buffer_printf(out, ",%s%" PRIu64 ".%04" PRIu64 ",%" PRIu64, money->revenue < 0 ? "-" : "",
                       magnitude / 10000, magnitude % 10000, money->orders);
}

static void csv_unit(struct report_people *people, const struct people_unit *unit)
{
    const struct people_users *query = people->users;
    const struct query_funnel *funnel = query->funnel;
    struct text_buffer *out = people->out;
    struct text_buffer cell = {0};
    report_csv_cell(out, unit->user_id, true);
    text_buffer_printf(out, ",%s", people_namespace_name(unit->user_namespace));
    for (uint32_t i = 0; i < unit_value_count(funnel); i++) {
        report_csv_cell(out, unit->unit_values[i], false);
    }
    if (funnel->funnel.unit == FUNNEL_UNIT_SESSION) {
        text_buffer_append(out, ",", 1);
        report_instant(out, unit->session_us);
    }
    text_buffer_append(out, ",", 1);
    report_instant(out, unit->entry_us);
    text_buffer_printf(out, ",%s,%u", report_people_state(unit), unit->level);
    for (uint32_t k = 0; k < funnel->funnel.step_count; k++) {
        bool made = (unit->made >> k & 1) != 0;
        text_buffer_append(out, ",", 1);
        if (made) {
            report_instant(out, unit->matched_us[k]);
        }
        if (is_any(funnel)) {
            report_csv_cell(
                out, made ? funnel->funnel.steps[unit->steps[k]].name : TEXT_LITERAL(""), false);
        }
    }
    for (uint32_t i = 0; i < funnel->by_count; i++) {
        report_csv_cell(
            out, unit->values[i].bytes == NULL ? TEXT_LITERAL("(none)") : unit->values[i], false);
    }
    csv_money(out, unit);
    for (uint32_t i = 0; i < query->gather_count; i++) {
        text_buffer_reset(&cell);
        report_people_gathered(&unit->gathered[i], "|", &cell);
        report_csv_cell(out, (struct text){cell.bytes, cell.size}, false);
    }
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&cell);
}

static void json_cell(struct json_writer *writer, const struct people_users *query)
{
    static const char *const KINDS[] = {"reached", "dropped", "open", "lost", "won"};
    const struct people_cell *cell = &query->cell;
    json_writer_begin(writer, "cell", '{');
    json_writer_text(writer, "kind", text_from(KINDS[cell->kind]));
    if (cell->step == 0 || cell->kind == PEOPLE_CELL_WON) {
        json_writer_null(writer, "step");
    } else {
        json_writer_unsigned(writer, "step", cell->step);
    }
    json_writer_time(writer, "day", cell->has_day ? cell->day_us : INT64_MIN);
    json_writer_bool(writer, "other", cell->other);
    if (cell->values == NULL) {
        json_writer_null(writer, "values");
    } else {
        json_writer_begin(writer, "values", '[');
        for (uint32_t i = 0; i < query->funnel->by_count; i++) {
            json_writer_text(writer, NULL, cell->values[i]);
        }
        json_writer_end(writer, ']');
    }
    json_writer_end(writer, '}');
}

static void json_begin(struct report_people *people)
{
    struct json_writer *writer = &people->writer;
    json_writer_begin(writer, NULL, '{');
    report_json_question(writer, people->users->funnel, people->style);
    json_cell(writer, people->users);
    json_writer_unsigned(writer, "count", people->users_result->count);
    report_json_provenance(writer, &people->users_result->provenance, people->style);
    json_writer_begin(writer, "users", '[');
}

static void json_unit(struct report_people *people, const struct people_unit *unit)
{
    struct json_writer *writer = &people->writer;
    const struct people_users *query = people->users;
    json_writer_begin(writer, NULL, '{');
    writer->flat = true;
    json_writer_text(writer, "user", unit->user_id);
    json_writer_text(writer, "namespace", text_from(people_namespace_name(unit->user_namespace)));
    report_people_json_unit(writer, query->funnel, unit);
    if (query->gather_count > 0) {
        report_people_json_gathers(writer, query->gather, query->gather_count, unit->gathered);
    }
    json_writer_end(writer, '}');
    writer->flat = false;
}

void report_users_begin(struct report_people *people, const struct people_users *query,
                        const struct people_users_result *result)
{
    people->users = query;
    people->users_result = result;
    if (people->style->format == REPORT_JSON) {
        json_begin(people);
    } else if (people->style->format == REPORT_CSV) {
        csv_begin(people);
    } else {
        table_begin(people);
    }
}

void report_users_unit(struct report_people *people, const struct people_unit *unit)
{
    people->shown++;
    if (people->style->format == REPORT_JSON) {
        json_unit(people, unit);
    } else if (people->style->format == REPORT_CSV) {
        csv_unit(people, unit);
    } else {
        table_unit(people, unit);
    }
}

void report_users_end(struct report_people *people)
{
    if (people->style->format == REPORT_JSON) {
        json_writer_end(&people->writer, ']');
        json_writer_end(&people->writer, '}');
    } else if (people->style->format == REPORT_TABLE) {
        table_end(people);
    }
}
