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
# The barrier: looks, wakes and rules that can be left out one by one.
copy engine/route/route.h 's/^    uint64_t participants;/    model_word participants;/' \
    's/^    enum route_epoch_kind kind; /    model_word kind; /'
copy engine/route/route.c 's/^\( *\)parker_wake(/\1MODEL_WAKE(/' \
    's/if (!lane_empty(&channel->back)) {/if (MODEL_KEEP("look after prepare") \&\& !lane_empty(\&channel->back)) {/' \
    's/^    route_flush(route, producer);/    if (MODEL_KEEP("data before its marker")) route_flush(route, producer);/'
copy engine/shard/shard.c '/^static void publish(/,/^}/d' 's/publish(shard, .*);/;/' \
    's/atomic_uint_least64_t/model_figure/' \
    's/^    \*shard = (struct shard){.options = \*options};/    shard->options = *options; atomic_init(\&shard->mailbox.letter, nullptr);/' \
    's/^    if (something_to_do(shard)) {/    if (MODEL_KEEP("look after prepare") \&\& something_to_do(shard)) {/' \
    's/^           (shard_marker(/           (MODEL_KEEP("hold who answered") \&\& shard_marker(/' \
    's/if (takes_part && /if (MODEL_KEEP("wait for all markers") \&\& takes_part \&\& /'
# Figures for people are no part of it.
copy engine/shard/shard_counters.h 's/atomic_u\{0,1\}int_least64_t/model_figure/'
for header in engine/live/live.h engine/shard/tail.h engine/shard/shard_view.h \
    engine/shard/sealed_chunk.h; do
    instead relacy_shard.h $header
done
# text_of FILE NAME: the function.
text_of() {
    awk -v name="$2" '$0 ~ "^[a-z].*[ *]" name "\\(" && !/;$/ { on = 1 } on { print } on && /^}/ { exit }' "$1"
}
for name in engine_producer_open engine_push engine_barrier_wanted engine_barrier engine_producer_close; do
    text_of engine/engine.c $name
done >"$scratch/gen/engine_part.inc"
text_of engine/engine_commit.c run_epoch >>"$scratch/gen/engine_part.inc"
for name in ring barrier; do
    (build $name && "$scratch/$name" >"$scratch/$name.words") &
done
good=0
wait -n || good=1
wait -n || good=1
cat "$scratch/ring.words" "$scratch/barrier.words"
grep -h '^[a-z]*: .*mutants caught' "$scratch"/*.words | tr '\n' ';'
echo
exit $good
