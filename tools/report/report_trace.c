// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"
#include "tools/report/report_people_state.h"

#define COLOUR_MATCH "32"
#define COLOUR_OPEN "33"
#define COLOUR_NONE "2"
#define ID_SHOWN_COUNT 20u ///< ids of a person in a table

static const char *const BECAUSE[PEOPLE_BECAUSE_COUNT] = {
    [PEOPLE_BECAUSE_NONE] = "",
    [PEOPLE_BECAUSE_NO_STEP] = "no_step",
    [PEOPLE_BECAUSE_STEP_FILTER] = "step_filter",
    [PEOPLE_BECAUSE_WHERE] = "where",
    [PEOPLE_BECAUSE_ENTRY_FILTER] = "entry_filter",
    [PEOPLE_BECAUSE_AFTER_AS_OF] = "after_as_of",
    [PEOPLE_BECAUSE_OUTSIDE_RANGE] = "outside_range",
    [PEOPLE_BECAUSE_OTHER_ENTRY] = "other_entry",
    [PEOPLE_BECAUSE_OTHER_SESSION] = "other_session",
    [PEOPLE_BECAUSE_OTHER_ATTEMPT] = "other_attempt",
    [PEOPLE_BECAUSE_WINDOW_OVER] = "window_over",
    [PEOPLE_BECAUSE_EXCLUDED] = "excluded",
    [PEOPLE_BECAUSE_TIE] = "tie",
    [PEOPLE_BECAUSE_GAP] = "gap",
    [PEOPLE_BECAUSE_STRICT] = "strict",
    [PEOPLE_BECAUSE_BREAKS] = "breaks",
    [PEOPLE_BECAUSE_ANCHOR] = "anchor",
    [PEOPLE_BECAUSE_REPEAT] = "repeat",
    [PEOPLE_BECAUSE_ORDER] = "order",
};

static const char *const DID[] = {"matched", "opened", "ignored"};

static void append_step(const struct query_funnel *funnel, uint32_t step, struct text_buffer *out)
{
    text_buffer_printf(out, "step %u, ", step);
    report_text(out, funnel->funnel.steps[step - 1].name);
}

static void append_match(const struct people_event *event, const struct query_funnel *funnel,
                         struct text_buffer *out)
{
    if (event->opened) {
        text_buffer_printf(out, "opened attempt %u: ", event->attempt);
    }
    text_buffer_append_string(out, "matched ");
    append_step(funnel, event->step, out);
    if (!event->opened) {
        text_buffer_printf(out, " (attempt %u)", event->attempt);
    }
}

static void append_excluded(const struct people_event *event, const struct query_funnel *funnel,
                            struct text_buffer *out)
{
    const struct funnel_exclusion *exclusion = &funnel->funnel.exclusions[event->exclusion - 1];
    report_text(out, exclusion->stage.name);
    text_buffer_printf(out, " is excluded between steps %u and %u: ", exclusion->after,
                       exclusion->before);
    if (event->step != 0) {
        text_buffer_append_string(out, "one came before (");
        append_step(funnel, event->step, out);
        text_buffer_append_string(out, ")");
    } else if (event->attempt == 0) {
        text_buffer_append_string(out, "no attempt stood there");
    } else {
        text_buffer_printf(out, "it stops attempt %u", event->attempt);
    }
}

/// Why an event did nothing, as a sentence.
static void append_because(const struct people_event *event, const struct query_funnel *funnel,
                           struct text_buffer *out)
{
    static const char *const WORDS[PEOPLE_BECAUSE_COUNT] = {
        [PEOPLE_BECAUSE_NO_STEP] = "no step",
        [PEOPLE_BECAUSE_STEP_FILTER] = "filtered: the step's own where refuses it",
        [PEOPLE_BECAUSE_WHERE] = "filtered: hidden by --where",
        [PEOPLE_BECAUSE_ENTRY_FILTER] =
            "filtered: --where-entry or --where-user refuses this entry",
        [PEOPLE_BECAUSE_AFTER_AS_OF] = "after as-of",
        [PEOPLE_BECAUSE_OUTSIDE_RANGE] = "outside the range",
        [PEOPLE_BECAUSE_OTHER_ENTRY] = "another entry counts",
        [PEOPLE_BECAUSE_OTHER_SESSION] = "other session",
        [PEOPLE_BECAUSE_WINDOW_OVER] = "window over",
        [PEOPLE_BECAUSE_TIE] = "tie: another event of this instant was taken",
        [PEOPLE_BECAUSE_GAP] = "gap: too soon or too late after the step before",
        [PEOPLE_BECAUSE_STRICT] = "strict: something came between",
        [PEOPLE_BECAUSE_ANCHOR] = "anchor: on the wrong side of the anchored step",
        [PEOPLE_BECAUSE_REPEAT] = "matched already",
        [PEOPLE_BECAUSE_ORDER] = "order: the steps before it are not matched then",
    };
    if (event->because == PEOPLE_BECAUSE_EXCLUDED) {
        append_excluded(event, funnel, out);
        return;
    }
    if (event->because == PEOPLE_BECAUSE_BREAKS) {
        text_buffer_printf(out, "strict: ends attempt %u, another event was due", event->attempt);
    } else if (event->because == PEOPLE_BECAUSE_OTHER_ATTEMPT) {
        text_buffer_printf(out, "of attempt %u, which is not the reported one", event->attempt);
    } else {
        text_buffer_append_string(out, WORDS[event->because]);
    }
    if (event->step != 0 && event->because != PEOPLE_BECAUSE_AFTER_AS_OF) {
        text_buffer_append_string(out, " (");
        append_step(funnel, event->step, out);
        text_buffer_append(out, ")", 1);
    }
}

