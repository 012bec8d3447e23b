// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config_stage.h"

#define LABEL_MARK ": where "
#define WHERE_MARK " where "
#define WHERE_START "where "

static enum corong_status refuse(struct text word, const char *reason, struct corong_error *error)
{
    return error_set(error, CORONG_INVALID,
                     "step '%.*s': %s; a stage, an event name, 'NAME where EXPRESSION', "
                     "'where EXPRESSION' or 'LABEL: where EXPRESSION' is expected",
                     (int)word.size, word.bytes == NULL ? "" : word.bytes, reason);
}

/// Cuts `word` at the first `mark`: what is before it stays, what is after it goes to `rest_out`.
static bool split(struct text *word, struct text mark, struct text *rest_out)
{
    const char *found =
        word->size == 0 ? NULL : memmem(word->bytes, word->size, mark.bytes, mark.size);
    if (found == NULL) {
        return false;
    }
    const char *end = word->bytes + word->size;
    *rest_out = (struct text){found + mark.size, (size_t)(end - found) - mark.size};
    word->size = (size_t)(found - word->bytes);
    return true;
}

/// "where EXPRESSION" is labelled by its expression.
static bool split_start(struct text *word, struct text *where_out)
{
    const size_t start_size = sizeof(WHERE_START) - 1;
    if (word->size <= start_size || memcmp(word->bytes, WHERE_START, start_size) != 0) {
        return false;
    }
    *word = (struct text){word->bytes + start_size, word->size - start_size};
    *where_out = *word;
    return true;
}

static void name_stage(const struct config *config, struct arena *arena, struct text name,
                       struct stage *stage)
{
    const struct stage *known = definitions_stage(&config->definitions, name);
    if (known != NULL) {
        *stage = *known;
        return;
    }
    *stage = (struct stage){.name = arena_copy_text(arena, name), .event_count = 1};
    stage->events = arena_allocate_zeroed(arena, 1, sizeof(struct text));
    stage->events[0] = stage->name;
}

enum corong_status config_step(const struct config *config, struct arena *arena, struct text word,
                               struct stage *stage_out, struct corong_error *error)
{
    struct text name = word;
    struct text where = TEXT_MISSING;
    bool label = split_start(&name, &where) || split(&name, TEXT_LITERAL(LABEL_MARK), &where);
    bool condition = label || split(&name, TEXT_LITERAL(WHERE_MARK), &where);
    if (name.size == 0) {
        return refuse(word, "no name", error);
    }
    if (condition && where.size == 0) {
        return refuse(word, "nothing after 'where'", error);
    }
    if (label) {
        *stage_out = (struct stage){.name = arena_copy_text(arena, name)};
    } else {
        name_stage(config, arena, name, stage_out);
    }
    stage_out->where = config_stage_both(arena, stage_out->where, arena_copy_text(arena, where));
    return CORONG_OK;
}
