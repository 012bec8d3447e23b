// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_ask.h"

#include "ingest/kafka/kafka_prover.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <string.h>

#define RANGE_TIMEOUT_MS 3000
#define TOPIC_TIMEOUT_MS 5000
#define NUDGE_TIMEOUT_MS 1000
#define CLAIM_RETRY_COUNT 8u
#define CLAIM_RETRY_PAUSE_US INT64_C(100000)
#define VERSION_WITH_TOPIC_ID 0x02030000 ///< rd_kafka_DescribeTopics() came with 2.3.0

struct kafka_ask {
    rd_kafka_t *consumer;
    struct store_group *group;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kafka_question *asked;
    struct kafka_question *answered;
    struct kafka_prover *prover;
    struct kafka_nudge nudges[KAFKA_NUDGE_COUNT_MAX];
    uint32_t nudge_count;
    bool busy; ///< from put to take
    bool stopping;
};

struct kafka_question *kafka_question_create(void)
{
    return memory_allocate_zeroed(1, sizeof(struct kafka_question));
}

struct kafka_ask_item *kafka_question_add(struct kafka_question *question, const char *topic,
                                          int32_t number)
{
    if (question->item_count == question->item_capacity) {
        question->item_capacity = question->item_capacity * 2 + 8;
        question->items =
            memory_resize_array(question->items, question->item_capacity, sizeof(*question->items));
    }
    struct kafka_ask_item *item = &question->items[question->item_count++];
    *item = (struct kafka_ask_item){.topic = topic, .number = number};
    return item;
}

const struct kafka_ask_topic *kafka_question_topic(const struct kafka_question *question,
                                                   const char *name)
{
    for (uint32_t index = 0; index < question->topic_count; index++) {
        if (strcmp(question->topics[index].name, name) == 0) {
            return &question->topics[index];
        }
    }
    return NULL;
}

void kafka_question_add_topic(struct kafka_question *question, const char *name)
{
    if (kafka_question_topic(question, name) != NULL) {
        return;
    }
    if (question->topic_count == question->topic_capacity) {
        question->topic_capacity = question->topic_capacity * 2 + 4;
        question->topics = memory_resize_array(question->topics, question->topic_capacity,
                                               sizeof(*question->topics));
    }
    question->topics[question->topic_count++] = (struct kafka_ask_topic){.name = name};
}

void kafka_question_destroy(struct kafka_question *question)
{
    if (question == NULL) {
        return;
    }
    for (uint32_t index = 0; index < question->item_count; index++) {
        memory_free(question->items[index].metadata);
    }
    memory_free(question->items);
    memory_free(question->topics);
    memory_free(question);
}

static void ask_claims(struct store_group *group, struct kafka_question *question)
{
    for (uint32_t index = 0; index < question->item_count; index++) {
        struct kafka_ask_item *item = &question->items[index];
        if (!item->claim || group == NULL) {
            continue;
        }
        for (uint32_t round = 0; round < CLAIM_RETRY_COUNT; round++) {
            item->claim_error = (struct corong_error){0};
            item->claim_status = store_group_claim(group, item->id, item->name, &item->claimed,
                                                   &item->found, &item->claim_error);
            if (item->claim_status != CORONG_BUSY) {
                break;
            }
            clock_sleep_us(CLAIM_RETRY_PAUSE_US);
        }
    }
}

/// After one that no broker answers the others are not tried.
static void ask_ranges(rd_kafka_t *consumer, struct kafka_question *question)
{
    for (uint32_t index = 0; index < question->item_count; index++) {
        struct kafka_ask_item *item = &question->items[index];
        if (!item->range) {
            continue;
        }
        rd_kafka_resp_err_t result = rd_kafka_query_watermark_offsets(
            consumer, item->topic, item->number, &item->low, &item->high, RANGE_TIMEOUT_MS);
        item->range_known = result == RD_KAFKA_RESP_ERR_NO_ERROR;
        question->answered = question->answered || item->range_known;
        if (result == RD_KAFKA_RESP_ERR__TIMED_OUT || result == RD_KAFKA_RESP_ERR__TRANSPORT) {
            return;
        }
    }
}

static struct kafka_ask_item *find_item(struct kafka_question *question,
                                        const rd_kafka_topic_partition_t *place)
{
    for (uint32_t index = 0; index < question->item_count; index++) {
        struct kafka_ask_item *item = &question->items[index];
        if (item->number == place->partition && strcmp(item->topic, place->topic) == 0) {
            return item;
        }
    }
    return NULL;
}

