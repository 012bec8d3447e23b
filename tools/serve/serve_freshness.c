// SPDX-License-Identifier: Apache-2.0
// How long events wait to become durable, and an alarm where a commit is long overdue.
#include "storage/base/clock.h"
#include "tools/serve/serve_log.h"
#include "tools/serve/serve_state.h"

#define OVERDUE_US (30 * MICROSECONDS_PER_SECOND)
#define SAY_INTERVAL_US MICROSECONDS_PER_MINUTE

static bool read_engine(struct server *server, uint64_t *events_out, uint64_t *commits_out)
{
    struct arena arena = {0};
    struct engine_live_view view;
    struct engine *engine = service_hold(server->service);
    if (engine == NULL) {
        return false;
    }
    engine_live_read(engine, &arena, &view);
    service_release(server->service);
    arena_deinit(&arena);
    *events_out = view.events;
    *commits_out = view.commits;
    return true;
}

static int64_t overdue_us(const struct server *server)
{
    int64_t patience_us = 3 * server->first.commit_interval_us;
    return patience_us > OVERDUE_US ? patience_us : OVERDUE_US;
}

/// Under the lock.
static bool alarm_is_due(struct server *server, int64_t now_us)
{
    struct serve_freshness *freshness = &server->freshness;
    if (freshness->waiting_since_us == 0 ||
        now_us - freshness->waiting_since_us < overdue_us(server) ||
        now_us - freshness->alarmed_us < SAY_INTERVAL_US) {
        return false;
    }
    freshness->alarmed_us = now_us;
    freshness->alarm_count++;
    return true;
}

void serve_freshness_note(struct server *server, int64_t now_us)
{
    struct serve_freshness *freshness = &server->freshness;
    uint64_t events;
    uint64_t commits;
    if (!read_engine(server, &events, &commits)) {
        return;
    }
    pthread_mutex_lock(&freshness->lock);
    if (!freshness->noted || commits != freshness->commits) {
        // What came after the cut is not in it; since when exactly, nobody needs to know.
        freshness->commits = commits;
        freshness->events = events;
        freshness->committed_us = freshness->noted || commits > 0 ? now_us : 0;
        freshness->noted = true;
        freshness->waiting_since_us = 0;
    } else if (events != freshness->events && freshness->waiting_since_us == 0) {
        freshness->waiting_since_us = now_us;
    }
    bool overdue = alarm_is_due(server, now_us);
    int64_t waiting_us = now_us - freshness->waiting_since_us;
    pthread_mutex_unlock(&freshness->lock);
    if (overdue) {
        serve_log_line(SERVICE_ERROR,
                       "nothing was committed for %lld s although events wait; is the disk full?",
                       (long long)(waiting_us / MICROSECONDS_PER_SECOND));
    }
}

void serve_freshness_read(struct server *server, int64_t *commit_age_us_out,
                          int64_t *waiting_us_out, uint64_t *alarms_out)
{
    struct serve_freshness *freshness = &server->freshness;
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&freshness->lock);
    *commit_age_us_out = freshness->committed_us == 0 ? -1 : now_us - freshness->committed_us;
    *waiting_us_out = freshness->waiting_since_us == 0 ? 0 : now_us - freshness->waiting_since_us;
    *alarms_out = freshness->alarm_count;
    pthread_mutex_unlock(&freshness->lock);
}
