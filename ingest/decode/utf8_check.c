// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/utf8_check.h"

#include <string.h>

const char *utf8_check(struct text text)
{
    const char *at = text.bytes;
    const char *end = text.bytes + text.size;
    while (at < end) {
        uint64_t word;
        while (end - at >= 8 &&
               (memcpy(&word, at, 8), (word & UINT64_C(0x8080808080808080)) == 0)) {
            at += 8;
        }
        if (at == end) {
            break;
        }
        size_t size = (uint8_t)*at < 0x80 ? 1 : utf8_check_sequence(at, end);
        if (size == 0) {
            return at;
        }
        at += size;
    }
    return NULL;
}
