// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/verbs.h"

#include "tools/config/config.h"
#include "tools/corong/console.h"
#include "tools/corong/help.h"
#include "tools/corong/query_object.h"

#define OPERAND_COUNT_ANY UINT32_MAX
#define VERB_COUNT_MAX 32

static const uint8_t REPLAY_OPTIONS[] = {OPTION_STORE,
                                         OPTION_CONFIG,
                                         OPTION_MAPPING,
                                         OPTION_MEMORY_LIMIT,
                                         OPTION_SHARDS,
                                         OPTION_PARALLEL,
                                         OPTION_COMMIT_INTERVAL,
                                         OPTION_SESSION_TIMEOUT,
                                         OPTION_NO_COMPACT,
                                         OPTION_MERGE,
                                         OPTION_DEAD_LETTERS,
                                         OPTION_KAFKA_TOPIC,
                                         OPTION_KAFKA_PROPERTY,
                                         OPTION_FOLLOW,
                                         OPTION_FORMAT,
                                         OPTION_COLOR,
                                         OPTION_QUIET,
                                         OPTION_PRINT_CONFIG,
                                         OPTION_HELP,
                                         OPTION_COUNT};
static const uint8_t FUNNEL_OPTIONS[] = {
    OPTION_STEP,
    OPTION_STORE,
    OPTION_STORE_GROUP,
    OPTION_CONFIG,
    OPTION_FROM,
    OPTION_TO,
    OPTION_BY,
    OPTION_TOP,
    OPTION_WHERE,
    OPTION_WHERE_ENTRY,
    OPTION_WHERE_USER,
    OPTION_ATTRIBUTION,
    OPTION_TREND,
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
    OPTION_AS_OF,
    OPTION_SESSION_TIMEOUT,
    OPTION_FORMAT,
    OPTION_THREADS,
    OPTION_MEMORY_LIMIT,
    OPTION_TIMING,
    OPTION_REPEAT,
    OPTION_EVERY,
    OPTION_DURABLE,
    OPTION_COLOR,
    OPTION_QUERY,
    OPTION_PRINT_QUERY,
    OPTION_PRINT_CONFIG,
    OPTION_HELP,
    OPTION_COUNT,
};
static const uint8_t USERS_OPTIONS[] = {OPTION_CUSTOMER,
                                        OPTION_ATTRIBUTION,
                                        OPTION_REACHED,
                                        OPTION_DROPPED,
                                        OPTION_OPEN,
                                        OPTION_LOST,
                                        OPTION_WON,
                                        OPTION_SLICE,
                                        OPTION_DAY,
                                        OPTION_TREND,
                                        OPTION_TREND_BUCKET,
                                        OPTION_ZONE,
                                        OPTION_GATHER,
                                        OPTION_ROWS,
                                        OPTION_STEP,
                                        OPTION_STORE,
                                        OPTION_STORE_GROUP,
                                        OPTION_CONFIG,
                                        OPTION_FROM,
                                        OPTION_TO,
                                        OPTION_BY,
                                        OPTION_TOP,
                                        OPTION_WHERE,
                                        OPTION_WHERE_ENTRY,
                                        OPTION_WHERE_USER,
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
                                        OPTION_AS_OF,
                                        OPTION_SESSION_TIMEOUT,
                                        OPTION_FORMAT,
                                        OPTION_THREADS,
                                        OPTION_MEMORY_LIMIT,
                                        OPTION_TIMING,
                                        OPTION_DURABLE,
                                        OPTION_COLOR,
                                        OPTION_QUERY,
                                        OPTION_PRINT_QUERY,
                                        OPTION_PRINT_CONFIG,
                                        OPTION_HELP,
                                        OPTION_COUNT};
