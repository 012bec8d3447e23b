// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/tail.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <string.h>

#define ROW_CAPACITY_MIN 4096u
#define ROW_CAPACITY_STEP (1u << 19) // of large ones, so that a column is whole huge pages
#define ROW_CAPACITY_MAX (1u << 30)
#define CACHE_LINE 64u
#define STRING_COLUMN_COUNT 8u // of which strings are resolved together
#define CHUNK 64u // rows and strings of a chunk stay in the nearest cache from column to column
// Arrays that a flush needs beside the columns: places, which become the rows in order, and a place
// to move the first column of each kind to. They are kept from flush to flush.
#define FLUSH_WORD_COUNT 2u
#define FLUSH_INTEGER_COUNT 1u
// With the merge buffer of a user who has all rows.
#define FLUSH_ROW_BYTES                                                                            \
    ((FLUSH_WORD_COUNT + 1) * sizeof(uint32_t) + FLUSH_INTEGER_COUNT * sizeof(int64_t))
// Of each string: its place in the order, its offset in a dictionary and its number there; of each
// user: the place in the order, and where the rows end.
#define FLUSH_STRING_BYTES (3 * sizeof(uint32_t))
#define FLUSH_USER_BYTES (2 * sizeof(uint32_t))

static size_t value_size(const struct tail *tail, uint32_t column)
{
    return tail->options.format->is_string[column] ? sizeof(uint32_t) : sizeof(int64_t);
}

// A new array for `capacity` values.
static void *column_allocate(size_t size, uint32_t capacity)
{
    return pages_resize(NULL, 0, size * capacity);
}

uint32_t *tail_take_words(struct tail *tail)
{
    struct tail_spares *spares = &tail->spares;
    return spares->word_count > 0 ? spares->words[--spares->word_count]
                                  : column_allocate(sizeof(uint32_t), tail->row_capacity);
}

int64_t *tail_take_integers(struct tail *tail)
{
    struct tail_spares *spares = &tail->spares;
    return spares->integer_count > 0 ? spares->integers[--spares->integer_count]
                                     : column_allocate(sizeof(int64_t), tail->row_capacity);
}

void tail_give_words(struct tail *tail, uint32_t *words)
{
    struct tail_spares *spares = &tail->spares;
    if (words != NULL) {
        ASSERT(spares->word_count < SCHEMA_COLUMN_COUNT_MAX);
        spares->words[spares->word_count++] = words;
    }
}

void tail_give_integers(struct tail *tail, int64_t *integers)
{
    struct tail_spares *spares = &tail->spares;
    if (integers != NULL) {
        ASSERT(spares->integer_count < SCHEMA_COLUMN_COUNT_MAX);
        spares->integers[spares->integer_count++] = integers;
    }
}

// All but so many of each kind.
static void free_spares(struct tail *tail, uint32_t word_count, uint32_t integer_count)
{
    struct tail_spares *spares = &tail->spares;
    size_t words_size = tail->row_capacity * sizeof(uint32_t);
    while (spares->word_count > word_count) {
        pages_free(spares->words[--spares->word_count], words_size);
    }
    while (spares->integer_count > integer_count) {
        pages_free(spares->integers[--spares->integer_count], 2 * words_size);
    }
}

// Of spares and of what a flush will need, which takes spares first.
static uint64_t spare_row_bytes(const struct tail *tail)
{
    const struct tail_spares *spares = &tail->spares;
    uint32_t words = spares->word_count > FLUSH_WORD_COUNT ? spares->word_count : FLUSH_WORD_COUNT;
    uint32_t integers =
        spares->integer_count > FLUSH_INTEGER_COUNT ? spares->integer_count : FLUSH_INTEGER_COUNT;
    return FLUSH_ROW_BYTES + (words - FLUSH_WORD_COUNT) * sizeof(uint32_t) +
           (integers - FLUSH_INTEGER_COUNT) * sizeof(int64_t);
}

// What a row has that never had a value: absent sequence numbers are 0.
static int64_t missing_integer(const struct tail *tail, uint32_t column)
{
    if (column == COLUMN_SEQUENCE) {
        return 0;
    }
    return tail->schema->columns[column].type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                                               : COLUMN_INTEGER_MISSING;
}

