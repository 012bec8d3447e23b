// SPDX-License-Identifier: Apache-2.0
/// Reads `funnels:`. Private to tools/config. Thread: main.
#pragma once

#include "tools/config/config.h"
#include "tools/config/yaml_walk.h"

/// Stages must have been read before.
CORONG_MUST_CHECK enum corong_status config_funnel_load(struct config *config, struct arena *arena,
                                                        const struct yaml_place *place);
