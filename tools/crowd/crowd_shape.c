// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "tools/crowd/crowd.h"
#include "tools/crowd/crowd_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_MILLE 1000u
#define LINE_SIZE_DEFAULT 305u
#define USER_SIZE_DEFAULT 15u

/// Visitors per hour of the day: quiet nights, a lunch and an evening peak.
static const uint64_t daily_curve[CROWD_HOUR_COUNT] = {
    450,  320,  250,  220,  230,  300,  480,  720,  950,  1100, 1200, 1280,
    1350, 1300, 1250, 1220, 1250, 1350, 1500, 1650, 1700, 1550, 1200, 780};

static void set_follows(struct crowd_shape *shape, uint32_t row, const uint16_t *per_mille)
{
    uint64_t sum = 0;
    for (uint32_t name = 0; name < shape->name_count; name++) {
        sum += per_mille[name];
        shape->follows[row][name] = sum * CROWD_ONE / PER_MILLE;
    }
}

/// Sessions that go on with the same chance after each event.
static void spread_geometric(struct crowd_spread *spread, int64_t mean_256)
{
    uint64_t stay = CROWD_ONE - CROWD_ONE * 256 / (uint64_t)mean_256;
    for (uint32_t tier = 0; tier < 2; tier++) {
        uint64_t survival = CROWD_ONE;
        uint64_t parts = tier == 0 ? CROWD_SPREAD_COUNT : CROWD_SPREAD_COUNT * CROWD_SPREAD_COUNT;
        int64_t length = 1;
        survival = survival * stay >> 32;
        for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
            uint64_t above = CROWD_ONE * (2 * (CROWD_SPREAD_COUNT - part) - 1) / (2 * parts);
            while (survival > above) {
                survival = survival * stay >> 32;
                length++;
            }
            (tier == 0 ? spread->body : spread->top)[part] = length * 256;
        }
    }
}

static void spread_even(struct crowd_spread *spread, int64_t least, int64_t most)
{
    for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        int64_t step = (most - least) / CROWD_SPREAD_COUNT;
        spread->body[part] = (least + step * part + step / 2) * 256;
        spread->top[part] = (most - step + step * part / CROWD_SPREAD_COUNT) * 256;
    }
}

/// `value_count` values whose frequency falls with the root of their rank, or equal ones.
static void attribute_values(struct crowd_attribute *attribute, uint64_t value_count, bool even)
{
    uint64_t weights[CROWD_BUCKET_COUNT_MAX];
    uint64_t total = 0;
    uint64_t rank = 0;
    attribute->bucket_count = 0;
    while (rank < value_count) {
        uint64_t count = even ? value_count : rank < 8 ? 1 : rank / 2;
        count = rank + count > value_count ? value_count - rank : count;
        bool last = attribute->bucket_count + 1 == CROWD_BUCKET_COUNT_MAX;
        count = last ? value_count - rank : count;
        uint64_t root = 1;
        for (; root * root < (2 * rank + count + 1) * 512; root++) {
        }
        uint64_t weight = (count << 20) / root;
        attribute->buckets[attribute->bucket_count].value_count = count;
        weights[attribute->bucket_count++] = weight + 1;
        total += weight + 1;
        rank += count;
    }
    uint64_t sum = 0;
    for (uint32_t index = 0; index < attribute->bucket_count; index++) {
        sum += weights[index];
        attribute->buckets[index].share_end =
            (uint64_t)((unsigned __int128)CROWD_ONE * sum / total);
    }
}

static struct crowd_attribute *add_attribute(struct crowd_shape *shape, const char *name,
                                             uint64_t value_count, enum crowd_level level,
                                             bool even)
{
    struct crowd_attribute *attribute = &shape->attributes[shape->attribute_count++];
    *attribute = (struct crowd_attribute){.type = COLUMN_STRING, .level = level};
    snprintf(attribute->name, sizeof(attribute->name), "%s", name);
    for (uint32_t index = 0; index < CROWD_NAME_COUNT_MAX; index++) {
        attribute->present[index] = CROWD_ONE;
    }
    attribute->value_size = (uint32_t)strlen(name) + 6;
    attribute_values(attribute, value_count, even);
    return attribute;
}

