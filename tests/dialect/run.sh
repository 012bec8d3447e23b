#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Corong beside Doris' and StarRocks' sources, and beside ClickHouse itself: 100,000 random users per run.
# CORONG_TEST_SCALE multiplies them, SEED changes them.
set -eu
bin=$1
cd "$(dirname "$0")/../.."
python3 tests/dialect/engines_fuzz.py "$bin" --users $((20000 * ${CORONG_TEST_SCALE:-1})) --seed "${SEED:-1}"
if ! bench/rivals/install; then
    echo "SKIP dialect: chdb cannot be installed here"
    [ "${CI:-}" != true ]
    exit
fi
exec build/rivals/bin/python tests/dialect/chdb_fuzz.py "$bin" --users $((100000 * ${CORONG_TEST_SCALE:-1})) \
    --seed "${SEED:-1}"
