// SPDX-License-Identifier: Apache-2.0
/// A mapping as the decoders use it. Private to ingest/decode/.
///
/// Every path has become the number of a field; the decoders of all formats fill the same array of
/// fields and one function makes events of them. Thread: immutable after mapping_bind().
#pragma once

#include "ingest/decode/decode.h"
#include "ingest/decode/decode_field.h"
#include "ingest/decode/json_plan.h"
#include "ingest/decode/timestamp_parse.h"
#include "storage/base/arena.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

enum mapping_source_kind {
    FROM_NOWHERE = 0,
    FROM_PATHS, ///< the first path that has a usable value
    FROM_CONSTANT,
    FROM_JOIN, ///< all paths, joined
};

/// What a path beginning with "kafka." names instead of a place in the message.
enum mapping_metadata_kind {
    METADATA_NONE = 0, ///< it is a place in the message
    METADATA_KEY,
    METADATA_TIMESTAMP,
    METADATA_TOPIC,
    METADATA_PARTITION,
    METADATA_HEADER,
};

/// One thing beside the message that some path names, and its field.
struct mapping_metadata {
    enum mapping_metadata_kind kind;
    struct text header; ///< its name, for METADATA_HEADER
    uint16_t field;
};

/// A path as written, and where, for errors.
struct mapping_path {
    struct text text;
    enum mapping_metadata_kind metadata;
    struct text header; ///< for METADATA_HEADER
    const char *file;
    size_t line;
    size_t column;
    bool in_element;
};

/// Where a value comes from.
struct mapping_source {
    enum mapping_source_kind kind;
    uint32_t path_count;
    uint16_t *fields; ///< one per path
    struct mapping_path *paths;
    struct text constant; ///< FROM_PATHS: where no path has a value; may be missing
    struct text *absent;  ///< FROM_PATHS: words that stand for no value, such as "-"
    uint32_t absent_count;
};

struct mapping_attribute {
    struct text name;
    struct mapping_source source;
    enum column_type type;
    uint32_t column; ///< in the schema, once bound
};

#define MAPPING_LINK_COUNT_MAX 8u
#define MAPPING_NO_COLUMN UINT32_MAX

/// Which events say that two ids are one person's.
struct mapping_link {
    struct text *events; ///< names as stored; none: every event
    uint32_t event_count;
    struct mapping_source known; ///< whose event it is: without one the rule says nothing;
                                 ///< FROM_NOWHERE: the user's, where it is known
    struct mapping_source ids[COLUMN_LINK_COUNT];
};

struct mapping_rename {
    struct text from; ///< missing: a free slot of the table
    struct text to;
};

/// The fields of an access-log line, in the order of `combined_field_names`.
enum combined_field {
    COMBINED_IP = 0,
    COMBINED_IDENT,
    COMBINED_AUTHUSER,
    COMBINED_TIME,
    COMBINED_METHOD,
    COMBINED_PATH,
    COMBINED_QUERY,
    COMBINED_PROTOCOL,
    COMBINED_STATUS,
    COMBINED_BYTES,
    COMBINED_REFERRER,
    COMBINED_AGENT,
    COMBINED_FIELD_COUNT,
};
extern const char *const combined_field_names[COMBINED_FIELD_COUNT + 1];

/// A parameter of the query of a request, of a log.
struct mapping_parameter {
    struct text key;
    uint16_t field;
};

#define MAPPING_NO_MAX_TIME INT64_MAX

/// Whether one message may hold several documents, a line each.
enum mapping_packed {
    PACKED_AUTO = 0, ///< told by the message itself
    PACKED_LINES,
    PACKED_NO,
};

struct mapping {
    enum mapping_format format;
    enum mapping_packed packed;
    struct text preset;
    struct mapping_path *unrolls; ///< none: messages are events
    uint32_t unroll_count;
    bool unroll_optional; ///< a message without any of these arrays is an element itself
    struct text *columns; ///< CSV, TSV: of files without a header; none: the first line names them
    uint32_t column_count;
    struct mapping_source user;
    struct mapping_source anonymous;
    struct text anonymous_prefix; ///< an id at the place of a known one that begins so is
                                  ///< anonymous, without it; missing: none is
    struct mapping_source time;
    struct timestamp_rule time_rule;
    struct mapping_source received;
    struct timestamp_rule received_rule;
    int64_t max_time_us; ///< MAPPING_NO_MAX_TIME where there is none
    struct mapping_source sequence;
    struct mapping_source name;
    struct mapping_source event_id;
    struct mapping_source amount;
    struct text *amount_names; ///< only events of these names have one; none: all may
    uint32_t amount_name_count;
    struct mapping_source currency;
    struct mapping_source skip_where_missing;
    struct mapping_attribute *attributes;
    uint32_t attribute_count;
    struct mapping_link *links;
    uint32_t link_count;
    struct mapping_link *preset_links; ///< meant by `links: true`
    uint32_t preset_link_count;
    uint32_t
        link_columns[COLUMN_LINK_COUNT]; ///< once bound; MAPPING_NO_COLUMN: no link of the kind
    struct mapping_rename *renames;      ///< as written; then the table over them
    uint32_t rename_count;
    struct mapping_rename *rename_table;
    uint32_t rename_mask;
    bool bound;

