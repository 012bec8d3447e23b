// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decoder.h"

#include "ingest/decode/amount_parse.h"
#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>

#define KIND(kind) (1u << (kind))
#define KINDS_TEXT (KIND(FIELD_STRING) | KIND(FIELD_NUMBER))
#define KINDS_SCALAR (KINDS_TEXT | KIND(FIELD_TRUE) | KIND(FIELD_FALSE))

void decode_detail(struct decoder *decoder, const char *what, struct text found)
{
    size_t used = (size_t)snprintf(decoder->detail, sizeof(decoder->detail), "%s: '", what);
    for (size_t index = 0; index < found.size && used < sizeof(decoder->detail) - 8; index++) {
        unsigned char byte = (unsigned char)found.bytes[index];
        bool printable = byte >= 0x20 && byte < 0x7f;
        used += (size_t)snprintf(decoder->detail + used, sizeof(decoder->detail) - used,
                                 printable ? "%c" : "\\x%02x", byte);
    }
    snprintf(decoder->detail + used, sizeof(decoder->detail) - used, "'");
}

static size_t unescape_csv(struct text text, char *to)
{
    size_t size = 0;
    for (size_t index = 0; index < text.size; index++) {
        to[size++] = text.bytes[index];
        index += text.bytes[index] == '"'; // the second of a doubled quote
    }
    return size;
}

/// Room for every text of the message: fields are disjoint slices and each is unescaped once, so
/// texts given out before never move. What lies in a text that holds JSON is unescaped twice, and a
/// field that stands for one of an element apart from it.
static char *scratch_take(struct decoder *decoder, size_t size)
{
    const struct mapping *mapping = decoder->mapping;
    size_t needed = decoder->message_size * (mapping->text_count > 0 ? 2 : 1) *
                    (mapping->mirror_count > 0 ? 2 : 1);
    if (decoder->scratch_used == 0 && decoder->scratch_capacity < needed) {
        memory_free(decoder->scratch);
        decoder->scratch_capacity = needed;
        decoder->scratch = memory_allocate(decoder->scratch_capacity);
    }
    ASSERT(size <= decoder->scratch_capacity - decoder->scratch_used);
    return decoder->scratch + decoder->scratch_used;
}

struct text decode_unescape(struct decoder *decoder, struct decode_field *field)
{
    struct text text = {field->bytes, field->size};
    char *to = scratch_take(decoder, text.size);
    size_t size = field->escape == FIELD_ESCAPED_JSON  ? json_string_unescape(text, to)
                  : field->escape == FIELD_ESCAPED_CSV ? unescape_csv(text, to)
                                                       : log_unescape_url(text, to);
    decoder->scratch_used += size;
    field->bytes = to;
    field->size = (uint32_t)size;
    field->escape = FIELD_PLAIN;
    return (struct text){to, size};
}

static bool is_absent(const struct mapping_source *source, const struct decode_field *field)
{
    for (uint32_t index = 0; index < source->absent_count; index++) {
        if (text_equal(source->absent[index], (struct text){field->bytes, field->size})) {
            return true;
        }
    }
    return false;
}

/// The first path with a value of one of `kinds` (empty texts only where asked for), or NULL.
static inline struct decode_field *pick(struct decoder *decoder,
                                        const struct mapping_source *source, unsigned kinds,
                                        bool empty_counts)
{
    bool other = false;
    if (__builtin_expect(source->path_count == 1 && source->absent_count == 0, 1)) {
        struct decode_field *field = &decoder->fields[source->fields[0]];
        if (__builtin_expect(kinds >> field->kind & 1, 1)) {
            return field->size > 0 || empty_counts ? field : NULL;
        }
        decoder->notes.mistyped += field->kind != FIELD_MISSING;
        return NULL;
    }
    for (uint32_t index = 0; index < source->path_count; index++) {
        struct decode_field *field = &decoder->fields[source->fields[index]];
        if (field->kind == FIELD_MISSING) {
            continue;
        }
        if ((kinds >> field->kind & 1) == 0) {
            other = true;
        } else if (source->absent_count > 0 && is_absent(source, field)) {
            continue;
        } else if (field->size > 0 || empty_counts) {
            return field;
        }
    }
    decoder->notes.mistyped += other;
    return NULL;
}

static inline struct text pick_text(struct decoder *decoder, const struct mapping_source *source)
{
    if (source->kind == FROM_CONSTANT) {
        return source->constant;
    }
    struct decode_field *field = pick(decoder, source, KINDS_TEXT, false);
    // The constant is missing unless the mapping has one for where no path has a value.
    return field == NULL ? source->constant : decode_field_text(decoder, field);
}

