// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_units.h"

#include "engine/query/memo/memo.h"
#include "engine/query/query_fast.h"
#include "engine/query/query_session_run.h"
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
    match_rule_from(&units->rule, funnel);
    units->rule.as_of_us = plan->as_of_us;
    units->entry_steps = match_rule_entry_steps(&units->rule);
    units->dialect = dialect_needs_of(funnel);
    units->gather.keep_all = units->dialect.matcher;
    units->gather.time_only = units->dialect.time_only;
    if (query->attribution == QUERY_ATTRIBUTION_EACH && query->by_count > 0) {
        uint32_t step = query->attribution_step == 0 ? 0 : query->attribution_step - 1;
        units->seen_step = UINT32_C(1) << step;
    }
    units->fast = funnel_is_plain(funnel) && funnel->unit != FUNNEL_UNIT_ATTRIBUTES &&
                  funnel->attempts != FUNNEL_ATTEMPTS_LAST && !units->dialect.matcher &&
                  plan->history_count == 0 && plan->where_user == NULL && units->seen_step == 0;
    query_history_init(&units->history, plan, tasks);
    query_customer_init(&units->customer, plan, tasks);
    units->per_session = funnel->unit == FUNNEL_UNIT_SESSION;
    units->in_sessions = units->per_session || funnel->window_session;
    units->rows_after = plan->time_max_us > plan->as_of_us;
    units->gather.tasks = tasks;
    units->gather.window_us = funnel->window_us;
    units->gather.step_count = funnel->step_count;
    units->gather.entry_steps = units->entry_steps;
    units->gather.tolerance_us = funnel->tie_tolerance_us;
    units->every_event = funnel->order == FUNNEL_ORDER_STRICT &&
                         funnel->scope == FUNNEL_SCOPE_ALL && !units->dialect.matcher;
    units->hold.tasks = tasks;
    units->hold.columns = plan->ask.unit_columns;
    units->hold.column_count = plan->ask.unit_column_count;
    units->bare = plan->ask.unit_column_count == 0 && !plan->sequences &&
                  funnel->tie_tolerance_us == 0 && !units->gather.keep_all;
    units->grouped = query_group_takes(plan) && match_rule_is_plain(&units->rule) &&
                     !units->dialect.matcher && !plan->sequences && plan->history_count == 0 &&
                     plan->where_user == NULL && funnel->tie_tolerance_us == 0 &&
                     units->seen_step == 0 && !units->in_sessions;
    if (units->grouped) {
        query_group_init(&units->group, plan, tasks);
    }
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
    units->block = query_block_create(units);
}

void query_units_deinit(struct query_units *units)
{
    query_block_destroy(units->block);
    query_cursor_deinit(&units->cursor);
    query_gather_deinit(&units->gather);
    query_history_deinit(&units->history);
    query_customer_deinit(&units->customer);
    query_hold_deinit(&units->hold);
    query_group_deinit(&units->group);
    memory_free(units->seen);
    memory_free(units->further);
    memory_free(units->entries);
    memory_free(units->waiting);
    text_buffer_deinit(&units->user_id);
}

void query_units_by_bucket(struct query_units *units, const struct query_buckets *buckets)
{
    ASSERT(units->end_us == INT64_MAX && !units->dialect.matcher &&
           (units->per_session || !units->in_sessions));
    units->buckets = buckets;
    units->fast = false;
    units->whole = units->brief != NULL;
    if (!units->whole || !query_block_by_bucket(units->block, buckets)) {
        query_block_destroy(units->block);
        units->block = NULL;
    }
}

