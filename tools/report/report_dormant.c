// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"
#include "tools/report/report_people_state.h"

#include <inttypes.h>

static const char *const AGES[PEOPLE_AGE_COUNT] = {"active", "dormant", "gone"};

static uint64_t users_of(const struct people_dormant_slice *slice)
{
    return slice->users[PEOPLE_AGE_ACTIVE] + slice->users[PEOPLE_AGE_DORMANT] +
           slice->users[PEOPLE_AGE_GONE];
}

static bool has_gone(const struct report_people *people)
{
    return people->dormant->gone_us != INT64_MAX;
}

static void draw_title(const struct report_people *people, struct text_buffer *out)
{
    const struct people_dormant *query = people->dormant;
    struct text_buffer line = {0};
    grid_colour_begin(out, people->style, "1");
    text_buffer_append_string(out, "last seen");
    if (query->stage != NULL) {
        text_buffer_append_string(out, " doing ");
        report_text(out, query->stage->name);
    }
    grid_colour_end(out, people->style, "1");
    text_buffer_append_string(&line, "  dormant after ");
    duration_format(query->after_us, &line);
    if (has_gone(people)) {
        text_buffer_append_string(&line, " · gone after ");
        duration_format(query->gone_us, &line);
    }
    if (query->where.bytes != NULL) {
        text_buffer_append_string(&line, " · where ");
        report_text(&line, query->where);
    }
    report_lines_dim(line.bytes, people->style, out);
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&line);
}

static void add_counts(const struct report_people *people, struct grid *grid,
                       const struct people_dormant_slice *slice)
{
    uint64_t users = users_of(slice);
    grid_add_count(grid, users);
    grid_add_count(grid, slice->users[PEOPLE_AGE_ACTIVE]);
    grid_add_count(grid, slice->users[PEOPLE_AGE_DORMANT]);
    grid_add_bar(grid, slice->users[PEOPLE_AGE_DORMANT], users);
    grid_add_rate(grid, slice->users[PEOPLE_AGE_DORMANT], users);
    if (has_gone(people)) {
        grid_add_count(grid, slice->users[PEOPLE_AGE_GONE]);
    }
}

static void add_label(struct grid *grid, const char *label, uint32_t by_count)
{
    for (uint32_t i = 0; i < by_count; i++) {
        grid_add_string(grid, i == 0 ? label : "");
    }
}

static void draw_counts(const struct report_people *people, struct text_buffer *out)
{
    const struct people_dormant *query = people->dormant;
    const struct people_dormant_result *result = people->dormant_result;
    struct grid grid = {0};
    for (uint32_t i = 0; i < query->by_count; i++) {
        grid_add_column_named(&grid, query->by[i], GRID_LEFT, 0);
    }
    grid_add_column(&grid, "users", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "active", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "dormant", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "", GRID_BAR, 0, "36");
    grid_add_column(&grid, "share", GRID_RIGHT, 0, NULL);
    if (has_gone(people)) {
        grid_add_column(&grid, "gone", GRID_RIGHT, 0, NULL);
    }
    for (uint32_t i = 0; i < result->slice_count; i++) {
        for (uint32_t v = 0; v < query->by_count; v++) {
            grid_add_text(&grid, result->slices[i].values[v]);
        }
        add_counts(people, &grid, &result->slices[i]);
    }
    if (result->other_slice_count > 0) {
        char label[64];
        snprintf(label, sizeof(label), "(other, %" PRIu64 " values)", result->other_slice_count);
        add_label(&grid, label, query->by_count);
        add_counts(people, &grid, &result->other);
    }
    add_label(&grid, "total", query->by_count);
    add_counts(people, &grid, &result->total);
    grid_render(&grid, people->style, out);
    grid_deinit(&grid);
}

static void table_begin(struct report_people *people)
{
    const struct people_dormant *query = people->dormant;
    struct grid *grid = &people->grid;
    draw_title(people, people->out);
    draw_counts(people, people->out);
    grid_add_column(grid, "user", GRID_LEFT, 0, "1");
    grid_add_column(grid, "id is", GRID_LEFT, 40, NULL);
    grid_add_column(grid, "is", GRID_LEFT, 30, NULL);
    grid_add_column(grid, "last seen", GRID_LEFT, 0, NULL);
    grid_add_column(grid, "ago", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "first seen", GRID_LEFT, 3, NULL);
    grid_add_column(grid, "times", GRID_RIGHT, 0, NULL);
    for (uint32_t i = 0; i < query->by_count; i++) {
        grid_add_column_named(grid, query->by[i], GRID_LEFT, 1);
    }
}

