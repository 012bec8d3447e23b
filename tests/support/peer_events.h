// SPDX-License-Identifier: Apache-2.0
/// Events of the analytics tools' matchers as text: "A@0 BX@5" - names of one letter, each with its
/// own bit (A is bit 0), X marking an exclusion. Times are seconds.
#pragma once

#include "engine/dialect/dialect.h"

#define PEER_EVENTS_MAX 64

struct peer_events {
    struct posthog_event posthog[PEER_EVENTS_MAX];
    struct pinot_row pinot[PEER_EVENTS_MAX]; ///< sorted
    struct match_event match[PEER_EVENTS_MAX];
    uint32_t count;
};

/// `forbids`: what X forbids. A letter that is no step stands for an event without any.
struct peer_events peer_events_of(const char *text, uint32_t step_count, uint32_t forbids);
