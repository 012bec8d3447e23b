// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_window.h"

#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

/// What was read stays in the cache of the core until it is scanned.
#define WINDOW_SIZE ((1u << 18) + (1u << 17))
#define READ_SIZE_MIN (1u << 17) ///< room below which the bytes are moved down

void replay_window_init(struct replay_window *window, struct replay_stream *stream,
                        const char *path)
{
    *window = (struct replay_window){.stream = stream, .path = path, .anchor_offset = -1};
    window->capacity = WINDOW_SIZE;
    window->bytes = memory_allocate(window->capacity + REPLAY_PADDING);
}

void replay_window_deinit(struct replay_window *window)
{
    replay_stream_close(window->stream);
    memory_free(window->bytes);
    replay_fields_deinit(&window->fields);
    *window = (struct replay_window){0};
}

int64_t replay_window_offset(const struct replay_window *window)
{
    return window->base_offset + (int64_t)window->at;
}

void replay_window_deliver(struct replay_window *window)
{
    window->delivered_offset = replay_window_offset(window);
    window->anchor_known = false;
}

void replay_window_anchor(struct replay_window *window, int64_t *anchor_offset_out,
                          uint64_t *anchor_hash_out)
{
    if (!window->anchor_known && window->delivered_offset > 0) {
        int64_t from = window->delivered_offset - REPLAY_ANCHOR_SIZE;
        // Just after a resume the window may begin at an anchor that was shorter.
        window->anchor_offset = from < window->base_offset ? window->base_offset : from;
        ASSERT(window->delivered_offset >= window->anchor_offset);
        window->anchor_hash =
            hash_bytes64(window->bytes + (window->anchor_offset - window->base_offset),
                         (size_t)(window->delivered_offset - window->anchor_offset));
        window->anchor_known = true;
    }
    *anchor_offset_out = window->anchor_offset;
    *anchor_hash_out = window->anchor_hash;
}

/// Moves what is needed to the front: the bytes not consumed and, before them, an anchor's worth.
static void make_room(struct replay_window *window)
{
    if (window->capacity - window->end >= READ_SIZE_MIN) {
        return;
    }
    // While an overlong line is skipped, `at` runs ahead of the delivered offset: its anchor is
    // computed now, before the bytes go.
    int64_t ignored_offset;
    uint64_t ignored_hash;
    replay_window_anchor(window, &ignored_offset, &ignored_hash);
    size_t from = window->at > REPLAY_ANCHOR_SIZE ? window->at - REPLAY_ANCHOR_SIZE : 0;
    memmove(window->bytes, window->bytes + from, window->end - from);
    window->base_offset += (int64_t)from;
    window->at -= from;
    window->end -= from;
    if (window->capacity - window->end < READ_SIZE_MIN) {
        window->capacity *= 2;
        window->bytes = memory_resize(window->bytes, window->capacity + REPLAY_PADDING);
    }
}

enum replay_read replay_window_fill(struct replay_window *window, struct corong_error *error)
{
    make_room(window);
    size_t size = 0;
    enum replay_read result = replay_stream_read(window->stream, window->bytes + window->end,
                                                 window->capacity - window->end, &size, error);
    if (result == REPLAY_READ_BYTES) {
        window->end += size;
    }
    window->ended = window->ended || result == REPLAY_READ_END;
    return result;
}

/// The anchor of `position` against the bytes at hand, which reach from it to the position.
static enum replay_read check_anchor(struct replay_window *window,
                                     const struct store_position *position,
                                     struct corong_error *error)
{
    window->at = (size_t)(position->next_offset - window->base_offset);
    replay_window_deliver(window);
    if (position->anchor_offset < 0) {
        return REPLAY_READ_BYTES;
    }
    bool held = position->anchor_offset >= window->base_offset &&
                position->anchor_offset <= position->next_offset;
    if (held && hash_bytes64(window->bytes + (position->anchor_offset - window->base_offset),
                             (size_t)(position->next_offset - position->anchor_offset)) ==
                    position->anchor_hash) {
        return REPLAY_READ_BYTES;
    }
    error_set(error, CORONG_INVALID,
              "cannot continue '%s' at byte %lld: its bytes before that differ from what the store "
              "holds of '%.*s'; the file was changed or replaced after it was read",
              window->path, (long long)position->next_offset, (int)position->name.size,
              position->name.bytes == NULL ? "" : position->name.bytes);
    return REPLAY_READ_FAILED;
}

/// Passes over what is at hand up to `end`.
static void pass_over(struct replay_window *window, size_t end)
{
    if (window->names_fields && end > window->at) {
        replay_fields_take(&window->fields, window->bytes + window->at, end - window->at);
    }
    window->at = end;
}

enum replay_read replay_window_resume(struct replay_window *window,
                                      const struct store_position *position,
                                      struct corong_error *error)
{
    bool fresh = window->base_offset == 0 && window->end == 0;
    bool leaps = position->anchor_offset > 0 && !window->names_fields;
    if (fresh && leaps && replay_stream_can_seek(window->stream)) {
        if (replay_stream_seek(window->stream, position->anchor_offset, error) != CORONG_OK) {
            return REPLAY_READ_FAILED;
        }
        window->base_offset = position->anchor_offset;
    }
    if (window->base_offset + (int64_t)window->end >= position->next_offset) {
        pass_over(window, (size_t)(position->next_offset - window->base_offset));
        return check_anchor(window, position, error);
    }
    pass_over(window, window->end); // an anchor's worth of it stays
    replay_window_deliver(window);
    enum replay_read result = replay_window_fill(window, error);
    return result == REPLAY_READ_BYTES ? REPLAY_READ_IDLE : result;
}
