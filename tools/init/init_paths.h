// SPDX-License-Identifier: Apache-2.0
/// What the values at each path of a sample look like. Private to tools/init. Thread: main.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define INIT_PATH_COUNT_MAX 1024u
#define INIT_DISTINCT_MAX 4096u ///< distinct values counted per path; more are "many"
#define INIT_EXAMPLE_COUNT 2u

enum init_time {
    INIT_TIME_NONE = 0,
    INIT_TIME_SECONDS,
    INIT_TIME_MILLISECONDS,
    INIT_TIME_MICROSECONDS,
    INIT_TIME_NANOSECONDS,
    INIT_TIME_TEXT,       ///< a date and time that says its zone
    INIT_TIME_TEXT_LOCAL, ///< one that does not
    INIT_TIME_COUNT,
};

struct init_path {
    struct text path;  ///< as a mapping writes it
    struct text words; ///< the last key in lower case, letters and digits only
    struct text owner; ///< the last two keys, likewise; empty where there is one
    bool in_element;
    uint32_t depth;
    uint64_t present; ///< values that are there and not null
    uint64_t texts;   ///< of them
    uint64_t numbers;
    uint64_t integers;
    uint64_t booleans;
    uint64_t numeric_texts; ///< of the texts
    uint64_t currencies;    ///< texts of three letters
    uint64_t times[INIT_TIME_COUNT];
    uint64_t *seen; ///< hashes, a table
    uint32_t distinct;
    struct text examples[INIT_EXAMPLE_COUNT];
    bool in_list;  ///< the first element of a list of plain values
    bool has_zero; ///< "0" is among the values
    bool has_dash;
    bool taken; ///< has a role
};

struct init_paths {
    struct arena *arena;
    struct init_path paths[INIT_PATH_COUNT_MAX];
    uint32_t count;
    uint64_t documents;
    uint64_t elements;  ///< of the list below
    struct text unroll; ///< path of the list that holds the events; missing: documents are events
    uint32_t lists;     ///< of the documents looked at, those that have one
    uint32_t looked;
    bool recognised; ///< documents look like a known export, and some were read as that
    bool columns;    ///< paths are names of columns
};

/// Adds a JSON document, given as text. False where it is none, or neither object nor list.
bool init_paths_add(struct init_paths *paths, struct text document);
/// Decides whether a list inside the documents holds the events, from the first documents: to be
/// called with each of them before any is added.
void init_paths_look_for_list(struct init_paths *paths, struct text document);
