// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/options.h"

#include "engine/engine.h"
#include "engine/query/next/next.h"
#include "engine/query/people/people.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "tools/config/config.h"
#include "tools/corong/console.h"
#include "tools/corong/dialect_answer.h"
#include "tools/corong/instant.h"
#include "tools/corong/verbs.h"

#include <getopt.h>
#include <inttypes.h>

#define OPTION_FIRST_VALUE 256
#define OPTION_FORMER_REPEATS (OPTION_FIRST_VALUE + OPTION_COUNT)

static const char *const TIMESTAMPS[] = {"event", "now", NULL};
static const char *const ORDERS[] = {"loose", "strict", "any", NULL};
static const char *const SCOPES[] = {"all", "funnel", NULL};
static const char *const REPEATS[] = {"break", "allow", NULL};
static const char *const ENTRIES[] = {"closed", "open", NULL};
static const char *const TIES[] = {"any", "strict", NULL};
static const char *const ATTEMPTS[] = {"best", "first", "last", "all", NULL};
static const char *const RANGES[] = {"entry", "inside", NULL};
static const char *const NAMESPACES[] = {"known", "anonymous", "account", NULL};
static const char *const BUCKETS[] = {"none", "hour", "day", "week", "month", NULL};
static const char *const BARS[] = {"so-far", "events", "people", NULL};
static const char *const AGES[] = {"active", "dormant", "gone", "all", "none", NULL};
static const char *const FORMATS[] = {"table", "json", "csv", NULL};
static const char *const THROUGH[] = {"mock", "files", NULL};
static const char *const COLORS[] = {"auto", "always", "never", NULL};