// Makes a column whose rows so far are all missing.
void tail_add_column(struct tail *tail, uint32_t column)
{
    struct column_values *values = &tail->columns[column];
    tail->row_bytes += value_size(tail, column);
    if (tail->options.format->is_string[column]) {
        values->codes = tail_take_words(tail);
        memset(values->codes, 0xff, tail->row_count * sizeof(uint32_t));
        return;
    }
    int64_t missing = missing_integer(tail, column);
    values->integers = tail_take_integers(tail);
    for (uint32_t row = 0; row < tail->row_count; row++) {
        values->integers[row] = missing;
    }
}

struct tail *tail_create(const struct tail_options *options)
{
    struct tail *tail = memory_allocate_zeroed(1, sizeof(*tail));
    tail->options = *options;
    tail->schema = options->format->schema;
    canonical_order_init(&tail->canonical, tail->schema);
    user_table_init(&tail->user_table);
    for (uint32_t i = 0; i < options->format->string_count; i++) {
        symbol_table_init(&tail->symbols[options->format->string_columns[i]], options->secret);
    }
    tail->values =
        memory_allocate_zeroed(tail->schema->column_count, sizeof(union canonical_value));
    tail->choices = segment_choices_create();
    tail->row_bytes = sizeof(uint32_t) + sizeof(uint8_t);
    tail->row_capacity = ROW_CAPACITY_MIN;
    tail->users = column_allocate(sizeof(uint32_t), tail->row_capacity);
    tail->future = column_allocate(sizeof(uint8_t), tail->row_capacity);
    // These are never missing.
    tail_add_column(tail, COLUMN_TIME);
    tail_add_column(tail, COLUMN_NAME);
    return tail;
}

void tail_destroy(struct tail *tail)
{
    if (tail == NULL) {
        return;
    }
    tail_sort_release(tail);
    free_spares(tail, 0, 0);
    size_t words_size = tail->row_capacity * sizeof(uint32_t);
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        pages_free(tail->columns[i].codes, words_size);
        pages_free(tail->columns[i].integers, 2 * words_size);
        if (tail->options.format->is_string[i]) {
            symbol_table_deinit(&tail->symbols[i]);
        }
    }
    user_table_deinit(&tail->user_table);
    segment_choices_destroy(tail->choices);
    pages_free(tail->users, words_size);
    pages_free(tail->future, tail->row_capacity);
    memory_free(tail->values);
    memory_free(tail);
}

static uint32_t next_capacity(const struct tail *tail, uint32_t wanted)
{
    uint32_t capacity = tail->row_capacity;
    while (capacity < wanted) {
        capacity = capacity <= ROW_CAPACITY_STEP
                       ? capacity * 2
                       : (capacity + capacity / 2) & ~(ROW_CAPACITY_STEP - 1);
    }
    return capacity;
}

// What a flush makes of the tables: orders, and dictionaries, which hold all bytes once more.
static uint64_t flush_table_memory(const struct tail *tail)
{
    uint64_t sum = tail->user_table.count * FLUSH_USER_BYTES;
    const struct event_format *format = tail->options.format;
    for (uint32_t i = 0; i < format->string_count; i++) {
        const struct symbol_table *symbols = &tail->symbols[format->string_columns[i]];
        sum += symbols->size + symbols->count * FLUSH_STRING_BYTES;
    }
    return sum;
}

// With what a flush makes of the tables.
static uint64_t table_memory(const struct tail *tail)
{
    uint64_t sum = user_table_memory(&tail->user_table) + flush_table_memory(tail);
    const struct event_format *format = tail->options.format;
    for (uint32_t i = 0; i < format->string_count; i++) {
        sum += symbol_table_memory(&tail->symbols[format->string_columns[i]]);
    }
    return sum;
}

uint64_t tail_memory(const struct tail *tail)
{
    return tail->row_capacity * (tail->row_bytes + spare_row_bytes(tail)) + table_memory(tail) +
           tail->chunk_bytes;
}

uint64_t tail_fill(const struct tail *tail)
{
    uint64_t sum = tail->row_count * (tail->row_bytes + FLUSH_ROW_BYTES) +
                   user_table_fill(&tail->user_table) + flush_table_memory(tail) +
                   tail->chunk_bytes;
    const struct event_format *format = tail->options.format;
    for (uint32_t i = 0; i < format->string_count; i++) {
        sum += symbol_table_fill(&tail->symbols[format->string_columns[i]]);
    }
    return sum;
}

