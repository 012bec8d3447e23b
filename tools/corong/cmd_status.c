// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/settings.h"
#include "tools/serve/serve.h"

static enum exit_code print(const struct options *options, struct text_buffer *json)
{
    struct corong_error error = {0};
    struct report_style style = console_style(options, stdout);
    if (style.format == REPORT_JSON) {
        return console_write(stdout, json);
    }
    struct text_buffer table = {0};
    enum corong_status status =
        client_status_table((struct text){json->bytes, json->size}, &style, &table, &error);
    text_buffer_deinit(json);
    if (status != CORONG_OK) {
        text_buffer_deinit(&table);
        return console_fail(&error);
    }
    return console_write(stdout, &table);
}

enum exit_code cmd_status(const struct options *options)
{
    struct config config;
    struct corong_error error = {0};
    struct client *client;
    struct text_buffer json = {0};
    if (settings_load(options, &config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (client_open(&client, settings_store(&config), &error) != CORONG_OK) {
        return console_fail(&error);
    }
    enum corong_status status = client_status(client, &json, &error);
    client_close(client);
    if (status != CORONG_OK) {
        text_buffer_deinit(&json);
        console_fail(&error);
        return EXIT_FAILED;
    }
    return print(options, &json);
}
