// SPDX-License-Identifier: Apache-2.0
#include "ingest/reject.h"

#include "storage/base/bytes.h"
#include "storage/base/hash.h"
#include "storage/base/invariant.h"

#include <stdio.h>
#include <string.h>

#define LETTER_FIXED_SIZE (2u + 2u + 8u + 4u) ///< reason, source size, offset, event index
#define LETTER_HASH_SIZE 8u
#define LETTER_SOURCE_SIZE_MAX UINT16_MAX
#define LETTER_HAS_METADATA 0x8000u

struct reject_words {
    const char *name;
    const char *sentence;
};

static const struct reject_words words[REJECT_REASON_COUNT] = {
    [REJECT_NONE] = {"none", "nothing is wrong"},
    [REJECT_NOT_JSON] = {"not_json", "a JSON document (RFC 8259) was expected"},
    [REJECT_NOT_UTF8] = {"not_utf8", "the text must be valid UTF-8"},
    [REJECT_TOO_DEEP] = {"too_deep", "objects and arrays may be nested 128 deep"},
    [REJECT_TRUNCATED] = {"truncated", "the input ends inside the message"},
    [REJECT_NOT_OBJECT] = {"not_object", "a JSON object was expected"},
    [REJECT_COLUMN_COUNT] = {"column_count",
                             "each row must have as many well-formed fields as the header"},
    [REJECT_NOT_LOG_LINE] = {"not_log_line",
                             "a line in the common or combined access-log format was expected"},
    [REJECT_USER_MISSING] = {"user_missing", "no mapped path holds a user id"},
    [REJECT_USER_TOO_LONG] = {"user_too_long", "a user id has at most 1024 bytes"},
    [REJECT_NAME_MISSING] = {"name_missing", "no mapped path holds an event name"},
    [REJECT_NAME_TOO_LONG] = {"name_too_long", "an event name has at most 1024 bytes"},
    [REJECT_TIME_MISSING] = {"time_missing", "no mapped path holds a time"},
    [REJECT_TIME_FORMAT] = {"time_format",
                            "a time in the mapped unit, or in RFC 3339 form, was expected"},
    [REJECT_TIME_RANGE] = {"time_range", "times lie between 1970 and 2199; check the mapped unit"},
    [REJECT_VALUE_TOO_LONG] = {"value_too_long", "an attribute has at most 65536 bytes"},
    [REJECT_MESSAGE_TOO_LONG] = {"message_too_long", "the message is longer than the limit"},
    [REJECT_UNROLL_MISSING] = {"unroll_missing", "the mapped array of events is not there"},
    [REJECT_AMOUNT_FORMAT] = {"amount_format", "an amount must be a decimal number"},
};

const char *reject_reason_name(enum reject_reason reason)
{
    return (unsigned)reason < REJECT_REASON_COUNT ? words[reason].name : "unknown";
}

const char *reject_reason_sentence(enum reject_reason reason)
{
    return (unsigned)reason < REJECT_REASON_COUNT ? words[reason].sentence : "unknown reason";
}

/// Printable ASCII as it is, everything else as \xhh: samples go to terminals.
static void copy_escaped(char *to, size_t size, struct text text)
{
    size_t used = 0;
    for (size_t index = 0; index < text.size && used + 5 <= size; index++) {
        unsigned char byte = (unsigned char)text.bytes[index];
        bool printable = byte >= 0x20 && byte < 0x7f && byte != '\\';
        used += (size_t)snprintf(to + used, size - used, printable ? "%c" : "\\x%02x", byte);
    }
    to[used] = '\0';
}

static void append_sample(struct reject_log *log, const struct reject_letter *letter,
                          const char *detail)
{
    uint32_t *count = &log->sample_counts[letter->reason];
    if (*count == REJECT_SAMPLE_COUNT) {
        return;
    }
    struct reject_sample *sample = &log->samples[letter->reason][(*count)++];
    sample->reason = letter->reason;
    sample->offset = letter->offset;
    sample->event_index = letter->event_index;
    copy_escaped(sample->source, sizeof(sample->source), letter->source);
    copy_escaped(sample->excerpt, sizeof(sample->excerpt), letter->message);
    snprintf(sample->detail, sizeof(sample->detail), "%s", detail == NULL ? "" : detail);
}

