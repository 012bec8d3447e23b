// SPDX-License-Identifier: Apache-2.0
#include "storage/zone/zone.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/zone/zone_rule.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define ZONE_FILE_SIZE_MAX ((size_t)1024 * 1024)
#define ZONE_NAME_SIZE_MAX 64
#define ZONE_OFFSET_MAX (26 * 3600) ///< RFC 8536: less than 26 hours east
#define HEADER_SIZE 44
#define ZONE_BEGIN_MIN (-(INT64_C(1) << 60)) ///< sums with an offset cannot overflow

struct tzif_header {
    uint32_t utc_count;
    uint32_t standard_count;
    uint32_t leap_count;
    uint32_t time_count;
    uint32_t type_count;
    uint32_t word_size;
};

static uint32_t load_big32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

static int64_t load_big64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return (int64_t)be64toh(value);
}

static bool header_read(struct text bytes, struct tzif_header *header)
{
    if (bytes.size < HEADER_SIZE || memcmp(bytes.bytes, "TZif", 4) != 0) {
        return false;
    }
    const char *at = bytes.bytes + 20;
    *header = (struct tzif_header){load_big32(at),      load_big32(at + 4),  load_big32(at + 8),
                                   load_big32(at + 12), load_big32(at + 16), load_big32(at + 20)};
    uint32_t limit = (uint32_t)ZONE_FILE_SIZE_MAX;
    return header->utc_count <= limit && header->standard_count <= limit &&
           header->leap_count <= limit && header->time_count <= limit &&
           header->type_count <= 256 && header->type_count > 0 && header->word_size <= limit;
}

static size_t data_size(const struct tzif_header *header, size_t time_size)
{
    return header->time_count * (time_size + 1) + (size_t)header->type_count * 6 +
           header->word_size + header->leap_count * (time_size + 4) + header->standard_count +
           header->utc_count;
}

/// Skips the first (32-bit) block and leaves `bytes` behind the second header.
static bool enter_wide_block(struct text *bytes, struct tzif_header *header)
{
    if (!header_read(*bytes, header) || bytes->bytes[4] < '2') {
        return false;
    }
    size_t skipped = HEADER_SIZE + data_size(header, 4);
    if (skipped > bytes->size) {
        return false;
    }
    *bytes = (struct text){bytes->bytes + skipped, bytes->size - skipped};
    if (!header_read(*bytes, header)) {
        return false;
    }
    *bytes = (struct text){bytes->bytes + HEADER_SIZE, bytes->size - HEADER_SIZE};
    return data_size(header, 8) <= bytes->size;
}

static bool type_offset(struct text bytes, const struct tzif_header *header, uint32_t type,
                        int32_t *offset_out)
{
    if (type >= header->type_count) {
        return false;
    }
    const char *types = bytes.bytes + (size_t)header->time_count * 9;
    *offset_out = (int32_t)load_big32(types + (size_t)type * 6);
    return *offset_out > -ZONE_OFFSET_MAX && *offset_out < ZONE_OFFSET_MAX;
}

/// The line between two line ends behind the data: a POSIX rule, possibly empty.
static struct text footer(struct text bytes, const struct tzif_header *header)
{
    size_t used = data_size(header, 8);
    struct text rest = {bytes.bytes + used, bytes.size - used};
    if (rest.size < 2 || rest.bytes[0] != '\n' || rest.bytes[rest.size - 1] != '\n') {
        return TEXT_MISSING;
    }
    return (struct text){rest.bytes + 1, rest.size - 2};
}

static bool read_periods(struct text bytes, const struct tzif_header *header, int64_t *begins,
                         int32_t *offsets)
{
    begins[0] = INT64_MIN;
    if (!type_offset(bytes, header, 0, &offsets[0])) {
        return false;
    }
    const char *types = bytes.bytes + (size_t)header->time_count * 8;
    for (uint32_t index = 0; index < header->time_count; index++) {
        begins[index + 1] = load_big64(bytes.bytes + (size_t)index * 8);
        if (begins[index + 1] < ZONE_BEGIN_MIN || begins[index + 1] <= begins[index] ||
            begins[index + 1] > ZONE_RULE_END ||
            !type_offset(bytes, header, (uint8_t)types[index], &offsets[index + 1])) {
            return false;
        }
    }
    return true;
}

enum corong_status zone_parse_file(struct zone *zone_out, struct arena *arena, struct text name,
                                   struct text bytes, struct corong_error *error)
{
    struct tzif_header header;
    if (!enter_wide_block(&bytes, &header)) {
        return error_set(error, CORONG_CORRUPT,
                         "zone '%.*s': not a TZif file of version 2 or later", (int)name.size,
                         name.bytes);
    }
    size_t capacity = (size_t)header.time_count + 1 + ZONE_RULE_PERIOD_COUNT_MAX;
    int64_t *begins = arena_allocate(arena, capacity * sizeof(*begins));
    int32_t *offsets = arena_allocate(arena, capacity * sizeof(*offsets));
    if (!read_periods(bytes, &header, begins, offsets)) {
        return error_set(error, CORONG_CORRUPT, "zone '%.*s': its transitions are damaged",
                         (int)name.size, name.bytes);
    }
    uint32_t count = header.time_count + 1;
    struct text rule = footer(bytes, &header);
    if (rule.size > 0 && !zone_rule_extend(rule, begins, offsets, &count)) {
        return error_set(error, CORONG_CORRUPT, "zone '%.*s': bad rule '%.*s'", (int)name.size,
                         name.bytes, (int)rule.size, rule.bytes);
    }
    *zone_out = (struct zone){arena_copy_text(arena, name), begins, offsets, count};
    return CORONG_OK;
}