uint64_t tail_copy_memory(const struct tail *tail, uint32_t count)
{
    // Tables by share, twice: they double as they grow. Codes are mapped through one number each.
    uint64_t tables = table_memory(tail);
    uint64_t share = tables * count / (tail->row_count + UINT64_C(1)) * 2;
    uint64_t rows = count < ROW_CAPACITY_MIN ? ROW_CAPACITY_MIN : count + count / 2;
    return rows * (tail->row_bytes + FLUSH_ROW_BYTES) + (share < tables ? share : tables) +
           tables / 4;
}

static bool strings_are_many(const struct tail *tail)
{
    const struct event_format *format = tail->options.format;
    for (uint32_t i = 0; i < format->string_count; i++) {
        if (tail->symbols[format->string_columns[i]].size > SYMBOL_BYTES_MAX) {
            return true;
        }
    }
    return tail->user_table.id_size > SYMBOL_BYTES_MAX;
}

// The last step is as long as the budget lets it be, less than `wanted` where it does not; a
// quarter of the tables is left for them to grow. Spares go before the columns grow.
static uint32_t grown_capacity(const struct tail *tail, uint32_t wanted, uint64_t used)
{
    uint64_t row_bytes = tail->row_bytes + FLUSH_ROW_BYTES;
    uint64_t budget = tail->options.budget_bytes;
    uint32_t next = next_capacity(tail, wanted);
    if (next * row_bytes + used <= budget) {
        return next;
    }
    used += table_memory(tail) / 4;
    uint64_t rows = used < budget ? (budget - used) / row_bytes : 0;
    uint64_t step = rows < ROW_CAPACITY_STEP ? ROW_CAPACITY_MIN : ROW_CAPACITY_STEP;
    return (uint32_t)(rows & ~(step - 1));
}

bool tail_has_room(const struct tail *tail, const struct event_batch *batch)
{
    if (tail->row_count == 0) {
        return true;
    }
    uint32_t wanted = tail->row_count + batch->row_count;
    if (wanted > ROW_CAPACITY_MAX || strings_are_many(tail)) {
        return false;
    }
    uint64_t used = table_memory(tail) + tail->chunk_bytes + batch->capacity;
    if (wanted > tail->row_capacity) {
        return grown_capacity(tail, wanted, used) >= wanted;
    }
    uint64_t row_bytes = tail->row_bytes + spare_row_bytes(tail);
    return tail->row_capacity * row_bytes + used <= tail->options.budget_bytes;
}

static void resize_columns(struct tail *tail, size_t capacity)
{
    size_t from = tail->row_capacity;
    tail->users = pages_resize(tail->users, from * sizeof(uint32_t), capacity * sizeof(uint32_t));
    tail->future = pages_resize(tail->future, from, capacity);
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        struct column_values *values = &tail->columns[i];
        if (values->codes != NULL) {
            values->codes =
                pages_resize(values->codes, from * sizeof(uint32_t), capacity * sizeof(uint32_t));
        } else if (values->integers != NULL) {
            values->integers =
                pages_resize(values->integers, from * sizeof(int64_t), capacity * sizeof(int64_t));
        }
    }
    tail->row_capacity = (uint32_t)capacity;
}

void tail_reserve_rows(struct tail *tail, uint32_t wanted)
{
    if (wanted > tail->row_capacity) {
        uint32_t capacity = grown_capacity(tail, wanted, table_memory(tail) + tail->chunk_bytes);
        free_spares(tail, 0, 0);
        resize_columns(tail, capacity >= wanted ? capacity : next_capacity(tail, wanted));
    }
}

// Some rows of a batch; columns are filled one after the other, each with its own table at hand.
struct chunk {
    const struct event_batch *batch;
    uint32_t first;
    uint32_t count;
};

static const struct event_row *chunk_row(const struct tail *tail, const struct chunk *chunk,
                                         uint32_t index)
{
    return event_batch_row(chunk->batch, tail->options.format, chunk->first + index);
}

static void append_users(struct tail *tail, const struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->count; i++) {
        const struct event_row *row = chunk_row(tail, chunk, i);
        struct user_id id = {row->user_id, (uint8_t)row->user_namespace};
        uint32_t user =
            user_table_resolve(&tail->user_table, row->user_key, &id, chunk->batch->bytes);
        tail->users[tail->row_count + i] = user;
        tail->future[tail->row_count + i] = row->future != 0;
        tail->columns[COLUMN_TIME].integers[tail->row_count + i] = row->time_us;
    }
}

