// SPDX-License-Identifier: Apache-2.0
// A heap of sessions under way, keyed by the time of their next event: popping it gives the stream
// in time order with memory for concurrent sessions only.
#include "tools/clickgen/clickgen.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define COUNTRY_COUNT 30
#define CAMPAIGN_COUNT 200
#define PAGE_COUNT 5000
#define PRODUCT_COUNT 20000
#define EVENTS_PER_SESSION_MEAN 6
#define HOURS_PER_DAY 24
#define PER_MILLE 1000

struct click_session {
    int64_t next_us;
    uint64_t serial; ///< breaks ties, so that the order never depends on the heap's shape
    uint32_t user;
    uint32_t campaign;
    enum click_kind last;
};

struct clickgen {
    struct clickgen_options options;
    uint64_t random_state;
    uint64_t made_count;
    uint64_t session_serial;
    int64_t next_session_us;
    int64_t session_gap_us; ///< mean gap between session starts at the average rate
    struct click_session *heap;
    uint32_t heap_count;
    uint32_t heap_capacity;
};

// Visitors per hour of the day in per mille of the average: quiet nights, a lunch and an evening
// peak.
static const uint32_t hour_rate[HOURS_PER_DAY] = {450,  320,  250,  220,  230,  300,  480,  720,
                                                  950,  1100, 1200, 1280, 1350, 1300, 1250, 1220,
                                                  1250, 1350, 1500, 1650, 1700, 1550, 1200, 780};

// SplitMix64 (Steele, Lea, Flood 2014): small, seedable at any point, good enough for a shop.
static uint64_t mix64(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t clickgen_random(struct clickgen *generator)
{
    generator->random_state += UINT64_C(0x9e3779b97f4a7c15);
    return mix64(generator->random_state);
}

static uint32_t clickgen_below(struct clickgen *generator, uint32_t bound)
{
    return (uint32_t)(((clickgen_random(generator) >> 32) * bound) >> 32);
}

void clickgen_options_standard(struct clickgen_options *options)
{
    *options = (struct clickgen_options){
        .seed = 1,
        .event_count = 50000000,
        .user_count = 2000000,
        .day_count = 30,
        .start_us = INT64_C(1767225600) * MICROSECONDS_PER_SECOND,
    };
}

struct clickgen *clickgen_create(const struct clickgen_options *options)
{
    ASSERT(options->user_count > 0);
    ASSERT(options->day_count > 0);
    struct clickgen *generator = memory_allocate_zeroed(1, sizeof(*generator));
    generator->options = *options;
    generator->random_state = mix64(options->seed);
    generator->next_session_us = options->start_us;
    uint64_t session_count = options->event_count / EVENTS_PER_SESSION_MEAN + 1;
    int64_t span_us = (int64_t)options->day_count * MICROSECONDS_PER_DAY;
    generator->session_gap_us = span_us / (int64_t)session_count;
    return generator;
}

void clickgen_destroy(struct clickgen *generator)
{
    if (generator == NULL) {
        return;
    }
    memory_free(generator->heap);
    memory_free(generator);
}

static bool session_before(const struct click_session *left, const struct click_session *right)
{
    if (left->next_us != right->next_us) {
        return left->next_us < right->next_us;
    }
    return left->serial < right->serial;
}

static void heap_swap(struct clickgen *generator, uint32_t left, uint32_t right)
{
    struct click_session session = generator->heap[left];
    generator->heap[left] = generator->heap[right];
    generator->heap[right] = session;
}

static void heap_push(struct clickgen *generator, const struct click_session *session)
{
    if (generator->heap_count == generator->heap_capacity) {
        generator->heap_capacity =
            generator->heap_capacity == 0 ? 64 : generator->heap_capacity * 2;
        generator->heap = memory_resize_array(generator->heap, generator->heap_capacity,
                                              sizeof(*generator->heap));
    }
    uint32_t at = generator->heap_count++;
    generator->heap[at] = *session;
    while (at > 0 && session_before(&generator->heap[at], &generator->heap[(at - 1) / 2])) {
        heap_swap(generator, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void heap_sink(struct clickgen *generator)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < generator->heap_count &&
                session_before(&generator->heap[child], &generator->heap[least])) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        heap_swap(generator, at, least);
        at = least;
    }
}

static void heap_pop(struct clickgen *generator)
{
    ASSERT(generator->heap_count > 0);
    generator->heap[0] = generator->heap[--generator->heap_count];
    heap_sink(generator);
}

// A fifth of the sessions fall on users evenly; the rest on ranks whose density falls like
// 1/rank^0.6. The rank is u^2.5 in 32-bit fixed point (u squared, times the square root of u taken
// bit by bit).
static uint32_t clickgen_user(struct clickgen *generator)
{
    uint32_t user_count = generator->options.user_count;
    if (clickgen_below(generator, 5) == 0) {
        return clickgen_below(generator, user_count);
    }
    uint64_t u = clickgen_random(generator) >> 32;
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        uint64_t trial = root | bit;
        root = trial * trial <= u << 32 ? trial : root;
    }
    uint64_t squared = u * u >> 32;
    uint64_t rank = ((squared * root >> 32) * user_count) >> 32;
    return (uint32_t)(mix64(rank ^ generator->options.seed << 32) % user_count);
}

