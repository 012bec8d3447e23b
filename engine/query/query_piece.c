// SPDX-License-Identifier: Apache-2.0
/// A piece is what is matched at once: a unit, or one session of a unit that has several.
#include "engine/query/query_repeat.h"

#include "storage/base/memory.h"

static bool has_pieces(const struct query_units *units)
{
    return units->in_sessions && !units->per_session;
}

static bool removes(const struct query_units *units)
{
    bool removes = false;
    for (uint32_t i = 0; i < units->rule.exclusion_count; i++) {
        removes = removes || units->rule.exclusions[i].remove;
    }
    return removes;
}

void query_piece_start(struct query_units *units)
{
    query_gather_reset(&units->gather);
    units->attempt.level = 0;
    units->score = 0;
    units->best_out = 0;
    units->best_in = 0;
    units->waiting_count = 0;
    units->further_count = 0;
}

/// Whether the session in which the gathered events lie must still take events at as-of, and does.
static bool session_goes_on(const struct query_units *units, bool last_session)
{
    return !units->in_sessions ||
           (last_session && query_session_joins(&units->session, units->plan->as_of_us));
}

/// As query_units_may_convert() for what was gathered.
static bool may_convert(const struct query_units *units, const struct match_result *result)
{
    const struct query_gather *gather = &units->gather;
    if (!match_rule_is_plain(&units->rule)) {
        return result->open;
    }
    bool first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    return query_units_may_convert(units,
                                   first_only ? gather->first_entry_us : gather->last_entry_us);
}

/// Lets where_user judge the entries that were gathered.
static enum corong_status judge_entries(struct query_units *units, struct corong_error *error)
{
    struct query_gather *gather = &units->gather;
    gather->has_entry = false;
    for (uint32_t i = 0; i < gather->count; i++) {
        struct match_event *event = &gather->events[i];
        int64_t sequence;
        if (!event->entry_allowed) {
            continue;
        }
        TRY(query_units_sequence(units, query_gather_place(gather, i), &sequence, error));
        event->entry_allowed = query_history_allows(&units->history, event->time_us, sequence);
        if (event->entry_allowed) {
            gather->first_entry_us = gather->has_entry ? gather->first_entry_us : event->time_us;
            gather->last_entry_us = event->time_us;
            gather->has_entry = true;
        }
    }
    return CORONG_OK;
}

/// Whether the attempt becomes the unit's reported one (see add_piece()).
static bool becomes_reported(const struct query_units *units, const struct query_attempt *attempt,
                             uint32_t score)
{
    if (attempt->level == 0 || !has_pieces(units)) {
        return attempt->level > 0;
    }
    if (units->rule.attempts == FUNNEL_ATTEMPTS_FIRST) {
        return units->attempt.level == 0;
    }
    // Sessions come in order of time, so of equally good ones the first reached its level earliest.
    // An open entry asks for the latest start instead.
    return units->rule.attempts == FUNNEL_ATTEMPTS_LAST || score > units->score ||
           (units->rule.entry_open && score == units->score);
}

static enum corong_status note_place(struct query_units *units, uint64_t place,
                                     struct corong_error *error)
{
    if (units->seen_count == units->seen_capacity) {
        uint32_t capacity = units->seen_capacity == 0 ? 64 : units->seen_capacity * 2;
        TRY(query_tasks_charge(units->tasks, (capacity - units->seen_capacity) * sizeof(uint64_t),
                               "the values of one step", error));
        units->seen = memory_resize_array(units->seen, capacity, sizeof(*units->seen));
        units->seen_capacity = capacity;
    }
    units->seen[units->seen_count++] = place;
    return CORONG_OK;
}

