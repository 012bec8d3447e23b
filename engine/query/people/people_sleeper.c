// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_sleeper.h"

#include "engine/query/people/people_order.h"
#include "storage/base/bytes.h"
#include "storage/base/invariant.h"

void people_sleeper_write(const struct people_sleeper *user, uint32_t value_count,
                          struct text_buffer *out)
{
    people_order_append_integer(out, ~user->last_us); // the latest first
    text_buffer_append_u8(out, user->user_namespace);
    people_order_append_text(out, user->user_id);
    text_buffer_append_i64(out, user->first_us);
    text_buffer_append_u64(out, user->events);
    for (uint32_t i = 0; i < value_count; i++) {
        text_buffer_append_u8(out, user->values[i].bytes != NULL);
        text_buffer_append_sized(out, user->values[i]);
    }
}

void people_sleeper_read(struct text bytes, uint32_t value_count, struct arena *arena,
                         struct people_sleeper *user_out)
{
    struct byte_cursor cursor = byte_cursor_over(bytes.bytes, bytes.size);
    *user_out = (struct people_sleeper){.last_us = ~people_order_take_integer(&cursor)};
    user_out->user_namespace = byte_cursor_u8(&cursor);
    user_out->user_id = people_order_take_text(&cursor, arena);
    user_out->first_us = byte_cursor_i64(&cursor);
    user_out->events = byte_cursor_u64(&cursor);
    for (uint32_t i = 0; i < value_count; i++) {
        bool present = byte_cursor_u8(&cursor) != 0;
        struct text value = byte_cursor_text(&cursor);
        user_out->values[i] = present ? value : TEXT_MISSING;
    }
    ASSERT(!cursor.failed && byte_cursor_left(&cursor) == 0);
}