void query_units_follow(struct query_units *units, struct query_trail *trail)
{
    units->trail = trail;
    units->fast = units->fast && units->plan->identity == NULL; // else a source may hold copies
    query_block_destroy(units->block);
    units->block = NULL;
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

enum corong_status query_units_amount(struct query_units *units, struct query_place place,
                                      int64_t *amount_out, struct corong_error *error)
{
    const struct row_group *rows;
    TRY(query_units_look(units, place, &rows, error));
    const struct column_packed *amounts = &rows->packed[COLUMN_AMOUNT];
    *amount_out =
        amounts->exists ? column_packed_integer(amounts, place.row) : COLUMN_INTEGER_MISSING;
    return CORONG_OK;
}

bool query_units_may_convert(const struct query_units *units, int64_t entry_us)
{
    return units->plan->as_of_us <= query_time_add(entry_us, units->rule.window_us) &&
           (units->end_us == INT64_MAX || units->plan->as_of_us < units->end_us);
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

/// Takes one row of the present person, which has `stages`.
static enum corong_status take_row(struct query_units *units, struct query_source *source,
                                   uint32_t row, uint64_t stages, struct corong_error *error)
{
    struct query_gathered gathered = query_gather_row(source, row, stages);
    units->events_matched += stages != 0;
    if (units->hold.column_count == 0) {
        return query_gather_add(&units->gather, &gathered, error);
    }
    const struct query_range *range = &units->plan->ask.rows;
    if (gathered.time_us < range->from_us || gathered.time_us > range->to_us) {
        return CORONG_OK; // row groups of such rows alone are not read: they count nowhere
    }
    struct query_held held = {.row = gathered, .session = units->session_number};
    struct query_session_rule so_far = units->session;
    so_far.last_us = gathered.time_us; // the rule is at the end of the session's rows already
    held.session_end_us = units->in_sessions ? query_session_latest_end(&so_far) : 0;
    const struct row_group *rows;
    TRY(query_source_look(source, source->group, &rows, error));
    return query_hold_add(&units->hold, source, rows, row, &held, error);
}

/// Run of a user whose units are cut by the values of one attribute.
static enum corong_status run_group(struct query_units *units, struct query_source *source,
                                    uint32_t begin, uint32_t end, struct corong_error *error)
{
    const struct query_range *range = &units->plan->ask.rows;
    const struct row_group *looked = NULL;
    for (uint32_t word = begin / 64; word * 64 < end; word++) {
        uint64_t bits = query_source_step_bits(source, word, begin, end);
        if (bits != 0 && looked == NULL) {
            TRY(query_source_look(source, source->group, &looked, error));
        }
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t time_us = query_source_time(source, row);
            if (time_us < range->from_us || time_us > range->to_us) {
                continue;
            }
            struct match_event event = query_gather_event(&units->gather, source, row,
                                                          query_source_steps(source, row), time_us);
            units->events_matched++;
            TRY(query_group_add(&units->group, source, looked, row, &event,
                                query_gather_pack(source, row), error));
        }
    }
    return CORONG_OK;
}

static enum corong_status note_trail(struct query_units *units, const struct query_source *source,
                                     uint32_t begin, uint32_t end, struct corong_error *error)
{
    return units->trail == NULL || begin == end
               ? CORONG_OK
               : query_trail_add(units->trail, source, begin, end, units->session_number, error);
}

/// Run of a user whose sessions do not matter: only rows with a step are visited.
static enum corong_status run_steps(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    struct query_units *units = context;
    const struct query_range *rows = &units->plan->ask.rows;
    end = cut_as_of(units, source, begin, end);
    TRY(query_history_add(&units->history, source, begin, end, error));
    TRY(note_trail(units, source, begin, end, error));
    if (units->grouped) {
        return run_group(units, source, begin, end, error);
    }
    if (units->bare) {
        return query_gather_rows(&units->gather, source, begin, end, rows, &units->events_matched,
                                 error);
    }
    for (uint32_t word = begin / 64; word * 64 < end; word++) {
        for (uint64_t bits = query_source_step_bits(source, word, begin, end); bits != 0;
             bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t time_us = query_source_time(source, row);
            if (time_us >= rows->from_us && time_us <= rows->to_us) {
                TRY(take_row(units, source, row, query_source_steps(source, row), error));
            }
        }
    }
    return CORONG_OK;
}

/// The same where rows without a step matter, too.
static enum corong_status run_all(void *context, struct query_source *source, uint32_t begin,
                                  uint32_t end, struct corong_error *error)
{
    struct query_units *units = context;
    const struct query_range *rows = &units->plan->ask.rows;
    end = cut_as_of(units, source, begin, end);
    TRY(query_history_add(&units->history, source, begin, end, error));
    TRY(note_trail(units, source, begin, end, error));
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        if (time_us >= rows->from_us && time_us <= rows->to_us) {
            TRY(take_row(units, source, row, query_source_steps(source, row), error));
        }
    }
    return CORONG_OK;
}

/// Takes the rows of one session that fill some step; with strict order all of them.
static enum corong_status take_session(struct query_units *units, struct query_source *source,
                                       uint32_t begin, uint32_t end, struct corong_error *error)
{
    if (units->bare && !units->every_event) {
        const struct query_range all = {INT64_MIN, units->end_us - 1};
        return query_gather_rows(&units->gather, source, begin, end, &all, &units->events_matched,
                                 error);
    }
    for (uint32_t word = begin / 64; word * 64 < end; word++) {
        uint64_t bits = units->every_event ? query_source_row_bits(word, begin, end)
                                           : query_source_step_bits(source, word, begin, end);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (query_source_time(source, row) >= units->end_us) {
                return CORONG_OK;
            }
            TRY(take_row(units, source, row, query_source_steps(source, row), error));
        }
    }
    return CORONG_OK;
}

