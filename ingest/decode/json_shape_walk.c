// SPDX-License-Identifier: Apache-2.0
// A sound document, walked once more to learn its steps. Nothing is checked here: the scanner did.
#include "ingest/decode/json_shape.h"

#include "storage/base/invariant.h"

#include <string.h>

struct walker {
    struct json_shapes *shapes;
    const struct json_plan *plan;
    const char *at;
    const char *end;
    const char *begin;      ///< of the text of the step in hand
    uint16_t before;        ///< context of `begin`
    uint16_t context;       ///< of `at`
    uint16_t last;          ///< the step before
    uint16_t place;         ///< node of the value that comes, or JSON_NODE_NONE
    uint32_t entered_count; ///< by the step in hand
    uint16_t entered[JSON_SHAPE_ENTERED_COUNT];
};

static void pass_whitespace(struct walker *walker)
{
    while (walker->at < walker->end && (*walker->at == ' ' || *walker->at == '\t' ||
                                        *walker->at == '\r' || *walker->at == '\n')) {
        walker->at++;
    }
}

/// From behind the opening quote to the closing one. Returns whether there are escapes.
static bool pass_string(struct walker *walker)
{
    bool escaped = false;
    for (; *walker->at != '"'; walker->at++) {
        if (*walker->at == '\\') {
            escaped = true;
            walker->at++;
        }
    }
    return escaped;
}

static void pass_bare(struct walker *walker)
{
    while (walker->at < walker->end && strchr(",]} \t\r\n", *walker->at) == NULL) {
        walker->at++;
    }
}

static uint16_t child_of(const struct walker *walker, uint16_t node_index, struct text key)
{
    if (node_index == JSON_NODE_NONE) {
        return JSON_NODE_NONE;
    }
    const struct json_node *node = &walker->plan->nodes[node_index];
    for (uint16_t index = 0; index < node->key_count; index++) {
        const struct json_key *candidate = &node->keys[index];
        if (text_equal((struct text){candidate->bytes, candidate->size}, key)) {
            return candidate->node;
        }
    }
    return JSON_NODE_NONE;
}

/// `"key" :` of an object; sets the place of its value.
static void pass_key(struct walker *walker)
{
    const char *key = ++walker->at;
    bool escaped = pass_string(walker);
    struct text text = {key, (size_t)(walker->at - key)};
    char decoded[6 * JSON_KEY_SIZE_MAX];
    if (escaped) {
        // No mapped key is so long.
        text.size = text.size > sizeof(decoded) ? 0 : json_string_unescape(text, decoded);
        text.bytes = decoded;
    }
    bool unknown = escaped && text.size == 0;
    walker->place = unknown
                        ? JSON_NODE_NONE
                        : child_of(walker, walker->shapes->contexts[walker->context].node, text);
    walker->at++;
    pass_whitespace(walker);
    walker->at++;
    pass_whitespace(walker);
}

/// The context inside a container. False: there is no room for it.
static bool open_context(struct walker *walker, uint16_t node, char close)
{
    struct json_shapes *shapes = walker->shapes;
    for (uint32_t index = 1; index < shapes->context_count; index++) {
        const struct json_context *context = &shapes->contexts[index];
        if (context->parent == walker->context && context->node == node &&
            context->close == close) {
            walker->context = (uint16_t)index;
            return true;
        }
    }
    if (shapes->context_count == JSON_SHAPE_CONTEXT_COUNT) {
        shapes->full = true;
        return false;
    }
    shapes->contexts[shapes->context_count] = (struct json_context){
        .parent = walker->context, .node = node, .close = close, .shorts = JSON_SHAPE_NONE};
    walker->context = (uint16_t)shapes->context_count++;
    return true;
}

/// A container whose place is mapped: only what is on the way to fields is taken by steps.
static bool enter(struct walker *walker)
{
    if (walker->place == JSON_NODE_NONE) {
        return true;
    }
    const struct json_node *node = &walker->plan->nodes[walker->place];
    if (node->field != FIELD_NONE || walker->entered_count == JSON_SHAPE_ENTERED_COUNT) {
        return false;
    }
    if (walker->place != 0) {
        walker->entered[walker->entered_count++] = walker->place;
    }
    return true;
}

static uint16_t *chain_of(struct json_shapes *shapes, const struct json_step *step)
{
    if (step->size < sizeof(uint64_t)) {
        return &shapes->contexts[step->before].shorts;
    }
    uint64_t prefix;
    memcpy(&prefix, step->literal, sizeof(prefix));
    return &shapes->buckets[json_shape_bucket(step->before, prefix)];
}

/// Longer texts come first: one that another begins with must not be taken for it.
static void chain(struct json_shapes *shapes, uint16_t index)
{
    struct json_step *step = &shapes->steps[index];
    uint16_t *link = chain_of(shapes, step);
    while (*link != JSON_SHAPE_NONE && shapes->steps[*link].size > step->size) {
        link = &shapes->steps[*link].chained;
    }
    step->chained = *link;
    *link = index;
}

static bool same_step(const struct json_shapes *shapes, const struct json_step *known,
                      const struct json_step *step, const char *text)
{
    const char *bytes =
        known->size > JSON_SHAPE_INLINE_SIZE ? shapes->pool + known->pool_at : known->literal;
    return known->before == step->before && known->value == step->value &&
           known->size == step->size && memcmp(bytes, text, step->size) == 0;
}

