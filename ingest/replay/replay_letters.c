// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_letters.h"

#include "ingest/reject.h"
#include "storage/base/bytes.h"

#define FRAME_SIZE_SIZE sizeof(uint32_t)
#define FRAME_REST_SIZE_MIN 24u ///< reason, source size, offset, event index, hash
/// A source name of 64 KiB, metadata, and the fixed fields.
#define FRAME_OVERHEAD_MAX (128u * 1024u + METADATA_SIZE_MAX)

/// Fills until `size` bytes are at hand.
static enum replay_read need(struct replay_window *window, size_t size, struct corong_error *error)
{
    enum replay_read result = REPLAY_READ_BYTES;
    while (window->end - window->at < size && result == REPLAY_READ_BYTES) {
        result = replay_window_fill(window, error);
    }
    return result;
}

static enum source_poll not_enough(enum replay_read result, struct replay_window *window,
                                   struct source_message *message)
{
    if (result == REPLAY_READ_IDLE) {
        return SOURCE_IDLE;
    }
    if (result == REPLAY_READ_FAILED) {
        return SOURCE_FAILED;
    }
    if (window->end == window->at) {
        return SOURCE_END;
    }
    int64_t offset = replay_window_offset(window);
    struct text rest = {window->bytes + window->at, window->end - window->at};
    window->at = window->end;
    replay_window_deliver(window);
    *message = (struct source_message){.bytes = rest,
                                       .offset = offset,
                                       .next_offset = window->delivered_offset,
                                       .only_event = SOURCE_EVERY_EVENT,
                                       .truncated = true};
    return SOURCE_MESSAGE;
}

static enum source_poll damaged(const struct replay_window *window, struct corong_error *error)
{
    error_set(error, CORONG_CORRUPT, "dead letters '%s' are damaged at byte %lld", window->path,
              (long long)replay_window_offset(window));
    return SOURCE_FAILED;
}

enum source_poll replay_letters_next(struct replay_letters *letters, struct replay_window *window,
                                     struct source_message *message_out, struct corong_error *error)
{
    int64_t offset = replay_window_offset(window);
    if (offset >= letters->end_offset) {
        return SOURCE_END;
    }
    enum replay_read result = need(window, FRAME_SIZE_SIZE, error);
    if (result != REPLAY_READ_BYTES) {
        return not_enough(result, window, message_out);
    }
    uint32_t rest_size = bytes_load_u32(window->bytes + window->at);
    if (rest_size < FRAME_REST_SIZE_MIN ||
        rest_size > (uint64_t)letters->message_size_max + FRAME_OVERHEAD_MAX) {
        return damaged(window, error);
    }
    size_t frame_size = FRAME_SIZE_SIZE + rest_size;
    result = need(window, frame_size, error);
    if (result != REPLAY_READ_BYTES) {
        return not_enough(result, window, message_out);
    }
    struct text frame = {window->bytes + window->at, frame_size};
    struct reject_letter letter;
    if (!reject_letter_next(&frame, &letter, error) ||
        (letter.metadata.bytes != NULL && !metadata_read(letter.metadata, &letters->room))) {
        return damaged(window, error);
    }
    window->at += frame_size;
    replay_window_deliver(window);
    *message_out = (struct source_message){
        .bytes = letter.message,
        .offset = offset,
        .next_offset = window->delivered_offset,
        .only_event = letter.event_index,
        .starts_file = offset == 0,
        .metadata = letter.metadata.bytes == NULL ? NULL : &letters->room.metadata};
    return SOURCE_MESSAGE;
}

void replay_letters_deinit(struct replay_letters *letters)
{
    metadata_room_deinit(&letters->room);
}
