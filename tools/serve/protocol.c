// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/protocol.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *const VERBS[] = {"view", "status", "replay", "stop", "compact", NULL};

/// Members that each verb may have beside "corong" and "request".
static const char *const VIEW_KEYS[] = {"age_max_us", "positions", NULL};
static const char *const REPLAY_KEYS[] = {"paths", "mapping", "dead_letters", "descriptors", NULL};
static const char *const NO_KEYS[] = {NULL};

static bool is_listed(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

static enum corong_status check_keys(json_t *document, const char *const *keys,
                                     struct corong_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(document, key, value)
    {
        if (strcmp(key, "corong") != 0 && strcmp(key, "request") != 0 && !is_listed(key, keys)) {
            return error_set(error, CORONG_UNSUPPORTED,
                             "the request has a member '%.40s' that this version does not know",
                             key);
        }
    }
    return CORONG_OK;
}

static enum corong_status parse_verb(struct protocol_request *request, struct corong_error *error)
{
    json_t *version = json_object_get(request->document, "corong");
    const char *word = json_string_value(json_object_get(request->document, "request"));
    if (!json_is_integer(version) || word == NULL) {
        return error_set(error, CORONG_INVALID,
                         "a request needs \"corong\" (the version, %d) and \"request\"",
                         PROTOCOL_VERSION);
    }
    if (json_integer_value(version) != PROTOCOL_VERSION) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "the request has version %lld, this server speaks %d",
                         (long long)json_integer_value(version), PROTOCOL_VERSION);
    }
    for (uint32_t index = 0; VERBS[index] != NULL; index++) {
        if (strcmp(word, VERBS[index]) == 0) {
            request->verb = (enum protocol_verb)index;
            return CORONG_OK;
        }
    }
    return error_set(error, CORONG_UNSUPPORTED,
                     "unknown request '%.40s'; known are view, status, replay, stop and compact",
                     word);
}

static enum corong_status parse_view(struct protocol_request *request, struct corong_error *error)
{
    json_t *age = json_object_get(request->document, "age_max_us");
    json_t *positions = json_object_get(request->document, "positions");
    if (positions != NULL && !json_is_boolean(positions)) {
        return error_set(error, CORONG_INVALID, "\"positions\" must be true or false");
    }
    request->with_positions = json_is_true(positions);
    if (age == NULL) {
        return CORONG_OK;
    }
    if (!json_is_integer(age) || json_integer_value(age) < 0 ||
        json_integer_value(age) > PROTOCOL_AGE_US_MAX) {
        return error_set(error, CORONG_INVALID, "\"age_max_us\" must be 0 to %lld",
                         (long long)PROTOCOL_AGE_US_MAX);
    }
    request->age_max_us = json_integer_value(age);
    return CORONG_OK;
}

static enum corong_status parse_paths(struct protocol_request *request, struct corong_error *error)
{
    json_t *paths = json_object_get(request->document, "paths");
    size_t count = json_array_size(paths);
    uint32_t inputs = 0;
    if (count == 0 || count > PROTOCOL_PATH_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "\"paths\" must list 1 to %u paths",
                         PROTOCOL_PATH_COUNT_MAX);
    }
    request->paths = memory_allocate_zeroed(count, sizeof(*request->paths));
    for (size_t index = 0; index < count; index++) {
        const char *path = json_string_value(json_array_get(paths, index));
        if (path == NULL || (path[0] != '/' && strcmp(path, "-") != 0)) {
            return error_set(error, CORONG_INVALID,
                             "\"paths\" must be absolute, or \"-\" for standard input");
        }
        inputs += path[0] == '-';
        request->paths[request->path_count++] = path;
    }
    if (inputs != request->descriptor_count) {
        return error_set(error, CORONG_INVALID,
                         "one descriptor comes with the one path \"-\", and none without");
    }
    return CORONG_OK;
}

static enum corong_status parse_replay(struct protocol_request *request, struct corong_error *error)
{
    json_t *descriptors = json_object_get(request->document, "descriptors");
    json_t *dead_letters = json_object_get(request->document, "dead_letters");
    request->mapping = json_string_value(json_object_get(request->document, "mapping"));
    if (request->mapping == NULL) {
        return error_set(error, CORONG_INVALID, "\"mapping\" must be YAML text");
    }
    if ((dead_letters != NULL && !json_is_boolean(dead_letters)) ||
        (descriptors != NULL &&
         (!json_is_integer(descriptors) || json_integer_value(descriptors) < 0 ||
          json_integer_value(descriptors) > 1))) {
        return error_set(error, CORONG_INVALID,
                         "\"dead_letters\" must be true or false, \"descriptors\" 0 or 1");
    }
    request->dead_letters = json_is_true(dead_letters);
    request->descriptor_count = (uint32_t)json_integer_value(descriptors);
    return parse_paths(request, error);
}

