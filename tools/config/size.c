// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config.h"

struct size_unit {
    const char *name;
    uint64_t factor;
};

static const struct size_unit UNITS[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", UINT64_C(1000000000000)},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};

static enum corong_status refuse(struct text text, const char *reason, struct corong_error *error)
{
    return error_set(
        error, CORONG_INVALID,
        "size '%.*s': %s; a whole number with a unit is expected, such as 500kB, 64MiB "
        "or 1GiB",
        (int)text.size, text.bytes == NULL ? "" : text.bytes, reason);
}

enum corong_status size_parse(struct text text, uint64_t *size_bytes_out,
                              struct corong_error *error)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < text.size && text.bytes[at] >= '0' && text.bytes[at] <= '9'; at++) {
        unsigned digit = (unsigned)(text.bytes[at] - '0');
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            return refuse(text, "too large", error);
        }
    }
    if (at == 0) {
        return refuse(text, "no number", error);
    }
    struct text unit = {text.bytes + at, text.size - at};
    for (size_t index = 0; index < sizeof(UNITS) / sizeof(UNITS[0]); index++) {
        if (text_equal(unit, text_from(UNITS[index].name))) {
            return __builtin_mul_overflow(number, UNITS[index].factor, size_bytes_out)
                       ? refuse(text, "too large", error)
                       : CORONG_OK;
        }
    }
    return refuse(text, "unknown unit", error);
}
