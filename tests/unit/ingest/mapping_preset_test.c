// SPDX-License-Identifier: Apache-2.0
// Presets on messages of the shape that each system writes, and on real ones where they are at
// hand.
#include "storage/base/memory.h"
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define REAL_FOLDER "../shared/formats/"

static struct decode_harness harness;

static void opened(const char *preset)
{
    char yaml[64];
    snprintf(yaml, sizeof(yaml), "preset: %s\n", preset);
    decode_harness_open(&harness, yaml);
}

static void opened_with_links(const char *preset)
{
    char yaml[64];
    snprintf(yaml, sizeof(yaml), "preset: %s\nlinks: true\n", preset);
    decode_harness_open(&harness, yaml);
}

/// Every one of `parts` (NULL-terminated) is somewhere in what the message makes.
static void expect_parts(const char *message, const char *const *parts)
{
    const char *lines = decode_harness_lines(&harness, message);
    for (; *parts != NULL; parts++) {
        cr_expect_not_null(strstr(lines, *parts), "no '%s' in\n%s(%s)", *parts, lines,
                           harness.outcome.detail);
    }
}

#define EXPECT(message, ...) expect_parts(message, (const char *const[]){__VA_ARGS__, NULL})

Test(mapping_preset, test_ga4)
{
    opened("ga4");
    EXPECT(
        "{\"event_timestamp\":\"1700000000123456\",\"event_name\":\"purchase\",\"user_pseudo_id\":"
        "\"5.6\",\"user_id\":null,\"event_params\":[{\"key\":\"ga_session_id\",\"value\":{"
        "\"string_value\":null,\"int_value\":\"1699\"}},{\"key\":\"currency\",\"value\":{"
        "\"string_value\":\"EUR\"}},{\"key\":\"value\",\"value\":{\"double_value\":\"9.5\"}}],"
        "\"ecommerce\":{\"purchase_revenue\":\"9.50\",\"transaction_id\":\"T1\"},\"items\":[{"
        "\"item_id\":\"SKU\",\"price\":\"4.75\",\"quantity\":\"2\"}],\"geo\":{\"country\":"
        "\"Chile\"}}",
        "anonymous 5.6 purchase 1700000000123456 revenue=95000 currency=EUR", " session_id=1699",
        " country=Chile", " order_id=T1", " product_id=SKU", " value=9.5", " price=4.75",
        " quantity=2");
    EXPECT("[{\"event_timestamp\":\"1\",\"event_name\":\"a\",\"user_id\":\"k\"}]", "known k a 1\n");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_posthog)
{
    opened("posthog");
    EXPECT("{\"api_key\":\"x\",\"event\":\"$pageview\",\"distinct_id\":\"d1\",\"timestamp\":"
           "\"2026-01-02T03:04:05+01:00\",\"properties\":{\"$current_url\":\"http://a/\","
           "\"$session_id\":\"s\"}}",
           "known d1 $pageview 1767319445000000", " url=http://a/", " session_id=s");
    EXPECT("{\"api_key\":\"x\",\"batch\":[{\"event\":\"a\",\"properties\":{\"distinct_id\":\"d2\","
           "\"$time\":1694537723.201}},{\"event\":\"b\",\"distinct_id\":\"d3\"}],\"sent_at\":"
           "\"2026-01-02T00:00:00Z\"}",
           "known d2 a 1694537723201000", "known d3 b 1767312000000000");
    struct metadata metadata = {.timestamp_us = 7000000, .partition = METADATA_NO_PARTITION};
    harness.metadata = &metadata;
    EXPECT("{\"event\":\"a\",\"distinct_id\":\"d4\"}", "known d4 a 7000000");
    decode_harness_close(&harness);
}

/// One event of Mixpanel's, by its name and what its properties are besides the time.
static void expect_mixpanel(const char *name, const char *properties, const char *line)
{
    struct text_buffer message = {0};
    text_buffer_printf(&message, "[{\"event\":\"%s\",\"properties\":{\"time\":1,%s}}]", name,
                       properties);
    cr_expect_str_eq(decode_harness_lines(&harness, message.bytes), line, "%s", message.bytes);
    text_buffer_deinit(&message);
}

