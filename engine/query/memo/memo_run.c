// SPDX-License-Identifier: Apache-2.0
#include "engine/query/memo/memo.h"

#include "engine/query/memo/memo_cut.h"
#include "engine/query/memo/memo_entry.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_funnel.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <string.h>

#define NO_RECORD SIZE_MAX
/// Entries are swept where more than this part of their users have no entry any more.
#define GONE_PART 8u

struct query_memo_run {
    struct query_memo *memo;
    struct query_plan *plan;
    uint32_t step_count;
    bool knows;                 ///< `entry` is from earlier; else it is made now
    bool keeping;               ///< what is found of segments that are not known is kept
    bool updating;              ///< what is found of users with known rows alone is
    struct memo_entry *entry;   ///< NULL: nothing is known, nor kept
    bool *has;                  ///< by segment: its rows are known
    int64_t known_until_us;     ///< no known row is later
    int64_t from_us;            ///< of the range
    uint32_t known_slices;      ///< slices that the entry had at the beginning
    int64_t open_unit;          ///< users whose last unit is later are open
    int64_t from_unit;          ///< users whose entry's unit is later are as they were; -1: all are
    int64_t gone_unit;          ///< users whose last unit is before have no entry any more
    pthread_mutex_t lock;       ///< of entry->slices
    struct memo_records *found; ///< by task: its users that are to be taken in
    struct query_memo_hand *hands;
    uint32_t hand_count;
};

struct query_memo_hand {
    struct query_memo_run *run;
    uint32_t task;
    size_t at;       ///< in the known users
    size_t end;      ///< of the task's
    size_t found;    ///< the user at whom query_memo_next() stopped; NO_RECORD: it is not known
    uint64_t *cells; ///< by known slice, level from 1, and not open or open
    uint64_t users;
    uint64_t gone;             ///< users that have no entry any more
    bool full;                 ///< too many users: what was found is not kept
    struct memo_records fresh; ///< users to be taken in
    uint32_t *numbers;         ///< by the worker's slice: that of the entry + 1; 0: unknown
    uint32_t number_capacity;
};

static int64_t unit_of(const struct memo_entry *entry, int64_t time_us)
{
    int64_t since_us;
    if (__builtin_sub_overflow(time_us, entry->base_us, &since_us)) {
        since_us = time_us < entry->base_us ? INT64_MIN : INT64_MAX;
    }
    return since_us >> MEMO_UNIT_SHIFT;
}

static bool fits(int64_t unit)
{
    return unit >= 0 && unit <= UINT32_MAX;
}

static struct hash128 question_of(const struct query_funnel *query)
{
    struct query_funnel asked = *query;
    struct text_buffer text = {0};
    query_digest_integer(&text, "since", asked.range.from_us != QUERY_TIME_NONE);
    asked.range.from_us = QUERY_TIME_NONE;
    query_funnel_describe(&asked, &text);
    struct hash128 hash = hash_bytes128(text.bytes, text.size);
    text_buffer_deinit(&text);
    return hash;
}

static bool is_asked(struct query_plan *plan, const struct query_funnel *query)
{
    bool asked = query->limits.memo != NULL && query->range.to_us == QUERY_TIME_NONE &&
                 plan->identity == NULL && plan->customers == NULL && plan->history_count == 0;
    for (uint32_t i = 0; asked && i < plan->stored_count; i++) {
        // Where not, what it finds could not be kept.
        asked = segment_reader_meta(plan->segments[i].reader)->user_count <=
                query_memo_room(query->limits.memo);
    }
    return asked && memo_cut_tasks(plan);
}

/// Rows after as-of do not exist for the question: what is known or kept has none of them.
static bool is_before_as_of(const struct query_plan *plan, const bool *among)
{
    for (uint32_t i = 0; i < plan->committed_count; i++) {
        const struct segment_meta *meta = segment_reader_meta(plan->segments[i].reader);
        if ((among == NULL || among[i]) && meta->time_max_us > plan->as_of_us) {
            return false;
        }
    }
    return true;
}

static bool is_current(const struct query_memo_run *run)
{
    const struct memo_entry *known = run->entry;
    return known->from_us <= run->from_us && memo_entry_find(known, run->plan, run->has) &&
           is_before_as_of(run->plan, run->has);
}

static struct memo_entry *entry_for(const struct query_memo_run *run, struct hash128 question)
{
    struct memo_entry *entry = memory_allocate_zeroed(1, sizeof(*entry));
    entry->question = question;
    entry->from_us = run->from_us;
    entry->base_us = run->plan->time_min_us;
    return entry;
}

