// SPDX-License-Identifier: Apache-2.0
// Apart from mapping.c, so that a program that only decodes does not link the store.
#include "ingest/decode/mapping.h"

#include "storage/base/invariant.h"
#include "storage/storage.h"

enum corong_status mapping_bind(struct mapping *mapping, struct store *store,
                                struct corong_error *error)
{
    ASSERT(!mapping->bound);
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        struct mapping_attribute *attribute = &mapping->attributes[index];
        TRY_IN(
            store_add_attribute(store, attribute->name, attribute->type, &attribute->column, error),
            error, "mapping: attribute '%.*s'", (int)attribute->name.size, attribute->name.bytes);
    }
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        if (mapping_has_link(mapping, (enum column_link)kind)) {
            TRY_IN(store_add_attribute(store, column_link_names[kind], COLUMN_STRING,
                                       &mapping->link_columns[kind], error),
                   error, "mapping: links");
        }
    }
    mapping->bound = true;
    return CORONG_OK;
}
