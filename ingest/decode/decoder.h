// SPDX-License-Identifier: Apache-2.0
/// What the decoders of all formats share. Private to ingest/decode/.
/// Thread: a decoder belongs to one ingest thread.
#pragma once

#include "ingest/decode/decode.h"
#include "ingest/decode/json_scan.h"
#include "ingest/decode/mapping.h"
#include "ingest/decode/timestamp_cache.h"

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

/// A string that one path gives, with nothing said of its words: what most columns are.
struct decode_column {
    uint16_t field;
    uint16_t column; ///< of the schema
};

struct decoder {
    const struct mapping *mapping;
    struct decode_column *columns_plain; ///< attributes
    uint32_t column_plain_count;
    uint16_t user_field; ///< where one path gives a known user as it stands; or FIELD_NONE
    uint16_t name_field; ///< where one path gives a name as it is stored; or FIELD_NONE
    bool simple;         ///< events of plain fields are made by decode_simple()
    bool simple_lines;   ///< ... and no line is skipped
    bool plain_rows;     ///< rows are taken by decode_csv_plain() or decode_combined_plain()
    uint16_t time_field; ///< where `simple`
    uint16_t amount_field;
    struct json_capture capture;
    struct json_lanes *lanes;            ///< NULL: lines are taken one by one
    struct json_capture *text_captures;  ///< one per mapping->texts
    struct json_capture *array_captures; ///< one per mapping->arrays
    struct decode_field
        *fields;   ///< of the message (and element) in hand: capture.fields, or a lane's
    char *scratch; ///< unescaped texts of the message in hand
    size_t scratch_used;
    size_t scratch_capacity;
    size_t message_size;
    struct event event;
    union canonical_value *values;
    uint32_t value_count;
    struct decode_notes notes;
    struct timestamp_cache time_cache;
    struct timestamp_cache received_cache;
    struct text_buffer lines; ///< messages that are taken as lines
    struct text document;     ///< in hand: the message, or a line of it
    uint32_t event_index;     ///< in it
    bool unlike;              ///< the document is none that json_shape_scan() takes: it was tried
    const struct metadata *metadata;
    const struct decode_field *timestamp_field; ///< NULL where no path names it
    char timestamp_text[24];
    char partition_text[12];
    char detail[96];
    char joined[EVENT_ID_SIZE_MAX + 2];                             ///< the user
    char joined_event_id[EVENT_ID_SIZE_MAX + 2];                    ///< what identifies the event
    char joined_link[COLUMN_LINK_COUNT + 1][EVENT_ID_SIZE_MAX + 2]; ///< linked ids, the known one
    char joined_time[TIMESTAMP_SIZE_MAX + 2];                       ///< of several columns
    char currency[3];                                               ///< in capitals
    struct log_reader *log;                                         ///< format log; else NULL
    locale_t locale; ///< "C": a decimal point is a point
    // CSV and TSV.
    bool file_begins;   ///< the next line may start with a byte-order mark
    bool header_wanted; ///< the next line is the header
    uint16_t *columns;  ///< header place -> field or FIELD_NONE
    uint32_t column_count;
    uint32_t column_capacity;
    struct text_buffer column_keys; ///< the names as JSON keys, one after the other
    uint32_t *column_key_ends;
};

/// Makes an event of the fields in hand: fills decoder->event and returns REJECT_NONE, or the
/// reason with decoder->detail.
enum reject_reason decode_event(struct decoder *decoder);
/// What of the mapping is plain: once, when the decoder is made.
void decode_simple_find(struct decoder *decoder);
/// The same as decode_event() where the mapping is plain and so are the fields in hand: true, and
/// the event is made. False: nothing was counted, and decode_event() says what becomes of them.
bool decode_simple(struct decoder *decoder);
/// The same of fields without an amount, for which nothing need be known of the line: neither
/// decode_begin_line() nor the document.
bool decode_simple_line(struct decoder *decoder);
/// The amount and its currency, of decoder->fields.
enum reject_reason decode_revenue(struct decoder *decoder);
/// The first bytes of what was wrong, made printable, into decoder->detail: "time: 'yesterday'".
void decode_detail(struct decoder *decoder, const char *what, struct text found);
/// The text of a field that holds escapes; afterwards the field is plain.
struct text decode_unescape(struct decoder *decoder, struct decode_field *field);
/// Whether the field is a string whose bytes are the text.
static inline bool decode_field_is_plain(const struct decode_field *field)
{
    return (field->kind | field->escape << 8) == (FIELD_STRING | FIELD_PLAIN << 8);
}
/// A string's text, unescaped once per message. Missing fields give a missing text.
static inline struct text decode_field_text(struct decoder *decoder, struct decode_field *field)
{
    return __builtin_expect(field->escape == FIELD_PLAIN, 1)
               ? (struct text){field->bytes, field->size}
               : decode_unescape(decoder, field);
}
/// A typed attribute of a text: its value (a number's bits), or missing and counted as mistyped.
int64_t decode_value_integer(struct decoder *decoder, struct text text);
int64_t decode_value_number(struct decoder *decoder, struct text text);
int64_t decode_value_boolean(struct decoder *decoder, const struct decode_field *field,
                             struct text text);
