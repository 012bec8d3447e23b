// SPDX-License-Identifier: Apache-2.0
/// Inner loops of row_digest.c that have a vector form. The _scalar form is the specification; the
/// _avx2 form does the same. Thread: any.
#pragma once

#include <stdint.h>

/// Copies to ends[i] the place of codes[i], `size` (32 or 64) bytes of `places`, of which the first
/// is that of a missing code, and moves ends[i] behind as many of them as the
/// place's last byte says. Places begin at multiples of 64; there is room for a whole one at each
/// end.
void row_digest_put_places(const char *places, uint32_t size, const uint32_t *codes, char **ends,
                           uint32_t count);
void row_digest_put_places_scalar(const char *places, uint32_t size, const uint32_t *codes,
                                  char **ends, uint32_t count);
void row_digest_put_places_avx2(const char *places, uint32_t size, const uint32_t *codes,
                                char **ends, uint32_t count);
