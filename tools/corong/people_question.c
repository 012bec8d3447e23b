// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/people_question.h"

#include "storage/base/clock.h"
#include "tools/config/config.h"
#include "tools/report/report.h"

#include <inttypes.h>
#include <stdio.h>

#define FLUSH_SIZE (64u * 1024u)

static bool parse_number(struct text text, uint32_t *number_out)
{
    *number_out = 0;
    for (size_t i = 0; i < text.size && i < 3; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
        *number_out = *number_out * 10 + (uint32_t)(text.bytes[i] - '0');
    }
    return text.size > 0 && text.size < 3;
}

/// A step's number, from 1; CORONG_INVALID lists the steps.
static enum corong_status parse_step(struct text text, const struct funnel *funnel,
                                     uint32_t *step_out, struct corong_error *error)
{
    if (parse_number(text, step_out) && *step_out >= 1 && *step_out <= funnel->step_count) {
        return CORONG_OK;
    }
    for (uint32_t k = 0; k < funnel->step_count; k++) {
        if (text_equal(funnel->steps[k].name, text)) {
            *step_out = k + 1;
            return CORONG_OK;
        }
    }
    struct text_buffer list = {0};
    for (uint32_t k = 0; k < funnel->step_count; k++) {
        struct text name = funnel->steps[k].name;
        text_buffer_printf(&list, "%s%u %.*s", k == 0 ? "" : ", ", k + 1, (int)name.size,
                           name.bytes);
    }
    enum corong_status status =
        error_set(error, CORONG_INVALID, "'%.*s' is no step; the steps are: %s", (int)text.size,
                  text.bytes, list.bytes);
    text_buffer_deinit(&list);
    return status;
}

static enum corong_status take_kind(const struct options *options,
                                    const struct query_funnel *funnel, struct people_cell *cell,
                                    struct corong_error *error)
{
    static const struct {
        enum option_id id;
        enum people_cell_kind kind;
    } KINDS[] = {{OPTION_REACHED, PEOPLE_CELL_REACHED},
                 {OPTION_DROPPED, PEOPLE_CELL_DROPPED},
                 {OPTION_OPEN, PEOPLE_CELL_OPEN},
                 {OPTION_LOST, PEOPLE_CELL_LOST},
                 {OPTION_WON, PEOPLE_CELL_WON}};
    uint32_t given = 0;
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        enum option_id id = KINDS[i].id;
        if (!options_given(options, id)) {
            continue;
        }
        cell->kind = KINDS[i].kind;
        cell->step = 0;
        given++;
        struct text text = options->values[id].text;
        bool all =
            (id == OPTION_OPEN || id == OPTION_LOST) && text_equal(text, TEXT_LITERAL("all"));
        if (id != OPTION_WON && !all) {
            TRY_IN(parse_step(text, &funnel->funnel, &cell->step, error), error, "--%s",
                   OPTION_SPECS[id].name);
        }
    }
    if (given > 1) {
        return error_set(error, CORONG_INVALID,
                         "one of --reached, --dropped, --open, --lost and --won names the list");
    }
    return CORONG_OK;
}

static struct text slice_value(struct text text)
{
    return text_equal(text, TEXT_LITERAL("(none)")) ? TEXT_MISSING : text;
}

/// One --slice with as many values between commas as there are attributes, or a --slice for each.
static enum corong_status take_slice(const struct options *options,
                                     const struct query_funnel *funnel, struct people_cell *cell,
                                     struct corong_error *error)
{
    const struct option_value *given = &options->values[OPTION_SLICE];
    if (given->list_count == 0) {
        return CORONG_OK;
    }
    if (funnel->by_count == 0) {
        return error_set(error, CORONG_INVALID, "--slice: say with --by what it is a value of");
    }
    if (given->list_count == 1 && text_equal(given->list[0], TEXT_LITERAL("(other)"))) {
        cell->other = true;
        return CORONG_OK;
    }
    struct text *values =
        arena_allocate_zeroed(options->arena, funnel->by_count, sizeof(struct text));
    uint32_t count = 0;
    for (uint32_t i = 0; i < given->list_count; i++) {
        struct text rest = given->list[i];
        bool split = given->list_count == 1 && funnel->by_count > 1;
        const char *comma;
        while (split && (comma = memchr(rest.bytes, ',', rest.size)) != NULL &&
               count + 1 < funnel->by_count) {
            size_t size = (size_t)(comma - rest.bytes);
            values[count++] = slice_value((struct text){rest.bytes, size});
            rest = (struct text){comma + 1, rest.size - size - 1};
        }
        if (count < funnel->by_count) {
            values[count] = slice_value(rest);
        }
        count++;
    }
    cell->values = values;
    return count == funnel->by_count
               ? CORONG_OK
               : error_set(error, CORONG_INVALID,
                           "--slice: %u value%s for %u attribute%s of --by; give one for each",
                           count, count == 1 ? "" : "s", funnel->by_count,
                           funnel->by_count == 1 ? "" : "s");
}

