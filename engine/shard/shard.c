// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/shard.h"

#include "engine/shard/shard_view.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <errno.h>
#include <string.h>

#define REST_TIMEOUT_US (100 * INT64_C(1000))
#define RETRY_PAUSE_US MICROSECONDS_PER_SECOND
#define RETRY_SLICE_US (50 * INT64_C(1000))

struct shard {
    struct shard_options options;
    struct tail *tail;
    struct live *live;
    struct tail_output output; // of flushes since the last commit
    struct shard_view view;
    uint64_t sealed_epoch;
    atomic_uint_least64_t *marker_epochs; // by producer: the last marker
    bool *closed;                         // by producer
    uint64_t tail_epoch;                  // the last commit: the tail has what came after it
    bool tail_is_split;                   // but for what was flushed since
    bool asked_for_commit;                // since the last barrier
    bool discarding;                      // after a failure
    uint64_t write_ns;
    uint64_t show_ns;
    struct parker_patience patience;
    struct shard_counters counters;
    struct shard_mailbox mailbox;
};

// Brings the figures that others may read up to date.
static void publish(struct shard *shard, uint64_t tail_bytes)
{
    struct live_figures figures = live_figures(shard->live);
    struct shard_counters *counters = &shard->counters;
    shard_counters_set(&counters->users, figures.users);
    shard_counters_set(&counters->users_evicted, figures.users_evicted);
    shard_counters_set(&counters->pending, figures.pending);
    shard_counters_hold(counters, figures.held_us);
    shard_counters_set(&counters->settled, figures.settled);
    shard_counters_set(&counters->sessions, figures.sessions);
    shard_counters_set(&counters->live_state_bytes, figures.state_bytes);
    shard_counters_set(&counters->live_bytes, figures.memory_bytes);
    shard_counters_set(&counters->tail_bytes, tail_bytes - shard->tail->chunk_bytes);
    shard_counters_set(&counters->chunk_bytes, shard->tail->chunk_bytes);
}

struct shard *shard_create(const struct shard_options *options)
{
    struct shard *shard = memory_allocate_aligned(128, sizeof(*shard));
    *shard = (struct shard){.options = *options};
    uint32_t producer_count = options->route->options.producer_count;
    shard->tail = tail_create(&options->tail);
    shard->view.chunk_count_max = options->chunk_count_max;
    shard->live = live_create(&options->live);
    shard->marker_epochs = memory_allocate_zeroed(producer_count, sizeof(*shard->marker_epochs));
    shard->closed = memory_allocate_zeroed(producer_count, sizeof(bool));
    publish(shard, tail_memory(shard->tail));
    return shard;
}

void shard_destroy(struct shard *shard)
{
    if (shard == NULL) {
        return;
    }
    shard_view_deinit(&shard->view);
    tail_destroy(shard->tail);
    live_destroy(shard->live);
    memory_free(shard->output.metas);
    memory_free(shard->marker_epochs);
    memory_free(shard->closed);
    memory_free(shard);
}

const struct shard_counters *shard_counters(const struct shard *shard)
{
    return &shard->counters;
}

uint64_t shard_marker(const struct shard *shard, uint32_t producer)
{
    return shard_counters_get(&shard->marker_epochs[producer]);
}

struct live *shard_live(const struct shard *shard)
{
    return shard->live;
}

void shard_mail_post(struct shard *shard, struct shard_mail *mail)
{
    shard_mailbox_post(&shard->mailbox, mail);
    parker_wake(&shard->options.route->shard_parkers[shard->options.index]);
}

bool shard_mail_answered(struct shard *shard)
{
    return shard_mailbox_answered(&shard->mailbox);
}

bool shard_error_passes(const struct corong_error *error)
{
    if (error->retriable) {
        return true;
    }
    int number = error->status == CORONG_IO ? error->saved_errno : 0;
    return number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE ||
           number == EAGAIN || number == ENOMEM;
}