static void table_user(struct report_people *people, const struct people_sleeper *user)
{
    struct grid *grid = &people->grid;
    struct text_buffer words = {0};
    grid_add_text(grid, user->user_id);
    grid_add_string(grid, people_namespace_name(user->user_namespace));
    grid_add_string(grid, AGES[user->age]);
    report_instant(&words, user->last_us);
    grid_add_string(grid, words.bytes);
    int64_t as_of_us = people->dormant_result->provenance.as_of_us;
    grid_add_duration(grid, 1, (double)(as_of_us - user->last_us));
    text_buffer_reset(&words);
    report_instant(&words, user->first_us);
    grid_add_string(grid, words.bytes);
    grid_add_count(grid, user->events);
    for (uint32_t i = 0; i < people->dormant->by_count; i++) {
        grid_add_text(grid, user->values[i]);
    }
    text_buffer_deinit(&words);
}

static void table_end(struct report_people *people)
{
    const struct people_dormant_result *result = people->dormant_result;
    struct text_buffer *out = people->out;
    if (result->never > 0) {
        text_buffer_append_string(out, "\n  ");
        report_count(out, result->never);
        text_buffer_append_string(out, result->never == 1 ? " user has no such event\n"
                                                          : " users have no such event\n");
    }
    if (people->shown > 0) {
        text_buffer_append(out, "\n", 1);
        grid_render(&people->grid, people->style, out);
    }
    if (people->shown < result->listed_count) {
        text_buffer_append_string(out, "  ");
        report_count(out, people->shown);
        text_buffer_append_string(out, " of ");
        report_count(out, result->listed_count);
        text_buffer_append_string(out, " shown, --rows N shows more, --format csv all\n");
    }
    text_buffer_append(out, "\n", 1);
    report_lines_provenance(&result->provenance, people->style, out);
}

static void csv_values(struct report_people *people, const struct text *values)
{
    for (uint32_t i = 0; i < people->dormant->by_count; i++) {
        struct text value = values == NULL            ? TEXT_LITERAL("")
                            : values[i].bytes == NULL ? TEXT_LITERAL("(none)")
                                                      : values[i];
        report_csv_cell(people->out, value, false);
    }
}

static void csv_counts(struct report_people *people, const char *kind,
                       const struct people_dormant_slice *slice)
{
    text_buffer_append_string(people->out, kind);
    csv_values(people, slice->values);
    text_buffer_printf(people->out, ",%" PRIu64, users_of(slice));
    for (uint32_t age = 0; age < PEOPLE_AGE_COUNT; age++) {
        text_buffer_printf(people->out, ",%" PRIu64, slice->users[age]);
    }
    text_buffer_append(people->out, "\n", 1);
}

static void csv_begin(struct report_people *people)
{
    const struct people_dormant *query = people->dormant;
    const struct people_dormant_result *result = people->dormant_result;
    bool list = query->listed != 0;
    text_buffer_append_string(people->out,
                              list ? "user,namespace,age,first_seen,last_seen,events" : "slice");
    for (uint32_t i = 0; i < query->by_count; i++) {
        report_csv_cell(people->out, query->by[i], false);
    }
    text_buffer_append_string(people->out, list ? "\n" : ",users,active,dormant,gone\n");
    if (list) {
        return;
    }
    csv_counts(people, "total", &result->total);
    for (uint32_t i = 0; i < result->slice_count; i++) {
        csv_counts(people, "slice", &result->slices[i]);
    }
    if (result->other_slice_count > 0) {
        csv_counts(people, "other", &result->other);
    }
}

static void csv_user(struct report_people *people, const struct people_sleeper *user)
{
    struct text_buffer *out = people->out;
    report_csv_cell(out, user->user_id, true);
    text_buffer_printf(out, ",%s,%s,", people_namespace_name(user->user_namespace),
                       AGES[user->age]);
    report_instant(out, user->first_us);
    text_buffer_append(out, ",", 1);
    report_instant(out, user->last_us);
    text_buffer_printf(out, ",%" PRIu64, user->events);
    csv_values(people, user->values);
    text_buffer_append(out, "\n", 1);
}

