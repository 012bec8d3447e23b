// SPDX-License-Identifier: Apache-2.0
/// The verbs of `corong`: one table row each. Thread: main.
#pragma once

#include "tools/corong/options.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_MISUSED = 2 };

struct verb {
    const char *name;
    const char *operands; ///< as help shows them
    uint32_t operand_count_min;
    uint32_t operand_count_max;
    bool operand_is_store; ///< its one word says what --store says
    const char *summary;
    const char *explanation; ///< a few lines
    const char *examples;    ///< a few lines
    const uint8_t *options;  ///< enum option_id, ends with OPTION_COUNT
    enum exit_code (*run)(const struct options *options);
};

/// Ends with a row of NULLs.
extern const struct verb VERBS[];
const struct verb *verbs_find(const char *name);

enum exit_code cmd_replay(const struct options *options);
enum exit_code cmd_bench(const struct options *options);
enum exit_code cmd_demo(const struct options *options);
enum exit_code cmd_produce(const struct options *options);
enum exit_code cmd_serve(const struct options *options);
enum exit_code cmd_status(const struct options *options);
enum exit_code cmd_init(const struct options *options);
enum exit_code cmd_explain(const struct options *options);
enum exit_code cmd_funnel(const struct options *options);
enum exit_code cmd_users(const struct options *options);
enum exit_code cmd_trace(const struct options *options);
enum exit_code cmd_next(const struct options *options);
enum exit_code cmd_dormant(const struct options *options);
enum exit_code cmd_repeat(const struct options *options);
enum exit_code cmd_stages(const struct options *options);
enum exit_code cmd_pattern(const struct options *options);
enum exit_code cmd_sessions(const struct options *options);
enum exit_code cmd_inspect(const struct options *options);
enum exit_code cmd_verify(const struct options *options);
enum exit_code cmd_compact(const struct options *options);
enum exit_code cmd_version(const struct options *options);
enum exit_code cmd_help(const struct options *options);

/// Parses and runs `arguments[1..]`; `arguments[0]` is the program's name.
enum exit_code verbs_run(int argument_count, char **arguments);