static void mixpanel_links(void)
{
    opened_with_links("mixpanel");
    // Simplified: a device's id is anonymous, marked or not; one event with both ids links them.
    expect_mixpanel("v", "\"distinct_id\":\"$device:d\",\"$device_id\":\"d\"",
                    "anonymous d v 1000000\n");
    expect_mixpanel("v", "\"distinct_id\":\"$device:d\"", "anonymous d v 1000000\n");
    expect_mixpanel("v", "\"distinct_id\":\"k\",\"$user_id\":\"k\",\"$device_id\":\"d\"",
                    "known k v 1000000 $anonymous=d\n");
    expect_mixpanel("$identify", "\"distinct_id\":\"k\",\"$anon_distinct_id\":\"$device:d\"",
                    "known k $identify 1000000 $anonymous=d\n");
    // A prefix alone is an id like all others.
    expect_mixpanel("v", "\"distinct_id\":\"$device:\"", "known $device: v 1000000\n");
    // Original: ids of devices and people look alike; a device's own event links nothing.
    expect_mixpanel("v", "\"distinct_id\":\"d\",\"$device_id\":\"d\"", "known d v 1000000\n");
    expect_mixpanel("$identify", "\"distinct_id\":\"k\",\"$anon_id\":\"d\"",
                    "known k $identify 1000000 $previous=d\n");
    expect_mixpanel("$merge", "\"$distinct_ids\":[\"one\",\"two\"]",
                    "known one $merge 1000000 $alias=two\n");
    expect_mixpanel("$merge", "\"$distinct_ids\":[\"one\",\"one\"]", "known one $merge 1000000\n");
    expect_mixpanel("$merge", "\"$distinct_ids\":[\"one\",\"$device:d\"]",
                    "known one $merge 1000000 $anonymous=d\n");
    expect_mixpanel("$merge", "\"$distinct_ids\":[\"one\"]", "known one $merge 1000000\n");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_links_of_each_system)
{
    opened_with_links("segment");
    EXPECT("{\"type\":\"identify\",\"userId\":\"k\",\"anonymousId\":\"a\",\"timestamp\":1}",
           "known k identify 1000000", " $anonymous=a");
    EXPECT("{\"type\":\"alias\",\"userId\":\"k\",\"previousId\":\"p\",\"timestamp\":1}",
           "known k alias 1000000", " $alias=p", " $anonymous=p");
    decode_harness_close(&harness);
    opened_with_links("rudderstack");
    EXPECT("{\"batch\":[{\"type\":\"identify\",\"userId\":\"k\",\"anonymousId\":\"a\","
           "\"timestamp\":1}]}",
           "known k identify 1000000", " $anonymous=a");
    decode_harness_close(&harness);
    opened_with_links("posthog");
    EXPECT("{\"event\":\"$identify\",\"distinct_id\":\"k\",\"timestamp\":1,\"properties\":{"
           "\"$anon_distinct_id\":\"a\"}}",
           "known k $identify 1000000", " $previous=a");
    EXPECT("{\"event\":\"$create_alias\",\"distinct_id\":\"k\",\"timestamp\":1,\"properties\":{"
           "\"alias\":\"p\"}}",
           "known k $create_alias 1000000", " $alias=p");
    decode_harness_close(&harness);
    opened_with_links("mixpanel");
    EXPECT("{\"event\":\"$identify\",\"properties\":{\"time\":1,\"distinct_id\":\"x\","
           "\"$identified_id\":\"k\",\"$anon_id\":\"a\"}}",
           "known k $identify 1000000", " $previous=a");
    EXPECT("{\"event\":\"v\",\"properties\":{\"time\":1,\"$user_id\":\"k\",\"$device_id\":\"d\"}}",
           "known k v 1000000", " $anonymous=d");
    decode_harness_close(&harness);
    mixpanel_links();
    opened_with_links("amplitude");
    EXPECT("{\"event_type\":\"v\",\"user_id\":\"k\",\"device_id\":\"d\",\"time\":1}",
           "known k v 1000000", " $anonymous=d");
    decode_harness_close(&harness);
    opened_with_links("snowplow");
    EXPECT("{\"event\":\"page_view\",\"user_id\":\"k\",\"domain_userid\":\"d\","
           "\"derived_tstamp\":\"1970-01-01T00:00:01Z\"}",
           "known k ", " $anonymous=d");
    decode_harness_close(&harness);
    opened_with_links("ga4");
    EXPECT("{\"event_timestamp\":\"1\",\"event_name\":\"a\",\"user_id\":\"k\","
           "\"user_pseudo_id\":\"d\"}",
           "known k a 1", " $anonymous=d");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_mixpanel)
{
    opened("mixpanel");
    EXPECT("{\"event\":\"Buy\",\"properties\":{\"time\":1700000000,\"distinct_id\":\"m1\",\"$"
           "insert_id\":"
           "\"i\",\"mp_country_code\":\"SE\"}}",
           "known m1 Buy 1700000000000000 id=", " country=SE");
    EXPECT("[{\"event\":\"A\",\"properties\":{\"time\":1700000000123,\"$device_id\":\"d\"}}]",
           "anonymous d A 1700000000123000");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_amplitude)
{
    opened("amplitude");
    EXPECT("{\"api_key\":\"k\",\"events\":[{\"user_id\":\"a1\",\"event_type\":\"Pay\",\"time\":"
           "1700000000123,\"revenue\":\"-1.99\",\"event_properties\":{\"[Amplitude] Page "
           "URL\":\"/p\"}}]}",
           "known a1 Pay 1700000000123000 revenue=-19900", " url=/p");
    EXPECT(
        "{\"event_type\":\"x\",\"event_time\":\"2026-01-02 00:00:00.000001\",\"device_id\":\"d\","
        "\"session_id\":-1,\"server_received_time\":\"2026-01-02 00:00:02.5\"}",
        "anonymous d x 1767312000000001 received=1767312002500000 session_id=-1");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_snowplow)
{
    opened("snowplow");
    EXPECT("{\"event\":\"struct\",\"event_name\":\"event\",\"se_action\":\"login\",\"domain_"
           "userid\":\"d\","
           "\"derived_tstamp\":\"2026-01-02T00:00:00.5Z\",\"collector_tstamp\":\"2026-01-02 "
           "00:00:01\"}",
           "anonymous d login 1767312000500000 received=1767312001000000", " class=struct");
    EXPECT("{\"event\":\"unstruct\",\"event_name\":\"snowplow_ecommerce_action\",\"user_id\":\"u\","
           "\"derived_tstamp\":\"2026-01-02 "
           "00:00:00\",\"unstruct_event_com_snowplowanalytics_snowplow_"
           "ecommerce_snowplow_ecommerce_action_1\":{\"type\":\"transaction\"},\"contexts_com_"
           "snowplowanalytics_snowplow_ecommerce_transaction_1\":[{\"revenue\":12.5,\"currency\":"
           "\"EUR\","
           "\"transaction_id\":\"t\"}]}",
           "known u transaction 1767312000000000 revenue=125000 currency=EUR", " order_id=t");
    EXPECT("{\"event\":\"unstruct\",\"user_id\":\"u\",\"derived_tstamp\":\"2026-01-02 00:00:00\","
           "\"unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_"
           "0_0\":"
           "\"{\\\"type\\\":\\\"add_to_cart\\\"}\",\"contexts_com_snowplowanalytics_snowplow_"
           "ecommerce_"
           "product_1_0_0\":\"[{\\\"id\\\":\\\"7\\\",\\\"price\\\":\\\"3.0\\\"}]\"}",
           "known u add_to_cart ", " product_id=7", " price=3");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_snowplow_rows)
{
    opened("snowplow_tsv");
    struct text_buffer row = {0};
    for (uint32_t column = 1; column <= 131; column++) {
        const char *value = column == 16   ? "duid"
                            : column == 30 ? "http://a/"
                            : column == 53
                                ? "{\"schema\":\"c\",\"data\":[{\"schema\":\"iglu:com."
                                  "snowplowanalytics.snowplow.ecommerce/product/jsonschema/"
                                  "1-0-0\",\"data\":{\"id\":\"9\"}}]}"
                            : column == 125 ? "2026-01-02 00:00:00.25"
                            : column == 127 ? "page_view"
                                            : "";
        text_buffer_printf(&row, "%s%s", column == 1 ? "" : "\t", value);
    }
    EXPECT(row.bytes, "anonymous duid page_view 1767312000250000", " url=http://a/",
           " product_id=9");
    text_buffer_append_string(&row, "\tmore");
    decode_harness_lines(&harness, row.bytes);
    cr_expect_eq(harness.outcome.reason, REJECT_COLUMN_COUNT);
    text_buffer_deinit(&row);
    decode_harness_close(&harness);
}

