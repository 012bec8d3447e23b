// SPDX-License-Identifier: Apache-2.0
// The consumer against librdkafka's own broker in the same process.
#include "ingest/kafka/kafka.h"
#include "ingest/kafka/kafka_offsets.h"
#include "ingest/kafka/kafka_options.h"
#include "ingest/kafka/kafka_source.h"
#include "storage/base/memory.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION_COUNT 3
#define FLUSH_TIMEOUT_MS 10000

struct broker {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    char servers[256];
};

static struct broker broker_start(void)
{
    struct broker broker = {0};
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "linger.ms", "1", reason, sizeof(reason));
    broker.producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    cr_assert_not_null(broker.producer, "%s", reason);
    broker.cluster = rd_kafka_mock_cluster_new(broker.producer, 1);
    const char *servers = rd_kafka_mock_cluster_bootstraps(broker.cluster);
    snprintf(broker.servers, sizeof(broker.servers), "bootstrap.servers=%s", servers);
    rd_kafka_brokers_add(broker.producer, servers);
    cr_assert_eq(rd_kafka_mock_topic_create(broker.cluster, "visits", PARTITION_COUNT, 1),
                 RD_KAFKA_RESP_ERR_NO_ERROR);
    return broker;
}

static void broker_stop(struct broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->producer);
}

