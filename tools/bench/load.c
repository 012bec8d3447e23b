// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/load.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tools/bench/threads.h"

#include <sched.h>

#define SAMPLES_PER_SECOND 2000.0
#define BURST_COUNT 64u
#define BATCH_SIZE (64u << 10)
#define IDLE_MAX_US 2000
#define EARLY_MAX_US 500 ///< lines are handed over before they are due by this at most
#define LOOK_COUNT 16u   ///< the clock is read for every so many lines at least

static bool next_of_crowd(void *context, struct subject_line *line_out, struct corong_error *error)
{
    struct load_crowd *crowd = context;
    struct crowd_event event;
    (void)error;
    if (!crowd_next(crowd->crowd, &event)) {
        return false;
    }
    text_buffer_reset(&crowd->line);
    crowd_format(crowd->crowd, &event, &crowd->line);
    size_t size = crowd_user_id(crowd->crowd, &event, crowd->key);
    *line_out = (struct subject_line){
        {crowd->line.bytes, crowd->line.size}, {crowd->key, size}, event.time_us};
    return true;
}

struct load_lines load_from_crowd(struct load_crowd *crowd)
{
    return (struct load_lines){crowd, next_of_crowd};
}

static void queue_push(struct load_queue *queue, int64_t offset, int64_t due_us)
{
    if (queue->first > 0 && queue->first == queue->count) {
        queue->first = queue->count = 0;
    }
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 256 : queue->capacity * 2;
        queue->samples =
            memory_resize_array(queue->samples, queue->capacity, sizeof(*queue->samples));
    }
    queue->samples[queue->count++] = (struct load_sample){offset, due_us};
}

static void remember(struct load *load, uint32_t partition, int64_t offset, int64_t due_us)
{
    pthread_mutex_lock(&load->lock);
    queue_push(&load->queues[partition], offset, due_us);
    pthread_mutex_unlock(&load->lock);
}

static bool flush_batch(struct load *load)
{
    struct text lines = {load->batch.bytes, load->batch.size};
    bool good =
        lines.size == 0 || subject_write(load->options.subject, lines, &load->error) == CORONG_OK;
    text_buffer_reset(&load->batch);
    return good;
}

/// Hands one line over. False: the load ends.
static bool emit(struct load *load, const struct subject_line *line, int64_t due_us)
{
    struct subject *subject = load->options.subject;
    uint32_t partition = 0;
    int64_t offset = 0;
    if (subject->produce != NULL) {
        if (subject_send(subject, line, &partition, &offset, &load->error) != CORONG_OK) {
            return false;
        }
    } else {
        text_buffer_append(&load->batch, line->bytes.bytes, line->bytes.size);
        offset = (int64_t)(subject->sent_bytes + load->batch.size);
        subject->sent++;
        if (load->batch.size >= BATCH_SIZE && !flush_batch(load)) {
            return false;
        }
    }
    if (load->number % load->sample_period == 0) {
        remember(load, partition, offset, due_us);
    }
    return true;
}

/// When a line is due, from the begin on.
static int64_t due_of(struct load *load, const struct subject_line *line, uint64_t number)
{
    const struct load_options *options = &load->options;
    if (options->speed > 0) {
        // A header has no time.
        load->first_time_us = load->first_time_us == 0 ? line->time_us : load->first_time_us;
        int64_t passed_us = line->time_us - load->first_time_us;
        return passed_us <= 0 ? 0 : (int64_t)((double)passed_us / options->speed);
    }
    return options->rate > 0 ? (int64_t)((double)number * 1e6 / options->rate) : 0;
}

static bool asked_to_end(struct load *load)
{
    pthread_mutex_lock(&load->lock);
    bool over = load->over;
    pthread_mutex_unlock(&load->lock);
    return over || pump_stop_asked(load->options.subject->options.stop);
}

static void note_sent(struct load *load, uint64_t sent)
{
    pthread_mutex_lock(&load->lock);
    load->sent = sent;
    pthread_mutex_unlock(&load->lock);
}

/// Waits until a line is due. False: the load's time is over before.
static bool wait_until_due(struct load *load, int64_t due_us)
{
    int64_t limit_us = load->options.limit_us;
    for (;;) {
        int64_t now_us = clock_monotonic_us() - load->begun_us;
        load->looked_us = now_us;
        if (limit_us > 0 && now_us >= limit_us) {
            return false;
        }
        if (due_us <= now_us) {
            return true;
        }
        if (!flush_batch(load) || asked_to_end(load)) {
            return false;
        }
        int64_t pause_us = due_us - now_us < IDLE_MAX_US ? due_us - now_us : IDLE_MAX_US;
        if (pause_us >= 1000) {
            subject_idle(load->options.subject, (uint32_t)(pause_us / 1000));
        } else {
            clock_sleep_us(pause_us);
        }
    }
}