const struct option_spec OPTION_SPECS[OPTION_COUNT] = {
    [OPTION_STORE] = {"store", "DIR", OPTION_KIND_TEXT, 0, 0, NULL,
                      "the store's directory (default ./corong.store)"},
    [OPTION_STORE_GROUP] = {"store-group", "DIR", OPTION_KIND_TEXT, 0, 0, NULL,
                            "a directory of stores, one for each server that shares the topics"},
    [OPTION_CONFIG] = {"config", "FILE", OPTION_KIND_TEXT, 0, 0, NULL,
                       "stages, funnels and limits (default ./corong.yaml if there)"},
    [OPTION_MAPPING] = {"mapping", "PRESET|FILE", OPTION_KIND_TEXT, 0, 0, NULL,
                        "where user, time and name lie (default: guessed, and said)"},
    [OPTION_MEMORY_LIMIT] = {"memory-limit", "SIZE", OPTION_KIND_SIZE, INT64_C(64) << 20,
                             INT64_C(1) << 44, NULL, "never use more, such as 1GiB (the default)"},
    [OPTION_SHARDS] = {"shards", "N", OPTION_KIND_COUNT, 1, ENGINE_SHARD_COUNT_MAX, NULL,
                       "engine threads (default: one per core)"},
    [OPTION_PARALLEL] = {"parallel", "N", OPTION_KIND_COUNT, 1, ENGINE_PRODUCER_COUNT_MAX, NULL,
                         "files read at the same time (default: one per two cores)"},
    [OPTION_COMMIT_INTERVAL] = {"commit-interval", "TIME", OPTION_KIND_DURATION,
                                MICROSECONDS_PER_SECOND / 1000, MICROSECONDS_PER_HOUR, NULL,
                                "make events durable at least this often (5s; files, topics 1m)"},
    [OPTION_NO_COMPACT] = {"no-compact", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                           "do not merge the segments at the end"},
    [OPTION_MERGE] = {"merge", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                      "merge segments while reading too, so that few are there at any time"},
    [OPTION_DEAD_LETTERS] = {"dead-letters", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                             "PATHs are dead-letter files: feed their messages again"},
    [OPTION_KAFKA_TOPIC] =
        {"kafka-topic", "TOPIC[:P,P]", OPTION_KIND_LIST, 0, 0, NULL,
         "a Kafka topic; repeat it to read several; where P are named, those partitions"},
    [OPTION_KAFKA_PROPERTY] = {"kafka-property", "NAME=VALUE", OPTION_KIND_LIST, 0, 0, NULL,
                               "any librdkafka property, such as bootstrap.servers=host:9092"},
    [OPTION_FOLLOW] = {"follow", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                       "keep reading the topics until interrupted, not just to their end"},
    [OPTION_KEY] = {"key", "user|none|ATTR", OPTION_KIND_TEXT, 0, 0, NULL,
                    "what a message's key is: the mapped user (default) or another field"},
    [OPTION_PACK] = {"pack", "N", OPTION_KIND_COUNT, 1, 1000000, NULL,
                     "lines in one message, one event each (default 1)"},
    [OPTION_RATE] =
        {"rate", "N", OPTION_KIND_COUNT, 1, 1000000000, NULL,
         "lines per second (default: as fast as they go; demo: 20000; bench: what it finds)"},
    [OPTION_TIMESTAMP] = {"timestamp", "WORD", OPTION_KIND_WORD, 0, 0, TIMESTAMPS,
                          "Kafka's timestamp: the event's (default), or the moment of sending"},
    [OPTION_SECONDS] = {"seconds", "N", OPTION_KIND_COUNT, 1, 1000000, NULL,
                        "end by itself after N seconds (default: on a terminal by ^C, else 60)"},
    [OPTION_QUIET] = {"quiet", NULL, OPTION_KIND_FLAG, 0, 0, NULL, "no progress and no hints"},
    [OPTION_STEP] = {"step", "STEP", OPTION_KIND_LIST, 0, 0, NULL,
                     "stage, event, 'NAME where EXPR' or '[LABEL: ]where EXPR'; one per step"},
    [OPTION_FROM] = {"from", "TIME", OPTION_KIND_TIME, 0, 0, NULL,
                     "from this instant on: 2026-01-02 or 2026-01-02T03:04:05+01:00"},
    [OPTION_TO] = {"to", "TIME", OPTION_KIND_TIME, 0, 0, NULL, "before this instant"},
    [OPTION_BY] = {"by", "ATTR[,ATTR]", OPTION_KIND_LIST, 0, 0, NULL,
                   "one row per value of these attributes"},
    [OPTION_TOP] = {"top", "N", OPTION_KIND_COUNT, 1, 10000, NULL,
                    "rows listed, the rest is (other) (default 20)"},
    [OPTION_WHERE] = {"where", "EXPR", OPTION_KIND_TEXT, 0, 0, NULL,
                      "only events that satisfy EXPR, such as \"country in ('DE','FR')\""},
    [OPTION_WHERE_ENTRY] = {"where-entry", "EXPR", OPTION_KIND_TEXT, 0, 0, NULL,
                            "only entries whose event satisfies EXPR"},
    [OPTION_WHERE_USER] = {"where-user", "EXPR", OPTION_KIND_TEXT, 0, 0, NULL,
                           "only entries at which the person's latest values satisfy EXPR"},
    [OPTION_ATTRIBUTION] = {"attribution", "WORD", OPTION_KIND_TEXT, 0, 0, NULL,
                            "whose value --by takes: entry (default), first, last, step:K, user, "
                            "each[:K]"},
    [OPTION_TREND] = {"trend", "WORD", OPTION_KIND_WORD, 0, 0, BUCKETS,
                      "also by the entries of each hour, day, week or month"},
    [OPTION_THROUGHPUT] = {"throughput", "WORD", OPTION_KIND_WORD, 0, 0, BUCKETS,
                           "also how many reach each step in each hour, day, week or month"},
    [OPTION_ZONE] = {"zone", "ZONE", OPTION_KIND_TEXT, 0, 0, NULL,
                     "whose clocks --trend and --throughput go by, such as Europe/Berlin (UTC)"},
    [OPTION_COMPARE] = {"compare", "FROM..TO", OPTION_KIND_TEXT, 0, 0, NULL,
                        "the same question about another range, and what changed"},
    [OPTION_CUSTOMER] = {"customer", "STEP", OPTION_KIND_TEXT, 0, 0, NULL,
                         "for --by '$customer': returning is who did it before (default order)"},
    [OPTION_SURVIVAL] = {"survival", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                         "also the share won by time since the entry (Kaplan-Meier)"},
    [OPTION_OUTPUTS] = {"outputs", "PART[,PART]", OPTION_KIND_LIST, 0, 0, NULL,
                        "what is computed: counts, times, money, days (all of them)"},
    [OPTION_WINDOW] = {"window", "TIME", OPTION_KIND_TEXT, 0, 0, NULL,
                       "from first to last step at most: 30m, 7d (default), session or none"},
    [OPTION_UNIT] = {"unit", "user|session|ATTR", OPTION_KIND_TEXT, 0, 0, NULL,
                     "what is counted: user (default), session, or user and values of ATTR,ATTR"},
    [OPTION_TIES] = {"ties", "WORD", OPTION_KIND_WORD, 0, 0, TIES,
                     "simultaneous events are in any order (default), or in none"},
    [OPTION_ATTEMPTS] = {"attempts", "WORD", OPTION_KIND_WORD, 0, 0, ATTEMPTS,
                         "which of a user's attempts counts (default best)"},
    [OPTION_RANGE] = {"range", "WORD", OPTION_KIND_WORD, 0, 0, RANGES,
                      "--from and --to bound the entry (default), or all of an attempt"},
    [OPTION_ORDER] = {"order", "WORD", OPTION_KIND_WORD, 0, 0, ORDERS,
                      "of the steps: anything between (default), nothing between, or in any order"},
    [OPTION_SCOPE] = {"scope", "WORD", OPTION_KIND_WORD, 0, 0, SCOPES,
                      "order strict: no event between (default), or none that matches a step"},
    [OPTION_REPEATS] = {"repeat", "WORD", OPTION_KIND_WORD, 0, 0, REPEATS,
                        "order strict: a repeat of the step just matched breaks it (default)"},
    [OPTION_ENTRY] = {"entry", "WORD", OPTION_KIND_WORD, 0, 0, ENTRIES,
                      "open: an attempt may begin at any step, not only at the first"},
    [OPTION_OPTIONAL] = {"optional", "STEP[,STEP]", OPTION_KIND_LIST, 0, 0, NULL,
                         "steps, by number or name, that may be skipped"},
    [OPTION_MAX_GAP] = {"max-gap", "STEP=TIME", OPTION_KIND_LIST, 0, 0, NULL,
                        "at most so long after the step before, such as order=2h"},
    [OPTION_MIN_GAP] = {"min-gap", "STEP=TIME", OPTION_KIND_LIST, 0, 0, NULL,
                        "at least so long after the step before"},
    [OPTION_ANCHOR] = {"anchor", "first|last=STEP", OPTION_KIND_LIST, 0, 0, NULL,
                       "order any: the step that comes before, or after, all others"},
    [OPTION_EXCLUDE] = {"exclude", "STAGE", OPTION_KIND_LIST, 0, 0, NULL,
                        "spoils an attempt between steps: 'logout after 1 before order [remove]'"},
    [OPTION_TIE_TOLERANCE] = {"tie-tolerance", "TIME", OPTION_KIND_DURATION, 0,
                              MICROSECONDS_PER_DAY, NULL,
                              "events so close together count as simultaneous (default 0)"},
    [OPTION_DIALECT] = {"dialect", "NAME[:MODE,..]", OPTION_KIND_TEXT, 0, 0, NULL,
                        "count as another system does, such as clickhouse:strict_order"},
    [OPTION_DIALECT_DIFF] = {"dialect-diff", "NAME[:MODE,..]", OPTION_KIND_TEXT, 0, 0, NULL,
                             "list the users whom another system counts differently, and why"},
    [OPTION_DIALECT_ANSWER] = {"dialect-answer", "WORD", OPTION_KIND_WORD, 0, 0, DIALECT_ANSWERS,
                               "what only PostHog (breakdown, trends, time_to_convert, "
                               "correlation) or Pinot (runs) answers"},
    [OPTION_REACHED] = {"reached", "STEP", OPTION_KIND_TEXT, 0, 0, NULL,
                        "those who reached a step: its number or name (default: the first)"},
    [OPTION_DROPPED] = {"dropped", "STEP", OPTION_KIND_TEXT, 0, 0, NULL,
                        "those who went no further than a step"},
    [OPTION_OPEN] = {"open", "STEP|all", OPTION_KIND_TEXT, 0, 0, NULL,
                     "of those, the ones who may still go on"},
    [OPTION_LOST] = {"lost", "STEP|all", OPTION_KIND_TEXT, 0, 0, NULL,
                     "of those, the ones who cannot"},
    [OPTION_WON] = {"won", NULL, OPTION_KIND_FLAG, 0, 0, NULL, "those who reached the last step"},
    [OPTION_SLICE] = {"slice", "VALUE[,VALUE]", OPTION_KIND_LIST, 0, 0, NULL,
                      "of one slice of --by: a value for each attribute, (none) or (other)"},
    [OPTION_TREND_BUCKET] = {"trend-bucket", "TIME", OPTION_KIND_TIME, 0, 0, NULL,
                             "with --trend: of the bucket of entries that holds this time"},
    [OPTION_DAY] = {"day", "DATE", OPTION_KIND_TIME, 0, 0, NULL,
                    "whose step lies in this day (UTC), such as 2026-01-03"},
    [OPTION_SHOW] = {"show", "ATTR", OPTION_KIND_TEXT, 0, 0, NULL,
                     "what the events are called: values of ATTR (default: their names)"},
    [OPTION_DEPTH] = {"depth", "N", OPTION_KIND_COUNT, 1, NEXT_DEPTH_MAX, NULL,
                      "events of a path (default 1)"},
    [OPTION_GATHER] = {"gather", "ATTR[,ATTR]", OPTION_KIND_LIST, 0, 0, NULL,
                       "what these attributes were from the entry to the last step"},
    [OPTION_ROWS] = {"rows", "N", OPTION_KIND_COUNT, 1, INT64_C(1000000000000), NULL,
                     "rows written at most (default: a table 50, else all)"},
    [OPTION_NAMESPACE] = {"namespace", "WORD", OPTION_KIND_WORD, 0, 0, NAMESPACES,
                          "what kind of id it is, where several users have it"},
    [OPTION_AFTER] = {"after", "TIME", OPTION_KIND_DURATION, 0, 36500 * MICROSECONDS_PER_DAY, NULL,
                      "dormant are users not seen for so long (default 30d)"},
    [OPTION_GONE] = {"gone", "TIME", OPTION_KIND_DURATION, 0, 36500 * MICROSECONDS_PER_DAY, NULL,
                     "and gone those not seen for so long (default: nobody is)"},
    [OPTION_DID] = {"did", "STEP", OPTION_KIND_TEXT, 0, 0, NULL,
                    "seen doing this: a stage, an event, 'NAME where EXPR' (default: anything)"},
    [OPTION_LIST] = {"list", "WORD", OPTION_KIND_WORD, 0, 0, AGES,
                     "who is listed under the counts (default dormant)"},
    [OPTION_TIMES] = {"times", "N", OPTION_KIND_COUNT, 1, PEOPLE_RANK_COUNT_MAX, NULL,
                      "how many times are shown one by one (default 5)"},
    [OPTION_BARS] = {"bars", "WORD", OPTION_KIND_WORD, 0, 0, BARS,
                     "what bars measure: all events so far (default), this time's, or people"},
    [OPTION_AS_OF] = {"as-of", "TIME", OPTION_KIND_TIME, 0, 0, NULL,
                      "as if later events did not exist (default: the data's end)"},
    [OPTION_SESSION_TIMEOUT] = {"session-timeout", "TIME", OPTION_KIND_DURATION, 1,
                                MICROSECONDS_PER_DAY, NULL,
                                "a longer gap starts a new session (default 30m)"},
    [OPTION_BUCKET] = {"bucket", "TIME", OPTION_KIND_DURATION, MICROSECONDS_PER_SECOND,
                       400 * MICROSECONDS_PER_DAY, NULL, "width of a time bucket (default 1d)"},
    [OPTION_COLUMNS] = {"columns", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                        "also show each column's size and encodings"},
    [OPTION_FORMAT] = {"format", "WORD", OPTION_KIND_WORD, 0, 0, FORMATS,
                       "how results are written (default table)"},
    [OPTION_THREADS] = {"threads", "N", OPTION_KIND_COUNT, 1, 256, NULL,
                        "threads that answer (default: one per core)"},
    [OPTION_DURABLE] = {"durable", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                        "of a served store, only what is on disk already"},
    [OPTION_TIMING] = {"timing", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                       "also say where the time went"},
    [OPTION_REPEAT] = {"again", "N", OPTION_KIND_COUNT, 1, 10000, NULL,
                       "ask N times more in this process and say how long each took"},
    [OPTION_EVERY] = {"every", "TIME", OPTION_KIND_DURATION, MICROSECONDS_PER_SECOND / 10,
                      MICROSECONDS_PER_DAY, NULL,
                      "ask anew at this interval, of all that came meanwhile, until interrupted"},
    [OPTION_COLOR] = {"color", "WORD", OPTION_KIND_WORD, 0, 0, COLORS,
                      "colour; auto: on a terminal, unless NO_COLOR is set"},
    [OPTION_PRINT_CONFIG] = {"print-config", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                             "print each setting with its origin, and stop"},
    [OPTION_QUERY] = {"query", "FILE|-", OPTION_KIND_TEXT, 0, 0, NULL,
                      "the question as a YAML or JSON document; flags come before its keys"},
    [OPTION_PRINT_QUERY] = {"print-query", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                            "print the whole question as such a document, and stop"},
    [OPTION_LIKE] = {"like", "PATH|topic:NAME", OPTION_KIND_LIST, 0, 0, NULL,
                     "a load like this log's: everything about it is learned (needs --mapping)"},
    [OPTION_REPLAY] = {"replay", "PATH", OPTION_KIND_LIST, 0, 0, NULL,
                       "this log itself as the load (needs --mapping)"},
    [OPTION_SPEED] = {"speed", "N|max", OPTION_KIND_TEXT, 0, 0, NULL,
                      "of --replay: 1 is the log's own pace, 10 ten times as fast (default max)"},
    [OPTION_SHAPE] = {"shape", "NAME=VALUE", OPTION_KIND_LIST, 0, 0, NULL,
                      "changes the generated load: users, skew, late ...; see below"},
    [OPTION_THROUGH] = {"through", "WORD", OPTION_KIND_WORD, 0, 0, THROUGH,
                        "a Kafka broker in this process, or lines as files are read"},
    [OPTION_BROKERS] = {"brokers", "HOST:PORT", OPTION_KIND_TEXT, 0, 0, NULL,
                        "a real Kafka; --kafka-topic names a topic for the bench alone"},
    [OPTION_BUDGET] = {"budget", "TIME", OPTION_KIND_DURATION, 5 * MICROSECONDS_PER_SECOND,
                       MICROSECONDS_PER_DAY, NULL,
                       "about how long it may take (default 2m30s); sizes grow with it"},
    [OPTION_GROWTH] =
        {"growth", "N", OPTION_KIND_TEXT, 0, 0, NULL,
         "only how it grows, up to so many events: 100M; goes on where it was stopped or ended"},
    [OPTION_PREFILL] =
        {"prefill", "N", OPTION_KIND_TEXT, 0, 0, NULL,
         "only freshness and latency at 80 % of capacity, over a store of so many events: 50M"},
    [OPTION_QUICK] = {"quick", NULL, OPTION_KIND_FLAG, 0, 0, NULL,
                      "seconds only: shows that everything works, measures little"},
    [OPTION_EVENTS] = {"events", "N", OPTION_KIND_COUNT, 1000, INT64_C(10000000000), NULL,
                       "of rivals: events that the questions are asked of (default 50000000)"},
    [OPTION_RUNS] = {"runs", "N", OPTION_KIND_COUNT, 1, 1000, NULL,
                     "of rivals: times that each question is asked (default 5)"},
    [OPTION_SEED] = {"seed", "N", OPTION_KIND_COUNT, 1, INT64_MAX, NULL,
                     "the same seed and shape make the same events on every machine (default 1)"},
    [OPTION_PARTITIONS] = {"partitions", "N", OPTION_KIND_COUNT, 1, 256, NULL,
                           "of the topic in this process (default 4)"},
    [OPTION_QUESTIONS] = {"questions", "N", OPTION_KIND_TEXT, 0, 0, NULL,
                          "asked per second while events come in (default 1)"},
    [OPTION_OUTPUT] =
        {"output", "FILE", OPTION_KIND_TEXT, 0, 0, NULL,
         "where the run is kept as JSON (default ./corong-bench.json), or the report"},
    [OPTION_RUN] = {"run", "FILE", OPTION_KIND_TEXT, 0, 0, NULL,
                    "the run to plan with (default ./corong-bench.json)"},
    [OPTION_EVENTS_PER_DAY] = {"events-per-day", "N", OPTION_KIND_TEXT, 0, 0, NULL,
                               "to plan for, such as 2e9"},
    [OPTION_USERS] = {"users", "N", OPTION_KIND_TEXT, 0, 0, NULL, "in all, such as 40e6"},
    [OPTION_USERS_PER_DAY] = {"users-per-day", "N", OPTION_KIND_TEXT, 0, 0, NULL,
                              "of these on one day (default: a tenth of its events, at most all)"},
    [OPTION_DAYS] = {"days", "N", OPTION_KIND_TEXT, 0, 0, NULL, "kept (default 400)"},
    [OPTION_PEAK] = {"peak", "N", OPTION_KIND_TEXT, 0, 0, NULL,
                     "the busiest hour over the average (default 3)"},
    [OPTION_MAN] = {"man", NULL, OPTION_KIND_FLAG, 0, 0, NULL, "the same as a page for man(1)"},
    [OPTION_HELP] = {"help", NULL, OPTION_KIND_FLAG, 0, 0, NULL, "this text"},
};

