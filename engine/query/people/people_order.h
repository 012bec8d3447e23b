// SPDX-License-Identifier: Apache-2.0
/// Keys whose byte order is the order of a list. Private to engine/query/people. Thread: values.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/bytes.h"

#include <stdint.h>

/// Numbers in ascending order.
void people_order_append_integer(struct text_buffer *out, int64_t value);
/// A text before all that begin with it: 0x00 is written as 0x00 0xff, and 0x00 0x01 ends it.
void people_order_append_text(struct text_buffer *out, struct text text);

/// Reads them back. A text is borrowed where it has no 0x00, else in `arena`.
int64_t people_order_take_integer(struct byte_cursor *cursor);
struct text people_order_take_text(struct byte_cursor *cursor, struct arena *arena);
