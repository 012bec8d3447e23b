// SPDX-License-Identifier: Apache-2.0
// Goal: a store in which events link ids answers every question as a store in which each event was
// written under its person's id from the start, whatever the order of input, the commits, merges
// and threads; and the same events in another order give the same answer and the same store.
// Method: random events with random links (conflicts, chains, aliases, ids without events, copies
// of one event that link differently); the slow oracle says who is who; both stores are asked the
// same random questions of every kind, and the digests of the answers are compared.
#include "engine/query/identity/identity.h"
#include "engine/query/people/people.h"
#include "engine/query/query.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"
#include "tests/model/oracle_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_SET_COUNT 10
#define QUESTIONS_PER_DATA_SET 10
#define ID_COUNT (MODEL_USER_COUNT * 2 + 64)
#define KIND_COUNT 3
#define PART_COUNT_MAX 3
#define COLUMN_COUNT (COLUMN_SYSTEM_COUNT + 6)

// An event, whose user is an id of the oracle's, and what it links, -1 for nothing.
struct linked_event {
    struct oracle_event event;
    int links[KIND_COUNT];
};

struct history {
    struct model_data data;
    struct linked_event events[MODEL_EVENT_COUNT_MAX];
    int count;
};

static uint64_t digests_compared;
static uint64_t persons_seen;
static uint64_t conflicts_seen;

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        test_fail(test_random_seed(), "identity model: %s", error->message);
    }
}

// Links lead to neighbours, so that ids meet again and again.
static int random_id(int near, int space, struct test_random *random)
{
    int number = near / 2 + (int)test_random_below(random, 9) - 4;
    number = number < 0 ? -number : number;
    return number * 2 + space;
}

static void fill_history(struct history *history, struct test_random *random)
{
    model_data_fill(&history->data, random);
    uint32_t rare = 2 + test_random_below(random, 30);
    history->count = history->data.count;
    for (int i = 0; i < history->count; i++) {
        struct linked_event *event = &history->events[i];
        *event = (struct linked_event){history->data.events[i], {-1, -1, -1}};
        if (history->data.ids && i > 0 && test_random_below(random, 4) == 0) {
            // The same event once more, under an id that may be the same person's.
            const struct oracle_event *before = &history->events[i - 1].event;
            event->event.time = before->time;
            event->event.id = before->id;
            event->event.user = random_id(before->user, (int)test_random_below(random, 2), random);
        }
        if (test_random_below(random, rare) == 0) {
            event->links[ORACLE_ANONYMOUS] = random_id(event->event.user, 1, random);
        }
        if (test_random_below(random, rare * 2) == 0) {
            event->links[ORACLE_PREVIOUS] = random_id(event->event.user, 0, random);
        }
        if (test_random_below(random, rare * 8) == 0) {
            event->links[ORACLE_ALIAS] = random_id(event->event.user, 0, random);
        }
    }
}

static int compare_presence(int64_t left, int64_t right, int64_t missing)
{
    if ((left == missing) != (right == missing)) {
        return left == missing ? 1 : -1; // its name comes before that of any later column
    }
    return left < right ? -1 : left > right;
}

static int compare_words(int left, int right)
{
    char a[24];
    char b[24];
    if (left < 0 || right < 0) {
        return (left < 0) - (right < 0);
    }
    snprintf(a, sizeof(a), "u%d", left / 2);
    snprintf(b, sizeof(b), "u%d", right / 2);
    return strcmp(a, b);
}

