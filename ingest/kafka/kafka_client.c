// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka/kafka_client.h"

#include "ingest/kafka/kafka_error.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

struct kafka_grave {
    struct kafka_client *client;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    bool alone; ///< nobody waits any more
};

bool kafka_client_cooperative(const struct kafka_client *client)
{
    const char *protocol = rd_kafka_rebalance_protocol(client->consumer);
    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

/// While closing nobody is there to act on it: what is revoked is given up at once.
static void let_close(struct kafka_client *client, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_error_t *error = NULL;
    if (!kafka_client_cooperative(client)) {
        (void)rd_kafka_assign(client->consumer, NULL);
    } else if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        error = rd_kafka_incremental_assign(client->consumer, partitions);
    } else {
        error = rd_kafka_incremental_unassign(client->consumer, partitions);
    }
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_client *client = opaque;
    if (client->closing || (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS &&
                            code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)) {
        let_close(client, code, partitions);
        return;
    }
    struct kafka_rebalance *rebalance = memory_allocate(sizeof(*rebalance));
    *rebalance = (struct kafka_rebalance){
        .assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
        .lost = rd_kafka_assignment_lost(consumer) != 0,
        .partitions = rd_kafka_topic_partition_list_copy(partitions),
    };
    struct kafka_rebalance **end = &client->rebalances;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = rebalance;
}

/// How much worse one error is than another.
static int gravity(rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    switch (kafka_error_action(code, false)) {
    case KAFKA_ACTION_FAIL:
        return 4;
    case KAFKA_ACTION_RECREATE:
        return 3;
    case KAFKA_ACTION_ALARM:
        return 2;
    default:
        return 1;
    }
}

static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *opaque)
{
    struct kafka_client *client = opaque;
    struct kafka_trouble trouble = {.code = (rd_kafka_resp_err_t)code};
    snprintf(trouble.reason, sizeof(trouble.reason), "%s", reason);
    if (trouble.code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t cause =
            rd_kafka_fatal_error(consumer, trouble.reason, sizeof(trouble.reason));
        if (kafka_error_action(cause, false) == KAFKA_ACTION_FAIL) {
            trouble.code = cause;
        }
    }
    if (trouble.code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        client->all_down = true; // what happened to one of them comes too, and says more
    } else if (gravity(trouble.code) > gravity(client->trouble.code)) {
        client->trouble = trouble;
    }
}

enum corong_status kafka_client_create(struct kafka_client **client_out, rd_kafka_conf_t *conf,
                                       struct store_group *group, struct corong_error *error)
{
    struct kafka_client *client = memory_allocate_zeroed(1, sizeof(*client));
    char reason[KAFKA_CLIENT_REASON_SIZE];
    rd_kafka_conf_t *prover_conf = rd_kafka_conf_dup(conf); // without our callbacks
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    client->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (client->consumer == NULL) {
        rd_kafka_conf_destroy(conf);
        rd_kafka_conf_destroy(prover_conf);
        memory_free(client);
        return error_set(error, CORONG_INVALID, "cannot make a kafka consumer: %s", reason);
    }
    (void)rd_kafka_poll_set_consumer(client->consumer);
    client->data = rd_kafka_queue_new(client->consumer);
    client->ask = kafka_ask_create(client->consumer, group, prover_conf);
    *client_out = client;
    return CORONG_OK;
}

rd_kafka_message_t *kafka_client_serve(struct kafka_client *client)
{
    return rd_kafka_consumer_poll(client->consumer, 0);
}

void kafka_client_forward(struct kafka_client *client, const char *topic, int32_t partition)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(client->consumer, topic, partition);
    if (queue != NULL) {
        rd_kafka_queue_forward(queue, client->data);
        rd_kafka_queue_destroy(queue);
    }
}

const struct kafka_rebalance *kafka_client_rebalance(const struct kafka_client *client)
{
    return client->rebalances;
}

void kafka_client_rebalanced(struct kafka_client *client)
{
    struct kafka_rebalance *first = client->rebalances;
    client->rebalances = first->next;
    rd_kafka_topic_partition_list_destroy(first->partitions);
    memory_free(first);
}

/// Messages hold their partition, whose queue holds the data queue: none may be left behind.
static void empty_data(struct kafka_client *client)
{
    rd_kafka_topic_partition_list_t *list;
    if (rd_kafka_assignment(client->consumer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int index = 0; index < list->cnt; index++) {
            rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(
                client->consumer, list->elems[index].topic, list->elems[index].partition);
            if (queue != NULL) {
                rd_kafka_queue_forward(queue, NULL);
                rd_kafka_queue_destroy(queue);
            }
        }
        rd_kafka_topic_partition_list_destroy(list);
    }
    rd_kafka_message_t *message;
    while ((message = rd_kafka_consume_queue(client->data, 0)) != NULL) {
        rd_kafka_message_destroy(message);
    }
}

/// After a fatal error librdkafka refuses to close a consumer, and then would wait for that for
/// ever.
static void destroy_consumer(rd_kafka_t *consumer)
{
    char reason[KAFKA_CLIENT_REASON_SIZE];
    if (rd_kafka_fatal_error(consumer, reason, sizeof(reason)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    } else {
        rd_kafka_destroy(consumer);
    }
}

static void close_client(struct kafka_client *client)
{
    kafka_ask_destroy(client->ask);
    while (client->rebalances != NULL) {
        let_close(client,
                  client->rebalances->assign ? RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                                             : RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
                  client->rebalances->partitions);
        kafka_client_rebalanced(client);
    }
    empty_data(client);
    (void)rd_kafka_consumer_close(client->consumer);
    empty_data(client);
    rd_kafka_queue_destroy(client->data);
    destroy_consumer(client->consumer);
    memory_free(client);
}

static void free_grave(struct kafka_grave *grave)
{
    pthread_mutex_destroy(&grave->lock);
    pthread_cond_destroy(&grave->changed);
    memory_free(grave);
}

static void *undertake(void *argument)
{
    struct kafka_grave *grave = argument;
    close_client(grave->client);
    pthread_mutex_lock(&grave->lock);
    grave->done = true;
    bool alone = grave->alone;
    pthread_cond_broadcast(&grave->changed);
    pthread_mutex_unlock(&grave->lock);
    if (alone) {
        free_grave(grave);
    }
    return NULL;
}

struct kafka_grave *kafka_client_bury(struct kafka_client *client)
{
    struct kafka_grave *grave = memory_allocate_zeroed(1, sizeof(*grave));
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&grave->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&grave->lock, NULL);
    client->closing = true;
    grave->client = client;
    pthread_t thread;
    ASSERT(pthread_create(&thread, NULL, undertake, grave) == 0);
    pthread_detach(thread);
    return grave;
}

bool kafka_grave_wait(struct kafka_grave *grave, int64_t wait_us)
{
    int64_t until_us = clock_monotonic_us() + wait_us;
    struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
    pthread_mutex_lock(&grave->lock);
    while (!grave->done && pthread_cond_timedwait(&grave->changed, &grave->lock, &until) == 0) {
    }
    bool done = grave->done;
    grave->alone = !done;
    pthread_mutex_unlock(&grave->lock);
    if (done) {
        free_grave(grave);
    }
    return done;
}
