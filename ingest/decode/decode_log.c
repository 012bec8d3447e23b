// SPDX-License-Identifier: Apache-2.0
// Logs of fields between spaces or tabs: W3C extended logs (IIS, CloudFront), those of AWS load
// balancers and S3, of Apache and nginx, and any other whose columns the mapping names.
#include "ingest/decode/decoder.h"

#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>

#define LOG_FIELD_COUNT_MAX 256u
#define FIELDS_WORD TEXT_LITERAL("#Fields:")

/// What else is read from a column.
enum log_column_kind {
    LOG_PLAIN = 0,
    LOG_REQUEST, ///< "GET /path?query HTTP/1.1", or an address alone
    LOG_CLIENT,  ///< 1.2.3.4:2817
};

struct log_column {
    uint16_t field; ///< or FIELD_NONE
    enum log_column_kind kind;
};

/// The columns of one kind of line.
struct log_layout {
    struct log_column columns[LOG_FIELD_COUNT_MAX];
    uint32_t count;
    bool exact; ///< a line has as many fields
};

/// Kinds of lines that are told by what their first fields look like.
enum log_shape { LOG_SHAPE_CLASSIC = 0, LOG_SHAPE_ALB, LOG_SHAPE_S3, LOG_SHAPE_COMMON };
#define LOG_SHAPE_COUNT 4u

struct log_reader {
    struct log_layout shapes[LOG_SHAPE_COUNT];
    struct log_layout given; ///< by the mapping's columns, or the latest "#Fields:"
    bool told;               ///< there is one of them
    uint16_t ip, port, method, path, query, protocol, host; ///< or FIELD_NONE
};

/// As columns would be written in a mapping; fields behind the last one are not read.
static const char *const shape_columns[LOG_SHAPE_COUNT] = {
    "time balancer client target request_processing_time target_processing_time "
    "response_processing_time status target_status received_bytes bytes request agent "
    "ssl_cipher ssl_protocol",
    "type time balancer client target request_processing_time target_processing_time "
    "response_processing_time status target_status received_bytes bytes request agent "
    "ssl_cipher ssl_protocol target_group trace_id host chosen_cert rule_priority "
    "request_creation_time actions redirect_url error_reason targets target_statuses "
    "classification classification_reason connection_trace_id",
    "bucket_owner bucket time ip user s3_request_id operation key request status error_code "
    "bytes object_size total_time turn_around_time referrer agent version_id host_id "
    "signature_version ssl_cipher authentication host ssl_protocol",
    "ip ident user time request status bytes referrer agent"};

static uint16_t field_named(const struct mapping *mapping, const char *name)
{
    for (uint16_t field = 0; field < mapping->row_field_count; field++) {
        if (text_equal(mapping->column_names[field], text_from(name))) {
            return field;
        }
    }
    return FIELD_NONE;
}

static void layout_add(struct log_layout *layout, const struct mapping *mapping, struct text name)
{
    if (layout->count == LOG_FIELD_COUNT_MAX) {
        return;
    }
    struct log_column *column = &layout->columns[layout->count++];
    name = mapping_log_name(name);
    *column = (struct log_column){.field = FIELD_NONE};
    for (uint16_t field = 0; field < mapping->row_field_count; field++) {
        if (text_equal(mapping->column_names[field], name)) {
            column->field = field;
        }
    }
    column->kind = text_equal(name, TEXT_LITERAL("request"))  ? LOG_REQUEST
                   : text_equal(name, TEXT_LITERAL("client")) ? LOG_CLIENT
                                                              : LOG_PLAIN;
}

/// Names between spaces or tabs.
static void layout_read(struct log_layout *layout, const struct mapping *mapping, struct text names)
{
    size_t at = 0;
    layout->count = 0;
    while (at < names.size) {
        size_t end = at;
        while (end < names.size && names.bytes[end] != ' ' && names.bytes[end] != '\t') {
            end++;
        }
        if (end > at) {
            layout_add(layout, mapping, (struct text){names.bytes + at, end - at});
        }
        at = end + 1;
    }
}

