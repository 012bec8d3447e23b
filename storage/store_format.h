// SPDX-License-Identifier: Apache-2.0
/// The FORMAT file: what never changes in a store. FORMAT.md describes every byte. Private to
/// storage/. Thread: values.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_UUID_SIZE 16

struct store_format {
    uint8_t uuid[STORE_UUID_SIZE];
    struct hash_secret secret;
    int64_t period_us;
    bool is_read_only; ///< a feature bit that this program may read past, but not write past
};

/// Reads and checks. CORONG_NOT_FOUND: missing, empty or short, so the store was never finished.
/// CORONG_UNSUPPORTED: a newer version or an unknown feature. CORONG_CORRUPT: the checksum.
CORONG_MUST_CHECK enum corong_status store_format_read(const char *directory,
                                                       struct store_format *format_out,
                                                       struct corong_error *error);
/// Draws the uuid, and the secret where none is given, and writes the file durably.
CORONG_MUST_CHECK enum corong_status store_format_create(const char *directory, int64_t period_us,
                                                         const struct hash_secret *secret,
                                                         struct store_format *format_out,
                                                         struct corong_error *error);
