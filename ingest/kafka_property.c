// SPDX-License-Identifier: Apache-2.0
#include "ingest/kafka_property.h"

#include <string.h>

#define NAME_SIZE_MAX 256u
#define REASON_SIZE 512u

enum corong_status kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                      struct corong_error *error)
{
    char reason[REASON_SIZE];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID, "cannot set kafka property '%s': %s", name, reason);
}

enum corong_status kafka_property_set_pair(rd_kafka_conf_t *conf, const char *pair,
                                           const struct kafka_property *fixed, size_t fixed_count,
                                           const char *reason, struct corong_error *error)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair || (size_t)(equals - pair) >= NAME_SIZE_MAX) {
        return error_set(error, CORONG_INVALID, "kafka property '%s' is not of the form NAME=VALUE",
                         pair);
    }
    char name[NAME_SIZE_MAX];
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = '\0';
    for (size_t index = 0; index < fixed_count; index++) {
        if (strcmp(name, fixed[index].name) == 0 && strcmp(equals + 1, fixed[index].value) != 0) {
            return error_set(error, CORONG_INVALID,
                             "kafka property '%s' must stay '%s': %s; '%s' was given", name,
                             fixed[index].value, reason, equals + 1);
        }
    }
    return kafka_property_set(conf, name, equals + 1, error);
}
