// SPDX-License-Identifier: Apache-2.0
// Files to messages: which key, which time, which pack.
#include "ingest/produce/produce.h"

#include "ingest/produce/produce_pack.h"
#include "ingest/replay/replay.h"
#include "ingest/source.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define PROGRESS_INTERVAL_US (MICROSECONDS_PER_SECOND / 10)
#define CLOCK_INTERVAL 64u ///< lines between two looks at the clock
#define SERVE_MS 10u
/// How long a stopped feed waits for what is on its way.
#define STOP_PATIENCE_US (10 * MICROSECONDS_PER_SECOND)

enum key_kind { KEY_NONE, KEY_USER, KEY_COLUMN };

struct feed {
    const struct produce_feed_options *options;
    struct produce *produce;
    struct produce_feed_counts *counts;
    struct corong_error *error;
    struct arena arena;
    struct schema schema;
    struct decoder *decoder;
    bool separated; ///< CSV or TSV: rows are sent as JSON
    enum key_kind key_kind;
    uint32_t key_column;
    struct produce_pack_set *packs; ///< NULL: a line is a message
    int64_t begun_us;
    int64_t reported_us;
    struct text_buffer row;

    // Of the line in hand.
    bool decoded;
    struct text_buffer key; ///< missing where `keyed` is false
    bool keyed;
    int64_t timestamp_us;
};

static void take_key(struct feed *feed, const struct event *event)
{
    struct text text = event->user_id;
    if (feed->key_kind == KEY_COLUMN) {
        const union canonical_value *value = &event->values[feed->key_column];
        switch (feed->schema.columns[feed->key_column].type) {
        case COLUMN_STRING:
            text = value->string;
            break;
        case COLUMN_NUMBER:
            return; // refused when the feed began
        default:
            if (value->integer != COLUMN_INTEGER_MISSING) {
                text_buffer_printf(&feed->key, "%lld", (long long)value->integer);
                feed->keyed = true;
            }
            return;
        }
    }
    feed->keyed = text.bytes != NULL;
    text_buffer_append_text(&feed->key, text);
}

/// The first event of a line says where the line belongs.
static void take_event(void *context, const struct event *event)
{
    struct feed *feed = context;
    if (feed->decoded) {
        return;
    }
    feed->decoded = true;
    int64_t received_us = event->values[COLUMN_RECEIVED].integer;
    feed->timestamp_us = received_us == COLUMN_INTEGER_MISSING ? event->time_us : received_us;
    if (feed->key_kind != KEY_NONE) {
        take_key(feed, event);
    }
}

static void pass_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    // Whoever consumes the message finds the same fault.
    (void)context;
    (void)event_index;
    (void)reason;
    (void)detail;
}

static enum corong_status send(struct feed *feed, struct text line)
{
    struct produce_message message = {
        .bytes = line,
        .key = feed->keyed ? (struct text){feed->key.bytes, feed->key.size} : TEXT_MISSING,
        .timestamp_us = feed->options->time_is_now ? METADATA_NO_TIMESTAMP : feed->timestamp_us,
        .partition = METADATA_NO_PARTITION,
        .line_count = 1,
    };
    if (feed->packs != NULL) {
        return produce_pack_add(feed->packs, &message, feed->key_kind != KEY_NONE, feed->error);
    }
    return produce_send(feed->produce, &message, feed->error);
}

static enum corong_status take_line(struct feed *feed, const struct source_message *message)
{
    struct decode_sink sink = {feed, take_event, pass_reject};
    struct decode_outcome outcome = {0};
    struct text line = message->bytes;
    feed->counts->lines++;
    if (message->too_long || message->truncated) {
        feed->counts->cut++;
        return CORONG_OK;
    }
    feed->decoded = false;
    feed->keyed = false;
    feed->timestamp_us = METADATA_NO_TIMESTAMP;
    text_buffer_reset(&feed->key);
    if (feed->decoder != NULL) {
        decode_message(feed->decoder, line, &sink, &outcome);
    }
    if (feed->separated && outcome.blank) {
        feed->counts->blank++;
        return CORONG_OK;
    }
    if (line.size > 0 && line.bytes[line.size - 1] == '\r') {
        line.size--;
    }
    if (line.size == 0) {
        feed->counts->blank++;
        return CORONG_OK;
    }
    text_buffer_reset(&feed->row);
    if (feed->separated && decoder_row_as_json(feed->decoder, line, &feed->row)) {
        line = (struct text){feed->row.bytes, feed->row.size};
    }
    feed->counts->unkeyed += feed->key_kind != KEY_NONE && !feed->keyed;
    return send(feed, line);
}

