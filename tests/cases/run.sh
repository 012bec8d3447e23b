#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Test vectors: ours and those of ClickHouse whose modes are strict_once, with or without strict_increase.
# Random histories by the rules of PostHog and Pinot. Statistics and calendar
# buckets against plain ones. Then what SEMANTICS.md claims, through the whole product.
folder=$(dirname "$0")
python3 "$folder/run.py" "$1" && python3 "$folder/peers_fuzz.py" "$1" && python3 "$folder/statistics_check.py" "$1" &&
    exec python3 "$folder/claims.py" "$1"
