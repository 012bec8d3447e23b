# Results go to standard output and nothing else does; a full disk is a failure that is reported.
# exit: 1
corong replay "$DATA/shop.jsonl" 2>err >out
grep -c 'the books balance' out
grep -c 'corong:' out
corong funnel --step visit --step click 2>err | head -n 1
corong funnel --step visit --step click >/dev/full