static uint32_t allowed_count(const uint8_t *allowed)
{
    uint32_t count = 0;
    while (allowed[count] != OPTION_COUNT) {
        count++;
    }
    return count;
}

static bool is_allowed(const uint8_t *allowed, enum option_id id)
{
    while (*allowed != OPTION_COUNT && *allowed != id) {
        allowed++;
    }
    return *allowed == id;
}

/// Names the verbs that take the option; where values can be asked for one by one, says so.
static enum corong_status refuse_of_others(const uint8_t *allowed, enum option_id id,
                                           struct corong_error *error)
{
    struct text_buffer names = {0};
    for (const struct verb *verb = VERBS; verb->name != NULL; verb++) {
        if (is_allowed(verb->options, id)) {
            text_buffer_printf(&names, names.size == 0 ? "%s" : ", %s", verb->name);
        }
    }
    bool one_by_one = id == OPTION_BY && is_allowed(allowed, OPTION_WHERE);
    enum corong_status status = error_set(
        error, CORONG_INVALID, "'--%s' belongs to other commands: %s%s", OPTION_SPECS[id].name,
        names.bytes, one_by_one ? "; here, one value at a time: --where \"ATTR = 'VALUE'\"" : "");
    text_buffer_deinit(&names);
    return status;
}

static enum corong_status unknown_option(const uint8_t *allowed, const char *word,
                                         struct corong_error *error)
{
    const char *names[OPTION_COUNT + 1] = {NULL};
    uint32_t count = allowed_count(allowed);
    for (uint32_t index = 0; index < count; index++) {
        names[index] = OPTION_SPECS[allowed[index]].name;
    }
    const char *bare = word + strspn(word, "-");
    struct text given = {bare, (size_t)(strchrnul(bare, '=') - bare)};
    for (uint32_t id = 0; id < OPTION_COUNT; id++) {
        if (text_equal(given, text_from(OPTION_SPECS[id].name))) {
            return refuse_of_others(allowed, id, error);
        }
    }
    const char *nearest = words_nearest(given, names);
    if (nearest == NULL) {
        return error_set(error, CORONG_INVALID, "unknown option '%s'", word);
    }
    return error_set(error, CORONG_INVALID, "unknown option '%s'; did you mean '--%s'?", word,
                     nearest);
}