static enum corong_status parse_members(struct protocol_request *request,
                                        struct corong_error *error)
{
    TRY(parse_verb(request, error));
    switch (request->verb) {
    case PROTOCOL_VIEW:
        TRY(check_keys(request->document, VIEW_KEYS, error));
        return parse_view(request, error);
    case PROTOCOL_REPLAY:
        TRY(check_keys(request->document, REPLAY_KEYS, error));
        return parse_replay(request, error);
    case PROTOCOL_STATUS:
    case PROTOCOL_STOP:
    case PROTOCOL_COMPACT:
        break;
    }
    return check_keys(request->document, NO_KEYS, error);
}

enum corong_status protocol_request_parse(struct protocol_request *request_out, struct text bytes,
                                          struct corong_error *error)
{
    json_error_t where;
    *request_out = (struct protocol_request){
        .document = json_loadb(bytes.bytes, bytes.size, JSON_REJECT_DUPLICATES, &where),
    };
    if (request_out->document == NULL || !json_is_object(request_out->document)) {
        json_decref(request_out->document);
        *request_out = (struct protocol_request){0};
        return error_set(error, CORONG_INVALID, "the request is not a JSON object");
    }
    enum corong_status status = parse_members(request_out, error);
    if (status != CORONG_OK) {
        protocol_request_deinit(request_out);
    }
    return status;
}

void protocol_request_deinit(struct protocol_request *request)
{
    json_decref(request->document);
    memory_free(request->paths);
    *request = (struct protocol_request){0};
}

static enum corong_status receive_failed(ssize_t got, size_t had, struct corong_error *error)
{
    if (got == 0) {
        return had == 0 ? error_set(error, CORONG_NOT_FOUND, "the other side closed the connection")
                        : error_set(error, CORONG_INVALID, "the message ends inside");
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return error_set(error, CORONG_CANCELLED, "the other side says nothing");
    }
    return error_set_errno(error, "cannot receive");
}

static enum corong_status receive_exactly(int connection, char *bytes, size_t size,
                                          struct corong_error *error)
{
    for (size_t had = 0; had < size;) {
        ssize_t got = recv(connection, bytes + had, size - had, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return receive_failed(got, had, error);
        }
        had += (size_t)got;
    }
    return CORONG_OK;
}

enum corong_status protocol_receive(int connection, uint32_t size_max, struct text_buffer *out,
                                    struct corong_error *error)
{
    char prefix[4];
    TRY(receive_exactly(connection, prefix, sizeof(prefix), error));
    uint32_t size = bytes_load_u32(prefix);
    if (size > size_max) {
        return error_set(error, CORONG_INVALID, "a message of %u bytes is too large, at most %u",
                         size, size_max);
    }
    // In pieces: memory is given for what came, not for what was promised.
    for (uint32_t had = 0; had < size;) {
        uint32_t piece = size - had < 65536 ? size - had : 65536;
        char *room = text_buffer_reserve(out, piece + 1u);
        enum corong_status status = receive_exactly(connection, room, piece, error);
        if (status != CORONG_OK) {
            return status == CORONG_NOT_FOUND
                       ? error_set(error, CORONG_INVALID, "the message ends inside")
                       : status;
        }
        out->size += piece;
        had += piece;
    }
    return CORONG_OK;
}

static enum corong_status send_all(int connection, const char *bytes, size_t size,
                                   struct corong_error *error)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t got = send(connection, bytes + sent, size - sent, MSG_NOSIGNAL);
        if (got < 0 && errno != EINTR) {
            return error_set_errno(error, "cannot send");
        }
        sent += got > 0 ? (size_t)got : 0;
    }
    return CORONG_OK;
}

enum corong_status protocol_send(int connection, json_t *document, struct corong_error *error)
{
    char *bytes = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    if (bytes == NULL) {
        return error_set(error, CORONG_INVALID, "a text is not UTF-8 and cannot be sent");
    }
    size_t size = strlen(bytes);
    char prefix[4];
    bytes_store_u32(prefix, (uint32_t)size);
    enum corong_status status = send_all(connection, prefix, sizeof(prefix), error);
    if (status == CORONG_OK) {
        status = send_all(connection, bytes, size, error);
    }
    memory_free(bytes);
    return status;
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(PROTOCOL_DESCRIPTOR_BATCH * sizeof(int))];
};

