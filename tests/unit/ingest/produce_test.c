// SPDX-License-Identifier: Apache-2.0
// Files into a topic of a broker in this process, and what a consumer finds there.
#include "ingest/kafka/kafka.h"
#include "ingest/produce/produce.h"
#include "storage/base/memory.h"
#include "tests/support/decode_harness.h"
#include "tests/support/input_files.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPIC "visits"
#define PARTITION_COUNT 3u
#define SIMPLE "user: u\ntime: t\nname: n\nattributes: { c: c, i: { path: i, type: integer } }\n"

struct bench {
    struct produce_broker *broker;
    char *folder;
    char *path;
};

static void bench_open(struct bench *bench, const char *name, const char *bytes, size_t size)
{
    struct corong_error error = {0};
    cr_assert_eq(produce_broker_start(&bench->broker, TOPIC, PARTITION_COUNT, &error), CORONG_OK,
                 "%s", error.message);
    bench->folder = input_files_create();
    bench->path = input_files_write(bench->folder, name, bytes, size);
}

static void bench_close(struct bench *bench)
{
    produce_broker_stop(bench->broker);
    input_files_remove(bench->folder);
    free(bench->path);
}

struct sending {
    const char *yaml; ///< NULL: no mapping
    const char *key;
    uint32_t pack;
    uint64_t rate;
    bool time_is_now;
    const char *property; ///< beside the broker's
    bool (*progress)(void *context, const struct produce_feed_counts *counts);
};

struct sent {
    struct produce_feed_counts read;
    struct produce_counts counts;
    enum corong_status status;
    struct corong_error error;
};

static struct sent send_file(const struct bench *bench, const struct sending *sending)
{
    struct sent sent = {0};
    struct decode_harness mapping = {0};
    struct produce *produce;
    const char *properties[] = {produce_broker_property(bench->broker), "linger.ms=1",
                                sending->property, NULL};
    struct produce_options open = {TOPIC, properties};
    const char *path = bench->path;
    if (sending->yaml != NULL) {
        cr_assert_eq(decode_harness_parse(&mapping, sending->yaml), CORONG_OK, "%s",
                     mapping.error.message);
    }
    struct produce_feed_options feed = {
        .paths = &path,
        .path_count = 1,
        .mapping = mapping.mapping,
        .key = text_from(sending->key == NULL ? "user" : sending->key),
        .pack = sending->pack == 0 ? 1 : sending->pack,
        .rate = sending->rate,
        .time_is_now = sending->time_is_now,
        .message_size_max = 1000,
        .progress = sending->progress,
    };
    cr_assert_eq(produce_open(&produce, &open, &sent.error), CORONG_OK, "%s", sent.error.message);
    sent.status = produce_feed(produce, &feed, &sent.read, &sent.error);
    produce_counts(produce, &sent.counts);
    produce_close(produce);
    decode_harness_close(&mapping);
    return sent;
}

/// All messages of the topic as "partition key@timestamp_ms bytes\n", partition by partition.
static struct text_buffer read_topic(const struct bench *bench)
{
    struct text_buffer parts[PARTITION_COUNT] = {{0}};
    struct text_buffer out = {0};
    struct corong_error error = {0};
    struct source *source;
    const char *topics[] = {TOPIC, NULL};
    const char *properties[] = {produce_broker_property(bench->broker), "fetch.wait.max.ms=10",
                                NULL};
    struct kafka_options options = {
        .topics = topics, .properties = properties, .stop_at_end = true};
    cr_assert_eq(kafka_open(&source, &options, &error), CORONG_OK, "%s", error.message);
    for (enum source_poll result = SOURCE_IDLE; result != SOURCE_END;) {
        struct source_message message;
        result = source->operations->poll(source, &message, &error);
        cr_assert_neq(result, SOURCE_FAILED, "%s", error.message);
        if (result != SOURCE_MESSAGE) {
            continue;
        }
        const struct metadata *metadata = message.metadata;
        struct text_buffer *part = &parts[metadata->partition];
        text_buffer_printf(part, "%d %.*s@%lld ", metadata->partition, (int)metadata->key.size,
                           metadata->key.bytes == NULL ? "" : metadata->key.bytes,
                           (long long)(metadata->timestamp_us / 1000));
        text_buffer_append_text(part, message.bytes);
        text_buffer_append_string(part, "\n");
    }
    source->operations->close(source);
    for (uint32_t index = 0; index < PARTITION_COUNT; index++) {
        text_buffer_append(&out, parts[index].bytes, parts[index].size);
        text_buffer_deinit(&parts[index]);
    }
    return out;
}

static void expect_holds(const struct text_buffer *topic, const char *words)
{
    cr_expect_not_null(strstr(topic->bytes, words), "'%s' is not in:\n%s", words, topic->bytes);
}

