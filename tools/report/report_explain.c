// SPDX-License-Identifier: Apache-2.0
// A question in plain words, for whoever has to vouch for its number.
#include "engine/dialect/dialect.h"
#include "storage/zone/zone.h"
#include "tools/config/config.h"
#include "tools/report/report.h"
#include "tools/report/report_lines.h"

#include <stdarg.h>
#include <stdio.h>

#define WORD_WIDTH 14u  ///< of the column of options
#define VALUE_WIDTH 12u ///< of their values
#define TEXT_INDENT (2 + WORD_WIDTH + VALUE_WIDTH)
#define LINE_WIDTH 100u
#define NAME_SHOWN_COUNT 12u

/// The text so far and what it is about.
struct explanation {
    const struct query_funnel *query;
    const struct report_explained *seen;
    struct text_buffer *out;
};

/// Breaks `text` at spaces; `used` columns of the first line are taken.
static void append_wrapped(struct text_buffer *out, struct text text, uint32_t used,
                           uint32_t indent)
{
    const char *end = text.bytes + text.size;
    bool first = true;
    for (const char *at = text.bytes; at < end;) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        struct text word = {at, (size_t)(stop - at)};
        uint32_t width = 0;
        for (size_t index = 0; index < word.size; index++) {
            width += ((unsigned char)word.bytes[index] & 0xc0) != 0x80;
        }
        if (!first && used + 1 + width > LINE_WIDTH) {
            text_buffer_printf(out, "\n%*s", (int)indent, "");
            used = indent;
        } else if (!first) {
            text_buffer_append(out, " ", 1);
            used++;
        }
        text_buffer_append_text(out, word);
        used += width;
        first = false;
        at = stop + 1;
    }
    text_buffer_append(out, "\n", 1);
}

/// An option, its value, and what that means; `usual` where nobody asked for anything else.
static void CORONG_PRINTF(5, 6) say(struct explanation *explanation, const char *word,
                                    const char *value, bool usual, const char *format, ...)
{
    char sentence[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    struct text_buffer text = {0};
    text_buffer_append_string(&text, sentence);
    text_buffer_append_string(&text, usual ? " (the default)" : "");
    int column = 0;
    text_buffer_printf(explanation->out, "  %-*s%s%n", (int)WORD_WIDTH, word, value, &column);
    uint32_t used = (uint32_t)column;
    if (used + 1 > TEXT_INDENT) {
        text_buffer_append_string(explanation->out, "\n");
        used = 0;
    }
    text_buffer_printf(explanation->out, "%*s", (int)(TEXT_INDENT - used), "");
    append_wrapped(explanation->out, (struct text){text.bytes, text.size}, TEXT_INDENT,
                   TEXT_INDENT);
    text_buffer_deinit(&text);
}

/// Names of events and expressions may hold anything; what is shown steers no terminal.
static void append_quoted(struct text_buffer *out, struct text text)
{
    text_buffer_append(out, "'", 1);
    report_text(out, text);
    text_buffer_append(out, "'", 1);
}

static const char *unit_word(const struct funnel *funnel)
{
    return funnel->unit == FUNNEL_UNIT_USER      ? "user"
           : funnel->unit == FUNNEL_UNIT_SESSION ? "session"
                                                 : "user with its values";
}

static void append_events(struct text_buffer *out, const struct stage *stage)
{
    text_buffer_append_string(out, stage->event_count == 0 ? "any event" : "an event named ");
    for (uint32_t index = 0; index < stage->event_count; index++) {
        text_buffer_append_string(out, index == 0                        ? ""
                                       : index + 1 == stage->event_count ? " or "
                                                                         : ", ");
        append_quoted(out, stage->events[index]);
    }
    if (stage->where.bytes != NULL) {
        text_buffer_append_string(out, " for which ");
        report_text(out, stage->where);
        text_buffer_append_string(out, " is true");
    }
}

static bool stage_names(const struct stage *stage, struct text name)
{
    for (uint32_t index = 0; index < stage->event_count; index++) {
        if (text_equal(stage->events[index], name)) {
            return true;
        }
    }
    return stage->event_count == 0;
}

/// Which events of the store may be the step, with how many there are of each name.
static void append_matches(const struct explanation *explanation, const struct stage *stage,
                           uint32_t step, struct text_buffer *line)
{
    const struct query_stages_result *names = explanation->seen->names;
    const struct query_stage_row *row = &explanation->seen->steps->rows[step];
    text_buffer_append_string(line, "in this store: ");
    report_count(line, row->events);
    text_buffer_append_string(line, row->events == 1 ? " event of " : " events of ");
    report_count(line, row->users);
    text_buffer_append_string(line, row->users == 1 ? " user" : " users");
    uint32_t shown = 0;
    for (uint32_t index = 0; stage->event_count > 0 && index < names->row_count; index++) {
        if (stage_names(stage, names->rows[index].name) && shown++ < NAME_SHOWN_COUNT) {
            text_buffer_append_string(line, shown == 1 ? "; by name: " : ", ");
            report_text(line, names->rows[index].name);
            text_buffer_append_string(line, " ");
            report_count(line, names->rows[index].events);
        }
    }
    text_buffer_append_string(line, shown > NAME_SHOWN_COUNT ? ", ..." : "");
}

static void append_gap(const struct funnel_gap *gap, struct text_buffer *line)
{
    if (gap->max_us != FUNNEL_WINDOW_NONE) {
        text_buffer_append_string(line, "; max_gap: at most ");
        duration_format(gap->max_us, line);
        text_buffer_append_string(line, " after the step before");
    }
    if (gap->min_us > 0) {
        text_buffer_append_string(line, "; min_gap: at least ");
        duration_format(gap->min_us, line);
        text_buffer_append_string(line, " after the step before");
    }
}

static void append_step_rules(const struct funnel *funnel, uint32_t step, struct text_buffer *line)
{
    if ((funnel->optional >> step & 1) != 0) {
        text_buffer_append_string(line, "; optional: an attempt may go on without it");
    }
    if (funnel->anchor_first == step + 1) {
        text_buffer_append_string(line, "; anchor first: it must be the earliest of the steps");
    }
    if (funnel->anchor_last == step + 1) {
        text_buffer_append_string(line, "; anchor last: it counts only after all the others");
    }
}

static void explain_steps(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    text_buffer_append_string(explanation->out, "\nSteps\n");
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        struct text_buffer line = {0};
        text_buffer_printf(&line, "%u. ", step + 1);
        report_text(&line, funnel->steps[step].name);
        text_buffer_append_string(&line, ": ");
        append_events(&line, &funnel->steps[step]);
        if (funnel->gaps != NULL) {
            append_gap(&funnel->gaps[step], &line);
        }
        append_step_rules(funnel, step, &line);
        text_buffer_append_string(explanation->out, "  ");
        append_wrapped(explanation->out, (struct text){line.bytes, line.size}, 2, 5);
        if (explanation->seen->steps != NULL) {
            text_buffer_reset(&line);
            append_matches(explanation, &funnel->steps[step], step, &line);
            text_buffer_append_string(explanation->out, "     ");
            append_wrapped(explanation->out, (struct text){line.bytes, line.size}, 5, 7);
        }
        text_buffer_deinit(&line);
    }
}

