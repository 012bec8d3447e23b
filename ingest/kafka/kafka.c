// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka.h"

#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>

#define METADATA_TIMEOUT_MS 15000
#define CLOSE_WAIT_US (15 * MICROSECONDS_PER_SECOND)

void kafka_notice(struct kafka_source *kafka, const char *sentence)
{
    if (kafka->settings.notice != NULL) {
        kafka->settings.notice(kafka->settings.notice_context, sentence);
    } else {
        fprintf(stderr, "corong: %s\n", sentence);
    }
}

void kafka_alarm(struct kafka_source *kafka, const char *sentence)
{
    struct kafka_shared *shared = &kafka->shared;
    kafka->alarms++;
    pthread_mutex_lock(&shared->lock);
    memory_free(shared->last_alarm);
    shared->last_alarm = memory_copy_string(sentence, strlen(sentence));
    pthread_mutex_unlock(&shared->lock);
    kafka_notice(kafka, sentence);
}

struct kafka_partition *kafka_partition_find(struct kafka_source *kafka, const char *topic,
                                             int32_t number)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        if (partition->partition == number && strcmp(partition->topic, topic) == 0) {
            return partition;
        }
    }
    return NULL;
}

static const struct store_position *stored_position(const struct kafka_source *kafka,
                                                    struct hash128 id)
{
    for (uint32_t index = 0; index < kafka->stored_count; index++) {
        if (hash128_equal(kafka->stored[index].id, id)) {
            return &kafka->stored[index];
        }
    }
    return NULL;
}

struct kafka_partition *kafka_partition_get(struct kafka_source *kafka, const char *topic,
                                            int32_t number)
{
    struct kafka_partition *found = kafka_partition_find(kafka, topic, number);
    if (found != NULL) {
        return found;
    }
    if (kafka->partition_count == kafka->partition_capacity) {
        kafka->partition_capacity =
            kafka->partition_capacity == 0 ? 16 : kafka->partition_capacity * 2;
        kafka->partitions = memory_resize_array(kafka->partitions, kafka->partition_capacity,
                                                sizeof(*kafka->partitions));
    }
    struct kafka_partition *partition = &kafka->partitions[kafka->partition_count++];
    kafka_offsets_init(partition, topic, number);
    kafka_offsets_restore(partition, stored_position(kafka, partition->id));
    return partition;
}

void kafka_let_go(struct kafka_source *kafka)
{
    if (kafka->held == NULL) {
        return;
    }
    struct kafka_partition *partition = &kafka->partitions[kafka->held_index];
    if (partition->unhashed == kafka->held) {
        kafka_offsets_settle(partition);
    }
    rd_kafka_message_destroy(kafka->held);
    kafka->held = NULL;
}

void kafka_drop_batch(struct kafka_source *kafka)
{
    while (kafka->batch_next < kafka->batch_count) {
        rd_kafka_message_destroy(kafka->batch[kafka->batch_next++]);
    }
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
    kafka_offsets_position(&kafka->partitions[partition_index], position_out);
}

static void kafka_progress(struct source *source, uint64_t *done_out, uint64_t *total_out)
{
    *done_out = kafka_of(source)->bytes_done;
    *total_out = 0;
}

static struct text kafka_header(struct source *source)
{
    (void)source;
    return TEXT_MISSING;
}

static void bury(struct kafka_source *kafka, int64_t wait_us)
{
    kafka_let_go(kafka);
    kafka_drop_batch(kafka);
    if (kafka->grave != NULL) {
        (void)kafka_grave_wait(kafka->grave, wait_us);
        kafka->grave = NULL;
    }
    if (kafka->client != NULL) {
        kafka->grave = kafka_client_bury(kafka->client);
        kafka->client = NULL;
    }
}

static void kafka_close(struct source *source)
{
    struct kafka_source *kafka = kafka_of(source);
    bury(kafka, CLOSE_WAIT_US);
    if (kafka->grave != NULL && !kafka_grave_wait(kafka->grave, CLOSE_WAIT_US)) {
        kafka_notice(kafka, "the kafka consumer does not close; it is left behind");
    }
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        kafka_offsets_deinit(&kafka->partitions[index]);
    }
    kafka_status_deinit(kafka);
    kafka_settings_deinit(&kafka->settings);
    memory_free(kafka->partitions);
    memory_free(kafka->stored);
    memory_free(kafka->headers);
    memory_free(kafka);
}

/// Positions go back, so what is still under way from before must not arrive: another consumer.
static void kafka_rewind(struct source *source, const struct store_position *positions,
                         uint32_t position_count)
{
    struct kafka_source *kafka = kafka_of(source);
    kafka_let_go(kafka);
    if (kafka->group != NULL) {
        store_group_forget(kafka->group);
    }
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        const struct store_position *found = NULL;
        for (uint32_t at = 0; at < position_count && found == NULL; at++) {
            found = hash128_equal(positions[at].id, partition->id) ? &positions[at] : NULL;
        }
        kafka_offsets_restore(partition, found);
        partition->state = KAFKA_AWAY;
        memory_free(partition->why);
        partition->why = NULL;
    }
    kafka_recreate(kafka);
}

static const struct source_operations kafka_operations = {
    .poll = kafka_poll,
    .lot = kafka_lot,
    .take_lot = kafka_take_lot,
    .partition_count = kafka_partition_count,
    .position = kafka_position,
    .progress = kafka_progress,
    .committed = kafka_committed,
    .rewind = kafka_rewind,
    .waiting = kafka_waiting,
    .headers = kafka_headers,
    .header = kafka_header,
    .close = kafka_close,
};

