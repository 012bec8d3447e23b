// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"

#include <string.h>

#define PARAMETER_PREFIX TEXT_LITERAL("query.")

/// What a W3C extended log calls what other logs call otherwise.
static const struct {
    const char *w3c;
    const char *name;
} log_names[] = {{"c-ip", "ip"},
                 {"cs-username", "user"},
                 {"cs-method", "method"},
                 {"cs-uri-stem", "path"},
                 {"cs-uri-query", "query"},
                 {"cs-uri", "request"},
                 {"cs-version", "protocol"},
                 {"cs-protocol-version", "protocol"},
                 {"sc-status", "status"},
                 {"sc-bytes", "bytes"},
                 {"cs(Referer)", "referrer"},
                 {"cs(User-Agent)", "agent"},
                 {"cs-host", "host"},
                 {"x-host-header", "host"},
                 {"x-edge-request-id", "request_id"}};

struct text mapping_log_name(struct text name)
{
    for (size_t index = 0; index < sizeof(log_names) / sizeof(log_names[0]); index++) {
        if (text_equal(name, text_from(log_names[index].w3c))) {
            return text_from(log_names[index].name);
        }
    }
    return name;
}

/// "query.page": a parameter.
static bool is_parameter(struct text name, struct text *key_out)
{
    if (name.size <= PARAMETER_PREFIX.size ||
        memcmp(name.bytes, PARAMETER_PREFIX.bytes, PARAMETER_PREFIX.size) != 0) {
        return false;
    }
    *key_out = (struct text){name.bytes + PARAMETER_PREFIX.size, name.size - PARAMETER_PREFIX.size};
    return true;
}

void mapping_log_compile(struct mapping *mapping, struct arena *arena)
{
    // "query" itself is a field wherever one of its parameters is.
    uint16_t named = mapping->row_field_count;
    mapping->parameters = arena_allocate_zeroed(arena, named + 1u, sizeof(*mapping->parameters));
    bool has_query = false;
    for (uint16_t field = 0; field < named; field++) {
        struct text key;
        has_query |= text_equal(mapping->column_names[field], TEXT_LITERAL("query"));
        if (is_parameter(mapping->column_names[field], &key)) {
            mapping->parameters[mapping->parameter_count++] =
                (struct mapping_parameter){key, field};
        }
    }
    if (mapping->parameter_count > 0 && !has_query) {
        mapping->column_names[mapping->field_count++] = TEXT_LITERAL("query");
        mapping->row_field_count = mapping->field_count;
    }
}
