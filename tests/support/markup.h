// SPDX-License-Identifier: Apache-2.0
/// Whether HTML or SVG that we wrote holds together. For tests.
#pragma once

/// NULL where every element opens and closes in order and all quotes of attributes are closed; else
/// what is wrong, in static storage.
const char *markup_fault(const char *markup);