static void send_all(struct load *load)
{
    const struct load_options *options = &load->options;
    struct subject_line line;
    uint64_t number = 0;
    int64_t due_us = 0;
    while ((options->count == 0 || number < options->count) &&
           options->lines.next(options->lines.context, &line, &load->error)) {
        int64_t later_us = due_of(load, &line, number);
        due_us = later_us > due_us ? later_us : due_us; // a recording may be out of order
        bool timed = options->rate > 0 || options->speed > 0;
        bool early = timed && due_us - load->looked_us > EARLY_MAX_US;
        bool looks = early || number % (timed ? LOOK_COUNT : BURST_COUNT) == 0;
        if (looks && !wait_until_due(load, due_us)) {
            break;
        }
        int64_t due_at_us = timed ? load->begun_us + due_us : clock_monotonic_us();
        if (!emit(load, &line, due_at_us)) {
            break;
        }
        load->number = ++number;
        if (number % BURST_COUNT == 0) {
            note_sent(load, number);
            if (asked_to_end(load)) {
                break;
            }
        }
    }
    (void)!flush_batch(load);
    note_sent(load, number);
    load->ended_us = clock_monotonic_us();
    load->behind_us = load->ended_us - load->begun_us - due_us;
}

static void stay_on(const int *cores, uint32_t count)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (uint32_t index = 0; index < count; index++) {
        CPU_SET((unsigned)cores[index], &set);
    }
    if (count > 0) {
        (void)sched_setaffinity(0, sizeof(set), &set); // where it is refused, any core will do
    }
}

static void *run(void *argument)
{
    struct load *load = argument;
    threads_name("bench-load");
    stay_on(load->options.cores, load->options.core_count);
    int64_t held_before_us = load->options.subject->held_us;
    send_all(load);
    load->held_us = load->options.subject->held_us - held_before_us;
    pthread_mutex_lock(&load->lock);
    load->over = true;
    pthread_mutex_unlock(&load->lock);
    return NULL;
}

void load_begin(struct load *load, const struct load_options *options)
{
    *load = (struct load){.options = *options, .begun_us = clock_monotonic_us()};
    pthread_mutex_init(&load->lock, NULL);
    double period = options->rate / SAMPLES_PER_SECOND;
    load->sample_period = options->rate <= 0 ? 64 : period < 1 ? 1 : (uint64_t)period;
    load->running = true;
    ASSERT(pthread_create(&load->thread, NULL, run, load) == 0);
}

void load_stop(struct load *load)
{
    pthread_mutex_lock(&load->lock);
    load->over = true;
    pthread_mutex_unlock(&load->lock);
}

void load_end(struct load *load)
{
    if (load->running) {
        pthread_join(load->thread, NULL);
    }
    load->running = false;
}

void load_deinit(struct load *load)
{
    for (uint32_t index = 0; index < SUBJECT_PARTITION_COUNT_MAX; index++) {
        memory_free(load->queues[index].samples);
    }
    text_buffer_deinit(&load->batch);
    pthread_mutex_destroy(&load->lock);
}

void load_now(struct load *load, struct load_state *state_out)
{
    int64_t passed_us = clock_monotonic_us() - load->begun_us;
    const struct load_options *options = &load->options;
    pthread_mutex_lock(&load->lock);
    *state_out = (struct load_state){.sent = load->sent, .due = load->sent, .over = load->over};
    pthread_mutex_unlock(&load->lock);
    if (options->rate > 0 && !state_out->over) {
        passed_us =
            options->limit_us > 0 && passed_us > options->limit_us ? options->limit_us : passed_us;
        uint64_t due = (uint64_t)((double)passed_us * options->rate / 1e6);
        due = options->count > 0 && due > options->count ? options->count : due;
        state_out->due = due > state_out->sent ? due : state_out->sent;
    }
}

int64_t load_seen(struct load *load, const struct subject_sight *sight, int64_t now_us,
                  struct histogram *freshness)
{
    int64_t oldest_us = now_us;
    pthread_mutex_lock(&load->lock);
    for (uint32_t index = 0; index < load->options.subject->partition_count; index++) {
        struct load_queue *queue = &load->queues[index];
        while (queue->first < queue->count &&
               queue->samples[queue->first].offset <= sight->next[index]) {
            histogram_add(freshness, now_us - queue->samples[queue->first++].due_us, 1);
        }
        if (queue->first < queue->count && queue->samples[queue->first].due_us < oldest_us) {
            oldest_us = queue->samples[queue->first].due_us;
        }
    }
    pthread_mutex_unlock(&load->lock);
    return now_us - oldest_us;
}
