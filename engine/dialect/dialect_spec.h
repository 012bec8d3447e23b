// SPDX-License-Identifier: Apache-2.0
/// What one dialect is made of. Private to engine/dialect/; each dialect is a file that exports its
/// spec, listed in dialect.c.
#pragma once

#include "engine/dialect/dialect.h"

struct dialect_spec {
    const char *name;
    const char *summary;      ///< one line, for help
    const char *const *modes; ///< NULL-terminated, at most 32; bit i of dialect_modes is word i
    const char *rule;         ///< what it does, in plain words, for explain; may be NULL
    const char *const *mode_rules; ///< the same for each mode; may be NULL
    /// Sets the funnel's rules and refuses what the system does not have. Idempotent.
    enum corong_status (*set)(struct funnel *funnel, struct corong_error *error);
    /// NULL: as all false.
    struct dialect_needs (*needs)(const struct funnel *funnel);
    /// NULL where needs() never asks for a matcher. `result` comes zeroed.
    void (*match)(const struct funnel *funnel, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count,
                  struct match_result *result);
    uint64_t (*bytes)(const struct funnel *funnel, uint32_t event_count); ///< NULL: allocates none
};

extern const struct dialect_spec clickhouse_spec;
extern const struct dialect_spec clickhouse_strict_once_spec;
extern const struct dialect_spec doris_spec;
extern const struct dialect_spec starrocks_spec;
extern const struct dialect_spec posthog_spec;
extern const struct dialect_spec mixpanel_spec;
extern const struct dialect_spec amplitude_spec;
extern const struct dialect_spec ga4_spec;
extern const struct dialect_spec pinot_spec;

/// For systems that know steps and a window and nothing else: `target` is what set() makes of such
/// a funnel. Refuses a funnel that asks for more, otherwise *funnel becomes the target.
CORONG_MUST_CHECK enum corong_status
dialect_set_plain(struct funnel *funnel, const struct funnel *target, struct corong_error *error);
/// For systems that know more: `plain` is what such a funnel may say, `target` what becomes of it,
/// `knows` what it may say in words.
CORONG_MUST_CHECK enum corong_status
dialect_set_like(struct funnel *funnel, const struct funnel *plain, const struct funnel *target,
                 const char *knows, struct corong_error *error);
/// The funnel with its name, steps, window, live slice and dialect, every rule at its default.
struct funnel dialect_plain(const struct funnel *funnel);
/// The same with its order, anchors, unit and exclusions.
struct funnel dialect_plain_path(const struct funnel *funnel);

static inline bool dialect_has(const struct funnel *funnel, uint32_t mode)
{
    return (funnel->dialect_modes >> mode & 1) != 0;
}

/// How far one run through the steps has come: the chain that the one-pass matchers of the SQL
/// engines remember per level.
struct dialect_chain {
    bool set;
    int64_t first_us;
    int64_t last_us;
    uint32_t events[FUNNEL_STEP_COUNT_MAX]; ///< by step
};

/// A chain of an event of step 1.
static inline void dialect_chain_start(struct dialect_chain *chain,
                                       const struct match_event *events, uint32_t event)
{
    chain->set = true;
    chain->first_us = events[event].time_us;
    chain->last_us = events[event].time_us;
    chain->events[0] = event;
}

/// The chain of `from` and an event that fills `step`, from 0. They may be the same.
static inline void dialect_chain_extend(struct dialect_chain *chain,
                                        const struct dialect_chain *from, uint32_t step,
                                        const struct match_event *events, uint32_t event)
{
    if (chain != from) {
        chain->set = true;
        chain->first_us = from->first_us;
        memcpy(chain->events, from->events, step * sizeof(chain->events[0]));
    }
    chain->last_us = events[event].time_us;
    chain->events[step] = event;
}

/// Reports a chain that covers `level` steps.
static inline void dialect_chain_report(const struct dialect_chain *chain, uint32_t level,
                                        struct match_result *result)
{
    result->level = level;
    result->best_level = level;
    memcpy(result->events, chain->events, level * sizeof(result->events[0]));
}

/// The end of the events that have the time of events[first].
static inline uint32_t dialect_instant_end(const struct match_event *events, uint32_t event_count,
                                           uint32_t first)
{
    uint32_t end = first + 1;
    while (end < event_count && events[end].time_us == events[first].time_us) {
        end++;
    }
    return end;
}

/// The bits of the funnel's steps.
static inline uint32_t dialect_step_mask(const struct funnel *funnel)
{
    return UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - funnel->step_count);
}

/// t ≤ first + window without overflow: times lie within ±2^61.
static inline bool dialect_within(int64_t first_us, int64_t time_us, int64_t window_us)
{
    return time_us - first_us <= window_us;
}
