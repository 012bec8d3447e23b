#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy and cppcheck over the product; both must be silent.
# cppcheck does not see that TRY leaves where a called function fails, so gcc judges uninitialized values; shifts are
# UBSan's (cppcheck misses the range of an else-if); gcc shifts signed numbers arithmetically, as we rely on.
set -eu
cd "$(dirname "$0")/../.."
[ -f build/fuzz/compile_commands.json ] || cmake --preset fuzz >/dev/null
sources=$(git ls-files 'storage/*.c' 'engine/*.c' 'ingest/*.c' 'tools/*.c')
echo "$sources" | xargs -P "$(nproc)" -n 8 clang-tidy -p build/fuzz --quiet --warnings-as-errors='*' 2>/dev/null
# shellcheck disable=SC2086
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
    --suppress=missingIncludeSystem --suppress=uninitvar --suppress=internalAstError \
    --suppress=shiftTooManyBits --suppress=shiftTooManyBitsSigned -j "$(nproc)" -I . $sources
echo "lint: $(echo "$sources" | wc -l) files, no findings"
