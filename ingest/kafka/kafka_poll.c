// SPDX-License-Identifier: Apache-2.0
// The way of a message out of librdkafka. Whatever else there is to do is looked after between two
// messages, now and then, or before each while something is under way.
#include "ingest/kafka/kafka_error.h"
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <string.h>

#define IDLE_WAIT_MS 100 ///< how long the pump may be deaf to a barrier
#define BUSY_WAIT_MS 5
#define SERVICE_INTERVAL KAFKA_BATCH_COUNT_MAX ///< messages
#define BATCH_SIZE_AIM (UINT64_C(256) << 10)   ///< bytes, going by the batch before
#define TICK_US INT64_C(250000)
#define EXCERPT_SIZE 4096u ///< of an overlong message this much is delivered
/// A reading that is to end does not wait for somebody for ever.
#define ALARM_PATIENCE_US (30 * MICROSECONDS_PER_SECOND)
#define SERVED_COUNT_MAX 16u
#define TIMESTAMP_MS_MAX (INT64_MAX / 1000)

bool kafka_source_takes(const struct kafka_partition *partition)
{
    return (partition->state == KAFKA_READING || partition->state == KAFKA_PROVING) &&
           !partition->leaving;
}

static uint32_t find_index(struct kafka_source *kafka, const rd_kafka_message_t *message)
{
    if (message->rkt == kafka->last_topic && message->partition == kafka->last_partition) {
        return kafka->last_index;
    }
    if (message->rkt == NULL) {
        return UINT32_MAX;
    }
    struct kafka_partition *found =
        kafka_partition_find(kafka, rd_kafka_topic_name(message->rkt), message->partition);
    if (found == NULL) {
        return UINT32_MAX;
    }
    kafka->last_topic = message->rkt;
    kafka->last_topic_name = text_from(found->topic);
    kafka->last_partition = message->partition;
    kafka->last_index = (uint32_t)(found - kafka->partitions);
    return kafka->last_index;
}

static void fail(struct kafka_source *kafka, const char *where, rd_kafka_resp_err_t code,
                 const char *reason)
{
    if (kafka->failure.status == CORONG_OK) {
        error_set(&kafka->failure, CORONG_IO, "kafka '%s': %s: %s", where, rd_kafka_err2name(code),
                  reason);
    }
}

static void raise_alarm(struct kafka_source *kafka, struct kafka_partition *partition,
                        rd_kafka_resp_err_t code, const char *reason)
{
    rd_kafka_resp_err_t *alarm = partition != NULL ? &partition->alarm : &kafka->alarm;
    int64_t *alarm_us = partition != NULL ? &partition->alarm_us : &kafka->alarm_us;
    if (*alarm_us == 0) {
        *alarm_us = clock_monotonic_us();
    }
    if (*alarm == code) {
        return; // said already
    }
    *alarm = code;
    struct text_buffer words = {0};
    text_buffer_printf(&words, "kafka '%s': %s: %s; tried again until it works",
                       partition != NULL ? partition->name : "consumer", rd_kafka_err2name(code),
                       reason);
    kafka_alarm(kafka, words.bytes);
    text_buffer_deinit(&words);
}

/// A broker may come back without the end of its log.
static void all_away(struct kafka_source *kafka)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (kafka->partitions[index].broker >= 0) {
            kafka->partitions[index].broker = KAFKA_BROKER_LOST;
        }
    }
}

static void act(struct kafka_source *kafka, struct kafka_partition *partition,
                rd_kafka_resp_err_t code, const char *reason)
{
    const char *where = partition != NULL ? partition->name : "consumer";
    switch (kafka_error_action(code, partition != NULL)) {
    case KAFKA_ACTION_END:
        break;
    case KAFKA_ACTION_RETRY:
        kafka_reach_trouble(kafka, reason);
        break;
    case KAFKA_ACTION_ALARM:
        raise_alarm(kafka, partition, code, reason);
        break;
    case KAFKA_ACTION_RESOLVE:
        if (partition != NULL) {
            bool truncated = strstr(reason, "truncat") != NULL;
            kafka_doubt(kafka, partition, truncated ? KAFKA_DOUBT_EPOCH : KAFKA_DOUBT_RANGE);
        }
        break;
    case KAFKA_ACTION_REREAD:
        if (partition != NULL) {
            kafka_doubt_reread(kafka, partition, reason);
        }
        break;
    case KAFKA_ACTION_HALT:
        if (partition != NULL) {
            struct text_buffer words = {0};
            text_buffer_printf(&words, "cannot continue '%s' at offset %lld: %s: %s", where,
                               (long long)partition->next_offset, rd_kafka_err2name(code), reason);
            kafka_doubt_halt(kafka, partition, words.bytes);
            text_buffer_deinit(&words);
        }
        break;
    case KAFKA_ACTION_RECREATE:
        kafka->recreate_due = true;
        kafka->busy = true;
        break;
    case KAFKA_ACTION_FAIL:
        fail(kafka, where, code, reason);
        break;
    }
}

