// SPDX-License-Identifier: Apache-2.0
#include "ingest/produce/produce.h"

#include "ingest/kafka_property.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_SIZE 512u
#define METADATA_TIMEOUT_MS 15000
#define TOPIC_PATIENCE_US (15 * MICROSECONDS_PER_SECOND) ///< a topic that is being made
#define TOPIC_RETRY_MS 100
#define QUEUE_WAIT_MS 100
#define SERVE_INTERVAL 256u   ///< messages between two looks at the delivery reports
#define MESSAGE_OVERHEAD 512u ///< what a record and its batch add to key and value

struct produce {
    rd_kafka_t *producer;
    char trouble[REASON_SIZE]; ///< what last kept a broker from being reached; "": nothing
    rd_kafka_topic_t *topic;
    uint32_t partition_count;
    size_t message_size_max;
    struct produce_counts counts;
};

/// Given to librdkafka before the user's own, which may replace them.
static const struct kafka_property defaults[] = {
    {"client.id", "corong-produce", false},
    {"compression.codec", "zstd", false},
    {"linger.ms", "20", false},
    {"queue.buffering.max.kbytes", "65536", false},
    {"queue.buffering.max.messages", "500000", false},
    {"partitioner", "murmur2_random",
     false}, // as Java's producers: one key, one partition, for all
    {"socket.nagle.disable", "true", false},
    {"log_level", "0", false}, // what matters comes as an error
};

/// What "each line once" rests on: not the user's to change.
static const struct kafka_property fixed[] = {
    {"enable.idempotence", "true", false},
    {"acks", "all", false},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static enum corong_status set_all(rd_kafka_conf_t *conf, const char *const *properties,
                                  struct corong_error *error)
{
    for (size_t index = 0; index < COUNT_OF(defaults); index++) {
        TRY(kafka_property_set(conf, defaults[index].name, defaults[index].value, error));
    }
    for (size_t index = 0; properties != NULL && properties[index] != NULL; index++) {
        TRY(kafka_property_set_pair(conf, properties[index], fixed, COUNT_OF(fixed),
                                    "sending each line once rests on it", error));
    }
    for (size_t index = 0; index < COUNT_OF(fixed); index++) {
        TRY(kafka_property_set(conf, fixed[index].name, fixed[index].value, error));
    }
    return CORONG_OK;
}

static void refuse(struct produce *produce, rd_kafka_resp_err_t code, uint64_t line_count)
{
    if (produce->counts.refused == 0) {
        snprintf(produce->counts.first_refusal, sizeof(produce->counts.first_refusal), "%s: %s",
                 rd_kafka_err2name(code), rd_kafka_err2str(code));
    }
    produce->counts.refused += line_count;
}

/// A delivery report, on the thread that polls: ours.
static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct produce *produce = opaque;
    uint64_t line_count = (uint64_t)(uintptr_t)message->_private;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        produce->counts.acknowledged += line_count;
    } else {
        refuse(produce, message->err, line_count);
    }
}

/// Heals by itself, or a message is refused in the end; kept for the sentence where none answers.
static void on_error(rd_kafka_t *producer, int code, const char *reason, void *opaque)
{
    (void)producer;
    struct produce *produce = opaque;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        snprintf(produce->trouble, sizeof(produce->trouble), "%s", reason);
    }
}

static bool names_brokers(const char *const *properties)
{
    static const char *const names[] = {
        "bootstrap.servers=", "metadata.broker.list=", "test.mock.num.brokers="};
    for (size_t index = 0; properties != NULL && properties[index] != NULL; index++) {
        for (size_t at = 0; at < COUNT_OF(names); at++) {
            if (strncmp(properties[index], names[at], strlen(names[at])) == 0) {
                return true;
            }
        }
    }
    return false;
}

