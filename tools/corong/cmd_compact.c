// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/compaction.h"
#include "tools/corong/console.h"
#include "tools/corong/question.h"
#include "tools/corong/settings.h"
#include "tools/serve/serve.h"

static enum exit_code compact(const struct options *options, const struct config *config,
                              struct store *store)
{
    struct corong_error error = {0};
    struct compaction_extent before = compaction_measure(store);
    if (compaction_run(store, options, config->memory_limit_bytes, true, &error) != CORONG_OK) {
        console_fail(&error);
        return EXIT_FAILED;
    }
    struct compaction_extent after = compaction_measure(store);
    struct text_buffer out = {0};
    report_count(&out, before.segment_count);
    text_buffer_append_string(&out, " segments, ");
    report_size(&out, before.size_bytes);
    text_buffer_append_string(&out, " → ");
    report_count(&out, after.segment_count);
    text_buffer_append_string(&out, after.segment_count == 1 ? " segment, " : " segments, ");
    report_size(&out, after.size_bytes);
    text_buffer_append_string(&out, "; ");
    report_count(&out, after.row_count);
    text_buffer_append_string(&out, " events");
    if (after.row_count < before.row_count) {
        text_buffer_append_string(&out, ", ");
        report_count(&out, before.row_count - after.row_count);
        text_buffer_append_string(&out, " duplicates dropped");
    }
    text_buffer_append_string(&out, "\n");
    return console_write(stdout, &out);
}

/// The holder of the store merges it, where it is a server. `busy` says who else it is.
static enum exit_code compact_served(const struct config *config, const struct corong_error *busy)
{
    struct corong_error error = {0};
    struct client *client;
    enum corong_status status = client_open(&client, settings_store(config), &error);
    if (status == CORONG_OK) {
        status = client_compact(client, &error);
        client_close(client);
    }
    if (status != CORONG_OK) {
        console_fail(status == CORONG_NOT_FOUND ? busy : &error);
        return EXIT_FAILED;
    }
    console_note("a server holds '%s' and merges it in the background; 'corong status' shows how "
                 "far it is",
                 settings_store(config));
    return EXIT_DONE;
}

enum exit_code cmd_compact(const struct options *options)
{
    struct config config;
    struct corong_error error = {0};
    struct store *store;
    struct store_options store_options = {0};
    if (settings_load(options, &config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (question_require_store(&config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    enum corong_status status = store_open(&store, settings_store(&config), &store_options, &error);
    if (status == CORONG_BUSY) {
        return compact_served(&config, &error);
    }
    if (status != CORONG_OK) {
        console_fail(&error);
        return EXIT_FAILED;
    }
    enum exit_code code = compact(options, &config, store);
    store_close(store);
    return code;
}
