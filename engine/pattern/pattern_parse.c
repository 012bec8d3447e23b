// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"
#include "engine/pattern/pattern.h"

#include <ctype.h>

struct pattern_reader {
    struct text source;
    size_t at;
    uint32_t condition_count;
    int64_t unit_us;
    struct pattern *pattern;
    struct corong_error *error;
};

static enum corong_status fail(const struct pattern_reader *reader, const char *words)
{
    return error_set(reader->error, CORONG_INVALID, "pattern '%.*s', column %zu: %s",
                     (int)reader->source.size, reader->source.bytes, reader->at + 1, words);
}

static bool take(struct pattern_reader *reader, const char *word)
{
    size_t size = strlen(word);
    if (reader->source.size - reader->at < size ||
        memcmp(reader->source.bytes + reader->at, word, size) != 0) {
        return false;
    }
    reader->at += size;
    return true;
}

/// Everything up to the closing parenthesis.
static struct text take_argument(struct pattern_reader *reader)
{
    size_t begin = reader->at;
    while (reader->at < reader->source.size && reader->source.bytes[reader->at] != ')') {
        reader->at++;
    }
    return (struct text){reader->source.bytes + begin, reader->at - begin};
}

/// Digits only; false where it is no number or one beyond `max`.
static bool read_number(struct text text, int64_t max, int64_t *number_out)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = text.bytes[i] - '0';
        if (digit < 0 || digit > 9 || number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *number_out = number;
    return text.size > 0;
}

static enum corong_status add(struct pattern_reader *reader, struct pattern_action action)
{
    struct pattern *pattern = reader->pattern;
    if (pattern->action_count > PATTERN_ACTION_COUNT_MAX) {
        return error_set(reader->error, CORONG_UNSUPPORTED, "pattern '%.*s' has more than %u parts",
                         (int)reader->source.size, reader->source.bytes, PATTERN_ACTION_COUNT_MAX);
    }
    pattern->actions[pattern->action_count++] = action;
    return CORONG_OK;
}

static enum corong_status read_event(struct pattern_reader *reader)
{
    size_t begin = reader->at;
    int64_t number;
    if (!read_number(take_argument(reader), 1000000, &number)) {
        reader->at = begin;
        return fail(reader, "a number of a step is expected, such as (?1), or a time, such as "
                            "(?t<=3600)");
    }
    if (number < 1 || number > reader->condition_count) {
        return error_set(reader->error, CORONG_INVALID,
                         "pattern '%.*s', column %zu: there is no step %lld, steps are 1 to %u",
                         (int)reader->source.size, reader->source.bytes, begin + 1,
                         (long long)number, reader->condition_count);
    }
    reader->pattern->conditions |= UINT32_C(1) << (number - 1);
    return add(reader,
               (struct pattern_action){.kind = PATTERN_EVENT, .condition = (uint32_t)number - 1});
}

static enum corong_status read_time(struct pattern_reader *reader)
{
    static const struct {
        const char *word;
        enum pattern_action_kind kind;
    } operators[] = {{"<=", PATTERN_TIME_AT_MOST},
                     {"<", PATTERN_TIME_LESS},
                     {">=", PATTERN_TIME_AT_LEAST},
                     {">", PATTERN_TIME_MORE},
                     {"==", PATTERN_TIME_EQUAL}};
    struct pattern *pattern = reader->pattern;
    struct pattern_action action = {0};
    size_t index = 0;
    while (index < 5 && !take(reader, operators[index].word)) {
        index++;
    }
    if (index == 5) {
        return fail(reader, "a time needs one of <= < >= > ==, such as (?t<=3600)");
    }
    if (pattern->actions[pattern->action_count - 1].kind > PATTERN_STAR) {
        return fail(reader, "a time must stand behind an event, '.' or '.*'");
    }
    size_t begin = reader->at;
    struct text argument = take_argument(reader);
    int64_t number;
    if (read_number(argument, INT64_MAX / 4 / reader->unit_us, &number)) {
        action.time_us = number * reader->unit_us;
    } else if (duration_parse(argument, &action.time_us, NULL) != CORONG_OK) {
        reader->at = begin;
        return fail(reader, "a number of seconds or a duration is expected, such as 3600 or 1h");
    }
    action.kind = operators[index].kind;
    pattern->has_time = true;
    return add(reader, action);
}

static enum corong_status read_part(struct pattern_reader *reader)
{
    if (take(reader, ".*")) {
        return add(reader, (struct pattern_action){.kind = PATTERN_STAR});
    }
    if (take(reader, ".")) {
        return add(reader, (struct pattern_action){.kind = PATTERN_ANY});
    }
    if (!take(reader, "(?")) {
        return fail(reader, "(?N), (?t<=N), '.' or '.*' is expected");
    }
    TRY(take(reader, "t") ? read_time(reader) : read_event(reader));
    return take(reader, ")") ? CORONG_OK : fail(reader, "')' is missing");
}

enum corong_status pattern_parse(struct text source, uint32_t condition_count, int64_t unit_us,
                                 struct pattern *pattern_out, struct corong_error *error)
{
    struct pattern_reader reader = {.source = source,
                                    .condition_count = condition_count,
                                    .unit_us = unit_us,
                                    .pattern = pattern_out,
                                    .error = error};
    *pattern_out = (struct pattern){.action_count = 1};
    pattern_out->actions[0].kind = PATTERN_STAR;
    while (reader.at < source.size) {
        TRY(read_part(&reader));
    }
    return CORONG_OK;
}
