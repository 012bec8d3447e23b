// SPDX-License-Identifier: Apache-2.0
#include "storage/column/row_digest.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"

#define HEADING_TAIL_SIZE 2u // the zero byte and the type
#define STRING_TAIL_SIZE 2u
#define NUMBER_SIZE 8u
#define COPY_STEP 16u // short copies may write up to this many bytes behind their end
#define CAPACITY_MIN 1024u
#define PIECE_BYTES_MAX (1u << 20) // of a column: larger dictionaries are hardly met twice

struct row_digest_column {
    uint32_t column;
    enum column_type type;
    bool holds_zeros; // some text of the dictionary has a byte that must be escaped
    const char *heading;
    size_t heading_size;
    char *pieces; ///< by code: heading, text, end; NULL: put together for each row
    uint32_t *piece_ends;
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

static void reserve(struct row_digester *digester, size_t size)
{
    if (size > digester->capacity) {
        digester->capacity = size * 2 > CAPACITY_MIN ? size * 2 : CAPACITY_MIN;
        digester->bytes = memory_resize(digester->bytes, digester->capacity);
    }
}

static char *copy_piece(char *to, const struct row_digest_column *column, struct text text)
{
    memcpy(to, column->heading, column->heading_size);
    to += column->heading_size;
    for (size_t index = 0; index < text.size; index++) {
        *to++ = text.bytes[index];
        if (text.bytes[index] == 0) {
            *to++ = (char)0xff;
        }
    }
    to[0] = 0;
    to[1] = 1;
    return to + STRING_TAIL_SIZE;
}

static void build_pieces(struct row_digest_column *column, const struct dictionary *dictionary)
{
    uint64_t text_size = dictionary->count == 0 ? 0 : dictionary->offsets[dictionary->count];
    uint64_t size = dictionary->count * (column->heading_size + STRING_TAIL_SIZE) +
                    text_size * (column->holds_zeros ? 2 : 1);
    if (dictionary->count == 0 || size > PIECE_BYTES_MAX) {
        return;
    }
    column->pieces = memory_allocate(size + 2 * COPY_STEP);
    column->piece_ends = memory_allocate(dictionary->count * sizeof(uint32_t));
    char *at = column->pieces;
    for (uint32_t code = 0; code < dictionary->count; code++) {
        at = copy_piece(at, column, dictionary_text(dictionary, code));
        column->piece_ends[code] = (uint32_t)(at - column->pieces);
    }
    memset(at, 0, 2 * COPY_STEP);
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
        column->holds_zeros =
            column->type == COLUMN_STRING && holds_zeros(&dictionaries[column->column]);
        build_heading(column, &schema->columns[column->column], heading);
        heading += column->heading_size;
        if (column->type == COLUMN_STRING) {
            build_pieces(column, &dictionaries[column->column]);
        }
    }
    reserve(digester, CAPACITY_MIN);
}

void row_digester_deinit(struct row_digester *digester)
{
    for (uint32_t at = 0; at < digester->column_count; at++) {
        memory_free(digester->columns[at].pieces);
        memory_free(digester->columns[at].piece_ends);
    }
    memory_free(digester->columns);
    memory_free(digester->headings);
    memory_free(digester->bytes);
    *digester = (struct row_digester){0};
}

void row_digester_user(struct row_digester *digester, uint8_t user_namespace, struct text id)
{
    digester->user_size = 1 + sizeof(uint32_t) + id.size;
    reserve(digester, digester->user_size);
    digester->bytes[0] = (char)user_namespace;
    bytes_store_u32(digester->bytes + 1, (uint32_t)id.size);
    if (id.size > 0) {
        memcpy(digester->bytes + 1 + sizeof(uint32_t), id.bytes, id.size);
    }
}

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

// Room for a value, its heading and the row's end.
static inline char *make_room(struct row_digester *digester, const struct row_digest_column *column,
                              char *to, size_t size)
{
    size_t used = (size_t)(to - digester->bytes);
    reserve(digester, used + column->heading_size + 2 * size + 2 * COPY_STEP);
    return digester->bytes + used;
}