/// Whether there are rows that are not known and may be.
static bool has_more(const struct query_memo_run *run)
{
    bool more = !run->knows;
    for (uint32_t i = 0; i < run->plan->committed_count; i++) {
        more |= !run->has[i];
    }
    return more && run->plan->committed_count > 0;
}

static void look_at_known(struct query_memo_run *run, const struct query_funnel *query)
{
    const struct query_plan *plan = run->plan;
    int64_t open_from_us;
    if (__builtin_sub_overflow(plan->as_of_us, query->funnel.window_us, &open_from_us)) {
        open_from_us = INT64_MIN;
    }
    run->known_slices = run->entry->slices.count;
    run->open_unit = unit_of(run->entry, open_from_us);
    run->from_unit = run->from_us == QUERY_TIME_NONE ? -1 : unit_of(run->entry, run->from_us);
    // The first attempts alone do not say where the last begins.
    run->gone_unit = query->funnel.attempts == FUNNEL_ATTEMPTS_FIRST ? -1 : run->from_unit;
    run->known_until_us = INT64_MIN;
    for (uint32_t i = 0; i < plan->committed_count; i++) {
        int64_t time_us = segment_reader_meta(plan->segments[i].reader)->time_max_us;
        if (run->has[i] && time_us > run->known_until_us) {
            run->known_until_us = time_us;
        }
    }
}

/// Takes what is known, or begins anew.
static void take(struct query_memo_run *run, const struct query_funnel *query)
{
    struct hash128 question = question_of(query);
    bool kept = is_before_as_of(run->plan, NULL);
    run->entry = query_memo_take(run->memo, question);
    run->knows = run->entry != NULL && is_current(run);
    run->keeping = kept && has_more(run);
    run->updating = kept && run->knows;
    if (!run->knows) {
        memo_entry_destroy(run->entry);
        run->entry = run->keeping ? entry_for(run, question) : NULL;
    } else {
        look_at_known(run, query);
    }
}

struct query_memo_run *query_memo_begin(struct query_plan *plan, const struct query_funnel *query,
                                        uint32_t worker_count)
{
    if (!is_asked(plan, query)) {
        return NULL;
    }
    struct query_memo_run *run = memory_allocate_zeroed(1, sizeof(*run));
    *run = (struct query_memo_run){.memo = query->limits.memo,
                                   .plan = plan,
                                   .step_count = query->funnel.step_count,
                                   .from_us = query->range.from_us,
                                   .hand_count = worker_count};
    ASSERT(pthread_mutex_init(&run->lock, NULL) == 0);
    run->has = memory_allocate_zeroed((size_t)plan->segment_count + 1, sizeof(*run->has));
    take(run, query);
    run->found = memory_allocate_zeroed((size_t)plan->task_count + 1, sizeof(*run->found));
    run->hands = memory_allocate_zeroed(worker_count, sizeof(*run->hands));
    for (uint32_t i = 0; i < worker_count; i++) {
        run->hands[i].run = run;
        run->hands[i].found = NO_RECORD;
        run->hands[i].cells = memory_allocate_zeroed(
            (size_t)run->known_slices * run->step_count * 2 + 1, sizeof(uint64_t));
    }
    return run;
}

struct query_memo_hand *query_memo_hand(struct query_memo_run *run, uint32_t worker)
{
    return &run->hands[worker];
}

bool query_memo_knows(const struct query_memo_hand *hand)
{
    return hand->run->knows;
}

bool query_memo_has(const struct query_memo_hand *hand, uint32_t source)
{
    return hand->run->has[source];
}

bool query_memo_passes(const struct query_memo_hand *hand, uint32_t source)
{
    return source >= hand->run->plan->committed_count;
}

int64_t query_memo_known_until(const struct query_memo_hand *hand)
{
    return hand->run->known_until_us;
}

uint64_t query_memo_users(const struct query_memo_hand *hand)
{
    return hand == NULL ? 0 : hand->users;
}

void query_memo_task(struct query_memo_hand *hand, uint32_t task)
{
    const struct query_memo_run *run = hand->run;
    const struct query_plan *plan = run->plan;
    hand->task = task;
    hand->found = NO_RECORD;
    if (!run->knows) {
        return;
    }
    const struct memo_records *users = &run->entry->users;
    bool last = task + 1 == plan->task_count;
    hand->at = task == 0 ? 0 : memo_records_place(users, plan->bounds[task].high);
    hand->end = last ? users->count : memo_records_place(users, plan->bounds[task + 1].high);
}

