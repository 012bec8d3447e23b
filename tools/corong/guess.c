// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/guess.h"

#include "ingest/decode/decode.h"
#include "tools/corong/first_file.h"

#include <jansson.h>

#define KEY_ALTERNATIVE_COUNT 8
#define KEY_GROUP_COUNT 4
#define SNOWPLOW_COLUMN_COUNT 131u

/// A shape: of each group, one key must be there.
struct shape {
    const char *preset;
    const char *because;
    const char *keys[KEY_GROUP_COUNT][KEY_ALTERNATIVE_COUNT];
};

static const struct shape SHAPES[] = {
    {"otto", "sessions with an 'events' list", {{"session"}, {"events"}}},
    {"segment_batch", "a Segment batch", {{"batch"}, {"sentAt", "writeKey", "context"}}},
    {"segment",
     "userId or anonymousId, with messageId or originalTimestamp",
     {{"userId", "anonymousId"},
      {"messageId", "originalTimestamp", "receivedAt", "sentAt"},
      {"type", "event"}}},
    {"posthog", "a PostHog batch", {{"batch"}, {"api_key", "historical_migration"}}},
    {"posthog",
     "event and properties, with distinct_id, uuid or api_key",
     {{"event"}, {"properties"}, {"distinct_id", "uuid", "api_key"}}},
    {"mixpanel", "event and properties", {{"event"}, {"properties"}}},
    {"amplitude", "an Amplitude upload", {{"api_key"}, {"events"}}},
    {"amplitude",
     "event_type, a time and user_id or device_id",
     {{"event_type"},
      {"event_time", "time"},
      {"user_id", "device_id"},
      {"amplitude_id", "uuid", "library", "insert_id", "$insert_id", "session_id"}}},
    {"ga4",
     "event_timestamp, event_name and user_pseudo_id",
     {{"event_timestamp"}, {"event_name"}, {"user_pseudo_id", "client_id", "event_params"}}},
    {"cloudevents", "specversion and type", {{"specversion"}, {"type"}, {"source"}}},
    {"snowplow",
     "collector_tstamp and domain_userid",
     {{"collector_tstamp", "derived_tstamp"}, {"domain_userid", "network_userid", "user_id"}}},
    {"shopify", "a list of Shopify orders, or one", {{"orders", "order"}}},
    {"shopify_checkouts", "a list of Shopify checkouts, or one", {{"checkouts", "checkout"}}},
    {"shopify",
     "an order of Shopify",
     {{"total_price"}, {"line_items"}, {"admin_graphql_api_id", "financial_status"}}},
    {"woocommerce",
     "an order of WooCommerce",
     {{"order_key"}, {"line_items"}, {"date_created_gmt", "date_created"}}},
    {"bitly", "a click on a short link", {{"u"}, {"t"}, {"hh"}, {"g"}}},
    {"generic",
     "keys for user, time and event name",
     {{"user_id", "userId", "user", "uid", "visitor_id", "anonymous_id", "session_id", "session"},
      {"time", "timestamp", "ts", "event_time"},
      {"event", "event_name", "event_type", "name", "type", "action"}}},
};

