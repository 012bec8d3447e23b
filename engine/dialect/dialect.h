// SPDX-License-Identifier: Apache-2.0
/// Other systems' funnels: a dialect sets the options that reproduce a system; where the system's
/// rule contradicts ours it brings a matcher of its own, so that no quirk enters our rules.
///
/// A question names it as `NAME[:MODE[,MODE...]]`, such as `clickhouse:strict_order,allow_reentry`.
/// The funnel carries it (`dialect`, `dialect_modes`), so its definition hash covers it.
///
/// A new dialect is one file with one `struct dialect_spec` (engine/dialect/dialect_spec.h).
/// Thread: immutable tables and pure functions.
#pragma once

#include "engine/dialect/pinot.h"
#include "engine/dialect/posthog.h"
#include "engine/dialect/posthog_summary.h"
#include "engine/funnel/funnel.h"

/// The names are what users write. The values go into definition hashes, so they never change.
enum dialect_name {
    DIALECT_NONE = 0, ///< our own rules
    DIALECT_CLICKHOUSE,
    DIALECT_CLICKHOUSE_STRICT_ONCE,
    DIALECT_DORIS,
    DIALECT_STARROCKS,
    DIALECT_POSTHOG,
    DIALECT_MIXPANEL,
    DIALECT_AMPLITUDE,
    DIALECT_GA4,
    DIALECT_PINOT,
    DIALECT_COUNT,
};

/// What the query has to do differently for a funnel's dialect. All false: nothing.
struct dialect_needs {
    bool matcher;     ///< dialect_match() answers instead of funnel_match(), and gets every event
                      ///< of the unit that matches a step within the range
    bool every_event; ///< and those that match none; they have only the bit dialect_seen_step()
    bool any_entry;   ///< units without an event of step 1 in the range may have a level too
    bool time_only;   ///< sequence numbers order simultaneous events without making them ordered
};

/// Reads "NAME[:MODE,...]" into funnel->dialect and funnel->dialect_modes. Errors name the nearest
/// word and list those known.
CORONG_MUST_CHECK enum corong_status dialect_parse(struct text words, struct funnel *funnel,
                                                   struct corong_error *error);
/// Writes it the way dialect_parse() reads it; nothing for DIALECT_NONE.
void dialect_describe(const struct funnel *funnel, struct text_buffer *out);
/// Sets the funnel's rules to those of its dialect; CORONG_INVALID where the funnel asks for what
/// the system does not have. To be called once all other options are set and before
/// funnel_check(); calling it again changes nothing. Without a dialect it does nothing.
CORONG_MUST_CHECK enum corong_status dialect_apply(struct funnel *funnel,
                                                   struct corong_error *error);
/// Refuses a funnel that names a dialect and has not gone through dialect_apply().
CORONG_MUST_CHECK enum corong_status dialect_check(const struct funnel *funnel,
                                                   struct corong_error *error);
struct dialect_needs dialect_needs_of(const struct funnel *funnel);
/// The bit of match_event.steps that all events have where every event is needed: behind the steps
/// and the exclusions.
static inline uint32_t dialect_seen_step(const struct funnel *funnel)
{
    return funnel->step_count + funnel->exclusion_count;
}

/// Answers for one unit as the system does: level, matched events, `out`; never `open`. A dialect
/// whose events need not be those of steps 1 to level, or not have their own times, fills `made`
/// and what belongs to it. `rule` is the funnel's. Events come in canonical order; level 0 where
/// none reaches step 1. May allocate dialect_match_bytes(), which is freed before it returns.
void dialect_match(const struct funnel *funnel, const struct match_rule *rule,
                   const struct match_event *events, uint32_t event_count,
                   struct match_result *result_out);
uint64_t dialect_match_bytes(const struct funnel *funnel, uint32_t event_count);

/// For help and completion: names and modes in words. NULL where there are no more.
const char *dialect_name(enum dialect_name dialect);
const char *dialect_mode(enum dialect_name dialect, uint32_t mode);
const char *dialect_summary(enum dialect_name dialect);
/// What the system does, and what a mode changes, as half a sentence; NULL where nobody wrote it.
const char *dialect_rule(enum dialect_name dialect);
const char *dialect_mode_rule(enum dialect_name dialect, uint32_t mode);
