// SPDX-License-Identifier: Apache-2.0
/// Mixpanel's funnels, from its documentation: uniques start at the first event of step 1 in the
/// range and at no other; `optimized` (its optimized re-entry) tries every one, `totals` counts
/// each attempt, `sessions` keeps an attempt in one session, `grace` lets events that came out of
/// order within 2 s (mixpanel-android #255; nothing says how they are grouped) be in order. All of
/// them are options of ours.
#include "engine/dialect/dialect_spec.h"

#define GRACE_US INT64_C(2000000)

enum mixpanel_mode { MIXPANEL_OPTIMIZED = 0, MIXPANEL_TOTALS, MIXPANEL_SESSIONS, MIXPANEL_GRACE };
static const char *const MIXPANEL_MODES[] = {"optimized", "totals", "sessions", "grace", NULL};
static const char *const MIXPANEL_MODE_RULES[] = {
    "every event of the first step is tried", "every attempt counts",
    "an attempt stays in one session", "events within 2 s are in any order"};

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel plain = dialect_plain_path(funnel);
    struct funnel target = plain;
    bool optimized = dialect_has(funnel, MIXPANEL_OPTIMIZED);
    bool totals = dialect_has(funnel, MIXPANEL_TOTALS);
    if (optimized && totals) {
        return error_set(error, CORONG_INVALID,
                         "dialect 'mixpanel': 'optimized' belongs to uniques, not to 'totals'");
    }
    target.attempts = totals      ? FUNNEL_ATTEMPTS_ALL
                      : optimized ? FUNNEL_ATTEMPTS_BEST
                                  : FUNNEL_ATTEMPTS_FIRST;
    if (dialect_has(funnel, MIXPANEL_SESSIONS)) {
        target.window_session = true;
        target.window_us = FUNNEL_WINDOW_NONE;
    }
    target.tie_tolerance_us = dialect_has(funnel, MIXPANEL_GRACE) ? GRACE_US : 0;
    return dialect_set_like(funnel, &plain, &target,
                            "steps, a window, an order, exclusions and properties held constant",
                            error);
}

const struct dialect_spec mixpanel_spec = {
    .name = "mixpanel",
    .summary = "Mixpanel: the first entry only, or optimized re-entry, totals, sessions",
    .modes = MIXPANEL_MODES,
    .rule = "the rules above; only a user's first event of the first step is tried",
    .mode_rules = MIXPANEL_MODE_RULES,
    .set = set,
};
