// SPDX-License-Identifier: Apache-2.0
/// What anything that delivers messages must do: a recorded file, standard input, a Kafka
/// partition. A source is a sequence of messages, each with a position; it can start at a committed
/// position and prove (by an anchor) that it is still the same sequence.
///
/// Thread: a source belongs to one ingest thread.
#pragma once

#include "ingest/metadata.h"
#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

enum source_poll {
    SOURCE_MESSAGE, ///< one message was delivered
    SOURCE_IDLE,    ///< nothing now; poll again (a stream)
    SOURCE_END,     ///< nothing ever again (a file's end)
    SOURCE_FAILED,  ///< see `error`
    /// No message, but a partition moved on: `partition_index`, `next_offset`, `skipped` and `lost`
    /// of the message are set (`offset` is next_offset), nothing else.
    SOURCE_SKIPPED,
    /// Everything delivered so far should be committed (a partition is about to be taken away):
    /// commit, call committed(), poll again. The source says it until it has heard of the commit or
    /// its patience ended.
    SOURCE_FLUSH,
};

/// `only_event` of a message all of whose events are wanted.
#define SOURCE_EVERY_EVENT UINT32_MAX

#define SOURCE_LINES_PADDING 64u

/// One message. Borrowed until the next poll.
struct source_message {
    struct text bytes;
    uint32_t partition_index; ///< which of the source's partitions
    int64_t offset;           ///< where it begins
    int64_t next_offset;      ///< what is committed once it is stored
    uint32_t only_event;      ///< of a dead letter: the one event rejected then; SOURCE_EVERY_EVENT
    bool starts_file;         ///< the first message of a file (a CSV header may be here)
    bool truncated;           ///< input ended inside it (no line end at the end of a cut file)
    bool one_line;            ///< there is no line feed in it
    bool too_long;            ///< longer than the limit; `bytes` holds its start
    uint64_t skipped;         ///< offsets before it that hold no message (control records)
    uint64_t lost;            ///< messages before it that are known to be lost
    /// NULL: none (a recorded line). Its headers are filled by the operation `headers`, where the
    /// source has it.
    const struct metadata *metadata;
};

/// Messages of one partition that are at hand: offsets without a gap, each whole, none too long,
/// each wanted with all its events, and nothing else to be said of them.
struct source_lot {
    const struct text *messages;
    uint32_t count;
    uint32_t partition_index;
};

struct source;
struct source_operations {
    enum source_poll (*poll)(struct source *source, struct source_message *message_out,
                             struct corong_error *error);
    /// Lines of partition 0 that are at hand, each a message with nothing beside it and ended by a
    /// line feed; SOURCE_LINES_PADDING bytes behind them can be read. Empty: poll. NULL: always
    /// poll. Valid until the next call of any operation.
    struct text (*lines)(struct source *source);
    /// The first `size` bytes of them were taken, as if polled. Returns the offset behind them.
    int64_t (*take_lines)(struct source *source, size_t size);
    /// Messages that are at hand and could be polled one by one; their metadata is not given.
    /// False: poll. NULL: always poll. Valid until the next call of any operation but `waiting`.
    bool (*lot)(struct source *source, struct source_lot *lot_out);
    /// The first `count` of them, at least one, were taken, as if polled. Returns the offset behind
    /// them.
    int64_t (*take_lot)(struct source *source, uint32_t count);
    /// Partitions known now. A file has one. May grow with every poll, but an index never changes
    /// its meaning.
    uint32_t (*partition_count)(struct source *source);
    /// Fills everything but the counters as of the last message delivered; also of a partition that
    /// was taken away. `counters` are those that the partition began with (only looked at when a
    /// pump sees the partition first).
    void (*position)(struct source *source, uint32_t partition_index,
                     struct store_position *position_out);
    /// Bytes consumed and in all, for progress; total 0 where unknown.
    void (*progress)(struct source *source, uint64_t *done_out, uint64_t *total_out);
    /// The store has committed these positions, which moved since the last call (advisory; Kafka's
    /// own offset commit). Never blocks. May be NULL.
    void (*committed)(struct source *source, const struct store_position *positions,
                      uint32_t position_count);
    /// Goes back to the store's positions after what was delivered behind them was abandoned. Those
    /// without one go back to where they began. Between two pumps; NULL where it is not possible.
    void (*rewind)(struct source *source, const struct store_position *positions,
                   uint32_t position_count);
    /// The pump is blocked inside a message, again and again: a sign of life may be due. Must not
    /// touch the message in hand. May be NULL.
    void (*waiting)(struct source *source);
    /// Fills the headers of the message in hand (`message->metadata`), which cost time and are
    /// rarely wanted; until then there are none. NULL: `metadata` is complete as it is delivered.
    void (*headers)(struct source *source);
    /// First line of the file (the first ones, where they begin with '#') for formats that need a
    /// header after a resume; missing otherwise. Once a source stands where it resumes, which it
    /// reaches by an IDLE, it may be a later line: the last directive before that place.
    struct text (*header)(struct source *source);
    void (*close)(struct source *source);
};

/// Embedded first in every source.
struct source {
    const struct source_operations *operations;
};
