// SPDX-License-Identifier: Apache-2.0
/// The GROUP file: the secret of a group's stores. FORMAT.md describes every byte.
/// Thread: values.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"

/// CORONG_NOT_FOUND: there is no file. CORONG_CORRUPT: it is not whole. CORONG_UNSUPPORTED: it is
/// of a newer version.
CORONG_MUST_CHECK enum corong_status group_format_read(const char *directory,
                                                       struct hash_secret *secret_out,
                                                       struct corong_error *error);
/// Draws the secret and writes the file durably. With the group's lock held.
CORONG_MUST_CHECK enum corong_status group_format_create(const char *directory,
                                                         struct hash_secret *secret_out,
                                                         struct corong_error *error);
