// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"
#include "ingest/decode/mapping_links.h"
#include "ingest/decode/mapping_yaml.h"

#include "engine/event/event.h"
#include "storage/base/invariant.h"

#include <stdio.h>

#define ATTRIBUTE_NAME_SIZE_MAX 128u
#define RENAME_COUNT_MAX 65536u
#define UNROLL_COUNT_MAX 8u

static const char *const format_words[] = {"json", "csv", "tsv", "combined", "log", NULL};
static const char *const packed_words[] = {"auto", "lines", "no", NULL};
static const char *const unit_words[] = {"auto", "s", "ms", "us", "ns", "iso", NULL};
static const char *const type_words[] = {"string", "integer", "number", "boolean", NULL};

static enum corong_status add_path(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                   const char *what, struct mapping_source *source)
{
    struct mapping_path *path = &source->paths[source->path_count++];
    *path = (struct mapping_path){.file = yaml->file,
                                  .line = node->start_mark.line + 1,
                                  .column = node->start_mark.column + 1};
    return mapping_yaml_string(yaml, node, what, &path->text);
}

/// One path or a list of alternatives.
static enum corong_status parse_paths(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                      const char *what, struct mapping_source *source)
{
    source->kind = FROM_PATHS;
    if (node->type == YAML_SCALAR_NODE) {
        source->paths = arena_allocate_zeroed(yaml->arena, 1, sizeof(*source->paths));
        return add_path(yaml, node, what, source);
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return mapping_yaml_error(yaml, node, "%s: a path or a list of paths was expected", what);
    }
    const yaml_node_item_t *item = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - item);
    if (count == 0 || count > FIELD_COUNT_MAX) {
        return mapping_yaml_error(yaml, node, "%s: a list of 1 to %u paths was expected", what,
                                  FIELD_COUNT_MAX);
    }
    source->paths = arena_allocate_zeroed(yaml->arena, count, sizeof(*source->paths));
    for (; item < node->data.sequence.items.top; item++) {
        TRY(add_path(yaml, mapping_yaml_node(yaml, *item), what, source));
    }
    return CORONG_OK;
}

/// {path: paths, missing: [words]}.
static enum corong_status parse_path_and_missing(const struct mapping_yaml *yaml,
                                                 const yaml_node_t *node, const char *what,
                                                 struct mapping_source *source)
{
    const yaml_node_t *path = mapping_yaml_find(yaml, node, "path");
    const yaml_node_t *missing = mapping_yaml_find(yaml, node, "missing");
    if (path == NULL) {
        return mapping_yaml_error(yaml, node, "%s: 'join' or 'path' was expected", what);
    }
    TRY(parse_paths(yaml, path, what, source));
    return missing == NULL ? CORONG_OK
                           : mapping_yaml_texts(yaml, missing, "missing", &source->absent,
                                                &source->absent_count);
}

enum corong_status mapping_parse_source(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                        const char *what, enum mapping_form form,
                                        struct mapping_source *source)
{
    static const char *const words[][4] = {
        {NULL}, {"const", "path", NULL}, {"join", "path", "missing", NULL}};
    *source = (struct mapping_source){.kind = FROM_NOWHERE};
    if (mapping_yaml_is_null(node)) {
        return CORONG_OK;
    }
    if (node->type != YAML_MAPPING_NODE || form == FORM_PATHS) {
        return parse_paths(yaml, node, what, source);
    }
    TRY(mapping_yaml_keys(yaml, node, what, words[form]));
    const yaml_node_t *inner = mapping_yaml_find(yaml, node, words[form][0]);
    if (inner == NULL && form == FORM_JOIN) {
        return parse_path_and_missing(yaml, node, what, source);
    }
    if (inner == NULL) {
        return mapping_yaml_error(yaml, node, "%s: '%s' was expected", what, words[form][0]);
    }
    if (form == FORM_CONSTANT) {
        const yaml_node_t *path = mapping_yaml_find(yaml, node, "path");
        TRY(path == NULL ? CORONG_OK : parse_paths(yaml, path, what, source));
        source->kind = path == NULL ? FROM_CONSTANT : FROM_PATHS;
        return mapping_yaml_string(yaml, inner, what, &source->constant);
    }
    TRY(parse_paths(yaml, inner, what, source));
    source->kind = FROM_JOIN;
    return CORONG_OK;
}

