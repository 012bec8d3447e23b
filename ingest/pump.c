// SPDX-License-Identifier: Apache-2.0
#include "ingest/pump.h"

#include "ingest/ingest.h"
#include "ingest/pump_cuts.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define PROGRESS_INTERVAL 256u            ///< messages between two looks at a source's byte counts
#define MOVED_COUNT_MAX 4096u             ///< finished files that may wait for one barrier
#define DEAD_LETTERS_SIZE_MAX (16u << 20) ///< bytes of rejects that may wait for one barrier
/// Inside one message no barrier can be served: a batch of very many bad events keeps the letters
/// that fit here. All are counted.
#define DEAD_LETTERS_SIZE_FULL (64u << 20)
#define BARRIER_WAIT_US 1000
#define FLUSH_WAIT_COUNT 10u                 ///< a flush waits so many times before the next poll
#define FLUSH_ASK_INTERVAL_US INT64_C(50000) ///< between two requests for its commit

/// The engine holds this pump up.
static void waiting(void *context)
{
    struct pump *pump = context;
    if (pump->source != NULL && pump->source->operations->waiting != NULL) {
        pump->source->operations->waiting(pump->source);
    }
}

void pump_open(struct pump *pump, struct engine *engine, const struct mapping *mapping,
               const struct schema *schema, struct pump_progress *progress,
               const struct pump_stop *stop)
{
    *pump = (struct pump){.engine = engine, .progress = progress, .stop = stop};
    pump->producer = engine_producer_open(engine);
    pump_set_mapping(pump, mapping, schema);
    engine_producer_on_wait(pump->producer, waiting, pump);
}

void pump_deinit(struct pump *pump)
{
    if (pump->decoder != NULL) {
        decoder_destroy(pump->decoder);
    }
    reject_log_deinit(&pump->rejects);
    pump_cuts_forget(pump);
    memory_free(pump->tracks);
    memory_free(pump->moved);
    *pump = (struct pump){0};
}

/// Both the source's cumulative counters and this run's take every step.
#define COUNT(pump, field, amount)                                                                 \
    do {                                                                                           \
        (pump)->track->counters.field += (amount);                                                 \
        (pump)->run.field += (amount);                                                             \
    } while (false)

/// Headers cost time: they are asked for where the mapping wants them, and for dead letters.
static void load_headers(struct pump *pump)
{
    const struct source_operations *operations = pump->source->operations;
    if (!pump->headers_loaded && pump->message->metadata != NULL && operations->headers != NULL) {
        operations->headers(pump->source);
    }
    pump->headers_loaded = true;
}

static void record_reject(struct pump *pump, enum reject_reason reason, uint32_t event_index,
                          struct text message, const char *detail)
{
    struct text_buffer *letters = &pump->rejects.dead_letters;
    size_t size_before = letters->size;
    struct reject_letter letter = {.reason = reason,
                                   .source = pump->track->name,
                                   .offset = pump->message->offset,
                                   .event_index = event_index,
                                   .message = message};
    pump->run.rejected[reason]++;
    load_headers(pump);
    reject_record(&pump->rejects, &pump->track->counters, &letter, pump->message->metadata, detail);
    if (letters->size > DEAD_LETTERS_SIZE_FULL) {
        letters->size = size_before;
    }
}

/// A dead letter of one event of a batch: its neighbours were stored the first time.
static bool event_wanted(struct pump *pump)
{
    bool wanted = pump->message->only_event == SOURCE_EVERY_EVENT ||
                  pump->message->only_event == decoder_event_index(pump->decoder);
    pump->event_index++;
    pump->event_taken += wanted;
    return wanted;
}

static void take_event(void *context, const struct event *event)
{
    struct pump *pump = context;
    if (!event_wanted(pump)) {
        return;
    }
    engine_push(pump->producer, event);
    COUNT(pump, stored, 1);
    COUNT(pump, future, event->future);
}

static void take_rejected_event(void *context, uint32_t event_index, enum reject_reason reason,
                                const char *detail)
{
    struct pump *pump = context;
    if (event_wanted(pump)) {
        COUNT(pump, events_rejected, 1);
        record_reject(pump, reason, event_index, decoder_document(pump->decoder), detail);
    }
}

