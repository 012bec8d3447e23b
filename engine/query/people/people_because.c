// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_because.h"

static uint32_t step_mask(const struct people_because_rule *rule)
{
    uint32_t count = rule->query->funnel.step_count;
    return count == FUNNEL_STEP_COUNT_MAX ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

static bool in_range(const struct people_because_rule *rule, int64_t time_us)
{
    return time_us >= rule->entries.from_us && time_us < rule->entries.to_us;
}

/// Whether the event may be an entry, but for `attempts: first` and `last`.
static bool may_enter(const struct people_because_rule *rule, const struct people_record *record)
{
    return (record->kept & 1) != 0 && !record->refused && in_range(rule, record->time_us) &&
           record->time_us <= rule->as_of_us;
}

uint32_t people_because_number(const struct people_because_rule *rule,
                               struct people_history *history)
{
    enum funnel_attempts attempts = rule->query->funnel.attempts;
    // Where any step may begin an attempt, those that came to nothing are not told.
    const struct funnel *funnel = &rule->query->funnel;
    bool one = attempts == FUNNEL_ATTEMPTS_FIRST || attempts == FUNNEL_ATTEMPTS_LAST ||
               funnel->entry_open || funnel->order == FUNNEL_ORDER_ANY;
    uint32_t count = 0;
    uint32_t opener = 0;
    for (uint32_t i = 0; i < history->count; i++) {
        struct people_record *record = &history->records[i];
        record->opener = opener;
        const struct people_attempt *attempt =
            record->reported == 0 ? NULL : &rule->attempts[record->reported - 1];
        bool entry = attempt != NULL && record->entry;
        if (entry || (!one && record->reported == 0 && may_enter(rule, record))) {
            record->attempt = ++count;
            opener = entry ? opener : i + 1;
        }
    }
    return count;
}

/// The reported attempt that the event stands nearest to: the last one that begins at or before it,
/// of its own session where sessions count.
static const struct people_attempt *attempt_before(const struct people_because_rule *rule,
                                                   const struct people_record *record)
{
    const struct people_attempt *found = NULL;
    for (uint32_t i = 0; i < rule->attempt_count; i++) {
        const struct people_attempt *attempt = &rule->attempts[i];
        if (attempt->unit.entry_us > record->time_us) {
            break;
        }
        if (!rule->in_sessions || attempt->session == record->session) {
            found = attempt;
        }
    }
    return found;
}

static bool in_window(const struct people_because_rule *rule, const struct people_attempt *attempt,
                      int64_t time_us)
{
    return time_us <= query_time_add(attempt->unit.entry_us, rule->query->funnel.window_us);
}

/// The steps that the attempt made, whatever their ranks.
static uint32_t steps_made(const struct people_attempt *attempt)
{
    uint32_t steps = 0;
    for (uint32_t made = attempt->unit.made; made != 0; made &= made - 1) {
        steps |= UINT32_C(1) << attempt->unit.steps[__builtin_ctz(made)];
    }
    return steps;
}

static bool made(const struct people_attempt *attempt, uint32_t step)
{
    return (attempt->unit.made >> step & 1) != 0;
}

/// Whether an excluded event stands where it stops the attempt: after the step that opens the
/// exclusion's range, before the one that closes it.
static bool stops(const struct funnel_exclusion *exclusion, const struct people_attempt *attempt,
                  int64_t time_us)
{
    const struct people_unit *unit = &attempt->unit;
    uint32_t after = exclusion->after - 1;
    uint32_t before = exclusion->before - 1;
    return made(attempt, after) && time_us > unit->matched_us[after] &&
           (!made(attempt, before) || time_us < unit->matched_us[before]);
}

/// True where an exclusion says it all; `event_out` is filled.
static bool tell_excluded(const struct people_because_rule *rule,
                          const struct people_record *record, struct people_event *event_out)
{
    const struct funnel *funnel = &rule->query->funnel;
    const struct people_attempt *attempt = attempt_before(rule, record);
    uint32_t steps = (uint32_t)record->kept & step_mask(rule);
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        if ((record->held >> (funnel->step_count + i) & 1) == 0) {
            continue;
        }
        bool hits = attempt != NULL && in_window(rule, attempt, record->time_us) &&
                    stops(&funnel->exclusions[i], attempt, record->time_us);
        if (hits || steps == 0) {
            event_out->because = PEOPLE_BECAUSE_EXCLUDED;
            event_out->exclusion = i + 1;
            event_out->attempt = hits ? attempt->number : 0;
            return true;
        }
    }
    return false;
}

/// Why an event that may fill no step does not.
static enum people_because no_step(const struct people_because_rule *rule,
                                   const struct people_record *record, uint32_t *step_out)
{
    uint32_t mask = step_mask(rule);
    uint32_t bits =
        (uint32_t)((record->held & mask) != 0 ? record->held & mask : record->named & mask);
    *step_out = bits == 0 ? 0 : (uint32_t)__builtin_ctz(bits) + 1;
    if ((record->named & mask) == 0) {
        return PEOPLE_BECAUSE_NO_STEP;
    }
    return (record->held & mask) == 0 ? PEOPLE_BECAUSE_STEP_FILTER : PEOPLE_BECAUSE_WHERE;
}

