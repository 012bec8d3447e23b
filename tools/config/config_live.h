// SPDX-License-Identifier: Apache-2.0
/// What a server's live funnels count. Private to tools/config. Thread: main.
#pragma once

#include "tools/config/config.h"
#include "tools/config/yaml_walk.h"

/// The value of `live:`, a word or a mapping; node NULL where it is absent.
CORONG_MUST_CHECK enum corong_status config_live_load(struct config *config, struct arena *arena,
                                                      const struct yaml_place *place);