/// Notes the events of one step, for slices of each value: entries, or of a later step those within
/// the window of an entry.
static enum corong_status note_seen(struct query_units *units, struct corong_error *error)
{
    const struct query_gather *gather = &units->gather;
    bool entries = units->seen_step == 1;
    bool any = false;
    int64_t until_us = 0; // the window of the latest entry
    uint32_t ahead = 0;
    units->seen_count = 0;
    for (uint32_t i = 0; i < gather->count; i++) {
        const struct match_event *event = &gather->events[i];
        for (; ahead < gather->count && gather->events[ahead].time_us <= event->time_us; ahead++) {
            if (gather->events[ahead].entry_allowed) {
                any = true;
                until_us = query_time_add(gather->events[ahead].time_us, units->rule.window_us);
            }
        }
        bool seen = entries ? event->entry_allowed : any && event->time_us <= until_us;
        if ((event->steps & units->seen_step) != 0 && seen) {
            TRY(note_place(units, gather->places[i], error));
        }
    }
    return CORONG_OK;
}

/// Notes what the report of an attempt needs of what was gathered.
static enum corong_status note_attempt(struct query_units *units, const struct match_result *result,
                                       struct query_attempt *attempt, struct corong_error *error)
{
    if (units->seen_step != 0) {
        TRY(note_seen(units, error));
    }
    // What a dialect's matcher uses twice has no further order.
    bool orders = units->plan->ask.money && !units->dialect.matcher;
    return orders ? query_repeat_note(units, result, attempt, error) : CORONG_OK;
}

/// What a dialect's matcher found that gives levels and events only. It may go back within a
/// second, where it counts in seconds.
static void fill_dialect(const struct query_units *units, const struct match_result *result,
                         struct query_attempt *attempt)
{
    const struct query_gather *gather = &units->gather;
    for (uint32_t k = 0; k < result->level; k++) {
        int64_t time_us = gather->events[result->events[k]].time_us;
        bool back = k > 0 && time_us < attempt->matched_us[k - 1];
        attempt->matched_us[k] = back ? attempt->matched_us[k - 1] : time_us;
        attempt->places[k] = query_gather_place(gather, result->events[k]);
    }
    query_attempt_fill(attempt, result->level, units->rule.step_count);
}

/// Whether a continuation of the piece would be won and reported. It may be although the piece is
/// won already: with an open entry another session can cover more.
static bool piece_is_open(const struct query_units *units, const struct match_result *result,
                          bool last)
{
    return !units->dialect.matcher && result->level > 0 && session_goes_on(units, last) &&
           may_convert(units, result);
}

static void fill_attempt(const struct query_units *units, const struct match_result *result,
                         bool last, struct query_attempt *attempt)
{
    attempt->open = false;
    attempt->further_begin = 0;
    attempt->further_end = 0;
    if (units->dialect.matcher && result->made == 0) {
        fill_dialect(units, result, attempt);
        return;
    }
    attempt->level = result->level;
    attempt->entered = result->entered;
    attempt->ended = result->ended;
    attempt->made = result->made;
    attempt->won = result->won;
    attempt->open = !result->won && piece_is_open(units, result, last);
    for (uint32_t made = result->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        attempt->matched_us[k] = result->times_us[k];
        attempt->places[k] = query_gather_place(&units->gather, result->events[k]);
        attempt->steps[k] = result->steps[k];
    }
    attempt->entry_us = result->level == 0 ? 0 : attempt->matched_us[result->entered - 1];
}

static enum corong_status wait_for_unit(struct query_units *units,
                                        const struct query_attempt *attempt,
                                        struct corong_error *error)
{
    if (units->waiting_count == units->waiting_capacity) {
        uint32_t capacity = units->waiting_capacity == 0 ? 16 : units->waiting_capacity * 2;
        uint64_t added = (uint64_t)(capacity - units->waiting_capacity) * sizeof(*units->waiting);
        TRY(query_tasks_charge(units->tasks, added, "the attempts of one user", error));
        units->waiting = memory_resize_array(units->waiting, capacity, sizeof(*units->waiting));
        units->waiting_capacity = capacity;
    }
    units->waiting[units->waiting_count++] = *attempt;
    return CORONG_OK;
}

