// SPDX-License-Identifier: Apache-2.0
/// Pinot's funnel functions among the dialects: funnelMaxStep with its modes, and FUNNEL_COUNT
/// (engine/dialect/pinot.h).
#include "engine/dialect/dialect_spec.h"

#include "storage/base/memory.h"

/// The first four are bits of enum pinot_mode.
enum pinot_dialect_mode { PINOT_DIALECT_KEEP_ALL = 3, PINOT_DIALECT_FUNNEL_COUNT };
static const char *const PINOT_DIALECT_MODES[] = {
    "strict_deduplication", "strict_order", "strict_increase", "keep_all", "funnel_count", NULL};

static const char *const PINOT_DIALECT_MODE_RULES[] = {
    "a repeat of the step just matched ends the window", "any other step ends the window",
    "rows at the time of the matched one are passed over", "rows of no step are seen, too",
    "only whether the steps occur at all, at any time and in any order"};

static void match_sets(const struct pinot_rule *pinot, const struct match_event *events,
                       uint32_t event_count, struct match_result *result)
{
    struct pinot_set set;
    pinot_funnel_count(pinot, events, event_count, &set);
    result->level = set.level;
    memcpy(result->events, set.events, set.level * sizeof(result->events[0]));
}

static void match_windows(const struct pinot_rule *pinot, const struct match_event *events,
                          uint32_t event_count, struct match_result *result)
{
    struct pinot_row *rows = memory_allocate_zeroed((size_t)event_count + 1, sizeof(*rows));
    uint32_t mask = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - pinot->step_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        int32_t step = pinot_step(events[i].steps & mask);
        if (step != PINOT_STEP_NONE || (pinot->modes & PINOT_KEEP_ALL) != 0) {
            rows[count++] = (struct pinot_row){events[i].time_us, step, i};
        }
    }
    struct pinot_match found;
    pinot_sort(rows, count);
    pinot_max_step(pinot, rows, count, &found);
    result->level = found.level;
    for (uint32_t k = 0; k < found.level; k++) {
        result->events[k] = rows[found.rows[k]].event;
    }
    memory_free(rows);
}

static void match(const struct funnel *funnel, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count,
                  struct match_result *result)
{
    (void)rule;
    struct pinot_rule pinot = {
        .step_count = funnel->step_count,
        .window_us = funnel->window_us,
        .modes = funnel->dialect_modes & (PINOT_STRICT_DEDUPLICATION | PINOT_STRICT_ORDER |
                                          PINOT_STRICT_INCREASE | PINOT_KEEP_ALL),
    };
    if (dialect_has(funnel, PINOT_DIALECT_FUNNEL_COUNT)) {
        match_sets(&pinot, events, event_count, result);
    } else {
        match_windows(&pinot, events, event_count, result);
    }
    result->best_level = result->level;
}

static uint64_t bytes(const struct funnel *funnel, uint32_t event_count)
{
    (void)funnel;
    return ((uint64_t)event_count + 1) * (sizeof(struct pinot_row) + sizeof(uint32_t));
}

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel target = dialect_plain(funnel);
    target.range_inside = true;
    bool sets = dialect_has(funnel, PINOT_DIALECT_FUNNEL_COUNT);
    if (sets && funnel->dialect_modes != UINT32_C(1) << PINOT_DIALECT_FUNNEL_COUNT) {
        return error_set(error, CORONG_INVALID,
                         "dialect 'pinot': 'funnel_count' counts sets and has no further modes");
    }
    if (funnel->window_us == 0) {
        return error_set(error, CORONG_INVALID,
                         "dialect 'pinot': a window ends before its own length, so 0 is none");
    }
    return dialect_set_plain(funnel, &target, error);
}

static struct dialect_needs needs(const struct funnel *funnel)
{
    return (struct dialect_needs){
        .matcher = true,
        .every_event = dialect_has(funnel, PINOT_DIALECT_KEEP_ALL),
        .time_only = true,
    };
}

const struct dialect_spec pinot_spec = {
    .name = "pinot",
    .summary = "Pinot's funnelMaxStep with its modes, and FUNNEL_COUNT",
    .modes = PINOT_DIALECT_MODES,
    .rule = "a row counts for its first step only, the window ends before its length, and once the "
            "last row lies in a window no later start in it is tried",
    .mode_rules = PINOT_DIALECT_MODE_RULES,
    .set = set,
    .needs = needs,
    .match = match,
    .bytes = bytes,
};