static void reject_message(struct pump *pump, enum reject_reason reason, const char *detail)
{
    COUNT(pump, messages_rejected, 1);
    record_reject(pump, reason, SOURCE_EVERY_EVENT, pump->message->bytes, detail);
}

static void decode(struct pump *pump)
{
    struct decode_sink sink = {pump, take_event, take_rejected_event};
    struct decode_outcome outcome;
    pump->event_index = 0;
    pump->event_taken = 0;
    if (decoder_wants_headers(pump->decoder)) {
        load_headers(pump);
    }
    const struct source_message *message = pump->message;
    if (message->one_line && pump->line_tried) {
        decode_unknown_line(pump->decoder, message->bytes, message->metadata, &sink, &outcome);
    } else if (message->one_line) {
        decode_line(pump->decoder, message->bytes, message->metadata, &sink, &outcome);
    } else {
        decoder_begin_message(pump->decoder);
        decode_message_with(pump->decoder, message->bytes, message->metadata, &sink, &outcome);
    }
    if (outcome.blank) {
        COUNT(pump, blank, 1);
    } else if (outcome.reason != REJECT_NONE) {
        reject_message(pump, outcome.reason, outcome.detail);
    } else {
        DCHECK(pump->event_index == outcome.event_count);
        COUNT(pump, events, pump->event_taken);
        pump->decoded++;
    }
}

static void publish(struct pump *pump)
{
    const struct store_counters *run = &pump->run;
    pump_progress_set(&pump->progress->messages, run->messages);
    pump_progress_set(&pump->progress->events, run->events);
    pump_progress_set(&pump->progress->rejected, run->messages_rejected + run->events_rejected);
}

static void publish_bytes(struct pump *pump)
{
    uint64_t done = 0;
    uint64_t total;
    if (pump->source != NULL) {
        pump->source->operations->progress(pump->source, &done, &total);
    }
    pump_progress_set(&pump->progress->bytes_done, pump->bytes_before + done);
}

static void add_tracks(struct pump *pump, const struct store_position *starts)
{
    struct source *source = pump->source;
    uint32_t count = source->operations->partition_count(source);
    pump->tracks = memory_resize_array(pump->tracks, count + 1u, sizeof(*pump->tracks));
    for (uint32_t index = pump->track_count; index < count; index++) {
        struct store_position position = {0};
        source->operations->position(source, index, &position);
        pump->tracks[index] = (struct pump_track){
            .name = position.name,
            .counters = starts != NULL ? starts[index].counters : position.counters,
            .next_offset = position.next_offset > 0 ? position.next_offset : -1,
        };
    }
    pump->track_count = count;
}

static struct pump_track *track_of(struct pump *pump, const struct source_message *message)
{
    if (__builtin_expect(message->partition_index >= pump->track_count, 0)) {
        add_tracks(pump, NULL);
    }
    return &pump->tracks[message->partition_index];
}

/// Moves the partition past the message and what lies between it and the one before.
static void move_track(struct pump *pump, struct pump_track *track,
                       const struct source_message *message)
{
    pump->track = track;
    if (__builtin_expect((message->skipped | message->lost) != 0, 0)) {
        COUNT(pump, control, message->skipped);
        COUNT(pump, gaps, message->lost);
    }
    track->next_offset = message->next_offset;
    track->moved = true;
}

static void take_message(struct pump *pump, const struct source_message *message)
{
    pump->message = message;
    pump->headers_loaded = false;
    move_track(pump, track_of(pump, message), message);
    COUNT(pump, messages, 1);
    if (message->too_long) {
        reject_message(pump, REJECT_MESSAGE_TOO_LONG, "");
    } else if (message->truncated) {
        reject_message(pump, REJECT_TRUNCATED, "the input ends here");
    } else {
        decode(pump);
    }
    publish(pump);
    if (pump->run.messages % PROGRESS_INTERVAL == 0) {
        publish_bytes(pump);
    }
}