/// What users, events and the sessions' length say about sessions per user.
static void derive(struct crowd_shape *shape)
{
    uint64_t sessions_256 = (uint64_t)((unsigned __int128)shape->event_count * 65536 /
                                       (uint64_t)shape->session_events_256);
    uint64_t per_user = sessions_256 / shape->user_count;
    spread_geometric(&shape->events, shape->session_events_256);
    crowd_spread_power(&shape->sessions, (int64_t)(per_user < 256 ? 256 : per_user),
                       shape->skew_milli, 1);
}

void crowd_shape_standard(struct crowd_shape *shape)
{
    static const uint16_t chances[6][5] = {{690, 292, 18, 0, 0},   {565, 225, 210, 0, 0},
                                           {390, 130, 80, 400, 0}, {150, 50, 10, 40, 750},
                                           {800, 200, 0, 0, 0},    {900, 90, 10, 0, 0}};
    static const char *const names[] = {"view", "click", "add_to_cart", "checkout", "order"};
    *shape = (struct crowd_shape){
        .seed = 1,
        .event_count = 50000000,
        .start_us = INT64_C(1767225600) * MICROSECONDS_PER_SECOND,
        .time_unit_us = MICROSECONDS_PER_SECOND,
        .user_count = 2000000,
        .skew_milli = 600,
        .session_events_256 = 6 * 256,
        .span_us = 30 * MICROSECONDS_PER_DAY,
        .session_timeout_us = 30 * MICROSECONDS_PER_MINUTE,
        .name_count = 5,
        .currency = "EUR",
        .line_size = LINE_SIZE_DEFAULT,
        .user_size = USER_SIZE_DEFAULT,
    };
    memcpy(shape->hours, daily_curve, sizeof(daily_curve));
    for (uint32_t index = 0; index < 5; index++) {
        snprintf(shape->names[index], CROWD_WORD_SIZE, "%s", names[index]);
        set_follows(shape, index, chances[index]);
    }
    set_follows(shape, 5, chances[5]);
    spread_even(&shape->gaps, MICROSECONDS_PER_SECOND, 91 * MICROSECONDS_PER_SECOND);
    spread_even(&shape->late, 0, 20 * MICROSECONDS_PER_MINUTE);
    spread_even(&shape->amounts, 49900, 3049900);
    shape->amount_share[4] = CROWD_ONE;
    add_attribute(shape, "country", 30, CROWD_PER_USER, false);
    add_attribute(shape, "device", 3, CROWD_PER_USER, true);
    add_attribute(shape, "campaign", 200, CROWD_PER_SESSION, false);
    add_attribute(shape, "page", 5000, CROWD_PER_EVENT, false);
    add_attribute(shape, "product", 20000, CROWD_PER_EVENT, true);
    derive(shape);
}

void crowd_shape_resize(struct crowd_shape *shape, uint64_t event_count)
{
    unsigned __int128 was = shape->event_count;
    uint64_t users = (uint64_t)(shape->user_count * (unsigned __int128)event_count / was);
    shape->user_count = users == 0 ? 1 : users;
    int64_t span_us = (int64_t)((unsigned __int128)(uint64_t)shape->span_us * event_count / was);
    shape->span_us = span_us > shape->span_us ? span_us : shape->span_us;
    shape->event_count = event_count;
}

// ---------------------------------------------------------------------------------------------
// Parameters as words.

/// A word's parts between colons.
struct parts {
    struct text texts[4];
    uint32_t count;
};

static struct parts split(struct text text, char separator)
{
    struct parts parts = {0};
    while (parts.count < 4) {
        const char *end = memchr(text.bytes, separator, text.size);
        size_t size = end == NULL || parts.count == 3 ? text.size : (size_t)(end - text.bytes);
        parts.texts[parts.count++] = (struct text){text.bytes, size};
        if (size == text.size) {
            break;
        }
        text = (struct text){text.bytes + size + 1, text.size - size - 1};
    }
    return parts;
}