static enum corong_status connect_producer(struct produce *produce,
                                           const struct produce_options *options,
                                           struct corong_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[REASON_SIZE];
    size_t size = sizeof(text);
    enum corong_status status = set_all(conf, options->properties, error);
    if (status == CORONG_OK && !names_brokers(options->properties)) {
        status = error_set(error, CORONG_INVALID,
                           "no kafka broker is named: set the property 'bootstrap.servers', such "
                           "as bootstrap.servers=localhost:9092");
    }
    if (status != CORONG_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_conf_set_opaque(conf, produce);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    ASSERT(rd_kafka_conf_get(conf, "message.max.bytes", text, &size) == RD_KAFKA_CONF_OK);
    produce->message_size_max = (size_t)strtoull(text, NULL, 10) - MESSAGE_OVERHEAD;
    produce->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (produce->producer == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(error, CORONG_INVALID, "cannot make a kafka producer: %s", text);
    }
    produce->topic = rd_kafka_topic_new(produce->producer, options->topic, NULL);
    if (produce->topic == NULL) {
        return error_set(error, CORONG_INVALID, "cannot write kafka topic '%s': %s", options->topic,
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    return CORONG_OK;
}

static enum corong_status no_broker(struct produce *produce, const struct produce_options *options,
                                    rd_kafka_resp_err_t code, struct corong_error *error)
{
    rd_kafka_poll(produce->producer, 0);
    enum corong_status status = error_set(
        error, CORONG_IO, "cannot ask any broker for kafka topic '%s': %s", options->topic,
        produce->trouble[0] != '\0' ? produce->trouble : rd_kafka_err2str(code));
    if (error != NULL) {
        error->retriable = true;
    }
    return status;
}

/// A topic that brokers make when it is first asked for is not there at once.
static bool may_come(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static enum corong_status find_topic(struct produce *produce, const struct produce_options *options,
                                     struct corong_error *error)
{
    int64_t until_us = clock_monotonic_us() + TOPIC_PATIENCE_US;
    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t code =
            rd_kafka_metadata(produce->producer, 0, produce->topic, &metadata, METADATA_TIMEOUT_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return no_broker(produce, options, code, error);
        }
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (metadata->topic_cnt == 1) {
            code = metadata->topics[0].err;
            produce->partition_count = (uint32_t)metadata->topics[0].partition_cnt;
        }
        rd_kafka_metadata_destroy(metadata);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && produce->partition_count > 0) {
            return CORONG_OK;
        }
        if (!may_come(code) || clock_monotonic_us() >= until_us) {
            return error_set(error, CORONG_NOT_FOUND, "cannot write kafka topic '%s': %s",
                             options->topic, rd_kafka_err2str(code));
        }
        rd_kafka_poll(produce->producer, TOPIC_RETRY_MS);
    }
}

enum corong_status produce_open(struct produce **produce_out, const struct produce_options *options,
                                struct corong_error *error)
{
    struct produce *produce = memory_allocate_zeroed(1, sizeof(*produce));
    enum corong_status status = connect_producer(produce, options, error);
    status = status == CORONG_OK ? find_topic(produce, options, error) : status;
    if (status != CORONG_OK) {
        produce_close(produce);
        return status;
    }
    *produce_out = produce;
    return CORONG_OK;
}

uint32_t produce_partition_count(const struct produce *produce)
{
    return produce->partition_count;
}

int32_t produce_partition_of(const struct produce *produce, struct text key)
{
    return rd_kafka_msg_partitioner_murmur2(produce->topic, key.bytes, key.size,
                                            (int32_t)produce->partition_count, NULL, NULL);
}

size_t produce_message_size_max(const struct produce *produce)
{
    return produce->message_size_max;
}

/// Rounded up to Kafka's milliseconds: where it is mapped as the receive time, no event is later
/// than it was received. 0 would mean "now".
static int64_t timestamp_ms(int64_t timestamp_us)
{
    if (timestamp_us == METADATA_NO_TIMESTAMP) {
        return 0;
    }
    int64_t milliseconds = timestamp_us / 1000 + (timestamp_us % 1000 > 0);
    return milliseconds < 1 ? 1 : milliseconds;
}

static rd_kafka_resp_err_t hand_over(struct produce *produce, const struct produce_message *message)
{
    int32_t partition =
        message->partition == METADATA_NO_PARTITION ? RD_KAFKA_PARTITION_UA : message->partition;
    return rd_kafka_producev(
        produce->producer, RD_KAFKA_V_RKT(produce->topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE((void *)message->bytes.bytes, message->bytes.size),
        RD_KAFKA_V_KEY(message->key.bytes, message->key.size),
        RD_KAFKA_V_TIMESTAMP(timestamp_ms(message->timestamp_us)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_OPAQUE((void *)(uintptr_t)message->line_count), RD_KAFKA_V_END);
}

/// An idempotent producer that has lost its place cannot go on without loss or doubles.
static enum corong_status check_fatal(struct produce *produce, struct corong_error *error)
{
    char reason[REASON_SIZE];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(produce->producer, reason, sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_IO, "kafka producer: %s: %s", rd_kafka_err2name(code), reason);
}

enum corong_status produce_send(struct produce *produce, const struct produce_message *message,
                                struct corong_error *error)
{
    rd_kafka_resp_err_t code = hand_over(produce, message);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(produce->producer, QUEUE_WAIT_MS);
        code = hand_over(produce, message);
    }
    produce->counts.messages++;
    produce->counts.lines += message->line_count;
    produce->counts.bytes += message->bytes.size;
    if (produce->counts.messages % SERVE_INTERVAL == 0) {
        rd_kafka_poll(produce->producer, 0);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(produce, code, message->line_count);
        return check_fatal(produce, error);
    }
    return CORONG_OK;
}

void produce_serve(struct produce *produce, uint32_t wait_ms)
{
    rd_kafka_poll(produce->producer, (int)wait_ms);
}

bool produce_flush(struct produce *produce, uint32_t wait_ms)
{
    return rd_kafka_flush(produce->producer, (int)wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void produce_counts(const struct produce *produce, struct produce_counts *counts_out)
{
    *counts_out = produce->counts;
}

void produce_close(struct produce *produce)
{
    if (produce == NULL) {
        return;
    }
    if (produce->producer != NULL) {
        rd_kafka_purge(produce->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(produce->producer, 0);
    }
    if (produce->topic != NULL) {
        rd_kafka_topic_destroy(produce->topic);
    }
    if (produce->producer != NULL) {
        rd_kafka_destroy(produce->producer);
    }
    memory_free(produce);
}
