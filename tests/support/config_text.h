// SPDX-License-Identifier: Apache-2.0
/// Configurations of tests: YAML text by way of a temporary file.
#pragma once

#include "tools/config/config.h"

/// Defaults, then the text.
enum corong_status config_text_load(struct config *config, struct arena *arena, const char *yaml,
                                    struct corong_error *error);
/// Writes a temporary file; `path_out` has room for 64 bytes.
void config_text_write(const char *yaml, char *path_out);
void config_text_remove(const char *path);
