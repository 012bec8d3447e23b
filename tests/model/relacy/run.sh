#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the C of the handoff inside relacy, as it is and with each memory ordering weakened and each look, wake and rule left
# out in turn.
#
#   tests/model/relacy/run.sh      CORONG_TEST_SCALE multiplies the random executions
set -u
cd "$(dirname "$0")/../../.."
here=tests/model/relacy
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# copy FILE SED...: the source with one line changed; a place that is gone is a failure.
copy() {
    local file=$1
    shift
    mkdir -p "$scratch/gen/$(dirname "$file")"
    cp "$file" "$scratch/gen/$file"
    for expression in "$@"; do
        cp "$scratch/gen/$file" "$scratch/before"
        sed -i "$expression" "$scratch/gen/$file"
        cmp -s "$scratch/gen/$file" "$scratch/before" && {
            echo "relacy: nothing to change in $file by $expression" >&2
            exit 1
        }
    done
}
# A header of ours in the place of the product's.
instead() {
    mkdir -p "$scratch/gen/$(dirname "$2")"
    cp "$here/$1" "$scratch/gen/$2"
}
build() { # build NAME
    g++ -std=gnu++20 -O1 -w -fpermissive -fno-strict-aliasing -I"$scratch/gen" -I. -o "$scratch/$1" \
        "$here/$1_relacy.cpp"
}
instead relacy_stdatomic.h stdatomic.h
instead relacy_memory.h storage/base/memory.h
instead relacy_invariant.h storage/base/invariant.h
instead relacy_batch.h engine/event/event_batch.h
# Nobody spins in a model.
copy engine/event/parker.c 's/#define SPIN_ROUNDS 100u/#define SPIN_ROUNDS 0u/' \
    's/#define YIELD_ROUNDS 8u/#define YIELD_ROUNDS 0u/'
build ring && "$scratch/ring"
