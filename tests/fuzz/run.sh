#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target for CORONG_FUZZ_SECONDS (default 5) from its seeds; tools/torture runs them longer.
set -eu
bin=$(realpath "$1")
seconds=${CORONG_FUZZ_SECONDS:-5}
cd "$(dirname "$0")"
work=$(mktemp -d)
count=0
for target in "$bin"/*_fuzz; do
    name=$(basename "$target")
    mkdir -p "$work/$name"
    seeds=""
    [ -d "corpus/$name" ] && seeds="corpus/$name"
    # shellcheck disable=SC2086
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 "$work/$name" $seeds 2>&1 | grep -E 'ERROR|SUMMARY|stat::number_of_executed|artifact' |
        sed "s/^/$name: /"
    [ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
    count=$((count + 1))
done
rm -rf "$work"
echo "fuzz: $count targets, $seconds s each, no findings"
