// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"

#include "storage/base/hash.h"

const char *const combined_field_names[COMBINED_FIELD_COUNT + 1] = {
    "ip",       "ident",  "authuser", "time",     "method", "path", "query",
    "protocol", "status", "bytes",    "referrer", "agent",  NULL};

enum mapping_format mapping_format(const struct mapping *mapping)
{
    return mapping->format;
}

bool mapping_has_header(const struct mapping *mapping)
{
    return (mapping->format == MAPPING_CSV || mapping->format == MAPPING_TSV) &&
           mapping->column_count == 0;
}

bool mapping_has_links(const struct mapping *mapping)
{
    return mapping->link_count > 0;
}

struct text mapping_rename(const struct mapping *mapping, struct text name)
{
    if (mapping->rename_count == 0) {
        return name;
    }
    uint32_t slot = (uint32_t)hash_bytes64(name.bytes, name.size) & mapping->rename_mask;
    for (; mapping->rename_table[slot].from.bytes != NULL;
         slot = (slot + 1) & mapping->rename_mask) {
        if (text_equal(mapping->rename_table[slot].from, name)) {
            return mapping->rename_table[slot].to;
        }
    }
    return name;
}

bool mapping_has_link(const struct mapping *mapping, enum column_link kind)
{
    // Any linked id may turn out to be an anonymous one by its prefix.
    bool found = kind == COLUMN_LINK_ANONYMOUS && mapping->link_count > 0 &&
                 mapping->anonymous_prefix.size > 0;
    for (uint32_t index = 0; index < mapping->link_count; index++) {
        found = found || mapping->links[index].ids[kind].kind != FROM_NOWHERE;
    }
    return found;
}

void mapping_each_source(struct mapping *mapping,
                         void (*visit)(void *context, struct mapping_source *source), void *context)
{
    visit(context, &mapping->user);
    visit(context, &mapping->anonymous);
    visit(context, &mapping->time);
    visit(context, &mapping->received);
    visit(context, &mapping->sequence);
    visit(context, &mapping->name);
    visit(context, &mapping->event_id);
    visit(context, &mapping->amount);
    visit(context, &mapping->currency);
    visit(context, &mapping->skip_where_missing);
    for (uint32_t index = 0; index < mapping->link_count; index++) {
        visit(context, &mapping->links[index].known);
        for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
            visit(context, &mapping->links[index].ids[kind]);
        }
    }
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        visit(context, &mapping->attributes[index].source);
    }
}
