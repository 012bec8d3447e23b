// SPDX-License-Identifier: Apache-2.0
/// Bad input is counted by reason, sampled with its position, and kept as dead letters; it never
/// stops or crashes anything. Thread: a `struct reject_log` belongs to one ingest thread.
#pragma once

#include "ingest/metadata.h"
#include "storage/base/text.h"
#include "storage/storage.h"

#include <stdint.h>

/// Order is on disk (store_counters.rejected): append only.
enum reject_reason {
    REJECT_NONE = 0,
    REJECT_NOT_JSON, ///< violates RFC 8259
    REJECT_NOT_UTF8,
    REJECT_TOO_DEEP,     ///< nested deeper than JSON_DEPTH_MAX
    REJECT_TRUNCATED,    ///< input ends inside the message
    REJECT_NOT_OBJECT,   ///< valid JSON, but not an object
    REJECT_COLUMN_COUNT, ///< CSV row with another number of fields than the header
    REJECT_NOT_LOG_LINE, ///< not in the access-log format
    REJECT_USER_MISSING,
    REJECT_USER_TOO_LONG,
    REJECT_NAME_MISSING,
    REJECT_NAME_TOO_LONG,
    REJECT_TIME_MISSING,
    REJECT_TIME_FORMAT,
    REJECT_TIME_RANGE, ///< before 1970 or after 2199
    REJECT_VALUE_TOO_LONG,
    REJECT_MESSAGE_TOO_LONG,
    REJECT_UNROLL_MISSING, ///< the mapped array is absent or not an array
    REJECT_AMOUNT_FORMAT,
    REJECT_REASON_COUNT,
};
_Static_assert(REJECT_REASON_COUNT <= STORE_REJECT_REASON_COUNT_MAX, "counters must fit a commit");

/// "not_json", "time_format", ...: stable words for counters, metrics and dead letters.
const char *reject_reason_name(enum reject_reason reason);
/// A sentence for people: what was expected.
const char *reject_reason_sentence(enum reject_reason reason);

#define REJECT_SAMPLE_COUNT 5
#define REJECT_SAMPLE_SIZE 200

/// First few of each reason, for the closing report.
struct reject_sample {
    enum reject_reason reason;
    char source[128];
    int64_t offset;                   ///< byte or record position
    uint32_t event_index;             ///< as of the letter
    char detail[96];                  ///< e.g. the field and what was found
    char excerpt[REJECT_SAMPLE_SIZE]; ///< escaped start of the message
};

struct reject_log {
    struct text_buffer dead_letters; ///< framed; taken at each barrier
    struct reject_sample samples[REJECT_REASON_COUNT][REJECT_SAMPLE_COUNT];
    uint32_t sample_counts[REJECT_REASON_COUNT];
};

/// One rejected message, or event of a message.
struct reject_letter {
    enum reject_reason reason;
    struct text source;
    int64_t offset;
    uint32_t event_index; ///< inside an unrolled message; UINT32_MAX: all of `message`
    struct text message;  ///< of a packed message: the line
    struct text metadata; ///< what lies beside it, for metadata_read(); missing: nothing
};

/// Counts into `counters->rejected`, samples, and frames the letter. Does not touch
/// messages_rejected or events_rejected: the caller knows which of the two it is. `metadata` (may
/// be NULL) stands for letter->metadata, which is not looked at.
void reject_record(struct reject_log *log, struct store_counters *counters,
                   const struct reject_letter *letter, const struct metadata *metadata,
                   const char *detail);
void reject_log_deinit(struct reject_log *log);

/// A dead-letter frame: u32 size of the rest, u16 reason (with its highest bit set where there is
/// metadata), u16 source size, i64 offset, u32 event index, u32 metadata size and the metadata
/// where there is any, source, message, u64 XXH3 of all before. Reads the next frame; false at the
/// end, or with CORONG_CORRUPT in `error` (which starts as {0}) where bytes are damaged: the rest
/// is skipped. Borrowed from `frames`.
bool reject_letter_next(struct text *frames, struct reject_letter *letter_out,
                        struct corong_error *error);
