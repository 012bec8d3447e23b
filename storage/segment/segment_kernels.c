// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_kernels.h"

#include "storage/base/cpu.h"
#include "storage/column/column.h"

struct segment_code_scan segment_scan_codes_scalar(const uint32_t *codes, uint32_t count)
{
    struct segment_code_scan scan = {0, UINT32_MAX, 0};
    for (uint32_t row = 0; row < count; row++) {
        uint32_t after = codes[row] + 1;
        scan.missing_count += codes[row] == COLUMN_CODE_MISSING;
        scan.minimum = codes[row] < scan.minimum ? codes[row] : scan.minimum;
        scan.maximum = after > scan.maximum ? after : scan.maximum;
    }
    return scan;
}

struct segment_code_scan segment_scan_codes(const uint32_t *codes, uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        return segment_scan_codes_avx2(codes, count);
    }
#endif
    return segment_scan_codes_scalar(codes, count);
}

void segment_widen_codes_scalar(const uint32_t *codes, uint32_t added, uint64_t *values,
                                uint32_t count)
{
    for (uint32_t row = 0; row < count; row++) {
        values[row] = (uint32_t)(codes[row] + added);
    }
}

void segment_widen_codes(const uint32_t *codes, uint32_t added, uint64_t *values, uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        segment_widen_codes_avx2(codes, added, values, count);
        return;
    }
#endif
    segment_widen_codes_scalar(codes, added, values, count);
}
