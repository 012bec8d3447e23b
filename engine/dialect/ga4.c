// SPDX-License-Identifier: Apache-2.0
/// GA4's funnel exploration, from its documentation: users, closed or open; no window over the
/// whole, so that of the funnel is taken away, but a time within which a step follows the one
/// before (`max_gap`, inclusive). All of them are options of ours.
#include "engine/dialect/dialect_spec.h"

static const char *const GA4_MODES[] = {NULL};

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel plain = dialect_plain(funnel);
    plain.order = funnel->order;
    plain.gaps = funnel->gaps;
    plain.entry_open = funnel->entry_open;
    struct funnel target = plain;
    target.window_us = FUNNEL_WINDOW_NONE;
    return dialect_set_like(funnel, &plain, &target,
                            "steps, their 'max_gap', an order and an open or closed entry", error);
}

const struct dialect_spec ga4_spec = {
    .name = "ga4",
    .summary = "GA4's funnel exploration: no window, a time per step",
    .modes = GA4_MODES,
    .rule = "the rules above, without a window over the whole funnel",
    .set = set,
};
