// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_private.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

// The budget in 32nds: four for recent events and as many for their bytes, four for the slices, one
// for the lists of users to look at, the rest for users, and what the others cannot take.
#define RECENT_PARTS 4u
#define SLICE_PARTS 4u
#define LIST_PARTS 1u
#define USER_PARTS (32u - 2 * RECENT_PARTS - SLICE_PARTS - LIST_PARTS)

static void user_dropped(void *context, const uint8_t *entry);

uint64_t live_budget_min(const struct live_plan *plan)
{
    uint64_t recent = LIVE_RECENT_COUNT_MIN *
                      live_recent_record_size(plan->followed_count, live_plan_state_size(plan));
    uint64_t for_recent = recent / RECENT_PARTS + 1;
    uint64_t for_users = SESSION_BUDGET_MIN / USER_PARTS + 1;
    return 32 * (for_recent > for_users ? for_recent : for_users);
}

static uint64_t user_budget(const struct live_options *options, uint32_t state_size)
{
    uint64_t part = options->budget_bytes / 32;
    uint32_t count = options->plan->followed_count;
    uint64_t others = part * LIST_PARTS;
    if (count > 0) {
        others += part * SLICE_PARTS + live_recent_share(count, state_size, part * RECENT_PARTS);
    }
    return options->budget_bytes - others;
}

static void create_funnels(struct live *live)
{
    const struct live_options *options = &live->options;
    const struct live_plan *plan = options->plan;
    uint64_t part = options->budget_bytes / 32;
    live_recent_init(&live->recent, plan->followed_count, live->state_size, part * RECENT_PARTS);
    live->counts = memory_allocate_zeroed(plan->followed_count, sizeof(struct live_counts));
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        live_counts_init(&live->counts[i], plan->followed[i].rule.step_count, options->secret,
                         part * SLICE_PARTS / plan->followed_count);
    }
    live->cache.slices = memory_allocate_zeroed(plan->followed_count, sizeof(uint16_t *));
    live->cache.slice_capacities = memory_allocate_zeroed(plan->followed_count, sizeof(uint32_t));
    live->events = memory_allocate_zeroed(plan->followed_count, sizeof(struct live_event));
    live->values =
        memory_allocate_zeroed(plan->schema->column_count, sizeof(union canonical_value));
    live_instant_init(&live->instant, plan->followed_count, live->state_size);
}

struct live *live_create(const struct live_options *options)
{
    const struct live_plan *plan = options->plan;
    struct live *live = memory_allocate_zeroed(1, sizeof(*live));
    live->options = *options;
    live->followed_count = plan->followed_count;
    live->state_size = live_plan_state_size(plan);
    uint32_t extra_size = plan->followed_count == 0 ? 0 : LIVE_REFERENCE_SIZE + live->state_size;
    uint64_t part = options->budget_bytes / 32;
    session_table_init(&live->users, extra_size, user_budget(options, live->state_size));
    live->users.dropped = user_dropped;
    live->users.context = live;
    live_pending_init(&live->pending, part * LIST_PARTS / 2);
    live_held_init(&live->held, part * LIST_PARTS / 2);
    live->primed = !options->primes;
    live->as_of_us = live_range_as_of(options->range);
    live->day = live_range_day(options->range, live->as_of_us);
    pthread_mutex_init(&live->reading, NULL);
    if (plan->followed_count > 0) {
        create_funnels(live);
    }
    return live;
}

void live_destroy(struct live *live)
{
    if (live == NULL) {
        return;
    }
    session_table_deinit(&live->users);
    live_recent_deinit(&live->recent);
    live_instant_deinit(&live->instant);
    live_pending_deinit(&live->pending);
    live_held_deinit(&live->held);
    live_match_deinit(live);
    for (uint32_t i = 0; i < live->followed_count; i++) {
        live_counts_deinit(&live->counts[i]);
    }
    memory_free(live->counts);
    memory_free(live->events);
    memory_free(live->values);
    pthread_mutex_destroy(&live->reading);
    memory_free(live);
}

int64_t live_reading_begin(struct live *live)
{
    pthread_mutex_lock(&live->reading);
    return live->day.from_us;
}

void live_reading_end(struct live *live)
{
    pthread_mutex_unlock(&live->reading);
}

const struct live_counts *live_counts(const struct live *live, uint32_t index)
{
    return &live->counts[index];
}

static uint64_t counts_memory(const struct live *live)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        sum += live_counts_memory(&live->counts[i]);
    }
    return sum;
}

// While a recount is to be done the counts of dropped users may be wrong although nobody in memory
// is pending.
static uint64_t pending_of(const struct live *live)
{
    const struct live_recount *recount = &live->recount;
    uint64_t sum =
        live->pending_count + recount->settled_count + recount->dropped_now + recount->dropped_next;
    bool some = !live->primed || recount->active || recount->wanted || recount->wanted_fresh;
    return sum == 0 && some ? 1 : sum;
}

