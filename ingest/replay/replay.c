// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay.h"

#include "ingest/replay/replay_identity.h"
#include "ingest/replay/replay_letters.h"
#include "ingest/replay/replay_lines.h"
#include "ingest/replay/replay_window.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

struct replay_source {
    struct source source; // first: see source.h
    const struct replay_file *file;
    struct replay_window window;
    struct replay_lines lines;
    struct replay_letters letters;
    struct store_position start;
    struct text header;
    bool resuming;
    bool is_letters;
};

static struct replay_source *replay_of(struct source *source)
{
    return (struct replay_source *)source;
}

/// The way to the committed position. IDLE lets the pump serve barriers between two blocks.
static enum source_poll resume(struct replay_source *replay, struct corong_error *error)
{
    switch (replay_window_resume(&replay->window, &replay->start, error)) {
    case REPLAY_READ_BYTES:
        replay->resuming = false;
        if (replay->window.fields.found.size > 0) {
            replay->header =
                (struct text){replay->window.fields.found.bytes, replay->window.fields.found.size};
        }
        return SOURCE_IDLE;
    case REPLAY_READ_IDLE:
        return SOURCE_IDLE;
    case REPLAY_READ_END:
        error_set(error, CORONG_INVALID,
                  "cannot continue '%s': the store holds its first %lld bytes, but it is shorter "
                  "now",
                  replay->file->path, (long long)replay->start.next_offset);
        return SOURCE_FAILED;
    case REPLAY_READ_FAILED:
        break;
    }
    return SOURCE_FAILED;
}

static enum source_poll replay_poll(struct source *source, struct source_message *message_out,
                                    struct corong_error *error)
{
    struct replay_source *replay = replay_of(source);
    if (replay->resuming) {
        return resume(replay, error);
    }
    if (replay->is_letters) {
        return replay_letters_next(&replay->letters, &replay->window, message_out, error);
    }
    return replay_lines_next(&replay->lines, &replay->window, message_out, error);
}

static struct text replay_ready(struct source *source)
{
    struct replay_source *replay = replay_of(source);
    return replay->resuming || replay->is_letters
               ? TEXT_LITERAL("")
               : replay_lines_ready(&replay->lines, &replay->window);
}

static int64_t replay_take(struct source *source, size_t size)
{
    struct replay_source *replay = replay_of(source);
    replay_lines_take(&replay->lines, &replay->window, size);
    return replay->window.delivered_offset;
}

static uint32_t replay_partition_count(struct source *source)
{
    (void)source;
    return 1;
}

static void replay_position(struct source *source, uint32_t partition_index,
                            struct store_position *position_out)
{
    ASSERT(partition_index == 0);
    struct replay_source *replay = replay_of(source);
    position_out->id = replay->file->id;
    position_out->name = text_from(replay->file->path);
    position_out->epoch = -1;
    if (replay->resuming) {
        position_out->next_offset = replay->start.next_offset;
        position_out->anchor_offset = replay->start.anchor_offset;
        position_out->anchor_hash = replay->start.anchor_hash;
        return;
    }
    position_out->next_offset = replay->window.delivered_offset;
    replay_window_anchor(&replay->window, &position_out->anchor_offset, &position_out->anchor_hash);
}

static void replay_progress(struct source *source, uint64_t *done_out, uint64_t *total_out)
{
    struct replay_source *replay = replay_of(source);
    *done_out = replay_window_bytes_done(&replay->window);
    *total_out = replay_stream_bytes_total(replay->window.stream);
}

static struct text replay_header(struct source *source)
{
    return replay_of(source)->header;
}

static void replay_close(struct source *source)
{
    struct replay_source *replay = replay_of(source);
    replay_window_deinit(&replay->window);
    replay_letters_deinit(&replay->letters);
    memory_free(replay);
}

static const struct source_operations replay_operations = {
    .poll = replay_poll,
    .lines = replay_ready,
    .take_lines = replay_take,
    .partition_count = replay_partition_count,
    .position = replay_position,
    .progress = replay_progress,
    .committed = NULL,
    .header = replay_header,
    .close = replay_close,
};

/// The stream of a file, with its first bytes looked at and compared with what the plan saw.
static enum corong_status open_stream(struct replay_file *file, const struct store_position *start,
                                      struct replay_stream **stream_out, struct text *prefix_out,
                                      struct corong_error *error)
{
    struct replay_stream *stream = file->stream;
    file->stream = NULL; // ours from here on, also when it fails
    if (stream == NULL) {
        TRY(replay_stream_open(&stream, file->path, 0, error));
    }
    enum corong_status status = replay_stream_peek(stream, prefix_out, error);
    uint32_t size = replay_identity_size(file->id);
    // A file that has nothing stored under its identity is its own: it must begin as planned.
    if (status == CORONG_OK && start == NULL &&
        (prefix_out->size < size ||
         !hash128_equal(replay_identity((struct text){prefix_out->bytes, size}), file->id))) {
        status = error_set(error, CORONG_INVALID, "'%s' was changed while it was being replayed",
                           file->path);
    }
    if (status != CORONG_OK) {
        replay_stream_close(stream);
        return status;
    }
    *stream_out = stream;
    return CORONG_OK;
}

enum corong_status replay_open(struct source **source_out, const struct replay_plan *plan,
                               struct replay_file *file, const struct store_position *start,
                               struct corong_error *error)
{
    if (start != NULL && start->next_offset == 0) {
        start = NULL;
    }
    struct replay_stream *stream;
    struct text prefix;
    TRY(open_stream(file, start, &stream, &prefix, error));
    struct replay_source *replay = memory_allocate_zeroed(1, sizeof(*replay));
    replay->source.operations = &replay_operations;
    replay->file = file;
    replay_window_init(&replay->window, stream, file->path);
    replay_lines_init(&replay->lines, plan->message_size_max);
    replay->is_letters = plan->dead_letters;
    replay->letters = (struct replay_letters){
        .message_size_max = plan->message_size_max,
        .end_offset = replay_stream_can_seek(stream) ? (int64_t)file->size_bytes : INT64_MAX,
    };
    if (start != NULL) {
        replay->start = *start;
        replay->resuming = true;
    }
    replay->header = replay->is_letters ? TEXT_MISSING : replay_lines_header(prefix);
    // A file that begins with directives may have others behind its first lines.
    replay->window.names_fields = replay_lines_has_directives(replay->header);
    *source_out = &replay->source;
    return CORONG_OK;
}
