// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init.h"

#include "ingest/decode/decode.h"
#include "storage/storage.h"
#include "tools/config/config.h"
#include "tools/init/init_attributes.h"
#include "tools/init/init_check.h"
#include "tools/init/init_funnel.h"
#include "tools/init/init_roles.h"
#include "tools/init/init_show.h"
#include "tools/report/report.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#define LIST_LINE_COUNT 20u ///< documents in which a list of events is looked for
#define KEY_SHOWN_COUNT 16u
#define PRESET_LINE_COUNT 20u ///< lines that may name a preset

/// Everything of one proposal.
struct proposal {
    const char *path;
    struct text sample;
    struct arena *arena;
    struct init_paths *paths;
    struct init_roles roles;
    const char *format; ///< as a mapping writes it
    bool nobody;        ///< no path is a user: Kafka's key stands in
    bool timeless;      ///< no path is a time: Kafka's timestamp stands in
    struct text orders; ///< names of events that are orders, as a list; empty: not known
    struct text_buffer *out;
    struct corong_error *error;
};

static bool is_blank(struct text line)
{
    size_t index = 0;
    while (index < line.size && isspace((unsigned char)line.bytes[index])) {
        index++;
    }
    return index == line.size;
}

static struct text first_line(struct text sample)
{
    struct text line;
    while (init_check_line(&sample, &line)) {
        if (!is_blank(line)) {
            return line;
        }
    }
    return TEXT_LITERAL("");
}

static uint32_t count_byte(struct text line, char byte)
{
    uint32_t count = 0;
    for (size_t index = 0; index < line.size; index++) {
        count += line.bytes[index] == byte;
    }
    return count;
}

/// "json", "csv", "tsv", or NULL.
static const char *format_of(struct text line)
{
    size_t start = 0;
    while (start < line.size && isspace((unsigned char)line.bytes[start])) {
        start++;
    }
    if (start < line.size && (line.bytes[start] == '{' || line.bytes[start] == '[')) {
        return "json";
    }
    uint32_t tabs = count_byte(line, '\t');
    uint32_t commas = count_byte(line, ',');
    // A header has no empty name and seldom a space before a comma.
    return tabs > 0 && line.bytes[0] != '#'     ? "tsv"
           : commas > 0 && line.bytes[0] != '#' ? "csv"
                                                : NULL;
}

/// "[", or "[{...},": a list over many lines.
static bool begins_list(struct text line)
{
    size_t at = 0;
    while (at < line.size && isspace((unsigned char)line.bytes[at])) {
        at++;
    }
    return at < line.size && line.bytes[at] == '[';
}

static bool add_json(struct proposal *proposal)
{
    struct text rest = proposal->sample;
    struct text line;
    bool any = false;
    for (uint32_t count = 0; count < LIST_LINE_COUNT && init_check_line(&rest, &line); count++) {
        init_paths_look_for_list(proposal->paths, line);
    }
    rest = proposal->sample;
    for (uint32_t count = 0; count < INIT_LINE_COUNT_MAX && init_check_line(&rest, &line);
         count++) {
        any |= init_paths_add(proposal->paths, line);
    }
    if (begins_list(first_line(proposal->sample)) && proposal->paths->unroll.bytes == NULL) {
        proposal->paths->unroll = TEXT_LITERAL("[]");
    }
    return any;
}

