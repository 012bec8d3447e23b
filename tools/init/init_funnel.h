// SPDX-License-Identifier: Apache-2.0
/// Stages and a funnel from the names of events. Private to tools/init. Thread: main.
#pragma once

#include "tools/init/init_check.h"

/// Appends the names of orders as a flow list; false where there are none.
bool init_funnel_orders(const struct init_tally *tally, struct text_buffer *out);
/// Appends `stages:` and `funnels:` where at least two stages of a journey are among the names;
/// else a comment that lists the names.
void init_funnel_write(const struct init_tally *tally, struct text_buffer *out);
