// SPDX-License-Identifier: Apache-2.0
// From the terms of a run's model to what a stated load would need.
#include "tools/bench/bench.h"

#include <math.h>
#include <string.h>

#define SECONDS_PER_DAY 86400.0
#define PEAK_DEFAULT 3.0
#define UTILISATION 0.7 ///< of cores at the busiest hour
#define PERIOD_DAYS 30.0
#define EVENTS_PER_VISITOR 10.0
#define PARTITIONS_PER_READER 2.0
#define RUNS_PER_TIER 8.0 ///< of storage/merge

struct term {
    double value;
    double low;
    double high;
};

static struct term find(const json_t *document, const char *name)
{
    size_t index;
    json_t *row;
    json_t *model = json_object_get(document, "model");
    json_array_foreach(json_object_get(model, "terms"), index, row)
    {
        const char *found = json_string_value(json_object_get(row, "name"));
        if (found != NULL && strcmp(found, name) == 0) {
            return (struct term){json_number_value(json_object_get(row, "coefficient")),
                                 json_number_value(json_object_get(row, "low")),
                                 json_number_value(json_object_get(row, "high"))};
        }
    }
    return (struct term){0};
}

static struct term scale(struct term term, double factor)
{
    return (struct term){term.value * factor, term.low * factor, term.high * factor};
}

static struct term add(struct term left, struct term right)
{
    return (struct term){left.value + right.value, left.low + right.low, left.high + right.high};
}

static struct term at_least(struct term term, double least)
{
    return (struct term){fmax(term.value, least), fmax(term.low, least), fmax(term.high, least)};
}

static void need(json_t *needs, const char *name, const char *unit, struct term term,
                 bool extrapolated, const char *how)
{
    json_object_set_new(needs, name,
                        json_pack("{s:f,s:f,s:f,s:s,s:b,s:s}", "value", term.value, "low", term.low,
                                  "high", term.high, "unit", unit, "extrapolated", extrapolated,
                                  "how", how));
}

/// Everything the formulas speak of.
struct projection {
    double rate; ///< at the peak
    double events;
    double users;
    double visitors; ///< users of a day
    double periods;
    double days;
    double day; ///< events of one
    bool beyond_day;
    bool beyond_rate;
    bool beyond_events;
    bool beyond_users; ///< those of a day
    bool beyond_all_users;
};

static struct projection project(const json_t *document, const struct bench_plan *plan)
{
    json_t *seen = json_object_get(json_object_get(document, "model"), "measured");
    double peak = plan->peak > 0 ? plan->peak : PEAK_DEFAULT;
    struct projection projection = {
        .rate = plan->events_per_day / SECONDS_PER_DAY * peak,
        .events = plan->events_per_day * plan->days,
        .users = plan->users,
        .day = plan->events_per_day,
        .days = plan->days,
        .visitors = plan->users_per_day > 0
                        ? plan->users_per_day
                        : fmin(plan->users, plan->events_per_day / EVENTS_PER_VISITOR),
        .periods = ceil(plan->days / PERIOD_DAYS),
    };
    projection.beyond_rate =
        projection.rate > json_number_value(json_object_get(seen, "events_per_second"));
    projection.beyond_events =
        projection.events > json_number_value(json_object_get(seen, "events"));
    projection.beyond_day = projection.day > json_number_value(json_object_get(seen, "events"));
    double users = json_number_value(json_object_get(seen, "users"));
    projection.beyond_users = projection.visitors > users;
    projection.beyond_all_users = projection.users > users;
    return projection;
}

static struct term times(struct term left, struct term right)
{
    return (struct term){left.value * right.value, left.low * right.low, left.high * right.high};
}

/// How often a row is written again until its period is one run.
static struct term rewrites_of(const json_t *document, const struct projection *projection)
{
    double commit = projection->day / SECONDS_PER_DAY * find(document, "commit_interval").value;
    double period = projection->day * fmin(projection->days, PERIOD_DAYS);
    double tiers = log(fmax(1, period / fmax(1, commit))) / log(RUNS_PER_TIER);
    return scale(find(document, "rewrites_per_tier"), tiers);
}

static void need_cores(const json_t *document, const struct projection *projection, json_t *needs)
{
    struct term merging =
        times(rewrites_of(document, projection), find(document, "merge_ns_per_row"));
    struct term event = add(find(document, "cpu_ns_per_event"), merging);
    struct term busy = add(scale(event, projection->rate / 1e9), find(document, "idle_cores"));
    struct term cores = at_least(scale(busy, 1 / UTILISATION), 1);
    need(needs, "cores", "cores", cores, projection->beyond_rate,
         "(idle_cores + (cpu_ns_per_event + rewrites x merge_ns_per_row) x events a second at the "
         "peak) / 0.7, rewrites as below; questions come on top");
    struct term readers =
        scale(find(document, "reader_ns_per_event"), projection->rate / 1e9 / UTILISATION);
    readers = (struct term){ceil(readers.value), ceil(readers.low), ceil(readers.high)};
    readers = at_least(readers, 1);
    need(needs, "servers", "processes", readers, projection->beyond_rate,
         "reader_ns_per_event x events a second at the peak / 0.7: each process has one thread "
         "that reads the topics");
    need(needs, "partitions", "partitions", scale(readers, PARTITIONS_PER_READER),
         projection->beyond_rate, "2 x servers, so that load can be moved");
}

