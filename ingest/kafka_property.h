// SPDX-License-Identifier: Apache-2.0
/// Properties of librdkafka, as the consumer and the producer set them. Thread: any.
#pragma once

#include "storage/base/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct kafka_property {
    const char *name;
    const char *value;
    bool classic_only; ///< refused by librdkafka beside group.protocol=consumer
};

/// CORONG_INVALID, in librdkafka's words, where it refuses the property.
CORONG_MUST_CHECK enum corong_status kafka_property_set(rd_kafka_conf_t *conf, const char *name,
                                                        const char *value,
                                                        struct corong_error *error);
/// Sets the user's "name=value". CORONG_INVALID: not of that form, or another value than the one
/// that is `fixed`; `reason` completes "must stay 'VALUE': ".
CORONG_MUST_CHECK enum corong_status
kafka_property_set_pair(rd_kafka_conf_t *conf, const char *pair, const struct kafka_property *fixed,
                        size_t fixed_count, const char *reason, struct corong_error *error);