static enum corong_status parse_number(struct text text, double least, double most,
                                       double *number_out, struct corong_error *error)
{
    char copy[40];
    char *end = copy;
    if (text.size < sizeof(copy)) {
        memcpy(copy, text.bytes, text.size);
        copy[text.size] = '\0';
        *number_out = strtod(copy, &end);
    }
    bool percent = end > copy && strcmp(end, "%") == 0;
    *number_out = percent ? *number_out / 100 : *number_out;
    bool whole = end > copy && (percent || *end == '\0');
    return whole && *number_out >= least && *number_out <= most
               ? CORONG_OK
               : error_set(error, CORONG_INVALID, "'%.*s' is no number from %g to %g",
                           (int)text.size, text.bytes, least, most);
}

static enum corong_status parse_share(struct text text, uint64_t *share_out,
                                      struct corong_error *error)
{
    double number;
    TRY(parse_number(text, 0, 1, &number, error));
    *share_out = (uint64_t)(number * (double)CROWD_ONE);
    return CORONG_OK;
}

static enum corong_status parse_count(struct text text, double most, uint64_t *count_out,
                                      struct corong_error *error)
{
    double number;
    TRY(parse_number(text, 1, most, &number, error));
    *count_out = (uint64_t)(number + 0.5);
    return CORONG_OK;
}

static enum corong_status set_users(struct crowd_shape *shape, struct text value,
                                    struct corong_error *error)
{
    return parse_count(value, 2e9, &shape->user_count, error);
}

static enum corong_status set_events(struct crowd_shape *shape, struct text value,
                                     struct corong_error *error)
{
    return parse_count(value, 1e13, &shape->event_count, error);
}

static enum corong_status set_days(struct crowd_shape *shape, struct text value,
                                   struct corong_error *error)
{
    double days;
    TRY(parse_number(value, 1e-4, 36500, &days, error));
    shape->span_us = (int64_t)(days * (double)MICROSECONDS_PER_DAY);
    return CORONG_OK;
}

static enum corong_status set_session(struct crowd_shape *shape, struct text value,
                                      struct corong_error *error)
{
    double events;
    TRY(parse_number(value, 1, 10000, &events, error));
    shape->session_events_256 = (int64_t)(events * 256);
    return CORONG_OK;
}

static enum corong_status set_skew(struct crowd_shape *shape, struct text value,
                                   struct corong_error *error)
{
    double skew;
    TRY(parse_number(value, 0, 0.95, &skew, error));
    shape->skew_milli = (uint32_t)(skew * 1000 + 0.5);
    return CORONG_OK;
}

static enum corong_status set_late(struct crowd_shape *shape, struct text value,
                                   struct corong_error *error)
{
    struct parts parts = split(value, ':');
    TRY(parse_share(parts.texts[0], &shape->late_share, error));
    if (parts.count > 1) {
        double seconds;
        TRY(parse_number(parts.texts[1], 1, 3e7, &seconds, error));
        spread_even(&shape->late, 0, (int64_t)(seconds * (double)MICROSECONDS_PER_SECOND));
    }
    return CORONG_OK;
}

static enum corong_status set_copies(struct crowd_shape *shape, struct text value,
                                     struct corong_error *error)
{
    shape->event_ids = true;
    return parse_share(value, &shape->copy_share, error);
}

static enum corong_status set_line(struct crowd_shape *shape, struct text value,
                                   struct corong_error *error)
{
    uint64_t size;
    TRY(parse_count(value, 12000, &size, error));
    shape->line_size = (uint32_t)size;
    return CORONG_OK;
}

static bool word_is_safe(struct text word)
{
    for (size_t index = 0; index < word.size; index++) {
        char byte = word.bytes[index];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!letter && !(byte >= '0' && byte <= '9') && byte != '_') {
            return false;
        }
    }
    return word.size > 0 && word.size < CROWD_WORD_SIZE;
}