/// Rows become the JSON objects that 'corong produce' would send.
static enum corong_status add_rows(struct proposal *proposal)
{
    struct mapping *mapping;
    struct schema schema;
    struct text_buffer text = {0};
    text_buffer_printf(&text, "format: %s\nuser: u\ntime: t\nname: n\n", proposal->format);
    enum corong_status status = config_parse_mapping(
        &mapping, proposal->arena, "rows", (struct text){text.bytes, text.size}, proposal->error);
    schema_init(&schema, proposal->arena);
    if (status == CORONG_OK) {
        status = mapping_bind_schema(mapping, &schema, proposal->arena, proposal->error);
    }
    if (status != CORONG_OK) {
        text_buffer_deinit(&text);
        return status;
    }
    struct decoder *decoder = decoder_create(mapping, &schema);
    struct text rest = proposal->sample;
    struct text line;
    bool header = init_check_line(&rest, &line);
    decoder_set_header(decoder, header ? line : TEXT_LITERAL(""));
    proposal->paths->columns = true;
    for (uint32_t count = 0; count < INIT_LINE_COUNT_MAX && init_check_line(&rest, &line);
         count++) {
        line.size -= line.size > 0 && line.bytes[line.size - 1] == '\r';
        text_buffer_reset(&text);
        if (decoder_row_as_json(decoder, line, &text)) {
            init_paths_add(proposal->paths, (struct text){text.bytes, text.size});
        }
    }
    decoder_destroy(decoder);
    text_buffer_deinit(&text);
    return CORONG_OK;
}

/// What was seen at a path, as a comment.
static void append_seen(struct proposal *proposal, const struct init_path *path, const char *extra)
{
    struct text_buffer *out = proposal->out;
    uint64_t total = path->in_element ? proposal->paths->elements : proposal->paths->documents;
    text_buffer_printf(out, "  # in %" PRIu64 " of %" PRIu64 ", %s%u different", path->present,
                       total, path->distinct == INIT_DISTINCT_MAX ? "more than " : "",
                       path->distinct);
    for (uint32_t index = 0; index < INIT_EXAMPLE_COUNT && path->examples[index].bytes != NULL;
         index++) {
        text_buffer_append_string(out, index == 0 ? ", such as '" : ", '");
        init_show(out, path->examples[index]);
        text_buffer_append_string(out, "'");
    }
    text_buffer_printf(out, "%s%s\n", extra[0] == '\0' ? "" : "; ", extra);
}

/// A path, or the list of it and its alternatives.
static void append_paths(struct proposal *proposal, const struct init_path *path,
                         struct init_path *const *more)
{
    bool list = more != NULL && more[0] != NULL;
    text_buffer_append_string(proposal->out, list ? "[" : "");
    config_print_value(path->path, proposal->out);
    for (uint32_t index = 0; list && index < INIT_MORE_COUNT && more[index] != NULL; index++) {
        text_buffer_append_string(proposal->out, ", ");
        config_print_value(more[index]->path, proposal->out);
    }
    text_buffer_append_string(proposal->out, list ? "]" : "");
}

static void append_role(struct proposal *proposal, const char *key, const struct init_path *path,
                        struct init_path *const *more, const char *extra)
{
    if (path == NULL) {
        return;
    }
    append_seen(proposal, path, extra);
    text_buffer_printf(proposal->out, "  %s: ", key);
    append_paths(proposal, path, more);
    text_buffer_append_string(proposal->out, "\n");
}

static void append_time(struct proposal *proposal, const char *key, const struct init_path *path,
                        struct init_path *const *more)
{
    bool local;
    if (path == NULL && proposal->timeless && strcmp(key, "time") == 0) {
        text_buffer_append_string(proposal->out,
                                  "  # nothing in a message says when: Kafka knows when it came\n"
                                  "  time: kafka.timestamp\n");
    }
    if (path == NULL) {
        return;
    }
    const char *unit = init_roles_unit(path, &local);
    for (uint32_t index = 0; more != NULL && index < INIT_MORE_COUNT && more[index] != NULL;
         index++) {
        bool other_local;
        const char *other = init_roles_unit(more[index], &other_local);
        unit = strcmp(unit, other) == 0 ? unit : "auto";
        local = local || other_local;
    }
    append_seen(proposal, path,
                local ? "texts that name no zone: set the one they were written in" : "");
    text_buffer_printf(proposal->out, "  %s: { path: ", key);
    append_paths(proposal, path, more);
    text_buffer_printf(proposal->out, ", unit: %s%s }\n", unit, local ? ", zone: UTC" : "");
}

