// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_regex.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/// A search that needs more than this is given up (its truth is unknown): hostile values must not
/// stop a query. Ordinary expressions need a few steps per byte.
#define REGEX_MATCH_LIMIT 1000000u
#define REGEX_DEPTH_LIMIT 10000u
#define REGEX_HEAP_LIMIT_KIB 16384u

struct filter_regex {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_code *code;
};

struct filter_regex_match {
    pcre2_general_context *memory;
    pcre2_match_data *data;
};

static void *regex_allocate(size_t size, void *context)
{
    (void)context;
    return memory_allocate(size);
}

static void regex_free(void *memory, void *context)
{
    (void)context;
    memory_free(memory);
}

struct filter_regex *filter_regex_create(struct text pattern, char *message_out,
                                         size_t message_size, size_t *offset_out)
{
    int code = 0;
    struct filter_regex *regex = memory_allocate_zeroed(1, sizeof(*regex));
    regex->memory = pcre2_general_context_create(regex_allocate, regex_free, NULL);
    pcre2_compile_context *context = pcre2_compile_context_create(regex->memory);
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    regex->code =
        pcre2_compile((PCRE2_SPTR)pattern.bytes, pattern.size, options, &code, offset_out, context);
    pcre2_compile_context_free(context);
    if (regex->code == NULL) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)message_out, message_size);
        filter_regex_destroy(regex);
        return NULL;
    }
    // Without JIT (not built in, or memory that may not be executed) searches are slower, not
    // different.
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    regex->limits = pcre2_match_context_create(regex->memory);
    pcre2_set_match_limit(regex->limits, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(regex->limits, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(regex->limits, REGEX_HEAP_LIMIT_KIB);
    return regex;
}

void filter_regex_destroy(struct filter_regex *regex)
{
    if (regex == NULL) {
        return;
    }
    pcre2_match_context_free(regex->limits);
    pcre2_code_free(regex->code);
    pcre2_general_context_free(regex->memory);
    memory_free(regex);
}

struct filter_regex_match *filter_regex_match_create(void)
{
    struct filter_regex_match *match = memory_allocate(sizeof(*match));
    match->memory = pcre2_general_context_create(regex_allocate, regex_free, NULL);
    match->data = pcre2_match_data_create(1, match->memory);
    return match;
}

void filter_regex_match_destroy(struct filter_regex_match *match)
{
    if (match == NULL) {
        return;
    }
    pcre2_match_data_free(match->data);
    pcre2_general_context_free(match->memory);
    memory_free(match);
}

enum filter_regex_result filter_regex_search(const struct filter_regex *regex,
                                             struct filter_regex_match *match, struct text value)
{
    PCRE2_SPTR bytes = (PCRE2_SPTR)value.bytes;
    int found = pcre2_match(regex->code, bytes, value.size, 0, 0, match->data, regex->limits);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
        found = pcre2_match(regex->code, bytes, value.size, 0, PCRE2_NO_JIT, match->data,
                            regex->limits);
    }
    if (found >= 0) {
        return FILTER_REGEX_YES;
    }
    return found == PCRE2_ERROR_NOMATCH ? FILTER_REGEX_NO : FILTER_REGEX_GAVE_UP;
}