static inline char *put_string(struct row_digester *digester,
                               const struct row_digest_column *column, char *to, struct text text)
{
    to = make_room(digester, column, to, text.size);
    to = put_heading(to, column);
    to = __builtin_expect(column->holds_zeros, 0) ? put_escaped(to, text)
                                                  : copy_text(to, text.bytes, text.size);
    to[0] = 0;
    to[1] = 1;
    return to + STRING_TAIL_SIZE;
}

static inline char *put_number(struct row_digester *digester,
                               const struct row_digest_column *column, char *to, int64_t value)
{
    to = put_heading(make_room(digester, column, to, NUMBER_SIZE), column);
    bytes_store_u64(to, __builtin_bswap64(canonical_sortable(column->type, value)));
    return to + NUMBER_SIZE;
}

static inline char *put_piece(struct row_digester *digester, const struct row_digest_column *column,
                              char *to, uint32_t code)
{
    uint32_t from = code == 0 ? 0 : column->piece_ends[code - 1];
    uint32_t size = column->piece_ends[code] - from;
    const char *piece = column->pieces + from;
    to = make_room(digester, column, to, size);
    memcpy(to, piece, COPY_STEP);
    memcpy(to + COPY_STEP, piece + COPY_STEP, COPY_STEP);
    if (__builtin_expect(size > 2 * COPY_STEP, 0)) {
        memcpy(to, piece, size);
    }
    return to + size;
}

static inline char *put_code(struct row_digester *digester, const struct row_digest_column *column,
                             char *to, uint32_t code)
{
    return column->pieces != NULL
               ? put_piece(digester, column, to, code)
               : put_string(digester, column, to,
                            dictionary_text(&digester->dictionaries[column->column], code));
}

static int64_t integer_at(const struct column_values *values, uint32_t row)
{
    return values->integers == NULL ? COLUMN_INTEGER_MISSING : values->integers[row];
}

static char *put_moment(struct row_digester *digester, const struct column_values *columns,
                        uint32_t row)
{
    static const uint32_t parts[] = {COLUMN_TIME, COLUMN_SEQUENCE, COLUMN_ID_HASH};
    reserve(digester, digester->user_size + sizeof(parts) / sizeof(parts[0]) * NUMBER_SIZE + 1);
    char *to = digester->bytes + digester->user_size;
    for (size_t index = 0; index < sizeof(parts) / sizeof(parts[0]); index++) {
        const struct column_values *values = &columns[parts[index]];
        bool is_zero = parts[index] == COLUMN_SEQUENCE && values->integers == NULL;
        bytes_store_i64(to, is_zero ? 0 : integer_at(values, row));
        to += NUMBER_SIZE;
    }
    return to;
}

struct hash128 row_digester_row(struct row_digester *digester, const struct column_values *columns,
                                uint32_t row)
{
    char *to = put_moment(digester, columns, row);
    for (uint32_t at = 0; at < digester->column_count; at++) {
        const struct row_digest_column *column = &digester->columns[at];
        const struct column_values *values = &columns[column->column];
        if (values->codes != NULL) {
            if (values->codes[row] != COLUMN_CODE_MISSING) {
                to = put_code(digester, column, to, values->codes[row]);
            }
        } else if (values->integers != NULL &&
                   !canonical_is_missing(column->type, values->integers[row])) {
            to = put_number(digester, column, to, values->integers[row]);
        }
    }
    *to++ = (char)0xff;
    return hash_bytes128(digester->bytes, (size_t)(to - digester->bytes));
}

struct hash128 row_digester_group(struct row_digester *digester, const struct row_group *group)
{
    struct hash128 sum = {0};
    uint32_t row = 0;
    for (uint32_t user = 0; user < group->user_count; user++) {
        uint32_t from = group->id_offsets[user];
        struct text id = {group->id_bytes + from, group->id_offsets[user + 1] - from};
        row_digester_user(digester, group->user_flags[user] & USER_NAMESPACE_MASK, id);
        for (uint32_t left = group->user_row_counts[user]; left > 0; left--) {
            sum = hash128_add(sum, row_digester_row(digester, group->columns, row++));
        }
    }
    return sum;
}
