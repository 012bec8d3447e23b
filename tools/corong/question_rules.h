// SPDX-License-Identifier: Apache-2.0
/// The rules of a funnel as flags: --order, --unit, --optional, --max-gap, --exclude and so on.
/// Steps are named by number or by name. Thread: main.
#pragma once

#include "tools/config/config.h"
#include "tools/corong/options.h"

/// Changes the rules of a funnel, whose steps are known, as the flags say. Memory: options->arena.
CORONG_MUST_CHECK enum corong_status question_rules(const struct options *options,
                                                    const struct config *config,
                                                    struct funnel *funnel,
                                                    struct corong_error *error);
