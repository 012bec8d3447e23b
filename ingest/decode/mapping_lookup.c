// SPDX-License-Identifier: Apache-2.0
// Paths that look up an element of an array, "params[key=page].value.text" or "items[0].id", and
// paths into a text that holds JSON, "column{}.key".
#include "ingest/decode/mapping.h"

#include <stdio.h>
#include <string.h>

#define ELEMENT_NUMBER_DIGITS 6u

/// The first `byte` that no backslash stands before, or NULL.
static const char *find_plain(const char *at, const char *end, char byte)
{
    for (; at < end; at++) {
        if (*at == '\\' && at + 1 < end) {
            at++;
        } else if (*at == byte) {
            return at;
        }
    }
    return NULL;
}

/// Splits "list[key=name].value" or "list[0]" at its brackets; `bare`: what is before them may be
/// empty. False where there are none.
static bool cut_element(struct text *text, bool bare, struct text *selector_out,
                        struct text *rest_out)
{
    const char *end = text->bytes + text->size;
    const char *open = find_plain(text->bytes, end, '[');
    const char *close = open == NULL ? NULL : find_plain(open, end, ']');
    bool whole = close != NULL && close > open + 1 && (bare || open > text->bytes) &&
                 (close + 1 == end || (close[1] == '.' && close + 2 < end));
    if (!whole) {
        return false;
    }
    *selector_out = (struct text){open + 1, (size_t)(close - open) - 1};
    *rest_out =
        close + 1 == end ? TEXT_LITERAL("") : (struct text){close + 2, (size_t)(end - close) - 2};
    text->size = (size_t)(open - text->bytes);
    return true;
}

void mapping_place_cut(struct mapping_place *place, struct text *text)
{
    const char *end = text->bytes + text->size;
    const char *mark = find_plain(text->bytes, end, '{');
    bool entered = mark != NULL && mark > text->bytes && mark + 1 < end && mark[1] == '}' &&
                   (mark + 2 == end || mark[2] == '[' || (mark[2] == '.' && mark + 3 < end));
    if (!entered) {
        cut_element(text, false, &place->selector, &place->rest);
        return;
    }
    const char *begin = mark + 2 < end && mark[2] == '.' ? mark + 3 : mark + 2;
    place->inner = (struct text){begin, (size_t)(end - begin)};
    text->size = (size_t)(mark - text->bytes);
    cut_element(&place->inner, true, &place->selector, &place->rest);
}

static bool read_number(struct text text, uint32_t *number_out)
{
    uint32_t number = 0;
    bool digits = text.size > 0 && text.size <= ELEMENT_NUMBER_DIGITS;
    for (size_t index = 0; digits && index < text.size; index++) {
        digits = text.bytes[index] >= '0' && text.bytes[index] <= '9';
        number = number * 10 + (uint32_t)(text.bytes[index] - '0');
    }
    *number_out = number;
    return digits;
}

static struct text unescaped(struct arena *arena, const char *begin, const char *end)
{
    char *bytes = arena_allocate(arena, (size_t)(end - begin) + 1);
    size_t size = 0;
    for (const char *at = begin; at < end; at++) {
        at += *at == '\\' && at + 1 < end;
        bytes[size++] = *at;
    }
    bytes[size] = '\0';
    return (struct text){bytes, size};
}

/// "0", or "member=value".
static enum corong_status read_selector(struct arena *arena, struct text selector,
                                        struct mapping_lookup *lookup, struct text *by_out,
                                        struct corong_error *error)
{
    const char *end = selector.bytes + selector.size;
    const char *equals = find_plain(selector.bytes, end, '=');
    *by_out = TEXT_MISSING;
    if (equals == NULL) {
        return read_number(selector, &lookup->number)
                   ? CORONG_OK
                   : mapping_path_error(lookup->path,
                                        "in brackets stands a number from 0 to 999999, or "
                                        "MEMBER=VALUE",
                                        error);
    }
    *by_out = unescaped(arena, selector.bytes, equals);
    lookup->wanted = unescaped(arena, equals + 1, end);
    bool sound = by_out->size > 0 && by_out->size <= JSON_KEY_SIZE_MAX &&
                 lookup->wanted.size <= JSON_KEY_SIZE_MAX;
    return sound ? CORONG_OK
                 : mapping_path_error(lookup->path,
                                      "the member and its value have at most 128 bytes", error);
}

static struct mapping_array *array_of(struct mapping *mapping, struct arena *arena, uint16_t field,
                                      bool in_element, struct text by, uint32_t room)
{
    for (uint32_t index = 0; index < mapping->array_count; index++) {
        if (mapping->arrays[index].field == field) {
            return &mapping->arrays[index];
        }
    }
    struct mapping_array *array = &mapping->arrays[mapping->array_count++];
    *array = (struct mapping_array){.field = field, .in_element = in_element, .by = by};
    array->lookups = arena_allocate_zeroed(arena, room, sizeof(*array->lookups));
    return array;
}

static enum corong_status add_lookup(struct mapping *mapping, struct arena *arena,
                                     const struct mapping_place *place, uint32_t room,
                                     struct corong_error *error)
{
    struct mapping_lookup lookup = {.rest = place->rest, .path = place->path};
    struct text by;
    TRY(read_selector(arena, place->selector, &lookup, &by, error));
    struct mapping_array *array =
        array_of(mapping, arena, place->found, place->path->in_element, by, room);
    if (!text_equal(array->by, by)) {
        return mapping_path_error(place->path,
                                  "one array is looked up by number, or by one member of its "
                                  "elements; another path does it otherwise",
                                  error);
    }
    array->lookups[array->lookup_count++] = lookup;
    return CORONG_OK;
}

