// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_units.h"

#include "engine/query/query_fast.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

void query_units_init(struct query_units *units, const struct query_plan *plan,
                      const struct query_funnel *query, struct query_tasks *tasks,
                      query_report_function *report, void *context)
{
    const struct funnel *funnel = &query->funnel;
    *units = (struct query_units){
        .plan = plan, .funnel = funnel, .tasks = tasks, .report = report, .context = context};
    units->rule = (struct match_rule){.step_count = funnel->step_count,
                                      .window_us = funnel->window_us,
                                      .ties = funnel->ties,
                                      .attempts = funnel->attempts,
                                      .gaps = funnel->gaps,
                                      .exclusions = funnel->exclusions,
                                      .exclusion_count = funnel->exclusion_count,
                                      .as_of_us = plan->as_of_us,
                                      .until_us = INT64_MAX};
    units->dialect = dialect_needs_of(funnel);
    units->gather.keep_all = units->dialect.matcher;
    units->gather.time_only = units->dialect.time_only;
    if (query->attribution == QUERY_ATTRIBUTION_EACH && query->by_count > 0) {
        uint32_t step = query->attribution_step == 0 ? 0 : query->attribution_step - 1;
        units->seen_step = UINT32_C(1) << step;
    }
    units->fast = funnel_is_plain(funnel) && funnel->attempts != FUNNEL_ATTEMPTS_LAST &&
                  !units->dialect.matcher && plan->history_count == 0 && units->seen_step == 0;
    query_history_init(&units->history, plan, tasks);
    query_customer_init(&units->customer, plan, tasks);
    units->per_session = funnel->unit == FUNNEL_UNIT_SESSION;
    units->in_sessions = units->per_session || funnel->window_session;
    units->rows_after = plan->time_max_us > plan->as_of_us;
    units->gather.tasks = tasks;
    units->gather.window_us = funnel->window_us;
    units->gather.entries = query->range;
    if (query->range.to_us == QUERY_TIME_NONE) {
        units->gather.entries.to_us = INT64_MAX;
    }
    units->end_us = funnel->range_inside ? units->gather.entries.to_us : INT64_MAX;
    const struct query_range *rows = &plan->ask.rows;
    units->clipped = rows->from_us > plan->time_min_us || rows->to_us < plan->time_max_us ||
                     units->gather.entries.to_us <= plan->time_max_us;
    units->session.timeout_us =
        query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : query->session_timeout_us;
    query_cursor_init(&units->cursor, plan, tasks, &units->reading);
}

void query_units_deinit(struct query_units *units)
{
    query_cursor_deinit(&units->cursor);
    query_gather_deinit(&units->gather);
    query_history_deinit(&units->history);
    query_customer_deinit(&units->customer);
    memory_free(units->seen);
    text_buffer_deinit(&units->user_id);
}

enum corong_status query_units_look(struct query_units *units, struct query_place place,
                                    const struct row_group **rows_out, struct corong_error *error)
{
    return query_source_look(&units->cursor.sources[place.source], place.group, rows_out, error);
}

void query_attempt_fill(struct query_attempt *attempt, uint32_t level, uint32_t step_count)
{
    attempt->level = level;
    attempt->ended = level;
    attempt->entered = 1;
    attempt->made = level == 0 ? 0 : UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - level);
    attempt->won = level == step_count;
    attempt->entry_us = level == 0 ? 0 : attempt->matched_us[0];
    for (uint32_t k = 0; k < level; k++) {
        attempt->steps[k] = (uint8_t)k;
    }
}

enum corong_status query_units_sequence(struct query_units *units, struct query_place place,
                                        int64_t *sequence_out, struct corong_error *error)
{
    *sequence_out = 0;
    if (!units->plan->sequences) {
        return CORONG_OK;
    }
    const struct row_group *rows;
    TRY(query_units_look(units, place, &rows, error));
    const struct query_source *source = &units->cursor.sources[place.source];
    *sequence_out = query_history_raw(source, rows, COLUMN_SEQUENCE, place.row).bits;
    return CORONG_OK;
}