/// Shops write 0 where a guest orders, and servers - where nobody is logged in: such events would
/// all be one person's.
static void append_user(struct proposal *proposal)
{
    const struct init_path *user = proposal->roles.user;
    if (user == NULL || (!user->has_zero && !user->has_dash)) {
        append_role(proposal, "user", user, proposal->roles.more_users, "");
        return;
    }
    append_seen(proposal, user, "'0' and '-' are nobody, not one user");
    text_buffer_append_string(proposal->out, "  user: { path: ");
    append_paths(proposal, user, proposal->roles.more_users);
    text_buffer_append_string(proposal->out, ", missing: ['0', '-'] }\n");
}

static void append_users(struct proposal *proposal)
{
    const struct init_roles *roles = &proposal->roles;
    append_user(proposal);
    append_role(proposal, "anonymous", roles->anonymous, NULL,
                roles->user == NULL ? "nothing says who a known user is"
                                    : "where the user is missing");
    if (roles->user != NULL && roles->anonymous != NULL) {
        text_buffer_append_string(
            proposal->out,
            "  # links: { event: NAME } # where an event such as a login tells whose "
            "that id is, also before it\n");
    }
    if (proposal->nobody) {
        text_buffer_append_string(
            proposal->out,
            "  # nothing in a message says whose it is: the key of its Kafka message might. "
            "Libraries\n"
            "  # add who and when as they send: a sample of what they send is read better\n"
            "  user: kafka.key\n");
    }
    if (roles->address == NULL) {
        return;
    }
    append_seen(proposal, roles->address,
                "nothing names users: address and agent together come nearest");
    text_buffer_append_string(proposal->out, "  anonymous: { join: [");
    config_print_value(roles->address->path, proposal->out);
    if (roles->agent != NULL) {
        text_buffer_append_string(proposal->out, ", ");
        config_print_value(roles->agent->path, proposal->out);
    }
    text_buffer_append_string(proposal->out, "] }\n");
}

/// Whether every event has an amount in a currency, as the orders of a shop have.
static bool are_orders(const struct proposal *proposal)
{
    const struct init_path *amount = proposal->roles.amount;
    return amount != NULL && proposal->roles.currency != NULL && !amount->in_element &&
           amount->present == proposal->paths->documents;
}

static void append_name(struct proposal *proposal)
{
    if (proposal->roles.name != NULL) {
        append_role(proposal, "name", proposal->roles.name, proposal->roles.more_names, "");
        return;
    }
    const char *name = are_orders(proposal) ? "order" : "visit";
    text_buffer_printf(proposal->out,
                       "  # no key holds a name of an event: every one is %s %s; stages can tell "
                       "them apart by attributes\n"
                       "  name: { const: %s }\n",
                       name[0] == 'o' ? "an" : "a", name, name);
}

static void append_revenue(struct proposal *proposal)
{
    const struct init_roles *roles = &proposal->roles;
    if (roles->amount == NULL && roles->price != NULL && proposal->orders.size > 0) {
        append_seen(proposal, roles->price, "what was bought is worth its price");
        text_buffer_append_string(proposal->out, "  revenue: { amount: ");
        config_print_value(roles->price->path, proposal->out);
        text_buffer_printf(proposal->out, ", events: [%.*s] }\n", (int)proposal->orders.size,
                           proposal->orders.bytes);
    }
    if (roles->amount == NULL) {
        return;
    }
    append_seen(proposal, roles->amount,
                roles->amount->texts > 0 ? "numbers written as texts" : "");
    text_buffer_append_string(proposal->out, "  revenue: { amount: ");
    config_print_value(roles->amount->path, proposal->out);
    if (roles->currency != NULL) {
        text_buffer_append_string(proposal->out, ", currency: ");
        config_print_value(roles->currency->path, proposal->out);
    }
    text_buffer_append_string(proposal->out, " }\n");
}

