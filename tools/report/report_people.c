// SPDX-License-Identifier: Apache-2.0
#include "storage/base/memory.h"
#include "tools/report/report_people_state.h"

struct report_people *report_people_create(const struct report_style *style,
                                           struct text_buffer *out)
{
    struct report_people *people = memory_allocate_zeroed(1, sizeof(*people));
    people->style = style;
    people->out = out;
    json_writer_init(&people->writer, out);
    return people;
}

void report_people_destroy(struct report_people *people)
{
    grid_deinit(&people->grid);
    memory_free(people);
}

static void append_step(const struct query_funnel *funnel, uint32_t step, struct text_buffer *out)
{
    text_buffer_printf(out, "%u ", step);
    report_text(out, funnel->funnel.steps[step - 1].name);
}

void report_people_cell(const struct people_cell *cell, const struct query_funnel *funnel,
                        struct text_buffer *out)
{
    static const char *const WORDS[] = {"reached ", "dropped at ", "still open after ",
                                        "lost after ", "won"};
    bool any_step = cell->step == 0 && cell->kind != PEOPLE_CELL_WON;
    if (any_step) {
        text_buffer_append_string(out, cell->kind == PEOPLE_CELL_OPEN ? "still open" : "lost");
    } else {
        text_buffer_append_string(out, WORDS[cell->kind]);
    }
    if (!any_step && cell->kind != PEOPLE_CELL_WON) {
        append_step(funnel, cell->step, out);
    }
    if (cell->has_day) {
        text_buffer_append_string(out, " on ");
        report_time(out, cell->day_us);
    }
    for (uint32_t i = 0; i < funnel->by_count && cell->values != NULL; i++) {
        text_buffer_append_string(out, " · ");
        report_text(out, funnel->by[i]);
        text_buffer_append_string(out, " ");
        report_text(out, cell->values[i].bytes == NULL ? TEXT_LITERAL("(none)") : cell->values[i]);
    }
    text_buffer_append_string(out, cell->other ? " · (other)" : "");
}

void report_people_gathered(const struct people_gathered *gathered, const char *between,
                            struct text_buffer *out)
{
    for (uint32_t i = 0; i < gathered->count; i++) {
        text_buffer_append_string(out, i == 0 ? "" : between);
        text_buffer_append_text(out, gathered->values[i]);
    }
    if (gathered->more) {
        text_buffer_append_string(out, between);
        text_buffer_append_string(out, "…");
    }
}

void report_people_json_gathered(struct json_writer *writer, const char *key,
                                 const struct people_gathered *gathered)
{
    json_writer_begin(writer, key, '[');
    for (uint32_t i = 0; i < gathered->count; i++) {
        json_writer_text(writer, NULL, gathered->values[i]);
    }
    json_writer_end(writer, ']');
}

void report_people_json_gathers(struct json_writer *writer, const struct text *names,
                                uint32_t count, const struct people_gathered *gathered)
{
    struct text_buffer name = {0};
    json_writer_begin(writer, "gathered", '{');
    for (uint32_t i = 0; i < count; i++) {
        text_buffer_reset(&name);
        text_buffer_append_text(&name, names[i]);
        report_people_json_gathered(writer, name.bytes, &gathered[i]);
    }
    json_writer_end(writer, '}');
    bool more = false;
    for (uint32_t i = 0; i < count; i++) {
        more = more || gathered[i].more;
    }
    json_writer_bool(writer, "gathered_more", more);
    text_buffer_deinit(&name);
}

const char *report_people_state(const struct people_unit *unit)
{
    return unit->won ? "won" : unit->open ? "open" : "lost";
}

void report_people_money(const struct people_unit *unit, struct text_buffer *out)
{
    for (uint32_t i = 0; i < unit->money_count; i++) {
        text_buffer_append_string(out, i == 0 ? "" : " + ");
        if (unit->money[i].currency.bytes != NULL) {
            report_text(out, unit->money[i].currency);
            text_buffer_append(out, " ", 1);
        }
        report_amount(out, unit->money[i].revenue);
    }
}

static void write_steps(struct json_writer *writer, const struct query_funnel *funnel,
                        const struct people_unit *unit)
{
    json_writer_begin(writer, "matched", '[');
    for (uint32_t made = unit->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        json_writer_begin(writer, NULL, '{');
        json_writer_unsigned(writer, "step", unit->steps[k] + 1u);
        json_writer_text(writer, "name", funnel->funnel.steps[unit->steps[k]].name);
        json_writer_time(writer, "at", unit->matched_us[k]);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

void report_people_json_unit(struct json_writer *writer, const struct query_funnel *funnel,
                             const struct people_unit *unit)
{
    if (funnel->funnel.unit == FUNNEL_UNIT_SESSION) {
        json_writer_time(writer, "session_start", unit->session_us);
    }
    if (funnel->funnel.unit == FUNNEL_UNIT_ATTRIBUTES) {
        json_writer_begin(writer, "unit", '[');
        for (uint32_t i = 0; i < funnel->funnel.unit_attribute_count; i++) {
            json_writer_text(writer, NULL, unit->unit_values[i]);
        }
        json_writer_end(writer, ']');
    }
    json_writer_time(writer, "entry", unit->entry_us);
    json_writer_text(writer, "state", text_from(report_people_state(unit)));
    json_writer_unsigned(writer, "level", unit->level);
    write_steps(writer, funnel, unit);
    json_writer_begin(writer, "values", '[');
    for (uint32_t i = 0; i < funnel->by_count; i++) {
        json_writer_text(writer, NULL, unit->values[i]);
    }
    json_writer_end(writer, ']');
    json_writer_begin(writer, "money", '[');
    for (uint32_t i = 0; i < unit->money_count; i++) {
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "currency", unit->money[i].currency);
        json_writer_amount(writer, "revenue", unit->money[i].revenue);
        json_writer_unsigned(writer, "orders", unit->money[i].orders);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}