static bool at_end(const struct kafka_partition *partition)
{
    bool reading = partition->state == KAFKA_READING && partition->end_offset >= 0 &&
                   (!partition->known || partition->end_offset == partition->next_offset);
    return reading || partition->state == KAFKA_HALTED;
}

/// The end of everything that is assigned; with a failure where a partition halted before its own.
static enum source_poll nothing_now(struct kafka_source *kafka, struct corong_error *error)
{
    if (!kafka->settings.stop_at_end || kafka->partition_count == 0) {
        return SOURCE_IDLE;
    }
    const struct kafka_partition *halted = NULL;
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (!at_end(&kafka->partitions[index])) {
            return SOURCE_IDLE;
        }
        if (halted == NULL && kafka->partitions[index].state == KAFKA_HALTED) {
            halted = &kafka->partitions[index];
        }
    }
    if (halted != NULL) {
        error_set(error, CORONG_INVALID, "%s", halted->why);
        return SOURCE_FAILED;
    }
    return SOURCE_END;
}

static enum source_poll skipped(struct kafka_source *kafka, struct kafka_partition *partition,
                                uint64_t skipped_count, uint64_t lost,
                                struct source_message *message_out)
{
    *message_out = (struct source_message){
        .partition_index = (uint32_t)(partition - kafka->partitions),
        .offset = partition->next_offset,
        .next_offset = partition->next_offset,
        .only_event = SOURCE_EVERY_EVENT,
        .skipped = skipped_count,
        .lost = lost,
    };
    return SOURCE_SKIPPED;
}

static enum source_poll take_end(struct kafka_source *kafka, struct kafka_partition *partition,
                                 int64_t end_offset, struct source_message *message_out,
                                 struct corong_error *error)
{
    if (!kafka_source_takes(partition)) {
        return SOURCE_IDLE;
    }
    partition->progress_us = clock_monotonic_us();
    partition->alarm_us = 0;
    if (partition->known && end_offset < partition->next_offset) {
        if (partition->state == KAFKA_PROVING) {
            kafka_doubt(kafka, partition, KAFKA_DOUBT_RANGE); // cut off right before the anchor
        }
        return SOURCE_IDLE;
    }
    partition->state = KAFKA_READING;
    partition->doubt_count = 0;
    uint64_t count = kafka_offsets_end(partition, end_offset);
    return count > 0 ? skipped(kafka, partition, count, 0, message_out) : nothing_now(kafka, error);
}

static enum source_poll take_error(struct kafka_source *kafka, uint32_t index,
                                   const rd_kafka_message_t *message,
                                   struct source_message *message_out, struct corong_error *error)
{
    struct kafka_partition *partition = index == UINT32_MAX ? NULL : &kafka->partitions[index];
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return partition == NULL ? SOURCE_IDLE
                                 : take_end(kafka, partition, message->offset, message_out, error);
    }
    if (partition == NULL || kafka_source_takes(partition)) {
        act(kafka, partition, message->err, rd_kafka_message_errstr(message));
    }
    return SOURCE_IDLE;
}

/// Of a partition that begins at its last message. False: not to be delivered.
static bool prove(struct kafka_source *kafka, struct kafka_partition *partition,
                  const rd_kafka_message_t *message)
{
    switch (kafka_offsets_prove(partition, message)) {
    case KAFKA_PROOF_SAME:
        partition->state = KAFKA_READING;
        partition->doubt_count = 0;
        return false;
    case KAFKA_PROOF_ANOTHER:
        kafka_doubt(kafka, partition, KAFKA_DOUBT_CONTENT);
        return false;
    case KAFKA_PROOF_GONE:
        break;
    }
    partition->state = KAFKA_READING;
    return message->offset >= partition->next_offset;
}