static enum corong_status parse_count(const struct option_spec *spec, struct text text,
                                      int64_t *number_out, struct corong_error *error)
{
    int64_t number = 0;
    bool whole = text.size > 0 && text.size <= 15;
    for (size_t index = 0; whole && index < text.size; index++) {
        whole = text.bytes[index] >= '0' && text.bytes[index] <= '9';
        number = number * 10 + (text.bytes[index] - '0');
    }
    if (!whole || number < spec->min || number > spec->max) {
        return error_set(error, CORONG_INVALID,
                         "'%.*s' is not a whole number from %" PRId64 " to %" PRId64,
                         (int)text.size, text.bytes, spec->min, spec->max);
    }
    *number_out = number;
    return CORONG_OK;
}

static enum corong_status parse_size(const struct option_spec *spec, struct text text,
                                     int64_t *number_out, struct corong_error *error)
{
    uint64_t size_bytes;
    TRY(size_parse(text, &size_bytes, error));
    if (size_bytes < (uint64_t)spec->min || size_bytes > (uint64_t)spec->max) {
        return error_set(error, CORONG_INVALID,
                         "'%.*s' is out of range, %" PRId64 "MiB to %" PRId64 "MiB is allowed",
                         (int)text.size, text.bytes, spec->min >> 20, spec->max >> 20);
    }
    *number_out = (int64_t)size_bytes;
    return CORONG_OK;
}