// Says what the thread does from here on.
static void turn_to(struct shard *shard, enum shard_activity activity)
{
    shard_counters_set(&shard->counters.activity, activity);
}

static void fail(struct shard *shard, const struct corong_error *error)
{
    shard->options.owner.failed(shard->options.owner.context, error);
    shard->discarding = true;
    tail_discard(shard->tail);
    shard_view_flushed(&shard->view);
}

// False when the pause was cut short because the engine stops or gives up.
static bool pause_before_retry(struct shard *shard)
{
    turn_to(shard, SHARD_WAITS);
    for (int64_t passed_us = 0; passed_us < RETRY_PAUSE_US; passed_us += RETRY_SLICE_US) {
        if (route_stopped(shard->options.route) ||
            shard->options.owner.gives_up(shard->options.owner.context)) {
            return false;
        }
        clock_sleep_us(RETRY_SLICE_US);
    }
    return true;
}

// Writes the tail out. A full disk is waited for: the rings fill up meanwhile and hold the
// producers.
static void flush(struct shard *shard)
{
    struct corong_error error = {0};
    struct live_rows rows = {shard->tail, tail_canonical};
    shard->tail_is_split |= shard->tail->row_count > 0;
    live_before_flush(shard->live, &rows);
    turn_to(shard, SHARD_WRITES);
    uint64_t begun_ns = clock_thread_ns();
    while (tail_flush(shard->tail, &shard->output, &error) != CORONG_OK) {
        if (!shard_error_passes(&error) || !pause_before_retry(shard)) {
            turn_to(shard, SHARD_TAKES);
            fail(shard, &error);
            return;
        }
    }
    turn_to(shard, SHARD_TAKES);
    shard->write_ns += clock_thread_ns() - begun_ns;
    shard_counters_set(&shard->counters.write_ns, shard->write_ns);
    shard_view_flushed(&shard->view);
}

// Without events of its own a shard follows the others into a new day.
static void look(struct shard *shard)
{
    if (live_look(shard->live)) {
        publish(shard, tail_memory(shard->tail));
    }
}

// A stream's commit takes a while to begin, and views need room beside the rows. Where nobody looks
// the fewer, longer runs count: a tail that is full first is written without a commit.
static uint64_t commit_fill(const struct shard *shard)
{
    uint64_t budget = shard->options.tail.budget_bytes;
    return shard->options.live_unread ? budget / 16 * 15 : budget / 4 * 3;
}

static void consume(struct shard *shard, const struct event_batch *batch)
{
    if (shard->discarding) {
        return;
    }
    if (!tail_has_room(shard->tail, batch)) {
        flush(shard);
    }
    if (shard->discarding) {
        return;
    }
    struct live_batch taken = {
        batch, shard->tail->row_count, shard->tail->columns, {shard->tail, tail_canonical}};
    tail_append(shard->tail, batch);
    if (!shard->options.live_unread) {
        live_take(shard->live, &taken);
    }
    uint64_t memory = tail_memory(shard->tail);
    publish(shard, memory);
    // By what the rows take: capacity stays when they go, and would ask again at once.
    if (!shard->asked_for_commit && tail_fill(shard->tail) > commit_fill(shard)) {
        shard->asked_for_commit = true;
        shard->options.owner.wants_commit(shard->options.owner.context);
    }
}

static bool is_held(const struct shard *shard, uint32_t producer)
{
    // After a failure nobody is held: there is nothing left to align, and producers must get
    // through.
    return shard->closed[producer] ||
           (shard_marker(shard, producer) > shard->sealed_epoch && !shard->discarding);
}

static bool pop_one(struct shard *shard, uint32_t producer)
{
    struct route *route = shard->options.route;
    struct route_item item = route_pop(route, producer, shard->options.index);
    switch (item.kind) {
    case ROUTE_NOTHING:
        return false;
    case ROUTE_BATCH:
        consume(shard, item.batch);
        route_return(route, producer, shard->options.index, item.batch);
        break;
    case ROUTE_MARKER:
        ASSERT(item.epoch >= shard_marker(shard, producer));
        shard_counters_set(&shard->marker_epochs[producer], item.epoch);
        break;
    case ROUTE_CLOSE:
        shard->closed[producer] = true;
        break;
    }
    return true;
}

