// SPDX-License-Identifier: Apache-2.0
// One consumer and everything that brokers can say: each error code to each request, leaders that
// move, brokers that go and come, slow ones. After each fault more events are produced and must
// arrive; where the consumer halts a partition or ends, it says so in words, and the next one goes
// on. In the end the store is the one that a replay of a file makes: nothing lost, nothing doubled.
#include "ingest/kafka/kafka_error.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_kafka.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS_PER_FAULT 40u
#define SETTLE_US (90 * MICROSECONDS_PER_SECOND)
#define BROKER_COUNT 3u
#define ERROR_REPEAT_MAX 4u
#define CODE_COUNT_MAX 256u

// Numbers of requests in Kafka's protocol.
enum request {
    REQUEST_FETCH = 1,
    REQUEST_LIST_OFFSETS = 2,
    REQUEST_METADATA = 3,
    REQUEST_OFFSET_COMMIT = 8,
    REQUEST_FIND_COORDINATOR = 10,
    REQUEST_JOIN_GROUP = 11,
    REQUEST_HEARTBEAT = 12,
    REQUEST_SYNC_GROUP = 14,
};

struct bench {
    struct model_kafka kafka;
    char *directory;
    struct model_node node;
    bool running;
    const char *const *properties;
    struct test_random random;
    uint32_t faults;
    uint32_t codes;
    uint32_t halted; ///< faults after which it stood, in words
    int64_t recovery_us;
    int64_t recovery_sum_us;
};

static const char *const by_hand[] = {"statistics.interval.ms=0", NULL};
static const char *const by_group[] = {"group.id=corong-faults", "session.timeout.ms=6000",
                                       "heartbeat.interval.ms=100", NULL};

static void start(struct bench *bench)
{
    // A broker that refuses metadata refuses the opening, in words: tried again.
    for (uint32_t round = 0; round < 20 && !bench->running; round++) {
        struct corong_error error = {0};
        memset(&bench->node, 0, sizeof(bench->node));
        bench->node.kafka = &bench->kafka;
        bench->node.properties = bench->properties;
        bench->node.directory = bench->directory;
        bench->running = model_node_start(&bench->node, &error) == CORONG_OK;
        if (!bench->running && error.message[0] == '\0') {
            test_fail(test_random_seed(), "refused without a word");
        }
    }
    if (!bench->running) {
        test_fail(test_random_seed(), "the consumer never starts again");
    }
}

static void stop(struct bench *bench)
{
    model_node_stop(&bench->node, false);
    bench->running = false;
}

static bool all_committed(struct bench *bench)
{
    return model_node_committed(&bench->node) >= (int64_t)bench->kafka.produced_all;
}

static bool stands(struct bench *bench)
{
    return atomic_load(&bench->node.halts) > 0 || atomic_load(&bench->node.ended);
}

/// Until everything produced is committed; a consumer that halts or ends is replaced once it has
/// said why.
static void settle(struct bench *bench, const char *what)
{
    int64_t begun_us = clock_monotonic_us();
    bool was_halted = false;
    while (!all_committed(bench)) {
        if (stands(bench)) {
            const char *words =
                bench->node.words[0] != '\0' ? bench->node.words : bench->node.error.message;
            if (words[0] == '\0') {
                test_fail(test_random_seed(), "%s: it stands without a word", what);
            }
            was_halted = true;
            stop(bench);
            start(bench);
        }
        if (clock_monotonic_us() - begun_us > SETTLE_US) {
            test_fail(test_random_seed(), "%s: %ld of %lu messages after %ld s", what,
                      model_node_committed(&bench->node), bench->kafka.produced_all,
                      SETTLE_US / MICROSECONDS_PER_SECOND);
        }
        clock_sleep_us(2000);
    }
    int64_t took_us = clock_monotonic_us() - begun_us;
    bench->recovery_us = took_us > bench->recovery_us ? took_us : bench->recovery_us;
    bench->recovery_sum_us += took_us;
    bench->halted += was_halted;
    bench->faults++;
}