Test(mapping_preset, test_cloudevents)
{
    static const struct metadata_header headers[] = {
        {TEXT_LITERAL("ce_type"), TEXT_LITERAL("com.shop.order")},
        {TEXT_LITERAL("ce_time"), TEXT_LITERAL("2026-01-02T00:00:00Z")},
        {TEXT_LITERAL("ce_id"), TEXT_LITERAL("1")},
        {TEXT_LITERAL("ce_source"), TEXT_LITERAL("/s")}};
    static const struct metadata binary = {.timestamp_us = METADATA_NO_TIMESTAMP,
                                           .partition = METADATA_NO_PARTITION,
                                           .headers = headers,
                                           .header_count = 4};
    opened("cloudevents");
    EXPECT("{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/s\",\"id\":\"1\",\"time\":"
           "\"2026-01-02T00:00:00Z\",\"data\":{\"userId\":\"u\",\"price\":2}}",
           "known u t 1767312000000000 id=", " source=/s", " price=2");
    EXPECT("{\"type\":\"t\",\"source\":\"/"
           "s\",\"id\":\"1\",\"time\":\"2026-01-02T00:00:00Z\",\"subject\":"
           "\"s\",\"data\":\"text\"}",
           "anonymous s t ");
    harness.metadata = &binary;
    EXPECT("{\"user_id\":\"u\",\"type\":\"a field of the data\",\"revenue\":\"3\"}",
           "known u com.shop.order 1767312000000000 id=", " revenue=30000", " source=/s");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_rudderstack)
{
    opened("rudderstack");
    EXPECT(
        "{\"type\":\"track\",\"event\":\"Order\",\"userId\":\"r\",\"originalTimestamp\":"
        "\"2026-01-02T00:00:00Z\",\"context\":{\"sessionId\":17},\"properties\":{\"total\":\"5\","
        "\"currency\":\"USD\",\"products\":[{\"product_id\":\"p\"}]}}",
        "known r Order 1767312000000000 revenue=50000 currency=USD", " session_id=17",
        " product_id=p");
    EXPECT("{\"sentAt\":\"2026-01-02T00:00:00Z\",\"batch\":[{\"type\":\"page\",\"anonymousId\":"
           "\"a\"}]}",
           "anonymous a visit 1767312000000000");
    decode_harness_close(&harness);
}