// One item of each producer that may be popped, so that none starves.
static bool pop_round(struct shard *shard)
{
    bool progressed = false;
    for (uint32_t i = 0; i < shard->options.route->options.producer_count; i++) {
        if (!is_held(shard, i)) {
            progressed |= pop_one(shard, i);
        }
    }
    return progressed;
}

static bool barrier_reached(const struct shard *shard, uint64_t epoch)
{
    uint64_t participants = shard->options.route->participants;
    for (uint32_t i = 0; i < shard->options.route->options.producer_count; i++) {
        bool takes_part = (participants >> i & 1) != 0;
        if (takes_part && !shard->closed[i] && shard_marker(shard, i) < epoch) {
            return false;
        }
    }
    return true;
}

static void seal(struct shard *shard)
{
    if (!shard->discarding) {
        flush(shard);
    }
    shard_view_committed(&shard->view);
    live_sealed(shard->live);
    publish(shard, tail_memory(shard->tail));
    shard->sealed_epoch++;
    shard_counters_set(&shard->counters.sealed_epoch, shard->sealed_epoch);
    shard->tail_epoch = shard->sealed_epoch;
    shard->tail_is_split = false;
    shard->asked_for_commit = false;
    struct tail_output output = shard->output;
    shard->output = (struct tail_output){0};
    // The committer may begin the next epoch as soon as it knows, so nothing of this one is read
    // after.
    shard->options.owner.sealed(shard->options.owner.context, shard->options.index, &output);
}

// A tail without room for chunks goes to disk early, and a commit is asked for. False: nothing can
// be shown.
static bool make_view(struct shard *shard)
{
    struct corong_error error = {0};
    enum corong_status status = CORONG_CANCELLED;
    if (!shard->discarding) {
        status = shard_view_make(&shard->view, shard->tail, &shard->output, &error);
    }
    if (status == CORONG_NO_MEMORY) {
        flush(shard);
        status = shard->discarding
                     ? CORONG_CANCELLED
                     : shard_view_make(&shard->view, shard->tail, &shard->output, &error);
        shard->asked_for_commit = true;
        shard->options.owner.wants_commit(shard->options.owner.context);
    }
    return status == CORONG_OK;
}

static void show(struct shard *shard)
{
    struct shard_view *view = &shard->view;
    uint64_t begun_ns = clock_thread_ns();
    uint64_t written_ns = shard->write_ns; // a tail that went to disk for the view is counted there
    struct shard_shown shown = {.failed = !make_view(shard)};
    if (!shown.failed) {
        shown.event_count = shard->output.event_count + shard->tail->row_count;
        shown.chunk_count = view->chunk_count;
        shown.chunks = memory_allocate_zeroed(view->chunk_count, sizeof(struct sealed_chunk *));
        for (uint32_t i = 0; i < view->chunk_count; i++) {
            shown.chunks[i] = sealed_chunk_hold(view->chunks[i].sealed);
        }
    }
    shard->show_ns += clock_thread_ns() - begun_ns - (shard->write_ns - written_ns);
    shard_counters_set(&shard->counters.show_ns, shard->show_ns);
    publish(shard, tail_memory(shard->tail));
    shard->sealed_epoch++;
    shard_counters_set(&shard->counters.sealed_epoch, shard->sealed_epoch);
    shard->options.owner.shown(shard->options.owner.context, shard->options.index, &shown);
}

static bool seal_if_reached(struct shard *shard)
{
    struct route *route = shard->options.route;
    uint64_t epoch = route_epoch(route);
    if (epoch == shard->sealed_epoch || !barrier_reached(shard, epoch)) {
        return false;
    }
    ASSERT(epoch == shard->sealed_epoch + 1);
    if (route->kind == ROUTE_VIEW) {
        show(shard);
    } else {
        seal(shard);
    }
    return true;
}

