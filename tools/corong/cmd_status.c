// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group.h"
#include "tools/corong/console.h"
#include "tools/corong/settings.h"
#include "tools/serve/serve.h"

/// One store's status, drawn or as JSON, at the end of `out`.
static enum corong_status add_store(const char *directory, const struct report_style *style,
                                    struct text_buffer *out, struct corong_error *error)
{
    struct client *client;
    struct text_buffer json = {0};
    TRY(client_open(&client, directory, error));
    enum corong_status status = client_status(client, &json, error);
    client_close(client);
    struct text text = {json.bytes, json.size};
    if (status == CORONG_OK && style->format == REPORT_JSON) {
        text_buffer_append_text(out, text);
    } else if (status == CORONG_OK) {
        status = client_status_table(text, style, out, error);
    }
    text_buffer_deinit(&json);
    return status;
}

/// Stores without a server are left out; a group without any is an error.
static enum corong_status add_group(const char *directory, const struct report_style *style,
                                    struct text_buffer *out, struct corong_error *error)
{
    struct store_group_stores stores;
    uint32_t served = 0;
    enum corong_status status = CORONG_OK;
    bool json = style->format == REPORT_JSON;
    TRY(store_group_stores(directory, &stores, error));
    text_buffer_append_string(out, json ? "[\n" : "");
    for (uint32_t index = 0; index < stores.count && status == CORONG_OK; index++) {
        size_t size = out->size;
        text_buffer_append_string(out, json && served > 0 ? ",\n" : "");
        status = add_store(stores.directories[index], style, out, error);
        if (status == CORONG_NOT_FOUND) {
            out->size = size;
            status = CORONG_OK;
        } else {
            served++;
        }
    }
    text_buffer_append_string(out, json ? "]\n" : "");
    store_group_stores_deinit(&stores);
    return status == CORONG_OK && served == 0
               ? error_set(error, CORONG_NOT_FOUND,
                           "no server holds a store of '%s'; 'corong serve --store-group %s' "
                           "starts one",
                           directory, directory)
               : status;
}

enum exit_code cmd_status(const struct options *options)
{
    struct config config;
    struct corong_error error = {0};
    struct text_buffer out = {0};
    struct report_style style = console_style(options, stdout);
    if (style.format == REPORT_CSV) {
        console_complain("status: --format: csv is not available here; table or json is");
        return EXIT_MISUSED;
    }
    if (settings_load_store(options, &config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    const char *directory = settings_store(&config);
    enum corong_status status = store_group_is(directory)
                                    ? add_group(directory, &style, &out, &error)
                                    : add_store(directory, &style, &out, &error);
    if (status != CORONG_OK) {
        text_buffer_deinit(&out);
        console_fail(&error);
        return EXIT_FAILED;
    }
    return console_write(stdout, &out);
}