static enum corong_status set_attribute(struct crowd_shape *shape, struct text value,
                                        struct corong_error *error)
{
    static const char *const levels[] = {"user", "session", "event"};
    struct parts parts = split(value, ':');
    uint64_t count = 0;
    uint32_t level = 0;
    while (parts.count >= 3 && level < CROWD_LEVEL_COUNT &&
           !text_equal(parts.texts[2], text_from(levels[level]))) {
        level++;
    }
    bool even = parts.count == 4 && text_equal(parts.texts[3], TEXT_LITERAL("even"));
    if (parts.count < 3 || level == CROWD_LEVEL_COUNT || (parts.count == 4 && !even) ||
        !word_is_safe(parts.texts[0])) {
        return error_set(error, CORONG_INVALID,
                         "'%.*s' is no attribute; it would be NAME:VALUES:user|session|event, such "
                         "as country:30:user, and :even where values are equally frequent",
                         (int)value.size, value.bytes);
    }
    if (shape->attribute_count == CROWD_ATTRIBUTE_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "more than %u attributes",
                         CROWD_ATTRIBUTE_COUNT_MAX);
    }
    TRY(parse_count(parts.texts[1], 1e9, &count, error));
    char name[CROWD_WORD_SIZE];
    snprintf(name, sizeof(name), "%.*s", (int)parts.texts[0].size, parts.texts[0].bytes);
    for (uint32_t index = 0; index < shape->attribute_count; index++) {
        if (strcmp(shape->attributes[index].name, name) == 0) {
            shape->attributes[index].level = (enum crowd_level)level;
            attribute_values(&shape->attributes[index], count, even);
            return CORONG_OK;
        }
    }
    add_attribute(shape, name, count, (enum crowd_level)level, even);
    return CORONG_OK;
}

/// From each step to the next with the chance stated, else back to the first.
static enum corong_status set_funnel(struct crowd_shape *shape, struct text value,
                                     struct corong_error *error)
{
    uint64_t chances[CROWD_NAME_COUNT_MAX] = {0};
    uint32_t count = 0;
    for (bool more = true; more; count++) {
        const char *end = memchr(value.bytes, ',', value.size);
        more = end != NULL;
        size_t size = more ? (size_t)(end - value.bytes) : value.size;
        struct parts parts = split((struct text){value.bytes, size}, ':');
        if (count == CROWD_NAME_COUNT_MAX || !word_is_safe(parts.texts[0])) {
            return error_set(error, CORONG_INVALID,
                             "a funnel is 2 to %u names, each with the chance that it follows the "
                             "one before, such as view,add_to_cart:10%%,order:30%%",
                             CROWD_NAME_COUNT_MAX);
        }
        if (count > 0 || parts.count > 1) {
            TRY(parse_share(parts.texts[parts.count - 1], &chances[count], error));
        }
        snprintf(shape->names[count], CROWD_WORD_SIZE, "%.*s", (int)parts.texts[0].size,
                 parts.texts[0].bytes);
        value = more ? (struct text){end + 1, value.size - size - 1} : value;
    }
    shape->name_count = count;
    for (uint32_t row = 0; row <= count; row++) {
        for (uint32_t name = 0; name < count; name++) {
            uint64_t next = row + 1 < count ? chances[row + 1] : 0;
            shape->follows[row][name] = name <= row && row < count ? CROWD_ONE - next : CROWD_ONE;
        }
        shape->amount_share[row < CROWD_NAME_COUNT_MAX ? row : 0] = 0;
    }
    shape->amount_share[count - 1] = CROWD_ONE;
    return CORONG_OK;
}

static enum corong_status set_curve(struct crowd_shape *shape, struct text value,
                                    struct corong_error *error)
{
    bool flat = text_equal(value, TEXT_LITERAL("flat"));
    if (!flat && !text_equal(value, TEXT_LITERAL("daily"))) {
        return error_set(error, CORONG_INVALID, "'%.*s' is no curve; flat and daily are",
                         (int)value.size, value.bytes);
    }
    for (uint32_t hour = 0; hour < CROWD_HOUR_COUNT; hour++) {
        shape->hours[hour] = flat ? PER_MILLE : daily_curve[hour];
    }
    return CORONG_OK;
}