static bool has_strings(const struct tail *tail, const struct chunk *chunk, uint32_t column)
{
    bool present = false;
    for (uint32_t i = 0; i < chunk->count; i++) {
        present |= !packed_text_is_missing(
            event_row_string(chunk_row(tail, chunk, i), tail->options.format, column));
    }
    return present;
}

static bool takes_strings(struct tail *tail, const struct chunk *chunk, uint32_t column)
{
    if (tail->columns[column].codes == NULL && has_strings(tail, chunk, column)) {
        tail_add_column(tail, column);
    }
    return tail->columns[column].codes != NULL;
}

// Step by step for some columns at a time: what one of them fetches comes while the others are
// worked on.
static void append_strings(struct tail *tail, const struct chunk *chunk)
{
    const struct event_format *format = tail->options.format;
    struct symbol_batch strings[STRING_COLUMN_COUNT];
    uint32_t columns[STRING_COLUMN_COUNT];
    for (uint32_t at = 0; at < format->string_count;) {
        uint32_t count = 0;
        for (; at < format->string_count && count < STRING_COLUMN_COUNT; at++) {
            uint32_t column = format->string_columns[at];
            if (takes_strings(tail, chunk, column)) {
                columns[count] = column;
                strings[count].first = event_row_string(chunk_row(tail, chunk, 0), format, column);
                strings[count].stride = format->row_size;
                strings[count].count = chunk->count;
                strings[count].far = chunk->batch->bytes;
                symbol_table_hash(&tail->symbols[column], &strings[count++]);
            }
        }
        for (uint32_t i = 0; i < count; i++) {
            symbol_table_fetch(&tail->symbols[columns[i]], &strings[i]);
        }
        for (uint32_t i = 0; i < count; i++) {
            symbol_table_resolve(&tail->symbols[columns[i]], &strings[i],
                                 tail->columns[columns[i]].codes + tail->row_count);
        }
    }
}

static void append_integers(struct tail *tail, const struct chunk *chunk, uint32_t column)
{
    int64_t missing = missing_integer(tail, column);
    int64_t integers[CHUNK];
    bool present = tail->columns[column].integers != NULL;
    for (uint32_t i = 0; i < chunk->count; i++) {
        integers[i] = event_row_integer(chunk_row(tail, chunk, i), tail->options.format, column);
        present |= integers[i] != missing;
    }
    if (!present) {
        return;
    }
    if (tail->columns[column].integers == NULL) {
        tail_add_column(tail, column);
    }
    memcpy(tail->columns[column].integers + tail->row_count, integers,
           chunk->count * sizeof(int64_t));
}

// Batches come from another core: rows are fetched two chunks before they are worked on.
static void fetch_rows(const struct tail *tail, const struct event_batch *batch, uint32_t first)
{
    uint32_t size = tail->options.format->row_size;
    uint32_t left = first < batch->row_count ? batch->row_count - first : 0;
    const char *rows = batch->bytes + (size_t)first * size;
    for (uint32_t at = 0; at < (left < CHUNK ? left : CHUNK) * size; at += CACHE_LINE) {
        __builtin_prefetch(rows + at);
    }
}

// Users are many and lie anywhere: their slots are fetched a chunk ahead, then what the slots of
// this one say, which is there when the strings are done.
static void fetch_users(const struct tail *tail, const struct chunk *chunk)
{
    const struct event_batch *batch = chunk->batch;
    uint32_t next = chunk->first + CHUNK;
    for (uint32_t i = chunk->first == 0 ? 0 : next; i < next + CHUNK && i < batch->row_count; i++) {
        user_table_prefetch(&tail->user_table,
                            event_batch_row(batch, tail->options.format, i)->user_key);
    }
    for (uint32_t i = 0; i < chunk->count; i++) {
        user_table_prefetch_key(&tail->user_table, chunk_row(tail, chunk, i)->user_key);
    }
}

static void append_chunk(struct tail *tail, const struct chunk *chunk)
{
    fetch_rows(tail, chunk->batch, chunk->first + 2 * CHUNK);
    fetch_users(tail, chunk);
    append_strings(tail, chunk);
    for (uint32_t i = 0; i < tail->options.format->integer_count; i++) {
        append_integers(tail, chunk, tail->options.format->integer_columns[i]);
    }
    append_users(tail, chunk);
    tail->row_count += chunk->count;
}