static void append_attributes(struct proposal *proposal)
{
    const struct init_roles *roles = &proposal->roles;
    struct text names[INIT_ATTRIBUTE_COUNT_MAX];
    init_attributes_name(roles, proposal->arena, names);
    text_buffer_append_string(proposal->out, roles->attribute_count == 0 ? "" : "  attributes:\n");
    for (uint32_t index = 0; index < roles->attribute_count; index++) {
        const struct init_path *path = roles->attributes[index];
        const char *type = init_roles_type(path);
        text_buffer_append_string(proposal->out, "  ");
        append_seen(proposal, path, "");
        text_buffer_printf(proposal->out, "    %.*s: ", (int)names[index].size, names[index].bytes);
        if (strcmp(type, "string") == 0) {
            config_print_value(path->path, proposal->out);
            text_buffer_append_string(proposal->out, "\n");
            continue;
        }
        text_buffer_append_string(proposal->out, "{ path: ");
        config_print_value(path->path, proposal->out);
        text_buffer_printf(proposal->out, ", type: %s }\n", type);
    }
}

/// Messages that say neither who nor when are taken for events where a key says what.
static enum corong_status check_roles(struct proposal *proposal)
{
    const struct init_roles *roles = &proposal->roles;
    bool nobody = roles->user == NULL && roles->anonymous == NULL && roles->address == NULL;
    bool json = strcmp(proposal->format, "json") == 0;
    proposal->nobody = nobody && json && roles->name != NULL;
    proposal->timeless = roles->time == NULL && json && roles->name != NULL;
    if ((!nobody || proposal->nobody) && (roles->time != NULL || proposal->timeless)) {
        return CORONG_OK;
    }
    struct text_buffer keys = {0};
    for (uint32_t index = 0; index < proposal->paths->count && index < KEY_SHOWN_COUNT; index++) {
        text_buffer_append_string(&keys, index == 0 ? "" : ", ");
        text_buffer_append_text(&keys, proposal->paths->paths[index].path);
    }
    enum corong_status status = error_set(
        proposal->error, CORONG_INVALID,
        "'%s': none of its %u keys looks like %s; write a mapping by hand (they are: %s%s)",
        proposal->path, proposal->paths->count, nobody ? "a user" : "a time",
        keys.bytes == NULL ? "" : keys.bytes,
        proposal->paths->count > KEY_SHOWN_COUNT ? ", ..." : "");
    text_buffer_deinit(&keys);
    return status;
}

/// The keys of `mapping:`, two spaces deep.
static enum corong_status write_mapping(struct proposal *proposal)
{
    text_buffer_printf(proposal->out, "mapping:\n  format: %s\n", proposal->format);
    struct text unroll = proposal->paths->unroll;
    if (unroll.bytes != NULL) {
        bool always =
            proposal->paths->lists > 0 && proposal->paths->lists == proposal->paths->looked;
        text_buffer_append_string(proposal->out, "  # a list that holds the events\n  unroll: ");
        text_buffer_append_string(proposal->out, always ? "" : "{ path: ");
        config_print_value(unroll, proposal->out);
        text_buffer_append_string(proposal->out, always ? "\n" : ", optional: true }\n");
    }
    append_users(proposal);
    append_time(proposal, "time", proposal->roles.time, proposal->roles.more_times);
    append_time(proposal, "received", proposal->roles.received, NULL);
    append_name(proposal);
    append_role(proposal, "event_id", proposal->roles.event_id, NULL,
                "all different; two events of one id, user and time are one");
    append_role(proposal, "sequence", proposal->roles.sequence, NULL,
                "orders events of one instant");
    append_revenue(proposal);
    if (proposal->roles.session != NULL) {
        text_buffer_append_string(proposal->out, "  # sessions are not read from '");
        init_show(proposal->out, proposal->roles.session->path);
        text_buffer_append_string(proposal->out,
                                  "': they end after 30 minutes of silence (session_timeout)\n");
    }
    append_attributes(proposal);
    return CORONG_OK;
}

