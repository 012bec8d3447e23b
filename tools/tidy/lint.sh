#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy and cppcheck over the product; both must be silent.
set -eu
cd "$(dirname "$0")/../.."
[ -f build/fuzz/compile_commands.json ] || cmake --preset fuzz >/dev/null
sources=$(git ls-files 'storage/*.c' 'engine/*.c' 'ingest/*.c' 'tools/*.c')
echo "$sources" | xargs -P "$(nproc)" -n 8 clang-tidy -p build/fuzz --quiet --warnings-as-errors='*' 2>/dev/null
# shellcheck disable=SC2086
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
    --suppress=missingIncludeSystem -j "$(nproc)" -I . $sources
echo "lint: $(echo "$sources" | wc -l) files, no findings"
