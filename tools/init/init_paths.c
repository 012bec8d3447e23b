// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init_paths.h"

#include "storage/base/hash.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 6u
#define EXAMPLE_SIZE_MAX 64u ///< kept; fewer are shown
#define NUMBER_SIZE_MAX 24u

static enum init_time time_of_number(double value)
{
    static const struct {
        double low;
        enum init_time unit;
    } UNITS[] = {{6e8, INIT_TIME_SECONDS},
                 {6e11, INIT_TIME_MILLISECONDS},
                 {6e14, INIT_TIME_MICROSECONDS},
                 {6e17, INIT_TIME_NANOSECONDS}};
    for (size_t index = 0; index < sizeof(UNITS) / sizeof(UNITS[0]); index++) {
        // 1989 to 2100: a plain counter seldom lies there.
        if (value >= UNITS[index].low && value <= UNITS[index].low * 6.9) {
            return UNITS[index].unit;
        }
    }
    return INIT_TIME_NONE;
}

/// Whether `text` begins as `shape` says: d is a digit, a a letter, all else itself.
static bool has_shape(struct text text, const char *shape)
{
    size_t size = strlen(shape);
    for (size_t index = 0; index < size; index++) {
        unsigned char byte = index < text.size ? (unsigned char)text.bytes[index] : 0;
        bool right = shape[index] == 'd'   ? isdigit(byte) != 0
                     : shape[index] == 'a' ? isalpha(byte) != 0
                     : shape[index] == 'T' ? byte == 'T' || byte == ' ' || byte == 't'
                                           : byte == (unsigned char)shape[index];
        if (!right) {
            return false;
        }
    }
    return true;
}

static bool read_number(struct text text, double *value_out)
{
    char copy[NUMBER_SIZE_MAX + 1];
    if (text.size == 0 || text.size > NUMBER_SIZE_MAX || isspace((unsigned char)text.bytes[0])) {
        return false;
    }
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = '\0';
    char *end;
    *value_out = strtod(copy, &end);
    // "0123" is a code, not a number, and neither is "nan".
    bool code = text.size > 1 && copy[0] == '0' && isdigit((unsigned char)copy[1]);
    return *end == '\0' && strspn(copy, "+-.0123456789eE") == text.size && !code;
}

static enum init_time time_of_text(struct text text, bool numeric, double value)
{
    if (has_shape(text, "dd/aaa/dddd:dd:dd:dd ")) {
        return INIT_TIME_TEXT;
    }
    if (has_shape(text, "dddd-dd-ddTdd:dd:dd")) {
        char last = text.bytes[text.size - 1];
        struct text rest = {text.bytes + 19, text.size - 19};
        bool zone = last == 'Z' || last == 'z' || last == 'C' || last == 'T' ||
                    memchr(rest.bytes, '+', rest.size) != NULL ||
                    memchr(rest.bytes, '-', rest.size) != NULL;
        return zone ? INIT_TIME_TEXT : INIT_TIME_TEXT_LOCAL;
    }
    return numeric ? time_of_number(value) : INIT_TIME_NONE;
}

/// Counts a value among the distinct ones; keeps the first few as examples.
static void see_value(struct init_paths *paths, struct init_path *path, struct text shown)
{
    uint64_t hash = hash_bytes64(shown.bytes, shown.size) | 1;
    path->has_zero |= text_equal(shown, TEXT_LITERAL("0"));
    path->has_dash |= text_equal(shown, TEXT_LITERAL("-"));
    if (path->seen == NULL) {
        path->seen =
            arena_allocate_zeroed(paths->arena, 2u * INIT_DISTINCT_MAX, sizeof(path->seen[0]));
    }
    size_t slot = hash % (2u * INIT_DISTINCT_MAX);
    while (path->seen[slot] != 0 && path->seen[slot] != hash) {
        slot = (slot + 1) % (2u * INIT_DISTINCT_MAX);
    }
    if (path->seen[slot] == hash || path->distinct == INIT_DISTINCT_MAX) {
        return;
    }
    path->seen[slot] = hash;
    if (path->distinct < INIT_EXAMPLE_COUNT) {
        shown.size = shown.size < EXAMPLE_SIZE_MAX ? shown.size : EXAMPLE_SIZE_MAX;
        path->examples[path->distinct] = arena_copy_text(paths->arena, shown);
    }
    path->distinct++;
}