static enum corong_status parse_time(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                     const char *what, struct mapping_source *source,
                                     struct timestamp_rule *rule)
{
    static const char *const words[] = {"path", "join", "unit", "zone", NULL};
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_parse_source(yaml, node, what, FORM_PATHS, source);
    }
    TRY(mapping_yaml_keys(yaml, node, what, words));
    const yaml_node_t *path = mapping_yaml_find(yaml, node, "path");
    const yaml_node_t *join = mapping_yaml_find(yaml, node, "join");
    const yaml_node_t *unit = mapping_yaml_find(yaml, node, "unit");
    const yaml_node_t *zone = mapping_yaml_find(yaml, node, "zone");
    if (path != NULL) {
        TRY(mapping_parse_source(yaml, path, what, FORM_PATHS, source));
    }
    if (join != NULL) {
        TRY(path == NULL ? CORONG_OK
                         : mapping_yaml_error(yaml, join, "%s: 'path' or 'join', not both", what));
        TRY(mapping_parse_source(yaml, join, what, FORM_PATHS, source));
        source->kind = FROM_JOIN;
    }
    uint32_t unit_index = (uint32_t)rule->unit;
    if (unit != NULL) {
        TRY(mapping_yaml_word(yaml, unit, "unit", unit_words, &unit_index));
        rule->unit = (enum timestamp_unit)unit_index;
    }
    if (zone != NULL) {
        struct text name = TEXT_MISSING;
        TRY(mapping_yaml_string(yaml, zone, "zone", &name));
        if (zone_load(&rule->zone, yaml->arena, name, yaml->error) != CORONG_OK) {
            struct corong_error *error = yaml->error;
            error_prepend(error, "%s:%zu:%zu", yaml->file, zone->start_mark.line + 1,
                          zone->start_mark.column + 1);
            return CORONG_INVALID;
        }
    }
    return CORONG_OK;
}

static enum corong_status parse_max_time(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                         struct mapping *mapping)
{
    mapping->max_time_us = MAPPING_NO_MAX_TIME;
    if (mapping_yaml_is_null(node)) {
        return CORONG_OK;
    }
    struct timestamp_rule rule = {TIMESTAMP_AUTO, mapping->time_rule.zone};
    bool floored;
    struct text text = TEXT_MISSING;
    TRY(mapping_yaml_string(yaml, node, "max_time", &text));
    if (timestamp_parse(&rule, text, &mapping->max_time_us, &floored) != REJECT_NONE) {
        return mapping_yaml_error(
            yaml, node, "max_time '%.*s': a time such as 2026-11-22T00:00:00Z was expected",
            (int)(text.size > 64 ? 64 : text.size), text.bytes);
    }
    return CORONG_OK;
}

static enum corong_status parse_revenue(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                        struct mapping *mapping)
{
    static const char *const words[] = {"amount", "currency", "events", NULL};
    if (mapping_yaml_is_null(node)) {
        mapping->amount = mapping->currency = (struct mapping_source){.kind = FROM_NOWHERE};
        mapping->amount_name_count = 0;
        return CORONG_OK;
    }
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_yaml_error(
            yaml, node,
            "revenue: {amount: PATH, currency: PATH, events: [NAME, ...]} was "
            "expected");
    }
    TRY(mapping_yaml_keys(yaml, node, "key of 'revenue'", words));
    const yaml_node_t *amount = mapping_yaml_find(yaml, node, "amount");
    const yaml_node_t *currency = mapping_yaml_find(yaml, node, "currency");
    if (amount != NULL) {
        TRY(mapping_parse_source(yaml, amount, "amount", FORM_PATHS, &mapping->amount));
    }
    if (currency != NULL) {
        TRY(mapping_parse_source(yaml, currency, "currency", FORM_CONSTANT, &mapping->currency));
    }
    const yaml_node_t *events = mapping_yaml_find(yaml, node, "events");
    return events == NULL ? CORONG_OK
                          : mapping_yaml_texts(yaml, events, "events", &mapping->amount_names,
                                               &mapping->amount_name_count);
}