static bool answer_mail(struct shard *shard)
{
    struct shard_mail *mail = shard_mailbox_letter(&shard->mailbox);
    if (mail == NULL) {
        return false;
    }
    mail->stale = shard->discarding || (mail->kind != SHARD_MAIL_RETURN &&
                                        (shard->tail_is_split || shard->tail_epoch != mail->epoch));
    if (!mail->stale) {
        shard_mail_handle(mail, shard->live, shard->tail);
        publish(shard, tail_memory(shard->tail));
    }
    shard_mailbox_answer(&shard->mailbox);
    shard->options.owner.answered(shard->options.owner.context);
    return true;
}

static bool something_to_do(struct shard *shard)
{
    struct route *route = shard->options.route;
    if (route_stopped(route) || shard_mailbox_letter(&shard->mailbox) != NULL) {
        return true;
    }
    uint64_t epoch = route_epoch(route);
    if (epoch != shard->sealed_epoch && barrier_reached(shard, epoch)) {
        return true;
    }
    for (uint32_t i = 0; i < route->options.producer_count; i++) {
        if (!is_held(shard, i) && !route_empty(route, i, shard->options.index)) {
            return true;
        }
    }
    return false;
}

static void rest(struct shard *shard)
{
    struct parker *parker = &shard->options.route->shard_parkers[shard->options.index];
    if (!parker_pause(&shard->patience)) {
        return;
    }
    parker_prepare(parker);
    if (something_to_do(shard)) {
        parker_cancel(parker);
        return;
    }
    parker_sleep(parker, REST_TIMEOUT_US);
}

static enum corong_status prime(struct shard *shard, struct live_block *block,
                                struct corong_error *error)
{
    const struct shard_options *options = &shard->options;
    uint32_t shard_count = options->route->options.shard_count;
    struct hash128 from = options->live.first_key;
    struct hash128 end = route_first_key(options->index + 1, shard_count);
    bool is_last = options->index + 1 == shard_count;
    struct live_reader *reader = live_reader_open(options->load);
    enum corong_status status;
    do {
        status = live_reader_range(reader, from, is_last ? NULL : &end, LIVE_READER_BLOCK_USERS,
                                   block, error);
        if (status == CORONG_OK) {
            live_prime(shard->live, block);
            from = block->end;
        }
    } while (status == CORONG_OK && block->has_end);
    live_reader_close(reader);
    return status;
}

// Reads what the store holds of the shard's users, before their next events are taken.
static void prime_if_asked(struct shard *shard)
{
    if (shard->options.load == NULL) {
        if (shard->options.live.primes) {
            live_primed(shard->live, false);
        }
        return;
    }
    struct live_block block;
    struct corong_error error = {0};
    live_block_init(&block, shard->options.live.plan);
    turn_to(shard, SHARD_PRIMES);
    enum corong_status status = prime(shard, &block, &error);
    turn_to(shard, SHARD_TAKES);
    live_block_deinit(&block);
    live_primed(shard->live, status == CORONG_OK);
    publish(shard, tail_memory(shard->tail));
    shard->options.owner.primed(shard->options.owner.context, status == CORONG_OK ? NULL : &error);
}

void *shard_run(void *argument)
{
    struct shard *shard = argument;
    prime_if_asked(shard);
    while (!route_stopped(shard->options.route)) {
        shard->discarding |= shard->options.owner.has_failed(shard->options.owner.context);
        bool progressed = pop_round(shard);
        progressed |= seal_if_reached(shard);
        progressed |= answer_mail(shard);
        if (progressed) {
            shard->patience = (struct parker_patience){0};
        } else {
            look(shard);
            rest(shard);
        }
    }
    // Most of what an engine has: all shards give it back at once, not one after the other.
    tail_destroy(shard->tail);
    shard->tail = NULL;
    return NULL;
}
