// SPDX-License-Identifier: Apache-2.0
/// Inner loops of writing a column that have a vector form. The _scalar form is the specification;
/// the _avx2 form gives the same; the plain name chooses once per process. Private to this folder.
/// Thread: any.
#pragma once

#include <stdint.h>

/// What is to be known of codes before they are encoded.
struct segment_code_scan {
    uint32_t missing_count;
    uint32_t minimum; ///< missing ones are the largest
    uint32_t maximum; ///< of code + 1, so that missing is the smallest
};
struct segment_code_scan segment_scan_codes(const uint32_t *codes, uint32_t count);
struct segment_code_scan segment_scan_codes_scalar(const uint32_t *codes, uint32_t count);
struct segment_code_scan segment_scan_codes_avx2(const uint32_t *codes, uint32_t count);

/// values[i] = codes[i] + added, modulo 2^32.
void segment_widen_codes(const uint32_t *codes, uint32_t added, uint64_t *values, uint32_t count);
void segment_widen_codes_scalar(const uint32_t *codes, uint32_t added, uint64_t *values,
                                uint32_t count);
void segment_widen_codes_avx2(const uint32_t *codes, uint32_t added, uint64_t *values,
                              uint32_t count);