/// Whether the attempt took another event of the record's instant.
static bool tied(const struct people_because_rule *rule, const struct people_history *history,
                 uint32_t index)
{
    (void)rule;
    const struct people_record *records = history->records;
    uint32_t instant = records[index].instant;
    for (uint32_t i = index; i-- > 0 && records[i].instant == instant;) {
        if (records[i].reported != 0) {
            return true;
        }
    }
    for (uint32_t i = index + 1; i < history->count && records[i].instant == instant; i++) {
        if (records[i].reported != 0) {
            return true;
        }
    }
    return false;
}

/// The attempt, not a reported one, in whose window the event lies; 0: none.
static uint32_t other_attempt(const struct people_because_rule *rule,
                              const struct people_history *history,
                              const struct people_record *record)
{
    if (record->opener == 0) {
        return 0;
    }
    const struct people_record *opener = &history->records[record->opener - 1];
    bool over = record->time_us > query_time_add(opener->time_us, rule->query->funnel.window_us);
    return over || (rule->in_sessions && opener->session != record->session) ? 0 : opener->attempt;
}

/// The exclusion, from 1, that stopped the attempt before this event; 0: none did.
static uint32_t stopped_before(const struct people_because_rule *rule,
                               const struct people_history *history, uint32_t index,
                               const struct people_attempt *attempt)
{
    const struct funnel *funnel = &rule->query->funnel;
    int64_t last_us = attempt->unit.matched_us[attempt->unit.level - 1];
    for (uint32_t i = index; i-- > 0 && history->records[i].time_us > last_us;) {
        const struct people_record *record = &history->records[i];
        for (uint32_t x = 0; x < funnel->exclusion_count; x++) {
            if ((record->held >> (funnel->step_count + x) & 1) != 0 &&
                record->time_us < history->records[index].time_us &&
                stops(&funnel->exclusions[x], attempt, record->time_us)) {
                return x + 1;
            }
        }
    }
    return 0;
}

/// Whether strict order looks at an event behind step `level`: a repeat of that step may be let
/// pass.
static bool in_scope(const struct people_because_rule *rule, const struct people_record *record,
                     uint32_t level)
{
    const struct funnel *funnel = &rule->query->funnel;
    uint32_t steps = (uint32_t)record->kept & step_mask(rule);
    bool repeat = funnel->repeat == FUNNEL_REPEAT_ALLOW && (steps >> (level - 1) & 1) != 0;
    return !repeat && (funnel->scope == FUNNEL_SCOPE_ALL || steps != 0);
}

/// Order strict: the first event in scope behind an attempt's last, and not its next step: it ends
/// the attempt.
static const struct people_attempt *broken(const struct people_because_rule *rule,
                                           const struct people_history *history, uint32_t index)
{
    const struct people_record *record = &history->records[index];
    const struct people_attempt *attempt = attempt_before(rule, record);
    bool strict = rule->query->funnel.order == FUNNEL_ORDER_STRICT;
    if (!strict || attempt == NULL || !in_window(rule, attempt, record->time_us)) {
        return NULL;
    }
    uint32_t level = attempt->unit.level;
    int64_t last_us = attempt->unit.matched_us[level - 1];
    if (level >= rule->query->funnel.step_count || record->time_us <= last_us ||
        (record->kept >> level & 1) != 0 || !in_scope(rule, record, level)) {
        return NULL;
    }
    for (uint32_t i = index; i-- > 0 && history->records[i].time_us > last_us;) {
        const struct people_record *other = &history->records[i];
        if (other->instant != record->instant && in_scope(rule, other, level)) {
            return NULL;
        }
    }
    return attempt;
}

/// Order any: whether an anchor keeps an event out of the attempt (NULL: of any).
static bool anchored(const struct people_because_rule *rule, const struct people_record *record,
                     const struct people_attempt *attempt)
{
    const struct funnel *funnel = &rule->query->funnel;
    uint32_t steps = (uint32_t)record->kept & step_mask(rule);
    if (funnel->order != FUNNEL_ORDER_ANY) {
        return false;
    }
    if (attempt == NULL) {
        return funnel->anchor_first != 0 && (steps >> (funnel->anchor_first - 1) & 1) == 0;
    }
    if (funnel->anchor_last == 0) {
        return false;
    }
    uint32_t last = funnel->anchor_last - 1;
    for (uint32_t left = attempt->unit.made; left != 0; left &= left - 1) {
        uint32_t rank = (uint32_t)__builtin_ctz(left);
        if (attempt->unit.steps[rank] == last) {
            return record->time_us > attempt->unit.matched_us[rank];
        }
    }
    return (steps >> last & 1) != 0;
}

