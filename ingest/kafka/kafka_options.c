// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_options.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC_SIZE_MAX 249u ///< Kafka's own limit
#define NAME_SIZE_MAX 256u
#define REASON_SIZE 512u

struct property {
    const char *name;
    const char *value;
};

/// Given to librdkafka before the user's own, which may replace them.
static const struct property defaults[] = {
    {"client.id", "corong"},
    {"group.id",
     "corong"}, // assign() needs one; nothing is committed to it unless the user names it
    {"isolation.level", "read_committed"},
    {"queued.max.messages.kbytes", "16384"}, // per partition; the shards' rings push back
    {"socket.nagle.disable", "true"},
};

/// What exactly-once rests on: not the user's to change.
static const struct property fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"}, // a new partition is assigned at its beginning by name instead
    {"check.crcs", "true"},
    {"enable.partition.eof", "true"},
    {"allow.auto.create.topics", "false"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static enum corong_status set(rd_kafka_conf_t *conf, const char *name, const char *value,
                              struct corong_error *error)
{
    char reason[REASON_SIZE];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID, "cannot set kafka property '%s': %s", name, reason);
}

static enum corong_status set_user_property(rd_kafka_conf_t *conf, const char *pair,
                                            bool *group_given, struct corong_error *error)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair || (size_t)(equals - pair) >= NAME_SIZE_MAX) {
        return error_set(error, CORONG_INVALID, "kafka property '%s' is not of the form NAME=VALUE",
                         pair);
    }
    char name[NAME_SIZE_MAX];
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = '\0';
    for (size_t index = 0; index < COUNT_OF(fixed); index++) {
        if (strcmp(name, fixed[index].name) == 0 && strcmp(equals + 1, fixed[index].value) != 0) {
            return error_set(error, CORONG_INVALID,
                             "kafka property '%s' must stay '%s': counting each message once rests "
                             "on it; '%s' was given",
                             name, fixed[index].value, equals + 1);
        }
    }
    *group_given = *group_given || strcmp(name, "group.id") == 0;
    return set(conf, name, equals + 1, error);
}

static enum corong_status set_all(rd_kafka_conf_t *conf, const char *const *properties,
                                  bool *group_given, struct corong_error *error)
{
    for (size_t index = 0; index < COUNT_OF(defaults); index++) {
        TRY(set(conf, defaults[index].name, defaults[index].value, error));
    }
    for (size_t index = 0; properties != NULL && properties[index] != NULL; index++) {
        TRY(set_user_property(conf, properties[index], group_given, error));
    }
    for (size_t index = 0; index < COUNT_OF(fixed); index++) {
        TRY(set(conf, fixed[index].name, fixed[index].value, error));
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
