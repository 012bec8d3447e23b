// SPDX-License-Identifier: Apache-2.0
/// Any bytes as a pattern and events: a line, then a byte per event. It is refused with a message,
/// or match and count agree that there is something. The same line as a dialect: refused with a
/// message, or it reads back.
#include "engine/dialect/dialect.h"
#include "engine/pattern/pattern.h"
#include "storage/base/invariant.h"

#define EVENT_COUNT_MAX 48u

static void try_dialect(struct text words)
{
    struct corong_error error = {.message = ""};
    struct funnel funnel = {0};
    struct funnel again = {0};
    struct text_buffer text = {0};
    if (dialect_parse(words, &funnel, &error) != CORONG_OK) {
        ASSERT(error.message[0] != '\0' && funnel.dialect == DIALECT_NONE);
        return;
    }
    dialect_describe(&funnel, &text);
    enum corong_status status = dialect_parse((struct text){text.bytes, text.size}, &again, &error);
    ASSERT(status == CORONG_OK && again.dialect == funnel.dialect &&
           again.dialect_modes == funnel.dialect_modes);
    text_buffer_deinit(&text);
}

/// Three bits say what an event is, the others how much later than the one before.
static uint32_t read_events(const uint8_t *data, size_t size, struct pattern_event *events)
{
    int64_t time_us = 0;
    uint32_t count = 0;
    for (size_t i = 0; i < size && count < EVENT_COUNT_MAX; i++) {
        time_us += data[i] >> 3;
        events[count++] = (struct pattern_event){time_us, (data[i] & 7u) == 0 ? 1 : data[i] & 7u};
    }
    return count;
}

static void try_pattern(struct text source, const uint8_t *data, size_t size)
{
    struct corong_error error = {.message = ""};
    struct pattern pattern;
    struct pattern_scratch scratch = {0};
    struct pattern_event events[EVENT_COUNT_MAX];
    uint32_t matched[PATTERN_ACTION_COUNT_MAX];
    uint32_t matched_count = 0;
    uint64_t count = 0;
    bool found = false;
    if (pattern_parse(source, 3, 1, &pattern, &error) != CORONG_OK) {
        ASSERT(error.message[0] != '\0');
        return;
    }
    uint32_t event_count = read_events(data, size, events);
    bool told =
        pattern_match(&pattern, &scratch, events, event_count, &found, &error) == CORONG_OK &&
        pattern_count(&pattern, &scratch, events, event_count, &count, &error) == CORONG_OK;
    ASSERT(!told || event_count == 0 || found == (count > 0));
    ASSERT(count <= event_count);
    if (pattern_longest(&pattern, &scratch, events, event_count, matched, &matched_count, &error) ==
        CORONG_OK) {
        for (uint32_t i = 0; i < matched_count; i++) {
            ASSERT(matched[i] < event_count && (i == 0 || matched[i] > matched[i - 1]));
        }
    }
    pattern_scratch_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t line = end == NULL ? size : (size_t)(end - data);
    struct text words = {line == 0 ? "" : (const char *)data, line};
    try_dialect(words);
    try_pattern(words, data + (end == NULL ? size : line + 1), end == NULL ? 0 : size - line - 1);
    return 0;
}
