// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping_links.h"

#include "engine/event/event.h"

static const char *const id_words[COLUMN_LINK_COUNT] = {
    [COLUMN_LINK_ANONYMOUS] = "anonymous",
    [COLUMN_LINK_PREVIOUS] = "previous",
    [COLUMN_LINK_ALIAS] = "alias",
};

/// A name or a list of names.
static enum corong_status parse_events(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                       struct mapping_link *link)
{
    if (node->type == YAML_SEQUENCE_NODE) {
        TRY(mapping_yaml_texts(yaml, node, "event", &link->events, &link->event_count));
    } else {
        link->events = arena_allocate_zeroed(yaml->arena, 1, sizeof(*link->events));
        link->event_count = 1;
        TRY(mapping_yaml_string(yaml, node, "event", &link->events[0]));
    }
    return CORONG_OK;
}

static enum corong_status parse_link(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                     struct mapping_link *link)
{
    static const char *const words[] = {"event", "known", "anonymous", "previous", "alias", NULL};
    if (node->type != YAML_MAPPING_NODE) {
        return mapping_yaml_error(yaml, node, "links: {event: NAME, anonymous: PATH} was expected");
    }
    TRY(mapping_yaml_keys(yaml, node, "key of 'links'", words));
    const yaml_node_t *events = mapping_yaml_find(yaml, node, "event");
    const yaml_node_t *known = mapping_yaml_find(yaml, node, "known");
    if (events != NULL && !mapping_yaml_is_null(events)) {
        TRY(parse_events(yaml, events, link));
    }
    if (known != NULL) {
        TRY(mapping_parse_source(yaml, known, "known", FORM_JOIN, &link->known));
    }
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        const yaml_node_t *id = mapping_yaml_find(yaml, node, id_words[kind]);
        if (id != NULL) {
            TRY(mapping_parse_source(yaml, id, id_words[kind], FORM_JOIN, &link->ids[kind]));
        }
    }
    return CORONG_OK;
}

void mapping_links_offer(struct mapping *mapping)
{
    mapping->preset_links = mapping->links;
    mapping->preset_link_count = mapping->link_count;
    mapping->links = NULL;
    mapping->link_count = 0;
}

/// `true` or `false`.
static enum corong_status take_preset(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                      struct mapping *mapping)
{
    static const char *const truths[] = {"false", "true", NULL};
    uint32_t index = 0;
    TRY(mapping_yaml_word(yaml, node, "links", truths, &index));
    if (index == 1 && mapping->preset_link_count == 0) {
        return mapping_yaml_error(yaml, node,
                                  "links: there is no preset that knows which events link ids; "
                                  "{event: NAME, anonymous: PATH} says it");
    }
    mapping->links = mapping->preset_links;
    mapping->link_count = index == 1 ? mapping->preset_link_count : 0;
    return CORONG_OK;
}

enum corong_status mapping_links_parse(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                       struct mapping *mapping)
{
    mapping->link_count = 0;
    if (mapping_yaml_is_null(node)) {
        return CORONG_OK;
    }
    if (node->type == YAML_SCALAR_NODE) {
        return take_preset(yaml, node, mapping);
    }
    mapping->links =
        arena_allocate_zeroed(yaml->arena, MAPPING_LINK_COUNT_MAX, sizeof(*mapping->links));
    if (node->type != YAML_SEQUENCE_NODE) {
        return parse_link(yaml, node, &mapping->links[mapping->link_count++]);
    }
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        if (mapping->link_count == MAPPING_LINK_COUNT_MAX) {
            return mapping_yaml_error(yaml, node, "links: at most %u rules are allowed",
                                      MAPPING_LINK_COUNT_MAX);
        }
        TRY(parse_link(yaml, mapping_yaml_node(yaml, *item),
                       &mapping->links[mapping->link_count++]));
    }
    return CORONG_OK;
}

static void copy_source(const struct mapping_source *from, struct arena *arena,
                        struct mapping_source *to)
{
    *to = *from;
    to->paths = arena_allocate_zeroed(arena, from->path_count + 1, sizeof(*to->paths));
    for (uint32_t index = 0; index < from->path_count; index++) {
        to->paths[index] = from->paths[index];
    }
}

enum corong_status mapping_links_complete(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                          struct mapping *mapping)
{
    for (uint32_t index = 0; index < mapping->link_count; index++) {
        struct mapping_link *link = &mapping->links[index];
        bool named = false;
        for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
            named = named || link->ids[kind].kind != FROM_NOWHERE;
        }
        if (!named && mapping->anonymous.kind == FROM_NOWHERE) {
            return mapping_yaml_error(yaml, node,
                                      "links: 'anonymous', 'previous' or 'alias' was expected: "
                                      "which id is linked to the user");
        }
        if (!named) {
            copy_source(&mapping->anonymous, yaml->arena, &link->ids[COLUMN_LINK_ANONYMOUS]);
        }
        if (link->known.kind == FROM_NOWHERE && mapping->user.kind == FROM_NOWHERE) {
            return mapping_yaml_error(yaml, node,
                                      "links: 'known' or the mapping's 'user' was expected: whom "
                                      "the id belongs to");
        }
    }
    return CORONG_OK;
}
