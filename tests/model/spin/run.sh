#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Searches the models of the handoff between threads exhaustively with Spin, then breaks them on purpose: every break must
# be found. Prints the states explored.
#
#   tests/model/spin/run.sh           seconds
#   tests/model/spin/run.sh --full    larger bounds, minutes and up to 8 GB
set -u
here=$(cd "$(dirname "$0")" && pwd)
full=0
[ "${1:-}" = --full ] && full=1
jobs=${CORONG_TEST_JOBS:-$(nproc)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# search FOLDER MODEL KIND [-Dmacro...]: the words of the verifier go to FOLDER/words. KIND: safety (deadlocks, assertions)
# or drained (the LTL formula, weak fairness).
search() {
    local folder=$scratch/$1 model=$2 kind=$3 optimise=1
    [[ $1 == mutant-* ]] && optimise=0 # found within a second: compiling takes longer
    shift 3
    mkdir "$folder" && cd "$folder" || return 1
    spin -a "$@" "$here/$model.pml" >words 2>&1 || return 1
    if [ "$kind" = drained ]; then
        gcc -O2 -DNFAIR=3 -DMEMLIM=8000 -o verifier pan.c >>words 2>&1 || return 1
        ./verifier -a -f -m1000000 -w24 >>words 2>&1
    else
        gcc -O"$optimise" -DSAFETY -DNOCLAIM -DMEMLIM=8000 -o verifier pan.c >>words 2>&1 || return 1
        ./verifier -m1000000 -w22 >>words 2>&1
    fi
}
is_sound() { grep -q 'errors: 0' "$1" && ! grep -Eq 'not completed|max search depth too small|out of memory' "$1"; }

# name | model | kind | macros
sound=(
    'ring|ring|safety|'
    'ring of one|ring|safety|-DCAPACITY=1 -DMESSAGES=4'
    'ring, LTL|ring|drained|-DMESSAGES=2'
    'barrier|barrier|safety|-DMESSAGES=1'
    'barrier, waits for returns|barrier|safety|-DMESSAGES=2 -DBATCHES=1 -DEPOCHS=0'
    'barrier, producers that stop|barrier|safety|-DMESSAGES=1 -DEPOCHS=0 -DWITH_STOP'
    'barrier, LTL|barrier|drained|-DMESSAGES=1 -DEPOCHS=0'
)
sound_full=(
    'ring of 2, 6 words|ring|safety|-DMESSAGES=6'
    'ring of 4|ring|safety|-DCAPACITY=4 -DMESSAGES=5'
    'ring, 3 producers|ring|safety|-DPRODUCERS=3 -DMESSAGES=2'
    'ring, LTL, 4 words|ring|drained|-DMESSAGES=4'
    'barrier, 3 messages|barrier|safety|-DMESSAGES=3'
    'barrier, 3 messages, one batch|barrier|safety|-DMESSAGES=3 -DBATCHES=1'
    'barrier, two epochs|barrier|safety|-DMESSAGES=1 -DEPOCHS=2'
    'barrier, calls for partial batches|barrier|safety|-DMESSAGES=1 -DCALLS=1'
    'barrier, a shard fails|barrier|safety|-DMESSAGES=1 -DWITH_FAILURE'
    'barrier, producers that stop, a barrier|barrier|safety|-DMESSAGES=1 -DWITH_STOP'
    'barrier, LTL, a barrier|barrier|drained|-DMESSAGES=1'
)
mutants=(
    'sleeps without looking again|ring|safety|-DNO_RECHECK'
    'announces itself after the last look|ring|safety|-DFLAG_AFTER_RECHECK'
    'wakes before it publishes|ring|safety|-DWAKE_BEFORE_PUBLISH'
    'publishes the index before the slot|ring|safety|-DINDEX_BEFORE_SLOT'
    'offers a slot before it is read|ring|safety|-DHEAD_BEFORE_READ'
    'the kernel does not compare|ring|safety|-DSLEEP_WITHOUT_COMPARE'
    'one word more than the capacity|ring|safety|-DCAPACITY_OFF_BY_ONE'
    'barrier: sleeps without looking again|barrier|safety|-DNO_RECHECK -DMESSAGES=1'
    'barrier: announces itself after the last look|barrier|safety|-DFLAG_AFTER_RECHECK -DMESSAGES=1'
    'no marker in one ring|barrier|safety|-DMARKER_NOT_EVERYWHERE -DMESSAGES=1'
    'marker before the data|barrier|safety|-DMARKER_BEFORE_DATA -DMESSAGES=1'
    'close overtakes data|barrier|safety|-DCLOSE_OVERTAKES_DATA -DMESSAGES=1'
    'a partial batch is not handed over|barrier|safety|-DPARTIAL_BATCH_KEPT -DMESSAGES=1'
    'a producer that answered is not held|barrier|safety|-DNOT_HELD -DMESSAGES=1'
    'a shard does not wait for all markers|barrier|safety|-DNOT_ALIGNED -DMESSAGES=1'
    'opens during a barrier without a marker|barrier|safety|-DOPENS_UNMARKED -DMESSAGES=1'
    'counted as closed before the last word|barrier|safety|-DCOUNTED_BEFORE_CLOSE -DCLOSED_NOT_AWAITED -DMESSAGES=1'
    'a closed producer is not awaited|barrier|safety|-DCLOSED_NOT_AWAITED -DMESSAGES=1'
    'a view takes the rows|barrier|safety|-DVIEW_TAKES_ROWS -DMESSAGES=1'
    'a view forgets its cuts|barrier|safety|-DVIEW_FORGETS_CUTS -DMESSAGES=1'
    'a batch comes back without a wake|barrier|safety|-DRETURN_WITHOUT_WAKE -DMESSAGES=2 -DBATCHES=1'
    'an epoch begins without a wake|barrier|safety|-DEPOCH_WITHOUT_WAKE -DMESSAGES=1'
    'lanes have no room for markers|barrier|safety|-DLANE_TOO_SMALL -DMESSAGES=2'
)
[ $full = 1 ] && sound+=("${sound_full[@]}")

# one INDEX GROUP ENTRY: writes its verdict to a file.
one() {
    local index=$1 group=$2 name model kind macros verdict
    IFS='|' read -r name model kind macros <<<"$3"
    # shellcheck disable=SC2086
    search "$group-$index" "$model" "$kind" $macros
    local words=$scratch/$group-$index/words
    if [ "$group" = sound ]; then
        verdict=FAILED
        is_sound "$words" && verdict=sound
    else
        verdict='NOT CAUGHT'
        grep -q 'errors: 1' "$words" && verdict="caught: $(sed -n 's/^pan:1: //p' "$words" | cut -c1-70 | head -n 1)"
    fi
    echo "$name: $(awk '/states, stored/ { print $1 " states, " }' "$words" | head -n 1)$verdict" \
        >"$scratch/$group-$index.verdict"
    [ "$verdict" = FAILED ] && tail -n 20 "$words"
    rm -rf "${scratch:?}/$group-$index"
}

for index in "${!sound[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    one "$(printf %02d "$index")" sound "${sound[index]}" &
done
for index in "${!mutants[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    one "$(printf %02d "$index")" mutant "${mutants[index]}" &
done
wait
cat "$scratch"/sound-*.verdict "$scratch"/mutant-*.verdict
states=$(cat "$scratch"/sound-*.verdict | sed -n 's/.*: \([0-9.e+]*\) states.*/\1/p' | awk '{ sum += $1 } END { printf "%.0f", sum }')
count_sound=$(cat "$scratch"/sound-*.verdict | grep -c ': .*sound$')
caught=$(cat "$scratch"/mutant-*.verdict | grep -c ': .*caught: ')
echo "spin: $count_sound/${#sound[@]} searches sound, $states states; mutants caught $caught/${#mutants[@]}"
[ "$count_sound" -eq ${#sound[@]} ] && [ "$caught" -eq ${#mutants[@]} ]