static void write_head(struct proposal *proposal, const struct init_tally *tally)
{
    struct text_buffer *out = proposal->out;
    text_buffer_append_string(out, "# Proposed by 'corong init ");
    init_show_all(out, text_from(proposal->path));
    text_buffer_printf(
        out, "'. Its first %" PRIu64 " messages gave %" PRIu64 " events;\n# rejected: %" PRIu64,
        tally->outcome.messages, tally->outcome.events, tally->outcome.rejected);
    text_buffer_append_string(out, tally->outcome.rejected == 0 ? "" : ", the first for ");
    init_show_all(out, text_from(tally->outcome.reason));
    if (tally->outcome.events == 0) {
        text_buffer_append_string(out, ".\n");
        return;
    }
    text_buffer_printf(out,
                       ".\n# %" PRIu64 " events have a known user, %" PRIu64 " an id, %" PRIu64
                       " an amount.\n# Their times run from ",
                       tally->known, tally->with_id, tally->with_amount);
    report_instant(out, tally->first_us);
    text_buffer_append_string(out, " to ");
    report_instant(out, tally->last_us);
    text_buffer_append_string(
        out, ".\n# Read it, change it, save it as corong.yaml, then: corong replay ");
    init_show_all(out, text_from(proposal->path));
    text_buffer_append_string(out, "\n");
}

/// The whole file: what became of the sample, the mapping (of `text`), and a funnel.
static void write_file(struct proposal *proposal, const struct init_tally *tally, struct text text,
                       struct text_buffer *out)
{
    proposal->out = out;
    write_head(proposal, tally);
    text_buffer_append_text(out, text);
    init_funnel_write(tally, out);
}

/// How the sample reads by a preset, in `tally` and `text` where that is better than before.
static void try_preset(struct proposal *proposal, const char *preset, const char *because,
                       struct init_tally **best, struct text_buffer *text)
{
    struct corong_error ignored = {0};
    struct text_buffer mapping = {0};
    struct init_tally *tally = arena_allocate_zeroed(proposal->arena, 1, sizeof(*tally));
    text_buffer_printf(
        &mapping,
        "mapping:\n  # recognised: %s; corong replay --mapping %s --print-config shows "
        "all its fields\n  preset: %s\n",
        because, preset, preset);
    if (strstr(mapping_preset_text(text_from(preset)), "\nlinks:") != NULL) {
        text_buffer_append_string(
            &mapping, "  # ids that an event says are one person's are brought together; without "
                      "this\n  # (false) each is a user, and funnels can be followed live\n"
                      "  links: true\n");
    }
    bool read = init_check(tally, proposal->sample, (struct text){mapping.bytes, mapping.size},
                           false, proposal->arena, &ignored) == CORONG_OK;
    if (read && tally->outcome.events > 0 &&
        (*best == NULL || tally->outcome.events > (*best)->outcome.events)) {
        *best = tally;
        text_buffer_reset(text);
        text_buffer_append(text, mapping.bytes, mapping.size);
    }
    text_buffer_deinit(&mapping);
}

/// The presets that the first lines look like; the one that reads most of the sample, if any.
static struct init_tally *try_presets(struct proposal *proposal, init_guess *guess,
                                      struct text_buffer *text)
{
    struct init_tally *best = NULL;
    const char *tried[PRESET_LINE_COUNT];
    uint32_t tried_count = 0;
    struct text rest = proposal->sample;
    struct text line;
    for (uint32_t count = 0; count < PRESET_LINE_COUNT && init_check_line(&rest, &line); count++) {
        const char *because;
        const char *preset = guess(line, &because);
        bool known = preset == NULL || strncmp(preset, "generic", 7) == 0;
        for (uint32_t index = 0; index < tried_count; index++) {
            known = known || strcmp(tried[index], preset) == 0;
        }
        if (!known) {
            tried[tried_count++] = preset;
            try_preset(proposal, preset, because, &best, text);
        }
    }
    return best;
}

static enum corong_status no_format(const struct proposal *proposal, struct text line)
{
    bool list = line.size > 0 && line.bytes[0] == '[';
    return error_set(proposal->error, CORONG_INVALID,
                     list ? "'%s': a JSON list over many lines; one event a line is read: jq -c "
                            "'.[]' makes it so"
                          : "'%s' is neither JSON lines, CSV, TSV nor a log that is known (of web "
                            "servers, load balancers, S3, CloudFront, Matomo)",
                     proposal->path);
}