static enum corong_status set_unit(struct crowd_shape *shape, struct text value,
                                   struct corong_error *error)
{
    bool milliseconds = text_equal(value, TEXT_LITERAL("ms"));
    if (!milliseconds && !text_equal(value, TEXT_LITERAL("s"))) {
        return error_set(error, CORONG_INVALID, "'%.*s' is no unit; s and ms are", (int)value.size,
                         value.bytes);
    }
    shape->time_unit_us = milliseconds ? 1000 : MICROSECONDS_PER_SECOND;
    return CORONG_OK;
}

static const struct parameter {
    const char *name;
    enum corong_status (*set)(struct crowd_shape *shape, struct text value,
                              struct corong_error *error);
    bool derives; ///< sessions per user follow from it, also where they were learned
} parameters[] = {
    {"users", set_users, true},
    {"events", set_events, true},
    {"days", set_days, false},
    {"session", set_session, true},
    {"skew", set_skew, true},
    {"late", set_late, false},
    {"copies", set_copies, false},
    {"line", set_line, false},
    {"attribute", set_attribute, false},
    {"funnel", set_funnel, false},
    {"curve", set_curve, false},
    {"unit", set_unit, false},
};
#define PARAMETER_COUNT (sizeof(parameters) / sizeof(parameters[0]))

const char *crowd_shape_help(void)
{
    return "users=2e6, events=5e7, days=30 (their proportions count), session=6 (events of a\n"
           "session), skew=0.6 (0: all users alike, to 0.95), late=2%:600 (share, seconds),\n"
           "copies=1%, funnel=view,add_to_cart:10%,order:30%, attribute=country:30:user (or\n"
           "session, event; :even), line=305 (bytes), curve=daily|flat, unit=s|ms";
}

static const struct parameter *find(struct text name, struct corong_error *error)
{
    const struct parameter *nearest = &parameters[0];
    for (size_t index = 0; index < PARAMETER_COUNT; index++) {
        if (text_equal(name, text_from(parameters[index].name))) {
            return &parameters[index];
        }
        if (text_distance(name, text_from(parameters[index].name)) <
            text_distance(name, text_from(nearest->name))) {
            nearest = &parameters[index];
        }
    }
    error_set(error, CORONG_INVALID,
              "'%.*s' is no parameter of a shape; did you mean '%s'? There are:\n%s",
              (int)name.size, name.bytes, nearest->name, crowd_shape_help());
    return NULL;
}

enum corong_status crowd_shape_set(struct crowd_shape *shape, struct text word,
                                   struct corong_error *error)
{
    const char *equals = memchr(word.bytes, '=', word.size);
    if (equals == NULL) {
        return error_set(error, CORONG_INVALID, "'%.*s' is not NAME=VALUE; there are:\n%s",
                         (int)word.size, word.bytes, crowd_shape_help());
    }
    struct text name = {word.bytes, (size_t)(equals - word.bytes)};
    struct text value = {equals + 1, word.size - name.size - 1};
    const struct parameter *parameter = find(name, error);
    if (parameter == NULL) {
        return CORONG_INVALID;
    }
    TRY_IN(parameter->set(shape, value, error), error, "shape parameter '%s'", parameter->name);
    if (parameter->derives) {
        derive(shape);
    }
    return CORONG_OK;
}

void crowd_shape_mapping(const struct crowd_shape *shape, struct text_buffer *out)
{
    static const char *const types[] = {"", "string", "integer", "number", "boolean"};
    text_buffer_append_string(out, "format: json\nuser: user_id\ntime: time\nname: event\n"
                                   "revenue: { amount: revenue, currency: currency }\n");
    text_buffer_append_string(out, shape->event_ids ? "event_id: event_id\n" : "");
    text_buffer_append_string(out, shape->attribute_count > 0 ? "attributes:\n" : "");
    for (uint32_t index = 0; index < shape->attribute_count; index++) {
        const struct crowd_attribute *attribute = &shape->attributes[index];
        text_buffer_printf(out, "  '%s': { path: '%s', type: %s }\n", attribute->name,
                           attribute->name, types[attribute->type]);
    }
}
