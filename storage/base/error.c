// SPDX-License-Identifier: Apache-2.0
#include "storage/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_format(struct corong_error *error, const char *format, va_list arguments)
{
    vsnprintf(error->message, sizeof(error->message), format, arguments);
}

enum corong_status error_set(struct corong_error *error, enum corong_status status,
                             const char *format, ...)
{
    if (error == NULL) {
        return status;
    }
    error->status = status;
    error->retriable = false;
    error->saved_errno = 0;
    va_list arguments;
    va_start(arguments, format);
    error_format(error, format, arguments);
    va_end(arguments);
    return status;
}

enum corong_status error_set_errno(struct corong_error *error, const char *format, ...)
{
    int saved_errno = errno;
    if (error == NULL) {
        return CORONG_IO;
    }
    error->status = CORONG_IO;
    error->retriable = saved_errno == ENOSPC || saved_errno == EINTR;
    error->saved_errno = saved_errno;
    va_list arguments;
    va_start(arguments, format);
    error_format(error, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    char reason[128];
    snprintf(error->message + used, sizeof(error->message) - used, ": %s",
             strerror_r(saved_errno, reason, sizeof(reason)));
    return CORONG_IO;
}

void error_prepend(struct corong_error *error, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    char inner[CORONG_ERROR_MESSAGE_SIZE];
    memcpy(inner, error->message, sizeof(inner));
    va_list arguments;
    va_start(arguments, format);
    error_format(error, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof(error->message) - used, ": %s", inner);
}

const char *error_status_name(enum corong_status status)
{
    static const char *const names[] = {"ok",          "invalid",   "not_found", "corrupt",
                                        "io",          "no_memory", "busy",      "cancelled",
                                        "unsupported", "fenced"};
    return (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status] : "unknown";
}
