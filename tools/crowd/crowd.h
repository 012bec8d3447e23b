// SPDX-License-Identifier: Apache-2.0
/// A seeded crowd of visitors: clickstreams of a stated shape (how many users and how uneven, what
/// they do one after the other, which attributes with how many values, lateness, copies, the hours
/// of the day), in order of arrival. The shape is written down, or learned from a sample.
///
/// The same shape and seed give the same bytes on every machine: integers decide everything.
/// Thread: a crowd belongs to one thread; a shape is read-only meanwhile. Memory: 4 bytes per user
/// seen, 4 per session still to come, 40 per session under way.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

#define CROWD_NAME_COUNT_MAX 32u
#define CROWD_ATTRIBUTE_COUNT_MAX 32u
#define CROWD_BUCKET_COUNT_MAX 40u
#define CROWD_WORD_SIZE 48u
#define CROWD_SPREAD_COUNT 256u
#define CROWD_HOUR_COUNT 24u
#define CROWD_LINE_SIZE_MAX 16384u
/// Shares are whole numbers of this.
#define CROWD_ONE UINT64_C(4294967296)

/// A distribution of integers: means of 256 equal parts, and of 256 parts of the topmost one.
/// Values are in 1/256, so that a draw (rounded at random) keeps the mean.
struct crowd_spread {
    int64_t body[CROWD_SPREAD_COUNT];
    int64_t top[CROWD_SPREAD_COUNT];
};

enum crowd_level {
    CROWD_PER_USER = 0,
    CROWD_PER_SESSION,
    CROWD_PER_EVENT,
    CROWD_LEVEL_COUNT,
};

/// Values that are about equally frequent.
struct crowd_bucket {
    uint64_t value_count;
    uint64_t share_end; ///< cumulative, of CROWD_ONE
};

struct crowd_attribute {
    char name[CROWD_WORD_SIZE];
    enum column_type type;
    enum crowd_level level;
    uint64_t keep; ///< of CROWD_PER_EVENT: how often it is as in the event before, of CROWD_ONE
    uint64_t present[CROWD_NAME_COUNT_MAX]; ///< by event name, of CROWD_ONE
    struct crowd_bucket buckets[CROWD_BUCKET_COUNT_MAX];
    uint32_t bucket_count;       ///< strings
    uint32_t value_size;         ///< bytes of a text value
    struct crowd_spread numbers; ///< numbers, integers, booleans: in 1/10000
};

struct crowd_shape {
    uint64_t seed;
    uint64_t event_count;
    int64_t start_us;
    int64_t time_unit_us;             ///< times are whole multiples: 1000 or 1000000
    uint64_t user_count;              ///< expected among event_count events
    uint32_t skew_milli;              ///< of a shape that is written down: see crowd_spread_power()
    int64_t session_events_256;       ///< the mean of `events`, likewise
    struct crowd_spread sessions;     ///< of a user
    struct crowd_spread events;       ///< of a session
    struct crowd_spread gaps;         ///< microseconds between two events of a session
    int64_t span_us;                  ///< that event_count events take
    uint64_t hours[CROWD_HOUR_COUNT]; ///< sessions begun, per mille of the average
    int64_t session_timeout_us;       ///< a user's sessions are further apart
    char names[CROWD_NAME_COUNT_MAX][CROWD_WORD_SIZE];
    uint32_t name_count;
    /// What follows: cumulative, of CROWD_ONE. Row name_count: the session's first event.
    uint64_t follows[CROWD_NAME_COUNT_MAX + 1][CROWD_NAME_COUNT_MAX];
    struct crowd_attribute attributes[CROWD_ATTRIBUTE_COUNT_MAX];
    uint32_t attribute_count;
    uint64_t amount_share[CROWD_NAME_COUNT_MAX]; ///< events with an amount, of CROWD_ONE
    struct crowd_spread amounts;                 ///< 1/10000 of the unit
    char currency[8];
    uint64_t late_share;      ///< events that arrive late, of CROWD_ONE
    struct crowd_spread late; ///< by so many microseconds
    uint64_t copy_share;      ///< events that arrive twice, of CROWD_ONE
    bool event_ids;           ///< events carry an id; copies the same one
    uint32_t line_size;       ///< lines are padded to it; 0: not
    uint32_t user_size;       ///< bytes of a user id
};

/// The standard shop of bench/ in this model: 50 M events of 2 M users over 30 days.
void crowd_shape_standard(struct crowd_shape *shape);
/// Changes one parameter, as in "users=2e6", "late=2%", "attribute=country:30:user". The error
/// names the nearest parameter, or what it may be. crowd_shape_help() lists them.
CORONG_MUST_CHECK enum corong_status crowd_shape_set(struct crowd_shape *shape, struct text word,
                                                     struct corong_error *error);
const char *crowd_shape_help(void);
/// So many events: users in proportion; more than the shape has take more time, fewer the same.
void crowd_shape_resize(struct crowd_shape *shape, uint64_t event_count);
/// Shapes that differ in anything have, but for a chance of 2^-64, different ones.
uint64_t crowd_shape_digest(const struct crowd_shape *shape);
/// The mapping that reads the lines, as YAML.
void crowd_shape_mapping(const struct crowd_shape *shape, struct text_buffer *out);

/// Fits a spread to ascending values.
void crowd_spread_fit(struct crowd_spread *spread, const int64_t *sorted, uint64_t count);
/// The spread of a power law: the mean is `mean_256`/256, and a part of CROWD_ONE of it falls with
/// rank^-skew (skew in 1/1000, at most 950), the rest evenly; never below `least`.
void crowd_spread_power(struct crowd_spread *spread, int64_t mean_256, uint32_t skew_milli,
                        int64_t least);
/// A value of it; `random` is 64 random bits.
int64_t crowd_spread_draw(const struct crowd_spread *spread, uint64_t random);
/// Its mean in 1/256.
int64_t crowd_spread_mean(const struct crowd_spread *spread);

/// SplitMix64's finisher (Steele, Lea, Flood 2014).
static inline uint64_t crowd_mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/// One event as it arrives. Everything else about it follows from these.
struct crowd_event {
    uint64_t index; ///< a copy has that of its first
    int64_t time_us;
    uint32_t user;
    uint32_t name;
    uint32_t number; ///< in its session, from 0
    uint64_t session_seed;
    uint64_t event_seed;
};

struct crowd;
/// Copies the shape.
struct crowd *crowd_create(const struct crowd_shape *shape);
/// NULL-safe.
void crowd_destroy(struct crowd *crowd);
/// False once event_count events (and their copies) were given.
bool crowd_next(struct crowd *crowd, struct crowd_event *event_out);
/// Users that had an event so far.
uint64_t crowd_user_count(const struct crowd *crowd);
/// Appends one JSON line with its line end.
void crowd_format(struct crowd *crowd, const struct crowd_event *event, struct text_buffer *out);
/// The user id as in the line. `bytes` has room for CROWD_WORD_SIZE; returns its size.
size_t crowd_user_id(const struct crowd *crowd, const struct crowd_event *event, char *bytes);
