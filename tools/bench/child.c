// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/child.h"

#include "storage/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 50
#define EXIT_FAULT 70

/// What comes first through the pipe; `text_size` bytes of JSON follow.
struct child_answer {
    enum corong_status status;
    struct corong_error error;
    struct run_size size;
    size_t text_size;
};

static bool write_all(int descriptor, const void *bytes, size_t size)
{
    const char *left = bytes;
    while (size > 0) {
        ssize_t wrote = write(descriptor, left, size);
        if (wrote < 0 && errno != EINTR) {
            return false;
        }
        left += wrote > 0 ? wrote : 0;
        size -= wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

/// Never comes back: what the parent opened is the parent's to close.
static void live(struct run *run, const struct child_options *options, const struct run_size *size,
                 int to)
{
    json_t *rows = NULL;
    struct child_answer answer = {.size = *size};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // a parent that dies leaves nobody behind
    answer.status = options->work(run, &answer.size, &rows, &answer.error);
    char *text = rows == NULL ? NULL : json_dumps(rows, JSON_COMPACT);
    answer.text_size = text == NULL ? 0 : strlen(text);
    bool told = write_all(to, &answer, sizeof(answer)) && write_all(to, text, answer.text_size);
    while (told && options->stays && answer.status == CORONG_OK) {
        pause();
    }
    _exit(told ? EXIT_SUCCESS : EXIT_FAULT);
}

/// False: the end came first, or the run was interrupted.
static bool read_all(int descriptor, void *bytes, size_t size)
{
    char *left = bytes;
    while (size > 0 && !pump_stop_asked(&run_stop)) {
        struct pollfd waits = {.fd = descriptor, .events = POLLIN};
        if (poll(&waits, 1, POLL_MS) <= 0) {
            continue;
        }
        ssize_t got = read(descriptor, left, size);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        left += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return size == 0;
}

static enum corong_status take_rows(int from, size_t size, json_t **rows_out,
                                    struct corong_error *error)
{
    char *text = memory_allocate(size + 1);
    bool whole = read_all(from, text, size);
    if (whole && rows_out != NULL) {
        *rows_out = json_loadb(text, size, 0, NULL);
    }
    memory_free(text);
    return whole ? CORONG_OK : error_set(error, CORONG_IO, "a part of the run ended early");
}

static enum corong_status take_answer(struct child *child, struct run_size *size, json_t **rows_out,
                                      struct corong_error *error)
{
    struct child_answer answer;
    if (!read_all(child->from, &answer, sizeof(answer))) {
        return pump_stop_asked(&run_stop)
                   ? error_set(error, CORONG_CANCELLED, "interrupted")
                   : error_set(error, CORONG_IO,
                               "a part of the run that has a process of its own ended early; was "
                               "it killed for its memory?");
    }
    if (answer.status != CORONG_OK) {
        if (error != NULL) {
            *error = answer.error;
        }
        return answer.status;
    }
    *size = answer.size;
    return answer.text_size > 0 ? take_rows(child->from, answer.text_size, rows_out, error)
                                : CORONG_OK;
}

void child_kill(struct child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        close(child->from);
    }
    child->pid = 0;
}

enum corong_status child_run(struct child *child, struct run *run,
                             const struct child_options *options, struct run_size *size,
                             json_t **rows_out, struct corong_error *error)
{
    int ends[2];
    *child = (struct child){0};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set_errno(error, "cannot make a pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        live(run, options, size, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_set_errno(error, "cannot start a process");
    }
    *child = (struct child){pid, ends[0]};
    enum corong_status status = take_answer(child, size, rows_out, error);
    if (status != CORONG_OK || !options->stays) {
        child_kill(child); // it has said all that it had to say
    }
    return status;
}