static void ask_committed(rd_kafka_t *consumer, struct kafka_question *question)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)question->item_count);
    for (uint32_t index = 0; index < question->item_count; index++) {
        if (question->items[index].foreign) {
            rd_kafka_topic_partition_list_add(list, question->items[index].topic,
                                              question->items[index].number);
        }
    }
    if (list->cnt > 0 &&
        rd_kafka_committed(consumer, list, RANGE_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int index = 0; index < list->cnt; index++) {
            const rd_kafka_topic_partition_t *place = &list->elems[index];
            struct kafka_ask_item *item = find_item(question, place);
            if (item != NULL && place->metadata != NULL && place->metadata_size > 0) {
                item->metadata = memory_copy_string(place->metadata, place->metadata_size);
            }
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static struct kafka_ask_topic *topic_of(struct kafka_question *question, const char *name)
{
    return (struct kafka_ask_topic *)(uintptr_t)kafka_question_topic(question, name);
}

/// Returns a broker of the cluster, or -1 where none answered.
static int32_t ask_partition_counts(rd_kafka_t *consumer, struct kafka_question *question)
{
    int32_t broker = -1;
    for (uint32_t index = 0; index < question->topic_count; index++) {
        const struct rd_kafka_metadata *metadata;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, question->topics[index].name, NULL);
        if (handle == NULL) {
            continue;
        }
        rd_kafka_resp_err_t result =
            rd_kafka_metadata(consumer, 0, handle, &metadata, TOPIC_TIMEOUT_MS);
        rd_kafka_topic_destroy(handle);
        if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return broker;
        }
        question->answered = true;
        broker = metadata->broker_cnt > 0 ? metadata->brokers[0].id : broker;
        if (metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            question->topics[index].partition_count = metadata->topics[0].partition_cnt;
        }
        rd_kafka_metadata_destroy(metadata);
    }
    return broker;
}

#if RD_KAFKA_VERSION >= VERSION_WITH_TOPIC_ID
static void take_descriptions(rd_kafka_event_t *event, struct kafka_question *question)
{
    const rd_kafka_DescribeTopics_result_t *result = rd_kafka_event_DescribeTopics_result(event);
    size_t count = 0;
    const rd_kafka_TopicDescription_t **found =
        result == NULL ? NULL : rd_kafka_DescribeTopics_result_topics(result, &count);
    for (size_t index = 0; index < count; index++) {
        struct kafka_ask_topic *topic =
            topic_of(question, rd_kafka_TopicDescription_name(found[index]));
        const rd_kafka_Uuid_t *id = rd_kafka_TopicDescription_topic_id(found[index]);
        if (topic != NULL && id != NULL &&
            rd_kafka_error_code(rd_kafka_TopicDescription_error(found[index])) ==
                RD_KAFKA_RESP_ERR_NO_ERROR) {
            topic->id.high = (uint64_t)rd_kafka_Uuid_most_significant_bits(id);
            topic->id.low = (uint64_t)rd_kafka_Uuid_least_significant_bits(id);
        }
    }
}

