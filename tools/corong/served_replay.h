// SPDX-License-Identifier: Apache-2.0
/// A replay into a store that `corong serve` holds: the server reads, this side shows. Thread:
/// main.
#pragma once

#include "storage/base/error.h"
#include "tools/config/config.h"
#include "tools/corong/verbs.h"

/// `busy` says who holds the store: printed where it is no server.
enum exit_code served_replay(const struct options *options, const struct config *config,
                             const struct corong_error *busy);