static void json_values(struct json_writer *writer, const struct text *values, uint32_t count)
{
    json_writer_begin(writer, "values", '[');
    for (uint32_t i = 0; i < count; i++) {
        json_writer_text(writer, NULL, values[i]);
    }
    json_writer_end(writer, ']');
}

static void json_counts(struct json_writer *writer, const char *key,
                        const struct people_dormant_slice *slice, uint32_t by_count)
{
    json_writer_begin(writer, key, '{');
    writer->flat = true;
    if (slice->values != NULL) {
        json_values(writer, slice->values, by_count);
    }
    json_writer_unsigned(writer, "users", users_of(slice));
    for (uint32_t age = 0; age < PEOPLE_AGE_COUNT; age++) {
        json_writer_unsigned(writer, AGES[age], slice->users[age]);
    }
    json_writer_end(writer, '}');
    writer->flat = false;
}

static void json_question(struct json_writer *writer, const struct people_dormant *query)
{
    json_writer_begin(writer, "definition", '{');
    json_writer_text(writer, "kind", TEXT_LITERAL("dormant"));
    json_writer_text(writer, "did", query->stage == NULL ? TEXT_MISSING : query->stage->name);
    json_writer_text(writer, "where", query->where);
    json_writer_signed(writer, "after_us", query->after_us);
    if (query->gone_us == INT64_MAX) {
        json_writer_null(writer, "gone_us");
    } else {
        json_writer_signed(writer, "gone_us", query->gone_us);
    }
    json_writer_begin(writer, "by", '[');
    for (uint32_t i = 0; i < query->by_count; i++) {
        json_writer_text(writer, NULL, query->by[i]);
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
}

static void json_begin(struct report_people *people)
{
    struct json_writer *writer = &people->writer;
    const struct people_dormant *query = people->dormant;
    const struct people_dormant_result *result = people->dormant_result;
    json_writer_begin(writer, NULL, '{');
    json_question(writer, query);
    json_counts(writer, "total", &result->total, query->by_count);
    json_writer_begin(writer, "slices", '[');
    for (uint32_t i = 0; i < result->slice_count; i++) {
        json_counts(writer, NULL, &result->slices[i], query->by_count);
    }
    json_writer_end(writer, ']');
    if (result->other_slice_count > 0) {
        json_counts(writer, "other", &result->other, query->by_count);
    } else {
        json_writer_null(writer, "other");
    }
    json_writer_unsigned(writer, "never", result->never);
    json_writer_unsigned(writer, "listed", result->listed_count);
    report_json_provenance(writer, &result->provenance, people->style);
    json_writer_begin(writer, "users", '[');
}

static void json_user(struct report_people *people, const struct people_sleeper *user)
{
    struct json_writer *writer = &people->writer;
    json_writer_begin(writer, NULL, '{');
    writer->flat = true;
    json_writer_text(writer, "user", user->user_id);
    json_writer_text(writer, "namespace", text_from(people_namespace_name(user->user_namespace)));
    json_writer_text(writer, "age", text_from(AGES[user->age]));
    json_writer_time(writer, "first_seen", user->first_us);
    json_writer_time(writer, "last_seen", user->last_us);
    json_writer_unsigned(writer, "events", user->events);
    json_values(writer, user->values, people->dormant->by_count);
    json_writer_end(writer, '}');
    writer->flat = false;
}

void report_dormant_begin(struct report_people *people, const struct people_dormant *query,
                          const struct people_dormant_result *result)
{
    people->dormant = query;
    people->dormant_result = result;
    if (people->style->format == REPORT_JSON) {
        json_begin(people);
    } else if (people->style->format == REPORT_CSV) {
        csv_begin(people);
    } else {
        table_begin(people);
    }
}

void report_dormant_user(struct report_people *people, const struct people_sleeper *user)
{
    people->shown++;
    if (people->style->format == REPORT_JSON) {
        json_user(people, user);
    } else if (people->style->format == REPORT_CSV) {
        csv_user(people, user);
    } else {
        table_user(people, user);
    }
}

void report_dormant_end(struct report_people *people)
{
    if (people->style->format == REPORT_JSON) {
        json_writer_end(&people->writer, ']');
        json_writer_end(&people->writer, '}');
    } else if (people->style->format == REPORT_TABLE) {
        table_end(people);
    }
}
