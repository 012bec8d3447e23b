// SPDX-License-Identifier: Apache-2.0
/// librdkafka's consumer alone, to hold Corong against: reads a topic from its first message to its
/// end, touches each payload, counts. kafka_bare_bench poll|batch|callback TOPIC NAME=VALUE...
/// Prints messages, bytes and the CPU seconds of the whole process, librdkafka's threads included.
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BATCH_SIZE 1000
#define WAIT_MS 100

struct bare {
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    const char *topic;
    int32_t partition_count;
    int32_t ended_count;
    uint64_t messages;
    uint64_t bytes;
    uint64_t touched; // so that no read can be left out
};

static void fail(const char *what, const char *reason)
{
    fprintf(stderr, "kafka_bare_bench: %s: %s\n", what, reason);
    exit(1);
}

static void take(rd_kafka_message_t *message, void *context)
{
    struct bare *bare = context;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        bare->ended_count++;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("a message", rd_kafka_message_errstr(message));
    } else {
        const uint8_t *payload = message->payload;
        bare->messages++;
        bare->bytes += message->len;
        bare->touched += message->len == 0 ? 0 : payload[0] + payload[message->len - 1];
    }
}

static void set(rd_kafka_conf_t *conf, const char *pair)
{
    char name[256];
    char reason[512];
    const char *equals = strchr(pair, '=');
    if (equals == NULL || (size_t)(equals - pair) >= sizeof(name)) {
        fail(pair, "not NAME=VALUE");
    }
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = '\0';
    if (rd_kafka_conf_set(conf, name, equals + 1, reason, sizeof(reason)) != RD_KAFKA_CONF_OK) {
        fail(pair, reason);
    }
}

static void connect_to(struct bare *bare, char **pairs, int pair_count)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id=bare");
    set(conf, "enable.auto.commit=false");
    set(conf, "enable.partition.eof=true");
    for (int i = 0; i < pair_count; i++) {
        set(conf, pairs[i]);
    }
    bare->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (bare->consumer == NULL) {
        fail("cannot make a consumer", reason);
    }
    rd_kafka_poll_set_consumer(bare->consumer);
    bare->queue = rd_kafka_queue_get_consumer(bare->consumer);
}

static void assign_all(struct bare *bare)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(bare->consumer, bare->topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(bare->consumer, 0, topic, &metadata, 10000);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1) {
        fail(bare->topic, rd_kafka_err2str(code));
    }
    bare->partition_count = metadata->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (int32_t i = 0; i < bare->partition_count; i++) {
        rd_kafka_topic_partition_list_add(list, bare->topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(bare->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
}

static void read_by_poll(struct bare *bare)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(bare->consumer, WAIT_MS);
    if (message != NULL) {
        take(message, bare);
        rd_kafka_message_destroy(message);
    }
}

static void read_by_batch(struct bare *bare)
{
    static rd_kafka_message_t *messages[BATCH_SIZE];
    ssize_t count = rd_kafka_consume_batch_queue(bare->queue, WAIT_MS, messages, BATCH_SIZE);
    for (ssize_t i = 0; i < count; i++) {
        take(messages[i], bare);
        rd_kafka_message_destroy(messages[i]);
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void read_by_callback(struct bare *bare)
{
    rd_kafka_consume_callback_queue(bare->queue, WAIT_MS, take, bare);
}
#pragma GCC diagnostic pop

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 4) {
        fail("usage", "kafka_bare_bench poll|batch|callback TOPIC NAME=VALUE...");
    }
    void (*read)(struct bare *) = strcmp(arguments[1], "poll") == 0    ? read_by_poll
                                  : strcmp(arguments[1], "batch") == 0 ? read_by_batch
                                                                       : read_by_callback;
    struct bare bare = {.topic = arguments[2]};
    connect_to(&bare, arguments + 3, argument_count - 3);
    assign_all(&bare);
    while (bare.ended_count < bare.partition_count) {
        read(&bare);
    }
    rd_kafka_queue_destroy(bare.queue);
    rd_kafka_consumer_close(bare.consumer);
    rd_kafka_destroy(bare.consumer);
    printf("%" PRIu64 " messages, %" PRIu64 " bytes, touched %" PRIu64 ", %.3f CPU s\n",
           bare.messages, bare.bytes, bare.touched, cpu_seconds());
    return 0;
}