static void explain_window(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    struct text_buffer value = {0};
    words_window(funnel, &value);
    bool usual = !funnel->window_session && funnel->window_us == FUNNEL_WINDOW_DEFAULT_US;
    if (funnel->window_session) {
        say(explanation, "window", "session", false, "all matched events lie in one session");
    } else if (funnel->window_us == FUNNEL_WINDOW_NONE) {
        say(explanation, "window", "none", false,
            "any time may pass between the first and the last step");
    } else {
        say(explanation, "window", value.bytes, usual,
            "from the first step's event to the last one's at most %s pass; exactly %s still "
            "counts",
            value.bytes, value.bytes);
    }
    text_buffer_deinit(&value);
}

static void explain_order(struct explanation *explanation)
{
    static const char *const SENTENCES[] = {
        ("the steps are filled in this order; anything may lie between them, and one event fills "
         "at "
         "most one step"),
        ("the steps follow each other with no other event between the first and the last matched "
         "one; "
         "such an event ends the attempt, and a later one may still do better"),
        ("the steps may be filled in any order by different events; step k of the answer means at "
         "least k of them"),
    };
    enum funnel_order order = explanation->query->funnel.order;
    say(explanation, "order", words_order(order), order == FUNNEL_ORDER_LOOSE, "%s",
        SENTENCES[order]);
}

/// What may stand between the steps where nothing else may.
static void explain_strict(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    if (funnel->order != FUNNEL_ORDER_STRICT) {
        return;
    }
    bool all = funnel->scope == FUNNEL_SCOPE_ALL;
    bool breaks = funnel->repeat == FUNNEL_REPEAT_BREAK;
    say(explanation, "scope", all ? "all" : "funnel", all, "%s",
        all ? "any other stored event between them ends the attempt"
            : "only an event that matches some step of the funnel ends the attempt");
    say(explanation, "repeat", breaks ? "break" : "allow", breaks, "%s",
        breaks ? "a repeat of the step just matched ends the attempt too"
               : "a repeat of the step just matched is let pass; the first of them is the matched "
                 "one");
}