bool query_units_may_convert(const struct query_units *units, int64_t entry_us)
{
    return units->plan->as_of_us <= query_time_add(entry_us, units->rule.window_us) &&
           (units->end_us == INT64_MAX || units->plan->as_of_us < units->end_us);
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

/// Asks the matcher, with its memory booked.
static enum corong_status ask_matcher(struct query_units *units, struct match_result *result,
                                      struct corong_error *error)
{
    const struct query_gather *gather = &units->gather;
    struct match_rule *rule = &units->rule;
    uint64_t bytes = units->dialect.matcher ? dialect_match_bytes(units->funnel, gather->count)
                                            : funnel_match_bytes(rule, gather->count);
    if (bytes > units->match_bytes) {
        TRY(query_tasks_charge(units->tasks, bytes - units->match_bytes, "matching one user",
                               error));
        units->match_bytes = bytes;
    }
    int64_t session_us = units->in_sessions ? query_session_latest_end(&units->session) : INT64_MAX;
    rule->until_us = session_us < units->end_us ? session_us : units->end_us;
    if (units->dialect.matcher) {
        dialect_match(units->funnel, rule, gather->events, gather->count, result);
    } else {
        funnel_match(rule, gather->events, gather->count, result);
    }
    return CORONG_OK;
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

/// Whether the attempt becomes the unit's reported one (see add_session()).
static bool becomes_reported(const struct query_units *units, const struct query_attempt *attempt)
{
    if (attempt->level == 0 || units->per_session || !units->in_sessions) {
        return attempt->level > 0;
    }
    if (units->rule.attempts == FUNNEL_ATTEMPTS_FIRST) {
        return units->attempt.level == 0;
    }
    return units->rule.attempts == FUNNEL_ATTEMPTS_LAST || attempt->level > units->attempt.level;
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

/// Matches what was gathered, which has an entry.
static enum corong_status match(struct query_units *units, bool last_session,
                                struct query_attempt *attempt, struct match_result *result,
                                struct corong_error *error)
{
    const struct query_gather *gather = &units->gather;
    *result = (struct match_result){0};
    *attempt = (struct query_attempt){0};
    if (units->plan->where_user != NULL) {
        TRY(judge_entries(units, error));
        if (!gather->has_entry) {
            return CORONG_OK;
        }
    }
    TRY(ask_matcher(units, result, error));
    attempt->open = !units->dialect.matcher && result->level > 0 &&
                    result->level < units->rule.step_count &&
                    session_goes_on(units, last_session) && may_convert(units, result);
    for (uint32_t k = 0; k < result->level; k++) {
        int64_t time_us = gather->events[result->events[k]].time_us;
        // A dialect of whole seconds may go back within one.
        bool back = k > 0 && time_us < attempt->matched_us[k - 1];
        attempt->matched_us[k] = back ? attempt->matched_us[k - 1] : time_us;
        attempt->places[k] = query_gather_place(gather, result->events[k]);
    }
    query_attempt_fill(attempt, result->level, units->rule.step_count);
    return units->seen_step != 0 && becomes_reported(units, attempt) ? note_seen(units, error)
                                                                     : CORONG_OK;
}

/// A session of a user who is the unit. Sessions come in order of time, so the first of the best
/// ones is the one that reached its level earliest.
static void add_session(struct query_units *units, const struct query_attempt *attempt,
                        const struct match_result *result)
{
    bool first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    if (first_only && units->attempt.level > 0) {
        return;
    }
    if (units->rule.attempts == FUNNEL_ATTEMPTS_LAST) {
        units->attempt.level = 0;
        units->best_out = 0;
        units->best_in = 0;
    }
    uint32_t *best = result->out ? &units->best_out : &units->best_in;
    *best = result->best_level > *best ? result->best_level : *best;
    if (attempt->level > units->attempt.level) {
        units->attempt = *attempt;
    } else {
        units->attempt.open = attempt->open && units->attempt.level < units->rule.step_count;
    }
}

/// Ends a session: a unit of its own, or one of the user's.
static enum corong_status end_session(struct query_units *units, bool last,
                                      struct corong_error *error)
{
    if (!units->gather.has_entry) {
        query_gather_reset(&units->gather);
        return CORONG_OK;
    }
    struct query_attempt attempt;
    struct match_result result;
    TRY(match(units, last, &attempt, &result, error));
    bool entered = units->gather.has_entry; // where_user may have left none
    query_gather_reset(&units->gather);
    if (!units->per_session) {
        if (entered) {
            add_session(units, &attempt, &result);
        }
        return CORONG_OK;
    }
    return attempt.level == 0 || result.out ? CORONG_OK
                                            : units->report(units->context, units, &attempt, error);
}

/// Counts the rows after as-of at the end of a run and returns where they begin.
static uint32_t cut_as_of(struct query_units *units, const struct query_source *source,
                          uint32_t begin, uint32_t end)
{
    while (end > begin && query_source_time(source, end - 1) > units->plan->as_of_us) {
        units->after_as_of++;
        end--;
    }
    return end;
}

static uint64_t step_bits(const struct query_source *source, uint32_t word, uint32_t begin,
                          uint32_t end)
{
    uint64_t bits = source->entries[word] | source->later[word];
    uint32_t first = word * 64;
    bits &= begin > first ? UINT64_MAX << (begin - first) : UINT64_MAX;
    return end - first < 64 ? bits & ((UINT64_C(1) << (end - first)) - 1) : bits;
}

/// Run of a user whose sessions do not matter: only rows with a step are visited.
static enum corong_status run_steps(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    struct query_units *units = context;
    const struct query_range *rows = &units->plan->ask.rows;
    end = cut_as_of(units, source, begin, end);
    TRY(query_history_add(&units->history, source, begin, end, error));
    for (uint32_t word = begin / 64; word * 64 < end; word++) {
        for (uint64_t bits = step_bits(source, word, begin, end); bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t time_us = query_source_time(source, row);
            if (time_us < rows->from_us || time_us > rows->to_us) {
                continue;
            }
            units->events_matched++;
            TRY(query_gather_add(&units->gather, source, row, query_source_steps(source, row),
                                 error));
        }
    }
    return CORONG_OK;
}

/// Run of a user whose sessions matter: every row moves the session on.
static enum corong_status run_sessions(void *context, struct query_source *source, uint32_t begin,
                                       uint32_t end, struct corong_error *error)
{
    struct query_units *units = context;
    end = cut_as_of(units, source, begin, end);
    TRY(query_history_add(&units->history, source, begin, end, error));
    for (uint32_t row = begin; row < end; row++) {
        struct query_session_rule ended = units->session;
        if (query_session_step(&units->session, query_source_time(source, row)) && ended.any) {
            TRY(end_session(units, false, error));
        }
        uint32_t steps = query_source_steps(source, row);
        if (steps != 0 && query_source_time(source, row) < units->end_us) {
            units->events_matched++;
            TRY(query_gather_add(&units->gather, source, row, steps, error));
        }
    }
    return CORONG_OK;
}

/// Gathers the user's step rows and asks the exact matcher.
static enum corong_status user_by_gathering(struct query_units *units, struct corong_error *error)
{
    query_gather_reset(&units->gather);
    query_history_reset(&units->history);
    TRY(query_cursor_rows(&units->cursor, run_steps, units, error));
    if (!units->gather.has_entry && !units->dialect.any_entry) {
        return CORONG_OK;
    }
    struct query_attempt attempt;
    struct match_result result;
    TRY(match(units, true, &attempt, &result, error));
    return attempt.level == 0 || result.out ? CORONG_OK
                                            : units->report(units->context, units, &attempt, error);
}

static enum corong_status user_by_steps(struct query_units *units, struct corong_error *error)
{
    struct query_attempt attempt;
    if (!units->fast || units->rows_after || !query_fast_match(units, &attempt)) {
        return user_by_gathering(units, error);
    }
    if (attempt.level > 0) {
        TRY(units->report(units->context, units, &attempt, error));
    }
    return query_cursor_skip(&units->cursor, error);
}

static enum corong_status user_by_sessions(struct query_units *units, struct corong_error *error)
{
    query_gather_reset(&units->gather);
    query_history_reset(&units->history);
    units->session.any = false;
    units->attempt.level = 0;
    units->best_out = 0;
    units->best_in = 0;
    TRY(query_cursor_rows(&units->cursor, run_sessions, units, error));
    TRY(end_session(units, true, error));
    bool out = units->best_out > units->best_in;
    if (units->per_session || units->attempt.level == 0 || out) {
        return CORONG_OK;
    }
    return units->report(units->context, units, &units->attempt, error);
}

/// Keeps the user's id: its row group may be gone when its attempt is known.
static void keep_id(struct query_units *units)
{
    const struct query_source *source = &units->cursor.sources[units->cursor.parts[0]];
    const struct row_group *rows = &source->rows;
    uint32_t start = rows->id_offsets[source->user];
    text_buffer_reset(&units->user_id);
    text_buffer_append(&units->user_id, rows->id_bytes + start,
                       rows->id_offsets[source->user + 1] - start);
    units->user_namespace = rows->user_flags[source->user] & USER_NAMESPACE_MASK;
}

enum corong_status query_units_task(struct query_units *units, uint32_t task,
                                    struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = units->reading.read_us;
    TRY(query_cursor_seek(&units->cursor, task, error));
    while (query_cursor_next(&units->cursor)) {
        units->users_read++;
        if ((units->cursor.possible & 1) == 0 && !units->rows_after && !units->dialect.any_entry) {
            units->users_skipped++;
            TRY(query_cursor_skip(&units->cursor, error));
            continue;
        }
        if (units->plan->ask.ids) {
            keep_id(units);
        }
        TRY(units->in_sessions ? user_by_sessions(units, error) : user_by_steps(units, error));
    }
    units->reading.match_us +=
        clock_monotonic_us() - start_us - (units->reading.read_us - read_before_us);
    return CORONG_OK;
}

void query_units_add_work(const struct query_units *units, struct query_work *work)
{
    work->after_as_of += units->after_as_of;
    work->events_read += units->reading.rows;
    work->bytes_read += units->reading.bytes;
    work->events_matched += units->events_matched;
    work->users_read += units->users_read;
    work->users_skipped += units->users_skipped;
    work->read_us += units->reading.read_us;
    work->match_us += units->reading.match_us;
}
