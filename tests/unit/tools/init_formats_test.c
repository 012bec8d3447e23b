// SPDX-License-Identifier: Apache-2.0
// What 'corong init' proposes for the logs that people have: each sample is read by what was
// proposed for it, and the events are looked at. Samples of our own, and every real one at hand.
#include "storage/base/memory.h"
#include "tests/support/decode_harness.h"
#include "tools/corong/guess.h"
#include "tools/init/init.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define REAL_FOLDER "../shared/formats/"
#define FILE_SIZE_MAX (1u << 20)
#define PART_COUNT_MAX 8

/// A log, and what its proposal has to make of it.
struct sample {
    const char *name; ///< of a file, or the log itself
    uint64_t events;
    uint64_t rejected;
    uint64_t known;                    ///< of the events: those whose user is known
    uint64_t paid;                     ///< those with an amount
    bool kafka;                        ///< fed with a key and a time beside it
    const char *parts[PART_COUNT_MAX]; ///< somewhere in the proposal or the events
};

struct trial {
    struct arena arena;
    struct text_buffer proposal;
    struct init_outcome outcome;
    struct corong_error error;
    struct decode_harness harness;
    uint64_t refused;
};

static void feed(struct trial *trial, const struct sample *sample, struct text log)
{
    const struct metadata metadata = {.key = TEXT_LITERAL("k1"),
                                      .timestamp_us = 1767312000000000,
                                      .partition = METADATA_NO_PARTITION};
    const char *end = log.bytes + log.size;
    decode_harness_open(&trial->harness, trial->proposal.bytes);
    trial->harness.metadata = sample->kafka ? &metadata : NULL;
    for (const char *at = log.bytes; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        decode_harness_feed(&trial->harness, (struct text){at, (size_t)(stop - at)});
        trial->refused += trial->harness.outcome.reason != REJECT_NONE;
        at = stop + 1;
    }
    trial->refused += trial->harness.rejected_events;
}

