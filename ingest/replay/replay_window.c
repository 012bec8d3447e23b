// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_window.h"

#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

/// What was read stays in the cache of the core until it is scanned.
#define WINDOW_SIZE ((1u << 18) + (1u << 17))
#define READ_SIZE_MIN (1u << 17)  ///< room below which the bytes are moved down
#define AHEAD_SIZE_MIN (1u << 20) ///< bytes left on disk for which a thread is worth its start

void replay_window_init(struct replay_window *window, struct replay_stream *stream,
                        const char *path)
{
    *window = (struct replay_window){.stream = stream, .path = path, .anchor_offset = -1};
    window->capacity = WINDOW_SIZE;
    window->buffer = memory_allocate(window->capacity + REPLAY_PADDING);
    window->bytes = window->buffer;
}

void replay_window_deinit(struct replay_window *window)
{
    replay_ahead_stop(window->ahead);
    replay_stream_close(window->stream);
    memory_free(window->buffer);
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

/// The first byte that is still needed: those not consumed and, before them, an anchor's worth.
static size_t needed_from(struct replay_window *window)
{
    // While an overlong line is skipped, `at` runs ahead of the delivered offset: its anchor is
    // computed now, before the bytes go.
    int64_t ignored_offset;
    uint64_t ignored_hash;
    replay_window_anchor(window, &ignored_offset, &ignored_hash);
    return window->at > REPLAY_ANCHOR_SIZE ? window->at - REPLAY_ANCHOR_SIZE : 0;
}

/// The bytes from `from` on now begin at `bytes`.
static void move_to(struct replay_window *window, char *bytes, size_t from)
{
    window->bytes = bytes;
    window->base_offset += (int64_t)from;
    window->at -= from;
    window->end -= from;
}

static void grow_buffer(struct replay_window *window, size_t capacity)
{
    bool inside = window->bytes == window->buffer;
    window->buffer = memory_resize(window->buffer, capacity + REPLAY_PADDING);
    window->bytes = inside ? window->buffer : window->bytes;
    window->capacity = capacity;
}

/// Moves what is needed to the front of the buffer, so that `size` bytes fit behind it.
static void make_room(struct replay_window *window, size_t size)
{
    if (window->bytes == window->buffer && window->capacity - window->end >= size) {
        return;
    }
    size_t from = needed_from(window);
    size_t capacity = window->capacity;
    while (capacity < window->end - from + size) {
        capacity *= 2;
    }
    if (capacity > window->capacity) {
        grow_buffer(window, capacity);
    }
    memmove(window->buffer, window->bytes + from, window->end - from);
    move_to(window, window->buffer, from);
}

static enum replay_read fill_here(struct replay_window *window, struct corong_error *error)
{
    make_room(window, READ_SIZE_MIN);
    size_t size = 0;
    enum replay_read result = replay_stream_read(window->stream, window->bytes + window->end,
                                                 window->capacity - window->end, &size, error);
    if (result == REPLAY_READ_BYTES) {
        window->end += size;
    }
    window->bytes_done = replay_stream_bytes_done(window->stream);
    return result;
}

static void return_block(struct replay_window *window)
{
    if (window->holds_block) {
        replay_ahead_return(window->ahead);
    }
    window->holds_block = false;
}

/// What is needed goes before the block; where that is a long line, the block goes behind it.
static void take_block(struct replay_window *window, const struct replay_block *block)
{
    size_t from = needed_from(window);
    size_t kept = window->end - from;
    if (kept <= REPLAY_BLOCK_HEAD) {
        memcpy(block->bytes - kept, window->bytes + from, kept);
        move_to(window, block->bytes - kept, from);
        window->end += block->size;
        return_block(window);
        window->holds_block = true;
    } else {
        make_room(window, block->size);
        memcpy(window->bytes + window->end, block->bytes, block->size);
        window->end += block->size;
        return_block(window);
        replay_ahead_return(window->ahead);
    }
}

static enum replay_read fill_ahead(struct replay_window *window, struct corong_error *error)
{
    struct replay_block *block;
    enum replay_read result = replay_ahead_next(window->ahead, &block);
    if (result == REPLAY_READ_IDLE) {
        return result;
    }
    window->bytes_done = block->bytes_done;
    if (result == REPLAY_READ_BYTES) {
        take_block(window, block);
    } else if (result == REPLAY_READ_FAILED && error != NULL) {
        *error = block->error;
    }
    return result;
}

/// Not before the first block was read here: some files are no longer than that.
static void start_ahead(struct replay_window *window)
{
    const struct replay_stream *stream = window->stream;
    window->reads_ahead = replay_stream_is_regular(stream) &&
                          replay_stream_bytes_total(stream) >= window->bytes_done + AHEAD_SIZE_MIN;
    if (window->reads_ahead) {
        window->ahead = replay_ahead_start(window->stream, REPLAY_PADDING);
    }
}

enum replay_read replay_window_fill(struct replay_window *window, struct corong_error *error)
{
    if (!window->reads_ahead && window->bytes_done > 0) {
        start_ahead(window);
    }
    enum replay_read result =
        window->ahead != NULL ? fill_ahead(window, error) : fill_here(window, error);
    window->ended = window->ended || result == REPLAY_READ_END;
    return result;
}

uint64_t replay_window_bytes_done(const struct replay_window *window)
{
    return window->bytes_done;
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