static uint32_t rename_index(const struct mapping *mapping, struct text from)
{
    uint32_t index = 0;
    while (index < mapping->rename_count && !text_equal(mapping->renames[index].from, from)) {
        index++;
    }
    return index;
}

/// Merged over those of the preset; null takes one away.
static enum corong_status parse_names(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                      struct mapping *mapping)
{
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_yaml_error(yaml, node, "names: {OLD: NEW, ...} was expected");
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    size_t added = (size_t)(node->data.mapping.pairs.top - pair);
    if (added > RENAME_COUNT_MAX) {
        return mapping_yaml_error(yaml, node, "names: more than %u", RENAME_COUNT_MAX);
    }
    struct mapping_rename *renames =
        arena_allocate_zeroed(yaml->arena, mapping->rename_count + added + 1, sizeof(*renames));
    for (uint32_t index = 0; index < mapping->rename_count; index++) {
        renames[index] = mapping->renames[index];
    }
    mapping->renames = renames;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        struct text from = TEXT_MISSING;
        struct text to = TEXT_MISSING;
        TRY(mapping_yaml_string(yaml, mapping_yaml_node(yaml, pair->key), "names", &from));
        uint32_t index = rename_index(mapping, from);
        const yaml_node_t *value = mapping_yaml_node(yaml, pair->value);
        if (mapping_yaml_is_null(value)) {
            if (index < mapping->rename_count) {
                renames[index] = renames[--mapping->rename_count];
            }
            continue;
        }
        TRY(mapping_yaml_string(yaml, value, "names", &to));
        if (to.size > EVENT_NAME_SIZE_MAX) {
            return mapping_yaml_error(yaml, value, "names: longer than %u bytes",
                                      EVENT_NAME_SIZE_MAX);
        }
        renames[index] = (struct mapping_rename){from, to};
        mapping->rename_count += index == mapping->rename_count;
    }
    return CORONG_OK;
}

static enum corong_status parse_attribute(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                          struct mapping_attribute *attribute)
{
    static const char *const words[] = {"path", "type", NULL};
    attribute->type = COLUMN_STRING;
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_parse_source(yaml, node, "attribute", FORM_PATHS, &attribute->source);
    }
    TRY(mapping_yaml_keys(yaml, node, "key of an attribute", words));
    const yaml_node_t *path = mapping_yaml_find(yaml, node, "path");
    const yaml_node_t *type = mapping_yaml_find(yaml, node, "type");
    if (path == NULL) {
        return mapping_yaml_error(yaml, node, "attribute '%.*s': 'path' was expected",
                                  (int)attribute->name.size, attribute->name.bytes);
    }
    TRY(mapping_parse_source(yaml, path, "attribute", FORM_PATHS, &attribute->source));
    if (type != NULL) {
        uint32_t index = 0;
        TRY(mapping_yaml_word(yaml, type, "type", type_words, &index));
        attribute->type = (enum column_type)(COLUMN_STRING + index);
    }
    return CORONG_OK;
}

static enum corong_status check_attribute_name(const struct mapping_yaml *yaml,
                                               const yaml_node_t *key, struct text name)
{
    static const char *const taken[] = {"time",     "event",   "seq",     "id",
                                        "received", "revenue", "currency"};
    for (size_t index = 0; index < sizeof(taken) / sizeof(taken[0]); index++) {
        if (text_equal(name, text_from(taken[index]))) {
            return mapping_yaml_error(
                yaml, key,
                "attribute '%s': every event has a column of this name, choose "
                "another",
                taken[index]);
        }
    }
    for (size_t index = 0; index < COLUMN_LINK_COUNT; index++) {
        if (text_equal(name, column_link_names[index])) {
            return mapping_yaml_error(yaml, key,
                                      "attribute '%s': it is made by 'links', which says what ids "
                                      "an event links; choose another name",
                                      column_link_names[index].bytes);
        }
    }
    if (name.size > ATTRIBUTE_NAME_SIZE_MAX) {
        return mapping_yaml_error(yaml, key, "attribute: a name of at most %u bytes was expected",
                                  ATTRIBUTE_NAME_SIZE_MAX);
    }
    return CORONG_OK;
}

