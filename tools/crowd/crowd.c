// SPDX-License-Identifier: Apache-2.0
// Sessions begin along the daily curve; each is the first of a new user or the next of one who has
// sessions left, so that sessions per user, events per session and the gaps are drawn from the
// shape's own distributions. A heap of the sessions under way gives the stream in time order.
#include "tools/crowd/crowd.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tools/crowd/crowd_private.h"

#define PREFILL_DIVISOR 20u ///< one user in so many is there from the start
#define RETURN_TRIES 8u
#define SESSIONS_MAX 100000u ///< of one user

static uint64_t random_next(struct crowd *crowd)
{
    crowd->random_state += UINT64_C(0x9e3779b97f4a7c15);
    return crowd_mix(crowd->random_state);
}

/// Drops what came of a heap's top: the last entry sinks from there.
#define HEAP_POP(array, count, type, before)                                                       \
    do {                                                                                           \
        type moved_ = (array)[--(count)];                                                          \
        uint32_t at_ = 0;                                                                          \
        for (uint32_t child_ = 1; child_ < (count); child_ = 2 * at_ + 1) {                        \
            child_ += child_ + 1 < (count) && before(&(array)[child_ + 1], &(array)[child_]);      \
            if (!before(&(array)[child_], &moved_)) {                                              \
                break;                                                                             \
            }                                                                                      \
            (array)[at_] = (array)[child_];                                                        \
            at_ = child_;                                                                          \
        }                                                                                          \
        (array)[at_] = moved_;                                                                     \
    } while (false)

#define HEAP_PUSH(array, count, capacity, entry, before)                                           \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? 64 : (capacity)*2;                                      \
            (array) = memory_resize_array((array), (capacity), sizeof(*(array)));                  \
        }                                                                                          \
        uint32_t at_ = (count)++;                                                                  \
        while (at_ > 0 && before((entry), &(array)[(at_ - 1) / 2])) {                              \
            (array)[at_] = (array)[(at_ - 1) / 2];                                                 \
            at_ = (at_ - 1) / 2;                                                                   \
        }                                                                                          \
        (array)[at_] = *(entry);                                                                   \
    } while (false)

static bool session_before(const struct crowd_session *left, const struct crowd_session *right)
{
    return left->next_us != right->next_us ? left->next_us < right->next_us
                                           : left->serial < right->serial;
}

static bool delayed_before(const struct crowd_delayed *left, const struct crowd_delayed *right)
{
    return left->arrives_us != right->arrives_us ? left->arrives_us < right->arrives_us
                                                 : left->serial < right->serial;
}

static void push_slots(struct crowd *crowd, uint32_t user, uint64_t count)
{
    if (crowd->slot_count + count > crowd->slot_capacity) {
        crowd->slot_capacity = (crowd->slot_count + count) * 2 + 64;
        crowd->slots =
            memory_resize_array(crowd->slots, crowd->slot_capacity, sizeof(*crowd->slots));
    }
    for (uint64_t index = 0; index < count; index++) {
        crowd->slots[crowd->slot_count++] = user;
    }
}

/// A new user, who will have `sessions` in all; all of them wait where `waits`.
static uint32_t add_user(struct crowd *crowd, bool waits)
{
    uint64_t random = random_next(crowd);
    int64_t drawn = crowd_spread_draw(&crowd->shape.sessions, random);
    uint64_t sessions = drawn < 1 ? 1 : (uint64_t)drawn;
    sessions = sessions > SESSIONS_MAX ? SESSIONS_MAX : sessions;
    if (crowd->user_count == crowd->user_capacity) {
        crowd->user_capacity = crowd->user_capacity == 0 ? 1024 : crowd->user_capacity * 2;
        crowd->ends = memory_resize_array(crowd->ends, crowd->user_capacity, sizeof(*crowd->ends));
    }
    uint32_t user = crowd->user_count++;
    crowd->ends[user] = 0;
    push_slots(crowd, user, waits ? sessions : sessions - 1);
    return user;
}

/// Drawn once per shape: how many sessions there are, at what distance.
static void plan(struct crowd *crowd)
{
    const struct crowd_shape *shape = &crowd->shape;
    int64_t mean_256 = crowd_spread_mean(&shape->events);
    uint64_t sessions = shape->event_count * 256 / (uint64_t)(mean_256 < 256 ? 256 : mean_256) + 1;
    crowd->session_gap_us = shape->span_us / (int64_t)sessions;
    crowd->session_gap_us += crowd->session_gap_us == 0;
    uint64_t per_user_256 = (uint64_t)crowd_spread_mean(&shape->sessions);
    crowd->new_user_share = per_user_256 <= 256 ? CROWD_ONE : CROWD_ONE * 256 / per_user_256;
    uint64_t waiting = per_user_256 <= 256 ? 0 : shape->user_count / PREFILL_DIVISOR;
    for (uint64_t index = 0; index < waiting; index++) {
        add_user(crowd, true);
    }
}

struct crowd *crowd_create(const struct crowd_shape *shape)
{
    ASSERT(shape->name_count > 0 && shape->event_count > 0);
    struct crowd *crowd = memory_allocate_zeroed(1, sizeof(*crowd));
    crowd->shape = *shape;
    crowd->random_state = crowd_mix(shape->seed);
    crowd->next_session_us = shape->start_us;
    crowd->day = INT64_MIN;
    plan(crowd);
    return crowd;
}

void crowd_destroy(struct crowd *crowd)
{
    if (crowd == NULL) {
        return;
    }
    memory_free(crowd->sessions);
    memory_free(crowd->delayed);
    memory_free(crowd->slots);
    memory_free(crowd->ends);
    memory_free(crowd);
}

