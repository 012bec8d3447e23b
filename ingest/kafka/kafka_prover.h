// SPDX-License-Identifier: Apache-2.0
/// Reads single messages again, to see that a log is still the one that was read: for logs of which
/// librdkafka tells neither leader epochs nor the topic's id. A consumer of its own, made when
/// first needed. Thread: the asking thread's.
#pragma once

#include "ingest/kafka/kafka_ask.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct kafka_prover;
/// Takes `conf` over. Once `stopping` says so, nothing is waited for any more.
struct kafka_prover *kafka_prover_create(rd_kafka_conf_t *conf, bool (*stopping)(void *context),
                                         void *context);
/// NULL-safe.
void kafka_prover_destroy(struct kafka_prover *prover);
/// Fills `proof` and `failed` of the items that have marks.
void kafka_prover_run(struct kafka_prover *prover, struct kafka_question *question);
