// SPDX-License-Identifier: Apache-2.0
/// The items of a record's payload, byte by byte. A reader that runs over the end fails and stays
/// failed; whoever reads tests once.
/// Thread: values.
#pragma once

#include "storage/base/bytes.h"
#include "storage/segment/segment.h"
#include "storage/storage.h"

struct payload_reader {
    struct byte_cursor cursor;
    uint16_t flags; ///< of the record
};

void payload_read_segment(struct payload_reader *reader, struct segment_meta *meta_out);
/// The name is borrowed. False where there are more reject reasons than this program knows.
CORONG_MUST_CHECK bool payload_read_position(struct payload_reader *reader,
                                             struct store_position *position_out);
