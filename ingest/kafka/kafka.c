// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka.h"

#include "ingest/decode/decode.h"
#include "ingest/kafka/kafka_offsets.h"
#include "ingest/kafka/kafka_options.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <librdkafka/rdkafka.h>

#define POLL_WAIT_MS 100 ///< how long the pump may be deaf to a barrier
#define METADATA_TIMEOUT_MS 15000
#define REASON_SIZE 512
#define TIMESTAMP_MS_MAX (INT64_MAX / 1000)
#define EXCERPT_SIZE 4096u ///< of an overlong message this much is delivered

struct kafka_source {
    struct source source; // first: see source.h
    rd_kafka_t *consumer;
    rd_kafka_message_t *held; ///< delivered, and borrowed until the next poll
    struct kafka_partition *partitions;
    uint32_t partition_count;
    uint32_t partition_capacity;
    uint32_t last_index; ///< messages come in runs of one partition
    uint32_t message_size_max;
    struct metadata metadata; ///< of the message in hand
    struct metadata_header *headers;
    uint32_t header_capacity;
    uint64_t bytes_done;
    bool stop_at_end;
    bool group_given;          ///< the user wants offsets committed for a lag monitor
    rd_kafka_resp_err_t fatal; ///< set by the error callback, on the polling thread
};

static struct kafka_source *kafka_of(struct source *source)
{
    return (struct kafka_source *)source;
}

/// Errors that concern no partition. All but fatal ones (authentication, misuse) heal by
/// themselves.
static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *opaque)
{
    (void)reason;
    struct kafka_source *kafka = opaque;
    char text[REASON_SIZE];
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        kafka->fatal = rd_kafka_fatal_error(consumer, text, sizeof(text));
    } else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        kafka->fatal = RD_KAFKA_RESP_ERR__AUTHENTICATION;
    }
}

static uint32_t find_partition(struct kafka_source *kafka, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    for (uint32_t step = 0; step < kafka->partition_count; step++) {
        uint32_t index = (kafka->last_index + step) % kafka->partition_count;
        const struct kafka_partition *partition = &kafka->partitions[index];
        if (partition->partition == message->partition && strcmp(partition->topic, topic) == 0) {
            kafka->last_index = index;
            return index;
        }
    }
    return UINT32_MAX;
}

static bool all_at_end(const struct kafka_source *kafka)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (!kafka->partitions[index].at_end) {
            return false;
        }
    }
    return true;
}

static enum source_poll nothing_now(const struct kafka_source *kafka)
{
    return kafka->stop_at_end && all_at_end(kafka) ? SOURCE_END : SOURCE_IDLE;
}

static enum source_poll failed(const char *where, rd_kafka_resp_err_t code, const char *reason,
                               struct corong_error *error)
{
    error_set(error, CORONG_IO, "kafka '%s': %s: %s", where, rd_kafka_err2name(code), reason);
    return SOURCE_FAILED;
}

/// A message that carries an error instead of a value. Only a partition's end is no failure.
static enum source_poll take_error(struct kafka_source *kafka, uint32_t index,
                                   const rd_kafka_message_t *message, struct corong_error *error)
{
    const char *where = index == UINT32_MAX ? "consumer" : kafka->partitions[index].name;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && index != UINT32_MAX) {
        kafka->partitions[index].at_end = true;
        kafka->partitions[index].proving = false;
        return nothing_now(kafka);
    }
    return failed(where, message->err, rd_kafka_message_errstr(message), error);
}

static void take_metadata(struct kafka_source *kafka, uint32_t index,
                          const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t milliseconds = rd_kafka_message_timestamp(message, &type);
    bool timed = type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && milliseconds > -TIMESTAMP_MS_MAX &&
                 milliseconds < TIMESTAMP_MS_MAX;
    kafka->metadata = (struct metadata){
        .key = {message->key, message->key_len},
        .timestamp_us = timed ? milliseconds * 1000 : METADATA_NO_TIMESTAMP,
        .topic = text_from(kafka->partitions[index].topic),
        .partition = message->partition,
    };
}

