// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_options.h"

#include "ingest/decode/decode.h"
#include "ingest/kafka_property.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC_SIZE_MAX 249u ///< Kafka's own limit
#define QUEUE_LIMIT_DEFAULT (UINT64_C(64) << 20)
#define QUEUE_LIMIT_MIN (UINT64_C(4) << 20)
#define QUEUE_SIZE_PROPERTY "queued.max.messages.kbytes"
#define QUEUE_BACKOFF_PROPERTY "fetch.queue.backoff.ms"
#define QUEUE_BACKOFF_MS "10" ///< a queue of 16 MiB is read empty within about 60 ms
#define VERSION_QUEUE_BACKOFF 0x02020000
#define FETCH_WAIT_PROPERTY "fetch.wait.max.ms"
#define FETCH_WAIT_AT_END_MS "20" ///< what is read to its end waits so long for a fetch of nothing
#define STALL_DEFAULT_US (60 * MICROSECONDS_PER_SECOND)
#define PROOF_DEFAULT_US (5 * MICROSECONDS_PER_SECOND)
#define OWN_PREFIX "corong."
#define VERSION_COOPERATIVE                                                                        \
    0x020a0000 ///< before 2.10.0 a commit in a rebalance lost the assignment
#define VERSION_CONSUMER_PROTOCOL 0x020c0000

/// Given to librdkafka before the user's own, which may replace them.
static const struct kafka_property defaults[] = {
    {"client.id", "corong", false},
    // assign() needs one; nothing is committed to it unless the user names it
    {"group.id", "corong", false},
    {"isolation.level", "read_committed", false},
    {"partition.assignment.strategy", "range,roundrobin", true},
    // One that was killed is missed after 10 s, not 45; heartbeats come from a thread of their own.
    {"session.timeout.ms", "10000", true},
    {"socket.nagle.disable", "true", false},
    // A broker that is back is read again within a second.
    {"reconnect.backoff.max.ms", "1000", false},
    // What matters comes as an error and is said in sentences.
    {"log_level", "0", false},
};