static void take_line_event(void *context, const struct event *event)
{
    struct pump *pump = context;
    engine_push(pump->producer, event);
    if (__builtin_expect(event->future, 0)) {
        COUNT(pump, future, 1);
    }
}

static void count_lines(struct pump *pump, const struct decode_tally *tally)
{
    COUNT(pump, messages, tally->messages);
    COUNT(pump, blank, tally->blank);
    COUNT(pump, events, tally->events);
    COUNT(pump, stored, tally->events);
    pump->decoded += tally->messages - tally->blank;
}

/// Takes the lines that are at hand, as far as they are like those before them. False: the next
/// message has to be polled.
static bool take_lines(struct pump *pump)
{
    struct source *source = pump->source;
    struct text lines = TEXT_LITERAL("");
    pump->line_tried = false;
    if (source->operations->lines != NULL && pump->decoder != NULL &&
        decoder_takes_lines(pump->decoder)) {
        lines = source->operations->lines(source);
    }
    if (lines.size == 0) {
        return false;
    }
    struct decode_sink sink = {pump, take_line_event, NULL};
    struct decode_tally tally;
    pump->track = &pump->tracks[0];
    size_t size = decode_known_lines(pump->decoder, lines, &sink, &tally);
    pump->line_tried = size < lines.size;
    if (size > 0) {
        pump->track->next_offset = source->operations->take_lines(source, size);
        pump->track->moved = true;
        count_lines(pump, &tally);
        publish(pump);
        publish_bytes(pump);
    }
    return !pump->line_tried;
}

/// Takes messages of a partition that are at hand, as far as they are like those before them.
/// False: the next message has to be polled.
static bool take_lot(struct pump *pump)
{
    struct source *source = pump->source;
    struct source_lot lot;
    if (source->operations->lot == NULL || pump->decoder == NULL ||
        !decoder_takes_messages(pump->decoder) || !source->operations->lot(source, &lot)) {
        return false;
    }
    struct decode_sink sink = {pump, take_line_event, NULL};
    struct decode_tally tally;
    const struct source_message place = {.partition_index = lot.partition_index};
    pump->track = track_of(pump, &place);
    uint32_t count = decode_known_messages(pump->decoder, lot.messages, lot.count, &sink, &tally);
    if (count > 0) {
        pump->track->next_offset = source->operations->take_lot(source, count);
        pump->track->moved = true;
        count_lines(pump, &tally);
        publish(pump);
        publish_bytes(pump);
    }
    return count == lot.count;
}

/// The list holds each source once: a copy of a file may follow it before the next barrier.
static struct store_position *moved_slot(struct pump *pump, struct hash128 id)
{
    for (uint32_t index = pump->moved_count; index-- > 0;) {
        if (hash128_equal(pump->moved[index].id, id)) {
            return &pump->moved[index];
        }
    }
    if (pump->moved_count == pump->moved_capacity) {
        pump->moved_capacity = pump->moved_capacity == 0 ? 16 : pump->moved_capacity * 2;
        pump->moved = memory_resize_array(pump->moved, pump->moved_capacity, sizeof(*pump->moved));
    }
    return &pump->moved[pump->moved_count++];
}

/// Notes where the partitions stand that moved since this was last done.
static void gather(struct pump *pump)
{
    for (uint32_t index = 0; index < pump->track_count; index++) {
        struct pump_track *track = &pump->tracks[index];
        if (!track->moved) {
            continue;
        }
        ASSERT(ingest_books_balance(&track->counters));
        struct store_position position = {0};
        pump->source->operations->position(pump->source, index, &position);
        position.counters = track->counters;
        *moved_slot(pump, position.id) = position;
        track->moved = false;
    }
    ASSERT(ingest_books_balance(&pump->run));
    ASSERT(pump->run.messages == pump->run.blank + pump->run.messages_rejected + pump->decoded);
}

static struct engine_cut cut_make(struct pump *pump)
{
    gather(pump);
    return (struct engine_cut){
        .positions = pump->moved,
        .position_count = pump->moved_count,
        .dead_letters = {pump->rejects.dead_letters.bytes, pump->rejects.dead_letters.size},
    };
}

