// SPDX-License-Identifier: Apache-2.0
/// PCRE2 behind two calls: unanchored search in UTF-8 (bytes that are not UTF-8 never match), JIT
/// where there is one, bounded work per search. Private to engine/filter. Thread: a compiled
/// expression is immutable; a match object belongs to one thread.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stddef.h>

struct filter_regex;
struct filter_regex_match;

enum filter_regex_result {
    FILTER_REGEX_NO = 0,
    FILTER_REGEX_YES,
    FILTER_REGEX_GAVE_UP, ///< the search would take more than its limit
};

/// NULL on failure: `message_out` (at least 128 bytes) says why, `offset_out` is the byte of the
/// pattern.
struct filter_regex *filter_regex_create(struct text pattern, char *message_out,
                                         size_t message_size, size_t *offset_out);
/// NULL-safe.
void filter_regex_destroy(struct filter_regex *regex);
/// Working memory for searches of one thread.
struct filter_regex_match *filter_regex_match_create(void);
/// NULL-safe.
void filter_regex_match_destroy(struct filter_regex_match *match);
enum filter_regex_result filter_regex_search(const struct filter_regex *regex,
                                             struct filter_regex_match *match, struct text value);
