// SPDX-License-Identifier: Apache-2.0
/// What sort of question a vector asks. Each kind is a file that exports one `struct case_kind`,
/// listed in corong_cases.c; the first that takes a vector answers it.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/storage.h"

#include <jansson.h>

/// One vector on its way. `store` is opened on its events.
struct case_run {
    const char *peer; ///< the file's; "ours" where it names none
    const json_t *given;
    const json_t *funnel;
    int64_t
        unit_us;  ///< of the vector's times: a millisecond; a microsecond where they are too large
    json_t *line; ///< figures are added under the keys of `expected`; more do no harm
    struct arena *arena;
    struct store_snapshot *store;
    struct corong_error error;
};

struct case_kind {
    /// Says whether this kind of question is asked.
    bool (*takes)(const struct case_run *run);
    /// Path of what is the user; rows without it are rejected. NULL: "user".
    const char *(*user_path)(const struct case_run *run);
    /// Rows in the order of insertion get sequence numbers: for systems that see that order.
    bool in_order;
    /// Fills the line. CORONG_UNSUPPORTED: the rule is outside the product, and why. Any other
    /// failure ends the runner.
    enum corong_status (*answer)(struct case_run *run);
};

extern const struct case_kind case_funnel_kind;   ///< our own funnels
extern const struct case_kind case_dialect_kind;  ///< levels of SQL engines
extern const struct case_kind case_posthog_kind;  ///< PostHog's insights
extern const struct case_kind case_pinot_kind;    ///< Pinot's funnel functions
extern const struct case_kind case_sequence_kind; ///< sequenceMatch, -Count, -MatchEvents

/// Every user of the vector's events that `by_user` lacks gets `absent`, which is let go of.
void case_kind_add_absent(const struct case_run *run, json_t *by_user, json_t *absent);
/// True where the list of a funnel (`exclusions`) is empty or the object (`breakdown`) missing.
bool case_kind_lacks(const struct case_run *run, const char *key);
/// The text of a key of the funnel, "" where it is missing.
const char *case_kind_word(const struct case_run *run, const char *key);
