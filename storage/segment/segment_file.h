// SPDX-License-Identifier: Apache-2.0
/// The file of a segment being written. Private to the segment. Thread: the writer's.
#pragma once

#include "storage/segment/segment_private.h"

/// Creates the file and fills `path` (SEGMENT_PATH_SIZE); `directory` NULL: in memory.
CORONG_MUST_CHECK enum corong_status segment_file_create(char *path, const char *directory,
                                                         const uint8_t *uuid, int *descriptor_out,
                                                         struct corong_error *error);
/// Reads it again, compares every hash with what was meant, and syncs. `buffer` is overwritten.
CORONG_MUST_CHECK enum corong_status segment_file_finish(int descriptor, const char *path,
                                                         const struct segment_footer *footer,
                                                         const struct segment_trailer *trailer,
                                                         struct text_buffer *buffer,
                                                         struct corong_error *error);