/// Equal look-ups share a target: no value is reported (and unescaped) twice.
static uint16_t target_of(struct mapping *mapping, const struct mapping_array *array,
                          uint32_t count)
{
    const struct mapping_lookup *lookup = &array->lookups[count];
    for (uint32_t index = 0; index < count; index++) {
        const struct mapping_lookup *other = &array->lookups[index];
        if (other->value == lookup->value && other->number == lookup->number &&
            text_equal(other->wanted, lookup->wanted)) {
            return other->target;
        }
    }
    return mapping->field_count++;
}

static enum corong_status compile_array(struct mapping *mapping, struct mapping_array *array,
                                        struct arena *arena, struct corong_error *error)
{
    struct json_path *paths = arena_allocate_zeroed(arena, array->lookup_count + 1, sizeof(*paths));
    struct json_path whole = {0};
    for (uint32_t index = 0; index < array->lookup_count; index++) {
        const struct mapping_lookup *lookup = &array->lookups[index];
        if (lookup->rest.size > 0) {
            TRY(mapping_path_split(lookup->path, lookup->rest, arena, &paths[index], error));
        }
        paths[index].in_element = true;
    }
    bool named = array->by.bytes != NULL;
    paths[array->lookup_count] = (struct json_path){&array->by, named, true, FIELD_NONE};
    json_plan_build_many(&array->plan, arena, paths, array->lookup_count + named, &whole, 1);
    for (uint32_t index = 0; index < array->lookup_count; index++) {
        struct mapping_lookup *lookup = &array->lookups[index];
        lookup->value = paths[index].field;
        lookup->member = paths[array->lookup_count].field;
        lookup->target = target_of(mapping, array, index);
    }
    return CORONG_OK;
}

/// The first place that enters the same text, or `index`.
static uint32_t first_of_text(const struct mapping_place *places, uint32_t index)
{
    uint32_t first = 0;
    while (places[first].inner.bytes == NULL || places[first].found != places[index].found) {
        first++;
    }
    return first;
}

/// The plan of the text that place `first` enters, over all places that do.
static enum corong_status compile_text(struct mapping *mapping, struct arena *arena,
                                       struct mapping_place *places, uint32_t first, uint32_t count,
                                       uint16_t *found, struct corong_error *error)
{
    struct json_path *paths = arena_allocate_zeroed(arena, count + 1, sizeof(*paths));
    uint32_t *owners = arena_allocate_zeroed(arena, count + 1, sizeof(*owners));
    struct mapping_text *text = &mapping->texts[mapping->text_count++];
    uint32_t path_count = 0;
    for (uint32_t index = first; index < count; index++) {
        const struct mapping_place *place = &places[index];
        if (place->inner.bytes == NULL || place->found != places[first].found) {
            continue;
        }
        if (place->inner.size > 0) {
            TRY(mapping_path_split(place->path, place->inner, arena, &paths[path_count], error));
        }
        owners[path_count++] = index;
    }
    json_plan_build(&text->plan, arena, paths, path_count, NULL);
    text->field = places[first].found;
    text->in_element = places[first].path->in_element;
    text->first_target = mapping->field_count;
    mapping->field_count = (uint16_t)(mapping->field_count + text->plan.field_count);
    for (uint32_t index = 0; index < path_count; index++) {
        found[owners[index]] = (uint16_t)(text->first_target + paths[index].field);
    }
    return CORONG_OK;
}

static enum corong_status compile_texts(struct mapping *mapping, struct arena *arena,
                                        struct mapping_place *places, uint32_t count,
                                        struct corong_error *error)
{
    uint16_t *found = arena_allocate_zeroed(arena, count + 1, sizeof(*found));
    mapping->texts = arena_allocate_zeroed(arena, count + 1, sizeof(*mapping->texts));
    for (uint32_t index = 0; index < count; index++) {
        found[index] = places[index].found;
    }
    for (uint32_t index = 0; index < count; index++) {
        if (places[index].inner.bytes != NULL && first_of_text(places, index) == index) {
            TRY(compile_text(mapping, arena, places, index, count, found, error));
        }
    }
    for (uint32_t index = 0; index < count; index++) {
        places[index].found = found[index];
    }
    return CORONG_OK;
}

static enum corong_status compile_arrays(struct mapping *mapping, struct arena *arena,
                                         const struct mapping_place *places, uint32_t count,
                                         struct corong_error *error)
{
    mapping->arrays = arena_allocate_zeroed(arena, count + 1, sizeof(*mapping->arrays));
    for (uint32_t index = 0; index < count; index++) {
        if (places[index].selector.bytes != NULL) {
            TRY(add_lookup(mapping, arena, &places[index], count, error));
        }
    }
    for (uint32_t index = 0; index < mapping->array_count; index++) {
        TRY(compile_array(mapping, &mapping->arrays[index], arena, error));
    }
    return CORONG_OK;
}

static uint16_t target_of_path(const struct mapping *mapping, const struct mapping_path *path)
{
    for (uint32_t index = 0; index < mapping->array_count; index++) {
        const struct mapping_array *array = &mapping->arrays[index];
        for (uint32_t lookup = 0; lookup < array->lookup_count; lookup++) {
            if (array->lookups[lookup].path == path) {
                return array->lookups[lookup].target;
            }
        }
    }
    return FIELD_NONE;
}

enum corong_status mapping_places_compile(struct mapping *mapping, struct arena *arena,
                                          struct mapping_place *places, uint32_t count,
                                          struct corong_error *error)
{
    TRY(compile_texts(mapping, arena, places, count, error));
    TRY(compile_arrays(mapping, arena, places, count, error));
    for (uint32_t index = 0; index < count; index++) {
        const struct mapping_place *place = &places[index];
        *place->field_out =
            place->selector.bytes == NULL ? place->found : target_of_path(mapping, place->path);
    }
    return CORONG_OK;
}