static uint64_t count_of(const char *text, const char *word)
{
    uint64_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void expect_events(const struct trial *trial, const struct sample *sample, const char *label)
{
    const char *lines = trial->harness.lines.bytes == NULL ? "" : trial->harness.lines.bytes;
    uint64_t known = count_of(lines, "\nknown ") + (strncmp(lines, "known ", 6) == 0);
    cr_expect_eq(trial->harness.event_count, sample->events, "%s: %llu events", label,
                 (unsigned long long)trial->harness.event_count);
    cr_expect_eq(trial->refused, sample->rejected, "%s: %llu rejected", label,
                 (unsigned long long)trial->refused);
    cr_expect_eq(known, sample->known, "%s: %llu known", label, (unsigned long long)known);
    cr_expect_eq(count_of(lines, " revenue="), sample->paid, "%s: %llu paid", label,
                 (unsigned long long)count_of(lines, " revenue="));
    // What the proposal says of the sample is what became of it.
    cr_expect(sample->kafka || trial->outcome.events == sample->events, "%s: says %llu", label,
              (unsigned long long)trial->outcome.events);
    for (size_t part = 0; part < PART_COUNT_MAX && sample->parts[part] != NULL; part++) {
        bool there = strstr(lines, sample->parts[part]) != NULL ||
                     strstr(trial->proposal.bytes, sample->parts[part]) != NULL;
        cr_expect(there, "%s: no '%s' in\n%s%s", label, sample->parts[part], trial->proposal.bytes,
                  lines);
    }
}

/// A row of a table: what was proposed, and how much of the sample it reads.
static void show(const struct trial *trial, const char *label)
{
    const char *preset = strstr(trial->proposal.bytes, "preset: ");
    uint64_t all = trial->harness.event_count + trial->refused;
    printf("%-36s %-13.*s %3llu of %3llu read  %s\n", label,
           preset == NULL ? 3 : (int)strcspn(preset + 8, "\n"), preset == NULL ? "own" : preset + 8,
           (unsigned long long)trial->harness.event_count, (unsigned long long)all,
           trial->outcome.reason);
}

static void try(const struct sample *sample, const char *label, struct text log)
{
    struct trial trial = {0};
    enum corong_status status = init_propose(label, log, guess_line, &trial.arena, &trial.proposal,
                                             &trial.outcome, &trial.error);
    cr_expect_eq(status, CORONG_OK, "%s: %s", label, trial.error.message);
    if (status == CORONG_OK) {
        feed(&trial, sample, log);
        expect_events(&trial, sample, label);
        show(&trial, label);
        decode_harness_close(&trial.harness);
    }
    text_buffer_deinit(&trial.proposal);
    arena_deinit(&trial.arena);
}

static const struct sample OWN[] = {
    // W3C, with tabs, a header that changes, and one line too short for it.
    {"#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status "
     "cs(User-Agent) x-edge-request-id\n"
     "2026-01-02\t03:04:05\t9.9.9.9\tGET\t/a\tutm_source=x%20y&b=1\t200\tMoz%20illa\tr1\n"
     "2026-01-02\t03:04:06\t9.9.9.9\tGET\t/b\t-\t200\tMoz%20illa\tr2\n"
     "#Fields: date time cs-username c-ip cs-uri-stem\n"
     "2026-01-02 03:04:07 ann 9.9.9.9 /c\n"
     "2026-01-02 03:04:08 ann 9.9.9.9\n",
     3,
     1,
     1,
     0,
     false,
     {"preset: access_log", "anonymous 9.9.9.9|Moz%20illa visit 1767323045000000 id=",
      " source=x y", "known ann visit 1767323047000000 path=/c\n", " path=/b status=200"}},
    // Both load balancers, S3 and nginx in one file; the first line is a connection without
    // request.
    {"2026-01-02T03:04:05.000001Z lb 9.9.9.8:1 - 0 0 0 - - 1 2 \"- - - \" \"-\" - -\n"
     "2026-01-02T03:04:05.000001Z lb 9.9.9.8:443 10.0.0.1:80 0 0 0 200 200 0 57 \"GET "
     "http://shop.example:80/p?utm_campaign=may HTTP/1.1\" \"curl 8\" - -\n"
     "h2 2026-01-02T03:04:06.5Z app/lb 9.9.9.8:444 10.0.0.1:80 0 0 0 404 404 3 58 \"GET "
     "https://shop.example:443/q HTTP/2.0\" \"curl 8\" TLS13 TLSv1.3 arn:x \"Root=1\" "
     "\"shop.example\" \"-\" 0 2026-01-02T03:04:06Z \"forward\" \"-\" \"-\" \"10.0.0.1:80\" "
     "\"404\"\n"
     "f00 bucket [02/Jan/2026:03:04:07 +0000] 9.9.9.8 - EB1 WEBSITE.GET.OBJECT index \"GET /r "
     "HTTP/1.1\" 200 - 368 368 10 9 \"-\" \"curl 8\"\n"
     "9.9.9.8 - bob [02/Jan/2026:03:04:08 +0000] \"GET /s HTTP/1.1\" 200 5 \"-\" \"curl 8\"\n",
     4,
     0,
     1,
     0,
     false,
     {"anonymous 9.9.9.8|curl 8 visit 1767323045000001 method=GET host=shop.example path=/p "
      "query=utm_campaign=may status=200 bytes=57 agent=curl 8 campaign=may",
      "anonymous 9.9.9.8|curl 8 visit 1767323046500000 method=GET host=shop.example path=/q",
      "anonymous 9.9.9.8|curl 8 visit 1767323047000000 method=GET path=/r status=200 bytes=368",
      "known bob visit 1767323048000000 method=GET path=/s"}},
    {"https://m.example/matomo.php?idsite=3&rec=1&_id=aa&cdt=1767323045&url=http%3A%2F%2Fa%2F%3Fb&"
     "action_name=%C3%A4%20b+c%\n"
     "/matomo.php?idsite=3&rec=1&_id=aa&uid=u1&cdt=1767323046&idgoal=0&ec_id=o1&revenue=9.5\n"
     "/matomo.php?idsite=3&rec=1&_id=aa&cdt=1767323047&e_c=video&e_a=play&e_n=%FF\n",
     3,
     0,
     1,
     1,
     false,
     {"preset: matomo",
      "anonymous aa visit 1767323045000000 site=3 url=http://a/?b title=\xc3\xa4 b c%",
      "known u1 order 1767323046000000 revenue=95000 site=3 goal=0 order_id=o1",
      // Bytes that are no UTF-8 stay as they came.
      "anonymous aa play 1767323047000000 site=3 category=video label=%FF",
      "steps: [visit, order]"}},
    {"{\"a\":\"Moz\",\"c\":\"DE\",\"nk\":1,\"tz\":\"Europe/Berlin\",\"g\":\"G\",\"h\":\"H\",\"hh\":"
     "\"s.io\",\"u\":\"http://x/\",\"t\":1767323045,\"cy\":\"Ulm\",\"r\":\"direct\"}\n"
     "{\"_heartbeat_\":1767323046}\n",
     1,
     0,
     0,
     0,
     false,
     {"preset: bitly", "anonymous Moz||Europe/Berlin|Ulm click 1767323045000000 country=DE",
      " known=1"}},
    {"{\"id\":7,\"order_key\":\"wc_1\",\"line_items\":[{\"product_id\":5,\"sku\":\"S\",\"price\":3}"
     "],\"date_created_gmt\":\"2026-01-02T03:04:05\",\"customer_id\":0,\"billing\":{\"email\":"
     "\"e@x\",\"country\":\"FR\"},\"total\":\"9.50\",\"currency\":\"eur\"}\n"
     "{\"id\":8,\"order_key\":\"wc_2\",\"line_items\":[],\"date_created_gmt\":\"2026-01-02T03:04:"
     "06\",\"customer_id\":0,\"total\":\"1\",\"currency\":\"EUR\"}\n",
     2,
     0,
     1,
     2,
     false,
     {"preset: woocommerce", "known e@x order 1767323045000000 id=", " revenue=95000 currency=EUR",
      "anonymous wc_2 order 1767323046000000 id=", " product_id=5 sku=S price=3"}},
    // Neither who nor when, but what: Kafka may know the rest.
    {"{\"event\":\"Product Added\",\"properties\":{\"price\":3}}\n"
     "{\"event\":\"Order Completed\",\"properties\":{\"revenue\":\"9.5\",\"currency\":\"usd\"}}\n",
     2,
     0,
     2,
     1,
     true,
     {"user: kafka.key", "time: kafka.timestamp", "known k1 Product Added 1767312000000000",
      " revenue=95000 currency=USD", "steps: [cart, order]"}},
    // Only what was bought is worth its price.
    {"event_time,event_type,product_id,price,user_id\n"
     "2026-01-02 03:04:05 UTC,view,1,9.50,7\n2026-01-02 03:04:06 UTC,purchase,1,9.50,7\n",
     2,
     0,
     2,
     1,
     false,
     {"revenue: { amount: price, events: [purchase] }",
      "known 7 purchase 1767323046000000 revenue=95000"}},
    // An id that repeats is somebody's; a clock without a zone gives way to one with it.
    {"{\"id\":5,\"time\":\"2026-01-02T03:00:00\",\"startUTC\":\"2026-01-02T03:04:05Z\",\"action\":"
     "\"a\"}\n{\"id\":5,\"time\":\"2026-01-02T03:00:00\",\"startUTC\":\"2026-01-02T03:04:06Z\","
     "\"action\":\"b\"}\n{\"id\":6,\"time\":\"2026-01-02T03:00:00\",\"startUTC\":\"2026-01-02T03:"
     "04:07Z\",\"action\":\"b\"}\n",
     3,
     0,
     3,
     0,
     false,
     {"user: id", "known 5 a 1767323045000000"}},
    // Nobody is logged in: address and agent, the agent in a list as servers write headers.
    {"{\"login\":\"-\",\"ip\":\"1.1.1.1\",\"ts\":1767323045.25,\"headers\":{\"User-Agent\":[\"c\"]}"
     "}\n{\"login\":\"-\",\"ip\":\"1.1.1.2\",\"ts\":1767323046.5,\"headers\":{\"User-Agent\":[\"c\""
     "]}}\n",
     2,
     0,
     0,
     0,
     false,
     {"user: { path: login, missing: ['0', '-'] }", "anonymous 1.1.1.1|c visit 1767323045250000"}},
    // An id below an object is that object's.
    {"{\"customer\":{\"id\":\"c1\"},\"page\":{\"name\":\"x\"},\"cart\":{\"name\":\"y\"},\"at\":"
     "1767323045,\"action\":\"a\"}\n",
     1,
     0,
     1,
     0,
     false,
     {"user: customer.id", "known c1 a 1767323045000000"}},
};

Test(init_formats, test_own_samples_are_read_by_what_is_proposed)
{
    for (size_t index = 0; index < sizeof(OWN) / sizeof(OWN[0]); index++) {
        char label[32];
        snprintf(label, sizeof(label), "own %zu", index + 1);
        try(&OWN[index], label, text_from(OWN[index].name));
    }
}

/// What lacks in those that are rejected: a user or a time, in cut-outs of documentation.
static const struct sample REAL[] = {
    {"amplitude_export.ndjson",
     2,
     0,
     2,
     0,
     false,
     {"known user_jane_acme page_view 1784023200000000"}},
    {"amplitude_http_v2_and_batch.ndjson", 4, 0, 4, 3, false, {" revenue=-19900"}},
    {"apache_nginx_combined.log", 10, 0, 0, 0, false, {"preset: combined"}},
    {"aws_alb_elb_s3_iis.log",
     4,
     0,
     2,
     0,
     false,
     {"preset: access_log",
      " visit 1431560383945958 method=GET host=www.example.com path=/path/index.html",
      " visit 1577840104127531 ",
      "known arn:aws:iam::179580289999:user/phillip.boss visit 1328910127000000",
      "known theuser visit 1333238413000000 method=GET host=example.com path=/foo/bar "
      "query=topCat1"}},
    {"aws_cloudfront_web.log",
     1,
     0,
     0,
     0,
     false,
     {"anonymous 192.0.2.10|Mozilla/5.0%2520(Windows", " visit 1400807591000000 id=",
      " host=example.com path=/view/my/file.html status=200 bytes=182 "
      "referrer=https://example.com/",
      " edge=FRA2 cache=Miss"}},
    {"bitly_click.ndjson",
     10,
     0,
     0,
     0,
     false,
     {"preset: bitly", " click 1331923247000000 country=US region=MA city=Danvers"}},
    {"caddy_json.ndjson",
     3,
     0,
     0,
     0,
     false,
     {"anonymous 1.2.3.4|Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:121.0)",
      " visit 1703373474815560 method=GET host=example.com uri=/beta/"}},
    {"cloudevents_structured.ndjson",
     1,
     8,
     0,
     0,
     false,
     {"anonymous 123 com.github.pull_request.opened 1522949460000000"}},
    {"ga4_bigquery_export.ndjson", 2, 1, 0, 0, false, {" session_start 1653679818347831"}},
    {"matomo_tracking_requests.txt",
     3,
     0,
     1,
     1,
     false,
     {"anonymous 1da79fc743e8bcc4 visit 1360047661000000 site=1 url=http://clearcode.cc/",
      "known u-42 order 1360047661000000 revenue=11111100", " country=nz goal=0 order_id=12345"}},
    {"mixpanel.ndjson", 8, 2, 8, 0, false, {"known feross test_event 1628074042000000"}},
    {"nginx_json.ndjson",
     2,
     0,
     0,
     0,
     false,
     {"anonymous 1.2.3.4|Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.17",
      " visit 1381416720000000 host=www.piwik.org"}},
    {"otto_session.ndjson", 341, 0, 0, 0, false, {"preset: otto"}},
    {"posthog.ndjson", 3, 1, 3, 0, false, {"known user-1 my_event 1782561600000000"}},
    {"rudderstack.ndjson",
     9,
     0,
     8,
     2,
     false,
     {"preset: rudderstack", "known uid-2 Product Brought 1604496069712000"}},
    {"segment.ndjson", 7, 6, 7, 0, false, {"known AiUGstSDIg Course Clicked 1449947461249000"}},
    {"segment_ecommerce_v2_calls.ndjson",
     25,
     0,
     25,
     4,
     true,
     {"known k1 Products Searched 1767312000000000", " revenue=250000 currency=USD",
      "steps: [visit, click, product, cart, checkout, order]"}},
    {"shopify_orders_checkouts.ndjson",
     3,
     2,
     3,
     3,
     false,
     {"known 207119551 order 1199980800000000", " revenue=4099400 currency=USD"}},
    {"shopify_webhooks.ndjson",
     5,
     0,
     4,
     1,
     false,
     {"anonymous shopify_test3 carts_create 1676030704402000", " revenue=3880000 currency=USD",
      "known test_person@email.com checkout_delete "}},
    {"snowplow_ecommerce.ndjson", 16, 0, 0, 2, false, {"preset: snowplow"}},
    {"snowplow_enriched_sdk.json.ndjson",
     1,
     0,
     1,
     0,
     false,
     {"known jon.doe@email.com link_click 1385424237886000"}},
    {"snowplow_enriched_sdk.tsv", 1, 0, 1, 0, false, {"preset: snowplow_tsv"}},
    {"snowplow_web_events.ndjson", 10, 0, 10, 0, false, {" login 1614621671023000"}},
    {"snowplow_web_events.tsv", 10, 0, 10, 0, false, {" login 1614621671023000"}},
    {"traefik_json.ndjson",
     1,
     0,
     0,
     0,
     false,
     {"anonymous 1.2.3.4|Prometheus/2.40.5 visit 1691753961773360"}},
    {"woocommerce_orders.ndjson",
     4,
     0,
     4,
     4,
     false,
     {"known john.doe@example.com order 1490210882000000", "known 26 order 1490123760000000",
      " revenue=390000 currency=USD order_id=723"}},
};

/// Not logs: what the samples are, lists of columns, how a message is laid out.
static const char *const NO_LOGS[] = {"FIELD_PATHS.md", "SOURCES.md",
                                      "snowplow_enriched_columns.txt",
                                      "cloudevents_kafka_binding.txt"};

static struct text read_file(struct arena *arena, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), REAL_FOLDER "%s", name);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    char *bytes = arena_allocate(arena, FILE_SIZE_MAX);
    struct text text = {bytes, fread(bytes, 1, FILE_SIZE_MAX, file)};
    fclose(file);
    return text;
}

