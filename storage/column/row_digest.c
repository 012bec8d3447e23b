// SPDX-License-Identifier: Apache-2.0
// Rows are put together in blocks, column by column: what is looked up for one row waits for memory
// while the others go on, and the bytes of a row have left the store buffer when they are hashed.
#include "storage/column/row_digest.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"
#include "storage/column/row_digest_kernels.h"

#include <string.h>
#define XXH_INLINE_ALL // rows are short: a call costs a good part of what hashing them does
#include <xxhash.h>

#define HEADING_TAIL_SIZE 2u // the zero byte and the type
#define STRING_TAIL_SIZE 2u
#define NUMBER_SIZE 8u
#define MOMENT_SIZE (3 * NUMBER_SIZE)
#define COPY_STEP 16u // short copies may write up to this many bytes behind their end
#define PLACE_SMALL 32u
#define PLACE_LARGE 64u
#define PLACE_BYTES_MAX (1u << 20) // of a column: larger dictionaries are hardly met twice
#define BLOCK_ROW_COUNT 32u
#define BLOCK_BYTES (16u << 10) // stays in the nearest cache
#define ROW_SIZE_MIN 128u

struct row_digest_column {
    uint32_t column;
    enum column_type type;
    bool holds_zeros; // some text of the dictionary has a byte that must be escaped
    const char *heading;
    size_t heading_size;
    size_t size_max; ///< of heading, value and end
    /// A missing value (no bytes) and then, by code, heading, text, end; in the last byte how many
    /// they are. NULL: put together for each row.
    char *places;
    uint32_t place_size;
};

static void build_heading(struct row_digest_column *column, const struct schema_column *from,
                          char *to)
{
    memcpy(to, from->name.bytes, from->name.size);
    to[from->name.size] = 0;
    to[from->name.size + 1] = (char)from->type;
    column->heading = to;
    column->heading_size = from->name.size + HEADING_TAIL_SIZE;
}

static bool holds_zeros(const struct dictionary *dictionary)
{
    size_t size = dictionary->count == 0 ? 0 : dictionary->offsets[dictionary->count];
    return size > 0 && memchr(dictionary->bytes, 0, size) != NULL;
}

// Of texts that lie one behind the other.
static uint32_t longest_text(const uint32_t *offsets, uint32_t count)
{
    uint32_t longest = 0;
    for (uint32_t index = 0; index < count; index++) {
        uint32_t size = offsets[index + 1] - offsets[index];
        longest = size > longest ? size : longest;
    }
    return longest;
}

static char *put_escaped(char *to, struct text text)
{
    for (size_t index = 0; index < text.size; index++) {
        *to++ = text.bytes[index];
        if (text.bytes[index] == 0) {
            *to++ = (char)0xff;
        }
    }
    return to;
}

static char *end_string(char *to)
{
    to[0] = 0;
    to[1] = 1;
    return to + STRING_TAIL_SIZE;
}

static void build_places(struct row_digest_column *column, const struct dictionary *dictionary)
{
    uint32_t size = column->size_max < PLACE_SMALL ? PLACE_SMALL : PLACE_LARGE;
    uint64_t bytes = (dictionary->count + UINT64_C(1)) * size;
    if (column->size_max >= PLACE_LARGE || bytes > PLACE_BYTES_MAX) {
        return;
    }
    column->place_size = size;
    column->places = memory_allocate_aligned(PLACE_LARGE, bytes);
    memset(column->places, 0, bytes);
    for (uint32_t code = 0; code < dictionary->count; code++) {
        char *place = column->places + (code + UINT64_C(1)) * size;
        memcpy(place, column->heading, column->heading_size);
        char *end = end_string(
            put_escaped(place + column->heading_size, dictionary_text(dictionary, code)));
        place[size - 1] = (char)(end - place);
    }
}

static void build_column(struct row_digest_column *column, const struct dictionary *dictionary)
{
    if (column->type != COLUMN_STRING) {
        column->size_max = column->heading_size + NUMBER_SIZE;
        return;
    }
    column->holds_zeros = holds_zeros(dictionary);
    size_t text_size = (size_t)longest_text(dictionary->offsets, dictionary->count) *
                       (column->holds_zeros ? 2 : 1);
    column->size_max = column->heading_size + text_size + STRING_TAIL_SIZE;
    build_places(column, dictionary);
}

