// SPDX-License-Identifier: Apache-2.0
/// The door of the sessionizer: where a session ends, and the table of live users.
#pragma once

#include "engine/session/session_rule.h"
#include "engine/session/session_table.h"