struct live_figures live_figures(const struct live *live)
{
    return (struct live_figures){
        .users = live->users.user_count,
        .users_evicted = live->users.evicted_count,
        .pending = pending_of(live),
        .held_us = live_held_first(&live->held),
        .settled = live->settled_count,
        .sessions = live->session_count,
        .state_bytes = live->users.bytes,
        .memory_bytes = live->users.bytes + live_recent_memory(&live->recent) +
                        counts_memory(live) +
                        (live->users.returned_filter == NULL ? 0 : live->users.filter_words * 8) +
                        live->pending.capacity * sizeof(struct hash128) +
                        live->held.capacity * sizeof(struct live_held_event),
    };
}

void live_make_pending(struct live *live, struct hash128 key, struct session_user *user)
{
    if (user->pending) {
        return;
    }
    user->pending = true;
    live->pending_count++;
    if (live->options.settles && (user->returned || !live_pending_add(&live->pending, key))) {
        live->recount.wanted_fresh = true;
    }
}

bool live_mark(const struct live *live, struct hash128 key)
{
    const struct live_recount *recount = &live->recount;
    bool ahead = recount->active && hash128_compare(key, recount->next) >= 0;
    return ahead ? !recount->mark : recount->mark;
}

void live_hold(struct live *live, int64_t time_us, struct hash128 key)
{
    live_held_add(&live->held, time_us, key);
}

// A user is dropped: the counts keep it, and from now on nobody knows where it stands.
static void user_dropped(void *context, const uint8_t *entry)
{
    struct live *live = context;
    struct live_recount *recount = &live->recount;
    struct session_user user;
    session_load(entry, &user);
    bool behind = recount->active && user.mark == recount->mark;
    const uint8_t *packed = entry + SESSION_ENTRY_HEAD_SIZE + LIVE_REFERENCE_SIZE;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_rule *rule = &live->options.plan->followed[i].rule;
        struct live_state state;
        live_funnel_load(rule, packed, &state);
        packed += live_funnel_packed_size(rule);
        live_counts_drop(&live->counts[i], LIVE_DROPPED_COUNTED, state.level, state.slice);
        if (behind) {
            live_counts_drop(&live->counts[i], LIVE_DROPPED_FOUND, state.level, state.slice);
        }
    }
    if (!user.pending) {
        return;
    }
    live->pending_count--;
    if (recount->active && !behind) {
        recount->dropped_now++;
    } else {
        recount->dropped_next++;
        recount->wanted_fresh |= live->options.settles;
    }
}

// As-of has come to an event that was held back.
static void release(struct live *live, struct hash128 key)
{
    bool is_new = false;
    bool returned = false;
    uint8_t *entry = session_table_look(&live->users, key);
    struct session_user user = {0};
    if (entry != NULL) {
        session_load(entry, &user);
    } else {
        entry = session_table_find(&live->users, key, &is_new, &returned);
        user.mark = live_mark(live, key);
        user.returned = returned;
    }
    live_make_pending(live, key, &user);
    session_store(entry, &user);
}

// A new range: nothing of it has been taken yet, because events after as-of are held back.
static void roll(struct live *live)
{
    pthread_mutex_lock(&live->reading);
    live->day = live_range_day(live->options.range, live->as_of_us);
    if (live->day.next_us <= live->as_of_us) {
        live->day.next_us = live->as_of_us + 1;
    }
    for (uint32_t i = 0; i < live->followed_count; i++) {
        live_counts_reset(&live->counts[i]);
    }
    pthread_mutex_unlock(&live->reading);
    // Sessions that are open go on.
    session_table_roll(&live->users, live->day.from_us - live->options.session_timeout_us);
    live->pending.count = 0;
    live->pending.ready_count = 0;
    live->recount = (struct live_recount){0};
    live->pending_count = 0;
    live->session_count = 0;
    if (live->followed_count > 0) {
        live_recent_forget(&live->recent);
        live_match_forget(live);
    }
}

bool live_look(struct live *live)
{
    int64_t known_us = live->as_of_us;
    live->as_of_us = live_range_as_of(live->options.range);
    if (live->as_of_us >= live->day.next_us) {
        roll(live);
    }
    struct hash128 key;
    while (live_held_take(&live->held, live->as_of_us, &key)) {
        release(live, key);
    }
    if (live->as_of_us >= live->held.lost_us) {
        live->held.lost_us = INT64_MAX;
        live->recount.everybody_wanted = true;
        live->recount.wanted_fresh = live->options.settles;
    }
    return live->as_of_us != known_us;
}

void live_before_flush(struct live *live, const struct live_rows *rows)
{
    if (live->followed_count > 0) {
        live_recent_before_flush(&live->recent, rows);
        live_match_forget(live);
    }
}

void live_sealed(struct live *live)
{
    live->pending.ready_count = live->pending.count;
    live->recount.wanted |= live->recount.wanted_fresh;
    live->recount.wanted_fresh = false;
}
