# A question asked anew at an interval sees what came meanwhile, says the same while nothing comes, and ends by a signal.
corong replay --quiet "$DATA/shop.jsonl" >/dev/null 2>&1
corong funnel --step visit --step order --every 100ms --format json > answers &
asker=$!
seen() { grep -o '"result_digest": "[0-9a-f]*"' answers | "$@" | wc -l; }
until [ "$(seen cat)" -ge 3 ]; do sleep 0.05; done
echo "three answers, $(seen sort -u) digest"
sed 's/"u1"/"u9"/' "$DATA/shop.jsonl" > more.jsonl
corong replay --quiet more.jsonl >/dev/null 2>&1
until [ "$(seen sort -u)" -ge 2 ]; do sleep 0.05; done
kill $asker
wait $asker 2>/dev/null
echo "then $(seen sort -u)"
corong funnel --step visit --every 1s --again 2 2>&1
corong stages --every 1ms 2>&1
true
