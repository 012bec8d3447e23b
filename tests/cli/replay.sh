# A log is guessed, read, counted; a second replay reads nothing twice; the store is sound.
cp "$DATA/shop.jsonl" .
corong replay shop.jsonl
corong replay --quiet shop.jsonl | head -n 4
corong verify | sed "s, in .*,," # how many segments depends on cores and on the store's secret
