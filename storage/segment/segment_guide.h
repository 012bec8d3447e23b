// SPDX-License-Identifier: Apache-2.0
/// What decoding a column takes beside its own bytes: the users of the group, and for encodings
/// that lean on them the rows' names or times. Private to this folder. Thread: as the reader.
#pragma once

#include "storage/segment/segment_private.h"

/// The users of a group, and what else the array at `bytes` needs to be decoded, for an own column.
CORONG_MUST_CHECK enum corong_status
segment_guide(struct segment_reader *reader, struct segment_scratch *scratch,
              const struct row_group *group, uint32_t column, const struct segment_block *block,
              struct encoding_users *users_out, struct corong_error *error);

/// A string column's codes, or another one's integers, of the group last begun with `scratch`; as
/// many as it has rows.
CORONG_MUST_CHECK enum corong_status
segment_codes_read(struct segment_reader *reader, uint32_t column,
                   const struct segment_array *array, struct segment_scratch *scratch,
                   const struct row_group *group, uint32_t *codes, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status
segment_integers_read(struct segment_reader *reader, uint32_t column,
                      const struct segment_array *array, struct segment_scratch *scratch,
                      const struct row_group *group, int64_t *integers, struct corong_error *error);