static uint32_t attribute_index(const struct mapping *mapping, struct text name)
{
    uint32_t index = 0;
    while (index < mapping->attribute_count && !text_equal(mapping->attributes[index].name, name)) {
        index++;
    }
    return index;
}

static void remove_attribute(struct mapping *mapping, uint32_t index)
{
    if (index < mapping->attribute_count) {
        mapping->attribute_count--;
        for (; index < mapping->attribute_count; index++) {
            mapping->attributes[index] = mapping->attributes[index + 1];
        }
    }
}

/// Merged over those of the preset; null takes one away.
static enum corong_status parse_attributes(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                           struct mapping *mapping)
{
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_yaml_error(yaml, node, "attributes: {NAME: PATH, ...} was expected");
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = mapping_yaml_node(yaml, pair->key);
        const yaml_node_t *value = mapping_yaml_node(yaml, pair->value);
        struct text name = TEXT_MISSING;
        TRY(mapping_yaml_string(yaml, key, "attribute", &name));
        TRY(check_attribute_name(yaml, key, name));
        uint32_t index = attribute_index(mapping, name);
        if (mapping_yaml_is_null(value)) {
            remove_attribute(mapping, index);
            continue;
        }
        if (index == SCHEMA_ATTRIBUTE_COUNT_MAX) {
            return mapping_yaml_error(yaml, key, "more than %d attributes",
                                      SCHEMA_ATTRIBUTE_COUNT_MAX);
        }
        mapping->attributes[index] = (struct mapping_attribute){.name = name};
        mapping->attribute_count += index == mapping->attribute_count;
        TRY(parse_attribute(yaml, value, &mapping->attributes[index]));
    }
    return CORONG_OK;
}

/// A path, a list of them, or {path: ..., optional: true}.
static enum corong_status parse_unroll(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                       struct mapping *mapping)
{
    static const char *const words[] = {"path", "optional", NULL};
    static const char *const truths[] = {"false", "true", NULL};
    struct mapping_source source = {0};
    mapping->unroll_optional = false;
    const yaml_node_t *path = node;
    if (node->type == YAML_MAPPING_NODE) {
        uint32_t index = 0;
        TRY(mapping_yaml_keys(yaml, node, "key of 'unroll'", words));
        path = mapping_yaml_find(yaml, node, "path");
        const yaml_node_t *optional = mapping_yaml_find(yaml, node, "optional");
        if (path == NULL) {
            return mapping_yaml_error(yaml, node, "unroll: 'path' was expected");
        }
        if (optional != NULL) {
            TRY(mapping_yaml_word(yaml, optional, "optional", truths, &index));
        }
        mapping->unroll_optional = index == 1;
    }
    TRY(mapping_parse_source(yaml, path, "unroll", FORM_PATHS, &source));
    if (source.path_count > UNROLL_COUNT_MAX) {
        return mapping_yaml_error(yaml, node, "unroll: at most %u paths are allowed",
                                  UNROLL_COUNT_MAX);
    }
    mapping->unrolls = source.paths;
    mapping->unroll_count = source.path_count;
    return CORONG_OK;
}

/// Order as in key_words.
enum mapping_key {
    KEY_PRESET,
    KEY_FORMAT,
    KEY_PACKED,
    KEY_UNROLL,
    KEY_USER,
    KEY_ANONYMOUS,
    KEY_TIME,
    KEY_ANONYMOUS_PREFIX,
    KEY_RECEIVED,
    KEY_MAX_TIME,
    KEY_SEQUENCE,
    KEY_NAME,
    KEY_NAMES,
    KEY_EVENT_ID,
    KEY_REVENUE,
    KEY_SKIP,
    KEY_ATTRIBUTES,
    KEY_COLUMNS,
    KEY_LINKS,
};

static const char *const key_words[] = {"preset",     "format",    "packed",   "unroll",
                                        "user",       "anonymous", "time",     "anonymous_prefix",
                                        "received",   "max_time",  "sequence", "name",
                                        "names",      "event_id",  "revenue",  "skip_where_missing",
                                        "attributes", "columns",   "links",    NULL};