static void need_memory(const json_t *document, const struct projection *projection, json_t *needs)
{
    double servers = json_number_value(json_object_get(json_object_get(needs, "servers"), "value"));
    double waiting = projection->rate * find(document, "commit_interval").value;
    struct term memory = add(scale(find(document, "memory_base_bytes"), servers),
                             scale(find(document, "memory_per_waiting_event"), waiting));
    memory = add(memory, scale(find(document, "live_bytes_per_user"), projection->visitors));
    memory = add(memory, scale(find(document, "live_base_bytes"), servers));
    need(needs, "memory_bytes", "bytes", memory,
         projection->beyond_users || projection->beyond_rate,
         "servers x memory_base_bytes + memory_per_waiting_event x events a second at the peak x "
         "commit_interval + live_bytes_per_user x users of a day + live_base_bytes x "
         "servers");
}

static void need_disk(const json_t *document, const struct projection *projection, double days,
                      json_t *needs)
{
    struct term event_bytes = find(document, "bytes_per_event");
    struct term user_bytes = find(document, "bytes_per_user_and_period");
    struct term kept = add(scale(event_bytes, projection->events),
                           scale(user_bytes, projection->users * projection->periods));
    double period = fmin(1, PERIOD_DAYS / days);
    struct term all = add(kept, scale(kept, period));
    need(needs, "disk_bytes", "bytes", all,
         projection->beyond_events || projection->beyond_all_users,
         "bytes_per_event x events kept + bytes_per_user_and_period x users x periods, and room "
         "to merge one period");
    struct term merged =
        times(rewrites_of(document, projection), find(document, "merged_bytes_per_row"));
    struct term written = add(find(document, "flushed_bytes_per_event"), merged);
    need(needs, "written_bytes_per_second", "bytes/s",
         scale(written, projection->day / SECONDS_PER_DAY), projection->beyond_events,
         "events a second x (flushed_bytes_per_event + rewrites x merged_bytes_per_row), where "
         "rewrites = rewrites_per_tier x log8(events of a period / events of a commit)");
}

static void need_time(const json_t *document, const struct projection *projection, json_t *needs)
{
    double cores = json_number_value(json_object_get(json_object_get(needs, "cores"), "value"));
    struct term funnel = add(scale(find(document, "funnel_ns_per_event"), projection->events),
                             find(document, "funnel_start_ns"));
    need(needs, "funnel_seconds", "s", scale(funnel, 1e-9 / fmax(1, cores)),
         projection->beyond_events,
         "(funnel_start_ns + funnel_ns_per_event x events kept) / cores");
    struct term restart = add(scale(find(document, "restart_ns_per_event"), projection->day),
                              find(document, "restart_start_ns"));
    need(needs, "restart_seconds", "s", scale(restart, 1e-9), projection->beyond_day,
         "restart_start_ns + restart_ns_per_event x events of a day, which is what a server "
         "follows live and reads again; until the first answer");
    struct term settle = add(scale(find(document, "settle_ns_per_event"), projection->day),
                             find(document, "settle_start_ns"));
    need(needs, "settle_seconds", "s", scale(settle, 1e-9), projection->beyond_day,
         "settle_start_ns + settle_ns_per_event x events of a day: until live counts are whole");
}

static json_t *plan_json(const json_t *document, const struct bench_plan *plan)
{
    struct projection projection = project(document, plan);
    json_t *needs = json_object();
    need_cores(document, &projection, needs);
    need_memory(document, &projection, needs);
    need_disk(document, &projection, plan->days, needs);
    need_time(document, &projection, needs);
    json_t *asked = json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "events_per_day", plan->events_per_day,
                              "users", plan->users, "users_per_day", projection.visitors, "days",
                              plan->days, "peak", plan->peak > 0 ? plan->peak : PEAK_DEFAULT,
                              "peak_events_per_second", projection.rate);
    return json_pack("{s:o,s:o}", "asked", asked, "needs", needs);
}

static bool has_model(const json_t *document)
{
    return json_object_get(json_object_get(document, "model"), "terms") != NULL &&
           find(document, "cpu_ns_per_event").value > 0;
}

void bench_plan_examples(json_t *document)
{
    static const struct bench_plan plans[] = {
        {.events_per_day = 25e6, .users = 10e6, .users_per_day = 1e6, .days = 400},
        {.events_per_day = 250e6, .users = 100e6, .users_per_day = 10e6, .days = 400},
    };
    json_t *rows = json_array();
    for (size_t index = 0; has_model(document) && index < sizeof(plans) / sizeof(plans[0]);
         index++) {
        json_array_append_new(rows, plan_json(document, &plans[index]));
    }
    json_object_set_new(document, "examples", rows);
}

enum corong_status bench_plan(json_t *document, const struct bench_plan *plan,
                              struct corong_error *error)
{
    if (!has_model(document)) {
        return error_set(error, CORONG_INVALID,
                         "this run has no model to plan with: it found no rate that lasts, or "
                         "replayed a recording; 'corong bench' makes one");
    }
    json_object_set_new(document, "projection", plan_json(document, plan));
    return CORONG_OK;
}