struct log_reader *log_reader_create(const struct mapping *mapping)
{
    struct log_reader *reader = memory_allocate_zeroed(1, sizeof(*reader));
    for (uint32_t shape = 0; shape < LOG_SHAPE_COUNT; shape++) {
        layout_read(&reader->shapes[shape], mapping, text_from(shape_columns[shape]));
    }
    reader->ip = field_named(mapping, "ip");
    reader->port = field_named(mapping, "port");
    reader->method = field_named(mapping, "method");
    reader->path = field_named(mapping, "path");
    reader->query = field_named(mapping, "query");
    reader->protocol = field_named(mapping, "protocol");
    reader->host = field_named(mapping, "host");
    log_reader_begin_file(reader, mapping);
    return reader;
}

void log_reader_destroy(struct log_reader *reader)
{
    memory_free(reader);
}

void log_reader_begin_file(struct log_reader *reader, const struct mapping *mapping)
{
    reader->given.count = 0;
    reader->given.exact = false;
    for (uint32_t index = 0; index < mapping->column_count; index++) {
        layout_add(&reader->given, mapping, mapping->columns[index]);
    }
    reader->told = reader->given.count > 0;
}

void log_reader_directives(struct log_reader *reader, const struct mapping *mapping,
                           struct text lines)
{
    const char *end = lines.bytes + lines.size;
    for (const char *at = lines.bytes; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct text line = {at, (size_t)((stop == NULL ? end : stop) - at)};
        line.size -= line.size > 0 && line.bytes[line.size - 1] == '\r';
        if (line.size > FIELDS_WORD.size &&
            memcmp(line.bytes, FIELDS_WORD.bytes, FIELDS_WORD.size) == 0) {
            struct text names = {line.bytes + FIELDS_WORD.size, line.size - FIELDS_WORD.size};
            layout_read(&reader->given, mapping, names);
            reader->told = reader->given.exact = reader->given.count > 0;
        }
        at = stop == NULL ? end : stop + 1;
    }
}

/// `at` is behind the opening mark. Returns the closing one; a backslash protects what follows.
static const char *find_close(const char *at, const char *end, char mark)
{
    for (; at < end && *at != mark; at++) {
        at += *at == '\\' && at + 1 < end;
    }
    return at < end ? at : NULL;
}

/// The next field between spaces: a word, "several words" or [a time]. False where a quote is
/// never closed.
static bool next_word(const char **at, const char *end, struct text *word_out)
{
    const char *begin = *at;
    if (*begin == '"' || *begin == '[') {
        const char *close = find_close(begin + 1, end, *begin == '"' ? '"' : ']');
        if (close != NULL && (close + 1 == end || close[1] == ' ')) {
            *word_out = (struct text){begin + 1, (size_t)(close - begin) - 1};
            *at = close + 1;
            return true;
        }
        if (*begin == '"') {
            return false;
        }
    }
    const char *stop = memchr(begin, ' ', (size_t)(end - begin));
    stop = stop == NULL ? end : stop;
    *word_out = (struct text){begin, (size_t)(stop - begin)};
    *at = stop;
    return true;
}

