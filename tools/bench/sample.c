// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/sample.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tools/config/config.h"

#include <math.h>
#include <string.h>

#define AMOUNT_ONE 10000.0
#define NUMBER_MOST 9e13 ///< numbers beyond it are cut off: they would not fit into 1/10000 · 1/256

static uint64_t hash_text(struct text text)
{
    return text.bytes == NULL ? 0 : hash_bytes64(text.bytes, text.size);
}

static void take_schema(struct sample *sample, const struct schema *schema)
{
    sample->schema = schema;
    for (uint32_t column = COLUMN_SYSTEM_COUNT;
         column < schema->column_count && sample->attribute_count < CROWD_ATTRIBUTE_COUNT_MAX;
         column++) {
        sample->columns[sample->attribute_count++] = column;
    }
    sample->sizes = memory_allocate_zeroed(CROWD_ATTRIBUTE_COUNT_MAX, sizeof(*sample->sizes));
}

static bool make_room(struct sample *sample)
{
    uint64_t row_bytes =
        sizeof(struct sample_row) + sample->attribute_count * sizeof(sample->values[0]);
    if (sample->count < sample->capacity) {
        return true;
    }
    if ((uint64_t)sample->count * 2 * row_bytes > SAMPLE_BYTES_MAX) {
        sample->full = true;
        return false;
    }
    sample->capacity = sample->capacity == 0 ? 4096 : sample->capacity * 2;
    sample->rows = memory_resize_array(sample->rows, sample->capacity, sizeof(*sample->rows));
    sample->values = memory_resize_array(sample->values,
                                         (size_t)sample->capacity * (sample->attribute_count + 1),
                                         sizeof(*sample->values));
    return true;
}

/// Names beyond the most that are kept apart are one.
static uint32_t name_number(struct sample *sample, struct text name)
{
    for (uint32_t index = 0; index < sample->name_count; index++) {
        if (text_equal(sample->names[index], name)) {
            return index;
        }
    }
    if (sample->name_count == SAMPLE_NAME_COUNT_MAX) {
        return SAMPLE_NAME_COUNT_MAX - 1;
    }
    sample->names[sample->name_count] = arena_copy_text(&sample->arena, name);
    return sample->name_count++;
}

static int64_t scaled(double number)
{
    number = number > NUMBER_MOST ? NUMBER_MOST : number < -NUMBER_MOST ? -NUMBER_MOST : number;
    return (int64_t)llround(number * AMOUNT_ONE);
}

static int64_t value_of(const union canonical_value *value, enum column_type type, uint64_t *size)
{
    if (type == COLUMN_STRING) {
        if (value->string.bytes == NULL) {
            return SAMPLE_MISSING;
        }
        *size += value->string.size;
        int64_t hash = (int64_t)hash_text(value->string);
        return hash == SAMPLE_MISSING ? 0 : hash;
    }
    if (type == COLUMN_NUMBER) {
        double number;
        memcpy(&number, &value->integer, sizeof(number));
        bool missing = (uint64_t)value->integer == COLUMN_NUMBER_MISSING_BITS;
        return missing ? SAMPLE_MISSING : scaled(number);
    }
    return value->integer == COLUMN_INTEGER_MISSING ? SAMPLE_MISSING
                                                    : scaled((double)value->integer);
}