/// Of the message in hand. librdkafka parses them when it is first asked.
static void kafka_headers(struct source *source)
{
    struct kafka_source *kafka = kafka_of(source);
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(kafka->held, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    uint32_t count = (uint32_t)rd_kafka_header_cnt(headers);
    if (count > kafka->header_capacity) {
        kafka->headers = memory_resize_array(kafka->headers, count, sizeof(kafka->headers[0]));
        kafka->header_capacity = count;
    }
    for (uint32_t index = 0; index < count; index++) {
        const char *name;
        const void *value;
        size_t size;
        rd_kafka_header_get_all(headers, index, &name, &value, &size);
        kafka->headers[index] = (struct metadata_header){text_from(name), {value, size}};
    }
    kafka->metadata.headers = kafka->headers;
    kafka->metadata.header_count = count;
}

static void deliver(struct kafka_source *kafka, uint32_t index, const rd_kafka_message_t *message,
                    struct source_message *message_out)
{
    bool too_long = message->len > kafka->message_size_max;
    kafka_offsets_advance(&kafka->partitions[index], message);
    kafka->partitions[index].at_end = false;
    take_metadata(kafka, index, message);
    // A tombstone has no value: an empty message, which the decoder counts as blank.
    const char *bytes = message->payload == NULL ? "" : message->payload;
    *message_out = (struct source_message){
        .bytes = {bytes, too_long && message->len > EXCERPT_SIZE ? EXCERPT_SIZE : message->len},
        .partition_index = index,
        .offset = message->offset,
        .next_offset = message->offset + 1,
        .only_event = SOURCE_EVERY_EVENT,
        .too_long = too_long,
        .metadata = &kafka->metadata,
    };
}

static enum source_poll take(struct kafka_source *kafka, const rd_kafka_message_t *message,
                             struct source_message *message_out, struct corong_error *error)
{
    uint32_t index = message->rkt == NULL ? UINT32_MAX : find_partition(kafka, message);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return take_error(kafka, index, message, error);
    }
    ASSERT(index != UINT32_MAX);
    struct kafka_partition *partition = &kafka->partitions[index];
    kafka->bytes_done += message->len;
    if (partition->proving) {
        bool passed;
        if (kafka_offsets_prove(partition, message, &passed, error) != CORONG_OK) {
            return SOURCE_FAILED;
        }
        if (passed) {
            return SOURCE_IDLE;
        }
    }
    if (message->offset < partition->next_offset) {
        return SOURCE_IDLE; // between the anchor and the position: read before
    }
    deliver(kafka, index, message, message_out);
    return SOURCE_MESSAGE;
}

static void let_go(struct kafka_source *kafka)
{
    if (kafka->held != NULL) {
        rd_kafka_message_destroy(kafka->held);
        kafka->held = NULL;
    }
}

static enum source_poll kafka_poll(struct source *source, struct source_message *message_out,
                                   struct corong_error *error)
{
    struct kafka_source *kafka = kafka_of(source);
    let_go(kafka);
    if (kafka->fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return failed("consumer", kafka->fatal, rd_kafka_err2str(kafka->fatal), error);
    }
    kafka->held = rd_kafka_consumer_poll(kafka->consumer, POLL_WAIT_MS);
    if (kafka->held == NULL) {
        return nothing_now(kafka);
    }
    return take(kafka, kafka->held, message_out, error);
}

static uint32_t kafka_partition_count(struct source *source)
{
    return kafka_of(source)->partition_count;
}

static void kafka_position(struct source *source, uint32_t partition_index,
                           struct store_position *position_out)
{
    struct kafka_source *kafka = kafka_of(source);
    ASSERT(partition_index < kafka->partition_count);
    const struct kafka_partition *partition = &kafka->partitions[partition_index];
    position_out->id = partition->id;
    position_out->name = text_from(partition->name);
    position_out->next_offset = partition->next_offset;
    position_out->anchor_offset = partition->anchor_offset;
    position_out->anchor_hash = partition->anchor_hash;
    position_out->epoch = partition->epoch;
}