static void inject(struct bench *bench, enum request request, rd_kafka_resp_err_t code,
                   uint32_t repeats)
{
    rd_kafka_resp_err_t codes[ERROR_REPEAT_MAX] = {code, code, code, code};
    rd_kafka_mock_push_request_errors_array(bench->kafka.cluster, (int16_t)request, repeats, codes);
}

static void forget(struct bench *bench, enum request request)
{
    rd_kafka_mock_clear_request_errors(bench->kafka.cluster, (int16_t)request);
}

/// All codes that a broker can send, and a broken connection.
static uint32_t list_codes(rd_kafka_resp_err_t *codes)
{
    const struct rd_kafka_err_desc *descriptions;
    size_t description_count;
    uint32_t count = 0;
    rd_kafka_get_err_descs(&descriptions, &description_count);
    codes[count++] = RD_KAFKA_RESP_ERR__TRANSPORT; // the mock breaks the connection
    codes[count++] = RD_KAFKA_RESP_ERR_UNKNOWN;
    for (size_t at = 0; at < description_count && count < CODE_COUNT_MAX; at++) {
        if (descriptions[at].desc != NULL && descriptions[at].code > 0) {
            codes[count++] = descriptions[at].code;
        }
    }
    return count;
}

static void say(char *what, size_t size, const char *request, rd_kafka_resp_err_t code)
{
    snprintf(what, size, "%s answered with %s", request, rd_kafka_err2name(code));
}

/// Which of all codes a job takes: every `stride`-th from `first` on.
struct share {
    uint32_t first;
    uint32_t stride;
};

/// Every code to a request that comes by itself while a topic is followed.
static void check_codes(struct bench *bench, enum request request, const char *name,
                        struct share share)
{
    rd_kafka_resp_err_t codes[CODE_COUNT_MAX];
    uint32_t count = list_codes(codes);
    char what[128];
    for (uint32_t at = share.first; at < count; at += share.stride) {
        say(what, sizeof(what), name, codes[at]);
        inject(bench, request, codes[at],
               1 + test_random_below(&bench->random, ERROR_REPEAT_MAX - 1));
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, what);
        forget(bench, request);
        bench->codes++;
    }
}

/// Every code to a request that comes only at a start.
static void check_start_codes(struct bench *bench, enum request request, const char *name,
                              struct share share)
{
    // The mock takes five seconds for each joining of a group.
    uint32_t repeats = bench->properties == by_group ? 1 : 2;
    rd_kafka_resp_err_t codes[CODE_COUNT_MAX];
    uint32_t count = list_codes(codes);
    char what[128];
    for (uint32_t at = share.first; at < count; at += share.stride) {
        say(what, sizeof(what), name, codes[at]);
        stop(bench);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        inject(bench, request, codes[at], repeats);
        start(bench);
        settle(bench, what);
        forget(bench, request);
        bench->codes++;
    }
}

static void check_brokers(struct bench *bench)
{
    uint64_t rounds = test_scaled(12);
    for (uint64_t round = 0; round < rounds; round++) {
        int32_t broker = 1 + (int32_t)test_random_below(&bench->random, BROKER_COUNT);
        rd_kafka_mock_partition_set_leader(
            bench->kafka.cluster, MODEL_TOPIC,
            (int32_t)test_random_below(&bench->random, MODEL_PARTITION_COUNT), broker);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, "a leader moved");
    }
    for (int32_t broker = 1; broker <= (int32_t)BROKER_COUNT; broker++) {
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        rd_kafka_mock_broker_set_down(bench->kafka.cluster, broker);
        clock_sleep_us(50000);
        rd_kafka_mock_broker_set_up(bench->kafka.cluster, broker);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, "a broker was down");
        rd_kafka_mock_broker_set_rtt(bench->kafka.cluster, broker, 200);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, "a broker was slow");
        rd_kafka_mock_broker_set_rtt(bench->kafka.cluster, broker, 0);
    }
}

static void bench_start(struct bench *bench, const char *const *properties, uint32_t broker_count)
{
    memset(bench, 0, sizeof(*bench));
    bench->properties = properties;
    bench->directory = store_directory_create();
    bench->random = test_random_start(test_random_seed());
    model_kafka_start(&bench->kafka, broker_count, test_random_seed());
    model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
    start(bench);
    settle(bench, "the beginning");
}

