// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_unit.h"

#include "engine/query/people/people_order.h"
#include "storage/base/bytes.h"
#include "storage/base/invariant.h"

static void write_text(struct text_buffer *out, struct text text)
{
    text_buffer_append_u8(out, text.bytes != NULL);
    text_buffer_append_sized(out, text);
}

static struct text read_text(struct byte_cursor *cursor)
{
    bool present = byte_cursor_u8(cursor) != 0;
    struct text text = byte_cursor_text(cursor);
    return present ? text : TEXT_MISSING;
}

void people_unit_write(const struct people_unit *unit, const struct people_unit_shape *shape,
                       struct text_buffer *out)
{
    text_buffer_append_u8(out, unit->user_namespace);
    people_order_append_text(out, unit->user_id);
    people_order_append_integer(out, unit->entry_us);
    people_order_append_integer(out, unit->session_us);
    for (uint32_t i = 0; i < shape->unit_value_count; i++) {
        text_buffer_append_sized(out, unit->unit_values[i]);
    }
    text_buffer_append_u8(out, (uint8_t)unit->level);
    text_buffer_append_u8(out, (uint8_t)unit->entered);
    text_buffer_append_u8(out, (uint8_t)unit->ended);
    text_buffer_append_u32(out, unit->made);
    text_buffer_append_u8(out, (uint8_t)(unit->open | unit->won << 1));
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if (unit->made >> k & 1) {
            people_order_append_integer(out, unit->matched_us[k]);
            text_buffer_append_u8(out, unit->steps[k]);
        }
    }
    for (uint32_t i = 0; i < shape->value_count; i++) {
        write_text(out, unit->values[i]);
    }
    for (uint32_t i = 0; i < shape->gather_count; i++) {
        const struct people_gathered *gathered = &unit->gathered[i];
        text_buffer_append_u8(out, (uint8_t)(gathered->count << 1 | gathered->more));
        for (uint32_t v = 0; v < gathered->count; v++) {
            text_buffer_append_sized(out, gathered->values[v]);
        }
    }
    text_buffer_append_u32(out, unit->money_count);
    for (uint32_t i = 0; i < unit->money_count; i++) {
        write_text(out, unit->money[i].currency);
        text_buffer_append_i64(out, unit->money[i].revenue);
        text_buffer_append_u64(out, unit->money[i].orders);
    }
}

static void read_tail(struct byte_cursor *cursor, const struct people_unit_shape *shape,
                      struct arena *arena, struct people_unit *unit)
{
    for (uint32_t i = 0; i < shape->value_count; i++) {
        unit->values[i] = read_text(cursor);
    }
    for (uint32_t i = 0; i < shape->gather_count; i++) {
        uint8_t head = byte_cursor_u8(cursor);
        unit->gathered[i].count = head >> 1;
        unit->gathered[i].more = head & 1;
        for (uint32_t v = 0; v < unit->gathered[i].count; v++) {
            unit->gathered[i].values[v] = byte_cursor_text(cursor);
        }
    }
    unit->money_count = byte_cursor_u32(cursor);
    unit->money = arena_allocate(arena, ((size_t)unit->money_count + 1) * sizeof(*unit->money));
    for (uint32_t i = 0; i < unit->money_count; i++) {
        unit->money[i].currency = read_text(cursor);
        unit->money[i].revenue = byte_cursor_i64(cursor);
        unit->money[i].orders = byte_cursor_u64(cursor);
    }
}

void people_unit_read(struct text bytes, const struct people_unit_shape *shape, struct arena *arena,
                      struct people_unit *unit_out)
{
    struct byte_cursor cursor = byte_cursor_over(bytes.bytes, bytes.size);
    *unit_out = (struct people_unit){.user_namespace = byte_cursor_u8(&cursor)};
    unit_out->user_id = people_order_take_text(&cursor, arena);
    unit_out->entry_us = people_order_take_integer(&cursor);
    unit_out->session_us = people_order_take_integer(&cursor);
    for (uint32_t i = 0; i < shape->unit_value_count; i++) {
        unit_out->unit_values[i] = byte_cursor_text(&cursor);
    }
    unit_out->level = byte_cursor_u8(&cursor);
    unit_out->entered = byte_cursor_u8(&cursor);
    unit_out->ended = byte_cursor_u8(&cursor);
    unit_out->made = byte_cursor_u32(&cursor);
    uint8_t state = byte_cursor_u8(&cursor);
    unit_out->open = state & 1;
    unit_out->won = state >> 1;
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if (unit_out->made >> k & 1) {
            unit_out->matched_us[k] = people_order_take_integer(&cursor);
            unit_out->steps[k] = byte_cursor_u8(&cursor);
        }
    }
    read_tail(&cursor, shape, arena, unit_out);
    ASSERT(!cursor.failed && byte_cursor_left(&cursor) == 0);
}