/// What exactly-once rests on: not the user's to change.
static const struct kafka_property fixed[] = {
    {"enable.auto.commit", "false", false},
    {"enable.auto.offset.store", "false", false},
    // A new partition is assigned at its beginning by name instead.
    {"auto.offset.reset", "error", false},
    {"check.crcs", "true", false},
    {"enable.partition.eof", "true", false},
    {"allow.auto.create.topics", "false", false},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool value_is(const char *pair, const char *name, const char **value_out)
{
    size_t size = strlen(name);
    if (strncmp(pair, name, size) != 0 || pair[size] != '=') {
        return false;
    }
    *value_out = pair + size + 1;
    return true;
}

static const char *last_value(const char *const *properties, const char *name)
{
    const char *found = NULL;
    for (size_t index = 0; properties != NULL && properties[index] != NULL; index++) {
        (void)value_is(properties[index], name, &found);
    }
    return found;
}

static enum corong_status set_all(rd_kafka_conf_t *conf, const char *const *properties,
                                  bool *group_given, struct corong_error *error)
{
    const char *protocol = last_value(properties, "group.protocol");
    bool classic = protocol == NULL || strcmp(protocol, "consumer") != 0;
    for (size_t index = 0; index < COUNT_OF(defaults); index++) {
        if (classic || !defaults[index].classic_only) {
            TRY(kafka_property_set(conf, defaults[index].name, defaults[index].value, error));
        }
    }
    for (size_t index = 0; properties != NULL && properties[index] != NULL; index++) {
        if (strncmp(properties[index], OWN_PREFIX, sizeof(OWN_PREFIX) - 1) != 0) {
            TRY(kafka_property_set_pair(conf, properties[index], fixed, COUNT_OF(fixed),
                                        "counting each message once rests on it", error));
        }
    }
    *group_given = last_value(properties, "group.id") != NULL;
    for (size_t index = 0; index < COUNT_OF(fixed); index++) {
        TRY(kafka_property_set(conf, fixed[index].name, fixed[index].value, error));
    }
    return CORONG_OK;
}

enum corong_status kafka_options_conf(rd_kafka_conf_t **conf_out, const char *const *properties,
                                      bool *group_given_out, struct corong_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    *group_given_out = false;
    enum corong_status status = set_all(conf, properties, group_given_out, error);
    if (status != CORONG_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    *conf_out = conf;
    return CORONG_OK;
}

static enum corong_status parse_partitions(struct kafka_topic_word *word, const char *list,
                                           const char *whole, struct corong_error *error)
{
    const char *at = list;
    for (;;) {
        char *end;
        long partition = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : -1;
        if (partition < 0 || partition > INT32_MAX || (*end != ',' && *end != '\0') ||
            word->partition_count == KAFKA_PARTITION_LISTED_MAX) {
            return error_set(error, CORONG_INVALID,
                             "kafka topic '%s' is not of the form TOPIC or TOPIC:0,3,4", whole);
        }
        for (uint32_t index = 0; index < word->partition_count; index++) {
            if (word->partitions[index] == partition) {
                return error_set(error, CORONG_INVALID,
                                 "kafka topic '%s' names partition %ld twice", whole, partition);
            }
        }
        word->partitions[word->partition_count++] = (int32_t)partition;
        if (*end == '\0') {
            return CORONG_OK;
        }
        at = end + 1;
    }
}

enum corong_status kafka_options_topic(struct kafka_topic_word *word_out, const char *word,
                                       struct corong_error *error)
{
    const char *colon = strchr(word, ':');
    word_out->topic = (struct text){word, colon == NULL ? strlen(word) : (size_t)(colon - word)};
    word_out->all_partitions = colon == NULL;
    word_out->partition_count = 0;
    if (word_out->topic.size == 0 || word_out->topic.size > TOPIC_SIZE_MAX) {
        return error_set(error, CORONG_INVALID,
                         "kafka topic '%s' is not of the form TOPIC or TOPIC:0,3,4", word);
    }
    return colon == NULL ? CORONG_OK : parse_partitions(word_out, colon + 1, word, error);
}

static enum corong_status refuse_word(const char *pair, const char *allowed,
                                      struct corong_error *error)
{
    return error_set(error, CORONG_INVALID, "kafka property '%s' cannot be: %s", pair, allowed);
}

/// Sets `flag_out` to whether the value is the second of two words.
static enum corong_status choose(const char *pair, const char *value, const char *first,
                                 const char *second, bool *second_out, struct corong_error *error)
{
    *second_out = strcmp(value, second) == 0;
    if (!*second_out && strcmp(value, first) != 0) {
        char allowed[64];
        snprintf(allowed, sizeof(allowed), "it is '%s' or '%s'", first, second);
        return refuse_word(pair, allowed, error);
    }
    return CORONG_OK;
}

static enum corong_status take_seconds(int64_t *us_out, const char *pair, const char *value,
                                       struct corong_error *error)
{
    char *end;
    long seconds = strtol(value, &end, 10);
    if (end == value || *end != '\0' || seconds < 1 || seconds > 86400) {
        return refuse_word(pair, "it is a number of seconds, 1 to 86400", error);
    }
    *us_out = seconds * MICROSECONDS_PER_SECOND;
    return CORONG_OK;
}

static enum corong_status set_own(struct kafka_settings *settings, const char *pair,
                                  struct corong_error *error)
{
    const char *value;
    bool second;
    if (value_is(pair, OWN_PREFIX "on_gap", &value)) {
        TRY(choose(pair, value, "halt", "continue", &second, error));
        settings->on_gap = second ? KAFKA_GAP_CONTINUE : KAFKA_GAP_HALT;
    } else if (value_is(pair, OWN_PREFIX "on_reset", &value)) {
        TRY(choose(pair, value, "halt", "restart", &second, error));
        settings->on_reset = second ? KAFKA_RESET_RESTART : KAFKA_RESET_HALT;
    } else if (value_is(pair, OWN_PREFIX "start", &value)) {
        TRY(choose(pair, value, "earliest", "latest", &settings->from_latest, error));
    } else if (value_is(pair, OWN_PREFIX "stall_seconds", &value)) {
        TRY(take_seconds(&settings->stall_us, pair, value, error));
    } else if (value_is(pair, OWN_PREFIX "proof_seconds", &value)) {
        TRY(take_seconds(&settings->proof_us, pair, value, error));
    } else {
        return refuse_word(pair,
                           "those of corong are corong.on_gap, corong.on_reset, corong.start, "
                           "corong.stall_seconds and corong.proof_seconds",
                           error);
    }
    return CORONG_OK;
}

static const char *property_of(const struct kafka_settings *settings, const char *name)
{
    return last_value((const char *const *)settings->properties, name);
}

/// Protocols that lose or double with the librdkafka at hand are refused, not tried.
static enum corong_status check_assignor(const struct kafka_settings *settings,
                                         struct corong_error *error)
{
    const char *assignor = property_of(settings, "partition.assignment.strategy");
    if (assignor != NULL && strstr(assignor, "cooperative-sticky") != NULL &&
        rd_kafka_version() < VERSION_COOPERATIVE) {
        return error_set(error, CORONG_INVALID,
                         "kafka assignor 'cooperative-sticky' needs librdkafka 2.10.0; this is %s, "
                         "which can lose its assignment there: take 'range' or 'roundrobin'",
                         rd_kafka_version_str());
    }
    const char *protocol = property_of(settings, "group.protocol");
    if (protocol != NULL && strcmp(protocol, "consumer") == 0 &&
        rd_kafka_version() < VERSION_CONSUMER_PROTOCOL) {
        return error_set(error, CORONG_INVALID,
                         "kafka property 'group.protocol=consumer' needs librdkafka 2.12.0; this "
                         "is %s: take 'classic'",
                         rd_kafka_version_str());
    }
    return CORONG_OK;
}

static char **copy_words(const char *const *words)
{
    size_t count = 0;
    while (words != NULL && words[count] != NULL) {
        count++;
    }
    char **copy = memory_allocate_zeroed(count + 1, sizeof(*copy));
    for (size_t index = 0; index < count; index++) {
        copy[index] = memory_copy_string(words[index], strlen(words[index]));
    }
    return copy;
}

static enum corong_status check_topics(const struct kafka_settings *settings, bool *listed_out,
                                       struct corong_error *error)
{
    struct kafka_topic_word *word = memory_allocate(sizeof(*word));
    enum corong_status status = CORONG_OK;
    *listed_out = false;
    for (char **at = settings->topics; status == CORONG_OK && *at != NULL; at++) {
        status = kafka_options_topic(word, *at, error);
        *listed_out = *listed_out || (status == CORONG_OK && !word->all_partitions);
    }
    memory_free(word);
    return status;
}

static enum corong_status check_brokers(const struct kafka_settings *settings,
                                        struct corong_error *error)
{
    if (property_of(settings, "bootstrap.servers") != NULL ||
        property_of(settings, "metadata.broker.list") != NULL ||
        property_of(settings, "test.mock.num.brokers") != NULL) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID,
                     "no kafka broker is named: set the property 'bootstrap.servers', such as "
                     "bootstrap.servers=localhost:9092");
}

/// By hand or by a group.
static enum corong_status choose_mode(struct kafka_settings *settings, enum kafka_mode mode,
                                      struct corong_error *error)
{
    bool listed;
    TRY(check_topics(settings, &listed, error));
    settings->group_given = property_of(settings, "group.id") != NULL;
    settings->group_mode =
        mode == KAFKA_MODE_GROUP ||
        (mode == KAFKA_MODE_AUTO && settings->group_given && !listed && !settings->stop_at_end);
    if (settings->group_mode && !settings->group_given) {
        return error_set(error, CORONG_INVALID,
                         "a kafka consumer group needs a name: set the property 'group.id'");
    }
    if (settings->group_mode && listed) {
        return error_set(error, CORONG_INVALID,
                         "a kafka consumer group shares partitions out itself: name topics, not "
                         "TOPIC:0,3,4");
    }
    return CORONG_OK;
}

/// All partitions share one queue. A response of each of some brokers may be on its way beside it,
/// and librdkafka keeps a response at most as large as the queue.
static void size_queue(struct kafka_settings *settings)
{
    const char *kbytes = property_of(settings, QUEUE_SIZE_PROPERTY);
    const char *count = property_of(settings, "queued.min.messages");
    uint64_t limit = settings->queue_limit_bytes > QUEUE_LIMIT_MIN ? settings->queue_limit_bytes
                                                                   : QUEUE_LIMIT_MIN;
    settings->queued_bytes_max = kbytes == NULL ? limit / 4 : strtoull(kbytes, NULL, 10) * 1024;
    settings->queued_count_max = count == NULL ? 0 : strtoull(count, NULL, 10);
    settings->wakes_brokers = rd_kafka_version() < VERSION_QUEUE_BACKOFF;
}

static enum corong_status check(struct kafka_settings *settings,
                                const struct kafka_options *options, struct corong_error *error)
{
    for (char **at = settings->properties; *at != NULL; at++) {
        if (strncmp(*at, OWN_PREFIX, sizeof(OWN_PREFIX) - 1) == 0) {
            TRY(set_own(settings, *at, error));
        }
    }
    TRY(check_assignor(settings, error));
    TRY(choose_mode(settings, options->mode, error));
    if (options->group != NULL && settings->on_reset == KAFKA_RESET_RESTART) {
        return error_set(error, CORONG_INVALID,
                         "kafka policy on_reset 'restart' cannot be used in a store group: the "
                         "other stores hold positions of the old topic");
    }
    size_queue(settings);
    rd_kafka_conf_t *conf;
    TRY(kafka_settings_conf(settings, &conf, error));
    rd_kafka_conf_destroy(conf);
    return check_brokers(settings, error);
}

enum corong_status kafka_settings_init(struct kafka_settings *settings,
                                       const struct kafka_options *options,
                                       struct corong_error *error)
{
    *settings = (struct kafka_settings){
        .topics = copy_words(options->topics),
        .properties = copy_words(options->properties),
        .stop_at_end = options->stop_at_end,
        .message_size_max =
            options->message_size_max != 0 ? options->message_size_max : DECODE_MESSAGE_SIZE_MAX,
        .on_gap = options->on_gap,
        .on_reset = options->on_reset,
        .stall_us = options->stall_us != 0 ? options->stall_us : STALL_DEFAULT_US,
        .proof_us = PROOF_DEFAULT_US,
        .queue_limit_bytes =
            options->queue_limit_bytes != 0 ? options->queue_limit_bytes : QUEUE_LIMIT_DEFAULT,
        .notice = options->notice,
        .news = options->news,
        .notice_context = options->notice_context,
    };
    return check(settings, options, error);
}

void kafka_settings_deinit(struct kafka_settings *settings)
{
    for (char **at = settings->topics; at != NULL && *at != NULL; at++) {
        memory_free(*at);
    }
    for (char **at = settings->properties; at != NULL && *at != NULL; at++) {
        memory_free(*at);
    }
    memory_free(settings->topics);
    memory_free(settings->properties);
}

enum corong_status kafka_settings_conf(const struct kafka_settings *settings,
                                       rd_kafka_conf_t **conf_out, struct corong_error *error)
{
    bool group_given;
    TRY(kafka_options_conf(conf_out, (const char *const *)settings->properties, &group_given,
                           error));
    enum corong_status status = CORONG_OK;
    if (property_of(settings, QUEUE_SIZE_PROPERTY) == NULL) {
        char kbytes[32];
        snprintf(kbytes, sizeof(kbytes), "%" PRIu64, settings->queued_bytes_max / 1024);
        status = kafka_property_set(*conf_out, QUEUE_SIZE_PROPERTY, kbytes, error);
    }
    if (status == CORONG_OK && !settings->wakes_brokers &&
        property_of(settings, QUEUE_BACKOFF_PROPERTY) == NULL) {
        status = kafka_property_set(*conf_out, QUEUE_BACKOFF_PROPERTY, QUEUE_BACKOFF_MS, error);
    }
    // A partition's end is known by an answer without messages, which a broker keeps for half a
    // second unless told otherwise.
    if (status == CORONG_OK && settings->stop_at_end &&
        property_of(settings, FETCH_WAIT_PROPERTY) == NULL) {
        status = kafka_property_set(*conf_out, FETCH_WAIT_PROPERTY, FETCH_WAIT_AT_END_MS, error);
    }
    if (status != CORONG_OK) {
        rd_kafka_conf_destroy(*conf_out);
    }
    return status;
}