/// The fields of a line: between tabs where it has one, else between runs of spaces. UINT32_MAX
/// where it cannot be divided.
static uint32_t split(struct text line, struct text *fields)
{
    const char *at = line.bytes;
    const char *end = line.bytes + line.size;
    bool tabs = memchr(at, '\t', line.size) != NULL;
    uint32_t count = 0;
    while (count < LOG_FIELD_COUNT_MAX && (tabs ? at <= end : at < end)) {
        if (tabs) {
            const char *stop = memchr(at, '\t', (size_t)(end - at));
            stop = stop == NULL ? end : stop;
            fields[count++] = (struct text){at, (size_t)(stop - at)};
            at = stop + 1;
        } else if (*at == ' ') {
            at++;
        } else if (!next_word(&at, end, &fields[count++])) {
            return UINT32_MAX;
        }
    }
    return count;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/// 2026-01-02T03...
static bool is_instant(struct text text)
{
    return text.size >= 19 && is_digit(text.bytes[0]) && is_digit(text.bytes[3]) &&
           text.bytes[4] == '-' && text.bytes[7] == '-' && text.bytes[10] == 'T';
}

/// 02/Jan/2026:03...
static bool is_stamp(struct text text)
{
    return text.size >= 20 && is_digit(text.bytes[0]) && text.bytes[2] == '/' &&
           text.bytes[6] == '/' && text.bytes[11] == ':';
}

static const struct log_layout *layout_of(const struct log_reader *reader,
                                          const struct text *fields, uint32_t count)
{
    if (reader->told) {
        return &reader->given;
    }
    if (count >= 5 && is_stamp(fields[3])) {
        return &reader->shapes[LOG_SHAPE_COMMON];
    }
    if (count < 12) {
        return NULL;
    }
    return is_instant(fields[0])   ? &reader->shapes[LOG_SHAPE_CLASSIC]
           : is_instant(fields[1]) ? &reader->shapes[LOG_SHAPE_ALB]
           : is_stamp(fields[2])   ? &reader->shapes[LOG_SHAPE_S3]
                                   : NULL;
}

static void store_text(struct decoder *decoder, uint16_t field, const char *begin, const char *end)
{
    bool dash = end == begin + 1 && *begin == '-';
    if (field != FIELD_NONE && end > begin && !dash) {
        decoder->fields[field] = (struct decode_field){
            .bytes = begin, .size = (uint32_t)(end - begin), .kind = FIELD_STRING};
    }
}

/// The first `byte`, or `end`.
static const char *find(const char *at, const char *end, char byte)
{
    const char *found = at < end ? memchr(at, byte, (size_t)(end - at)) : NULL;
    return found == NULL ? end : found;
}

/// "/path?query", or "https://host:443/path?query".
static void store_target(struct decoder *decoder, const char *at, const char *end)
{
    const struct log_reader *reader = decoder->log;
    const char *colon = find(at, end, ':');
    if (end - colon > 3 && memcmp(colon, "://", 3) == 0 && find(at, end, '/') > colon) {
        const char *host = colon + 3;
        const char *host_end = find(host, end, '/');
        store_text(decoder, reader->host, host, find(host, host_end, ':'));
        at = host_end;
    }
    const char *question = find(at, end, '?');
    store_text(decoder, reader->path, at, question);
    if (question < end) {
        store_text(decoder, reader->query, question + 1, find(question, end, '#'));
    }
}

static void store_request(struct decoder *decoder, struct text request)
{
    const struct log_reader *reader = decoder->log;
    const char *end = request.bytes + request.size;
    const char *space = find(request.bytes, end, ' ');
    if (space == end) {
        // An address alone: any scheme, or a path.
        bool address =
            request.size > 0 && (request.bytes[0] == '/' || find(request.bytes, end, '?') < end);
        if (address) {
            store_target(decoder, request.bytes, end);
        }
        return;
    }
    const char *target_end = find(space + 1, end, ' ');
    store_text(decoder, reader->method, request.bytes, space);
    store_target(decoder, space + 1, target_end);
    store_text(decoder, reader->protocol, target_end < end ? target_end + 1 : end, end);
}

/// "1.2.3.4:2817": the port is behind the last colon.
static void store_client(struct decoder *decoder, struct text client)
{
    const struct log_reader *reader = decoder->log;
    const char *end = client.bytes + client.size;
    const char *colon = memrchr(client.bytes, ':', client.size);
    colon = colon == NULL ? end : colon;
    store_text(decoder, reader->ip, client.bytes, colon);
    store_text(decoder, reader->port, colon < end ? colon + 1 : end, end);
}

static void store_fields(struct decoder *decoder, const struct log_layout *layout,
                         const struct text *fields, uint32_t count)
{
    for (uint32_t index = 0; index < count && index < layout->count; index++) {
        const struct log_column *column = &layout->columns[index];
        struct text text = fields[index];
        store_text(decoder, column->field, text.bytes, text.bytes + text.size);
        if (column->kind == LOG_REQUEST) {
            store_request(decoder, text);
        } else if (column->kind == LOG_CLIENT) {
            store_client(decoder, text);
        }
    }
}

/// The field of a parameter of the query, or FIELD_NONE.
static uint16_t parameter_field(const struct mapping *mapping, struct text key)
{
    for (uint32_t index = 0; index < mapping->parameter_count; index++) {
        if (text_equal(mapping->parameters[index].key, key)) {
            return mapping->parameters[index].field;
        }
    }
    return FIELD_NONE;
}

/// "a=1&b=x%20y": of repeated keys the last wins.
static void store_parameters(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    uint16_t query = decoder->log->query;
    if (mapping->parameter_count == 0 || query == FIELD_NONE ||
        decoder->fields[query].kind != FIELD_STRING) {
        return;
    }
    const char *at = decoder->fields[query].bytes;
    const char *end = at + decoder->fields[query].size;
    while (at < end) {
        const char *stop = find(at, end, '&');
        const char *equals = find(at, stop, '=');
        uint16_t field = parameter_field(mapping, (struct text){at, (size_t)(equals - at)});
        if (field != FIELD_NONE) {
            const char *value = equals < stop ? equals + 1 : stop;
            decoder->fields[field] = (struct decode_field){.bytes = value,
                                                           .size = (uint32_t)(stop - value),
                                                           .kind = FIELD_STRING,
                                                           .escape = FIELD_ESCAPED_URL};
        }
        at = stop + 1;
    }
}

static int hex_digit(char byte)
{
    return is_digit(byte)               ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

size_t log_unescape_url(struct text text, char *to)
{
    size_t size = 0;
    for (size_t at = 0; at < text.size; at++) {
        bool escape = text.bytes[at] == '%' && at + 2 < text.size &&
                      hex_digit(text.bytes[at + 1]) >= 0 && hex_digit(text.bytes[at + 2]) >= 0;
        if (escape) {
            to[size++] = (char)(hex_digit(text.bytes[at + 1]) * 16 + hex_digit(text.bytes[at + 2]));
            at += 2;
        } else {
            to[size++] = (char)(text.bytes[at] == '+' ? ' ' : text.bytes[at]);
        }
    }
    if (utf8_check((struct text){to, size}) != NULL) {
        // Bytes of an older code: better as they came than refused.
        memcpy(to, text.bytes, text.size);
        return text.size;
    }
    return size;
}

static void reject_line(struct decoder *decoder, struct text text, enum reject_reason reason,
                        struct decode_outcome *outcome)
{
    decode_detail(decoder, "line", text);
    decode_reject(decoder, reason, outcome);
}

void decode_log(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                struct decode_outcome *outcome)
{
    struct text fields[LOG_FIELD_COUNT_MAX];
    if (!decode_is_utf8(decoder, text, outcome)) {
        return;
    }
    if (text.bytes[0] == '#') {
        log_reader_directives(decoder->log, decoder->mapping, text);
        outcome->blank = true;
        return;
    }
    uint32_t count = split(text, fields);
    const struct log_layout *layout =
        count == UINT32_MAX ? NULL : layout_of(decoder->log, fields, count);
    if (layout == NULL) {
        reject_line(decoder, text, REJECT_NOT_LOG_LINE, outcome);
        return;
    }
    if (layout->exact && count != layout->count) {
        snprintf(decoder->detail, sizeof(decoder->detail), "%u fields, '#Fields:' names %u", count,
                 layout->count);
        decode_reject(decoder, REJECT_COLUMN_COUNT, outcome);
        return;
    }
    memset(decoder->fields, 0, decoder->mapping->document_field_count * sizeof(*decoder->fields));
    store_fields(decoder, layout, fields, count);
    store_parameters(decoder);
    decode_lookups(decoder, false);
    decode_single(decoder, sink, outcome);
}
