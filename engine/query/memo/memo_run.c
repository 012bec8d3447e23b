// SPDX-License-Identifier: Apache-2.0
#include "engine/query/memo/memo.h"

#include "engine/query/memo/memo_entry.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_funnel.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <string.h>

#define LEVEL_BITS 8u
#define LEVEL_MASK 0xffu

struct query_memo_run {
    struct query_memo *memo;
    struct query_plan *plan;
    uint32_t step_count;
    struct memo_entry *known; ///< NULL: nothing is
    bool *has;                ///< by segment: its rows are among those
    bool keeping;             ///< what is found becomes the next entry
    struct memo_entry *next;
    int64_t open_unit;          ///< of `known`: users whose last unit is later are open
    int64_t from_unit;          ///< users whose first unit is later are as they were; -1: all are
    pthread_mutex_t lock;       ///< of next->slices
    struct memo_records *found; ///< by task: its users, as they will be known
    struct query_memo_hand *hands;
    uint32_t hand_count;
};

struct query_memo_hand {
    struct query_memo_run *run;
    uint32_t task;
    size_t at;       ///< in the known users
    size_t end;      ///< of the task's
    uint64_t *cells; ///< by known slice, level from 1, and not open or open
    uint64_t users;
    bool full;                 ///< too many users: what was found is not kept
    struct memo_records kept;  ///< known users that stay as they are
    struct memo_records fresh; ///< users gone through, with the worker's slices
    uint32_t *numbers;         ///< by the worker's slice: that of the next entry + 1; 0: unknown
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

static bool is_asked(const struct query_plan *plan, const struct query_funnel *query)
{
    for (uint32_t i = 0; query->limits.memo != NULL && i < plan->stored_count; i++) {
        if (segment_reader_meta(plan->segments[i].reader)->user_count >
            query_memo_room(query->limits.memo)) {
            return false; // what it finds could not be kept
        }
    }
    return query->limits.memo != NULL && query->range.to_us == QUERY_TIME_NONE &&
           plan->identity == NULL && plan->customers == NULL && plan->history_count == 0 &&
           plan->segment_count <= QUERY_MEMO_SEGMENT_COUNT_MAX;
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

static bool is_current(const struct query_memo_run *run, const struct query_funnel *query)
{
    const struct memo_entry *known = run->known;
    return known->from_us <= query->range.from_us && memo_entry_find(known, run->plan, run->has) &&
           is_before_as_of(run->plan, run->has);
}

static struct memo_entry *entry_for(const struct query_memo_run *run,
                                    const struct query_funnel *query, struct hash128 question)
{
    const struct query_plan *plan = run->plan;
    struct memo_entry *entry = memory_allocate_zeroed(1, sizeof(*entry));
    entry->question = question;
    entry->from_us = query->range.from_us;
    entry->base_us = run->known != NULL ? run->known->base_us : plan->time_min_us;
    entry->uuid_count = plan->committed_count;
    entry->uuids = memory_allocate_zeroed((size_t)plan->committed_count + 1, SEGMENT_UUID_SIZE);
    for (uint32_t i = 0; i < plan->committed_count; i++) {
        const struct segment_meta *meta = segment_reader_meta(plan->segments[i].reader);
        memcpy(entry->uuids[i], meta->uuid, SEGMENT_UUID_SIZE);
        entry->rows += meta->row_count;
        entry->digest = hash128_add(entry->digest, meta->row_digest);
    }
    return entry;
}

/// Whether what is known is to be written anew.
static bool is_due(const struct query_memo_run *run)
{
    const struct query_plan *plan = run->plan;
    bool due = run->known == NULL;
    for (uint32_t i = 0; i < plan->committed_count && !due; i++) {
        due = !run->has[i];
    }
    return due && plan->committed_count > 0 && is_before_as_of(plan, NULL);
}

/// Users with the same first half of half a key are one task's.
static void round_bounds(struct query_plan *plan)
{
    for (uint32_t i = 0; i < plan->task_count; i++) {
        plan->bounds[i] = (struct hash128){(uint64_t)query_memo_key(plan->bounds[i].high) << 32, 0};
    }
}

static void look_at_known(struct query_memo_run *run, const struct query_funnel *query)
{
    int64_t open_from_us;
    if (__builtin_sub_overflow(run->plan->as_of_us, query->funnel.window_us, &open_from_us)) {
        open_from_us = INT64_MIN;
    }
    run->open_unit = unit_of(run->known, open_from_us);
    run->from_unit =
        query->range.from_us == QUERY_TIME_NONE ? -1 : unit_of(run->known, query->range.from_us);
}

struct query_memo_run *query_memo_begin(struct query_plan *plan, const struct query_funnel *query,
                                        uint32_t worker_count)
{
    if (!is_asked(plan, query)) {
        return NULL;
    }
    struct query_memo_run *run = memory_allocate_zeroed(1, sizeof(*run));
    struct hash128 question = question_of(query);
    *run = (struct query_memo_run){.memo = query->limits.memo,
                                   .plan = plan,
                                   .step_count = query->funnel.step_count,
                                   .hand_count = worker_count};
    ASSERT(pthread_mutex_init(&run->lock, NULL) == 0);
    run->has = memory_allocate_zeroed((size_t)plan->segment_count + 1, sizeof(*run->has));
    run->known = query_memo_take(run->memo, question);
    if (run->known != NULL && !is_current(run, query)) {
        memo_entry_destroy(run->known);
        run->known = NULL;
    }
    run->keeping = is_due(run);
    run->next = run->keeping ? entry_for(run, query, question) : NULL;
    if (run->known != NULL) {
        look_at_known(run, query);
    }
    round_bounds(plan);
    run->found = memory_allocate_zeroed((size_t)plan->task_count + 1, sizeof(*run->found));
    run->hands = memory_allocate_zeroed(worker_count, sizeof(*run->hands));
    for (uint32_t i = 0; i < worker_count; i++) {
        run->hands[i].run = run;
        size_t cells =
            run->known == NULL ? 0 : (size_t)run->known->slices.count * run->step_count * 2;
        run->hands[i].cells = memory_allocate_zeroed(cells + 1, sizeof(uint64_t));
    }
    return run;
}

struct query_memo_hand *query_memo_hand(struct query_memo_run *run, uint32_t worker)
{
    return &run->hands[worker];
}

bool query_memo_knows(const struct query_memo_hand *hand)
{
    return hand->run->known != NULL;
}

bool query_memo_has(const struct query_memo_hand *hand, uint32_t source)
{
    return hand->run->has[source];
}

bool query_memo_passes(const struct query_memo_hand *hand, uint32_t source)
{
    return source >= hand->run->plan->committed_count;
}

uint64_t query_memo_users(const struct query_memo_hand *hand)
{
    return hand == NULL ? 0 : hand->users;
}

/// The first known user with a key of `key` or more.
static size_t place_of(const struct memo_records *users, uint64_t key)
{
    size_t low = 0;
    size_t high = users->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (users->records[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void query_memo_task(struct query_memo_hand *hand, uint32_t task)
{
    const struct query_memo_run *run = hand->run;
    const struct query_plan *plan = run->plan;
    hand->task = task;
    if (run->known == NULL) {
        return;
    }
    bool last = task + 1 == plan->task_count;
    hand->at = task == 0 ? 0 : place_of(&run->known->users, plan->bounds[task].high >> 32);
    hand->end = last ? run->known->users.count
                     : place_of(&run->known->users, plan->bounds[task + 1].high >> 32);
}

/// Adds to what will be known.
static inline void add(struct query_memo_hand *hand, struct memo_records *records,
                       struct memo_record record)
{
    if (records->count >= query_memo_room(hand->run->memo)) {
        hand->full = true;
    }
    if (!hand->full) {
        memo_records_add(records, record);
    }
}

uint64_t query_memo_next(struct query_memo_hand *hand, uint64_t fresh)
{
    const struct query_memo_run *run = hand->run;
    const struct memo_record *users = run->known->users.records;
    const uint32_t steps = run->step_count;
    uint64_t target = fresh;
    for (; hand->at < hand->end; hand->at++) {
        const struct memo_record user = users[hand->at];
        uint32_t level = user.what & LEVEL_MASK;
        bool changed = (level == 0) | ((int64_t)user.first <= run->from_unit) |
                       ((level < steps) & ((int64_t)user.last == run->open_unit));
        if (user.key >= fresh || changed) {
            target = user.key < fresh ? user.key : fresh;
            hand->at += user.key == target;
            break;
        }
        bool open = (level < steps) & ((int64_t)user.last > run->open_unit);
        hand->cells[((size_t)(user.what >> LEVEL_BITS) * steps + level - 1) * 2 + open]++;
        hand->users++;
        if (run->keeping) {
            add(hand, &hand->kept, user);
        }
    }
    return target;
}

void query_memo_pass(struct query_memo_hand *hand, uint32_t key)
{
    if (hand != NULL && hand->run->keeping) {
        add(hand, &hand->fresh, (struct memo_record){.key = key});
    }
}

void query_memo_keep(struct query_memo_hand *hand, const struct query_memo_note *notes,
                     const struct query_brief *briefs, const uint32_t *slices, uint32_t count)
{
    const struct query_memo_run *run = hand->run;
    const struct memo_entry *next = run->next;
    for (uint32_t i = 0; run->keeping && i < count; i++) {
        uint32_t level = briefs[i].level;
        int64_t first = next->from_us == QUERY_TIME_NONE ? 0 : unit_of(next, notes[i].first_us);
        int64_t last = level == run->step_count ? 0 : unit_of(next, notes[i].last_us);
        bool whole = fits(first) && fits(last) && slices[i] < MEMO_SLICE_COUNT_MAX;
        struct memo_record record = {.key = notes[i].key};
        if (whole) {
            record.first = (uint32_t)first;
            record.last = (uint32_t)last;
            record.what = slices[i] << LEVEL_BITS | level;
        }
        add(hand, &hand->fresh, record);
    }
}

/// The next entry's number of a worker's slice.
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
        struct query_table *table = &run->next->slices;
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

static void renumber(struct query_memo_hand *hand, struct memo_records *users,
                     const struct query_slices *slices, const uint32_t *by_known)
{
    for (size_t i = 0; i < users->count; i++) {
        uint32_t what = users->records[i].what;
        uint32_t slice = what >> LEVEL_BITS;
        if ((what & LEVEL_MASK) == 0) {
            continue;
        }
        slice = by_known != NULL ? by_known[slice] : number_of(hand, slices, slice);
        users->records[i].what =
            slice < MEMO_SLICE_COUNT_MAX ? slice << LEVEL_BITS | (what & LEVEL_MASK) : 0;
    }
}

/// Both are sorted, and have no key in common.
static void merge(const struct memo_records *left, const struct memo_records *right,
                  struct memo_records *out)
{
    size_t l = 0;
    size_t r = 0;
    size_t count = left->count + right->count;
    *out = (struct memo_records){memory_allocate((count + 1) * sizeof(struct memo_record)), count,
                                 count};
    for (size_t i = 0; i < count; i++) {
        bool from_left =
            r == right->count || (l < left->count && left->records[l].key < right->records[r].key);
        out->records[i] = from_left ? left->records[l++] : right->records[r++];
    }
}

/// What the task found, as it will be known.
static void settle_found(struct query_memo_hand *hand, const struct query_slices *slices,
                         const uint32_t *numbers)
{
    struct memo_records *out = &hand->run->found[hand->task];
    memo_records_sort(&hand->fresh);
    renumber(hand, &hand->fresh, slices, NULL);
    if (numbers != NULL) {
        renumber(hand, &hand->kept, slices, numbers);
    }
    merge(&hand->kept, &hand->fresh, out);
    memo_records_deinit(&hand->kept);
    memo_records_deinit(&hand->fresh);
}

void query_memo_settle(struct query_memo_hand *hand, struct query_brief_sums *sums,
                       struct query_slices *slices)
{
    if (hand == NULL) {
        return;
    }
    struct query_memo_run *run = hand->run;
    const struct memo_entry *known = run->known;
    uint32_t *numbers = NULL;
    if (known != NULL) {
        while (query_memo_next(hand, QUERY_MEMO_NO_KEY) != QUERY_MEMO_NO_KEY) {
            // Users none of whose rows are in the groups that the question reads any more.
        }
        numbers = memory_allocate_zeroed((size_t)known->slices.count + 1, sizeof(*numbers));
    }
    for (uint32_t i = 0; known != NULL && i < known->slices.count; i++) {
        uint32_t slice = query_slices_from_key(slices, known->slices.keys[i]);
        uint64_t *cells = &hand->cells[(size_t)i * run->step_count * 2];
        query_brief_add_cells(sums, slice, cells);
        memset(cells, 0, (size_t)run->step_count * 2 * sizeof(*cells));
        numbers[i] = run->keeping ? number_of(hand, slices, slice) : 0;
    }
    if (run->keeping) {
        settle_found(hand, slices, numbers);
    }
    memory_free(numbers);
}

/// The tasks' users one behind the other.
static bool collect(struct query_memo_run *run)
{
    struct memo_records *all = &run->next->users;
    size_t count = 0;
    for (uint32_t i = 0; i < run->hand_count; i++) {
        if (run->hands[i].full) {
            return false;
        }
    }
    for (uint32_t i = 0; i < run->plan->task_count; i++) {
        count += run->found[i].count;
    }
    if (count > query_memo_room(run->memo)) {
        return false;
    }
    *all =
        (struct memo_records){memory_allocate((count + 1) * sizeof(struct memo_record)), 0, count};
    for (uint32_t i = 0; i < run->plan->task_count; i++) {
        struct memo_records *users = &run->found[i];
        if (users->count > 0) {
            memcpy(all->records + all->count, users->records,
                   users->count * sizeof(*users->records));
        }
        all->count += users->count;
        memo_records_deinit(users);
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
        memo_records_deinit(&run->hands[i].kept);
        memo_records_deinit(&run->hands[i].fresh);
    }
    ASSERT(pthread_mutex_destroy(&run->lock) == 0);
    memory_free(run->hands);
    memory_free(run->found);
    memory_free(run->has);
    memory_free(run);
}

void query_memo_end(struct query_memo_run *run, bool succeeded)
{
    if (run == NULL) {
        return;
    }
    if (run->keeping && succeeded && collect(run)) {
        memo_entry_destroy(run->known);
        run->known = NULL;
        query_memo_put(run->memo, run->next);
    } else {
        memo_entry_destroy(run->next);
    }
    if (run->known != NULL) {
        query_memo_put(run->memo, run->known);
    }
    run_destroy(run);
}