    // Compiled from the paths.
    struct mapping_mirror *mirrors; ///< for messages that stand for their one element
    uint32_t mirror_count;
    struct mapping_text *texts; ///< those that hold JSON
    uint32_t text_count;
    struct mapping_array *arrays; ///< those in which elements are looked up
    uint32_t array_count;
    uint16_t document_field_count; ///< those of the message; what lies beside it comes after them
    uint16_t field_count;
    struct mapping_metadata *metadata;
    uint32_t metadata_count;
    bool wants_headers;
    struct json_plan plan;                ///< JSON
    struct text *column_names;            ///< CSV, TSV: field -> header name
    uint16_t row_field_count;             ///< of them
    struct mapping_parameter *parameters; ///< log
    uint32_t parameter_count;
    uint16_t combined_fields[COMBINED_FIELD_COUNT]; ///< combined: place -> field or FIELD_NONE
};

/// One value of one element of an array.
struct mapping_lookup {
    struct text wanted; ///< what the element's member must say; missing: `number` is meant
    uint32_t number;    ///< of the element, from 0
    uint16_t member;    ///< field of `plan`: the member that is compared
    uint16_t value;     ///< field of `plan`: what is wanted of the element
    uint16_t target;    ///< field of the decoder that gets it
    struct text rest;   ///< the path below the element, as written
    struct mapping_path *path;
};

/// A field of the message, and that of the same path in an element.
struct mapping_mirror {
    uint16_t from;
    uint16_t to;
};

/// A text of the message that is itself JSON: what is wanted of it goes to the fields from
/// `first_target` on, one for each of the plan.
struct mapping_text {
    uint16_t field;
    uint16_t first_target;
    bool in_element;
    struct json_plan plan;
};

/// A path of the message, cut where it enters a text that holds JSON ("column{}.key") and where it
/// looks up an element ("list[0].id").
struct mapping_place {
    struct mapping_path *path;
    uint16_t *field_out;  ///< gets the decoder's field in the end
    uint16_t found;       ///< field of the part in hand
    struct text inner;    ///< of the text; missing: the path enters none
    struct text selector; ///< missing: the path looks nothing up
    struct text rest;
};

/// An array of the message (or of an unrolled element) in which elements are looked up, by number
/// or by what one member of theirs says: never both, so that no value is reported twice.
struct mapping_array {
    uint16_t field; ///< of the decoder: the array itself
    bool in_element;
    struct text by;        ///< the member compared; missing: elements are looked up by number
    struct json_plan plan; ///< of the array alone
    struct mapping_lookup *lookups;
    uint32_t lookup_count;
};

/// The name an event gets in the store. Returns `name` itself where it has no other.
struct text mapping_rename(const struct mapping *mapping, struct text name);

/// Calls `visit` for each source that may have paths, in a fixed order.
void mapping_each_source(struct mapping *mapping,
                         void (*visit)(void *context, struct mapping_source *source),
                         void *context);

/// Recognises a path of metadata. Errors name the nearest that there is.
CORONG_MUST_CHECK enum corong_status mapping_metadata_path(struct mapping_path *path,
                                                           struct corong_error *error);
/// The field of a path of metadata, behind those of the message; equal paths share one.
/// `mapping->metadata` has room for all paths.
uint16_t mapping_metadata_field(struct mapping *mapping, const struct mapping_path *path);

/// Cuts a path; `text` keeps what is to be found in the message itself.
void mapping_place_cut(struct mapping_place *place, struct text *text);
/// Gives every place its field, from the fields that `found` says its first part has: texts and
/// arrays get plans of their own, and what they hold gets fields behind those of the message.
CORONG_MUST_CHECK enum corong_status
mapping_places_compile(struct mapping *mapping, struct arena *arena, struct mapping_place *places,
                       uint32_t count, struct corong_error *error);
/// The keys of a path between dots, with escapes taken away. Memory: `arena`.
CORONG_MUST_CHECK enum corong_status mapping_path_split(const struct mapping_path *path,
                                                        struct text text, struct arena *arena,
                                                        struct json_path *out,
                                                        struct corong_error *error);
/// Puts the place of a path before `reason`.
enum corong_status mapping_path_error(const struct mapping_path *path, const char *reason,
                                      struct corong_error *error);

/// The name by which all logs call a column, such as "ip" for "c-ip"; else `name` itself.
struct text mapping_log_name(struct text name);
/// Finds the paths that are parameters of a query ("query.page"), once all columns have fields.
/// `mapping->column_names` has room for one more.
void mapping_log_compile(struct mapping *mapping, struct arena *arena);

/// Texts of presets for the exports and messages of other systems.
extern const char mapping_preset_rudderstack[];
extern const char mapping_preset_ga4[];
extern const char mapping_preset_posthog[];
extern const char mapping_preset_mixpanel[];
extern const char mapping_preset_amplitude[];
extern const char mapping_preset_snowplow[];
extern const char mapping_preset_snowplow_tsv[];
extern const char mapping_preset_cloudevents[];
extern const char mapping_preset_shopify[];
extern const char mapping_preset_shopify_checkouts[];
extern const char mapping_preset_access_log[];
extern const char mapping_preset_matomo[];
extern const char mapping_preset_bitly[];
extern const char mapping_preset_woocommerce[];

/// Whether some rule gives links of a kind.
bool mapping_has_link(const struct mapping *mapping, enum column_link kind);

/// Turns paths into fields. Errors name the place of the bad path.
CORONG_MUST_CHECK enum corong_status mapping_compile(struct mapping *mapping, struct arena *arena,
                                                     struct corong_error *error);
