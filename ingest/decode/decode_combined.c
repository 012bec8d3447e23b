// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decoder.h"

#include "ingest/decode/byte_find.h"
#include "ingest/decode/row_mask.h"

#include <stdio.h>
#include <string.h>

/// The places of one line.
struct log_line {
    const char *begin;
    struct text places[COMBINED_FIELD_COUNT];
};

static struct text between(const char *begin, const char *end)
{
    return (struct text){begin, (size_t)(end - begin)};
}

/// NULL where the line has no such byte from `at` on.
static inline const char *find(const struct log_line *line, const char *at, const char *end,
                               char byte)
{
    return at < end ? byte_find(line->begin, at, end, byte) : NULL;
}

/// `at` is behind the opening quote. Returns the closing one; a backslash protects what follows.
static inline const char *find_quote(const struct log_line *line, const char *at, const char *end)
{
    while (at < end) {
        at = byte_find_either(line->begin, at, end, '"', '\\');
        if (at == end || *at == '"') {
            break;
        }
        at += at + 1 < end ? 2 : 1;
    }
    return at < end ? at : NULL;
}

/// "GET /path?query HTTP/1.1". Anything else ("-", TLS bytes on a plain port) leaves its parts
/// missing.
static void split_request(struct log_line *line, struct text request)
{
    const char *end = request.bytes + request.size;
    const char *space = find(line, request.bytes, end, ' ');
    if (space == NULL || space == request.bytes || space + 1 == end) {
        return;
    }
    const char *target = space + 1;
    const char *last = find(line, target, end, ' ');
    const char *target_end = last == NULL ? end : last;
    const char *question = find(line, target, target_end, '?');
    line->places[COMBINED_METHOD] = between(request.bytes, space);
    line->places[COMBINED_PATH] = between(target, question == NULL ? target_end : question);
    if (question != NULL) {
        line->places[COMBINED_QUERY] = between(question + 1, target_end);
    }
    if (last != NULL && last + 1 < end) {
        line->places[COMBINED_PROTOCOL] = between(last + 1, end);
    }
}

/// `ip ident authuser [time] `. Returns what follows, or NULL. A user name may hold spaces.
static const char *split_client(struct log_line *line, const char *at, const char *end)
{
    const char *ip_end = find(line, at, end, ' ');
    const char *ident_end = ip_end == NULL ? NULL : find(line, ip_end + 1, end, ' ');
    if (ident_end == NULL || ip_end == at) {
        return NULL;
    }
    const char *user = ident_end + 1;
    const char *bracket = find(line, user, end, '[');
    while (bracket != NULL && bracket[-1] != ' ') {
        bracket = find(line, bracket + 1, end, '[');
    }
    const char *close = bracket == NULL ? NULL : find(line, bracket, end, ']');
    if (close == NULL || bracket - 1 <= user) {
        return NULL;
    }
    line->places[COMBINED_IP] = between(at, ip_end);
    line->places[COMBINED_IDENT] = between(ip_end + 1, ident_end);
    line->places[COMBINED_AUTHUSER] = between(user, bracket - 1);
    line->places[COMBINED_TIME] = between(bracket + 1, close);
    return close + 1;
}

/// ` "text"`. Returns what follows, or NULL.
static const char *split_quoted(const struct log_line *line, const char *at, const char *end,
                                struct text *text_out)
{
    if (end - at < 3 || at[0] != ' ' || at[1] != '"') {
        return NULL;
    }
    const char *close = find_quote(line, at + 2, end);
    if (close == NULL) {
        return NULL;
    }
    *text_out = between(at + 2, close);
    return close + 1;
}

/// ` word`. Returns what follows, or NULL.
static const char *split_word(const struct log_line *line, const char *at, const char *end,
                              struct text *text_out)
{
    if (at == end || *at != ' ') {
        return NULL;
    }
    const char *stop = find(line, at + 1, end, ' ');
    *text_out = between(at + 1, stop == NULL ? end : stop);
    return text_out->size == 0 ? NULL : at + 1 + text_out->size;
}

/// Common format, combined format, or combined with further fields, which are ignored.
static bool split_line(struct log_line *line, struct text text)
{
    const char *end = text.bytes + text.size;
    const char *at = split_client(line, text.bytes, end);
    struct text request = TEXT_MISSING;
    at = at == NULL ? NULL : split_quoted(line, at, end, &request);
    at = at == NULL ? NULL : split_word(line, at, end, &line->places[COMBINED_STATUS]);
    at = at == NULL ? NULL : split_word(line, at, end, &line->places[COMBINED_BYTES]);
    if (at == NULL) {
        return false;
    }
    split_request(line, request);
    if (at == end) {
        return true;
    }
    at = split_quoted(line, at, end, &line->places[COMBINED_REFERRER]);
    at = at == NULL ? NULL : split_quoted(line, at, end, &line->places[COMBINED_AGENT]);
    return at != NULL && (at == end || *at == ' ');
}

static void store_places(struct decoder *decoder, const struct log_line *line)
{
    const uint16_t *fields = decoder->mapping->combined_fields;
    for (uint32_t place = 0; place < COMBINED_FIELD_COUNT; place++) {
        if (fields[place] == FIELD_NONE) {
            continue;
        }
        struct text text = line->places[place];
        bool missing = text.bytes == NULL || (text.size == 1 && *text.bytes == '-');
        decoder->fields[fields[place]] =
            (struct decode_field){.bytes = text.bytes,
                                  .size = (uint32_t)text.size,
                                  .kind = missing ? FIELD_MISSING : FIELD_STRING};
    }
}

