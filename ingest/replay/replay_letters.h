// SPDX-License-Identifier: Apache-2.0
/// Messages out of the frames of a dead-letter file (ingest/reject.h), so that they can be fed
/// again after the mapping was fixed. Thread: as the window.
#pragma once

#include "ingest/replay/replay_window.h"
#include "ingest/source.h"

struct replay_letters {
    uint32_t message_size_max;
    /// Frames that begin here or later are not read: a run that rejects a letter again appends it
    /// to the very file it reads, and would never end.
    int64_t end_offset;
    struct metadata_room room; ///< of the letter in hand
};
void replay_letters_deinit(struct replay_letters *letters);

/// The next letter's message. Its bytes are valid until the next call. A torn last frame is
/// delivered as a `truncated` message; damage elsewhere is SOURCE_FAILED with CORONG_CORRUPT.
enum source_poll replay_letters_next(struct replay_letters *letters, struct replay_window *window,
                                     struct source_message *message_out,
                                     struct corong_error *error);