/// Any broker knows the ids; left alone, librdkafka would wait for the controller.
static void ask_topic_ids(rd_kafka_t *consumer, struct kafka_question *question, int32_t broker)
{
    const char **names = memory_allocate(question->topic_count * sizeof(*names));
    for (uint32_t index = 0; index < question->topic_count; index++) {
        names[index] = question->topics[index].name;
    }
    rd_kafka_TopicCollection_t *collection =
        rd_kafka_TopicCollection_of_topic_names(names, question->topic_count);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(consumer, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    char reason[256];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, TOPIC_TIMEOUT_MS, reason,
                                                    sizeof(reason));
    if (broker >= 0) {
        (void)rd_kafka_AdminOptions_set_broker(options, broker, reason, sizeof(reason));
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer);
    rd_kafka_DescribeTopics(consumer, collection, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOPIC_TIMEOUT_MS + 1000);
    if (event != NULL) {
        take_descriptions(event, question);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_TopicCollection_destroy(collection);
    memory_free(names);
}
#else
static void ask_topic_ids(rd_kafka_t *consumer, struct kafka_question *question, int32_t broker)
{
    (void)consumer;
    (void)question;
    (void)broker;
    (void)topic_of; // this librdkafka knows no topic ids
}
#endif

void kafka_ask_now(rd_kafka_t *consumer, struct store_group *group, struct kafka_question *question)
{
    ask_claims(group, question);
    if (question->topic_count > 0) {
        int32_t broker = ask_partition_counts(consumer, question);
        ask_topic_ids(consumer, question, broker);
    }
    ask_ranges(consumer, question);
    ask_committed(consumer, question);
}

static bool is_stopping(void *argument)
{
    struct kafka_ask *ask = argument;
    pthread_mutex_lock(&ask->lock);
    bool stopping = ask->stopping;
    pthread_mutex_unlock(&ask->lock);
    return stopping;
}

/// Under the lock, which is let go meanwhile.
static void nudge(struct kafka_ask *ask)
{
    struct kafka_nudge nudges[KAFKA_NUDGE_COUNT_MAX];
    uint32_t count = ask->nudge_count;
    memcpy(nudges, ask->nudges, sizeof(nudges));
    ask->nudge_count = 0;
    pthread_mutex_unlock(&ask->lock);
    for (uint32_t index = 0; index < count && !is_stopping(ask); index++) {
        int64_t low;
        int64_t high;
        (void)rd_kafka_query_watermark_offsets(ask->consumer, nudges[index].topic,
                                               nudges[index].number, &low, &high, NUDGE_TIMEOUT_MS);
    }
    pthread_mutex_lock(&ask->lock);
}

static void *run(void *argument)
{
    struct kafka_ask *ask = argument;
    pthread_mutex_lock(&ask->lock);
    for (;;) {
        while (ask->asked == NULL && !ask->stopping) {
            if (ask->nudge_count > 0) {
                nudge(ask);
            } else {
                pthread_cond_wait(&ask->changed, &ask->lock);
            }
        }
        struct kafka_question *question = ask->asked;
        ask->asked = NULL;
        if (question == NULL) {
            break;
        }
        pthread_mutex_unlock(&ask->lock);
        kafka_ask_now(ask->consumer, ask->group, question);
        kafka_prover_run(ask->prover, question);
        pthread_mutex_lock(&ask->lock);
        ask->answered = question;
    }
    pthread_mutex_unlock(&ask->lock);
    return NULL;
}

struct kafka_ask *kafka_ask_create(rd_kafka_t *consumer, struct store_group *group,
                                   rd_kafka_conf_t *prover_conf)
{
    struct kafka_ask *ask = memory_allocate_zeroed(1, sizeof(*ask));
    ask->consumer = consumer;
    ask->group = group;
    ask->prover = kafka_prover_create(prover_conf, is_stopping, ask);
    pthread_mutex_init(&ask->lock, NULL);
    pthread_cond_init(&ask->changed, NULL);
    ASSERT(pthread_create(&ask->thread, NULL, run, ask) == 0);
    return ask;
}

void kafka_ask_destroy(struct kafka_ask *ask)
{
    if (ask == NULL) {
        return;
    }
    pthread_mutex_lock(&ask->lock);
    ask->stopping = true;
    pthread_cond_broadcast(&ask->changed);
    pthread_mutex_unlock(&ask->lock);
    pthread_join(ask->thread, NULL);
    kafka_prover_destroy(ask->prover);
    kafka_question_destroy(ask->answered);
    pthread_mutex_destroy(&ask->lock);
    pthread_cond_destroy(&ask->changed);
    memory_free(ask);
}

void kafka_ask_nudge(struct kafka_ask *ask, const struct kafka_nudge *nudges, uint32_t count)
{
    pthread_mutex_lock(&ask->lock);
    memcpy(ask->nudges, nudges, count * sizeof(nudges[0]));
    ask->nudge_count = count;
    pthread_cond_broadcast(&ask->changed);
    pthread_mutex_unlock(&ask->lock);
}

bool kafka_ask_busy(struct kafka_ask *ask)
{
    return ask->busy;
}

void kafka_ask_put(struct kafka_ask *ask, struct kafka_question *question)
{
    ASSERT(!ask->busy);
    ask->busy = true;
    pthread_mutex_lock(&ask->lock);
    ask->asked = question;
    pthread_cond_broadcast(&ask->changed);
    pthread_mutex_unlock(&ask->lock);
}

struct kafka_question *kafka_ask_take(struct kafka_ask *ask)
{
    if (!ask->busy) {
        return NULL;
    }
    pthread_mutex_lock(&ask->lock);
    struct kafka_question *question = ask->answered;
    ask->answered = NULL;
    pthread_mutex_unlock(&ask->lock);
    ask->busy = question == NULL;
    return question;
}