static enum corong_status parse_key(struct mapping_yaml *yaml, uint32_t key,
                                    const yaml_node_t *node, struct mapping *mapping)
{
    uint32_t index = 0;
    switch ((enum mapping_key)key) {
    case KEY_PRESET:
        return CORONG_OK;
    case KEY_FORMAT:
        TRY(mapping_yaml_word(yaml, node, "format", format_words, &index));
        mapping->format = (enum mapping_format)index;
        return CORONG_OK;
    case KEY_PACKED:
        TRY(mapping_yaml_word(yaml, node, "packed", packed_words, &index));
        mapping->packed = (enum mapping_packed)index;
        return CORONG_OK;
    case KEY_UNROLL:
        return parse_unroll(yaml, node, mapping);
    case KEY_USER:
        return mapping_parse_source(yaml, node, "user", FORM_JOIN, &mapping->user);
    case KEY_ANONYMOUS:
        return mapping_parse_source(yaml, node, "anonymous", FORM_JOIN, &mapping->anonymous);
    case KEY_ANONYMOUS_PREFIX:
        return mapping_yaml_string(yaml, node, "anonymous_prefix", &mapping->anonymous_prefix);
    case KEY_TIME:
        return parse_time(yaml, node, "time", &mapping->time, &mapping->time_rule);
    case KEY_RECEIVED:
        return parse_time(yaml, node, "received", &mapping->received, &mapping->received_rule);
    case KEY_MAX_TIME:
        return parse_max_time(yaml, node, mapping);
    case KEY_SEQUENCE:
        return mapping_parse_source(yaml, node, "sequence", FORM_PATHS, &mapping->sequence);
    case KEY_NAME:
        return mapping_parse_source(yaml, node, "name", FORM_CONSTANT, &mapping->name);
    case KEY_NAMES:
        return parse_names(yaml, node, mapping);
    case KEY_EVENT_ID:
        return mapping_parse_source(yaml, node, "event_id", FORM_JOIN, &mapping->event_id);
    case KEY_REVENUE:
        return parse_revenue(yaml, node, mapping);
    case KEY_ATTRIBUTES:
        return parse_attributes(yaml, node, mapping);
    case KEY_SKIP:
        return mapping_parse_source(yaml, node, "skip_where_missing", FORM_PATHS,
                                    &mapping->skip_where_missing);
    case KEY_COLUMNS:
        // Null: the header gives them.
        return mapping_yaml_texts(yaml, node, "columns", &mapping->columns, &mapping->column_count);
    case KEY_LINKS:
        return mapping_links_parse(yaml, node, mapping);
    }
    ASSERT(false);
    return CORONG_INVALID;
}

static enum corong_status parse_keys(struct mapping_yaml *yaml, const yaml_node_t *node,
                                     struct mapping *mapping)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        uint32_t key = 0;
        TRY(mapping_yaml_word(yaml, mapping_yaml_node(yaml, pair->key), "key of 'mapping'",
                              key_words, &key));
        TRY(parse_key(yaml, key, mapping_yaml_node(yaml, pair->value), mapping));
    }
    return CORONG_OK;
}

/// Reads the preset's own text over the empty mapping.
static enum corong_status apply_preset(struct mapping *mapping, struct arena *arena,
                                       struct text name, const char *text,
                                       struct corong_error *error)
{
    char *file = arena_allocate(arena, name.size + 16);
    snprintf(file, name.size + 16, "preset %.*s", (int)name.size, name.bytes);
    yaml_parser_t parser;
    yaml_document_t document;
    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    int loaded = yaml_parser_load(&parser, &document);
    yaml_parser_delete(&parser);
    ASSERT(loaded);
    struct mapping_yaml yaml;
    mapping_yaml_init(&yaml, arena, &document, file, error);
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    enum corong_status status = mapping_yaml_check(&yaml, root);
    if (status == CORONG_OK) {
        status = parse_keys(&yaml, root, mapping);
    }
    mapping_links_offer(mapping);
    yaml_document_delete(&document);
    mapping->preset = arena_copy_text(arena, name);
    return status;
}