static const uint8_t NEXT_OPTIONS[] = {OPTION_SHOW,         OPTION_DEPTH,
                                       OPTION_REACHED,      OPTION_DROPPED,
                                       OPTION_OPEN,         OPTION_LOST,
                                       OPTION_WON,          OPTION_STEP,
                                       OPTION_STORE,        OPTION_STORE_GROUP,
                                       OPTION_CONFIG,       OPTION_FROM,
                                       OPTION_TO,           OPTION_TOP,
                                       OPTION_WHERE,        OPTION_WHERE_ENTRY,
                                       OPTION_WHERE_USER,   OPTION_WINDOW,
                                       OPTION_UNIT,         OPTION_TIES,
                                       OPTION_ATTEMPTS,     OPTION_RANGE,
                                       OPTION_ORDER,        OPTION_SCOPE,
                                       OPTION_REPEATS,      OPTION_ENTRY,
                                       OPTION_OPTIONAL,     OPTION_MAX_GAP,
                                       OPTION_MIN_GAP,      OPTION_ANCHOR,
                                       OPTION_EXCLUDE,      OPTION_TIE_TOLERANCE,
                                       OPTION_AS_OF,        OPTION_SESSION_TIMEOUT,
                                       OPTION_FORMAT,       OPTION_THREADS,
                                       OPTION_MEMORY_LIMIT, OPTION_TIMING,
                                       OPTION_REPEAT,       OPTION_DURABLE,
                                       OPTION_COLOR,        OPTION_QUERY,
                                       OPTION_PRINT_QUERY,  OPTION_PRINT_CONFIG,
                                       OPTION_HELP,         OPTION_COUNT};
static const uint8_t TRACE_OPTIONS[] = {
    OPTION_CUSTOMER,      OPTION_ATTRIBUTION, OPTION_GATHER,       OPTION_NAMESPACE,
    OPTION_STEP,          OPTION_STORE,       OPTION_STORE_GROUP,  OPTION_CONFIG,
    OPTION_FROM,          OPTION_TO,          OPTION_BY,           OPTION_WHERE,
    OPTION_WHERE_ENTRY,   OPTION_WHERE_USER,  OPTION_WINDOW,       OPTION_UNIT,
    OPTION_TIES,          OPTION_ATTEMPTS,    OPTION_RANGE,        OPTION_ORDER,
    OPTION_SCOPE,         OPTION_REPEATS,     OPTION_ENTRY,        OPTION_OPTIONAL,
    OPTION_MAX_GAP,       OPTION_MIN_GAP,     OPTION_ANCHOR,       OPTION_EXCLUDE,
    OPTION_TIE_TOLERANCE, OPTION_DIALECT,     OPTION_AS_OF,        OPTION_SESSION_TIMEOUT,
    OPTION_FORMAT,        OPTION_THREADS,     OPTION_MEMORY_LIMIT, OPTION_TIMING,
    OPTION_DURABLE,       OPTION_COLOR,       OPTION_QUERY,        OPTION_PRINT_QUERY,
    OPTION_PRINT_CONFIG,  OPTION_HELP,        OPTION_COUNT};
static const uint8_t PATTERN_OPTIONS[] = {
    OPTION_STEP,         OPTION_ROWS,         OPTION_STORE,  OPTION_STORE_GROUP, OPTION_CONFIG,
    OPTION_FROM,         OPTION_TO,           OPTION_WHERE,  OPTION_AS_OF,       OPTION_FORMAT,
    OPTION_THREADS,      OPTION_MEMORY_LIMIT, OPTION_TIMING, OPTION_DURABLE,     OPTION_COLOR,
    OPTION_PRINT_CONFIG, OPTION_HELP,         OPTION_COUNT};
static const uint8_t DORMANT_OPTIONS[] = {
    OPTION_AFTER,  OPTION_GONE,        OPTION_DID,    OPTION_LIST,         OPTION_ROWS,
    OPTION_STORE,  OPTION_STORE_GROUP, OPTION_CONFIG, OPTION_BY,           OPTION_TOP,
    OPTION_WHERE,  OPTION_AS_OF,       OPTION_FORMAT, OPTION_THREADS,      OPTION_MEMORY_LIMIT,
    OPTION_TIMING, OPTION_DURABLE,     OPTION_COLOR,  OPTION_PRINT_CONFIG, OPTION_HELP,
    OPTION_COUNT};
static const uint8_t REPEAT_OPTIONS[] = {
    OPTION_TIMES,        OPTION_BARS,         OPTION_STORE,  OPTION_STORE_GROUP, OPTION_CONFIG,
    OPTION_FROM,         OPTION_TO,           OPTION_WHERE,  OPTION_AS_OF,       OPTION_FORMAT,
    OPTION_THREADS,      OPTION_MEMORY_LIMIT, OPTION_TIMING, OPTION_DURABLE,     OPTION_COLOR,
    OPTION_PRINT_CONFIG, OPTION_HELP,         OPTION_COUNT};
