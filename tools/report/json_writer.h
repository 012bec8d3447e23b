// SPDX-License-Identifier: Apache-2.0
/// Writes JSON with two-space indent and keys in the order given: the same answer gives the same
/// bytes. Private to tools/report. Thread: a writer belongs to one thread.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_WRITER_DEPTH_MAX 16u

struct json_writer {
    struct text_buffer *out;
    uint32_t depth;
    bool filled[JSON_WRITER_DEPTH_MAX]; ///< something was written at this depth
    bool flat;                          ///< no line ends inside (short arrays)
};

void json_writer_init(struct json_writer *writer, struct text_buffer *out);
/// Begins a member; `key` NULL inside an array. Called by all of the below.
void json_writer_begin(struct json_writer *writer, const char *key, char bracket);
void json_writer_end(struct json_writer *writer, char bracket);
void json_writer_text(struct json_writer *writer, const char *key,
                      struct text text); ///< missing: null
/// A value that is JSON already.
void json_writer_raw(struct json_writer *writer, const char *key, struct text json);
void json_writer_unsigned(struct json_writer *writer, const char *key, uint64_t value);
void json_writer_signed(struct json_writer *writer, const char *key, int64_t value);
void json_writer_double(struct json_writer *writer, const char *key, double value); ///< 12 digits
void json_writer_bool(struct json_writer *writer, const char *key, bool value);
void json_writer_null(struct json_writer *writer, const char *key);
/// part / whole, or null.
void json_writer_rate(struct json_writer *writer, const char *key, uint64_t part, uint64_t whole);
/// RFC 3339, or null for INT64_MIN and INT64_MAX.
void json_writer_time(struct json_writer *writer, const char *key, int64_t time_us);
/// An exact decimal in quotes: amounts are never floats.
void json_writer_amount(struct json_writer *writer, const char *key, int64_t amount);
