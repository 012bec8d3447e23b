// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_value_range.h"

#include "storage/base/hash.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 256u
#define CHECK_EVERY 64u ///< values may be long

/// A dictionary code and the number of its value.
struct value_code {
    uint32_t code;
    uint32_t number;
};

/// A walk through one segment's dictionary.
struct value_walk {
    struct query_value_range *range;
    struct query_value_codes *codes;
};

uint64_t query_value_range_bytes(const struct query_value_range *range)
{
    uint64_t bytes = query_table_bytes(&range->texts);
    for (uint32_t s = 0; s < range->segment_count; s++) {
        bytes += range->segments[s].capacity * sizeof(struct value_code);
    }
    return bytes;
}

static void keep_codes(struct query_value_codes *codes, const uint32_t *numbers)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < codes->count; i++) {
        uint32_t number = numbers[codes->rows[i].number];
        if (number != QUERY_VALUE_NONE) {
            codes->rows[kept++] = (struct value_code){codes->rows[i].code, number};
        }
    }
    codes->count = kept;
    codes->capacity = kept;
    codes->rows = memory_resize_array(codes->rows, (size_t)kept + 1, sizeof(*codes->rows));
}

/// Gives up the upper half of the range and the values in it.
static void narrow(struct query_value_range *range)
{
    struct query_table old = range->texts;
    uint32_t *numbers = memory_allocate(((size_t)old.count + 1) * sizeof(*numbers));
    range->texts = (struct query_table){0};
    range->high = range->low + (range->high - range->low) / 2;
    for (uint32_t i = 0; i < old.count; i++) {
        bool kept = hash_bytes64(old.keys[i].bytes, old.keys[i].size) <= range->high;
        numbers[i] = kept ? query_table_number(&range->texts, old.keys[i]) : QUERY_VALUE_NONE;
    }
    for (uint32_t s = 0; s < range->segment_count; s++) {
        keep_codes(&range->segments[s], numbers);
    }
    query_table_deinit(&old);
    memory_free(numbers);
}

static void take_value(void *context, uint32_t code, struct text text)
{
    struct value_walk *walk = context;
    struct query_value_range *range = walk->range;
    struct query_value_codes *codes = walk->codes;
    uint64_t hash = hash_bytes64(text.bytes, text.size);
    if (hash < range->low || hash > range->high) {
        return;
    }
    bool full = codes->count == codes->capacity;
    if (full) {
        codes->capacity = codes->capacity < CAPACITY_MIN ? CAPACITY_MIN : codes->capacity * 2;
        codes->rows = memory_resize_array(codes->rows, codes->capacity, sizeof(*codes->rows));
    }
    codes->rows[codes->count++] =
        (struct value_code){code, query_table_number(&range->texts, text)};
    // A table doubles where it is full: what it takes then is looked at before it does.
    bool doubles = range->texts.count == range->texts.capacity;
    if (!full && !doubles && range->texts.count % CHECK_EVERY != 0) {
        return;
    }
    while (range->high > range->low && range->texts.count > 1 &&
           query_value_range_bytes(range) * (doubles ? 2 : 1) > range->budget_bytes) {
        narrow(range);
        doubles = false;
    }
}

enum corong_status query_value_range_fill(struct query_value_range *range,
                                          struct store_snapshot *snapshot, uint32_t column,
                                          uint64_t low, uint64_t budget_bytes,
                                          struct corong_error *error)
{
    uint32_t count = store_snapshot_segment_count(snapshot);
    *range = (struct query_value_range){
        .low = low, .high = UINT64_MAX, .budget_bytes = budget_bytes, .segment_count = count};
    range->segments = memory_allocate_zeroed((size_t)count + 1, sizeof(*range->segments));
    for (uint32_t s = 0; s < count; s++) {
        struct segment_reader *reader = store_snapshot_segment(snapshot, s);
        struct value_walk walk = {range, &range->segments[s]};
        if (column >= segment_reader_schema(reader)->column_count) {
            continue;
        }
        enum corong_status status =
            segment_reader_walk_dictionary(reader, column, take_value, &walk, error);
        if (status != CORONG_OK) {
            query_value_range_deinit(range);
            return status;
        }
    }
    return CORONG_OK;
}

void query_value_range_deinit(struct query_value_range *range)
{
    for (uint32_t s = 0; s < range->segment_count; s++) {
        memory_free(range->segments[s].rows);
    }
    memory_free(range->segments);
    query_table_deinit(&range->texts);
    *range = (struct query_value_range){0};
}

uint32_t query_value_range_number(const struct query_value_range *range, uint32_t segment,
                                  uint32_t code)
{
    const struct query_value_codes *codes = &range->segments[segment];
    uint32_t low = 0;
    for (uint32_t high = codes->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (codes->rows[middle].code < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < codes->count && codes->rows[low].code == code ? codes->rows[low].number
                                                               : QUERY_VALUE_NONE;
}