static const uint8_t STAGES_OPTIONS[] = {
    OPTION_STORE,        OPTION_STORE_GROUP, OPTION_CONFIG,       OPTION_FROM,    OPTION_TO,
    OPTION_WHERE,        OPTION_BUCKET,      OPTION_AS_OF,        OPTION_FORMAT,  OPTION_THREADS,
    OPTION_MEMORY_LIMIT, OPTION_TIMING,      OPTION_EVERY,        OPTION_DURABLE, OPTION_COLOR,
    OPTION_QUERY,        OPTION_PRINT_QUERY, OPTION_PRINT_CONFIG, OPTION_HELP,    OPTION_COUNT,
};
static const uint8_t SESSIONS_OPTIONS[] = {
    OPTION_STORE,  OPTION_STORE_GROUP, OPTION_CONFIG,       OPTION_FROM,
    OPTION_TO,     OPTION_BY,          OPTION_TOP,          OPTION_SESSION_TIMEOUT,
    OPTION_AS_OF,  OPTION_FORMAT,      OPTION_THREADS,      OPTION_MEMORY_LIMIT,
    OPTION_TIMING, OPTION_EVERY,       OPTION_DURABLE,      OPTION_COLOR,
    OPTION_QUERY,  OPTION_PRINT_QUERY, OPTION_PRINT_CONFIG, OPTION_HELP,
    OPTION_COUNT,
};
static const uint8_t INSPECT_OPTIONS[] = {OPTION_STORE,   OPTION_STORE_GROUP, OPTION_CONFIG,
                                          OPTION_COLUMNS, OPTION_FORMAT,      OPTION_COLOR,
                                          OPTION_HELP,    OPTION_COUNT};
static const uint8_t PRODUCE_OPTIONS[] = {
    OPTION_KAFKA_TOPIC, OPTION_KAFKA_PROPERTY, OPTION_CONFIG, OPTION_MAPPING,
    OPTION_KEY,         OPTION_PACK,           OPTION_RATE,   OPTION_TIMESTAMP,
    OPTION_FORMAT,      OPTION_QUIET,          OPTION_HELP,   OPTION_COUNT};
static const uint8_t DEMO_OPTIONS[] = {OPTION_SECONDS, OPTION_RATE,  OPTION_STORE, OPTION_FORMAT,
                                       OPTION_COLOR,   OPTION_QUIET, OPTION_HELP,  OPTION_COUNT};
static const uint8_t BENCH_OPTIONS[] = {
    OPTION_LIKE,        OPTION_REPLAY,         OPTION_MAPPING,         OPTION_SPEED,
    OPTION_SHAPE,       OPTION_SEED,           OPTION_THROUGH,         OPTION_BROKERS,
    OPTION_KAFKA_TOPIC, OPTION_KAFKA_PROPERTY, OPTION_PARTITIONS,      OPTION_BUDGET,
    OPTION_GROWTH,      OPTION_PREFILL,        OPTION_QUICK,           OPTION_QUESTIONS,
    OPTION_SHARDS,      OPTION_MEMORY_LIMIT,   OPTION_COMMIT_INTERVAL, OPTION_OUTPUT,
    OPTION_RUN,         OPTION_EVENTS_PER_DAY, OPTION_USERS,           OPTION_USERS_PER_DAY,
    OPTION_DAYS,        OPTION_PEAK,           OPTION_EVENTS,          OPTION_RUNS,
    OPTION_CONFIG,      OPTION_FORMAT,         OPTION_QUIET,           OPTION_RATE,
    OPTION_HELP,        OPTION_COUNT};
static const uint8_t SERVE_OPTIONS[] = {OPTION_STORE,
                                        OPTION_STORE_GROUP,
                                        OPTION_CONFIG,
                                        OPTION_MAPPING,
                                        OPTION_KAFKA_TOPIC,
                                        OPTION_KAFKA_PROPERTY,
                                        OPTION_MEMORY_LIMIT,
                                        OPTION_SHARDS,
                                        OPTION_PARALLEL,
                                        OPTION_COMMIT_INTERVAL,
                                        OPTION_SESSION_TIMEOUT,
                                        OPTION_COLOR,
                                        OPTION_QUIET,
                                        OPTION_PRINT_CONFIG,
                                        OPTION_HELP,
                                        OPTION_COUNT};
static const uint8_t STATUS_OPTIONS[] = {OPTION_STORE,  OPTION_STORE_GROUP, OPTION_CONFIG,
                                         OPTION_FORMAT, OPTION_COLOR,       OPTION_HELP,
                                         OPTION_COUNT};