Test(produce, test_lines_go_out_as_they_are_keyed_by_the_user)
{
    static const char lines[] = "{\"u\":\"a\",\"t\":1,\"n\":\"v\"}\n"
                                "\n"
                                "no json\r\n"
                                "{\"u\":\"b\",\"t\":2.0000001,\"n\":\"v\"}\n"
                                "{\"u\":\"a\",\"t\":3,\"n\":\"w\"}";
    struct bench bench;
    bench_open(&bench, "in.json", lines, sizeof(lines) - 1);
    struct sent sent = send_file(&bench, &(struct sending){.yaml = SIMPLE});
    cr_expect_eq(sent.status, CORONG_OK, "%s", sent.error.message);
    cr_expect_eq(sent.read.lines, 5);
    cr_expect_eq(sent.read.blank, 1);
    cr_expect_eq(sent.read.cut, 0);
    cr_expect_eq(sent.read.unkeyed, 1);
    cr_expect_eq(sent.counts.lines, 4);
    cr_expect_eq(sent.counts.messages, 4);
    cr_expect_eq(sent.counts.acknowledged, 4);
    struct text_buffer topic = read_topic(&bench);
    // One user, one partition, in order; the timestamp is the event's, rounded up.
    char words[200];
    int32_t place = topic.bytes[strstr(topic.bytes, " a@1000") - topic.bytes - 1] - '0';
    snprintf(words, sizeof(words), "%d a@1000 {\"u\":\"a\",\"t\":1,\"n\":\"v\"}\n", place);
    expect_holds(&topic, words);
    snprintf(words, sizeof(words), "%d a@3000 ", place);
    expect_holds(&topic, words);
    cr_expect_lt(strstr(topic.bytes, "a@1000"), strstr(topic.bytes, "a@3000"));
    expect_holds(&topic, " b@2000 ");
    expect_holds(&topic, " no json\n");
    text_buffer_deinit(&topic);
    bench_close(&bench);
}

Test(produce, test_packs_keep_partitions_and_order)
{
    struct text_buffer lines = {0};
    struct bench bench;
    for (uint32_t index = 0; index < 500; index++) {
        text_buffer_printf(&lines, "{\"u\":\"u%u\",\"t\":%u,\"n\":\"v\"}\n", index % 23, index);
    }
    bench_open(&bench, "in.json", lines.bytes, lines.size);
    struct sent sent = send_file(&bench, &(struct sending){.yaml = SIMPLE, .pack = 40});
    cr_expect_eq(sent.counts.lines, 500);
    cr_expect_eq(sent.counts.acknowledged, 500);
    cr_expect_lt(sent.counts.messages, 20);
    struct text_buffer topic = read_topic(&bench);
    for (uint32_t user = 0; user < 23; user++) {
        char pattern[32];
        snprintf(pattern, sizeof(pattern), "{\"u\":\"u%u\",\"t\":", user);
        long before = -1;
        uint32_t count = 0;
        for (const char *at = topic.bytes; (at = strstr(at, pattern)) != NULL; count++) {
            at += strlen(pattern);
            long time = strtol(at, NULL, 10);
            cr_expect_gt(time, before);
            before = time;
        }
        cr_expect_eq(count, 500 / 23 + (user < 500 % 23));
    }
    text_buffer_deinit(&topic);
    text_buffer_deinit(&lines);
    bench_close(&bench);
}

Test(produce, test_rows_become_objects)
{
    static const char rows[] = "u,t,n,\"c \"\"x\"\"\",i\n"
                               "a,1,v,\"say \"\"hi\"\"\\\",5\n"
                               "b,2,v,,\"\"\n"
                               "c,3\n";
    struct bench bench;
    bench_open(&bench, "in.csv", rows, sizeof(rows) - 1);
    struct sent sent = send_file(&bench, &(struct sending){.yaml = "format: csv\n" SIMPLE});
    cr_expect_eq(sent.read.blank, 1);
    cr_expect_eq(sent.read.unkeyed, 1);
    struct text_buffer topic = read_topic(&bench);
    expect_holds(&topic, " a@1000 {\"u\":\"a\",\"t\":\"1\",\"n\":\"v\",\"c \\\"x\\\"\":"
                         "\"say \\\"hi\\\"\\\\\",\"i\":\"5\"}\n");
    expect_holds(&topic,
                 " b@2000 {\"u\":\"b\",\"t\":\"2\",\"n\":\"v\",\"c \\\"x\\\"\":null,\"i\":\"\"}\n");
    expect_holds(&topic, " c,3\n");
    text_buffer_deinit(&topic);
    bench_close(&bench);
}