Test(mapping_preset, test_shopify)
{
    static const struct metadata_header headers[] = {
        {TEXT_LITERAL("X-Shopify-Topic"), TEXT_LITERAL("orders/paid")},
        {TEXT_LITERAL("X-Shopify-Triggered-At"), TEXT_LITERAL("2026-01-03T00:00:00Z")},
        {TEXT_LITERAL("X-Shopify-Webhook-Id"), TEXT_LITERAL("w")}};
    static const struct metadata webhook = {.timestamp_us = METADATA_NO_TIMESTAMP,
                                            .partition = METADATA_NO_PARTITION,
                                            .headers = headers,
                                            .header_count = 3};
#define ORDER                                                                                      \
    "{\"id\":5,\"email\":\"e@x\",\"created_at\":\"2026-01-02T01:00:00+01:00\",\"total_price\":"    \
    "\"409.94\","                                                                                  \
    "\"currency\":\"USD\",\"customer\":{\"id\":77},\"line_items\":[{\"product_id\":3,\"price\":"   \
    "\"1.5\","                                                                                     \
    "\"quantity\":2}],\"test\":false}"
    opened("shopify");
    const char *made = "known 77 order 1767312000000000 id=";
    EXPECT("{\"order\":" ORDER "}", made, " revenue=4099400 currency=USD", " order_id=5",
           " product_id=3", " price=1.5", " quantity=2", " test=0");
    EXPECT("{\"orders\":[" ORDER "," ORDER "]}", made, " product_id=3");
    cr_expect_eq(harness.outcome.event_count, 2);
    EXPECT(ORDER, made, " product_id=3");
    harness.metadata = &webhook;
    EXPECT(ORDER, "known 77 orders/paid 1767398400000000 id=", " revenue=4099400");
    decode_harness_close(&harness);
    opened("shopify_checkouts");
    EXPECT("{\"checkouts\":[" ORDER "]}", "known 77 checkout 1767312000000000 ");
    EXPECT("{\"checkout\":" ORDER "}", "known 77 checkout 1767312000000000 ");
    decode_harness_close(&harness);
}

