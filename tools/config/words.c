// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config.h"

const char *words_order(enum funnel_order order)
{
    static const char *const WORDS[] = {"loose", "strict", "any"};
    return WORDS[order];
}

const char *words_unit(enum funnel_unit unit)
{
    static const char *const WORDS[] = {"user", "session", "attributes"};
    return WORDS[unit];
}

const char *words_attempts(enum funnel_attempts attempts)
{
    static const char *const WORDS[] = {"best", "first", "last", "all"};
    return WORDS[attempts];
}

const char *words_ties(enum funnel_ties ties)
{
    static const char *const WORDS[] = {"any", "strict"};
    return WORDS[ties];
}

const char *words_range(bool inside)
{
    return inside ? "inside" : "entry";
}

const char *words_effect(bool remove)
{
    return remove ? "remove" : "end";
}

void words_window(const struct funnel *funnel, struct text_buffer *out)
{
    if (funnel->window_session) {
        text_buffer_append_string(out, "session");
    } else if (funnel->window_us == FUNNEL_WINDOW_NONE) {
        text_buffer_append_string(out, "none");
    } else {
        duration_format(funnel->window_us, out);
    }
}

enum corong_status words_window_parse(struct text text, struct funnel *funnel,
                                      struct corong_error *error)
{
    funnel->window_session = text_equal(text, TEXT_LITERAL("session"));
    if (funnel->window_session || text_equal(text, TEXT_LITERAL("none"))) {
        funnel->window_us = FUNNEL_WINDOW_NONE;
        return CORONG_OK;
    }
    if (text_equal(text, TEXT_LITERAL("0"))) {
        funnel->window_us = 0;
        return CORONG_OK;
    }
    TRY_IN(duration_parse(text, &funnel->window_us, error), error,
           "a duration, 'session' or 'none' is expected");
    return CORONG_OK;
}

const char *words_nearest(struct text word, const char *const *words)
{
    const char *nearest = NULL;
    size_t limit = 1 + word.size / 3;
    for (uint32_t index = 0; words[index] != NULL; index++) {
        size_t distance = text_distance(word, text_from(words[index]));
        if (distance <= limit && (nearest == NULL || distance < limit)) {
            nearest = words[index];
            limit = distance;
        }
    }
    return nearest;
}
