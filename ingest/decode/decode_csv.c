// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decoder.h"

#include "ingest/decode/row_mask.h"
#include "ingest/decode/utf8_check.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CSV_COLUMN_COUNT_MAX 65535u

/// Walks the fields of one line.
struct csv_reader {
    const char *at; ///< NULL behind the last field
    const char *end;
    char separator;
    bool quoting;
};

static struct csv_reader csv_reader_over(const struct decoder *decoder, struct text line)
{
    bool tabs = decoder->mapping->format == MAPPING_TSV;
    return (struct csv_reader){line.bytes, line.bytes + line.size, tabs ? '\t' : ',', !tabs};
}

/// The text between quotes; a doubled quote is one. REJECT_TRUNCATED where the line ends first.
static enum reject_reason read_quoted(struct csv_reader *reader, struct decode_field *field)
{
    const char *begin = reader->at + 1;
    const char *at = begin;
    *field = (struct decode_field){.bytes = begin, .kind = FIELD_STRING};
    for (;;) {
        at = at < reader->end ? memchr(at, '"', (size_t)(reader->end - at)) : NULL;
        if (at == NULL) {
            return REJECT_TRUNCATED;
        }
        if (at + 1 == reader->end || at[1] != '"') {
            break;
        }
        field->escape = FIELD_ESCAPED_CSV;
        at += 2;
    }
    field->size = (uint32_t)(at - begin);
    at++;
    if (at < reader->end && *at != reader->separator) {
        return REJECT_COLUMN_COUNT;
    }
    reader->at = at < reader->end ? at + 1 : NULL;
    return REJECT_NONE;
}

/// The next field. An empty one without quotes is missing, an empty one with quotes is empty.
static enum reject_reason read_field(struct csv_reader *reader, struct decode_field *field)
{
    if (reader->quoting && reader->at < reader->end && *reader->at == '"') {
        return read_quoted(reader, field);
    }
    const char *begin = reader->at;
    const char *stop = begin < reader->end
                           ? memchr(begin, reader->separator, (size_t)(reader->end - begin))
                           : NULL;
    const char *last = stop == NULL ? reader->end : stop;
    field->bytes = begin;
    field->size = (uint32_t)(last - begin);
    field->kind = begin == last ? FIELD_MISSING : FIELD_STRING;
    field->escape = FIELD_PLAIN;
    reader->at = stop == NULL ? NULL : stop + 1;
    return REJECT_NONE;
}

static uint16_t field_of_column(const struct mapping *mapping, struct text name)
{
    for (uint16_t field = 0; field < mapping->row_field_count; field++) {
        if (text_equal(mapping->column_names[field], name)) {
            return field;
        }
    }
    return FIELD_NONE;
}

static void append_json_string(struct text_buffer *out, struct text text)
{
    text_buffer_append_string(out, "\"");
    for (size_t index = 0; index < text.size; index++) {
        unsigned char byte = (unsigned char)text.bytes[index];
        if (byte < 0x20) {
            text_buffer_printf(out, "\\u%04x", byte);
            continue;
        }
        if (byte == '"' || byte == '\\') {
            text_buffer_append_string(out, "\\");
        }
        text_buffer_append(out, text.bytes + index, 1);
    }
    text_buffer_append_string(out, "\"");
}

static void columns_append(struct decoder *decoder, uint16_t field, struct text name)
{
    if (decoder->column_count == decoder->column_capacity) {
        decoder->column_capacity =
            decoder->column_capacity == 0 ? 32 : decoder->column_capacity * 2;
        decoder->columns = memory_resize_array(decoder->columns, decoder->column_capacity,
                                               sizeof(*decoder->columns));
        decoder->column_key_ends = memory_resize_array(
            decoder->column_key_ends, decoder->column_capacity, sizeof(*decoder->column_key_ends));
    }
    append_json_string(&decoder->column_keys, name);
    decoder->column_key_ends[decoder->column_count] = (uint32_t)decoder->column_keys.size;
    decoder->columns[decoder->column_count++] = field;
}