static void serve_barrier(struct pump *pump)
{
    struct engine_cut cut = cut_make(pump);
    uint64_t epoch = engine_barrier(pump->producer, &cut);
    pump_cuts_keep(pump, epoch);
    pump->moved_count = 0;
    text_buffer_reset(&pump->rejects.dead_letters);
}

/// Input may be nothing but rejects or tiny files: what waits for a barrier is bounded by asking
/// for one and not reading on until it comes.
static void serve_barrier_if_due(struct pump *pump)
{
    if (pump->producer == NULL) {
        return; // it left its engine for none
    }
    while (pump->rejects.dead_letters.size >= DEAD_LETTERS_SIZE_MAX ||
           pump->moved_count >= MOVED_COUNT_MAX) {
        if (engine_failed(pump->engine)) {
            return;
        }
        engine_request_commit(pump->engine);
        if (engine_barrier_wanted(pump->producer)) {
            serve_barrier(pump);
        } else {
            clock_sleep_us(BARRIER_WAIT_US);
        }
    }
    if (engine_barrier_wanted(pump->producer)) {
        serve_barrier(pump);
    }
    if (__builtin_expect(pump->cut_count > 0, 0)) {
        pump_cuts_tell(pump);
    }
}

static bool has_uncommitted(const struct pump *pump)
{
    for (uint32_t index = 0; index < pump->track_count; index++) {
        if (pump->tracks[index].moved) {
            return true;
        }
    }
    return pump->moved_count > 0 || pump->cut_count > 0;
}

/// Hurries the commit that the source waits for; for some milliseconds, then it is polled again.
static void flush(struct pump *pump)
{
    for (uint32_t round = 0; round < FLUSH_WAIT_COUNT && has_uncommitted(pump); round++) {
        int64_t now_us = clock_monotonic_us();
        if (now_us - pump->asked_us >= FLUSH_ASK_INTERVAL_US) {
            pump->asked_us = now_us;
            engine_request_commit(pump->engine);
        }
        serve_barrier_if_due(pump);
        if (engine_failed(pump->engine)) {
            return;
        }
        if (has_uncommitted(pump)) {
            clock_sleep_us(BARRIER_WAIT_US);
        }
    }
}

/// Gives the header lines again where the source goes on behind them and no message came yet.
static void give_header(struct pump *pump)
{
    bool stands = pump->resume_offset > 0 && pump->tracks[0].next_offset == pump->resume_offset;
    if (!stands || pump->decoder == NULL) {
        return;
    }
    struct text header = pump->source->operations->header(pump->source);
    if (header.bytes != NULL) {
        decoder_set_header(pump->decoder, header);
    }
}

/// Header lines: of a new file, or again where the source goes on behind one.
static void prepare_decoder(struct pump *pump)
{
    if (pump->decoder == NULL || pump->source == NULL) {
        return;
    }
    decoder_begin_file(pump->decoder);
    pump->resume_offset = pump->track_count == 1 ? pump->tracks[0].next_offset : -1;
    give_header(pump);
}

static void add_bent(struct decode_notes *sum, const struct decode_notes *more)
{
    sum->mistyped += more->mistyped;
    sum->time_floored += more->time_floored;
    sum->amount_rounded += more->amount_rounded;
}

struct decode_notes pump_notes(const struct pump *pump)
{
    struct decode_notes sum = pump->bent;
    if (pump->decoder != NULL) {
        add_bent(&sum, decoder_notes(pump->decoder));
    }
    return sum;
}

void pump_set_mapping(struct pump *pump, const struct mapping *mapping, const struct schema *schema)
{
    pump->bent = pump_notes(pump);
    if (pump->decoder != NULL) {
        decoder_destroy(pump->decoder);
    }
    pump->decoder = mapping == NULL ? NULL : decoder_create(mapping, schema);
    prepare_decoder(pump);
}