// Order of two copies: sequence, then the content by names of columns.
static int compare_copies(const struct linked_event *left, const struct linked_event *right)
{
    static const int kinds[] = {ORACLE_ALIAS, ORACLE_ANONYMOUS, ORACLE_PREVIOUS};
    const struct oracle_event *a = &left->event;
    const struct oracle_event *b = &right->event;
    int order = a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
    for (int i = 0; i < KIND_COUNT && order == 0; i++) {
        order = compare_words(left->links[kinds[i]], right->links[kinds[i]]);
    }
    for (int i = 0; i < ORACLE_ATTRIBUTE_COUNT && order == 0; i++) {
        order = compare_presence(a->attributes[i], b->attributes[i], -1);
    }
    order = order != 0 ? order : (a->name > b->name) - (a->name < b->name);
    order = order != 0 ? order : compare_presence(a->price, b->price, ORACLE_NONE);
    return order != 0 ? order : compare_presence(a->amount, b->amount, ORACLE_NONE);
}

// True where another copy of the event of this id stays.
static bool is_dropped(const struct history *history, int index)
{
    const struct oracle_event *event = &history->events[index].event;
    for (int i = 0; history->data.ids && event->id != ORACLE_NONE && i < history->count; i++) {
        const struct oracle_event *other = &history->events[i].event;
        if (i != index && other->user == event->user && other->time == event->time &&
            other->id == event->id) {
            int order = compare_copies(&history->events[i], &history->events[index]);
            if (order < 0 || (order == 0 && i < index)) {
                return true;
            }
        }
    }
    return false;
}

static void resolve(const struct history *history, struct oracle_identity *identity)
{
    struct oracle_link *links =
        memory_allocate((size_t)history->count * KIND_COUNT * sizeof(*links));
    int count = 0;
    for (int i = 0; i < history->count; i++) {
        const struct linked_event *event = &history->events[i];
        if (event->event.user % 2 != 0 || is_dropped(history, i)) {
            continue; // links lead to known ids only
        }
        for (int kind = 0; kind < KIND_COUNT; kind++) {
            if (event->links[kind] >= 0) {
                links[count++] = (struct oracle_link){
                    event->event.time,
                    event->event.sequence,
                    history->data.ids ? event->event.id : ORACLE_NONE,
                    (enum oracle_link_kind)kind,
                    event->links[kind],
                    event->event.user,
                };
            }
        }
    }
    oracle_identity(links, count, IDENTITY_PERSON_ID_COUNT_MAX, IDENTITY_KIOSK_COUNT, identity);
    memory_free(links);
}

// Columns of the store: those of the model, and the links', under their own names or others that
// sort the same.
struct columns {
    struct model_columns model;
    uint32_t links[KIND_COUNT];
};

static void add_columns(struct store *store, bool plain, struct columns *columns)
{
    static const char *const names[2][KIND_COUNT] = {{"$anonymous", "$previous", "$alias"},
                                                     {"$anonymousz", "$previousz", "$aliasz"}};
    struct corong_error error;
    model_store_columns(store, 0, 0, &columns->model);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        must(store_add_attribute(store, text_from(names[plain][kind]), COLUMN_STRING,
                                 &columns->links[kind], &error),
             &error);
    }
}

static int64_t optional_integer(int64_t value)
{
    return value == ORACLE_NONE ? COLUMN_INTEGER_MISSING : value;
}

static void push(struct engine_producer *producer, const struct linked_event *from, int id,
                 const struct columns *columns, bool ids)
{
    char words[1 + KIND_COUNT][24];
    union canonical_value values[COLUMN_COUNT] = {0};
    const struct oracle_event *event = &from->event;
    values[COLUMN_NAME].string = model_name(event->name);
    values[COLUMN_SEQUENCE].integer = event->sequence;
    values[COLUMN_ID_HASH].integer = ids ? optional_integer(event->id) : COLUMN_INTEGER_MISSING;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = optional_integer(event->amount);
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[columns->model.attributes[0]].string = model_value(event->attributes[0]);
    values[columns->model.attributes[1]].string = model_value(event->attributes[1]);
    values[columns->model.attributes[2]].integer = optional_integer(event->price);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        snprintf(words[kind], sizeof(words[kind]), "u%d", from->links[kind] / 2);
        values[columns->links[kind]].string =
            from->links[kind] < 0 ? TEXT_MISSING : text_from(words[kind]);
    }
    snprintf(words[KIND_COUNT], sizeof(words[KIND_COUNT]), "u%d", id / 2);
    struct event pushed = {
        .user_id = text_from(words[KIND_COUNT]),
        .user_namespace = id % 2 == 0 ? USER_NAMESPACE_KNOWN : USER_NAMESPACE_ANONYMOUS,
        .time_us = event->time,
        .values = values,
    };
    engine_push(producer, &pushed);
}

