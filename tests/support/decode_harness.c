// SPDX-License-Identifier: Apache-2.0
#include "tests/support/decode_harness.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <stdio.h>

static void append_value(struct decode_harness *harness, uint32_t column,
                         const union canonical_value *value)
{
    const struct schema_column *known = &harness->schema.columns[column];
    bool number = known->type == COLUMN_NUMBER;
    bool missing = known->type == COLUMN_STRING ? value->string.bytes == NULL
                   : number ? value->integer == (int64_t)COLUMN_NUMBER_MISSING_BITS
                            : value->integer == COLUMN_INTEGER_MISSING;
    if (missing || (column == COLUMN_SEQUENCE && value->integer == 0)) {
        return;
    }
    text_buffer_printf(&harness->lines, " %.*s=", (int)known->name.size, known->name.bytes);
    if (known->type == COLUMN_STRING) {
        text_buffer_append_text(&harness->lines, value->string);
    } else if (number) {
        double double_value;
        memcpy(&double_value, &value->integer, sizeof(double_value));
        text_buffer_printf(&harness->lines, "%.17g", double_value);
    } else {
        text_buffer_printf(&harness->lines, "%" PRId64, value->integer);
    }
}

static void take_event(void *context, const struct event *event)
{
    static const char *const namespaces[] = {"known", "anonymous", "account"};
    struct decode_harness *harness = context;
    harness->event_count++;
    struct text name = event->values[COLUMN_NAME].string;
    text_buffer_printf(&harness->lines, "%s ", namespaces[event->user_namespace]);
    text_buffer_append_text(&harness->lines, event->user_id);
    text_buffer_append_string(&harness->lines, " ");
    text_buffer_append_text(&harness->lines, name);
    text_buffer_printf(&harness->lines, " %" PRId64 "%s", event->time_us,
                       event->future ? " future" : "");
    for (uint32_t column = COLUMN_SEQUENCE; column < harness->schema.column_count; column++) {
        append_value(harness, column, &event->values[column]);
    }
    text_buffer_append_string(&harness->lines, "\n");
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    struct decode_harness *harness = context;
    harness->rejected_events++;
    harness->event_reason = reason;
    text_buffer_printf(&harness->lines, "reject %d %s: %s\n", (int)event_index,
                       reject_reason_name(reason), detail);
}

/// The mapping alone, or that of a whole configuration.
static yaml_node_t *mapping_node(yaml_document_t *document)
{
    yaml_node_t *root = yaml_document_get_root_node(document);
    yaml_node_pair_t *pair = root->data.mapping.pairs.start;
    for (; root->type == YAML_MAPPING_NODE && pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (strcmp((const char *)key->data.scalar.value, "mapping") == 0) {
            return yaml_document_get_node(document, pair->value);
        }
    }
    return root;
}

enum corong_status decode_harness_parse(struct decode_harness *harness, const char *yaml)
{
    *harness = (struct decode_harness){0};
    yaml_parser_t parser;
    yaml_document_t document;
    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, strlen(yaml));
    ASSERT(yaml_parser_load(&parser, &document));
    yaml_parser_delete(&parser);
    enum corong_status status =
        mapping_parse(&harness->mapping, &harness->arena, &document, mapping_node(&document),
                      "test.yaml", &harness->error);
    yaml_document_delete(&document);
    return status;
}

void decode_harness_open(struct decode_harness *harness, const char *yaml)
{
    if (decode_harness_parse(harness, yaml) != CORONG_OK) {
        fprintf(stderr, "%s\n", harness->error.message);
        ASSERT(false);
    }
    schema_init(&harness->schema, &harness->arena);
    ASSERT(mapping_bind_schema(harness->mapping, &harness->schema, &harness->arena,
                               &harness->error) == CORONG_OK);
    harness->decoder = decoder_create(harness->mapping, &harness->schema);
}

void decode_harness_close(struct decode_harness *harness)
{
    decoder_destroy(harness->decoder);
    text_buffer_deinit(&harness->lines);
    arena_deinit(&harness->arena);
}

void decode_harness_feed(struct decode_harness *harness, struct text message)
{
    struct decode_sink sink = {harness, take_event, take_reject};
    char *copy = memory_allocate(message.size);
    if (message.size > 0) {
        memcpy(copy, message.bytes, message.size);
    }
    decode_message_with(harness->decoder, (struct text){copy, message.size}, harness->metadata,
                        &sink, &harness->outcome);
    memory_free(copy);
}

const char *decode_harness_lines(struct decode_harness *harness, const char *message)
{
    text_buffer_reset(&harness->lines);
    decode_harness_feed(harness, text_from(message));
    return harness->lines.bytes == NULL ? "" : harness->lines.bytes;
}
