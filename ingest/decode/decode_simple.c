// SPDX-License-Identifier: Apache-2.0
// Events of mappings in which every column is one path and nothing more is asked of it, made of
// fields that stand there as they are stored: the usual line of a log, with few questions.
#include "ingest/decode/decoder.h"

#include "storage/base/memory.h"

#define PLAIN (FIELD_STRING | FIELD_PLAIN << 8) ///< a field's kind and escape together

static bool is_plain_source(const struct mapping_source *source)
{
    return source->kind == FROM_PATHS && source->path_count == 1 && source->absent_count == 0;
}

static void find_plain_columns(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        if (!is_plain_source(&mapping->attributes[index].source) ||
            mapping->attributes[index].type != COLUMN_STRING) {
            return;
        }
    }
    decoder->column_plain_count = mapping->attribute_count;
    decoder->columns_plain =
        memory_allocate_zeroed(mapping->attribute_count + 1, sizeof(*decoder->columns_plain));
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        decoder->columns_plain[index].field = mapping->attributes[index].source.fields[0];
        decoder->columns_plain[index].column = (uint16_t)mapping->attributes[index].column;
    }
}

void decode_simple_find(struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    bool plain_amount = is_plain_source(&mapping->amount);
    decoder->user_field = FIELD_NONE;
    decoder->name_field = FIELD_NONE;
    if (is_plain_source(&mapping->user) && mapping->anonymous_prefix.size == 0) {
        decoder->user_field = mapping->user.fields[0];
    }
    if (is_plain_source(&mapping->name) && mapping->rename_count == 0) {
        decoder->name_field = mapping->name.fields[0];
    }
    find_plain_columns(decoder);
    decoder->time_field = is_plain_source(&mapping->time) ? mapping->time.fields[0] : FIELD_NONE;
    decoder->amount_field = plain_amount ? mapping->amount.fields[0] : FIELD_NONE;
    decoder->simple = decoder->user_field != FIELD_NONE && decoder->name_field != FIELD_NONE &&
                      decoder->columns_plain != NULL && decoder->time_field != FIELD_NONE &&
                      (plain_amount || mapping->amount.kind == FROM_NOWHERE) &&
                      mapping->received.kind == FROM_NOWHERE &&
                      mapping->sequence.kind == FROM_NOWHERE &&
                      mapping->event_id.kind == FROM_NOWHERE && mapping->link_count == 0 &&
                      mapping->metadata_count == 0;
    decoder->plain_rows = (mapping->format == MAPPING_COMBINED || mapping->format == MAPPING_CSV ||
                           mapping->format == MAPPING_TSV) &&
                          (mapping->text_count | mapping->array_count) == 0;
    decoder->simple_lines = decoder->simple && mapping->skip_where_missing.path_count == 0;
}

static inline unsigned kind_of(const struct decode_field *field)
{
    return field->kind | (unsigned)field->escape << 8;
}

/// User, name and time. False where one is not plain, of another size, or not of the last minute.
static inline bool take_system_fields(struct decoder *decoder)
{
    const struct decode_field *user = &decoder->fields[decoder->user_field];
    const struct decode_field *name = &decoder->fields[decoder->name_field];
    const struct decode_field *time = &decoder->fields[decoder->time_field];
    unsigned other = (kind_of(user) ^ PLAIN) | (kind_of(name) ^ PLAIN) | (kind_of(time) ^ PLAIN);
    if (other != 0 || user->size - 1 >= EVENT_ID_SIZE_MAX ||
        name->size - 1 >= EVENT_NAME_SIZE_MAX) {
        return false;
    }
    decoder->event.user_id = (struct text){user->bytes, user->size};
    decoder->event.user_namespace = USER_NAMESPACE_KNOWN;
    decoder->values[COLUMN_NAME].string = (struct text){name->bytes, name->size};
    return timestamp_cache_minute(&decoder->time_cache.minute,
                                  (struct text){time->bytes, time->size}, &decoder->event.time_us);
}

/// Strings and missing values, and nothing but these.
static inline bool take_columns(struct decoder *decoder)
{
    const struct decode_field *fields = decoder->fields;
    union canonical_value *values = decoder->values;
    const struct decode_column *column = decoder->columns_plain;
    const struct decode_column *end = column + decoder->column_plain_count;
    unsigned other = 0;
    size_t longest = 0;
    for (; column < end; column++) {
        const struct decode_field *field = &fields[column->field];
        size_t string = -(size_t)(field->kind & FIELD_STRING);
        size_t size = field->size & string;
        // The word null is a missing field with bytes.
        values[column->column].string =
            (struct text){(const char *)((uintptr_t)field->bytes & string), size};
        other |= kind_of(field);
        longest |= size;
    }
    return (other & ~PLAIN) == 0 && longest <= EVENT_VALUE_SIZE_MAX;
}

/// Of what is refused nothing is counted here.
static bool take_revenue(struct decoder *decoder)
{
    struct decode_notes notes = decoder->notes;
    if (decode_revenue(decoder) == REJECT_NONE) {
        return true;
    }
    decoder->notes = notes;
    return false;
}

static inline bool has_amount(const struct decoder *decoder)
{
    return decoder->amount_field != FIELD_NONE &&
           decoder->fields[decoder->amount_field].kind != FIELD_MISSING;
}

static inline void clear_rest(struct decoder *decoder)
{
    decoder->event.future = decoder->event.time_us > decoder->mapping->max_time_us;
    decoder->values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    decoder->values[COLUMN_SEQUENCE].integer = 0;
    decoder->values[COLUMN_ID_HASH].integer = COLUMN_INTEGER_MISSING;
    decoder->values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    decoder->values[COLUMN_CURRENCY].string = TEXT_MISSING;
}

bool decode_simple_line(struct decoder *decoder)
{
    if (has_amount(decoder) || !take_system_fields(decoder) || !take_columns(decoder)) {
        return false;
    }
    clear_rest(decoder);
    return true;
}

bool decode_simple(struct decoder *decoder)
{
    if (!take_system_fields(decoder) || !take_columns(decoder)) {
        return false;
    }
    clear_rest(decoder);
    return !has_amount(decoder) || take_revenue(decoder);
}

bool decode_known_event(struct decoder *decoder, struct text line, const struct decode_sink *sink,
                        struct decode_tally *tally)
{
    if (__builtin_expect(decoder->simple_lines && decode_simple_line(decoder), 1)) {
        sink->event(sink->context, &decoder->event);
        tally->events++;
        tally->messages++;
        return true;
    }
    decode_begin_line(decoder, line);
    return decode_line_event(decoder, sink, tally);
}
