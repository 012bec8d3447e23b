// SPDX-License-Identifier: Apache-2.0
/// The first file that paths name, and its first bytes, decompressed. Thread: main.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

/// `paths` ends with NULL; each is a file, a directory or a glob.
CORONG_MUST_CHECK enum corong_status
first_file_find(const char *const *paths, struct text_buffer *path_out, struct corong_error *error);
/// At most `size_max` bytes; gzip and zstd are told by their first bytes.
CORONG_MUST_CHECK enum corong_status first_file_head(const char *path, size_t size_max,
                                                     struct text_buffer *head_out,
                                                     struct corong_error *error);