static bool report(struct feed *feed, int64_t now_us)
{
    feed->reported_us = now_us;
    if (feed->options->progress != NULL &&
        !feed->options->progress(feed->options->context, feed->counts)) {
        feed->counts->stopped = true;
    }
    return !feed->counts->stopped;
}

/// Looks at the clock: reports, lets slow packs go, and waits where lines come faster than the
/// rate.
static enum corong_status keep_time(struct feed *feed, struct source *source, uint64_t bytes_before)
{
    for (;;) {
        int64_t now_us = clock_monotonic_us();
        if (now_us - feed->reported_us >= PROGRESS_INTERVAL_US) {
            uint64_t done;
            uint64_t total;
            source->operations->progress(source, &done, &total);
            feed->counts->bytes_done = bytes_before + done;
            if (feed->packs != NULL) {
                TRY(produce_pack_flush(feed->packs, feed->error));
            }
            if (!report(feed, now_us)) {
                return CORONG_OK;
            }
        }
        uint64_t rate = feed->options->rate;
        double due_s = rate == 0 ? 0 : (double)feed->counts->lines / (double)rate;
        if ((double)(now_us - feed->begun_us) / MICROSECONDS_PER_SECOND >= due_s) {
            return CORONG_OK;
        }
        produce_serve(feed->produce, SERVE_MS);
    }
}

static enum corong_status read_source(struct feed *feed, struct source *source)
{
    uint64_t bytes_before = feed->counts->bytes_done;
    uint64_t interval = feed->options->rate == 0 ? CLOCK_INTERVAL : 1;
    struct source_message message;
    struct corong_error failure = {0};
    while (!feed->counts->stopped) {
        enum source_poll result = source->operations->poll(source, &message, &failure);
        if (result == SOURCE_END) {
            break;
        }
        if (result == SOURCE_FAILED) {
            return error_set(feed->error, failure.status, "%s", failure.message);
        }
        if (result == SOURCE_MESSAGE) {
            TRY(take_line(feed, &message));
        }
        if (result == SOURCE_IDLE || feed->counts->lines % interval == 0) {
            TRY(keep_time(feed, source, bytes_before));
        }
    }
    uint64_t done;
    uint64_t total;
    source->operations->progress(source, &done, &total);
    feed->counts->bytes_done = bytes_before + done;
    return CORONG_OK;
}

static enum corong_status read_file(struct feed *feed, const struct replay_plan *plan,
                                    struct replay_file *file, struct store_position *position)
{
    struct source *source;
    TRY(replay_open(&source, plan, file, position, feed->error));
    if (feed->decoder != NULL) {
        struct text header = source->operations->header(source);
        decoder_begin_file(feed->decoder);
        if (position->next_offset > 0 && header.bytes != NULL) {
            decoder_set_header(feed->decoder, header);
        }
    }
    enum corong_status status = read_source(feed, source);
    source->operations->position(source, 0, position);
    source->operations->close(source);
    return status;
}

/// Files of one chain are copies or continuations of each other, and each byte is sent once.
static enum corong_status read_plan(struct feed *feed, const struct replay_plan *plan)
{
    feed->counts->bytes_total = plan->bytes_total;
    for (uint32_t chain = 0; chain < plan->chain_count; chain++) {
        struct store_position position = {0};
        for (uint32_t index = plan->chains[chain]; index != REPLAY_NONE && !feed->counts->stopped;
             index = plan->files[index].next) {
            TRY(read_file(feed, plan, &plan->files[index], &position));
        }
    }
    return CORONG_OK;
}