void tail_append(struct tail *tail, const struct event_batch *batch)
{
    ASSERT(!tail->flush.active);
    tail_reserve_rows(tail, tail->row_count + batch->row_count);
    fetch_rows(tail, batch, 0);
    fetch_rows(tail, batch, CHUNK);
    for (uint32_t first = 0; first < batch->row_count; first += CHUNK) {
        uint32_t left = batch->row_count - first;
        struct chunk chunk = {batch, first, left < CHUNK ? left : CHUNK};
        append_chunk(tail, &chunk);
    }
}

void tail_values(void *context, uint32_t row, union canonical_value *values_out)
{
    struct tail *tail = context;
    ASSERT(!tail->flush.active && row < tail->row_count);
    for (uint32_t i = 0; i < tail->schema->column_count; i++) {
        const struct column_values *column = &tail->columns[i];
        if (tail->options.format->is_string[i]) {
            uint32_t code = column->codes == NULL ? COLUMN_CODE_MISSING : column->codes[row];
            values_out[i].string = symbol_table_text(&tail->symbols[i], code);
        } else {
            values_out[i].integer =
                column->integers == NULL ? missing_integer(tail, i) : column->integers[row];
        }
    }
}

void tail_canonical(void *context, uint32_t row, struct text_buffer *out)
{
    struct tail *tail = context;
    tail_values(tail, row, tail->values);
    canonical_row_append(&tail->canonical, tail->schema, tail->values, out);
}

// Columns begin anew with their next value, so that a rare attribute does not cost memory in every
// later tail; what neither a column nor a flush took since the last flush goes.
static void forget_columns(struct tail *tail)
{
    free_spares(tail, FLUSH_WORD_COUNT, FLUSH_INTEGER_COUNT);
    for (uint32_t i = COLUMN_SEQUENCE; i < tail->schema->column_count; i++) {
        struct column_values *values = &tail->columns[i];
        if (values->codes == NULL && values->integers == NULL) {
            continue;
        }
        tail_give_words(tail, values->codes);
        tail_give_integers(tail, values->integers);
        *values = (struct column_values){NULL, NULL};
        tail->row_bytes -= value_size(tail, i);
    }
}

static void shrink(struct tail *tail)
{
    free_spares(tail, 0, 0);
    resize_columns(tail, ROW_CAPACITY_MIN);
    user_table_deinit(&tail->user_table);
    user_table_init(&tail->user_table);
    for (uint32_t i = 0; i < tail->options.format->string_count; i++) {
        struct symbol_table *symbols = &tail->symbols[tail->options.format->string_columns[i]];
        symbol_table_deinit(symbols);
        symbol_table_init(symbols, tail->options.secret);
    }
}

void tail_discard(struct tail *tail)
{
    tail_sort_release(tail);
    user_table_reset(&tail->user_table);
    for (uint32_t i = 0; i < tail->options.format->string_count; i++) {
        symbol_table_reset(&tail->symbols[tail->options.format->string_columns[i]]);
    }
    forget_columns(tail);
    tail->row_count = 0;
    tail->chunk_bytes = 0;
    if (tail_memory(tail) > tail->options.budget_bytes / 8 * 7) {
        // Next time other parts may need more: a tail that is full without rows could take none.
        shrink(tail);
    }
}

static void output_add(struct tail_output *output, const struct segment_meta *meta)
{
    if (output->meta_count == output->meta_capacity) {
        output->meta_capacity = output->meta_capacity == 0 ? 4 : output->meta_capacity * 2;
        output->metas =
            memory_resize_array(output->metas, output->meta_capacity, sizeof(struct segment_meta));
    }
    output->metas[output->meta_count++] = *meta;
    output->row_count += meta->row_count;
}

enum corong_status tail_flush(struct tail *tail, struct tail_output *output,
                              struct corong_error *error)
{
    if (tail->row_count == 0) {
        return CORONG_OK;
    }
    if (!tail->flush.active) {
        tail_sort(tail);
    }
    while (tail->flush.period_done < tail->flush.period_count) {
        struct segment_meta meta;
        TRY(tail_write_period(tail, &meta, NULL, error));
        output_add(output, &meta);
        tail->flush.period_done++;
    }
    output->event_count += tail->row_count;
    output->duplicate_count += tail->flush.duplicate_count;
    tail_discard(tail);
    return CORONG_OK;
}