/// A session of a unit that has several.
static void add_piece(struct query_units *units, const struct query_attempt *attempt,
                      const struct match_result *result, bool open)
{
    bool first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    if (first_only && units->attempt.level > 0) {
        return;
    }
    if (units->rule.attempts == FUNNEL_ATTEMPTS_LAST) {
        units->attempt.level = 0;
        units->score = 0;
        units->best_out = 0;
        units->best_in = 0;
    }
    uint32_t *best = result->out ? &units->best_out : &units->best_in;
    *best = result->best_level > *best ? result->best_level : *best;
    if (becomes_reported(units, attempt, result->score)) {
        units->attempt = *attempt;
        units->score = result->score;
    } else {
        units->attempt.open = open && !units->attempt.won;
    }
}

/// One attempt of a piece on its way out.
struct piece_run {
    struct query_units *units;
    bool last;
};

static enum corong_status take_attempt(void *context, const struct match_result *result,
                                       struct corong_error *error)
{
    struct piece_run *run = context;
    struct query_units *units = run->units;
    struct query_attempt attempt;
    fill_attempt(units, result, run->last, &attempt);
    if (units->note != NULL && attempt.level > 0 && has_pieces(units)) {
        units->note(units, &attempt);
    }
    uint32_t score = units->dialect.matcher ? result->level : result->score;
    if (becomes_reported(units, &attempt, score)) {
        TRY(note_attempt(units, result, &attempt, error));
    }
    if (!has_pieces(units)) {
        return attempt.level == 0 || result->out
                   ? CORONG_OK
                   : units->report(units->context, units, &attempt, error);
    }
    if (units->rule.attempts != FUNNEL_ATTEMPTS_ALL) {
        struct match_result scored = *result;
        scored.score = score;
        add_piece(units, &attempt, &scored, piece_is_open(units, result, run->last));
        return CORONG_OK;
    }
    if (!removes(units)) {
        return units->report(units->context, units, &attempt, error);
    }
    uint32_t *best = result->out ? &units->best_out : &units->best_in;
    *best = result->best_level > *best ? result->best_level : *best;
    return wait_for_unit(units, &attempt, error);
}

/// Books what the matcher allocates.
static enum corong_status book(struct query_units *units, struct corong_error *error)
{
    uint32_t count = units->gather.count;
    uint64_t bytes = units->dialect.matcher ? dialect_match_bytes(units->funnel, count)
                                            : funnel_match_bytes(&units->rule, count);
    if (bytes > units->match_bytes) {
        TRY(query_tasks_charge(units->tasks, bytes - units->match_bytes, "matching one user",
                               error));
        units->match_bytes = bytes;
    }
    return CORONG_OK;
}

/// Events of what was gathered.
struct piece_span {
    uint32_t begin;
    uint32_t end;
};

/// Asks the matcher about a span: all events, or where the rule is plain those that can matter.
static enum corong_status ask(struct query_units *units, const struct piece_span *span, bool last,
                              struct corong_error *error)
{
    const struct query_gather *gather = &units->gather;
    struct match_rule *rule = &units->rule;
    struct piece_run run = {units, last};
    struct match_result result; // 450 bytes: not cleared for each unit
    int64_t session_us = units->in_sessions ? units->session_end_us : INT64_MAX;
    rule->until_us = session_us < units->end_us ? session_us : units->end_us;
    // The last attempt is reported however good those before it were.
    rule->score_floor = rule->attempts == FUNNEL_ATTEMPTS_LAST ? 0 : units->score;
    TRY(book(units, error));
    if (units->dialect.matcher) {
        result = (struct match_result){0};
        dialect_match(units->funnel, rule, gather->events, gather->count, &result);
    } else if (rule->attempts == FUNNEL_ATTEMPTS_ALL) {
        return funnel_match_all(rule, gather->events, gather->count, take_attempt, &run, error);
    } else {
        funnel_match(rule, gather->events + span->begin, span->end - span->begin, &result);
        for (uint32_t k = 0; k < result.level && span->begin > 0; k++) {
            result.events[k] +=
                span->begin; // the rule is plain: every step up to the level is made
        }
    }
    return take_attempt(&run, &result, error);
}

