#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Do the tests notice? Applies small faults to the source, one at a time, in a copy of the tree, and runs the tests
# that should see them. Prints caught k/k; a fault that nothing notices, or whose place is gone, is a failure.
#
#   tests/mutants.sh           every fault (minutes)
#   tests/mutants.sh NAME...   only these
set -u
cd "$(dirname "$0")/.."

# name | file | sed expression | test executables that must fail
mutants='
window_exclusive|engine/funnel/funnel_match.c|s/> rule->window_us/>= rule->window_us/|funnel_match_test semantics_test
session_exclusive|engine/session/session_rule.h|s/> timeout_us/>= timeout_us/|session_rule_test
query_session_exclusive|engine/query/query_session_rule.h|s/> \(rule->\)\?timeout_us/>= \1timeout_us/|query_sessions_test query_funnel_test
percentile_rank|engine/query/query_durations.c|s/count - 1/count/|query_durations_test
amount_half_up|ingest/decode/amount_parse.c|s/% 2 != 0/% 2 != 7/|amount_parse_test
'