bool decode_csv_header(struct decoder *decoder, struct text line)
{
    struct csv_reader reader = csv_reader_over(decoder, line);
    decoder->column_count = 0;
    text_buffer_reset(&decoder->column_keys);
    decoder->scratch_used = 0;
    decoder->message_size = line.size;
    while (reader.at != NULL) {
        struct decode_field field;
        if (decoder->column_count == CSV_COLUMN_COUNT_MAX ||
            read_field(&reader, &field) != REJECT_NONE) {
            decode_detail(decoder, "header", line);
            return false;
        }
        struct text name = decode_field_text(decoder, &field);
        columns_append(decoder, field_of_column(decoder->mapping, name), name);
    }
    return true;
}

void decode_csv_columns(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    for (uint32_t index = 0; index < mapping->column_count; index++) {
        struct text name = mapping->columns[index];
        columns_append(decoder, field_of_column(mapping, name), name);
    }
}

static enum reject_reason read_row(struct decoder *decoder, struct text line)
{
    struct csv_reader reader = csv_reader_over(decoder, line);
    uint32_t column = 0;
    for (; reader.at != NULL; column++) {
        struct decode_field field;
        enum reject_reason reason = read_field(&reader, &field);
        if (reason != REJECT_NONE) {
            snprintf(decoder->detail, sizeof(decoder->detail), "field %u: %s", column + 1,
                     reason == REJECT_TRUNCATED ? "a quote is not closed on this line"
                                                : "text behind the closing quote");
            return reason;
        }
        if (column < decoder->column_count && decoder->columns[column] != FIELD_NONE) {
            decoder->fields[decoder->columns[column]] = field;
        }
    }
    if (column != decoder->column_count) {
        snprintf(decoder->detail, sizeof(decoder->detail), "%u fields, the header has %u", column,
                 decoder->column_count);
        return REJECT_COLUMN_COUNT;
    }
    return REJECT_NONE;
}

static inline void fields_clear(struct decoder *decoder)
{
    for (uint16_t field = 0; field < decoder->mapping->document_field_count; field++) {
        decoder->fields[field] = (struct decode_field){0};
    }
}

static inline void put_column(struct decoder *decoder, uint32_t column, const char *begin,
                              const char *end)
{
    uint16_t field = decoder->columns[column];
    if (field != FIELD_NONE) {
        decoder->fields[field] =
            (struct decode_field){.bytes = begin,
                                  .size = (uint32_t)(end - begin),
                                  .kind = begin == end ? FIELD_MISSING : FIELD_STRING};
    }
}

#ifdef __SSE2__
/// Bit per byte of 16: separators, and what makes a row unusual.
struct row_masks {
    unsigned separators;
    unsigned unusual;
};

static inline struct row_masks masks_at(const char *at, char separator, char quote)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(quote));
    // The sign bit of a byte says that it is not ASCII.
    return (struct row_masks){
        (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(separator))),
        (unsigned)_mm_movemask_epi8(_mm_or_si128(bytes, quotes))};
}

/// A row of ASCII without quotes, with as many fields as the header: one pass. False: read_row()
/// tells what it is.
static bool take_plain_row(struct decoder *decoder, struct text line)
{
    bool tabs = decoder->mapping->format == MAPPING_TSV;
    char separator = tabs ? '\t' : ',';
    char quote = tabs ? '\x80' : '"'; // tabs know no quoting; this is not ASCII anyway
    const char *end = line.bytes + line.size;
    const char *begin = line.bytes;
    uint32_t column = 0;
    if (line.size < 16 || decoder->column_count == 0) {
        return false;
    }
    fields_clear(decoder);
    for (const char *at = line.bytes; at < end;) {
        bool whole = end - at >= 16;
        const char *from = whole ? at : end - 16;
        struct row_masks masks = masks_at(from, separator, quote);
        unsigned seen = (unsigned)(at - from); // bytes of an earlier step
        if (masks.unusual != 0) {
            return false;
        }
        for (unsigned mask = masks.separators >> seen << seen; mask != 0; mask &= mask - 1) {
            const char *stop = from + __builtin_ctz(mask);
            if (column + 1 >= decoder->column_count) {
                return false;
            }
            put_column(decoder, column++, begin, stop);
            begin = stop + 1;
        }
        at = from + 16;
    }
    put_column(decoder, column++, begin, end);
    return column == decoder->column_count;
}
#else
static bool take_plain_row(struct decoder *decoder, struct text line)
{
    (void)decoder;
    (void)line;
    return false;
}
#endif

