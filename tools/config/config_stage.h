// SPDX-License-Identifier: Apache-2.0
/// Stages and funnels of a configuration. Private to tools/config. Thread: main.
#pragma once

#include "tools/config/config.h"
#include "tools/config/yaml_walk.h"

/// The stages that are there unless redefined: visit, click, order.
void config_stage_pack(struct config *config, struct arena *arena);
/// Reads `stages:` over those already there; a stage of the same name is replaced.
CORONG_MUST_CHECK enum corong_status config_stage_load(struct config *config, struct arena *arena,
                                                       const struct yaml_place *place);
/// The keys `priority` and `group` of a stage, where they are there.
CORONG_MUST_CHECK enum corong_status config_stage_label(struct stage *stage, struct arena *arena,
                                                        const struct yaml_place *place);
/// "(left) and (right)", or the one that is not missing. Memory: `arena`.
struct text config_stage_both(struct arena *arena, struct text left, struct text right);
