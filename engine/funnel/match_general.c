// SPDX-License-Identifier: Apache-2.0
/// The general path: one attempt of a unit, or all of them.
#include "engine/funnel/match_any.h"

#include "storage/base/invariant.h"

#include <string.h>

/// What the orders have each for themselves.
struct general_order {
    void (*best)(struct general *, uint32_t, uint32_t, uint32_t, uint32_t, struct match_result *);
    void (*win)(struct general *, uint32_t, struct match_result *, uint32_t *, uint32_t *);
    bool (*may_win)(struct general *, uint32_t, uint32_t, uint32_t, uint32_t);
    uint32_t (*life)(struct general *, uint32_t, uint32_t);
    void (*out)(struct general *, uint32_t, uint32_t, struct match_result *);
};

static const struct general_order STEP_ORDER = {general_best, general_win, general_may_win,
                                                general_life, general_out};
static const struct general_order ANY_ORDER = {any_best, any_win, any_may_win, any_life, any_out};

static const struct general_order *order_of(const struct match_rule *rule)
{
    return rule->order == FUNNEL_ORDER_ANY ? &ANY_ORDER : &STEP_ORDER;
}

static bool removes(const struct match_rule *rule)
{
    bool removes = false;
    for (uint32_t i = 0; i < rule->exclusion_count; i++) {
        removes = removes || rule->exclusions[i].remove;
    }
    return removes;
}

/// Events as they were given.
static void return_origins(const struct general *general, struct match_result *result)
{
    for (uint32_t made = result->made; made != 0; made &= made - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(made);
        result->events[step] = general_origin(general, result->events[step]);
    }
}

/// What a win must be better than.
static uint32_t floor_of(const struct match_rule *rule, const struct match_result *result)
{
    return result->score > rule->score_floor ? result->score : rule->score_floor;
}

void match_general(const struct match_rule *rule, const struct match_event *events,
                   uint32_t event_count, struct match_result *result)
{
    if (!match_any_quick(rule, events, event_count, result)) {
        match_general_blocks(rule, events, event_count, result);
    }
}

void match_general_blocks(const struct match_rule *rule, const struct match_event *events,
                          uint32_t event_count, struct match_result *result)
{
    struct general general;
    struct general_space space;
    const struct general_order *order = order_of(rule);
    ASSERT(rule->attempts != FUNNEL_ATTEMPTS_ALL);
    *result = (struct match_result){0};
    general_init(&general, &space, rule, events, event_count);
    uint32_t first = 0;
    uint32_t last = 0;
    if (general_entries(&general, 0, general.block_count, &first, &last)) {
        last = rule->attempts == FUNNEL_ATTEMPTS_FIRST ? first : last;
        first = rule->attempts == FUNNEL_ATTEMPTS_LAST ? last : first;
        if (removes(rule)) {
            order->out(&general, first, last, result);
        }
        order->best(&general, 0, general.block_count, first, last, result);
        bool settled = result->won && result->score >= rule->score_floor;
        result->open =
            !settled && result->level > 0 &&
            general.blocks[last].time_us + general.scope.window_us + rule->tie_tolerance_us >=
                rule->as_of_us &&
            order->may_win(&general, 0, first, last, floor_of(rule, result));
        return_origins(&general, result);
    }
    general_deinit(&general);
}

/// ---- attempts: all

struct scan {
    struct general general;
    const struct general_order *order;
    match_report_function *report;
    void *context;
    struct match_result held; ///< the last attempt so far, reported when it is known to be that
    bool holds;
};

static enum corong_status release(struct scan *scan, bool open, struct corong_error *error)
{
    if (!scan->holds) {
        return CORONG_OK;
    }
    scan->holds = false;
    scan->held.open = open;
    return scan->report(scan->context, &scan->held, error);
}

/// Takes the events of an attempt that lie in a block out of it.
static void spend(struct scan *scan, const struct match_result *attempt, uint32_t block)
{
    uint32_t events[FUNNEL_STEP_COUNT_MAX];
    uint32_t count = 0;
    const struct general_block *spent = &scan->general.blocks[block];
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t event = attempt->events[__builtin_ctz(made)];
        if (event < spent->first || event >= spent->end) {
            continue;
        }
        uint32_t at = count++;
        for (; at > 0 && events[at - 1] > event; at--) {
            events[at] = events[at - 1];
        }
        events[at] = event;
    }
    general_spend(&scan->general, block, events, count);
}

/// Entries in blocks [from, end) form attempts greedily. Each lasts until it cannot be won any
/// more; one that is alive after block `end` - 1 is absorbed where `absorbed` says that a win
/// begins there, and the win's own events are not its.
static enum corong_status chain(struct scan *scan, uint32_t from, uint32_t end, bool absorbed,
                                struct corong_error *error)
{
    struct general *general = &scan->general;
    for (uint32_t first = general_next_entry(general, from, end); first < end;
         first = general_next_entry(general, from, end)) {
        uint32_t life = scan->order->life(general, first, end);
        if (absorbed && (first + 1 == end || life >= end)) {
            return CORONG_OK;
        }
        uint32_t known = life >= end ? end : life + 1;
        known = absorbed && known == end ? end - 1 : known;
        TRY(release(scan, false, error));
        struct match_result *attempt = &scan->held;
        scan->order->best(general, first, known, first, first, attempt);
        ASSERT(attempt->level > 0);
        scan->holds = true;
        struct match_result own = *attempt;
        return_origins(general, attempt); // before the block's events move up
        if (life < known) {
            spend(scan, &own, life);
        }
        from = life;
        if (life >= end) {
            return CORONG_OK;
        }
    }
    return CORONG_OK;
}

static enum corong_status scan_unit(struct scan *scan, struct corong_error *error)
{
    struct general *general = &scan->general;
    struct match_result win = scan->held;
    uint32_t from = 0;
    for (;;) {
        uint32_t entry = 0;
        uint32_t end = 0;
        scan->order->win(general, from, &win, &entry, &end);
        if (win.level == 0) {
            break;
        }
        TRY(chain(scan, from, entry + 1, true, error));
        TRY(release(scan, false, error));
        struct match_result given = win;
        return_origins(general, &given);
        TRY(scan->report(scan->context, &given, error));
        spend(scan, &win, end);
        from = end;
    }
    uint32_t first;
    uint32_t last;
    bool open = general_entries(general, from, general->block_count, &first, &last) &&
                scan->order->may_win(general, from, first, last, 0);
    TRY(chain(scan, from, general->block_count, false, error));
    return release(scan, open, error);
}

enum corong_status funnel_match_all(const struct match_rule *rule, const struct match_event *events,
                                    uint32_t event_count, match_report_function *report,
                                    void *context, struct corong_error *error)
{
    struct general_space space;
    struct scan scan = {.order = order_of(rule), .report = report, .context = context};
    ASSERT(rule->attempts == FUNNEL_ATTEMPTS_ALL);
    general_init(&scan.general, &space, rule, events, event_count);
    uint32_t first;
    uint32_t last;
    bool any = general_entries(&scan.general, 0, scan.general.block_count, &first, &last);
    if (any && removes(rule)) {
        scan.order->out(&scan.general, first, last, &scan.held);
    }
    enum corong_status status = any ? scan_unit(&scan, error) : CORONG_OK;
    general_deinit(&scan.general);
    return status;
}