static void kafka_progress(struct source *source, uint64_t *done_out, uint64_t *total_out)
{
    *done_out = kafka_of(source)->bytes_done;
    *total_out = 0;
}

/// Advisory: a failure here changes no answer, and the next run starts from the store anyway.
static void kafka_committed(struct source *source, const struct store_position *positions,
                            uint32_t position_count)
{
    struct kafka_source *kafka = kafka_of(source);
    if (!kafka->group_given) {
        return;
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)kafka->partition_count);
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        const struct kafka_partition *partition = &kafka->partitions[index];
        for (uint32_t at = 0; at < position_count; at++) {
            if (hash128_equal(positions[at].id, partition->id)) {
                rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition)
                    ->offset = positions[at].next_offset;
            }
        }
    }
    (void)rd_kafka_commit(kafka->consumer, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
}

static struct text kafka_header(struct source *source)
{
    (void)source;
    return TEXT_MISSING;
}

static void kafka_close(struct source *source)
{
    struct kafka_source *kafka = kafka_of(source);
    let_go(kafka);
    if (kafka->consumer != NULL) {
        rd_kafka_consumer_close(kafka->consumer);
        rd_kafka_destroy(kafka->consumer);
    }
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        memory_free(kafka->partitions[index].topic);
        memory_free(kafka->partitions[index].name);
    }
    memory_free(kafka->partitions);
    memory_free(kafka->headers);
    memory_free(kafka);
}

static const struct source_operations kafka_operations = {
    .poll = kafka_poll,
    .partition_count = kafka_partition_count,
    .position = kafka_position,
    .progress = kafka_progress,
    .committed = kafka_committed,
    .headers = kafka_headers,
    .header = kafka_header,
    .close = kafka_close,
};

static enum corong_status add_partition(struct kafka_source *kafka, const char *topic,
                                        int32_t number, struct corong_error *error)
{
    struct hash128 id = kafka_offsets_id(topic, number);
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (hash128_equal(kafka->partitions[index].id, id)) {
            return error_set(error, CORONG_INVALID, "kafka topic '%s' partition %d is named twice",
                             topic, number);
        }
    }
    if (kafka->partition_count == kafka->partition_capacity) {
        kafka->partition_capacity =
            kafka->partition_capacity == 0 ? 16 : kafka->partition_capacity * 2;
        kafka->partitions = memory_resize_array(kafka->partitions, kafka->partition_capacity,
                                                sizeof(*kafka->partitions));
    }
    struct text_buffer name = {0};
    text_buffer_printf(&name, "%s/%d", topic, number);
    kafka->partitions[kafka->partition_count++] = (struct kafka_partition){
        .topic = memory_copy_string(topic, strlen(topic)),
        .name = name.bytes,
        .partition = number,
        .id = id,
    };
    return CORONG_OK;
}

static enum corong_status add_listed(struct kafka_source *kafka, const char *topic,
                                     const struct kafka_topic_word *word,
                                     const rd_kafka_metadata_topic_t *found,
                                     struct corong_error *error)
{
    uint32_t count = word->all_partitions ? (uint32_t)found->partition_cnt : word->partition_count;
    for (uint32_t index = 0; index < count; index++) {
        int32_t number =
            word->all_partitions ? found->partitions[index].id : word->partitions[index];
        if (number >= found->partition_cnt) {
            return error_set(error, CORONG_NOT_FOUND,
                             "kafka topic '%s' has no partition %d; it has 0 to %d", topic, number,
                             found->partition_cnt - 1);
        }
        TRY(add_partition(kafka, topic, number, error));
    }
    return CORONG_OK;
}