static enum corong_status parse_duration(const struct option_spec *spec, struct text text,
                                         int64_t *number_out, struct corong_error *error)
{
    TRY(duration_parse(text, number_out, error));
    if (*number_out >= spec->min && *number_out <= spec->max) {
        return CORONG_OK;
    }
    struct text_buffer range = {0};
    duration_format(spec->min, &range);
    text_buffer_append_string(&range, " to ");
    duration_format(spec->max, &range);
    enum corong_status status =
        error_set(error, CORONG_INVALID, "'%.*s' is out of range, %s is allowed", (int)text.size,
                  text.bytes, range.bytes);
    text_buffer_deinit(&range);
    return status;
}

static enum corong_status parse_word(const struct option_spec *spec, struct text text,
                                     int64_t *number_out, struct corong_error *error)
{
    struct text_buffer list = {0};
    for (uint32_t index = 0; spec->words[index] != NULL; index++) {
        if (text_equal(text, text_from(spec->words[index]))) {
            *number_out = index;
            text_buffer_deinit(&list);
            return CORONG_OK;
        }
        text_buffer_printf(&list, index == 0 ? "%s" : ", %s", spec->words[index]);
    }
    const char *nearest = words_nearest(text, spec->words);
    enum corong_status status =
        error_set(error, CORONG_INVALID, "'%.*s' is not one of: %s%s%s%s", (int)text.size,
                  text.bytes, list.bytes, nearest == NULL ? "" : "; did you mean '",
                  nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
    text_buffer_deinit(&list);
    return status;
}

static void add_to_list(struct option_value *value, struct arena *arena, struct text text)
{
    struct text *longer = arena_allocate_zeroed(arena, value->list_count + 1, sizeof(longer[0]));
    if (value->list_count > 0) {
        memcpy(longer, value->list, value->list_count * sizeof(longer[0]));
    }
    longer[value->list_count++] = text;
    value->list = longer;
}

enum corong_status options_set(struct options *options, enum option_id id, const char *argument,
                               struct corong_error *error)
{
    const struct option_spec *spec = &OPTION_SPECS[id];
    struct option_value *value = &options->values[id];
    value->given = true;
    value->text = text_from(argument);
    switch (spec->kind) {
    case OPTION_KIND_FLAG:
    case OPTION_KIND_TEXT:
        return CORONG_OK;
    case OPTION_KIND_LIST:
        add_to_list(value, options->arena, value->text);
        return CORONG_OK;
    case OPTION_KIND_COUNT:
        return parse_count(spec, value->text, &value->number, error);
    case OPTION_KIND_SIZE:
        return parse_size(spec, value->text, &value->number, error);
    case OPTION_KIND_DURATION:
        return parse_duration(spec, value->text, &value->number, error);
    case OPTION_KIND_TIME:
        return instant_parse(value->text, &value->number, error);
    case OPTION_KIND_WORD:
        return parse_word(spec, value->text, &value->number, error);
    }
    return CORONG_OK;
}

/// The rows of getopt_long(), from the table.
static void list_for_getopt(const uint8_t *allowed, struct option *long_options)
{
    uint32_t count = allowed_count(allowed);
    for (uint32_t index = 0; index < count; index++) {
        const struct option_spec *spec = &OPTION_SPECS[allowed[index]];
        long_options[index] = (struct option){
            spec->name, spec->kind == OPTION_KIND_FLAG ? no_argument : required_argument, NULL,
            OPTION_FIRST_VALUE + allowed[index]};
    }
    if (is_allowed(allowed, OPTION_REPEATS)) {
        long_options[count++] =
            (struct option){"repeats", required_argument, NULL, OPTION_FORMER_REPEATS};
    }
    long_options[count] = (struct option){0};
}

static enum corong_status refuse_option(int code, const uint8_t *allowed, char **arguments,
                                        struct corong_error *error)
{
    const char *word = arguments[optind - 1];
    if (code == ':' && optopt >= OPTION_FIRST_VALUE) {
        const struct option_spec *spec = &OPTION_SPECS[optopt - OPTION_FIRST_VALUE];
        return error_set(error, CORONG_INVALID, "--%s: a value is expected: --%s %s", spec->name,
                         spec->name, spec->argument);
    }
    if (optopt >= OPTION_FIRST_VALUE) {
        return error_set(error, CORONG_INVALID, "--%s: takes no value",
                         OPTION_SPECS[optopt - OPTION_FIRST_VALUE].name);
    }
    if (optopt != 0) {
        return error_set(error, CORONG_INVALID, "unknown option '-%c'", optopt);
    }
    return unknown_option(allowed, word, error);
}

static void take_operands(struct options *options, int argument_count, char **arguments)
{
    uint32_t count = (uint32_t)(argument_count - optind);
    options->operands = arena_allocate_zeroed(options->arena, count + 1, sizeof(struct text));
    options->operand_strings = arena_allocate_zeroed(options->arena, count + 1, sizeof(char *));
    options->operand_count = count;
    for (uint32_t index = 0; index < count; index++) {
        options->operand_strings[index] = arguments[optind + (int)index];
        options->operands[index] = text_from(options->operand_strings[index]);
    }
}

/// The option that a word means, by its former name too: --repeats was what is --repeat, as in
/// documents, and --repeat N what is --again N.
static enum option_id option_of(int code, const uint8_t *allowed, const char *argument)
{
    if (code == OPTION_FORMER_REPEATS) {
        console_note("--repeats %s is --repeat %s", argument, argument);
        return OPTION_REPEATS;
    }
    enum option_id id = (enum option_id)(code - OPTION_FIRST_VALUE);
    bool number = id == OPTION_REPEATS && argument[0] >= '0' && argument[0] <= '9';
    if (number && is_allowed(allowed, OPTION_REPEAT)) {
        console_note("--repeat %s, asked again to measure it, is --again %s", argument, argument);
        return OPTION_REPEAT;
    }
    return id;
}

enum corong_status options_parse(struct options *options, struct arena *arena,
                                 const uint8_t *allowed, int argument_count, char **arguments,
                                 struct corong_error *error)
{
    struct option long_options[OPTION_COUNT + 2];
    ASSERT(allowed_count(allowed) <= OPTION_COUNT);
    *options = (struct options){.arena = arena, .allowed = allowed};
    list_for_getopt(allowed, long_options);
    optind = 0; // restarts getopt, so that tests may parse many times
    opterr = 0;
    for (;;) {
        int code = getopt_long(argument_count, arguments, ":h", long_options, NULL);
        if (code == -1) {
            break;
        }
        if (code == '?' || code == ':') {
            return refuse_option(code, allowed, arguments, error);
        }
        enum option_id id = code == 'h' ? OPTION_HELP : option_of(code, allowed, optarg);
        TRY_IN(options_set(options, id, optarg, error), error, "--%s", OPTION_SPECS[id].name);
    }
    take_operands(options, argument_count, arguments);
    return CORONG_OK;
}
