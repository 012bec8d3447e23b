// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/query_object.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tools/corong/console.h"
#include "tools/corong/query_text.h"

#include <errno.h>
#include <unistd.h>

#define COMMENT_COLUMN 22
#define WORD_COUNT_MAX 1024u

/// A flag that says what is asked and is therefore a key too; others say how it is answered or
/// shown. Its value where nobody gives one, as text; NULL: none.
struct query_key {
    enum option_id id;
    const char *fallback;
};
static const struct query_key QUERY_KEYS[] = {
    // clang-format off: a new flag is one new line
    {OPTION_FROM, NULL},        {OPTION_TO, NULL},           {OPTION_AS_OF, NULL},
    {OPTION_WHERE, NULL},       {OPTION_BY, NULL},           {OPTION_TOP, "20"},
    {OPTION_BUCKET, "1d"},      {OPTION_DIALECT, NULL},      {OPTION_SESSION_TIMEOUT, "30m"},
    {OPTION_WHERE_ENTRY, NULL}, {OPTION_WHERE_USER, NULL},   {OPTION_ATTRIBUTION, "entry"},
    {OPTION_TREND, "none"},     {OPTION_THROUGHPUT, "none"}, {OPTION_ZONE, "UTC"},
    {OPTION_COMPARE, NULL},     {OPTION_SURVIVAL, "false"},  {OPTION_REACHED, NULL},
    {OPTION_DROPPED, NULL},     {OPTION_OPEN, NULL},         {OPTION_LOST, NULL},
    {OPTION_WON, NULL},         {OPTION_SLICE, NULL},        {OPTION_DAY, NULL},
    {OPTION_GATHER, NULL},      {OPTION_ROWS, NULL},         {OPTION_CUSTOMER, "order"},
    {OPTION_OUTPUTS, NULL},     {OPTION_TREND_BUCKET, NULL}, {OPTION_SHOW, NULL},
    {OPTION_DEPTH, "1"},
    // clang-format on
};
#define QUERY_KEY_COUNT (sizeof(QUERY_KEYS) / sizeof(QUERY_KEYS[0]))

#define KEY_WORDS OPTION_COUNT ///< in place of an option: the words behind the verb

static bool is_allowed(const uint8_t *allowed, enum option_id id)
{
    while (*allowed != OPTION_COUNT && *allowed != id) {
        allowed++;
    }
    return *allowed == id;
}

/// "as-of" is "as_of" in a document.
static const char *key_name(struct arena *arena, enum option_id id)
{
    char *name = arena_copy_string(arena, OPTION_SPECS[id].name);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    return name;
}

/// The verb whose words, stages and events, are part of what it asks.
static bool has_words(const uint8_t *allowed)
{
    return allowed == verbs_find("stages")->options;
}

/// The keys of one verb's documents, NULL-terminated; entry i of `ids` belongs to entry i.
struct key_list {
    const char *names[QUERY_KEY_COUNT + 2];
    enum option_id ids[QUERY_KEY_COUNT + 2];
};

static void list_keys(struct arena *arena, const uint8_t *allowed, struct key_list *list)
{
    uint32_t count = 0;
    *list = (struct key_list){0};
    for (size_t index = 0; index < QUERY_KEY_COUNT; index++) {
        if (is_allowed(allowed, QUERY_KEYS[index].id)) {
            list->ids[count] = QUERY_KEYS[index].id;
            list->names[count++] = key_name(arena, QUERY_KEYS[index].id);
        }
    }
    bool words = has_words(allowed);
    if (words || is_allowed(allowed, OPTION_STEP)) {
        list->ids[count] = words ? KEY_WORDS : OPTION_STEP;
        list->names[count] = words ? "stages" : "funnel";
    }
}

