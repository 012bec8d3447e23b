// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_guide.h"

static enum corong_status guide_names(struct segment_reader *reader,
                                      struct segment_scratch *scratch,
                                      const struct row_group *group, struct corong_error *error)
{
    uint32_t place = segment_columns_place(&reader->columns, COLUMN_NAME);
    scratch->names = scratch->names != NULL ? scratch->names : scratch->values[place].codes;
    if (scratch->names != NULL) {
        return CORONG_OK;
    }
    uint32_t *names =
        segment_buffer_reserve(&scratch->guide_names, (size_t)group->row_count * sizeof(*names));
    const struct segment_array *array =
        segment_footer_array(&reader->footer, scratch->group_index, COLUMN_NAME);
    TRY(segment_codes_read(reader, COLUMN_NAME, array, scratch, group, names, error));
    scratch->names = names;
    return CORONG_OK;
}

// Times that this read has unpacked already; false where it has not.
static bool times_from_packed(const struct column_packed *packed, uint32_t count, int64_t *times)
{
    if (packed->width != sizeof(uint32_t) || packed->nullable || packed->number) {
        return false;
    }
    const uint32_t *stored = packed->values;
    for (uint32_t row = 0; row < count; row++) {
        times[row] = (int64_t)(packed->base + stored[row] * packed->power);
    }
    return true;
}

static enum corong_status guide_times(struct segment_reader *reader,
                                      struct segment_scratch *scratch,
                                      const struct row_group *group, struct corong_error *error)
{
    uint32_t place = segment_columns_place(&reader->columns, COLUMN_TIME);
    scratch->times_us =
        scratch->times_us != NULL ? scratch->times_us : scratch->values[place].integers;
    if (scratch->times_us != NULL) {
        return CORONG_OK;
    }
    int64_t *times =
        segment_buffer_reserve(&scratch->guide_times, (size_t)group->row_count * sizeof(*times));
    if (!times_from_packed(&scratch->packed[place], group->row_count, times)) {
        const struct segment_array *array =
            segment_footer_array(&reader->footer, scratch->group_index, COLUMN_TIME);
        TRY(segment_integers_read(reader, COLUMN_TIME, array, scratch, group, times, error));
    }
    scratch->times_us = times;
    return CORONG_OK;
}

enum corong_status segment_guide(struct segment_reader *reader, struct segment_scratch *scratch,
                                 const struct row_group *group, uint32_t column,
                                 const struct segment_block *block,
                                 struct encoding_users *users_out, struct corong_error *error)
{
    enum encoding_guide guide = encoding_guide_of(block->payload, block->payload_size);
    *users_out = (struct encoding_users){.row_counts = group->user_row_counts,
                                         .user_count = group->user_count};
    // The guides stand alone, whatever a damaged file says; decoding then says what is wrong.
    if (column == COLUMN_TIME || column == COLUMN_NAME) {
        return CORONG_OK;
    }
    if (guide == ENCODING_GUIDE_NAMES) {
        TRY(guide_names(reader, scratch, group, error));
        users_out->names = scratch->names;
    } else if (guide == ENCODING_GUIDE_TIMES) {
        TRY(guide_times(reader, scratch, group, error));
        users_out->times_us = scratch->times_us;
    }
    return CORONG_OK;
}