/// Why an event that lies within an attempt's window is no part of it.
static enum people_because left_out(const struct people_because_rule *rule,
                                    const struct people_history *history, uint32_t index,
                                    const struct people_attempt *attempt,
                                    struct people_event *event_out)
{
    const struct people_record *record = &history->records[index];
    const struct funnel *funnel = &rule->query->funnel;
    uint32_t steps = (uint32_t)record->kept & step_mask(rule);
    uint32_t open_steps = steps & ~steps_made(attempt);
    uint32_t level = attempt->unit.level;
    event_out->step = (uint32_t)__builtin_ctz(open_steps != 0 ? open_steps : steps) + 1;
    if (tied(rule, history, index)) {
        return PEOPLE_BECAUSE_TIE;
    }
    if (open_steps == 0) {
        return PEOPLE_BECAUSE_REPEAT;
    }
    if (anchored(rule, record, attempt)) {
        return PEOPLE_BECAUSE_ANCHOR;
    }
    bool next = level < funnel->step_count && (open_steps >> level & 1) != 0 &&
                record->time_us > attempt->unit.matched_us[level - 1];
    if (!next) {
        return PEOPLE_BECAUSE_ORDER;
    }
    event_out->step = level + 1;
    event_out->exclusion = stopped_before(rule, history, index, attempt);
    if (event_out->exclusion != 0) {
        event_out->attempt = attempt->number;
        return PEOPLE_BECAUSE_EXCLUDED;
    }
    return funnel->order == FUNNEL_ORDER_STRICT ? PEOPLE_BECAUSE_STRICT
           : funnel->gaps != NULL               ? PEOPLE_BECAUSE_GAP
                                                : PEOPLE_BECAUSE_ORDER;
}

/// Why an event that may fill a step does not.
static enum people_because unused(const struct people_because_rule *rule,
                                  const struct people_history *history, uint32_t index,
                                  struct people_event *event_out)
{
    const struct people_record *record = &history->records[index];
    uint32_t steps = (uint32_t)record->kept & step_mask(rule);
    const struct people_attempt *attempt = attempt_before(rule, record);
    event_out->step = (uint32_t)__builtin_ctz(steps) + 1;
    if (record->time_us >= rule->end_us || (steps == 1 && !in_range(rule, record->time_us))) {
        return PEOPLE_BECAUSE_OUTSIDE_RANGE;
    }
    if (steps == 1 && record->refused) {
        return PEOPLE_BECAUSE_ENTRY_FILTER;
    }
    if (attempt == NULL && rule->in_sessions && rule->attempt_count > 0) {
        return PEOPLE_BECAUSE_OTHER_SESSION;
    }
    if (steps == 1 && may_enter(rule, record)) {
        return PEOPLE_BECAUSE_OTHER_ENTRY;
    }
    bool over = attempt != NULL && !in_window(rule, attempt, record->time_us);
    if (attempt != NULL && !over) {
        return left_out(rule, history, index, attempt, event_out);
    }
    if (tied(rule, history, index)) {
        return PEOPLE_BECAUSE_TIE;
    }
    if (attempt == NULL && anchored(rule, record, NULL)) {
        return PEOPLE_BECAUSE_ANCHOR;
    }
    if (attempt == NULL && rule->query->funnel.order == FUNNEL_ORDER_ANY) {
        return PEOPLE_BECAUSE_OTHER_ENTRY;
    }
    event_out->attempt = other_attempt(rule, history, record);
    if (event_out->attempt != 0) {
        return PEOPLE_BECAUSE_OTHER_ATTEMPT;
    }
    return over ? PEOPLE_BECAUSE_WINDOW_OVER : PEOPLE_BECAUSE_ORDER;
}

void people_because_tell(const struct people_because_rule *rule,
                         const struct people_history *history, uint32_t index,
                         struct people_event *event_out)
{
    const struct people_record *record = &history->records[index];
    event_out->attempt = record->attempt;
    if (record->reported != 0) {
        event_out->did = PEOPLE_DID_MATCH;
        event_out->attempt = rule->attempts[record->reported - 1].number;
        event_out->opened = record->entry;
        event_out->step = record->step + 1u;
        return;
    }
    if (record->attempt != 0) {
        event_out->did = PEOPLE_DID_OPEN;
        event_out->step = 1;
        return;
    }
    event_out->did = PEOPLE_DID_NOTHING;
    if (record->time_us > rule->as_of_us) {
        event_out->because = PEOPLE_BECAUSE_AFTER_AS_OF;
        return;
    }
    if (tell_excluded(rule, record, event_out)) {
        return;
    }
    const struct people_attempt *attempt = broken(rule, history, index);
    if (attempt != NULL) {
        event_out->because = PEOPLE_BECAUSE_BREAKS;
        event_out->attempt = attempt->number;
    } else if ((record->kept & step_mask(rule)) == 0) {
        event_out->because = no_step(rule, record, &event_out->step);
    } else {
        event_out->because = unused(rule, history, index, event_out);
    }
}
