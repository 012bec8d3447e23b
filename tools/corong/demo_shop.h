// SPDX-License-Identifier: Apache-2.0
/// A generated shop whose visitors' clicks go to a Kafka topic, so many a second, while they are
/// read. Thread: demo_shop_start() and demo_shop_join() by main; the shop has a thread of its own.
#pragma once

#include "ingest/ingest.h"
#include "ingest/produce/produce.h"
#include "ingest/pump_shared.h"

#include <pthread.h>

struct demo_shop_options {
    const char *topic;
    const char *broker;           ///< a property, as produce_broker_property() gives it
    uint64_t rate;                ///< events per second
    int64_t seconds;              ///< 0: until a stop is asked for
    const struct pump_stop *stop; ///< ends the sending
    const struct pump_stop *gone; ///< nobody reads any more: ends the waiting
    struct ingest *ingest;        ///< reads the topic; stopped when it has read all that was sent
};

struct demo_shop {
    struct demo_shop_options options;
    struct produce *produce;
    struct produce_counts sent; ///< after demo_shop_join()
    struct corong_error error;
    enum corong_status status;
    pthread_t thread;
};

/// Connects and starts to send.
CORONG_MUST_CHECK enum corong_status demo_shop_start(struct demo_shop *shop,
                                                     const struct demo_shop_options *options,
                                                     struct corong_error *error);
/// Waits for its end; returns what went wrong on its thread.
CORONG_MUST_CHECK enum corong_status demo_shop_join(struct demo_shop *shop,
                                                    struct corong_error *error);