/// The step's number; JSON_SHAPE_NONE where there is no room.
static uint16_t keep_step(struct json_shapes *shapes, struct json_step *step, const char *text)
{
    for (uint16_t index = *chain_of(shapes, step); index != JSON_SHAPE_NONE;
         index = shapes->steps[index].chained) {
        if (same_step(shapes, &shapes->steps[index], step, text)) {
            return index;
        }
    }
    bool pooled = step->size > JSON_SHAPE_INLINE_SIZE;
    if (shapes->step_count == JSON_SHAPE_STEP_COUNT ||
        (pooled && step->size > JSON_SHAPE_POOL_SIZE - shapes->pool_used)) {
        shapes->full = true;
        return JSON_SHAPE_NONE;
    }
    if (pooled) {
        step->pool_at = (uint16_t)shapes->pool_used;
        memcpy(shapes->pool + shapes->pool_used, text, step->size);
        shapes->pool_used += step->size;
    }
    uint16_t index = (uint16_t)shapes->step_count++;
    shapes->steps[index] = *step;
    chain(shapes, index);
    return index;
}

/// The text from `begin` to `at`, and what comes behind it.
static bool end_step(struct walker *walker, enum json_step_value value)
{
    struct json_shapes *shapes = walker->shapes;
    size_t size = (size_t)(walker->at - walker->begin);
    uint16_t field = shapes->spare_field;
    if (value != JSON_STEP_END && walker->place != JSON_NODE_NONE) {
        const struct json_node *node = &walker->plan->nodes[walker->place];
        if (!node->leaf) {
            return false; // a value where a container was expected: there may be fields to forget
        }
        field = node->field;
    }
    // A line end in it: the text of one document, perhaps, and not of a line.
    if (size > JSON_SHAPE_TEXT_SIZE_MAX || memchr(walker->begin, '\n', size) != NULL) {
        return false;
    }
    struct json_step step = {.size = (uint16_t)size,
                             .field = field,
                             .before = walker->before,
                             .after = walker->context,
                             .value = (uint8_t)value,
                             .unusual = size > JSON_SHAPE_INLINE_SIZE || walker->entered_count > 0,
                             .entered_count = (uint8_t)walker->entered_count};
    step.mask = size < 32 ? (UINT32_C(1) << size) - 1 : UINT32_MAX;
    memcpy(step.literal, walker->begin, size < sizeof(step.literal) ? size : sizeof(step.literal));
    memcpy(step.entered, walker->entered, sizeof(step.entered));
    uint16_t index = keep_step(shapes, &step, walker->begin);
    if (index == JSON_SHAPE_NONE) {
        return false;
    }
    shapes->steps[walker->last].follows = index;
    walker->last = index;
    walker->before = walker->context;
    walker->entered_count = 0;
    return true;
}

/// Behind a bracket or a comma: to the next value.
static void pass_to_value(struct walker *walker)
{
    pass_whitespace(walker);
    if (walker->shapes->contexts[walker->context].close == '}') {
        pass_key(walker);
    } else {
        walker->place = JSON_NODE_NONE;
    }
}

/// Behind a value: closes what ends here. False at the end of the document.
static bool pass_separators(struct walker *walker)
{
    for (;;) {
        pass_whitespace(walker);
        if (walker->context == 0) {
            return false;
        }
        char byte = *walker->at++;
        if (byte == ',') {
            pass_to_value(walker);
            return true;
        }
        walker->context = walker->shapes->contexts[walker->context].parent;
    }
}

/// A container: enters it, or passes an empty one. False where steps cannot have it.
static bool walk_container(struct walker *walker, bool *empty_out)
{
    char close = *walker->at == '{' ? '}' : ']';
    if (!enter(walker)) {
        return false;
    }
    uint16_t node = close == '}' ? walker->place : JSON_NODE_NONE;
    walker->at++;
    pass_whitespace(walker);
    *empty_out = *walker->at == close;
    if (*empty_out) {
        walker->at++;
        return true;
    }
    if (!open_context(walker, node, close)) {
        return false;
    }
    pass_to_value(walker);
    return true;
}

static bool walk_scalar(struct walker *walker)
{
    bool string = *walker->at == '"';
    walker->at += string;
    if (!end_step(walker, string ? JSON_STEP_STRING : JSON_STEP_BARE)) {
        return false;
    }
    if (string) {
        pass_string(walker);
        walker->begin = walker->at++; // the closing quote is the next text's
    } else {
        pass_bare(walker);
        walker->begin = walker->at;
    }
    return true;
}

bool json_shape_walk(struct json_shapes *shapes, const struct json_plan *plan, struct text text)
{
    struct walker walker = {.shapes = shapes,
                            .plan = plan,
                            .at = text.bytes,
                            .end = text.bytes + text.size,
                            .begin = text.bytes};
    pass_whitespace(&walker);
    if (*walker.at != '{') {
        return false;
    }
    for (;;) {
        bool whole = true;
        if (*walker.at == '{' || *walker.at == '[') {
            if (!walk_container(&walker, &whole)) {
                return false;
            }
        } else if (!walk_scalar(&walker)) {
            return false;
        }
        if (whole && !pass_separators(&walker)) {
            return end_step(&walker, JSON_STEP_END);
        }
    }
}