/// Whether the mapping's skip_where_missing finds nothing.
bool decode_skipped(const struct decoder *decoder);

/// Fills the fields of paths into texts that hold JSON and of looked-up elements of arrays: those
/// of the message, or those of the unrolled element in hand.
void decode_lookups(struct decoder *decoder, bool in_element);
/// The columns of files without a header.
void decode_csv_columns(struct decoder *decoder);

/// Fills the fields of what lies beside the message.
void decode_metadata(struct decoder *decoder, const struct metadata *metadata);
/// One document: `text` may be blank.
void decode_document(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                     struct decode_outcome *outcome);
/// A message with line breaks in it, of a mapping that may be packed.
void decode_packed(struct decoder *decoder, struct text message, const struct decode_sink *sink,
                   struct decode_outcome *outcome);
/// Before a document is decoded: what was unescaped of the one before is forgotten.
void decode_begin(struct decoder *decoder, struct text document, struct decode_outcome *outcome);
void decode_begin_line(struct decoder *decoder, struct text document);
/// Whether there is nothing but white space.
bool decode_is_blank(struct text text);

/// The four families. `text` is not empty. They fill `outcome` and push events.
void decode_json(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                 struct decode_outcome *outcome);
/// Some lines, as decode_known_lines().
size_t decode_json_lines(struct decoder *decoder, struct text lines, const struct decode_sink *sink,
                         struct decode_tally *tally);
/// A whole message that JSON documents before it were like: true where it was one and was taken.
bool decode_json_known(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                       struct decode_outcome *outcome);
void decode_csv(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                struct decode_outcome *outcome);
void decode_combined(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                     struct decode_outcome *outcome);
/// The fields of a line of ASCII without quoting that needs a closer look, of which nothing but a
/// line feed behind it is known, and ROW_MASK_PADDING bytes behind that which can be read. True:
/// they are as decode_csv() and decode_combined() have them. False: those say what the line is.
bool decode_csv_plain(struct decoder *decoder, const char *line, size_t *size_out);
bool decode_combined_plain(struct decoder *decoder, const char *line, size_t *size_out);
void decode_log(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                struct decode_outcome *outcome);

/// What the columns of a log are, as far as its lines said. Heap.
struct log_reader *log_reader_create(const struct mapping *mapping);
void log_reader_destroy(struct log_reader *reader);
/// Forgets what the lines of another file said.
void log_reader_begin_file(struct log_reader *reader, const struct mapping *mapping);
/// Takes the names of columns from the "#Fields:" among lines that begin with '#'.
void log_reader_directives(struct log_reader *reader, const struct mapping *mapping,
                           struct text lines);
/// Writes a value of a query to `to` (as large as `text`): "%20" and "+" become what they stand
/// for, unless that is no UTF-8. Returns its size.
size_t log_unescape_url(struct text text, char *to);
/// Learns a header. False (with decoder->detail) where the line is no header.
bool decode_csv_header(struct decoder *decoder, struct text line);
/// One event of a line that holds one: pushes it. False, and nothing happened, where it is bad.
bool decode_line_event(struct decoder *decoder, const struct decode_sink *sink,
                       struct decode_tally *tally);
/// The same of a line that decode_begin_line() was not called for.
bool decode_known_event(struct decoder *decoder, struct text line, const struct decode_sink *sink,
                        struct decode_tally *tally);
/// One event of a message that holds one: pushes it, or rejects the message.
void decode_single(struct decoder *decoder, const struct decode_sink *sink,
                   struct decode_outcome *outcome);
/// Rejects the message in hand with decoder->detail.
void decode_reject(const struct decoder *decoder, enum reject_reason reason,
                   struct decode_outcome *outcome);
/// Whether `text`, the message in hand, is UTF-8; where not, it is rejected and its first fault is
/// the detail.
bool decode_is_utf8(struct decoder *decoder, struct text text, struct decode_outcome *outcome);