static enum corong_status read_paths(struct feed *feed)
{
    const struct produce_feed_options *options = feed->options;
    struct replay_options replay = {
        .paths = options->paths,
        .path_count = options->path_count,
        .message_size_max =
            options->message_size_max != 0 ? options->message_size_max : DECODE_MESSAGE_SIZE_MAX,
    };
    struct replay_plan *plan = NULL;
    enum corong_status status = replay_plan_create(&plan, &replay, NULL, feed->error);
    status = status == CORONG_OK ? read_plan(feed, plan) : status;
    replay_plan_destroy(plan);
    if (status == CORONG_OK && feed->packs != NULL) {
        status = produce_pack_flush(feed->packs, feed->error);
    }
    return status;
}

/// Waits for the last reports. A stopped feed does not wait for ever.
static void wait_for_reports(struct feed *feed)
{
    int64_t until_us = INT64_MAX;
    while (!produce_flush(feed->produce, (uint32_t)(PROGRESS_INTERVAL_US / 1000)) &&
           clock_monotonic_us() < until_us) {
        if (!report(feed, clock_monotonic_us()) && until_us == INT64_MAX) {
            until_us = clock_monotonic_us() + STOP_PATIENCE_US;
        }
    }
    (void)report(feed, clock_monotonic_us());
}

static enum corong_status refuse_key(struct feed *feed)
{
    struct text nearest = schema_nearest(&feed->schema, feed->options->key);
    return error_set(feed->error, CORONG_INVALID,
                     "key '%.*s' is none of user, none, event and the mapping's attributes of type "
                     "string, integer or boolean%s%.*s%s",
                     (int)feed->options->key.size, feed->options->key.bytes,
                     nearest.bytes == NULL ? "" : "; did you mean '", (int)nearest.size,
                     nearest.bytes == NULL ? "" : nearest.bytes, nearest.bytes == NULL ? "" : "'?");
}

static enum corong_status choose_key(struct feed *feed)
{
    struct text word = feed->options->key;
    feed->key_kind = KEY_USER;
    if (text_equal(word, TEXT_LITERAL("user"))) {
        return CORONG_OK;
    }
    if (text_equal(word, TEXT_LITERAL("none"))) {
        feed->key_kind = KEY_NONE;
        return CORONG_OK;
    }
    int32_t column = schema_find(&feed->schema, word);
    feed->key_kind = KEY_COLUMN;
    feed->key_column = (uint32_t)column;
    bool usable = column == COLUMN_NAME || column >= COLUMN_SYSTEM_COUNT;
    return usable && feed->schema.columns[column].type != COLUMN_NUMBER ? CORONG_OK
                                                                        : refuse_key(feed);
}

static enum corong_status begin(struct feed *feed)
{
    struct mapping *mapping = feed->options->mapping;
    schema_init(&feed->schema, &feed->arena);
    if (mapping != NULL) {
        feed->separated = mapping_has_header(mapping);
        TRY(mapping_bind_schema(mapping, &feed->schema, &feed->arena, feed->error));
    }
    TRY(choose_key(feed));
    if (mapping != NULL) {
        feed->decoder = decoder_create(mapping, &feed->schema);
    }
    ASSERT(mapping != NULL || feed->key_kind == KEY_NONE);
    if (feed->options->pack > 1) {
        feed->packs = produce_pack_create(feed->produce, feed->options->pack);
    }
    return CORONG_OK;
}

enum corong_status produce_feed(struct produce *produce, const struct produce_feed_options *options,
                                struct produce_feed_counts *counts_out, struct corong_error *error)
{
    ASSERT(options->pack >= 1);
    *counts_out = (struct produce_feed_counts){0};
    struct feed feed = {.options = options,
                        .produce = produce,
                        .counts = counts_out,
                        .error = error,
                        .begun_us = clock_monotonic_us()};
    feed.reported_us = feed.begun_us;
    enum corong_status status = begin(&feed);
    status = status == CORONG_OK ? read_paths(&feed) : status;
    wait_for_reports(&feed);
    if (feed.decoder != NULL) {
        decoder_destroy(feed.decoder);
    }
    produce_pack_destroy(feed.packs);
    text_buffer_deinit(&feed.key);
    text_buffer_deinit(&feed.row);
    arena_deinit(&feed.arena);
    return status;
}