/// Run of a user whose sessions matter.
static enum corong_status run_sessions(void *context, struct query_source *source, uint32_t begin,
                                       uint32_t end, struct corong_error *error)
{
    struct query_units *units = context;
    bool direct = units->hold.column_count == 0;
    end = cut_as_of(units, source, begin, end);
    TRY(query_history_add(&units->history, source, begin, end, error));
    struct query_session_run run = {.row = begin, .end = end};
    while (run.row < end) {
        struct query_session_rule ended = units->session;
        uint32_t first = run.row;
        query_session_run_next(&run, &units->session, source);
        if (run.begins && ended.any) {
            units->session_number++;
            if (direct) {
                units->session_end_us = query_session_latest_end(&ended);
                units->session_last_us = ended.last_us;
                TRY(query_piece_match(units, false, error));
            }
        }
        TRY(note_trail(units, source, first, run.row, error));
        TRY(take_session(units, source, first, run.row, error));
    }
    return CORONG_OK;
}

/// The person's rows as units by the values of attributes.
static enum corong_status match_held(struct query_units *units, struct corong_error *error)
{
    struct query_hold *hold = &units->hold;
    query_hold_sort(hold);
    for (uint32_t i = 0; i < hold->count; i++) {
        const struct query_held *held = &hold->rows[hold->order[i]];
        const struct query_held *next =
            i + 1 < hold->count ? &hold->rows[hold->order[i + 1]] : NULL;
        bool ends_unit = next == NULL || !hash128_equal(next->key, held->key);
        TRY(query_gather_add(&units->gather, &held->row, error));
        if (ends_unit || next->session != held->session) {
            units->session_end_us = held->session_end_us;
            units->session_last_us = held->row.time_us;
            TRY(query_piece_match(units, held->session == units->session_number, error));
        }
        if (ends_unit) {
            TRY(query_piece_finish(units, error));
            query_piece_start(units);
        }
    }
    return CORONG_OK;
}

/// Counts a unit of entries alone, the first of which is the reported one, where only counts are
/// asked for.
static enum corong_status report_entry(struct query_units *units, uint32_t first, int64_t last_us,
                                       struct corong_error *error)
{
    const struct query_place place = query_gather_unpack(units->group.places[first]);
    bool open = units->rule.step_count > 1 && query_units_may_convert(units, last_us);
    const struct query_brief brief = {place.row, 1, open};
    return units->brief(units->context, units, place.source, place.group, &brief, 1, error);
}

/// Whether counts alone are asked for, and a unit of events that fill no later step can be counted
/// by the first and the last of its entries.
static bool counts_entries(const struct query_units *units, uint32_t steps)
{
    return units->brief != NULL && units->buckets == NULL && (steps & ~UINT32_C(1)) == 0 &&
           units->rule.attempts != FUNNEL_ATTEMPTS_LAST;
}

/// Reports the unit of one event, which is an entry.
static enum corong_status report_single(struct query_units *units, uint32_t index,
                                        struct corong_error *error)
{
    const struct match_event *event = &units->group.events[index];
    struct query_attempt attempt;
    if (units->brief != NULL) {
        return report_entry(units, index, event->time_us, error);
    }
    attempt.matched_us[0] = event->time_us;
    attempt.places[0] = query_gather_unpack(units->group.places[index]);
    query_attempt_fill(&attempt, 1, units->rule.step_count);
    attempt.open = !attempt.won && query_units_may_convert(units, event->time_us);
    attempt.further_begin = 0;
    attempt.further_end = 0;
    return units->report(units->context, units, &attempt, error);
}

/// Matches the unit of the sorted rows [begin, end), unless it has no entry.
static enum corong_status match_group(struct query_units *units, uint32_t begin, uint32_t end,
                                      struct corong_error *error)
{
    const struct query_group *group = &units->group;
    uint32_t first = UINT32_MAX;
    uint32_t last = 0;
    uint32_t steps = 0;
    for (uint32_t i = begin; i < end; i++) {
        uint32_t index = query_group_index(group->rows[i]);
        bool entry = group->events[index].entry_allowed;
        first = entry && first == UINT32_MAX ? index : first;
        last = entry ? index : last;
        steps |= group->events[index].steps;
    }
    if (first == UINT32_MAX) {
        return CORONG_OK;
    }
    if (counts_entries(units, steps)) {
        bool first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
        return report_entry(units, first, group->events[first_only ? first : last].time_us, error);
    }
    if (end - begin == 1 && units->buckets == NULL) {
        return report_single(units, query_group_index(group->rows[begin]), error);
    }
    query_piece_start(units);
    for (uint32_t i = begin; i < end; i++) {
        uint32_t index = query_group_index(group->rows[i]);
        TRY(query_gather_put(&units->gather, &group->events[index], group->places[index], error));
    }
    TRY(query_piece_match(units, true, error));
    return query_piece_finish(units, error);
}

