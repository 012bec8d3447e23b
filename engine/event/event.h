// SPDX-License-Identifier: Apache-2.0
/// One event on its way from a decoder into the engine, and the limits of what an event may be.
/// Thread: values; the texts are borrowed from the message.
#pragma once

#include "storage/base/text.h"
#include "storage/column/canonical_row.h"
#include "storage/column/column.h"

#include <stdint.h>

#define EVENT_ID_SIZE_MAX 1024u                     ///< user ids; longer ones are rejected
#define EVENT_NAME_SIZE_MAX 1024u                   ///< event names; longer ones are rejected
#define EVENT_VALUE_SIZE_MAX (64u * 1024u)          ///< attribute strings; longer ones are rejected
#define EVENT_TIME_MIN_US INT64_C(0)                ///< 1970-01-01
#define EVENT_TIME_MAX_US INT64_C(7258118400000000) ///< 2200-01-01; beyond: reject `time_range`
#define EVENT_FUTURE_SLACK_US (INT64_C(24) * 3600 * 1000000)

enum user_namespace {
    USER_NAMESPACE_KNOWN = 0,
    USER_NAMESPACE_ANONYMOUS = 1,
    USER_NAMESPACE_ACCOUNT = 2,
};

/// An event as decoded. `values` is indexed by schema column; its system entries hold name,
/// sequence, id hash, received, amount and currency (time has its own field and its entry is
/// unused). Missing: TEXT_MISSING, COLUMN_INTEGER_MISSING, COLUMN_NUMBER_MISSING_BITS.
struct event {
    struct text user_id;
    uint8_t user_namespace; ///< enum user_namespace
    bool future;            ///< more than 24 h after received, or after the mapping's max_time
    int64_t time_us;
    union canonical_value *values;
};