/// Whether a message is the next to be delivered.
static bool wanted(struct kafka_source *kafka, struct kafka_partition *partition,
                   const rd_kafka_message_t *message)
{
    if (__builtin_expect(!kafka_source_takes(partition), 0)) {
        return false;
    }
    int32_t epoch = kafka_offsets_epoch(message);
    if (__builtin_expect(epoch >= 0 && epoch < partition->epoch && partition->known &&
                             message->offset >= partition->anchor_offset,
                         0)) {
        kafka_doubt(kafka, partition, KAFKA_DOUBT_EPOCH); // a log's epochs never go down
        return false;
    }
    if (__builtin_expect(partition->state == KAFKA_PROVING, 0)) {
        return prove(kafka, partition, message);
    }
    int32_t broker = kafka_offsets_broker(message);
    if (__builtin_expect(broker >= 0 && broker != partition->broker, 0)) {
        if (partition->broker != KAFKA_BROKER_NONE && partition->known) {
            kafka_doubt_broker(kafka, partition);
            return false;
        }
        partition->broker = broker;
    }
    return message->offset >= partition->next_offset; // else read before
}

static void describe(struct kafka_source *kafka, const struct kafka_partition *partition,
                     const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    bool timed = type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp_ms > -TIMESTAMP_MS_MAX &&
                 timestamp_ms < TIMESTAMP_MS_MAX;
    kafka->metadata = (struct metadata){
        .key = {message->key, message->key_len},
        .timestamp_us = timed ? timestamp_ms * 1000 : METADATA_NO_TIMESTAMP,
        .topic = kafka->last_topic_name,
        .partition = partition->partition,
    };
}

static enum source_poll take(struct kafka_source *kafka, uint32_t index,
                             const rd_kafka_message_t *message, struct source_message *message_out)
{
    struct kafka_partition *partition = &kafka->partitions[index];
    kafka->bytes_done += message->len;
    kafka->messages_done++;
    if (!wanted(kafka, partition, message)) {
        return SOURCE_IDLE;
    }
    bool too_long = message->len > kafka->settings.message_size_max;
    uint64_t skipped_count = kafka_offsets_advance(partition, message);
    describe(kafka, partition, message);
    // A tombstone has no value: an empty message, which the decoder counts as blank.
    const char *bytes = message->payload == NULL ? "" : message->payload;
    *message_out = (struct source_message){
        .bytes = {bytes, too_long && message->len > EXCERPT_SIZE ? EXCERPT_SIZE : message->len},
        .partition_index = index,
        .offset = message->offset,
        .next_offset = message->offset + 1,
        .only_event = SOURCE_EVERY_EVENT,
        .too_long = too_long,
        .skipped = skipped_count,
        .metadata = &kafka->metadata,
    };
    return SOURCE_MESSAGE;
}

/// The main queue: callbacks, and errors that concern no partition. Also while a lot is decoded.
static void serve(struct kafka_source *kafka)
{
    struct kafka_client *client = kafka->client;
    for (uint32_t count = 0; count < SERVED_COUNT_MAX; count++) {
        rd_kafka_message_t *message = kafka_client_serve(client);
        if (message == NULL) {
            break;
        }
        uint32_t index = find_index(kafka, message);
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            act(kafka, index == UINT32_MAX ? NULL : &kafka->partitions[index], message->err,
                rd_kafka_message_errstr(message));
        } else if (index != UINT32_MAX) {
            // Messages never come this way; one that did would be missing on the other.
            kafka->recreate_due = true;
        }
        rd_kafka_message_destroy(message);
    }
    if (client->all_down) {
        client->all_down = false;
        all_away(kafka);
    }
    if (client->trouble.code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct kafka_trouble trouble = client->trouble;
        client->trouble.code = RD_KAFKA_RESP_ERR_NO_ERROR;
        act(kafka, NULL, trouble.code, trouble.reason);
    }
}

