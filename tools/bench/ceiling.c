// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/ceiling.h"

#include "ingest/decode/decode.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tools/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)
#define READ_SIZE (256u << 10)
#define DECODE_LINES 20000u
#define DECODE_ROUNDS 3u

struct ceiling_pipe {
    int in;
    int out;
    pthread_t reader;
};

static void *drain(void *argument)
{
    struct ceiling_pipe *pipe = argument;
    char *bytes = memory_allocate(READ_SIZE);
    threads_name("bench-drain");
    ssize_t got;
    while ((got = read(pipe->in, bytes, READ_SIZE)) > 0 || (got < 0 && errno == EINTR)) {
    }
    memory_free(bytes);
    return NULL;
}

enum corong_status ceiling_pipe_open(struct ceiling_pipe **pipe_out, struct corong_error *error)
{
    int ends[2];
    *pipe_out = NULL;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set_errno(error, "cannot make a pipe");
    }
    (void)!fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
    struct ceiling_pipe *pipe = memory_allocate_zeroed(1, sizeof(*pipe));
    *pipe = (struct ceiling_pipe){.in = ends[0], .out = ends[1]};
    ASSERT(pthread_create(&pipe->reader, NULL, drain, pipe) == 0);
    *pipe_out = pipe;
    return CORONG_OK;
}

enum corong_status ceiling_pipe_write(struct ceiling_pipe *pipe, const char *bytes, size_t size,
                                      struct corong_error *error)
{
    while (size > 0) {
        ssize_t wrote = write(pipe->out, bytes, size);
        if (wrote < 0 && errno != EINTR) {
            return error_set_errno(error, "cannot write to a pipe");
        }
        bytes += wrote > 0 ? wrote : 0;
        size -= wrote > 0 ? (size_t)wrote : 0;
    }
    return CORONG_OK;
}

void ceiling_pipe_close(struct ceiling_pipe *pipe)
{
    close(pipe->out);
    pthread_join(pipe->reader, NULL);
    close(pipe->in);
    memory_free(pipe);
}

static void take_event(void *context, const struct event *event)
{
    uint64_t *count = context;
    (void)event;
    (*count)++;
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    (void)context;
    (void)event_index;
    (void)reason;
    (void)detail;
}

static double thread_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (double)spent.tv_sec * 1e9 + (double)spent.tv_nsec;
}

/// The least of some rounds: neighbours on the machine only add to it.
static double decode_ns_of(struct decoder *decoder, const struct text_buffer *lines)
{
    double least = 0;
    uint64_t events = 0;
    struct decode_sink sink = {&events, take_event, take_reject};
    for (uint32_t round = 0; round < DECODE_ROUNDS; round++) {
        double begun = thread_ns();
        events = 0;
        for (size_t at = 0; at < lines->size;) {
            const char *line = lines->bytes + at;
            size_t size = (size_t)((const char *)memchr(line, '\n', lines->size - at) - line);
            struct decode_outcome outcome;
            decode_message(decoder, (struct text){line, size}, &sink, &outcome);
            at += size + 1;
        }
        double ns = events == 0 ? 0 : (thread_ns() - begun) / (double)events;
        least = round == 0 || ns < least ? ns : least;
    }
    return least;
}

enum corong_status run_decode_alone(struct run *run, struct corong_error *error)
{
    struct arena arena = {0};
    struct schema schema;
    struct mapping *mapping;
    struct text_buffer bytes = {0};
    struct load_lines lines = load_from_crowd(&run->crowd);
    struct subject_line line;
    struct text yaml = {run->mapping.bytes, run->mapping.size};
    for (uint32_t made = 0; made < DECODE_LINES && lines.next(lines.context, &line, NULL); made++) {
        text_buffer_append_text(&bytes, line.bytes);
    }
    schema_init(&schema, &arena);
    enum corong_status status =
        config_parse_mapping(&mapping, &arena, "the bench's mapping", yaml, error);
    if (status == CORONG_OK) {
        status = mapping_bind_schema(mapping, &schema, &arena, error);
    }
    if (status == CORONG_OK) {
        struct decoder *decoder = decoder_create(mapping, &schema);
        run->decode_ns = decode_ns_of(decoder, &bytes);
        decoder_destroy(decoder);
    }
    text_buffer_deinit(&bytes);
    arena_deinit(&arena);
    return status;
}
