// SPDX-License-Identifier: Apache-2.0
/// Event content in comments of a proposal. Private to tools/init. Thread: any.
#pragma once

#include "storage/base/text.h"

#define INIT_SHOWN_SIZE_MAX 40u

/// At most so many bytes, printable ASCII and whole characters beyond it; whatever could end a line
/// or is no UTF-8 becomes '?'.
void init_show(struct text_buffer *out, struct text text);
/// The same, whole.
void init_show_all(struct text_buffer *out, struct text text);