static void see_text(struct init_paths *paths, struct init_path *path, struct text text)
{
    double value = 0;
    bool numeric = read_number(text, &value);
    if (text.size == 0) {
        path->present--; // an empty text says nothing
        return;
    }
    path->texts++;
    path->numeric_texts += numeric;
    path->integers += numeric && text.size <= 18 && strcspn(text.bytes, ".eE") >= text.size;
    path->currencies += text.size == 3 && isalpha((unsigned char)text.bytes[0]) &&
                        isalpha((unsigned char)text.bytes[1]) &&
                        isalpha((unsigned char)text.bytes[2]);
    path->times[time_of_text(text, numeric, value)]++;
    see_value(paths, path, text);
}

static void see_scalar(struct init_paths *paths, struct init_path *path, const json_t *value)
{
    char number[48];
    path->present++;
    if (json_is_string(value)) {
        see_text(paths, path, (struct text){json_string_value(value), json_string_length(value)});
        return;
    }
    if (json_is_boolean(value)) {
        path->booleans++;
        see_value(paths, path, text_from(json_is_true(value) ? "true" : "false"));
        return;
    }
    path->numbers++;
    path->integers += json_is_integer(value);
    path->times[time_of_number(json_number_value(value))]++;
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else {
        snprintf(number, sizeof(number), "%.12g", json_real_value(value));
    }
    see_value(paths, path, text_from(number));
}

/// A key as it stands in a path.
static void append_key(struct text_buffer *out, const char *key, bool column, bool first)
{
    bool metadata = first && strncmp(key, "kafka.", 6) == 0;
    bool bare = first && strcmp(key, "kafka") == 0;
    text_buffer_append_string(out, metadata || bare ? "\\" : "");
    for (; *key != '\0'; key++) {
        bool special = *key == '.' || *key == '[' || *key == ']' || *key == '\\' || *key == '{';
        text_buffer_append_string(out, special && !column ? "\\" : "");
        text_buffer_append(out, key, 1);
    }
}

/// Both keys as one word.
static struct text words_of(struct arena *arena, const char *first, const char *second)
{
    const char *const parts[] = {first, second};
    char *words = arena_allocate(arena, strlen(first) + strlen(second) + 1);
    size_t size = 0;
    for (size_t part = 0; part < 2; part++) {
        for (const char *at = parts[part]; *at != '\0'; at++) {
            if (isalnum((unsigned char)*at)) {
                words[size++] = (char)tolower((unsigned char)*at);
            }
        }
    }
    words[size] = '\0';
    return (struct text){words, size};
}

static struct init_path *path_of(struct init_paths *paths, struct text name, const char *owner,
                                 const char *key, bool in_element, uint32_t depth)
{
    for (uint32_t index = 0; index < paths->count; index++) {
        if (text_equal(paths->paths[index].path, name)) {
            return &paths->paths[index];
        }
    }
    if (paths->count == INIT_PATH_COUNT_MAX) {
        return NULL;
    }
    struct init_path *path = &paths->paths[paths->count++];
    *path = (struct init_path){.path = arena_copy_text(paths->arena, name),
                               .words = words_of(paths->arena, "", key),
                               .owner = owner[0] == '\0' ? TEXT_LITERAL("")
                                                         : words_of(paths->arena, owner, key),
                               .in_element = in_element,
                               .depth = depth};
    return path;
}