static bool joined_append(char *to, size_t *size, char byte)
{
    to[*size] = byte;
    return ++*size <= EVENT_ID_SIZE_MAX;
}

/// Parts separated by "|", with "|" and "\" in them escaped: different parts never give one id.
/// Missing only where every part is; longer than an id may be where it does not fit.
static struct text join_text(struct decoder *decoder, const struct mapping_source *source, char *to)
{
    size_t size = 0;
    bool any = false;
    bool fits = true;
    for (uint32_t index = 0; index < source->path_count && fits; index++) {
        struct decode_field *field = &decoder->fields[source->fields[index]];
        fits = index == 0 || joined_append(to, &size, '|');
        if ((KINDS_TEXT >> field->kind & 1) == 0) {
            continue;
        }
        struct text part = decode_field_text(decoder, field);
        any |= part.size > 0;
        for (size_t at = 0; at < part.size && fits; at++) {
            if (part.bytes[at] == '|' || part.bytes[at] == '\\') {
                fits = joined_append(to, &size, '\\');
            }
            fits = fits && joined_append(to, &size, part.bytes[at]);
        }
    }
    return any ? (struct text){to, size} : TEXT_MISSING;
}

/// Takes the mapping's prefix off an id that has it: such an id is anonymous.
static bool take_prefix(const struct mapping *mapping, struct text *id)
{
    struct text prefix = mapping->anonymous_prefix;
    if (prefix.size == 0 || id->size <= prefix.size ||
        memcmp(id->bytes, prefix.bytes, prefix.size) != 0) {
        return false;
    }
    *id = (struct text){id->bytes + prefix.size, id->size - prefix.size};
    return true;
}

/// The usual user: an id at the one path.
static inline bool decode_plain_user(struct decoder *decoder)
{
    const struct decode_field *field = &decoder->fields[decoder->user_field];
    if (decoder->user_field == FIELD_NONE || !decode_field_is_plain(field) || field->size == 0 ||
        field->size > EVENT_ID_SIZE_MAX) {
        return false;
    }
    decoder->event.user_id = (struct text){field->bytes, field->size};
    decoder->event.user_namespace = USER_NAMESPACE_KNOWN;
    return true;
}

static enum reject_reason decode_user(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    const struct mapping_source *sources[] = {&mapping->user, &mapping->anonymous};
    for (uint8_t index = 0; index < 2; index++) {
        struct text id = __builtin_expect(sources[index]->kind == FROM_JOIN, 0)
                             ? join_text(decoder, sources[index], decoder->joined)
                             : pick_text(decoder, sources[index]);
        if (id.size > EVENT_ID_SIZE_MAX) {
            decode_detail(decoder, "user", id);
            return REJECT_USER_TOO_LONG;
        }
        if (id.size > 0) {
            bool anonymous = take_prefix(mapping, &id) || index != 0;
            decoder->event.user_id = id;
            decoder->event.user_namespace =
                anonymous ? USER_NAMESPACE_ANONYMOUS : USER_NAMESPACE_KNOWN;
            return REJECT_NONE;
        }
    }
    const struct mapping_source *named = mapping->user.path_count > 0 ? sources[0] : sources[1];
    decode_detail(decoder, "nothing at path", named->paths[0].text);
    return REJECT_USER_MISSING;
}

/// The usual name: a string at the one path, stored as it is.
static inline bool decode_plain_name(struct decoder *decoder)
{
    const struct decode_field *field = &decoder->fields[decoder->name_field];
    if (decoder->name_field == FIELD_NONE || !decode_field_is_plain(field) || field->size == 0 ||
        field->size > EVENT_NAME_SIZE_MAX) {
        return false;
    }
    decoder->values[COLUMN_NAME].string = (struct text){field->bytes, field->size};
    return true;
}

static enum reject_reason decode_name(struct decoder *decoder)
{
    struct text name = pick_text(decoder, &decoder->mapping->name);
    if (name.size == 0) {
        decode_detail(decoder, "nothing at path", decoder->mapping->name.paths[0].text);
        return REJECT_NAME_MISSING;
    }
    if (name.size > EVENT_NAME_SIZE_MAX) {
        decode_detail(decoder, "name", name);
        return REJECT_NAME_TOO_LONG;
    }
    decoder->values[COLUMN_NAME].string = mapping_rename(decoder->mapping, name);
    return REJECT_NONE;
}

