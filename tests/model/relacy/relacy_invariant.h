// SPDX-License-Identifier: Apache-2.0
#pragma once

#define ASSERT(condition) RL_ASSERT(condition)
#define DCHECK(condition) RL_ASSERT(condition)