/// The first of a list of plain values, as headers of a request are.
static void see_first(struct init_paths *paths, struct text_buffer *name, const char *owner,
                      const char *key, const json_t *list, uint32_t depth)
{
    const json_t *first = json_array_get(list, 0);
    if (!json_is_string(first)) {
        return;
    }
    text_buffer_append_string(name, "[0]");
    struct init_path *path =
        path_of(paths, (struct text){name->bytes, name->size}, owner, key, false, depth);
    if (path != NULL) {
        path->in_list = true;
        see_scalar(paths, path, first);
    }
}

static void walk(struct init_paths *paths, const json_t *object, const char *prefix,
                 const char *owner, bool in_element, uint32_t depth)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        struct text_buffer name = {0};
        text_buffer_append_string(&name, prefix);
        append_key(&name, key, paths->columns, prefix[0] == '\0');
        struct text text = {name.bytes, name.size};
        bool is_list = paths->unroll.bytes != NULL && text_equal(text, paths->unroll);
        if (json_is_object(value) && depth < DEPTH_MAX) {
            text_buffer_append_string(&name, ".");
            walk(paths, value, name.bytes, key, in_element, depth + 1);
        } else if (json_is_array(value) && !is_list && !in_element && !paths->columns) {
            see_first(paths, &name, owner, key, value, depth);
        } else if (!is_list && !json_is_null(value) && !json_is_array(value) &&
                   !json_is_object(value)) {
            struct init_path *path = path_of(paths, text, owner, key, in_element, depth);
            if (path != NULL) {
                see_scalar(paths, path, value);
            }
        }
        text_buffer_deinit(&name);
    }
}

static void walk_elements(struct init_paths *paths, const json_t *list)
{
    size_t index;
    json_t *element;
    json_array_foreach((json_t *)list, index, element)
    {
        if (json_is_object(element)) {
            paths->elements++;
            walk(paths, element, "[].", "", true, 0);
        }
    }
}

bool init_paths_add(struct init_paths *paths, struct text document)
{
    json_error_t fault;
    // A line of a list that lies over many has a comma at its end.
    json_t *root = json_loadb(document.bytes, document.size, JSON_DISABLE_EOF_CHECK, &fault);
    bool sound = json_is_object(root) || json_is_array(root);
    paths->documents += sound;
    if (json_is_array(root)) {
        walk_elements(paths, root);
    } else if (json_is_object(root)) {
        walk(paths, root, "", "", false, 0);
        if (paths->unroll.bytes != NULL && paths->unroll.size > 0) {
            json_t *list = json_object_get(root, paths->unroll.bytes);
            walk_elements(paths, json_is_array(list) ? list : NULL);
        }
    }
    json_decref(root);
    return sound;
}

/// Whether a time lies in an object or below it, lists aside.
static bool holds_time(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        double number = 0;
        struct text text = {json_string_value(value), json_string_length(value)};
        bool numeric = json_is_string(value) && read_number(text, &number);
        bool time = json_is_number(value)   ? time_of_number(json_number_value(value)) != 0
                    : json_is_string(value) ? time_of_text(text, numeric, number) != 0
                                            : holds_time(value);
        if (time) {
            return true;
        }
    }
    return false;
}

void init_paths_look_for_list(struct init_paths *paths, struct text document)
{
    json_error_t fault;
    json_t *root = json_loadb(document.bytes, document.size, 0, &fault);
    const char *key;
    json_t *value;
    bool found = json_is_array(root);
    if (found) {
        paths->unroll = TEXT_LITERAL("[]");
    }
    // Events that lie in a list have their times there, and what is around them has none; an
    // order's lines are the other way round.
    json_object_foreach(root, key, value)
    {
        const json_t *first = json_array_get(value, 0);
        bool plain = strpbrk(key, ".[]{\\") == NULL;
        if (!found && plain && json_is_object(first) && holds_time(first) && !holds_time(root)) {
            paths->unroll = text_from(arena_copy_string(paths->arena, key));
            found = true;
        }
    }
    paths->lists += found;
    paths->looked += json_is_object(root) || json_is_array(root);
    json_decref(root);
}