/// "2026-01-02 03:04:05" of the columns date and time: what is missing is left out, but the last.
static enum reject_reason join_time(struct decoder *decoder, const struct mapping_source *source,
                                    const struct timestamp_rule *rule, int64_t *time_out,
                                    struct text *text_out, bool *floored_out)
{
    size_t size = 0;
    for (uint32_t index = 0; index < source->path_count; index++) {
        struct decode_field *field = &decoder->fields[source->fields[index]];
        bool present = (KINDS_TEXT >> field->kind & 1) != 0 && field->size > 0;
        if (!present && index + 1 == source->path_count) {
            return REJECT_TIME_MISSING;
        }
        struct text part = present ? decode_field_text(decoder, field) : TEXT_LITERAL("");
        if (size + part.size > TIMESTAMP_SIZE_MAX) {
            *text_out = part;
            return REJECT_TIME_FORMAT;
        }
        if (present && size > 0) {
            decoder->joined_time[size++] = ' ';
        }
        memcpy(decoder->joined_time + size, part.bytes, part.size);
        size += part.size;
    }
    *text_out = (struct text){decoder->joined_time, size};
    return timestamp_parse(rule, *text_out, time_out, floored_out);
}

/// The time at the first path that has one. REJECT_TIME_MISSING where none has.
static enum reject_reason pick_time(struct decoder *decoder, const struct mapping_source *source,
                                    const struct timestamp_rule *rule,
                                    struct timestamp_cache *cache, int64_t *time_out,
                                    struct text *text_out, bool *floored_out)
{
    if (__builtin_expect(source->kind == FROM_JOIN, 0)) {
        return join_time(decoder, source, rule, time_out, text_out, floored_out);
    }
    struct decode_field *field = pick(decoder, source, KINDS_TEXT, false);
    if (field == NULL) {
        return REJECT_TIME_MISSING;
    }
    *text_out = decode_field_text(decoder, field);
    *floored_out = false;
    if (__builtin_expect(field == decoder->timestamp_field, 0)) {
        *time_out = decoder->metadata->timestamp_us;
        bool fits = *time_out >= EVENT_TIME_MIN_US && *time_out < EVENT_TIME_MAX_US;
        return fits ? REJECT_NONE : REJECT_TIME_RANGE;
    }
    return timestamp_cache_parse(cache, rule, *text_out, time_out, floored_out);
}

static enum reject_reason decode_time(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    struct text text = TEXT_MISSING;
    bool floored = false;
    enum reject_reason reason =
        pick_time(decoder, &mapping->time, &mapping->time_rule, &decoder->time_cache,
                  &decoder->event.time_us, &text, &floored);
    decoder->notes.time_floored += floored;
    if (reason == REJECT_TIME_MISSING) {
        decode_detail(decoder, "nothing at path", mapping->time.paths[0].text);
        return reason;
    }
    if (reason != REJECT_NONE) {
        decode_detail(decoder, "time", text);
    }
    return reason;
}

/// A receive time that cannot be read counts as missing: the event itself is sound.
static void decode_received(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    struct event *event = &decoder->event;
    int64_t received = COLUMN_INTEGER_MISSING;
    event->future = event->time_us > mapping->max_time_us;
    if (mapping->received.kind != FROM_NOWHERE) {
        struct text text;
        bool floored;
        enum reject_reason reason = pick_time(decoder, &mapping->received, &mapping->received_rule,
                                              &decoder->received_cache, &received, &text, &floored);
        if (reason != REJECT_NONE) {
            received = COLUMN_INTEGER_MISSING;
            decoder->notes.mistyped += reason != REJECT_TIME_MISSING;
        }
        event->future |=
            received != COLUMN_INTEGER_MISSING && event->time_us - received > EVENT_FUTURE_SLACK_US;
    }
    decoder->values[COLUMN_RECEIVED].integer = received;
}

static void decode_sequence_and_id(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    if (mapping->sequence.kind == FROM_NOWHERE && mapping->event_id.kind == FROM_NOWHERE) {
        decoder->values[COLUMN_SEQUENCE].integer = 0;
        decoder->values[COLUMN_ID_HASH].integer = COLUMN_INTEGER_MISSING;
        return;
    }
    struct text text = pick_text(decoder, &mapping->sequence);
    int64_t sequence = text.size == 0 ? 0 : decode_value_integer(decoder, text);
    decoder->values[COLUMN_SEQUENCE].integer = sequence == COLUMN_INTEGER_MISSING ? 0 : sequence;
    text = mapping->event_id.kind == FROM_JOIN
               ? join_text(decoder, &mapping->event_id, decoder->joined_event_id)
               : pick_text(decoder, &mapping->event_id);
    decoder->values[COLUMN_ID_HASH].integer =
        text.size == 0 ? COLUMN_INTEGER_MISSING : (int64_t)hash_event_id(text);
}

