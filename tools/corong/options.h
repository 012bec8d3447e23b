// SPDX-License-Identifier: Apache-2.0
/// Every option of the command line once: its table row gives parsing, range checks and help; a
/// verb lists which of them it takes. Thread: main.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum option_id {
    OPTION_STORE = 0,
    OPTION_STORE_GROUP,
    OPTION_CONFIG,
    OPTION_MAPPING,
    OPTION_MEMORY_LIMIT,
    OPTION_SHARDS,
    OPTION_PARALLEL,
    OPTION_COMMIT_INTERVAL,
    OPTION_NO_COMPACT,
    OPTION_MERGE,
    OPTION_DEAD_LETTERS,
    OPTION_KAFKA_TOPIC,
    OPTION_KAFKA_PROPERTY,
    OPTION_FOLLOW,
    OPTION_KEY,
    OPTION_PACK,
    OPTION_RATE,
    OPTION_TIMESTAMP,
    OPTION_SECONDS,
    OPTION_QUIET,
    OPTION_STEP,
    OPTION_FROM,
    OPTION_TO,
    OPTION_BY,
    OPTION_TOP,
    OPTION_WHERE,
    OPTION_WHERE_ENTRY,
    OPTION_WHERE_USER,
    OPTION_ATTRIBUTION,
    OPTION_TREND,
    OPTION_TREND_BUCKET,
    OPTION_THROUGHPUT,
    OPTION_ZONE,
    OPTION_COMPARE,
    OPTION_SURVIVAL,
    OPTION_OUTPUTS,
    OPTION_CUSTOMER,
    OPTION_WINDOW,
    OPTION_UNIT,
    OPTION_TIES,
    OPTION_ATTEMPTS,
    OPTION_RANGE,
    OPTION_ORDER,
    OPTION_SCOPE,
    OPTION_REPEATS,
    OPTION_ENTRY,
    OPTION_OPTIONAL,
    OPTION_MAX_GAP,
    OPTION_MIN_GAP,
    OPTION_ANCHOR,
    OPTION_EXCLUDE,
    OPTION_TIE_TOLERANCE,
    OPTION_DIALECT,
    OPTION_DIALECT_DIFF,
    OPTION_DIALECT_ANSWER,
    OPTION_REACHED,
    OPTION_DROPPED,
    OPTION_OPEN,
    OPTION_LOST,
    OPTION_WON,
    OPTION_SLICE,
    OPTION_DAY,
    OPTION_GATHER,
    OPTION_SHOW,
    OPTION_DEPTH,
    OPTION_ROWS,
    OPTION_NAMESPACE,
    OPTION_AFTER,
    OPTION_GONE,
    OPTION_DID,
    OPTION_LIST,
    OPTION_TIMES,
    OPTION_BARS,
    OPTION_AS_OF,
    OPTION_SESSION_TIMEOUT,
    OPTION_BUCKET,
    OPTION_COLUMNS,
    OPTION_FORMAT,
    OPTION_THREADS,
    OPTION_TIMING,
    OPTION_REPEAT,
    OPTION_EVERY,
    OPTION_DURABLE,
    OPTION_COLOR,
    OPTION_PRINT_CONFIG,
    OPTION_QUERY,
    OPTION_PRINT_QUERY,
    OPTION_LIKE,
    OPTION_REPLAY,
    OPTION_SPEED,
    OPTION_SHAPE,
    OPTION_THROUGH,
    OPTION_BROKERS,
    OPTION_BUDGET,
    OPTION_GROWTH,
    OPTION_PREFILL,
    OPTION_QUICK,
    OPTION_EVENTS,
    OPTION_RUNS,
    OPTION_SEED,
    OPTION_PARTITIONS,
    OPTION_QUESTIONS,
    OPTION_OUTPUT,
    OPTION_RUN,
    OPTION_EVENTS_PER_DAY,
    OPTION_USERS,
    OPTION_USERS_PER_DAY,
    OPTION_DAYS,
    OPTION_PEAK,
    OPTION_MAN,
    OPTION_HELP,
    OPTION_COUNT,
};

enum option_kind {
    OPTION_KIND_FLAG,
    OPTION_KIND_TEXT,
    OPTION_KIND_LIST,     ///< text, may be repeated
    OPTION_KIND_COUNT,    ///< whole number within [min, max]
    OPTION_KIND_SIZE,     ///< bytes within [min, max]
    OPTION_KIND_DURATION, ///< microseconds within [min, max]
    OPTION_KIND_TIME,     ///< an instant
    OPTION_KIND_WORD,     ///< one of `words`
};

/// One row of the table.
struct option_spec {
    const char *name;
    const char *argument; ///< what help calls it; NULL for flags
    enum option_kind kind;
    int64_t min;
    int64_t max;
    const char *const *words; ///< NULL-terminated, for OPTION_KIND_WORD
    const char *sentence;
};
extern const struct option_spec OPTION_SPECS[OPTION_COUNT];

/// What was given on the command line.
struct option_value {
    bool given;
    struct text text;  ///< the last one given, whatever its kind
    int64_t number;    ///< COUNT, SIZE, DURATION, TIME; WORD: index of the word
    struct text *list; ///< LIST
    uint32_t list_count;
};
struct query_object;
struct options {
    struct option_value values[OPTION_COUNT];
    struct text *operands;
    const char **operand_strings; ///< the same, NUL-terminated
    uint32_t operand_count;
    struct arena *arena;        ///< for whatever a verb needs until the end
    const uint8_t *allowed;     ///< the verb's options, ends with OPTION_COUNT
    struct query_object *query; ///< what --query named; NULL: nothing
    struct query_memo *memo;    ///< of --every; NULL: nothing is kept
};

/// Parses `arguments[1..]`, `arguments[0]` being the verb. `allowed` ends with OPTION_COUNT. Errors
/// name the option, what was found, what is allowed and the nearest option.
CORONG_MUST_CHECK enum corong_status options_parse(struct options *options, struct arena *arena,
                                                   const uint8_t *allowed, int argument_count,
                                                   char **arguments, struct corong_error *error);
/// As if `argument` stood behind the option, checked in the same way. It is borrowed.
CORONG_MUST_CHECK enum corong_status options_set(struct options *options, enum option_id id,
                                                 const char *argument, struct corong_error *error);
static inline bool options_given(const struct options *options, enum option_id id)
{
    return options->values[id].given;
}
/// The number of an option, or `otherwise` where it was not given.
static inline int64_t options_number(const struct options *options, enum option_id id,
                                     int64_t otherwise)
{
    return options->values[id].given ? options->values[id].number : otherwise;
}