static inline uint32_t level_of(const struct memo_record *user)
{
    return user->what & MEMO_LEVEL_MASK;
}

/// Whether none of its known rows that are in the range yet is an entry.
static inline bool is_gone(const struct query_memo_run *run, const struct memo_record *user)
{
    uint32_t level = level_of(user);
    return (level == MEMO_LEVEL_GONE) | ((level != MEMO_LEVEL_UNKNOWN) & (level < run->step_count) &
                                         ((int64_t)user->last < run->gone_unit));
}

/// Whether as-of or the beginning of the range may have changed the answer; it is not gone.
static inline bool has_changed(const struct query_memo_run *run, const struct memo_record *user)
{
    uint32_t level = level_of(user);
    return (level == MEMO_LEVEL_UNKNOWN) | (level == MEMO_LEVEL_SHARED) |
           ((int64_t)user->entry <= run->from_unit) |
           ((level < run->step_count) & ((int64_t)user->last == run->open_unit));
}

static inline void count(struct query_memo_hand *hand, const struct memo_record *user, bool open)
{
    size_t cell = (size_t)(user->what >> MEMO_LEVEL_BITS) * hand->run->step_count;
    hand->cells[(cell + level_of(user) - 1) * 2 + open]++;
    hand->users++;
}

static inline bool is_open(const struct query_memo_run *run, const struct memo_record *user)
{
    return (level_of(user) < run->step_count) & ((int64_t)user->last > run->open_unit);
}

/// The beginning of the range does not go back, so that it stays gone.
static inline void note_gone(struct query_memo_hand *hand, struct memo_record *user)
{
    if (hand->run->updating && level_of(user) != MEMO_LEVEL_GONE) {
        user->what = MEMO_LEVEL_GONE;
        hand->gone++;
    }
}

uint64_t query_memo_next(struct query_memo_hand *hand, uint64_t fresh)
{
    const struct query_memo_run *run = hand->run;
    struct memo_record *users = run->entry->users.records;
    hand->found = NO_RECORD;
    for (; hand->at < hand->end; hand->at++) {
        struct memo_record *user = &users[hand->at];
        if (user->high >= fresh) {
            hand->found = user->high == fresh ? hand->at++ : NO_RECORD;
            return fresh;
        }
        if (is_gone(run, user)) {
            note_gone(hand, user);
            continue;
        }
        if (has_changed(run, user)) {
            hand->found = hand->at++;
            return user->high;
        }
        count(hand, user, is_open(run, user));
    }
    return fresh;
}

struct query_memo_user query_memo_look(const struct query_memo_hand *hand, struct hash128 key)
{
    if (hand->found == NO_RECORD) {
        return (struct query_memo_user){true, 0};
    }
    const struct memo_record *user = &hand->run->entry->users.records[hand->found];
    bool gone = is_gone(hand->run, user);
    bool changed = user->low != (uint32_t)key.low || (!gone && has_changed(hand->run, user));
    return (struct query_memo_user){!changed, gone || changed ? 0 : level_of(user)};
}

/// In the entry's units; false where it has none for it.
static bool in_units(const struct memo_entry *entry, int64_t time_us, uint32_t *unit_out)
{
    int64_t unit = unit_of(entry, time_us);
    *unit_out = fits(unit) ? (uint32_t)unit : 0;
    return fits(unit);
}

void query_memo_again(struct query_memo_hand *hand, const struct query_memo_news *news)
{
    const struct query_memo_run *run = hand->run;
    struct memo_record *user = &run->entry->users.records[hand->found];
    bool won = level_of(user) == run->step_count;
    count(hand, user, news->has_last ? news->open & !won : is_open(run, user));
    if (run->keeping && news->has_stored && !won &&
        !in_units(run->entry, news->stored_us, &user->last)) {
        user->what = MEMO_LEVEL_UNKNOWN;
    }
}

/// To be taken in when the run ends.
static inline void add(struct query_memo_hand *hand, struct memo_record record)
{
    if (hand->fresh.count >= query_memo_room(hand->run->memo)) {
        hand->full = true;
    }
    if (!hand->full) {
        memo_records_add(&hand->fresh, record);
    }
}

/// Whether the record's half key is one of several users, of which the key is one; notes it.
static inline bool is_shared(struct memo_record *record, struct hash128 key)
{
    if (record->low != (uint32_t)key.low) {
        record->what = MEMO_LEVEL_SHARED;
    }
    return level_of(record) == MEMO_LEVEL_SHARED;
}

