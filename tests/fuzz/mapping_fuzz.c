// SPDX-License-Identifier: Apache-2.0
/// Any YAML as a mapping: it is refused with a message, or its description reads back to itself.
#include "storage/base/invariant.h"
#include "tests/support/decode_harness.h"

static bool parses_as_yaml(const char *text, size_t size)
{
    yaml_parser_t parser;
    yaml_document_t document;
    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    bool loaded = yaml_parser_load(&parser, &document) != 0;
    bool rooted = loaded && yaml_document_get_root_node(&document) != NULL;
    if (loaded) {
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return rooted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text_buffer text = {0};
    text_buffer_append(&text, data, size);
    struct decode_harness harness = {0};
    if (memchr(data, 0, size) == NULL && parses_as_yaml(text.bytes, size)) {
        if (decode_harness_parse(&harness, text.bytes) == CORONG_OK) {
            struct text_buffer first = {0};
            struct text_buffer second = {0};
            mapping_describe(harness.mapping, &first);
            struct decode_harness again;
            ASSERT(decode_harness_parse(&again, first.bytes) == CORONG_OK);
            mapping_describe(again.mapping, &second);
            ASSERT(strcmp(first.bytes, second.bytes) == 0);
            decode_harness_close(&again);
            text_buffer_deinit(&first);
            text_buffer_deinit(&second);
        } else {
            ASSERT(harness.error.message[0] != '\0');
        }
        decode_harness_close(&harness);
    }
    text_buffer_deinit(&text);
    return 0;
}