enum corong_status people_question_cell(const struct options *options,
                                        const struct query_funnel *funnel,
                                        struct people_cell *cell_out, struct corong_error *error)
{
    *cell_out = (struct people_cell){.kind = PEOPLE_CELL_REACHED, .step = 1};
    TRY(take_kind(options, funnel, cell_out, error));
    if (options_given(options, OPTION_DAY)) {
        int64_t day_us = options->values[OPTION_DAY].number;
        if (day_us % MICROSECONDS_PER_DAY != 0) {
            return error_set(error, CORONG_INVALID, "--day: a day of UTC, such as 2026-01-03");
        }
        if (cell_out->kind != PEOPLE_CELL_REACHED) {
            return error_set(error, CORONG_INVALID,
                             "--day goes with --reached: those whose step lies in the day");
        }
        cell_out->has_day = true;
        cell_out->day_us = day_us;
    }
    return take_slice(options, funnel, cell_out, error);
}

enum corong_status people_question_gather(const struct options *options, struct text *gather_out,
                                          uint32_t *count_out, struct corong_error *error)
{
    const struct option_value *given = &options->values[OPTION_GATHER];
    *count_out = 0;
    for (uint32_t i = 0; i < given->list_count; i++) {
        struct text rest = given->list[i];
        while (rest.bytes != NULL) {
            const char *comma = rest.size == 0 ? NULL : memchr(rest.bytes, ',', rest.size);
            size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.bytes);
            if (size == 0 || *count_out == PEOPLE_GATHER_COUNT_MAX) {
                return error_set(error, CORONG_INVALID,
                                 size == 0
                                     ? "--gather: an attribute's name is empty"
                                     : "--gather: too many attributes, at most %u are allowed",
                                 PEOPLE_GATHER_COUNT_MAX);
            }
            gather_out[(*count_out)++] = (struct text){rest.bytes, size};
            rest = comma == NULL ? TEXT_MISSING : (struct text){comma + 1, rest.size - size - 1};
        }
    }
    return CORONG_OK;
}

enum corong_status people_question_rows(const struct options *options, uint64_t *rows_out,
                                        struct corong_error *error)
{
    bool table = options_number(options, OPTION_FORMAT, REPORT_TABLE) == REPORT_TABLE;
    *rows_out =
        (uint64_t)options_number(options, OPTION_ROWS, table ? REPORT_PEOPLE_ROWS_DEFAULT : 0);
    if (table && *rows_out > REPORT_PEOPLE_ROWS_MAX) {
        return error_set(error, CORONG_INVALID,
                         "--rows: a table shows %u rows at most; --format csv and json have no "
                         "limit",
                         REPORT_PEOPLE_ROWS_MAX);
    }
    return CORONG_OK;
}

enum corong_status people_question_flush(struct text_buffer *out, struct corong_error *error)
{
    if (out->size < FLUSH_SIZE) {
        return CORONG_OK;
    }
    size_t written = fwrite(out->bytes, 1, out->size, stdout);
    if (written != out->size) {
        return error_set_errno(error, "cannot write to standard output");
    }
    text_buffer_reset(out);
    return CORONG_OK;
}

enum corong_status people_question_bucket(const struct options *options,
                                          struct query_funnel *funnel, struct corong_error *error)
{
    bool named = options_given(options, OPTION_TREND_BUCKET);
    if (named != (funnel->trend != QUERY_BUCKET_NONE)) {
        return error_set(error, CORONG_INVALID,
                         named ? "--trend-bucket: of hours, days, weeks or months? Give --trend too"
                               : "--trend: which bucket's users? Give --trend-bucket TIME too");
    }
    if (!named) {
        return CORONG_OK;
    }
    struct query_range bucket = query_bucket_around(funnel->trend, funnel->zone,
                                                    options->values[OPTION_TREND_BUCKET].number);
    struct query_range *range = &funnel->range;
    bool later = range->from_us != QUERY_TIME_NONE && range->from_us > bucket.from_us;
    bool sooner = range->to_us != QUERY_TIME_NONE && range->to_us < bucket.to_us;
    *range = (struct query_range){later ? range->from_us : bucket.from_us,
                                  sooner ? range->to_us : bucket.to_us};
    // A bucket is the question asked for its entries.
    funnel->trend = QUERY_BUCKET_NONE;
    return CORONG_OK;
}