bool decode_csv_plain(struct decoder *decoder, const char *line, size_t *size_out)
{
    bool tabs = decoder->mapping->format == MAPPING_TSV;
    char separator = tabs ? '\t' : ',';
    struct row_mask mask;
    // Tabs know no quoting.
    if (decoder->column_count == 0 ||
        !row_mask_find(&mask, line,
                       (struct row_mask_bytes){separator, separator, tabs ? '\x80' : '"'})) {
        return false;
    }
    uint32_t size = mask.size - (mask.size > 0 && line[mask.size - 1] == '\r');
    uint32_t begin = 0;
    const uint64_t *word = mask.ones;
    uint64_t bits = *word;
    struct decode_field *fields = decoder->fields;
    const uint16_t *column = decoder->columns;
    const uint16_t *last = column + decoder->column_count - 1;
    memset(fields, 0, decoder->mapping->document_field_count * sizeof(*fields));
    for (;; column++) {
        for (; bits == 0; bits = *word) {
            word++;
        }
        uint32_t stop = (uint32_t)(word - mask.ones) * 64 + (uint32_t)__builtin_ctzll(bits);
        bits &= bits - 1;
        uint32_t end = stop < size ? stop : size;
        if (*column != FIELD_NONE) {
            fields[*column] = (struct decode_field){line + begin, end - begin,
                                                    begin < end ? FIELD_STRING : FIELD_MISSING, 0};
        }
        if (column == last || stop >= size) {
            *size_out = mask.size;
            return column == last && stop >= size;
        }
        begin = stop + 1;
    }
}

void decode_csv(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                struct decode_outcome *outcome)
{
    if (!decoder->header_wanted && take_plain_row(decoder, text)) {
        decode_lookups(decoder, false);
        decode_single(decoder, sink, outcome);
        return;
    }
    if (!decode_is_utf8(decoder, text, outcome)) {
        return;
    }
    if (decoder->header_wanted) {
        decoder->header_wanted = false;
        outcome->blank = decode_csv_header(decoder, text);
        if (!outcome->blank) {
            decode_reject(decoder, REJECT_COLUMN_COUNT, outcome);
        }
        return;
    }
    fields_clear(decoder);
    enum reject_reason reason = read_row(decoder, text);
    if (reason != REJECT_NONE) {
        decode_reject(decoder, reason, outcome);
        return;
    }
    decode_lookups(decoder, false);
    decode_single(decoder, sink, outcome);
}

static void append_json_cell(struct decoder *decoder, struct text_buffer *out, uint32_t column,
                             struct decode_field *field)
{
    uint32_t begin = column == 0 ? 0 : decoder->column_key_ends[column - 1];
    text_buffer_append_string(out, column == 0 ? "{" : ",");
    text_buffer_append(out, decoder->column_keys.bytes + begin,
                       decoder->column_key_ends[column] - begin);
    text_buffer_append_string(out, ":");
    if (field->kind == FIELD_MISSING) {
        text_buffer_append_string(out, "null");
    } else {
        append_json_string(out, decode_field_text(decoder, field));
    }
}

bool decoder_row_as_json(struct decoder *decoder, struct text row, struct text_buffer *out)
{
    size_t begin = out->size;
    uint32_t column = 0;
    struct csv_reader reader = csv_reader_over(decoder, row);
    bool sound = !decoder->header_wanted && utf8_check(row) == NULL && row.size < UINT32_MAX;
    decoder->scratch_used = 0;
    decoder->message_size = row.size;
    for (; sound && reader.at != NULL; column++) {
        struct decode_field field;
        sound = column < decoder->column_count && read_field(&reader, &field) == REJECT_NONE;
        if (sound) {
            append_json_cell(decoder, out, column, &field);
        }
    }
    if (!sound || column != decoder->column_count || column == 0) {
        out->size = begin;
        return false;
    }
    text_buffer_append_string(out, "}");
    return true;
}
