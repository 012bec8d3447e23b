// SPDX-License-Identifier: Apache-2.0
// A process that stood still (SIGSTOP, a frozen container, a machine under water) cannot know what
// became of the logs meanwhile: a topic may have been made anew and have grown past our position,
// and librdkafka has gone on fetching before we come to look. So nothing that was fetched is
// delivered until brokers, asked after that, have told that the logs are the ones that were read.
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"

/// An idle poll returns after a tenth of it. On a busy machine it costs one question to be wrong.
#define HOLD_UP_US MICROSECONDS_PER_SECOND

void kafka_hold_look(struct kafka_source *kafka, int64_t now_us)
{
    if (kafka->polled_us != 0 && now_us - kafka->polled_us > HOLD_UP_US) {
        kafka->hold = KAFKA_HOLD_TO_ASK;
    }
    kafka->polled_us = now_us;
}

void kafka_hold_asked(struct kafka_source *kafka, bool anything)
{
    if (kafka->hold == KAFKA_HOLD_TO_ASK) {
        kafka->hold = anything ? KAFKA_HOLD_ASKED : KAFKA_HOLD_NONE;
    }
}

void kafka_hold_answered(struct kafka_source *kafka, bool answered)
{
    if (kafka->hold == KAFKA_HOLD_ASKED) {
        kafka->hold = answered ? KAFKA_HOLD_NONE : KAFKA_HOLD_TO_ASK;
    }
}
