// SPDX-License-Identifier: Apache-2.0
/// Amplitude's funnels, from its documentation: the user's earliest longest path (`totals`: all
/// paths), the window counted from step 1; a funnel in any order still begins with its first event.
/// All of them are options of ours.
#include "engine/dialect/dialect_spec.h"

enum amplitude_mode { AMPLITUDE_TOTALS = 0 };
static const char *const AMPLITUDE_MODES[] = {"totals", NULL};
static const char *const AMPLITUDE_MODE_RULES[] = {"every attempt counts"};

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel plain = dialect_plain_path(funnel);
    struct funnel target = plain;
    target.anchor_first = funnel->order == FUNNEL_ORDER_ANY ? 1 : 0;
    target.attempts =
        dialect_has(funnel, AMPLITUDE_TOTALS) ? FUNNEL_ATTEMPTS_ALL : FUNNEL_ATTEMPTS_BEST;
    return dialect_set_like(funnel, &plain, &target,
                            "steps, a window, an order, exclusions and properties held constant",
                            error);
}

const struct dialect_spec amplitude_spec = {
    .name = "amplitude",
    .summary = "Amplitude: the earliest longest path, or totals",
    .modes = AMPLITUDE_MODES,
    .rule = "the rules above; a funnel in any order begins with its first step",
    .mode_rules = AMPLITUDE_MODE_RULES,
    .set = set,
};