static void produce(struct broker *broker, int32_t partition, uint32_t from, uint32_t to)
{
    for (uint32_t index = from; index < to; index++) {
        char value[64];
        int size = snprintf(value, sizeof(value), "%d:%u", partition, index);
        cr_assert_eq(rd_kafka_producev(broker->producer, RD_KAFKA_V_TOPIC("visits"),
                                       RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_VALUE(value, (size_t)size),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    cr_assert_eq(rd_kafka_flush(broker->producer, FLUSH_TIMEOUT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static enum corong_status open_source(struct source **source, struct broker *broker,
                                      const char *topic, const struct store *store,
                                      struct corong_error *error)
{
    const char *topics[] = {topic, NULL};
    const char *properties[] = {broker->servers, NULL};
    struct kafka_options options = {
        .topics = topics, .properties = properties, .stop_at_end = true, .store = store};
    return kafka_open(source, &options, error);
}

/// Reads to the end; per partition the messages must be "<partition>:<n>" with n from `firsts` on.
/// Returns how many came; fills the positions.
static uint32_t read_all(struct source *source, const uint32_t *firsts,
                         struct store_position *positions, uint32_t message_max)
{
    uint32_t next[PARTITION_COUNT];
    memcpy(next, firsts, sizeof(next));
    uint32_t count = 0;
    struct corong_error error = {0};
    struct source_message message;
    enum source_poll result = SOURCE_IDLE;
    while (result != SOURCE_END && count < message_max) {
        result = source->operations->poll(source, &message, &error);
        cr_assert_neq(result, SOURCE_FAILED, "%s", error.message);
        if (result != SOURCE_MESSAGE) {
            continue;
        }
        char expected[64];
        uint32_t index = message.partition_index;
        int size = snprintf(expected, sizeof(expected), "%u:%u", index, next[index]);
        cr_assert(text_equal(message.bytes, (struct text){expected, (size_t)size}));
        cr_assert_eq(message.offset, next[index]);
        cr_assert_eq(message.next_offset, message.offset + 1);
        cr_assert_eq(message.only_event, SOURCE_EVERY_EVENT);
        next[index]++;
        count++;
    }
    for (uint32_t index = 0; index < source->operations->partition_count(source); index++) {
        source->operations->position(source, index, &positions[index]);
    }
    return count;
}

static void commit(struct store *store, struct store_position *positions, uint32_t count)
{
    struct corong_error error = {0};
    struct store_commit record = {.positions = positions, .position_count = count};
    cr_assert_eq(store_commit(store, &record, &error), CORONG_OK, "%s", error.message);
}

static struct store *make_store(const char *directory)
{
    struct store *store;
    struct corong_error error = {0};
    struct store_options create = {.create = true};
    cr_assert_eq(store_open(&store, directory, &create, &error), CORONG_OK, "%s", error.message);
    return store;
}

Test(kafka, test_partitions_are_read_to_their_ends_and_continued_from_the_store, .timeout = 60)
{
    struct broker broker = broker_start();
    char *directory = store_directory_create();
    struct store *store = make_store(directory);
    struct store_position positions[PARTITION_COUNT] = {0};
    struct corong_error error = {0};
    struct source *source;
    static const uint32_t nothing[PARTITION_COUNT] = {0};
    produce(&broker, 0, 0, 100);
    produce(&broker, 2, 0, 50); // partition 1 is empty
    cr_assert_eq(open_source(&source, &broker, "visits", store, &error), CORONG_OK, "%s",
                 error.message);
    cr_assert_eq(source->operations->partition_count(source), PARTITION_COUNT);
    cr_assert_eq(read_all(source, nothing, positions, UINT32_MAX), 150);
    cr_assert_eq(positions[0].next_offset, 100);
    cr_assert_eq(positions[0].anchor_offset, 99);
    cr_assert_eq(positions[1].anchor_offset, -1);
    cr_assert(text_equal(positions[2].name, TEXT_LITERAL("visits/2")));
    source->operations->close(source); // and with it the names
    positions[0].name = TEXT_LITERAL("visits/0");
    positions[1].name = TEXT_LITERAL("visits/1");
    positions[2].name = TEXT_LITERAL("visits/2");
    commit(store, positions, PARTITION_COUNT);
    produce(&broker, 0, 100, 120);
    produce(&broker, 1, 0, 7);
    static const uint32_t firsts[PARTITION_COUNT] = {100, 0, 50};
    cr_assert_eq(open_source(&source, &broker, "visits", store, &error), CORONG_OK, "%s",
                 error.message);
    cr_assert_eq(read_all(source, firsts, positions, UINT32_MAX), 27);
    cr_assert_eq(positions[1].next_offset, 7);
    cr_assert_eq(positions[2].next_offset, 50);
    source->operations->close(source);
    store_close(store);
    store_directory_remove(directory);
    broker_stop(&broker);
}

Test(kafka, test_stop_in_the_middle_loses_and_doubles_nothing, .timeout = 60)
{
    struct broker broker = broker_start();
    char *directory = store_directory_create();
    struct store *store = make_store(directory);
    struct store_position positions[PARTITION_COUNT] = {0};
    uint32_t firsts[PARTITION_COUNT] = {0};
    uint32_t total = 0;
    for (int32_t partition = 0; partition < PARTITION_COUNT; partition++) {
        produce(&broker, partition, 0, 200);
    }
    for (uint32_t round = 0; round < 8; round++) {
        struct source *source;
        struct corong_error error = {0};
        cr_assert_eq(open_source(&source, &broker, "visits", store, &error), CORONG_OK, "%s",
                     error.message);
        total += read_all(source, firsts, positions, round == 7 ? UINT32_MAX : 83);
        commit(store, positions, PARTITION_COUNT);
        for (uint32_t index = 0; index < PARTITION_COUNT; index++) {
            firsts[index] = (uint32_t)positions[index].next_offset;
        }
        source->operations->close(source);
    }
    cr_assert_eq(total, 600);
    store_close(store);
    store_directory_remove(directory);
    broker_stop(&broker);
}

/// Opens, and reads until a failure where opening does not fail already.
static enum corong_status status_of(struct broker *broker, const struct store *store,
                                    struct corong_error *error)
{
    struct source *source;
    enum corong_status status = open_source(&source, broker, "visits:0", store, error);
    if (status != CORONG_OK) {
        return status;
    }
    struct source_message message;
    enum source_poll result = SOURCE_IDLE;
    while (result != SOURCE_END && result != SOURCE_FAILED) {
        result = source->operations->poll(source, &message, error);
    }
    source->operations->close(source);
    return result == SOURCE_FAILED ? error->status : CORONG_OK;
}

Test(kafka, test_topic_made_anew_is_refused, .timeout = 60)
{
    struct broker broker = broker_start();
    char *directory = store_directory_create();
    struct store *store = make_store(directory);
    struct corong_error error = {0};
    produce(&broker, 0, 0, 10);
    struct store_position position = {.id = kafka_offsets_id("visits", 0),
                                      .name = TEXT_LITERAL("visits/0"),
                                      .next_offset = 5,
                                      .anchor_offset = 4,
                                      .anchor_hash = hash_bytes64("0:4", 3),
                                      .epoch = -1};
    commit(store, &position, 1);
    cr_assert_eq(status_of(&broker, store, &error), CORONG_OK, "%s", error.message);
    position.anchor_hash++; // another message was there
    commit(store, &position, 1);
    cr_assert_eq(status_of(&broker, store, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "visits/0"));
    position.next_offset = 11; // beyond the end
    commit(store, &position, 1);
    cr_assert_eq(status_of(&broker, store, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "ends before it"));
    store_close(store);
    store_directory_remove(directory);
    broker_stop(&broker);
}

Test(kafka, test_unknown_topics_and_partitions_are_named, .timeout = 60)
{
    struct broker broker = broker_start();
    struct source *source;
    struct corong_error error = {0};
    cr_assert_eq(open_source(&source, &broker, "visits:1,9", NULL, &error), CORONG_NOT_FOUND);
    cr_assert_not_null(strstr(error.message, "0 to 2"), "%s", error.message);
    cr_assert_eq(open_source(&source, &broker, "visits:1,1", NULL, &error), CORONG_INVALID);
    cr_assert_eq(open_source(&source, &broker, "visits:x", NULL, &error), CORONG_INVALID);
    cr_assert_eq(open_source(&source, &broker, "visits:", NULL, &error), CORONG_INVALID);
    cr_assert_eq(open_source(&source, &broker, ":1", NULL, &error), CORONG_INVALID);
    broker_stop(&broker);
}

Test(kafka, test_overlong_message_is_delivered_short, .timeout = 60)
{
    struct broker broker = broker_start();
    produce(&broker, 0, 0, 12);
    const char *topics[] = {"visits:0", NULL};
    const char *properties[] = {broker.servers, NULL};
    struct kafka_options options = {
        .topics = topics, .properties = properties, .stop_at_end = true, .message_size_max = 3};
    struct source *source;
    struct corong_error error = {0};
    cr_assert_eq(kafka_open(&source, &options, &error), CORONG_OK, "%s", error.message);
    struct source_message message;
    enum source_poll result;
    uint32_t too_long = 0;
    while ((result = source->operations->poll(source, &message, &error)) != SOURCE_END) {
        cr_assert_neq(result, SOURCE_FAILED);
        too_long += result == SOURCE_MESSAGE && message.too_long;
    }
    cr_assert_eq(too_long, 2); // "0:10" and "0:11"
    source->operations->close(source);
    broker_stop(&broker);
}

Test(kafka, test_properties_that_exactness_rests_on_cannot_be_changed)
{
    static const char *const wrong[] = {
        "enable.auto.commit=true",
        "auto.offset.reset=latest",
        "check.crcs=false",
        "allow.auto.create.topics=true",
        "no.such.property=1",
        "noequals",
        "=x",
    };
    bool group_given;
    struct corong_error error = {0};
    rd_kafka_conf_t *conf;
    for (size_t at = 0; at < sizeof(wrong) / sizeof(wrong[0]); at++) {
        const char *properties[] = {wrong[at], NULL};
        cr_assert_eq(kafka_options_conf(&conf, properties, &group_given, &error), CORONG_INVALID,
                     "%s", wrong[at]);
    }
    const char *fine[] = {"group.id=g", "enable.auto.commit=false", "fetch.wait.max.ms=10", NULL};
    cr_assert_eq(kafka_options_conf(&conf, fine, &group_given, &error), CORONG_OK);
    cr_assert(group_given);
    char value[64];
    size_t size = sizeof(value);
    rd_kafka_conf_get(conf, "auto.offset.reset", value, &size);
    cr_assert_str_eq(value, "error");
    rd_kafka_conf_destroy(conf);
}

Test(kafka, test_messages_bring_key_time_place_and_headers)
{
    struct broker broker = broker_start();
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    rd_kafka_header_add(headers, "country", -1, "DE", 2);
    rd_kafka_header_add(headers, "none", -1, NULL, 0);
    cr_assert_eq(rd_kafka_producev(broker.producer, RD_KAFKA_V_TOPIC("visits"),
                                   RD_KAFKA_V_PARTITION(1), RD_KAFKA_V_KEY("u7", 2),
                                   RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_TIMESTAMP(1700000000123),
                                   RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END),
                 RD_KAFKA_RESP_ERR_NO_ERROR);
    produce(&broker, 1, 0, 1);
    struct source *source;
    struct source_message message;
    struct corong_error error = {0};
    cr_assert_eq(open_source(&source, &broker, "visits", NULL, &error), CORONG_OK);
    while (source->operations->poll(source, &message, &error) == SOURCE_IDLE) {
    }
    cr_assert_not_null(message.metadata);
    cr_expect(text_equal(message.metadata->key, TEXT_LITERAL("u7")));
    cr_expect(text_equal(message.metadata->topic, TEXT_LITERAL("visits")));
    cr_expect_eq(message.metadata->partition, 1);
    cr_expect_eq(message.metadata->timestamp_us, INT64_C(1700000000123000));
    cr_expect_eq(message.metadata->header_count, 0);
    source->operations->headers(source);
    cr_assert_eq(message.metadata->header_count, 2);
    cr_expect(text_equal(message.metadata->headers[0].name, TEXT_LITERAL("country")));
    cr_expect(text_equal(message.metadata->headers[0].value, TEXT_LITERAL("DE")));
    cr_expect_null(message.metadata->headers[1].value.bytes);
    while (source->operations->poll(source, &message, &error) == SOURCE_IDLE) {
    }
    cr_expect_null(message.metadata->key.bytes);
    source->operations->headers(source);
    cr_expect_eq(message.metadata->header_count, 0);
    source->operations->close(source);
    broker_stop(&broker);
}

Test(kafka, test_a_consumer_without_brokers_is_refused_at_once)
{
    const char *topics[] = {"visits", NULL};
    const char *properties[] = {"group.id=g", NULL};
    struct kafka_options options = {.topics = topics, .properties = properties};
    struct corong_error error = {0};
    struct source *source;
    cr_assert_eq(kafka_open(&source, &options, &error), CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "bootstrap.servers=localhost:9092"), "%s",
                       error.message);
}

Test(kafka, test_the_newer_group_protocol_is_not_given_what_only_the_classic_one_knows)
{
    const char *classic[] = {"bootstrap.servers=localhost:9", NULL};
    const char *newer[] = {"bootstrap.servers=localhost:9", "group.protocol=consumer", NULL};
    struct corong_error error = {0};
    char timeout[32];
    size_t size = sizeof(timeout);
    rd_kafka_conf_t *conf;
    bool given;
    cr_assert_eq(kafka_options_conf(&conf, classic, &given, &error), CORONG_OK);
    cr_assert_eq(rd_kafka_conf_get(conf, "session.timeout.ms", timeout, &size), RD_KAFKA_CONF_OK);
    cr_assert_str_eq(timeout, "10000");
    rd_kafka_conf_destroy(conf);
    if (rd_kafka_version() < 0x020c0000) {
        return; // it does not know the other
    }
    char reason[256];
    cr_assert_eq(kafka_options_conf(&conf, newer, &given, &error), CORONG_OK, "%s", error.message);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    cr_assert_not_null(consumer, "%s", reason);
    rd_kafka_destroy(consumer);
}

static void check_fetch_wait(const char *given, bool stop_at_end, const char *expected)
{
    const char *topics[] = {"visits", NULL};
    const char *properties[] = {"bootstrap.servers=localhost:9", given, NULL};
    struct kafka_options options = {
        .topics = topics, .properties = properties, .stop_at_end = stop_at_end};
    struct kafka_settings settings;
    struct corong_error error = {0};
    rd_kafka_conf_t *conf;
    char wait[32];
    size_t size = sizeof(wait);
    cr_assert_eq(kafka_settings_init(&settings, &options, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(kafka_settings_conf(&settings, &conf, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(rd_kafka_conf_get(conf, "fetch.wait.max.ms", wait, &size), RD_KAFKA_CONF_OK);
    cr_assert_str_eq(wait, expected);
    rd_kafka_conf_destroy(conf);
    kafka_settings_deinit(&settings);
}

Test(kafka, test_what_is_read_to_its_end_does_not_wait_for_more_unless_told_to)
{
    check_fetch_wait(NULL, true, "20");
    check_fetch_wait("fetch.wait.max.ms=300", true, "300");
    check_fetch_wait(NULL, false, "500"); // librdkafka's own
}

static void keep_sentence(void *context, const char *sentence)
{
    snprintf(context, 256, "%s", sentence);
}

Test(kafka, test_silence_of_all_brokers_is_said_once_and_so_is_its_end)
{
    char said[256] = "";
    struct kafka_source kafka = {
        .settings = {.notice = keep_sentence, .notice_context = said},
    };
    kafka_status_init(&kafka);
    kafka_reach_trouble(&kafka, "connection refused");
    for (int64_t tick = 1; tick < 40; tick++) {
        kafka_reach_tick(&kafka, tick * 250000);
        cr_assert_str_empty(said);
    }
    kafka_reach_tick(&kafka, 40 * 250000);
    cr_assert_str_eq(said, "no kafka broker has answered for 10 s; tried again until one does: "
                           "connection refused");
    cr_assert_eq(kafka.alarms, 1);
    said[0] = '\0';
    kafka_reach_tick(&kafka, 3600 * INT64_C(1000000)); // nobody listened meanwhile
    cr_assert_str_empty(said);
    kafka.bytes_done = 1;
    kafka_reach_tick(&kafka, 3601 * INT64_C(1000000));
    cr_assert_str_eq(said, "kafka brokers answer again, after 11 s");
    cr_assert_eq(kafka.reach.silent_us, 0);
    cr_assert_str_eq(kafka.shared.last_alarm,
                     "no kafka broker has answered for 10 s; tried again until one does: "
                     "connection refused");
    kafka_status_deinit(&kafka);
}

Test(kafka, test_a_source_that_stood_still_is_held_until_a_later_question_is_answered)
{
    const int64_t second = 1000000;
    struct kafka_source kafka = {0};
    kafka_hold_look(&kafka, 7 * second); // the first look knows of no time before it
    kafka_hold_look(&kafka, 8 * second);
    cr_assert_eq(kafka.hold, KAFKA_HOLD_NONE, "a second is not too long");
    kafka_hold_look(&kafka, 9 * second + 1);
    cr_assert_eq(kafka.hold, KAFKA_HOLD_TO_ASK);
    kafka_hold_answered(&kafka, true); // one that was asked before
    cr_assert_eq(kafka.hold, KAFKA_HOLD_TO_ASK);
    kafka_hold_asked(&kafka, true);
    kafka_hold_answered(&kafka, false);
    cr_assert_eq(kafka.hold, KAFKA_HOLD_TO_ASK, "nobody answered: asked again");
    kafka_hold_asked(&kafka, true);
    kafka_hold_look(&kafka, 20 * second);
    kafka_hold_answered(&kafka, true);
    cr_assert_eq(kafka.hold, KAFKA_HOLD_TO_ASK, "it stood still once more since it asked");
    kafka_hold_asked(&kafka, false);
    cr_assert_eq(kafka.hold, KAFKA_HOLD_NONE, "there is no log to ask for");
}