static void lose_patience(struct kafka_source *kafka, int64_t now_us)
{
    if (!kafka->settings.stop_at_end) {
        return;
    }
    if (kafka->alarm_us != 0 && now_us - kafka->alarm_us > ALARM_PATIENCE_US) {
        fail(kafka, "consumer", kafka->alarm, rd_kafka_err2str(kafka->alarm));
    }
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        const struct kafka_partition *partition = &kafka->partitions[index];
        if (partition->alarm_us != 0 && now_us - partition->alarm_us > ALARM_PATIENCE_US) {
            fail(kafka, partition->name, partition->alarm, rd_kafka_err2str(partition->alarm));
        }
    }
}

static enum source_poll deliver_gap(struct kafka_source *kafka, struct source_message *message_out)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        struct kafka_partition *partition = &kafka->partitions[index];
        if (partition->lost_pending > 0) {
            uint64_t lost = partition->lost_pending;
            partition->lost_pending = 0;
            return skipped(kafka, partition, 0, lost, message_out);
        }
        if (partition->move_pending) {
            partition->move_pending = false;
            return skipped(kafka, partition, 0, 0, message_out);
        }
    }
    kafka->gap_due = false;
    return SOURCE_IDLE;
}

/// Everything but messages. SOURCE_IDLE: now the messages.
static enum source_poll service(struct kafka_source *kafka, struct source_message *message_out,
                                struct corong_error *error)
{
    int64_t now_us = clock_monotonic_us();
    kafka->until_service = SERVICE_INTERVAL;
    serve(kafka);
    kafka_fill_look(kafka);
    kafka_watch_answers(kafka, now_us);
    if (kafka->recreate_due) {
        kafka_recreate(kafka);
    }
    if (kafka->failure.status == CORONG_OK) {
        kafka_rebalance_step(kafka, now_us);
        kafka_watch_ask(kafka, now_us);
    }
    if (now_us - kafka->tick_us >= TICK_US && kafka->failure.status == CORONG_OK) {
        kafka->tick_us = now_us;
        kafka_watch_tick(kafka, now_us);
        lose_patience(kafka, now_us);
    }
    if (kafka->failure.status != CORONG_OK) {
        if (error != NULL) {
            *error = kafka->failure;
        }
        return SOURCE_FAILED;
    }
    kafka->busy = kafka->phase != KAFKA_CALM || kafka->assign_due || kafka->gap_due ||
                  kafka->recreate_due || (kafka_ask_busy(kafka->client->ask) && !kafka->asks_idly);
    if (kafka->gap_due) {
        enum source_poll result = deliver_gap(kafka, message_out);
        if (result != SOURCE_IDLE) {
            return result;
        }
    }
    return kafka->phase == KAFKA_REVOKING ? SOURCE_FLUSH : SOURCE_IDLE;
}

/// How many messages to take in one go: few where they are large, so that hardly more memory is
/// held than what the queue may hold.
static uint32_t batch_wanted(struct kafka_source *kafka)
{
    if (kafka->busy || kafka->batch_count == 0) {
        return 1;
    }
    uint64_t mean = (kafka->bytes_done - kafka->bytes_at_batch) / kafka->batch_count;
    uint64_t wanted = BATCH_SIZE_AIM / (mean + 1);
    wanted = wanted > KAFKA_BATCH_COUNT_MAX ? KAFKA_BATCH_COUNT_MAX : wanted;
    return wanted == 0 ? 1 : (uint32_t)wanted;
}

/// The next message, or NULL after a while without one. A call into librdkafka costs two clock
/// readings and a lock, so several are taken at once; only what is there already, as librdkafka
/// would wait for the last of them.
static rd_kafka_message_t *next_message(struct kafka_source *kafka)
{
    if (kafka->batch_next == kafka->batch_count) {
        uint32_t wanted = batch_wanted(kafka);
        rd_kafka_queue_t *queue = kafka->client->data;
        ssize_t count = rd_kafka_consume_batch_queue(queue, 0, kafka->batch, wanted);
        if (count <= 0) {
            kafka->batch[0] =
                rd_kafka_consume_queue(queue, kafka->busy ? BUSY_WAIT_MS : IDLE_WAIT_MS);
            count = kafka->batch[0] != NULL;
        }
        kafka->bytes_at_batch = kafka->bytes_done;
        kafka->batch_next = 0;
        kafka->batch_count = (uint32_t)count;
        kafka_hold_look(kafka, clock_monotonic_us());
        if (kafka->hold != KAFKA_HOLD_NONE) {
            return NULL; // the batch waits
        }
    }
    return kafka->batch_count == 0 ? NULL : kafka->batch[kafka->batch_next++];
}