uint32_t query_memo_place(struct query_memo_hand *hand, struct hash128 key, bool passing,
                          bool stored)
{
    const struct query_memo_run *run = hand->run;
    bool known = hand->found != NO_RECORD;
    if (!passing && run->updating) {
        bool shared = known && is_shared(&run->entry->users.records[hand->found], key);
        return shared ? QUERY_MEMO_NOT_KEPT : known ? (uint32_t)hand->found : QUERY_MEMO_NEW;
    }
    if (passing && stored && run->keeping) {
        query_memo_pass(hand, key);
    }
    return QUERY_MEMO_NOT_KEPT;
}

void query_memo_without(struct query_memo_hand *hand, uint32_t at)
{
    if (at != QUERY_MEMO_NOT_KEPT && at != QUERY_MEMO_NEW) {
        hand->run->entry->users.records[at].what = MEMO_LEVEL_GONE;
        hand->gone++;
    }
}

void query_memo_absent(struct query_memo_hand *hand)
{
    const struct query_memo_run *run = hand->run;
    if (hand->found != NO_RECORD && run->updating &&
        level_of(&run->entry->users.records[hand->found]) != MEMO_LEVEL_SHARED) {
        query_memo_without(hand, (uint32_t)hand->found);
    }
}

void query_memo_pass(struct query_memo_hand *hand, struct hash128 key)
{
    if (hand == NULL || !hand->run->keeping) {
        return;
    }
    struct memo_record *users = hand->run->entry->users.records;
    if (hand->found != NO_RECORD && users[hand->found].high == key.high) {
        struct memo_record *user = &users[hand->found];
        user->what = is_shared(user, key) ? MEMO_LEVEL_SHARED : MEMO_LEVEL_UNKNOWN;
    } else {
        add(hand, (struct memo_record){.high = key.high, .low = (uint32_t)key.low});
    }
}

/// The entry's number of a worker's slice.
static uint32_t number_of(struct query_memo_hand *hand, const struct query_slices *slices,
                          uint32_t slice)
{
    if (slice >= hand->number_capacity) {
        uint32_t capacity = slice * 2 + 16;
        hand->numbers = memory_resize_array(hand->numbers, capacity, sizeof(*hand->numbers));
        memset(hand->numbers + hand->number_capacity, 0,
               (capacity - hand->number_capacity) * sizeof(*hand->numbers));
        hand->number_capacity = capacity;
    }
    if (hand->numbers[slice] == 0) {
        struct query_memo_run *run = hand->run;
        struct query_table *table = &run->entry->slices;
        struct text_buffer key = {0};
        query_slices_key(slices, slice, &key);
        struct text text = {key.bytes, key.size};
        uint32_t number = MEMO_SLICE_COUNT_MAX;
        pthread_mutex_lock(&run->lock);
        if (table->count < MEMO_SLICE_COUNT_MAX) {
            number = query_table_number(table, text);
        } else if (!query_table_find(table, text, &number)) {
            number = MEMO_SLICE_COUNT_MAX;
        }
        pthread_mutex_unlock(&run->lock);
        hand->numbers[slice] = number + 1;
        text_buffer_deinit(&key);
    }
    return hand->numbers[slice] - 1;
}

/// All but its half key: other workers look for where their tasks begin by those of all.
static inline void replace(struct memo_record *user, const struct memo_record *by)
{
    DCHECK(user->high == by->high);
    if (level_of(user) == MEMO_LEVEL_SHARED) {
        return; // another user of the half key came in between
    }
    user->low = by->low;
    user->entry = by->entry;
    user->last = by->last;
    user->what = by->what;
}

void query_memo_keep(struct query_memo_hand *hand, const struct query_slices *slices,
                     const struct query_memo_note *notes, const struct query_brief *briefs,
                     const uint32_t *numbers, uint32_t count)
{
    struct query_memo_run *run = hand->run;
    for (uint32_t i = 0; (run->keeping || run->updating) && i < count; i++) {
        const struct query_memo_note *note = &notes[i];
        if (note->at == QUERY_MEMO_NOT_KEPT) {
            continue;
        }
        uint32_t level = briefs[i].level;
        uint32_t slice = number_of(hand, slices, numbers[i]);
        struct memo_record record = {.high = note->key.high, .low = (uint32_t)note->key.low};
        bool whole =
            in_units(run->entry, note->entry_us, &record.entry) || run->from_us == QUERY_TIME_NONE;
        whole &= level == run->step_count || in_units(run->entry, note->last_us, &record.last);
        if (whole && slice < MEMO_SLICE_COUNT_MAX) {
            record.what = slice << MEMO_LEVEL_BITS | level;
        }
        if (note->at == QUERY_MEMO_NEW) {
            add(hand, record);
        } else {
            replace(&run->entry->users.records[note->at], &record);
        }
    }
}

