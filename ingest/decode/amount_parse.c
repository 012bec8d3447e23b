// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/amount_parse.h"

#include "ingest/decode/decimal.h"

#define AMOUNT_SCALE 4

bool amount_parse(struct text text, int64_t *amount_out, bool *rounded_out)
{
    struct decimal decimal;
    return decimal_parse(text, &decimal) &&
           decimal_scale(&decimal, AMOUNT_SCALE, DECIMAL_HALF_EVEN, amount_out, rounded_out);
}
