// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init_check.h"

#include "ingest/decode/decode.h"
#include "storage/storage.h"
#include "tools/config/config.h"

#include <stdio.h>
#include <stdlib.h>

bool init_check_line(struct text *rest, struct text *line_out)
{
    if (rest->size == 0) {
        return false;
    }
    const char *stop = memchr(rest->bytes, '\n', rest->size);
    size_t size = stop == NULL ? rest->size : (size_t)(stop - rest->bytes);
    size_t taken = stop == NULL ? size : size + 1;
    *line_out = (struct text){rest->bytes, size};
    *rest = (struct text){rest->bytes + taken, rest->size - taken};
    return true;
}

static void count_name(struct init_tally *tally, struct text name)
{
    for (uint32_t index = 0; index < tally->name_count; index++) {
        if (text_equal(tally->names[index].name, name)) {
            tally->names[index].count++;
            return;
        }
    }
    if (tally->name_count < INIT_NAME_COUNT_MAX) {
        tally->names[tally->name_count++] =
            (struct init_name){arena_copy_text(tally->arena, name), 1};
    }
}

static void take_event(void *context, const struct event *event)
{
    struct init_tally *tally = context;
    tally->first_us = tally->outcome.events == 0 || event->time_us < tally->first_us
                          ? event->time_us
                          : tally->first_us;
    tally->last_us = tally->outcome.events == 0 || event->time_us > tally->last_us ? event->time_us
                                                                                   : tally->last_us;
    tally->outcome.events++;
    tally->known += event->user_namespace == USER_NAMESPACE_KNOWN;
    tally->with_id += event->values[COLUMN_ID_HASH].integer != COLUMN_INTEGER_MISSING;
    tally->with_amount += event->values[COLUMN_AMOUNT].integer != COLUMN_INTEGER_MISSING;
    count_name(tally, event->values[COLUMN_NAME].string);
}

static void note_reason(struct init_tally *tally, enum reject_reason reason, const char *detail)
{
    tally->outcome.rejected++;
    if (tally->outcome.reason[0] == '\0') {
        snprintf(tally->outcome.reason, sizeof(tally->outcome.reason), "%s, %s",
                 reject_reason_name(reason), detail);
    }
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    (void)event_index;
    note_reason(context, reason, detail);
}

static int by_count(const void *left, const void *right)
{
    const struct init_name *a = left;
    const struct init_name *b = right;
    return a->count != b->count ? (a->count < b->count) - (a->count > b->count)
                                : text_compare(a->name, b->name);
}

static void feed(struct init_tally *tally, struct decoder *decoder, struct text sample,
                 bool from_kafka)
{
    const struct metadata metadata = {
        .key = TEXT_LITERAL("?"), .timestamp_us = 0, .partition = METADATA_NO_PARTITION};
    const struct decode_sink sink = {tally, take_event, take_reject};
    struct decode_outcome outcome;
    struct text line;
    decoder_begin_file(decoder);
    for (uint32_t count = 0; count < INIT_LINE_COUNT_MAX && init_check_line(&sample, &line);
         count++) {
        decode_message_with(decoder, line, from_kafka ? &metadata : NULL, &sink, &outcome);
        tally->outcome.messages += !outcome.blank;
        if (outcome.reason != REJECT_NONE) {
            note_reason(tally, outcome.reason, outcome.detail);
        }
    }
}

enum corong_status init_check(struct init_tally *tally, struct text sample, struct text mapping,
                              bool from_kafka, struct arena *arena, struct corong_error *error)
{
    struct mapping *parsed;
    struct schema schema;
    *tally = (struct init_tally){.arena = arena};
    TRY(config_parse_mapping(&parsed, arena, "the proposed mapping", mapping, error));
    schema_init(&schema, arena);
    TRY(mapping_bind_schema(parsed, &schema, arena, error));
    struct decoder *decoder = decoder_create(parsed, &schema);
    feed(tally, decoder, sample, from_kafka);
    decoder_destroy(decoder);
    qsort(tally->names, tally->name_count, sizeof(tally->names[0]), by_count);
    return CORONG_OK;
}