void row_digester_init(struct row_digester *digester, const struct schema *schema,
                       const struct dictionary *dictionaries)
{
    struct canonical_order order;
    canonical_order_init(&order, schema);
    *digester = (struct row_digester){.dictionaries = dictionaries, .column_count = order.count};
    digester->columns = memory_allocate_zeroed(order.count, sizeof(*digester->columns));
    size_t headings_size = 0;
    for (uint32_t at = 0; at < order.count; at++) {
        headings_size += schema->columns[order.columns[at]].name.size + HEADING_TAIL_SIZE;
    }
    digester->headings = memory_allocate_zeroed(headings_size + COPY_STEP, 1);
    char *heading = digester->headings;
    for (uint32_t at = 0; at < order.count; at++) {
        struct row_digest_column *column = &digester->columns[at];
        column->column = order.columns[at];
        column->type = schema->columns[column->column].type;
        build_heading(column, &schema->columns[column->column], heading);
        heading += column->heading_size;
        build_column(column, &dictionaries[column->column]);
        digester->values_size_max += column->size_max;
    }
}

void row_digester_deinit(struct row_digester *digester)
{
    for (uint32_t at = 0; at < digester->column_count; at++) {
        memory_free(digester->columns[at].places);
    }
    memory_free(digester->columns);
    memory_free(digester->headings);
    memory_free(digester->user);
    memory_free(digester->rows);
    *digester = (struct row_digester){0};
}

// Room for rows of users whose ids have at most `id_size` bytes.
static void reserve(struct row_digester *digester, size_t id_size)
{
    size_t user_size = 1 + sizeof(uint32_t) + id_size;
    // What a step or a place writes behind its end, and the row's end.
    size_t size = user_size + MOMENT_SIZE + digester->values_size_max + PLACE_LARGE + COPY_STEP;
    if (digester->rows != NULL && size <= digester->row_size) {
        return;
    }
    size_t grown = digester->rows == NULL ? ROW_SIZE_MIN : 2 * size;
    digester->row_size = size > grown ? size : grown;
    size_t fitting = BLOCK_BYTES / digester->row_size;
    fitting = fitting < BLOCK_ROW_COUNT ? fitting : BLOCK_ROW_COUNT;
    digester->block_row_count = fitting == 0 ? 1 : (uint32_t)fitting;
    memory_free(digester->rows);
    digester->rows = memory_allocate(digester->block_row_count * digester->row_size);
    digester->user = memory_resize(digester->user, digester->row_size);
}

void row_digester_user(struct row_digester *digester, uint8_t user_namespace, struct text id)
{
    reserve(digester, id.size);
    digester->user_size = 1 + sizeof(uint32_t) + id.size;
    digester->user[0] = (char)user_namespace;
    bytes_store_u32(digester->user + 1, (uint32_t)id.size);
    if (id.size > 0) {
        memcpy(digester->user + 1 + sizeof(uint32_t), id.bytes, id.size);
    }
}

// Some rows on their way: where the next bytes of each go.
struct block {
    const struct column_values *columns;
    uint32_t first;
    uint32_t count;
    char *ends[BLOCK_ROW_COUNT];
};

// Most texts are short, and a call would cost more than the copy: halves that overlap.
static inline char *copy_text(char *to, const char *from, size_t size)
{
    if (size > 2 * sizeof(uint64_t)) {
        memcpy(to, from, size);
    } else if (size >= sizeof(uint64_t)) {
        uint64_t last = bytes_load_u64(from + size - sizeof(uint64_t));
        bytes_store_u64(to, bytes_load_u64(from));
        bytes_store_u64(to + size - sizeof(uint64_t), last);
    } else if (size >= sizeof(uint32_t)) {
        uint32_t last = bytes_load_u32(from + size - sizeof(uint32_t));
        bytes_store_u32(to, bytes_load_u32(from));
        bytes_store_u32(to + size - sizeof(uint32_t), last);
    } else {
        for (size_t index = 0; index < size; index++) {
            to[index] = from[index];
        }
    }
    return to + size;
}

static inline char *put_heading(char *to, const struct row_digest_column *column)
{
    // Both sides have room for a whole step.
    memcpy(to, column->heading, COPY_STEP);
    if (__builtin_expect(column->heading_size > COPY_STEP, 0)) {
        memcpy(to, column->heading, column->heading_size);
    }
    return to + column->heading_size;
}

static void put_texts(const struct row_digester *digester, const struct row_digest_column *column,
                      struct block *block)
{
    const uint32_t *codes = block->columns[column->column].codes + block->first;
    const struct dictionary *dictionary = &digester->dictionaries[column->column];
    for (uint32_t i = 0; i < block->count; i++) {
        if (codes[i] == COLUMN_CODE_MISSING) {
            continue;
        }
        struct text text = dictionary_text(dictionary, codes[i]);
        char *to = put_heading(block->ends[i], column);
        to = __builtin_expect(column->holds_zeros, 0) ? put_escaped(to, text)
                                                      : copy_text(to, text.bytes, text.size);
        block->ends[i] = end_string(to);
    }
}