/// What is known joins the worker's sums.
static void settle_known(struct query_memo_hand *hand, struct query_brief_sums *sums,
                         struct query_slices *slices)
{
    struct query_memo_run *run = hand->run;
    while (query_memo_next(hand, QUERY_MEMO_NO_KEY) != QUERY_MEMO_NO_KEY) {
        // Users none of whose rows are in the groups that the question reads any more.
        query_memo_absent(hand);
    }
    pthread_mutex_lock(&run->lock); // other workers may find further slices
    for (uint32_t i = 0; i < run->known_slices; i++) {
        uint32_t slice = query_slices_from_key(slices, run->entry->slices.keys[i]);
        uint64_t *cells = &hand->cells[(size_t)i * run->step_count * 2];
        query_brief_add_cells(sums, slice, cells);
        memset(cells, 0, (size_t)run->step_count * 2 * sizeof(*cells));
    }
    pthread_mutex_unlock(&run->lock);
}

void query_memo_settle(struct query_memo_hand *hand, struct query_brief_sums *sums,
                       struct query_slices *slices)
{
    if (hand == NULL) {
        return;
    }
    if (hand->run->knows) {
        settle_known(hand, sums, slices);
    }
    memo_records_sort(&hand->fresh);
    hand->run->found[hand->task] = hand->fresh;
    hand->fresh = (struct memo_records){0};
}

/// What the tasks found, one behind the other.
static void collect(const struct query_memo_run *run, size_t count, struct memo_records *all_out)
{
    *all_out =
        (struct memo_records){memory_allocate((count + 1) * sizeof(struct memo_record)), 0, count};
    for (uint32_t i = 0; i < run->plan->task_count; i++) {
        struct memo_records *users = &run->found[i];
        if (users->count > 0) {
            memcpy(all_out->records + all_out->count, users->records,
                   users->count * sizeof(*users->records));
        }
        all_out->count += users->count;
        memo_records_deinit(users);
    }
}

/// Takes in what was found. False: it is too much.
static bool take_in(struct query_memo_run *run)
{
    struct memo_records *users = &run->entry->users;
    struct memo_records all;
    size_t found = 0;
    for (uint32_t i = 0; i < run->plan->task_count; i++) {
        found += run->found[i].count;
    }
    for (uint32_t i = 0; i < run->hand_count; i++) {
        run->entry->gone_count += run->hands[i].gone;
        if (run->hands[i].full) {
            return false;
        }
    }
    if (run->entry->gone_count > users->count / GONE_PART) {
        memo_records_sweep(users);
        run->entry->gone_count = 0;
    }
    if (users->count + found > query_memo_room(run->memo)) {
        return false;
    }
    if (found == 0) {
        return true;
    }
    collect(run, found, &all);
    if (run->knows) {
        memo_records_insert(users, &all);
        memo_records_deinit(&all);
    } else {
        *users = all;
    }
    return true;
}

static void run_destroy(struct query_memo_run *run)
{
    for (uint32_t i = 0; i < run->plan->task_count; i++) {
        memo_records_deinit(&run->found[i]);
    }
    for (uint32_t i = 0; i < run->hand_count; i++) {
        memory_free(run->hands[i].cells);
        memory_free(run->hands[i].numbers);
        memo_records_deinit(&run->hands[i].fresh);
    }
    ASSERT(pthread_mutex_destroy(&run->lock) == 0);
    memory_free(run->hands);
    memory_free(run->found);
    memory_free(run->has);
    memory_free(run);
}

/// Whether the entry is true of what it names. Where the run failed, new rows of some are known.
static bool is_whole(struct query_memo_run *run, bool succeeded)
{
    if (!run->keeping && !run->updating) {
        return true;
    }
    run->entry->from_us = run->from_us;
    if (!run->keeping) {
        return !succeeded || take_in(run);
    }
    memo_entry_name(run->entry, run->plan);
    return succeeded && take_in(run);
}

void query_memo_end(struct query_memo_run *run, bool succeeded)
{
    if (run == NULL) {
        return;
    }
    if (run->entry != NULL && is_whole(run, succeeded)) {
        query_memo_put(run->memo, run->entry);
    } else {
        memo_entry_destroy(run->entry);
    }
    run_destroy(run);
}