/// A file of real messages: how many become events, and why the others do not.
struct real_file {
    const char *preset;
    const char *name;
    uint64_t events;
    uint64_t refused;
    enum reject_reason reason; ///< of every refused one
    const char *parts[3];      ///< somewhere in the events
};

static const struct real_file REAL_FILES[] = {
    {"rudderstack", "rudderstack.ndjson", 9, 0, REJECT_NONE, {"known uid-2 Product Brought "}},
    // The purchase is a cut-out without user and time.
    {"ga4",
     "ga4_bigquery_export.ndjson",
     2,
     1,
     REJECT_USER_MISSING,
     {"anonymous 745846450.1644156613 session_start 1653679818347831", " session_id=1653679817",
      " referrer=https://www.google.com/"}},
    // The second has no time, and a file has no time of arrival.
    {"posthog",
     "posthog.ndjson",
     3,
     1,
     REJECT_TIME_MISSING,
     {"known user-1 my_event 1782561600000000", " action=click"}},
    // Two rows without a user.
    {"mixpanel",
     "mixpanel.ndjson",
     8,
     2,
     REJECT_USER_MISSING,
     {"known feross test_event 1628074042000000",
      "known user123xyz Item Purchased 1601412131000000"}},
    {"amplitude",
     "amplitude_http_v2_and_batch.ndjson",
     4,
     0,
     REJECT_NONE,
     {"known 12345 watch_tutorial 1396381378123000", " revenue=-19900"}},
    {"amplitude",
     "amplitude_export.ndjson",
     2,
     0,
     REJECT_NONE,
     {"known user_jane_acme page_view 1784023200000000 "}},
    {"snowplow",
     "snowplow_ecommerce.ndjson",
     16,
     0,
     REJECT_NONE,
     {" transaction 16", " revenue=130000 currency=EUR", " order_id=TtlZ3b"}},
    {"snowplow", "snowplow_web_events.ndjson", 10, 0, REJECT_NONE, {" login 16146216"}},
    {"snowplow",
     "snowplow_enriched_sdk.json.ndjson",
     1,
     0,
     REJECT_NONE,
     {"known jon.doe@email.com link_click 1385424237886000"}},
    {"snowplow_tsv",
     "snowplow_enriched_sdk.tsv",
     1,
     0,
     REJECT_NONE,
     {"known jon.doe@email.com link_click 1385424237886000"}},
    {"snowplow_tsv", "snowplow_web_events.tsv", 10, 0, REJECT_NONE, {" login 16146216"}},
    // Only the last says whom it is about.
    {"cloudevents",
     "cloudevents_structured.ndjson",
     1,
     8,
     REJECT_USER_MISSING,
     {"anonymous 123 com.github.pull_request.opened 1522949460000000"}},
    // Orders (one twice, and a list of one) and checkouts (one, and a list of one): each preset
    // refuses what is the other's, together they read all five.
    {"shopify",
     "shopify_orders_checkouts.ndjson",
     3,
     2,
     REJECT_USER_MISSING,
     {"known 207119551 order 1199980800000000", " revenue=4099400 currency=USD"}},
    {"shopify_checkouts",
     "shopify_orders_checkouts.ndjson",
     2,
     3,
     REJECT_USER_MISSING,
     {"known bob.norman@hostmail.com checkout 1350039927000000", " revenue=4099400 currency=USD"}},
    {"bitly", "bitly_click.ndjson", 10, 0, REJECT_NONE, {" click 1331923247000000 country=US"}},
    {"matomo", "matomo_tracking_requests.txt", 3, 0, REJECT_NONE, {"known u-42 order "}},
    {"woocommerce", "woocommerce_orders.ndjson", 4, 0, REJECT_NONE, {"known 26 order "}},
    {"combined", "apache_nginx_combined.log", 10, 0, REJECT_NONE, {" visit "}},
    {"access_log", "aws_cloudfront_web.log", 1, 0, REJECT_NONE, {" visit 1400807591000000 id="}},
    {"segment", "segment_ecommerce_v2_calls.ndjson", 0, 25, REJECT_USER_MISSING, {NULL}},
    {"otto", "otto_session.ndjson", 341, 0, REJECT_NONE, {NULL}},
};