Test(produce, test_key_words)
{
    static const char line[] = "{\"u\":\"a\",\"t\":1,\"n\":\"v\",\"c\":\"DE\",\"i\":7}\n";
    static const char *const keys[] = {"user", "none", "event", "c", "i"};
    static const char *const found[] = {" a@1000", " @1000", " v@1000", " DE@1000", " 7@1000"};
    struct bench bench;
    bench_open(&bench, "in.json", line, sizeof(line) - 1);
    for (size_t index = 0; index < 5; index++) {
        send_file(&bench, &(struct sending){.yaml = SIMPLE, .key = keys[index]});
    }
    struct sent sent = send_file(&bench, &(struct sending){.yaml = SIMPLE, .key = "usr"});
    cr_expect_eq(sent.status, CORONG_INVALID);
    cr_expect_eq(sent.counts.lines, 0);
    sent = send_file(&bench, &(struct sending){.key = "none"}); // no mapping: no time either
    cr_expect_eq(sent.counts.acknowledged, 1);
    struct text_buffer topic = read_topic(&bench);
    for (size_t index = 0; index < 5; index++) {
        expect_holds(&topic, found[index]);
    }
    text_buffer_deinit(&topic);
    bench_close(&bench);
}

/// What each library and broker may pack batches with, all of it must be read.
Test(produce, test_every_codec_is_consumed)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    struct text_buffer lines = {0};
    for (uint32_t index = 0; index < 300; index++) {
        text_buffer_printf(&lines, "{\"u\":\"user-%u\",\"t\":%u,\"n\":\"view\"}\n", index, index);
    }
    struct bench bench;
    bench_open(&bench, "in.json", lines.bytes, lines.size);
    for (size_t codec = 0; codec < 5; codec++) {
        char property[64];
        snprintf(property, sizeof(property), "compression.codec=%s", codecs[codec]);
        struct sent sent =
            send_file(&bench, &(struct sending){.yaml = SIMPLE, .property = property});
        cr_expect_eq(sent.counts.acknowledged, 300, "%s: %s", codecs[codec],
                     sent.counts.first_refusal);
    }
    struct text_buffer topic = read_topic(&bench);
    uint32_t count = 0;
    for (const char *at = topic.bytes; (at = strchr(at, '\n')) != NULL; at++) {
        count++;
    }
    cr_expect_eq(count, 5 * 300);
    text_buffer_deinit(&topic);
    text_buffer_deinit(&lines);
    bench_close(&bench);
}

Test(produce, test_what_is_too_long_is_counted)
{
    struct text_buffer lines = {0};
    struct bench bench;
    text_buffer_printf(&lines, "{\"u\":\"a\",\"x\":\"%0970d\"}\n{\"u\":\"a\",\"x\":\"%0990d\"}\n",
                       1, 2);
    bench_open(&bench, "in.json", lines.bytes, lines.size);
    struct sent sent = send_file(&bench, &(struct sending){.yaml = SIMPLE});
    cr_expect_eq(sent.read.lines, 2);
    cr_expect_eq(sent.read.cut, 1); // the limit of this test is 1,000 bytes
    cr_expect_eq(sent.counts.lines, 1);
    text_buffer_deinit(&lines);
    bench_close(&bench);
}

static bool refuse_to_go_on(void *context, const struct produce_feed_counts *counts)
{
    (void)context;
    return counts->lines < 20;
}

Test(produce, test_a_stopped_feed_says_so_and_loses_nothing_of_what_it_sent)
{
    struct text_buffer lines = {0};
    struct bench bench;
    for (uint32_t index = 0; index < 5000; index++) {
        text_buffer_printf(&lines, "{\"u\":\"u%u\",\"t\":%u,\"n\":\"v\"}\n", index % 23, index);
    }
    bench_open(&bench, "in.json", lines.bytes, lines.size);
    struct sent sent = send_file(
        &bench, &(struct sending){.yaml = SIMPLE, .rate = 100, .progress = refuse_to_go_on});
    cr_expect(sent.read.stopped);
    cr_expect_lt(sent.read.lines, 200); // the rate holds: some 0.3 s at 100 a second
    cr_expect_eq(sent.counts.acknowledged, sent.read.lines);
    text_buffer_deinit(&lines);
    bench_close(&bench);
}

Test(produce, test_properties_that_exactness_rests_on_stay)
{
    struct produce *produce;
    struct corong_error error = {0};
    const char *acks[] = {"acks=1", NULL};
    const char *shape[] = {"acks", NULL};
    const char *unknown[] = {"no.such.thing=1", NULL};
    const char *const *bad[] = {acks, shape, unknown};
    for (size_t index = 0; index < 3; index++) {
        struct produce_options options = {TOPIC, bad[index]};
        cr_expect_eq(produce_open(&produce, &options, &error), CORONG_INVALID, "%s", error.message);
    }
}