static bool digits_value(const char *at, int *value_out)
{
    if ((unsigned char)(at[0] - '0') > 9 || (unsigned char)(at[1] - '0') > 9) {
        return false;
    }
    *value_out = (at[0] - '0') * 10 + (at[1] - '0');
    return true;
}

/// "+02:00", "-0530", "+02".
static bool parse_fixed_offset(struct text name, int32_t *offset_out)
{
    if (name.size < 3 || (name.bytes[0] != '+' && name.bytes[0] != '-')) {
        return false;
    }
    int hours = 0;
    int minutes = 0;
    size_t colon = name.size == 6 && name.bytes[3] == ':' ? 1 : 0;
    bool sized = name.size == 3 || name.size == 5 + colon;
    if (!sized || !digits_value(name.bytes + 1, &hours) ||
        (name.size > 3 && !digits_value(name.bytes + 3 + colon, &minutes)) || hours > 23 ||
        minutes > 59) {
        return false;
    }
    *offset_out = (hours * 60 + minutes) * 60 * (name.bytes[0] == '-' ? -1 : 1);
    return true;
}

static void zone_set_fixed(struct zone *zone, struct arena *arena, struct text name, int32_t offset)
{
    int64_t *begins = arena_allocate(arena, sizeof(*begins));
    int32_t *offsets = arena_allocate(arena, sizeof(*offsets));
    *begins = INT64_MIN;
    *offsets = offset;
    *zone = (struct zone){arena_copy_text(arena, name), begins, offsets, 1};
}

/// Names are relative, without "..": the mapping must not reach files elsewhere.
static bool zone_name_is_safe(struct text name)
{
    if (name.size == 0 || name.size > ZONE_NAME_SIZE_MAX || name.bytes[0] == '/') {
        return false;
    }
    for (size_t index = 0; index < name.size; index++) {
        char byte = name.bytes[index];
        bool letter = (unsigned char)((byte | 0x20) - 'a') <= 25;
        if (!letter && (unsigned char)(byte - '0') > 9 && memchr("/_+-", byte, 4) == NULL) {
            return false;
        }
    }
    return true;
}

enum corong_status zone_load(struct zone *zone_out, struct arena *arena, struct text name,
                             struct corong_error *error)
{
    int32_t offset = 0;
    if (text_equal(name, TEXT_LITERAL("UTC")) || text_equal(name, TEXT_LITERAL("Z")) ||
        parse_fixed_offset(name, &offset)) {
        zone_set_fixed(zone_out, arena, name, offset);
        return CORONG_OK;
    }
    if (!zone_name_is_safe(name)) {
        return error_set(error, CORONG_NOT_FOUND,
                         "zone '%.*s': not UTC, an offset such as +02:00, or a name such as "
                         "Europe/Berlin",
                         (int)name.size, name.bytes);
    }
    char path[sizeof(ZONE_DIRECTORY) + ZONE_NAME_SIZE_MAX + 2];
    snprintf(path, sizeof(path), "%s/%.*s", ZONE_DIRECTORY, (int)name.size, name.bytes);
    char *bytes = NULL;
    size_t size = 0;
    if (access(path, F_OK) != 0) {
        return error_set(error, CORONG_NOT_FOUND,
                         "zone '%.*s': unknown; UTC, an offset such as +02:00 or a name such as "
                         "Europe/Berlin is expected (those below " ZONE_DIRECTORY ")",
                         (int)name.size, name.bytes);
    }
    TRY_IN(file_read_whole(path, ZONE_FILE_SIZE_MAX, &bytes, &size, error), error, "zone '%.*s'",
           (int)name.size, name.bytes);
    enum corong_status status =
        zone_parse_file(zone_out, arena, name, (struct text){bytes, size}, error);
    memory_free(bytes);
    return status;
}

int64_t zone_to_utc(const struct zone *zone, int64_t local_seconds)
{
    // The first period that has not ended before this local time.
    uint32_t low = 0;
    uint32_t high = zone->period_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (local_seconds < zone->begins[middle + 1] + zone->offsets[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    int64_t utc = local_seconds - zone->offsets[low];
    bool skipped = low > 0 && utc < zone->begins[low];
    return skipped ? local_seconds - zone->offsets[low - 1] : utc;
}

int32_t zone_offset(const struct zone *zone, int64_t utc_seconds)
{
    uint32_t low = 0;
    uint32_t high = zone->period_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (zone->begins[middle] <= utc_seconds) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return zone->offsets[low];
}

int64_t zone_day_begin(const struct zone *zone, int64_t utc_seconds, int64_t *next_out)
{
    int64_t local = utc_seconds + zone_offset(zone, utc_seconds);
    int64_t into_day = local % ZONE_DAY_SECONDS;
    int64_t midnight = local - (into_day < 0 ? into_day + ZONE_DAY_SECONDS : into_day);
    int64_t begin = zone_to_utc(zone, midnight);
    *next_out = zone_to_utc(zone, midnight + ZONE_DAY_SECONDS);
    if (*next_out <= utc_seconds) {
        // Clocks were set back over midnight: the new day has begun already and goes on.
        begin = *next_out;
        *next_out = zone_to_utc(zone, midnight + 2 * ZONE_DAY_SECONDS);
    }
    return begin;
}