static void append_did(const struct people_event *event, const struct query_funnel *funnel,
                       struct text_buffer *out)
{
    if (event->did == PEOPLE_DID_MATCH) {
        append_match(event, funnel, out);
    } else if (event->did == PEOPLE_DID_OPEN) {
        text_buffer_printf(out, "opened attempt %u, which is not the reported one", event->attempt);
    } else {
        append_because(event, funnel, out);
    }
}

static void append_until(const struct people_attempt *attempt, struct text_buffer *out)
{
    if (!attempt->unit.open) {
        text_buffer_append_string(out, attempt->unit.won ? "won" : "lost");
        return;
    }
    text_buffer_append_string(out, "open");
    if (attempt->open_until_us != INT64_MAX) {
        text_buffer_append_string(out, " until ");
        report_time(out, attempt->open_until_us);
    }
}

/// "attempt 2 reached step 2 of 4, click, at ...; open until ...".
static void append_verdict(const struct people_attempt *attempt, const struct query_funnel *funnel,
                           const struct people_trace *query, struct text_buffer *out)
{
    const struct people_unit *unit = &attempt->unit;
    uint32_t last = unit->level - 1;
    text_buffer_printf(out, "attempt %u ", attempt->number);
    if (funnel->funnel.order == FUNNEL_ORDER_ANY) {
        text_buffer_printf(out, "made %u of %u steps", unit->level, funnel->funnel.step_count);
    } else {
        text_buffer_printf(out, "reached step %u of %u, ", unit->level, funnel->funnel.step_count);
        report_text(out, funnel->funnel.steps[last].name);
    }
    text_buffer_append_string(out, ", at ");
    report_time(out, unit->matched_us[last]);
    text_buffer_append_string(out, "; ");
    append_until(attempt, out);
    if (unit->money_count > 0) {
        text_buffer_append_string(out, " · ");
        report_people_money(unit, out);
    }
    for (uint32_t i = 0; i < query->gather_count; i++) {
        text_buffer_append_string(out, " · ");
        report_text(out, query->gather[i]);
        text_buffer_append_string(out, " ");
        struct text_buffer values = {0};
        report_people_gathered(&unit->gathered[i], ", ", &values);
        report_text(out, (struct text){values.bytes == NULL ? "–" : values.bytes,
                                       values.bytes == NULL ? strlen("–") : values.size});
        text_buffer_deinit(&values);
    }
}

/// "  one person: ann (known), a1 (anonymous)".
static void table_ids(const struct people_trace_result *result, struct text_buffer *out)
{
    if (result->id_count == 0) {
        return;
    }
    text_buffer_append_string(out, "  one person: ");
    for (uint32_t i = 0; i < result->id_count && i < ID_SHOWN_COUNT; i++) {
        text_buffer_append_string(out, i == 0 ? "" : ", ");
        report_text(out, result->ids[i].id);
        text_buffer_printf(out, " (%s)", people_namespace_name(result->ids[i].user_namespace));
    }
    if (result->id_count > ID_SHOWN_COUNT) {
        text_buffer_printf(out, " and %u more", result->id_count - ID_SHOWN_COUNT);
    }
    text_buffer_append_string(out, "\n\n");
}