static void append_letter(struct text_buffer *frames, const struct reject_letter *letter,
                          const struct metadata *metadata)
{
    size_t begin = frames->size;
    text_buffer_append_u32(frames, 0); // its size, once it is known
    text_buffer_append_u16(
        frames, (uint16_t)(letter->reason | (metadata == NULL ? 0 : LETTER_HAS_METADATA)));
    text_buffer_append_u16(frames, (uint16_t)letter->source.size);
    text_buffer_append_i64(frames, letter->offset);
    text_buffer_append_u32(frames, letter->event_index);
    if (metadata != NULL) {
        size_t size_at = frames->size;
        text_buffer_append_u32(frames, 0);
        metadata_append(frames, metadata);
        bytes_store_u32(frames->bytes + size_at,
                        (uint32_t)(frames->size - size_at - sizeof(uint32_t)));
    }
    text_buffer_append_text(frames, letter->source);
    text_buffer_append_text(frames, letter->message);
    bytes_store_u32(frames->bytes + begin,
                    (uint32_t)(frames->size - begin - sizeof(uint32_t) + LETTER_HASH_SIZE));
    text_buffer_append_u64(frames, hash_bytes64(frames->bytes + begin, frames->size - begin));
}

void reject_record(struct reject_log *log, struct store_counters *counters,
                   const struct reject_letter *letter, const struct metadata *metadata,
                   const char *detail)
{
    ASSERT(letter->reason > REJECT_NONE && letter->reason < REJECT_REASON_COUNT);
    size_t room = UINT32_MAX - LETTER_FIXED_SIZE - LETTER_SOURCE_SIZE_MAX - LETTER_HASH_SIZE -
                  METADATA_SIZE_MAX - sizeof(uint32_t);
    struct reject_letter fitted = *letter;
    if (fitted.source.size > LETTER_SOURCE_SIZE_MAX) {
        fitted.source.size = LETTER_SOURCE_SIZE_MAX;
    }
    if (fitted.message.size > room) {
        fitted.message.size = room;
    }
    counters->rejected[letter->reason]++;
    append_sample(log, &fitted, detail);
    append_letter(&log->dead_letters, &fitted, metadata);
}

void reject_log_deinit(struct reject_log *log)
{
    text_buffer_deinit(&log->dead_letters);
    memset(log, 0, sizeof(*log));
}

static bool letter_fault(struct text *frames, struct corong_error *error, const char *what)
{
    size_t left = frames->size;
    *frames = (struct text){frames->bytes + frames->size, 0};
    error_set(error, CORONG_CORRUPT, "dead letters: %s, %zu bytes are skipped", what, left);
    return false;
}

bool reject_letter_next(struct text *frames, struct reject_letter *letter_out,
                        struct corong_error *error)
{
    if (frames->size == 0) {
        return false;
    }
    struct byte_cursor cursor = byte_cursor_over(frames->bytes, frames->size);
    uint32_t rest = byte_cursor_u32(&cursor);
    if (cursor.failed || rest > byte_cursor_left(&cursor) ||
        rest < LETTER_FIXED_SIZE + LETTER_HASH_SIZE) {
        return letter_fault(frames, error, "a frame is cut off");
    }
    size_t hashed = sizeof(rest) + rest - LETTER_HASH_SIZE;
    if (bytes_load_u64(frames->bytes + hashed) != hash_bytes64(frames->bytes, hashed)) {
        return letter_fault(frames, error, "a frame fails its checksum");
    }
    cursor = byte_cursor_over(frames->bytes + sizeof(rest), hashed - sizeof(rest));
    uint16_t flagged = byte_cursor_u16(&cursor);
    uint16_t reason = flagged & (uint16_t)~LETTER_HAS_METADATA;
    uint16_t source_size = byte_cursor_u16(&cursor);
    letter_out->offset = byte_cursor_i64(&cursor);
    letter_out->event_index = byte_cursor_u32(&cursor);
    letter_out->metadata =
        (flagged & LETTER_HAS_METADATA) != 0 ? byte_cursor_text(&cursor) : TEXT_MISSING;
    if (cursor.failed || source_size > byte_cursor_left(&cursor) || reason == REJECT_NONE ||
        reason >= REJECT_REASON_COUNT) {
        return letter_fault(frames, error, "a frame breaks its rules");
    }
    size_t message_size = byte_cursor_left(&cursor) - source_size;
    letter_out->reason = (enum reject_reason)reason;
    letter_out->source = (struct text){byte_cursor_take(&cursor, source_size), source_size};
    letter_out->message = (struct text){byte_cursor_take(&cursor, message_size), message_size};
    size_t frame_size = sizeof(rest) + rest;
    *frames = (struct text){frames->bytes + frame_size, frames->size - frame_size};
    return true;
}