/// Codes of currencies are written in either case, and are the same.
static struct text capital_currency(struct decoder *decoder, struct text code)
{
    if (code.size != sizeof(decoder->currency)) {
        return code;
    }
    for (size_t index = 0; index < sizeof(decoder->currency); index++) {
        char letter = (char)(code.bytes[index] & ~0x20);
        if (letter < 'A' || letter > 'Z') {
            return code;
        }
        decoder->currency[index] = letter;
    }
    return (struct text){decoder->currency, sizeof(decoder->currency)};
}

static bool may_have_amount(const struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    struct text name = decoder->values[COLUMN_NAME].string;
    bool may = mapping->amount_name_count == 0;
    for (uint32_t index = 0; index < mapping->amount_name_count && !may; index++) {
        may = text_equal(mapping->amount_names[index], name);
    }
    return may;
}

enum reject_reason decode_revenue(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    decoder->values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    decoder->values[COLUMN_CURRENCY].string = TEXT_MISSING;
    if (mapping->amount.kind == FROM_NOWHERE || !may_have_amount(decoder)) {
        return REJECT_NONE;
    }
    struct decode_field *field = pick(decoder, &mapping->amount, KINDS_TEXT, false);
    if (field == NULL) {
        return REJECT_NONE;
    }
    struct text text = decode_field_text(decoder, field);
    bool rounded = false;
    if (!amount_parse(text, &decoder->values[COLUMN_AMOUNT].integer, &rounded)) {
        decode_detail(decoder, "amount", text);
        return REJECT_AMOUNT_FORMAT;
    }
    decoder->notes.amount_rounded += rounded;
    struct text currency = pick_text(decoder, &mapping->currency);
    if (currency.size > EVENT_VALUE_SIZE_MAX) {
        decode_detail(decoder, "currency", currency);
        return REJECT_VALUE_TOO_LONG;
    }
    decoder->values[COLUMN_CURRENCY].string = capital_currency(decoder, currency);
    return REJECT_NONE;
}

static bool decode_string_attribute(struct decoder *decoder,
                                    const struct mapping_attribute *attribute)
{
    struct decode_field *field = pick(decoder, &attribute->source, KINDS_TEXT, true);
    struct text text = field == NULL ? TEXT_MISSING : decode_field_text(decoder, field);
    decoder->values[attribute->column].string = text;
    return text.size <= EVENT_VALUE_SIZE_MAX;
}

/// All attributes, where each is a string at one path and stands there plain or not at all, and is
/// short. False: decode_attributes() decides.
static inline bool decode_plain_attributes(struct decoder *decoder)
{
    bool plain = decoder->columns_plain != NULL;
    for (uint32_t index = 0; index < decoder->column_plain_count; index++) {
        const struct decode_column *column = &decoder->columns_plain[index];
        const struct decode_field *field = &decoder->fields[column->field];
        bool string = decode_field_is_plain(field);
        plain &= string ? field->size <= EVENT_VALUE_SIZE_MAX : field->kind == FIELD_MISSING;
        // The word null is a missing field with bytes.
        decoder->values[column->column].string =
            string ? (struct text){field->bytes, field->size} : TEXT_MISSING;
    }
    return plain;
}

static void decode_typed_attribute(struct decoder *decoder,
                                   const struct mapping_attribute *attribute)
{
    unsigned kinds = attribute->type == COLUMN_BOOLEAN ? KINDS_SCALAR : KINDS_TEXT;
    struct decode_field *field = pick(decoder, &attribute->source, kinds, false);
    int64_t value = attribute->type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                                     : COLUMN_INTEGER_MISSING;
    if (field != NULL) {
        struct text text = decode_field_text(decoder, field);
        value = attribute->type == COLUMN_INTEGER  ? decode_value_integer(decoder, text)
                : attribute->type == COLUMN_NUMBER ? decode_value_number(decoder, text)
                                                   : decode_value_boolean(decoder, field, text);
    }
    decoder->values[attribute->column].integer = value;
}

static enum reject_reason decode_attributes(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        const struct mapping_attribute *attribute = &mapping->attributes[index];
        if (attribute->type != COLUMN_STRING) {
            decode_typed_attribute(decoder, attribute);
        } else if (!decode_string_attribute(decoder, attribute)) {
            decode_detail(decoder, "too long", attribute->name);
            return REJECT_VALUE_TOO_LONG;
        }
    }
    return REJECT_NONE;
}

static bool links_event(const struct mapping_link *link, struct text name)
{
    bool found = link->event_count == 0;
    for (uint32_t index = 0; index < link->event_count && !found; index++) {
        found = text_equal(link->events[index], name);
    }
    return found;
}