static enum corong_status add_partition(struct kafka_source *kafka, const char *topic,
                                        int32_t number, struct corong_error *error)
{
    struct kafka_partition *found = kafka_partition_find(kafka, topic, number);
    if (found != NULL && found->state != KAFKA_AWAY) {
        return error_set(error, CORONG_INVALID, "kafka topic '%s' partition %d is named twice",
                         topic, number);
    }
    kafka_rebalance_begin(kafka, kafka_partition_get(kafka, topic, number));
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
    rd_kafka_t *consumer = kafka->client->consumer;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
    ASSERT(handle != NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t result =
        rd_kafka_metadata(consumer, 0, handle, &metadata, METADATA_TIMEOUT_MS);
    rd_kafka_topic_destroy(handle);
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)kafka_client_serve(kafka->client); // calls back with what happened
        const char *reason = kafka->client->trouble.reason;
        enum corong_status status =
            error_set(error, CORONG_IO, "cannot ask any broker for kafka topic '%s': %s", topic,
                      reason[0] != '\0' ? reason : rd_kafka_err2str(result));
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

static enum corong_status add_topics(struct kafka_source *kafka, struct corong_error *error)
{
    struct kafka_topic_word *word = memory_allocate(sizeof(*word));
    enum corong_status status = CORONG_OK;
    for (char **at = kafka->settings.topics; status == CORONG_OK && *at != NULL; at++) {
        status = kafka_options_topic(word, *at, error);
        if (status == CORONG_OK) {
            char *topic = memory_copy_string(word->topic.bytes, word->topic.size);
            status = add_topic(kafka, topic, word, error);
            memory_free(topic);
        }
    }
    memory_free(word);
    return status;
}

static enum corong_status subscribe(struct kafka_source *kafka, struct corong_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (char **at = kafka->settings.topics; *at != NULL; at++) {
        rd_kafka_topic_partition_list_add(list, *at, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t result = rd_kafka_subscribe(kafka->client->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(error, CORONG_INVALID, "cannot join the kafka consumer group: %s",
                         rd_kafka_err2str(result));
    }
    return CORONG_OK;
}

enum corong_status kafka_connect(struct kafka_source *kafka, struct corong_error *error)
{
    rd_kafka_conf_t *conf;
    TRY(kafka_settings_conf(&kafka->settings, &conf, error));
    TRY(kafka_client_create(&kafka->client, conf, kafka->group, error));
    kafka->phase = KAFKA_CALM;
    kafka->reach.looked_us = clock_monotonic_us();
    kafka->last_topic = NULL;
    kafka->busy = true;
    return kafka->settings.group_mode ? subscribe(kafka, error) : CORONG_OK;
}

void kafka_recreate(struct kafka_source *kafka)
{
    kafka->hold = KAFKA_HOLD_NONE; // every partition is proven as it starts again
    bury(kafka, 0);
    kafka->recreate_due = false;
    kafka->recreated++;
    kafka->recreated_us = clock_monotonic_us();
    struct corong_error error = {0};
    if (kafka_connect(kafka, &error) != CORONG_OK) {
        kafka->failure = error;
        return;
    }
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        partition->assigned = false;
        partition->leaving = false;
        if (kafka->settings.group_mode && partition->state != KAFKA_HALTED) {
            partition->state = KAFKA_AWAY;
        } else if (partition->state != KAFKA_HALTED) {
            kafka_rebalance_begin(kafka, partition);
        }
    }
}

static void keep_positions(struct kafka_source *kafka, const struct store *store)
{
    if (store == NULL) {
        return;
    }
    const struct store_position *positions = store_positions(store, &kafka->stored_count);
    size_t size = kafka->stored_count * sizeof(*positions);
    kafka->stored = memory_allocate(size + 1);
    if (size > 0) {
        memcpy(kafka->stored, positions, size);
    }
    // The names die with the store's next commit.
    for (uint32_t index = 0; index < kafka->stored_count; index++) {
        kafka->stored[index].name = TEXT_MISSING;
    }
    const struct hash_secret *secret = store_secret(store);
    kafka->fingerprint = hash_bytes64(secret, sizeof(*secret));
}

/// The first answers are waited for: main has nothing else to do.
static enum corong_status begin_static(struct kafka_source *kafka, struct corong_error *error)
{
    TRY(add_topics(kafka, error));
    int64_t now_us = clock_monotonic_us();
    struct kafka_question *question = kafka_watch_question(kafka, now_us);
    if (question != NULL) {
        kafka_ask_now(kafka->client->consumer, kafka->group, question);
        kafka_watch_take(kafka, question, now_us);
    }
    kafka_rebalance_apply(kafka);
    return CORONG_OK;
}

enum corong_status kafka_open(struct source **source_out, const struct kafka_options *options,
                              struct corong_error *error)
{
    struct kafka_source *kafka = memory_allocate_zeroed(1, sizeof(*kafka));
    kafka->source.operations = &kafka_operations;
    kafka->group = options->group;
    kafka_status_init(kafka);
    keep_positions(kafka, options->store);
    enum corong_status status = kafka_settings_init(&kafka->settings, options, error);
    if (status == CORONG_OK) {
        status = kafka_connect(kafka, error);
    }
    if (status == CORONG_OK && !kafka->settings.group_mode) {
        status = begin_static(kafka, error);
    }
    if (status == CORONG_OK && kafka->failure.status != CORONG_OK) {
        status = kafka->failure.status;
        if (error != NULL) {
            *error = kafka->failure;
        }
    }
    if (status != CORONG_OK) {
        kafka_close(&kafka->source);
        return status;
    }
    kafka_status_publish(kafka);
    *source_out = &kafka->source;
    return CORONG_OK;
}