static void explain_entry(struct explanation *explanation)
{
    bool open = explanation->query->funnel.entry_open;
    if (explanation->query->funnel.order == FUNNEL_ORDER_ANY) {
        return; // an attempt begins at whichever step comes first
    }
    say(explanation, "entry", open ? "open" : "closed", !open, "%s",
        open ? "an attempt may begin at any step, and is counted from there on"
             : "an attempt begins at step 1");
}

static void explain_unit(struct explanation *explanation)
{
    const struct query_funnel *query = explanation->query;
    struct text_buffer timeout = {0};
    duration_format(query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US
                                                   : query->session_timeout_us,
                    &timeout);
    if (query->funnel.unit == FUNNEL_UNIT_USER) {
        say(explanation, "unit", "user", true, "each user is counted once");
    } else if (query->funnel.unit == FUNNEL_UNIT_SESSION) {
        say(explanation, "unit", "session", false,
            "each session is counted once, and its steps lie in it; a session ends where a user is "
            "silent for more than %s",
            timeout.bytes);
    } else {
        text_buffer_reset(&timeout);
        for (uint32_t index = 0; index < query->funnel.unit_attribute_count; index++) {
            text_buffer_append_string(&timeout, index == 0 ? "" : ", ");
            report_text(&timeout, query->funnel.unit_attributes[index]);
        }
        say(explanation, "unit", "constant", false,
            "held constant: each user is counted once for each combination of %s; events that lack "
            "one of them are outside",
            timeout.bytes);
    }
    text_buffer_deinit(&timeout);
}

static void explain_attempts(struct explanation *explanation)
{
    static const char *const SENTENCES[] = {
        ("every event of step 1 may open an attempt; the level is the most steps that any choice "
         "of "
         "events covers, and the reported attempt is the one that reaches it earliest, of those "
         "the "
         "one that starts latest, so that its times are the shortest"),
        "only the first event of step 1 in the range opens an attempt",
        "only the last event of step 1 in the range opens an attempt",
        ("a %s may be counted several times: a won attempt spends its events, and the next one "
         "starts after it"),
    };
    enum funnel_attempts attempts = explanation->query->funnel.attempts;
    if (attempts == FUNNEL_ATTEMPTS_ALL) {
        say(explanation, "attempts", "all", false, SENTENCES[attempts],
            unit_word(&explanation->query->funnel));
    } else {
        say(explanation, "attempts", words_attempts(attempts), attempts == FUNNEL_ATTEMPTS_BEST,
            "%s", SENTENCES[attempts]);
    }
}

static void explain_ties(struct explanation *explanation)
{
    bool strict = explanation->query->funnel.ties == FUNNEL_TIES_STRICT;
    say(explanation, "ties", strict ? "strict" : "any", !strict, "%s",
        strict ? "a step must be strictly later than the one before it"
               : "events of the same instant may be taken in any order");
    int64_t tolerance_us = explanation->query->funnel.tie_tolerance_us;
    if (tolerance_us > 0) {
        struct text_buffer value = {0};
        duration_format(tolerance_us, &value);
        say(explanation, "tie_tolerance", value.bytes, false,
            "events at most %s after the first of their group count as of its instant",
            value.bytes);
        text_buffer_deinit(&value);
    }
}

static void explain_exclusions(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    if (funnel->exclusion_count == 0) {
        say(explanation, "exclude", "nothing", true,
            "no event between two steps spoils an attempt");
    }
    for (uint32_t index = 0; index < funnel->exclusion_count; index++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[index];
        struct text_buffer events = {0};
        struct text_buffer name = {0};
        append_events(&events, &exclusion->stage);
        report_text(&name, exclusion->stage.name);
        say(explanation, "exclude", name.bytes, false,
            "%s strictly after step %u and strictly before step %u spoils the choice of events "
            "that "
            "it lies in; effect %s: %s",
            events.bytes, exclusion->after, exclusion->before, words_effect(exclusion->remove),
            exclusion->remove ? "whoever has no other choice for the same level is left out"
                              : "the best of the other choices counts");
        text_buffer_deinit(&events);
        text_buffer_deinit(&name);
    }
}