/// Lists the entries that were gathered, and forbids them.
static uint32_t take_entries(struct query_units *units)
{
    struct query_gather *gather = &units->gather;
    uint32_t count = 0;
    if (gather->count > units->entry_capacity) {
        units->entry_capacity = gather->capacity;
        units->entries =
            memory_resize_array(units->entries, units->entry_capacity, sizeof(*units->entries));
    }
    for (uint32_t i = 0; i < gather->count; i++) {
        if (gather->events[i].entry_allowed) {
            units->entries[count++] = i;
            gather->events[i].entry_allowed = false;
        }
    }
    return count;
}

/// The events that entries in [first, last] can use: from the first one's instant to the end of the
/// last one's window. `from` is such a span of earlier entries.
static struct piece_span span_of(const struct query_units *units, const struct piece_span *from,
                                 uint32_t first, uint32_t last)
{
    const struct query_gather *gather = &units->gather;
    struct piece_span span = {first, from->end > last ? from->end : last + 1};
    if (!match_rule_is_plain(&units->rule)) {
        return (struct piece_span){0, gather->count};
    }
    while (span.begin > 0 &&
           gather->events[span.begin - 1].time_us == gather->events[first].time_us) {
        span.begin--;
    }
    int64_t until_us = query_time_add(gather->events[last].time_us, units->rule.window_us);
    while (span.end < gather->count && gather->events[span.end].time_us <= until_us) {
        span.end++;
    }
    return span;
}

/// The time by which an entry lies in a range: its own, where a tolerance counts it as an earlier.
static int64_t entry_time(const struct query_units *units, uint32_t entry)
{
    const struct query_gather *gather = &units->gather;
    uint32_t event = units->entries[entry];
    return gather->tolerance_us > 0 ? gather->own_us[event] : gather->events[event].time_us;
}

/// Asks for the entries of each bucket by themselves.
static enum corong_status ask_by_bucket(struct query_units *units, bool last,
                                        struct corong_error *error)
{
    struct query_gather *gather = &units->gather;
    uint32_t count = take_entries(units);
    struct piece_span span = {0};
    for (uint32_t from = 0, to = 0; from < count; from = to) {
        int64_t first_us = gather->events[units->entries[from]].time_us;
        units->bucket = query_buckets_at(units->buckets, entry_time(units, from));
        if (units->bucket == QUERY_BUCKETS_NONE) {
            to = from + 1;
            continue;
        }
        int64_t end_us = units->buckets->begins[units->bucket + 1];
        for (to = from; to < count && entry_time(units, to) < end_us; to++) {
            gather->events[units->entries[to]].entry_allowed = true;
        }
        gather->first_entry_us = first_us;
        gather->last_entry_us = gather->events[units->entries[to - 1]].time_us;
        units->further_count = 0;
        span = span_of(units, &span, units->entries[from], units->entries[to - 1]);
        TRY(ask(units, &span, last, error));
        for (uint32_t i = from; i < to; i++) {
            gather->events[units->entries[i]].entry_allowed = false;
        }
    }
    return CORONG_OK;
}

enum corong_status query_piece_match(struct query_units *units, bool last,
                                     struct corong_error *error)
{
    const struct query_gather *gather = &units->gather;
    if (gather->has_entry && units->plan->where_user != NULL) {
        TRY(judge_entries(units, error));
    }
    if (gather->has_entry || (units->dialect.any_entry && gather->count > 0)) {
        const struct piece_span all = {0, gather->count};
        if (units->buckets == NULL || units->whole) {
            units->bucket = units->buckets == NULL ? 0 : units->buckets->count;
            TRY(ask(units, &all, last, error));
        }
        if (units->buckets != NULL) {
            TRY(ask_by_bucket(units, last, error));
        }
    }
    query_gather_reset(&units->gather); // blocks end with their session
    return CORONG_OK;
}

enum corong_status query_piece_finish(struct query_units *units, struct corong_error *error)
{
    if (!has_pieces(units) || units->best_out > units->best_in) {
        return CORONG_OK;
    }
    for (uint32_t i = 0; i < units->waiting_count; i++) {
        TRY(units->report(units->context, units, &units->waiting[i], error));
    }
    return units->attempt.level == 0 ? CORONG_OK
                                     : units->report(units->context, units, &units->attempt, error);
}