static void take_event(void *context, const struct event *event)
{
    struct sample *sample = context;
    if (!make_room(sample)) {
        return;
    }
    const union canonical_value *values = event->values;
    uint32_t number = sample->count++;
    int64_t *kept = sample->values + (size_t)number * sample->attribute_count;
    uint64_t identity = crowd_mix((uint64_t)event->time_us ^ hash_text(event->user_id));
    for (uint32_t index = 0; index < sample->attribute_count; index++) {
        uint32_t column = sample->columns[index];
        kept[index] =
            value_of(&values[column], sample->schema->columns[column].type, &sample->sizes[index]);
        identity = crowd_mix(identity ^ (uint64_t)kept[index]);
    }
    bool has_id = values[COLUMN_ID_HASH].integer != COLUMN_INTEGER_MISSING;
    identity = crowd_mix(identity ^ hash_text(values[COLUMN_NAME].string));
    sample->has_ids |= has_id;
    sample->has_fractions |= event->time_us % MICROSECONDS_PER_SECOND != 0;
    sample->user_bytes += event->user_id.size;
    if (sample->currency.bytes == NULL && values[COLUMN_CURRENCY].string.bytes != NULL) {
        sample->currency = arena_copy_text(&sample->arena, values[COLUMN_CURRENCY].string);
    }
    sample->rows[number] = (struct sample_row){
        .user = crowd_mix(hash_text(event->user_id) + event->user_namespace),
        .time_us = event->time_us,
        .identity =
            has_id ? crowd_mix(crowd_mix((uint64_t)event->time_us) ^ hash_text(event->user_id) ^
                               (uint64_t)values[COLUMN_ID_HASH].integer)
                   : identity,
        .amount = values[COLUMN_AMOUNT].integer == COLUMN_INTEGER_MISSING
                      ? SAMPLE_MISSING
                      : values[COLUMN_AMOUNT].integer,
        .name = name_number(sample, values[COLUMN_NAME].string),
        .arrival = number,
    };
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    struct sample *sample = context;
    (void)event_index;
    (void)reason;
    (void)detail;
    sample->rejected++;
}

enum corong_status sample_read(struct sample *sample, struct recording *recording,
                               const struct pump_stop *stop, struct corong_error *error)
{
    struct corong_error failure = {0};
    struct decode_sink sink = {sample, take_event, take_reject};
    struct text message;
    take_schema(sample, &recording->schema);
    while (!sample->full && recording_next(recording, &sink, &message, &failure)) {
        if (pump_stop_asked(stop)) {
            return error_set(error, CORONG_CANCELLED, "interrupted");
        }
    }
    if (failure.status != CORONG_OK) {
        *error = failure;
        return failure.status;
    }
    sample->lines = recording->messages;
    sample->bytes = recording->bytes;
    sample->rejected += recording->rejected;
    return sample->count > 1 ? CORONG_OK
                             : error_set(error, CORONG_INVALID,
                                         "%u events in the sample (%llu messages, %llu rejected): "
                                         "nothing can be learned from them; is it the right "
                                         "--mapping?",
                                         sample->count, (unsigned long long)sample->lines,
                                         (unsigned long long)sample->rejected);
}

static void decode_crowd(struct sample *sample, const struct mapping *mapping,
                         const struct schema *schema, const struct crowd_shape *shape)
{
    struct decoder *decoder = decoder_create(mapping, schema);
    struct crowd *crowd = crowd_create(shape);
    struct text_buffer line = {0};
    struct crowd_event event;
    struct decode_sink sink = {sample, take_event, take_reject};
    while (!sample->full && crowd_next(crowd, &event)) {
        struct decode_outcome outcome;
        text_buffer_reset(&line);
        crowd_format(crowd, &event, &line);
        decode_message(decoder, (struct text){line.bytes, line.size - 1}, &sink, &outcome);
        sample->rejected += outcome.reason != REJECT_NONE;
        sample->bytes += line.size;
        sample->lines++;
    }
    text_buffer_deinit(&line);
    crowd_destroy(crowd);
    decoder_destroy(decoder);
}

enum corong_status sample_generate(struct sample *sample, const struct crowd_shape *shape,
                                   struct corong_error *error)
{
    struct mapping *mapping;
    struct text_buffer words = {0};
    struct schema *schema = arena_allocate(&sample->arena, sizeof(*schema));
    crowd_shape_mapping(shape, &words);
    enum corong_status status =
        config_parse_mapping(&mapping, &sample->arena, "the generated mapping",
                             (struct text){words.bytes, words.size}, error);
    text_buffer_deinit(&words);
    TRY(status);
    schema_init(schema, &sample->arena);
    TRY(mapping_bind_schema(mapping, schema, &sample->arena, error));
    take_schema(sample, schema);
    decode_crowd(sample, mapping, schema, shape);
    return CORONG_OK;
}

void sample_deinit(struct sample *sample)
{
    memory_free(sample->rows);
    memory_free(sample->values);
    memory_free(sample->sizes);
    arena_deinit(&sample->arena);
    *sample = (struct sample){0};
}