static const uint8_t VERIFY_OPTIONS[] = {OPTION_STORE, OPTION_STORE_GROUP, OPTION_CONFIG,
                                         OPTION_HELP, OPTION_COUNT};
static const uint8_t COMPACT_OPTIONS[] = {OPTION_STORE, OPTION_CONFIG, OPTION_MEMORY_LIMIT,
                                          OPTION_QUIET, OPTION_HELP,   OPTION_COUNT};
static const uint8_t HELP_OPTIONS[] = {OPTION_HELP, OPTION_COUNT};
static const uint8_t MAN_OPTIONS[] = {OPTION_MAN, OPTION_HELP, OPTION_COUNT};

const struct verb VERBS[] = {
    {"init", "FILE", 1, 1, false, "propose a corong.yaml from a sample of a log",
     "FILE is what 'replay' reads: JSON lines, CSV, TSV or access logs, plain, gzip or zstd; its\n"
     "first 4 MiB are looked at. Each choice says what it is based on; the first lines say how "
     "much\n"
     "of the sample can be read that way. A known export (GA4, PostHog, Snowplow and others) gets\n"
     "its preset.\n",
     "  corong init events.jsonl.gz > corong.yaml\n"
     "  corong init events.jsonl.gz | less\n",
     HELP_OPTIONS, cmd_init},
    {"replay", "PATH...", 0, OPERAND_COUNT_ANY, false, "read logs or Kafka topics into a store",
     "PATHs are files, directories, globs or - (standard input): JSON lines, CSV, TSV or access\n"
     "logs, plain, gzip or zstd. A bad message is counted, sampled and kept, and stops nothing.\n"
     "Stopping, even by kill -9, loses nothing: the same command continues where it was. Where\n"
     "'corong serve' holds the store, the files go through it. Where the mapping links ids,\n"
     "funnels are not followed while it runs but asked when everything is stored.\n",
     "  corong replay access.log.gz\n"
     "  corong replay --mapping otto --store shop.store logs/\n"
     "  corong replay --mapping segment --kafka-topic clicks \\\n"
     "                --kafka-property bootstrap.servers=localhost:9092 --follow\n",
     REPLAY_OPTIONS, cmd_replay},
    {"serve", "", 0, 0, false, "take events in for months and answer at once",
     "Reads the topics into the store, makes them durable every few seconds, and follows the\n"
     "configured funnels live (not where the mapping links ids, because a link changes what was\n"
     "counted before it: 'corong funnel' answers then). While it runs, 'corong replay' sends files "
     "through it and 'corong\n"
     "status' shows how it is doing. Without topics it waits for replays. Only one server holds\n"
     "a store. SIGTERM or ^C commits what was read and ends (a second one ends at once, and\n"
     "loses nothing either); SIGHUP reads the configuration again and says what changed.\n"
     "Several servers of one --store-group and one group.id share the topics; a question over\n"
     "the group is exact, also for users whose events are in several stores.\n",
     "  corong serve --mapping segment --kafka-topic clicks \\\n"
     "               --kafka-property bootstrap.servers=localhost:9092\n"
     "  corong serve --config shop.yaml --store-group shop.group\n",
     SERVE_OPTIONS, cmd_serve},
    {"status", "[STORE]", 0, 1, true, "how the server of a store is doing", "",
     "  corong status shop.store\n  corong status --format json\n", STATUS_OPTIONS, cmd_status},
    {"funnel", "[NAME]", 0, 1, false,
     "how many reach each step, where they drop off, how long it takes",
     "NAME is a funnel of the configuration; or give the steps with --step. Without either, the\n"
     "stages visit, click, cart, checkout and order that occur in the store are asked.\n",
     "  corong funnel checkout --by country --from 2026-01-01\n"
     "  corong funnel --step visit --step click --step order --window 1d\n"
     "  corong funnel checkout --dialect-diff posthog\n"
     "  corong funnel checkout --dialect posthog --dialect-answer time_to_convert\n"
     "  corong funnel --step \"sale: where page like '/sale/%'\" --step \"order where revenue > "
     "0\"\n",
     FUNNEL_OPTIONS, cmd_funnel},
    {"users", "[NAME]", 0, 1, false, "the people behind any number of a funnel's answer",
     "The funnel is named as for 'corong funnel', and the same flags cut it. One of --reached,\n"
     "--dropped, --open, --lost and --won says which number, --slice and --day which cell of it;\n"
     "the list is exactly as long. It is sorted by id, so that the same data gives the same "
     "bytes.\n"
     "CSV and JSON are written as they come, however many there are.\n",
     "  corong users checkout --dropped cart --format csv > win-back.csv\n"
     "  corong users checkout --reached 2 --by country --slice DE --gather campaign\n",
     USERS_OPTIONS, cmd_users},
    {"next", "[NAME]", 0, 1, false, "what people do after a step: the events that follow",
     "The funnel is named as for 'corong funnel', and the same flags cut it. One of --reached,\n"
     "--dropped, --open, --lost and --won says whose events, and after which step; the first step\n"
     "unless one does. Events of any kind count that come after the step's event, within the\n"
     "window; (end) says that none does. Paths are ranked; what is not listed is (other).\n",
     "  corong next checkout --dropped cart\n"
     "  corong next checkout --dropped cart --show page --depth 3 --top 10\n"
     "  corong next --step order --attempts first --window none\n",
     NEXT_OPTIONS, cmd_next},
    {"trace", "USER [NAME]", 1, 2, false, "what each event of one user did, and why not more",
     "Every stored event of the user in order: the attempt it opened, the step it matched, or why\n"
     "it did nothing; then the verdict. The levels are those that 'corong funnel' counts.\n",
     "  corong trace u17 checkout\n"
     "  corong trace u17 --step visit --step order --gather country,campaign --format json\n",
     TRACE_OPTIONS, cmd_trace},
    {"dormant", "", 0, 0, false, "who has not been seen for a while",
     "Counts users by the age of their last event at as-of: active, dormant (--after), gone\n"
     "(--gone); with --did the last event of a stage. --by cuts by that event's values. The list\n"
     "below the counts begins with those seen last; --format csv is the list alone.\n",
     "  corong dormant --after 30d --gone 180d --by country\n"
     "  corong dormant --after 60d --did order --format csv > win-back.csv\n",
     DORMANT_OPTIONS, cmd_dormant},
    {"repeat", "STAGE", 1, 1, false, "who comes back: once, twice, three times ...",
     "How many people had the stage a first, second, third time (a repeat purchase), what each\n"
     "time was worth and how long after the one before. Bars show all events so far, so the\n"
     "funnel widens where customers return; --bars people shows it narrowing. A person's first "
     "and\n"
     "second time may have different values: ask for one at a time, --where \"country = 'DE'\".\n",
     "  corong repeat order\n"
     "  corong repeat order --times 10 --from 2026-01-01 --bars people\n",
     REPEAT_OPTIONS, cmd_repeat},
    {"explain", "[NAME]", 0, 1, false, "in plain words what 'corong funnel' would count",
     "Takes what 'corong funnel' takes and says what it means: which events are the steps (and "
     "how\n"
     "many of them the store has, where there is one), how they are matched, what is assumed.\n",
     "  corong explain checkout --by country\n"
     "  corong explain --step visit --step order --window 1d --attempts first\n",
     FUNNEL_OPTIONS, cmd_explain},
    {"pattern", "PATTERN", 1, 1, false, "whose events contain a pattern, and how often",
     "As ClickHouse's sequenceMatch, sequenceCount and sequenceMatchEvents: (?1) is an event of "
     "the\n"
     "first --step, '.' any event, '.*' any number of them, (?t<=3600) the seconds (or 1h) since "
     "the\n"
     "event before, with <= < >= > ==. Events of no step are not seen. --rows N lists users.\n",
     "  corong pattern '(?1)(?t<=1h)(?2)' --step cart --step order\n"
     "  corong pattern '(?1).*(?1).*(?2)' --step visit --step order --rows 20 --format csv\n",
     PATTERN_OPTIONS, cmd_pattern},
    {"stages", "[STAGE...]", 0, OPERAND_COUNT_ANY, false,
     "events and users per stage or event, over time",
     "Without a STAGE: every event name in the store.\n",
     "  corong stages\n"
     "  corong stages visit order --bucket 1h --from 2026-01-02 --to 2026-01-03\n",
     STAGES_OPTIONS, cmd_stages},
    {"sessions", "", 0, 0, false, "how many sessions, how long, how many bounced",
     "A session ends where a user is silent for more than the session timeout.\n",
     "  corong sessions --by device\n"
     "  corong sessions --session-timeout 10m --format json\n",
     SESSIONS_OPTIONS, cmd_sessions},
    {"produce", "PATH...", 1, OPERAND_COUNT_ANY, false,
     "send logs to a Kafka topic, a line as a message",
     "PATHs are read as 'replay' reads them. A line is sent as it is, a CSV or TSV row as a JSON\n"
     "object; a line that the mapping cannot read is sent without a key, so that whoever reads\n"
     "the topic rejects it as a replay would. Lines of one key keep their order. With --pack,\n"
     "lines of the same partition share a message. Exit status 1 says that not every line was\n"
     "acknowledged. A topic that keeps messages by time drops old events at once: raise its\n"
     "retention.ms, or give --timestamp now.\n",
     "  corong produce shop.jsonl --kafka-topic clicks \\\n"
     "                 --kafka-property bootstrap.servers=localhost:9092\n"
     "  corong produce logs/ --kafka-topic clicks --pack 100 --rate 20000\n",
     PRODUCE_OPTIONS, cmd_produce},
    {"demo", "", 0, 0, false, "a shop, a Kafka broker and a live funnel, all in this process",
     "A generated shop sends its visitors' clicks to a topic of a small Kafka broker inside this\n"
     "process; corong reads them into a store as it would read yours, and the funnel fills before\n"
     "your eyes. The shop's clock runs 60 times faster than yours. Afterwards the store is asked,\n"
     "compared with what the live funnel said, and left to be asked again: in --store, else in a\n"
     "new folder below /tmp.\n",
     "  corong demo\n"
     "  corong demo --seconds 20 --rate 50000 --store demo.store\n",
     DEMO_OPTIONS, cmd_demo},
    {"bench", "[run|plan|report|compare|rivals] [RUN...]", 0, 3, false,
     "what this machine sustains, and what a stated load would need",
     "run (the default) fills a temporary store with generated events: it raises the rate until\n"
     "the system falls behind, holds what it sustains, grows the store, kills and restarts it, "
     "and\n"
     "fits a model that is checked against a run three times as large. Nothing is needed and\n"
     "nothing stays but the file of --output and its report, one HTML file beside it. plan says\n"
     "what another load would need, by the model of the last run; figures beyond what was\n"
     "measured are marked. With --events-per-day, run plans too. A --shape is one of\n"
     "users=2e6, events=5e7, days=30 (their proportions count),\n"
     "session=6 (events in one), skew=0.6 (0 to 0.95), late=2%:600 (share, seconds), copies=1%,\n"
     "funnel=view,add_to_cart:10%,order:30%, attribute=country:30:user (or session, event),\n"
     "line=305 (bytes), curve=daily|flat, unit=s|ms.\n"
     "report RUN draws a run as one HTML file (run does so itself). compare BEFORE AFTER tells\n"
     "change from noise between two runs, or two folders of runs; exit status 1: something got\n"
     "worse. rivals asks DuckDB and ClickHouse the same on the same data, checks that the answers\n"
     "are equal and prints ratios; it says how to install them.\n",
     "  corong bench\n"
     "  corong bench plan --events-per-day 2e9 --users 40e6 --days 400\n"
     "  corong bench --like shop.csv.zst --mapping shop.yaml --budget 10m\n"
     "  corong bench --replay shop.jsonl --mapping generic --speed 10\n"
     "  corong bench --growth 100M\n"
     "  corong bench --prefill 50M --budget 4m\n"
     "  corong bench --brokers localhost:9092 --kafka-topic bench\n"
     "  corong bench compare before.json after.json\n"
     "  corong bench rivals --quick --output rivals.json\n",
     BENCH_OPTIONS, cmd_bench},
    {"inspect", "[STORE]", 0, 1, true,
     "what a store holds: segments, sizes, encodings, sources, books", "",
     "  corong inspect shop.store --columns\n", INSPECT_OPTIONS, cmd_inspect},
    {"verify", "[STORE]", 0, 1, true, "check every checksum, order, count and digest of a store",
     "", "  corong verify shop.store\n", VERIFY_OPTIONS, cmd_verify},
    {"compact", "[STORE]", 0, 1, true, "merge a store's segments into one sorted run per period",
     "Answers do not change; they come faster. Merges run side by side as far as --memory-limit\n"
     "reaches; one that needs more runs alone.\n",
     "  corong compact shop.store\n", COMPACT_OPTIONS, cmd_compact},
    {"version", "", 0, 0, false, "versions of corong and of its libraries", "",
     "  corong version\n", HELP_OPTIONS, cmd_version},
    {"help", "[VERB]", 0, 1, false, "this list, or what a verb does", "",
     "  corong help funnel\n"
     "  corong help --man funnel > corong-funnel.1\n",
     MAN_OPTIONS, cmd_help},
    {0},
};

