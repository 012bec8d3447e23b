// SPDX-License-Identifier: Apache-2.0
// Whether brokers answer at all. librdkafka tries for ever and by itself; people want to know that
// it does, since when and why, and when it is over.
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"

#include <inttypes.h>
#include <string.h>

/// Twice the interval of the questions that are always asked.
#define SAY_AFTER_US (10 * MICROSECONDS_PER_SECOND)
/// A longer pause between two looks was ours: nobody listened.
#define LOOK_INTERVAL_MAX_US MICROSECONDS_PER_SECOND

void kafka_reach_answer(struct kafka_source *kafka)
{
    struct kafka_reach *reach = &kafka->reach;
    if (reach->said) {
        struct text_buffer words = {0};
        text_buffer_printf(&words, "kafka brokers answer again, after %" PRId64 " s",
                           reach->silent_us / MICROSECONDS_PER_SECOND);
        kafka_notice(kafka, words.bytes);
        text_buffer_deinit(&words);
    }
    reach->silent_us = 0;
    reach->said = false;
    reach->reason[0] = '\0';
}

void kafka_reach_trouble(struct kafka_source *kafka, const char *reason)
{
    snprintf(kafka->reach.reason, sizeof(kafka->reach.reason), "%s", reason);
}

static void say_silence(struct kafka_source *kafka)
{
    struct text_buffer words = {0};
    bool known = kafka->reach.reason[0] != '\0';
    text_buffer_printf(
        &words, "no kafka broker has answered for %" PRId64 " s; tried again until one does%s%s",
        kafka->reach.silent_us / MICROSECONDS_PER_SECOND, known ? ": " : "", kafka->reach.reason);
    kafka_alarm(kafka, words.bytes);
    text_buffer_deinit(&words);
}

void kafka_reach_tick(struct kafka_source *kafka, int64_t now_us)
{
    struct kafka_reach *reach = &kafka->reach;
    int64_t passed_us = now_us - reach->looked_us;
    reach->looked_us = now_us;
    if (kafka->bytes_done != reach->bytes_seen) {
        reach->bytes_seen = kafka->bytes_done;
        kafka_reach_answer(kafka);
        return;
    }
    reach->silent_us += passed_us < LOOK_INTERVAL_MAX_US ? passed_us : LOOK_INTERVAL_MAX_US;
    if (reach->silent_us >= SAY_AFTER_US && !reach->said) {
        reach->said = true;
        say_silence(kafka);
    }
}
