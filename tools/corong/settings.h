// SPDX-License-Identifier: Apache-2.0
/// The configuration as flags, file and defaults together make it. Thread: main.
#pragma once

#include "tools/config/config.h"
#include "tools/corong/verbs.h"

/// Defaults, then --config or ./corong.yaml (which is said on standard error), then flags. Always
/// sets `store`.
CORONG_MUST_CHECK enum corong_status
settings_load(const struct options *options, struct config *config, struct corong_error *error);
/// Only which store is meant: where flags name it no file is read, so that a broken one hides no
/// server.
CORONG_MUST_CHECK enum corong_status settings_load_store(const struct options *options,
                                                         struct config *config,
                                                         struct corong_error *error);
/// A preset's name, or a file. NULL-safe callers: `word` must not be missing.
CORONG_MUST_CHECK enum corong_status settings_mapping(struct config *config, struct arena *arena,
                                                      struct text word, struct corong_error *error);
/// Prints every setting with its origin.
enum exit_code settings_print(const struct config *config);
/// The store's directory, NUL-terminated.
const char *settings_store(const struct config *config);