static int64_t clickgen_session_gap(struct clickgen *generator)
{
    int64_t hour = generator->next_session_us / MICROSECONDS_PER_HOUR % HOURS_PER_DAY;
    int64_t mean_us = generator->session_gap_us * PER_MILLE / hour_rate[hour];
    // As clickgen_below(), wider: in a log of few events hours lie between sessions.
    unsigned __int128 width_us = (uint64_t)(2 * mean_us + 1);
    return (int64_t)((clickgen_random(generator) >> 32) * width_us >> 32);
}

static void clickgen_start_session(struct clickgen *generator)
{
    struct click_session session = {
        .next_us = generator->next_session_us,
        .serial = generator->session_serial++,
        .user = clickgen_user(generator),
        .campaign =
            clickgen_below(generator, 3) == 0 ? 0 : clickgen_below(generator, CAMPAIGN_COUNT),
        .last = CLICK_KIND_COUNT,
    };
    heap_push(generator, &session);
    generator->next_session_us += clickgen_session_gap(generator);
}

// Chances of what follows, in per mille, tuned so that all events together are about 68 % view, 23
// % click, 5.7 % add_to_cart, 2.0 % checkout and 1.2 % order.
static enum click_kind clickgen_following(struct clickgen *generator, enum click_kind last)
{
    static const uint16_t chances[CLICK_KIND_COUNT + 1][CLICK_KIND_COUNT] = {
        [CLICK_VIEW] = {690, 292, 18, 0, 0},   [CLICK_CLICK] = {565, 225, 210, 0, 0},
        [CLICK_CART] = {390, 130, 80, 400, 0}, [CLICK_CHECKOUT] = {150, 50, 10, 40, 750},
        [CLICK_ORDER] = {800, 200, 0, 0, 0},   [CLICK_KIND_COUNT] = {900, 90, 10, 0, 0},
    };
    uint32_t draw = clickgen_below(generator, PER_MILLE);
    for (uint32_t kind = 0; kind < CLICK_KIND_COUNT; kind++) {
        if (draw < chances[last][kind]) {
            return (enum click_kind)kind;
        }
        draw -= chances[last][kind];
    }
    return CLICK_VIEW;
}

static int64_t clickgen_round(const struct clickgen *generator, int64_t time_us)
{
    int64_t unit_us = generator->options.milliseconds ? 1000 : MICROSECONDS_PER_SECOND;
    return time_us / unit_us * unit_us;
}

static void clickgen_fill(struct clickgen *generator, const struct click_session *session,
                          enum click_kind kind, struct click_event *event)
{
    uint64_t trait = mix64(session->user ^ generator->options.seed << 40);
    uint32_t country_draw = (uint32_t)(trait >> 40) % 4096;
    event->index = generator->made_count;
    event->time_us = clickgen_round(generator, session->next_us);
    event->user = session->user;
    event->kind = kind;
    event->country = country_draw * country_draw * COUNTRY_COUNT / (4096u * 4096u);
    event->device =
        clickgen_below(generator, 20) == 0 ? clickgen_below(generator, 3) : (uint32_t)(trait % 3);
    event->campaign = session->campaign;
    uint32_t page_draw = clickgen_below(generator, PAGE_COUNT);
    event->page = clickgen_below(generator, 2) == 0 ? page_draw : page_draw / 20;
    event->product = clickgen_below(generator, PRODUCT_COUNT);
    event->revenue_cents = kind == CLICK_ORDER ? 499 + clickgen_below(generator, 30000) : 0;
}

bool clickgen_next(struct clickgen *generator, struct click_event *event_out)
{
    if (generator->made_count == generator->options.event_count) {
        return false;
    }
    while (generator->heap_count == 0 || generator->heap[0].next_us >= generator->next_session_us) {
        clickgen_start_session(generator);
    }
    struct click_session session = generator->heap[0];
    enum click_kind kind = clickgen_following(generator, session.last);
    clickgen_fill(generator, &session, kind, event_out);
    generator->made_count++;
    heap_pop(generator);
    if (clickgen_below(generator, EVENTS_PER_SESSION_MEAN) != 0) {
        session.last = kind;
        session.next_us += MICROSECONDS_PER_SECOND + clickgen_below(generator, 90000000);
        heap_push(generator, &session);
    }
    return true;
}