static void explain_expression(struct explanation *explanation, const char *word,
                               struct text expression, const char *meaning)
{
    if (expression.bytes == NULL) {
        say(explanation, word, "none", true, "nothing is left out");
        return;
    }
    struct text_buffer text = {0};
    report_text(&text, expression);
    say(explanation, word, "", false, "%s: %s. A comparison with a missing attribute is not true",
        text.bytes, meaning);
    text_buffer_deinit(&text);
}

static void explain_filters(struct explanation *explanation)
{
    const struct query_funnel *query = explanation->query;
    explain_expression(
        explanation, "where", query->where,
        "other events are hidden from the steps; sessions and identity do not change");
    explain_expression(explanation, "where_entry", query->where_entry,
                       "only such events may be entries, the first step of an attempt");
    explain_expression(explanation, "where_user", query->where_user,
                       "only users of whom this is true at the entry may enter");
}

static void explain_range(struct explanation *explanation)
{
    const struct query_funnel *query = explanation->query;
    struct text_buffer range = {0};
    report_lines_range(&query->range, &range);
    bool whole = query->range.from_us == QUERY_TIME_NONE && query->range.to_us == QUERY_TIME_NONE;
    const char *end = query->range.to_us == QUERY_TIME_NONE ? "" : "; 'to' is not included";
    say(explanation, "from, to", whole ? "all time" : "", whole, "%s%s",
        whole ? "no bounds are set" : range.bytes, whole ? "" : end);
    say(explanation, "range", words_range(query->funnel.range_inside), !query->funnel.range_inside,
        "%s",
        query->funnel.range_inside ? "every matched event must lie in the range"
                                   : "the entry, the event of the first step, must lie in the "
                                     "range; later steps may come up to one window after it");
    text_buffer_reset(&range);
    if (query->as_of_us != QUERY_TIME_NONE) {
        report_time(&range, query->as_of_us);
        say(explanation, "as_of", "", false, "%s: later events do not exist for this question",
            range.bytes);
    } else {
        say(explanation, "as_of", "data's end", true,
            "whether an attempt is still open is judged at the latest time in the data, never by "
            "a clock");
    }
    text_buffer_deinit(&range);
}

static void explain_slices(struct explanation *explanation)
{
    static const char *const WORDS[] = {"entry", "first", "last", "step", "user", "each"};
    static const char *const SENTENCES[] = {
        "by the value on the entry event",
        "by the first value present on the attempt's matched events",
        "by the last value present on the attempt's matched events",
        "by the value on the matched event of the step",
        "by the user's latest value at the entry, at most 30 days old",
        "by every value seen at the step: rows overlap and do not sum",
    };
    const struct query_funnel *query = explanation->query;
    struct text_buffer names = {0};
    for (uint32_t index = 0; index < query->by_count; index++) {
        text_buffer_append_string(&names, index == 0 ? "" : ", ");
        report_text(&names, query->by[index]);
    }
    if (query->by_count == 0) {
        say(explanation, "by", "nothing", true, "one total, no slices");
    } else {
        say(explanation, "by", names.bytes, false,
            "one row for each value, a missing one being (none); the %u largest by the first step "
            "are listed (top), all others are summed as (other), exactly",
            query->top == 0 ? QUERY_TOP_DEFAULT : query->top);
        say(explanation, "attribution", WORDS[query->attribution],
            query->attribution == QUERY_ATTRIBUTION_ENTRY, "a %s is in a row %s",
            unit_word(&query->funnel), SENTENCES[query->attribution]);
    }
    text_buffer_deinit(&names);
}

static void explain_outputs(struct explanation *explanation)
{
    static const char *const BUCKETS[] = {"none", "hour", "day", "week", "month"};
    const struct query_funnel *query = explanation->query;
    struct text_buffer zone = {0};
    if (query->zone == NULL) {
        text_buffer_append_string(&zone, "UTC");
    } else {
        report_text(&zone, query->zone->name);
    }
    if (query->trend != QUERY_BUCKET_NONE) {
        say(explanation, "trend", BUCKETS[query->trend], false,
            "the question is asked again for the entries of each %s in zone %s; one %s may be in "
            "several",
            BUCKETS[query->trend], zone.bytes, unit_word(&query->funnel));
    }
    if (query->throughput != QUERY_BUCKET_NONE) {
        say(explanation, "throughput", BUCKETS[query->throughput], false,
            "matched events of each step are counted in the %s in which they lie, zone %s",
            BUCKETS[query->throughput], zone.bytes);
    }
    if (query->survival) {
        say(explanation, "survival", "", false,
            "conversion by time since the entry, with attempts that are still open taken as far as "
            "they have come (Kaplan-Meier)");
    }
    if (query->left_out != 0) {
        say(explanation, "outputs", "counts", false,
            "not computed, and absent from the answer:%s%s%s",
            (query->left_out & QUERY_OUTPUT_TIMES) != 0 ? " times" : "",
            (query->left_out & QUERY_OUTPUT_MONEY) != 0 ? " money" : "",
            (query->left_out & QUERY_OUTPUT_DAYS) != 0 ? " days" : "");
    }
    text_buffer_reset(&zone);
    if (query->compared) {
        report_lines_range(&query->compare, &zone);
        say(explanation, "compare", "", false,
            "the same question asked of entries %s; the change between the two is split",
            zone.bytes);
    }
    text_buffer_deinit(&zone);
}

