// SPDX-License-Identifier: Apache-2.0
/// The cuts of a pump that its source has not been told of: kept from a barrier until the commit
/// that makes them durable. Thread: the pump's.
#pragma once

#include "ingest/pump.h"

/// Keeps what moved, for the source's committed(). Names are the source's.
void pump_cuts_keep(struct pump *pump, uint64_t epoch);
/// Tells the source of those that are durable by now.
void pump_cuts_tell(struct pump *pump);
void pump_cuts_forget(struct pump *pump);