/// A line in hand. Places nobody wants go to a field that nobody reads.
struct plain_line {
    const char *bytes;
    struct decode_field *fields;
    const uint16_t *places; ///< field of each
    uint16_t spare;
    uint32_t size;        ///< without a carriage return
    struct row_mask mask; ///< quotes, and spaces
};

static inline void put_place(const struct plain_line *line, enum combined_field place,
                             uint32_t begin, uint32_t end)
{
    uint16_t field = line->places[place] == FIELD_NONE ? line->spare : line->places[place];
    bool missing = end - begin == 1 && line->bytes[begin] == '-';
    line->fields[field] = (struct decode_field){.bytes = line->bytes + begin,
                                                .size = end - begin,
                                                .kind = missing ? FIELD_MISSING : FIELD_STRING};
}

/// `ip ident authuser [time] `, where the user is one word. Returns the place of the space behind
/// it; 0: it is not so.
static inline uint32_t plain_client(const struct plain_line *line)
{
    uint32_t ip = row_mask_next(line->mask.others, 0);
    uint32_t ident = ip < line->size ? row_mask_next(line->mask.others, ip + 1) : line->size;
    uint32_t user = ident < line->size ? row_mask_next(line->mask.others, ident + 1) : line->size;
    if (user >= line->size || ip == 0 || user == ident + 1 || line->bytes[ident + 1] == '[' ||
        line->bytes[user + 1] != '[') {
        return 0;
    }
    const char *close =
        byte_find(line->bytes, line->bytes + user + 1, line->bytes + line->size, ']');
    uint32_t end = close == NULL ? 0 : (uint32_t)(close - line->bytes);
    if (close == NULL || end + 1 == line->size) {
        return 0;
    }
    put_place(line, COMBINED_IP, 0, ip);
    put_place(line, COMBINED_IDENT, ip + 1, ident);
    put_place(line, COMBINED_AUTHUSER, ident + 1, user);
    put_place(line, COMBINED_TIME, user + 2, end);
    return end + 1;
}

/// ` "text"` with the space at `at`. Returns what follows; 0: it is not so.
static inline uint32_t plain_quoted(const struct plain_line *line, uint32_t at)
{
    if (at == 0 || line->bytes[at] != ' ' || line->bytes[at + 1] != '"') {
        return 0;
    }
    uint32_t close = row_mask_next(line->mask.ones, at + 2);
    return close < line->size ? close + 1 : 0;
}

/// ` word` with the space at `at`.
static inline uint32_t plain_word(const struct plain_line *line, uint32_t at,
                                  enum combined_field place)
{
    if (at == 0 || line->bytes[at] != ' ') {
        return 0;
    }
    uint32_t stop = row_mask_next(line->mask.others, at + 1);
    stop = stop < line->size ? stop : line->size;
    put_place(line, place, at + 1, stop);
    return stop > at + 1 ? stop : 0;
}

/// A request of three words. False: it is another.
static inline bool plain_request(const struct plain_line *line, uint32_t begin, uint32_t end)
{
    uint32_t method = row_mask_next(line->mask.others, begin);
    uint32_t target = method < end ? row_mask_next(line->mask.others, method + 1) : end;
    if (target + 1 >= end || method == begin) {
        return false;
    }
    const char *question =
        byte_find(line->bytes, line->bytes + method + 1, line->bytes + target, '?');
    uint32_t path = question == NULL ? target : (uint32_t)(question - line->bytes);
    put_place(line, COMBINED_METHOD, begin, method);
    put_place(line, COMBINED_PATH, method + 1, path);
    put_place(line, COMBINED_PROTOCOL, target + 1, end);
    if (question != NULL) {
        put_place(line, COMBINED_QUERY, path + 1, target);
    } else if (line->places[COMBINED_QUERY] != FIELD_NONE) {
        line->fields[line->places[COMBINED_QUERY]] = (struct decode_field){0};
    }
    return true;
}

bool decode_combined_plain(struct decoder *decoder, const char *bytes, size_t *size_out)
{
    const struct mapping *mapping = decoder->mapping;
    struct plain_line line;
    if (*bytes == '#' ||
        !row_mask_find(&line.mask, bytes, (struct row_mask_bytes){'"', ' ', '\\'})) {
        return false;
    }
    line.bytes = bytes;
    line.fields = decoder->fields;
    line.places = mapping->combined_fields;
    line.spare = mapping->field_count;
    *size_out = line.mask.size;
    line.size = line.mask.size - (line.mask.size > 0 && bytes[line.mask.size - 1] == '\r');
    uint32_t client = plain_client(&line);
    uint32_t request = plain_quoted(&line, client);
    uint32_t status = plain_word(&line, request, COMBINED_STATUS);
    uint32_t sent = plain_word(&line, status, COMBINED_BYTES);
    uint32_t referrer = plain_quoted(&line, sent);
    uint32_t agent = plain_quoted(&line, referrer);
    if (agent == 0 || agent != line.size || !plain_request(&line, client + 2, request - 1)) {
        return false;
    }
    put_place(&line, COMBINED_REFERRER, sent + 2, referrer - 1);
    put_place(&line, COMBINED_AGENT, referrer + 2, agent - 1);
    return true;
}

void decode_combined(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                     struct decode_outcome *outcome)
{
    if (text.bytes[0] == '#') {
        outcome->blank = true;
        return;
    }
    if (!decode_is_utf8(decoder, text, outcome)) {
        return;
    }
    struct log_line line = {.begin = text.bytes};
    if (!split_line(&line, text)) {
        decode_detail(decoder, "line", text);
        decode_reject(decoder, REJECT_NOT_LOG_LINE, outcome);
        return;
    }
    store_places(decoder, &line);
    decode_single(decoder, sink, outcome);
}
