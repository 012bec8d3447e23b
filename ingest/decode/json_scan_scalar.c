// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#include <string.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS EACH_BYTE(0x80)

/// The first byte that is a quote, a backslash, a control or not ASCII; or `end`.
/// Each subtraction sets the high bit of bytes that match; borrows can only spoil bytes above a
/// true match, and only the lowest set bit is used.
static inline const char *find_special(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t found =
            (((word ^ EACH_BYTE('"')) - EACH_BYTE(1)) | ((word ^ EACH_BYTE('\\')) - EACH_BYTE(1)) |
             (word - EACH_BYTE(0x20)) | word) &
            HIGH_BITS;
        if (found != 0) {
            return at + (__builtin_ctzll(found) >> 3);
        }
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)(*at - 0x20) < 0x60) {
        at++;
    }
    return at;
}

#include "ingest/decode/json_scan_kernel.h"

enum reject_reason json_scan_scalar(const struct json_plan *plan, struct text text,
                                    struct json_capture *capture)
{
    return kernel_scan(plan, text, capture);
}
