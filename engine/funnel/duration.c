// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"

#include <inttypes.h>

#define DURATION_SHOWN_SIZE 40

struct duration_unit {
    struct text name;
    int64_t size_us;
};

/// Largest first; "w" is read but never written, so that 7d stays 7d.
static const struct duration_unit DURATION_UNITS[] = {
    {TEXT_LITERAL("w"), INT64_C(604800000000)}, {TEXT_LITERAL("d"), INT64_C(86400000000)},
    {TEXT_LITERAL("h"), INT64_C(3600000000)},   {TEXT_LITERAL("m"), INT64_C(60000000)},
    {TEXT_LITERAL("s"), INT64_C(1000000)},      {TEXT_LITERAL("ms"), INT64_C(1000)},
    {TEXT_LITERAL("us"), INT64_C(1)},
};
#define DURATION_UNIT_COUNT (sizeof(DURATION_UNITS) / sizeof(DURATION_UNITS[0]))

static enum corong_status duration_refuse(struct text text, const char *reason,
                                          struct corong_error *error)
{
    int shown = (int)(text.size < DURATION_SHOWN_SIZE ? text.size : DURATION_SHOWN_SIZE);
    return error_set(
        error, CORONG_INVALID,
        "'%.*s' is no duration: it %s (units: us ms s m h d w, as in 90s, 7d or 1h30m)", shown,
        text.bytes == NULL ? "" : text.bytes, reason);
}

static bool duration_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/// Reads digits from `*at` on; false where they do not fit.
static bool duration_read_number(struct text text, size_t *at, int64_t *number_out)
{
    int64_t number = 0;
    for (; *at < text.size && duration_is_digit(text.bytes[*at]); (*at)++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text.bytes[*at] - '0', &number)) {
            return false;
        }
    }
    *number_out = number;
    return true;
}

static const struct duration_unit *duration_read_unit(struct text text, size_t *at)
{
    size_t first = *at;
    while (*at < text.size && !duration_is_digit(text.bytes[*at])) {
        (*at)++;
    }
    struct text name = {text.bytes + first, *at - first};
    for (size_t index = 0; index < DURATION_UNIT_COUNT; index++) {
        if (text_equal(DURATION_UNITS[index].name, name)) {
            return &DURATION_UNITS[index];
        }
    }
    return NULL;
}

enum corong_status duration_parse(struct text text, int64_t *duration_us_out,
                                  struct corong_error *error)
{
    if (text.size == 0) {
        return duration_refuse(text, "is empty", error);
    }
    if (text.bytes[0] == '-') {
        return duration_refuse(text, "is negative", error);
    }
    int64_t total_us = 0;
    for (size_t at = 0; at < text.size;) {
        int64_t number;
        if (!duration_is_digit(text.bytes[at])) {
            return duration_refuse(text, "needs a whole number before each unit", error);
        }
        if (!duration_read_number(text, &at, &number)) {
            return duration_refuse(text, "is too long", error);
        }
        if (at == text.size && number == 0 && total_us == 0) {
            break; // a plain 0 needs no unit
        }
        const struct duration_unit *unit = duration_read_unit(text, &at);
        if (unit == NULL) {
            return duration_refuse(text, "lacks a known unit after a number", error);
        }
        if (__builtin_mul_overflow(number, unit->size_us, &number) ||
            __builtin_add_overflow(total_us, number, &total_us) || total_us == FUNNEL_WINDOW_NONE) {
            return duration_refuse(text, "is too long", error);
        }
    }
    *duration_us_out = total_us;
    return CORONG_OK;
}

void duration_format(int64_t duration_us, struct text_buffer *out)
{
    if (duration_us == FUNNEL_WINDOW_NONE) {
        text_buffer_append_string(out, "none");
        return;
    }
    if (duration_us == 0) {
        text_buffer_append_string(out, "0s");
        return;
    }
    uint64_t left = duration_us < 0 ? -(uint64_t)duration_us : (uint64_t)duration_us;
    if (duration_us < 0) {
        text_buffer_append_string(out, "-");
    }
    for (size_t index = 1; index < DURATION_UNIT_COUNT; index++) {
        uint64_t size_us = (uint64_t)DURATION_UNITS[index].size_us;
        if (left >= size_us) {
            text_buffer_printf(out, "%" PRIu64 "%s", left / size_us,
                               DURATION_UNITS[index].name.bytes);
            left %= size_us;
        }
    }
}