// One opening of the engine.
static void run_engine(struct store *store, const struct columns *columns,
                       const struct history *history, const int *order, int begin, int end,
                       const int *person, struct test_random *random)
{
    struct corong_error error;
    struct engine *engine;
    struct engine_options options = {.store = store,
                                     .schema = store_schema(store),
                                     .shard_count = 1 + test_random_below(random, 4),
                                     .producer_count = 1,
                                     .memory_limit_bytes = UINT64_C(256) << 20};
    must(engine_open(&engine, &options, &error), &error);
    struct engine_producer *producer = engine_producer_open(engine);
    struct store_position position = {.id = {(uint64_t)begin, 7},
                                      .name = TEXT_LITERAL("model"),
                                      .anchor_offset = -1,
                                      .epoch = -1};
    for (int i = begin; i < end; i++) {
        const struct linked_event *event = &history->events[order[i]];
        int id = person == NULL ? event->event.user : person[event->event.user];
        push(producer, event, id, columns, history->data.ids);
        position.next_offset = i - begin + 1;
        uint64_t stored = (uint64_t)(i - begin + 1);
        position.counters =
            (struct store_counters){.messages = stored, .events = stored, .stored = stored};
        if (engine_barrier_wanted(producer)) {
            engine_barrier(producer, &(struct engine_cut){&position, 1, TEXT_MISSING});
        }
        if (test_random_below(random, 150) == 0) {
            engine_request_commit(engine);
        }
    }
    engine_producer_close(producer, &(struct engine_cut){&position, 1, TEXT_MISSING});
    must(engine_drain(engine, &error), &error);
    engine_close(engine);
}

// Opens a store of the group; all have the first one's secret.
static struct store *open_part(const char *directory, uint32_t part, struct hash_secret *secret)
{
    char path[128];
    struct store *store;
    struct corong_error error;
    snprintf(path, sizeof(path), "%s/%u", directory, part);
    struct store_options options = {.create = true, .secret = part == 0 ? NULL : secret};
    must(store_open(&store, path, &options, &error), &error);
    *secret = *store_secret(store);
    return store;
}

static void compact_part(const char *directory, uint32_t part, struct hash_secret *secret)
{
    struct corong_error error;
    struct store *store = open_part(directory, part, secret);
    must(store_compact(store, &(struct store_compact_options){0}, NULL, &error), &error);
    struct store_snapshot *snapshot;
    must(store_snapshot_open(&snapshot, store_directory(store), &error), &error);
    must(identity_leave(snapshot, &(struct query_limits){0}, &error), &error);
    store_snapshot_close(snapshot);
    store_close(store);
}