const struct verb *verbs_find(const char *name)
{
    for (const struct verb *verb = VERBS; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

static enum exit_code unknown_verb(const char *word)
{
    const char *names[VERB_COUNT_MAX] = {NULL};
    for (uint32_t index = 0; VERBS[index].name != NULL; index++) {
        names[index] = VERBS[index].name;
    }
    const char *nearest = words_nearest(text_from(word), names);
    if (nearest != NULL) {
        console_complain("unknown verb '%s'; did you mean '%s'?", word, nearest);
    } else {
        console_complain("unknown verb '%s'; 'corong help' lists them", word);
    }
    return EXIT_MISUSED;
}

static enum exit_code check_operands(const struct verb *verb, const struct options *options)
{
    if (options->operand_count < verb->operand_count_min) {
        console_complain("%s: %s is missing; see 'corong help %s'", verb->name, verb->operands,
                         verb->name);
        return EXIT_MISUSED;
    }
    if (options->operand_count > verb->operand_count_max) {
        console_complain("%s: unexpected word '%s'; see 'corong help %s'", verb->name,
                         options->operand_strings[verb->operand_count_max], verb->name);
        return EXIT_MISUSED;
    }
    return EXIT_DONE;
}

/// `corong verify shop.store` is `corong verify --store shop.store`.
static enum exit_code take_store_operand(const struct verb *verb, struct options *options)
{
    struct option_value *store = &options->values[OPTION_STORE];
    if (!verb->operand_is_store || options->operand_count == 0) {
        return EXIT_DONE;
    }
    if (store->given) {
        console_complain("%s: two stores are named: --store %s and '%s'; give one", verb->name,
                         store->text.bytes, options->operand_strings[0]);
        return EXIT_MISUSED;
    }
    store->given = true;
    store->text = options->operands[0];
    return EXIT_DONE;
}

static enum exit_code take_query(const struct verb *verb, struct options *options)
{
    struct corong_error error = {0};
    if (!options_given(options, OPTION_QUERY) ||
        query_object_read(options, verb->options, &error) == CORONG_OK) {
        return EXIT_DONE;
    }
    return console_fail(&error);
}

static enum exit_code run_verb(const struct verb *verb, int argument_count, char **arguments)
{
    struct arena arena = {0};
    struct options options;
    struct corong_error error = {0};
    enum exit_code code = EXIT_MISUSED;
    if (options_parse(&options, &arena, verb->options, argument_count, arguments, &error) !=
        CORONG_OK) {
        console_complain("%s: %s; see 'corong help %s'", verb->name, error.message, verb->name);
    } else if (options_given(&options, OPTION_HELP)) {
        code = help_verb(verb);
    } else {
        code = check_operands(verb, &options);
        code = code == EXIT_DONE ? take_store_operand(verb, &options) : code;
        code = code == EXIT_DONE ? take_query(verb, &options) : code;
        code = code == EXIT_DONE ? verb->run(&options) : code;
        query_object_close(&options);
    }
    arena_deinit(&arena);
    return code;
}

enum exit_code verbs_run(int argument_count, char **arguments)
{
    if (argument_count < 2) {
        help_overview(stderr);
        return EXIT_MISUSED;
    }
    const char *word = arguments[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return help_overview(stdout);
    }
    if (strcmp(word, "--version") == 0) {
        word = "version";
    }
    const struct verb *verb = verbs_find(word);
    return verb == NULL ? unknown_verb(word) : run_verb(verb, argument_count - 1, arguments + 1);
}

enum exit_code cmd_help(const struct options *options)
{
    bool man = options_given(options, OPTION_MAN);
    if (options->operand_count == 0) {
        return man ? help_man() : help_overview(stdout);
    }
    const struct verb *verb = verbs_find(options->operand_strings[0]);
    if (verb == NULL) {
        return unknown_verb(options->operand_strings[0]);
    }
    return man ? help_man_verb(verb) : help_verb(verb);
}
