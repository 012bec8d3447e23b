// SPDX-License-Identifier: Apache-2.0
// What is seen while a server runs.
#include "storage/base/clock.h"
#include "tools/serve/serve_log.h"
#include "tools/serve/serve_state.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static uint32_t terminal_height(void)
{
    struct winsize window = {0};
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 4;
    return known ? window.ws_row - 2u : 22u;
}

static bool read_live(struct server *server, struct arena *arena, struct engine_live_view *view)
{
    struct engine *engine = service_hold(server->service);
    if (engine == NULL) {
        return false;
    }
    engine_live_read(engine, arena, view);
    service_release(server->service);
    return true;
}

/// How far the topics are behind, where there are topics; and who keeps them from being read.
static void append_lag(struct server *server, struct text_buffer *out)
{
    struct arena arena = {0};
    struct kafka_status status = {0};
    uint64_t lag = 0;
    uint32_t halted = 0;
    if (service_kafka(server->service, &arena, &status)) {
        for (uint32_t index = 0; index < status.partition_count; index++) {
            const struct kafka_partition_status *one = &status.partitions[index];
            lag += one->state != KAFKA_AWAY && one->lag > 0 ? (uint64_t)one->lag : 0;
            halted += one->state == KAFKA_HALTED;
        }
        text_buffer_append_string(out, " · ");
        report_count(out, lag);
        text_buffer_append_string(out, " behind");
    }
    if (halted > 0) {
        text_buffer_printf(out, " · %u PARTITION%s HALTED", halted, halted == 1 ? "" : "S");
    }
    arena_deinit(&arena);
}

static void append_rate(struct server *server, struct text_buffer *out)
{
    struct service_figures figures;
    service_figures(server->service, &figures);
    report_count(out, figures.events);
    text_buffer_append_string(out, " events · ");
    report_count(out, (uint64_t)serve_rates_minute(&server->rates));
    text_buffer_append_string(out, "/s");
    append_lag(server, out);
    if (figures.rejected > 0) {
        text_buffer_append_string(out, " · ");
        report_count(out, figures.rejected);
        text_buffer_append_string(out, " rejected");
    }
    if (figures.jobs_waiting > 0) {
        text_buffer_printf(out, " · %u replays", figures.jobs_waiting);
    }
}

void serve_screen_draw(struct server *server)
{
    struct arena arena = {0};
    struct text_buffer lines = {0};
    struct engine_live_view view;
    if (read_live(server, &arena, &view)) {
        text_buffer_append_string(&lines, "  ");
        append_rate(server, &lines);
        text_buffer_append_string(&lines, "\n");
        report_live(&view, &server->host->style, &lines);
        serve_log_frame(&lines, terminal_height());
    }
    text_buffer_deinit(&lines);
    arena_deinit(&arena);
}

void serve_screen_line(struct server *server)
{
    struct arena arena = {0};
    struct text_buffer line = {0};
    struct engine_live_view view;
    if (read_live(server, &arena, &view)) {
        append_rate(server, &line);
        text_buffer_append_string(&line, " · ");
        report_count(&line, view.users);
        text_buffer_append_string(&line, " users live");
        serve_log_line(SERVICE_INFO, "%s", line.bytes);
    }
    text_buffer_deinit(&line);
    arena_deinit(&arena);
}