static void table_begin(struct report_people *people)
{
    const struct people_trace *query = people->trace;
    struct grid *grid = &people->grid;
    grid_colour_begin(people->out, people->style, "1");
    report_text(people->out, query->user_id);
    grid_colour_end(people->out, people->style, "1");
    text_buffer_append_string(people->out, " (");
    text_buffer_append_string(people->out,
                              people_namespace_name(people->trace_result->user_namespace));
    text_buffer_append_string(people->out, ") in ");
    report_lines_funnel(query->funnel, people->style, people->out);
    table_ids(people->trace_result, people->out);
    grid_add_column(grid, "time", GRID_LEFT, 0, NULL);
    grid_add_column(grid, "session", GRID_RIGHT, 3, NULL);
    grid_add_column(grid, "event", GRID_LEFT, 0, NULL);
    grid_add_column(grid, "stage", GRID_LEFT, 4, NULL);
    for (uint32_t i = 0; i < query->gather_count; i++) {
        grid_add_column_named(grid, query->gather[i], GRID_LEFT, 2);
    }
    grid_add_column(grid, "what it did", GRID_LEFT, 0, NULL);
}

static void table_event(struct report_people *people, const struct people_event *event)
{
    const struct people_trace *query = people->trace;
    struct grid *grid = &people->grid;
    struct text_buffer words = {0};
    static const char *const COLOURS[] = {COLOUR_MATCH, COLOUR_OPEN, COLOUR_NONE};
    report_instant(&words, event->time_us);
    grid_add_string(grid, words.bytes);
    text_buffer_reset(&words);
    text_buffer_printf(&words, event->session == 0 ? "–" : "%u", event->session);
    grid_add_string(grid, words.bytes);
    grid_add_text(grid, event->name);
    grid_add_text(grid, event->label.bytes == NULL ? TEXT_LITERAL("–") : event->label);
    for (uint32_t i = 0; i < query->gather_count; i++) {
        grid_add_text(grid, event->values[i]);
    }
    text_buffer_reset(&words);
    append_did(event, query->funnel, &words);
    grid_add_words(grid, words.bytes, COLOURS[event->did]);
    text_buffer_deinit(&words);
}

static void table_end(struct report_people *people)
{
    const struct people_trace_result *result = people->trace_result;
    const struct people_trace *query = people->trace;
    struct text_buffer *out = people->out;
    grid_render(&people->grid, people->style, out);
    text_buffer_append_string(out, "\n");
    for (uint32_t i = 0; i < result->attempt_count; i++) {
        text_buffer_append_string(out, "  ");
        append_verdict(&result->attempts[i], query->funnel, query, out);
        text_buffer_append_string(out, "\n");
    }
    if (result->attempt_count == 0) {
        text_buffer_append_string(out,
                                  result->opened_count == 0
                                      ? "  not in the funnel: no event opened an attempt\n"
                                      : "  not in the funnel: an exclusion takes the user out\n");
    }
    text_buffer_append_string(out, "\n");
    report_lines_provenance(&result->provenance, people->style, out);
}

static void csv_begin(struct report_people *people)
{
    text_buffer_append_string(people->out,
                              "user,namespace,time,session,event,stage,did,attempt,step,"
                              "because");
    for (uint32_t i = 0; i < people->trace->gather_count; i++) {
        report_csv_cell(people->out, people->trace->gather[i], false);
    }
    text_buffer_append(people->out, "\n", 1);
}

static void csv_number(struct text_buffer *out, uint32_t number)
{
    text_buffer_append(out, ",", 1);
    if (number != 0) {
        text_buffer_printf(out, "%u", number);
    }
}

static void csv_event(struct report_people *people, const struct people_event *event)
{
    struct text_buffer *out = people->out;
    report_csv_cell(out, people->trace->user_id, true);
    text_buffer_printf(out, ",%s,", people_namespace_name(people->trace_result->user_namespace));
    report_instant(out, event->time_us);
    csv_number(out, event->session);
    report_csv_cell(out, event->name, false);
    report_csv_cell(out, event->label.bytes == NULL ? TEXT_LITERAL("") : event->label, false);
    text_buffer_printf(out, ",%s", DID[event->did]);
    csv_number(out, event->attempt);
    csv_number(out, event->step);
    text_buffer_printf(out, ",%s", BECAUSE[event->because]);
    for (uint32_t i = 0; i < people->trace->gather_count; i++) {
        report_csv_cell(
            out, event->values[i].bytes == NULL ? TEXT_LITERAL("(none)") : event->values[i], false);
    }
    text_buffer_append(out, "\n", 1);
}

static void json_number(struct json_writer *writer, const char *key, uint32_t number)
{
    if (number == 0) {
        json_writer_null(writer, key);
    } else {
        json_writer_unsigned(writer, key, number);
    }
}