static enum corong_status read_sample(struct proposal *proposal)
{
    struct text line = first_line(proposal->sample);
    proposal->format = format_of(line);
    if (proposal->format == NULL) {
        return no_format(proposal, line);
    }
    if (strcmp(proposal->format, "json") != 0) {
        return add_rows(proposal);
    }
    return add_json(proposal) ? CORONG_OK : no_format(proposal, line);
}

/// The mapping of the roles, and what it makes of the sample.
static bool check_mapping(struct proposal *proposal, struct init_tally *tally, bool from_kafka)
{
    text_buffer_reset(proposal->out);
    return write_mapping(proposal) == CORONG_OK &&
           init_check(tally, proposal->sample,
                      (struct text){proposal->out->bytes, proposal->out->size}, from_kafka,
                      proposal->arena, proposal->error) == CORONG_OK;
}

/// A mapping of our own, from what the keys are called and their values look like.
static struct init_tally *try_roles(struct proposal *proposal, struct text_buffer *text)
{
    struct init_tally *tally = arena_allocate_zeroed(proposal->arena, 1, sizeof(*tally));
    struct text_buffer orders = {0};
    proposal->out = text;
    bool done = read_sample(proposal) == CORONG_OK;
    if (done) {
        init_roles_choose(proposal->paths, &proposal->roles);
        done = check_roles(proposal) == CORONG_OK && check_mapping(proposal, tally, false);
    }
    // Names of events are known even where the file does not say whose they are, and from them
    // which are orders.
    bool fed = proposal->nobody || proposal->timeless;
    if (done && fed) {
        struct init_tally *named = arena_allocate_zeroed(proposal->arena, 1, sizeof(*named));
        done = check_mapping(proposal, named, true);
        memcpy(tally->names, named->names, sizeof(tally->names));
        tally->name_count = named->name_count;
    }
    if (done && proposal->roles.price != NULL && init_funnel_orders(tally, &orders)) {
        proposal->orders = (struct text){orders.bytes, orders.size};
        struct init_tally *priced = arena_allocate_zeroed(proposal->arena, 1, sizeof(*priced));
        done = check_mapping(proposal, priced, fed);
        tally = fed ? tally : priced;
    }
    text_buffer_deinit(&orders);
    if (done && tally->outcome.events == 0 && !fed) {
        error_set(proposal->error, CORONG_INVALID,
                  "'%s': no mapping that suggests itself reads any of it (%s)", proposal->path,
                  tally->outcome.reason);
        done = false;
    }
    return done ? tally : NULL;
}

enum corong_status init_propose(const char *path, struct text sample, init_guess *guess,
                                struct arena *arena, struct text_buffer *out,
                                struct init_outcome *outcome_out, struct corong_error *error)
{
    struct text_buffer preset_text = {0};
    struct text_buffer roles_text = {0};
    struct proposal proposal = {.path = path,
                                .sample = sample,
                                .arena = arena,
                                .paths = arena_allocate_zeroed(arena, 1, sizeof(*proposal.paths)),
                                .error = error};
    proposal.paths->arena = arena;
    struct init_tally *preset = try_presets(&proposal, guess, &preset_text);
    struct init_tally *roles = NULL;
    proposal.paths->recognised = preset != NULL;
    // A known export read nearly whole is better than any guess of ours.
    bool sure = preset != NULL && preset->outcome.events * 10 >=
                                      (preset->outcome.events + preset->outcome.rejected) * 9;
    if (!sure) {
        roles = try_roles(&proposal, &roles_text);
        sure = preset != NULL &&
               (roles == NULL || preset->outcome.events * 2 >= roles->outcome.events);
    }
    struct init_tally *chosen = sure ? preset : roles;
    if (chosen != NULL) {
        struct text_buffer *text = sure ? &preset_text : &roles_text;
        write_file(&proposal, chosen, (struct text){text->bytes, text->size}, out);
        *outcome_out = chosen->outcome;
    }
    text_buffer_deinit(&preset_text);
    text_buffer_deinit(&roles_text);
    return chosen == NULL ? error->status : CORONG_OK;
}