/// Whoever has sessions left and is away for long enough; else a new user.
static uint32_t choose_user(struct crowd *crowd)
{
    int64_t since_us = crowd->next_session_us - crowd->shape.start_us;
    int64_t timeout = crowd->shape.session_timeout_us / MICROSECONDS_PER_SECOND + 1;
    if (!crowd_falls(random_next(crowd), crowd->new_user_share)) {
        for (uint32_t tries = 0; tries < RETURN_TRIES && crowd->slot_count > 0; tries++) {
            uint64_t at = crowd_scale(random_next(crowd), crowd->slot_count);
            uint32_t user = crowd->slots[at];
            uint32_t end = crowd->ends[user];
            if (end == 0 || end + timeout < since_us / MICROSECONDS_PER_SECOND) {
                crowd->slots[at] = crowd->slots[--crowd->slot_count];
                return user;
            }
        }
    }
    return add_user(crowd, false);
}

static void start_session(struct crowd *crowd)
{
    const struct crowd_shape *shape = &crowd->shape;
    uint32_t user = choose_user(crowd);
    int64_t events = crowd_spread_draw(&shape->events, random_next(crowd));
    struct crowd_session session = {
        .next_us = crowd->next_session_us,
        .serial = crowd->serial++,
        .seed = random_next(crowd),
        .user = user,
        .last = shape->name_count,
        .left = events < 1 ? 1 : (uint64_t)events,
    };
    crowd->seen_count += crowd->ends[user] == 0;
    crowd->ends[user] = UINT32_MAX / 2; // until it is over
    HEAP_PUSH(crowd->sessions, crowd->session_count, crowd->session_capacity, &session,
              session_before);
    uint64_t hour = (uint64_t)(crowd->next_session_us / MICROSECONDS_PER_HOUR) % CROWD_HOUR_COUNT;
    uint64_t rate = shape->hours[hour] == 0 ? 1 : shape->hours[hour];
    uint64_t mean_us = (uint64_t)crowd->session_gap_us * 1000 / rate;
    crowd->next_session_us += (int64_t)crowd_scale(random_next(crowd), 2 * mean_us + 1);
}

static uint32_t following(const struct crowd *crowd, uint32_t last, uint64_t random)
{
    const uint64_t *ends = crowd->shape.follows[last];
    uint32_t name = 0;
    while (name + 1 < crowd->shape.name_count && random >> 32 >= ends[name]) {
        name++;
    }
    return name;
}

/// The next event that happens, whenever it arrives.
static void happen(struct crowd *crowd, struct crowd_event *event)
{
    const struct crowd_shape *shape = &crowd->shape;
    while (crowd->session_count == 0 || crowd->sessions[0].next_us >= crowd->next_session_us) {
        start_session(crowd);
    }
    struct crowd_session session = crowd->sessions[0];
    *event = (struct crowd_event){
        .index = crowd->made_count++,
        .time_us = session.next_us / shape->time_unit_us * shape->time_unit_us,
        .user = session.user,
        .name = following(crowd, session.last, random_next(crowd)),
        .number = session.number++,
        .session_seed = session.seed,
        .event_seed = random_next(crowd),
    };
    HEAP_POP(crowd->sessions, crowd->session_count, struct crowd_session, session_before);
    if (--session.left > 0) {
        session.last = event->name;
        session.next_us += crowd_spread_draw(&shape->gaps, random_next(crowd));
        HEAP_PUSH(crowd->sessions, crowd->session_count, crowd->session_capacity, &session,
                  session_before);
    } else {
        int64_t end = (session.next_us - shape->start_us) / MICROSECONDS_PER_SECOND + 1;
        crowd->ends[session.user] = end < UINT32_MAX / 2 ? (uint32_t)end : UINT32_MAX / 2 - 1;
    }
}

static void delay(struct crowd *crowd, const struct crowd_event *event, int64_t by_us)
{
    struct crowd_delayed delayed = {event->time_us + by_us, crowd->serial++, *event};
    HEAP_PUSH(crowd->delayed, crowd->delayed_count, crowd->delayed_capacity, &delayed,
              delayed_before);
}

static void take_delayed(struct crowd *crowd, struct crowd_event *event)
{
    *event = crowd->delayed[0].event;
    HEAP_POP(crowd->delayed, crowd->delayed_count, struct crowd_delayed, delayed_before);
}

/// When the next event happens.
static int64_t next_us(const struct crowd *crowd)
{
    bool session = crowd->session_count > 0 && crowd->sessions[0].next_us < crowd->next_session_us;
    return session ? crowd->sessions[0].next_us : crowd->next_session_us;
}

bool crowd_next(struct crowd *crowd, struct crowd_event *event_out)
{
    const struct crowd_shape *shape = &crowd->shape;
    for (;;) {
        bool over = crowd->made_count == shape->event_count;
        if (crowd->delayed_count > 0 && (over || crowd->delayed[0].arrives_us <= next_us(crowd))) {
            take_delayed(crowd, event_out);
            return true;
        }
        if (over) {
            return false;
        }
        happen(crowd, event_out);
        uint64_t random = random_next(crowd);
        if (crowd_falls(random, shape->copy_share)) {
            bool late = crowd_falls(random_next(crowd), shape->late_share);
            delay(crowd, event_out, late ? crowd_spread_draw(&shape->late, random_next(crowd)) : 0);
        }
        if (!crowd_falls(crowd_mix(random), shape->late_share)) {
            return true;
        }
        delay(crowd, event_out, crowd_spread_draw(&shape->late, random_next(crowd)));
    }
}

uint64_t crowd_user_count(const struct crowd *crowd)
{
    return crowd->seen_count;
}