static void json_attempt(struct report_people *people, const struct people_attempt *attempt)
{
    struct json_writer *writer = &people->writer;
    const struct people_trace *query = people->trace;
    struct text_buffer words = {0};
    json_writer_begin(writer, NULL, '{');
    json_writer_unsigned(writer, "attempt", attempt->number);
    json_number(writer, "session", attempt->session);
    report_people_json_unit(writer, query->funnel, &attempt->unit);
    json_writer_time(writer, "open_until", attempt->unit.open ? attempt->open_until_us : INT64_MIN);
    if (query->gather_count > 0) {
        report_people_json_gathers(writer, query->gather, query->gather_count,
                                   attempt->unit.gathered);
    }
    append_verdict(attempt, query->funnel, query, &words);
    json_writer_text(writer, "verdict", (struct text){words.bytes, words.size});
    json_writer_end(writer, '}');
    text_buffer_deinit(&words);
}

static void json_ids(struct json_writer *writer, const struct people_trace_result *result)
{
    if (result->id_count == 0) {
        return;
    }
    json_writer_begin(writer, "ids", '[');
    for (uint32_t i = 0; i < result->id_count; i++) {
        const struct people_id *id = &result->ids[i];
        json_writer_begin(writer, NULL, '{');
        writer->flat = true;
        json_writer_text(writer, "id", id->id);
        json_writer_text(writer, "namespace", text_from(people_namespace_name(id->user_namespace)));
        json_writer_end(writer, '}');
        writer->flat = false;
    }
    json_writer_end(writer, ']');
}

static void json_begin(struct report_people *people)
{
    struct json_writer *writer = &people->writer;
    const struct people_trace_result *result = people->trace_result;
    json_writer_begin(writer, NULL, '{');
    report_json_question(writer, people->trace->funnel, people->style);
    json_writer_text(writer, "user", people->trace->user_id);
    json_writer_text(writer, "namespace", text_from(people_namespace_name(result->user_namespace)));
    json_ids(writer, result);
    json_writer_unsigned(writer, "event_count", result->event_count);
    json_writer_unsigned(writer, "opened_count", result->opened_count);
    json_writer_begin(writer, "attempts", '[');
    for (uint32_t i = 0; i < result->attempt_count; i++) {
        json_attempt(people, &result->attempts[i]);
    }
    json_writer_end(writer, ']');
    report_json_provenance(writer, &result->provenance, people->style);
    json_writer_begin(writer, "events", '[');
}

static void json_event(struct report_people *people, const struct people_event *event)
{
    struct json_writer *writer = &people->writer;
    const struct people_trace *query = people->trace;
    struct text_buffer words = {0};
    json_writer_begin(writer, NULL, '{');
    writer->flat = true;
    json_writer_time(writer, "time", event->time_us);
    json_number(writer, "session", event->session);
    json_writer_text(writer, "event", event->name);
    json_writer_text(writer, "stage", event->label);
    json_writer_text(writer, "did", text_from(DID[event->did]));
    json_writer_bool(writer, "opened", event->opened || event->did == PEOPLE_DID_OPEN);
    json_number(writer, "attempt", event->attempt);
    json_number(writer, "step", event->step);
    json_writer_text(writer, "because",
                     event->because == PEOPLE_BECAUSE_NONE ? TEXT_MISSING
                                                           : text_from(BECAUSE[event->because]));
    append_did(event, query->funnel, &words);
    json_writer_text(writer, "words", (struct text){words.bytes, words.size});
    if (query->gather_count > 0) {
        json_writer_begin(writer, "values", '[');
        for (uint32_t i = 0; i < query->gather_count; i++) {
            json_writer_text(writer, NULL, event->values[i]);
        }
        json_writer_end(writer, ']');
    }
    json_writer_end(writer, '}');
    writer->flat = false;
    text_buffer_deinit(&words);
}

void report_trace_begin(struct report_people *people, const struct people_trace *query,
                        const struct people_trace_result *result)
{
    people->trace = query;
    people->trace_result = result;
    if (people->style->format == REPORT_JSON) {
        json_begin(people);
    } else if (people->style->format == REPORT_CSV) {
        csv_begin(people);
    } else {
        table_begin(people);
    }
}

void report_trace_event(struct report_people *people, const struct people_event *event)
{
    people->shown++;
    if (people->style->format == REPORT_JSON) {
        json_event(people, event);
    } else if (people->style->format == REPORT_CSV) {
        csv_event(people, event);
    } else {
        table_event(people, event);
    }
}

void report_trace_end(struct report_people *people)
{
    if (people->style->format == REPORT_JSON) {
        json_writer_end(&people->writer, ']');
        json_writer_end(&people->writer, '}');
    } else if (people->style->format == REPORT_TABLE) {
        table_end(people);
    }
}