static bool is_null(const struct yaml_place *place)
{
    if (!yaml_walk_is_scalar(place) || place->node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    const char *text = (const char *)place->node->data.scalar.value;
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static enum corong_status set_one(struct options *options, enum option_id id,
                                  const struct yaml_place *place)
{
    struct text text;
    struct corong_error inner = {0};
    TRY(yaml_walk_text(place, &text));
    if (memchr(text.bytes, '\0', text.size) != NULL) {
        return yaml_walk_fail(place, CORONG_INVALID, "a value cannot hold a NUL");
    }
    const char *argument = arena_copy_text(options->arena, text).bytes;
    return options_set(options, id, argument, &inner) == CORONG_OK
               ? CORONG_OK
               : yaml_walk_fail(place, CORONG_INVALID, "%s", inner.message);
}

/// `true` is the flag, `false` its absence.
static enum corong_status set_flag(struct options *options, enum option_id id,
                                   const struct yaml_place *place)
{
    static const char *const WORDS[] = {"false", "true", NULL};
    uint32_t index;
    TRY(yaml_walk_word(place, WORDS, &index));
    options->values[id].given = index == 1;
    return CORONG_OK;
}

static enum corong_status set_value(struct options *options, enum option_id id,
                                    const struct yaml_place *place)
{
    if (OPTION_SPECS[id].kind == OPTION_KIND_FLAG) {
        return set_flag(options, id, place);
    }
    if (!yaml_walk_is_sequence(place)) {
        return set_one(options, id, place);
    }
    if (OPTION_SPECS[id].kind != OPTION_KIND_LIST) {
        return yaml_walk_fail(place, CORONG_INVALID, "one value is expected here, not a list");
    }
    for (uint32_t index = 0; index < yaml_walk_count(place); index++) {
        struct yaml_place item = yaml_walk_item(place, options->arena, index);
        TRY(set_one(options, id, &item));
    }
    return CORONG_OK;
}

/// Values are checked also where a flag takes their place.
static enum corong_status read_key(struct options *options, enum option_id id,
                                   const struct yaml_place *place)
{
    struct option_value flag = options->values[id];
    options->values[id] = (struct option_value){0};
    if (!is_null(place)) {
        TRY(set_value(options, id, place));
    }
    if (flag.given) {
        options->values[id] = flag;
    }
    return CORONG_OK;
}

/// Words of the command line come before those of the document.
static enum corong_status read_words(struct options *options, const struct yaml_place *place)
{
    struct text *texts;
    uint32_t count;
    TRY(yaml_walk_texts(place, options->arena, WORD_COUNT_MAX, &texts, &count));
    if (options->operand_count == 0) {
        options->operands = texts;
        options->operand_count = count;
        options->operand_strings =
            arena_allocate_zeroed(options->arena, count + 1, sizeof(options->operand_strings[0]));
        for (uint32_t index = 0; index < count; index++) {
            options->operand_strings[index] = texts[index].bytes;
        }
    }
    return CORONG_OK;
}

/// A rule of the funnel that stands beside it is told where it belongs.
static enum corong_status check_rules(struct options *options, const struct yaml_place *root)
{
    static const char *const RULES[] = {"steps", "window",  "order", "unit",   "attempts",
                                        "entry", "ties",    "range", "scope",  "repeat",
                                        "name",  "exclude", "live",  "anchor", "tie_tolerance"};
    for (size_t index = 0; index < sizeof(RULES) / sizeof(RULES[0]); index++) {
        struct yaml_place place = yaml_walk_key(root, options->arena, RULES[index]);
        if (place.node != NULL) {
            return yaml_walk_fail(&place, CORONG_INVALID,
                                  "a rule of the funnel: it belongs inside 'funnel'");
        }
    }
    return CORONG_OK;
}

static enum corong_status read_keys(struct options *options, const uint8_t *allowed)
{
    struct query_object *object = options->query;
    struct yaml_place root = yaml_walk_root(&object->walk);
    struct key_list list;
    list_keys(options->arena, allowed, &list);
    if (root.node == NULL) {
        return CORONG_OK;
    }
    if (yaml_walk_is_mapping(&root) && is_allowed(allowed, OPTION_STEP)) {
        TRY(check_rules(options, &root));
    }
    TRY(yaml_walk_check_keys(&root, list.names));
    for (uint32_t index = 0; list.names[index] != NULL; index++) {
        struct yaml_place place = yaml_walk_key(&root, options->arena, list.names[index]);
        if (place.node == NULL) {
            continue;
        }
        if (list.ids[index] < OPTION_COUNT && list.ids[index] != OPTION_STEP) {
            TRY(read_key(options, list.ids[index], &place));
        } else if (list.ids[index] == KEY_WORDS && !is_null(&place)) {
            TRY(read_words(options, &place));
        } else if (!is_null(&place)) {
            object->funnel = place;
        }
    }
    return CORONG_OK;
}

enum corong_status query_object_parse(struct options *options, const uint8_t *allowed,
                                      const char *file_name, struct text source,
                                      struct corong_error *error)
{
    struct query_object *object = arena_allocate_zeroed(options->arena, 1, sizeof(*object));
    object->source = query_text_prepare(options->arena, source);
    object->file_name = file_name;
    enum corong_status status =
        yaml_walk_open_text(&object->walk, file_name, object->source, error);
    if (status == CORONG_OK) {
        options->query = object;
        status = read_keys(options, allowed);
    }
    query_object_point(object, error, status);
    return status;
}

static enum corong_status read_standard_input(struct text_buffer *out, struct corong_error *error)
{
    for (;;) {
        ssize_t size = read(STDIN_FILENO, text_buffer_reserve(out, 65536), 65536);
        if (size < 0 && errno != EINTR) {
            return error_set_errno(error, "cannot read standard input");
        }
        if (size == 0) {
            return CORONG_OK;
        }
        out->size += size > 0 ? (size_t)size : 0;
        if (out->size > YAML_WALK_FILE_SIZE_MAX) {
            return error_set(error, CORONG_INVALID, "standard input is longer than 4 MiB");
        }
    }
}

enum corong_status query_object_read(struct options *options, const uint8_t *allowed,
                                     struct corong_error *error)
{
    const char *path = options->values[OPTION_QUERY].text.bytes;
    struct text_buffer text = {0};
    if (strcmp(path, "-") == 0) {
        path = "standard input";
        TRY(read_standard_input(&text, error));
    } else {
        char *bytes;
        size_t size;
        TRY(file_read_whole(path, YAML_WALK_FILE_SIZE_MAX, &bytes, &size, error));
        text_buffer_append(&text, bytes, size);
        memory_free(bytes);
    }
    enum corong_status status =
        query_object_parse(options, allowed, path, (struct text){text.bytes, text.size}, error);
    text_buffer_deinit(&text);
    return status;
}

void query_object_close(struct options *options)
{
    if (options->query != NULL) {
        yaml_walk_close(&options->query->walk);
        options->query = NULL;
    }
}

void query_object_point(const struct query_object *object, struct corong_error *error,
                        enum corong_status status)
{
    if (status != CORONG_OK && error != NULL) {
        yaml_walk_point(error, object->file_name, object->source);
    }
}

static void write_values(const struct option_spec *spec, const struct option_value *value,
                         struct text_buffer *out)
{
    if (spec->kind == OPTION_KIND_FLAG) {
        text_buffer_append_string(out, "true");
        return;
    }
    if (spec->kind != OPTION_KIND_LIST) {
        config_print_value(value->text, out);
        return;
    }
    for (uint32_t index = 0; index < value->list_count; index++) {
        text_buffer_append_string(out, index == 0 ? "[" : ", ");
        config_print_value(value->list[index], out);
    }
    text_buffer_append_string(out, "]");
}

/// The key with what was given, else what is taken where nothing is; or, as a comment, what could
/// be said.
static void write_key(const struct options *options, const struct query_key *key,
                      const char *fallback, struct text_buffer *out)
{
    const struct option_spec *spec = &OPTION_SPECS[key->id];
    const struct option_value *value = &options->values[key->id];
    bool said = value->given || fallback != NULL;
    size_t start = out->size;
    text_buffer_printf(out, said ? "%s: " : "# %s: ", key_name(options->arena, key->id));
    if (value->given) {
        write_values(spec, value, out);
    } else {
        text_buffer_append_string(out, said ? fallback : spec->argument == NULL ? "true" : "");
    }
    size_t used = out->size - start;
    text_buffer_printf(out, "%*s# %s\n", used < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - used) : 1,
                       "", spec->sentence);
}

static void write_words(const struct options *options, struct text_buffer *out)
{
    text_buffer_append_string(out, options->operand_count == 0
                                       ? "# stages:             # all events, "
                                         "by name\n"
                                       : "stages: ");
    for (uint32_t index = 0; index < options->operand_count; index++) {
        text_buffer_append_string(out, index == 0 ? "[" : ", ");
        config_print_value(options->operands[index], out);
    }
    text_buffer_append_string(out, options->operand_count == 0 ? "" : "]\n");
}

void query_object_write(const struct options *options, const struct config *config,
                        const struct funnel *funnel, struct text_buffer *out)
{
    if (funnel != NULL) {
        text_buffer_append_string(out, "funnel:\n");
        config_print_question(funnel, out);
    }
    struct text_buffer timeout = {0};
    duration_format(config->session_timeout_us, &timeout);
    if (has_words(options->allowed)) {
        write_words(options, out);
    }
    for (size_t index = 0; index < QUERY_KEY_COUNT; index++) {
        const struct query_key *key = &QUERY_KEYS[index];
        bool session = key->id == OPTION_SESSION_TIMEOUT;
        if (is_allowed(options->allowed, key->id)) {
            write_key(options, key, session ? timeout.bytes : key->fallback, out);
        }
    }
    text_buffer_deinit(&timeout);
}

void query_object_write_json(const struct options *options, const struct config *config,
                             const struct funnel *funnel, struct text_buffer *out)
{
    struct text_buffer text = {0};
    struct yaml_walk walk;
    query_object_write(options, config, funnel, &text);
    enum corong_status status = yaml_walk_open_text(&walk, "the question's own text",
                                                    (struct text){text.bytes, text.size}, NULL);
    ASSERT(status == CORONG_OK);
    struct yaml_place root = yaml_walk_root(&walk);
    query_text_json(&root, options->arena, out);
    text_buffer_append_string(out, "\n");
    yaml_walk_close(&walk);
    text_buffer_deinit(&text);
}

enum exit_code query_object_print(const struct options *options, const struct config *config,
                                  const struct funnel *funnel)
{
    struct text_buffer out = {0};
    if (console_style(options, stdout).format == REPORT_JSON) {
        query_object_write_json(options, config, funnel, &out);
    } else {
        query_object_write(options, config, funnel, &out);
    }
    return console_write(stdout, &out);
}

struct report_style query_object_style(const struct options *options, const struct config *config,
                                       const struct funnel *funnel)
{
    struct report_style style = console_style(options, stdout);
    struct text_buffer text = {0};
    if (style.format == REPORT_JSON) {
        query_object_write_json(options, config, funnel, &text);
        text.size -= text.size > 0; // its line end
        style.question = arena_copy_text(options->arena, (struct text){text.bytes, text.size});
        text_buffer_deinit(&text);
    }
    return style;
}
