// SPDX-License-Identifier: Apache-2.0
/// Operating errors (disk full, bad query, damaged file): a status is returned and a message
/// filled. Programmer errors are ASSERTs; bad events are reject reasons. The three kinds are never
/// mixed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CORONG_MUST_CHECK __attribute__((warn_unused_result))
#define CORONG_PRINTF(format_index, first_index)                                                   \
    __attribute__((format(printf, format_index, first_index)))

enum corong_status {
    CORONG_OK = 0,
    CORONG_INVALID,     ///< the request is wrong: bad flag, definition, query or mapping
    CORONG_NOT_FOUND,   ///< the named thing does not exist
    CORONG_CORRUPT,     ///< stored bytes fail their checksum or their rules
    CORONG_IO,          ///< the operating system refused; saved_errno says why
    CORONG_NO_MEMORY,   ///< a memory budget would be exceeded
    CORONG_BUSY,        ///< somebody else holds it
    CORONG_CANCELLED,   ///< deadline passed or the caller gave up
    CORONG_UNSUPPORTED, ///< a newer format, or a library that lacks the feature
    CORONG_FENCED,      ///< somebody else took over what was to be committed
};

#define CORONG_ERROR_MESSAGE_SIZE 1024

/// Lives on the caller's stack. A NULL `struct corong_error *` is always legal.
struct corong_error {
    enum corong_status status;
    bool retriable;
    int saved_errno;
    char message[CORONG_ERROR_MESSAGE_SIZE];
};

/// Fills `error` (if not NULL) and returns `status`, so that callers can `return error_set(...)`.
/// Messages start in lower case and end without a full stop: what failed, the subject in single
/// quotes, the reason, the value found and the values allowed, and a hint where one can be
/// computed.
enum corong_status error_set(struct corong_error *error, enum corong_status status,
                             const char *format, ...) CORONG_PRINTF(3, 4);

/// As error_set() with CORONG_IO, ": <strerror(errno)>" appended and errno kept.
enum corong_status error_set_errno(struct corong_error *error, const char *format, ...)
    CORONG_PRINTF(2, 3);

/// Puts "<formatted>: " before the message already there; the final line reads from outside in.
/// NULL-safe.
void error_prepend(struct corong_error *error, const char *format, ...) CORONG_PRINTF(2, 3);

/// The status as a word, for logs and JSON ("invalid", "not_found", ...). Static storage.
const char *error_status_name(enum corong_status status);

/// Forwards a failure to the caller.
#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum corong_status try_status_ = (expression);                                             \
        if (try_status_ != CORONG_OK) {                                                            \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (false)

/// Forwards a failure and says where we were: TRY_IN(f(..., error), error, "segment '%s'", name).
#define TRY_IN(expression, error, ...)                                                             \
    do {                                                                                           \
        enum corong_status try_status_ = (expression);                                             \
        if (try_status_ != CORONG_OK) {                                                            \
            error_prepend(error, __VA_ARGS__);                                                     \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (false)