static void put_strings(const struct row_digester *digester, const struct row_digest_column *column,
                        struct block *block)
{
    if (column->places == NULL) {
        put_texts(digester, column, block);
        return;
    }
    const uint32_t *codes = block->columns[column->column].codes + block->first;
    row_digest_put_places(column->places, column->place_size, codes, block->ends, block->count);
}

// Missing ones are written and then written over: values that are there now and then would cost a
// mispredicted branch each.
static void put_numbers(const struct row_digest_column *column, struct block *block)
{
    const int64_t *values = block->columns[column->column].integers + block->first;
    for (uint32_t i = 0; i < block->count; i++) {
        char *to = put_heading(block->ends[i], column);
        bytes_store_u64(to, __builtin_bswap64(canonical_sortable(column->type, values[i])));
        bool missing = canonical_is_missing(column->type, values[i]);
        block->ends[i] += missing ? 0 : column->heading_size + NUMBER_SIZE;
    }
}

static void put_columns(const struct row_digester *digester, struct block *block)
{
    for (uint32_t at = 0; at < digester->column_count; at++) {
        const struct row_digest_column *column = &digester->columns[at];
        const struct column_values *values = &block->columns[column->column];
        if (values->codes != NULL) {
            put_strings(digester, column, block);
        } else if (values->integers != NULL) {
            put_numbers(column, block);
        }
    }
}

static int64_t integer_or(const struct column_values *values, uint32_t row, int64_t missing)
{
    return values->integers == NULL ? missing : values->integers[row];
}

// The next row of the block, of the user in hand.
static inline void begin_row(const struct row_digester *digester, struct block *block)
{
    uint32_t row = block->first + block->count;
    const struct column_values *columns = block->columns;
    char *to = digester->rows + block->count * digester->row_size;
    memcpy(to, digester->user, 2 * COPY_STEP);
    if (__builtin_expect(digester->user_size > 2 * COPY_STEP, 0)) {
        memcpy(to, digester->user, digester->user_size);
    }
    to += digester->user_size;
    bytes_store_i64(to, integer_or(&columns[COLUMN_TIME], row, COLUMN_INTEGER_MISSING));
    bytes_store_i64(to + NUMBER_SIZE, integer_or(&columns[COLUMN_SEQUENCE], row, 0));
    bytes_store_i64(to + 2 * NUMBER_SIZE,
                    integer_or(&columns[COLUMN_ID_HASH], row, COLUMN_INTEGER_MISSING));
    block->ends[block->count++] = to + MOMENT_SIZE;
}

// The sum over the rows of a block, which becomes an empty one behind them.
static struct hash128 finish_block(const struct row_digester *digester, struct block *block)
{
    struct hash128 sum = {0};
    put_columns(digester, block);
    for (uint32_t i = 0; i < block->count; i++) {
        const char *row = digester->rows + i * digester->row_size;
        *block->ends[i]++ = (char)0xff;
        XXH128_hash_t hash = XXH3_128bits(row, (size_t)(block->ends[i] - row));
        sum = hash128_add(sum, (struct hash128){hash.high64, hash.low64});
    }
    block->first += block->count;
    block->count = 0;
    return sum;
}

struct hash128 row_digester_row(struct row_digester *digester, const struct column_values *columns,
                                uint32_t row)
{
    struct block block = {.columns = columns, .first = row};
    begin_row(digester, &block);
    return finish_block(digester, &block);
}

struct hash128 row_digester_group(struct row_digester *digester, const struct row_group *group)
{
    struct hash128 sum = {0};
    struct block block = {.columns = group->columns};
    // Now: rows of a block must not move.
    reserve(digester, longest_text(group->id_offsets, group->user_count));
    for (uint32_t user = 0; user < group->user_count; user++) {
        uint32_t from = group->id_offsets[user];
        struct text id = {group->id_bytes + from, group->id_offsets[user + 1] - from};
        row_digester_user(digester, group->user_flags[user] & USER_NAMESPACE_MASK, id);
        for (uint32_t left = group->user_row_counts[user]; left > 0; left--) {
            begin_row(digester, &block);
            if (block.count == digester->block_row_count) {
                sum = hash128_add(sum, finish_block(digester, &block));
            }
        }
    }
    ASSERT(block.first + block.count == group->row_count);
    return hash128_add(sum, finish_block(digester, &block));
}
