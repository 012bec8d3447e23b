# Order of files, number of threads and shards, merging or not: the same answer, byte for byte.
split -l 4 "$DATA/shop.jsonl" part.
tac "$DATA/shop.jsonl" > reversed.jsonl
corong replay --quiet --store a "$DATA/shop.jsonl" >/dev/null
corong replay --quiet --store b --mapping generic --shards 3 --parallel 2 --no-compact part.* >/dev/null
corong replay --quiet --store c --mapping generic --shards 1 reversed.jsonl >/dev/null
gzip -c "$DATA/shop.jsonl" > shop.jsonl.gz
corong replay --quiet --store d --no-compact shop.jsonl.gz >/dev/null
for store in a b c d; do
    corong funnel --store $store --by country --format json | grep -v store_sequence | grep -v source_count > $store.json
    corong stages --store $store --format json | grep -v store_sequence | grep -v source_count > $store.stages
    corong sessions --store $store --by country --format json | grep -v store_sequence | grep -v source_count > $store.sessions
    cmp a.json $store.json && cmp a.stages $store.stages && cmp a.sessions $store.sessions && echo "$store: the same"
done
corong compact --store b >/dev/null && corong funnel --store b --by country --format json | grep -v store_sequence | grep -v source_count | cmp - a.json && echo "b: the same after compact"
