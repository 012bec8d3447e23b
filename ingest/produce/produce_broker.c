// SPDX-License-Identifier: Apache-2.0
#include "ingest/produce/produce.h"

#include "storage/base/memory.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define REASON_SIZE 512u

struct produce_broker {
    rd_kafka_t *owner; ///< a client that the cluster lives in; it sends nothing
    rd_kafka_mock_cluster_t *cluster;
    struct text_buffer property;
};

static enum corong_status start(struct produce_broker *broker, const char *topic,
                                uint32_t partition_count, struct corong_error *error)
{
    char reason[REASON_SIZE];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof(reason));
    broker->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (broker->owner == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(error, CORONG_IO, "cannot make a broker: %s", reason);
    }
    broker->cluster = rd_kafka_mock_cluster_new(broker->owner, 1);
    if (broker->cluster == NULL) {
        return error_set(error, CORONG_IO, "cannot make a broker: no port of the loopback is free");
    }
    rd_kafka_resp_err_t code =
        rd_kafka_mock_topic_create(broker->cluster, topic, (int)partition_count, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_set(error, CORONG_IO, "cannot make topic '%s': %s", topic,
                         rd_kafka_err2str(code));
    }
    text_buffer_printf(&broker->property, "bootstrap.servers=%s",
                       rd_kafka_mock_cluster_bootstraps(broker->cluster));
    return CORONG_OK;
}

enum corong_status produce_broker_start(struct produce_broker **broker_out, const char *topic,
                                        uint32_t partition_count, struct corong_error *error)
{
    struct produce_broker *broker = memory_allocate_zeroed(1, sizeof(*broker));
    enum corong_status status = start(broker, topic, partition_count, error);
    if (status != CORONG_OK) {
        produce_broker_stop(broker);
        return status;
    }
    *broker_out = broker;
    return CORONG_OK;
}

const char *produce_broker_property(const struct produce_broker *broker)
{
    return broker->property.bytes;
}

void produce_broker_stop(struct produce_broker *broker)
{
    if (broker == NULL) {
        return;
    }
    if (broker->cluster != NULL) {
        rd_kafka_mock_cluster_destroy(broker->cluster);
    }
    if (broker->owner != NULL) {
        rd_kafka_destroy(broker->owner);
    }
    text_buffer_deinit(&broker->property);
    memory_free(broker);
}