// The history in new stores, in a random order and some runs; `person` NULL: ids as they are.
static char *build(const struct history *history, const int *person, uint32_t part_count,
                   bool compact, struct test_random *random)
{
    static int order[MODEL_EVENT_COUNT_MAX];
    char pattern[] = "/tmp/corong-identity-XXXXXX";
    char *directory = memory_copy_string(mkdtemp(pattern), sizeof(pattern) - 1);
    struct hash_secret secret;
    for (int i = 0; i < history->count; i++) {
        int other = (int)test_random_below(random, (uint32_t)i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    uint32_t run_count = part_count + test_random_below(random, 4);
    int begin = 0;
    for (uint32_t run = 0; run < run_count; run++) {
        struct store *store = open_part(directory, run % part_count, &secret);
        struct columns columns;
        add_columns(store, person != NULL, &columns);
        int left = history->count - begin;
        int share =
            run + 1 == run_count ? left : (int)test_random_below(random, (uint32_t)left + 1);
        run_engine(store, &columns, history, order, begin, begin + share, person, random);
        begin += share;
        store_close(store);
    }
    for (uint32_t part = 0; compact && part < part_count; part++) {
        compact_part(directory, part, &secret);
    }
    return directory;
}

static void same(const char *what, const char *left, const char *right)
{
    digests_compared++;
    if (strcmp(left, right) != 0) {
        test_fail(test_random_seed(), "%s: the linked store says %s, the other one %s", what, left,
                  right);
    }
}

static void ask_funnel(struct store_snapshot *const *snapshots, const struct query_funnel *query)
{
    struct query_funnel_result results[2];
    struct arena arena = {0};
    struct corong_error error;
    for (int i = 0; i < 2; i++) {
        must(query_funnel_run(snapshots[i], query, &arena, &results[i], &error), &error);
    }
    same("funnel", results[0].provenance.result_digest, results[1].provenance.result_digest);
    arena_deinit(&arena);
}

static void ask_stages(struct store_snapshot *const *snapshots, const struct query_funnel *funnel)
{
    struct query_stages query = {.stages = funnel->funnel.steps,
                                 .stage_count = funnel->funnel.step_count,
                                 .range = funnel->range,
                                 .bucket_us = INT64_C(86400000000),
                                 .as_of_us = funnel->as_of_us,
                                 .limits = funnel->limits};
    struct query_sessions sessions = {.range = funnel->range,
                                      .session_timeout_us = funnel->session_timeout_us,
                                      .by = TEXT_LITERAL("a0"),
                                      .as_of_us = funnel->as_of_us,
                                      .limits = funnel->limits};
    struct query_stages_result stage_results[2];
    struct query_sessions_result session_results[2];
    struct arena arena = {0};
    struct corong_error error;
    for (int i = 0; i < 2; i++) {
        must(query_stages_run(snapshots[i], &query, &arena, &stage_results[i], &error), &error);
        must(query_sessions_run(snapshots[i], &sessions, &arena, &session_results[i], &error),
             &error);
    }
    same("stages", stage_results[0].provenance.result_digest,
         stage_results[1].provenance.result_digest);
    same("sessions", session_results[0].provenance.result_digest,
         session_results[1].provenance.result_digest);
    arena_deinit(&arena);
}

// `$customer` finds each person's first order by a second cursor; patterns have a matcher of
// theirs.
static void ask_beside(struct store_snapshot *const *snapshots, const struct query_funnel *funnel)
{
    struct query_funnel query = *funnel;
    query.customer = &funnel->funnel.steps[0];
    query.by[0] = TEXT_LITERAL("$customer");
    query.by_count = 1;
    query.attribution = QUERY_ATTRIBUTION_ENTRY;
    ask_funnel(snapshots, &query);
    if (funnel->funnel.step_count < 2) {
        return;
    }
    const struct query_pattern pattern = {.pattern = TEXT_LITERAL("(?1).*(?2)"),
                                          .steps = funnel->funnel.steps,
                                          .step_count = funnel->funnel.step_count,
                                          .range = funnel->range,
                                          .as_of_us = funnel->as_of_us,
                                          .limits = funnel->limits};
    struct query_pattern_result results[2];
    struct corong_error error;
    for (int i = 0; i < 2; i++) {
        must(query_pattern_run(snapshots[i], &pattern, NULL, NULL, &results[i], &error), &error);
    }
    same("pattern", results[0].provenance.result_digest, results[1].provenance.result_digest);
}

// Hash over the rows of a list.
struct listed {
    struct text_buffer rows;
    struct query_provenance provenance;
};

static enum corong_status begin_users(void *context, const struct people_users_result *result,
                                      struct corong_error *error)
{
    (void)error;
    ((struct listed *)context)->provenance = result->provenance;
    return CORONG_OK;
}

static enum corong_status take_user(void *context, const struct people_unit *unit,
                                    struct corong_error *error)
{
    (void)error;
    struct listed *listed = context;
    text_buffer_printf(&listed->rows, "%d %.*s %u %lld\n", unit->user_namespace,
                       (int)unit->user_id.size, unit->user_id.bytes, unit->level,
                       (long long)unit->entry_us);
    return CORONG_OK;
}

static enum corong_status begin_sleepers(void *context, const struct people_dormant_result *result,
                                         struct corong_error *error)
{
    (void)error;
    ((struct listed *)context)->provenance = result->provenance;
    return CORONG_OK;
}

static enum corong_status take_sleeper(void *context, const struct people_sleeper *user,
                                       struct corong_error *error)
{
    (void)error;
    struct listed *listed = context;
    text_buffer_printf(&listed->rows, "%d %.*s %lld %llu\n", user->user_namespace,
                       (int)user->user_id.size, user->user_id.bytes, (long long)user->last_us,
                       (unsigned long long)user->events);
    return CORONG_OK;
}

static enum corong_status end_sleepers(void *context, struct corong_error *error)
{
    (void)context;
    (void)error;
    return CORONG_OK;
}

static void same_lists(const char *what, struct listed *lists)
{
    for (int i = 0; i < 2; i++) {
        text_buffer_append_string(&lists[i].rows, ".");
    }
    same(what, lists[0].rows.bytes, lists[1].rows.bytes);
    same(what, lists[0].provenance.result_digest, lists[1].provenance.result_digest);
    text_buffer_deinit(&lists[0].rows);
    text_buffer_deinit(&lists[1].rows);
}

static void ask_people(struct store_snapshot *const *snapshots, const struct query_funnel *funnel)
{
    struct corong_error error;
    struct listed users[2] = {0};
    struct listed sleepers[2] = {0};
    const struct people_users list = {.funnel = funnel, .cell = {.step = 1}};
    const struct people_dormant dormant = {.after_us = funnel->session_timeout_us,
                                           .gone_us = INT64_MAX,
                                           .by = {TEXT_LITERAL("a1")},
                                           .by_count = 1,
                                           .as_of_us = funnel->as_of_us,
                                           .limits = funnel->limits,
                                           .listed = 7};
    const struct people_repeat repeat = {.stage = &funnel->funnel.steps[0],
                                         .range = funnel->range,
                                         .as_of_us = funnel->as_of_us,
                                         .limits = funnel->limits};
    struct people_repeat_result repeats[2];
    struct arena arena = {0};
    for (int i = 0; i < 2; i++) {
        const struct people_users_visitor visitor = {&users[i], begin_users, take_user};
        const struct people_dormant_visitor sleeper = {&sleepers[i], begin_sleepers, take_sleeper,
                                                       end_sleepers};
        must(people_users_run(snapshots[i], &list, &visitor, &error), &error);
        must(people_dormant_run(snapshots[i], &dormant, &sleeper, &error), &error);
        must(people_repeat_run(snapshots[i], &repeat, &arena, &repeats[i], &error), &error);
    }
    same_lists("users", users);
    same_lists("dormant", sleepers);
    same("repeat", repeats[0].provenance.result_digest, repeats[1].provenance.result_digest);
    arena_deinit(&arena);
}

static struct store_snapshot *open_snapshot(const char *directory, uint32_t part_count)
{
    char paths[PART_COUNT_MAX][128];
    struct store_snapshot_part parts[PART_COUNT_MAX] = {0};
    struct corong_error error;
    struct store_snapshot *snapshot;
    for (uint32_t i = 0; i < part_count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%u", directory, i);
        parts[i].directory = paths[i];
    }
    must(store_snapshot_open_parts(&snapshot, parts, part_count, &error), &error);
    return snapshot;
}

static void check_counts(struct store_snapshot *snapshot, const struct oracle_identity *expected)
{
    struct identity_counts found;
    struct corong_error error;
    must(identity_count(snapshot, &found, &error), &error);
    const struct identity_counts *counts = &found;
    char words[2][200];
    snprintf(words[0], sizeof(words[0]), "%d %d %d %d %d %d %d", (int)counts->links,
             (int)counts->aliases, (int)counts->members, (int)counts->persons,
             (int)counts->conflicts, (int)counts->kiosks, (int)counts->over_limit);
    snprintf(words[1], sizeof(words[1]), "%d %d %d %d %d %d %d", expected->links, expected->aliases,
             expected->members, expected->persons, expected->conflicts, expected->kiosks,
             expected->over_limit);
    same("counts", words[0], words[1]);
    persons_seen += counts->persons;
    conflicts_seen += counts->conflicts;
}

static void same_in_other_order(struct store_snapshot *snapshot, const struct history *history,
                                const struct query_funnel *query, struct test_random *random)
{
    char *directory = build(history, NULL, 1, true, random);
    struct store_snapshot *snapshots[2] = {snapshot, open_snapshot(directory, 1)};
    ask_funnel(snapshots, query);
    struct model_digest digests[2];
    model_question_digest(snapshots[0], &digests[0]);
    model_question_digest(snapshots[1], &digests[1]);
    same("store in another order", digests[0].store, digests[1].store);
    store_snapshot_close(snapshots[1]);
    model_store_remove(directory);
}

static void run_set(struct history *history, struct test_random *random)
{
    static int person[ID_COUNT];
    struct oracle_identity identity = {.person = person, .id_count = ID_COUNT};
    fill_history(history, random);
    resolve(history, &identity);
    bool compact = test_random_below(random, 2);
    uint32_t part_count = 1 + test_random_below(random, 2) * test_random_below(random, 3);
    char *linked = build(history, NULL, part_count, compact, random);
    char *plain = build(history, person, 1, test_random_below(random, 2), random);
    struct store_snapshot *snapshots[2] = {open_snapshot(linked, part_count),
                                           open_snapshot(plain, 1)};
    check_counts(snapshots[0], &identity);
    for (int i = 0; i < QUESTIONS_PER_DATA_SET; i++) {
        struct arena arena = {0};
        struct query_funnel query;
        model_question_make(&history->data, random, &arena, &query);
        // Without an as-of of its own: links after as-of are another history.
        query.as_of_us = QUERY_TIME_NONE;
        query.limits.thread_count = 1 + test_random_below(random, 3);
        ask_funnel(snapshots, &query);
        ask_stages(snapshots, &query);
        ask_beside(snapshots, &query);
        if (query.funnel.unit != FUNNEL_UNIT_SESSION) {
            ask_people(snapshots, &query);
        }
        if (compact && part_count == 1 && i == 0) {
            same_in_other_order(snapshots[0], history, &query, random);
        }
        arena_deinit(&arena);
    }
    store_snapshot_close(snapshots[0]);
    store_snapshot_close(snapshots[1]);
    model_store_remove(linked);
    model_store_remove(plain);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct history *history = memory_allocate_zeroed(1, sizeof(*history));
    uint64_t set_count = test_scaled(DATA_SET_COUNT);
    for (uint64_t set = 0; set < set_count; set++) {
        run_set(history, &random);
    }
    memory_free(history);
    printf("identity model: %llu data sets, %llu persons of several ids, %llu conflicts, %llu "
           "answers compared, 0 differences, seed %llu\n",
           (unsigned long long)set_count, (unsigned long long)persons_seen,
           (unsigned long long)conflicts_seen, (unsigned long long)digests_compared,
           (unsigned long long)seed);
    return 0;
}
