// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decimal.h"
#include "ingest/decode/decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// An integer written as a number or text: exact, or missing and counted.
int64_t decode_value_integer(struct decoder *decoder, struct text text)
{
    struct decimal decimal;
    int64_t value;
    bool rounded;
    if (decimal_parse(text, &decimal) &&
        decimal_scale(&decimal, 0, DECIMAL_FLOOR, &value, &rounded) && !rounded) {
        return value;
    }
    decoder->notes.mistyped++;
    return COLUMN_INTEGER_MISSING;
}

// A double, correctly rounded: short numbers from exact integers and powers of ten, others by
// strtod.
int64_t decode_value_number(struct decoder *decoder, struct text text)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal decimal;
    double value = NAN;
    if (decimal_parse(text, &decimal)) {
        if (decimal.digits <= (UINT64_C(1) << 53) && abs(decimal.exponent) <= 22) {
            value = (double)(uint64_t)decimal.digits;
            value = decimal.exponent < 0 ? value / powers[-decimal.exponent]
                                         : value * powers[decimal.exponent];
            value = decimal.negative ? -value : value;
        } else {
            char copy[DECIMAL_SIZE_MAX + 1];
            while (*text.bytes == ' ') {
                text.bytes++;
                text.size--;
            }
            memcpy(copy, text.bytes, text.size);
            copy[text.size] = '\0';
            value = strtod_l(copy, NULL, decoder->locale);
        }
    }
    if (!isfinite(value)) {
        decoder->notes.mistyped++;
        return (int64_t)COLUMN_NUMBER_MISSING_BITS;
    }
    value = value == 0 ? 0 : value;
    int64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

int64_t decode_value_boolean(struct decoder *decoder, const struct decode_field *field,
                             struct text text)
{
    bool yes = field->kind == FIELD_TRUE || text_equal(text, TEXT_LITERAL("1")) ||
               (text.size == 4 && strncasecmp(text.bytes, "true", 4) == 0);
    bool no = field->kind == FIELD_FALSE || text_equal(text, TEXT_LITERAL("0")) ||
              (text.size == 5 && strncasecmp(text.bytes, "false", 5) == 0);
    if (!yes && !no) {
        decoder->notes.mistyped++;
        return COLUMN_INTEGER_MISSING;
    }
    return yes;
}