/// Nothing is taken and nothing delivered, nor is a consumer or an assignment exchanged, as a batch
/// may be in hand; brokers are asked, and the group hears of us.
static enum source_poll poll_held(struct kafka_source *kafka, struct corong_error *error)
{
    int64_t now_us = clock_monotonic_us();
    kafka_let_go(kafka);
    serve(kafka);
    kafka_hold_look(kafka, now_us);
    kafka_watch_answers(kafka, now_us);
    kafka_watch_ask(kafka, now_us);
    lose_patience(kafka, now_us);
    if (kafka->failure.status != CORONG_OK) {
        *error = kafka->failure;
        return SOURCE_FAILED;
    }
    kafka->busy = true;
    clock_sleep_us(BUSY_WAIT_MS * INT64_C(1000));
    return SOURCE_IDLE;
}

enum source_poll kafka_poll(struct source *source, struct source_message *message_out,
                            struct corong_error *error)
{
    struct kafka_source *kafka = kafka_of(source);
    if (__builtin_expect(kafka->hold != KAFKA_HOLD_NONE, 0)) {
        return poll_held(kafka, error);
    }
    // Only between two batches: no message that was taken out of librdkafka's queue outlives a
    // change of the assignment or of the consumer.
    if (__builtin_expect(kafka->batch_next == kafka->batch_count &&
                             (kafka->busy || kafka->until_service == 0),
                         0)) {
        enum source_poll result = service(kafka, message_out, error);
        if (result != SOURCE_IDLE) {
            kafka_let_go(kafka);
            return result;
        }
    }
    kafka->until_service -= kafka->until_service > 0;
    rd_kafka_message_t *message = next_message(kafka);
    if (message == NULL) {
        kafka_let_go(kafka);
        kafka->until_service = 0;
        return nothing_now(kafka, error);
    }
    uint32_t index = find_index(kafka, message);
    enum source_poll result = SOURCE_IDLE;
    if (__builtin_expect(message->err != RD_KAFKA_RESP_ERR_NO_ERROR, 0)) {
        result = take_error(kafka, index, message, message_out, error);
    } else if (index != UINT32_MAX) {
        result = take(kafka, index, message, message_out);
    }
    // After the new one was taken: within a run of a partition only its last message is hashed.
    kafka_let_go(kafka);
    if (result == SOURCE_MESSAGE) {
        kafka->held = message;
        kafka->held_index = index;
    } else {
        rd_kafka_message_destroy(message);
    }
    return result;
}

/// The engine holds the pump up: the group hears of us, and nothing is read.
void kafka_waiting(struct source *source)
{
    struct kafka_source *kafka = kafka_of(source);
    if (kafka->client != NULL) {
        serve(kafka);
        kafka_hold_look(kafka, clock_monotonic_us());
        kafka->busy = true;
    }
}

void kafka_headers(struct source *source)
{
    struct kafka_source *kafka = kafka_of(source);
    rd_kafka_headers_t *headers;
    if (kafka->held == NULL || kafka->metadata.headers != NULL ||
        rd_kafka_message_headers(kafka->held, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    uint32_t count = (uint32_t)rd_kafka_header_cnt(headers);
    if (count > kafka->header_capacity) {
        kafka->headers = memory_resize_array(kafka->headers, count, sizeof(*kafka->headers));
        kafka->header_capacity = count;
    }
    for (uint32_t index = 0; index < count; index++) {
        const char *name;
        const void *value;
        size_t size;
        (void)rd_kafka_header_get_all(headers, index, &name, &value, &size);
        kafka->headers[index] = (struct metadata_header){
            .name = text_from(name),
            .value = {value, value == NULL ? 0 : size},
        };
    }
    kafka->metadata.headers = kafka->headers;
    kafka->metadata.header_count = count;
}
