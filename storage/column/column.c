// SPDX-License-Identifier: Apache-2.0
#include "storage/column/column.h"

#include <string.h>

#define NAME_SIZE_MAX 1024u

static const struct {
    const char *name;
    enum column_type type;
} SYSTEM_COLUMNS[COLUMN_SYSTEM_COUNT] = {
    [COLUMN_TIME] = {"time", COLUMN_INTEGER},         [COLUMN_NAME] = {"event", COLUMN_STRING},
    [COLUMN_SEQUENCE] = {"seq", COLUMN_INTEGER},      [COLUMN_ID_HASH] = {"id", COLUMN_INTEGER},
    [COLUMN_RECEIVED] = {"received", COLUMN_INTEGER}, [COLUMN_AMOUNT] = {"revenue", COLUMN_INTEGER},
    [COLUMN_CURRENCY] = {"currency", COLUMN_STRING},
};

const struct text column_link_names[COLUMN_LINK_COUNT] = {
    [COLUMN_LINK_ANONYMOUS] = {"$anonymous", 10},
    [COLUMN_LINK_PREVIOUS] = {"$previous", 9},
    [COLUMN_LINK_ALIAS] = {"$alias", 6},
};

void schema_init(struct schema *schema, struct arena *arena)
{
    schema->columns = arena_allocate(arena, COLUMN_SYSTEM_COUNT * sizeof(*schema->columns));
    schema->column_count = COLUMN_SYSTEM_COUNT;
    for (uint32_t index = 0; index < COLUMN_SYSTEM_COUNT; index++) {
        schema->columns[index].name = text_from(SYSTEM_COLUMNS[index].name);
        schema->columns[index].type = SYSTEM_COLUMNS[index].type;
    }
}

int32_t schema_find(const struct schema *schema, struct text name)
{
    for (uint32_t index = 0; index < schema->column_count; index++) {
        if (text_equal(schema->columns[index].name, name)) {
            return (int32_t)index;
        }
    }
    return -1;
}

bool schema_has_links(const struct schema *schema)
{
    bool found = false;
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        found = found || schema_find(schema, column_link_names[kind]) >= 0;
    }
    return found;
}

// 0x00 ends a name in the canonical row and 0xff ends the row, so neither may occur in one.
static enum corong_status check_name(struct text name, struct corong_error *error)
{
    if (name.size == 0 || name.size > NAME_SIZE_MAX) {
        return error_set(error, CORONG_INVALID, "attribute name of %zu bytes; allowed are 1 to %u",
                         name.size, NAME_SIZE_MAX);
    }
    if (memchr(name.bytes, 0x00, name.size) != NULL ||
        memchr(name.bytes, 0xff, name.size) != NULL) {
        return error_set(error, CORONG_INVALID, "attribute name holds a byte 0x00 or 0xff");
    }
    return CORONG_OK;
}

static enum corong_status check_known(const struct schema_column *known, uint32_t index,
                                      enum column_type type, struct corong_error *error)
{
    if (index < COLUMN_SYSTEM_COUNT) {
        return error_set(error, CORONG_INVALID,
                         "attribute '%.*s' has the name of a system column; give it another",
                         (int)known->name.size, known->name.bytes);
    }
    if (known->type != type) {
        return error_set(error, CORONG_INVALID, "attribute '%.*s' is of type %s, not %s",
                         (int)known->name.size, known->name.bytes, column_type_name(known->type),
                         column_type_name(type));
    }
    return CORONG_OK;
}

// The array is copied, never grown in place: copies of the struct made before stay as they were.
static void append_column(struct schema *schema, struct arena *arena, struct text name,
                          enum column_type type)
{
    uint32_t count = schema->column_count;
    struct schema_column *columns = arena_allocate(arena, (count + 1) * sizeof(*columns));
    memcpy(columns, schema->columns, count * sizeof(*columns));
    columns[count].name = arena_copy_text(arena, name);
    columns[count].type = type;
    schema->columns = columns;
    schema->column_count = count + 1;
}

enum corong_status schema_add(struct schema *schema, struct arena *arena, struct text name,
                              enum column_type type, uint32_t *index_out,
                              struct corong_error *error)
{
    TRY(check_name(name, error));
    int32_t found = schema_find(schema, name);
    if (found >= 0) {
        TRY(check_known(&schema->columns[found], (uint32_t)found, type, error));
        *index_out = (uint32_t)found;
        return CORONG_OK;
    }
    if (schema->column_count >= SCHEMA_COLUMN_COUNT_MAX) {
        return error_set(error, CORONG_INVALID,
                         "attribute '%.*s' is one too many; a store has at most %d attributes",
                         (int)name.size, name.bytes, SCHEMA_ATTRIBUTE_COUNT_MAX);
    }
    *index_out = schema->column_count;
    append_column(schema, arena, name, type);
    return CORONG_OK;
}

struct text schema_nearest(const struct schema *schema, struct text name)
{
    struct text nearest = TEXT_MISSING;
    size_t best = name.size / 3 + 2; // further away is no help
    for (uint32_t index = 0; index < schema->column_count; index++) {
        size_t distance = text_distance(schema->columns[index].name, name);
        if (distance < best) {
            best = distance;
            nearest = schema->columns[index].name;
        }
    }
    return nearest;
}

const char *column_type_name(enum column_type type)
{
    switch (type) {
    case COLUMN_STRING:
        return "string";
    case COLUMN_INTEGER:
        return "integer";
    case COLUMN_NUMBER:
        return "number";
    case COLUMN_BOOLEAN:
        return "boolean";
    }
    return "unknown";
}

uint32_t dictionary_find(const struct dictionary *dictionary, struct text text)
{
    uint32_t low = 0;
    uint32_t high = dictionary->count;
    if (text.bytes == NULL) {
        return COLUMN_CODE_MISSING;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = text_compare(dictionary_text(dictionary, middle), text);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return COLUMN_CODE_MISSING;
}
