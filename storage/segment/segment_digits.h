// SPDX-License-Identifier: Apache-2.0
/// Numbers in decimal. Private to this folder. Thread: values.
#pragma once

#include <stdint.h>
#include <string.h>

#define SEGMENT_DIGITS_WORD 8u

/// The eight digits of a number below 10^8, the first of them lowest: halves of it side by side,
/// then quarters, then digits (P. Khuong, "How to print integers really fast", 2017).
static inline uint64_t segment_digits_word(uint32_t number)
{
    uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
    uint64_t hundreds = (fours * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = (twos * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return (tens | (twos - tens * 10) << 8) | UINT64_C(0x3030303030303030);
}

/// Writes exactly `digits` digits of a number below 10^digits.
static inline void segment_digits_put(char *to, uint64_t number, uint32_t digits)
{
    while (digits > 0) {
        to[--digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

/// As segment_digits_put(), eight at a time: up to seven bytes behind the digits are overwritten.
static inline void segment_digits_put_over(char *to, uint64_t number, uint32_t digits)
{
    const uint64_t limit = 100000000;
    if (digits > SEGMENT_DIGITS_WORD) {
        segment_digits_put_over(to, number / limit, digits - SEGMENT_DIGITS_WORD);
        to += digits - SEGMENT_DIGITS_WORD;
        number %= limit;
        digits = SEGMENT_DIGITS_WORD;
    }
    uint64_t word = segment_digits_word((uint32_t)number) >> (8 * (SEGMENT_DIGITS_WORD - digits));
    memcpy(to, &word, sizeof(word));
}