/// What the system does, and what each of the modes changes.
static void explain_modes(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    enum dialect_name dialect = (enum dialect_name)funnel->dialect;
    if (dialect_rule(dialect) != NULL) {
        say(explanation, "", dialect_name(dialect), false, "%s", dialect_rule(dialect));
    }
    for (uint32_t mode = 0; dialect_mode(dialect, mode) != NULL; mode++) {
        const char *rule = dialect_mode_rule(dialect, mode);
        if ((funnel->dialect_modes >> mode & 1) != 0 && rule != NULL) {
            say(explanation, "", dialect_mode(dialect, mode), false, "%s", rule);
        }
    }
}

static void explain_dialect(struct explanation *explanation)
{
    struct text_buffer words = {0};
    dialect_describe(&explanation->query->funnel, &words);
    if (words.size > 0) {
        say(explanation, "dialect", "", false,
            "%s: counted as that system counts; where its rules differ from those above, its rules "
            "hold",
            words.bytes);
        explain_modes(explanation);
    } else {
        say(explanation, "dialect", "none", true, "Corong's own rules, engine/SEMANTICS.md");
    }
    text_buffer_deinit(&words);
}

static void explain_head(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    struct text_buffer line = {0};
    if (funnel->name.bytes != NULL) {
        report_text(&line, funnel->name);
        text_buffer_append_string(&line, ": ");
    }
    text_buffer_printf(&line, "how far each %s gets through ", unit_word(funnel));
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        text_buffer_append_string(&line, step == 0 ? "" : " → ");
        report_text(&line, funnel->steps[step].name);
    }
    append_wrapped(explanation->out, (struct text){line.bytes, line.size}, 0, 2);
    text_buffer_deinit(&line);
}

static void explain_columns(struct explanation *explanation)
{
    const struct funnel *funnel = &explanation->query->funnel;
    const char *unit = unit_word(funnel);
    text_buffer_append_string(explanation->out, "\nWhat the answer's words mean\n");
    say(explanation, "reached", "", false, "%ss whose reported attempt covers the step", unit);
    say(explanation, "dropped", "", false,
        "%ss whose reported attempt ends at the step: open and lost together", unit);
    say(explanation, "open", "", false, "of these, those that may still be won as of then");
    say(explanation, "lost", "", false, "of these, those that cannot be won any more");
    say(explanation, "won", "", false, "%ss that covered the last step", unit);
    say(explanation, "won of closed", "", false,
        "won divided by won and lost: attempts that are still open do not make it smaller");
    uint32_t left_out = explanation->query->left_out;
    if ((left_out & QUERY_OUTPUT_TIMES) == 0) {
        say(explanation, "times", "", false,
            "from the step before to the step, over the reported attempts that made it; "
            "percentiles are exact");
    }
    if ((left_out & QUERY_OUTPUT_MONEY) != 0) {
        return;
    }
    say(explanation, "revenue", "", false,
        "the sum of the amounts of the events that fill the step, for each currency");
}

void report_explain(const struct query_funnel *query, const struct report_explained *seen,
                    struct text_buffer *out)
{
    struct explanation explanation = {query, seen, out};
    explain_head(&explanation);
    explain_steps(&explanation);
    text_buffer_append_string(out, "\nHow events are matched\n");
    explain_unit(&explanation);
    explain_order(&explanation);
    explain_strict(&explanation);
    explain_entry(&explanation);
    explain_window(&explanation);
    explain_attempts(&explanation);
    explain_ties(&explanation);
    explain_exclusions(&explanation);
    explain_dialect(&explanation);
    text_buffer_append_string(out, "\nWhich events and when\n");
    explain_filters(&explanation);
    explain_range(&explanation);
    text_buffer_append_string(out, "\nHow it is cut\n");
    explain_slices(&explanation);
    explain_outputs(&explanation);
    explain_columns(&explanation);
}