void pump_reset_books(struct pump *pump)
{
    ASSERT(pump->source == NULL && pump->decoder == NULL);
    pump->run = (struct store_counters){0};
    pump->decoded = 0;
    pump->bent = (struct decode_notes){0};
    memset(pump->rejects.sample_counts, 0, sizeof(pump->rejects.sample_counts));
    pump->bytes_before = 0;
    publish(pump);
    publish_bytes(pump);
}

static void begin_source(struct pump *pump, struct source *source,
                         const struct store_position *starts)
{
    pump->source = source;
    pump->track_count = 0;
    add_tracks(pump, starts);
    prepare_decoder(pump);
}

void pump_pass(struct pump *pump, uint64_t size_bytes)
{
    pump->bytes_before += size_bytes;
    publish_bytes(pump);
}

static void end_source(struct pump *pump, struct store_position *last_out)
{
    uint64_t done;
    uint64_t total;
    gather(pump);
    if (last_out != NULL) {
        pump->source->operations->position(pump->source, 0, last_out);
        last_out->counters = pump->tracks[0].counters;
    }
    pump->source->operations->progress(pump->source, &done, &total);
    pump_cuts_forget(pump);
    pump->source = NULL;
    pump->track_count = 0;
    pump_pass(pump, done);
    serve_barrier_if_due(pump);
}

/// What a poll gave that is no message.
static void take_other(struct pump *pump, enum source_poll result,
                       const struct source_message *message)
{
    if (result == SOURCE_SKIPPED) {
        move_track(pump, track_of(pump, message), message);
    } else if (result == SOURCE_FLUSH) {
        flush(pump);
    } else if (result == SOURCE_IDLE) {
        give_header(pump); // a log may have named other columns before the place where it goes on
    }
    publish_bytes(pump);
}

/// The engine is to be exchanged, or has failed.
static void leave_if_due(struct pump *pump)
{
    if (pump_stop_asked(&pump->host->asked) || engine_failed(pump->engine)) {
        pump->host->leave(pump->host->context, pump);
    }
}

enum corong_status pump_read(struct pump *pump, struct source *source,
                             const struct store_position *starts, struct store_position *last_out,
                             struct corong_error *error)
{
    begin_source(pump, source, starts);
    struct corong_error failure = {0};
    struct source_message message;
    enum source_poll result = SOURCE_IDLE;
    while (result != SOURCE_END && result != SOURCE_FAILED && !pump_stop_asked(pump->stop)) {
        if (take_lines(pump) || take_lot(pump)) {
            result = SOURCE_IDLE;
        } else {
            result = source->operations->poll(source, &message, &failure);
            if (result == SOURCE_MESSAGE) {
                take_message(pump, &message);
            } else {
                take_other(pump, result, &message);
            }
        }
        serve_barrier_if_due(pump);
        if (pump->host != NULL) {
            leave_if_due(pump);
        } else if (engine_failed(pump->engine)) {
            break; // its error comes out of engine_drain()
        }
    }
    end_source(pump, last_out);
    if (result == SOURCE_FAILED) {
        if (error != NULL) {
            *error = failure;
        }
        return failure.status;
    }
    return CORONG_OK;
}

void pump_close(struct pump *pump)
{
    struct engine_cut cut = cut_make(pump);
    engine_producer_close(pump->producer, &cut);
    pump->producer = NULL;
    pump->moved_count = 0;
    text_buffer_reset(&pump->rejects.dead_letters);
}

/// All that moved is durable: the last engine was drained, or the source rewound.
static void tell_all(struct pump *pump)
{
    struct source *source = pump->source;
    pump_cuts_forget(pump);
    if (source == NULL || source->operations->committed == NULL) {
        return;
    }
    for (uint32_t index = 0; index < pump->track_count; index++) {
        struct store_position position = {0};
        source->operations->position(source, index, &position);
        position.counters = pump->tracks[index].counters;
        source->operations->committed(source, &position, 1);
    }
}

void pump_enter(struct pump *pump, struct engine *engine)
{
    pump->engine = engine;
    pump->producer = engine_producer_open(engine);
    engine_producer_on_wait(pump->producer, waiting, pump);
    tell_all(pump);
}