static struct mapping *mapping_create_empty(struct arena *arena)
{
    struct mapping *mapping = arena_allocate_zeroed(arena, 1, sizeof(*mapping));
    mapping->max_time_us = MAPPING_NO_MAX_TIME;
    mapping->attributes =
        arena_allocate_zeroed(arena, SCHEMA_ATTRIBUTE_COUNT_MAX, sizeof(*mapping->attributes));
    enum corong_status status =
        zone_load(&mapping->time_rule.zone, arena, TEXT_LITERAL("UTC"), NULL);
    ASSERT(status == CORONG_OK);
    mapping->received_rule.zone = mapping->time_rule.zone;
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        mapping->link_columns[kind] = MAPPING_NO_COLUMN;
    }
    return mapping;
}

static enum corong_status check_complete(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                         const struct mapping *mapping)
{
    const char *missing = NULL;
    if (mapping->user.kind == FROM_NOWHERE && mapping->anonymous.kind == FROM_NOWHERE) {
        missing = "user";
    } else if (mapping->time.kind == FROM_NOWHERE) {
        missing = "time";
    } else if (mapping->name.kind == FROM_NOWHERE) {
        missing = "name";
    }
    if (mapping->column_count > 0 && mapping->format != MAPPING_CSV &&
        mapping->format != MAPPING_TSV && mapping->format != MAPPING_LOG) {
        return mapping_yaml_error(yaml, node, "mapping: 'columns' needs format csv, tsv or log");
    }
    if (missing == NULL) {
        return CORONG_OK;
    }
    return mapping_yaml_error(yaml, node, "mapping: '%s' is missing: say which path holds it",
                              missing);
}

static enum corong_status parse_preset_name(struct mapping_yaml *yaml, const yaml_node_t *node,
                                            struct mapping *mapping)
{
    const yaml_node_t *preset = mapping_yaml_find(yaml, node, "preset");
    if (preset == NULL) {
        return CORONG_OK;
    }
    uint32_t index = 0;
    TRY(mapping_yaml_word(yaml, preset, "preset", mapping_preset_names(), &index));
    struct text name = text_from(mapping_preset_names()[index]);
    return apply_preset(mapping, yaml->arena, name, mapping_preset_text(name), yaml->error);
}

enum corong_status mapping_parse(struct mapping **mapping_out, struct arena *arena,
                                 yaml_document_t *document, yaml_node_t *node,
                                 const char *file_name, struct corong_error *error)
{
    struct mapping_yaml yaml;
    mapping_yaml_init(&yaml, arena, document, arena_copy_string(arena, file_name), error);
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_yaml_error(&yaml, node,
                                  "mapping: keys such as 'user', 'time', 'name' were "
                                  "expected");
    }
    TRY(mapping_yaml_check(&yaml, node));
    struct mapping *mapping = mapping_create_empty(arena);
    TRY(parse_preset_name(&yaml, node, mapping));
    TRY(parse_keys(&yaml, node, mapping));
    TRY(check_complete(&yaml, node, mapping));
    TRY(mapping_links_complete(&yaml, node, mapping));
    TRY(mapping_compile(mapping, arena, error));
    *mapping_out = mapping;
    return CORONG_OK;
}

enum corong_status mapping_from_preset(struct mapping **mapping_out, struct arena *arena,
                                       struct text name, struct corong_error *error)
{
    const char *text = mapping_preset_text(name);
    if (text == NULL) {
        struct text_buffer list = {0};
        for (const char *const *word = mapping_preset_names(); *word != NULL; word++) {
            text_buffer_printf(&list, "%s%s", list.size == 0 ? "" : ", ", *word);
        }
        enum corong_status status =
            error_set(error, CORONG_NOT_FOUND, "preset '%.*s' does not exist, there are %s",
                      (int)(name.size > 64 ? 64 : name.size), name.bytes, list.bytes);
        text_buffer_deinit(&list);
        return status;
    }
    struct mapping *mapping = mapping_create_empty(arena);
    TRY(apply_preset(mapping, arena, name, text, error));
    TRY(mapping_compile(mapping, arena, error));
    *mapping_out = mapping;
    return CORONG_OK;
}
