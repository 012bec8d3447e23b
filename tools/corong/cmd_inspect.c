// SPDX-License-Identifier: Apache-2.0
#include "engine/query/identity/identity.h"
#include "tools/corong/console.h"
#include "tools/corong/question.h"
#include "tools/corong/settings.h"

enum exit_code cmd_inspect(const struct options *options)
{
    struct config config;
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    struct report_style style = console_style(options, stdout);
    if (settings_load(options, &config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (style.format == REPORT_CSV) {
        console_complain("inspect: --format: csv is not available here; table or json is");
        return EXIT_MISUSED;
    }
    if (question_open(&config, true, &snapshot, &error) != CORONG_OK) {
        console_fail(&error);
        return EXIT_FAILED;
    }
    struct identity_counts identity;
    if (identity_count(snapshot, &identity, &error) != CORONG_OK) {
        store_snapshot_close(snapshot);
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    report_store(settings_store(&config), snapshot, &identity,
                 options_given(options, OPTION_COLUMNS), &style, &out);
    store_snapshot_close(snapshot);
    return console_write(stdout, &out);
}