/// The person's rows as units by the values of one attribute.
enum corong_status query_units_match_groups(struct query_units *units, struct corong_error *error)
{
    struct query_group *group = &units->group;
    query_group_sort(group);
    for (uint32_t begin = 0, end = 0; begin < group->count; begin = end) {
        uint64_t key = query_group_key(group->rows[begin]);
        for (end = begin + 1; end < group->count && query_group_key(group->rows[end]) == key;) {
            end++;
        }
        group->units++;
        TRY(match_group(units, begin, end, error));
    }
    return CORONG_OK;
}

/// Gathers the user's rows and asks the exact matcher.
static enum corong_status user_by_gathering(struct query_units *units, struct corong_error *error)
{
    query_history_reset(&units->history);
    query_piece_start(units);
    units->session.any = false;
    units->session_number = 0;
    units->hold.count = 0;
    units->group.count = 0;
    if (units->trail != NULL) {
        units->trail->count = 0;
    }
    TRY(query_cursor_rows(&units->cursor,
                          units->in_sessions   ? run_sessions
                          : units->every_event ? run_all
                                               : run_steps,
                          units, error));
    if (units->grouped) {
        return query_units_match_groups(units, error);
    }
    if (units->hold.column_count > 0) {
        return match_held(units, error);
    }
    units->session_end_us = query_session_latest_end(&units->session);
    units->session_last_us = units->session.last_us;
    TRY(query_piece_match(units, true, error));
    return query_piece_finish(units, error);
}

static enum corong_status match_user(struct query_units *units, struct corong_error *error)
{
    struct query_attempt attempt;
    if (units->in_sessions || !units->fast || units->rows_after ||
        !query_fast_match(units, &attempt)) {
        return user_by_gathering(units, error);
    }
    if (attempt.level > 0) {
        units->at_rows = true;
        enum corong_status status = units->report(units->context, units, &attempt, error);
        units->at_rows = false;
        TRY(status);
    }
    return query_cursor_skip(&units->cursor, error);
}

/// Its row group may be gone when its attempt is known.
void query_units_keep_id(struct query_units *units)
{
    const struct query_source *source = &units->cursor.sources[units->cursor.parts[0]];
    const struct row_group *rows = &source->rows;
    uint32_t start = rows->id_offsets[source->user];
    text_buffer_reset(&units->user_id);
    text_buffer_append(&units->user_id, rows->id_bytes + start,
                       rows->id_offsets[source->user + 1] - start);
    units->user_namespace = rows->user_flags[source->user] & USER_NAMESPACE_MASK;
}

/// Does the user at whom the cursor stands.
static enum corong_status do_user(struct query_units *units, struct corong_error *error)
{
    units->users_read++;
    // Rows that are outside all units are counted, so no person is left out.
    bool all = units->rows_after || units->dialect.any_entry || units->hold.column_count > 0;
    if ((units->cursor.possible & units->entry_steps) == 0 && !all) {
        units->users_skipped++;
        return query_cursor_skip(&units->cursor, error);
    }
    if (units->plan->ask.ids) {
        query_units_keep_id(units);
    }
    return match_user(units, error);
}

enum corong_status query_units_task(struct query_units *units, uint32_t task,
                                    struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = units->reading.read_us;
    TRY(query_cursor_seek(&units->cursor, task, error));
    query_block_reset(units->block);
    if (units->hand != NULL) {
        query_memo_task(units->hand, task);
    }
    for (;;) {
        if (units->block != NULL) {
            TRY(query_block_run(units->block, error));
        }
        if (!query_cursor_next(&units->cursor)) {
            break;
        }
        query_memo_pass(units->hand, units->cursor.key);
        TRY(do_user(units, error));
    }
    units->reading.match_us +=
        clock_monotonic_us() - start_us - (units->reading.read_us - read_before_us);
    return CORONG_OK;
}

void query_units_add_work(const struct query_units *units, struct query_work *work)
{
    work->after_as_of += units->after_as_of;
    query_work_add(work, &units->reading);
    work->events_matched += units->events_matched;
    work->events_outside += units->hold.outside + units->group.outside;
    work->users_read += units->users_read;
    work->users_remembered += query_memo_users(units->hand);
    work->users_skipped += units->users_skipped;
    work->users_in_blocks += query_block_users(units->block);
    for (uint32_t i = 0; i < QUERY_BLOCK_REASON_COUNT; i++) {
        work->users_left[i] += query_block_left(units->block, (enum query_block_reason)i);
    }
}
