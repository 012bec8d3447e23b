// SPDX-License-Identifier: Apache-2.0
/// Recursive descent over the tokens; emits the postfix program. Private to engine/filter.
#pragma once

#include "engine/filter/filter_bind.h"

/// Parses all tokens of `compiler`. The filter's arrays have room for two instructions and one leaf
/// per token.
CORONG_MUST_CHECK enum corong_status filter_parse(struct filter_compiler *compiler);
