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

static void append_rate(struct server *server, struct text_buffer *out)
{
    struct service_figures figures;
    service_figures(server->service, &figures);
    report_count(out, figures.events);
    text_buffer_printf(out, " events · %.0f/s", serve_rates_minute(&server->rates));
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