/// An id of a link. False where it is too long.
static bool link_id(struct decoder *decoder, const struct mapping_source *source, char *joined,
                    struct text *id_out)
{
    *id_out = source->kind == FROM_NOWHERE ? TEXT_MISSING
              : source->kind == FROM_JOIN  ? join_text(decoder, source, joined)
                                           : pick_text(decoder, source);
    return id_out->size <= EVENT_ID_SIZE_MAX;
}

/// Notes an id of the event's person, unless an earlier rule gave one of the kind.
static void give_link(struct decoder *decoder, uint32_t kind, struct text id, uint32_t *given)
{
    const struct event *event = &decoder->event;
    bool own = kind != COLUMN_LINK_ANONYMOUS && text_equal(id, event->user_id);
    if (id.size > 0 && !own && (*given >> kind & 1) == 0) {
        decoder->values[decoder->mapping->link_columns[kind]].string = id;
        *given |= UINT32_C(1) << kind;
    }
}

/// What one rule says of the event: whose it is, and what else is this person's. `given` has a bit
/// for each kind of id that an earlier rule gave, and one more for whose it is.
static bool decode_link(struct decoder *decoder, const struct mapping_link *link, uint32_t *given)
{
    struct event *event = &decoder->event;
    struct text id = TEXT_MISSING;
    uint32_t known = UINT32_C(1) << COLUMN_LINK_COUNT;
    if ((*given & known) == 0 &&
        !link_id(decoder, &link->known, decoder->joined_link[COLUMN_LINK_COUNT], &id)) {
        return false;
    }
    if ((*given & known) == 0 && link->known.kind != FROM_NOWHERE) {
        if (id.size == 0) {
            return true;
        }
        event->user_namespace =
            take_prefix(decoder->mapping, &id) ? USER_NAMESPACE_ANONYMOUS : USER_NAMESPACE_KNOWN;
        event->user_id = id;
        *given |= known;
    }
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        if ((*given >> kind & 1) != 0 || event->user_namespace != USER_NAMESPACE_KNOWN) {
            continue;
        }
        if (!link_id(decoder, &link->ids[kind], decoder->joined_link[kind], &id)) {
            return false;
        }
        give_link(decoder, take_prefix(decoder->mapping, &id) ? COLUMN_LINK_ANONYMOUS : kind, id,
                  given);
    }
    return true;
}

/// The first rule for the event's name that has something to say of a kind of link says it.
static enum reject_reason decode_links(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    uint32_t given = 0;
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        if (mapping->link_columns[kind] != MAPPING_NO_COLUMN) {
            decoder->values[mapping->link_columns[kind]].string = TEXT_MISSING;
        }
    }
    for (uint32_t index = 0; index < mapping->link_count; index++) {
        if (links_event(&mapping->links[index], decoder->values[COLUMN_NAME].string) &&
            !decode_link(decoder, &mapping->links[index], &given)) {
            decode_detail(decoder, "too long", TEXT_LITERAL("linked id"));
            return REJECT_USER_TOO_LONG;
        }
    }
    return REJECT_NONE;
}

bool decode_skipped(const struct decoder *decoder)
{
    const struct mapping_source *source = &decoder->mapping->skip_where_missing;
    for (uint32_t index = 0; index < source->path_count; index++) {
        if (decoder->fields[source->fields[index]].kind != FIELD_MISSING) {
            return false;
        }
    }
    return source->path_count > 0;
}

static enum reject_reason make_event(struct decoder *decoder)
{
    enum reject_reason reason =
        __builtin_expect(decode_plain_user(decoder), 1) ? REJECT_NONE : decode_user(decoder);
    if (reason == REJECT_NONE && !decode_plain_name(decoder)) {
        reason = decode_name(decoder);
    }
    reason = reason == REJECT_NONE ? decode_time(decoder) : reason;
    reason = reason == REJECT_NONE ? decode_revenue(decoder) : reason;
    if (reason == REJECT_NONE && !decode_plain_attributes(decoder)) {
        reason = decode_attributes(decoder);
    }
    if (reason == REJECT_NONE && decoder->mapping->link_count > 0) {
        reason = decode_links(decoder);
    }
    if (reason == REJECT_NONE) {
        decode_received(decoder);
        decode_sequence_and_id(decoder);
    }
    return reason;
}

enum reject_reason decode_event(struct decoder *decoder)
{
    bool made = __builtin_expect(decoder->simple, 1) && decode_simple(decoder);
    return __builtin_expect(made, 1) ? REJECT_NONE : make_event(decoder);
}