static enum corong_status send_batch(int connection, const int *descriptors, uint32_t count,
                                     struct corong_error *error)
{
    union control control = {0};
    char byte = 'd';
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    while (sendmsg(connection, &message, MSG_NOSIGNAL) != 1) {
        if (errno != EINTR) {
            return error_set_errno(error, "cannot send descriptors");
        }
    }
    return CORONG_OK;
}

enum corong_status protocol_send_descriptors(int connection, const int *descriptors, uint32_t count,
                                             struct corong_error *error)
{
    for (uint32_t at = 0; at < count; at += PROTOCOL_DESCRIPTOR_BATCH) {
        uint32_t left = count - at;
        uint32_t batch = left < PROTOCOL_DESCRIPTOR_BATCH ? left : PROTOCOL_DESCRIPTOR_BATCH;
        TRY(send_batch(connection, descriptors + at, batch, error));
    }
    return CORONG_OK;
}

static void close_all(const int *descriptors, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        close(descriptors[index]);
    }
}

/// Takes out what one recvmsg() brought. Returns how many; more than `room` are closed.
static uint32_t take_descriptors(struct msghdr *message, int *descriptors, uint32_t room)
{
    uint32_t taken = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        uint32_t count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (uint32_t index = 0; index < count; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
            if (taken < room) {
                descriptors[taken++] = descriptor;
            } else {
                close(descriptor);
            }
        }
    }
    return taken;
}

static enum corong_status receive_batch(int connection, int *descriptors, uint32_t room,
                                        uint32_t *taken_out, struct corong_error *error)
{
    union control control;
    char byte;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t got;
    do {
        got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return receive_failed(got, 1, error);
    }
    *taken_out = take_descriptors(&message, descriptors, room);
    if (*taken_out == 0 || (message.msg_flags & MSG_CTRUNC) != 0) {
        close_all(descriptors, *taken_out);
        *taken_out = 0;
        return error_set(error, CORONG_IO,
                         "descriptors were announced and did not come; is the limit of open files "
                         "reached (ulimit -n)?");
    }
    return CORONG_OK;
}

enum corong_status protocol_receive_descriptors(int connection, int *descriptors, uint32_t count,
                                                struct corong_error *error)
{
    for (uint32_t had = 0; had < count;) {
        uint32_t taken = 0;
        enum corong_status status =
            receive_batch(connection, descriptors + had, count - had, &taken, error);
        if (status != CORONG_OK) {
            close_all(descriptors, had);
            return status;
        }
        had += taken;
    }
    return CORONG_OK;
}

json_t *protocol_failure(const struct corong_error *error)
{
    json_t *text = json_string(error->message);
    return json_pack("{s:b, s:s, s:b, s:o}", "ok", 0, "status", error_status_name(error->status),
                     "retriable", error->retriable, "error",
                     text != NULL ? text : json_string("the reason is not UTF-8"));
}

static enum corong_status status_of(const char *name)
{
    for (int status = CORONG_INVALID; status <= CORONG_UNSUPPORTED; status++) {
        if (name != NULL && strcmp(name, error_status_name((enum corong_status)status)) == 0) {
            return (enum corong_status)status;
        }
    }
    return CORONG_IO;
}

enum corong_status protocol_reply_parse(json_t **document_out, struct text bytes,
                                        struct corong_error *error)
{
    json_t *document = json_loadb(bytes.bytes, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(document)) {
        json_decref(document);
        return error_set(error, CORONG_INVALID, "the server's reply is not a JSON object");
    }
    if (!json_is_true(json_object_get(document, "ok"))) {
        const char *words = json_string_value(json_object_get(document, "error"));
        const char *name = json_string_value(json_object_get(document, "status"));
        enum corong_status status =
            error_set(error, status_of(name), "%s", words == NULL ? "the server failed" : words);
        if (error != NULL) {
            error->retriable = json_is_true(json_object_get(document, "retriable"));
        }
        json_decref(document);
        return status;
    }
    *document_out = document;
    return CORONG_OK;
}

uint64_t protocol_count(const json_t *document, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(document, key));
    return value > 0 ? (uint64_t)value : 0;
}