/// Asks a broker for the topic's partitions and adds those wanted.
static enum corong_status add_topic(struct kafka_source *kafka, const char *topic,
                                    const struct kafka_topic_word *word, struct corong_error *error)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka->consumer, topic, NULL);
    ASSERT(handle != NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t result =
        rd_kafka_metadata(kafka->consumer, 0, handle, &metadata, METADATA_TIMEOUT_MS);
    rd_kafka_topic_destroy(handle);
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
        enum corong_status status =
            error_set(error, CORONG_IO, "cannot ask any broker for kafka topic '%s': %s", topic,
                      rd_kafka_err2str(result));
        if (error != NULL) {
            error->retriable = true;
        }
        return status;
    }
    enum corong_status status = CORONG_OK;
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR ||
        metadata->topics[0].partition_cnt == 0) {
        status = error_set(error, CORONG_NOT_FOUND, "cannot read kafka topic '%s': %s", topic,
                           metadata->topic_cnt == 1 ? rd_kafka_err2str(metadata->topics[0].err)
                                                    : "unknown");
    } else {
        status = add_listed(kafka, topic, word, &metadata->topics[0], error);
    }
    rd_kafka_metadata_destroy(metadata);
    return status;
}

static enum corong_status add_topics(struct kafka_source *kafka, const char *const *topics,
                                     struct corong_error *error)
{
    struct kafka_topic_word *word = memory_allocate(sizeof(*word));
    enum corong_status status = CORONG_OK;
    for (size_t index = 0; status == CORONG_OK && topics[index] != NULL; index++) {
        status = kafka_options_topic(word, topics[index], error);
        if (status == CORONG_OK) {
            char *topic = memory_copy_string(word->topic.bytes, word->topic.size);
            status = add_topic(kafka, topic, word, error);
            memory_free(topic);
        }
    }
    memory_free(word);
    return status;
}

static enum corong_status assign(struct kafka_source *kafka, const struct store *store,
                                 struct corong_error *error)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)kafka->partition_count);
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; status == CORONG_OK && index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        int64_t offset = RD_KAFKA_OFFSET_BEGINNING;
        kafka_offsets_restore(partition, store);
        status = kafka_offsets_start(kafka->consumer, partition, &offset, error);
        rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition)->offset =
            offset;
    }
    if (status == CORONG_OK) {
        rd_kafka_resp_err_t result = rd_kafka_assign(kafka->consumer, list);
        if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = error_set(error, CORONG_IO, "cannot assign kafka partitions: %s",
                               rd_kafka_err2str(result));
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

static enum corong_status connect_consumer(struct kafka_source *kafka,
                                           const struct kafka_options *options,
                                           struct corong_error *error)
{
    rd_kafka_conf_t *conf;
    TRY(kafka_options_conf(&conf, options->properties, &kafka->group_given, error));
    rd_kafka_conf_set_opaque(conf, kafka);
    rd_kafka_conf_set_error_cb(conf, on_error);
    char reason[REASON_SIZE];
    kafka->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (kafka->consumer == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(error, CORONG_INVALID, "cannot make a kafka consumer: %s", reason);
    }
    (void)rd_kafka_poll_set_consumer(kafka->consumer);
    TRY(add_topics(kafka, options->topics, error));
    return assign(kafka, options->store, error);
}

enum corong_status kafka_open(struct source **source_out, const struct kafka_options *options,
                              struct corong_error *error)
{
    struct kafka_source *kafka = memory_allocate_zeroed(1, sizeof(*kafka));
    kafka->source.operations = &kafka_operations;
    kafka->stop_at_end = options->stop_at_end;
    kafka->message_size_max =
        options->message_size_max != 0 ? options->message_size_max : DECODE_MESSAGE_SIZE_MAX;
    enum corong_status status = connect_consumer(kafka, options, error);
    if (status != CORONG_OK) {
        kafka_close(&kafka->source);
        return status;
    }
    *source_out = &kafka->source;
    return CORONG_OK;
}
