// SPDX-License-Identifier: Apache-2.0
/// Messages to events, by a declared mapping. One decoder serves JSON, CSV/TSV and access logs;
/// batches and session-nested events are unrolled.
///
/// Thread: a mapping is immutable once bound and may be shared; a decoder belongs to one thread.
/// Memory: no allocation per event once buffers have grown.
#pragma once

#include "engine/event/event.h"
#include "ingest/metadata.h"
#include "ingest/reject.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

#define DECODE_MESSAGE_SIZE_MAX (16u << 20) ///< default limit of one line or record
#define JSON_DEPTH_MAX 128u                 ///< nesting; deeper is REJECT_TOO_DEEP

enum mapping_format { MAPPING_JSON = 0, MAPPING_CSV, MAPPING_TSV, MAPPING_COMBINED, MAPPING_LOG };

struct mapping;

/// Names of the built-in mappings ("segment", "otto", "combined", ...), NULL-terminated.
const char *const *mapping_preset_names(void);
/// The YAML text of a preset, or NULL.
const char *mapping_preset_text(struct text name);

/// Builds a mapping from a YAML node (the value of `mapping:`). `file_name` is for error messages,
/// which name line, column and the nearest valid word. Memory: `arena`.
CORONG_MUST_CHECK enum corong_status mapping_parse(struct mapping **mapping_out,
                                                   struct arena *arena, yaml_document_t *document,
                                                   yaml_node_t *node, const char *file_name,
                                                   struct corong_error *error);
/// The same from a preset's name.
CORONG_MUST_CHECK enum corong_status mapping_from_preset(struct mapping **mapping_out,
                                                         struct arena *arena, struct text name,
                                                         struct corong_error *error);
enum mapping_format mapping_format(const struct mapping *mapping);
/// True if some events link ids of one person.
bool mapping_has_links(const struct mapping *mapping);
/// CSV or TSV whose files begin with a line of column names: a message alone says nothing.
bool mapping_has_header(const struct mapping *mapping);
/// Adds the mapping's attributes to the store's schema and remembers their indices. Once, before
/// decoders.
CORONG_MUST_CHECK enum corong_status mapping_bind(struct mapping *mapping, struct store *store,
                                                  struct corong_error *error);
/// The same for a schema that no store holds: benches, previews, tests. Memory of the schema:
/// `arena`.
CORONG_MUST_CHECK enum corong_status mapping_bind_schema(struct mapping *mapping,
                                                         struct schema *schema, struct arena *arena,
                                                         struct corong_error *error);
/// The mapping as YAML with every default filled in, for --print-config.
void mapping_describe(const struct mapping *mapping, struct text_buffer *out);

struct decoder;
struct decoder *decoder_create(const struct mapping *mapping, const struct schema *schema);
void decoder_destroy(struct decoder *decoder);

/// Where decoded events go. `event` and all its texts are valid during the call only.
struct decode_sink {
    void *context;
    void (*event)(void *context, const struct event *event);
    /// A bad event inside a good message (unrolled arrays, packed lines): the others still count.
    /// UINT32_MAX: the whole line of a packed message is bad. decoder_document() is what it is in.
    void (*reject_event)(void *context, uint32_t event_index, enum reject_reason reason,
                         const char *detail);
};

/// What became of one message.
struct decode_outcome {
    enum reject_reason reason; ///< REJECT_NONE: the message was good (its events may not all be)
    bool blank;                ///< header, comment, empty line: no message
    uint32_t event_count;      ///< events found in it, good and bad
    char detail[96];           ///< what and where, when rejected
};

/// What was bent, not refused, since the decoder was made: shown beside the books.
struct decode_notes {
    uint64_t mistyped;       ///< values of another type than mapped; they count as missing
    uint64_t time_floored;   ///< times with digits finer than a microsecond
    uint64_t amount_rounded; ///< amounts with digits beyond 1/10000
};
const struct decode_notes *decoder_notes(const struct decoder *decoder);

/// Gives a CSV/TSV decoder the header of a new file; decode_message() then takes the first line of
/// the file as header. JSON and combined logs ignore it.
void decoder_begin_file(struct decoder *decoder);

/// Before each message that stands by itself, as one of a topic does: what an earlier one named as
/// the columns of a log holds no more, since it may have come from another server.
void decoder_begin_message(struct decoder *decoder);

/// Decodes one message (a line without its line end, or a Kafka value). Nothing is pushed for a
/// message that is rejected as a whole. A message that holds several documents, one a line, is
/// read line by line where the mapping's `packed` says so; a bad line is then one bad event.
void decode_message(struct decoder *decoder, struct text message, const struct decode_sink *sink,
                    struct decode_outcome *outcome_out);
/// The same with what lies beside the message; `metadata` may be NULL (all of it is missing).
void decode_message_with(struct decoder *decoder, struct text message,
                         const struct metadata *metadata, const struct decode_sink *sink,
                         struct decode_outcome *outcome_out);
/// The same for a message that is known to hold no line feed: nobody looks for one.
void decode_line(struct decoder *decoder, struct text line, const struct metadata *metadata,
                 const struct decode_sink *sink, struct decode_outcome *outcome_out);

/// What became of lines.
struct decode_tally {
    uint64_t messages; ///< lines taken
    uint64_t blank;    ///< of them
    uint64_t events;   ///< given to the sink
};
#define DECODE_LINES_PADDING 64u ///< bytes behind lines that can be read
/// Whether decode_known_lines() may be called now: not before the first line of a file or a header
/// that is still to come, and only where a line holds one event at most and nothing beside it is
/// mapped.
bool decoder_takes_lines(const struct decoder *decoder);
/// Takes lines, of which each ends with a line feed, one after the other, until one comes that
/// decode_message() has to look at: it may be unsound, or unlike those before. Nothing is rejected
/// here. Returns the bytes of the lines taken.
size_t decode_known_lines(struct decoder *decoder, struct text lines,
                          const struct decode_sink *sink, struct decode_tally *tally_out);
/// Whether decode_known_messages() may be called now: as decoder_takes_lines(), and of JSON.
bool decoder_takes_messages(const struct decoder *decoder);
/// Takes messages that stand by themselves, as those of a topic do, one after the other, until one
/// comes that decode_message() has to look at: it may be unsound, or unlike those before. Nothing
/// is rejected here. They are copied and go as lines, which are read faster. Returns how many were
/// taken.
uint32_t decode_known_messages(struct decoder *decoder, const struct text *messages, uint32_t count,
                               const struct decode_sink *sink, struct decode_tally *tally_out);
/// As decode_line() for a line that decode_known_lines() left.
void decode_unknown_line(struct decoder *decoder, struct text line, const struct metadata *metadata,
                         const struct decode_sink *sink, struct decode_outcome *outcome_out);
/// Whether the mapping looks at headers: whoever makes the metadata may leave them out otherwise.
bool decoder_wants_headers(const struct decoder *decoder);

/// During a call of the sink: the document in hand, which is the message, or its line where it is
/// packed.
struct text decoder_document(const struct decoder *decoder);
/// During a call of the sink: the number of the event in its document, whatever was skipped.
uint32_t decoder_event_index(const struct decoder *decoder);

/// After a resume in the middle of a CSV file: gives the header line again.
void decoder_set_header(struct decoder *decoder, struct text header_line);

/// A CSV or TSV row, whose header was given, as a JSON object with a string per column and null
/// for what is missing: a JSON mapping with the same paths (dots in them escaped) makes the same
/// event of it. False, with nothing appended, for a header, or a row that is not sound.
bool decoder_row_as_json(struct decoder *decoder, struct text row, struct text_buffer *out);