static bool has_one(const json_t *object, const char *const *alternatives)
{
    for (uint32_t index = 0; index < KEY_ALTERNATIVE_COUNT && alternatives[index] != NULL;
         index++) {
        if (json_object_get(object, alternatives[index]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool fits(const json_t *object, const struct shape *shape)
{
    if (mapping_preset_text(text_from(shape->preset)) == NULL) {
        return false;
    }
    for (uint32_t group = 0; group < KEY_GROUP_COUNT && shape->keys[group][0] != NULL; group++) {
        if (!has_one(object, shape->keys[group])) {
            return false;
        }
    }
    return true;
}

/// Whether a preset reads messages that are lists.
static bool takes_lists(const char *preset)
{
    return strstr(mapping_preset_text(text_from(preset)), "'[]'") != NULL;
}

/// RudderStack speaks as Segment does; the names of its libraries tell them apart.
static bool is_rudderstack(const json_t *object, struct text line)
{
    static const char *const keys[KEY_ALTERNATIVE_COUNT] = {"userId", "anonymousId", "batch"};
    return json_is_object(object) && has_one(object, keys) &&
           (memmem(line.bytes, line.size, "RudderLabs", strlen("RudderLabs")) != NULL ||
            memmem(line.bytes, line.size, "rudderstack", strlen("rudderstack")) != NULL);
}

static const char *guess_json(struct text line, const char **because_out)
{
    json_error_t fault;
    json_t *object = json_loadb(line.bytes, line.size, JSON_DISABLE_EOF_CHECK, &fault);
    const char *preset = NULL;
    *because_out = object == NULL ? "its first line is not one JSON object"
                                  : "its first line has no keys that are known";
    // A list of events on one line is told by its first.
    const json_t *event = json_is_array(object) ? json_array_get(object, 0) : object;
    if (is_rudderstack(object, line)) {
        preset = "rudderstack";
        *because_out = "events like Segment's, from a library of RudderStack";
    }
    for (size_t index = 0; index < sizeof(SHAPES) / sizeof(SHAPES[0]) && preset == NULL; index++) {
        if (json_is_object(event) && fits(event, &SHAPES[index]) &&
            (event == object || takes_lists(SHAPES[index].preset))) {
            preset = SHAPES[index].preset;
            *because_out = SHAPES[index].because;
        }
    }
    json_decref(object);
    return preset;
}

/// host ident user [10/Oct/2000:13:55:36 -0700] "request" ...
static bool is_access_log(struct text line)
{
    const char *open = memchr(line.bytes, '[', line.size);
    const char *end = line.bytes + line.size;
    if (open == NULL || open == line.bytes || end - open < 30) {
        return false;
    }
    static const char SHAPE[] = "[dd/aaa/dddd:dd:dd:dd ";
    for (size_t index = 0; index < sizeof(SHAPE) - 1; index++) {
        char byte = open[index];
        bool digit = byte >= '0' && byte <= '9';
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        bool right = SHAPE[index] == 'd'   ? digit
                     : SHAPE[index] == 'a' ? letter
                                           : byte == SHAPE[index];
        if (!right) {
            return false;
        }
    }
    return memchr(open, '"', (size_t)(end - open)) != NULL;
}

/// Whether `text` begins as `shape` says: d is a digit, all else itself.
static bool begins(struct text text, const char *shape)
{
    size_t index = 0;
    for (; index < text.size && shape[index] != '\0'; index++) {
        char byte = text.bytes[index];
        bool right = shape[index] == 'd' ? byte >= '0' && byte <= '9' : byte == shape[index];
        if (!right) {
            return false;
        }
    }
    return shape[index] == '\0';
}

/// Lines of AWS load balancers have a time in their first or second field, and a request in quotes.
static bool is_balancer_log(struct text line)
{
    static const char INSTANT[] = "dddd-dd-ddTdd:dd:dd";
    const char *space = memchr(line.bytes, ' ', line.size);
    if (space == NULL || memchr(line.bytes, '"', line.size) == NULL) {
        return false;
    }
    struct text second = {space + 1, line.size - (size_t)(space + 1 - line.bytes)};
    return begins(line, INSTANT) || begins(second, INSTANT);
}

/// Lines of W3C extended logs say what they are. A comment of another kind says nothing.
static bool is_directive(struct text line)
{
    return begins(line, "#Fields:") || begins(line, "#Version:") || begins(line, "#Software:");
}

static bool is_matomo(struct text line)
{
    bool address = begins(line, "http") || begins(line, "/");
    return address && (memmem(line.bytes, line.size, "matomo.php?", 11) != NULL ||
                       memmem(line.bytes, line.size, "piwik.php?", 10) != NULL);
}

/// Logs that are neither JSON nor tables, or NULL.
static const char *guess_log(struct text line, const char **because_out)
{
    if (is_matomo(line)) {
        *because_out = "requests to Matomo's tracker";
        return "matomo";
    }
    if (is_directive(line)) {
        *because_out = "a log with a '#Fields:' line";
        return "access_log";
    }
    if (is_balancer_log(line)) {
        *because_out = "an access log of a load balancer";
        return "access_log";
    }
    if (is_access_log(line)) {
        // Apache's lines have the time in the fourth place, those of S3 in the third.
        const char *open = memchr(line.bytes, '[', line.size);
        uint32_t spaces = 0;
        for (const char *at = line.bytes; at < open; at++) {
            spaces += *at == ' ';
        }
        *because_out = "an access log";
        return spaces == 2 ? "access_log" : "combined";
    }
    return NULL;
}

static size_t count_tabs(struct text line)
{
    size_t count = 0;
    for (size_t index = 0; index < line.size; index++) {
        count += line.bytes[index] == '\t';
    }
    return count;
}

const char *guess_line(struct text line, const char **because_out)
{
    while (line.size > 0 && (line.bytes[0] == ' ' || line.bytes[0] == '\t')) {
        line.bytes++;
        line.size--;
    }
    if (line.size > 0 && (line.bytes[0] == '{' || line.bytes[0] == '[')) {
        return guess_json(line, because_out);
    }
    const char *preset = line.size == 0 ? NULL : guess_log(line, because_out);
    if (preset != NULL) {
        return preset;
    }
    if (count_tabs(line) == SNOWPLOW_COLUMN_COUNT - 1) {
        *because_out = "131 columns without a header";
        return "snowplow_tsv";
    }
    *because_out = line.size == 0 ? "it is empty" : "it is neither JSON nor an access log";
    return NULL;
}

/// The first line that is not blank.
static struct text first_line(struct text head)
{
    while (head.size > 0) {
        const char *end = memchr(head.bytes, '\n', head.size);
        size_t size = end == NULL ? head.size : (size_t)(end - head.bytes);
        struct text line = {head.bytes, size};
        if (line.size > 0 && line.bytes[line.size - 1] == '\r') {
            line.size--;
        }
        if (line.size > 0) {
            return line;
        }
        head.bytes += size + 1;
        head.size -= size + 1;
    }
    return TEXT_LITERAL("");
}

static enum corong_status refuse(const char *path, const char *because, struct corong_error *error)
{
    struct text_buffer list = {0};
    for (const char *const *name = mapping_preset_names(); *name != NULL; name++) {
        text_buffer_printf(&list, list.size == 0 ? "%s" : ", %s", *name);
    }
    enum corong_status status = error_set(error, CORONG_INVALID,
                                          "cannot guess the mapping of '%s': %s; 'corong init %s > "
                                          "corong.yaml' proposes one, or give "
                                          "--mapping PRESET (%s) or --mapping FILE",
                                          path, because, path, list.bytes);
    text_buffer_deinit(&list);
    return status;
}

enum corong_status guess_preset(const char *const *paths, const char **preset_out,
                                const char **because_out, struct corong_error *error)
{
    struct text_buffer path = {0};
    struct text_buffer head = {0};
    enum corong_status status = first_file_find(paths, &path, error);
    if (status == CORONG_OK) {
        status = first_file_head(path.bytes, GUESS_LINE_SIZE_MAX, &head, error);
    }
    if (status == CORONG_OK) {
        struct text line = first_line((struct text){head.bytes, head.size});
        *preset_out = guess_line(line, because_out);
        status = *preset_out == NULL ? refuse(path.bytes, *because_out, error) : CORONG_OK;
    }
    text_buffer_deinit(&head);
    text_buffer_deinit(&path);
    return status;
}