static void bench_end(struct bench *bench, const char *name)
{
    struct model_sum found = {0};
    struct model_sum expected = {0};
    stop(bench);
    model_sum_add(&found, bench->directory);
    model_sum_replay(&expected, &bench->kafka);
    model_sum_compare(&found, &expected, &bench->kafka, name);
    printf("kafka_fault_test: %s: %lu events, %u error codes, %u faults, %u of them halted in "
           "words, lost 0, doubled 0, recovery %.2f s at most, %.3f s on average, seed %lu\n",
           name, bench->kafka.produced_all, bench->codes, bench->faults, bench->halted,
           (double)bench->recovery_us / 1e6,
           (double)bench->recovery_sum_us / 1e6 / (double)bench->faults, test_random_seed());
    model_kafka_stop(&bench->kafka);
    store_directory_remove(bench->directory);
}

/// One child process each: they mostly wait.
struct job {
    const char *name; ///< of the request; NULL: leaders and brokers
    const char *const *properties;
    enum request request;
    bool at_start;       ///< the request comes only at a start
    uint32_t part_count; ///< children that share its codes out
    uint32_t stride;     ///< of all codes so many-th; a start in a group takes three seconds
};

static const struct job jobs[] = {
    {NULL, by_hand, REQUEST_FETCH, false, 1, 1},
    {"Fetch", by_hand, REQUEST_FETCH, false, 2, 1},
    {"Metadata", by_hand, REQUEST_METADATA, false, 2, 1},
    {"ListOffsets", by_hand, REQUEST_LIST_OFFSETS, true, 3, 1},
    {"OffsetCommit", by_group, REQUEST_OFFSET_COMMIT, false, 5, 1},
    {"Heartbeat", by_group, REQUEST_HEARTBEAT, false, 5, 1},
    {"JoinGroup", by_group, REQUEST_JOIN_GROUP, true, 3, 12},
    {"SyncGroup", by_group, REQUEST_SYNC_GROUP, true, 3, 12},
    {"FindCoordinator", by_group, REQUEST_FIND_COORDINATOR, true, 3, 12},
};
#define JOB_COUNT (sizeof(jobs) / sizeof(jobs[0]))

static struct share share_of(const struct job *job, uint32_t part)
{
    uint64_t scale = test_scaled(12) / 12 > 0 ? test_scaled(12) / 12 : 1;
    uint32_t stride = scale >= job->stride ? 1 : job->stride / (uint32_t)scale;
    // Another share of the codes with each seed, and in the end all of them.
    uint32_t turn = stride > 1 ? (uint32_t)(test_random_seed() % stride) : 0;
    return (struct share){turn + part * stride, stride * job->part_count};
}

static void run_job(const struct job *job, uint32_t part)
{
    struct bench bench;
    bench_start(&bench, job->properties, job->name == NULL ? BROKER_COUNT : 1);
    if (job->name == NULL) {
        check_brokers(&bench);
    } else if (job->at_start) {
        check_start_codes(&bench, job->request, job->name, share_of(job, part));
    } else {
        check_codes(&bench, job->request, job->name, share_of(job, part));
    }
    bench_end(&bench, job->name == NULL ? "leaders, brokers" : job->name);
}

int main(int argument_count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *only = argument_count > 1 ? arguments[1] : NULL;
    uint32_t children = 0;
    (void)test_random_seed(); // the same in all
    for (size_t at = 0; at < JOB_COUNT; at++) {
        if (only != NULL && (jobs[at].name == NULL || strcmp(only, jobs[at].name) != 0)) {
            continue;
        }
        for (uint32_t part = 0; part < jobs[at].part_count; part++) {
            pid_t child = fork();
            if (child == 0) {
                run_job(&jobs[at], part);
                exit(0);
            }
            children += child > 0;
        }
    }
    int failed = children == 0;
    for (int status; children > 0; children--) {
        failed |= wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return failed;
}
