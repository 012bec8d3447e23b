# A signal stops in order: what was read is committed, and the exit status says that it was not all.
for copy in $(seq 100); do cat "$DATA/shop.jsonl"; done >block
mkfifo pipe
while cat block && sleep 0.05; do :; done >pipe 2>writer &
corong replay --quiet --commit-interval 200ms --mapping generic - <pipe >books 2>err &
replay=$!
until ls corong.store/seg/* >seen 2>&1; do sleep 0.1; done
kill -TERM $replay
wait $replay
echo "exit $?"
grep -c 'the books balance' books
cat err
corong funnel --format csv | cut -d, -f1-4
