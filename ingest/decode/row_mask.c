// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/row_mask.h"

#include "storage/base/cpu.h"

/// Byte by byte: the specification of the other kernel.
bool row_mask_find_plain(struct row_mask *mask, const char *line, struct row_mask_bytes bytes)
{
    for (uint32_t at = 0; at < ROW_MASK_SIZE_MAX; at++) {
        uint64_t bit = UINT64_C(1) << (at % 64);
        bool end = line[at] == '\n';
        if (at % 64 == 0) {
            mask->ones[at / 64] = 0;
            mask->others[at / 64] = 0;
        }
        if (!end && (line[at] == bytes.refused || (unsigned char)line[at] >= 0x80)) {
            return false;
        }
        mask->ones[at / 64] |= end || line[at] == bytes.one ? bit : 0;
        mask->others[at / 64] |= end || line[at] == bytes.other ? bit : 0;
        mask->size = at;
        if (end) {
            return true;
        }
    }
    return false;
}

bool row_mask_find(struct row_mask *mask, const char *line, struct row_mask_bytes bytes)
{
#ifdef __x86_64__
    if (cpu_has_avx2()) {
        return row_mask_find_avx2(mask, line, bytes);
    }
#endif
    return row_mask_find_plain(mask, line, bytes);
}