static char *read_real(const char *name, size_t *size_out)
{
    char path[256];
    snprintf(path, sizeof(path), REAL_FOLDER "%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = memory_allocate(1 << 20);
    *size_out = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void feed_real(const struct real_file *real, char *bytes, size_t size)
{
    uint64_t refused = 0;
    struct text_buffer all = {0};
    for (char *at = bytes; at < bytes + size;) {
        char *stop = memchr(at, '\n', (size_t)(bytes + size - at));
        stop = stop == NULL ? bytes + size : stop;
        *stop = '\0';
        text_buffer_append_string(&all, decode_harness_lines(&harness, at));
        bool whole = harness.outcome.reason != REJECT_NONE;
        refused += whole;
        cr_expect(!whole || harness.outcome.reason == real->reason, "%s: %s", real->name,
                  harness.outcome.detail);
        at = stop + 1;
    }
    printf("%-17s %-34s %3llu of %3llu read  %s\n", real->preset, real->name,
           (unsigned long long)harness.event_count,
           (unsigned long long)(harness.event_count + refused),
           refused > 0 ? reject_reason_name(real->reason) : "");
    cr_expect_eq(harness.event_count, real->events, "%s: %llu events", real->name,
                 (unsigned long long)harness.event_count);
    cr_expect_eq(refused, real->refused, "%s: %llu refused", real->name,
                 (unsigned long long)refused);
    for (size_t part = 0; part < 3 && real->parts[part] != NULL; part++) {
        cr_expect_not_null(strstr(all.bytes, real->parts[part]), "%s: no '%s' in\n%s", real->name,
                           real->parts[part], all.bytes);
    }
    text_buffer_deinit(&all);
}

/// Real data is not part of the project; a build machine must have it.
static bool absent(const char *what)
{
    const char *ci = getenv("CI");
    printf("SKIP mapping_preset: no %s\n", what);
    cr_expect(ci == NULL || strcmp(ci, "true") != 0, "%s is missing", what);
    return true;
}

Test(mapping_preset, test_real_messages)
{
    for (size_t index = 0; index < sizeof(REAL_FILES) / sizeof(REAL_FILES[0]); index++) {
        size_t size = 0;
        char *bytes = read_real(REAL_FILES[index].name, &size);
        if (bytes == NULL && absent(REAL_FILES[index].name)) {
            return;
        }
        opened(REAL_FILES[index].preset);
        feed_real(&REAL_FILES[index], bytes, size - (bytes[size - 1] == '\n'));
        decode_harness_close(&harness);
        memory_free(bytes);
    }
}

/// The sample wraps bodies as {"topic": "...", "body": {...}}; here the topic is the header that it
/// was.
Test(mapping_preset, test_real_webhooks_with_their_topics)
{
    size_t size = 0;
    char *bytes = read_real("shopify_webhooks.ndjson", &size);
    if (bytes == NULL && absent("shopify_webhooks.ndjson")) {
        return;
    }
    opened("shopify");
    struct text_buffer all = {0};
    for (char *at = bytes, *stop; at < bytes + size; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(bytes + size - at));
        cr_assert_not_null(stop);
        stop[-1] = '\0'; // the wrapper's brace
        char *topic = strstr(at, "\"topic\": \"") + 10;
        struct metadata_header header = {TEXT_LITERAL("X-Shopify-Topic"),
                                         {topic, (size_t)(strchr(topic, '"') - topic)}};
        struct metadata metadata = {.timestamp_us = METADATA_NO_TIMESTAMP,
                                    .partition = METADATA_NO_PARTITION,
                                    .headers = &header,
                                    .header_count = 1};
        harness.metadata = &metadata;
        text_buffer_append_string(&all,
                                  decode_harness_lines(&harness, strstr(at, "\"body\": ") + 8));
        cr_expect_eq(harness.outcome.reason, REJECT_NONE, "%s", harness.outcome.detail);
    }
    cr_expect_eq(harness.event_count, 5);
    cr_expect_not_null(strstr(all.bytes, "anonymous shopify_test3 carts_create 1676030704402000"),
                       "%s", all.bytes);
    cr_expect_not_null(strstr(all.bytes, " orders_partially_fulfilled 1640995200000000 id="));
    cr_expect_not_null(strstr(all.bytes, " revenue=3880000 currency=USD"));
    text_buffer_deinit(&all);
    decode_harness_close(&harness);
    memory_free(bytes);
}