static const struct sample *sample_of(const char *name)
{
    for (size_t index = 0; index < sizeof(REAL) / sizeof(REAL[0]); index++) {
        if (strcmp(REAL[index].name, name) == 0) {
            return &REAL[index];
        }
    }
    return NULL;
}

static bool is_no_log(const char *name)
{
    for (size_t index = 0; index < sizeof(NO_LOGS) / sizeof(NO_LOGS[0]); index++) {
        if (strcmp(NO_LOGS[index], name) == 0) {
            return true;
        }
    }
    return false;
}

/// Documentation is refused in words.
static void expect_refused(const char *name, struct text text)
{
    struct trial trial = {0};
    enum corong_status status = init_propose(name, text, guess_line, &trial.arena, &trial.proposal,
                                             &trial.outcome, &trial.error);
    cr_expect_neq(status, CORONG_OK, "%s was taken for a log", name);
    cr_expect_not_null(strstr(trial.error.message, name), "%s", trial.error.message);
    text_buffer_deinit(&trial.proposal);
    arena_deinit(&trial.arena);
}

Test(init_formats, test_every_real_sample_is_read_by_what_is_proposed)
{
    DIR *folder = opendir(REAL_FOLDER);
    if (folder == NULL) {
        const char *ci = getenv("CI");
        printf("SKIP init_formats: no " REAL_FOLDER "\n");
        cr_expect(ci == NULL || strcmp(ci, "true") != 0, REAL_FOLDER " is missing");
        return;
    }
    size_t found = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct arena arena = {0};
        const struct sample *sample = sample_of(entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        struct text text = read_file(&arena, entry->d_name);
        if (is_no_log(entry->d_name)) {
            expect_refused(entry->d_name, text);
        } else {
            cr_expect_not_null(sample, "%s: nothing is expected of it", entry->d_name);
        }
        if (sample != NULL) {
            try(sample, entry->d_name, text);
        }
        found += sample != NULL;
        arena_deinit(&arena);
    }
    closedir(folder);
    cr_expect_eq(found, sizeof(REAL) / sizeof(REAL[0]));
}
