// SPDX-License-Identifier: Apache-2.0
// What should be the same on both sides, and is not.
#include "tools/bench/compare/compare_figure.h"

#include <stdio.h>

#define WORD_SIZE 96u

/// A member as JSON has it, cut where it is long; "nothing" where it is absent.
static const char *words_of(const json_t *value, struct arena *arena)
{
    char word[WORD_SIZE];
    size_t size = json_dumpb(value, word, sizeof(word) - 1, JSON_ENCODE_ANY);
    if (size == 0) {
        return "nothing";
    }
    word[size < sizeof(word) ? size : sizeof(word) - 1] = '\0';
    return arena_copy_string(arena, word);
}

static void note(struct compare_notes *notes, const char *where, const char *key,
                 const json_t *before, const json_t *after)
{
    char words[2 * WORD_SIZE + 128];
    if (json_is_object(before) || json_is_array(before) || notes->count == COMPARE_NOTE_COUNT_MAX ||
        (before == NULL && after == NULL) || json_equal(before, after)) {
        return;
    }
    snprintf(words, sizeof(words), "%s%s%s: %s before, %s after", where,
             where[0] == '\0' ? "" : " ", key, words_of(before, notes->arena),
             words_of(after, notes->arena));
    notes->texts[notes->count++] = text_from(arena_copy_string(notes->arena, words));
}

static void note_all(struct compare_notes *notes, const char *where, const json_t *before,
                     const json_t *after)
{
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)before, key, value)
    {
        note(notes, where, key, value, json_object_get(after, key));
    }
}

void compare_notes_take(struct compare_notes *notes, const json_t *before, const json_t *after)
{
    static const char *const of_machine[] = {"cpu", "cores", "memory_bytes", "kernel"};
    static const char *const of_rivals[] = {"machine", "events", "ingest_events", "threads"};
    for (size_t index = 0; index < sizeof(of_machine) / sizeof(of_machine[0]); index++) {
        note(notes, "machine", of_machine[index],
             json_object_get(json_object_get(before, "machine"), of_machine[index]),
             json_object_get(json_object_get(after, "machine"), of_machine[index]));
    }
    for (size_t index = 0; index < sizeof(of_rivals) / sizeof(of_rivals[0]); index++) {
        note(notes, "", of_rivals[index], json_object_get(before, of_rivals[index]),
             json_object_get(after, of_rivals[index]));
    }
    const json_t *left = json_object_get(before, "parameters");
    const json_t *right = json_object_get(after, "parameters");
    note_all(notes, "parameters", left, right);
    note_all(notes, "shape", json_object_get(left, "shape"), json_object_get(right, "shape"));
}
